/* pattern_fuzz.c - a pattern and a text, separated by a zero byte: nothing out of bounds is read or
 * written, every pattern that compiles is valid in ECMA-262, and quick.h matches as PCRE2 does.
 * tests/CMakeLists.txt builds and runs it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/json.h"
#include "schema/regex/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of its size, so that sanitizers detect reads beyond it. */
static char *exact(const void *bytes, size_t size) {
    char *const copy = malloc(size > 0 ? size : 1);
    assert(copy != NULL);
    memcpy(copy, bytes, size);
    return copy;
}

static struct pattern *compile(const char *text, size_t size) {
    struct pattern *pattern = NULL;
    struct pattern_problem problem = {.offset = size + 1};
    const int status = pattern_compile(text, size, &pattern, &problem);
    assert(status == 0 || status == ERR_INVALID);
    assert(status == 0 || (problem.offset <= size && memchr(problem.sentence, 0, 128) != NULL &&
                           problem.sentence[0] != '\0'));
    if (status == 0) assert(pattern_is_ecma(text, size));
    return pattern;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *const zero = memchr(data, 0, size);
    const size_t pattern_size = zero != NULL ? (size_t)(zero - data) : size;
    const size_t text_size = zero != NULL ? size - pattern_size - 1 : 0;
    if (text_size > 0 && !utf8_valid(zero + 1, text_size)) return 0;
    static struct pattern_scratch *scratch; /* a fuzzer's process ends without an end */
    if (scratch == NULL && pattern_scratch_make(&scratch) != 0) return 0;

    char *const wrapped = malloc(pattern_size + 4);
    assert(wrapped != NULL);
    memcpy(wrapped, "(?:", 3);
    memcpy(wrapped + 3, data, pattern_size);
    wrapped[pattern_size + 3] = ')';
    char *const text = exact(zero != NULL ? zero + 1 : data, text_size);
    char *const alone = exact(data, pattern_size);

    struct pattern *const one = compile(alone, pattern_size);
    /* Not simple for quick.h, so PCRE2 matches it. */
    struct pattern *const other = one != NULL ? compile(wrapped, pattern_size + 4) : NULL;
    if (one != NULL) {
        const int found = pattern_match(one, scratch, text, text_size);
        assert(found == 0 || found == 1 || found == ERR_TOO_LARGE);
        if (other != NULL && found >= 0) {
            const int again = pattern_match(other, scratch, text, text_size);
            assert(again == found || again == ERR_TOO_LARGE);
        }
    }
    pattern_free(one);
    pattern_free(other);
    free(alone);
    free(text);
    free(wrapped);
    return 0;
}
