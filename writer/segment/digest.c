/* digest.c - see digest.h. */
#include "writer/segment/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "port/error.h"

uint32_t digest_32(const void *bytes, size_t size) {
    return XXH32(bytes, size, 0);
}

int lines_digest_open(struct lines_digest *digest) {
    digest->state = XXH3_createState();
    if (digest->state == NULL) return ERR_NO_MEMORY;
    XXH3_64bits_reset(digest->state);
    return 0;
}

void lines_digest_add(struct lines_digest *digest, const void *lines, size_t size) {
    XXH3_64bits_update(digest->state, lines, size);
}

uint64_t lines_digest_value(const struct lines_digest *digest) {
    return XXH3_64bits_digest(digest->state);
}

void lines_digest_close(struct lines_digest *digest) {
    XXH3_freeState(digest->state);
    digest->state = NULL;
}
