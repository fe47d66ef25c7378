/* expansion.h - decompresses what a session asks for (session->compressed, protocol.h) on workers: a
 * piece at a time, so that the memory of one, and of all together, is bounded whatever the size of the
 * data.
 *
 * The compressed bytes stay where they were received.  Each run of a worker takes as many of them as
 * fill one piece; the owner gives the piece to the protocol before the next run, so order and
 * acknowledgement are as without compression, and back-pressure reaches the peer.  Owner only. */
#ifndef INGEST_NETWORK_EXPANSION_H
#define INGEST_NETWORK_EXPANSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

/* Of plain data, decompressed by one run. */
#define EXPANSION_PIECE_BYTES (64u << 10)
/* Connections that are in the midst of compressed data, at a time; others wait. */
#define EXPANSIONS_MAX        256
/* The same of Zstandard, whose window may be large. */
#define EXPANSIONS_ZSTD_MAX   8
/* One that has been given nothing for this long is closed when others wait for it. */
#define EXPANSION_STALLED_NS  (5 * 1000000000ll)

struct inflater;
struct zstandard;

struct expansion {
    struct port *port;
    struct port_op op;
    struct inflater *inflater; /* or ... */
    struct zstandard *zstandard;
    uint8_t *piece;
    uint32_t piece_size;
    bool working;
    int64_t given_ns; /* its last bytes */
    uint32_t format;
    bool begun, ended; /* the data; of gzip and Zstandard: its member or frame */
    bool more;         /* the piece was full: there may be more without further input */
    uint32_t reason;   /* 0, or why it cannot be decompressed */
    const uint8_t *in; /* the worker's while it works */
    size_t in_size;
    uint64_t packed, plain, plain_max; /* bytes: used, made of them, and at most */
    /* A run is done. */
    void (*done)(struct expansion *expansion);
    void *context;
};

/* For data of this size, or a first part of it, in this format (`compression` in protocol.h).  NULL:
 * out of memory. */
struct expansion *expansion_begin(struct port *port, uint64_t size, uint32_t format,
                                  void (*done)(struct expansion *expansion), void *context);
void expansion_free(struct expansion *expansion); /* not working; NULL: does nothing */
size_t expansion_memory(void);                    /* the most that one takes, except of Zstandard */

/* Decompresses these bytes until they are used up or the piece is full; `done` is called later, in_size
 * is what is left then, and the bytes must stay until then. */
void expansion_run(struct expansion *expansion, const uint8_t *bytes, size_t size);
/* All of it has been given to runs, and what came of it to the protocol: 0, or the reason why it was
 * not whole. */
uint32_t expansion_result(const struct expansion *expansion);

#endif
