/* retention_finish.c - finishes deletions that were announced, but not recorded as done: those begun
 * elsewhere (in another place, while the segment moved), and those of a process that has ended. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/retention_files_internal.h"
#include "writer/segment/archives.h"

/* ---- begun elsewhere ---- */

static struct retention_segment *find_listed(const struct retention *r,
                                             const struct segment_name *name) {
    for (uint32_t i = 0; i < r->count; i++) {
        struct retention_segment *segment = &r->segments[i];
        if (segment->sequence == name->sequence && !segment->part &&
            strcmp(r->streams[segment->stream].stream.name, name->stream) == 0)
            return segment;
    }
    return NULL;
}

static bool all_archives_seen(const struct retention *r) {
    for (uint32_t i = 0; i < r->archives.count; i++)
        if (!(r->seen >> (i + 1) & 1)) return false;
    return true;
}

/* The removal of a file may not be durable: the sync after it may have failed. */
static int sync_folders(const struct retention *r, const char *stream) {
    int error = 0; /* ERR_NOT_FOUND: its folder is gone, perhaps with a volume */
    for (uint32_t place = 0; place < RETENTION_PLACES && !error; place++) {
        char folder[PATH_BYTES_MAX];
        if (r->folders[place] == NULL || !retention_lists(r, place)) continue;
        if (!path_join(folder, r->folders[place], stream, NULL)) return ERR_NAME_TOO_LONG;
        error = directory_sync(r->files, folder);
        if (error == ERR_NOT_FOUND && place > 0) error = 0; /* nothing has moved there yet */
    }
    return error;
}

/* Is what is in this folder known?  Segments move while other places are listed: of the archive that
 * a segment has moved to, only the present listing counts.  "": it has not moved. */
static bool knows_folder(const struct retention *r, const char *folder) {
    if (folder[0] == '\0') return true;
    for (uint32_t place = 1; place < RETENTION_PLACES; place++) {
        const char *root = r->folders[place];
        if (root != NULL && path_is_within(root, folder)) return r->reach.deletes >> place & 1;
    }
    return false;
}

/* Finishes a deletion whose segment is gone from the log directory, while a copy that a move made
 * may be in an archive. */
static int finish_one(struct retention *r, const struct manifest_record *record, int64_t now_ns) {
    const struct deletion deletion = retention_deletion(r, record->reason, now_ns);
    struct retention_segment *segment = find_listed(r, &record->name);
    if (segment != NULL && (segment->places & 1))
        return 0; /* not deleted yet: the rules decide again */
    if (segment == NULL) {
        const uint32_t stream = retention_stream_number(r, record->name.stream);
        if (stream < r->stream_count && r->streams[stream].unread) return 0;
        if (!all_archives_seen(r) || !knows_folder(r, record->folder)) return 0;
        if (manifest_naming(r->manifest, &record->name)) return 0; /* the move finishes it */
        const int error = sync_folders(r, record->name.stream);
        return error ? error : deletion_record(&deletion, &record->name);
    }
    if (record->folder[0] != '\0') return 0; /* it had moved: likewise */
    for (uint32_t place = 1; place < RETENTION_PLACES; place++) {
        char folder[PATH_BYTES_MAX], path[PATH_BYTES_MAX], name[SEGMENT_NAME_MAX];
        bool open;
        if (!(segment->places & r->reach.deletes & 1u << place)) continue;
        if (!path_join(folder, r->folders[place], record->name.stream, NULL) ||
            !path_join(path, folder, segment_name_format(&record->name, name), NULL))
            return ERR_NAME_TOO_LONG;
        const int error = deletion_remove(&deletion, &record->name, folder, path, false, &open);
        if (error && error != ERR_BUSY) strcpy(r->failed_path, path);
        if (error) return error == ERR_BUSY ? 0 : error;
        segment->places &= ~(1u << place);
        segment->bytes[place] = 0;
    }
    if (segment->places != 0) return 0;
    segment->gone = true;
    if (manifest_naming(r->manifest, &record->name)) return 0; /* likewise */
    return deletion_record(&deletion, &record->name);
}

