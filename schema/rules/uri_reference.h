/* uri_reference.h - resolves references against a base URI (RFC 3986 section 5).  Pure: any
 * thread. */
#ifndef SCHEMA_RULES_URI_REFERENCE_H
#define SCHEMA_RULES_URI_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#define URI_BYTES_MAX 2048

/* The offset of the fragment's #; `size` if there is none. */
size_t uri_fragment(const char *uri, size_t size);
/* Resolves the reference, without its fragment, against `base`, which has no fragment.  Writes it
 * with scheme and host in lower case, without dot segments, with a terminating zero.  `out` has
 * URI_BYTES_MAX bytes.  ERR_NAME_TOO_LONG. */
int uri_resolve(const char *base, const char *reference, size_t size, char *out);
/* Decodes percent-encoding (%41); returns the size.  `out` has room for `size` bytes. */
size_t uri_decode(const char *text, size_t size, char *out);
/* Writes "file:///" and the file's name, percent-encoded.  `out` has URI_BYTES_MAX bytes.
 * ERR_NAME_TOO_LONG. */
int uri_of_file(const char *name, char *out);
/* True if there is no character that a URI reference must not have (spaces, quotes, controls
 * ...). */
bool uri_has_valid_characters(const char *text, size_t size);

#endif
