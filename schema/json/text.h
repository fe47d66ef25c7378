/* text.h - JSON strings in their raw form: the bytes between the quotes, escapes not decoded,
 * accepted by json.h.
 *
 * Decoded text is UTF-8.  A lone surrogate (\ud800, which json.h accepts) is decoded to three bytes
 * as if it were a character (WTF-8), and counts as one code point.  A pair of escaped surrogates is
 * one code point.  Pure, no allocation: any thread. */
#ifndef SCHEMA_JSON_TEXT_H
#define SCHEMA_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the code point at *raw, escaped or not, and moves *raw past it; *raw < end. */
uint32_t text_next_point(const char **raw, const char *end);
/* In code points. */
size_t text_length(const char *raw, size_t size);
/* True if decoding changes nothing: no backslash. */
bool text_is_plain(const char *raw, size_t size);
/* Decodes into `out`, which has room for `size` bytes; returns how many were written. */
size_t text_decode(const char *raw, size_t size, char *out);
/* Replaces the lone surrogates in decoded text by U+FFFD, which has as many bytes. */
void text_replace_surrogates(char *decoded, size_t size);
/* Equal after decoding. */
bool text_equal(const char *a, size_t a_size, const char *b, size_t b_size);
/* Compares a raw text with a decoded one. */
bool text_equals_decoded(const char *raw, size_t size, const char *decoded, size_t decoded_size);
/* Hash of the decoded bytes: equal texts have equal hashes in either form. */
uint64_t text_hash(const char *raw, size_t size);
uint64_t text_hash_decoded(const char *decoded, size_t size);

/* ---- JSON Pointer (RFC 6901) ---- */

/* Writes a raw name as a reference token ("~0" for ~, "~1" for /, the rest decoded), without the
 * leading / and a terminating zero.  Zeros and lone surrogates become U+FFFD.  Writes whole code
 * points, at most `room` bytes; returns how many were written. */
size_t text_write_token(const char *raw, size_t size, char *out, size_t room);
/* Decodes a reference token to the name into `out`, which has room for `size` bytes; returns how
 * many were written.  SIZE_MAX: a ~ is followed by neither 0 nor 1. */
size_t text_read_token(const char *token, size_t size, char *out);

#endif
