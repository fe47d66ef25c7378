/* text.c - blanks comments, validates the rest with the scanner that validates records, and finds
 * the members of objects and arrays. */
#include "ingest/config/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/json.h"

struct text_position text_position(const char *text, size_t offset) {
    struct text_position position = {.line = 1, .column = 1};
    for (size_t i = 0; i < offset; i++) {
        position.column++;
        if (text[i] == '\n') position = (struct text_position){position.line + 1, 1};
    }
    return position;
}

/* Moves *i from a string's first quote to the byte after its last.  False: it is not closed on its
 * line, and *i is the end of that line. */
static bool skip_string(const char *text, size_t size, size_t *i) {
    for ((*i)++; *i < size && text[*i] != '\n'; (*i)++) {
        if (text[*i] == '\\' && *i + 1 < size && text[*i + 1] != '\n') {
            (*i)++;
        } else if (text[*i] == '"') {
            (*i)++;
            return true;
        }
    }
    return false;
}

static size_t blank_comment(char *text, size_t size, size_t i, bool *open) {
    const bool block = text[i + 1] == '*';
    const size_t begin = i;
    size_t end = size;
    for (i += 2; i < size; i++) {
        if (!block && text[i] == '\n') break;
        if (block && text[i] == '*' && i + 1 < size && text[i + 1] == '/') break;
    }
    if (i < size) end = block ? i + 2 : i;
    *open = block && i >= size;
    for (size_t j = begin; j < end; j++)
        if (text[j] != '\n') text[j] = ' ';
    return end;
}

int config_text_check(char *text, size_t size, const char **sentence, size_t *offset) {
    for (size_t i = 0; i < size;) {
        bool open = false;
        if (text[i] == '"') {
            if (!skip_string(text, size, &i)) {
                *sentence = "the string is not closed on its line";
                *offset = i;
                return ERR_INVALID;
            }
        } else if (text[i] == '/' && i + 1 < size && (text[i + 1] == '/' || text[i + 1] == '*')) {
            const size_t begin = i;
            i = blank_comment(text, size, i, &open);
            if (open) {
                *sentence = "the comment is not closed";
                *offset = begin;
                return ERR_INVALID;
            }
        } else {
            i++;
        }
    }
    /* The scanner reads one line: newlines, which are all outside of strings here, become
     * spaces. */
    uint8_t *line = malloc(size + 1 + JSON_PADDING);
    if (!line) return ERR_NO_MEMORY;
    memset(line + size, 0, 1 + JSON_PADDING);
    for (size_t i = 0; i < size; i++)
        line[i] = text[i] == '\n' ? ' ' : (uint8_t)text[i];
    line[size] = '\n';
    struct json_line found;
    json_check_line(line, line + size + 1, false, &found);
    const enum json_reason reason = found.reason;
    *offset = reason > JSON_BLANK ? (size_t)(found.bad - line) : size;
    free(line);
    if (reason == JSON_OK) return 0;
    *sentence = reason == JSON_BLANK ? "the file is empty; an object {...} was expected"
                                     : json_reason_sentence(reason);
    return ERR_INVALID;
}

void config_text_children(const char *text, size_t size, size_t at, config_text_visit *visit,
                          void *context) {
    uint32_t depth = 0;
    size_t name = 0;
    bool expects_name = false, expects_value = false;
    for (size_t i = at; i < size;) {
        const char c = text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            i++;
            continue;
        }
        if (depth == 1 && expects_value && c != ':' && c != ']') {
            visit(context, name ? name : i, i);
            expects_value = false;
        }
        if (c == '"') {
            if (depth == 1 && expects_name) {
                name = i;
                expects_name = false;
                expects_value = true;
            }
            skip_string(text, size, &i);
            continue;
        }
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
        if (depth == 0) return; /* its end */
        if (depth == 1 && (i == at || c == ',')) {
            expects_name = text[at] == '{';
            expects_value = text[at] == '[';
        }
        i++;
    }
}
