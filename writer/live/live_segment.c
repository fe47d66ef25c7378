/* live_segment.c - a segment with an open file: its age, its syncs and its closing.
 * Each is a state machine of its own; `sync_op` and `close_op` continue when they complete. */
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/live/stream_internal.h"

static void watch_over(struct port_op *op);
static void sync_due(struct port_op *op);
static void sync_done(struct port_op *op);
static void look_came_back(struct port_op *op);
static void close_done(struct port_op *op);

/* While its file is open, closing is tried for this long; then it is left as .part, because open
 * files are limited.  Later steps are tried until they succeed, at a stop for this long; but by at
 * most this many segments: others are left. */
#define CLOSE_OPEN_NS     (4 * 1000000000ll)
#define CLOSE_WAITING_MAX 64

/* How often, while a segment is written, it is checked: does its path still name this file, and has
 * no other program shortened it? */
#define LOOK_NS INT64_C(1000000000)

struct live_segment *live_segment_create(struct stream *stream) {
    struct live_segment *live = calloc(1, sizeof *live);
    if (!live) return NULL;
    live->stream = stream;
    live->close_op.done = close_done;
    live->sync_op.done = sync_done;
    live->sync_timer.done = sync_due;
    live->watch_timer.done = watch_over;
    live->look_op.done = look_came_back;
    struct segment *segment = &live->segment;
    segment->files = port_files(stream->port);
    segment->folder_bytes_max = stream->options.folder_bytes_max;
    strcpy(segment->folder, stream->folder);
    strcpy(segment->state_folder, stream->state_folder);
    strcpy(segment->state_path, stream->state_path);
    strcpy(segment->name.stream, stream->name);
    segment->name.sequence = stream->last_sequence + 1;
    segment->name.opened_ns = port_wall_ns(stream->port);
    segment->name.part = true;
    return live;
}

/* ---- age, idleness, schedule; sync ---- */

static void start_sync_timer(struct live_segment *live) {
    struct stream *stream = live->stream;
    if (!stream->options.sizes.sync_ms || live->retired) return;
    if (!port_idle(&live->sync_timer) || !port_idle(&live->sync_op)) return;
    port_timer(stream->port, &live->sync_timer,
               port_now_ns(stream->port) + (int64_t)stream->options.sizes.sync_ms * 1000000);
}

void live_segment_written(struct live_segment *live) {
    struct port *port = live->stream->port;
    live->dirty = true;
    start_sync_timer(live);
    if (port_idle(&live->look_op)) port_timer(port, &live->look_op, port_now_ns(port) + LOOK_NS);
}

void live_segment_watch(struct live_segment *live) {
    struct port *port = live->stream->port;
    const int64_t ask_ns =
        rotation_ask_ns(&live->stream->rotation, port_now_ns(port), port_wall_ns(port));
    port_cancel(&live->watch_timer);
    if (port_idle(&live->watch_timer) && ask_ns < INT64_MAX)
        port_timer(port, &live->watch_timer, ask_ns);
}

static void watch_over(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, watch_timer, op);
    struct stream *stream = live->stream;
    const int64_t now = port_now_ns(stream->port), wall = port_wall_ns(stream->port);
    if (live->retired) {
        live_segment_close_retired(stream);
    } else if (rotation_over(&stream->rotation, now, wall, !stream->first)) {
        stream->rotate_wanted = true; /* at the latest after the append in flight */
        stream_advance(stream);
    } else {
        live_segment_watch(live);
    }
}

static void enter_run(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, sync_op, op);
    op->result = segment_enter(&live->segment);
}

static void start_sync(struct live_segment *live) {
    struct port *port = live->stream->port;
    if (!live->segment.entered) {
        live->sync_step = SYNC_ENTER;
        port_work(port, &live->sync_op, PORT_LANE_SLOW, enter_run);
        return;
    }
    live->sync_step = SYNC_FILE;
    live->dirty = false;
    waiters_move(&live->unsynced, &live->syncing);
    port_sync(port, &live->sync_op, &live->segment.file);
}

