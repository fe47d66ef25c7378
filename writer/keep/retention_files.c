/* retention_files.c - see retention_files.h. */
#include "writer/keep/retention_files.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/deletion.h"
#include "writer/segment/archives.h"

struct retention {
    struct files *files;
    struct retention_folders configured;
    struct archives archives;
    /* The places of the present look; NULL: none, or unavailable. */
    const char *folders[RETENTION_PLACES];
    uint64_t ids[RETENTION_PLACES]; /* of these folders; 0: unknown */
    uint32_t seen; /* bit p: the contents of place p are known, under that number or another */
    uint32_t away; /* bit p: archive p was unavailable, and that was reported */
    struct manifest *manifest;
    const struct retention_rules *rules;
    bool reaches_all;
    struct retention_reach reach;
    /* Results of the last look. */
    struct retention_segment *segments;
    uint32_t count, room;
    struct listed_stream {
        struct retention_stream stream; /* with its effective limits */
        bool unread;                    /* a folder of it could not be listed: it is left alone */
    } * streams;
    uint32_t stream_count, stream_room;
    struct retention_space *spaces;
    uint32_t space_count, space_room;
    struct retention_segment **order;
    uint32_t going, next;
    struct retention_tally tally;
    int reported_error; /* the last one */
    /* A deleted segment whose deletion is not in the manifest yet. */
    struct segment_name unrecorded; /* stream "": none */
};

static int find_folders(struct retention *r);
static int list_folder(struct retention *r, uint32_t place);
static int add_known(struct retention *r, uint32_t place);
static int record_deletion(struct retention *r, int64_t now_ns);
static int finish_open_deletions(struct retention *r, int64_t now_ns);
static void merge(struct retention *r);
static struct segment_name name_of(const struct retention *r,
                                   const struct retention_segment *segment);
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

const struct archives *retention_archives(const struct retention *retention) {
    return &retention->archives;
}

static bool lists(const struct retention *r, uint32_t place) {
    return r->reach.lists >> place & 1;
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
    int error = record_deletion(r, now_ns);
    forget(r);
    if (!error) error = find_folders(r);
    for (uint32_t place = 0; place < RETENTION_PLACES && !error; place++)
        if (r->folders[place] != NULL)
            error = lists(r, place) ? list_folder(r, place) : add_known(r, place);
    if (!error) merge(r);
    if (!error && !r->reaches_all) error = finish_open_deletions(r, now_ns);
    if (!error) error = decide(r, now_ns);
    if (error) forget(r);
    return error ? error : (int64_t)r->going;
}

struct retention_tally retention_tally(const struct retention *retention) {
    return retention->tally;
}

/* ---- listing ---- */

/* Compares by file id too: a directory with two names must not be counted twice. */
static bool has_folder(const struct retention *r, const char *folder, uint64_t id) {
    for (uint32_t place = 0; place < RETENTION_PLACES; place++) {
        if (r->folders[place] == NULL) continue;
        if (strcmp(r->folders[place], folder) == 0) return true;
        if (id != 0 && r->ids[place] == id) return true;
    }
    return false;
}

static void add_folder(struct retention *r, uint32_t place, const char *folder, uint64_t id) {
    r->seen |= 1u << place;
    if (has_folder(r, folder, id)) return;
    r->folders[place] = folder;
    r->ids[place] = id;
}

/* 0: unknown, or it does not exist. */
static uint64_t id_of(const struct retention *r, const char *folder) {
    struct file_status status;
    return file_status_of(r->files, folder, &status) == 0 ? status.id : 0;
}

static void look_for_archive(struct retention *r, uint32_t place) {
    const char *folder = r->archives.folders[place - 1];
    const int error = archives_check(r->files, &r->archives, folder);
    if (error && !(r->away >> place & 1))
        say("archive %s: %s; its segments are not counted by retention, and stay", folder,
            archives_error_text(error));
    if (error) r->away |= 1u << place;
    if (error) return;
    r->away &= ~(1u << place);
    add_folder(r, place, folder, id_of(r, folder));
}

static int find_folders(struct retention *r) {
    memset(r->folders, 0, sizeof r->folders);
    memset(r->ids, 0, sizeof r->ids);
    r->seen = 0;
    add_folder(r, 0, r->configured.directory, id_of(r, r->configured.directory));
    const int error = archives_read(r->files, r->configured.directory, &r->archives);
    for (uint32_t i = 0; !error && i < r->archives.count; i++) {
        if (lists(r, i + 1))
            look_for_archive(r, i + 1);
        else if (r->reach.known[i + 1] != NULL)
            add_folder(r, i + 1, r->archives.folders[i], r->reach.known[i + 1]->folder_id);
    }
    if (r->configured.archive != NULL)
        add_folder(r, RETENTION_PLACES - 1, r->configured.archive, id_of(r, r->configured.archive));
    return error;
}

