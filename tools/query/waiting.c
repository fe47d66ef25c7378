/* waiting.c - see waiting.h. */
#include "tools/query/waiting.h"

#include <stdlib.h>

#include "tools/query/allocate.h"

static bool comes_first(const struct waiting *waiting, uint32_t a, uint32_t b) {
    const struct waiting_item *const x = &waiting->items[a], *const y = &waiting->items[b];
    const bool newest = waiting->newest_first;
    if (x->time_ns != y->time_ns) return (x->time_ns < y->time_ns) != newest;
    return x->place != y->place && (x->place < y->place) != newest;
}

static void swap(struct waiting *waiting, uint32_t a, uint32_t b) {
    const struct waiting_item item = waiting->items[a];
    waiting->items[a] = waiting->items[b];
    waiting->items[b] = item;
}

void waiting_add(struct waiting *waiting, const struct waiting_item *item) {
    if (waiting->count == waiting->room) {
        waiting->room = waiting->room > 0 ? waiting->room * 2 : 64;
        waiting->items = reallocate(waiting->items, waiting->room * sizeof *waiting->items);
    }
    uint32_t at = waiting->count++;
    waiting->items[at] = *item;
    for (; at > 0 && comes_first(waiting, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(waiting, at, (at - 1) / 2);
}

const struct waiting_item *waiting_first(const struct waiting *waiting) {
    return waiting->count > 0 ? &waiting->items[0] : NULL;
}

struct waiting_item waiting_take(struct waiting *waiting) {
    const struct waiting_item taken = waiting->items[0];
    waiting->items[0] = waiting->items[--waiting->count];
    for (uint32_t at = 0;;) { /* ends: `at` rises */
        uint32_t first = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < waiting->count; child++)
            if (comes_first(waiting, child, first)) first = child;
        if (first == at) return taken;
        swap(waiting, at, first);
        at = first;
    }
}

void waiting_free(struct waiting *waiting) {
    free(waiting->items);
    *waiting = (struct waiting){.newest_first = waiting->newest_first};
}
