/* retention_files.c - see retention_files.h.  This file decides and deletes. */
#include "writer/keep/retention_files.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/retention_files_internal.h"

static int record_deletion(struct retention *r, int64_t now_ns);
static int decide(struct retention *r, int64_t now_ns);

int retention_open(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, const struct retention_rules *rules,
                   struct retention **retention) {
    struct retention *r = calloc(1, sizeof *r);
    if (r == NULL) return ERR_NO_MEMORY;
    r->files = files;
    assert(RETENTION_PLACES == ARCHIVES_MAX + 2);
    r->configured = *folders;
    r->manifest = manifest;
    r->rules = rules;
    r->reaches_all = true;
    r->reach.lists = r->reach.deletes = (1u << RETENTION_PLACES) - 1;
    *retention = r;
    return 0;
}

void retention_set_reach(struct retention *retention, const struct retention_reach *reach) {
    assert((reach->deletes & ~reach->lists) == 0 && (reach->lists & 1));
    retention->reach = *reach;
    retention->reaches_all = false;
}

void retention_set_away(struct retention *retention, uint32_t place, bool reported) {
    retention->away = (retention->away & ~(1u << place)) | (uint32_t)reported << place;
}

bool retention_away(const struct retention *retention, uint32_t place) {
    return retention->away >> place & 1;
}

void retention_set_reports(struct retention *retention, const struct retention_reports *reports) {
    retention->reports = *reports;
}

struct retention_reports retention_reports(const struct retention *retention) {
    return retention->reports;
}

const char *retention_failed_path(const struct retention *retention) {
    return retention->failed_path;
}

const struct archives *retention_archives(const struct retention *retention) {
    return &retention->archives;
}

static void forget(struct retention *r) {
    free(r->segments);
    free(r->streams);
    free(r->spaces);
    free(r->order);
    r->segments = NULL;
    r->streams = NULL;
    r->spaces = NULL;
    r->order = NULL;
    r->count = r->room = r->stream_count = r->stream_room = r->going = r->next = 0;
    r->space_count = r->space_room = 0;
    r->tally.segments = r->tally.bytes = r->tally.left = 0;
    r->tally.elsewhere = 0;
}

void retention_close(struct retention *retention) {
    if (retention == NULL) return;
    forget(retention);
    free(retention);
}

int64_t retention_look(struct retention *retention, int64_t now_ns) {
    struct retention *r = retention;
    r->now_ns = now_ns;
    retention_busy_with_state(r, MANIFEST_FILE);
    int error = r->manifest != NULL ? manifest_ready(r->manifest) : 0;
    if (!error) error = record_deletion(r, now_ns);
    if (r->looked && r->tally.left == 0) r->reports = (struct retention_reports){0};
    r->looked = true;
    forget(r);
    if (!error) error = retention_list(r);
    if (!error) retention_busy_with_state(r, MANIFEST_FILE);
    if (!error && !r->reaches_all) error = retention_finish_begun(r, now_ns);
    if (!error) error = decide(r, now_ns);
    if (error) forget(r);
    return error ? error : (int64_t)r->going;
}

struct retention_tally retention_tally(const struct retention *retention) {
    return retention->tally;
}

/* ---- the decision ---- */

static int decide(struct retention *r, int64_t now_ns) {
    struct retention_question question = {.segments = r->segments,
                                          .count = r->count,
                                          .all = r->rules->all,
                                          .free_min = r->rules->free_min,
                                          .spaces = r->spaces,
                                          .space_count = r->space_count,
                                          .stuck = r->reach.stuck,
                                          .now_ns = now_ns};
    if (r->count == 0) return 0;
    struct retention_limits *limits = malloc(r->stream_count * sizeof *limits);
    r->order = malloc(r->count * sizeof *r->order);
    if (limits == NULL || r->order == NULL) {
        free(limits);
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < r->stream_count; i++)
        limits[i] = r->streams[i].stream.limits;
    question.limits = limits;
    r->going = retention_decide(&question, r->order);
    free(limits);
    return 0;
}

static uint32_t first_place(const struct retention_segment *segment) {
    uint32_t place = 0;
    while (!(segment->places >> place & 1)) /* ends: it is in at least one place */
        place++;
    return place;
}

void retention_describe(const struct retention *retention, uint32_t n,
                        struct retention_going *going) {
    assert(n < retention->going);
    const struct retention_segment *segment = retention->order[n];
    const struct retention_stream *stream = &retention->streams[segment->stream].stream;
    *going = (struct retention_going){.folder = retention->folders[first_place(segment)],
                                      .stream = stream->name,
                                      .name = retention_name_of(retention, segment),
                                      .bytes = retention_bytes_of(segment),
                                      .since_ns = segment->since_ns};
    retention_reason_text(segment->reason, &stream->limits, stream->name, retention->rules,
                          going->reason);
}

/* ---- deleting ---- */

/* The segment's record from the manifest, or else from its file. */
static int find_record(struct retention *r, const struct retention_going *going, const char *path,
                       struct manifest_record *record) {
    int error = manifest_find(r->manifest, going->stream, going->name.sequence, record);
    if (error != ERR_NOT_FOUND && error != ERR_INVALID) return error;
    error = manifest_describe(r->files, path, record);
    if (error) return error;
    record->event = MANIFEST_CLOSED;
    return 0;
}