struct place_listing {
    struct retention *r;
    uint32_t place, stream;
    uint64_t volume;           /* of `path`; 0: not needed */
    char path[PATH_BYTES_MAX]; /* <folder>/<stream> */
    int error;
};

/* stream_count: it is not among those that were found. */
static uint32_t number_of_listed(const struct retention *r, const char *name) {
    uint32_t number = 0;
    while (number < r->stream_count && strcmp(r->streams[number].stream.name, name) != 0)
        number++;
    return number;
}

static int number_of(struct retention *r, const char *name, uint32_t *number) {
    *number = number_of_listed(r, name);
    if (*number < r->stream_count) return 0;
    if (r->stream_count == r->stream_room) {
        const uint32_t room = r->stream_room == 0 ? 8 : r->stream_room * 2;
        struct listed_stream *more = realloc(r->streams, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        r->streams = more;
        r->stream_room = room;
    }
    struct listed_stream *added = &r->streams[r->stream_count++];
    *added = (struct listed_stream){.stream.limits = retention_limits_of(r->rules, name)};
    strcpy(added->stream.name, name);
    return 0;
}

/* Finds the volume of a folder, and adds its free space to the known ones.  *volume 0: there is no
 * rule about it, or the folder does not exist. */
static int measure(struct retention *r, const char *folder, uint64_t *volume) {
    struct volume_space found;
    *volume = 0;
    if (r->rules->free_min == 0) return 0;
    const int error = free_space(r->files, folder, &found);
    if (error) return error == ERR_NOT_FOUND ? 0 : error;
    *volume = found.volume;
    for (uint32_t i = 0; i < r->space_count; i++)
        if (r->spaces[i].volume == found.volume) return 0;
    if (r->space_count == r->space_room) {
        const uint32_t room = r->space_room == 0 ? 4 : r->space_room * 2;
        struct retention_space *more = realloc(r->spaces, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        r->spaces = more;
        r->space_room = room;
    }
    r->spaces[r->space_count++] =
        (struct retention_space){.volume = found.volume, .free = found.free};
    return 0;
}

static int add_segment(struct retention *r, uint32_t place, uint32_t stream,
                       const struct segment_name *name, uint64_t bytes, uint64_t volume,
                       int64_t modified_ns) {
    if (r->count == r->room) {
        const uint32_t room = r->room == 0 ? 64 : r->room * 2;
        struct retention_segment *more = realloc(r->segments, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        r->segments = more;
        r->room = room;
    }
    struct retention_segment *segment = &r->segments[r->count++];
    *segment = (struct retention_segment){.stream = stream,
                                          .part = name->part,
                                          .sequence = name->sequence,
                                          .opened_ns = name->opened_ns,
                                          .places = 1u << place};
    segment->bytes[place] = bytes;
    segment->volumes[place] = volume;
    segment->closed_ns = modified_ns > name->opened_ns ? modified_ns : name->opened_ns;
    int64_t closed_ns;
    if (r->manifest != NULL &&
        manifest_state(r->manifest, name->stream, name->sequence, &closed_ns) != MANIFEST_NONE &&
        closed_ns != INT64_MAX)
        segment->closed_ns = closed_ns;
    return 0;
}

static bool found_file(void *context, const char *entry, bool directory) {
    struct place_listing *l = context;
    struct segment_name name;
    struct file_status status;
    char path[PATH_BYTES_MAX];
    if (directory || !segment_name_parse(entry, &name)) return true;
    if (strcmp(name.stream, l->r->streams[l->stream].stream.name) != 0)
        return true; /* not a segment of this stream */
    int error = path_join(path, l->path, entry, NULL) ? 0 : ERR_NAME_TOO_LONG;
    if (!error) error = file_status_of(l->r->files, path, &status);
    /* Deleted or renamed meanwhile, or no file (segment_list.h). */
    if (error == ERR_NOT_FOUND || error == ERR_LINK_LOOP) return true;
    if (!error && (status.directory || status.special)) return true;
    if (!error)
        error = add_segment(l->r, l->place, l->stream, &name, status.size, l->volume,
                            status.modified_ns);
    l->error = error;
    return error == 0;
}

/* One that cannot be listed, for example because its own volume is gone, is left alone in all
 * places: a deletion elsewhere could not be recorded. */
static int leave_alone(struct place_listing *l, int error) {
    struct retention *r = l->r;
    if (error == ERR_NO_MEMORY || error == ERR_NAME_TOO_LONG) return error;
    if (r->reported_error != error)
        say("%s: %s; retention leaves this stream alone, trying again later", l->path,
            error_text(error));
    r->reported_error = error;
    r->streams[l->stream].unread = true;
    r->tally.left++;
    r->tally.last_error = error;
    return 0;
}

static bool found_folder(void *context, const char *entry, bool directory) {
    struct place_listing *l = context;
    const char *folder = l->r->folders[l->place];
    if (!directory || !stream_name_valid(entry)) return true;
    int error = path_join(l->path, folder, entry, NULL) ? 0 : ERR_NAME_TOO_LONG;
    if (!error) error = number_of(l->r, entry, &l->stream);
    if (error) {
        l->error = error;
        return false;
    }
    error = measure(l->r, l->path, &l->volume);
    if (!error) error = directory_list(l->r->files, l->path, found_file, l);
    if (error == ERR_NOT_FOUND) error = 0; /* deleted meanwhile */
    if (!error) error = l->error;
    l->error = error ? leave_alone(l, error) : 0;
    return l->error == 0;
}

static int list_folder(struct retention *r, uint32_t place) {
    struct place_listing listing = {.r = r, .place = place};
    const int error = directory_list(r->files, r->folders[place], found_folder, &listing);
    /* An archive's folder is created by the first move. */
    if (error == ERR_NOT_FOUND && place > 0) return 0;
    return error ? error : listing.error;
}

static int add_known(struct retention *r, uint32_t place) {
    const struct retention_listing *known = r->reach.known[place];
    int error = 0;
    for (uint32_t i = 0; i < known->count && !error; i++) {
        const struct retention_listed *listed = &known->segments[i];
        uint32_t stream;
        error = number_of(r, listed->name.stream, &stream);
        if (!error)
            error = add_segment(r, place, stream, &listed->name, listed->bytes, listed->volume,
                                listed->closed_ns);
    }
    return error;
}

struct retention_listing *retention_listing_copy(const struct retention_listing *listing) {
    if (listing == NULL) return NULL;
    const size_t size = sizeof *listing + listing->count * sizeof *listing->segments;
    struct retention_listing *copy = malloc(size);
    if (copy != NULL) memcpy(copy, listing, size);
    return copy;
}

static int compare_segments(const void *left, const void *right) {
    const struct retention_segment *a = left, *b = right;
    if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    if (a->part != b->part) return a->part ? 1 : -1;
    if (a->opened_ns != b->opened_ns) return a->opened_ns < b->opened_ns ? -1 : 1;
    return 0;
}

static uint64_t bytes_of(const struct retention_segment *segment) {
    uint64_t bytes = 0;
    for (uint32_t place = 0; place < RETENTION_PLACES; place++)
        bytes += segment->bytes[place];
    return bytes;
}

/* Combines the two entries of a segment that is stored in two places while it moves. */
static void merge(struct retention *r) {
    uint32_t kept = 0;
    if (r->count > 0) qsort(r->segments, r->count, sizeof *r->segments, compare_segments);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct retention_segment segment = r->segments[i];
        if (r->streams[segment.stream].unread) continue;
        struct retention_segment *before = kept > 0 ? &r->segments[kept - 1] : NULL;
        if (before != NULL && compare_segments(before, &segment) == 0) {
            before->places |= segment.places;
            for (int place = 0; place < RETENTION_PLACES; place++) {
                before->bytes[place] += segment.bytes[place];
                if (segment.volumes[place] != 0) before->volumes[place] = segment.volumes[place];
            }
        } else {
            r->segments[kept++] = segment;
        }
    }
    r->count = kept;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->segments[i].part) continue;
        r->tally.segments++;
        r->tally.bytes += bytes_of(&r->segments[i]);
    }
}

