/* zstd.c - the Zstandard format (RFC 8878): frames one after the other, and skippable ones. */
#include <stdlib.h>
#include <zstd.h>

#include "tools/query/foreign/codec.h"

/* Files of zstd --long=31 need this window; others take only as much memory as their own needs. */
#define WINDOW_LOG_MAX (sizeof(size_t) > 4 ? 31 : 30)

/* The first bytes of a frame, which say how many its header has. */
#define BEGINNING_BYTES 5

struct zstd {
    ZSTD_DCtx *context;
    size_t hint; /* ZSTD_decompressStream: where the next block ends.  An error loses only one */
};

static void *zstd_open(void) {
    struct zstd *zstd = malloc(sizeof *zstd);
    if (zstd == NULL) return NULL;
    *zstd = (struct zstd){ZSTD_createDCtx(), BEGINNING_BYTES};
    if (zstd->context != NULL) {
        (void)ZSTD_DCtx_setParameter(zstd->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
        return zstd;
    }
    free(zstd);
    return NULL;
}

static enum codec_status zstd_step(void *state, struct codec_io *io) {
    struct zstd *zstd = state;
    ZSTD_inBuffer in = {io->in, io->in_size < zstd->hint ? io->in_size : zstd->hint, 0};
    ZSTD_outBuffer out = {io->out, io->out_room, 0};
    const size_t result = ZSTD_decompressStream(zstd->context, &out, &in);
    io->in += in.pos;
    io->in_size -= in.pos;
    io->out += out.pos;
    io->out_room -= out.pos;
    if (ZSTD_isError(result)) return CODEC_DAMAGED;
    zstd->hint = result != 0 ? result : BEGINNING_BYTES;
    return result == 0 ? CODEC_END : CODEC_MORE;
}

static void zstd_close(void *state) {
    struct zstd *zstd = state;
    (void)ZSTD_freeDCtx(zstd->context);
    free(zstd);
}

const struct codec codec_zstd = {"zstd", zstd_open, zstd_step, zstd_close, ZSTD_versionString};
