/* frame.c - LZ4 frames, encoded and decoded field by field, next to each other.
 * The only file that knows LZ4.  The layout is writer/FORMAT.md's,
 * which is the LZ4 frame format's (version 1.6.x) with every choice made. */
#include "writer/segment/frame.h"

#include <assert.h>
#include <lz4.h>
#include <lz4hc.h>
#include <string.h>

#include "port/error.h"
#include "writer/segment/digest.h"

/* FLG: version 01, independent blocks, block checksums, content size; nothing
 * reserved, no dictionary.  A content checksum only after a large block (frame.h). */
#define FLAGS             0x78
#define FLAG_CHECKSUM     0x04
/* Magic 4, FLG, BD, content size 8, header checksum 1: what comes before the block. */
#define DESCRIPTOR_OFFSET 4
#define DESCRIPTOR_BYTES  10
#define CHECKSUM_OFFSET   (DESCRIPTOR_OFFSET + DESCRIPTOR_BYTES)
#define BLOCK_SIZE_OFFSET (CHECKSUM_OFFSET + 1)
/* A block's size with this bit: its bytes are stored as they are. */
#define STORED_BIT        (1u << 31)
#define SKIPPABLE_MASK    0xFFFFFFF0u
#define SKIPPABLE_FIRST   0x184D2A50u
#define SKIPPABLE_BYTES   8

static uint8_t block_descriptor(uint64_t raw_size);
static uint8_t header_checksum(const uint8_t *frame);
static void write_u32(uint8_t *bytes, uint32_t value);
static uint32_t read_u32(const uint8_t *bytes);
static void write_u64(uint8_t *bytes, uint64_t value);
static uint64_t read_u64(const uint8_t *bytes);
static void write_skippable(uint32_t magic, uint64_t size, uint8_t *bytes);

/* LZ4 is fastest if it need not check for the end of the output. */
size_t frame_bytes_max(size_t raw_size) {
    assert(raw_size <= FRAME_RAW_MAX);
    return FRAME_OVERHEAD_BYTES + FRAME_CHECKSUM_BYTES + (size_t)LZ4_compressBound((int)raw_size);
}

/* Two frames in a row hold more than FRAME_LINES_BYTES, or they would be one. */
size_t frames_bytes_max(size_t raw_size) {
    const size_t frames = 2 * (raw_size / FRAME_LINES_BYTES) + 2;
    return frame_bytes_max(raw_size) + frames * (FRAME_OVERHEAD_BYTES + FRAME_CHECKSUM_BYTES);
}

size_t frame_scratch_bytes(void) {
    return (size_t)LZ4_sizeofState();
}

size_t frame_hc_scratch_bytes(void) {
    return (size_t)LZ4_sizeofStateHC();
}

/* ---- data frames ---- */

/* Writes everything around the block, which is in its place already. */
static size_t complete(const uint8_t *raw, size_t raw_size, size_t block_size, uint8_t *out) {
    uint8_t *block = out + FRAME_HEADER_BYTES;
    uint32_t stored = 0;
    if (block_size >= raw_size) {
        memcpy(block, raw, raw_size);
        block_size = raw_size;
        stored = STORED_BIT;
    }
    const bool checksum = block_size > FRAME_LINES_BYTES;
    write_u32(out, FRAME_MAGIC_DATA);
    out[DESCRIPTOR_OFFSET] = checksum ? FLAGS | FLAG_CHECKSUM : FLAGS;
    out[DESCRIPTOR_OFFSET + 1] = block_descriptor(raw_size);
    write_u64(out + DESCRIPTOR_OFFSET + 2, raw_size);
    out[CHECKSUM_OFFSET] = header_checksum(out);
    write_u32(out + BLOCK_SIZE_OFFSET, (uint32_t)block_size | stored);
    write_u32(block + block_size, digest_32(block, block_size));
    write_u32(block + block_size + 4, 0); /* end mark */
    if (!checksum) return FRAME_OVERHEAD_BYTES + block_size;
    write_u32(block + block_size + 8, digest_32(raw, raw_size));
    return FRAME_OVERHEAD_BYTES + FRAME_CHECKSUM_BYTES + block_size;
}

