/* nearest.c - see nearest.h. */
#include "tools/query/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "schema/json/ascii.h"
#include "tools/query/text.h"

static char lower(char letter) {
    return (char)ascii_lower((uint8_t)letter);
}

void nearest_begin(struct nearest *nearest, const char *wanted, size_t size) {
    memset(nearest, 0, sizeof *nearest);
    if (size > NEAREST_NAME_MAX) size = NEAREST_NAME_MAX;
    memcpy(nearest->wanted, wanted, size);
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* The number of letters to add, remove, replace or exchange with the next one (optimal string
 * alignment), whatever their case. */
static uint32_t distance_of(const char *a, size_t a_size, const char *b, size_t b_size) {
    uint32_t rows[3][NEAREST_NAME_MAX + 1];
    for (uint32_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        uint32_t *const row = rows[i % 3], *const above = rows[(i + 2) % 3];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_size; j++) {
            const char x = lower(a[i - 1]), y = lower(b[j - 1]);
            row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
                row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

/* One is the end of the other after a dot. */
static bool same_end(const char *a, size_t a_size, const char *b, size_t b_size) {
    if (a_size > b_size) return same_end(b, b_size, a, a_size);
    return a_size > 0 && a_size < b_size && b[b_size - a_size - 1] == '.' &&
           distance_of(a, a_size, b + b_size - a_size, a_size) == 0;
}

/* Names come from records, and hints go to a terminal: no control characters, no invalid UTF-8, and
 * none of the characters U+2000 to U+207F, some of which change the reading order. */
static bool is_harmless(const char *name, size_t size) {
    const uint8_t *p = (const uint8_t *)name, *const end = p + size;
    while (p < end) { /* p rises by a character */
        const size_t character = utf8_character(p, end);
        if (character == 0 || *p < ' ' || *p == 0x7f) return false;
        if (character == 2 && p[0] == 0xc2 && p[1] < 0xa0) return false;
        if (character == 3 && p[0] == 0xe2 && p[1] <= 0x81) return false;
        p += character;
    }
    return true;
}

void nearest_look(struct nearest *nearest, const char *name, size_t size) {
    const size_t wanted = strlen(nearest->wanted);
    if (size == 0 || size > NEAREST_NAME_MAX || !is_harmless(name, size)) return;
    uint32_t distance = distance_of(nearest->wanted, wanted, name, size);
    if (same_end(nearest->wanted, wanted, name, size))
        distance = 1;
    else if (distance > wanted / 3)
        return;
    uint32_t at = nearest->count;
    while (at > 0 && nearest->names[at - 1].distance > distance)
        at--;
    if (at == NEAREST_MAX) return;
    if (nearest->count < NEAREST_MAX) nearest->count++;
    for (uint32_t i = nearest->count - 1; i > at; i--)
        nearest->names[i] = nearest->names[i - 1];
    memcpy(nearest->names[at].name, name, size);
    nearest->names[at].name[size] = '\0';
    nearest->names[at].distance = distance;
}

const char *nearest_hint(const struct nearest *nearest, char hint[NEAREST_HINT_MAX]) {
    size_t used = 0;
    hint[0] = '\0';
    for (uint32_t i = 0; i < nearest->count; i++) {
        const char *const before = i == 0                    ? "; did you mean "
                                   : i + 1 == nearest->count ? " or "
                                                             : ", ";
        used += (size_t)snprintf(hint + used, NEAREST_HINT_MAX - used, "%s%s", before,
                                 nearest->names[i].name);
    }
    if (nearest->count > 0) snprintf(hint + used, NEAREST_HINT_MAX - used, "?");
    return hint;
}
