/* select.c - see select.h.  The calling thread cuts pieces; the port's workers read, decompress and
 * search them; the calling thread returns the results in order.  A ring of pieces bounds what is in
 * progress. */
#include "tools/query/select.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/memory.h"
#include "port/port.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/cut.h"
#include "tools/query/nearby.h"
#include "tools/query/piece.h"
#include "tools/query/read.h"
#include "tools/query/waiting.h"
#include "writer/index/index.h"

/* The first pieces are searched by the calling thread: threads do not pay for small files. */
#define PIECES_ALONE 2
#define PIECES_MAX   64
/* Lines of a piece that is read without the index after all. */
#define REST_BYTES   (4u << 20)
/* Usual size of a piece in the file, and of the lines of a frame. */
#define PACKED_BYTES (448u << 10)
#define FRAME_BYTES  (64u << 10)
#define JOB_BYTES    ((size_t)PACKED_BYTES + FRAME_BYTES)

/* Limit of the lines of a file of another program that newest_first keeps in memory. */
#define KEPT_BYTES_MAX (UINT64_C(1) << 30)

struct range {
    uint64_t begin, end;
};

/* A piece of a file of another program, which can only be read forwards. */
struct kept_piece {
    uint8_t *bytes;
    size_t size;
};

/* A segment that is open until its last piece has been returned. */
struct open_segment {
    struct cutter cutter;
    uint32_t uses;
    bool read_rest; /* the index is wrong: at last, what it has left out is read, too */
    bool reported;
    struct range *returned; /* pieces found by the index */
    uint64_t returned_count, returned_room;
    uint64_t place; /* by_time: of its next piece */
};

struct search_job {
    struct port_op op; /* first: an op is cast to its job */
    struct piece piece;
    struct open_segment *open;
    bool gap;               /* selection.gap */
    uint64_t place;         /* selection.place */
    int64_t first_ns;       /* selection.first_ns */
    enum piece_check check; /* PIECE_NOT_AS_INDEXED: it was not searched */
    bool done;              /* searched */
};

struct select {
    const struct read_request *request;
    const struct query *query;
    const struct select_settings *settings;
    struct select_report *report;
    select_visit *visit;
    void *context;
    const struct segment_list *list;
    uint32_t next_file;               /* how many were opened */
    struct open_segment *open;        /* the segment being cut, or NULL */
    const struct segment_file *shown; /* the last one opened, reading forwards */
    bool gap;         /* a file or the end of one was skipped since the last piece */
    struct cut *cuts; /* newest first: all pieces of the open segment */
    uint64_t cut_count, cut_room;
    struct kept_piece *kept; /* of the same pieces, if the file is of another program */
    uint64_t kept_bytes;
    struct waiting waiting; /* by_time: what is still to be read */
    uint32_t *ranks;        /* of the files, by stream and sequence */
    int64_t from_ns, to_ns; /* settings.near: groups outside are left out */
    uint64_t place;         /* of the piece that is returned, and the times of the selection */
    int64_t first_ns, next_ns;
    struct progress *progress;
    uint64_t bytes_passed;
    const struct segment_file *visited; /* segment of the last returned piece */
    bool several_streams;
    bool enough;
    bool gave_up;
    struct port *port; /* NULL: not open yet, or threads are not available */
    uint64_t pieces;
    struct search_job *jobs;
    uint8_t *memory;                 /* the initial buffers of all jobs */
    uint32_t job_count, first, used; /* ring of jobs */
    uint32_t threads;
};

/* ---- which piece comes next ---- */

/* False: there are too many lines; a message was printed. */
static bool keep_piece(struct select *s, const struct buffer *packed) {
    if (s->kept_bytes + packed->size > KEPT_BYTES_MAX) {
        progress_clear(s->progress);
        say("%s: more than %u MiB of lines, which --newest-first must keep in memory; lines after "
            "them are skipped",
            s->open->cutter.segment->path, (unsigned)(KEPT_BYTES_MAX >> 20));
        s->report->failed = true;
        return false;
    }
    const struct kept_piece piece = {allocate(packed->size), packed->size};
    memcpy(piece.bytes, packed->bytes, packed->size);
    s->kept[s->cut_count] = piece;
    s->kept_bytes += packed->size;
    return true;
}

