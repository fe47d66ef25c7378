/* select.c - see select.h.  The calling thread cuts pieces; the port's workers read, decompress and
 * search them; the calling thread returns the results in order.  A ring of pieces bounds what is in
 * progress. */
#include "tools/query/select.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/memory.h"
#include "port/port.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "tools/query/select_internal.h"

/* The first pieces are searched by the calling thread: threads do not pay for small files. */
#define PIECES_ALONE 2
#define PIECES_MAX   64
/* Usual size of a piece in the file, and of the lines of a frame. */
#define PACKED_BYTES (448u << 10)
#define FRAME_BYTES  (64u << 10)
#define JOB_BYTES    ((size_t)PACKED_BYTES + FRAME_BYTES)

static const struct segment_file *file_at(const struct select *s, uint32_t number) {
    return &s->list->files[s->settings->newest_first ? s->list->count - 1 - number : number];
}

static bool open_next_file(struct select *s, struct buffer *packed) {
    while (s->next_file < s->list->count) {
        const struct segment_file *segment = file_at(s, s->next_file++);
        if (!query_wants_file(s->query, segment->name.stream)) continue;
        s->open = select_open_file(s, segment, s->shown);
        if (s->open == NULL) continue;
        if (s->settings->newest_first) select_find_cuts(s, packed);
        return true;
    }
    return false;
}

static void close_segment(struct select *s) {
    s->bytes_passed += s->open->cutter.segment->size;
    if (s->open->cutter.gap) s->gap = true;
    struct open_segment *open = s->open;
    s->open = NULL;
    select_release(s, open);
}

/* ---- the next piece ---- */

static bool next_cut(struct select *s, struct piece *piece) {
    if (s->settings->newest_first) return select_take_cut(s, piece);
    return cutter_next(&s->open->cutter, &piece->cut, &piece->packed);
}

/* The file of the next piece, with one more use.  NULL: there is none. */
static struct open_segment *take_next(struct select *s, struct search_job *job) {
    if (s->settings->by_time) return select_take_waiting(s, job);
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

/* ---- threads ---- */

/* A piece that cannot be read or has changed is left to select_deliver. */
static void search(struct search_job *job) {
    struct piece *piece = &job->piece;
    if (piece->cut.unread && cut_read(&job->open->cutter, &piece->cut, &piece->packed) < 0) return;
    job->check = piece_check(piece);
    if (job->check == PIECE_NOT_AS_INDEXED) return;
    piece_search(piece);
    if (!select_is_careful(piece)) piece_finish(piece);
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

/* Returns the result of the oldest piece. */
static void deliver(struct select *s, struct search_job *job) {
    s->place = job->place;
    s->first_ns = job->first_ns;
    s->next_ns = select_next_time(s);
    select_deliver(s, job);
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
        select_release(s, job->open);
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
    select_close_cuts(s);
    if (s->open != NULL) close_segment(s);
    select_end_by_time(s);
    if (s->port != NULL) port_close(s->port);
    for (uint32_t i = 0; i < s->job_count; i++)
        piece_close(&s->jobs[i].piece);
    free(s->jobs);
    memory_give_back(s->memory);
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
        if (settings->by_time) select_begin_by_time(&s);
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
