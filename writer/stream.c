/* stream.c - appends frames to a stream's present segment, and retires it.
 *
 * An append is two writes: all of it with its first 8 bytes disguised as a
 * skippable frame's header, and when that stands the true 8 bytes (FORMAT.md).
 * So the file is valid at every moment, and a torn append is passed over.
 *
 * The present segment is one state machine (`step`), each retired one another
 * (close_advance).  Both go on when an op comes back. */
#include "writer/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/frame.h"
#include "writer/keeper.h"
#include "writer/rotation.h"
#include "writer/segment.h"

#define RETRY_NS      (2 * 1000000000ll)
/* A program that shares nothing, as a virus scanner does, ends soon as a rule. */
#define BUSY_RETRY_NS (200 * 1000000ll)
#define SAY_AGAIN_NS  (60 * 1000000000ll)
/* A lid is written with the append that makes it so many lines' bytes, or so long, since the
 * last: 64 bytes of about 20,000, or of 5 s. */
#define LID_RAW_BYTES (64u << 10)
#define LID_NS        (5 * 1000000000ll)

enum stream_step {
    STREAM_IDLE,
    STREAM_OPENING,
    STREAM_WRITING,    /* the append, disguised */
    STREAM_UNCOVERING, /* its true beginning */
    STREAM_CUTTING,    /* what a failed append left is cut off */
    STREAM_WAITING,    /* the disk has failed; trying again soon */
};

/* A segment with an open file: the present one, or one that is being closed. */
struct live_segment {
    struct segment segment;
    struct stream *stream;
    struct live_segment *next; /* in stream->retired, the oldest first */
    struct port_op close_op;   /* the close job, or the wait before it is tried again */
    struct port_op sync_op, sync_timer, watch_timer;
    bool retired, dirty, close_waits;
    int64_t lid_ns;  /* when the last lid was written, or the file opened */
    bool looking;    /* sync_op is the look behind a sync */
    int close_error; /* what was said last */
};

struct stream {
    struct port *port;
    struct stream_options options;
    char name[STREAM_NAME_MAX + 1];
    char folder[SEGMENT_PATH_MAX], state_folder[SEGMENT_PATH_MAX], state_path[SEGMENT_PATH_MAX],
        pack_path[SEGMENT_PATH_MAX];
    uint64_t last_sequence;
    enum stream_step step;
    struct port_op op; /* of `step` */
    int error;         /* that STREAM_CUTTING cleans up after */
    struct live_segment *present, *retired;
    struct keeper *keeper;
    bool index_finishing;
    bool close_running;                 /* one of the retired ones' close jobs */
    struct stream_append *first, *last; /* held; the first may be under way */
    size_t append_size;                 /* of the first, with its lid and padding */
    struct span append_span;            /* of it and of the lines before it without a lid */
    bool append_lid;                    /* it ends with a lid */
    struct stream_append *rotate_after; /* held: when it stands, rotate_wanted is set */
    struct rotation rotation;           /* of the present segment */
    bool rotate_wanted, finishing, abandoned;
    int failure;             /* what the disk last said; 0: it takes everything */
    int sync_error;          /* of a segment that is to be retired: a pause follows */
    bool failure_said;       /* and not yet that it is over */
    int64_t failure_said_ns; /* 0: never */
    struct stream_counts counts;
};

static void step_done(struct port_op *op);
static void note_due(struct stream *stream);
static void advance(struct stream *stream);
static void watch(struct live_segment *live);
static void close_advance(struct stream *stream);

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
    char file[STREAM_NAME_MAX + 16], pack_file[STREAM_NAME_MAX + 16];
    strcat(strcpy(file, options->name), ".sequence");
    strcat(strcpy(pack_file, options->name), ".pack");
    int error = 0;
    if (!path_join(s->folder, options->directory, options->name, NULL) ||
        !path_join(s->state_folder, options->directory, "state", NULL) ||
        !path_join(s->state_path, options->directory, "state", file) ||
        !path_join(s->pack_path, options->directory, "state", pack_file))
        error = ERR_NAME_TOO_LONG;
    const struct keeper_options keeper_options = {.directory = options->directory,
                                                  .stream = s->name,
                                                  .folder = s->folder,
                                                  .pack_path = s->pack_path,
                                                  .last_sequence = s->last_sequence,
                                                  .rules = options->sizes.keeper,
                                                  .manifest = options->manifest};
    if (!error) error = keeper_open(port, &keeper_options, &s->keeper);
    if (error) {
        free(s);
        return error;
    }
    keeper_look(s->keeper);
    *stream = s;
    return 0;
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
    advance(stream);
}

