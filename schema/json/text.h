/* text.h - JSON strings as they stand in a document: the bytes between the quotes, escapes
 * not yet decoded, already found good by json.h.
 *
 * Decoded means UTF-8; a lone surrogate (\ud800, which json.h accepts) becomes the three
 * bytes that UTF-8 would give it were it a character (WTF-8), and counts as one code point.
 * A pair of escaped surrogates is one code point.  Pure, no allocation: any thread. */
#ifndef SCHEMA_JSON_TEXT_H
#define SCHEMA_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at *raw, escaped or not, and on to behind it; *raw < end. */
uint32_t text_next_point(const char **raw, const char *end);
/* In code points. */
size_t text_length(const char *raw, size_t size);
/* True where decoding changes nothing: no backslash. */
bool text_is_plain(const char *raw, size_t size);
/* `out` has room for `size` bytes; returns how many were written. */
size_t text_decode(const char *raw, size_t size, char *out);
/* Equal after decoding. */
bool text_equal(const char *a, size_t a_size, const char *b, size_t b_size);
/* A raw text against one that is decoded. */
bool text_equals_decoded(const char *raw, size_t size, const char *decoded, size_t decoded_size);
/* Of the decoded bytes: equal texts have equal hashes, and text_hash of a decoded text that
 * holds no backslash is the same. */
uint64_t text_hash(const char *raw, size_t size);
uint64_t text_hash_decoded(const char *decoded, size_t size);

/* ---- JSON Pointer (RFC 6901) ---- */

/* Writes a raw name as a reference token ("~0" for ~, "~1" for /, the rest decoded), without
 * the / before it and without a 0 behind it; what is no text, 0 and lone surrogates, becomes
 * U+FFFD.  Whole code points, and no more than `room`
 * bytes; returns how many were written. */
size_t text_write_token(const char *raw, size_t size, char *out, size_t room);
/* The decoded name that a reference token stands for; `out` has room for `size` bytes.  SIZE_MAX: a ~ that
 * is followed by neither 0 nor 1. */
size_t text_read_token(const char *token, size_t size, char *out);

#endif
