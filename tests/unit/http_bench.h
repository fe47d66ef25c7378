/* http_bench.h - sessions of HTTP without a network, for a test and a fuzzer: takes bytes as a
 * connection does (connection.c, connection_expand.c, connection_unfold.c), stores batches,
 * collects answers. */
#ifndef TESTS_UNIT_HTTP_BENCH_H
#define TESTS_UNIT_HTTP_BENCH_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/http/request.h"
#include "ingest/protocol/inflate.h"
#include "ingest/protocol/unfold_job.h"

/* What a session has brought. */
struct http_seen {
    uint8_t stored[256 << 10], answers[256 << 10];
    size_t stored_size, answers_size;
    uint64_t records, reasons[REJECT_REASONS];
    bool given_up;
};

struct http_run {
    const struct batch_rules *rules;
    struct sink sink;
    struct acks acks;
    struct session session;
    struct http_settings *settings;
    struct inflater *inflater;
    bool began, ended; /* the compressed data */
    bool little_room;
    struct http_seen *seen;
};

static void http_run_ready(struct acks *acks) {
    (void)acks;
}

static void http_run_begin(struct http_run *run) {
    memset(run->seen, 0, sizeof *run->seen);
    session_begin(&run->session, &protocol_http);
    const bool begun = protocol_http.begin(&run->session, run->settings);
    assert(begun);
    acks_begin(&run->acks, false, http_run_ready);
    run->sink.acks = &run->acks;
    run->began = false;
}

static void http_run_answer(struct http_run *run) {
    struct http_seen *seen = run->seen;
    while (protocol_http.owes(&run->session)) {
        uint8_t bytes[2048];
        const size_t size = protocol_http.reply(&run->session, bytes, sizeof bytes);
        assert(size > 0 && size <= sizeof bytes);
        assert(seen->answers_size + size <= sizeof seen->answers);
        memcpy(seen->answers + seen->answers_size, bytes, size);
        seen->answers_size += size;
    }
}

/* The batch is stored, and what it acknowledges is answered. */
static void http_run_drain(struct http_run *run) {
    struct batch *batch = run->sink.batch;
    struct http_seen *seen = run->seen;
    struct waiter *list = NULL, *rejects = NULL;
    struct commit commit;
    assert(batch->raw_size > 0 || !batch->waiters);
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
    while (acks_next(&run->acks, &commit) > 0)
        protocol_http.committed(&run->session, &commit);
    batch_reset(batch, run->rules);
    http_run_answer(run);
}

/* Room for one line or little more. */
static void http_run_limit(struct http_run *run) {
    if (run->little_room) batch_limit(run->sink.batch, 64, (struct batch_growth){0});
}

/* Bytes that are not compressed; returns how many were taken, all of a piece. */
static size_t http_run_take(struct http_run *run, const uint8_t *bytes, size_t size) {
    struct session *session = &run->session;
    size_t taken = 0;
    uint32_t idle = 0;
    while (taken < size) { /* ends: an empty batch has room, and an answer is written at once */
        size_t part = protocol_http.head(session, bytes + taken, size - taken, 1);
        taken += part;
        if (part == 0 && !session->waits) {
            http_run_limit(run);
            part = protocol_http.take(session, &run->sink, bytes + taken, size - taken);
            taken += part;
            if (!session->inside && (session->compressed > 0 || session->unfold)) return taken;
            if (!session->inside && run->began && !session->compressed_more) return taken;
        }
        assert(taken <= size);
        if (part == 0 || run->little_room) http_run_drain(run);
        http_run_answer(run);
        idle = part == 0 ? idle + 1 : 0;
        assert(idle < 8);
    }
    return taken;
}

static void http_run_piece(struct http_run *run, const uint8_t *bytes, size_t size) {
    uint8_t *piece = malloc(size ? size : 1);
    assert(piece);
    memcpy(piece, bytes, size);
    run->session.inside = true;
    http_run_take(run, piece, size);
    run->session.inside = false;
    free(piece);
}