void stream_rotate(struct stream *stream) {
    stream->rotate_after = stream->last;
    if (!stream->last) stream->rotate_wanted = true;
    advance(stream);
}

void stream_resize(struct stream *stream, const struct stream_sizes *sizes) {
    struct live_segment *live = stream->present;
    note_due(stream);
    stream->options.sizes = *sizes;
    keeper_set_rules(stream->keeper, &sizes->keeper);
    begin_rotation(stream);
    if (!live || stream->step == STREAM_OPENING) return;
    port_cancel(&live->sync_timer); /* comes back, and syncs at once */
    watch(live);
    advance(stream);
}

bool stream_closing(const struct stream *stream) {
    return stream->retired || stream->rotate_wanted || stream->rotate_after;
}

bool stream_busy(const struct stream *stream) {
    return stream->first || stream->step != STREAM_IDLE || stream_closing(stream) ||
           (stream->finishing && keeper_busy(stream->keeper));
}

/* Behind the last segment's closing: what this run has closed gets its index yet. */
static void finish_indexing(struct stream *stream) {
    if (!stream->finishing || stream->index_finishing || stream->present) return;
    if (stream->first || stream->step != STREAM_IDLE || stream_closing(stream)) return;
    stream->index_finishing = true;
    keeper_finish(stream->keeper);
}

bool stream_stop_indexing(struct stream *stream) {
    const bool busy = keeper_at_work(stream->keeper);
    keeper_stop(stream->keeper);
    return busy;
}

void stream_finish(struct stream *stream) {
    stream->finishing = true;
    advance(stream);
    finish_indexing(stream);
}

void stream_abandon(struct stream *stream) {
    stream->abandoned = true;
    keeper_stop(stream->keeper);
    if (stream->step == STREAM_WAITING) port_cancel(&stream->op);
    for (struct live_segment *live = stream->retired; live; live = live->next)
        if (live->close_waits) port_cancel(&live->close_op);
    advance(stream);
}

struct stream_counts stream_counts(const struct stream *stream) {
    struct stream_counts counts = stream->counts;
    counts.failing = stream->failure != 0;
    const struct keeper_counts kept = keeper_counts(stream->keeper);
    counts.segments_indexed += kept.segments_indexed; /* to those that had theirs at once */
    counts.segments_archived = kept.segments_archived;
    counts.segments_moved = kept.segments_moved;
    counts.move_failures = kept.move_failures;
    counts.segments_handed = kept.handed.segments;
    counts.archive_command_failures = kept.handed.failures;
    return counts;
}

uint64_t stream_segments_closed(const struct stream *stream) {
    return stream->counts.segments_closed;
}

void stream_free(struct stream *stream) {
    assert(!stream_busy(stream) && !stream->present);
    keeper_free(stream->keeper);
    free(stream);
}

/* ---- trouble ---- */

/* Once a minute, however often it fails and goes on again in between. */
static bool may_say(struct stream *stream) {
    const int64_t now = port_now_ns(stream->port);
    if (stream->failure_said_ns && now - stream->failure_said_ns < SAY_AGAIN_NS) return false;
    stream->failure_said_ns = now;
    return true;
}

static int64_t retry_ns(int error) {
    return error == ERR_BUSY ? BUSY_RETRY_NS : RETRY_NS;
}

static void wait_and_try_again(struct stream *stream, int error) {
    const int64_t now = port_now_ns(stream->port);
    stream->failure = error;
    stream->step = STREAM_WAITING;
    port_timer(stream->port, &stream->op, stream->abandoned ? now : now + retry_ns(error));
}

