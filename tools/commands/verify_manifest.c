/* verify_manifest.c - see verify_manifest.h.  Segments are listed before the manifest is read, and
 * missing ones are looked up again in a manifest that is read afterwards, so that segments which a
 * daemon closes, moves or deletes meanwhile are not reported. */
#include "tools/commands/verify_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/config.h"
#include "port/error.h"
#include "port/system.h"
#include "schema/record/timestamp.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "writer/keep/manifest.h"
#include "writer/live/segment.h"
#include "writer/segment/archives.h"

struct manifest_totals {
    uint64_t recorded; /* in the manifest and not deleted */
    uint64_t sound, deleted, missing, changed, added, fresh, unread;
};

struct verifying {
    struct call *call;
    bool verbose;
    const char *directory;
    struct manifest *manifest;
    struct segment_list list;
    struct archives archives;
    bool away[ARCHIVES_MAX]; /* cannot be read: its contents are unknown */
    struct manifest_totals totals;
    struct progress *progress;
    uint64_t bytes_passed;
    /* Folders that segments were moved to, and the segments that were not found. */
    char **folders;
    uint32_t folder_count;
    struct segment_name *lost;
    uint32_t lost_count, lost_room;
};

static int list_all(struct verifying *v);
static void check_recorded(struct verifying *v);
static void check_lost(struct verifying *v);
static void check_listed(struct verifying *v, const struct segment_list *list, bool here);
static void check_folders(struct verifying *v);
static void print_totals(struct verifying *v);

static int verify_directory(struct verifying *v) {
    int status = list_all(v);
    if (!status) status = manifest_read(v->call->files, v->directory, &v->manifest);
    if (status == ERR_NOT_FOUND) {
        say("%s: there is no manifest (%s/state/%s); a daemon's directory has one after its first "
            "segment is closed",
            v->directory, v->directory, MANIFEST_FILE);
        return EXIT_ERROR;
    }
    if (status) {
        say("%s: %s", v->directory, error_text(status));
        return EXIT_ERROR;
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < v->list.count; i++)
        total += v->list.files[i].size;
    progress_begin(v->progress, true, total);
    check_recorded(v);
    check_listed(v, &v->list, true);
    check_folders(v);
    check_lost(v);
    progress_clear(v->progress);
    print_totals(v);
    const struct manifest_totals *t = &v->totals;
    if (t->missing + t->changed + t->added + manifest_lines_damaged(v->manifest) > 0)
        return EXIT_NEGATIVE;
    return t->unread > 0 ? EXIT_ERROR : EXIT_OK;
}

int verify_manifests(struct call *call, bool verbose) {
    int code = EXIT_OK;
    for (int i = 0; i < call->paths.path_count && !output_failed(call->out); i++) {
        struct verifying v = {.call = call,
                              .verbose = verbose,
                              .directory = call->paths.paths[i],
                              .progress = call->paths.progress};
        const int one = verify_directory(&v);
        /* Damage takes precedence over what could not be read. */
        if (code != EXIT_NEGATIVE && one != EXIT_OK) code = one;
        for (uint32_t n = 0; n < v.folder_count; n++)
            free(v.folders[n]);
        free(v.folders);
        free(v.lost);
        segment_list_free(&v.list);
        manifest_close(v.manifest);
    }
    return code;
}

/* Lists the directory's streams, including rejects. */
static int list_all(struct verifying *v) {
    char rejects[PATH_BYTES_MAX];
    struct file_status there;
    char archive[PATH_BYTES_MAX];
    int status = segment_list_add(v->call->files, v->directory, &v->list);
    if (!status) status = archives_read(v->call->files, v->directory, &v->archives);
    if (status) return status;
    (void)archives_list(v->call->files, v->directory, &v->list, archive);
    for (uint32_t i = 0; i < v->archives.count; i++) {
        const int error = archives_check(v->call->files, &v->archives, v->archives.folders[i]);
        v->away[i] = error != 0;
        if (error) say("archive %s: %s", v->archives.folders[i], archives_error_text(error));
    }
    if (!path_join(rejects, v->directory, "rejects", NULL)) return ERR_NAME_TOO_LONG;
    if (file_status_of(v->call->files, rejects, &there) == 0 && there.directory)
        status = segment_list_add(v->call->files, rejects, &v->list);
    return status;
}

