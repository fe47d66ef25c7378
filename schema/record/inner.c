/* inner.c - see inner.h. */
#include "schema/record/inner.h"

#include <string.h>

#include "schema/json/bounded.h"
#include "schema/json/text.h"

/* The first byte of the text that is not white space, as it is written. */
static const uint8_t *text_begin(const uint8_t *p, const uint8_t *end) {
    while (p < end) { /* each round advances by a byte or two */
        if (*p == ' ')
            p++;
        else if (end - p >= 2 && *p == '\\' && (p[1] == 'n' || p[1] == 't' || p[1] == 'r'))
            p += 2;
        else
            break;
    }
    return p;
}

size_t inner_room(const uint8_t *value, const uint8_t *end) {
    if (value == end || *value != '"') return 0;
    const uint8_t *const begin = text_begin(value + 1, end);
    const bool escaped = end - begin >= 2 && begin[0] == '\\' && begin[1] == 'u';
    if (begin == end || (*begin != '{' && !escaped)) return 0;
    const uint8_t *const after = bounded_string_end(begin, end);
    if (after == NULL) return 0;
    return (size_t)(after - begin) + 1 + JSON_PADDING;
}

/* Newlines between tokens become spaces: a record is one line. */
static void join_lines(uint8_t *p, const uint8_t *end) {
    bool in_string = false;
    for (; p < end; p++) {
        if (*p == '"')
            in_string = !in_string;
        else if (in_string && *p == '\\')
            p++;
        else if (!in_string && *p == '\n')
            *p = ' ';
    }
}

bool inner_read(const uint8_t *value, const uint8_t *end, const struct json_names *names,
                uint8_t *room, struct json_line *inner, struct json_found *found) {
    const uint8_t *const begin = text_begin(value + 1, end);
    const uint8_t *const after = bounded_string_end(begin, end);
    if (after == NULL) return false;
    const size_t size = text_decode((const char *)begin, (size_t)(after - begin) - 1, (char *)room);
    text_replace_surrogates((char *)room, size);
    if (memchr(room, '\n', size) != NULL) join_lines(room, room + size);
    room[size] = '\n';
    memset(room + size + 1, 0, JSON_PADDING);
    uint8_t *const text_end = room + size + 1;
    if (names != NULL)
        json_check_line_names(room, text_end, false, names, inner, found);
    else
        json_check_line(room, text_end, false, inner);
    return inner->reason == JSON_OK && inner->next == text_end;
}
