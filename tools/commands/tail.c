/* tail.c - prints the last records, and with -f new ones.  A position in a stream is an open
 * segment and an offset in it, so it stays valid when the file is renamed, re-packed or deleted.
 * tail continues with the next segment when a newer one has lines and the end of this one was read
 * afterwards: batches are written in order, so nothing can follow that end.  No record is printed
 * twice or left out. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/json/hash.h"
#include "tools/commands/command.h"
#include "tools/commands/held.h"
#include "tools/commands/last_lines.h"
#include "tools/query/allocate.h"
#include "tools/query/foreign/foreign.h"
#include "tools/query/query.h"
#include "tools/query/read.h"
#include "tools/query/received.h"
#include "tools/query/select.h"
#include "tools/query/sorter.h"
#include "tools/query/survey.h"
#include "tools/render/render.h"
#include "writer/segment/frame.h"

/* Folders are listed half as often as files are read; listing a large folder takes at most
 * 1/LIST_SHARE of the time, unless that means waiting longer than LIST_PAUSE_NS_MAX. */
#define LIST_POLLS        2
#define LIST_SHARE        20
#define LIST_PAUSE_NS_MAX INT64_C(2000000000)
/* A missing segment is skipped after this many listings without it. */
#define GAP_LISTINGS      3
/* A link may be switched back to a directory that was followed before: its last segments are
 * remembered. */
#define PLACES_MAX        16
/* A program may still write to a file that was renamed, until it opens the new one. */
#define OLDER_FILE_NS     INT64_C(10000000000)

struct tail_settings {
    struct common_settings common;
    uint64_t lines;
    uint64_t poll_ms, sort_delay_ms;
    bool follow, sort;
    struct query_settings query;
    struct render_settings render;
};

/* How far a segment was read. */
struct place {
    uint64_t sequence;
    int64_t opened_ns;
    uint64_t hash; /* hash_of_segment */
    uint64_t offset, frame_number;
};

/* A stream in a folder, or a file whose name is not a segment's. */
struct tailed {
    char stream[STREAM_NAME_MAX + 1];
    char *key; /* the path without the parts that differ between segments */
    struct segment_reader reader;
    struct received received; /* of the open segment; only if needed */
    const struct facts_rules *facts;
    bool open;
    bool begun; /* `sequence` is set */
    bool stuck; /* damage: the rest of this segment cannot be read */
    uint64_t sequence;
    int64_t opened_ns;       /* of the open segment, from its name */
    uint64_t replaced_since; /* the listing that showed only older segments first; 0: none */
    struct foreign *foreign; /* a file of another program */
    bool ended;              /* a pipe, or a file that cannot be read: it will not grow */
    uint64_t id;             /* of the open file */
    struct place places[PLACES_MAX]; /* of the last segments that were left; a ring */
    uint32_t place_count;
    struct foreign *older; /* the file of this name before, read until older_until_ns */
    int64_t older_until_ns;
    int64_t last_ns;        /* --sort: of the last record of the file, for lines without a time */
    struct last_lines last; /* not printed yet */
    uint64_t gap_to;        /* sequence of the segment after a gap */
    uint64_t gap_since;     /* the listing that showed the gap first */
    uint64_t skip;          /* lines to skip */
    uint64_t left;          /* lines still to print; UINT64_MAX: no limit */
};

struct tail {
    struct call *call;
    struct render render;
    struct query query;
    struct query_state state;
    uint8_t *wanted; /* matching lines of a frame */
    size_t wanted_room;
    uint64_t lines;
    uint32_t poll_ms;
    bool follow;
    bool failed;
    bool any; /* a record was printed */
    /* --sort: the first records are sorted, later ones are held for a while. */
    bool sort, following;
    struct sorter sorter;
    struct held held;
    uint64_t numbers; /* of the next record */
    struct segment_list list;
    uint64_t listings;
    int64_t list_next_ns;
    struct tailed *tailed;
    uint32_t count, room;
};

/* ---- which files belong to which stream ---- */

/* The folder that a stream's segments share, including archived ones; returns its length. */
static size_t home_of(const struct segment_file *file, const char **home) {
    *home = file->home != NULL ? file->home : file->path;
    if (file->home != NULL) return strlen(file->home);
    return (size_t)(segment_file_name(file->path) - file->path);
}

/* Folder and stream name, or the path of a file that is not a segment. */
static char *key_of(const struct segment_file *file) {
    const char *home;
    if (file->name.stream[0] == '\0') return copy_text(file->path, strlen(file->path));
    const size_t size = home_of(file, &home), more = strlen(file->name.stream);
    char *key = allocate(size + more + 1);
    memcpy(key, home, size);
    memcpy(key + size, file->name.stream, more + 1);
    return key;
}

