/* visible.c - see visible.h. */
#include "tools/render/visible.h"

#include <stdbool.h>
#include <stdio.h>

/* U+0080 to U+009F: terminals obey them like ESC. U+202A to U+202E and U+2066 to U+2069 change the
 * reading order of a line (CVE-2021-42574).  U+2028 and U+2029 separate lines. */
static uint32_t misleading(const uint8_t *p, size_t size) {
    if (size == 2 && p[0] == 0xc2 && p[1] < 0xa0) return p[1];
    if (size != 3 || p[0] != 0xe2) return 0;
    const uint32_t code = 0x2000u | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    const bool turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return turns || code == 0x2028 || code == 0x2029 ? code : 0;
}

size_t visible_escape(const uint8_t *p, const uint8_t *end, char *shown) {
    if (*p < 0x20 || *p == 0x7f) {
        snprintf(shown, VISIBLE_BYTES_MAX, "\\u%04x", *p);
        return 1;
    }
    if (*p < 0x80) return 0;
    const size_t size = utf8_character(p, end);
    if (size == 0) {
        snprintf(shown, VISIBLE_BYTES_MAX, "\\x%02x", *p);
        return 1;
    }
    const uint32_t code = misleading(p, size);
    if (code == 0) return 0;
    snprintf(shown, VISIBLE_BYTES_MAX, "\\u%04x", (unsigned)code);
    return size;
}

const uint8_t *visible_next(const uint8_t *p, const uint8_t *end) {
    while (p < end && *p >= 0x20 && *p < 0x7f)
        p++;
    return p;
}
