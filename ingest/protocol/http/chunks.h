/* chunks.h - where the data is in a chunked body (RFC 9112 section 7.1), as strict as head.h.  Pure. */
#ifndef INGEST_PROTOCOL_HTTP_CHUNKS_H
#define INGEST_PROTOCOL_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the extensions of all chunks of a body, and of its trailer: nothing here uses them. */
#define HTTP_EXTENSION_BYTES_MAX 1024
#define HTTP_TRAILER_BYTES_MAX   8192

/* All zero: before the first chunk. */
struct http_chunks {
    uint8_t step, digits;
    bool line_has_colon;
    uint32_t extension_bytes, trailer_bytes, line_bytes;
    uint64_t left;  /* of the chunk's data */
    uint64_t total; /* of the data of all chunks so far, and of this one */
};

enum http_chunks_status {
    HTTP_CHUNKS_MORE, /* all bytes were framing */
    HTTP_CHUNKS_DATA, /* the next `left` bytes are data; http_chunks_took says how many were taken */
    HTTP_CHUNKS_END,  /* the body is over */
    HTTP_CHUNKS_INVALID, /* this is no chunked body */
};

/* Takes framing; *taken: how many bytes. */
enum http_chunks_status http_chunks_take(struct http_chunks *chunks, const uint8_t *bytes,
                                         size_t size, size_t *taken);
void http_chunks_took(struct http_chunks *chunks, uint64_t size);

#endif
