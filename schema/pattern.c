/* pattern.c - see pattern.h.  PCRE2 compiles to machine code where it can; both its time and
 * its memory for a match are limited.  What ECMA-262 means differently is translated
 * (ecma.h) or set by options here. */
#include "schema/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "port/error.h"
#include "schema/ecma.h"
#include "schema/quick.h"

/* A match that takes more steps than this is given up. */
#define FIND_STEPS_MAX  10000000
#define MATCH_STEPS_MAX 1000000
#define STACK_BYTES_MIN (32u << 10)
#define STACK_BYTES_MAX (1u << 20)

struct pattern {
    pcre2_code *code;
    bool compiled_to_machine_code;
    bool is_quick; /* ECMA-262's, and of the simple kind */
    struct quick quick;
};

struct pattern_scratch {
    pcre2_match_data *match; /* one pair: where the whole match is */
    pcre2_jit_stack *stack;
    pcre2_match_context *find, *check; /* limits of pattern_find and pattern_match */
};

static int make(pcre2_code *code, struct pattern **out) {
    struct pattern *const pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) {
        pcre2_code_free(code);
        return ERR_NO_MEMORY;
    }
    pattern->code = code;
    /* Where there is no JIT, it is interpreted. */
    pattern->compiled_to_machine_code = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    *out = pattern;
    return 0;
}

static int refuse(int code, size_t offset, struct pattern_problem *problem) {
    if (code == PCRE2_ERROR_HEAP_FAILED) return ERR_NO_MEMORY; /* of the compiler too */
    problem->offset = offset;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)problem->sentence, sizeof problem->sentence);
    return ERR_INVALID;
}

/* ---- ECMA-262 ---- */

int pattern_compile(const char *ecma, size_t size, struct pattern **out,
                    struct pattern_problem *problem) {
    struct ecma_output text = {0};
    int status = ERR_NO_MEMORY, code;
    size_t offset;
    pcre2_code *compiled;
    pcre2_compile_context *const context = pcre2_compile_context_create(NULL);
    if (context == NULL) goto done;
    if (!ecma_translate(ecma, size, &text, problem)) {
        status = text.no_memory ? ERR_NO_MEMORY : ERR_INVALID;
        goto done;
    }
    /* \x{d800} matches what text_decode makes of half a pair. */
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL |
                       PCRE2_MATCH_UNSET_BACKREF;
    if (!text.back_references) options |= PCRE2_NO_AUTO_CAPTURE; /* faster, and no one can tell */
    /* PCRE2 10.42 thinks that \P{Lu} and \P{No} exclude each other (pattern_test:
     * what_is_taken_is_given_back). */
    if (text.properties) options |= PCRE2_NO_AUTO_POSSESS;
    compiled = pcre2_compile((PCRE2_SPTR)(text.size > 0 ? text.bytes : ""), text.size, options,
                             &code, &offset, context);
    /* The offset is one in the translation, which nobody has seen. */
    status = compiled == NULL ? refuse(code, 0, problem) : make(compiled, out);
    if (status == 0) (*out)->is_quick = quick_compile(ecma, size, &(*out)->quick);
done:
    pcre2_compile_context_free(context);
    free(text.bytes);
    return status;
}

bool pattern_is_ecma(const char *text, size_t size) {
    struct pattern_problem problem;
    return ecma_translate(text, size, NULL, &problem);
}

int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                  size_t size) {
    if (pattern->is_quick) {
        const int quick = quick_match(&pattern->quick, text, size);
        if (quick >= 0) return quick;
    }
    PCRE2_SPTR const subject = (PCRE2_SPTR)text;
    const int found =
        pattern->compiled_to_machine_code
            ? pcre2_jit_match(pattern->code, subject, size, 0, 0, scratch->match, scratch->check)
            : pcre2_match(pattern->code, subject, size, 0, PCRE2_NO_UTF_CHECK, scratch->match,
                          scratch->check);
    if (found >= 0) return 1;
    return found == PCRE2_ERROR_NOMATCH ? 0 : ERR_TOO_LARGE;
}

/* ---- PCRE2's own ---- */

int pattern_compile_plain(const char *pcre, bool ignore_case, struct pattern **out,
                          struct pattern_problem *problem) {
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_MULTILINE |
                             PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0);
    int code;
    size_t offset;
    pcre2_code *const compiled =
        pcre2_compile((PCRE2_SPTR)pcre, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    return compiled == NULL ? refuse(code, offset, problem) : make(compiled, out);
}

int pattern_find(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                 size_t size, size_t from, size_t *begin, size_t *end) {
    const int found =
        pcre2_match(pattern->code, (PCRE2_SPTR)text, size, from, 0, scratch->match, scratch->find);
    if (found == PCRE2_ERROR_NOMATCH) return 0;
    if (found < 0) return ERR_OTHER;
    const size_t *const place = pcre2_get_ovector_pointer(scratch->match);
    *begin = place[0];
    *end = place[1];
    return 1;
}

/* ---- both ---- */

void pattern_free(struct pattern *pattern) {
    if (pattern == NULL) return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

int pattern_scratch_make(struct pattern_scratch **out) {
    struct pattern_scratch *const scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) return ERR_NO_MEMORY;
    scratch->match = pcre2_match_data_create(1, NULL);
    scratch->stack = pcre2_jit_stack_create(STACK_BYTES_MIN, STACK_BYTES_MAX, NULL);
    scratch->find = pcre2_match_context_create(NULL);
    scratch->check = pcre2_match_context_create(NULL);
    if (scratch->match == NULL || scratch->stack == NULL || scratch->find == NULL ||
        scratch->check == NULL) {
        pattern_scratch_free(scratch); /* PCRE2's functions take NULL */
        return ERR_NO_MEMORY;
    }
    pcre2_jit_stack_assign(scratch->find, NULL, scratch->stack);
    pcre2_jit_stack_assign(scratch->check, NULL, scratch->stack);
    pcre2_set_match_limit(scratch->find, FIND_STEPS_MAX);
    pcre2_set_match_limit(scratch->check, MATCH_STEPS_MAX);
    *out = scratch;
    return 0;
}

void pattern_scratch_free(struct pattern_scratch *scratch) {
    if (scratch == NULL) return;
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->find);
    pcre2_match_context_free(scratch->check);
    pcre2_jit_stack_free(scratch->stack);
    free(scratch);
}
