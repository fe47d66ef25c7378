/* stream.c - appends frames to a stream's present segment, and retires it.
 *
 * An append is two writes: first all of it with a cover in place of its first 8 bytes, then, when
 * that is complete, the true 8 bytes (FORMAT.md).  So the file is valid at every moment, and
 * readers skip a torn append.
 *
 * A write that fails is retried in the same segment.  If it keeps failing the fault may be of that
 * one file (EIO, ESTALE, EFBIG), so the segment is retired and the append goes to a new one.  What
 * the failed write left is cut off, or stays under its cover: so the append is stored once.  Only
 * if the write that uncovers it fails, and then the cut, covering it again and reading it back too,
 * it may be in both segments.
 *
 * Appending to the present segment is one state machine (`step`); the syncs and the closing of each
 * segment are another (live_segment.c).  All continue when an op completes. */
#include "writer/live/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/live/stream_internal.h"
#include "writer/segment/frame.h"

#define RETRY_NS        (2 * 1000000000ll)
/* A program that opens files without sharing, such as a virus scanner, usually closes them soon. */
#define BUSY_RETRY_NS   (200 * 1000000ll)
#define SAY_AGAIN_NS    (60 * 1000000000ll)
/* A segment is retired when this many tries in a row have failed, over at least this long ... */
#define MOVE_TRIES      3
#define MOVE_NS         (4 * 1000000000ll)
/* ... on a full volume, where a new file rarely helps, after this long.  Then the segment is closed
 * at least, and retention may delete it. */
#define MOVE_FULL_NS    (60 * 1000000000ll)
/* If not even the first append of a new file can be written, the fault is the volume's: until an
 * append succeeds, an empty segment is replaced after this long, then twice as long, and so on: a
 * broken volume gets one new file a minute.  On a full one the empty segment stays. */
#define NEW_FILE_NS     MOVE_NS
#define NEW_FILE_NS_MAX (60 * 1000000000ll)
/* A lid is written with an append when there have been this many bytes of lines, or this long,
 * since the last one.  So its 64 bytes follow about 20,000 compressed bytes, or 5 s. */
#define LID_RAW_BYTES   (64u << 10)
#define LID_NS          (5 * 1000000000ll)
/* After a pause this long a look at the file precedes an append: one to a file that another program
 * has shortened would leave a hole in it.  Appends at full speed do not wait for looks. */
#define LOOK_BEFORE_NS  (10 * 1000000ll)

static void step_done(struct port_op *op);
static void note_due(struct stream *stream);
static void append_stored(struct stream *stream);
static void move_on(struct stream *stream);

static void begin_rotation(struct stream *stream) {
    const struct stream_sizes *sizes = &stream->options.sizes;
    const struct rotation_rules rules = {.age_ms = sizes->segment_age_ms,
                                         .idle_ms = sizes->segment_idle_ms,
                                         .schedule = sizes->schedule};
    rotation_begin(&stream->rotation, &rules, port_wall_ns(stream->port));
}

int stream_open(struct port *port, const struct stream_options *options, struct stream **stream) {
    assert(stream_name_valid(options->name));
    struct stream *s = calloc(1, sizeof *s);
    if (!s) return ERR_NO_MEMORY;
    s->port = port;
    s->options = *options;
    s->last_sequence = options->last_sequence;
    s->op.done = step_done;
    begin_rotation(s);
    strcpy(s->name, options->name);
    char file[STREAM_NAME_MAX + 16];
    strcat(strcpy(file, options->name), ".sequence");
    if (!path_join(s->folder, options->directory, options->name, NULL) ||
        !path_join(s->state_folder, options->directory, "state", NULL) ||
        !path_join(s->state_path, options->directory, "state", file)) {
        free(s);
        return ERR_NAME_TOO_LONG;
    }
    *stream = s;
    return 0;
}

uint64_t stream_segment_bytes_max(const struct stream *stream) {
    return stream->options.sizes.segment_bytes_max;
}