static bool belongs(const struct tailed *t, const struct segment_file *file) {
    const char *home;
    if (file->name.stream[0] == '\0') return strcmp(t->key, file->path) == 0;
    const size_t size = home_of(file, &home);
    return strncmp(t->key, home, size) == 0 && strcmp(t->key + size, file->name.stream) == 0;
}

static struct tailed *find_tailed(struct tail *tail, const struct segment_file *file) {
    for (uint32_t i = 0; i < tail->count; i++)
        if (belongs(&tail->tailed[i], file)) return &tail->tailed[i];
    return NULL;
}

static void add_tailed(struct tail *tail, const struct segment_file *file) {
    if (tail->count == tail->room) {
        tail->room = tail->room > 0 ? tail->room * 2 : 8;
        tail->tailed = reallocate(tail->tailed, tail->room * sizeof *tail->tailed);
    }
    struct tailed *t = &tail->tailed[tail->count++];
    memset(t, 0, sizeof *t);
    t->key = key_of(file);
    t->left = UINT64_MAX;
    t->last_ns = INT64_MIN;
}

/* The oldest segment newer than the open one, or NULL. */
static const struct segment_file *newer(const struct tail *tail, const struct tailed *t) {
    const struct segment_file *found = NULL;
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (t->begun && file->name.sequence <= t->sequence) continue;
        if (found != NULL && found->name.sequence <= file->name.sequence) continue;
        if (belongs(t, file)) found = file;
    }
    return found;
}

static const struct segment_file *find_current(const struct tail *tail, const struct tailed *t) {
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (file->name.sequence == t->sequence && belongs(t, file)) return file;
    }
    return NULL;
}

/* Does any newer segment contain a readable line? */
static bool newer_has_lines(const struct tail *tail, const struct tailed *t) {
    bool has = false;
    for (uint32_t i = tail->list.count; i-- > 0 && !has;) {
        const struct segment_file *file = &tail->list.files[i];
        struct segment_reader reader;
        enum segment_damage damage;
        if (file->name.sequence <= t->sequence || !belongs(t, file)) continue;
        if (segment_reader_open(tail->call->files, file->path, &reader) != 0) continue;
        /* A damaged frame was a frame: the segment is in use. */
        has = segment_reader_next(&reader, &damage) > 0 || damage == SEGMENT_BAD_DATA;
        segment_reader_close(&reader);
    }
    return has;
}

/* With -f, waits for a path that does not exist yet. */
static void report_missing(struct tail *tail, const char *path, int status) {
    if (tail->follow && status == ERR_NOT_FOUND) {
        say("%s: does not exist yet; waiting for it", path);
        return;
    }
    report_path_error(&tail->call->paths, path, status);
    tail->failed = true;
}

static void refresh_list(struct tail *tail, bool first) {
    const struct call *call = tail->call;
    const int64_t begun_ns = system_now_ns();
    segment_list_free(&tail->list);
    memset(&tail->list, 0, sizeof tail->list);
    tail->listings++;
    for (int i = 0; i < call->paths.path_count; i++) {
        const char *path = call->paths.paths[i];
        bool all = true;
        const int status = list_path_of(&call->paths, path, &tail->list, first ? &all : NULL);
        if (!all && !tail->follow) tail->failed = true;
        if (first && status < 0) report_missing(tail, path, status);
        if (first && status == 0 && tail->follow && tail->list.count == 0)
            say("%s: no records yet; waiting for them", path);
    }
    segment_list_sort(&tail->list);
    if (first && !streams_exist(tail->query.streams, &tail->list) && !tail->follow)
        tail->failed = true;
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (!query_wants_stream(&tail->query, file->name.stream)) continue;
        if (find_tailed(tail, file) == NULL) add_tailed(tail, file);
    }
    if (several_streams(tail->query.streams, &tail->list)) render_streams(&tail->render);
    const int64_t now_ns = system_now_ns();
    int64_t pause_ns = (now_ns - begun_ns) * LIST_SHARE;
    if (pause_ns > LIST_PAUSE_NS_MAX) pause_ns = LIST_PAUSE_NS_MAX;
    const int64_t every_ns = (int64_t)tail->poll_ms * 1000000 * LIST_POLLS;
    tail->list_next_ns = now_ns + (pause_ns > every_ns ? pause_ns : every_ns);
}

/* ---- forwards ---- */

/* Reports and skips a segment that cannot be read; one that another program has locked is tried
 * again later. shown: as for report_unopened. */
