/* expansion.c - see expansion.h. */
#include "ingest/network/expansion.h"

#include <assert.h>
#include <stdlib.h>

#include "ingest/protocol/inflate.h"
#include "ingest/protocol/protocol.h"
#include "ingest/protocol/unpack.h"
#include "ingest/protocol/zstandard.h"
#include "writer/live/quarantine.h"

static void run(struct port_op *op);
static void run_done(struct port_op *op);

struct expansion *expansion_begin(struct port *port, uint64_t size, uint32_t format,
                                  void (*done)(struct expansion *expansion), void *context) {
    struct expansion *expansion = calloc(1, sizeof *expansion);
    if (!expansion) return NULL;
    expansion->port = port;
    expansion->op.done = run_done;
    expansion->done = done;
    expansion->given_ns = port_now_ns(port);
    expansion->context = context;
    expansion->format = format;
    expansion->plain_max = size * EXPAND_RATIO_MAX;
    if (expansion->plain_max < EXPAND_FREE_BYTES) expansion->plain_max = EXPAND_FREE_BYTES;
    const bool zstd = format == SESSION_ZSTD;
    if (zstd ? !zstandard_library() : !inflate_library()) { /* built without it */
        expansion->reason = REJECT_INFLATE;
        return expansion;
    }
    expansion->piece = malloc(EXPANSION_PIECE_BYTES);
    if (zstd)
        expansion->zstandard = zstandard_create(ZSTANDARD_HTTP_WINDOW_LOG);
    else
        expansion->inflater = inflate_create();
    if (expansion->piece && (expansion->inflater || expansion->zstandard)) return expansion;
    expansion_free(expansion);
    return NULL;
}

void expansion_free(struct expansion *expansion) {
    if (!expansion) return;
    assert(!expansion->working);
    inflate_free(expansion->inflater);
    zstandard_free(expansion->zstandard);
    free(expansion->piece);
    free(expansion);
}

size_t expansion_memory(void) {
    return sizeof(struct expansion) + EXPANSION_PIECE_BYTES + INFLATE_MEMORY_BYTES;
}

void expansion_run(struct expansion *expansion, const uint8_t *bytes, size_t size) {
    assert(!expansion->working);
    expansion->in = bytes;
    expansion->in_size = size;
    expansion->working = true;
    expansion->given_ns = port_now_ns(expansion->port);
    port_work(expansion->port, &expansion->op, PORT_LANE_PACK, run);
}

/* ---- on a worker ---- */

/* Further ones may follow (RFC 1952 section 2.2, RFC 8878 section 3). */
static void more_members(struct expansion *expansion, const struct inflate_io *io) {
    if (expansion->ended && expansion->format != SESSION_ZLIB && io->in_size > 0)
        expansion->begun = expansion->ended = false;
}

static void step(struct expansion *expansion, struct inflate_io *io) {
    size_t before = SIZE_MAX;
    /* Ends: each turn consumes input or room. */
    while (!expansion->ended && !expansion->reason && io->in_size + io->out_room < before) {
        before = io->in_size + io->out_room;
        if (!expansion->begun && expansion->inflater)
            inflate_begin(expansion->inflater,
                          expansion->format == SESSION_GZIP ? INFLATE_GZIP : INFLATE_ZLIB);
        expansion->begun = true;
        const enum inflate_status status = expansion->zstandard
                                               ? zstandard_step(expansion->zstandard, io)
                                               : inflate_step(expansion->inflater, io);
        expansion->ended = status == INFLATE_END;
        if (status == INFLATE_DAMAGED || status == INFLATE_NO_MEMORY)
            expansion->reason = REJECT_INFLATE;
        more_members(expansion, io);
    }
}

static void run(struct port_op *op) {
    struct expansion *expansion = PORT_CONTAINER(struct expansion, op, op);
    struct inflate_io io = {expansion->in, expansion->in_size, expansion->piece,
                            EXPANSION_PIECE_BYTES};
    expansion->piece_size = 0;
    if (expansion->reason) return;
    more_members(expansion, &io);
    step(expansion, &io);
    expansion->packed += expansion->in_size - io.in_size;
    if (expansion->ended && io.in_size > 0) expansion->reason = REJECT_INFLATE; /* it is followed */
    expansion->piece_size = EXPANSION_PIECE_BYTES - (uint32_t)io.out_room;
    expansion->plain += expansion->piece_size;
    if (expansion->plain > expansion->plain_max &&
        expansion->plain > expansion->packed * EXPAND_RATIO_MAX) {
        expansion->reason = REJECT_EXPANSION;
        expansion->piece_size = 0;
    }
    expansion->in = io.in;
    expansion->in_size = io.in_size;
    expansion->more = io.out_room == 0 && !expansion->ended && !expansion->reason;
}

/* ---- on the owner ---- */

static void run_done(struct port_op *op) {
    struct expansion *expansion = PORT_CONTAINER(struct expansion, op, op);
    expansion->working = false;
    expansion->done(expansion);
}

uint32_t expansion_result(const struct expansion *expansion) {
    return expansion->reason || expansion->ended ? expansion->reason : REJECT_INFLATE;
}
