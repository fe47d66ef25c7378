/* check_apply.c - schemas that apply to the same value: references, combinations, conditions; and
 * unevaluatedProperties and unevaluatedItems. */
#include "schema/rules/check.h"

#include <string.h>

/* The value that the schemas apply to, with its context. */
struct applying {
    struct schema_checker *checker;
    const struct node *node;
    const char *p;
    const uint32_t *quote; /* the first quote from the value's start on */
    struct marks *marks;
    const char *end; /* the value's end; NULL: not known yet */
    const uint32_t *quote_after;
};

static bool apply(struct applying *applying, const struct applicator *applicator);
static bool apply_any(struct applying *applying, const struct applicator *applicator);
static bool apply_one(struct applying *applying, const struct applicator *applicator);
static bool apply_if(struct applying *applying, const struct applicator *applicator);

bool check_applicators(struct schema_checker *checker, const struct node *node, const char *p,
                       const uint32_t *quote, struct marks *marks, const char **end) {
    struct applying applying = {.checker = checker,
                                .node = node,
                                .p = p,
                                .quote = quote,
                                .marks = marks,
                                .end = *end,
                                .quote_after = checker->quote};
    for (uint32_t i = 0; i < node->applicator_count; i++) {
        if (!apply(&applying, &node->applicators[i])) return false;
        if (UNLIKELY(checker->given_up)) return false;
    }
    *end = applying.end;
    checker->quote = applying.end ? applying.quote_after : quote;
    return true;
}

/* The node of the outermost resource in the dynamic scope that has the name, or the static
 * target. */
static const struct node *dynamic_node(const struct schema_checker *checker,
                                       const struct applicator *applicator) {
    for (uint32_t i = 0; applicator->dynamic && i < checker->scope_count; i++) {
        const struct node *node = applicator->dynamic[checker->scopes[i] - 1];
        if (node) return node;
    }
    return applicator->nodes[0];
}

static bool holds(struct applying *applying, const struct node *node, struct marks *marks) {
    struct schema_checker *checker = applying->checker;
    checker->quote = applying->quote;
    const char *end = check_value(checker, node, applying->p, marks);
    if (!end) return false;
    applying->end = end;
    applying->quote_after = checker->quote;
    return true;
}

/* Without storing a failure. */
static bool holds_quietly(struct applying *applying, const struct node *node, struct marks *marks) {
    applying->checker->quiet++;
    const bool good = holds(applying, node, marks);
    applying->checker->quiet--;
    return good;
}

static bool failed(struct applying *applying, enum keyword keyword, uint64_t a, uint64_t b,
                   const void *detail) {
    (void)check_failed(applying->checker, applying->node, applying->p, keyword, a, b, detail);
    return false;
}

static bool apply(struct applying *applying, const struct applicator *applicator) {
    switch (applicator->keyword) {
    case KEYWORD_DYNAMIC_REF:
        return holds(applying, dynamic_node(applying->checker, applicator), applying->marks);
    case KEYWORD_REF:
    case KEYWORD_ALL_OF:
        for (uint32_t i = 0; i < applicator->count; i++) {
            if (!holds(applying, applicator->nodes[i], applying->marks)) return false;
        }
        return true;
    case KEYWORD_ANY_OF: return apply_any(applying, applicator);
    case KEYWORD_ONE_OF: return apply_one(applying, applicator);
    case KEYWORD_NOT:
        if (!holds_quietly(applying, applicator->nodes[0], NULL)) return true;
        return failed(applying, KEYWORD_NOT, 0, 0, NULL);
    default: return apply_if(applying, applicator);
    }
}

/* ---- alternatives ---- */

/* Marks of a schema that fails do not count, so each schema gets marks of its own until it
 * holds. */
static bool holds_apart(struct applying *applying, const struct node *node) {
    struct schema_checker *checker = applying->checker;
    if (!applying->marks) return holds_quietly(applying, node, NULL);
    const size_t words_used = checker->words_used;
    struct marks own;
    const bool good = check_take_marks(checker, applying->marks->words, &own) &&
                      holds_quietly(applying, node, &own);
    if (good) check_merge(applying->marks, &own);
    checker->words_used = words_used;
    return good;
}

