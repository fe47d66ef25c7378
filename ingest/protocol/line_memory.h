/* line_memory.h - memory for unfinished records.
 *
 * A bounded pool of 1 KiB chunks; at the default size one for each possible connection, so that
 * every connection can keep a short unfinished record.  When it is empty the longest one gives way
 * (partial.h).  Owner only. */
#ifndef INGEST_PROTOCOL_LINE_MEMORY_H
#define INGEST_PROTOCOL_LINE_MEMORY_H

#include <stdint.h>

#define LINE_CHUNK_BYTES  1008 /* with its link and malloc's own, about 1 KiB */
#define LINE_MEMORY_BYTES (16u << 20)

struct line_chunk {
    struct line_chunk *next;
    uint8_t bytes[LINE_CHUNK_BYTES];
};

struct partial;

struct line_memory {
    struct line_chunk *chunks, *free;
    uint32_t chunk_count, used; /* chunks[used..) were never touched */
    /* Lists of partials by the number of chunks they hold, to find the longest at once. */
    struct partial **holders; /* [chunk_count + 1] */
    uint32_t longest;         /* none holds more chunks than this */
};

int line_memory_create(uint32_t bytes, struct line_memory *memory);
void line_memory_free(struct line_memory *memory);

#endif
