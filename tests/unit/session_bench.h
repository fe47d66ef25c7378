/* session_bench.h - sessions of protocols that acknowledge and compress, without a network, for
 * tests and fuzzers: takes bytes as a connection does, decompresses what the session asks for,
 * stores batches, collects answers. */
#ifndef TESTS_UNIT_SESSION_BENCH_H
#define TESTS_UNIT_SESSION_BENCH_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/inflate.h"
#include "ingest/protocol/protocol.h"

/* What a session has brought. */
struct seen {
    uint8_t stored[512 << 10], answers[64 << 10];
    size_t stored_size, answers_size;
    uint64_t records, reasons[REJECT_REASONS];
    uint32_t refused;
    bool given_up;
    bool disorder; /* refused because too many runs of numbers wait, which depends on the cuts */
};

struct run {
    const struct batch_rules *rules;
    struct sink sink;
    struct acks *acks;
    struct session session;
    struct inflater *inflater;
    uint32_t piece_max; /* of plain data */
    bool little_room;
    bool ended;  /* the zlib data, or the last gzip member so far */
    bool packed; /* it has begun, and `expanded` was not called */
    struct seen *seen;
};

static void run_ready(struct acks *acks) {
    (void)acks;
}

static void run_begin(struct run *run, const struct protocol *protocol) {
    memset(run->seen, 0, sizeof *run->seen);
    session_begin(&run->session, protocol);
    acks_begin(run->acks, false, run_ready);
    run->packed = false;
}

static void run_take_answers(struct run *run) {
    struct seen *seen = run->seen;
    while (protocol_owes(&run->session)) {
        assert(seen->answers_size + REPLY_ROOM_MIN <= sizeof seen->answers);
        const size_t size = run->session.protocol->reply(
            &run->session, seen->answers + seen->answers_size, REPLY_ROOM_MIN);
        assert(size > 0 && size <= REPLY_ROOM_MIN);
        seen->answers_size += size;
    }
}

/* The batch is stored, and what it acknowledges is answered. */
static void run_drain(struct run *run) {
    struct batch *batch = run->sink.batch;
    struct seen *seen = run->seen;
    struct waiter *list = NULL, *rejects = NULL;
    struct commit commit;
    assert(batch->raw_size > 0 || !batch->waiters); /* an empty batch is never stored */
    batch_check(batch);
    assert(batch->counts.records == batch->counts.stored + batch->counts.rejected);
    seen->records += batch->counts.records;
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        seen->reasons[i] += batch->counts.reasons[i];
    assert(seen->stored_size + batch->stored_size < sizeof seen->stored);
    memcpy(seen->stored + seen->stored_size, batch->raw, batch->stored_size);
    seen->stored_size += batch->stored_size;
    acks_packed(batch, &list, &rejects);
    acks_written(&rejects, NULL, 0);
    acks_written(&list, NULL, 0);
    while (acks_next(run->acks, &commit) > 0)
        run->session.protocol->committed(&run->session, &commit);
    run->session.waits = false;
    run_take_answers(run);
    batch_reset(batch, run->rules);
}

/* All of these bytes, unless it stops before compressed data, whose beginning is not taken. */
static size_t run_take(struct run *run, const uint8_t *bytes, size_t size, bool inside) {
    struct session *session = &run->session;
    size_t taken = 0;
    uint32_t without_progress = 0;
    while (taken < size) { /* ends: an empty batch has room for something */
        if (run->little_room)
            batch_limit(run->sink.batch, 4 * DETECT_HEAD_BYTES, (struct batch_growth){0});
        const size_t part = session_take(session, &run->sink, bytes + taken, size - taken);
        taken += part;
        assert(taken <= size);
        run->seen->disorder |= session->refused && session->protocol == &protocol_lumberjack &&
                               session->state.lumberjack.run_count == LUMBERJACK_RUNS;
        without_progress = part == 0 ? without_progress + 1 : 0;
        assert(without_progress < 4);
        if (session->compressed > 0 && !inside && !session->refused) return taken;
        if (taken < size || run->little_room) run_drain(run);
    }
    return taken;
}

