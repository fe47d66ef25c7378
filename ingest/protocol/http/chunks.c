/* chunks.c - see chunks.h. */
#include "ingest/protocol/http/chunks.h"

#include <assert.h>

#define DIGITS_MAX 12 /* of a size: 256 TiB */

enum step { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF };

static int hexadecimal(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

static bool go_to(struct http_chunks *chunks, enum step step) {
    chunks->step = (uint8_t)step;
    return true;
}

static bool size_byte(struct http_chunks *chunks, uint8_t byte) {
    const int digit = hexadecimal(byte);
    if (digit >= 0) {
        if (chunks->digits == DIGITS_MAX) return false;
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        chunks->digits++;
        return true;
    }
    if (chunks->digits == 0) return false;
    if (byte == '\r') return go_to(chunks, SIZE_LF);
    if (byte != ';') return false;
    chunks->extension_bytes++;
    return go_to(chunks, EXTENSION);
}

static bool extension_byte(struct http_chunks *chunks, uint8_t byte) {
    if (byte == '\r') return go_to(chunks, SIZE_LF);
    return ++chunks->extension_bytes <= HTTP_EXTENSION_BYTES_MAX && byte != 0x7F &&
           (byte >= ' ' || byte == '\t');
}

static bool end_of_size(struct http_chunks *chunks, uint8_t byte) {
    if (byte != '\n') return false;
    chunks->total += chunks->left;
    chunks->digits = 0;
    chunks->line_bytes = 0;
    return go_to(chunks, chunks->left > 0 ? DATA : TRAILER);
}

/* A field of the trailer, or the empty line after them. */
static bool trailer_byte(struct http_chunks *chunks, uint8_t byte) {
    if (byte == '\r')
        return (chunks->line_bytes == 0 || chunks->line_has_colon) && go_to(chunks, TRAILER_LF);
    if (chunks->line_bytes == 0) chunks->line_has_colon = false;
    if (byte == ':' && chunks->line_bytes > 0) chunks->line_has_colon = true;
    const bool in_name = !chunks->line_has_colon;
    chunks->line_bytes++;
    return ++chunks->trailer_bytes <= HTTP_TRAILER_BYTES_MAX && byte != 0x7F &&
           (byte > ' ' || (!in_name && (byte == ' ' || byte == '\t')));
}

/* False: the byte cannot be there. */
static bool framing_byte(struct http_chunks *chunks, uint8_t byte) {
    switch (chunks->step) {
    case SIZE: return size_byte(chunks, byte);
    case EXTENSION: return extension_byte(chunks, byte);
    case SIZE_LF: return end_of_size(chunks, byte);
    case DATA_CR: return byte == '\r' && go_to(chunks, DATA_LF);
    case DATA_LF: return byte == '\n' && go_to(chunks, SIZE);
    case TRAILER: return trailer_byte(chunks, byte);
    default: /* TRAILER_LF, inside the trailer */
        chunks->line_bytes = 0;
        return byte == '\n' && go_to(chunks, TRAILER);
    }
}

enum http_chunks_status http_chunks_take(struct http_chunks *chunks, const uint8_t *bytes,
                                         size_t size, size_t *taken) {
    for (*taken = 0; chunks->step != DATA; ++*taken) {
        if (*taken == size) return HTTP_CHUNKS_MORE;
        const uint8_t byte = bytes[*taken];
        if (chunks->step == TRAILER_LF && chunks->line_bytes == 0 && byte == '\n') {
            ++*taken;
            return HTTP_CHUNKS_END;
        }
        if (!framing_byte(chunks, byte)) return HTTP_CHUNKS_INVALID;
    }
    return HTTP_CHUNKS_DATA;
}

void http_chunks_took(struct http_chunks *chunks, uint64_t size) {
    assert(chunks->step == DATA && size <= chunks->left);
    chunks->left -= size;
    if (chunks->left == 0) chunks->step = DATA_CR;
}
