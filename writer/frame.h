/* frame.h - LZ4 frames as logport writes them: encode, decode, disguise.
 * One frame holds one batch of whole lines in one independent block, with the
 * block's checksum and the content's size (LZ4 frame format 1.6.x).  The bytes
 * are laid out in writer/FORMAT.md. Pure: any thread. */
#ifndef WRITER_FRAME_H
#define WRITER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LZ4's largest block. */
#define FRAME_RAW_MAX (4u << 20)
/* Magic 4, FLG, BD, content size 8, header checksum 1, block size 4 … block
 * checksum 4, end mark 4. */
#define FRAME_HEADER_BYTES 19
#define FRAME_OVERHEAD_BYTES 27
/* The first bytes of an append, which are disguised until all of it stands. */
#define FRAME_COVER_BYTES 8

/* The most bytes that a frame of raw_size bytes takes. */
size_t frame_bytes_max(size_t raw_size);

/* Bytes of scratch that frame_encode needs, aligned as malloc does. */
size_t frame_scratch_bytes(void);
/* Writes one frame of 1..FRAME_RAW_MAX raw bytes to `out` (frame_bytes_max),
 * returns its size.  acceleration: LZ4's, 1 compresses best. */
size_t frame_encode(void *scratch, const uint8_t *raw, size_t raw_size, int acceleration,
                    uint8_t *out);

/* Makes `cover` the header of a skippable frame as long as all `size` bytes, so
 * that readers pass over them, whole or torn, until the true first 8 bytes
 * are written over it.  size: 8 .. UINT32_MAX. */
void frame_cover(uint64_t size, uint8_t cover[FRAME_COVER_BYTES]);

enum frame_kind { FRAME_DATA, FRAME_SKIPPABLE };
struct frame_header {
    enum frame_kind kind;
    uint64_t size;      /* of the whole frame in the file */
    uint32_t raw_size;  /* FRAME_DATA: bytes when decoded */
    uint32_t magic;     /* FRAME_SKIPPABLE: which of the sixteen */
};
/* Reads a frame's header from its first `size` bytes (FRAME_HEADER_BYTES hold
 * every one). ERR_CLOSED: the header is cut short.  ERR_INVALID: no frame, or none
 * such as we write. */
int frame_header(const uint8_t *bytes, size_t size, struct frame_header *header);
/* Decodes a data frame of header->size bytes into raw (header->raw_size);
 * every checksum is checked.  ERR_INVALID: damaged. */
int frame_decode(const uint8_t *bytes, const struct frame_header *header, uint8_t *raw);

#endif
