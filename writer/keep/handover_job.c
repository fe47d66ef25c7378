/* handover_job.c - see handover_job.h. */
#include "writer/keep/handover_job.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/deletion.h"
#include "writer/segment/archives.h"
#include "writer/segment/segment_list.h"

#define REASON "handed to archive_command"

/* The segment's record from the manifest, or else from its file. */
static int find_record(struct handover_job *h, struct manifest_record *record) {
    struct manifest *manifest = h->manifest;
    const int error = manifest_find(manifest, h->name.stream, h->name.sequence, record);
    if (error != ERR_NOT_FOUND && error != ERR_INVALID) return error;
    return manifest_describe(h->files, h->path, record);
}

/* Appends no line if the segment was deleted meanwhile.  If its deletion is announced, that event
 * is kept. */
static int record_taken(struct handover_job *h) {
    struct manifest_record record;
    int error = find_record(h, &record);
    if (!error) error = manifest_lock(h->manifest);
    if (error) return error;
    const enum manifest_event event =
        manifest_state_locked(h->manifest, h->name.stream, h->name.sequence);
    if (event == MANIFEST_DELETING)
        error = manifest_find_locked(h->manifest, h->name.stream, h->name.sequence, &record);
    else
        record.event = MANIFEST_HANDED;
    if (event != MANIFEST_DELETING) record.reason[0] = '\0';
    record.time_ns = record.handed_ns = h->wall_ns;
    if (!error && event != MANIFEST_DELETED) error = manifest_append_locked(h->manifest, &record);
    manifest_unlock(h->manifest);
    return error;
}

static int delete_it(struct handover_job *h) {
    const struct deletion deletion = {
        .files = h->files, .manifest = h->manifest, .reason = REASON, .now_ns = h->wall_ns};
    struct manifest_record record;
    char folder[PATH_BYTES_MAX];
    bool open = false;
    const bool here = h->command->archive[0] == '\0';
    const size_t size = (size_t)(path_name(h->path) - h->path);
    memcpy(folder, h->path, size);
    folder[size > 1 ? size - 1 : size] = '\0';
    int error = find_record(h, &record);
    if (!error) error = deletion_announce(&deletion, here ? h->path : NULL, &record);
    if (!error) error = deletion_remove(&deletion, &h->name, folder, h->path, here, &open);
    if (!error && !open) error = deletion_record(&deletion, &h->name);
    if (!error) say_info("%s: deleted: " REASON, h->path);
    return error;
}

int64_t handover_record_run(struct lane_job *lane) {
    struct handover_job *h = (struct handover_job *)lane;
    const int error = record_taken(h);
    return error == ERR_NOT_FOUND ? 0 : error; /* deleted meanwhile, without a line about it */
}

/* The folder of the segments; ERR_NOT_FOUND: it does not exist yet. */
static int find_folder(struct handover_job *h, char folder[PATH_BYTES_MAX]) {
    const char *archive = h->command->archive, *stream = h->stream;
    const char *root = archive[0] != '\0' ? archive : h->directory;
    if (!path_join(folder, root, stream, NULL)) return ERR_NAME_TOO_LONG;
    if (archive[0] == '\0') return 0;
    struct archives *archives = malloc(sizeof *archives);
    if (archives == NULL) return ERR_NO_MEMORY;
    struct files *files = h->files;
    int error = archives_read(files, h->directory, archives);
    if (!error) error = archives_check(files, archives, archive);
    free(archives);
    /* The mover reports an archive that is unavailable or belongs to another log directory. */
    return error == ERR_EXISTS ? ERR_NOT_FOUND : error;
}

/* 1: this segment has to be handed over or deleted. */
static int look_at(struct handover_job *h, const struct segment_file *file, bool *handed) {
    const struct segment_name *name = &file->name;
    const struct manifest *manifest = h->manifest;
    if (name->part || strcmp(name->stream, h->stream) != 0) return 0;
    if (h->command->archive[0] == '\0' && !sequences_have(h->ready, name->sequence)) return 0;
    *handed = manifest_handed(manifest, name->stream, name->sequence);
    if (*handed && !h->command->deletes) return 0;
    const enum manifest_event event = manifest_state(manifest, name->stream, name->sequence, NULL);
    if (event == MANIFEST_DELETED) return 0; /* restored by an operator: left alone */
    /* Not completely moved yet. */
    if (h->command->archive[0] != '\0' && event < MANIFEST_MOVED) return 0;
    h->name = *name;
    strcpy(h->path, file->path);
    return 1;
}

static int start_command(struct handover_job *h) {
    return handover_command_start(h->command, h->processes, &h->name, h->path, &h->lane.stop,
                                  &h->process);
}

static int do_next(struct handover_job *h, const struct segment_list *list) {
    enum handover_found found = HANDOVER_FOUND_NOTHING;
    for (uint32_t i = 0; i < list->count; i++) {
        bool handed = false;
        if (strlen(list->files[i].path) >= PATH_BYTES_MAX) continue;
        if (!look_at(h, &list->files[i], &handed)) continue;
        int error = handed ? delete_it(h) : start_command(h);
        if (handed && error == ERR_BUSY) {
            found = HANDOVER_FOUND_HELD;
            continue;
        }
        if (!error) return handed ? HANDOVER_FOUND_DELETED : HANDOVER_FOUND_STARTED;
        h->could_not_start = !handed;
        return error;
    }
    return found;
}

int64_t handover_look_run(struct lane_job *lane) {
    struct handover_job *h = (struct handover_job *)lane;
    struct segment_list list = {0};
    char folder[PATH_BYTES_MAX] = "";
    int result = find_folder(h, folder);
    lane_progress_made(lane->progress);
    if (!result) result = segment_list_add(h->files, folder, &list);
    lane_progress_made(lane->progress);
    const int unread = result ? 0 : manifest_ready(h->manifest);
    if (result) strcpy(h->path, folder);
    if (unread && !path_join(h->path, h->directory, "state", MANIFEST_FILE)) h->path[0] = '\0';
    if (unread)
        result = unread;
    else if (!result)
        result = do_next(h, &list);
    else if (result == ERR_NOT_FOUND)
        result = HANDOVER_FOUND_NOTHING;
    segment_list_free(&list);
    return result;
}
