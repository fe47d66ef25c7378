/* hash_table.h - an open hash table of numbers; what they number is the caller's.  Each slot keeps
 * the hash, so that the table grows without asking for it.  One thread. */
#ifndef TOOLS_QUERY_HASH_TABLE_H
#define TOOLS_QUERY_HASH_TABLE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"

#define HASH_TABLE_NONE UINT32_MAX

struct hash_slot {
    uint64_t hash;
    uint32_t number_plus_1; /* 0: free */
};

/* All zero: no room. */
struct hash_table {
    struct hash_slot *slots;
    uint32_t room; /* a power of two, more than the numbers in it */
};

static inline void hash_table_free(struct hash_table *table) {
    free(table->slots);
    *table = (struct hash_table){0};
}

static inline void hash_table_clear(struct hash_table *table) {
    if (table->room > 0) memset(table->slots, 0, table->room * sizeof *table->slots);
}

/* The slot whose number is_same accepts, or the free one where it belongs. */
typedef bool hash_table_is_same(const void *context, uint32_t number);
static inline uint32_t hash_table_slot(const struct hash_table *table, uint64_t hash,
                                       hash_table_is_same *is_same, const void *context) {
    uint32_t slot = (uint32_t)hash & (table->room - 1);
    for (;; slot = (slot + 1) & (table->room - 1)) { /* ends: the table is never full */
        const struct hash_slot *const at = &table->slots[slot];
        if (at->number_plus_1 == 0) return slot;
        if (at->hash == hash && is_same(context, at->number_plus_1 - 1)) return slot;
    }
}

/* HASH_TABLE_NONE: it is free. */
static inline uint32_t hash_table_number(const struct hash_table *table, uint32_t slot) {
    return table->slots[slot].number_plus_1 - 1;
}

static inline void hash_table_put(struct hash_table *table, uint32_t slot, uint64_t hash,
                                  uint32_t number) {
    table->slots[slot] = (struct hash_slot){hash, number + 1};
}

/* Adds a number that is not in the table. */
static inline void hash_table_add(struct hash_table *table, uint64_t hash, uint32_t number) {
    uint32_t slot = (uint32_t)hash & (table->room - 1);
    while (table->slots[slot].number_plus_1 != 0)
        slot = (slot + 1) & (table->room - 1);
    hash_table_put(table, slot, hash, number);
}

static inline void hash_table_grow(struct hash_table *table, uint32_t room) {
    struct hash_table larger = {.slots = allocate(room * sizeof *larger.slots), .room = room};
    assert(room > table->room && (room & (room - 1)) == 0);
    hash_table_clear(&larger);
    for (uint32_t i = 0; i < table->room; i++)
        if (table->slots[i].number_plus_1 != 0)
            hash_table_add(&larger, table->slots[i].hash, table->slots[i].number_plus_1 - 1);
    free(table->slots);
    *table = larger;
}

/* Frees a slot, and moves numbers that belong there or before it. */
static inline void hash_table_remove(struct hash_table *table, uint32_t slot) {
    const uint32_t mask = table->room - 1;
    table->slots[slot].number_plus_1 = 0;
    for (uint32_t next = (slot + 1) & mask; table->slots[next].number_plus_1 != 0;
         next = (next + 1) & mask) {
        const uint32_t home = (uint32_t)table->slots[next].hash & mask;
        if (((next - home) & mask) < ((next - slot) & mask)) continue;
        table->slots[slot] = table->slots[next];
        table->slots[next].number_plus_1 = 0;
        slot = next;
    }
}

#endif
