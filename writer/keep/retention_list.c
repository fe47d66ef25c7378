/* retention_list.c - lists the segments of all places for a struct retention: see
 * retention_files.h. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/retention_files_internal.h"
#include "writer/segment/archives.h"

static int find_folders(struct retention *r);
static int list_folder(struct retention *r, uint32_t place);
static int add_known(struct retention *r, uint32_t place);
static void merge(struct retention *r);

void retention_busy_with_state(struct retention *r, const char *file) {
    if (!path_join(r->failed_path, r->configured.directory, "state", file))
        strcpy(r->failed_path, file);
}

bool retention_lists(const struct retention *r, uint32_t place) {
    return r->reach.lists >> place & 1;
}

int retention_list(struct retention *r) {
    int error = find_folders(r);
    for (uint32_t place = 0; place < RETENTION_PLACES && !error; place++) {
        if (r->folders[place] == NULL) continue;
        strcpy(r->failed_path, r->folders[place]);
        error = retention_lists(r, place) ? list_folder(r, place) : add_known(r, place);
    }
    if (!error) merge(r);
    return error;
}

/* ---- folders ---- */

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
    retention_busy_with_state(r, ARCHIVES_FILE);
    const int error = archives_read(r->files, r->configured.directory, &r->archives);
    for (uint32_t i = 0; !error && i < r->archives.count; i++) {
        if (retention_lists(r, i + 1))
            look_for_archive(r, i + 1);
        else if (r->reach.known[i + 1] != NULL)
            add_folder(r, i + 1, r->archives.folders[i], r->reach.known[i + 1]->folder_id);
    }
    if (r->configured.archive != NULL)
        add_folder(r, RETENTION_PLACES - 1, r->configured.archive, id_of(r, r->configured.archive));
    return error;
}

/* ---- segments ---- */

struct place_listing {
    struct retention *r;
    uint32_t place, stream;
    uint64_t volume;           /* of `path`; 0: not needed */
    char path[PATH_BYTES_MAX]; /* <folder>/<stream> */
    int error;
};

uint32_t retention_stream_number(const struct retention *r, const char *name) {
    uint32_t number = 0;
    while (number < r->stream_count && strcmp(r->streams[number].stream.name, name) != 0)
        number++;
    return number;
}

static int number_of(struct retention *r, const char *name, uint32_t *number) {
    *number = retention_stream_number(r, name);
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
    if (retention_report_due(&r->reports.folder, error, r->now_ns))
        say("%s: %s; retention skips this stream, trying again later", l->path, error_text(error));
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

static int compare_segments(const void *left, const void *right) {
    const struct retention_segment *a = left, *b = right;
    if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    if (a->part != b->part) return a->part ? 1 : -1;
    if (a->opened_ns != b->opened_ns) return a->opened_ns < b->opened_ns ? -1 : 1;
    return 0;
}

uint64_t retention_bytes_of(const struct retention_segment *segment) {
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
        r->tally.bytes += retention_bytes_of(&r->segments[i]);
    }
}

/* ---- listings for other places ---- */

struct retention_listing *retention_listing_copy(const struct retention_listing *listing) {
    if (listing == NULL) return NULL;
    const size_t size = sizeof *listing + listing->count * sizeof *listing->segments;
    struct retention_listing *copy = malloc(size);
    if (copy != NULL) memcpy(copy, listing, size);
    return copy;
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
            (struct retention_listed){.name = retention_name_of(r, segment),
                                      .bytes = segment->bytes[place],
                                      .volume = segment->volumes[place],
                                      .closed_ns = segment->closed_ns};
    }
    return listing;
}

struct segment_name retention_name_of(const struct retention *r,
                                      const struct retention_segment *segment) {
    struct segment_name name = {.sequence = segment->sequence, .opened_ns = segment->opened_ns};
    strcpy(name.stream, r->streams[segment->stream].stream.name);
    return name;
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
