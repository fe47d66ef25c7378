/* leaves.c - asks schema/'s small parts what is put to them on stdin, a question a line, and answers a
 * line each, so that tests/e2e/test_leaves.py can hold them against others' answers.  Fields are
 * parted by tabs; texts are hexadecimal.
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

struct asked {
    char *text[FIELDS_MAX];
    size_t size[FIELDS_MAX];
    struct pattern *pattern;
    struct pattern_scratch *scratch;
};

static void split(struct asked *asked, char *line);
static void decode(struct asked *asked, int field);
static void answer(struct asked *asked);

int program_main(int count, char **arguments) {
    (void)count, (void)arguments;
    static char line[LINE_MAX_BYTES];
    struct asked asked = {0};
    if (pattern_scratch_make(&asked.scratch) < 0) return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        split(&asked, line);
        answer(&asked);
    }
    pattern_free(asked.pattern);
    pattern_scratch_free(asked.scratch);
    return 0;
}

static void split(struct asked *asked, char *line) {
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < FIELDS_MAX; i++) {
        asked->text[i] = line;
        asked->size[i] = strcspn(line, "\t");
        line += asked->size[i];
        if (*line != '\0') *line++ = '\0';
    }
}

/* In place. */
static void decode(struct asked *asked, int field) {
    char *const text = asked->text[field];
    const size_t size = asked->size[field] / 2;
    for (size_t i = 0; i < size; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        text[i] = (char)strtoul(digits, NULL, 16);
    }
    asked->size[field] = size;
}

static void compile(struct asked *asked) {
    struct pattern_problem problem;
    pattern_free(asked->pattern);
    asked->pattern = NULL;
    const int status = pattern_compile(asked->text[1], asked->size[1], &asked->pattern, &problem);
    if (status == ERR_INVALID) {
        printf("at %llu: %s\n", (unsigned long long)problem.offset, problem.sentence);
    } else {
        puts(status == 0 ? "ok" : error_text(status));
    }
}

static int judge(const struct asked *asked) {
    const char *const question = asked->text[0], *const a = asked->text[1],
                      *const b = asked->text[2];
    const size_t a_size = asked->size[1], b_size = asked->size[2];
    if (strcmp(question, "order") == 0) {
        const int order = number_compare(a, a_size, b, b_size);
        return (order > 0) - (order < 0);
    }
    if (strcmp(question, "multiple") == 0) return number_is_multiple(a, a_size, b, b_size);
    if (strcmp(question, "integer") == 0) return number_is_integer(a, a_size);
    if (strcmp(question, "equal") == 0) return json_equal(a, a_size, b, b_size);
    if (strcmp(question, "ecma") == 0) return pattern_is_ecma(a, a_size);
    if (strcmp(question, "format") == 0) return format_holds(format_named(a, a_size), b, b_size);
    if (asked->pattern == NULL) return -1;
    const int found = pattern_match(asked->pattern, asked->scratch, a, a_size);
    return found < 0 ? -1 : found;
}

static void answer(struct asked *asked) {
    const char *const question = asked->text[0];
    const bool numbers = strcmp(question, "order") == 0 || strcmp(question, "multiple") == 0 ||
                         strcmp(question, "integer") == 0;
    if (!numbers && strcmp(question, "format") != 0) decode(asked, 1);
    if (!numbers) decode(asked, 2);
    if (strcmp(question, "pattern") == 0) {
        compile(asked);
    } else if (strcmp(question, "hash") == 0) {
        printf("%llu\n", (unsigned long long)json_hash(asked->text[1], asked->size[1]));
    } else {
        printf("%d\n", judge(asked));
    }
}