/* If there are archives, only with one in reach: the log directory alone does not show where copies
 * are. */
int retention_finish_begun(struct retention *r, int64_t now_ns) {
    struct manifest_cursor cursor = {0};
    int error = 0;
    if (r->manifest == NULL || (r->archives.count > 0 && (r->reach.deletes & ~1u) == 0)) return 0;
    while (!error && manifest_next(r->manifest, &cursor)) {
        struct manifest_record record;
        if (cursor.event != MANIFEST_DELETING) continue;
        error = manifest_find(r->manifest, cursor.name, cursor.at, &record);
        if (!error) error = finish_one(r, &record, now_ns);
        if (error == ERR_INVALID || error == ERR_NOT_FOUND) error = 0;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (!r->segments[i].gone) r->segments[kept++] = r->segments[i];
    r->count = kept;
    return error;
}

/* ---- after a crash ---- */

static int is_there(struct files *files, const char *folder, const struct segment_name *name,
                    bool *there) {
    struct file_status status;
    char path[PATH_BYTES_MAX], text[SEGMENT_NAME_MAX];
    if (!path_join(path, folder, segment_name_format(name, text), NULL)) return ERR_NAME_TOO_LONG;
    const int error = file_status_of(files, path, &status);
    if (error == 0) *there = true;
    if (error) return error == ERR_NOT_FOUND || error == ERR_NOT_DIRECTORY ? 0 : error;
    return 0;
}

/* Syncs the folder if the file is missing: its removal may not be on the disk yet. */
static int look_in(struct files *files, const char *root, const struct segment_name *name,
                   bool *there) {
    char folder[PATH_BYTES_MAX];
    if (!path_join(folder, root, name->stream, NULL)) return ERR_NAME_TOO_LONG;
    int error = is_there(files, folder, name, there);
    if (!error && !*there) error = directory_sync(files, folder);
    return error == ERR_NOT_FOUND ? 0 : error;
}

/* The contents of an unavailable archive are unknown, so it counts as holding the segment. */
static int look_everywhere(struct files *files, const struct retention_folders *folders,
                           const struct archives *archives, const struct segment_name *name,
                           bool *there) {
    int error = look_in(files, folders->directory, name, there);
    if (!error && folders->archive != NULL) error = look_in(files, folders->archive, name, there);
    for (uint32_t i = 0; i < archives->count && !error && !*there; i++) {
        if (archives_check(files, archives, archives->folders[i]))
            *there = true;
        else
            error = look_in(files, archives->folders[i], name, there);
    }
    return error;
}

static int mend_one(struct files *files, const struct retention_folders *folders,
                    const struct archives *archives, struct manifest *manifest,
                    const struct manifest_cursor *at, int64_t now_ns) {
    struct manifest_record record;
    bool there = false;
    int error = manifest_find(manifest, at->name, at->at, &record);
    if (!error) error = look_everywhere(files, folders, archives, &record.name, &there);
    if (error == ERR_INVALID) return 0; /* another program changed its line: unknown */
    if (!error && record.folder[0] != '\0')
        error = is_there(files, record.folder, &record.name, &there);
    if (error || there) return error;
    record.event = MANIFEST_DELETED;
    record.time_ns = now_ns;
    error = manifest_append(manifest, &record);
    if (!error)
        say_info("%s-%010llu: was deleted before the last start: %s", at->name,
                 (unsigned long long)at->at, record.reason);
    return error;
}

int retention_mend(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, int64_t now_ns) {
    struct manifest_cursor cursor = {0};
    struct archives *archives = malloc(sizeof *archives);
    int error = archives == NULL ? ERR_NO_MEMORY : manifest_ready(manifest);
    if (!error) error = archives_read(files, folders->directory, archives);
    while (!error && manifest_next(manifest, &cursor))
        if (cursor.event == MANIFEST_DELETING)
            error = mend_one(files, folders, archives, manifest, &cursor, now_ns);
    free(archives);
    return error;
}
