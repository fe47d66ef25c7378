/* peer_names.c - see peer_names.h. */
#include "ingest/network/peer_names.h"

#include <stdlib.h>
#include <string.h>

const char *peer_names_keep(struct peer_names *names, const char *name) {
    uint32_t from = 0, to = names->count;
    if (name[0] == '\0') return NULL;
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        const int order = strcmp(names->names[middle], name);
        if (order == 0) return names->names[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (names->count == PEER_NAMES_MAX) return NULL;
    if (!names->names) names->names = malloc(PEER_NAMES_MAX * sizeof *names->names);
    const size_t size = strlen(name) + 1;
    char *copy = names->names ? malloc(size) : NULL;
    if (!copy) return NULL;
    memcpy(copy, name, size);
    memmove(&names->names[from + 1], &names->names[from],
            (names->count - from) * sizeof *names->names);
    names->names[from] = copy;
    names->count++;
    return copy;
}

void peer_names_free(struct peer_names *names) {
    for (uint32_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct peer_names){0};
}
