/* unpack.h - decompresses messages that arrived as datagrams: zlib (RFC 1950) and gzip (RFC 1952).
 *
 * The owner collects compressed messages, a worker decompresses them (unpack_run), and the owner
 * puts the results into the sink.  Both sides have a fixed size: what does not fit waits for the
 * next run.  A message may expand to EXPAND_FREE_BYTES, or EXPAND_RATIO_MAX times its size if that
 * is more, and to line_bytes_max.  No clock, no port. */
#ifndef INGEST_PROTOCOL_UNPACK_H
#define INGEST_PROTOCOL_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/protocol.h"
#include "ingest/protocol/sink.h"

#define UNPACK_MESSAGES_MAX 256
/* Deflate reaches 1032 times (zlib.net/zlib_tech.html).  Logs reach 20; 100 KiB of one letter is
 * the kind of message that reaches more. */
#define EXPAND_FREE_BYTES   (256u << 10)
#define EXPAND_RATIO_MAX    200

struct unpack_message {
    struct batch_origin origin;
    uint32_t in, in_size, out, out_size;
    uint32_t reason; /* for which it is rejected; 0: decompressed */
    bool is_text;    /* it only looked compressed: it is what was received */
};

struct inflater;
struct unpack {
    uint8_t *in, *out;
    uint32_t in_max, in_used, out_max, out_used, line_bytes_max;
    uint32_t count, run, given; /* messages: collected, run by the worker, and given to the sink */
    struct unpack_message *messages; /* [UNPACK_MESSAGES_MAX] */
    struct inflater *inflater;
    /* Of the message that is being given. */
    struct session session;
    size_t taken;
};

/* The most bytes of a compressed message that can hold a line. */
uint32_t unpack_message_max(uint32_t line_bytes_max);
/* Without zlib, unpack_begins is false for all. */
int unpack_create(uint32_t line_bytes_max, struct unpack *unpack);
void unpack_free(struct unpack *unpack);
size_t unpack_memory(uint32_t line_bytes_max);

/* Does this begin as compressed data?  RFC 1952 section 2.3.1; RFC 1950 section 2.2: zlib has no
 * magic bytes, but a method, a window and a check. */
bool unpack_begins(const uint8_t *bytes, size_t size);
/* Owner: copies a message, of at most unpack_message_max bytes.  False: no room until all have been
 * given. */
bool unpack_add(struct unpack *unpack, const struct batch_origin *origin, const uint8_t *bytes,
                size_t size);
/* Worker: decompresses messages until all are, or there is no room. */
void unpack_run(struct unpack *unpack);
/* Owner: gives what was decompressed to the sink, whose origin it replaces, as datagrams.  False: the
 * batch has no room; call it again.  After true, if unpack_left, unpack_run has to run again. */
bool unpack_give(struct unpack *unpack, const struct protocol *protocol, const struct sink *sink);
/* Messages that wait for a worker. */
static inline bool unpack_left(const struct unpack *unpack) {
    return unpack->run < unpack->count;
}

#endif