static void write_failed(struct stream *stream, const char *path, int error) {
    stream->counts.write_failures++;
    if (may_say(stream)) {
        stream->failure_said = true;
        say("%s: %s; holding %u block%s, trying again every %g s", path, error_text(error),
            stream->counts.appends_held, stream->counts.appends_held == 1 ? "" : "s",
            (double)retry_ns(error) / 1e9);
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

static void watch_over(struct port_op *op);
static void sync_due(struct port_op *op);
static void sync_done(struct port_op *op);
static void close_done(struct port_op *op);

static struct live_segment *live_segment_create(struct stream *stream) {
    struct live_segment *live = calloc(1, sizeof *live);
    if (!live) return NULL;
    live->stream = stream;
    live->close_op.done = close_done;
    live->sync_op.done = sync_done;
    live->sync_timer.done = sync_due;
    live->watch_timer.done = watch_over;
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

static void start_open(struct stream *stream) {
    stream->present = live_segment_create(stream);
    if (!stream->present) {
        write_failed(stream, stream->folder, ERR_NO_MEMORY);
        return;
    }
    stream->step = STREAM_OPENING;
    port_work(stream->port, &stream->op, PORT_LANE_SLOW, open_run);
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
    watch(live);
}

/* Returns how many bytes the lid behind the append takes, if one is due. */
static size_t put_lid(struct stream *stream, const struct stream_append *append) {
    struct live_segment *live = stream->present;
    const struct span *behind_lid = &live->segment.behind_lid;
    const bool known = append->span.lines == append->lines;
    const struct span span = known ? append->span : span_unknown(append->lines, append->raw_size);
    stream->append_span = *behind_lid;
    span_add(&stream->append_span, &span);
    stream->append_lid = stream->append_span.raw_size >= LID_RAW_BYTES ||
                         port_now_ns(stream->port) - live->lid_ns >= LID_NS;
    if (!stream->append_lid) return 0;
    return lid_encode(&stream->append_span, live->segment.lines - behind_lid->lines,
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

/* The append gets its own beginning back, and the file its own end. */
static void start_cut(struct stream *stream, int error) {
    memcpy(stream->first->bytes, stream->first->cover, FRAME_COVER_BYTES);
    stream->error = error;
    stream->step = STREAM_CUTTING;
    port_work(stream->port, &stream->op, PORT_LANE_SLOW, cut_run);
}

static void start_sync_timer(struct live_segment *live) {
    struct stream *stream = live->stream;
    if (!stream->options.sizes.sync_ms || live->retired) return;
    if (!port_idle(&live->sync_timer) || !port_idle(&live->sync_op)) return;
    port_timer(stream->port, &live->sync_timer,
               port_now_ns(stream->port) + (int64_t)stream->options.sizes.sync_ms * 1000000);
}

static void stands(struct stream *stream) {
    struct live_segment *live = stream->present;
    struct stream_append *append = take_first(stream);
    live->segment.torn = false;
    live->segment.size += stream->append_size;
    live->segment.raw_size += append->raw_size;
    live->segment.lines += append->lines;
    live->segment.behind_lid = stream->append_lid ? (struct span){0} : stream->append_span;
    const int64_t now = port_now_ns(stream->port);
    if (stream->append_lid) live->lid_ns = now;
    rotation_appended(&stream->rotation, now);
    live->dirty = true;
    start_sync_timer(live);
    stream->counts.bytes_written += stream->append_size;
    if (stream->failure_said) say("%s: writing again, nothing was lost", live->segment.path);
    stream->failure_said = false;
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
    case STREAM_UNCOVERING: stands(stream); break;
    case STREAM_CUTTING: /* if it failed: the next write overwrites the same place */
        write_failed(stream, stream->present->segment.path, stream->error);
        break;
    case STREAM_WAITING: break;
    case STREAM_IDLE: assert(!"an op of no step");
    }
    advance(stream);
}

static void retire(struct stream *stream) {
    struct live_segment *live = stream->present;
    stream->present = NULL;
    live->retired = true;
    struct live_segment **last = &stream->retired;
    while (*last)
        last = &(*last)->next;
    *last = live;
    port_cancel(&live->sync_timer);
    port_cancel(&live->watch_timer);
    close_advance(live->stream);
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

/* What is appended behind a time that is due belongs into the next segment. */
static void note_due(struct stream *stream) {
    if (stream->present && stream->present->segment.size > 0)
        stream->rotate_wanted |= rotation_due(&stream->rotation, port_wall_ns(stream->port));
}

/* Starts whatever is next, if nothing is under way. */
static void advance(struct stream *stream) {
    if (stream->step != STREAM_IDLE) return;
    if (stream->abandoned) give_up_held(stream);
    note_due(stream);
    if (stream->present && retire_due(stream)) retire(stream);
    stream->rotate_wanted = false;
    if (!stream->first) return;
    if (stream->sync_error) { /* a disk that cannot sync must not get a segment a second */
        wait_and_try_again(stream, stream->sync_error);
        stream->sync_error = 0;
        return;
    }
    if (stream->present)
        start_write(stream);
    else
        start_open(stream);
}

/* ---- age, idleness, schedule; sync ---- */

/* Asks when it may be over; what was waited for before comes back, and is waited for anew. */
static void watch(struct live_segment *live) {
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
        close_advance(stream);
    } else if (rotation_over(&stream->rotation, now, wall, !stream->first)) {
        stream->rotate_wanted = true; /* at the latest when the append under way is through */
        advance(stream);
    } else {
        watch(live);
    }
}

static void sync_due(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, sync_timer, op);
    if (live->retired) {
        close_advance(live->stream);
        return;
    }
    live->dirty = false;
    port_sync(live->stream->port, &live->sync_op, &live->segment.file);
}

static void suspect(struct live_segment *live, int error) {
    live->stream->counts.sync_failures++;
    live->stream->sync_error = error;
    live->segment.suspect = true;
    if (may_say(live->stream))
        say("%s: sync failed: %s; what the disk holds of it is uncertain, it is closed as it is "
            "and read back at the next start; going on in a new segment",
            live->segment.path, error_text(error));
}

static void look_run(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, sync_op, op);
    op->result = segment_look(&live->segment);
}

static void gone(struct live_segment *live) {
    live->segment.gone = true;
    say("%s: was deleted or replaced while it was being written, with %llu lines; going on in a "
        "new segment",
        live->segment.path, (unsigned long long)live->segment.lines);
}

static void sync_done(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, sync_op, op);
    struct stream *stream = live->stream;
    const bool looked = live->looking;
    live->looking = false;
    if (op->result == ERR_NOT_FOUND && looked)
        gone(live);
    else if (op->result < 0 && !looked)
        suspect(live, (int)op->result);
    if (live->retired) {
        close_advance(live->stream);
        return;
    }
    if (!looked && !live->segment.suspect) {
        live->looking = true;
        port_work(stream->port, &live->sync_op, PORT_LANE_SLOW, look_run);
        return;
    }
    if (live->dirty) start_sync_timer(live);
    advance(stream);
}

/* ---- retired segments ---- */

static void close_run(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, close_op, op);
    op->result = segment_close(&live->segment);
}