static bool open_segment(struct tail *tail, struct tailed *t, const struct segment_file *file,
                         const struct segment_file *shown) {
    const int status = segment_reader_open(tail->call->files, file->path, &t->reader);
    if (status == ERR_BUSY && tail->follow) return false;
    t->begun = true;
    t->stuck = false;
    t->sequence = file->name.sequence;
    t->opened_ns = file->name.opened_ns;
    t->open = status == 0;
    t->id = file->id;
    memcpy(t->stream, file->name.stream, sizeof t->stream);
    t->facts = record_rules_of(tail->query.rules, file);
    if (t->open && (tail->query.timed || tail->sort))
        received_open(&t->received, &t->reader.file, &file->name);
    if (status < 0 && report_unopened(file, shown, status)) tail->failed = true;
    return t->open;
}

static void close_segment(struct tailed *t) {
    if (t->open) segment_reader_close(&t->reader);
    received_close(&t->received);
    t->open = false;
}

struct wanted_lines {
    const uint8_t *begin, *end;
    uint64_t count;
};

static uint64_t count_lines(const uint8_t *p, const uint8_t *end) {
    uint64_t count = 0;
    for (; p < end; p = line_end(p, end))
        count++;
    return count;
}

/* Copies the matching ones of these lines to *to. */
static uint64_t copy_wanted(struct tail *tail, const uint8_t *p, const uint8_t *end, uint8_t **to) {
    const uint8_t *line, *next;
    uint64_t count = 0;
    query_begin(&tail->state);
    for (; query_next(&tail->query, &tail->state, p, end, &line, &next); p = next) {
        memcpy(*to, line, (size_t)(next - line));
        *to += next - line;
        count++;
    }
    return count;
}

/* The end of the lines from `at` on that were received at the same times, which it sets. */
static size_t same_times(struct tail *tail, const struct tailed *t, const uint8_t *p, size_t at,
                         size_t size) {
    int64_t min_ns = INT64_MIN, max_ns = INT64_MAX;
    size_t end = size;
    if (t->foreign == NULL && tail->query.timed)
        end = received_at(&t->received, t->reader.offset, at, &min_ns, &max_ns);
    if (t->foreign != NULL || tail->query.timed) query_received(&tail->state, min_ns, max_ns);
    if (end >= size || end <= at) return size;
    const uint8_t *const newline = memchr(p + end - 1, '\n', size - end + 1);
    return newline != NULL ? (size_t)(newline - p) + 1 : size;
}

/* The matching ones of these lines, valid until the next call. */
static struct wanted_lines find_wanted_of(struct tail *tail, const struct tailed *t,
                                          const uint8_t *p, size_t size) {
    const uint8_t *const end = p + size;
    if (tail->query.all) return (struct wanted_lines){p, end, count_lines(p, end)};
    if (tail->wanted_room < size) {
        tail->wanted_room = size;
        tail->wanted = reallocate(tail->wanted, tail->wanted_room);
    }
    uint8_t *to = tail->wanted;
    struct wanted_lines lines = {tail->wanted, tail->wanted, 0};
    tail->state.foreign = t->foreign != NULL;
    tail->state.stream = t->stream;
    tail->state.facts = t->facts;
    for (size_t at = 0, next; at < size; at = next) { /* each round takes a line or more */
        next = same_times(tail, t, p, at, size);
        lines.count += copy_wanted(tail, p + at, p + next, &to);
    }
    lines.end = to;
    return lines;
}

/* Those of the current frame. */
static struct wanted_lines find_wanted(struct tail *tail, const struct tailed *t) {
    return find_wanted_of(tail, t, t->reader.raw, t->reader.raw_size);
}

/* The time of a line without one, with --sort. */
static int64_t time_of_untimed(const struct tail *tail, const struct tailed *t) {
    int64_t min_ns, max_ns;
    if (t->foreign != NULL || t->ended) return t->last_ns;
    if (tail->following) return system_wall_ns();
    received_at(&t->received, t->reader.offset, 0, &min_ns, &max_ns);
    return min_ns;
}

static void sort_lines(struct tail *tail, struct tailed *t, const uint8_t *p, const uint8_t *end) {
    const uint64_t tag = (uint64_t)(t - tail->tailed);
    const int64_t now_ns = system_now_ns();
    tail->state.foreign = t->foreign != NULL || t->ended;
    tail->state.facts = t->facts;
    for (const uint8_t *next; p < end; p = next) {
        next = line_end(p, end);
        const size_t size = (size_t)(next - p);
        const struct sorted_record record = {
            .time_ns = query_time_of(&tail->state, p, size, time_of_untimed(tail, t)),
            .place = tag << 40 | tail->numbers++,
            .tag = (uint32_t)tag,
            .size = (uint32_t)size,
            .text = p};
        t->last_ns = record.time_ns;
        if (tail->following)
            held_add(&tail->held, &record, now_ns);
        else
            sorter_add(&tail->sorter, &record, INT64_MIN);
    }
}

