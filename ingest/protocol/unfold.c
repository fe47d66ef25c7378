/* unfold.c - see unfold.h. */
#include "ingest/protocol/unfold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/unfold_internal.h"
#include "ingest/protocol/unpack.h"
#include "writer/live/quarantine.h"

/* json.h reads one line: newlines between tokens become spaces.  In strings they are errors, like any
 * other control character. */
static void join_lines(uint8_t *body, size_t size) {
    bool in_string = false, escaped = false;
    if (!memchr(body, '\n', size)) return;
    for (size_t i = 0; i < size; i++) {
        if (body[i] == '\n') body[i] = in_string ? '\v' : ' ';
        if (body[i] == '"' && !escaped) in_string = !in_string;
        escaped = in_string && body[i] == '\\' && !escaped;
    }
}

uint32_t unfold_begin(struct unfold *unfold, const struct unfold_format *format, uint8_t *body,
                      size_t size, uint32_t record_max, const uint8_t **bad, const char **problem) {
    struct json_line line;
    const uint64_t by_ratio = (uint64_t)size * EXPAND_RATIO_MAX;
    join_lines(body, size);
    body[size] = '\n';
    json_check_line(body, body + size + 1, false, &line);
    if (line.reason != JSON_OK) {
        const bool blank = line.reason == JSON_BLANK;
        *bad = blank ? body + size : line.bad;
        *problem = json_reason_sentence(blank ? JSON_TRUNCATED : line.reason);
        return blank ? JSON_TRUNCATED : line.reason;
    }
    *unfold =
        (struct unfold){.format = format,
                        .body = line.begin,
                        .end = line.end,
                        .record_max = record_max,
                        .written_max = by_ratio > EXPAND_FREE_BYTES ? by_ratio : EXPAND_FREE_BYTES};
    *bad = line.begin;
    *problem = format->begin(unfold);
    return *problem ? format->reason : 0;
}

/* What was written at `out` or after it, or anywhere, is no copy of what is shared any more. */
static void forget_copies(struct unfold *unfold, const uint8_t *out) {
    for (int i = 0; i < UNFOLD_SHARED; i++) {
        struct unfold_shared *shared = &unfold->shared[i];
        if (shared->copy == unfold->kept[i]) continue;
        if (out == NULL || shared->copy >= out) shared->copy = NULL;
    }
}

/* Copies it.  False: out of memory. */
static bool keep(struct unfold *unfold, int i) {
    struct unfold_shared *shared = &unfold->shared[i];
    if (!unfold->kept[i] || shared->size > unfold->kept_room[i]) {
        free(unfold->kept[i]);
        unfold->kept[i] = malloc(shared->size + 1); /* it may be empty */
        unfold->kept_room[i] = unfold->kept[i] ? shared->size : 0;
    }
    if (!unfold->kept[i]) return false;
    memcpy(unfold->kept[i], shared->copy, shared->size);
    shared->copy = unfold->kept[i];
    return true;
}

/* Writing 1 MiB of deeply nested attributes can take seconds, so it is not done for each piece. */
void unfold_keep(struct unfold *unfold, size_t room) {
    size_t kept = 0;
    for (int i = 0; i < UNFOLD_SHARED; i++) {
        struct unfold_shared *shared = &unfold->shared[i];
        if (!shared->copy) continue;
        const bool fits = shared->size <= room - kept;
        if (fits) kept += shared->size;
        if (!fits || (shared->copy != unfold->kept[i] && !keep(unfold, i))) shared->copy = NULL;
    }
}

void unfold_end(struct unfold *unfold) {
    for (int i = 0; i < UNFOLD_SHARED; i++) {
        free(unfold->kept[i]);
        unfold->kept[i] = NULL;
        unfold->shared[i].copy = NULL;
    }
}

static enum unfold_result rejected(struct unfold *unfold, struct unfold_event *event,
                                   uint32_t reason, const char *problem) {
    unfold->has_event = false;
    *event = unfold->event;
    event->reason = reason;
    event->problem = problem;
    return UNFOLD_REJECTED;
}

enum unfold_result unfold_next(struct unfold *unfold, uint8_t *out, size_t room,
                               struct unfold_event *event) {
    const struct unfold_format *format = unfold->format;
    if (!unfold->has_event) {
        unfold->event = (struct unfold_event){0};
        if (!format->next(unfold, &unfold->event)) return UNFOLD_END;
        unfold->has_event = true;
    }
    const struct json_slice value = {unfold->event.at, unfold->event.end};
    const char *problem = unfold->event.problem;
    if (problem) return rejected(unfold, event, format->reason, problem);
    if (unfold->written >= unfold->written_max)
        return rejected(
            unfold, event, REJECT_EXPANSION,
            "the records of the request are too large together, as each repeats what they share");
    const bool whole = room >= unfold->record_max;
    struct unfold_out to = {.at = out, .end = out + (whole ? unfold->record_max : room)};
    problem = format->write(unfold, value, &to);
    if (problem || to.full) forget_copies(unfold, to.full && !whole ? NULL : out);
    if (problem) return rejected(unfold, event, format->reason, problem);
    if (to.full && !whole) return UNFOLD_FULL;
    if (to.full) return rejected(unfold, event, REJECT_OVERSIZED, "its record is too long");
    unfold->has_event = false;
    *event = unfold->event;
    event->size = (uint32_t)(to.at - out);
    unfold->written += event->size;
    return UNFOLD_RECORD;
}