void stream_append(struct stream *stream, struct stream_append *append) {
    assert(!stream->finishing && append->size >= FRAME_COVER_BYTES);
    append->next = NULL;
    append->rotates = false;
    stream->appended++;
    if (stream->last)
        stream->last->next = append;
    else
        stream->first = append;
    stream->last = append;
    stream->counts.appends_held++;
    stream_advance(stream);
}

void stream_sync(struct stream *stream, struct waiter *waiter) {
    assert(stream->present);
    live_segment_sync(stream->present, waiter);
}

bool stream_may_extend(const struct stream *stream, const struct stream_append *append) {
    return append != stream->first && !append->rotates;
}

uint64_t stream_rotate(struct stream *stream) {
    if (stream->last)
        stream->last->rotates = true;
    else
        stream->rotate_wanted = true;
    move_on(stream);
    stream_advance(stream);
    return stream->appended;
}

void stream_hurry(struct stream *stream) {
    stream->hurried = true;
    live_segment_retry_closing(stream);
    move_on(stream);
    stream_advance(stream);
}

void stream_resize(struct stream *stream, const struct stream_sizes *sizes) {
    struct live_segment *live = stream->present;
    note_due(stream);
    stream->options.sizes = *sizes;
    begin_rotation(stream);
    if (!live || stream->step == STREAM_OPENING) return;
    port_cancel(&live->sync_timer); /* completes, and syncs at once */
    live_segment_watch(live);
    stream_advance(stream);
}

static uint64_t before(const struct live_segment *live, uint64_t appends) {
    const uint64_t first = live ? live->first_append : 0;
    return first > 0 && first <= appends ? first - 1 : appends;
}

uint64_t stream_closed_appends(const struct stream *stream) {
    uint64_t closed = before(stream->present, stream->appended - stream->counts.appends_held);
    for (const struct live_segment *live = stream->retired; live; live = live->next)
        closed = before(live, closed);
    return closed;
}

int stream_failure(const struct stream *stream) {
    int failure = stream->failure;
    for (const struct live_segment *live = stream->retired; live && !failure; live = live->next)
        if (live->close_waits) failure = live->close_error;
    return failure;
}

bool stream_busy(const struct stream *stream) {
    return stream->first || stream->step != STREAM_IDLE || stream->retired || stream->rotate_wanted;
}

void stream_finish(struct stream *stream) {
    stream->finishing = true;
    stream_advance(stream);
}

void stream_abandon(struct stream *stream) {
    stream->abandoned = true;
    if (stream->step == STREAM_WAITING) port_cancel(&stream->op);
    live_segment_retry_closing(stream);
    stream_advance(stream);
}

struct stream_counts stream_counts(const struct stream *stream) {
    struct stream_counts counts = stream->counts;
    counts.failing = stream->failure != 0;
    return counts;
}

uint64_t stream_segments_closed(const struct stream *stream) {
    return stream->counts.segments_closed;
}

void stream_free(struct stream *stream) {
    assert(!stream_busy(stream) && !stream->present);
    free(stream);
}

/* ---- failures ---- */

bool stream_may_report(const struct stream *stream, int64_t *reported_ns) {
    const int64_t now = port_now_ns(stream->port);
    if (*reported_ns && now - *reported_ns < SAY_AGAIN_NS) return false;
    *reported_ns = now;
    return true;
}

int64_t stream_retry_ns(int error) {
    return error == ERR_BUSY ? BUSY_RETRY_NS : RETRY_NS;
}

static void wait_and_try_again(struct stream *stream, int error) {
    const int64_t now = port_now_ns(stream->port);
    stream->failure = error;
    stream->step = STREAM_WAITING;
    port_timer(stream->port, &stream->op, stream->abandoned ? now : now + stream_retry_ns(error));
}

