/* level_text.c - see level_text.h. */
#include "schema/record/level_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "schema/json/ascii.h"

#define STRIP_BYTES_MAX 128

/* The escape sequence that sets a colour, ESC [ ... m, at the start; its size, or 0. */
static size_t colour_size(const char *p, const char *end) {
    const char *const begin = p;
    if (end - p < 2 || p[0] != 0x1B || p[1] != '[') return 0;
    for (p += 2; p < end && ((*p >= '0' && *p <= '9') || *p == ';'); p++) {
    }
    return p < end && *p == 'm' ? (size_t)(p + 1 - begin) : 0;
}

static bool is_around(char byte) {
    return byte != '\0' && strchr(" \t\r\n[](){}<>", byte) != NULL;
}

size_t level_strip(const char *text, size_t size, char *out, size_t room) {
    char decoded[STRIP_BYTES_MAX];
    size_t used = 0;
    if (size > sizeof decoded) size = sizeof decoded;
    memcpy(decoded, text, size);
    const char *p = decoded, *const end = decoded + ascii_decode(decoded, size);
    while (p < end) {
        const size_t colour = colour_size(p, end);
        p += colour;
        if (colour > 0) continue;
        if (used > 0 || !is_around(*p)) {
            if (used == room - 1) break;
            out[used++] = *p;
        }
        p++;
    }
    while (used > 0 && is_around(out[used - 1]))
        used--;
    out[used] = '\0';
    return used;
}
