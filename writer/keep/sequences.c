/* sequences.c - see sequences.h. */
#include "writer/keep/sequences.h"

#include <stdlib.h>

struct sequences *sequences_make(uint32_t count) {
    struct sequences *set = malloc(sizeof *set + count * sizeof set->all[0]);
    if (set == NULL) return NULL;
    atomic_init(&set->holders, 1);
    set->count = count;
    return set;
}

struct sequences *sequences_hold(struct sequences *set) {
    if (set != NULL) atomic_fetch_add(&set->holders, 1);
    return set;
}

void sequences_release(struct sequences *set) {
    if (set != NULL && atomic_fetch_sub(&set->holders, 1) == 1) free(set);
}

bool sequences_have(const struct sequences *set, uint64_t sequence) {
    uint32_t low = 0, high = set != NULL ? set->count : 0;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (set->all[middle] == sequence) return true;
        if (set->all[middle] < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

uint64_t sequences_lowest_added(const struct sequences *set, const struct sequences *other) {
    for (uint32_t i = 0, n = 0; set != NULL && i < set->count; i++) {
        while (other != NULL && n < other->count && other->all[n] < set->all[i])
            n++;
        if (other == NULL || n == other->count || other->all[n] != set->all[i]) return set->all[i];
    }
    return 0;
}