static void take_kept(struct select *s, struct buffer *packed) {
    struct kept_piece *piece = &s->kept[s->cut_count];
    buffer_reserve(packed, piece->size);
    memcpy(packed->bytes, piece->bytes, piece->size);
    packed->size = piece->size;
    free(piece->bytes);
}

/* For newest_first: finds all pieces of the segment, to take them in reverse. */
static void find_cuts(struct select *s, struct buffer *packed) {
    struct cut cut;
    s->cut_count = 0;
    s->kept_bytes = 0;
    while (cutter_next(&s->open->cutter, &cut, packed)) {
        if (s->cut_count == s->cut_room) {
            s->cut_room = s->cut_room > 0 ? s->cut_room * 2 : 64;
            s->cuts = reallocate(s->cuts, s->cut_room * sizeof *s->cuts);
            s->kept = reallocate(s->kept, s->cut_room * sizeof *s->kept);
        }
        if (cut.foreign && !keep_piece(s, packed)) break;
        s->cuts[s->cut_count++] = cut;
    }
}

static const struct segment_file *file_at(const struct select *s, uint32_t number) {
    return &s->list->files[s->settings->newest_first ? s->list->count - 1 - number : number];
}

static void read_rest(struct select *s, struct open_segment *open);

static void release_segment(struct select *s, struct open_segment *open) {
    if (--open->uses > 0) return;
    if (open->read_rest && !s->enough) read_rest(s, open);
    cutter_close(&open->cutter);
    free(open->returned);
    free(open);
}

/* NULL: it cannot be read, or nothing in it is wanted.  shown: as for report_unopened. */
static struct open_segment *open_file(struct select *s, const struct segment_file *segment,
                                      const struct segment_file *shown) {
    struct open_segment *open = allocate(sizeof *open);
    *open = (struct open_segment){.uses = 1,
                                  .cutter = {.shown = shown,
                                             .query = s->query,
                                             .settings = s->settings,
                                             .any_file = s->request->any_file,
                                             .report = s->report,
                                             .progress = s->progress}};
    const bool wanted = cutter_open(&open->cutter, s->request->files, segment);
    if (!s->settings->newest_first) s->shown = open->cutter.shown;
    if (wanted) return open;
    s->gap = true;
    s->bytes_passed += segment->size;
    free(open);
    return NULL;
}

static bool open_next_file(struct select *s, struct buffer *packed) {
    while (s->next_file < s->list->count) {
        const struct segment_file *segment = file_at(s, s->next_file++);
        if (!query_wants_file(s->query, segment->name.stream)) continue;
        s->open = open_file(s, segment, s->shown);
        if (s->open == NULL) continue;
        if (s->settings->newest_first) find_cuts(s, packed);
        return true;
    }
    return false;
}

static void close_segment(struct select *s) {
    s->bytes_passed += s->open->cutter.segment->size;
    if (s->open->cutter.gap) s->gap = true;
    struct open_segment *open = s->open;
    s->open = NULL;
    release_segment(s, open);
}

static bool next_cut(struct select *s, struct piece *piece) {
    if (!s->settings->newest_first)
        return cutter_next(&s->open->cutter, &piece->cut, &piece->packed);
    if (s->cut_count == 0) return false;
    piece->cut = s->cuts[--s->cut_count];
    piece->cut.unread = !piece->cut.careful && !piece->cut.known && !piece->cut.foreign;
    if (piece->cut.foreign) take_kept(s, &piece->packed);
    return true;
}

/* ---- by time ---- */

/* The times of the lines of a group or file; if they are not known, all times. */
struct times {
    int64_t min_ns, max_ns;
};

static int64_t first_of(const struct select *s, const struct times *times) {
    return s->settings->newest_first ? times->max_ns : times->min_ns;
}

static bool is_left_out(const struct select *s, const struct times *times) {
    return s->settings->near && (times->max_ns < s->from_ns || times->min_ns > s->to_ns);
}

static struct times times_of_group(const struct facts_rules *facts,
                                   const struct index_group *group) {
    struct times times = {INT64_MIN, INT64_MAX};
    if (!group->damaged) query_span_times(facts, &group->span, &times.min_ns, &times.max_ns);
    return times;
}

