/* sketch.c - see sketch.h. */
#include "tools/query/sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"

/* ---- percentiles ---- */

/* A class holds the numbers from GAMMA^(i - 1), exclusive, to GAMMA^i.  Its middle differs from
 * each of them by at most (GAMMA - 1) / (GAMMA + 1): 0.99 %. */
#define GAMMA       1.02
#define LEAST       1e-12
#define CLASSES_MIN 64

static int32_t class_of(double size) {
    return (int32_t)ceil(log(size) / log(GAMMA));
}

static double middle_of(int32_t class) {
    return 2 * pow(GAMMA, class) / (GAMMA + 1);
}

/* Makes room for this class: a double has about 72,000. */
static void widen(struct quantiles_side *side, int32_t class) {
    const int32_t end = side->first + (int32_t)side->room;
    const bool empty = side->room == 0;
    if (!empty && class >= side->first && class < end) return;
    int32_t first = empty ? class : side->first < class ? side->first : class;
    int32_t last = empty || class >= end ? class + 1 : end;
    const int32_t more = (last - first) / 2 + CLASSES_MIN;
    if (empty || class >= end)
        last += more;
    else
        first -= more;
    uint64_t *counts = allocate((size_t)(last - first) * sizeof *counts);
    memset(counts, 0, (size_t)(last - first) * sizeof *counts);
    if (!empty) memcpy(counts + (side->first - first), side->counts, side->room * sizeof *counts);
    free(side->counts);
    *side = (struct quantiles_side){first, (uint32_t)(last - first), counts};
}

void quantiles_add(struct quantiles *quantiles, double number) {
    const double size = fabs(number);
    quantiles->count++;
    if (size < LEAST) {
        quantiles->zeros++;
        return;
    }
    struct quantiles_side *side = number > 0 ? &quantiles->positive : &quantiles->negative;
    const int32_t class = class_of(size);
    widen(side, class);
    side->counts[class - side->first]++;
}

static void join_side(struct quantiles_side *side, const struct quantiles_side *other) {
    for (uint32_t i = 0; i < other->room; i++) {
        if (other->counts[i] == 0) continue;
        widen(side, other->first + (int32_t)i);
        side->counts[other->first + (int32_t)i - side->first] += other->counts[i];
    }
}

void quantiles_join(struct quantiles *quantiles, const struct quantiles *other) {
    quantiles->count += other->count;
    quantiles->zeros += other->zeros;
    join_side(&quantiles->positive, &other->positive);
    join_side(&quantiles->negative, &other->negative);
}

double quantiles_at(const struct quantiles *quantiles, double part) {
    const struct quantiles_side *side = &quantiles->negative;
    uint64_t rank = (uint64_t)ceil(part * (double)quantiles->count), passed = 0;
    if (rank == 0) rank = 1;
    for (uint32_t i = side->room; i-- > 0;)
        if ((passed += side->counts[i]) >= rank) return -middle_of(side->first + (int32_t)i);
    if ((passed += quantiles->zeros) >= rank) return 0;
    side = &quantiles->positive;
    for (uint32_t i = 0; i < side->room; i++)
        if ((passed += side->counts[i]) >= rank) return middle_of(side->first + (int32_t)i);
    return 0;
}

void quantiles_free(struct quantiles *quantiles) {
    free(quantiles->positive.counts);
    free(quantiles->negative.counts);
}

/* ---- different values ---- */

#define REGISTER_BITS 13
#define REGISTERS     (1u << REGISTER_BITS)
#define RANKS         (64 - REGISTER_BITS) /* and one for a rest without a bit */

static void estimate(struct distinct *distinct, uint64_t hash) {
    uint8_t *const place = &distinct->registers[hash >> (64 - REGISTER_BITS)];
    const uint64_t rest = hash << REGISTER_BITS;
    const uint8_t rank = (uint8_t)(rest == 0 ? RANKS + 1 : __builtin_clzll(rest) + 1);
    if (rank > *place) *place = rank;
}

static void stop_being_exact(struct distinct *distinct) {
    distinct->registers = allocate(REGISTERS);
    memset(distinct->registers, 0, REGISTERS);
    for (uint32_t i = 0; i < distinct->room; i++)
        if (distinct->hashes[i] != 0) estimate(distinct, distinct->hashes[i]);
    free(distinct->hashes);
    distinct->hashes = NULL;
}

static bool take(struct distinct *distinct, uint64_t hash) {
    uint32_t i = (uint32_t)hash & (distinct->room - 1);
    while (distinct->hashes[i] != 0 && distinct->hashes[i] != hash)
        i = (i + 1) & (distinct->room - 1);
    const bool is_new = distinct->hashes[i] == 0;
    distinct->hashes[i] = hash;
    return is_new;
}

static void grow(struct distinct *distinct) {
    const struct distinct before = *distinct;
    distinct->room = before.room > 0 ? before.room * 2 : 16;
    distinct->hashes = allocate(distinct->room * sizeof *distinct->hashes);
    memset(distinct->hashes, 0, distinct->room * sizeof *distinct->hashes);
    for (uint32_t i = 0; i < before.room; i++)
        if (before.hashes[i] != 0) take(distinct, before.hashes[i]);
    free(before.hashes);
}

void distinct_add(struct distinct *distinct, uint64_t hash) {
    if (hash == 0) hash = 1;
    if (distinct->registers != NULL) {
        estimate(distinct, hash);
        return;
    }
    if (distinct->used * 2 >= distinct->room) grow(distinct);
    distinct->used += take(distinct, hash);
    if (distinct->used > DISTINCT_EXACT_MAX) stop_being_exact(distinct);
}

void distinct_join(struct distinct *distinct, const struct distinct *more) {
    for (uint32_t i = 0; i < (more->registers == NULL ? more->room : 0); i++)
        if (more->hashes[i] != 0) distinct_add(distinct, more->hashes[i]);
    if (more->registers == NULL) return;
    if (distinct->registers == NULL) stop_being_exact(distinct);
    for (uint32_t i = 0; i < REGISTERS; i++)
        if (more->registers[i] > distinct->registers[i])
            distinct->registers[i] = more->registers[i];
}

/* The estimator of Ertl (2017), which has no bias at any size: sigma corrects for registers that
 * are empty, tau for those that are full. */
static double sigma(double x) {
    double y = 1, z = x, before;
    if (x == 1) return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before); /* ends: x falls below what a double can add */
    return z;
}

static double tau(double x) {
    double y = 1, z = 1 - x, before;
    if (x == 0 || x == 1) return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before); /* ends likewise */
    return z / 3;
}

uint64_t distinct_count(const struct distinct *distinct) {
    uint32_t counts[RANKS + 2] = {0};
    if (distinct->registers == NULL) return distinct->used;
    for (uint32_t i = 0; i < REGISTERS; i++)
        counts[distinct->registers[i]]++;
    const double m = REGISTERS;
    double z = m * tau(1 - counts[RANKS + 1] / m);
    for (uint32_t rank = RANKS; rank >= 1; rank--)
        z = 0.5 * (z + counts[rank]);
    z += m * sigma(counts[0] / m);
    return (uint64_t)(m * m / (2 * log(2) * z) + 0.5);
}

void distinct_free(struct distinct *distinct) {
    free(distinct->hashes);
    free(distinct->registers);
}