static bool print_sorted(void *context, const struct sorted_record *record) {
    struct tail *const tail = context;
    const struct tailed *const t = &tail->tailed[record->tag];
    render_stream(&tail->render, t->stream);
    render_facts(&tail->render, t->facts);
    render_lines(&tail->render, record->text, record->size);
    if (!tail->following) held_passed(&tail->held, record->time_ns);
    return !output_failed(tail->call->out);
}

static void print(struct tail *tail, struct tailed *t, const uint8_t *lines, size_t size) {
    if (size > 0) tail->any = true;
    if (tail->sort) {
        sort_lines(tail, t, lines, lines + size);
        return;
    }
    render_stream(&tail->render, t->stream);
    render_facts(&tail->render, t->facts);
    render_lines(&tail->render, lines, size);
}

static void print_lines(struct tail *tail, struct tailed *t) {
    const struct wanted_lines wanted = find_wanted(tail, t);
    const uint8_t *p = wanted.begin, *const end = wanted.end;
    uint64_t lines = wanted.count;
    for (; t->skip > 0 && p < end; t->skip--, lines--)
        p = line_end(p, end);
    const uint8_t *stop = end;
    if (lines > t->left)
        for (stop = p, lines = 0; lines < t->left; lines++)
            stop = line_end(stop, end);
    if (t->left != UINT64_MAX) t->left -= lines;
    print(tail, t, p, (size_t)(stop - p));
}

/* Prints the segment up to its present end. last: nothing more will be appended. */
static void print_segment(struct tail *tail, struct tailed *t, bool last) {
    const struct segment_file *file = find_current(tail, t);
    while (t->open && !t->stuck && t->left > 0 && !output_failed(tail->call->out)) {
        enum segment_damage damage = SEGMENT_SOUND;
        const int status = segment_reader_next(&t->reader, &damage);
        if (status > 0) {
            print_lines(tail, t);
            continue;
        }
        if (status < 0) {
            say("%s: %s", file != NULL ? file->path : t->key, error_text(status));
            tail->failed = t->stuck = true;
            return;
        }
        /* Without -f, look_back has reported it. */
        if (tail->follow && file != NULL && (damage != SEGMENT_UNFINISHED || last) &&
            report_damage(file, &t->reader, damage))
            tail->failed = true;
        t->stuck = damage == SEGMENT_BAD_HEADER;
        if (damage != SEGMENT_BAD_DATA) return;
    }
}

/* Sequences increase by one, except where segments were deleted.  A listing can also miss a segment
 * that is being renamed, and its lines would then never be printed. */
static bool follows(struct tail *tail, struct tailed *t, const struct segment_file *next) {
    const uint64_t sequence = next->name.sequence;
    if (!tail->follow || !t->begun || sequence == t->sequence + 1) return true;
    if (t->gap_to != sequence) {
        t->gap_to = sequence;
        t->gap_since = tail->listings;
    }
    if (tail->listings - t->gap_since >= GAP_LISTINGS) return true;
    tail->list_next_ns = system_now_ns(); /* list again at once */
    return false;
}

/* Missing sequences may never have been used. */
static void report_gap(const struct tailed *t, const struct segment_file *next) {
    const unsigned long long from = t->sequence + 1, to = next->name.sequence - 1;
    if (!t->begun || from > to) return;
    if (from == to)
        say("%s: segment %llu is missing: it was deleted before it was read, or never written",
            t->key, from);
    else
        say("%s: segments %llu to %llu are missing: they were deleted before they were read, or "
            "never "
            "written",
            t->key, from, to);
}

/* The hash of the segment's first line; 0: there is none yet, or it is damaged. */
static uint64_t hash_of_segment(struct file *file) {
    uint8_t head[FRAME_HEADER_BYTES];
    struct frame_header header = {.kind = FRAME_SKIPPABLE};
    uint64_t at = 0, hash = 0;
    for (; header.kind != FRAME_DATA; at += header.size) { /* ends: `at` rises */
        const int64_t got = file_read_at(file, head, sizeof head, at);
        if (got <= 0 || frame_header(head, (size_t)got, &header) != 0) return 0;
        if (header.magic == FRAME_MAGIC_COVER) return 0;
    }
    const size_t size = (size_t)header.size;
    uint8_t *const packed = allocate(size + header.raw_size), *const raw = packed + size;
    if (file_read_at(file, packed, size, at - size) == (int64_t)size &&
        frame_decode(packed, &header, raw) == 0)
        hash =
            hash_bytes((const char *)raw, (size_t)(line_end(raw, raw + header.raw_size) - raw)) | 1;
    free(packed);
    return hash;
}

