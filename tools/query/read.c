/* read.c - see read.h. */
#include "tools/query/read.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/service.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/foreign/foreign.h"
#include "writer/segment/archives.h"

/* A segment that was named by the path it had before it moved to an archive. */
static int list_moved(struct files *files, const char *path, struct segment_list *list) {
    char *where = archives_find(files, path);
    const int status = where == NULL ? ERR_NOT_FOUND : segment_list_add(files, where, list);
    free(where);
    return status;
}

/* A segment that moves during the listing is in at least one of the two lists, because its copy in
 * the archive appears before the original is removed.  0, or why an archive could not be read. */
static int list_both(struct files *files, const char *path, struct segment_list *list, int *status,
                     char archive[PATH_BYTES_MAX]) {
    *status = segment_list_add(files, path, list);
    return archives_list(files, path, list, archive);
}

static bool any_archived(const struct segment_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        if (list->files[i].home != NULL) return true;
    return false;
}

/* The highest sequence of the stream, or 0; in_folder: without archived segments. */
static uint64_t newest_of(const struct segment_list *list, const char *stream, bool in_folder) {
    uint64_t newest = 0;
    for (uint32_t i = list->count; i-- > 0 && newest == 0;) /* sorted: sequences increase */
        if (strcmp(list->files[i].name.stream, stream) == 0 &&
            (!in_folder || list->files[i].home == NULL))
            newest = list->files[i].name.sequence;
    return newest;
}

/* Leaves out archived segments that the previous listing did not have and that are newer than those
 * in the folder: they arrived after the folder was listed, and an older one may have arrived with
 * them but still be missing here.  Without them there is no gap; the next listing finds them. */
static void remove_late_arrivals(struct segment_list *list, const struct segment_list *before) {
    const char *stream = NULL;
    uint64_t newest = 0;
    bool *newer = allocate(list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment_file *file = &list->files[i];
        if (stream == NULL || strcmp(file->name.stream, stream) != 0) {
            stream = file->name.stream;
            newest = newest_of(before, stream, false);
            const uint64_t here = newest_of(list, stream, true);
            if (here > newest) newest = here;
        }
        newer[i] = file->home != NULL && file->name.sequence > newest;
    }
    segment_list_leave_out(list, newer);
    free(newer);
}

static bool report_skipped(struct segment_list *list) {
    const bool any = list->skipped_count > 0;
    for (uint32_t i = 0; i < list->skipped_count; i++)
        say("%s: %s; skipped", list->skipped[i].path, error_text(list->skipped[i].error));
    segment_list_forget_skipped(list);
    return any;
}

/* Keeps the order of the paths. */
int list_path(struct files *files, const char *path, struct segment_list *list, bool *all) {
    struct segment_list more = {0}, before = {0};
    char archive[PATH_BYTES_MAX];
    int status;
    int archived = list_both(files, path, &more, &status, archive);
    if (any_archived(&more)) {
        before = more;
        more = (struct segment_list){0};
        archived = list_both(files, path, &more, &status, archive);
        remove_late_arrivals(&more, &before);
        segment_list_free(&before);
    }
    if (archived && all != NULL) {
        say("archive %s: %s; its segments are skipped", archive, archives_error_text(archived));
        *all = false;
    }
    if (status == ERR_NOT_FOUND) status = list_moved(files, path, &more);
    if (all == NULL)
        segment_list_forget_skipped(&more);
    else if (report_skipped(&more)) {
        *all = false;
        status = 0; /* the message has named what could not be examined */
    }
    const int joined = segment_list_join(list, &more);
    return joined < 0 ? joined : status;
}

static bool has_name_of_segment(const char *path) {
    struct segment_name name;
    return segment_name_parse(path_name(path), &name);
}

void report_path_error(const struct read_request *request, const char *path, int status) {
    char hint[SERVICE_HINT_MAX];
    if (status == ERR_NOT_FOUND && !request->named)
        say("%s: %s; name a directory, or set LOGPORT_DIR%s", path, error_text(status),
            service_hint(hint));
    else if (status == ERR_NOT_FOUND && path_is_pattern(path))
        say("%s: no file has such a name", path);
    else if (status == ERR_NOT_SEEKABLE && request->any_file && !has_name_of_segment(path))
        say("%s: a device or a socket; logport reads files, directories and pipes", path);
    else
        say("%s: %s", path, error_text(status));
}

