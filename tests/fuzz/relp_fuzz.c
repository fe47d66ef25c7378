/* relp_fuzz.c - random bytes as a session of RELP: whole, cut at random places, byte by byte and with
 * little room they must be the same records and the same answers.
 *
 * The first byte chooses between detection and the protocol, the second where the rest is cut. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/protocol.h"

#define LINE_MAX 200
#define OPEN     "1 open 34 relp_version=0\ncommands=syslog\n\n\n\n\n"

static struct batch_listener listeners[] = {{.name = "tcp=fuzz"}};
static _Atomic int64_t budget;
static const struct batch_rules batch_rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};
static const struct batch_origin origin = {.received_ns = 1};

struct seen {
    uint8_t stored[256 << 10], answers[256 << 10];
    size_t stored_size, answers_size;
    uint64_t records, reasons[REJECT_REASONS];
    uint32_t refused;
    bool disorder; /* refused because of transaction numbers: how many wait depends on the cuts */
};

static struct line_memory memory;
static struct batch batch;
static struct acks acks;
static struct sink sink;

static void ready(struct acks *those) {
    (void)those;
}

static void take_answers(struct session *session, struct seen *seen) {
    while (protocol_owes(session)) {
        assert(seen->answers_size + REPLY_ROOM_MIN <= sizeof seen->answers);
        const size_t size =
            session->protocol->reply(session, seen->answers + seen->answers_size, REPLY_ROOM_MIN);
        assert(size > 0 && size <= REPLY_ROOM_MIN);
        seen->answers_size += size;
    }
}

static void drain(struct session *session, struct seen *seen) {
    struct waiter *list = NULL, *rejects = NULL;
    struct commit commit;
    batch_check(&batch);
    assert(batch.counts.records == batch.counts.stored + batch.counts.rejected);
    seen->records += batch.counts.records;
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        seen->reasons[i] += batch.counts.reasons[i];
    assert(seen->stored_size + batch.stored_size <= sizeof seen->stored);
    memcpy(seen->stored + seen->stored_size, batch.raw, batch.stored_size);
    seen->stored_size += batch.stored_size;
    acks_packed(&batch, &list, &rejects);
    acks_written(&rejects, NULL, 0);
    acks_written(&list, NULL, 0);
    while (acks_next(&acks, &commit) > 0)
        session->protocol->committed(session, &commit);
    session->waits = false;
    take_answers(session, seen);
    batch_reset(&batch, &batch_rules);
}

/* In a piece of its own, so that a read after its end is found. */
static void give(struct session *session, struct seen *seen, const uint8_t *bytes, size_t size,
                 bool little_room) {
    uint8_t *piece = malloc(size ? size : 1);
    uint32_t without_progress = 0;
    assert(piece);
    memcpy(piece, bytes, size);
    for (size_t taken = 0; taken < size;) {
        if (little_room) batch_limit(&batch, 4 * DETECT_HEAD_BYTES, (struct batch_growth){0});
        const size_t part = session_take(session, &sink, piece + taken, size - taken);
        taken += part;
        seen->disorder |= session->refused && session->protocol == &protocol_relp &&
                          session->state.relp.run_count == RELP_RUNS;
        without_progress = part == 0 ? without_progress + 1 : 0;
        assert(taken <= size && without_progress < 3);
        if (taken < size || little_room) drain(session, seen);
    }
    free(piece);
    take_answers(session, seen);
}

enum { WHOLE, BYTES }; /* else a seed for pieces of 1 to 13 bytes */

static void run(const struct protocol *protocol, const uint8_t *data, size_t size, uint32_t cuts,
                bool little_room, struct seen *seen) {
    struct session session;
    memset(seen, 0, sizeof *seen);
    session_begin(&session, protocol);
    acks_begin(&acks, false, ready);
    give(&session, seen, (const uint8_t *)OPEN, sizeof OPEN - 1, little_room);
    for (size_t at = 0; at < size;) {
        size_t part = cuts == WHOLE ? size : cuts == BYTES ? 1 : 1 + cuts % 13;
        if (cuts > BYTES) cuts = (cuts * 1103515245 + 12345) | 2;
        if (part > size - at) part = size - at;
        give(&session, seen, data + at, part, little_room);
        at += part;
    }
    while (!session_end(&session, &sink))
        drain(&session, seen);
    drain(&session, seen);
    assert(acks_empty(&acks));
    session.leaving = true;
    take_answers(&session, seen);
    seen->refused = session.refused;
    for (uint32_t i = 0; i <= memory.chunk_count; i++)
        assert(!memory.holders[i]);
}

static void same(const struct seen *a, const struct seen *b) {
    if (a->disorder || b->disorder) return;
    assert(a->records == b->records && a->refused == b->refused);
    assert(a->stored_size == b->stored_size && a->answers_size == b->answers_size);
    assert(memcmp(a->stored, b->stored, a->stored_size) == 0);
    assert(memcmp(a->answers, b->answers, a->answers_size) == 0);
    assert(memcmp(a->reasons, b->reasons, sizeof a->reasons) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct seen whole, other;
    if (!memory.chunks) {
        assert(line_memory_create(64 << 10, &memory) == 0);
        assert(batch_create(LINE_MAX, &batch) == 0);
        sink = (struct sink){.batch = &batch,
                             .origin = &origin,
                             .memory = &memory,
                             .line_bytes_max = LINE_MAX,
                             .acks = &acks};
        batch_reset(&batch, &batch_rules);
    }
    if (size < 3 || size > 8192) return 0;
    budget = INT64_C(1) << 40;
    batch_reset(&batch, &batch_rules);
    const struct protocol *protocol = data[0] & 1 ? &protocol_relp : &protocol_detect;
    const uint32_t cuts = 2 + data[1];
    run(protocol, data + 2, size - 2, WHOLE, false, &whole);
    run(protocol, data + 2, size - 2, BYTES, false, &other);
    same(&whole, &other);
    run(protocol, data + 2, size - 2, cuts, true, &other);
    same(&whole, &other);
    return 0;
}
