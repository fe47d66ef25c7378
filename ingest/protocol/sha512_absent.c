/* sha512_absent.c - in place of sha512.c, in a build without OpenSSL. */
#include <assert.h>

#include "ingest/protocol/sha512.h"

const bool sha512_available = false;

bool sha512_hex(const struct sha512_piece *pieces, size_t count, char hex[SHA512_HEX_BYTES]) {
    (void)pieces, (void)count, (void)hex;
    assert(!"built without OpenSSL");
    return false;
}
