/* csv_cell.c - see csv_cell.h. */
#include "tools/render/csv_cell.h"

#include <string.h>

/* Could a spreadsheet take a cell that begins so for a formula?  Includes the full-width forms of
 * = + - @, which some spreadsheets accept. */
static bool begins_formula(const uint8_t *p, size_t size) {
    if (size == 0) return false;
    if (memchr("=+-@\t\r", *p, 6) != NULL) return true;
    return size >= 3 && p[0] == 0xef && p[1] == 0xbc &&
           (p[2] == 0x9d || p[2] == 0x8b || p[2] == 0x8d || p[2] == 0xa0);
}

void csv_add_cell(struct text *line, const uint8_t *p, size_t size, bool safe) {
    bool quoted = size == 0;
    safe = safe && begins_formula(p, size);
    for (size_t i = 0; i < size && !quoted; i++)
        quoted = p[i] == '"' || p[i] == ',' || p[i] == '\n' || p[i] == '\r';
    if (quoted) text_add_byte(line, '"');
    if (safe) text_add_byte(line, '\'');
    if (!quoted) {
        text_add(line, p, size);
        return;
    }
    for (const uint8_t *const end = p + size; p < end;) {
        const uint8_t *quote = memchr(p, '"', (size_t)(end - p));
        const uint8_t *const stop = quote != NULL ? quote + 1 : end;
        text_add(line, p, (size_t)(stop - p));
        if (quote != NULL) text_add_byte(line, '"');
        p = stop;
    }
    text_add_byte(line, '"');
}