static uint64_t hash_of_file(struct tail *tail, const struct segment_file *segment) {
    struct file file;
    if (file_open(tail->call->files, segment->path, FILE_READ, &file) < 0) return 0;
    const uint64_t hash = hash_of_segment(&file);
    file_close(&file);
    return hash;
}

/* Names tell segments apart by the second in which they were opened.  Is this file, of the same
 * name, one that another daemon has begun in the same second?  A live segment is always the same
 * file; a closed one becomes another when it is re-packed or moved, with the same lines. */
static bool is_namesake(struct tail *tail, struct tailed *t, const struct segment_file *file) {
    if (!t->open || file->id == t->id) return false;
    if (file->name.part) return true;
    const uint64_t theirs = hash_of_file(tail, file);
    if (theirs != 0 && theirs != hash_of_segment(&t->reader.file)) return true;
    if (theirs != 0) t->id = file->id;
    return false;
}

/* The directory was made again, or is another one by now: the open segment's sequence belongs to
 * another segment, or all are older.  A listing that misses a segment (follows) is no reason. */
static bool is_replaced(struct tail *tail, struct tailed *t) {
    bool any = false, newer_one = false, ours = false;
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (!belongs(t, file)) continue;
        any = true;
        if (file->name.sequence > t->sequence) newer_one = true;
        if (file->name.sequence != t->sequence) continue;
        ours = true;
        if (file->name.opened_ns != t->opened_ns || is_namesake(tail, t, file)) return true;
    }
    if (!any || newer_one || ours) t->replaced_since = 0;
    if (!any || newer_one || ours) return false;
    if (t->replaced_since == 0) t->replaced_since = tail->listings;
    return tail->listings - t->replaced_since >= GAP_LISTINGS;
}

/* Closes the open segment, which may be followed again later. */
static void leave_segment(struct tailed *t) {
    if (t->open)
        t->places[t->place_count++ % PLACES_MAX] =
            (struct place){.sequence = t->sequence,
                           .opened_ns = t->opened_ns,
                           .hash = hash_of_segment(&t->reader.file),
                           .offset = t->reader.next_offset,
                           .frame_number = t->reader.frame_number};
    close_segment(t);
}

/* Where this segment was left; NULL: it was not followed, or that is too long ago. */
static const struct place *find_place(struct tail *tail, const struct tailed *t,
                                      const struct segment_file *file) {
    for (uint32_t k = t->place_count; k > 0 && t->place_count - k < PLACES_MAX; k--) {
        const struct place *const place = &t->places[(k - 1) % PLACES_MAX];
        if (place->sequence == file->name.sequence && place->opened_ns == file->name.opened_ns &&
            place->hash != 0 && place->hash == hash_of_file(tail, file))
            return place;
    }
    return NULL;
}

/* Continues at the newest segment that was left before.  False: there is none. */
static bool return_to_place(struct tail *tail, struct tailed *t) {
    for (uint32_t i = tail->list.count; i-- > 0;) {
        const struct segment_file *const file = &tail->list.files[i];
        const struct place *const place = belongs(t, file) ? find_place(tail, t, file) : NULL;
        if (place == NULL || !open_segment(tail, t, file, NULL)) continue;
        segment_reader_seek(&t->reader, place->offset);
        t->reader.frame_number = place->frame_number;
        return true;
    }
    return false;
}

static void begin_again(struct tail *tail, struct tailed *t) {
    print_segment(tail, t, true);
    leave_segment(t);
    t->begun = false;
    t->replaced_since = 0;
    const bool known = return_to_place(tail, t);
    say("%s: these are other segments than before; continuing %s", t->key,
        known ? "where they were left" : "at their beginning");
}

/* ---- files of other programs ---- */

static void print_foreign_lines(struct tail *tail, struct tailed *t, const uint8_t *lines,
                                size_t size) {
    print(tail, t, lines, size);
    if (!tail->following) return;
    held_pass_on(&tail->held, system_now_ns(), print_sorted, tail);
    render_flush(&tail->render);
    output_flush(tail->call->out);
}

