/* rejects_queue.h - rejected records on their way to quarantine.
 *
 * They wait here, in memory of their own, and not in their batch: whatever the disk of quarantine
 * does, batches become free, and no valid line waits for an invalid one.  When the memory is full,
 * further rejected records are dropped and counted as quarantine_full.  Owner only. */
#ifndef INGEST_PIPELINE_REJECTS_QUEUE_H
#define INGEST_PIPELINE_REJECTS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/pipeline/counters.h"
#include "port/port.h"
#include "writer/live/batch.h"
#include "writer/live/stream.h"

struct rejects_queue;

/* The memory: two seconds of what quarantine takes (pipeline.h), if it does not compress at all. */
#define REJECTS_QUEUE_BYTES_MAX (16u << 20)

/* The stream and the counters outlive it.  ERR_NO_MEMORY. */
int rejects_queue_create(struct port *port, struct stream *rejects, struct counters *counters,
                         struct rejects_queue **queue);
/* Copies the frames of that many records, which are counted as in flight, and appends them, in
 * order; or drops them.  *waiters becomes empty: they wait for acks_written (acks.h). */
void rejects_queue_add(struct rejects_queue *queue, const struct batch_frames *frames,
                       uint64_t records, struct waiter **waiters);
bool rejects_queue_busy(const struct rejects_queue *queue); /* some are not stored yet */
void rejects_queue_free(struct rejects_queue *queue);       /* not busy; may be NULL */

#endif