static void hold(struct stream *stream, const char *path, int error) {
    stream->counts.write_failures++;
    if (stream_may_report(stream, &stream->failure_reported_ns)) {
        stream->failure_reported = true;
        say_error("%s: %s; holding %u batch%s, retrying every %g s", path, error_text(error),
                  stream->counts.appends_held, stream->counts.appends_held == 1 ? "" : "es",
                  (double)stream_retry_ns(error) / 1e9);
    }
    wait_and_try_again(stream, error);
}

/* Has the present segment failed for so long that a new file is tried? */
static bool move_due(const struct stream *stream, int error) {
    const struct segment *segment = &stream->present->segment;
    const int64_t now = port_now_ns(stream->port);
    const bool empty = segment->size == 0, full = error == ERR_NO_SPACE;
    if (empty && full) return false; /* it is the new file */
    if (stream->move_wanted || stream->hurried) return true;
    if (full) return now - stream->tried_ns >= MOVE_FULL_NS;
    if (error == ERR_TOO_LARGE && !empty) return true; /* it will not get smaller */
    if (stream->tries < MOVE_TRIES || now - stream->tried_ns < MOVE_NS) return false;
    return !empty || now >= stream->new_file_ns;
}

/* The present segment is retired at the next step. */
static void give_up_present(struct stream *stream, int error) {
    struct segment *segment = &stream->present->segment;
    if (stream_may_report(stream, &stream->move_reported_ns))
        say("%s: %s; closing it and continuing in a new segment%s", segment->path,
            error_text(error),
            segment->rest == REST_DOUBTFUL ? ", which may repeat the last batch" : "");
    segment->failed = true;
    stream->failure = error;
    stream->move_wanted = false;
}

/* If lines were stored in between, at once; else nothing limits the number of new files but a
 * wait. */
static void pause_before_move(struct stream *stream, int error) {
    if (stream->present->segment.size > 0) return;
    const int64_t pause = 2 * stream->new_file_pause_ns;
    stream->new_file_pause_ns = !pause                    ? NEW_FILE_NS
                                : pause > NEW_FILE_NS_MAX ? NEW_FILE_NS_MAX
                                                          : pause;
    stream->new_file_ns = port_now_ns(stream->port) + stream->new_file_pause_ns;
    wait_and_try_again(stream, error);
}

/* A write to the present segment has failed, and what it left is cut off if that was possible. */
static void write_failed(struct stream *stream, int error) {
    struct segment *segment = &stream->present->segment;
    if (stream->tries++ == 0) stream->tried_ns = port_now_ns(stream->port);
    if (segment->rest != REST_SHOWN && !move_due(stream, error)) {
        hold(stream, segment->path, error);
        return;
    }
    stream->counts.write_failures++;
    give_up_present(stream, error);
    if (segment->rest != REST_SHOWN) {
        pause_before_move(stream, error);
    } else { /* the write that failed took effect */
        segment->uncut = true;
        stream->append_size = segment->rest_size;
        append_stored(stream);
    }
}

/* Tries now, and in a new segment if the present one is failing. */
static void move_on(struct stream *stream) {
    if (!stream->failure) return;
    stream->move_wanted = true;
    if (stream->step != STREAM_WAITING) return; /* a write or a cut decides */
    if (stream->present && move_due(stream, stream->failure))
        give_up_present(stream, stream->failure);
    port_cancel(&stream->op);
}

static struct stream_append *take_first(struct stream *stream) {
    struct stream_append *append = stream->first;
    stream->first = append->next;
    if (!stream->first) stream->last = NULL;
    stream->counts.appends_held--;
    stream->rotate_wanted |= append->rotates;
    return append;
}

static void give_up_held(struct stream *stream) {
    while (stream->first) {
        struct stream_append *append = take_first(stream);
        append->done(append, ERR_CANCELLED);
    }
}

/* ---- the present segment ---- */

static void open_run(struct port_op *op) {
    struct stream *stream = PORT_CONTAINER(struct stream, op, op);
    op->result = segment_open(&stream->present->segment);
}

static void cut_run(struct port_op *op) {
    struct stream *stream = PORT_CONTAINER(struct stream, op, op);
    op->result = segment_cut(&stream->present->segment);
}