void live_segment_sync(struct live_segment *live, struct waiter *waiter) {
    waiter_add(&live->unsynced, waiter);
    if (!port_idle(&live->sync_op)) return; /* begins again when it is back */
    if (port_idle(&live->sync_timer))
        start_sync(live);
    else
        port_cancel(&live->sync_timer); /* comes back, and syncs at once */
}

/* A sync, or closing, has come so far.  result 0: all appends before it are on the disk. */
static void synced(struct live_segment *live, struct waiter **waiters, int result) {
    const struct segment *segment = &live->segment;
    const bool sound =
        segment->entered && !segment->gone && !segment->shortened && !segment->suspect;
    waiters_complete(waiters, result == 0 && !sound ? ERR_IO : result);
}

static void sync_due(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, sync_timer, op);
    if (live->retired)
        live_segment_close_retired(live->stream);
    else
        start_sync(live);
}

static void suspect(struct live_segment *live, int error) {
    live->stream->counts.sync_failures++;
    if (!live->segment.failed) live->stream->sync_error = error; /* else known */
    live->segment.suspect = true;
    if (stream_may_report(live->stream, &live->stream->failure_reported_ns))
        say_error("%s: sync failed: %s; the disk may hold only a part of it, so it stays .part "
                  "and the next start recovers it; continuing in a new segment",
                  live->segment.path, error_text(error));
}

static void sync_done(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, sync_op, op);
    struct stream *stream = live->stream;
    const int result = op->result < 0 ? (int)op->result : 0;
    if (result < 0) suspect(live, result);
    synced(live, &live->syncing, result);
    if (result < 0) synced(live, &live->unsynced, result);
    if (live->retired) {
        live_segment_close_retired(stream);
    } else if (live->segment.suspect) {
        stream_advance(stream);
    } else if (live->sync_step == SYNC_ENTER || live->unsynced) {
        start_sync(live);
    } else if (live->dirty) {
        start_sync_timer(live);
    }
}

/* ---- its name ---- */

static void look_run(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, look_op, op);
    op->result = segment_look(&live->segment, live->mark);
}

void live_segment_looked(struct live_segment *live, int64_t looked) {
    struct segment *segment = &live->segment;
    live->mark = live->last_start;
    if (segment->gone || segment->shortened) return;
    segment->gone = looked == ERR_NOT_FOUND;
    segment->shortened =
        looked == ERR_INVALID || (looked >= 0 && (uint64_t)looked < live->look_size);
    if (segment->gone)
        say("%s: was deleted, moved or replaced while being written, with %llu lines; continuing "
            "in a new segment",
            segment->path, (unsigned long long)segment->lines);
    if (segment->shortened) segment_say_shortened(segment, live->look_size, looked);
}

static void look_came_back(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, look_op, op);
    struct stream *stream = live->stream;
    const bool looked = live->looking;
    live->looking = false;
    if (live->retired) {
        live_segment_close_retired(stream);
    } else if (looked) {
        live_segment_looked(live, op->result);
        stream_advance(stream);
    } else if (stream->step != STREAM_LOOKING) { /* else that look is under way */
        live->looking = true;
        live->look_size = live->segment.size;
        port_work(stream->port, op, PORT_LANE_URGENT, look_run);
    }
}

/* ---- retired segments ---- */

void live_segment_retire(struct stream *stream) {
    struct live_segment *live = stream->present;
    stream->present = NULL;
    live->retired = true;
    struct live_segment **last = &stream->retired;
    while (*last)
        last = &(*last)->next;
    *last = live;
    port_cancel(&live->sync_timer);
    port_cancel(&live->watch_timer);
    if (!live->looking) port_cancel(&live->look_op);
}

static void close_run(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, close_op, op);
    op->result = segment_close(&live->segment);
}

static bool close_ready(const struct live_segment *live) {
    return port_idle(&live->close_op) && port_idle(&live->sync_op) &&
           port_idle(&live->sync_timer) && port_idle(&live->watch_timer) &&
           port_idle(&live->look_op);
}

void live_segment_close_retired(struct stream *stream) {
    if (stream->close_running || stream->step == STREAM_OPENING) return;
    struct live_segment *live = stream->retired;
    while (live && !close_ready(live))
        live = live->next;
    if (!live) return;
    stream->close_running = true;
    port_work(stream->port, &live->close_op, PORT_LANE_SLOW, close_run);
}

