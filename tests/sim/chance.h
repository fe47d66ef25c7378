/* chance.h - random numbers from a seed: the same on every machine. */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state; /* any number is a seed */
};

/* splitmix64: small, and random from its first number on for any seed. */
static inline uint64_t chance_next(struct chance *chance) {
    uint64_t z = chance->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* 0 to limit - 1; 0 if limit is 0. */
static inline uint64_t chance_below(struct chance *chance, uint64_t limit) {
    return limit > 0 ? chance_next(chance) % limit : 0;
}

static inline bool chance_one_in(struct chance *chance, uint64_t times) {
    return chance_below(chance, times) == 0;
}

#endif
