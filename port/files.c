/* files.c - the calls on files that are the same on every system: they pass one operation to the
 * file system, or combine several. */
#include "port/files.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/files_internal.h"

int file_open(struct files *files, const char *path, enum file_access access, struct file *file) {
    file->files = NULL;
    file->port = NULL;
    const int error = files->open(files, path, access, file);
    file->files = error < 0 ? NULL : files;
    return error;
}

void file_close(struct file *file) {
    if (file->files == NULL) return;
    file->files->close(file);
    file->files = NULL;
}

int64_t file_read_at(struct file *file, void *bytes, size_t size, uint64_t offset) {
    return file->files->read_at(file, bytes, size, offset);
}

int64_t file_read_next(struct file *file, void *bytes, size_t size) {
    return file->files->read_next != NULL ? file->files->read_next(file, bytes, size)
                                          : ERR_UNSUPPORTED;
}

int file_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    return file->files->write_at(file, bytes, size, offset);
}

int file_truncate(struct file *file, uint64_t size) {
    return file->files->truncate(file, size);
}

int file_sync(struct file *file) {
    return file->files->sync(file);
}

int file_status(struct file *file, struct file_status *status) {
    return file->files->status(file, status);
}

void file_permissions_like(struct file *file, struct file *other) {
    if (file->files->permissions_like != NULL) file->files->permissions_like(file, other);
}

int file_status_of(struct files *files, const char *path, struct file_status *status) {
    *status = (struct file_status){0};
    return files->status_of(files, path, status);
}

int file_rename(struct files *files, const char *from, const char *to) {
    return files->rename(files, from, to);
}

int file_remove(struct files *files, const char *path) {
    return files->remove(files, path);
}

int directory_sync(struct files *files, const char *path) {
    return files->sync_directory(files, path);
}

int directory_list(struct files *files, const char *path, file_visit *visit, void *context) {
    return files->list(files, path, visit, context);
}

int file_lock(struct files *files, const char *path, struct file *file) {
    file->files = NULL;
    file->port = NULL;
    const int error = files->lock(files, path, file);
    file->files = error < 0 ? NULL : files;
    return error;
}

int free_space(struct files *files, const char *path, struct volume_space *space) {
    return files->free_space(files, path, space);
}

/* ---- combined operations ---- */

/* The directory of `path`; the caller frees it. */
static char *folder_of(const char *path) {
    size_t length = (size_t)(path_name(path) - path);
    if (length == 0) return strdup(".");
    /* Without the separator, except that of a root: "/", "C:/". */
    if (length > 1 && path_separates(path[length - 1]) && path[length - 2] != ':') length--;
    char *folder = malloc(length + 1);
    if (folder == NULL) return NULL;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return folder;
}

static int directory_is_there(struct files *files, const char *path) {
    struct file_status status;
    const int error = file_status_of(files, path, &status);
    if (error < 0) return error;
    return status.directory ? 0 : ERR_NOT_DIRECTORY;
}

int directory_sync_above(struct files *files, const char *path) {
    char *folder = folder_of(path);
    if (folder == NULL) return ERR_NO_MEMORY;
    const int error = directory_sync(files, folder);
    free(folder);
    /* A directory that we may enter and change but not read cannot be synced. */
    return error == ERR_DENIED ? 0 : error;
}

int directory_sync_all_above(struct files *files, const char *path) {
    const int error = directory_sync_above(files, path);
    char *level = error == 0 ? strdup(path) : NULL;
    if (level == NULL) return error < 0 ? error : ERR_NO_MEMORY;
    for (size_t length = strlen(level); length > 1; length--) { /* ends at the root */
        const bool ends_name =
            path_separates(level[length - 1]) && !path_separates(level[length - 2]);
        if (!ends_name || level[length - 2] == ':') continue;
        level[length - 1] = '\0';
        (void)directory_sync_above(files, level);
    }
    free(level);
    return 0;
}

/* One level.  One that exists, or that another process makes meanwhile, is success. */
static int directory_make_one(struct files *files, const char *path) {
    const int error = files->make_directory(files, path);
    if (error == 0) return directory_sync_above(files, path);
    if (error == ERR_NOT_FOUND) return error;
    /* Some systems answer "denied" or "read-only" for one that exists, so its status decides. */
    const int there = directory_is_there(files, path);
    if (there == 0 || there == ERR_NOT_DIRECTORY) return there;
    /* It exists but cannot be examined: that is the cause.  Not found: a link to nothing. */
    return error == ERR_EXISTS && there != ERR_NOT_FOUND ? there : error;
}

int directory_make(struct files *files, const char *path) {
    int error = directory_make_one(files, path);
    if (error != ERR_NOT_FOUND) return error;

    char *part = strdup(path);
    if (part == NULL) return ERR_NO_MEMORY;
    int first_error = 0;
    for (char *p = part + 1; *p != '\0'; p++) { /* from the top down */
        const char separator = *p;
        if (!path_separates(separator) || path_separates(p[-1])) continue;
        *p = '\0';
        error = directory_make_one(files, part);
        if (first_error == 0) first_error = error;
        *p = separator;
    }
    free(part);
    /* The root of a share can be neither made nor examined, but the directories in it can.  So
     * only the last level decides, and the first error is the cause of its failure. */
    error = directory_make_one(files, path);
    return error == ERR_NOT_FOUND && first_error != 0 ? first_error : error;
}

