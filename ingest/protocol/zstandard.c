/* zstandard.c - see zstandard.h. */
#include "ingest/protocol/zstandard.h"

#include <stdlib.h>
#include <zstd.h>

/* The first bytes of a frame, which say how many its header has. */
#define BEGINNING_BYTES 5

struct zstandard {
    ZSTD_DCtx *context;
    size_t hint; /* ZSTD_decompressStream: where the next block ends.  An error loses only one */
};

const char *zstandard_library(void) {
    return ZSTD_versionString();
}

struct zstandard *zstandard_create(int window_log_max) {
    struct zstandard *zstandard = malloc(sizeof *zstandard);
    if (!zstandard) return NULL;
    *zstandard = (struct zstandard){ZSTD_createDCtx(), BEGINNING_BYTES};
    if (zstandard->context) {
        (void)ZSTD_DCtx_setParameter(zstandard->context, ZSTD_d_windowLogMax, window_log_max);
        return zstandard;
    }
    free(zstandard);
    return NULL;
}

void zstandard_free(struct zstandard *zstandard) {
    if (!zstandard) return;
    (void)ZSTD_freeDCtx(zstandard->context);
    free(zstandard);
}

enum inflate_status zstandard_step(struct zstandard *zstandard, struct inflate_io *io) {
    ZSTD_inBuffer in = {io->in, io->in_size < zstandard->hint ? io->in_size : zstandard->hint, 0};
    ZSTD_outBuffer out = {io->out, io->out_room, 0};
    const size_t result = ZSTD_decompressStream(zstandard->context, &out, &in);
    io->in += in.pos;
    io->in_size -= in.pos;
    io->out += out.pos;
    io->out_room -= out.pos;
    if (ZSTD_isError(result)) return INFLATE_DAMAGED;
    zstandard->hint = result != 0 ? result : BEGINNING_BYTES;
    return result == 0 ? INFLATE_END : INFLATE_MORE;
}
