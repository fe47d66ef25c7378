/* zstandard.h - decompresses Zstandard data (RFC 8878): frames one after the other, and skippable
 * ones.  zstandard.c is the only file that includes libzstd; zstandard_absent.c replaces it in a build
 * without it.  Pure; a decompressor belongs to one thread at a time. */
#ifndef INGEST_PROTOCOL_ZSTANDARD_H
#define INGEST_PROTOCOL_ZSTANDARD_H

#include "ingest/protocol/inflate.h"

/* As an HTTP coding, data may need a window of 8 MiB (RFC 9659). */
#define ZSTANDARD_HTTP_WINDOW_LOG   23
/* What it takes then: the window, its blocks and tables (ZSTD_estimateDStreamSize: 8.9 MiB). */
#define ZSTANDARD_HTTP_MEMORY_BYTES (9u << 20)
/* Files of zstd --long=31. */
#define ZSTANDARD_WINDOW_LOG_MAX    (sizeof(size_t) > 4 ? 31 : 30)

struct zstandard;

/* The version of libzstd; NULL: built without it, and nothing else here may be called. */
const char *zstandard_library(void);
/* NULL: out of memory. */
struct zstandard *zstandard_create(int window_log_max);
void zstandard_free(struct zstandard *zstandard); /* NULL: does nothing */
/* As inflate_step.  INFLATE_END: between frames, the data may end here or continue. */
enum inflate_status zstandard_step(struct zstandard *zstandard, struct inflate_io *io);

#endif
