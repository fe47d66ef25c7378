/* zstd.c - the Zstandard format (RFC 8878). */
#include "ingest/protocol/zstandard.h"
#include "tools/query/foreign/codec.h"

static void *zstd_open(void) {
    return zstandard_create(ZSTANDARD_WINDOW_LOG_MAX);
}

static enum codec_status zstd_step(void *state, struct codec_io *io) {
    struct inflate_io step = {io->in, io->in_size, io->out, io->out_room};
    const enum inflate_status status = zstandard_step(state, &step);
    *io = (struct codec_io){step.in, step.in_size, step.out, step.out_room};
    return status == INFLATE_END ? CODEC_END : status == INFLATE_MORE ? CODEC_MORE : CODEC_DAMAGED;
}

static void zstd_close(void *state) {
    zstandard_free(state);
}

const struct codec codec_zstd = {"zstd", zstd_open, zstd_step, zstd_close, zstandard_library};
