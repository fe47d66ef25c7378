/* line_tokens.c - see line_tokens.h.  Most lines have neither a backslash nor one of the two
 * characters, and are read once more to know that. */
#include "writer/index/line_tokens.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/exponents.h"

static const uint8_t long_s[] = {0xC5, 0xBF};       /* U+017F LATIN SMALL LETTER LONG S */
static const uint8_t kelvin[] = {0xE2, 0x84, 0xAA}; /* U+212A KELVIN SIGN */

/* The first occurrence at or after p; NULL: there is none. */
static const uint8_t *find_bytes(const uint8_t *p, const uint8_t *end, const uint8_t *bytes,
                                 size_t size) {
    while ((size_t)(end - p) >= size) { /* each round advances by a byte or more */
        p = memchr(p, bytes[0], (size_t)(end - p) - size + 1);
        if (p == NULL || memcmp(p, bytes, size) == 0) return p;
        p++;
    }
    return NULL;
}

static bool starts_with(const uint8_t *p, const uint8_t *end, const uint8_t *bytes, size_t size) {
    return (size_t)(end - p) >= size && memcmp(p, bytes, size) == 0;
}

static int add_bytes(struct line_tokens *room, struct token_set *set, const uint8_t *bytes,
                     size_t size) {
    tokens_add(set, bytes, size);
    return word_parts_add(&room->parts, bytes, size);
}

/* Adds the tokens of the text with both characters as ASCII. */
static int add_folded(struct line_tokens *room, struct token_set *set, const uint8_t *text,
                      size_t size) {
    if (room->folded_size < size) {
        uint8_t *const folded = realloc(room->folded, 2 * size);
        if (folded == NULL) return ERR_NO_MEMORY;
        room->folded = folded;
        room->folded_size = 2 * size;
    }
    const uint8_t *p = text, *const end = text + size;
    uint8_t *to = room->folded;
    while (p < end) { /* ends: p rises */
        const bool is_s = starts_with(p, end, long_s, sizeof long_s);
        const bool is_k = starts_with(p, end, kelvin, sizeof kelvin);
        *to++ = is_s ? 's' : is_k ? 'k' : *p;
        p += is_s ? sizeof long_s : is_k ? sizeof kelvin : 1;
    }
    return add_bytes(room, set, room->folded, (size_t)(to - room->folded));
}

static int add_text(struct line_tokens *room, struct token_set *set, const uint8_t *text,
                    size_t size) {
    const uint8_t *const end = text + size;
    const int error = add_bytes(room, set, text, size);
    if (error) return error;
    const bool folds = find_bytes(text, end, long_s, sizeof long_s) != NULL ||
                       find_bytes(text, end, kelvin, sizeof kelvin) != NULL;
    return folds ? add_folded(room, set, text, size) : 0;
}

static int add_strings(struct line_tokens *room, struct token_set *set, const uint8_t *line,
                       size_t size) {
    struct strings strings;
    const uint8_t *text;
    size_t text_size;
    int error = 0;
    if (!strings_open(&strings, &room->strings, line, size, false)) return ERR_NO_MEMORY;
    while (!error && strings_next(&strings, &text, &text_size))
        error = add_text(room, set, text, text_size);
    return error;
}

typedef int add_line(struct line_tokens *room, struct token_set *set, const uint8_t *line,
                     size_t size);

/* Calls `add` for each line that contains the bytes. */
static int add_lines_with(struct line_tokens *room, struct token_set *set, const uint8_t *lines,
                          size_t size, const uint8_t *bytes, size_t bytes_size, add_line *add) {
    const uint8_t *p = lines, *const end = lines + size;
    int error = 0;
    while (!error && p < end) { /* each round advances by a line */
        const uint8_t *const place = find_bytes(p, end, bytes, bytes_size);
        if (place == NULL) break;
        const uint8_t *begin = place;
        while (begin > p && begin[-1] != '\n')
            begin--;
        const uint8_t *const newline = memchr(place, '\n', (size_t)(end - place));
        p = newline != NULL ? newline + 1 : end;
        error = add(room, set, begin, (size_t)((newline != NULL ? newline : end) - begin));
    }
    return error;
}

/* Numbers with an exponent, as they are without one. */
static void add_numbers(struct token_set *set, const uint8_t *lines, size_t size) {
    const uint8_t *p = lines, *const end = lines + size, *begin;
    char text[INTEGER_BYTES_MAX];
    while ((p = exponents_next(p, end, &begin)) != NULL) { /* ends: p rises */
        const size_t text_size = integer_part(begin, (size_t)(p - begin), text);
        tokens_add(set, (const uint8_t *)text, text_size);
    }
}

int line_tokens_add(struct line_tokens *room, struct token_set *set, const uint8_t *lines,
                    size_t size) {
    static const uint8_t backslash[] = {'\\'};
    int error = add_bytes(room, set, lines, size);
    add_numbers(set, lines, size);
    if (!error)
        error = add_lines_with(room, set, lines, size, backslash, sizeof backslash, add_strings);
    if (!error) error = add_lines_with(room, set, lines, size, long_s, sizeof long_s, add_folded);
    if (!error) error = add_lines_with(room, set, lines, size, kelvin, sizeof kelvin, add_folded);
    return error;
}

bool line_tokens_end(struct line_tokens *room, struct token_set *set) {
    return word_parts_end(&room->parts, set);
}

void line_tokens_free(struct line_tokens *room) {
    strings_room_free(&room->strings);
    free(room->folded);
    word_parts_free(&room->parts);
    *room = (struct line_tokens){0};
}
