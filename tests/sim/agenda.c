/* agenda.c - see agenda.h.  A binary heap. */
#include "tests/sim/agenda.h"

#include <assert.h>
#include <stdlib.h>

static bool earlier(const struct agenda_entry *a, const struct agenda_entry *b) {
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

void agenda_add(struct agenda *agenda, int64_t due_ns, agenda_call *call, void *context) {
    if (agenda->count == agenda->room) {
        agenda->room = agenda->room > 0 ? 2 * agenda->room : 64;
        agenda->heap = realloc(agenda->heap, agenda->room * sizeof *agenda->heap);
        assert(agenda->heap != NULL);
    }
    const struct agenda_entry entry = {due_ns, agenda->made++, call, context};
    uint32_t i = agenda->count++;
    while (i > 0 && earlier(&entry, &agenda->heap[(i - 1) / 2])) {
        agenda->heap[i] = agenda->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    agenda->heap[i] = entry;
}

int64_t agenda_next_ns(const struct agenda *agenda) {
    return agenda->count > 0 ? agenda->heap[0].due_ns : INT64_MAX;
}

void agenda_run_first(struct agenda *agenda) {
    const struct agenda_entry first = agenda->heap[0], last = agenda->heap[--agenda->count];
    uint32_t i = 0;
    for (;;) { /* ends at a leaf */
        uint32_t child = 2 * i + 1;
        if (child >= agenda->count) break;
        if (child + 1 < agenda->count && earlier(&agenda->heap[child + 1], &agenda->heap[child]))
            child++;
        if (!earlier(&agenda->heap[child], &last)) break;
        agenda->heap[i] = agenda->heap[child];
        i = child;
    }
    if (agenda->count > 0) agenda->heap[i] = last;
    first.call(first.context);
}

void agenda_free(struct agenda *agenda) {
    free(agenda->heap);
    *agenda = (struct agenda){0};
}