static struct times times_of_index(const struct facts_rules *facts,
                                   const struct segment_index *index, struct nearby *nearby) {
    struct times all = {INT64_MAX, INT64_MIN};
    for (uint32_t i = 0; i < index->count; i++) {
        const struct times times = times_of_group(facts, &index->groups[i]);
        const struct nearby_group group = {times.min_ns, times.max_ns, index->groups[i].span.lines};
        if (times.min_ns != INT64_MIN && times.max_ns != INT64_MAX) nearby_add(nearby, &group);
        if (times.min_ns < all.min_ns) all.min_ns = times.min_ns;
        if (times.max_ns > all.max_ns) all.max_ns = times.max_ns;
    }
    return all;
}

static struct times times_of_file(const struct select *s, const struct segment_file *segment,
                                  struct nearby *nearby) {
    struct times times = {INT64_MIN, INT64_MAX};
    struct file file;
    struct segment_index index;
    const bool none =
        s->settings->all_frames || segment->name.part || segment->name.stream[0] == '\0';
    if (none || file_open(s->request->files, segment->path, FILE_READ, &file) < 0) return times;
    if (index_load(&file, &index) == 0) {
        times = times_of_index(record_rules_of(s->query->rules, segment), &index, nearby);
        index_free(&index);
    }
    file_close(&file);
    return times;
}

