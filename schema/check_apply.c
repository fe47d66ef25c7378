/* check_apply.c - schemas that apply to the same place: references, combinations, conditions;
 * and what is left over for unevaluatedProperties and unevaluatedItems. */
#include "schema/check.h"

#include <string.h>

static bool apply(struct schema_checker *checker, const struct node *node,
                  const struct applicator *applicator, const char *p, struct marks *marks,
                  const char **end);
static bool apply_any(struct schema_checker *checker, const struct node *node,
                      const struct applicator *applicator, const char *p, struct marks *marks);
static bool apply_one(struct schema_checker *checker, const struct node *node,
                      const struct applicator *applicator, const char *p, struct marks *marks);
static bool apply_if(struct schema_checker *checker, const struct applicator *applicator,
                     const char *p, struct marks *marks);

bool check_applicators(struct schema_checker *checker, const struct node *node, const char *p,
                       struct marks *marks, const char **end) {
    for (uint32_t i = 0; i < node->applicator_count; i++) {
        if (!apply(checker, node, &node->applicators[i], p, marks, end)) return false;
        if (UNLIKELY(checker->given_up)) return false;
    }
    return true;
}

/* The outermost resource in scope that has the name, or else where it leads at first. */
static const struct node *dynamic_node(const struct schema_checker *checker,
                                       const struct applicator *applicator) {
    for (uint32_t i = 0; applicator->dynamic && i < checker->scope_count; i++) {
        const struct node *node = applicator->dynamic[checker->scopes[i] - 1];
        if (node) return node;
    }
    return applicator->nodes[0];
}

/* Whether it holds, and no more. */
static bool holds(struct schema_checker *checker, const struct node *node, const char *p,
                  struct marks *marks) {
    checker->quiet++;
    const bool good = check_value(checker, node, p, marks) != NULL;
    checker->quiet--;
    return good;
}

static bool apply(struct schema_checker *checker, const struct node *node,
                  const struct applicator *applicator, const char *p, struct marks *marks,
                  const char **end) {
    switch (applicator->keyword) {
    case KEYWORD_DYNAMIC_REF:
        *end = check_value(checker, dynamic_node(checker, applicator), p, marks);
        return *end != NULL;
    case KEYWORD_REF:
    case KEYWORD_ALL_OF:
        for (uint32_t i = 0; i < applicator->count; i++) {
            *end = check_value(checker, applicator->nodes[i], p, marks);
            if (!*end) return false;
        }
        return true;
    case KEYWORD_ANY_OF: return apply_any(checker, node, applicator, p, marks);
    case KEYWORD_ONE_OF: return apply_one(checker, node, applicator, p, marks);
    case KEYWORD_NOT:
        if (!holds(checker, applicator->nodes[0], p, NULL)) return true;
        return check_failed(checker, node, p, KEYWORD_NOT, 0, 0, NULL) != NULL;
    default: return apply_if(checker, applicator, p, marks);
    }
}

/* ---- alternatives ---- */

/* Marks of a schema that fails are nobody's, so each has its own until it is known to hold. */
static bool holds_apart(struct schema_checker *checker, const struct node *node, const char *p,
                        struct marks *marks) {
    if (!marks) return holds(checker, node, p, NULL);
    const size_t words_used = checker->words_used;
    struct marks own;
    const bool good =
        check_take_marks(checker, marks->words, &own) && holds(checker, node, p, &own);
    if (good) check_merge(marks, &own);
    checker->words_used = words_used;
    return good;
}

/* All alternatives fail: each is tried once more, aloud, and the one that gets farthest is
 * the one that was probably meant. */
static void find_nearest(struct schema_checker *checker, const struct applicator *applicator,
                         const char *p, struct failure *nearest) {
    *nearest = (struct failure){0};
    checker->explaining++;
    for (uint32_t i = 0; i < applicator->count; i++) {
        checker->failure = checker->nearest = (struct failure){0};
        if (check_value(checker, applicator->nodes[i], p, NULL) || checker->given_up) break;
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

static bool failed_all(struct schema_checker *checker, const struct node *node,
                       const struct applicator *applicator, const char *p) {
    struct failure nearest = {0};
    if (checker->quiet > 0 || checker->given_up) return false;
    if (checker->explaining < EXPLAIN_DEPTH_MAX) find_nearest(checker, applicator, p, &nearest);
    /* What explaining costs is no reason to call the line too costly. */
    if (checker->given_up) nearest = (struct failure){0};
    checker->given_up = GIVE_UP_NOT;
    (void)check_failed(checker, node, p, applicator->keyword, applicator->count, 0, NULL);
    checker->nearest = nearest;
    return false;
}

static bool apply_any(struct schema_checker *checker, const struct node *node,
                      const struct applicator *applicator, const char *p, struct marks *marks) {
    bool good = false;
    for (uint32_t i = 0; i < applicator->count; i++) {
        good |= holds_apart(checker, applicator->nodes[i], p, marks);
        if (checker->given_up) return false;
        if (good && !marks) return true;
    }
    return good || failed_all(checker, node, applicator, p);
}

static bool apply_one(struct schema_checker *checker, const struct node *node,
                      const struct applicator *applicator, const char *p, struct marks *marks) {
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < applicator->count; i++) {
        const bool good = holds_apart(checker, applicator->nodes[i], p, marks);
        if (checker->given_up) return false;
        if (good && found != UINT32_MAX)
            return check_failed(checker, node, p, KEYWORD_ONE_OF, found, i, applicator) != NULL;
        if (good) found = i;
    }
    return found != UINT32_MAX || failed_all(checker, node, applicator, p);
}

static bool apply_if(struct schema_checker *checker, const struct applicator *applicator,
                     const char *p, struct marks *marks) {
    const struct node *then = applicator->nodes[1], *otherwise = applicator->nodes[2];
    if (!then && !otherwise && !marks) return true;
    const bool good = holds_apart(checker, applicator->nodes[0], p, marks);
    if (checker->given_up) return false;
    const struct node *chosen = good ? then : otherwise;
    return !chosen || check_value(checker, chosen, p, marks) != NULL;
}

/* ---- what is left over ---- */

static bool is_marked(const struct marks *marks, uint32_t position) {
    return marks->bits[position / 64] >> position % 64 & 1;
}

const char *check_unevaluated(struct schema_checker *checker, const struct node *node,
                              const char *p, const struct marks *marks) {
    const bool object = *p == '{';
    const struct node *its = object ? node->unevaluated_properties : node->unevaluated_items;
    bool escaped;
    p = scan_space(p + 1);
    if (*p == '}' || *p == ']') return p + 1;
    for (uint32_t i = 0;; i++) { /* ends at the container's end */
        if (UNLIKELY(--checker->steps < 0)) return check_give_up(checker, GIVE_UP_STEPS);
        if (object) p = scan_to_value(scan_string(p + 1, &escaped));
        p = is_marked(marks, i) ? scan_value(p) : check_value(checker, its, p, NULL);
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
