/* protocols_fuzz.c - random bytes for each protocol and for detection: whole, cut at random places,
 * byte by byte, with little room and as a datagram they must be the same records, and every stored
 * record must be a valid object that was sent.
 *
 * The first byte chooses the protocol and what is added to records, the second where the rest is
 * cut, the third line_bytes_max, and with its lowest bit a stamp. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/protocol.h"
#include "writer/live/stamp.h"

#define LINE_MAX 255

static struct batch_listener listeners[] = {{.name = "tcp=fuzz"}};
static _Atomic int64_t budget;
static struct batch_rules batch_rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};
static const struct batch_origin origin = {.received_ns = 1};

struct seen {
    uint8_t stored[256 << 10];
    size_t size;
    uint64_t records, reasons[REJECT_REASONS];
    uint32_t refused;
    bool acknowledges; /* its protocol, which takes no datagrams */
};

struct bench {
    struct line_memory memory;
    struct batch batch;
    struct sink sink;
};

static struct batch_growth growth(void) {
    struct batch_growth growth = {0};
    batch_growth_add(&growth, &listeners[0]);
    return growth;
}

static void drain(struct bench *bench, struct seen *seen) {
    struct batch *batch = &bench->batch;
    batch_check(batch);
    batch_pack(batch);
    assert(batch->counts.records == batch->counts.stored + batch->counts.rejected);
    assert(batch->stored.span.raw_size == batch->stored_size);
    seen->records += batch->counts.records;
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        seen->reasons[i] += batch->counts.reasons[i];
    assert(seen->size + batch->stored_size <= sizeof seen->stored);
    memcpy(seen->stored + seen->size, batch->raw, batch->stored_size);
    seen->size += batch->stored_size;
    batch_reset(batch, &batch_rules);
    batch_limit(batch, batch->raw_max, growth());
}

/* `line` is somewhere in the input; between its tokens spaces were newlines, and \n in its strings may
 * have been. */
static bool was_sent(const uint8_t *line, size_t size, const uint8_t *data, size_t data_size) {
    for (size_t at = 0; at < data_size; at++) {
        size_t i = 0, from = at;
        for (; i < size && from < data_size; i++, from++) {
            if (line[i] == data[from]) continue;
            if (data[from] != '\n') break;
            if (line[i] == '\\' && i + 1 < size && line[i + 1] == 'n')
                i++;
            else if (line[i] != ' ')
                break;
        }
        if (i == size) return true;
    }
    return false;
}

static void check_stored(const struct seen *seen, const uint8_t *data, size_t size) {
    for (size_t at = 0; at < seen->size;) {
        const uint8_t *line = seen->stored + at;
        const uint8_t *newline = memchr(line, '\n', seen->size - at);
        assert(newline && line[0] == '{' && newline[-1] == '}');
        const size_t length = (size_t)(newline - line);
        assert(length <= batch_rules.line_bytes_max || growth().eighths > 0);
        if (growth().eighths == 0) assert(was_sent(line, length, data, size));
        at += length + 1;
    }
}

/* In a piece of its own, so that a read after its end is found. */
static void give(struct bench *bench, struct session *session, struct seen *seen,
                 const uint8_t *bytes, size_t size, bool little_room) {
    if (session->waits) return; /* for acknowledgements: relp_fuzz, lumberjack_fuzz */
    uint8_t *piece = malloc(size ? size : 1);
    assert(piece);
    memcpy(piece, bytes, size);
    uint32_t without_progress = 0;
    for (size_t taken = 0; taken < size && !session->waits;) {
        if (little_room) batch_limit(&bench->batch, 4 * DETECT_HEAD_BYTES, growth());
        const size_t part = session_take(session, &bench->sink, piece + taken, size - taken);
        taken += part;
        without_progress = part == 0 ? without_progress + 1 : 0;
        assert(taken <= size && without_progress < 3);
        if (taken < size || little_room) drain(bench, seen);
    }
    free(piece);
}

