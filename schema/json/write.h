/* write.h - JSON text into a buffer of the caller's, without a tree.
 * Whoever calls has made sure of the room: see each call.  Pure: any thread. */
#ifndef SCHEMA_JSON_WRITE_H
#define SCHEMA_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

/* The most bytes that json_write_string makes of `size` bytes. */
#define JSON_STRING_BYTES_MAX(size) ((size_t)(size)*6 + 2)
#define BASE64_BYTES_MAX(size)      (((size_t)(size) + 2) / 3 * 4)

/* A string with its quotes; the bytes are UTF-8 (utf8_valid).  Returns behind its end. */
char *json_write_string(char *out, const void *bytes, size_t size);
/* RFC 4648 section 4, padded, without quotes. */
char *base64_write(char *out, const void *bytes, size_t size);

#endif
