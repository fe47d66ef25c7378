/* indexer.h - gives a stream's closed segments the index that they lack, when the machine has
 * nothing better to do.
 *
 * One segment at a time, on the idle lane: those that were closed since the start first, in their
 * order; then what earlier runs have left, the newest first.  An index is appended to the closed
 * file itself (FORMAT.md): readers that have it open see the same lines before, meanwhile and
 * after, and a crash leaves a whole segment with a torn index, which the next start mends.
 * Every call: the port's owner. */
#ifndef WRITER_INDEXER_H
#define WRITER_INDEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"

struct indexer;

/* What a job takes beside its segment's own index, at most. */
#define INDEXER_MEMORY_BYTES (32u << 20)

/* folder: of the stream's segments; not copied.  last_sequence: segments above it are new. */
int indexer_open(struct port *port, const char *folder, uint64_t last_sequence,
                 struct indexer **indexer);
/* There may be something to do: at the start, and whenever a segment was closed. */
void indexer_look(struct indexer *indexer);
/* From here on only new segments are looked for; an older one in hand is let go. */
void indexer_finish(struct indexer *indexer);
/* What is in hand is let go, and nothing new begun. */
void indexer_stop(struct indexer *indexer);
/* After indexer_finish or indexer_stop: false once nothing is under way. */
bool indexer_busy(const struct indexer *indexer);
uint64_t indexer_count(const struct indexer *indexer); /* segments that got an index */
void indexer_free(struct indexer *indexer);            /* not busy */

#endif