bool report_unopened(const struct segment_file *segment, const struct segment_file *shown,
                     int status) {
    if (status != ERR_NOT_FOUND || segment->named) {
        say("%s: %s", segment->path, error_text(status));
        return true;
    }
    if (shown == NULL || strcmp(shown->name.stream, segment->name.stream) != 0) return false;
    say("%s: deleted before it could be read; its records are missing from the output",
        segment->path);
    return true;
}

static bool is_same(const struct segment_file *a, const struct segment_file *b) {
    return a->id == b->id && strcmp(a->name.stream, b->name.stream) == 0 &&
           a->name.sequence == b->name.sequence && a->name.opened_ns == b->name.opened_ns;
}

static int compare_ids(const void *a, const void *b) {
    const struct segment_file *const *x = a, *const *y = b;
    if ((*x)->id != (*y)->id) return (*x)->id < (*y)->id ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

/* If a file is listed more than once, keeps the first entry. */
static void remove_duplicates(struct segment_list *list) {
    const struct segment_file **sorted = allocate((list->count + 1) * sizeof *sorted);
    bool *duplicate = allocate(list->count + 1);
    uint32_t first = 0;
    for (uint32_t i = 0; i < list->count; i++)
        sorted[i] = &list->files[i];
    if (list->count > 0) qsort(sorted, list->count, sizeof *sorted, compare_ids);
    memset(duplicate, 0, list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) {
        if (sorted[i]->id != sorted[first]->id) first = i;
        for (uint32_t k = first; k < i; k++)
            if (is_same(sorted[k], sorted[i])) duplicate[sorted[i] - list->files] = true;
    }
    segment_list_leave_out(list, duplicate);
    free(sorted);
    free(duplicate);
}

#define STREAM_NAMES_BYTES 400 /* bytes */

/* "; streams: audit, main", truncated if there are too many. */
static void name_streams(const struct segment_list *list, char text[STREAM_NAMES_BYTES]) {
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < list->count; i++) {
        const char *name = list->files[i].name.stream;
        if (name[0] == '\0') continue;
        bool listed = false;
        for (uint32_t k = 0; k < i && !listed; k++)
            listed = strcmp(list->files[k].name.stream, name) == 0;
        if (listed) continue;
        if (length + strlen(name) + 16 > STREAM_NAMES_BYTES) break;
        length += (size_t)snprintf(text + length, STREAM_NAMES_BYTES - length, "%s%s",
                                   length > 0 ? ", " : "; streams: ", name);
    }
}

static bool is_stream(const char *stream, const char *name, size_t size) {
    return strlen(stream) == size && memcmp(stream, name, size) == 0;
}

bool reads_pipes(const struct segment_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        if (list->files[i].pipe) return true;
    return false;
}

bool streams_want(const struct option_list *streams, const char *stream) {
    for (uint32_t i = 0; i < streams->count; i++)
        for (const char *p = streams->texts[i];; p++) { /* ends at the end of the text */
            const size_t size = strcspn(p, ",");
            if (is_stream(stream, p, size)) return true;
            p += size;
            if (*p == '\0') break;
        }
    return streams->count == 0;
}

bool several_streams(const struct option_list *streams, const struct segment_list *list) {
    const char *first = NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        const char *const stream = list->files[i].name.stream;
        if (!streams_want(streams, stream)) continue;
        if (first != NULL && strcmp(first, stream) != 0) return true;
        first = stream;
    }
    return false;
}

static bool stream_exists(const char *name, size_t size, const struct segment_list *list) {
    char others[STREAM_NAMES_BYTES];
    for (uint32_t i = 0; i < list->count; i++)
        if (is_stream(list->files[i].name.stream, name, size)) return true;
    name_streams(list, others);
    say("no stream %.*s%s%s", (int)size, name, others,
        is_stream("rejects", name, size) ? "; use the path of its folder, DIR/rejects" : "");
    return false;
}

bool streams_exist(const struct option_list *streams, const struct segment_list *list) {
    bool all = true;
    for (uint32_t i = 0; i < streams->count; i++)
        for (const char *p = streams->texts[i];; p++) { /* ends at the end of the text */
            const size_t size = strcspn(p, ",");
            if (!stream_exists(p, size, list)) all = false;
            p += size;
            if (*p == '\0') break;
        }
    return all;
}

