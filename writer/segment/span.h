/* span.h - what is known about consecutive lines without reading them, and the lid, the skippable
 * frame that stores it for the frames before it (FORMAT.md).  Pure: any thread. */
#ifndef WRITER_SEGMENT_SPAN_H
#define WRITER_SEGMENT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record/facts.h"

/* All zero: of no lines.  What is not known is the widest range, INT64_MIN to INT64_MAX. */
struct span {
    uint64_t lines, raw_size;
    int64_t received_min_ns, received_max_ns;
    int64_t time_min_ns, time_max_ns; /* event time; of a line without one its receive time */
    /* Bit l: a line of level l; bit 0: one without a level; SPAN_UNRECOGNISED: one of these has a
     * level that is not known. */
    uint32_t levels;
    /* Times and levels hold by the usual rules and by those with this id (facts_rules.id). */
    uint32_t rules;
};

#define SPAN_UNRECOGNISED (UINT32_C(1) << 31)
/* Lines of several rules: times and levels hold by the usual rules only. */
#define SPAN_RULES_MIXED  ((UINT32_C(1) << FACTS_ID_BITS) - 1)

/* For a line whose facts are by the rules with this id: what span.rules becomes. */
static inline uint32_t span_rules(const struct span *span, uint32_t rules) {
    return span->lines == 0 || span->rules == rules ? rules : SPAN_RULES_MIXED;
}

/* size: the record's and its newline's. The facts are by the usual rules, or the caller adds
 * others (span_rules, span_widen). Inlined, as ingest pays for it with every line. */
static inline void span_add_line(struct span *span, size_t size, int64_t received_ns,
                                 const struct facts *facts) {
    const int64_t time_ns = facts->has_time ? facts->time_ns : received_ns;
    const bool first = span->lines++ == 0;
    span->raw_size += size;
    span->levels |= 1u << facts->level | (uint32_t)facts->unrecognised << 31;
    if (first || received_ns < span->received_min_ns) span->received_min_ns = received_ns;
    if (first || received_ns > span->received_max_ns) span->received_max_ns = received_ns;
    if (first || time_ns < span->time_min_ns) span->time_min_ns = time_ns;
    if (first || time_ns > span->time_max_ns) span->time_max_ns = time_ns;
}
/* For a line that other keys give other facts: a search for either finds it. */
void span_widen(struct span *span, const struct facts *facts);
/* Of lines about which nothing else is known. */
struct span span_unknown(uint64_t lines, uint64_t raw_size);
/* Times and levels become unknown. */
void span_forget_facts(struct span *span);
/* Could it be of any lines?  No range may be reversed. */
bool span_possible(const struct span *span);
/* Does a reader that skips these lines by their span miss none?  False: the span excludes a time or
 * level that they have. */
struct counts;
bool span_covers(const struct span *span, const struct counts *counts);
/* Of both together. */
void span_add(struct span *span, const struct span *other);

#define LID_BYTES 64

/* Writes the lid of a span whose first line has the number first_line in the segment.  What the
 * fields cannot hold becomes wider, never narrower.  Returns LID_BYTES, or 0 if there are no lines,
 * or more than 32 bits can count. */
size_t lid_encode(const struct span *span, uint64_t first_line, uint8_t out[LID_BYTES]);
/* Reads a whole frame of the lid's magic.  ERR_INVALID: damaged; ERR_UNSUPPORTED: of a later
 * version; then nothing is known of the frames before it.  Of a lid of version 1, whose rules found
 * less, times and levels are unknown.
 * A lid describes the data frames since the previous lid, or since the segment's beginning.  Before
 * skipping them because of it, check that their raw sizes add up to span.raw_size: they do not if a
 * frame was set aside.  received_max_ns is rounded up to a millisecond. */
int lid_decode(const uint8_t *bytes, size_t size, struct span *span, uint64_t *first_line);

/* When consecutive lines were received.  A re-packed segment has one lid for a group, and before it
 * a frame of receipts, one for each lid that the original had: so these times stay as precise. */
struct receipt {
    uint32_t raw_size; /* of whole lines */
    int64_t min_ns, max_ns;
};
#define RECEIPTS_MAX          (1u << 16)
#define RECEIPTS_BYTES(count) (16 + 16 * (size_t)(count))

/* Writes the frame; `out` has room for RECEIPTS_BYTES(count), which is returned.  max_ns is rounded
 * up as in a lid.  count: 1 .. RECEIPTS_MAX. */
size_t receipts_encode(const struct receipt *receipts, uint32_t count, uint8_t *out);
/* How many receipts this whole frame has; 0: it is damaged, or not for the raw_size bytes of lines
 * before it. */
uint32_t receipts_check(const uint8_t *bytes, size_t size, uint64_t raw_size);
/* The receipt with this number of a frame that was checked. */
struct receipt receipts_at(const uint8_t *bytes, uint32_t number);

#endif