static void close_foreign(struct tail *tail, struct foreign **foreign) {
    if (*foreign == NULL) return;
    if (foreign_failed(*foreign)) tail->failed = true;
    foreign_close(*foreign);
    *foreign = NULL;
}

/* False: it is a segment, or cannot be read. */
static bool open_foreign(struct tail *tail, struct tailed *t, const struct segment_file *file) {
    const struct call *const call = tail->call;
    const enum foreign_opened opened =
        foreign_open(call->files, file, call->paths.progress, &t->foreign);
    if (opened == FOREIGN_SEGMENT) return false;
    struct file_status status = {.id = file->id};
    (void)file_status_of(call->files, file->path, &status);
    t->id = status.id;
    t->facts = record_rules_of(tail->query.rules, file);
    t->ended = opened == FOREIGN_FAILED || file->pipe;
    if (opened == FOREIGN_FAILED) tail->failed = true;
    if (opened == FOREIGN_OPEN && tail->follow) foreign_follow(t->foreign);
    return true;
}

/* Keeps the last lines.  With -f, all lines of a pipe are new: it has no present end. */
static void find_last_lines(struct tail *tail, struct tailed *t) {
    const uint8_t *lines;
    size_t size;
    t->last.max = tail->lines;
    if (t->foreign == NULL || (t->ended && tail->follow)) return;
    while (foreign_next(t->foreign, &lines, &size)) {
        const struct wanted_lines wanted = find_wanted_of(tail, t, lines, size);
        last_lines_add(&t->last, wanted.begin, (size_t)(wanted.end - wanted.begin), wanted.count);
    }
}

static void print_new_lines(struct tail *tail, struct tailed *t, struct foreign *foreign) {
    const uint8_t *lines;
    size_t size;
    while (!output_failed(tail->call->out) && foreign_next(foreign, &lines, &size)) {
        const struct wanted_lines wanted = find_wanted_of(tail, t, lines, size);
        print_foreign_lines(tail, t, wanted.begin, (size_t)(wanted.end - wanted.begin));
    }
}

/* Prints what may follow the last newline, too. */
static void finish_file(struct tail *tail, struct tailed *t, struct foreign **foreign) {
    if (*foreign == NULL) return;
    foreign_end(*foreign);
    print_new_lines(tail, t, *foreign);
    close_foreign(tail, foreign);
}

/* The file that has the name now is another one: what is still written to the one before is printed,
 * too. */
static bool is_renamed(const struct tail *tail, const struct tailed *t) {
    struct file_status status;
    const struct segment_file *const now = t->ended ? NULL : find_current(tail, t);
    return now != NULL && file_status_of(tail->call->files, now->path, &status) == 0 &&
           status.id != t->id;
}

static void follow_file(struct tail *tail, struct tailed *t) {
    if (t->older != NULL) print_new_lines(tail, t, t->older);
    if (system_now_ns() >= t->older_until_ns) finish_file(tail, t, &t->older);
    while (t->foreign != NULL && !output_failed(tail->call->out)) { /* ends: files do */
        print_new_lines(tail, t, t->foreign);
        if (t->ended) { /* a pipe, which was read to its end */
            finish_file(tail, t, &t->foreign);
            return;
        }
        const struct segment_file *const now = find_current(tail, t);
        if (now != NULL && foreign_is_rewritten(t->foreign)) {
            finish_file(tail, t, &t->foreign);
        } else if (is_renamed(tail, t)) {
            finish_file(tail, t, &t->older);
            t->older = t->foreign;
            t->foreign = NULL;
            t->older_until_ns = system_now_ns() + OLDER_FILE_NS;
        } else {
            return;
        }
        if (!open_foreign(tail, t, now)) return;
    }
}

static void print_foreign(struct tail *tail, struct tailed *t) {
    last_lines_cut(&t->last);
    if (t->last.size > 0) print_foreign_lines(tail, t, t->last.bytes, t->last.size);
    last_lines_free(&t->last);
    if (tail->following) follow_file(tail, t);
}

/* ---- a stream ---- */

/* Prints everything that is new in the stream, across segments. */
static void print_stream(struct tail *tail, struct tailed *t) {
    const struct segment_file *const file = find_current(tail, t);
    /* A file that did not exist at first. */
    const bool appeared = tail->following && file != NULL && file->name.stream[0] == '\0' &&
                          t->foreign == NULL && !t->ended && !t->begun;
    if (appeared) (void)open_foreign(tail, t, file);
    if (t->foreign != NULL || t->ended) {
        print_foreign(tail, t);
        return;
    }
    if (tail->follow && t->begun && t->stream[0] != '\0' && is_replaced(tail, t))
        begin_again(tail, t);
    for (;;) { /* ends: every turn opens a newer segment */
        const struct segment_file *next = newer(tail, t);
        const bool move_on =
            next != NULL && follows(tail, t, next) && (!t->open || newer_has_lines(tail, t));
        print_segment(tail, t, move_on || !tail->follow);
        if (!move_on || t->left == 0 || output_failed(tail->call->out)) return;
        if (tail->follow) report_gap(t, next);
        leave_segment(t);
        open_segment(tail, t, next, next); /* `next`: segments that were printed come before it */
    }
}

