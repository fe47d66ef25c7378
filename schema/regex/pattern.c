/* pattern.c - see pattern.h.  PCRE2 compiles to machine code where it can; time and memory of a
 * match are limited.  Where ECMA-262 differs from PCRE2, the pattern is translated (ecma.h) or an
 * option is set here.  Simple patterns are matched without PCRE2 (quick.h). */
#include "schema/regex/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "port/error.h"
#include "schema/regex/ecma.h"
#include "schema/regex/quick.h"

/* Limit of pattern_find. */
#define FIND_STEPS_MAX  10000000
#define STACK_BYTES_MIN (32u << 10)
#define STACK_BYTES_MAX (8u << 20)
#define HEAP_KIB_MAX    (8u << 10) /* used without JIT */

/* PCRE2's own limit starts again at each position where a match is tried, and does not count the
 * characters that one item consumes: (?=.*a)(?=.*b) would take minutes on a megabyte.  Hence there
 * are two programs: a fast one with small limits for short texts, and one that calls us at each
 * item, where we add up the distance that the match has moved. */
#define SHORT_BYTES_MAX      512
#define ANCHORED_STEPS_MAX   1000
#define FLOATING_STEPS_MAX   100
#define COUNTED_STEPS_MAX    1000000
#define COUNTED_STEPS_A_BYTE 8
#define COUNTED_BYTES_A_STEP 8 /* consuming these takes as long as one call */

struct pattern {
    pcre2_code *code;
    pcre2_code *counted; /* NULL: of pattern_compile_plain, which has one program */
    bool is_compiled, counted_is_compiled; /* to machine code */
    bool anchored;
    bool is_quick; /* simple: quick.h matches it */
    struct quick quick;
};

struct pattern_scratch {
    pcre2_match_data *match; /* one pair: the whole match */
    pcre2_jit_stack *stack;
    /* With the limits of pattern_find, of short texts, and of counted matches. */
    pcre2_match_context *find, *anchored, *floating, *counted;
    size_t last; /* the counted match's last position, and the steps it may still take */
    size_t steps_left;
    size_t line_steps_left; /* of all counted matches of the line */
};

/* False: no JIT here; the program is interpreted. */
static bool compile_to_machine_code(pcre2_code *code) {
    return pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
}

static int refuse(int code, size_t offset, struct pattern_problem *problem) {
    if (code == PCRE2_ERROR_HEAP_FAILED) return ERR_NO_MEMORY; /* returned by the compiler, too */
    problem->offset = offset;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)problem->sentence, sizeof problem->sentence);
    return ERR_INVALID;
}

/* ---- ECMA-262 ---- */

/* Compiles both programs. */
static int compile_translation(struct pattern *pattern, const struct ecma_output *text,
                               struct pattern_problem *problem) {
    pcre2_compile_context *const context = pcre2_compile_context_create(NULL);
    if (context == NULL) return ERR_NO_MEMORY;
    PCRE2_SPTR const bytes = (PCRE2_SPTR)(text->size > 0 ? text->bytes : "");
    int code;
    size_t offset; /* in the translation, which the user does not know: not reported */
    uint32_t all_options;
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL |
                       PCRE2_MATCH_UNSET_BACKREF;
    if (!text->back_references) options |= PCRE2_NO_AUTO_CAPTURE; /* faster, with the same result */
    /* PCRE2 10.42 assumes that \P{Lu} and \P{No} exclude each other (pattern_test:
     * repetitions_of_negated_properties_backtrack). */
    if (text->properties) options |= PCRE2_NO_AUTO_POSSESS;
    /* \x{d800} matches what text_decode makes of a lone surrogate. */
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
    pattern->code = pcre2_compile(bytes, text->size, options, &code, &offset, context);
    if (pattern->code != NULL)
        pattern->counted =
            pcre2_compile(bytes, text->size, options | PCRE2_AUTO_CALLOUT, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (pattern->counted == NULL) return refuse(code, 0, problem);
    pattern->is_compiled = compile_to_machine_code(pattern->code);
    pattern->counted_is_compiled = compile_to_machine_code(pattern->counted);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &all_options);
    pattern->anchored = (all_options & PCRE2_ANCHORED) != 0;
    return 0;
}

int pattern_compile(const char *ecma, size_t size, struct pattern **out,
                    struct pattern_problem *problem) {
    struct ecma_output text = {0};
    int status = ERR_NO_MEMORY;
    struct pattern *const pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) goto done;
    if (!ecma_translate(ecma, size, &text, problem)) {
        status = text.no_memory ? ERR_NO_MEMORY : ERR_INVALID;
        goto done;
    }
    status = compile_translation(pattern, &text, problem);
    pattern->is_quick = quick_compile(ecma, size, &pattern->quick);
done:
    free(text.bytes);
    if (status < 0) {
        pattern_free(pattern);
    } else {
        *out = pattern;
    }
    return status;
}

bool pattern_is_ecma(const char *text, size_t size) {
    struct pattern_problem problem;
    return ecma_translate(text, size, NULL, &problem);
}

