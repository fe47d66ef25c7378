/* timestamp.h - moments as text and back: RFC 3339 and the compact form that
 * segment names carry.  Moments are nanoseconds since 1970-01-01 UTC. */
#ifndef SCHEMA_TIMESTAMP_H
#define SCHEMA_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_TEXT_MAX 32

/* "2026-11-24T07:30:00.123456789Z", without the digits that are zero behind
 * the last millisecond: at least three.  Returns `text` (TIMESTAMP_TEXT_MAX bytes). */
const char *timestamp_format(int64_t unix_ns, char *text);
/* "20261124T073000Z" */
const char *timestamp_format_compact(int64_t unix_ns, char *text);
/* Reads the compact form (16 bytes).  ERR_INVALID (port/error.h) else. */
int timestamp_parse_compact(const char *text, int64_t *unix_ns);

#endif