const char *default_directory(void) {
    const char *directory = system_environment("LOGPORT_DIR");
    return directory != NULL && *directory != '\0' ? directory : "./logs";
}

/* ---- files of other programs ---- */

#define OTHER_NAMES_BYTES 300 /* bytes */

static int list_pipe(const char *path, uint64_t id, bool named, struct segment_list *list) {
    struct segment_list one = {.files = allocate(sizeof *one.files), .count = 1, .room = 1};
    *one.files = (struct segment_file){
        .path = copy_text(path, strlen(path)), .id = id, .named = named, .pipe = true};
    return segment_list_join(list, &one);
}

/* Which files a directory stands for. */
enum other_names {
    OTHER_LOGS,     /* with a name that only logs have */
    OTHER_PROBABLE, /* with one that notes and settings have too */
    OTHER_ANY,
};

/* The files in a directory, and in its folders, that are not segments. */
struct other_files {
    struct files *files;
    struct segment_list *list;
    const char *folder;
    bool inside; /* a folder in the directory */
    enum other_names names;
    int status;
};

static bool ends_with(const char *name, size_t size, const char *end) {
    const size_t end_size = strlen(end);
    return size > end_size && memcmp(name + size - end_size, end, end_size) == 0;
}

/* Without what logrotate adds: app.log.1, app.log-20261130. */
static size_t size_without_number(const char *name) {
    const size_t size = strlen(name);
    size_t i = size;
    while (i > 0 && name[i - 1] >= '0' && name[i - 1] <= '9')
        i--;
    return i < size && i > 1 && (name[i - 1] == '.' || name[i - 1] == '-') ? i - 1 : size;
}

static bool is_wanted_name(const char *name, enum other_names names) {
    static const char *const ends[] = {".lz4",   ".gz",     ".zst",  ".log",
                                       ".jsonl", ".ndjson", ".json", ".txt"};
    const size_t count = sizeof ends / sizeof ends[0], probable = 2;
    const size_t size = size_without_number(name);
    if (names == OTHER_ANY) return strcmp(name, "logportd.run") != 0;
    for (size_t i = 0; i < (names == OTHER_PROBABLE ? count : count - probable); i++)
        if (ends_with(name, size, ends[i])) return true;
    return false;
}

static bool found_other(void *context, const char *name, bool directory) {
    struct other_files *const others = context;
    struct segment_name segment;
    char path[PATH_BYTES_MAX];
    if (name[0] == '.' || segment_name_parse(name, &segment)) return true;
    if (!path_join(path, others->folder, name, NULL)) return true;
    if (directory) {
        if (others->inside || strcmp(name, "state") == 0 || strcmp(name, "rejects") == 0)
            return true;
        const char *const folder = others->folder;
        others->folder = path;
        others->inside = true;
        (void)directory_list(others->files, path, found_other, others);
        others->folder = folder;
        others->inside = false;
        return true;
    }
    if (!is_wanted_name(name, others->names)) return true;
    struct segment_list one = {0};
    struct file_status status;
    if (file_status_of(others->files, path, &status) == 0 && !status.special && !status.directory &&
        segment_list_add(others->files, path, &one) == 0)
        others->status = segment_list_join(others->list, &one);
    else
        segment_list_free(&one);
    return others->status == 0;
}

static int list_others(const struct read_request *request, const char *path, enum other_names names,
                       struct segment_list *list) {
    struct segment_list found = {0};
    struct other_files others = {
        .files = request->files, .list = &found, .folder = path, .names = names};
    (void)directory_list(request->files, path, found_other, &others);
    segment_list_sort(&found);
    const int status = segment_list_join(list, &found);
    return others.status < 0 ? others.status : status;
}

