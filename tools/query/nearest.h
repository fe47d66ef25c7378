/* nearest.h - finds the names most similar to one that does not exist: "did you mean". Pure: any
 * thread. */
#ifndef TOOLS_QUERY_NEAREST_H
#define TOOLS_QUERY_NEAREST_H

#include <stddef.h>
#include <stdint.h>

#define NEAREST_MAX      3
#define NEAREST_NAME_MAX 64 /* longer names are not compared */
#define NEAREST_HINT_MAX (NEAREST_MAX * (NEAREST_NAME_MAX + 2) + 32)

struct nearest {
    char wanted[NEAREST_NAME_MAX + 1];
    uint32_t count; /* of names found */
    struct {
        char name[NEAREST_NAME_MAX + 1];
        uint32_t distance;
    } names[NEAREST_MAX]; /* the most similar one first */
};

void nearest_begin(struct nearest *nearest, const char *wanted, size_t size);
/* Keeps the name if it is similar: it differs in the case of letters only, in one letter of three
 * at most (a letter more, less, other, or two exchanged), or in the path before the last dot (status,
 * http.status).
 * A name that a terminal would not show as it is, is left out. */
void nearest_look(struct nearest *nearest, const char *name, size_t size);
/* "; did you mean status or http.status?", or "" if there is none, to follow a message. */
const char *nearest_hint(const struct nearest *nearest, char hint[NEAREST_HINT_MAX]);

#endif