/* Called at each item of a counted match. */
static int count_step(pcre2_callout_block *block, void *data) {
    struct pattern_scratch *const scratch = data;
    const size_t at = block->current_position, last = scratch->last;
    const size_t steps = 1 + (at > last ? at - last : last - at) / COUNTED_BYTES_A_STEP;
    scratch->last = at;
    if (steps > scratch->steps_left) return PCRE2_ERROR_CALLOUT;
    scratch->steps_left -= steps;
    return 0;
}

static int match(const pcre2_code *code, bool is_compiled, const char *text, size_t size,
                 struct pattern_scratch *scratch, pcre2_match_context *context) {
    PCRE2_SPTR const subject = (PCRE2_SPTR)text;
    return is_compiled
               ? pcre2_jit_match(code, subject, size, 0, 0, scratch->match, context)
               : pcre2_match(code, subject, size, 0, PCRE2_NO_UTF_CHECK, scratch->match, context);
}

void pattern_line_begins(struct pattern_scratch *scratch, size_t size) {
    scratch->line_steps_left = COUNTED_STEPS_MAX + COUNTED_STEPS_A_BYTE * size;
}

int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                  size_t size) {
    if (pattern->is_quick) {
        const int quick = quick_match(&pattern->quick, text, size);
        if (quick >= 0) return quick;
    }
    int found = PCRE2_ERROR_MATCHLIMIT;
    if (size <= SHORT_BYTES_MAX)
        found = match(pattern->code, pattern->is_compiled, text, size, scratch,
                      pattern->anchored ? scratch->anchored : scratch->floating);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
        scratch->last = 0;
        size_t steps = COUNTED_STEPS_MAX + COUNTED_STEPS_A_BYTE * size;
        if (steps > scratch->line_steps_left) steps = scratch->line_steps_left;
        scratch->steps_left = steps;
        found = match(pattern->counted, pattern->counted_is_compiled, text, size, scratch,
                      scratch->counted);
        scratch->line_steps_left -= steps - scratch->steps_left;
    }
    if (found >= 0) return 1;
    return found == PCRE2_ERROR_NOMATCH ? 0 : ERR_TOO_LARGE;
}

/* ---- PCRE2's own syntax ---- */

int pattern_compile_plain(const char *pcre, bool ignore_case, struct pattern **out,
                          struct pattern_problem *problem) {
    const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_MULTILINE |
                             PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_BACKSLASH_C |
                             (ignore_case ? PCRE2_CASELESS : 0);
    int code;
    size_t offset;
    struct pattern *const pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) return ERR_NO_MEMORY;
    pattern->code =
        pcre2_compile((PCRE2_SPTR)pcre, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (pattern->code == NULL) {
        pattern_free(pattern);
        return refuse(code, offset, problem);
    }
    pattern->is_compiled = compile_to_machine_code(pattern->code);
    *out = pattern;
    return 0;
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
    pcre2_code_free(pattern->counted);
    free(pattern);
}

static pcre2_match_context *make_context(const struct pattern_scratch *scratch, uint32_t steps) {
    pcre2_match_context *const context = pcre2_match_context_create(NULL);
    if (context == NULL) return NULL;
    pcre2_jit_stack_assign(context, NULL, scratch->stack);
    pcre2_set_match_limit(context, steps);
    return context;
}

int pattern_scratch_make(struct pattern_scratch **out) {
    struct pattern_scratch *const scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) return ERR_NO_MEMORY;
    scratch->line_steps_left = SIZE_MAX;
    scratch->match = pcre2_match_data_create(1, NULL);
    scratch->stack = pcre2_jit_stack_create(STACK_BYTES_MIN, STACK_BYTES_MAX, NULL);
    scratch->find = make_context(scratch, FIND_STEPS_MAX);
    scratch->anchored = make_context(scratch, ANCHORED_STEPS_MAX);
    scratch->floating = make_context(scratch, FLOATING_STEPS_MAX);
    scratch->counted = make_context(scratch, UINT32_MAX);
    if (scratch->match == NULL || scratch->stack == NULL || scratch->find == NULL ||
        scratch->anchored == NULL || scratch->floating == NULL || scratch->counted == NULL) {
        pattern_scratch_free(scratch);
        return ERR_NO_MEMORY;
    }
    pcre2_set_callout(scratch->counted, count_step, scratch);
    pcre2_set_heap_limit(scratch->counted, HEAP_KIB_MAX);
    *out = scratch;
    return 0;
}

void pattern_scratch_free(struct pattern_scratch *scratch) {
    if (scratch == NULL) return;
    pcre2_match_data_free(scratch->match); /* all of these accept NULL */
    pcre2_match_context_free(scratch->find);
    pcre2_match_context_free(scratch->anchored);
    pcre2_match_context_free(scratch->floating);
    pcre2_match_context_free(scratch->counted);
    pcre2_jit_stack_free(scratch->stack);
    free(scratch);
}

const char *pattern_library(char text[PATTERN_LIBRARY_MAX]) {
    char version[PATTERN_LIBRARY_MAX] = ""; /* "10.42 2022-12-11" */
    uint32_t jit = 0;
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof version)
        (void)pcre2_config(PCRE2_CONFIG_VERSION, version);
    version[strcspn(version, " ")] = '\0';
    (void)pcre2_config(PCRE2_CONFIG_JIT, &jit);
    snprintf(text, PATTERN_LIBRARY_MAX, "PCRE2 %.32s %s JIT", version, jit ? "with" : "without");
    return text;
}