static int path_in(const struct retention *r, uint32_t place, const struct retention_going *going,
                   char *folder, char *path) {
    char name[SEGMENT_NAME_MAX];
    if (!path_join(folder, r->folders[place], going->stream, NULL) ||
        !path_join(path, folder, segment_name_format(&going->name, name), NULL))
        return ERR_NAME_TOO_LONG;
    return 0;
}

static int announce(struct retention *r, const struct retention_segment *segment,
                    const struct retention_going *going, char *path, int64_t now_ns) {
    struct manifest_record record;
    char folder[PATH_BYTES_MAX];
    const struct deletion deletion = retention_deletion(r, going->reason, now_ns);
    int error = path_in(r, first_place(segment), going, folder, path);
    if (!error) error = find_record(r, going, path, &record);
    const bool here = segment->places & 1;
    return error ? error : deletion_announce(&deletion, here ? path : NULL, &record);
}

/* May a copy be in a place that this retention does not reach? */
static bool maybe_elsewhere(struct retention *r, const struct retention_segment *segment) {
    const struct segment_name name = retention_name_of(r, segment);
    const uint32_t archives = ((1u << r->archives.count) - 1) << 1;
    if (segment->places & ~r->reach.deletes) return true;
    if (r->reaches_all || !(archives & ~r->reach.deletes)) return false;
    if (manifest_lock(r->manifest)) return true;
    const bool maybe = manifest_maybe_copied_locked(r->manifest, name.stream, name.sequence);
    manifest_unlock(r->manifest);
    return maybe;
}

/* *held: the error because of which the segment stays for now.  *open: a copy may remain, and its
 * removal and the last line are left to a job or another retention. */
static int remove_files(struct retention *r, const struct retention_segment *segment,
                        const struct retention_going *going, char *path, int *held, bool *open) {
    const struct deletion deletion = retention_deletion(r, going->reason, 0);
    char folder[PATH_BYTES_MAX];
    bool naming = false;
    *held = 0;
    *open = false;
    for (uint32_t place = 0; place < RETENTION_PLACES; place++) {
        if (!(segment->places & r->reach.deletes & 1u << place)) continue;
        int error = path_in(r, place, going, folder, path);
        if (!error)
            error = deletion_remove(&deletion, &going->name, folder, path, place == 0, &naming);
        if (error == ERR_NOT_FOUND || error == ERR_CANCELLED) return error;
        if (error) *held = error;
        if (error) return 0;
        *open = *open || naming;
    }
    if (maybe_elsewhere(r, segment)) *open = true;
    return 0;
}

/* Records the deletion of `unrecorded`. */
static int record_deletion(struct retention *r, int64_t now_ns) {
    if (r->unrecorded.stream[0] == '\0') return 0;
    const struct deletion deletion = retention_deletion(r, "", now_ns);
    const int error = deletion_record(&deletion, &r->unrecorded);
    if (!error || error == ERR_NOT_FOUND) r->unrecorded.stream[0] = '\0';
    return error;
}

static void leave(struct retention *r, const char *path, int error) {
    r->tally.left++;
    r->tally.last_error = error;
    if (retention_report_due(&r->reports.file, error, r->now_ns))
        say("%s: cannot be deleted: %s; trying again later", path, error_text(error));
}

/* A segment that is also in the log directory is deleted from there first. */
static bool in_reach(const struct retention *r, const struct retention_segment *segment) {
    if (!(segment->places & r->reach.deletes)) return false;
    return (r->reach.deletes & 1) || !(segment->places & 1);
}

int retention_step(struct retention *retention, int64_t now_ns) {
    struct retention *r = retention;
    assert(r->manifest != NULL);
    if (r->next == r->going) return 0;
    struct retention_segment *segment = r->order[r->next];
    struct retention_going going;
    char *const path = r->failed_path;
    int held = 0;
    bool open = false;
    if (!in_reach(r, segment)) {
        r->tally.elsewhere |= segment->places;
        r->next++;
        return 1;
    }
    r->now_ns = now_ns;
    retention_describe(r, r->next, &going);
    int error = announce(r, segment, &going, path, now_ns);
    if (error == ERR_BUSY) { /* reading it fails too while another program keeps it open */
        held = error;
        error = 0;
    }
    if (!error && !held) error = remove_files(r, segment, &going, path, &held, &open);
    /* It has moved; or another program deleted it, and the manifest had no line about it. */
    if (error == ERR_NOT_FOUND) {
        r->next++;
        return 1;
    }
    if (!error && held) {
        leave(r, path, held);
        r->next++;
        return 1;
    }
    if (!error && open) {
        r->tally.elsewhere |= ~r->reach.deletes;
    } else if (!error) {
        r->unrecorded = going.name;
        error = record_deletion(r, now_ns);
    }
    if (error) return error;
    say_info("%s: deleted: %s", path, going.reason);
    segment->gone = true;
    r->tally.deleted++;
    r->tally.bytes_deleted += going.bytes;
    r->next++;
    return 1;
}
