/* sha512.c - see sha512.h. */
#include "ingest/protocol/sha512.h"

#include <openssl/evp.h>

const bool sha512_available = true;

bool sha512_hex(const struct sha512_piece *pieces, size_t count, char hex[SHA512_HEX_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA512_HEX_BYTES / 2];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool sound = context && EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1;
    for (size_t i = 0; i < count && sound; i++)
        sound = EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].size) == 1;
    sound = sound && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    for (size_t i = 0; i < sizeof digest && sound; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    return sound;
}