static void run_expanded(struct run *run, uint32_t reason) {
    while (!run->session.protocol->expanded(&run->session, &run->sink, reason))
        run_drain(run);
    run->packed = false;
    run->session.compressed = 0;
}

/* As expansion.c and connection_expand.c do it.  Returns how many were used. */
static size_t run_expand(struct run *run, const uint8_t *bytes, size_t size) {
    struct session *session = &run->session;
    size_t used = 0;
    uint8_t *piece = malloc(run->piece_max);
    assert(piece);
    if (!run->packed) {
        inflate_begin(run->inflater,
                      session->compression == SESSION_GZIP ? INFLATE_GZIP : INFLATE_ZLIB);
        run->packed = true;
        run->ended = false;
    }
    const size_t given = size < session->compressed ? size : session->compressed;
    for (bool more = true; more && run->packed;) {
        struct inflate_io io = {bytes + used, given - used, piece, run->piece_max};
        enum inflate_status status = INFLATE_MORE;
        size_t before = SIZE_MAX;
        if (run->ended && session->compression == SESSION_GZIP && io.in_size > 0) {
            inflate_begin(run->inflater, INFLATE_GZIP);
            run->ended = false;
        }
        while (!run->ended && status == INFLATE_MORE && io.in_size + io.out_room < before) {
            before = io.in_size + io.out_room;
            status = inflate_step(run->inflater, &io);
            run->ended = status == INFLATE_END;
        }
        const size_t now_used = given - used - io.in_size;
        used += now_used;
        session->compressed -= (uint32_t)now_used;
        run_take(run, piece, run->piece_max - io.out_room, true);
        if (session->refused || session->given_up) {
            run->packed = false;
            session->compressed = 0;
            break;
        }
        const bool member = run->ended && session->compression == SESSION_GZIP && io.in_size > 0;
        more = member || (io.out_room == 0 && !run->ended);
        if (status == INFLATE_DAMAGED || (run->ended && io.in_size > 0 && !member))
            run_expanded(run, REJECT_INFLATE);
        else if (session->compressed == 0 && !more)
            run_expanded(run, run->ended ? 0 : REJECT_INFLATE);
    }
    free(piece);
    return used;
}

/* In a piece of its own, so that a sanitizer sees reads after its end. */
static void run_give(struct run *run, const uint8_t *bytes, size_t size) {
    if (size == 0) return;
    uint8_t *piece = malloc(size);
    assert(piece);
    memcpy(piece, bytes, size);
    for (size_t taken = 0; taken < size;) {
        if (run->session.compressed > 0)
            taken += run_expand(run, piece + taken, size - taken);
        else
            taken += run_take(run, piece + taken, size - taken, false);
    }
    free(piece);
    run_take_answers(run);
}

static void run_finish(struct run *run) {
    struct session *session = &run->session;
    while (!session_end(session, &run->sink))
        run_drain(run);
    run_drain(run);
    assert(acks_empty(run->acks));
    session->leaving = true;
    run_take_answers(run);
    run->seen->refused = session->refused;
    run->seen->given_up = session->given_up;
    if (session->protocol->forget) session->protocol->forget(session);
}

/* Do two ways to cut the same bytes bring the same? */
static bool run_same(const struct seen *a, const struct seen *b) {
    if (a->disorder || b->disorder) return true;
    return a->records == b->records && a->refused == b->refused && a->given_up == b->given_up &&
           a->stored_size == b->stored_size && a->answers_size == b->answers_size &&
           memcmp(a->stored, b->stored, a->stored_size) == 0 &&
           memcmp(a->answers, b->answers, a->answers_size) == 0 &&
           memcmp(a->reasons, b->reasons, sizeof a->reasons) == 0;
}

#endif