/* ---- what the manifest tells of ---- */

static void begin_finding(struct verifying *v, uint64_t *count, const char *path) {
    progress_clear(v->progress);
    ++*count;
    output_format(v->call->out, "%s: ", path);
}

/* Finds the segment's file; path "" if there is none. *bytes: its size. */
static int find_file(struct verifying *v, const struct manifest_record *record, char *path,
                     uint64_t *bytes) {
    char name[SEGMENT_NAME_MAX];
    segment_name_format(&record->name, name);
    for (uint32_t place = 0; place < 2 + v->archives.count; place++) {
        struct file_status there;
        const char *root = place < 2 ? v->directory : v->archives.folders[place - 2];
        if (place == 1 && record->folder[0] == '\0') continue;
        if (!(place != 1 ? path_join(path, root, record->name.stream, name)
                         : path_join(path, record->folder, name, NULL)))
            return ERR_NAME_TOO_LONG;
        const int status = file_status_of(v->call->files, path, &there);
        if (!status) *bytes = there.size;
        if (status != ERR_NOT_FOUND) return status;
    }
    path[0] = '\0';
    return 0;
}

/* False: the file is gone: moved or deleted since it was found. */
static bool compare(struct verifying *v, const struct manifest_record *record, const char *path) {
    uint64_t lines, raw_bytes, xxh3;
    const int status = manifest_measure(v->call->files, path, &lines, &raw_bytes, &xxh3);
    if (status == ERR_NOT_FOUND) return false;
    if (status && status != ERR_INVALID) {
        progress_clear(v->progress);
        say("%s: %s", path, error_text(status));
        v->totals.unread++;
    } else if (lines != record->lines || raw_bytes != record->raw_bytes || xxh3 != record->xxh3) {
        begin_finding(v, &v->totals.changed, path);
        output_format(v->call->out,
                      "changed: %" PRIu64 " lines of %" PRIu64 " bytes, xxh3 %016" PRIx64
                      "; recorded: %" PRIu64 " lines of %" PRIu64 " bytes, xxh3 %016" PRIx64 "%s\n",
                      lines, raw_bytes, xxh3, record->lines, record->raw_bytes, record->xxh3,
                      status == ERR_INVALID ? "; it is damaged" : "");
    } else {
        v->totals.sound++;
        if (!v->verbose) return true;
        progress_clear(v->progress);
        output_format(v->call->out, "%s: unchanged, %" PRIu64 " lines\n", path, lines);
    }
    return true;
}

/* Deleted or moved since the manifest was read?  check_lost decides. */
static void add_lost(struct verifying *v, const struct segment_name *name) {
    if (v->lost_count == v->lost_room) {
        v->lost_room = v->lost_room > 0 ? 2 * v->lost_room : 16;
        v->lost = reallocate(v->lost, v->lost_room * sizeof *v->lost);
    }
    v->lost[v->lost_count++] = *name;
}

/* The archive that contains this folder; ARCHIVES_MAX: none. */
static uint32_t archive_of(const struct verifying *v, const char *folder) {
    for (uint32_t i = 0; i < v->archives.count; i++) {
        if (path_is_within(v->archives.folders[i], folder)) return i;
    }
    return ARCHIVES_MAX;
}

static void remember_folder(struct verifying *v, const char *folder) {
    if (folder[0] == '\0' || archive_of(v, folder) < ARCHIVES_MAX) return;
    for (uint32_t i = 0; i < v->folder_count; i++)
        if (strcmp(v->folders[i], folder) == 0) return;
    v->folders = reallocate(v->folders, (v->folder_count + 1) * sizeof *v->folders);
    v->folders[v->folder_count++] = copy_text(folder, strlen(folder));
}

