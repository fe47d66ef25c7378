/* frame.h - LZ4 frames as logport writes them: encode, decode, cover.
 * One frame holds whole lines in one independent block, with the block's
 * checksum and the content's size (LZ4 frame format 1.6.x).  The bytes
 * are laid out in writer/FORMAT.md. Pure: any thread. */
#ifndef WRITER_SEGMENT_FRAME_H
#define WRITER_SEGMENT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LZ4's largest block. */
#define FRAME_RAW_MAX        (4u << 20)
/* What a frame of lines holds at most, unless one line alone is longer.  A block of this size or
 * less, compressed or not, passes through the lz4 command's 64 KiB buffer in one piece.  For a
 * larger one, lz4 1.9.4 reads 4 bytes too many after a block checksum, and cannot read anything
 * that follows, unless those 4 bytes are a content checksum. */
#define FRAME_LINES_BYTES    ((64u << 10) - 16)
/* Magic 4, FLG, BD, content size 8, header checksum 1, block size 4 … block
 * checksum 4, end mark 4, and after a larger block a content checksum 4. */
#define FRAME_HEADER_BYTES   19
#define FRAME_OVERHEAD_BYTES 27
#define FRAME_CHECKSUM_BYTES 4
/* The first bytes of an append, which are covered until all of it is written. */
#define FRAME_COVER_BYTES    8
/* A kernel copies a write into a file page by page, and the file grows with each: bytes within one
 * page appear together or not at all.  If a file ended inside a cover, lz4 -t would fail (exit 40,
 * 42) and rg -z would print nothing of it. */
#define FRAME_PAGE_BYTES     4096
/* The size of a lid with its header.  A frame that claims to be a longer lid is damage, and must
 * not hide the lines after it. */
#define FRAME_LID_BYTES_MAX  64

/* The first 4 bytes of a frame, little endian.  A frame with a magic from LID to LID + 15 is
 * skippable: every LZ4 reader skips it, and so do we if we do not know it. */
enum frame_magic {
    FRAME_MAGIC_DATA = 0x184D2204,
    FRAME_MAGIC_LID = 0x184D2A50, /* span.h; the next three: writer/index/format.h */
    FRAME_MAGIC_FILTERS = 0x184D2A51,
    FRAME_MAGIC_INDEX = 0x184D2A52,
    FRAME_MAGIC_FOOTER = 0x184D2A53,
    FRAME_MAGIC_RECEIPTS = 0x184D2A54,  /* span.h */
    FRAME_MAGIC_COVER = 0x184D2A5C,     /* an append in flight, or torn: frame_cover */
    FRAME_MAGIC_SET_ASIDE = 0x184D2A5D, /* damaged, covered by recovery or repair */
    FRAME_MAGIC_PADDING = 0x184D2A5E,   /* empty: frame_padding */
};

/* The most bytes that a frame of raw_size bytes takes. */
size_t frame_bytes_max(size_t raw_size);

/* Bytes of scratch that frame_encode needs, aligned as malloc does. */
size_t frame_scratch_bytes(void);
/* Writes one frame of 1..FRAME_RAW_MAX raw bytes to `out` (frame_bytes_max),
 * returns its size.  acceleration: LZ4's, 1 compresses best. */
size_t frame_encode(void *scratch, const uint8_t *raw, size_t raw_size, int acceleration,
                    uint8_t *out);

/* Writes whole lines (raw ends in a newline) as frames that each hold at most
 * FRAME_LINES_BYTES of them; a longer line gets a frame of its own.  `out` holds
 * frames_bytes_max; returns the size of all. */
size_t frames_bytes_max(size_t raw_size);
size_t frames_encode(void *scratch, const uint8_t *raw, size_t raw_size, int acceleration,
                     uint8_t *out);

/* The same for re-packing: larger frames, of at most FRAME_HC_LINES_BYTES, by LZ4 HC of this level
 * (3 to 12), with frame_hc_scratch_bytes of scratch.  Log lines become about 1.3 times smaller, in
 * ten times the time; most blocks stay small enough to need no content checksum. */
#define FRAME_HC_LINES_BYTES (256u << 10)
size_t frame_hc_scratch_bytes(void);
size_t frames_encode_hc(void *scratch, const uint8_t *raw, size_t raw_size, int level,
                        uint8_t *out);

/* Makes `cover` the header of a skippable frame of `size` bytes, so that readers skip them, whole
 * or torn, until the true first 8 bytes are written over it.  size: 8 .. UINT32_MAX. */
void frame_cover(uint64_t size, uint8_t cover[FRAME_COVER_BYTES]);

/* The same with the magic for damage that is set aside permanently. */
void frame_set_aside(uint64_t size, uint8_t bytes[FRAME_COVER_BYTES]);

/* Padding for the end of an append that ends at this offset of the file: an empty skippable frame
 * if the next append's cover would otherwise be on two pages, where a reader could see half of it.
 * Writes it to `out` and returns its size, 0 or FRAME_COVER_BYTES. */
size_t frame_padding(uint64_t end_offset, uint8_t *out);

enum frame_kind { FRAME_DATA, FRAME_SKIPPABLE };
struct frame_header {
    enum frame_kind kind;
    uint64_t size;     /* of the whole frame in the file */
    uint32_t raw_size; /* FRAME_DATA: bytes when decoded */
    uint32_t magic;    /* enum frame_magic, or another of the sixteen */
};
/* Reads a frame's header from its first `size` bytes (FRAME_HEADER_BYTES hold every header).
 * ERR_CLOSED: the header is cut short.  ERR_INVALID: no frame, or none that we write; so are a lid
 * that is too long, padding that is not empty and receipts whose two sizes differ.  A data frame's
 * header->size is at most frame_bytes_max(header->raw_size). */
int frame_header(const uint8_t *bytes, size_t size, struct frame_header *header);
/* Decodes a data frame of header->size bytes, whose header frame_header has read, into raw
 * (header->raw_size bytes), and checks every checksum.  ERR_INVALID: damaged. */
int frame_decode(const uint8_t *bytes, const struct frame_header *header, uint8_t *raw);
/* Decodes one LZ4 block, which other formats contain.  Returns its size, or ERR_INVALID: damaged, or
 * larger than raw_max.  Sizes fit in an int. */
int64_t frame_decode_block(const uint8_t *block, size_t size, uint8_t *raw, size_t raw_max);

/* The version of the LZ4 library. */
const char *frame_library(void);

#endif
