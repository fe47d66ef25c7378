/* gzip.c - the gzip format (RFC 1952): members one after the other, and zeros after the last one,
 * as tar and tapes leave them. */
#include <stdlib.h>

#include "ingest/protocol/inflate.h"
#include "tools/query/foreign/codec.h"

struct gzip {
    struct inflater *inflater;
    enum codec_status status; /* CODEC_END: between members */
    unsigned members;
};

static void *gzip_open(void) {
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL) return NULL;
    gzip->status = CODEC_END;
    gzip->inflater = inflate_create();
    if (gzip->inflater != NULL) return gzip;
    free(gzip);
    return NULL;
}

static enum codec_status gzip_step(void *state, struct codec_io *io) {
    struct gzip *gzip = state;
    while (gzip->status == CODEC_END && gzip->members > 0 && io->in_size > 0 && *io->in == 0) {
        io->in++;
        io->in_size--;
    }
    if (gzip->status == CODEC_END && io->in_size == 0) return CODEC_END;
    struct inflate_io step = {io->in, io->in_size, io->out, io->out_room};
    const enum inflate_status status = inflate_step(gzip->inflater, &step);
    *io = (struct codec_io){step.in, step.in_size, step.out, step.out_room};
    switch (status) {
    case INFLATE_END:
        gzip->members++;
        inflate_begin(gzip->inflater, INFLATE_GZIP);
        gzip->status = CODEC_END;
        break;
    case INFLATE_MORE: gzip->status = CODEC_MORE; break;
    case INFLATE_NO_MEMORY: return CODEC_NO_MEMORY;
    default: return CODEC_DAMAGED;
    }
    return gzip->status;
}

static void gzip_close(void *state) {
    struct gzip *gzip = state;
    inflate_free(gzip->inflater);
    free(gzip);
}

const struct codec codec_gzip = {"gzip", gzip_open, gzip_step, gzip_close, inflate_library};
