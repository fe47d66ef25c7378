/* unrecognised.c - see unrecognised.h. */
#include "tools/query/unrecognised.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 5

void unrecognised_add(struct unrecognised *u, const uint8_t *text, size_t size, uint64_t records) {
    if (size > UNRECOGNISED_BYTES_MAX) size = UNRECOGNISED_BYTES_MAX;
    u->records += records;
    uint32_t i = 0;
    while (i < u->used && (u->values[i].size != size || memcmp(u->values[i].text, text, size) != 0))
        i++;
    if (i == UNRECOGNISED_MAX) return;
    if (i == u->used) {
        u->values[i].size = (uint32_t)size;
        u->values[i].records = 0;
        memcpy(u->values[i].text, text, size);
        u->used++;
    }
    u->values[i].records += records;
}

void unrecognised_join(struct unrecognised *u, const struct unrecognised *more) {
    uint64_t rest = more->records;
    for (uint32_t i = 0; i < more->used; i++) {
        unrecognised_add(u, more->values[i].text, more->values[i].size, more->values[i].records);
        rest -= more->values[i].records;
    }
    u->records += rest;
}

/* Bytes outside printable ASCII are shown as '?': the text may be anything. */
static int print_value(const struct unrecognised *u, uint32_t i, const char *comma, char *text,
                       size_t room) {
    char shown[UNRECOGNISED_BYTES_MAX + 1];
    for (uint32_t n = 0; n < u->values[i].size; n++) {
        const uint8_t byte = u->values[i].text[n];
        shown[n] = byte >= 0x20 && byte < 0x7F ? (char)byte : '?';
    }
    shown[u->values[i].size] = '\0';
    return snprintf(text, room, "%s'%s' %llu", comma, shown,
                    (unsigned long long)u->values[i].records);
}

void unrecognised_print(const struct unrecognised *u, char *text, size_t room) {
    bool printed[UNRECOGNISED_MAX] = {false};
    uint64_t shown = 0;
    size_t used =
        (size_t)snprintf(text, room, "%llu record%s an unrecognised level (",
                         (unsigned long long)u->records, u->records == 1 ? " has" : "s have");
    for (int n = 0; n < SHOWN_MAX; n++) {
        uint32_t best = UNRECOGNISED_MAX;
        for (uint32_t i = 0; i < u->used; i++)
            if (!printed[i] &&
                (best == UNRECOGNISED_MAX || u->values[i].records > u->values[best].records))
                best = i;
        if (best == UNRECOGNISED_MAX || used >= room) break;
        printed[best] = true;
        shown += u->values[best].records;
        used += (size_t)print_value(u, best, n > 0 ? ", " : "", text + used, room - used);
    }
    if (used < room)
        snprintf(text + used, room - used, "%s); see --level-names",
                 shown < u->records ? ", ..." : "");
}
