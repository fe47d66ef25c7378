/* strings.c - see strings.h.  Works on a copy of the line that ends with quotes, so that scanning
 * ends there even if the line is not valid. */
#include "schema/json/strings.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/json.h"
#include "schema/json/scan.h"
#include "schema/json/text.h"

/* After the line: a newline, and quotes, of which scan_string reads 16 at a time and text_decode up
 * to 12 after a backslash. */
#define AFTER_BYTES (1 + JSON_PADDING)

bool strings_open(struct strings *strings, struct strings_room *room, const uint8_t *line,
                  size_t size, bool all) {
    const size_t needed = 2 * (size + AFTER_BYTES);
    if (room->size < needed) {
        char *const bytes = realloc(room->bytes, needed + needed / 4);
        if (bytes == NULL) return false;
        room->bytes = bytes;
        room->size = needed + needed / 4;
    }
    if (size > 0) memcpy(room->bytes, line, size);
    room->bytes[size] = '\n';
    memset(room->bytes + size + 1, '"', JSON_PADDING);
    *strings = (struct strings){.line = room->bytes,
                                .p = room->bytes,
                                .end = room->bytes + size,
                                .decoded = room->bytes + size + AFTER_BYTES,
                                .all = all};
    return true;
}

void strings_room_free(struct strings_room *room) {
    free(room->bytes);
    *room = (struct strings_room){0};
}

bool strings_next(struct strings *strings, const uint8_t **text, size_t *size) {
    while (strings->p < strings->end) { /* each round advances by a string */
        bool escaped;
        const char *const quote = memchr(strings->p, '"', (size_t)(strings->end - strings->p));
        if (quote == NULL) break;
        const char *const begin = quote + 1, *const close = scan_string(begin, &escaped);
        strings->p = close + 1;
        if (close >= strings->end) break; /* it has no end */
        if (!escaped && !strings->all) continue;
        *text = (const uint8_t *)begin;
        *size = (size_t)(close - begin);
        if (!escaped) return true;
        *size = text_decode(begin, *size, strings->decoded);
        text_replace_surrogates(strings->decoded, *size);
        *text = (const uint8_t *)strings->decoded;
        return true;
    }
    strings->p = strings->end;
    return false;
}

bool strings_valid(const struct strings *strings) {
    struct json_line line;
    json_check_line((const uint8_t *)strings->line, (const uint8_t *)strings->end + 1, true, &line);
    return line.reason == JSON_OK;
}
