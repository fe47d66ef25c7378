/* schema_fuzz.c - arbitrary bytes as a schema and as lines: compiling ends with a program or with a
 * problem that has a place, validation with a result and a verdict that has a place, and nothing
 * outside the texts and their padding is read.  The result does not depend on whether a verdict is
 * requested.  tests/CMakeLists.txt builds and runs it.
 *
 * The input is a schema, a byte 0xFF, and lines.  schema.dict holds the keywords. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/json.h"
#include "schema/rules/schema.h"

#define LINE_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t warnings;

static void warned(void *context, const struct schema_problem *warning) {
    assert(warning->sentence[0] != '\0' && warning->file[0] != '\0');
    ++*(size_t *)context;
}

/* An exact copy of the line, so that sanitizers detect reads after its padding. */
static void check(struct schema_checker *checker, const uint8_t *begin, size_t size) {
    char *line = malloc(size + 1 + JSON_PADDING);
    assert(line != NULL);
    memcpy(line, begin, size);
    memset(line + size, '\n', 1);
    memset(line + size + 1, '"', JSON_PADDING);
    struct schema_verdict verdict;
    char text[SCHEMA_VERDICT_BYTES_MAX];
    const bool good = schema_check(checker, line, size, &verdict);
    assert(schema_check(checker, line, size, NULL) == good);
    if (!good) {
        assert(verdict.sentence[0] != '\0' && verdict.schema[0] != '\0');
        assert(utf8_valid((const uint8_t *)verdict.sentence, strlen(verdict.sentence)));
        (void)schema_verdict_text(&verdict, text, sizeof text);
    }
    free(line);
}

static void check_lines(struct schema *schema, const uint8_t *data, size_t size) {
    struct schema_checker *checker;
    uint8_t *text = malloc(size + 1 + JSON_PADDING);
    assert(text != NULL && schema_checker_make(schema, LINE_BYTES_MAX, &checker) == 0);
    if (size > 0) memcpy(text, data, size);
    text[size] = '\n';
    memset(text + size + 1, 0, JSON_PADDING);
    struct json_line line;
    for (const uint8_t *p = text; p < text + size + 1; p = line.next) {
        json_check_line(p, text + size + 1, true, &line);
        if (line.reason == JSON_OK) check(checker, line.begin, (size_t)(line.end - line.begin));
    }
    schema_checker_free(checker);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *border = size > 0 ? memchr(data, 0xFF, size) : NULL;
    const size_t schema_size = border ? (size_t)(border - data) : size;
    char *text = malloc(schema_size + 1); /* no byte more: it is copied */
    assert(text != NULL);
    if (schema_size > 0) memcpy(text, data, schema_size);
    const struct schema_source source = {"fuzz.json", text, schema_size};
    const struct schema_options options = {
        .formats_asserted = size % 2, .warned = warned, .context = &warnings};
    struct schema *schema;
    struct schema_problem problem;
    const int error = schema_compile(&source, 1, &options, &schema, &problem);
    assert(error == 0 || error == ERR_INVALID);
    if (error) {
        assert(schema == NULL && problem.sentence[0] != '\0');
    } else {
        if (border) check_lines(schema, border + 1, size - schema_size - 1);
        /* A schema is JSON, too. */
        check_lines(schema, data, schema_size);
        schema_free(schema);
    }
    free(text);
    return 0;
}
