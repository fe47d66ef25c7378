/* session_fuzz.h - random bytes as sessions of a protocol that acknowledges: whole, cut at random places,
 * byte by byte and with little room they must be the same records and the same answers. */
#include "tests/unit/session_bench.h"

#define LINE_MAX 200

static struct batch_listener listeners[] = {{.name = "tcp=fuzz"}};
static _Atomic int64_t budget;
static const struct batch_rules batch_rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};
static const struct batch_origin origin = {.received_ns = 1};

static struct line_memory memory;
static struct batch batch;
static struct acks acks;
static struct run run;

enum { WHOLE, BYTES }; /* else a seed for pieces of 1 to 13 bytes */

/* settings: for the protocol's `begin`, if it has one. */
static void go(const struct protocol *protocol, void *settings, const uint8_t *data, size_t size,
               uint32_t cuts, struct seen *seen) {
    run.seen = seen;
    run_begin(&run, protocol);
    if (protocol->begin) assert(protocol->begin(&run.session, settings));
    for (size_t at = 0; at < size;) {
        size_t part = cuts == WHOLE ? size : cuts == BYTES ? 1 : 1 + cuts % 13;
        if (cuts > BYTES) cuts = (cuts * 1103515245 + 12345) | 2;
        if (part > size - at) part = size - at;
        run_give(&run, data + at, part);
        at += part;
    }
    run_finish(&run);
    for (uint32_t i = 0; i <= memory.chunk_count; i++)
        assert(!memory.holders[i]);
}

static void prepare(void) {
    assert(line_memory_create(64 << 10, &memory) == 0);
    assert(batch_create(LINE_MAX, &batch) == 0);
    batch_reset(&batch, &batch_rules);
    run = (struct run){.rules = &batch_rules,
                       .sink = {.batch = &batch,
                                .origin = &origin,
                                .memory = &memory,
                                .line_bytes_max = LINE_MAX,
                                .acks = &acks},
                       .acks = &acks,
                       .inflater = inflate_create()};
    assert(run.inflater);
}

/* The session whole. */
static void go_whole(const struct protocol *protocol, void *settings, const uint8_t *data,
                     size_t size, struct seen *seen) {
    if (!memory.chunks) prepare();
    budget = INT64_C(1) << 40;
    batch_reset(&batch, &batch_rules);
    run.little_room = false;
    run.piece_max = 1 << 16;
    go(protocol, settings, data, size, WHOLE, seen);
}

/* In pieces it is the same as `whole`. */
static void check_pieces(const struct protocol *protocol, void *settings, const uint8_t *data,
                         size_t size, uint8_t cuts, const struct seen *whole) {
    static struct seen other;
    if (whole->stored_size > sizeof whole->stored / 2) return;
    go(protocol, settings, data, size, BYTES, &other);
    assert(run_same(whole, &other));
    run.little_room = true;
    run.piece_max = 1 + cuts;
    go(protocol, settings, data, size, 2 + cuts, &other);
    assert(run_same(whole, &other));
}
