/* gzip.c - the gzip format (RFC 1952): members one after the other, and zeros after the last one,
 * as tar and tapes leave them. */
#include <stdlib.h>
#include <zlib.h>

#include "tools/query/foreign/codec.h"

#define WINDOW_AND_GZIP (15 + 16)
#define STEP_BYTES_MAX  (1u << 20) /* uInt may have 16 bits */

struct gzip {
    z_stream stream;
    enum codec_status status; /* CODEC_END: between members */
    unsigned members;
};

static void *gzip_open(void) {
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL) return NULL;
    gzip->status = CODEC_END;
    if (inflateInit2(&gzip->stream, WINDOW_AND_GZIP) == Z_OK) return gzip;
    free(gzip);
    return NULL;
}

static uInt at_most(size_t size) {
    return size < STEP_BYTES_MAX ? (uInt)size : STEP_BYTES_MAX;
}

static enum codec_status gzip_step(void *state, struct codec_io *io) {
    struct gzip *gzip = state;
    z_stream *stream = &gzip->stream;
    while (gzip->status == CODEC_END && gzip->members > 0 && io->in_size > 0 && *io->in == 0) {
        io->in++;
        io->in_size--;
    }
    if (gzip->status == CODEC_END && io->in_size == 0) return CODEC_END;
    stream->next_in = (Bytef *)(uintptr_t)io->in; /* zlib does not write to it */
    stream->avail_in = at_most(io->in_size);
    stream->next_out = io->out;
    stream->avail_out = at_most(io->out_room);
    const int result = inflate(stream, Z_NO_FLUSH);
    io->in_size -= (size_t)(stream->next_in - io->in);
    io->in = stream->next_in;
    io->out_room -= (size_t)(stream->next_out - io->out);
    io->out = stream->next_out;
    if (result == Z_STREAM_END) {
        gzip->members++;
        gzip->status = inflateReset(stream) == Z_OK ? CODEC_END : CODEC_DAMAGED;
    } else if (result == Z_OK || result == Z_BUF_ERROR) {
        gzip->status = CODEC_MORE;
    } else {
        return result == Z_MEM_ERROR ? CODEC_NO_MEMORY : CODEC_DAMAGED;
    }
    return gzip->status;
}

static void gzip_close(void *state) {
    struct gzip *gzip = state;
    inflateEnd(&gzip->stream);
    free(gzip);
}

const struct codec codec_gzip = {"gzip", gzip_open, gzip_step, gzip_close, zlibVersion};