struct ranked_file {
    const struct segment_file *file;
    uint32_t number;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked_file *x = a, *y = b;
    const struct segment_name *const p = &x->file->name, *const q = &y->file->name;
    const int order = strcmp(p->stream, q->stream);
    if (order != 0) return order;
    if (p->sequence != q->sequence) return p->sequence < q->sequence ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void rank_files(struct select *s) {
    const uint32_t count = s->list->count;
    struct ranked_file *const ranked = allocate(count * sizeof *ranked);
    s->ranks = allocate(count * sizeof *s->ranks);
    for (uint32_t i = 0; i < count; i++)
        ranked[i] = (struct ranked_file){&s->list->files[i], i};
    if (count > 0) qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (uint32_t i = 0; i < count; i++)
        s->ranks[ranked[i].number] = i;
    free(ranked);
}

/* A file that need not be opened. */
static void skip_file(struct select *s, uint32_t number) {
    s->report->files++;
    s->report->files_skipped++;
    s->report->bytes += s->list->files[number].size;
}

/* A piece that need not be read. */
static void skip_cut(struct select *s, const struct cut *cut) {
    s->report->groups_by_time++;
    s->report->bytes_read -= cut->end - cut->offset;
}

static void begin_by_time(struct select *s) {
    const struct select_settings *const settings = s->settings;
    (void)system_open_files_max(); /* files whose times overlap are open together */
    rank_files(s);
    s->waiting.newest_first = s->settings->newest_first;
    struct nearby nearby = {0};
    struct times *const times = allocate(s->list->count * sizeof *times);
    for (uint32_t i = 0; i < s->list->count; i++)
        if (query_wants_file(s->query, s->list->files[i].name.stream))
            times[i] = times_of_file(s, &s->list->files[i], &nearby);
    if (settings->near)
        nearby_find(&nearby, settings->near_first_ns, settings->near_last_ns, settings->before,
                    settings->after, &s->from_ns, &s->to_ns);
    for (uint32_t i = 0; i < s->list->count; i++) {
        if (!query_wants_file(s->query, s->list->files[i].name.stream)) continue;
        const struct waiting_item item = {
            .time_ns = first_of(s, &times[i]), .place = (uint64_t)s->ranks[i] << 32, .file = i};
        if (is_left_out(s, &times[i]))
            skip_file(s, i);
        else
            waiting_add(&s->waiting, &item);
    }
    nearby_free(&nearby);
    free(times);
}

/* Adds the pieces of a file, or, if they come in their order only, the file as a whole. */
static void open_waiting(struct select *s, const struct waiting_item *file, struct buffer *packed) {
    const struct segment_file *const segment = &s->list->files[file->file];
    const bool seen = file->time_ns != WAITING_FIRST(s->settings->newest_first);
    struct open_segment *const open = open_file(s, segment, seen ? segment : s->shown);
    struct waiting_item item = *file;
    if (open == NULL) return;
    const struct groups *const groups = &open->cutter.groups;
    open->place = file->place;
    item.open = open;
    item.rest = open->cutter.foreign != NULL || !groups->known;
    if (item.rest) {
        waiting_add(&s->waiting, &item);
        return;
    }
    while (cutter_next(&open->cutter, &item.cut, packed)) {
        item.cut.unread = !item.cut.careful;
        const struct times times =
            times_of_group(open->cutter.facts, &groups->index.groups[groups->next]);
        item.time_ns = first_of(s, &times);
        item.place = open->place++;
        if (is_left_out(s, &times)) {
            skip_cut(s, &item.cut);
            continue;
        }
        open->uses++;
        waiting_add(&s->waiting, &item);
    }
    release_segment(s, open);
}

/* The next piece, whose file remains in use for it.  NULL: there are no more that are wanted. */
static struct open_segment *take_waiting(struct select *s, struct search_job *job) {
    const struct waiting_item *first;
    while ((first = waiting_first(&s->waiting)) != NULL) { /* ends: files and their pieces do */
        const struct sorter_limit *const limit = s->settings->limit;
        if (limit != NULL && sorter_is_beyond(limit, first->time_ns)) return NULL;
        const struct waiting_item item = waiting_take(&s->waiting);
        struct open_segment *const open = item.open;
        if (open == NULL) {
            open_waiting(s, &item, &job->piece.packed);
            continue;
        }
        job->first_ns = item.time_ns;
        job->piece.cut = item.cut;
        job->place = item.place;
        if (!item.rest) return open;
        if (cutter_next(&open->cutter, &job->piece.cut, &job->piece.packed)) {
            job->place = open->place++;
            open->uses++;
            waiting_add(&s->waiting, &item);
            return open;
        }
        release_segment(s, open);
    }
    return NULL;
}

/* The first time of what follows the oldest piece. */
static int64_t next_time(const struct select *s) {
    const struct waiting_item *const first = waiting_first(&s->waiting);
    if (s->used > 1) return s->jobs[(s->first + 1) % s->job_count].first_ns;
    return first != NULL ? first->time_ns : WAITING_LAST(s->settings->newest_first);
}

/* What was not needed counts as skipped by time. */
static void end_by_time(struct select *s) {
    while (waiting_first(&s->waiting) != NULL) {
        const struct waiting_item item = waiting_take(&s->waiting);
        if (item.open != NULL) {
            if (!item.rest) skip_cut(s, &item.cut);
            release_segment(s, item.open);
            continue;
        }
        skip_file(s, item.file);
    }
    waiting_free(&s->waiting);
    free(s->ranks);
}

/* ---- the next piece ---- */

/* The file of the next piece, with one more use.  NULL: there is none. */
static struct open_segment *take_next(struct select *s, struct search_job *job) {
    if (s->settings->by_time) return take_waiting(s, job);
    for (;;) { /* ends: every turn opens the next file */
        if (s->open == NULL && !open_next_file(s, &job->piece.packed)) return NULL;
        if (next_cut(s, &job->piece)) break;
        close_segment(s);
    }
    s->open->uses++;
    return s->open;
}

/* Fills the job with the next piece.  False: there is none. */
static bool prepare(struct select *s, struct search_job *job) {
    job->open = take_next(s, job);
    if (job->open == NULL) return false;
    job->piece.segment = job->open->cutter.segment;
    job->piece.several_streams = s->several_streams;
    job->piece.state.stream = job->piece.segment->name.stream;
    job->gap = job->piece.cut.gap || s->gap;
    s->gap = false;
    job->done = false;
    job->check = PIECE_AS_INDEXED;
    piece_begin(&job->piece);
    if (s->settings->by_time) s->bytes_passed += job->piece.cut.end - job->piece.cut.offset;
    progress_step(s->progress, s->bytes_passed + (s->open != NULL ? job->piece.cut.end : 0));
    return true;
}

/* ---- what came of it ---- */

/* The calling thread reads it, frame by frame. */
static bool is_careful(const struct piece *piece) {
    return piece->cut.careful || piece->damaged || piece->packed.size == 0;
}

/* Reads a piece frame by frame and reports damage; used where a worker found damage. */
static void search_carefully(struct select *s, struct search_job *job) {
    const struct segment_file *segment = job->open->cutter.segment;
    struct piece *piece = &job->piece;
    struct segment_reader reader;
    enum segment_damage damage;
    piece_begin(piece);
    int status = segment_reader_open(s->request->files, segment->path, &reader);
    if (status == 0) {
        segment_reader_seek(&reader, piece->cut.offset);
        reader.frame_number = piece->cut.first_frame;
    }
    while (status == 0 && reader.next_offset < piece->cut.end) { /* ends: next_offset rises */
        status = segment_reader_next(&reader, &damage);
        if (status < 0) break;
        if (status > 0) {
            if (reader.offset < piece->cut.end) piece_add(piece, reader.raw, reader.raw_size);
            status = 0;
            continue;
        }
        if (damage == SEGMENT_SOUND) break;
        progress_clear(s->progress);
        if (!report_damage(segment, &reader, damage)) break;
        s->report->failed = true;
        status = segment_reader_skip_damage(&reader);
        if (status == 0) break;
        if (status > 0) status = 0;
    }
    if (status < 0) {
        progress_clear(s->progress);
        say("%s: %s", segment->path, error_text(status));
        s->report->failed = true;
    }
    segment_reader_close(&reader);
    piece_finish(piece);
}

/* Returns the result of a piece to the caller. */
static void return_piece(struct select *s, struct piece *piece, bool gap) {
    struct select_report *report = s->report;
    if (piece->state.gave_up) s->gave_up = true;
    unrecognised_join(&report->unrecognised, &piece->state.unrecognised);
    report->frames_read += piece->frames;
    report->raw_bytes_read += piece->raw_bytes;
    report->frames_by_time += piece->by_time;
    report->frames_by_level += piece->by_level;
    report->frames_by_condition += piece->by_condition;
    piece_cut_short(piece, s->settings->max - report->found);
    report->found += piece->count;
    struct selection selection = piece_selection(piece);
    selection.file_begins = piece->segment != s->visited;
    selection.gap = gap;
    selection.place = s->place;
    selection.first_ns = s->first_ns;
    selection.next_ns = s->next_ns;
    s->visited = piece->segment;
    if (!s->visit(s->context, &selection)) s->enough = true;
}

static void note_returned(struct open_segment *open, const struct cut *cut) {
    if (open->returned_count == open->returned_room) {
        open->returned_room = open->returned_room > 0 ? open->returned_room * 2 : 64;
        open->returned = reallocate(open->returned, open->returned_room * sizeof *open->returned);
    }
    open->returned[open->returned_count++] = (struct range){cut->offset, cut->end};
}

/* The part of the result that the index knows; it is final even if the index turns out wrong. */
static void deliver_known(struct select *s, struct search_job *job) {
    struct open_segment *open = job->open;
    const struct groups *groups = &open->cutter.groups;
    for (uint32_t i = 0; i < groups->index.count; i++) {
        const struct index_group *group = &groups->index.groups[i];
        const struct cut cut = {.offset = group->offset, .end = group->offset + group->size};
        if (groups_is_known(groups, i)) note_returned(open, &cut);
    }
    job->piece.count = groups->known_counts.lines;
    job->piece.tally = groups->known_counts;
    job->piece.tally_bytes = groups->known_bytes;
    return_piece(s, &job->piece, job->gap);
}

/* The oldest piece. */
static void deliver(struct select *s, struct search_job *job) {
    struct open_segment *open = job->open;
    struct piece *piece = &job->piece;
    s->place = job->place;
    s->first_ns = job->first_ns;
    s->next_ns = next_time(s);
    if (piece->cut.known) {
        deliver_known(s, job);
        return;
    }
    if (job->check != PIECE_AS_INDEXED) open->read_rest = true;
    if (job->check == PIECE_NOT_AS_INDEXED) {
        progress_clear(s->progress);
        if (!open->reported)
            say("%s: its index is not of these lines; reading the rest of it without the index",
                open->cutter.segment->path);
        open->reported = true;
        s->report->failed = true;
        return;
    }
    if (open->cutter.groups.known) note_returned(open, &piece->cut);
    if (is_careful(piece)) search_carefully(s, job);
    return_piece(s, piece, job->gap);
}

/* ---- without the index ---- */

static bool was_returned(const struct open_segment *open, uint64_t offset) {
    for (uint64_t i = 0; i < open->returned_count; i++)
        if (offset >= open->returned[i].begin && offset < open->returned[i].end) return true;
    return false;
}

/* 1: reader->raw holds the next lines; 0: there are no more.  Reports damage. */
static int next_lines(struct select *s, struct open_segment *open) {
    struct segment_reader *reader = &open->cutter.reader;
    const struct segment_file *segment = open->cutter.segment;
    for (;;) { /* ends: each turn consumes a frame or damage */
        enum segment_damage damage = SEGMENT_SOUND;
        int status = segment_reader_next(reader, &damage);
        if (status == 0 && damage == SEGMENT_SOUND) return 0;
        if (status == 0) {
            progress_clear(s->progress);
            const bool known = was_returned(open, reader->offset);
            if (!known && !report_damage(segment, reader, damage)) return 0;
            if (!known) s->report->failed = true;
            if (segment_reader_skip_damage(reader) > 0) continue;
            return 0;
        }
        if (status > 0) return 1;
        s->report->failed = true;
        progress_clear(s->progress);
        say("%s: %s", segment->path, error_text(status));
        return 0;
    }
}

/* All frames of the segment that were not returned, in pieces of REST_BYTES. */
static void read_rest(struct select *s, struct open_segment *open) {
    struct piece piece;
    if (piece_open(&piece, s->query, s->settings) < 0) {
        say("%s", error_text(ERR_NO_MEMORY));
        return;
    }
    piece.cut.facts = open->cutter.facts;
    piece.segment = open->cutter.segment;
    piece.several_streams = s->several_streams;
    s->first_ns = s->next_ns = WAITING_FIRST(s->settings->newest_first); /* they may be any */
    segment_reader_seek(&open->cutter.reader, 0);
    bool more = true;
    while (more && !s->enough) {
        piece_begin(&piece);
        while (more && piece.raw_bytes < REST_BYTES) {
            more = next_lines(s, open) > 0;
            if (more && !was_returned(open, open->cutter.reader.offset))
                piece_add(&piece, open->cutter.reader.raw, open->cutter.reader.raw_size);
        }
        if (piece.frames == 0) continue;
        s->place = open->place++;
        piece_finish(&piece);
        return_piece(s, &piece, true);
    }
    piece_close(&piece);
}

/* ---- threads ---- */

/* A piece that cannot be read or has changed is left to search_carefully. */
static void search(struct search_job *job) {
    struct piece *piece = &job->piece;
    if (piece->cut.unread && cut_read(&job->open->cutter, &piece->cut, &piece->packed) < 0) return;
    job->check = piece_check(piece);
    if (job->check == PIECE_NOT_AS_INDEXED) return;
    piece_search(piece);
    if (!is_careful(piece)) piece_finish(piece);
}

static void work(struct port_op *op) {
    search((struct search_job *)(void *)op);
}

static void search_done(struct port_op *op) {
    ((struct search_job *)(void *)op)->done = true;
}

static void start(struct select *s, struct search_job *job) {
    if (job->piece.cut.known) {
        job->done = true;
        return;
    }
    const bool alone = s->pieces++ < PIECES_ALONE;
    /* The calling thread reads careful pieces itself. */
    if (job->piece.cut.careful) {
        job->done = true;
        return;
    }
    if (!alone && s->port == NULL && s->job_count > 1) {
        const struct port_options options = {.pack_workers = s->threads};
        if (port_open(&options, &s->port) < 0) s->port = NULL; /* continue without threads */
    }
    if (s->port == NULL) {
        search(job);
        job->done = true;
        return;
    }
    job->op.done = search_done;
    port_work(s->port, &job->op, PORT_LANE_PACK, work);
}

/* Without threads every piece is returned as soon as it is searched. */
static bool may_start(const struct select *s) {
    if (s->enough || s->used == s->job_count) return false;
    return s->port != NULL || s->used == 0 || s->pieces >= PIECES_ALONE;
}

static void run_search(struct select *s) {
    bool more = true;
    for (;;) { /* ends: pieces do */
        while (more && may_start(s)) {
            struct search_job *job = &s->jobs[(s->first + s->used) % s->job_count];
            more = prepare(s, job);
            if (!more) break;
            s->used++;
            start(s, job);
            if (s->port != NULL) port_wait(s->port, 0);
            if (s->jobs[s->first].done) break; /* return finished results first */
        }
        if (s->used == 0) break;
        struct search_job *job = &s->jobs[s->first];
        while (!job->done)
            port_wait(s->port, -1);
        if (!s->enough) deliver(s, job);
        release_segment(s, job->open);
        s->first = (s->first + 1) % s->job_count;
        s->used--;
        if (s->enough) more = false;
    }
}

/* $LOGPORT_THREADS, or one for each core. */
static uint32_t threads_wanted(void) {
    const char *const text = system_environment("LOGPORT_THREADS");
    uint32_t threads = 0;
    for (const char *p = text; p != NULL && *p >= '0' && *p <= '9' && threads < 1000; p++)
        threads = threads * 10 + (uint32_t)(*p - '0');
    if (threads == 0) threads = system_cores();
    return threads < PORT_WORKERS_MAX ? threads : PORT_WORKERS_MAX;
}

static bool open_jobs(struct select *s) {
    s->threads = threads_wanted();
    s->job_count = s->threads * 4 < PIECES_MAX ? s->threads * 4 : PIECES_MAX;
    s->jobs = allocate(s->job_count * sizeof *s->jobs);
    memset(s->jobs, 0, s->job_count * sizeof *s->jobs);
    s->memory = memory_take(s->job_count * JOB_BYTES);
    for (uint32_t i = 0; i < s->job_count; i++) {
        struct piece *piece = &s->jobs[i].piece;
        if (s->memory == NULL || piece_open(piece, s->query, s->settings) < 0) {
            s->job_count = i;
            return false;
        }
        uint8_t *memory = s->memory + i * JOB_BYTES;
        piece->packed = (struct buffer){.bytes = memory, .room = PACKED_BYTES, .lent = true};
        piece->frame =
            (struct buffer){.bytes = memory + PACKED_BYTES, .room = FRAME_BYTES, .lent = true};
    }
    return true;
}

static void close_all(struct select *s) {
    while (s->open != NULL && s->open->cutter.foreign != NULL && s->settings->newest_first &&
           s->cut_count > 0)
        free(s->kept[--s->cut_count].bytes);
    if (s->open != NULL) close_segment(s);
    end_by_time(s);
    if (s->port != NULL) port_close(s->port);
    for (uint32_t i = 0; i < s->job_count; i++)
        piece_close(&s->jobs[i].piece);
    free(s->jobs);
    memory_give_back(s->memory);
    free(s->cuts);
    free(s->kept);
}

void select_run(const struct read_request *request, const struct query *query,
                const struct select_settings *settings, select_visit *visit, void *context,
                struct select_report *report) {
    struct segment_list list = {0};
    const bool all = list_segments(request, &list);
    const bool listed = streams_exist(query->streams, &list) && all;
    select_files(request, &list, query, settings, visit, context, report);
    if (!listed) report->failed = true;
    segment_list_free(&list);
}

void select_files(const struct read_request *request, const struct segment_list *list,
                  const struct query *query, const struct select_settings *settings,
                  select_visit *visit, void *context, struct select_report *report) {
    struct select s = {.request = request,
                       .list = list,
                       .query = query,
                       .settings = settings,
                       .report = report,
                       .visit = visit,
                       .context = context,
                       .progress = request->progress};
    uint64_t total = 0;
    memset(report, 0, sizeof *report);
    for (uint32_t i = 0; i < list->count; i++)
        total += list->files[i].size;
    progress_begin(s.progress, settings->results_at_end, total);
    s.enough = settings->max == 0;
    s.several_streams = several_streams(query->streams, list);
    if (!open_jobs(&s)) {
        say("%s", error_text(ERR_NO_MEMORY));
        report->failed = true;
    } else {
        if (settings->by_time) begin_by_time(&s);
        run_search(&s);
    }
    progress_clear(s.progress);
    if (s.gave_up) {
        say("a regular expression took too long on some records, which were skipped");
        report->failed = true;
    }
    close_all(&s);
}

static unsigned long long ull(uint64_t number) {
    return number;
}

void select_explain(const struct select_report *r) {
    say("explain: %llu files, %llu with an index, %llu skipped entirely", ull(r->files),
        ull(r->files_indexed), ull(r->files_skipped));
    say("explain: %llu groups in indexes; skipped: %llu by time, %llu by level, %llu by filter, "
        "%llu by condition",
        ull(r->groups), ull(r->groups_by_time), ull(r->groups_by_level), ull(r->groups_by_filter),
        ull(r->groups_by_condition));
    say("explain: %llu groups counted from their indexes", ull(r->groups_counted));
    say("explain: frames skipped by their lids: %llu by time, %llu by level, %llu by condition",
        ull(r->frames_by_time), ull(r->frames_by_level), ull(r->frames_by_condition));
    say("explain: %llu of %llu bytes read; %llu frames decompressed to %llu bytes",
        ull(r->bytes_read), ull(r->bytes), ull(r->frames_read), ull(r->raw_bytes_read));
}

void report_unrecognised(const char *command, const struct unrecognised *unrecognised) {
    char text[512];
    if (unrecognised->records == 0) return;
    unrecognised_print(unrecognised, text, sizeof text);
    say("%s: %s", command, text);
}