/* ---- free space ---- */

struct least_space {
    const struct retention *r;
    uint64_t bytes;
    int error; /* the last one */
};

static bool measured_folder(void *context, const char *entry, bool directory) {
    struct least_space *least = context;
    struct volume_space found;
    char path[PATH_BYTES_MAX];
    if (!directory || !stream_name_valid(entry)) return true;
    if (!path_join(path, least->r->configured.directory, entry, NULL)) return true;
    const int error = free_space(least->r->files, path, &found);
    if (error) least->error = error;
    if (!error && found.free < least->bytes) least->bytes = found.free;
    return true;
}

int retention_least_free(const struct retention *retention, uint64_t *bytes) {
    struct least_space least = {.r = retention, .bytes = UINT64_MAX};
    struct volume_space found;
    const char *directory = retention->configured.directory;
    int error = directory_list(retention->files, directory, measured_folder, &least);
    if (!error && least.bytes == UINT64_MAX) {
        error = least.error ? least.error : free_space(retention->files, directory, &found);
        if (!error) least.bytes = found.free;
    }
    *bytes = least.bytes;
    return error;
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

struct retention_listing *retention_listing_of(const struct retention *retention, uint32_t place) {
    const struct retention *r = retention;
    if (r->folders[place] == NULL) return NULL;
    struct retention_listing *listing =
        malloc(sizeof *listing + r->count * sizeof *listing->segments);
    if (listing == NULL) return NULL;
    listing->folder_id = r->ids[place];
    listing->count = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct retention_segment *segment = &r->segments[i];
        if (!(segment->places >> place & 1) || segment->gone) continue;
        listing->segments[listing->count++] =
            (struct retention_listed){.name = name_of(r, segment),
                                      .bytes = segment->bytes[place],
                                      .volume = segment->volumes[place],
                                      .closed_ns = segment->closed_ns};
    }
    return listing;
}