/* At most `size` bytes; from a pipe, everything until its end. */
static int64_t read_whole(struct file *file, char *bytes, size_t size) {
    const int64_t got = file_read_at(file, bytes, size, 0);
    if (got != ERR_NOT_SEEKABLE) return got;
    size_t done = 0;
    while (done < size) { /* each turn reads something, or ends it */
        const int64_t more = file_read_next(file, bytes + done, size - done);
        if (more < 0) return more;
        if (more == 0) break;
        done += (size_t)more;
    }
    return (int64_t)done;
}

/* Pipes and the kernel's generated files (/proc) report a size of 0. */
static int read_sized(struct file *file, const struct file_status *status, size_t size_max,
                      char **text, size_t *size) {
    if (status->directory) return ERR_IS_DIRECTORY;
    if (status->size > size_max) return ERR_TOO_LARGE;
    const size_t room = status->size > 0 ? (size_t)status->size : size_max + 1;
    char *bytes = malloc(room + 1);
    if (bytes == NULL) return ERR_NO_MEMORY;
    /* The file may have shrunk since: the bytes read count.  Bytes added since are not read. */
    int64_t got = read_whole(file, bytes, room);
    if (got > 0 && (size_t)got > size_max) got = ERR_TOO_LARGE;
    if (got < 0) {
        free(bytes);
        return (int)got;
    }
    bytes[got] = '\0';
    *text = bytes;
    *size = (size_t)got;
    return 0;
}

static int read_all(struct files *files, const char *path, enum file_access access, size_t size_max,
                    char **text, size_t *size) {
    struct file file;
    struct file_status status;
    int error = file_open(files, path, access, &file);
    if (error < 0) return error;
    error = file_status(&file, &status);
    if (error == 0) error = read_sized(&file, &status, size_max, text, size);
    file_close(&file);
    return error;
}

int file_read_all(struct files *files, const char *path, size_t size_max, char **text,
                  size_t *size) {
    return read_all(files, path, FILE_READ, size_max, text, size);
}

int file_read_input(struct files *files, const char *path, size_t size_max, char **text,
                    size_t *size) {
    return read_all(files, path, FILE_READ_ANY, size_max, text, size);
}

static int write_new_file(struct files *files, const char *path, const void *bytes, size_t size,
                          bool secret) {
    struct file file;
    int error = secret ? 0 : file_remove(files, path); /* left over from a crash */
    if (error < 0 && error != ERR_NOT_FOUND) return error;
    error = file_open(files, path, secret ? FILE_WRITE_SECRET : FILE_WRITE_NEW, &file);
    if (error < 0) return error;
    error = file_write_at(&file, bytes, size, 0);
    if (error == 0) error = file_sync(&file);
    file_close(&file);
    return error;
}

static bool is_directory(struct files *files, const char *path) {
    struct file_status status;
    return file_status_of(files, path, &status) == 0 && status.directory;
}

int file_replace(struct files *files, const char *path, const void *bytes, size_t size,
                 bool secret) {
    const size_t length = strlen(path);
    char *temporary = malloc(length + sizeof FILE_REPLACE_OTHER);
    char *folder = folder_of(path);
    int error = temporary == NULL || folder == NULL ? ERR_NO_MEMORY : 0;
    if (error == 0) {
        memcpy(temporary, path, length);
        strcpy(temporary + length, FILE_REPLACE_NEW);
        error = write_new_file(files, temporary, bytes, size, secret);
        if (error < 0 && is_directory(files, temporary)) {
            strcpy(temporary + length, FILE_REPLACE_OTHER);
            error = write_new_file(files, temporary, bytes, size, secret);
            if (error < 0 && is_directory(files, temporary)) error = ERR_IS_DIRECTORY;
        }
        if (error == 0) error = file_rename(files, temporary, path);
        if (error == 0)
            error = directory_sync(files, folder);
        else
            file_remove(files, temporary);
    }
    free(folder);
    free(temporary);
    return error;
}

int file_write_all(file_write_some *some, struct file *file, const void *bytes, size_t size,
                   uint64_t offset) {
    const uint8_t *from = bytes;
    while (size > 0) { /* each turn writes at least one byte or ends it */
        const int64_t written = some(file, from, size, offset);
        if (written < 0) return (int)written;
        assert(written > 0 && (size_t)written <= size);
        from += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return 0;
}

bool path_join(char *path, const char *first, const char *second, const char *third) {
    const int size = third ? snprintf(path, PATH_BYTES_MAX, "%s/%s/%s", first, second, third)
                           : snprintf(path, PATH_BYTES_MAX, "%s/%s", first, second);
    return size > 0 && size < PATH_BYTES_MAX;
}
