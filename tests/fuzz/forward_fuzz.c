/* forward_fuzz.c - random bytes as a session of the forward protocol: whole, cut at random places, byte by
 * byte and with little room they must be the same records and the same answers.  And as an entry: its JSON
 * is valid, and not longer than the walk through it has said.
 *
 * The first byte chooses between detection, the protocol, and the protocol with a key; the second where the
 * rest is cut. */
#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/msgpack.h"
#include "ingest/protocol/sha512.h"
#include "schema/record/forward.h"
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
static struct forward_settings *settings;

enum { WHOLE, BYTES }; /* else a seed for pieces of 1 to 13 bytes */

static void go(const struct protocol *protocol, const uint8_t *data, size_t size, uint32_t cuts,
               struct seen *seen) {
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

static void sevens(void *bytes, size_t size) {
    memset(bytes, 7, size);
}

static void prepare(void) {
    settings = forward_settings_create(sevens, "key", "logportd");
    assert(settings && forward_settings_add_user(settings, "u:pw"));
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

/* An array of three that begins with a tag. */
static void check_entry(const uint8_t *data, size_t size) {
    static uint8_t json[64 << 10];
    struct msgpack_walk walk = {.objects = 1, .json = 96};
    struct json_line line;
    size_t written = sizeof json - JSON_PADDING - 1, bad;
    if (msgpack_walk(&walk, data, size) < size || !msgpack_walk_ended(&walk) || walk.broken) return;
    if (forward_write(data, size, FORWARD_TIME_KEY, 1, json, &written, &bad) != FORWARD_OK) {
        assert(bad <= size);
        return;
    }
    assert(written <= walk.json);
    json[written] = '\n';
    json_check_line(json, json + written + 1, false, &line);
    assert(line.reason == JSON_OK && line.end == json + written);
    size_t less = written - 1;
    assert(forward_write(data, size, FORWARD_TIME_KEY, 1, json, &less, &bad) == FORWARD_NO_ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct seen whole, other;
    if (!memory.chunks) prepare();
    if (size < 3 || size > 8192) return 0;
    budget = INT64_C(1) << 40;
    batch_reset(&batch, &batch_rules);
    check_entry(data + 2, size - 2);
    const struct protocol *protocol = data[0] & 1 ? &protocol_forward : &protocol_detect;
    if (data[0] & 2 && sha512_available) protocol = &protocol_forward_auth;
    run.little_room = false;
    run.piece_max = 1 << 16;
    go(protocol, data + 2, size - 2, WHOLE, &whole);
    if (run.session.protocol != &protocol_forward && run.session.protocol != &protocol_forward_auth)
        return 0; /* protocols_fuzz does the others */
    if (whole.stored_size > sizeof whole.stored / 2) return 0;
    go(protocol, data + 2, size - 2, BYTES, &other);
    assert(run_same(&whole, &other));
    run.little_room = true;
    run.piece_max = 1 + data[1];
    go(protocol, data + 2, size - 2, 2 + data[1], &other);
    assert(run_same(&whole, &other));
    return 0;
}
