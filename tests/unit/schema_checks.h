/* schema_checks.h - what tests of schema/rules/schema.h share: compiling a schema and validating
 * lines. */
#ifndef TESTS_UNIT_SCHEMA_CHECKS_H
#define TESTS_UNIT_SCHEMA_CHECKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "schema/json/json.h"
#include "schema/rules/schema.h"

#define LINE_BYTES_MAX 4096

/* Replaces single quotes by double ones, which reads better in C.  A text with double quotes is not
 * changed, so that it may contain single ones. */
static inline char *json_of(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    assert_non_null(copy);
    strcpy(copy, text);
    if (strchr(text, '"')) return copy;
    for (char *p = copy; *p; p++) {
        if (*p == '\'') *p = '"';
    }
    return copy;
}

/* texts: ends with NULL; their file names are main.json, 1.json, 2.json... */
static inline int compile_all(const char *const *texts, const struct schema_options *options,
                              struct schema **schema, struct schema_problem *problem) {
    struct schema_source sources[SCHEMA_SOURCES_MAX] = {0};
    static const char *const names[] = {"main.json", "1.json", "2.json", "3.json", "4.json"};
    char *copies[SCHEMA_SOURCES_MAX];
    size_t count = 0;
    for (; texts[count]; count++) {
        copies[count] = json_of(texts[count]);
        sources[count] = (struct schema_source){names[count], copies[count], strlen(copies[count])};
    }
    const int error = schema_compile(sources, count, options, schema, problem);
    for (size_t i = 0; i < count; i++)
        free(copies[i]);
    return error;
}

static inline struct schema *compiled(const char *const *texts,
                                      const struct schema_options *options) {
    struct schema *schema;
    struct schema_problem problem;
    char text[1024];
    if (compile_all(texts, options, &schema, &problem))
        fail_msg("%s", schema_problem_text(&problem, text, sizeof text));
    return schema;
}

/* Validates an exact copy of the line, so that sanitizers detect reads beyond it. */
static inline bool validated(const struct schema *schema, const char *line,
                             struct schema_verdict *verdict) {
    char *text = json_of(line);
    const size_t size = strlen(text);
    uint8_t *padded = malloc(size + 1 + JSON_PADDING);
    assert_non_null(padded);
    memcpy(padded, text, size);
    memset(padded + size, '\n', 1 + JSON_PADDING);
    struct json_line parsed;
    json_check_line(padded, padded + size + 1, true, &parsed);
    if (parsed.reason != JSON_OK) fail_msg("the test's own line is not JSON: %s", text);
    struct schema_checker *checker;
    assert_int_equal(schema_checker_make(schema, LINE_BYTES_MAX, &checker), 0);
    const bool good = schema_check(checker, (const char *)padded, size, verdict);
    /* The result without a verdict must be the same. */
    assert_int_equal(schema_check(checker, (const char *)padded, size, NULL), good);
    schema_checker_free(checker);
    free(padded);
    free(text);
    return good;
}

static inline void validate_all(const char *const *texts, const struct schema_options *options,
                                const char *const *lines) {
    struct schema *schema = compiled(texts, options);
    bool wanted = true;
    for (; *lines; lines++) {
        struct schema_verdict verdict;
        char text[SCHEMA_VERDICT_BYTES_MAX];
        if (strcmp(*lines, "BUT NOT") == 0) {
            wanted = false;
            continue;
        }
        if (validated(schema, *lines, &verdict) == wanted) continue;
        fail_msg("%s %s %s (%s)", texts[0], wanted ? "must take" : "must not take", *lines,
                 wanted ? schema_verdict_text(&verdict, text, sizeof text) : "it does");
    }
    schema_free(schema);
}

/* takes("{'type':'null'}", "null", "BUT NOT", "0", "false"): valid lines, then invalid ones. */
#define takes(schema, ...)                                                                         \
    validate_all((const char *const[]){schema, NULL}, NULL,                                        \
                 (const char *const[]){__VA_ARGS__, NULL})
/* The same with other documents: with(ALL("{...}", "{...}"), "null"). */
#define ALL(...)               ((const char *const[]){__VA_ARGS__, NULL})
#define takes_with(texts, ...) validate_all(texts, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* The problem's text as users see it; fails the test if there is no problem. */
static inline const char *problem_of(const char *const *texts, char *out, size_t size) {
    struct schema *schema;
    struct schema_problem problem;
    if (compile_all(texts, NULL, &schema, &problem) != ERR_INVALID)
        fail_msg("%s must be refused, and is not", texts[0]);
    assert_null(schema);
    return schema_problem_text(&problem, out, size);
}

#define refuses(schema, text)                                                                      \
    do {                                                                                           \
        char buffer_[1024];                                                                        \
        assert_string_equal(problem_of(ALL(schema), buffer_, sizeof buffer_), text);               \
    } while (0)

/* The verdict's text and the keyword that it blames. */
static inline void blames_all(const char *const *texts, const char *line, const char *wanted,
                              const char *keyword) {
    struct schema *schema = compiled(texts, NULL);
    struct schema_verdict verdict;
    char text[SCHEMA_VERDICT_BYTES_MAX];
    if (validated(schema, line, &verdict)) fail_msg("%s must not take %s", texts[0], line);
    char *said = json_of(wanted);
    assert_string_equal(schema_verdict_text(&verdict, text, sizeof text), said);
    assert_string_equal(verdict.schema, keyword);
    free(said);
    schema_free(schema);
}
#define blames(schema, line, wanted, keyword) blames_all(ALL(schema), line, wanted, keyword)

#endif
