/* visible.c - see visible.h. */
#include "tools/render/visible.h"

#include <stdbool.h>
#include <stdio.h>

/* Length of the UTF-8 sequence with this first byte, and the bounds of its second byte (RFC 3629
 * section 4); 0: invalid. */
static size_t sequence_size(uint8_t first, uint8_t *least, uint8_t *most) {
    *least = 0x80;
    *most = 0xbf;
    if (first < 0xc2 || first > 0xf4) return 0;
    if (first < 0xe0) return 2;
    if (first == 0xe0) *least = 0xa0;
    if (first == 0xed) *most = 0x9f;
    if (first < 0xf0) return 3;
    if (first == 0xf0) *least = 0x90;
    if (first == 0xf4) *most = 0x8f;
    return 4;
}

size_t utf8_character(const uint8_t *p, const uint8_t *end) {
    uint8_t least, most;
    if (*p < 0x80) return 1;
    const size_t size = sequence_size(*p, &least, &most);
    if (size == 0 || (size_t)(end - p) < size || p[1] < least || p[1] > most) return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return size;
}

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
