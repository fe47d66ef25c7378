/* unrecognised.h - counts records whose level is not recognised, by its text, for the report of
 * --level.  Of texts beyond the first UNRECOGNISED_MAX only the records are counted.  Pure. */
#ifndef TOOLS_QUERY_UNRECOGNISED_H
#define TOOLS_QUERY_UNRECOGNISED_H

#include <stddef.h>
#include <stdint.h>

#define UNRECOGNISED_MAX       16
#define UNRECOGNISED_BYTES_MAX 32

/* All zero: no records. */
struct unrecognised {
    uint64_t records;
    uint32_t used;
    struct {
        uint64_t records;
        uint32_t size;
        uint8_t text[UNRECOGNISED_BYTES_MAX]; /* as in the record; cut if it is longer */
    } values[UNRECOGNISED_MAX];
};

void unrecognised_add(struct unrecognised *u, const uint8_t *text, size_t size, uint64_t records);
void unrecognised_join(struct unrecognised *u, const struct unrecognised *more);
/* "213 records have an unrecognised level ('eror' 180, 'wat' 33); see --level-names": the most
 * frequent first, at most five.  Writes a NUL-terminated text of at most `room` bytes. */
void unrecognised_print(const struct unrecognised *u, char *text, size_t room);

#endif
