/* zone.h - a time zone: how far its clock is before UTC at a moment.
 *
 * Made from the bytes of a TZif file (RFC 8536, versions 1 to 4; the 64-bit times if it has them,
 * and its POSIX rule after the last), or from a function of the system.  Moments are seconds since
 * 1970 UTC, of the years 0 to 9999.  Pure: the caller reads files.  A zone does not change: any
 * thread. */
#ifndef WRITER_CLOCK_ZONE_H
#define WRITER_CLOCK_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a file may say (RFC 8536, 3.2): more than 25 h behind UTC or 26 h before is damage. */
#define ZONE_OFFSET_MIN_S (-25 * 3600 + 1)
#define ZONE_OFFSET_MAX_S (26 * 3600 - 1)

/* Zone files have about 4 KiB. */
#define ZONE_FILE_BYTES_MAX (1u << 18)

struct zone;

/* 0; ERR_NO_MEMORY; or ERR_INVALID, with what is wrong in *sentence. */
int zone_read(const void *bytes, size_t size, struct zone **zone, const char **sentence);
int zone_of_utc(struct zone **zone);
/* True if it is always UTC; false for a zone_of_system. */
bool zone_is_utc(const struct zone *zone);
/* Changes are found by calling offset_s: those less than an hour apart may be missed. */
int zone_of_system(int32_t (*offset_s)(int64_t unix_s), struct zone **zone);
/* One more call of zone_free is needed.  Returns the zone. */
struct zone *zone_hold(struct zone *zone);
void zone_free(struct zone *zone); /* NULL: nothing happens */

/* Before UTC.  It is valid until just before *until_s (INT64_MAX: for ever); the next one may be
 * the same. */
int32_t zone_offset_s(const struct zone *zone, int64_t unix_s, int64_t *until_s);

/* The moment at which clocks of the zone (a struct zone) show `reading`, which is given in seconds
 * since 1970 as if they showed UTC: the first one if there are two, and the moment of the change if
 * that reading is skipped. */
int64_t zone_moment_s(const void *zone, int64_t reading);

/* May this name a file below a folder of zones?  "Europe/Berlin": letters, digits, '_', '+', '-'
 * and '.', parted by single '/', no part beginning with '.'. */
bool zone_name_valid(const char *name);

#endif
