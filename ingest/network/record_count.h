/* record_count.h - counts records as a worker will, before it does: those that a batch has just been
 * given, and those in a datagram that is dropped.  For limits on records and for counters; nothing
 * is counted on the way of a line otherwise.  Owner only. */
#ifndef INGEST_NETWORK_RECORD_COUNT_H
#define INGEST_NETWORK_RECORD_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/protocol.h"

/* Records that were added to the batch since its raw_size was `from`. */
uint64_t records_added(const struct batch *batch, uint32_t from);

/* A batch that is never packed; all zero: it takes its memory when it is first used. */
struct record_counter {
    struct batch batch;
    struct line_memory memory;
};
void record_counter_free(struct record_counter *counter);
size_t record_counter_memory(void); /* the most bytes that one takes */

/* Records that this protocol finds in a datagram.  A compressed message is one, whatever it
 * contains, a chunk of GELF is none; out of memory: one. */
uint64_t records_of_datagram(struct record_counter *counter, const struct protocol *protocol,
                             uint32_t line_bytes_max, const uint8_t *bytes, size_t size);

#endif