static void look_run(struct port_op *op) {
    struct stream *stream = PORT_CONTAINER(struct stream, op, op);
    op->result = segment_look(&stream->present->segment, stream->present->mark);
}

static void start_open(struct stream *stream) {
    stream->present = live_segment_create(stream);
    if (!stream->present) {
        hold(stream, stream->folder, ERR_NO_MEMORY);
        return;
    }
    stream->step = STREAM_OPENING;
    port_work(stream->port, &stream->op, PORT_LANE_URGENT, open_run);
}

static void opened(struct stream *stream, int result) {
    struct live_segment *live = stream->present;
    if (result < 0) {
        stream->present = NULL;
        hold(stream, live->segment.failing, result);
        free(live);
        return;
    }
    stream->tries = 0;
    stream->move_wanted = false;
    stream->last_sequence = live->segment.name.sequence;
    stream->counts.segments_opened++;
    live->lid_ns = port_now_ns(stream->port);
    rotation_opened(&stream->rotation, live->lid_ns, live->segment.name.opened_ns);
    live_segment_watch(live);
}

/* Writes a lid after the append, if one is due, and returns its size. */
static size_t put_lid(struct stream *stream, const struct stream_append *append) {
    struct live_segment *live = stream->present;
    const struct span *after_lid = &live->segment.after_lid;
    const bool known = append->span.lines == append->lines;
    const struct span span = known ? append->span : span_unknown(append->lines, append->raw_size);
    stream->append_span = *after_lid;
    span_add(&stream->append_span, &span);
    stream->append_lid = stream->append_span.raw_size >= LID_RAW_BYTES ||
                         port_now_ns(stream->port) - live->lid_ns >= LID_NS;
    if (!stream->append_lid) return 0;
    return lid_encode(&stream->append_span, live->segment.lines - after_lid->lines,
                      append->bytes + append->size);
}

static void start_write(struct stream *stream) {
    struct stream_append *append = stream->first;
    struct segment *segment = &stream->present->segment;
    size_t size = append->size + put_lid(stream, append);
    size += frame_padding(segment->size + size, append->bytes + size);
    stream->append_size = size;
    memcpy(append->cover, append->bytes, FRAME_COVER_BYTES);
    frame_cover(stream->append_size, append->bytes);
    if (segment->rest != REST_DOUBTFUL || segment->rest_size < stream->append_size)
        segment->rest_size = stream->append_size;
    if (segment->rest == REST_NONE) segment->rest = REST_COVERED;
    stream->looked = false;
    stream->step = STREAM_WRITING;
    port_write(stream->port, &stream->op, &segment->file, append->bytes, stream->append_size,
               segment->size);
}

/* A look of the segment's own may be under way. */
static bool look_due(const struct stream *stream) {
    const struct live_segment *live = stream->present;
    return live->segment.size > 0 && !live->looking && !stream->looked &&
           port_now_ns(stream->port) - live->appended_ns >= LOOK_BEFORE_NS;
}

static void start_look(struct stream *stream) {
    stream->present->look_size = stream->present->segment.size;
    stream->step = STREAM_LOOKING;
    port_work(stream->port, &stream->op, PORT_LANE_URGENT, look_run);
}

static void start_uncover(struct stream *stream) {
    struct segment *segment = &stream->present->segment;
    segment->rest = REST_DOUBTFUL;
    segment->rest_size = stream->append_size;
    stream->step = STREAM_UNCOVERING;
    port_write(stream->port, &stream->op, &segment->file, stream->first->cover, FRAME_COVER_BYTES,
               segment->size);
}

/* Restores the append's true beginning, and cuts the file to its size before the append. */
static void start_cut(struct stream *stream, int error) {
    memcpy(stream->first->bytes, stream->first->cover, FRAME_COVER_BYTES);
    stream->error = error;
    stream->step = STREAM_CUTTING;
    port_work(stream->port, &stream->op, PORT_LANE_URGENT, cut_run);
}