static void http_run_expanded(struct http_run *run, uint32_t reason) {
    run->began = false;
    run->session.compressed = 0;
    run->session.compressed_more = false;
    while (!protocol_http.expanded(&run->session, &run->sink, reason))
        http_run_drain(run);
}

/* Decompresses; returns how many bytes were used. */
static size_t http_run_expand(struct http_run *run, const uint8_t *bytes, size_t size) {
    struct session *session = &run->session;
    const size_t given = size < session->compressed ? size : session->compressed;
    size_t used = 0;
    const bool gzip = session->compression == SESSION_GZIP;
    if (!run->began) inflate_begin(run->inflater, gzip ? INFLATE_GZIP : INFLATE_ZLIB);
    if (!run->began) run->ended = false;
    run->began = true;
    for (bool more = true; more;) { /* ends: each turn uses input or fills a piece */
        uint8_t plain[512];
        struct inflate_io io = {bytes + used, given - used, plain, sizeof plain};
        enum inflate_status status = INFLATE_MORE;
        if (run->ended && gzip && io.in_size > 0) {
            inflate_begin(run->inflater, INFLATE_GZIP);
            run->ended = false;
        }
        if (!run->ended) status = inflate_step(run->inflater, &io);
        run->ended = run->ended || status == INFLATE_END;
        const size_t now = given - used - io.in_size;
        used += now;
        session->compressed -= (uint32_t)now;
        http_run_piece(run, plain, sizeof plain - io.out_room);
        const bool bad = status == INFLATE_DAMAGED || (run->ended && !gzip && io.in_size > 0);
        if (bad || session->given_up) {
            http_run_expanded(run, REJECT_INFLATE);
            return used;
        }
        more = (io.out_room == 0 && !run->ended) || (now > 0 && io.in_size > 0);
    }
    return used;
}

static void http_run_unfold(struct http_run *run) {
    struct unfold_job *job = run->session.unfold;
    while (!job->ended) { /* ends: the body does */
        unfold_job_run(job);
        run->session.inside = true;
        http_run_take(run, job->piece, job->piece_size);
        run->session.inside = false;
    }
    protocol_http.unfolded(&run->session);
    run->session.unfold = NULL;
    http_run_drain(run);
}

/* In a piece of its own, so that a sanitizer sees reads after its end. */
static void http_run_give(struct http_run *run, const uint8_t *bytes, size_t size) {
    struct session *session = &run->session;
    uint8_t *piece = malloc(size ? size : 1);
    assert(piece);
    memcpy(piece, bytes, size);
    for (size_t taken = 0; taken < size || run->began || session->unfold;) {
        if (session->compressed > 0 && taken < size)
            taken += http_run_expand(run, piece + taken, size - taken);
        else if (run->began && session->compressed == 0 && !session->compressed_more)
            http_run_expanded(run, run->ended ? 0 : REJECT_INFLATE);
        else if (session->unfold)
            http_run_unfold(run);
        else if (taken < size)
            taken += http_run_take(run, piece + taken, size - taken);
        else
            break; /* more has to come */
    }
    free(piece);
    http_run_answer(run);
}

static void http_run_finish(struct http_run *run) {
    struct session *session = &run->session;
    while (!session_end(session, &run->sink))
        http_run_drain(run);
    http_run_drain(run);
    session->leaving = true;
    http_run_answer(run);
    run->seen->given_up = session->given_up;
    acks_end(&run->acks);
    protocol_http.forget(session);
}

/* Do two ways to cut the same bytes bring the same? */
static bool http_run_same(const struct http_seen *a, const struct http_seen *b) {
    return a->records == b->records && a->given_up == b->given_up &&
           a->stored_size == b->stored_size && a->answers_size == b->answers_size &&
           memcmp(a->stored, b->stored, a->stored_size) == 0 &&
           memcmp(a->answers, b->answers, a->answers_size) == 0 &&
           memcmp(a->reasons, b->reasons, sizeof a->reasons) == 0;
}

#endif
