/* json_fuzz.c - arbitrary bytes validated line by line: nothing outside the text and its padding is
 * read, lines end at the newlines, all methods agree, and a valid line that is cut short is
 * JSON_TRUNCATED; an I-JSON error is reported at a byte of the line.  tests/CMakeLists.txt builds
 * and runs it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/ijson.h"
#include "schema/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct json_line *a, const struct json_line *b) {
    assert(a->reason == b->reason && a->next == b->next);
    assert(a->begin == b->begin && a->end == b->end);
    assert(a->reason <= JSON_BLANK || a->bad == b->bad);
}

static void cut_short(const struct json_line *whole, size_t cut) {
    const size_t size = (size_t)(whole->end - whole->begin);
    if (size < 2 || *whole->begin != '{') return;
    cut = 1 + cut % (size - 1);
    uint8_t *text = malloc(cut + 1 + JSON_PADDING);
    assert(text != NULL);
    memcpy(text, whole->begin, cut);
    memset(text + cut, '\n', 1 + JSON_PADDING);
    struct json_line line;
    json_check_line(text, text + cut + 1, false, &line);
    assert(line.reason == JSON_TRUNCATED && line.next == text + cut + 1);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const bool any = (data[0] & 1) != 0;
    const size_t cut = data[0];
    data++;
    uint8_t *text = malloc(size + JSON_PADDING); /* the first byte gone, a newline added */
    assert(text != NULL);
    memcpy(text, data, size - 1);
    text[size - 1] = '\n';
    memset(text + size, '"', JSON_PADDING);
    for (const uint8_t *p = text; p < text + size;) {
        struct json_line line, plain;
        json_check_line_by(JSON_PLAIN, p, text + size, any, NULL, &plain, NULL);
        json_check_line_by(JSON_VECTORS, p, text + size, any, NULL, &line, NULL);
        same(&line, &plain);
        json_check_line(p, text + size, any, &line);
        same(&line, &plain);
        const uint8_t *newline = memchr(p, '\n', (size_t)(text + size - p));
        assert(line.next == newline + 1 && line.reason < JSON_REASONS);
        assert(p <= line.begin && line.begin <= line.end && line.end <= newline);
        if (line.reason > JSON_BLANK) assert(line.begin <= line.bad && line.bad <= line.end);
        if (line.reason == JSON_OK) {
            assert(utf8_valid(line.begin, (size_t)(line.end - line.begin)));
            cut_short(&line, cut);
            ijson_check_line(&line);
            assert(line.reason == JSON_OK || (line.begin <= line.bad && line.bad < line.end));
        }
        p = line.next;
    }
    free(text);
    return 0;
}