static bool close_ready(const struct live_segment *live) {
    return port_idle(&live->close_op) && port_idle(&live->sync_op) &&
           port_idle(&live->sync_timer) && port_idle(&live->watch_timer);
}

/* Closes retired segments whose timers and sync are back, the oldest first and one at a time:
 * a slow lane full of closing would keep the next segment from opening. */
static void close_advance(struct stream *stream) {
    if (stream->close_running) return;
    struct live_segment *live = stream->retired;
    while (live && !close_ready(live))
        live = live->next;
    if (!live) return;
    stream->close_running = true;
    port_work(stream->port, &live->close_op, PORT_LANE_SLOW, close_run);
}

static void live_segment_free(struct live_segment *live) {
    struct live_segment **link = &live->stream->retired;
    while (*link != live)
        link = &(*link)->next;
    *link = live->next;
    free(live);
}

static void close_failed(struct live_segment *live, int error) {
    struct stream *stream = live->stream;
    if (live->close_error != error || stream->abandoned)
        say("%s: closing: %s; %s", live->segment.path, error_text(error),
            stream->abandoned ? "left to the next start" : "trying again");
    live->close_error = error;
    if (stream->abandoned) {
        file_close(&live->segment.file);
        live_segment_free(live);
        return;
    }
    live->close_waits = true;
    port_timer(stream->port, &live->close_op, port_now_ns(stream->port) + retry_ns(error));
}

static void close_done(struct port_op *op) {
    struct live_segment *live = PORT_CONTAINER(struct live_segment, close_op, op);
    struct stream *stream = live->stream;
    const int error = op->result < 0 ? (int)op->result : 0;
    if (live->close_waits) { /* it was the timer: again */
        live->close_waits = false;
    } else {
        stream->close_running = false;
        if (!error) {
            stream->counts.segments_closed += !live->segment.suspect && !live->segment.gone;
            stream->counts.segments_indexed += live->segment.indexed;
            keeper_closed(stream->keeper);
            live_segment_free(live);
        } else if (live->segment.step == CLOSE_SYNC) {
            suspect(live, error);
        } else {
            close_failed(live, error);
        }
    }
    close_advance(stream);
    finish_indexing(stream);
}
