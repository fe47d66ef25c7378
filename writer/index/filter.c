/* filter.c - blocked Bloom filters of equal size: see filter.h.  FORMAT.md defines the bits and has
 * the measurements from which the numbers here were chosen. */
#include "writer/index/filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/index/tokens.h"

#define LINE_BITS      (FILTER_LINE_BYTES * 8)
/* What a filter gets if there is room for it ... */
#define BITS_PER_TOKEN 12
/* ... the room is this fraction (1/26) of what its lines take in the file. */
#define PACKED_PARTS   26
/* With fewer bits for a token, three of four groups would be opened in vain. */
#define BITS_WORTH_IT  2
/* A 32-bit number of rows times a 32-bit hash stays in 64 bits; far above what a group needs. */
#define ROWS_MAX       (1u << 20)

static int shape_now(struct filters *filters);
static struct filter_shape shape_for(struct filters *filters);
static void add_group(struct filters *filters, uint32_t group, const uint64_t *hashes,
                      uint32_t count);

/* ---- querying ---- */

static inline uint32_t row_of(uint32_t rows, uint64_t hash) {
    return (uint32_t)((hash >> 32) * rows >> 32);
}

/* Each probe uses nine bits of it, from the top. */
static inline uint64_t bits_of(uint64_t hash, uint32_t group) {
    hash &= TOKEN_HASH_MASK;
    hash ^= hash >> 32 ^ group * 0xD6E8FEB86659FD93u;
    hash *= 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static inline void set_bits(uint8_t *line, struct filter_shape shape, uint64_t hash,
                            uint32_t group) {
    const uint32_t probes = hash & TOKEN_HASH_WINDOW ? shape.window_probes : shape.probes;
    uint64_t places = bits_of(hash, group);
    for (uint32_t i = 0; i < probes; i++) {
        const uint32_t bit = (uint32_t)(places >> 55);
        line[bit / 8] |= (uint8_t)(1u << bit % 8);
        places <<= 9;
    }
}

void filter_probe(struct filter_shape shape, uint64_t hash, uint32_t group,
                  struct filter_probe *probe) {
    assert(shape.rows > 0 && shape.probes <= FILTER_PROBES_MAX &&
           shape.window_probes <= FILTER_PROBES_MAX);
    memset(probe->bits, 0, sizeof probe->bits);
    probe->row = row_of(shape.rows, hash);
    set_bits(probe->bits, shape, hash, group);
}

bool filter_holds(const struct filter_probe *probe, const uint8_t *line) {
    for (int i = 0; i < FILTER_LINE_BYTES; i++)
        if ((line[i] & probe->bits[i]) != probe->bits[i]) return false;
    return true;
}

/* ---- building ---- */

int filters_add(struct filters *filters, const uint64_t *hashes, uint32_t count,
                uint64_t packed_size) {
    assert(filters->groups < FILTER_GROUPS_MAX);
    const uint32_t group = filters->groups++;
    filters->packed += packed_size;
    if (filters->shaped) {
        add_group(filters, group, hashes, count);
        return 0;
    }
    if (filters->sample_max - filters->sample_size < count) {
        const size_t room = 2 * filters->sample_size + count;
        uint64_t *more = realloc(filters->sample, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        filters->sample = more;
        filters->sample_max = room;
    }
    if (count > 0) memcpy(filters->sample + filters->sample_size, hashes, count * sizeof *hashes);
    filters->sample_size += count;
    filters->sample_counts[group] = count;
    return filters->groups == FILTER_SAMPLE ? shape_now(filters) : 0;
}

int filters_finish(struct filters *filters) {
    return filters->shaped ? 0 : shape_now(filters);
}

void filters_row(const struct filters *filters, uint32_t row, uint8_t *out) {
    const size_t filter_bytes = (size_t)filters->shape.rows * FILTER_LINE_BYTES;
    for (uint32_t i = 0; i < filters->groups; i++)
        memcpy(out + (size_t)i * FILTER_LINE_BYTES,
               filters->lines + i * filter_bytes + (size_t)row * FILTER_LINE_BYTES,
               FILTER_LINE_BYTES);
}

void filters_clear(struct filters *filters) {
    filters->groups = 0;
    filters->shaped = false;
    filters->packed = 0;
    filters->sample_size = 0;
}

void filters_free(struct filters *filters) {
    free(filters->sample);
    free(filters->lines);
    *filters = (struct filters){0};
}

/* Turns the groups that were kept as hashes into filters. */
static int shape_now(struct filters *filters) {
    filters->shape = shape_for(filters);
    filters->shaped = true;
    const uint32_t groups = filters->groups < FILTER_SAMPLE ? filters->groups : FILTER_GROUPS_MAX;
    const size_t size = (size_t)filters->shape.rows * FILTER_LINE_BYTES * groups;
    if (size > filters->lines_max) {
        free(filters->lines);
        filters->lines = malloc(size);
        filters->lines_max = filters->lines == NULL ? 0 : size;
        if (filters->lines == NULL) return ERR_NO_MEMORY;
    }
    if (size > 0) memset(filters->lines, 0, size);
    const uint64_t *hashes = filters->sample;
    for (uint32_t i = 0; i < filters->groups; i++) {
        const uint32_t count = filters->sample_counts[i];
        add_group(filters, i, hashes, count);
        if (count > 0) hashes += count; /* without any token the sample is NULL */
    }
    return 0;
}

static int compare_counts(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Most searches are for an id, and one of 16 bytes is a single window.  If at most a third of the
 * hashes are windows, they may have three bits more, and all others one bit less. */
static bool few_windows(const struct filters *filters) {
    size_t windows = 0;
    for (size_t i = 0; i < filters->sample_size; i++)
        windows += (filters->sample[i] & TOKEN_HASH_WINDOW) != 0;
    return windows * 3 <= filters->sample_size;
}

/* As large as nine of ten groups need: one unusual group must not make all filters large. */
static struct filter_shape shape_for(struct filters *filters) {
    const struct filter_shape none = {0};
    if (filters->groups == 0) return none;
    uint32_t counts[FILTER_SAMPLE];
    memcpy(counts, filters->sample_counts, sizeof counts);
    qsort(counts, filters->groups, sizeof *counts, compare_counts);
    const uint64_t tokens = counts[(filters->groups - 1) * 9 / 10];
    if (tokens == 0) return none;
    uint64_t rows = (tokens * BITS_PER_TOKEN + LINE_BITS - 1) / LINE_BITS;
    const uint64_t room = filters->packed / filters->groups / PACKED_PARTS / FILTER_LINE_BYTES;
    if (rows > room) rows = room;
    if (rows == 0) rows = 1;
    if (rows > ROWS_MAX) rows = ROWS_MAX;
    const uint64_t bits = rows * LINE_BITS / tokens;
    if (bits < BITS_WORTH_IT) return none;
    /* ln 2 times the bits per token is best for a filter in one piece; cache lines are filled
     * unevenly, so a little less is better. */
    uint32_t probes = (uint32_t)(bits * 6 / 10);
    if (probes < 1) probes = 1;
    if (probes > FILTER_PROBES_MAX) probes = FILTER_PROBES_MAX;
    uint32_t window_probes = probes;
    if (few_windows(filters)) {
        window_probes = probes + 3 < FILTER_PROBES_MAX ? probes + 3 : FILTER_PROBES_MAX;
        if (probes > 1) probes--;
    }
    return (struct filter_shape){(uint32_t)rows, probes, window_probes};
}

static void add_group(struct filters *filters, uint32_t group, const uint64_t *hashes,
                      uint32_t count) {
    const struct filter_shape shape = filters->shape;
    if (shape.rows == 0) return;
    uint8_t *filter = filters->lines + (size_t)group * shape.rows * FILTER_LINE_BYTES;
    for (uint32_t i = 0; i < count; i++)
        set_bits(filter + (size_t)row_of(shape.rows, hashes[i]) * FILTER_LINE_BYTES, shape,
                 hashes[i], group);
}
