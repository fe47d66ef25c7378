/* sketch.h - percentiles and numbers of different values in bounded memory.  Pure, but for memory:
 * see allocate.h. */
#ifndef TOOLS_QUERY_SKETCH_H
#define TOOLS_QUERY_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

/* Percentiles with a relative error of at most 1 %, for numbers in any order (DDSketch: Masson,
 * Rim, Lee 2019).  All zero: of no numbers.  Numbers nearer to 0 than 1e-12 count as 0. */
struct quantiles_side {
    int32_t first; /* class of counts[0] */
    uint32_t room;
    uint64_t *counts;
};
struct quantiles {
    uint64_t count, zeros;
    struct quantiles_side positive, negative;
};
void quantiles_add(struct quantiles *quantiles, double number);
/* As if all numbers of the other one had been added: the error stays the same. */
void quantiles_join(struct quantiles *quantiles, const struct quantiles *other);
/* The number of rank ceil(part * count), 0 < part <= 1; count > 0. */
double quantiles_at(const struct quantiles *quantiles, double part);
void quantiles_free(struct quantiles *quantiles);

/* Counts different hashes (hash_bytes of schema/json/hash.h): exactly up to DISTINCT_EXACT_MAX, then
 * estimates with a standard error of about 1 % (HyperLogLog: Flajolet and others 2007).  All zero:
 * none. */
#define DISTINCT_EXACT_MAX 1024
struct distinct {
    uint64_t *hashes; /* a table; 0: free */
    uint32_t used, room;
    uint8_t *registers; /* NULL: still exact */
};
void distinct_add(struct distinct *distinct, uint64_t hash);
/* As if all hashes of the other one had been added, in any order. */
void distinct_join(struct distinct *distinct, const struct distinct *more);
uint64_t distinct_count(const struct distinct *distinct);
void distinct_free(struct distinct *distinct);

#endif
