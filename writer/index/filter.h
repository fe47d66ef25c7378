/* filter.h - a section of token filters: Bloom filters of equal size, of consecutive groups.
 *
 * A filter is `rows` cache lines of 64 bytes; a token sets and tests a few bits in one of them.
 * The file stores them transposed: a row holds the same cache line of every group's filter, so that
 * reading one row tests a token in all groups.  No I/O: any thread. */
#ifndef WRITER_INDEX_FILTER_H
#define WRITER_INDEX_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_LINE_BYTES 64
#define FILTER_PROBES_MAX 7
/* The most groups of a section; bounds the memory for building one. */
#define FILTER_GROUPS_MAX 256
/* Its shape is decided when this many groups are known, or all. */
#define FILTER_SAMPLE     32

struct filter_shape {
    uint32_t rows; /* 0: no filters; they would be too full to exclude anything */
    /* Bits that a token sets, and that a window of a long one does (tokens.h). */
    uint32_t probes, window_probes;
};

/* Which cache line a token is in, and its bits there. */
struct filter_probe {
    uint32_t row;
    uint8_t bits[FILTER_LINE_BYTES];
};
/* group: its number in the section.  A token has other bits in each group: tokens that all groups
 * hold, such as names of fields, must not be mistaken for another token in all of them. */
void filter_probe(struct filter_shape shape, uint64_t hash, uint32_t group,
                  struct filter_probe *probe);
/* May a group with this cache line hold it? */
bool filter_holds(const struct filter_probe *probe, const uint8_t *line);

/* The filters of one section while they are built. */
struct filters {
    uint32_t groups;
    bool shaped;
    struct filter_shape shape; /* once shaped */
    uint64_t packed;           /* bytes that the groups take in the file */
    /* Private from here on. */
    uint64_t *sample; /* hashes of the groups before the shape is known */
    size_t sample_size, sample_max;
    uint32_t sample_counts[FILTER_SAMPLE];
    uint8_t *lines; /* group by group */
    size_t lines_max;
};

/* The next group's tokens, each once; packed_size: what the group takes in the file.
 * count 0: its filter stays empty.  ERR_NO_MEMORY. */
int filters_add(struct filters *filters, const uint64_t *hashes, uint32_t count,
                uint64_t packed_size);
/* After the last group: from here on `shape` is valid. */
int filters_finish(struct filters *filters);
/* Writes a row: FILTER_LINE_BYTES of each group. */
void filters_row(const struct filters *filters, uint32_t row, uint8_t *out);
void filters_clear(struct filters *filters); /* for the next section; memory is kept */
void filters_free(struct filters *filters);

#endif