static void append_stored(struct stream *stream) {
    struct live_segment *live = stream->present;
    struct stream_append *append = take_first(stream);
    if (!live->first_append) live->first_append = stream->appended - stream->counts.appends_held;
    live->last_start = live->segment.size;
    live->segment.size += stream->append_size;
    live->segment.raw_size += append->raw_size;
    live->segment.lines += append->lines;
    live->segment.after_lid = stream->append_lid ? (struct span){0} : stream->append_span;
    const int64_t now = port_now_ns(stream->port);
    live->appended_ns = now;
    if (stream->append_lid) live->lid_ns = now;
    rotation_appended(&stream->rotation, now);
    live_segment_written(live);
    stream->counts.bytes_written += stream->append_size;
    if (stream->failure_reported)
        say_info("%s: writing again; nothing was lost", live->segment.path);
    stream->failure_reported = false;
    stream->failure = 0;
    stream->tries = 0;
    stream->move_wanted = false;
    stream->new_file_pause_ns = stream->new_file_ns = 0;
    append->done(append, 0);
}

static void step_done(struct port_op *op) {
    struct stream *stream = PORT_CONTAINER(struct stream, op, op);
    const enum stream_step step = stream->step;
    const int64_t looked = op->result;
    const int result = op->result < 0 ? (int)op->result : 0;
    stream->step = STREAM_IDLE;
    if (result < 0 && (step == STREAM_WRITING || step == STREAM_UNCOVERING)) {
        start_cut(stream, result);
        return;
    }
    switch (step) {
    case STREAM_OPENING: opened(stream, result); break;
    case STREAM_LOOKING:
        live_segment_looked(stream->present, looked);
        stream->looked = true;
        break;
    case STREAM_WRITING: start_uncover(stream); break;
    case STREAM_UNCOVERING:
        stream->present->segment.rest = REST_NONE;
        append_stored(stream);
        break;
    case STREAM_CUTTING: /* if it failed: the next write overwrites the same place */
        write_failed(stream, stream->error);
        break;
    case STREAM_WAITING: break;
    case STREAM_IDLE: assert(!"an op of no step");
    }
    stream_advance(stream);
}

static bool retire_due(const struct stream *stream) {
    const struct segment *segment = &stream->present->segment;
    if (stream->rotate_wanted || segment->failed || segment->suspect) return true;
    if (segment->gone || segment->shortened) return true;
    const struct stream_append *append = stream->first;
    if (!append) return stream->finishing;
    if (segment->size == 0) return false;
    const uint64_t packed = segment->size + append->size + STREAM_SPARE_BYTES;
    const uint64_t packed_max = stream->options.sizes.segment_packed_bytes_max;
    return segment->raw_size + append->raw_size > stream->options.sizes.segment_bytes_max ||
           (packed_max && packed > packed_max);
}

/* What is appended after a due time belongs to the next segment. */
static void note_due(struct stream *stream) {
    if (stream->present && stream->present->segment.size > 0)
        stream->rotate_wanted |= rotation_due(&stream->rotation, port_wall_ns(stream->port));
}

static void start_next(struct stream *stream) {
    if (stream->abandoned) give_up_held(stream);
    note_due(stream);
    if (stream->present && retire_due(stream)) live_segment_retire(stream);
    stream->rotate_wanted = false;
    if (!stream->first) return;
    if (stream->sync_error) { /* a disk that cannot sync must not get a new segment every second */
        wait_and_try_again(stream, stream->sync_error);
        stream->sync_error = 0;
        return;
    }
    if (stream->present && look_due(stream))
        start_look(stream);
    else if (stream->present)
        start_write(stream);
    else if (live_segments_closing(stream) < STREAM_CLOSING_MAX)
        start_open(stream); /* else the end of a closing continues here */
}

void stream_advance(struct stream *stream) {
    if (stream->step == STREAM_IDLE) start_next(stream);
    live_segment_close_retired(stream);
}
