/* http_fuzz.c - random bytes as a session of HTTP: whole, cut at random places, byte by byte and with
 * little room they must be the same records and the same answers.  The first byte says where the rest is
 * cut. */
#include "tests/unit/http_bench.h"

#define LINE_MAX 200

static struct batch_listener listeners[] = {{.name = "http=fuzz"}};
static _Atomic int64_t budget;
static const struct batch_rules batch_rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};
static const struct batch_origin origin = {.received_ns = 1};

static struct line_memory memory;
static struct batch batch;
static struct http_run run;
static struct http_counts counts;
static struct http_shared shared = {.counts = &counts};

static void go(const uint8_t *data, size_t size, uint32_t cuts, struct http_seen *seen) {
    run.seen = seen;
    shared.answers = 0;
    http_run_begin(&run);
    for (size_t at = 0; at < size;) {
        size_t part = cuts == 0 ? size : cuts == 1 ? 1 : 1 + cuts % 13;
        if (cuts > 1) cuts = (cuts * 1103515245 + 12345) | 2;
        if (part > size - at) part = size - at;
        http_run_give(&run, data + at, part);
        at += part;
    }
    http_run_finish(&run);
    assert(shared.memory == 0);
    for (uint32_t i = 0; i <= memory.chunk_count; i++)
        assert(!memory.holders[i]);
}

static void prepare(void) {
    assert(line_memory_create(64 << 10, &memory) == 0);
    assert(batch_create(LINE_MAX, &batch) == 0);
    batch_reset(&batch, &batch_rules);
    run = (struct http_run){
        .rules = &batch_rules,
        .sink = {.batch = &batch, .origin = &origin, .memory = &memory, .line_bytes_max = LINE_MAX},
        .settings = http_settings_create(NULL, 0, NULL, 0, true),
        .inflater = inflate_create()};
    assert(run.inflater && run.settings);
    http_settings_share(run.settings, &shared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_seen whole, other;
    if (!memory.chunks) prepare();
    if (size < 2 || size > 8192) return 0;
    budget = INT64_C(1) << 40;
    batch_reset(&batch, &batch_rules);
    run.little_room = false;
    go(data + 1, size - 1, 0, &whole);
    if (whole.stored_size > sizeof whole.stored / 2) return 0;
    go(data + 1, size - 1, 1, &other);
    assert(http_run_same(&whole, &other));
    run.little_room = true;
    go(data + 1, size - 1, 2 + data[0], &other);
    assert(http_run_same(&whole, &other));
    return 0;
}