static struct segment_name name_of(const struct retention *r,
                                   const struct retention_segment *segment) {
    struct segment_name name = {.sequence = segment->sequence, .opened_ns = segment->opened_ns};
    strcpy(name.stream, r->streams[segment->stream].stream.name);
    return name;
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
                                      .name = name_of(retention, segment),
                                      .bytes = bytes_of(segment),
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

static struct deletion deletion_of(const struct retention *r, const char *reason, int64_t now_ns) {
    return (struct deletion){
        .files = r->files, .manifest = r->manifest, .reason = reason, .now_ns = now_ns};
}

static int announce(struct retention *r, const struct retention_segment *segment,
                    const struct retention_going *going, char *path, int64_t now_ns) {
    struct manifest_record record;
    char folder[PATH_BYTES_MAX];
    const struct deletion deletion = deletion_of(r, going->reason, now_ns);
    int error = path_in(r, first_place(segment), going, folder, path);
    if (!error) error = find_record(r, going, path, &record);
    const bool here = segment->places & 1;
    return error ? error : deletion_announce(&deletion, here ? path : NULL, &record);
}

/* May a copy be in a place that this retention does not reach? */
static bool maybe_elsewhere(struct retention *r, const struct retention_segment *segment) {
    const struct segment_name name = name_of(r, segment);
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
    const struct deletion deletion = deletion_of(r, going->reason, 0);
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
    const struct deletion deletion = deletion_of(r, "", now_ns);
    const int error = deletion_record(&deletion, &r->unrecorded);
    if (!error || error == ERR_NOT_FOUND) r->unrecorded.stream[0] = '\0';
    return error;
}

static void leave(struct retention *r, const char *path, int error) {
    r->tally.left++;
    r->tally.last_error = error;
    if (r->reported_error != error)
        say("%s: cannot be deleted: %s; trying again later", path, error_text(error));
    r->reported_error = error;
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
    char path[PATH_BYTES_MAX];
    int held = 0;
    bool open = false;
    if (!in_reach(r, segment)) {
        r->tally.elsewhere |= segment->places;
        r->next++;
        return 1;
    }
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
    say("%s: deleted: %s", path, going.reason);
    segment->gone = true;
    r->tally.deleted++;
    r->tally.bytes_deleted += going.bytes;
    r->next++;
    return 1;
}

/* ---- deletions that were begun elsewhere ---- */

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
        if (r->folders[place] == NULL || !lists(r, place)) continue;
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
        const size_t size = root != NULL ? strlen(root) : 0;
        if (size > 0 && strncmp(folder, root, size) == 0 && folder[size] == '/')
            return r->reach.deletes >> place & 1;
    }
    return false;
}

/* Finishes a deletion whose segment is gone from the log directory, while a copy that a move made
 * may be in an archive. */
static int finish_one(struct retention *r, const struct manifest_record *record, int64_t now_ns) {
    const struct deletion deletion = deletion_of(r, record->reason, now_ns);
    struct retention_segment *segment = find_listed(r, &record->name);
    if (segment != NULL && (segment->places & 1))
        return 0; /* not deleted yet: the rules decide again */
    if (segment == NULL) {
        const uint32_t stream = number_of_listed(r, record->name.stream);
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
static int finish_open_deletions(struct retention *r, int64_t now_ns) {
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
        say("%s-%010llu: was deleted before the last start: %s", at->name,
            (unsigned long long)at->at, record.reason);
    return error;
}

int retention_mend(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, int64_t now_ns) {
    struct manifest_cursor cursor = {0};
    struct archives *archives = malloc(sizeof *archives);
    int error =
        archives == NULL ? ERR_NO_MEMORY : archives_read(files, folders->directory, archives);
    while (!error && manifest_next(manifest, &cursor))
        if (cursor.event == MANIFEST_DELETING)
            error = mend_one(files, folders, archives, manifest, &cursor, now_ns);
    free(archives);
    return error;
}