size_t frame_encode(void *scratch, const uint8_t *raw, size_t raw_size, int acceleration,
                    uint8_t *out) {
    assert(raw_size > 0 && raw_size <= FRAME_RAW_MAX);
    const int block_size =
        LZ4_compress_fast_extState(scratch, (const char *)raw, (char *)out + FRAME_HEADER_BYTES,
                                   (int)raw_size, LZ4_compressBound((int)raw_size), acceleration);
    assert(block_size > 0);
    return complete(raw, raw_size, (size_t)block_size, out);
}

static size_t encode_hc(void *scratch, const uint8_t *raw, size_t raw_size, int level,
                        uint8_t *out) {
    assert(raw_size > 0 && raw_size <= FRAME_RAW_MAX);
    const int block_size =
        LZ4_compress_HC_extStateHC(scratch, (const char *)raw, (char *)out + FRAME_HEADER_BYTES,
                                   (int)raw_size, LZ4_compressBound((int)raw_size), level);
    assert(block_size > 0);
    return complete(raw, raw_size, (size_t)block_size, out);
}

/* How many bytes of these lines the next frame holds. */
static size_t next_frame(const uint8_t *raw, size_t raw_size, size_t lines_max) {
    if (raw_size <= lines_max) return raw_size;
    size_t size = lines_max;
    while (size > 0 && raw[size - 1] != '\n') {
        size--;
    }
    if (size > 0) return size;
    const uint8_t *newline = memchr(raw + lines_max, '\n', raw_size - lines_max);
    assert(newline);
    return (size_t)(newline - raw) + 1;
}

size_t frames_encode(void *scratch, const uint8_t *raw, size_t raw_size, int acceleration,
                     uint8_t *out) {
    size_t packed = 0;
    for (size_t at = 0; at < raw_size;) {
        const size_t size = next_frame(raw + at, raw_size - at, FRAME_LINES_BYTES);
        packed += frame_encode(scratch, raw + at, size, acceleration, out + packed);
        at += size;
    }
    return packed;
}

size_t frames_encode_hc(void *scratch, const uint8_t *raw, size_t raw_size, int level,
                        uint8_t *out) {
    size_t packed = 0;
    for (size_t at = 0; at < raw_size;) {
        const size_t size = next_frame(raw + at, raw_size - at, FRAME_HC_LINES_BYTES);
        packed += encode_hc(scratch, raw + at, size, level, out + packed);
        at += size;
    }
    return packed;
}

int frame_header(const uint8_t *bytes, size_t size, struct frame_header *header) {
    if (size < SKIPPABLE_BYTES) return ERR_CLOSED;
    const uint32_t magic = read_u32(bytes);
    if ((magic & SKIPPABLE_MASK) == SKIPPABLE_FIRST) {
        *header = (struct frame_header){.kind = FRAME_SKIPPABLE,
                                        .size = SKIPPABLE_BYTES + (uint64_t)read_u32(bytes + 4),
                                        .magic = magic};
        const bool too_long = (magic == FRAME_MAGIC_LID && header->size > FRAME_LID_BYTES_MAX) ||
                              (magic == FRAME_MAGIC_PADDING && header->size > FRAME_COVER_BYTES);
        if (magic == FRAME_MAGIC_RECEIPTS) {
            if (size < SKIPPABLE_BYTES + 4) return ERR_CLOSED;
            if (read_u32(bytes + 4) != ~read_u32(bytes + 8)) return ERR_INVALID;
        }
        return too_long ? ERR_INVALID : 0;
    }
    const bool checksum = (bytes[DESCRIPTOR_OFFSET] & FLAG_CHECKSUM) != 0;
    if (magic != FRAME_MAGIC_DATA || (bytes[DESCRIPTOR_OFFSET] & ~FLAG_CHECKSUM) != FLAGS) {
        return ERR_INVALID;
    }
    if (size < FRAME_HEADER_BYTES) return ERR_CLOSED;

    const uint64_t raw_size = read_u64(bytes + DESCRIPTOR_OFFSET + 2);
    if (raw_size == 0 || raw_size > FRAME_RAW_MAX) return ERR_INVALID;
    if (bytes[DESCRIPTOR_OFFSET + 1] != block_descriptor(raw_size)) return ERR_INVALID;
    if (bytes[CHECKSUM_OFFSET] != header_checksum(bytes)) return ERR_INVALID;
    const uint32_t block = read_u32(bytes + BLOCK_SIZE_OFFSET);
    const uint32_t block_size = block & ~STORED_BIT;
    const bool stored = (block & STORED_BIT) != 0;
    if (stored ? block_size != raw_size : block_size == 0 || block_size >= raw_size) {
        return ERR_INVALID;
    }
    if (checksum != (block_size > FRAME_LINES_BYTES)) return ERR_INVALID;
    *header = (struct frame_header){.kind = FRAME_DATA,
                                    .size = FRAME_OVERHEAD_BYTES + (uint64_t)block_size +
                                            (checksum ? FRAME_CHECKSUM_BYTES : 0),
                                    .raw_size = (uint32_t)raw_size,
                                    .magic = magic};
    return 0;
}