static void check_record(struct verifying *v, const struct manifest_record *record) {
    char path[PATH_BYTES_MAX];
    uint64_t bytes = 0;
    const int status = find_file(v, record, path, &bytes);
    remember_folder(v, record->folder);
    if (record->event != MANIFEST_DELETED) v->totals.recorded++;
    if (status) {
        progress_clear(v->progress);
        say("%s: %s", path, error_text(status));
        v->totals.unread++;
    } else if (path[0] == '\0') {
        const uint32_t archive = archive_of(v, record->folder);
        if (record->event == MANIFEST_DELETED || record->event == MANIFEST_DELETING)
            v->totals.deleted++;
        else if (archive < ARCHIVES_MAX && v->away[archive])
            v->totals.unread++;
        else
            add_lost(v, &record->name);
    } else if (record->event == MANIFEST_DELETED) {
        char time[TIMESTAMP_TEXT_MAX];
        begin_finding(v, &v->totals.added, path);
        output_format(v->call->out, "added: it was deleted at %s (%s) but exists\n",
                      timestamp_format(record->time_ns, time), record->reason);
    } else {
        if (!compare(v, record, path)) add_lost(v, &record->name);
        v->bytes_passed += bytes;
        progress_step(v->progress, v->bytes_passed);
    }
}

/* Deletions whose own lines are left out. */
static void count_earlier(struct verifying *v, const char *stream) {
    struct manifest_record record;
    if (manifest_find_earlier(v->manifest, stream, &record) == 0)
        v->totals.deleted += record.segments;
}

static void check_recorded(struct verifying *v) {
    struct manifest_cursor cursor = {0};
    char stream[STREAM_NAME_MAX + 1] = "";
    while (manifest_next(v->manifest, &cursor) && !output_failed(v->call->out)) {
        struct manifest_record record;
        if (strcmp(stream, cursor.name) != 0) count_earlier(v, strcpy(stream, cursor.name));
        const int status = manifest_find(v->manifest, cursor.name, cursor.at, &record);
        if (!status) {
            check_record(v, &record);
            continue;
        }
        progress_clear(v->progress);
        say("%s/state/%s: %s %" PRIu64 ": %s", v->directory, MANIFEST_FILE, cursor.name, cursor.at,
            error_text(status));
        v->totals.unread++;
    }
}

static void check_lost(struct verifying *v) {
    struct manifest *now = NULL;
    if (v->lost_count == 0) return;
    if (manifest_read(v->call->files, v->directory, &now)) now = NULL; /* use the first one */
    for (uint32_t i = 0; i < v->lost_count; i++) {
        const struct segment_name *name = &v->lost[i];
        struct manifest *manifest = now != NULL ? now : v->manifest;
        struct manifest_record record = {.event = MANIFEST_NONE};
        char path[PATH_BYTES_MAX] = "", text[SEGMENT_NAME_MAX], time[TIMESTAMP_TEXT_MAX];
        uint64_t bytes;
        int status = manifest_find(manifest, name->stream, name->sequence, &record);
        if (!status) status = find_file(v, &record, path, &bytes);
        if (status && status != ERR_NOT_FOUND) {
            progress_clear(v->progress);
            say("%s: %s", segment_name_format(name, text), error_text(status));
            v->totals.unread++;
        } else if (status || record.event >=
                                 MANIFEST_DELETING) { /* deleted, also according to the manifest */
            v->totals.deleted++;
        } else if (path[0] != '\0') {
            if (compare(v, &record, path)) continue;
            progress_clear(v->progress);
            say("%s: %s", path, error_text(ERR_NOT_FOUND));
            v->totals.unread++;
        } else {
            begin_finding(v, &v->totals.missing, segment_name_format(name, text));
            output_format(v->call->out,
                          "missing: it was closed at %s with %" PRIu64
                          " lines, and no deletion is recorded\n",
                          timestamp_format(record.closed_ns, time), record.lines);
        }
    }
    manifest_close(now);
}