void live_segment_retry_closing(struct stream *stream) {
    for (struct live_segment *live = stream->retired; live; live = live->next)
        if (live->close_waits) port_cancel(&live->close_op);
}

uint32_t live_segments_closing(const struct stream *stream) {
    uint32_t closing = 0;
    for (const struct live_segment *live = stream->retired; live; live = live->next)
        closing += !live->close_waits || live->segment.step <= CLOSE_FILE;
    return closing;
}

static void live_segment_free(struct live_segment *live) {
    struct live_segment **link = &live->stream->retired;
    while (*link != live)
        link = &(*link)->next;
    *link = live->next;
    free(live);
}

/* Closing is given up: the segment stays as it is until the next start.  Its lines are synced before
 * CLOSE_FILE: what is left does not make a stop wait for longer. */
static bool close_given_up(const struct live_segment *live) {
    const struct stream *stream = live->stream;
    uint32_t waiting = 0;
    if (stream->abandoned) return true;
    if (live->segment.step <= CLOSE_FILE) return false;
    if (stream->hurried && port_now_ns(stream->port) - live->close_failed_ns >= CLOSE_OPEN_NS)
        return true;
    for (const struct live_segment *l = stream->retired; l; l = l->next)
        waiting += l->close_waits && l->segment.step > CLOSE_FILE;
    return waiting >= CLOSE_WAITING_MAX;
}

/* The steps after CLOSE_RENAME fail although the segment has its final name. */
static void count_given_up(const struct live_segment *live) {
    struct stream_counts *counts = &live->stream->counts;
    const struct segment *segment = &live->segment;
    if (segment->gone || segment->size == 0) return;
    if (segment->step > CLOSE_RENAME)
        counts->segments_closed++;
    else
        counts->segments_suspect++;
}

/* True: closing was given up. */
static bool close_failed(struct live_segment *live, int error) {
    struct stream *stream = live->stream;
    const int64_t now = port_now_ns(stream->port);
    if (!live->close_failed_ns) live->close_failed_ns = now;
    const bool given_up = close_given_up(live);
    const bool left =
        live->segment.step <= CLOSE_FILE && now - live->close_failed_ns >= CLOSE_OPEN_NS;
    live->segment.uncut |= left; /* then the next try passes this step */
    if (live->close_error != error || given_up)
        say("%s: closing: %s; %s", live->segment.path, error_text(error),
            given_up ? "the next start closes it" : "trying again");
    live->close_error = error;
    if (given_up) {
        synced(live, &live->unsynced, ERR_CANCELLED);
        count_given_up(live);
        file_close(&live->segment.file);
        live_segment_free(live);
        return true;
    }
    live->close_waits = true;
    port_timer(stream->port, &live->close_op, left ? now : now + stream_retry_ns(error));
    return false;
}

static void closed(struct live_segment *live) {
    struct stream_counts *counts = &live->stream->counts;
    const bool left = segment_left(&live->segment);
    if (left && !live->segment.suspect && !live->segment.shortened)
        say("%s: closing: %s; it stays .part, and the next start recovers it", live->segment.path,
            error_text(live->close_error ? live->close_error : ERR_IO));
    counts->segments_suspect += left;
    counts->segments_closed += !left && !live->segment.gone;
    counts->segments_indexed += live->segment.indexed;
    live_segment_free(live);
}

static void close_done(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, close_op, op);
    struct stream *stream = live->stream;
    const int error = op->result < 0 ? (int)op->result : 0;
    bool ended = false;
    if (live->close_waits) { /* it was the timer: again */
        live->close_waits = false;
    } else {
        stream->close_running = false;
        if (live->segment.step > CLOSE_SYNC) synced(live, &live->unsynced, 0);
        if (!error) {
            closed(live);
            ended = true;
        } else if (live->segment.step == CLOSE_SYNC) {
            suspect(live, error);
            synced(live, &live->unsynced, error);
        } else {
            ended = close_failed(live, error);
        }
    }
    stream_advance(stream);
    if (ended && stream->options.segment_closed)
        stream->options.segment_closed(stream->options.context);
}
