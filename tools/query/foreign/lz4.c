/* lz4.c - files of the lz4 program: frames of any kind (linked blocks, all block sizes, with and
 * without sizes and checksums), skippable frames, and the legacy format (lz4 -l), in any order.
 * Linux kernels are compressed in the legacy format; its blocks hold 8 MiB. */
#include <lz4frame.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tools/query/foreign/codec.h"
#include "writer/segment/frame.h"

#define LEGACY_MAGIC        0x184C2102u
#define LEGACY_BLOCK_BYTES  (8u << 20)
/* The most that lz4 makes of a block.  A larger size is the magic number of the next frame. */
#define LEGACY_PACKED_BYTES (LEGACY_BLOCK_BYTES + LEGACY_BLOCK_BYTES / 255 + 16)

enum stage { AT_MAGIC, IN_FRAME, AT_LEGACY_SIZE, IN_LEGACY_BLOCK, LEGACY_OUT };

struct lz4 {
    LZ4F_dctx *context;
    enum stage stage;
    uint8_t head[4]; /* a magic number or the size of a legacy block */
    size_t head_size;
    size_t hint; /* LZ4F_decompress: where the next block ends.  An error loses only one block */
    uint8_t *packed, *raw; /* one legacy block */
    size_t packed_size, packed_used, raw_size, raw_used;
};

static void *lz4_open(void) {
    struct lz4 *lz4 = calloc(1, sizeof *lz4);
    if (lz4 == NULL) return NULL;
    if (!LZ4F_isError(LZ4F_createDecompressionContext(&lz4->context, LZ4F_VERSION))) return lz4;
    free(lz4);
    return NULL;
}

static void lz4_close(void *state) {
    struct lz4 *lz4 = state;
    (void)LZ4F_freeDecompressionContext(lz4->context);
    free(lz4->packed);
    free(lz4->raw);
    free(lz4);
}

/* Moves input to the buffer until it holds `size` bytes.  False: more input is needed. */
static bool collect(struct codec_io *io, uint8_t *bytes, size_t *used, size_t size) {
    const size_t missing = size - *used;
    const size_t more = missing < io->in_size ? missing : io->in_size;
    if (more > 0) memcpy(bytes + *used, io->in, more);
    *used += more;
    io->in += more;
    io->in_size -= more;
    return *used == size;
}

static uint32_t number_of(const uint8_t bytes[4]) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static enum codec_status decode(struct lz4 *lz4, struct codec_io *io, const uint8_t *in,
                                size_t *in_size) {
    size_t out_size = io->out_room;
    const size_t result = LZ4F_decompress(lz4->context, io->out, &out_size, in, in_size, NULL);
    if (LZ4F_isError(result)) return CODEC_DAMAGED;
    io->out += out_size;
    io->out_room -= out_size;
    lz4->hint = result;
    if (result != 0) return CODEC_MORE;
    lz4->stage = AT_MAGIC;
    lz4->head_size = 0;
    return CODEC_END;
}

/* The magic number is in `head`. */
static enum codec_status begin_frame(struct lz4 *lz4) {
    if (number_of(lz4->head) == LEGACY_MAGIC) {
        lz4->stage = AT_LEGACY_SIZE;
        lz4->head_size = 0;
        return CODEC_END;
    }
    struct codec_io none = {NULL, 0, lz4->head, 0};
    size_t size = sizeof lz4->head;
    lz4->stage = IN_FRAME;
    const enum codec_status status = decode(lz4, &none, lz4->head, &size);
    return size == sizeof lz4->head ? status : CODEC_DAMAGED;
}

static enum codec_status begin_legacy_block(struct lz4 *lz4) {
    const uint32_t size = number_of(lz4->head);
    if (size > LEGACY_PACKED_BYTES) return begin_frame(lz4); /* a magic number */
    lz4->head_size = 0;
    if (lz4->packed == NULL) lz4->packed = malloc(LEGACY_PACKED_BYTES);
    if (lz4->raw == NULL) lz4->raw = malloc(LEGACY_BLOCK_BYTES);
    if (lz4->packed == NULL || lz4->raw == NULL) return CODEC_NO_MEMORY;
    lz4->stage = IN_LEGACY_BLOCK;
    lz4->packed_size = size;
    lz4->packed_used = 0;
    return CODEC_MORE;
}

static enum codec_status decode_legacy_block(struct lz4 *lz4) {
    const int64_t size =
        frame_decode_block(lz4->packed, lz4->packed_size, lz4->raw, LEGACY_BLOCK_BYTES);
    if (size < 0) return CODEC_DAMAGED;
    lz4->stage = LEGACY_OUT;
    lz4->raw_size = (size_t)size;
    lz4->raw_used = 0;
    return CODEC_MORE;
}

static enum codec_status put_legacy_block(struct lz4 *lz4, struct codec_io *io) {
    const size_t left = lz4->raw_size - lz4->raw_used;
    const size_t more = left < io->out_room ? left : io->out_room;
    memcpy(io->out, lz4->raw + lz4->raw_used, more);
    lz4->raw_used += more;
    io->out += more;
    io->out_room -= more;
    if (more < left) return CODEC_MORE;
    lz4->stage = AT_LEGACY_SIZE;
    return CODEC_END;
}

static enum codec_status lz4_step(void *state, struct codec_io *io) {
    struct lz4 *lz4 = state;
    size_t size = io->in_size;
    enum codec_status status;
    switch (lz4->stage) {
    case AT_MAGIC:
    case AT_LEGACY_SIZE:
        if (!collect(io, lz4->head, &lz4->head_size, sizeof lz4->head))
            return lz4->head_size == 0 ? CODEC_END : CODEC_MORE;
        return lz4->stage == AT_MAGIC ? begin_frame(lz4) : begin_legacy_block(lz4);
    case IN_FRAME:
        if (size > lz4->hint) size = lz4->hint;
        status = decode(lz4, io, io->in, &size);
        if (status == CODEC_DAMAGED) return status;
        io->in += size;
        io->in_size -= size;
        return status;
    case IN_LEGACY_BLOCK:
        if (!collect(io, lz4->packed, &lz4->packed_used, lz4->packed_size)) return CODEC_MORE;
        return decode_legacy_block(lz4);
    case LEGACY_OUT: return put_legacy_block(lz4, io);
    }
    return CODEC_DAMAGED;
}

const struct codec codec_lz4 = {"lz4", lz4_open, lz4_step, lz4_close, frame_library};
