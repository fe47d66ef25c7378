/* write.h - writes JSON strings, whole numbers and base64 into the caller's buffer, which must be
 * large enough: see the macros.  Pure: any thread. */
#ifndef SCHEMA_JSON_WRITE_H
#define SCHEMA_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

/* Upper bounds for what json_write_string and base64_write make of `size` bytes. */
#define JSON_STRING_BYTES_MAX(size) ((size_t)(size)*6 + 2)
#define BASE64_BYTES_MAX(size)      (((size_t)(size) + 2) / 3 * 4)
/* Of json_write_number. */
#define JSON_NUMBER_BYTES_MAX       20

/* Writes a string with its quotes; the bytes must be UTF-8 (utf8_valid).  Returns the end of the
 * output. */
char *json_write_string(char *out, const void *bytes, size_t size);
/* Returns the end of the output. */
char *json_write_number(char *out, uint64_t number);
/* RFC 4648 section 4, with padding, without quotes.  Returns the end of the output. */
char *base64_write(char *out, const void *bytes, size_t size);

#endif
