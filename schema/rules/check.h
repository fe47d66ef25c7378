/* check.h - what the files of the checker share.
 *
 * Validation reads the line's bytes once for each schema that applies to a value; there is no tree,
 * only the offsets of the quotes.
 *
 * A node has a check for each kind of value, chosen at compile time, so that little is left to
 * decide for each line.  A check (check_function) takes the start of the value and the first quote
 * from there on.  It returns the end of the value, or NULL: the value is invalid, and the failure
 * is stored unless checker->quiet.  Checks of containers set checker->quote to the first quote
 * after the value; checks of scalars do not change it, as their caller knows the next quote.  All
 * other functions expect checker->quote at their position and leave it at their end, unless they
 * fail. */
#ifndef SCHEMA_RULES_CHECK_H
#define SCHEMA_RULES_CHECK_H

#include "schema/json/scan.h"
#include "schema/rules/program.h"

/* The number of the bit of a value's kind, by its first byte; arbitrary for bytes that begin no
 * value. */
extern const uint8_t check_kinds[256];
enum { KIND_NUMBER_BIT = 2, KIND_STRING_BIT = 3, KIND_ARRAY_BIT = 4 };

/* Limit of a line: CHECK_STEPS, plus CHECK_STEPS_BYTE for each byte.  A step is a schema applied or
 * a member visited, about 10 ns. */
#define CHECK_STEPS       (1 << 20)
#define CHECK_STEPS_BYTE  16
/* Limit on nested alternatives for which the nearest one is searched. */
#define EXPLAIN_DEPTH_MAX 3

/* Why validation of a line is given up, whatever schemas are around. */
enum give_up {
    GIVE_UP_NOT,
    GIVE_UP_STEPS,
    GIVE_UP_DEPTH,
    GIVE_UP_MEMORY,
    GIVE_UP_PATTERN,
    GIVE_UP_LENGTH,
};

struct failure {
    const char *at; /* the value, or the name's quote */
    const struct node *node;
    enum keyword keyword; /* KEYWORD_UNKNOWN: the schema false */
    uint64_t a, b;        /* by keyword: see verdict.c */
    const void *detail;
};

/* Which members or items of one container have been evaluated (unevaluatedProperties, -Items). */
struct marks {
    uint64_t *bits;
    size_t words;
    bool all;
};

struct schema_checker {
    const struct schema *schema;
    int64_t steps;
    uint32_t depth;
    uint32_t quiet;
    uint32_t explaining;
    enum give_up given_up;
    struct failure failure;
    struct failure nearest; /* of alternatives that all fail: the failure farthest into the line */
    const char *line;
    const uint32_t *quote; /* into quotes */
    /* Scratch. */
    uint32_t *quotes;
    size_t line_bytes_max;
    uint32_t *guesses;
    uint64_t *words;
    size_t word_room, words_used;
    char *decoded;
    uint64_t *items; /* hash table for uniqueItems: offset + 1 and the upper half of the hash */
    size_t item_slots;
    uint32_t *scopes; /* the dynamic scope: resources entered, outermost first */
    uint32_t scope_count;
    struct pattern_scratch *pattern_scratch;
};

/* Skip a value and move checker->quote; return the value's end. */
const char *check_skip_container(struct schema_checker *checker, const char *p);
static inline const char *check_skip_string(struct schema_checker *checker) {
    const char *end = checker->line + checker->quote[1];
    checker->quote += 2;
    return end + 1;
}
static inline const char *check_skip(struct schema_checker *checker, const char *p) {
    if (*p == '"') return check_skip_string(checker);
    if (*p == '{' || *p == '[') return check_skip_container(checker, p);
    return scan_scalar(p);
}
/* The position of a walk, kept in registers: passing it through memory from one value to the next
 * would make the next one wait. */
struct at {
    const char *p;
    const uint32_t *quote;
};

/* Checks the value at *at and moves *at past it; marks may be NULL. */
static inline __attribute__((always_inline)) bool check_at(struct schema_checker *checker,
                                                           const struct node *node, struct at *at,
                                                           struct marks *marks) {
    const char *p = at->p;
    const uint32_t *quote = at->quote;
    const uint8_t kind = check_kinds[(uint8_t)*p];
    if (kind == KIND_STRING_BIT) *at = (struct at){checker->line + quote[1] + 1, quote + 2};
    const char *end = node->checks[kind](checker, node, p, quote, marks);
    if (kind != KIND_STRING_BIT) at->p = end;
    if (kind >= KIND_ARRAY_BIT) at->quote = checker->quote;
    return LIKELY(end != NULL);
}

/* The same with checker->quote; returns the value's end, or NULL. */
static inline const char *check_value(struct schema_checker *checker, const struct node *node,
                                      const char *p, struct marks *marks) {
    struct at at = {p, checker->quote};
    const bool good = check_at(checker, node, &at, marks);
    checker->quote = at.quote;
    return good ? at.p : NULL;
}

/* Chooses the checks of a node, which must be complete otherwise. */
void check_plan(struct node *node, bool dynamic);
check_function check_object, check_array, check_string, check_number;
/* Fast checks of common cases. */
check_function check_string_length, check_string_choice, check_number_bounds;
/* enum and const. */
bool check_values(struct schema_checker *checker, const struct node *node, const char *p,
                  const char *end);
/* The schemas that apply to the same value ($ref, allOf, ...).  Sets *end, and checker->quote with
 * it, if one of them finds the end. */
bool check_applicators(struct schema_checker *checker, const struct node *node, const char *p,
                       const uint32_t *quote, struct marks *marks, const char **end);
/* Checks the members or items that are not marked.  Returns the container's end, or NULL. */
const char *check_unevaluated(struct schema_checker *checker, const struct node *node,
                              const char *p, const struct marks *marks);
bool check_pattern(struct schema_checker *checker, const struct pattern *pattern, const char *raw,
                   size_t size);
bool check_unique(struct schema_checker *checker, const struct node *node, const char *p,
                  uint32_t count);

/* Stores a failure unless checker->quiet; returns NULL. */
const char *check_failed(struct schema_checker *checker, const struct node *node, const char *at,
                         enum keyword keyword, uint64_t a, uint64_t b, const void *detail);
const char *check_give_up(struct schema_checker *checker, enum give_up why);
/* Returns `count` zeroed words; the caller restores words_used to release them.  NULL: given up. */
uint64_t *check_take_words(struct schema_checker *checker, size_t count);
/* Makes marks for a container of up to 64 * words members or items.  False: given up. */
bool check_take_marks(struct schema_checker *checker, size_t words, struct marks *marks);
void check_mark(struct marks *marks, uint32_t position);
void check_merge(struct marks *marks, const struct marks *more);

/* Fills in the verdict from the stored failure. */
void check_explain(const struct schema_checker *checker, struct schema_verdict *verdict);

#endif
