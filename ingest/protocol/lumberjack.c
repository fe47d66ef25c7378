/* lumberjack.c - Lumberjack version 2, as Beats, Logstash and their clients speak it (go-lumber's
 * protocol/v2, logstash-input-beats' PROTOCOL.md).  Numbers have four bytes, the highest first.
 *
 *     '2' 'W' COUNT                  a window: this many records follow
 *     '2' 'J' SEQUENCE SIZE JSON     a record
 *     '2' 'C' SIZE ZLIB              frames, compressed together
 *     '2' 'A' SEQUENCE               the answer: the records up to this one are stored
 *
 * A window is answered when its last record is stored; while that takes long, keep-alives name the
 * last record that is.  A new window ends one that is not complete.  The connection decompresses
 * (session->compressed): `take` sees one layer of frames, inside or outside of compressed data.  What
 * was compressed is not answered before its checksum has shown that it is what was sent.
 * After bytes that are no frame nothing says where the next one begins, so the connection is refused
 * after the answers to complete windows.  Its sender sends again what was not acknowledged. */
#include <assert.h>

#include "ingest/protocol/protocol.h"

#define ANSWER_BYTES 6

enum step { VERSION, TYPE, NUMBER, SIZE, DATA };

/* ---- the first bytes of a frame ---- */

static void next_step(struct lumberjack_state *state, enum step step) {
    state->step = (uint8_t)step;
    state->size = 0;
    if (step == NUMBER) state->number = 0;
    if (step == SIZE) state->left = 0;
}

static bool add_byte(struct lumberjack_state *state, uint32_t *number, uint8_t byte) {
    *number = *number << 8 | byte;
    return ++state->size == 4;
}

/* A run that the records of the window, or its next ones, can still join. */
static struct lumberjack_run *open_run(struct lumberjack_state *state) {
    if (state->run_count == 0) return NULL;
    struct lumberjack_run *last =
        &state->runs[(state->first_run + state->run_count - 1) % LUMBERJACK_RUNS];
    return last->ends_window ? NULL : last;
}

static uint32_t end_of_window(struct session *session) {
    struct lumberjack_state *state = &session->state.lumberjack;
    if (state->number > LUMBERJACK_WINDOW_MAX) return REJECT_LUMBERJACK_FRAME;
    struct lumberjack_run *open = open_run(state);
    if (open) open->ends_window = true;
    state->window_left = state->number;
    next_step(state, VERSION);
    return 0;
}

static uint32_t end_of_number(struct session *session) {
    struct lumberjack_state *state = &session->state.lumberjack;
    switch (state->type) {
    case 'W': return end_of_window(session);
    case 'J': next_step(state, SIZE); return 0;
    default: /* 'C' */
        if (state->number == 0) return REJECT_LUMBERJACK_FRAME;
        session->compressed = state->number;
        state->inside = true;
        next_step(state, VERSION);
        return 0;
    }
}

/* 0, or the reason for which this byte cannot be there. */
static uint32_t header_byte(struct session *session, uint8_t byte) {
    struct lumberjack_state *state = &session->state.lumberjack;
    if (session->datagram) return REJECT_LUMBERJACK; /* nothing can be answered */
    switch (state->step) {
    case VERSION:
        next_step(state, TYPE);
        return byte == '2' ? 0 : byte == '1' ? REJECT_LUMBERJACK_1 : REJECT_LUMBERJACK_FRAME;
    case TYPE:
        state->type = byte;
        next_step(state, NUMBER);
        if (byte == 'D') return REJECT_LUMBERJACK_1;
        if (byte == 'W' || (byte == 'J' && state->window_left > 0)) return 0;
        return byte == 'C' && !state->inside ? 0 : REJECT_LUMBERJACK_FRAME;
    case NUMBER: return add_byte(state, &state->number, byte) ? end_of_number(session) : 0;
    default:
        if (add_byte(state, &state->left, byte)) next_step(state, DATA);
        return 0;
    }
}

