/* archive_record.c - see archive_record.h. */
#include "tools/commands/archive_record.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "writer/index/index.h"
#include "writer/keep/manifest.h"
#include "writer/segment/archives.h"
#include "writer/segment/leftovers.h"

struct recording {
    struct files *files;
    const struct segment_list *list;
    char **directories; /* of each segment: its log directory; NULL: none, or recorded already */
    uint64_t *recorded;
};

/* Cuts off the last name of the path; false: there is none. */
static bool cut_name(char *path) {
    char *name = (char *)path_name(path);
    if (name == path || *name == '\0') return false;
    name[-1] = '\0';
    return true;
}

/* The log directory of a closed segment, which a daemon has locked at least once; NULL: none.
 * free() it. */
static char *directory_of(struct files *files, const struct segment_file *file) {
    char path[PATH_BYTES_MAX], lock[PATH_BYTES_MAX];
    struct file_status status;
    const struct segment_name *name = &file->name;
    if (name->part || name->stream[0] == '\0' || strcmp(name->stream, "rejects") == 0) return NULL;
    if (system_absolute_path(file->path, path, sizeof path)) return NULL;
    if (!cut_name(path) || strcmp(path_name(path), name->stream) != 0) return NULL;
    if (!cut_name(path) || !path_join(lock, path, "state", "lock")) return NULL;
    return file_status_of(files, lock, &status) == 0 ? copy_text(path, strlen(path)) : NULL;
}

static bool is_repacked(struct files *files, const char *path) {
    struct file file;
    struct segment_index index;
    if (file_open(files, path, FILE_READ, &file)) return false;
    const int error = index_load(&file, &index);
    file_close(&file);
    if (error) return false;
    const bool repacked = index.repacked;
    index_free(&index);
    return repacked;
}

static int record(struct recording *r, struct manifest *manifest, const struct segment_file *file) {
    const int64_t now_ns = system_wall_ns();
    const struct segment_name *name = &file->name;
    const enum manifest_event event = manifest_state(manifest, name->stream, name->sequence, NULL);
    if (event >= MANIFEST_ARCHIVED) return 0;
    int error = manifest_ensure(manifest, file->path, MANIFEST_CLOSED, now_ns);
    if (error) return error;
    *r->recorded += event == MANIFEST_NONE;
    if (is_repacked(r->files, file->path))
        error = manifest_ensure(manifest, file->path, MANIFEST_ARCHIVED, now_ns);
    return error;
}

/* All of the list that are in this directory. */
static bool record_all(struct recording *r, struct manifest *manifest, const char *directory) {
    bool ok = true;
    for (uint32_t i = 0; i < r->list->count; i++) {
        const struct segment_file *file = &r->list->files[i];
        if (r->directories[i] == NULL || strcmp(r->directories[i], directory) != 0) continue;
        const int error = record(r, manifest, file);
        if (!error) continue;
        say("%s: %s; not recorded in the manifest", file->path, error_text(error));
        ok = false;
    }
    return ok;
}

/* Left by a killed run that moved segments, or by a killed daemon. */
static void clear_leftovers(struct recording *r, const char *directory) {
    struct archives *archives = allocate(sizeof *archives);
    (void)leftovers_clear_state(r->files, directory);
    if (archives_read(r->files, directory, archives)) archives->count = 0;
    for (uint32_t i = 0; i < archives->count; i++)
        if (archives_check(r->files, archives, archives->folders[i]) == 0)
            (void)leftovers_clear_archive(r->files, archives->folders[i]);
    free(archives);
}

static bool record_directory(struct recording *r, const char *directory) {
    char path[PATH_BYTES_MAX];
    struct file lock;
    struct manifest *manifest;
    if (!path_join(path, directory, "state", "lock")) return false;
    int error = file_lock(r->files, path, &lock);
    if (error == ERR_LOCKED) return true; /* a daemon runs */
    if (error) {
        say("%s: %s; nothing is recorded in the manifest", path, error_text(error));
        return false;
    }
    bool ok = false;
    error = manifest_open(r->files, directory, &manifest);
    if (!error) {
        clear_leftovers(r, directory);
        ok = record_all(r, manifest, directory);
        manifest_close(manifest);
    } else {
        say("%s: opening the manifest: %s", directory, error_text(error));
    }
    file_close(&lock);
    return ok;
}

static void forget(struct recording *r, const char *directory, uint32_t from) {
    for (uint32_t i = from; i < r->list->count; i++) {
        if (r->directories[i] == NULL || strcmp(r->directories[i], directory) != 0) continue;
        free(r->directories[i]);
        r->directories[i] = NULL;
    }
}

bool archive_record(const struct call *call, const struct segment_list *list, uint64_t *recorded) {
    struct recording r = {.files = call->files,
                          .list = list,
                          .directories = allocate((list->count + 1) * sizeof(char *)),
                          .recorded = recorded};
    bool ok = true;
    for (uint32_t i = 0; i < list->count; i++)
        r.directories[i] = directory_of(call->files, &list->files[i]);
    for (uint32_t i = 0; i < list->count; i++) {
        char *directory = r.directories[i];
        if (directory == NULL) continue;
        if (!record_directory(&r, directory)) ok = false;
        forget(&r, directory, i + 1);
        free(directory);
    }
    free(r.directories);
    return ok;
}
