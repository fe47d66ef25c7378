/* inflate.c - see inflate.h. */
#include "ingest/protocol/inflate.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS    15
#define GZIP_BITS      16         /* added to the window's: a gzip header (zlib.h, inflateInit2) */
#define STEP_BYTES_MAX (1u << 20) /* uInt may have 16 bits */

struct inflater {
    z_stream stream;
};

const char *inflate_library(void) {
    return zlibVersion();
}

struct inflater *inflate_create(void) {
    struct inflater *inflater = calloc(1, sizeof *inflater);
    if (!inflater) return NULL;
    if (inflateInit2(&inflater->stream, WINDOW_BITS + GZIP_BITS) == Z_OK) return inflater;
    free(inflater);
    return NULL;
}

void inflate_free(struct inflater *inflater) {
    if (!inflater) return;
    inflateEnd(&inflater->stream);
    free(inflater);
}

void inflate_begin(struct inflater *inflater, enum inflate_format format) {
    const int bits = format == INFLATE_GZIP ? WINDOW_BITS + GZIP_BITS : WINDOW_BITS;
    const int result = inflateReset2(&inflater->stream, bits);
    assert(result == Z_OK); /* it fails only if the arguments are invalid */
}

static uInt at_most(size_t size) {
    return size < STEP_BYTES_MAX ? (uInt)size : STEP_BYTES_MAX;
}

enum inflate_status inflate_step(struct inflater *inflater, struct inflate_io *io) {
    z_stream *stream = &inflater->stream;
    stream->next_in = (Bytef *)(uintptr_t)io->in; /* zlib does not write to it */
    stream->avail_in = at_most(io->in_size);
    stream->next_out = io->out;
    stream->avail_out = at_most(io->out_room);
    const int result = inflate(stream, Z_NO_FLUSH);
    io->in_size -= (size_t)(stream->next_in - io->in);
    io->in = stream->next_in;
    io->out_room -= (size_t)(stream->next_out - io->out);
    io->out = stream->next_out;
    switch (result) {
    case Z_STREAM_END: return INFLATE_END;
    case Z_OK:
    case Z_BUF_ERROR: return INFLATE_MORE;
    case Z_MEM_ERROR: return INFLATE_NO_MEMORY;
    default: return INFLATE_DAMAGED;
    }
}