/* ---- what the manifest does not tell of ---- */

/* A daemon records a segment some seconds after it has closed it, and after a kill at its next start:
 * a segment with a sequence that was assigned, that no line mentions and that was not deleted long
 * ago, is one that will be recorded. */
static bool may_be_fresh(struct verifying *v, const struct segment_name *name) {
    char path[PATH_BYTES_MAX], file[STREAM_NAME_MAX + 16];
    uint64_t given_out = 0;
    snprintf(file, sizeof file, "%s.sequence", name->stream);
    if (!path_join(path, v->directory, "state", file)) return false;
    if (sequence_read(v->call->files, path, &given_out)) return false;
    if (manifest_state(v->manifest, name->stream, name->sequence, NULL) != MANIFEST_NONE)
        return false;
    struct manifest_record earlier; /* the deleted segments that compaction has left out */
    const int none = manifest_find_earlier(v->manifest, name->stream, &earlier);
    return name->sequence <= given_out &&
           (none == ERR_NOT_FOUND || (none == 0 && name->sequence > earlier.name.sequence));
}

/* Is the recorded segment with this sequence the same one? */
static bool is_recorded(struct verifying *v, const struct segment_name *name) {
    struct manifest_record record;
    const int status = manifest_find(v->manifest, name->stream, name->sequence, &record);
    if (status) return status != ERR_NOT_FOUND; /* a read error was reported already */
    return record.name.opened_ns == name->opened_ns;
}

/* here: the list is that of the log directory and the archives that it remembers. */
static void check_listed(struct verifying *v, const struct segment_list *list, bool here) {
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment_file *segment = &list->files[i];
        const struct segment_name *name = &segment->name;
        if (name->part || name->stream[0] == '\0') continue;
        if (strcmp(name->stream, STREAM_REJECTS) == 0)
            continue; /* rejects are not in the manifest */
        if (is_recorded(v, name)) continue;
        /* A segment is recorded before it moves. */
        if (here && segment->home == NULL && may_be_fresh(v, name)) {
            v->totals.fresh++;
            if (!v->verbose) continue;
            progress_clear(v->progress);
            output_format(v->call->out, "%s: new, not recorded yet\n", segment->path);
        } else {
            begin_finding(v, &v->totals.added, segment->path);
            output_text(v->call->out, "added: not in the manifest\n");
        }
    }
}

static void check_folders(struct verifying *v) {
    for (uint32_t i = 0; i < v->folder_count; i++) {
        struct segment_list list = {0};
        const int status = segment_list_add(v->call->files, v->folders[i], &list);
        if (status &&
            status != ERR_NOT_FOUND) { /* segments in a missing folder are reported as missing */
            progress_clear(v->progress);
            say("%s: %s", v->folders[i], error_text(status));
            v->totals.unread++;
        }
        check_listed(v, &list, false);
        segment_list_free(&list);
    }
}

static void print_totals(struct verifying *v) {
    const struct manifest_totals *t = &v->totals;
    struct output *out = v->call->out;
    output_format(out, "%" PRIu64 " recorded, %" PRIu64 " unchanged", t->recorded, t->sound);
    if (t->deleted > 0) output_format(out, ", %" PRIu64 " deleted", t->deleted);
    if (t->fresh > 0) output_format(out, ", %" PRIu64 " not recorded yet", t->fresh);
    output_format(out, ", %" PRIu64 " missing, %" PRIu64 " changed, %" PRIu64 " added\n",
                  t->missing, t->changed, t->added);
    if (manifest_lines_damaged(v->manifest) > 0)
        output_format(out, "%" PRIu64 " lines of %s/state/%s are damaged\n",
                      manifest_lines_damaged(v->manifest), v->directory, MANIFEST_FILE);
    if (t->unread > 0) output_format(out, "%" PRIu64 " could not be read\n", t->unread);
}