/* Reports files that are in the directory and not read.  OTHER_LOGS: next to segments. */
static void report_others(const struct read_request *request, const char *path,
                          enum other_names wanted) {
    const bool segments = wanted == OTHER_LOGS;
    struct segment_list list = {0};
    char names[OTHER_NAMES_BYTES] = "";
    size_t length = 0;
    (void)list_others(request, path, wanted, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        const char *name = list.files[i].path + strlen(path);
        name += path_separates(*name);
        if (length + strlen(name) + 8 > sizeof names) {
            memcpy(names + length, ", ...", 6);
            break;
        }
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                                   length > 0 ? ", " : "", name);
    }
    if (list.count == 1)
        say("%s: 1 file is not %s and is not read; name it to read it: %s", path,
            segments ? "a segment" : "named like a log", names);
    if (list.count > 1)
        say("%s: %u files are not %s and are not read; name them to read them: %s", path,
            list.count, segments ? "segments" : "named like logs", names);
    segment_list_free(&list);
}

/* A directory without segments. Returns as list_path_of. */
static int list_directory_of_others(const struct read_request *request, const char *path,
                                    struct segment_list *list, bool report) {
    const uint32_t before = list->count;
    const int status = list_others(request, path, OTHER_PROBABLE, list);
    if (status == 0 && list->count == before && report) report_others(request, path, OTHER_ANY);
    return status;
}

int list_path_of(const struct read_request *request, const char *path, struct segment_list *list,
                 bool *all) {
    struct file_status of;
    const uint32_t before = list->count;
    if (path_is_pattern(path)) return ERR_NOT_FOUND; /* expand_paths has found nothing */
    if (request->any_file && strcmp(path, FOREIGN_INPUT) == 0)
        return list_pipe(path, 0, request->named, list);
    const int status = list_path(request->files, path, list, all);
    if (!request->any_file || file_status_of(request->files, path, &of) != 0) return status;
    if (status == ERR_NOT_SEEKABLE && of.pipe && !has_name_of_segment(path))
        return list_pipe(path, of.id, true, list);
    if (status < 0 || !of.directory) return status;
    if (list->count == before) return list_directory_of_others(request, path, list, all != NULL);
    /* The segments are everything that a daemon has stored: files next to them are not read. */
    if (all != NULL) report_others(request, path, OTHER_LOGS);
    return status;
}

static bool any_pattern(const struct read_request *request) {
    for (int i = 0; i < request->path_count; i++)
        if (path_is_pattern(request->paths[i])) return true;
    return false;
}

void expand_paths(struct read_request *request, struct wildcard_paths *expanded) {
    *expanded = (struct wildcard_paths){0};
    if (!any_pattern(request)) return;
    for (int i = 0; i < request->path_count; i++) {
        const char *path = request->paths[i];
        struct wildcard_paths found = {0};
        if (path_is_pattern(path)) (void)wildcard_find(request->files, path, &found);
        const uint32_t count = found.count > 0 ? found.count : 1;
        expanded->paths =
            reallocate(expanded->paths, (expanded->count + count) * sizeof *expanded->paths);
        if (found.count == 0) {
            expanded->paths[expanded->count++] = copy_text(path, strlen(path));
            continue;
        }
        memcpy(&expanded->paths[expanded->count], found.paths, count * sizeof *found.paths);
        expanded->count += count;
        free(found.paths); /* only the list */
    }
    request->paths = (const char *const *)expanded->paths;
    request->path_count = (int)expanded->count;
}

bool list_segments(const struct read_request *request, struct segment_list *list) {
    bool all = true;
    for (int i = 0; i < request->path_count; i++) {
        const char *path = request->paths[i];
        const int status = list_path_of(request, path, list, &all);
        if (status < 0) report_path_error(request, path, status);
        if (status < 0) all = false;
    }
    if (request->path_count > 1) remove_duplicates(list);
    return all;
}

/* ---- damage ---- */

const char *damage_text(enum segment_damage damage) {
    switch (damage) {
    case SEGMENT_SOUND: return "sound";
    case SEGMENT_UNFINISHED: return "the file ends inside a frame";
    case SEGMENT_BAD_HEADER: return "no frame begins here";
    case SEGMENT_BAD_DATA: return "the frame does not match its checksum";
    }
    return "damaged";
}

bool report_damage(const struct segment_file *segment, const struct segment_reader *reader,
                   enum segment_damage damage) {
    if (damage == SEGMENT_SOUND) return false;
    if (damage == SEGMENT_UNFINISHED && segment->name.part) return false;
    if (damage == SEGMENT_BAD_HEADER && reader->offset == 0 && segment->name.stream[0] == '\0') {
        say("%s: not a logport segment; use lz4 -dc for files of other programs", segment->path);
        return true;
    }
    say("%s: frame %llu at byte %llu: %s; %s", segment->path,
        (unsigned long long)reader->frame_number, (unsigned long long)reader->offset,
        damage_text(damage),
        damage == SEGMENT_BAD_DATA ? "skipping it" : "skipping to the next sound frame");
    return true;
}