static bool unpack(const uint8_t *block, size_t block_size, uint8_t *raw, size_t raw_size) {
    if (block_size == raw_size) {
        memcpy(raw, block, block_size);
        return true;
    }
    return LZ4_decompress_safe((const char *)block, (char *)raw, (int)block_size, (int)raw_size) ==
           (int)raw_size;
}

int frame_decode(const uint8_t *bytes, const struct frame_header *header, uint8_t *raw) {
    assert(header->kind == FRAME_DATA && header->size > FRAME_OVERHEAD_BYTES);
    const bool checksum = (bytes[DESCRIPTOR_OFFSET] & FLAG_CHECKSUM) != 0;
    const uint8_t *block = bytes + FRAME_HEADER_BYTES;
    const size_t block_size =
        (size_t)header->size - FRAME_OVERHEAD_BYTES - (checksum ? FRAME_CHECKSUM_BYTES : 0);
    if (read_u32(block + block_size) != digest_32(block, block_size)) return ERR_INVALID;
    if (read_u32(block + block_size + 4) != 0) return ERR_INVALID;
    if (!unpack(block, block_size, raw, header->raw_size)) return ERR_INVALID;
    if (checksum && read_u32(block + block_size + 8) != digest_32(raw, header->raw_size)) {
        return ERR_INVALID;
    }
    return 0;
}

int64_t frame_decode_block(const uint8_t *block, size_t size, uint8_t *raw, size_t raw_max) {
    const int got = LZ4_decompress_safe((const char *)block, (char *)raw, (int)size, (int)raw_max);
    return got < 0 ? ERR_INVALID : got;
}

/* 4 to 7: the block may hold 64 KiB, 256 KiB, 1 MiB, 4 MiB. */
static uint8_t block_descriptor(uint64_t raw_size) {
    const int code = raw_size <= 64u << 10    ? 4
                     : raw_size <= 256u << 10 ? 5
                     : raw_size <= 1u << 20   ? 6
                                              : 7;
    return (uint8_t)(code << 4);
}

static uint8_t header_checksum(const uint8_t *frame) {
    return (uint8_t)(digest_32(frame + DESCRIPTOR_OFFSET, DESCRIPTOR_BYTES) >> 8);
}

/* ---- skippable frames ---- */

void frame_cover(uint64_t size, uint8_t cover[FRAME_COVER_BYTES]) {
    write_skippable(FRAME_MAGIC_COVER, size, cover);
}

void frame_set_aside(uint64_t size, uint8_t bytes[FRAME_COVER_BYTES]) {
    write_skippable(FRAME_MAGIC_SET_ASIDE, size, bytes);
}

size_t frame_padding(uint64_t end_offset, uint8_t *out) {
    const uint64_t left_in_page = FRAME_PAGE_BYTES - end_offset % FRAME_PAGE_BYTES;
    if (left_in_page >= FRAME_COVER_BYTES) return 0;
    write_skippable(FRAME_MAGIC_PADDING, SKIPPABLE_BYTES, out);
    return SKIPPABLE_BYTES;
}

static void write_skippable(uint32_t magic, uint64_t size, uint8_t *bytes) {
    assert(size >= SKIPPABLE_BYTES && size <= UINT32_MAX);
    write_u32(bytes, magic);
    write_u32(bytes + 4, (uint32_t)size - SKIPPABLE_BYTES);
}

/* ---- numbers: little endian, wherever this runs ---- */

static void write_u32(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t read_u32(const uint8_t *bytes) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

static void write_u64(uint8_t *bytes, uint64_t value) {
    write_u32(bytes, (uint32_t)value);
    write_u32(bytes + 4, (uint32_t)(value >> 32));
}

static uint64_t read_u64(const uint8_t *bytes) {
    return read_u32(bytes) | (uint64_t)read_u32(bytes + 4) << 32;
}

const char *frame_library(void) {
    return LZ4_versionString();
}
