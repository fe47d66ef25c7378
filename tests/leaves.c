/* leaves.c - calls small parts of schema/ with the questions on stdin, one per line, and prints one
 * answer per line, so that tests/e2e/test_leaves.py can compare them with other implementations.
 * Fields are separated by tabs; texts are hexadecimal.
 *
 *   order N N      -1, 0, 1          multiple N D    0, 1          integer N      0, 1
 *   equal T T      0, 1              hash T          a number
 *   pattern T      ok or a sentence  match T         0, 1, -1 (of the last pattern)
 *   ecma T         0, 1              format NAME T   0, 1 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/format/format.h"
#include "schema/json/equal.h"
#include "schema/json/number.h"
#include "schema/regex/pattern.h"

#define LINE_MAX_BYTES (1 << 20)
#define FIELDS_MAX     3

struct request {
    char *text[FIELDS_MAX];
    size_t size[FIELDS_MAX];
    struct pattern *pattern;
    struct pattern_scratch *scratch;
};

static void split(struct request *request, char *line);
static void decode(struct request *request, int field);
static void answer(struct request *request);

int program_main(int count, char **arguments) {
    (void)count, (void)arguments;
    static char line[LINE_MAX_BYTES];
    struct request request = {0};
    if (pattern_scratch_make(&request.scratch) < 0) return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        split(&request, line);
        answer(&request);
    }
    pattern_free(request.pattern);
    pattern_scratch_free(request.scratch);
    return 0;
}

static void split(struct request *request, char *line) {
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < FIELDS_MAX; i++) {
        request->text[i] = line;
        request->size[i] = strcspn(line, "\t");
        line += request->size[i];
        if (*line != '\0') *line++ = '\0';
    }
}

/* Decodes the field in place. */
static void decode(struct request *request, int field) {
    char *const text = request->text[field];
    const size_t size = request->size[field] / 2;
    for (size_t i = 0; i < size; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        text[i] = (char)strtoul(digits, NULL, 16);
    }
    request->size[field] = size;
}

static void compile(struct request *request) {
    struct pattern_problem problem;
    pattern_free(request->pattern);
    request->pattern = NULL;
    const int status =
        pattern_compile(request->text[1], request->size[1], &request->pattern, &problem);
    if (status == ERR_INVALID) {
        printf("at %llu: %s\n", (unsigned long long)problem.offset, problem.sentence);
    } else {
        puts(status == 0 ? "ok" : error_text(status));
    }
}

static int check(const struct request *request) {
    const char *const question = request->text[0], *const a = request->text[1],
                      *const b = request->text[2];
    const size_t a_size = request->size[1], b_size = request->size[2];
    if (strcmp(question, "order") == 0) {
        const int order = number_compare(a, a_size, b, b_size);
        return (order > 0) - (order < 0);
    }
    if (strcmp(question, "multiple") == 0) return number_is_multiple(a, a_size, b, b_size);
    if (strcmp(question, "integer") == 0) return number_is_integer(a, a_size);
    if (strcmp(question, "equal") == 0) return json_equal(a, a_size, b, b_size);
    if (strcmp(question, "ecma") == 0) return pattern_is_ecma(a, a_size);
    if (strcmp(question, "format") == 0) return format_holds(format_named(a, a_size), b, b_size);
    if (request->pattern == NULL) return -1;
    const int found = pattern_match(request->pattern, request->scratch, a, a_size);
    return found < 0 ? -1 : found;
}

static void answer(struct request *request) {
    const char *const question = request->text[0];
    const bool numbers = strcmp(question, "order") == 0 || strcmp(question, "multiple") == 0 ||
                         strcmp(question, "integer") == 0;
    if (!numbers && strcmp(question, "format") != 0) decode(request, 1);
    if (!numbers) decode(request, 2);
    if (strcmp(question, "pattern") == 0) {
        compile(request);
    } else if (strcmp(question, "hash") == 0) {
        printf("%llu\n", (unsigned long long)json_hash(request->text[1], request->size[1]));
    } else {
        printf("%d\n", check(request));
    }
}
