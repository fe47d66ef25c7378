/* gelf.h - puts messages of GELF together that were sent in chunks over UDP.
 *
 * A chunk is the magic bytes 1E 0F, an ID of eight bytes, the chunk's number, the count of chunks,
 * and its part of the message ("GELF via UDP", docs.graylog.org).  Chunks of one IP address and ID
 * are one message, whatever their order and port: some clients open a socket for each chunk.
 *
 * Memory is bounded, also for each IP address.  When it is used up, the address that holds the most
 * gives up its oldest message.  Each message that is given up or incomplete after 5 s is one
 * rejected record.  Which IDs have ended is remembered for 5 s, so that repeated and late chunks do
 * not become another message.  No clock, no port.  Owner only. */
#ifndef INGEST_PROTOCOL_GELF_H
#define INGEST_PROTOCOL_GELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/sink.h"

#define GELF_HEADER_BYTES 12
#define GELF_CHUNKS_MAX   128
#define GELF_TIMEOUT_NS   (5 * INT64_C(1000000000))
/* Unfinished messages, in blocks of about 1 KiB: in all, and of one IP address. */
#define GELF_BLOCKS       8192
#define GELF_PEER_BLOCKS  2048
#define GELF_BLOCK_BYTES  1008
/* Unfinished messages and IDs that have ended; each unfinished one holds at least one block. */
#define GELF_MESSAGES     16384

struct gelf_block;
struct gelf_message;
struct gelf_peer;
struct gelf_list {
    struct gelf_message *first, *last;
};

struct gelf {
    struct gelf_block *blocks, *free_blocks;
    struct gelf_message *messages, *free_messages, **by_id;
    struct gelf_peer *peers, *free_peers, **by_ip;
    struct gelf_peer **holders; /* [GELF_PEER_BLOCKS + 1]: lists of peers by the blocks they hold */
    uint32_t most;              /* no peer holds more blocks */
    uint32_t blocks_used, messages_used, peers_used; /* those after it were never touched */
    uint32_t blocks_free;                            /* untouched ones too */
    struct gelf_list unfinished, ended;              /* oldest first */
    uint64_t seed;
    uint32_t message_max;
    uint8_t *message; /* the last complete one */
    uint64_t ignored; /* chunks that were repeated, or came after the end of their message */
};

/* A longer message than message_max, or than an IP address may hold, is rejected as oversized.
 * seed: unknown to senders, so that they cannot choose IDs that are slow to find. */
int gelf_create(uint32_t message_max, uint64_t seed, struct gelf *gelf);
void gelf_free(struct gelf *gelf);
/* The most bytes that it takes. */
size_t gelf_memory(uint32_t message_max);

static inline bool gelf_is_chunk(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1E && bytes[1] == 0x0F;
}

/* Takes a chunk, from sink->origin.  *whole is the message that it completes, valid until the next
 * call, or NULL.  False: the batch has no room for a rejected record; call it again, with an empty
 * batch. */
bool gelf_take(struct gelf *gelf, const struct sink *sink, int64_t now_ns, const uint8_t *bytes,
               size_t size, const uint8_t **whole, size_t *whole_size);
/* Rejects the messages that are incomplete after GELF_TIMEOUT_NS; with INT64_MAX all of them.
 * False: no room; call it again. */
bool gelf_expire(struct gelf *gelf, const struct sink *sink, int64_t now_ns);
/* When the oldest unfinished message must be complete; INT64_MAX: there is none. */
int64_t gelf_due_ns(const struct gelf *gelf);

#endif
