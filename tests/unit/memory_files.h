/* memory_files.h - files in memory, for tests of code that reads segments or rewrites what it
 * reads.  A hook runs before each call, in which a test can play the daemon: write, rename, remove.
 * Open files stay readable, as on disk. */
#ifndef TESTS_UNIT_MEMORY_FILES_H
#define TESTS_UNIT_MEMORY_FILES_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/files.h"

#define MEMORY_FILES_MAX 512
#define MEMORY_PATH_MAX  160

struct memory_file {
    char path[MEMORY_PATH_MAX]; /* "": removed */
    bool directory;
    uint8_t *bytes;
    size_t size;
};

struct memory_files {
    struct files files; /* first: a struct files * points to the struct memory_files too */
    struct memory_file file[MEMORY_FILES_MAX];
    uint32_t count;
    void (*before)(void *context); /* NULL: no hook */
    void *context;
};

static inline struct memory_files *memory_before(struct files *files) {
    struct memory_files *m = (struct memory_files *)files;
    if (m->before != NULL) m->before(m->context);
    return m;
}

static inline struct memory_file *memory_find(struct memory_files *m, const char *path) {
    for (uint32_t i = 0; i < m->count; i++)
        if (strcmp(m->file[i].path, path) == 0) return &m->file[i];
    return NULL;
}

static inline struct memory_file *memory_add(struct memory_files *m, const char *path,
                                             bool directory) {
    assert(m->count < MEMORY_FILES_MAX && strlen(path) < MEMORY_PATH_MAX);
    struct memory_file *file = &m->file[m->count++];
    memset(file, 0, sizeof *file);
    strcpy(file->path, path);
    file->directory = directory;
    return file;
}

static inline void memory_write(struct memory_file *file, const void *bytes, size_t size,
                                size_t offset) {
    if (offset + size > file->size) {
        file->bytes = realloc(file->bytes, offset + size);
        assert(file->bytes != NULL);
        file->size = offset + size;
    }
    if (size > 0) memcpy(file->bytes + offset, bytes, size);
}

static int memory_open(struct files *files, const char *path, enum file_access access,
                       struct file *file) {
    struct memory_file *found = memory_find(memory_before(files), path);
    if (access == FILE_WRITE_NEW) {
        if (found != NULL) return ERR_EXISTS;
        found = memory_add((struct memory_files *)files, path, false);
    }
    if (access == FILE_WRITE_SECRET) return ERR_UNSUPPORTED;
    if (found == NULL) return ERR_NOT_FOUND;
    if (found->directory) return ERR_IS_DIRECTORY;
    file->handle = found - ((struct memory_files *)files)->file;
    return 0;
}

static void memory_close(struct file *file) {
    (void)file;
}

static int64_t memory_read_at(struct file *file, void *bytes, size_t size, uint64_t offset) {
    const struct memory_file *f = &memory_before(file->files)->file[file->handle];
    if (offset >= f->size) return 0;
    if (size > f->size - offset) size = (size_t)(f->size - offset);
    memcpy(bytes, f->bytes + offset, size);
    return (int64_t)size;
}

static int memory_status(struct file *file, struct file_status *status) {
    const struct memory_file *f = &memory_before(file->files)->file[file->handle];
    *status = (struct file_status){.size = f->size, .id = (uint64_t)file->handle + 1};
    return 0;
}

static int memory_status_of(struct files *files, const char *path, struct file_status *status) {
    struct memory_files *m = memory_before(files);
    const struct memory_file *found = memory_find(m, path);
    if (found == NULL) return ERR_NOT_FOUND;
    *status = (struct file_status){
        .size = found->size, .id = (uint64_t)(found - m->file) + 1, .directory = found->directory};
    return 0;
}

static int memory_list(struct files *files, const char *path, file_visit *visit, void *context) {
    struct memory_files *m = memory_before(files);
    const size_t size = strlen(path);
    if (memory_find(m, path) == NULL) return ERR_NOT_FOUND;
    for (uint32_t i = 0; i < m->count; i++) {
        char name[MEMORY_PATH_MAX]; /* a copy: the visitor may change the entry */
        const bool below =
            strncmp(m->file[i].path, path, size) == 0 && m->file[i].path[size] == '/';
        if (!below || strchr(m->file[i].path + size + 1, '/') != NULL) continue;
        strcpy(name, m->file[i].path + size + 1);
        if (!visit(context, name, m->file[i].directory)) break;
    }
    return 0;
}

static int memory_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    struct memory_file *f = &memory_before(file->files)->file[file->handle];
    memory_write(f, bytes, size, (size_t)offset);
    return 0;
}

static int memory_truncate(struct file *file, uint64_t size) {
    struct memory_file *f = &memory_before(file->files)->file[file->handle];
    assert(size <= f->size);
    f->size = (size_t)size;
    return 0;
}

static int memory_sync(struct file *file) {
    (void)file;
    return 0;
}

static int memory_rename(struct files *files, const char *from, const char *to) {
    struct memory_files *m = memory_before(files);
    struct memory_file *found = memory_find(m, from), *replaced = memory_find(m, to);
    if (found == NULL) return ERR_NOT_FOUND;
    assert(strlen(to) < MEMORY_PATH_MAX);
    if (replaced != NULL) replaced->path[0] = '\0';
    strcpy(found->path, to);
    return 0;
}

static int memory_remove(struct files *files, const char *path) {
    struct memory_file *found = memory_find(memory_before(files), path);
    if (found == NULL) return ERR_NOT_FOUND;
    found->path[0] = '\0';
    return 0;
}

static int memory_make_directory(struct files *files, const char *path) {
    struct memory_files *m = memory_before(files);
    if (memory_find(m, path) != NULL) return ERR_EXISTS;
    memory_add(m, path, true);
    return 0;
}

static int memory_sync_directory(struct files *files, const char *path) {
    return memory_find(memory_before(files), path) != NULL ? 0 : ERR_NOT_FOUND;
}

/* One process has them: a lock is never held by another. */
static int memory_lock(struct files *files, const char *path, struct file *file) {
    const bool there = memory_find(memory_before(files), path) != NULL;
    return memory_open(files, path, there ? FILE_WRITE : FILE_WRITE_NEW, file);
}

static inline void memory_files_open(struct memory_files *m) {
    memset(m, 0, sizeof *m);
    m->files.open = memory_open;
    m->files.close = memory_close;
    m->files.read_at = memory_read_at;
    m->files.status = memory_status;
    m->files.status_of = memory_status_of;
    m->files.list = memory_list;
    m->files.write_at = memory_write_at;
    m->files.truncate = memory_truncate;
    m->files.sync = memory_sync;
    m->files.rename = memory_rename;
    m->files.lock = memory_lock;
    m->files.remove = memory_remove;
    m->files.make_directory = memory_make_directory;
    m->files.sync_directory = memory_sync_directory;
}

static inline void memory_files_close(struct memory_files *m) {
    for (uint32_t i = 0; i < m->count; i++)
        free(m->file[i].bytes);
    m->count = 0;
}

#endif
