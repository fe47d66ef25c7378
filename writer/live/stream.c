/* stream.c - appends frames to a stream's present segment, and retires it.
 *
 * An append is two writes: first all of it with a cover in place of its first 8 bytes, then, when
 * that is complete, the true 8 bytes (FORMAT.md).  So the file is valid at every moment, and
 * readers skip a torn append.
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

#define RETRY_NS      (2 * 1000000000ll)
/* A program that opens files without sharing, such as a virus scanner, usually closes them soon. */
#define BUSY_RETRY_NS (200 * 1000000ll)
#define SAY_AGAIN_NS  (60 * 1000000000ll)
/* A lid is written with an append when there have been this many bytes of lines, or this long,
 * since the last one.  So its 64 bytes follow about 20,000 compressed bytes, or 5 s. */
#define LID_RAW_BYTES (64u << 10)
#define LID_NS        (5 * 1000000000ll)

static void step_done(struct port_op *op);
static void note_due(struct stream *stream);

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
    if (stream->last)
        stream->last->next = append;
    else
        stream->first = append;
    stream->last = append;
    stream->counts.appends_held++;
    stream_advance(stream);
}

void stream_rotate(struct stream *stream) {
    stream->rotate_after = stream->last;
    if (!stream->last) stream->rotate_wanted = true;
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

bool stream_closing(const struct stream *stream) {
    return stream->retired || stream->rotate_wanted || stream->rotate_after;
}

bool stream_busy(const struct stream *stream) {
    return stream->first || stream->step != STREAM_IDLE || stream_closing(stream);
}

void stream_finish(struct stream *stream) {
    stream->finishing = true;
    stream_advance(stream);
}

void stream_abandon(struct stream *stream) {
    stream->abandoned = true;
    if (stream->step == STREAM_WAITING) port_cancel(&stream->op);
    for (struct live_segment *live = stream->retired; live; live = live->next)
        if (live->close_waits) port_cancel(&live->close_op);
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

bool stream_may_report(struct stream *stream) {
    const int64_t now = port_now_ns(stream->port);
    if (stream->failure_reported_ns && now - stream->failure_reported_ns < SAY_AGAIN_NS)
        return false;
    stream->failure_reported_ns = now;
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

static void write_failed(struct stream *stream, const char *path, int error) {
    stream->counts.write_failures++;
    if (stream_may_report(stream)) {
        stream->failure_reported = true;
        say("%s: %s; holding %u batch%s, retrying every %g s", path, error_text(error),
            stream->counts.appends_held, stream->counts.appends_held == 1 ? "" : "es",
            (double)stream_retry_ns(error) / 1e9);
    }
    wait_and_try_again(stream, error);
}

static struct stream_append *take_first(struct stream *stream) {
    struct stream_append *append = stream->first;
    stream->first = append->next;
    if (!stream->first) stream->last = NULL;
    stream->counts.appends_held--;
    if (stream->rotate_after == append) {
        stream->rotate_after = NULL;
        stream->rotate_wanted = true;
    }
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

static void start_open(struct stream *stream) {
    stream->present = live_segment_create(stream);
    if (!stream->present) {
        write_failed(stream, stream->folder, ERR_NO_MEMORY);
        return;
    }
    stream->step = STREAM_OPENING;
    port_work(stream->port, &stream->op, PORT_LANE_URGENT, open_run);
}

static void opened(struct stream *stream, int result) {
    struct live_segment *live = stream->present;
    if (result < 0) {
        stream->present = NULL;
        free(live);
        write_failed(stream, stream->folder, result);
        return;
    }
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
    segment->torn = true;
    stream->step = STREAM_WRITING;
    port_write(stream->port, &stream->op, &segment->file, append->bytes, stream->append_size,
               segment->size);
}

static void start_uncover(struct stream *stream) {
    stream->step = STREAM_UNCOVERING;
    port_write(stream->port, &stream->op, &stream->present->segment.file, stream->first->cover,
               FRAME_COVER_BYTES, stream->present->segment.size);
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
    live->segment.torn = false;
    live->segment.size += stream->append_size;
    live->segment.raw_size += append->raw_size;
    live->segment.lines += append->lines;
    live->segment.after_lid = stream->append_lid ? (struct span){0} : stream->append_span;
    const int64_t now = port_now_ns(stream->port);
    if (stream->append_lid) live->lid_ns = now;
    rotation_appended(&stream->rotation, now);
    live_segment_written(live);
    stream->counts.bytes_written += stream->append_size;
    if (stream->failure_reported) say("%s: writing again; nothing was lost", live->segment.path);
    stream->failure_reported = false;
    stream->failure = 0;
    append->done(append, 0);
}

static void step_done(struct port_op *op) {
    struct stream *stream = PORT_CONTAINER(struct stream, op, op);
    const enum stream_step step = stream->step;
    const int result = op->result < 0 ? (int)op->result : 0;
    stream->step = STREAM_IDLE;
    if (result < 0 && (step == STREAM_WRITING || step == STREAM_UNCOVERING)) {
        start_cut(stream, result);
        return;
    }
    switch (step) {
    case STREAM_OPENING: opened(stream, result); break;
    case STREAM_WRITING: start_uncover(stream); break;
    case STREAM_UNCOVERING: append_stored(stream); break;
    case STREAM_CUTTING: /* if it failed: the next write overwrites the same place */
        write_failed(stream, stream->present->segment.path, stream->error);
        break;
    case STREAM_WAITING: break;
    case STREAM_IDLE: assert(!"an op of no step");
    }
    stream_advance(stream);
}

static bool retire_due(const struct stream *stream) {
    const struct segment *segment = &stream->present->segment;
    if (stream->rotate_wanted || segment->suspect || segment->gone) return true;
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
    if (stream->present)
        start_write(stream);
    else if (live_segments_closing(stream) < STREAM_CLOSING_MAX)
        start_open(stream); /* else the end of a closing continues here */
}

void stream_advance(struct stream *stream) {
    if (stream->step == STREAM_IDLE) start_next(stream);
    live_segment_close_retired(stream);
}
