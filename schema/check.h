/* check.h - what the files of the checker share.
 *
 * A check goes over the line's bytes once for each schema that applies to a value; there is
 * no tree and no index.  Every function that judges a value takes where it begins and returns
 * where it ended, or NULL: it fails, and unless somebody asked for quiet, why has been noted. */
#ifndef SCHEMA_CHECK_H
#define SCHEMA_CHECK_H

#include "schema/program.h"
#include "schema/scan.h"

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
    bool explains;
    uint32_t explaining;
    enum give_up given_up;
    struct failure failure;
    struct failure nearest; /* of alternatives that all fail, the failure that went farthest */
    const char *line, *line_end;
    /* Scratch. */
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

const char *check_value(struct schema_checker *checker, const struct node *node, const char *p,
                        struct marks *marks);
const char *check_object(struct schema_checker *checker, const struct node *node, const char *p,
                         struct marks *marks);
const char *check_array(struct schema_checker *checker, const struct node *node, const char *p,
                        struct marks *marks);
/* What applies to the same place; *end is set where it is found on the way. */
bool check_applicators(struct schema_checker *checker, const struct node *node, const char *p,
                       struct marks *marks, const char **end);
/* The members or items that are not marked.  Where the container ends, or NULL. */
const char *check_unevaluated(struct schema_checker *checker, const struct node *node,
                              const char *p, const struct marks *marks);
bool check_pattern(struct schema_checker *checker, const struct pattern *pattern, const char *raw,
                   size_t size, bool escaped);
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