/* ---- backwards: where the last lines begin ---- */

/* Goes back through the open segment for *needed lines, subtracts what it finds, and leaves the
 * reader at the frame where they begin. */
static void look_back(struct tail *tail, struct tailed *t, const struct segment_file *file,
                      uint64_t *needed) {
    struct segment_reader_frame *frames = NULL;
    uint64_t i = 0;
    enum segment_damage damage = SEGMENT_SOUND;
    const int status = segment_reader_frames(&t->reader, &frames, &i, &damage);
    if (status < 0) {
        say("%s: %s", file->path, error_text(status));
        tail->failed = true;
    }
    /* If no lines are wanted, start after the last frame. */
    segment_reader_seek(&t->reader, i > 0 ? frames[i - 1].offset + frames[i - 1].size : 0);
    t->reader.frame_number = i;
    if (!tail->follow && damage != SEGMENT_SOUND) {
        segment_reader_next(&t->reader, &damage);
        if (report_damage(file, &t->reader, damage)) tail->failed = true;
    }
    while (i > 0 && *needed > 0) {
        i--;
        segment_reader_seek(&t->reader, frames[i].offset);
        t->reader.frame_number = i;
        const bool sound = segment_reader_next(&t->reader, &damage) > 0;
        const uint64_t lines = sound ? find_wanted(tail, t).count : 0;
        if (!tail->follow && !sound && report_damage(file, &t->reader, damage)) tail->failed = true;
        segment_reader_seek(&t->reader, frames[i].offset);
        t->reader.frame_number = i;
        t->skip = lines > *needed ? lines - *needed : 0;
        *needed -= lines - t->skip;
    }
    free(frames);
}

/* Opens the segment in which the last lines begin. */
static void find_start(struct tail *tail, struct tailed *t) {
    uint64_t needed = tail->lines;
    const struct segment_file *const other = find_current(tail, t);
    if (other != NULL && other->name.stream[0] == '\0' && open_foreign(tail, t, other)) {
        find_last_lines(tail, t);
        return;
    }
    for (uint32_t i = tail->list.count; i-- > 0;) {
        const struct segment_file *file = &tail->list.files[i];
        if (!belongs(t, file)) continue;
        close_segment(t);
        if (open_segment(tail, t, file, NULL)) look_back(tail, t, file, &needed);
        if (needed == 0) break;
    }
    if (!tail->follow) t->left = tail->lines - needed;
}

/* ---- the command ---- */

static bool all_ended(const struct tail *tail) {
    for (uint32_t i = 0; i < tail->count; i++)
        if (!tail->tailed[i].ended || tail->tailed[i].foreign != NULL) return false;
    return tail->count > 0;
}

/* Ends when the reader of the output closes it, or standard input ends and there is nothing else. */
static void follow(struct tail *tail) {
    while (!output_failed(tail->call->out) && !all_ended(tail)) {
        if (system_now_ns() >= tail->list_next_ns) refresh_list(tail, false);
        for (uint32_t i = 0; i < tail->count; i++)
            print_stream(tail, &tail->tailed[i]);
        held_pass_on(&tail->held, system_now_ns(), print_sorted, tail);
        render_flush(&tail->render);
        output_flush(tail->call->out);
        system_sleep_ms(tail->poll_ms);
    }
    held_pass_on(&tail->held, INT64_MAX, print_sorted, tail);
}

/* The last records that the files hold now. */
static void print_first(struct tail *tail) {
    tail->state.unrecognised = (struct unrecognised){0}; /* these are read again */
    if (tail->sort) sorter_open(&tail->sorter, false, UINT64_MAX, print_sorted, tail);
    for (uint32_t i = 0; i < tail->count; i++)
        print_stream(tail, &tail->tailed[i]);
    if (tail->sort && sorter_finish(&tail->sorter) < 0) {
        say("tail: %s: %s while sorting; the output is not complete", tail->sorter.runs.where,
            error_text(tail->sorter.runs.status));
        tail->failed = true;
    }
    sorter_close(&tail->sorter);
    render_flush(&tail->render);
    output_flush(tail->call->out);
    report_unrecognised("tail", &tail->state.unrecognised);
    if (!tail->any && tail->lines > 0) survey_condition("tail", &tail->call->paths, &tail->query);
    if (tail->follow) render_report_missing(&tail->render);
}