/* ---- records ---- */

/* Whatever its length, so that the reason does not depend on how the bytes were cut. */
static bool refuse(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size, uint32_t reason) {
    if (session->partial.set_aside) session->partial.set_aside = reason;
    if (!partial_reject(&session->partial, sink, bytes, size, reason)) return false;
    session->refused = reason;
    return true;
}

static void remove_run(struct lumberjack_state *state) {
    state->first_run = (uint8_t)((state->first_run + 1) % LUMBERJACK_RUNS);
    state->run_count--;
}

/* Some are stored, or intact.  Runs stay until the window that they end is answered, and while the
 * next record of a window may join them. */
static void note_stored(struct lumberjack_state *state) {
    const uint64_t stored = state->committed < state->intact ? state->committed : state->intact;
    while (state->run_count > 0) {
        struct lumberjack_run *run = &state->runs[state->first_run];
        const uint64_t ready = stored - state->noted;
        const uint32_t part = ready < run->count ? (uint32_t)ready : run->count;
        run->sequence += part;
        run->count -= part;
        state->noted += part;
        if (part > 0) state->last_stored = run->sequence - 1;
        if (run->count > 0 || run->ends_window || state->run_count == 1) return;
        remove_run(state);
    }
}

/* No run will become free before the end of the compressed data. */
static bool is_stuck(const struct lumberjack_state *state) {
    return state->run_count == LUMBERJACK_RUNS &&
           state->intact - state->noted < state->runs[state->first_run].count;
}

/* What it is answered, later: consecutive numbers of a window take no memory.  False: no room. */
static bool note_record(struct lumberjack_state *state) {
    struct lumberjack_run *run = open_run(state);
    if (!run || run->sequence + run->count != state->number) {
        if (state->run_count == LUMBERJACK_RUNS) return false;
        run = &state->runs[(state->first_run + state->run_count++) % LUMBERJACK_RUNS];
        *run = (struct lumberjack_run){.sequence = state->number};
    }
    run->count++;
    run->ends_window = --state->window_left == 0;
    return true;
}

/* Its last `part` bytes are here.  False: no room, in the batch or for its acknowledgement. */
static bool finish_record(struct session *session, const struct sink *sink, const uint8_t *data,
                          size_t part) {
    struct lumberjack_state *state = &session->state.lumberjack;
    session->waits = !sink_may_acknowledge(sink);
    if (session->waits) return false;
    const struct lumberjack_state before = *state;
    session->waits = !note_record(state);
    if (session->waits) return false;
    /* It was cut to its beginning although it may be valid: unlike what is invalid, its sender should
     * send it again. */
    const bool lost = session->partial.set_aside == REJECT_LINE_MEMORY;
    const bool whole = session->partial.size == 0;
    const uint32_t filled = sink->batch->raw_size;
    bool taken = true;
    if (whole && part > sink->line_bytes_max)
        taken = partial_finish(&session->partial, sink, data, part, SINK_TEXT);
    else if (whole && part > 0)
        taken = sink_record(sink, data, part, SINK_TEXT);
    else if (!whole)
        taken = partial_finish(&session->partial, sink, data, part, SINK_TEXT);
    if (!taken || lost) *state = before;
    if (!taken) return false;
    session->given_up = lost;
    if (lost) return true;
    state->token++;
    if (!state->inside) state->intact = state->token;
    if (sink->batch->raw_size > filled)
        sink_acknowledge(sink, state->token);
    else if (!sink_acknowledge_nothing(sink, state->token))
        state->committed = state->token;
    note_stored(state);
    next_step(state, VERSION);
    return true;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct lumberjack_state *state = &session->state.lumberjack;
    size_t taken = 0;
    while (taken < size && !session->given_up) {
        const uint8_t *at = bytes + taken;
        const size_t there = size - taken;
        /* The last byte of its size ends an empty record. */
        const bool empty = state->step == SIZE && state->size == 3 && state->left == 0 && *at == 0;
        if (state->step != DATA && !empty) {
            const bool inside = state->inside;
            /* From the first window on it is kept alive, also while its records wait for room. */
            session->waits =
                state->step == NUMBER && state->size == 3 && !sink->acks && !session->datagram;
            if (session->waits) return taken;
            if (!state->bad) state->bad = header_byte(session, *at);
            if (state->bad) return refuse(session, sink, at, there, state->bad) ? size : taken;
            taken++;
            if (state->inside != inside) return taken;
            continue;
        }
        const size_t part = there < state->left ? there : state->left;
        if (part < state->left) {
            partial_add(&session->partial, sink, at, part);
            state->left -= (uint32_t)part;
        } else if (!finish_record(session, sink, at, part)) {
            if (!session->waits || !is_stuck(state)) return taken;
            session->waits = false;
            return refuse(session, sink, at, there, REJECT_LUMBERJACK_FRAME) ? size : taken;
        }
        taken += empty ? 1 : part;
    }
    return session->given_up ? size : taken;
}

