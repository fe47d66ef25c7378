/* width.c - see width.h.  The ranges follow EastAsianWidth.txt (W and F) and the categories Mn and
 * Me of Unicode 14; neighbouring ranges with only unassigned characters between them are joined. */
#include "tools/render/width.h"

#include <stdbool.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

static const struct range zero[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},     {0x610, 0x61a},   {0x64b, 0x65f},
    {0x6d6, 0x6dc},   {0x6df, 0x6e4},   {0x900, 0x902},     {0x93c, 0x93c},   {0x941, 0x948},
    {0x94d, 0x94d},   {0x981, 0x981},   {0x9bc, 0x9bc},     {0xe31, 0xe31},   {0xe34, 0xe3a},
    {0xe47, 0xe4e},   {0x1160, 0x11ff}, {0x1ab0, 0x1ace},   {0x1dc0, 0x1dff}, {0x200b, 0x200f},
    {0x2060, 0x2064}, {0x20d0, 0x20f0}, {0x302a, 0x302d},   {0x3099, 0x309a}, {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x23f0, 0x23f0},   {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
    {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
    {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
    {0x3041, 0x3247},   {0x3250, 0x4dbf},   {0x4e00, 0xa4c6},   {0xa960, 0xa97c},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6b},
    {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x1b2fb}, {0x1f004, 0x1f004},
    {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320},
    {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca},
    {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e},
    {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e},
    {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4},
    {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2},
    {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0},
    {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faf6},
    {0x20000, 0x2fffd}, {0x30000, 0x3fffd},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool within(const struct range *ranges, size_t count, uint32_t point) {
    size_t first = 0, after = count;
    while (first < after) { /* ends: the distance is halved */
        const size_t middle = (first + after) / 2;
        if (point < ranges[middle].first)
            after = middle;
        else if (point > ranges[middle].last)
            first = middle + 1;
        else
            return true;
    }
    return false;
}

uint32_t width_of_point(uint32_t point) {
    if (point < 0x300) return 1;
    if (within(zero, COUNT(zero), point)) return 0;
    return within(wide, COUNT(wide), point) ? 2 : 1;
}

/* A character or a style; returns its bytes. */
static size_t next_width(const uint8_t *p, const uint8_t *end, uint32_t *width) {
    *width = 1;
    if (*p == 0x1b) {
        const uint8_t *const m = memchr(p, 'm', (size_t)(end - p));
        *width = 0;
        return m != NULL ? (size_t)(m - p) + 1 : 1;
    }
    const size_t size = utf8_character(p, end);
    if (size == 3) *width = width_of_point((p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u));
    if (size == 2) *width = width_of_point((p[0] & 31u) << 6 | (p[1] & 63u));
    if (size == 4)
        *width = width_of_point((p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 |
                                (p[3] & 63u));
    return size > 0 ? size : 1;
}

size_t width_of_text(const uint8_t *p, size_t size) {
    const uint8_t *const end = p + size;
    size_t columns = 0;
    uint32_t width;
    while (p < end) { /* p rises */
        p += next_width(p, end, &width);
        columns += width;
    }
    return columns;
}

static void add_indent(struct text *out, uint32_t indent) {
    text_add_byte(out, '\n');
    for (uint32_t i = 0; i < indent; i++)
        text_add_byte(out, ' ');
}

void width_wrap(const uint8_t *p, size_t size, uint32_t columns, uint32_t indent,
                struct text *out) {
    const uint8_t *const end = p + size, *begin = p, *space = NULL;
    uint32_t used = 0, used_at_space = 0, width;
    if (indent > columns / 2) indent = columns / 2;
    while (p < end) { /* ends: after a new line at least one more character fits */
        const size_t bytes = next_width(p, end, &width);
        if (used + width > columns && used > indent) {
            /* At the last space of this line's second half; otherwise here. */
            const uint8_t *const stop = space != NULL && used_at_space > columns / 2 ? space : p;
            text_add(out, begin, (size_t)(stop - begin));
            add_indent(out, indent);
            for (p = stop; p < end && *p == ' ';) /* spaces at the break are dropped */
                p++;
            begin = p;
            used = indent;
            space = NULL;
            continue;
        }
        if (*p == ' ') {
            space = p;
            used_at_space = used;
        }
        used += width;
        p += bytes;
    }
    text_add(out, begin, (size_t)(end - begin));
}
