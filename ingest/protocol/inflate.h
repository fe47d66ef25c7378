/* inflate.h - decompresses zlib (RFC 1950) and gzip (RFC 1952) data.  inflate.c is the only file
 * that includes zlib; inflate_absent.c replaces it in a build without zlib.  Pure; an inflater
 * belongs to one thread at a time. */
#ifndef INGEST_PROTOCOL_INFLATE_H
#define INGEST_PROTOCOL_INFLATE_H

#include <stddef.h>
#include <stdint.h>

enum inflate_format { INFLATE_GZIP, INFLATE_ZLIB };

enum inflate_status {
    INFLATE_MORE, /* continue with more input or more room */
    INFLATE_END,  /* of the zlib data or the gzip member */
    INFLATE_DAMAGED,
    INFLATE_NO_MEMORY,
};

/* inflate_step consumes from the front of `in` and appends to `out`, and advances both. */
struct inflate_io {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_room;
};

/* What an inflater takes: zlib's window of 32 KiB and its tables (zlib.h: about 7 KiB). */
#define INFLATE_MEMORY_BYTES (48u << 10)

struct inflater;

/* The version of zlib; NULL: built without it, and nothing else here may be called. */
const char *inflate_library(void);
/* NULL: out of memory.  It begins with gzip. */
struct inflater *inflate_create(void);
void inflate_free(struct inflater *inflater); /* NULL: does nothing */
/* Begins anew. */
void inflate_begin(struct inflater *inflater, enum inflate_format format);
enum inflate_status inflate_step(struct inflater *inflater, struct inflate_io *io);

#endif
