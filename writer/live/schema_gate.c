/* schema_gate.c - see schema_gate.h. */
#include "writer/live/schema_gate.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "port/error.h"

struct schema_gate {
    struct schema *schema;
    size_t memory;
    uint32_t holders, workers;
    _Atomic uint64_t free; /* bit n: checkers[n] is free */
    struct schema_checker *checkers[SCHEMA_GATE_WORKERS_MAX];
};

int schema_gate_make(struct schema *schema, size_t line_bytes_max, uint32_t workers,
                     struct schema_gate **gate) {
    struct schema_gate *g = calloc(1, sizeof *g);
    if (!g) {
        schema_free(schema);
        return ERR_NO_MEMORY;
    }
    g->schema = schema;
    g->holders = 1;
    g->workers = workers < SCHEMA_GATE_WORKERS_MAX ? workers : SCHEMA_GATE_WORKERS_MAX;
    g->memory = g->workers * schema_checker_bytes(schema, line_bytes_max);
    for (uint32_t i = 0; i < g->workers; i++) {
        if (schema_checker_make(schema, line_bytes_max, &g->checkers[i])) {
            schema_gate_release(g);
            return ERR_NO_MEMORY;
        }
        g->free |= UINT64_C(1) << i;
    }
    *gate = g;
    return 0;
}

void schema_gate_hold(struct schema_gate *gate) {
    gate->holders++;
}

void schema_gate_release(struct schema_gate *gate) {
    if (!gate || --gate->holders > 0) return;
    for (uint32_t i = 0; i < gate->workers; i++)
        schema_checker_free(gate->checkers[i]);
    schema_free(gate->schema);
    free(gate);
}

size_t schema_gate_memory(const struct schema_gate *gate) {
    return gate->memory;
}

static uint32_t lowest_bit(uint64_t bits) {
    uint32_t n = 0;
    while (!(bits >> n & 1))
        n++;
    return n;
}

struct schema_checker *schema_gate_take(struct schema_gate *gate) {
    uint64_t free_ones = atomic_load_explicit(&gate->free, memory_order_relaxed);
    for (;;) { /* ends: if a round fails, another thread has succeeded */
        assert(free_ones != 0);
        const uint32_t n = lowest_bit(free_ones);
        if (atomic_compare_exchange_weak_explicit(&gate->free, &free_ones,
                                                  free_ones & ~(UINT64_C(1) << n),
                                                  memory_order_acquire, memory_order_relaxed))
            return gate->checkers[n];
    }
}

void schema_gate_give_back(struct schema_gate *gate, struct schema_checker *checker) {
    uint32_t n = 0;
    while (gate->checkers[n] != checker)
        n++;
    atomic_fetch_or_explicit(&gate->free, UINT64_C(1) << n, memory_order_release);
}
