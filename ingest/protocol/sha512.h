/* sha512.h - SHA-512 (FIPS 180-4) of several pieces.  sha512.c is the only file that includes OpenSSL's
 * digests; sha512_absent.c replaces it in a build without OpenSSL.  Pure. */
#ifndef INGEST_PROTOCOL_SHA512_H
#define INGEST_PROTOCOL_SHA512_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA512_HEX_BYTES 128

struct sha512_piece {
    const void *bytes;
    size_t size;
};

extern const bool sha512_available; /* false: nothing else here may be called */
/* Writes the digest of the pieces together in lower case, without a zero.  False: out of memory. */
bool sha512_hex(const struct sha512_piece *pieces, size_t count, char hex[SHA512_HEX_BYTES]);

#endif
