/* deletion.c - see deletion.h. */
#include "writer/keep/deletion.h"

#include <string.h>

#include "port/error.h"

/* With the lock held.  The record may be out of date: its segment may have moved since. */
static int announce(const struct deletion *deletion, const char *path_here,
                    struct manifest_record *record) {
    struct manifest *manifest = deletion->manifest;
    struct file_status status;
    struct manifest_record now;
    int error = manifest_find_locked(manifest, record->name.stream, record->name.sequence, &now);
    if (!error) *record = now;
    if (error && error != ERR_NOT_FOUND && error != ERR_INVALID) return error;
    error = path_here != NULL && record->folder[0] != '\0'
                ? file_status_of(deletion->files, path_here, &status)
                : 0;
    if (error) return error;
    if (record->event == MANIFEST_DELETING && strcmp(record->reason, deletion->reason) == 0)
        return 0;
    record->event = MANIFEST_DELETING;
    record->time_ns = deletion->now_ns;
    strcpy(record->reason, deletion->reason);
    return manifest_append_locked(manifest, record);
}

int deletion_announce(const struct deletion *deletion, const char *path_here,
                      struct manifest_record *record) {
    int error = manifest_lock(deletion->manifest);
    if (error) return error;
    error = announce(deletion, path_here, record);
    manifest_unlock(deletion->manifest);
    /* An earlier process may have announced it. */
    return error ? error : manifest_make_durable(deletion->manifest);
}

/* With the lock held. */
static int remove_here(const struct deletion *deletion, const struct segment_name *name,
                       const char *path, bool *open) {
    struct manifest *manifest = deletion->manifest;
    const int error = file_remove(deletion->files, path);
    if (error && error != ERR_NOT_FOUND) return error;
    const enum manifest_event event = manifest_state_locked(manifest, name->stream, name->sequence);
    if (error && (event == MANIFEST_MOVED || event == MANIFEST_HANDED)) return ERR_NOT_FOUND;
    *open = manifest_stop_work_locked(manifest, name);
    return 0;
}

int deletion_remove(const struct deletion *deletion, const struct segment_name *name,
                    const char *folder, const char *path, bool here, bool *open) {
    *open = false;
    int error;
    if (here) {
        error = manifest_lock(deletion->manifest);
        if (error) return error;
        error = remove_here(deletion, name, path, open);
        manifest_unlock(deletion->manifest);
    } else {
        error = file_remove(deletion->files, path);
        if (error == ERR_NOT_FOUND) error = 0;
    }
    if (error) return error;
    error = directory_sync(deletion->files, folder);
    return error == ERR_NOT_FOUND ? 0 : error;
}

int deletion_record(const struct deletion *deletion, const struct segment_name *name) {
    struct manifest_record record;
    int error = manifest_lock(deletion->manifest);
    if (error) return error;
    error = manifest_find_locked(deletion->manifest, name->stream, name->sequence, &record);
    if (!error && record.event != MANIFEST_DELETED) {
        record.event = MANIFEST_DELETED;
        record.time_ns = deletion->now_ns;
        error = manifest_append_locked(deletion->manifest, &record);
    }
    manifest_unlock(deletion->manifest);
    return error;
}
