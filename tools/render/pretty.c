/* pretty.c - see pretty.h. */
#include "tools/render/pretty.h"

#include <string.h>

#define INDENT_MAX 64

static void new_line(struct output *out, int depth) {
    static const char spaces[INDENT_MAX + 1] =
        "                                                                ";
    output_text(out, "\n");
    const int indent = depth < 0 ? 0 : depth * 2;
    output_bytes(out, spaces, (size_t)(indent < INDENT_MAX ? indent : INDENT_MAX));
}

/* Returns the byte after the closing quote. */
static const char *string_end(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end) p++;
    return p < end ? p + 1 : end;
}

static const char *skip_spaces(const char *p, const char *end) {
    while (p < end && strchr(" \t\r\n", *p) != NULL && *p != '\0')
        p++;
    return p;
}

void print_pretty(struct output *out, const char *json, size_t size) {
    const char *p = json, *const end = json + size;
    int depth = 0;
    for (p = skip_spaces(p, end); p < end; p = skip_spaces(p, end)) {
        const char *next = *p == '"' ? string_end(p, end) : p + 1;
        const char *const next_token = skip_spaces(next, end);
        const bool opens = *p == '{' || *p == '[', closes = *p == '}' || *p == ']';
        const bool empty = opens && next_token < end && (*next_token == '}' || *next_token == ']');
        if (closes) new_line(out, --depth);
        output_records(out, p, (size_t)(next - p));
        if (empty) {
            output_bytes(out, next_token, 1);
            next = next_token + 1;
        } else if (opens) {
            new_line(out, ++depth);
        } else if (*p == ',') {
            new_line(out, depth);
        } else if (*p == ':') {
            output_text(out, " ");
        }
        p = next;
    }
}
