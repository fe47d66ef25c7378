/* uri_reference.h - references resolved against a base URI, as RFC 3986 section 5 says.
 * Pure: any thread. */
#ifndef SCHEMA_RULES_URI_REFERENCE_H
#define SCHEMA_RULES_URI_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#define URI_BYTES_MAX 2048

/* Where the fragment begins, its # included; `size` where there is none. */
size_t uri_fragment(const char *uri, size_t size);
/* Writes the reference without its fragment, made absolute by `base` (which has none), with a
 * zero behind it: scheme and host in lower case, dot segments gone.  `out` has
 * URI_BYTES_MAX bytes.  ERR_NAME_TOO_LONG. */
int uri_resolve(const char *base, const char *reference, size_t size, char *out);
/* Decodes %41 and the like; returns the size.  `out` has room for `size` bytes. */
size_t uri_decode(const char *text, size_t size, char *out);
/* "file:///" and the file's name, with what a URI cannot hold written as %20 and the like. */
int uri_of_file(const char *name, char *out);
/* Nothing that a URI reference may not hold: spaces, quotes, control characters and the like. */
bool uri_is_spelled_well(const char *text, size_t size);

#endif
