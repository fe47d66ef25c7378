/* agenda.h - what happens at which time in a simulation: calls in the order of their times, then of
 * their making. */
#ifndef TESTS_SIM_AGENDA_H
#define TESTS_SIM_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

typedef void agenda_call(void *context);

struct agenda_entry {
    int64_t due_ns;
    uint64_t order;
    agenda_call *call;
    void *context;
};

/* Begins as all zero. */
struct agenda {
    struct agenda_entry *heap;
    uint32_t count, room;
    uint64_t made;
};

void agenda_add(struct agenda *agenda, int64_t due_ns, agenda_call *call, void *context);
/* INT64_MAX: it is empty. */
int64_t agenda_next_ns(const struct agenda *agenda);
/* Takes the first entry and calls it. */
void agenda_run_first(struct agenda *agenda);
void agenda_free(struct agenda *agenda);

#endif