static int open_tail(struct tail *tail, const struct tail_settings *settings) {
    const struct query_patterns any = {0};
    int status = query_open(&tail->query, "tail", &settings->query, &any, system_wall_ns());
    if (status < 0) return status;
    status = query_state_open(&tail->state);
    if (status < 0) {
        say("tail: %s", error_text(status));
    } else {
        status = render_open(&tail->render, &settings->render, tail->call->out);
        if (status == 0 && tail->query.shows_zone) render_zone(&tail->render, tail->query.zone);
        if (status == 0) return 0;
        query_state_close(&tail->state);
    }
    query_close(&tail->query);
    return status;
}

static int tail_run(struct call *call) {
    const struct tail_settings *settings = call->settings;
    struct tail tail = {.call = call,
                        .lines = settings->lines,
                        .poll_ms = (uint32_t)settings->poll_ms,
                        .follow = settings->follow,
                        .sort = settings->sort,
                        .held = {.delay_ns = (int64_t)settings->sort_delay_ms * 1000000}};
    if (open_tail(&tail, settings) < 0) return EXIT_ERROR;
    refresh_list(&tail, true);
    const bool listed = !tail.failed;
    for (uint32_t i = 0; i < tail.count; i++)
        find_start(&tail, &tail.tailed[i]);
    print_first(&tail);
    tail.following = tail.follow;
    if (tail.follow && listed) follow(&tail);
    for (uint32_t i = 0; i < tail.count; i++) {
        close_segment(&tail.tailed[i]);
        close_foreign(&tail, &tail.tailed[i].foreign);
        close_foreign(&tail, &tail.tailed[i].older);
        free(tail.tailed[i].key);
    }
    free(tail.tailed);
    segment_list_free(&tail.list);
    render_close(&tail.render);
    query_state_close(&tail.state);
    query_close(&tail.query);
    free(tail.wanted);
    held_close(&tail.held);
    return tail.failed ? EXIT_ERROR : EXIT_OK;
}

#define AT(field) offsetof(struct tail_settings, field)

static const struct option options[] = {
    {.name = "lines",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .field = AT(lines),
     .preset = "10",
     .help = "Print the last N records of each stream. -N is short for -n N.",
     .digits = true,
     .section = "Records"},
    {.name = "follow",
     .letter = 'f',
     .kind = OPTION_FLAG,
     .field = AT(follow),
     .help =
         "Continue with new records as they arrive, across rotations and restarts of the daemon."},
    {.name = "poll_ms",
     .kind = OPTION_TIME_MS,
     .field = AT(poll_ms),
     .min = 1,
     .max = 60000,
     .preset = "50ms",
     .help = "With --follow, look for new records this often."},
    {.name = "sort",
     .kind = OPTION_FLAG,
     .field = AT(sort),
     .help = "Print records of all streams and files in the order of event time. With --follow, "
             "each is held for --sort-delay, so that earlier ones can come before it."},
    {.name = "sort_delay",
     .kind = OPTION_TIME_MS,
     .field = AT(sort_delay_ms),
     .max = 60000,
     .preset = "1s",
     .help = "With --follow and --sort, hold each record for this time. Those that come later than "
             "that are printed at once, after later ones."},
    QUERY_OPTIONS(AT(query)),
    RENDER_OPTIONS(AT(render)),
    HELP_OPTION_IN_SECTION,
};

const struct command tail_command = {
    .name = "tail",
    .usage = "[OPTION…] [PATH…]",
    .summary = "Print the last records, and with -f new ones as they arrive.",
    .more = "With -f the directory need not exist yet, and new streams are printed from their\n"
            "beginning. No record is printed twice or left out; if segments are deleted before\n"
            "they were read, this is reported. Standard input has no\n"
            "present end: with -f, all of its records are printed as they arrive.\n"
            "\n"
            "Exit code: 0, or 2 if something could not be read or is damaged.\n"
            "\n"
            "Examples:\n"
            "  logport tail\n"
            "  logport tail -20 --stream main,audit\n"
            "  logport tail -f ./logs/main ./logs/rejects\n"
            "  logport tail -f --sort --level warn\n"
            "  logport tail -n 0 -f | grep --line-buffered error\n",
    .options = options,
    .settings_size = sizeof(struct tail_settings),
    .any_file = true,
    .run = tail_run,
};