enum { WHOLE, BYTES }; /* else a seed for pieces of 1 to 13 bytes */

static void run(struct bench *bench, const struct protocol *protocol, const uint8_t *data,
                size_t size, uint32_t cuts, bool little_room, struct seen *seen) {
    struct session session;
    *seen = (struct seen){0};
    session_begin(&session, protocol);
    for (size_t at = 0; at < size;) {
        size_t part = cuts == WHOLE ? size : cuts == BYTES ? 1 : 1 + cuts % 13;
        if (cuts > BYTES) cuts = (cuts * 1103515245 + 12345) | 2;
        if (part > size - at) part = size - at;
        give(bench, &session, seen, data + at, part, little_room);
        at += part;
    }
    while (!session_end(&session, &bench->sink))
        drain(bench, seen);
    drain(bench, seen);
    seen->refused = session.refused;
    seen->acknowledges = session.protocol->committed != NULL;
    for (uint32_t i = 0; i <= bench->memory.chunk_count; i++)
        assert(!bench->memory.holders[i]);
}

static void same(const struct seen *a, const struct seen *b) {
    /* Detection may need more than a line; if that is too long, its lines are one record. */
    if (a->reasons[REJECT_OVERSIZED] || b->reasons[REJECT_OVERSIZED]) return;
    assert(a->records == b->records && a->size == b->size);
    assert(memcmp(a->stored, b->stored, a->size) == 0);
    /* Form data is looked for only in what has arrived. */
    assert(a->refused == b->refused || a->refused == REJECT_FORM || b->refused == REJECT_FORM);
}

static void run_datagram(struct bench *bench, const struct protocol *protocol, const uint8_t *data,
                         size_t size, struct seen *seen) {
    struct session session = {0};
    size_t taken = 0;
    *seen = (struct seen){0};
    while (!protocol_take_datagram(protocol, &session, &taken, &bench->sink, data, size))
        drain(bench, seen);
    drain(bench, seen);
    seen->refused = session.refused;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"auto",     "newline",        "nul",
                                        "json-seq", "octet-counting", "concatenated"};
    static struct bench bench;
    static struct seen whole, other;
    if (!bench.memory.chunks) {
        assert(line_memory_create(64 << 10, &bench.memory) == 0);
        assert(batch_create(LINE_MAX, &bench.batch) == 0);
        bench.sink =
            (struct sink){.batch = &bench.batch, .origin = &origin, .memory = &bench.memory};
    }
    if (size < 4) return 0;
    batch_rules.line_bytes_max = bench.sink.line_bytes_max = data[2] < 64 ? 64 : data[2];
    budget = INT64_C(1) << 40;
    listeners[0].syslog_fields = data[0] & 0x40;
    listeners[0].wrap = data[0] & 0x80;
    listeners[0].stamps = data[2] & 1 ? STAMP_PEER : 0;
    batch_reset(&bench.batch, &batch_rules);
    batch_limit(&bench.batch, bench.batch.raw_max, growth());
    const struct protocol *protocol = protocol_find(names[(data[0] & 0x3F) % 6]);
    const uint32_t cuts = 2 + data[1];
    const uint8_t *input = data + 3;
    const size_t input_size = size - 3;
    run(&bench, protocol, input, input_size, WHOLE, false, &whole);
    check_stored(&whole, input, input_size);
    run(&bench, protocol, input, input_size, BYTES, false, &other);
    same(&whole, &other);
    run(&bench, protocol, input, input_size, cuts, false, &other);
    same(&whole, &other);
    run(&bench, protocol, input, input_size, cuts, true, &other);
    same(&whole, &other);
    run_datagram(&bench, protocol, input, input_size, &other);
    /* A datagram may be one text of many lines. */
    if (!whole.acknowledges && whole.reasons[REJECT_SYSLOG_TEXT] == 0 && !listeners[0].wrap)
        same(&whole, &other);
    return 0;
}
