/* digest.h - checksums (xxHash).  Pure: any thread. */
#ifndef WRITER_SEGMENT_DIGEST_H
#define WRITER_SEGMENT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* xxh32 with seed 0: what ends a block, and our own skippable frames. */
uint32_t digest_32(const void *bytes, size_t size);

/* XXH3, 64 bits, of all lines of a segment, newlines included, in their order: it stays the same
 * however they are packed. */
struct lines_digest {
    void *state;
};
int lines_digest_open(struct lines_digest *digest); /* or ERR_NO_MEMORY */
void lines_digest_add(struct lines_digest *digest, const void *lines, size_t size);
uint64_t lines_digest_value(const struct lines_digest *digest);
void lines_digest_close(struct lines_digest *digest); /* all zero: nothing happens */

#endif