static bool expanded(struct session *session, const struct sink *sink, uint32_t reason) {
    struct lumberjack_state *state = &session->state.lumberjack;
    if (!reason && state->step != VERSION) reason = REJECT_LUMBERJACK_FRAME;
    if (reason && !refuse(session, sink, NULL, 0, reason)) return false;
    state->inside = false;
    if (!reason) state->intact = state->token;
    note_stored(state);
    return true;
}

/* The peer sends it again: it was not acknowledged. */
static bool end(struct session *session, const struct sink *sink) {
    if (session->partial.size == 0) return true;
    if (session->partial.set_aside) session->partial.set_aside = REJECT_LUMBERJACK_FRAME;
    return partial_reject(&session->partial, sink, NULL, 0, REJECT_LUMBERJACK_FRAME);
}

/* ---- answers ---- */

static void committed(struct session *session, const struct commit *commit) {
    session->state.lumberjack.committed = commit->token;
    note_stored(&session->state.lumberjack);
}

static bool awaited(const struct session *session) {
    const struct lumberjack_state *state = &session->state.lumberjack;
    return state->run_count > 0 || state->window_left > 0;
}

/* A whole window is stored, and not answered. */
static bool owes_window(const struct lumberjack_state *state) {
    const struct lumberjack_run *run = &state->runs[state->first_run];
    return state->run_count > 0 && run->count == 0 && run->ends_window;
}

static bool owes(const struct session *session) {
    const struct lumberjack_state *state = &session->state.lumberjack;
    return owes_window(state) || (session->nudged && awaited(session));
}

static uint8_t *put_answer(uint8_t *to, uint32_t sequence) {
    to[0] = '2';
    to[1] = 'A';
    for (int i = 0; i < 4; i++)
        to[2 + i] = (uint8_t)(sequence >> (24 - 8 * i));
    return to + ANSWER_BYTES;
}

static size_t reply(struct session *session, uint8_t *bytes, size_t size) {
    struct lumberjack_state *state = &session->state.lumberjack;
    uint8_t *to = bytes;
    while (owes_window(state) && size - (size_t)(to - bytes) >= ANSWER_BYTES) {
        to = put_answer(to, state->runs[state->first_run].sequence - 1);
        state->last_stored = 0;
        remove_run(state);
        note_stored(state);
    }
    if (to == bytes) to = put_answer(to, state->last_stored); /* nudged */
    session->nudged = false;
    return (size_t)(to - bytes);
}

const struct protocol protocol_lumberjack = {.name = "lumberjack",
                                             .take = take,
                                             .end = end,
                                             .expanded = expanded,
                                             .committed = committed,
                                             .awaited = awaited,
                                             .owes = owes,
                                             .reply = reply};
