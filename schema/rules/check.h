/* check.h - what the files of the checker share.
 *
 * A check goes over the line's bytes once for each schema that applies to a value; there is
 * no tree, only a list of where the quotes are.
 *
 * For each kind of value a node has a judge, chosen when it is compiled, so that little is left to
 * decide when a line comes.  A judge takes where the value begins, and the first quote from there
 * on; it returns where the value ended, or NULL: it fails, and unless somebody asked for quiet, why
 * has been noted.  Judges of containers leave in checker->quote the first quote behind the value;
 * those of scalars leave it alone, for there it is known beforehand.  Everybody else takes
 * checker->quote to be at the place where they are, on entry and on return, unless they fail. */
#ifndef SCHEMA_RULES_CHECK_H
#define SCHEMA_RULES_CHECK_H

#include "schema/json/scan.h"
#include "schema/rules/program.h"

/* What a value is, by its first byte: the number of its kind's bit, and of what begins no
 * value, some number. */
extern const uint8_t check_kinds[256];
enum { KIND_NUMBER_BIT = 2, KIND_STRING_BIT = 3, KIND_ARRAY_BIT = 4 };

/* What a line may cost: so many steps, and some more for each of its bytes.  A step is a schema
 * applied or a member looked at, some 10 ns. */
#define CHECK_STEPS       (1 << 20)
#define CHECK_STEPS_BYTE  16
/* Alternatives within alternatives are explained so deep. */
#define EXPLAIN_DEPTH_MAX 3

/* Why a check is given up, whatever stands around. */
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
    uint64_t a, b;        /* depends on the keyword: see verdict.c */
    const void *detail;
};

/* Which members or items of one container have been evaluated. */
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
    struct failure nearest; /* of alternatives that all fail, the failure that went farthest */
    const char *line;
    const uint32_t *quote; /* into quotes */
    /* Scratch. */
    uint32_t *quotes;
    size_t line_bytes_max;
    uint32_t *guesses;
    uint64_t *words;
    size_t word_room, words_used;
    char *decoded;
    uint64_t *items; /* a hash table for uniqueItems: offset + 1, and the hash above it */
    size_t item_slots;
    uint32_t *scopes; /* the resources that one has come through */
    uint32_t scope_count;
    struct pattern_scratch *pattern_scratch;
};

/* Goes over a value, moving checker->quote. */
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
/* Where a walk is, held in registers: what goes through memory from one value to the next is
 * what the next one waits for. */
struct at {
    const char *p;
    const uint32_t *quote;
};

/* Judges the value at *at and moves behind it; marks may be NULL. */
static inline __attribute__((always_inline)) bool check_at(struct schema_checker *checker,
                                                           const struct node *node, struct at *at,
                                                           struct marks *marks) {
    const char *p = at->p;
    const uint32_t *quote = at->quote;
    const uint8_t kind = check_kinds[(uint8_t)*p];
    if (kind == KIND_STRING_BIT) *at = (struct at){checker->line + quote[1] + 1, quote + 2};
    const char *end = node->judges[kind](checker, node, p, quote, marks);
    if (kind != KIND_STRING_BIT) at->p = end;
    if (kind >= KIND_ARRAY_BIT) at->quote = checker->quote;
    return LIKELY(end != NULL);
}

/* The same from checker->quote; returns where the value ends, or NULL. */
static inline const char *check_value(struct schema_checker *checker, const struct node *node,
                                      const char *p, struct marks *marks) {
    struct at at = {p, checker->quote};
    const bool good = check_at(checker, node, &at, marks);
    checker->quote = at.quote;
    return good ? at.p : NULL;
}

/* Chooses the judges of a node, which is else complete. */
void check_plan(struct node *node, bool dynamic);
judge_function check_object, check_array, check_string, check_number;
/* Those that have little to do. */
judge_function check_string_length, check_string_choice, check_number_bounds;
/* enum and const. */
bool check_values(struct schema_checker *checker, const struct node *node, const char *p,
                  const char *end);
/* What applies to the same place; *end, and checker->quote with it, is set where it is found
 * on the way. */
bool check_applicators(struct schema_checker *checker, const struct node *node, const char *p,
                       const uint32_t *quote, struct marks *marks, const char **end);
/* The members or items that are not marked.  Where the container ends, or NULL. */
const char *check_unevaluated(struct schema_checker *checker, const struct node *node,
                              const char *p, const struct marks *marks);
bool check_pattern(struct schema_checker *checker, const struct pattern *pattern, const char *raw,
                   size_t size);
bool check_unique(struct schema_checker *checker, const struct node *node, const char *p,
                  uint32_t count);

/* Notes a failure; returns NULL. */
const char *check_failed(struct schema_checker *checker, const struct node *node, const char *at,
                         enum keyword keyword, uint64_t a, uint64_t b, const void *detail);
const char *check_give_up(struct schema_checker *checker, enum give_up why);
/* So many zeroed words; whoever takes some puts words_used back.  NULL: given up. */
uint64_t *check_take_words(struct schema_checker *checker, size_t count);
/* Marks for the container at p.  false: given up. */
bool check_take_marks(struct schema_checker *checker, size_t words, struct marks *marks);
void check_mark(struct marks *marks, uint32_t position);
void check_merge(struct marks *marks, const struct marks *more);

/* Fills in what a person reads. */
void check_explain(const struct schema_checker *checker, struct schema_verdict *verdict);

#endif
