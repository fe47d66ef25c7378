/* unfold_fuzz.c - random bytes as bodies of Loki and OTLP: with any room the records are the same, each is
 * an object that json.h accepts and is not longer than the limit, and each event is one of the body.
 *
 * The first byte chooses the format, the second the limit. */
#include <assert.h>
#include <string.h>

#include "ingest/protocol/unfold.h"

#define BODY_MAX 8192
#define ROOM_MAX (1u << 20)

static uint8_t body[BODY_MAX + UNFOLD_PADDING], wide[ROOM_MAX + UNFOLD_PADDING];
static uint8_t narrow[1024 + UNFOLD_PADDING];

static void check_event(const uint8_t *end, const struct unfold_event *event) {
    assert(body <= event->at && event->at < event->end && event->end <= end);
}

static void check_record(const uint8_t *record, size_t size) {
    static uint8_t copy[1024 + 1 + JSON_PADDING];
    struct json_line line;
    memcpy(copy, record, size);
    copy[size] = '\n';
    json_check_line(copy, copy + size + 1, false, &line);
    assert(line.reason == JSON_OK || line.reason == JSON_TOO_DEEP);
    assert(line.reason != JSON_OK || line.next == copy + size + 1);
}

/* The same as what was written at `at` before; returns the position after it. */
static const uint8_t *compare(const uint8_t *at, uint32_t record_max, size_t room, size_t size,
                              const struct unfold_format *format) {
    struct unfold unfold;
    struct unfold_event event;
    const uint8_t *bad;
    const char *problem;
    size_t used = 0;
    const uint32_t reason = unfold_begin(&unfold, format, body, size, record_max, &bad, &problem);
    assert(reason == 0);
    for (enum unfold_result result; /* ends: each turn takes an event, or empties the piece */
         (result = unfold_next(&unfold, narrow + used, room - used, &event)) != UNFOLD_END;) {
        if (result == UNFOLD_FULL) {
            assert(used > 0);
            memset(narrow, '#', room);
            used = 0;
        }
        if (result != UNFOLD_RECORD) continue;
        assert(memcmp(at, narrow + used, event.size) == 0);
        at += event.size;
        used += event.size;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3 || size - 2 > BODY_MAX) return 0;
    const struct unfold_format *format = data[0] & 1 ? &unfold_loki : &unfold_otlp;
    const uint32_t record_max = 2 + 4 * data[1];
    struct unfold unfold;
    struct unfold_event event;
    const uint8_t *bad;
    const char *problem;
    size_t used = 0;
    size -= 2;
    memcpy(body, data + 2, size);
    if (unfold_begin(&unfold, format, body, size, record_max, &bad, &problem)) {
        assert(body <= bad && bad <= body + size && problem);
        return 0;
    }
    for (enum unfold_result result; /* ends: each turn takes an event */
         (result = unfold_next(&unfold, wide + used, ROOM_MAX - used, &event)) != UNFOLD_END;) {
        check_event(body + size, &event);
        if (result == UNFOLD_FULL) return 0;
        assert(result == UNFOLD_RECORD || (event.reason && event.problem));
        if (result != UNFOLD_RECORD) continue;
        assert(event.size <= record_max);
        check_record(wide + used, event.size);
        used += event.size;
    }
    const uint8_t *end = compare(wide, record_max, record_max, size, format);
    assert(end == wide + used);
    return 0;
}