/* All alternatives fail: tries each again and stores its failure; the one that fails farthest into
 * the line was probably meant. */
static void find_nearest(struct applying *applying, const struct applicator *applicator,
                         struct failure *nearest) {
    struct schema_checker *checker = applying->checker;
    checker->explaining++;
    for (uint32_t i = 0; i < applicator->count; i++) {
        checker->failure = checker->nearest = (struct failure){0};
        if (holds(applying, applicator->nodes[i], NULL) || checker->given_up) break;
        struct failure failure = checker->failure;
        if (checker->nearest.node) failure = checker->nearest;
        if (!failure.node) continue;
        const bool same_place = failure.at == nearest->at;
        if (!nearest->node || failure.at > nearest->at ||
            (same_place && nearest->keyword == KEYWORD_TYPE))
            *nearest = failure;
    }
    checker->explaining--;
}

static bool failed_all(struct applying *applying, const struct applicator *applicator) {
    struct schema_checker *checker = applying->checker;
    struct failure nearest = {0};
    if (checker->quiet > 0 || checker->given_up) return false;
    if (checker->explaining < EXPLAIN_DEPTH_MAX) find_nearest(applying, applicator, &nearest);
    /* Steps spent on the explanation must not make the line exceed its limit. */
    if (checker->given_up) nearest = (struct failure){0};
    checker->given_up = GIVE_UP_NOT;
    (void)failed(applying, applicator->keyword, applicator->count, 0, NULL);
    checker->nearest = nearest;
    return false;
}

static bool apply_any(struct applying *applying, const struct applicator *applicator) {
    bool good = false;
    for (uint32_t i = 0; i < applicator->count; i++) {
        good |= holds_apart(applying, applicator->nodes[i]);
        if (applying->checker->given_up) return false;
        if (good && !applying->marks) return true;
    }
    return good || failed_all(applying, applicator);
}

static bool apply_one(struct applying *applying, const struct applicator *applicator) {
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < applicator->count; i++) {
        const bool good = holds_apart(applying, applicator->nodes[i]);
        if (applying->checker->given_up) return false;
        if (good && found != UINT32_MAX)
            return failed(applying, KEYWORD_ONE_OF, found, i, applicator);
        if (good) found = i;
    }
    return found != UINT32_MAX || failed_all(applying, applicator);
}

static bool apply_if(struct applying *applying, const struct applicator *applicator) {
    const struct node *then = applicator->nodes[1], *otherwise = applicator->nodes[2];
    if (!then && !otherwise && !applying->marks) return true;
    const bool good = holds_apart(applying, applicator->nodes[0]);
    if (applying->checker->given_up) return false;
    const struct node *chosen = good ? then : otherwise;
    return !chosen || holds(applying, chosen, applying->marks);
}

/* ---- unevaluated members and items ---- */

static bool is_marked(const struct marks *marks, uint32_t position) {
    return marks->bits[position / 64] >> position % 64 & 1;
}

const char *check_unevaluated(struct schema_checker *checker, const struct node *node,
                              const char *p, const struct marks *marks) {
    const bool object = *p == '{';
    const struct node *its = object ? node->unevaluated_properties : node->unevaluated_items;
    p = scan_space(p + 1);
    if (*p == '}' || *p == ']') return p + 1;
    for (uint32_t i = 0;; i++) { /* ends at the container's end */
        if (UNLIKELY(--checker->steps < 0)) return check_give_up(checker, GIVE_UP_STEPS);
        if (object) p = scan_to_value(check_skip_string(checker) - 1);
        p = is_marked(marks, i) ? check_skip(checker, p) : check_value(checker, its, p, NULL);
        if (!p) return NULL;
        p = scan_space(p);
        if (*p != ',') return p + 1;
        p = scan_space(p + 1);
    }
}

void check_mark(struct marks *marks, uint32_t position) {
    marks->bits[position / 64] |= 1ull << position % 64;
}

void check_merge(struct marks *marks, const struct marks *more) {
    marks->all |= more->all;
    for (size_t i = 0; i < marks->words; i++)
        marks->bits[i] |= more->bits[i];
}