/* ---- frame by frame ---- */

void frame_scan_open(struct frame_scan *scan, const struct read_request *request,
                     bool results_at_end) {
    uint64_t total = 0;
    memset(scan, 0, sizeof *scan);
    scan->files = request->files;
    scan->any_file = request->any_file;
    scan->failed = !list_segments(request, &scan->list);
    for (uint32_t i = 0; i < scan->list.count; i++)
        total += scan->list.files[i].size;
    scan->progress = request->progress;
    progress_begin(scan->progress, results_at_end, total);
}

static void close_file(struct frame_scan *scan) {
    scan->bytes_passed += scan->segment->size;
    scan->open = false;
    if (scan->foreign == NULL) {
        segment_reader_close(&scan->reader);
        return;
    }
    if (foreign_failed(scan->foreign)) scan->failed = true;
    foreign_close(scan->foreign);
    scan->foreign = NULL;
}

void frame_scan_close(struct frame_scan *scan) {
    if (scan->open) close_file(scan);
    progress_clear(scan->progress);
    segment_list_free(&scan->list);
    memset(scan, 0, sizeof *scan);
}

static bool open_next_file(struct frame_scan *scan) {
    while (scan->next < scan->list.count) {
        scan->segment = &scan->list.files[scan->next++];
        if (scan->any_file) {
            const enum foreign_opened opened =
                foreign_open(scan->files, scan->segment, scan->progress, &scan->foreign);
            scan->open = opened == FOREIGN_OPEN;
            scan->file_begun = false;
            if (scan->open) return true;
            if (opened == FOREIGN_FAILED) scan->failed = true;
            if (opened == FOREIGN_FAILED) continue;
        }
        const int status = segment_reader_open(scan->files, scan->segment->path, &scan->reader);
        if (status == 0) {
            scan->open = true;
            scan->file_begun = false;
            scan->shown = scan->segment;
            return true;
        }
        progress_clear(scan->progress);
        if (report_unopened(scan->segment, scan->shown, status)) scan->failed = true;
    }
    return false;
}

/* Reports what went wrong.  True: continue with this file. */
static bool can_continue(struct frame_scan *scan, int status, enum segment_damage damage) {
    if (status == 0 && damage == SEGMENT_SOUND) return false;
    progress_clear(scan->progress);
    if (status == 0) {
        if (!report_damage(scan->segment, &scan->reader, damage)) return false;
        status = segment_reader_skip_damage(&scan->reader);
    }
    scan->failed = true;
    if (status < 0) say("%s: %s", scan->segment->path, error_text(status));
    return status > 0;
}

static int next_foreign(struct frame_scan *scan) {
    size_t size = 0;
    const bool more = foreign_next(scan->foreign, &scan->reader.raw, &size);
    scan->reader.raw_size = (uint32_t)size;
    scan->reader.next_offset = foreign_position(scan->foreign);
    return more;
}

bool frame_scan_next(struct frame_scan *scan) {
    for (;;) { /* ends: every turn consumes a frame or a file */
        enum segment_damage damage = SEGMENT_SOUND;
        if (!scan->open && !open_next_file(scan)) return false;
        const int status = scan->foreign != NULL ? next_foreign(scan)
                                                 : segment_reader_next(&scan->reader, &damage);
        if (status > 0) {
            scan->file_begins = !scan->file_begun;
            scan->file_begun = true;
            progress_step(scan->progress, scan->bytes_passed + scan->reader.next_offset);
            return true;
        }
        if (!can_continue(scan, status, damage)) close_file(scan);
    }
}

/* ---- lines ---- */

const uint8_t *line_end(const uint8_t *p, const uint8_t *end) {
    const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
    return newline != NULL ? newline + 1 : end;
}

const uint8_t *line_begin(const uint8_t *begin, const uint8_t *p) {
    while (p > begin && p[-1] != '\n')
        p--;
    return p;
}
