/* check.c - validates a line against a compiled schema: the kind of a value decides which rules
 * apply.  Scalars, arrays, objects, and schemas that apply to the same value have files of their
 * own. */
#include "schema/rules/check.h"

#include <assert.h>
#include <string.h>

#include "schema/json/quotes.h"

static check_function check_more, check_in_scope;

#define BIT(kind) __builtin_ctz(kind)
const uint8_t check_kinds[256] = {
    ['{'] = BIT(KIND_OBJECT),  ['['] = BIT(KIND_ARRAY),   ['"'] = BIT(KIND_STRING),
    ['t'] = BIT(KIND_BOOLEAN), ['f'] = BIT(KIND_BOOLEAN), ['n'] = BIT(KIND_NULL),
    ['-'] = BIT(KIND_NUMBER),  ['0'] = BIT(KIND_NUMBER),  ['1'] = BIT(KIND_NUMBER),
    ['2'] = BIT(KIND_NUMBER),  ['3'] = BIT(KIND_NUMBER),  ['4'] = BIT(KIND_NUMBER),
    ['5'] = BIT(KIND_NUMBER),  ['6'] = BIT(KIND_NUMBER),  ['7'] = BIT(KIND_NUMBER),
    ['8'] = BIT(KIND_NUMBER),  ['9'] = BIT(KIND_NUMBER),
};

bool schema_check(struct schema_checker *checker, const char *line, size_t size,
                  struct schema_verdict *verdict) {
    assert(size > 0);
    checker->line = line;
    checker->given_up = GIVE_UP_NOT;
    checker->steps = CHECK_STEPS + (int64_t)size * CHECK_STEPS_BYTE;
    checker->depth = checker->scope_count = checker->explaining = 0;
    checker->quiet = verdict == NULL;
    checker->words_used = 0;
    checker->quote = checker->quotes;
    if (checker->pattern_scratch) pattern_line_begins(checker->pattern_scratch, size);
    if (UNLIKELY(size > checker->line_bytes_max)) {
        (void)check_give_up(checker, GIVE_UP_LENGTH);
    } else {
        (void)quotes_find(line, size, checker->quotes);
        const char *end = check_value(checker, checker->schema->root, line, NULL);
        if (LIKELY(end != NULL && !checker->given_up)) return true;
    }
    if (verdict) check_explain(checker, verdict);
    return false;
}

/* ---- checks by kind ---- */

static const char *wrong_kind(struct schema_checker *checker, const struct node *node,
                              const char *p, const uint32_t *quote, struct marks *marks) {
    (void)quote, (void)marks;
    return check_failed(checker, node, p, node->never ? KEYWORD_UNKNOWN : KEYWORD_TYPE, 0, 0, NULL);
}

static const char *any_literal(struct schema_checker *checker, const struct node *node,
                               const char *p, const uint32_t *quote, struct marks *marks) {
    (void)checker, (void)node, (void)quote, (void)marks;
    return p + (*p == 'f' ? 5 : 4);
}

static const char *literal(struct schema_checker *checker, const struct node *node, const char *p,
                           const uint32_t *quote, struct marks *marks) {
    (void)quote, (void)marks;
    const char *end = p + (*p == 'f' ? 5 : 4);
    return check_values(checker, node, p, end) ? end : NULL;
}

static const char *any_number(struct schema_checker *checker, const struct node *node,
                              const char *p, const uint32_t *quote, struct marks *marks) {
    (void)checker, (void)node, (void)quote, (void)marks;
    return scan_scalar(p);
}

static const char *any_string(struct schema_checker *checker, const struct node *node,
                              const char *p, const uint32_t *quote, struct marks *marks) {
    (void)node, (void)marks;
    (void)p;
    return checker->line + quote[1] + 1;
}

static const char *any_container(struct schema_checker *checker, const struct node *node,
                                 const char *p, const uint32_t *quote, struct marks *marks) {
    (void)node, (void)marks;
    checker->quote = quote;
    return check_skip_container(checker, p);
}

static check_function *string_check(const struct node *node) {
    const struct string_rules *rules = node->string;
    if (node->choices && node->choices->plain && !rules && !node->constant)
        return check_string_choice;
    if (node->constant || node->choices) return check_string;
    if (!rules) return any_string;
    return rules->pattern || rules->format ? check_string : check_string_length;
}

static check_function *number_check(const struct node *node) {
    if (node->constant || node->choices) return check_number;
    if (!node->number && !node->whole) return any_number;
    return node->number && !node->number->plain ? check_number : check_number_bounds;
}

/* Accepts every value: for names without a schema. */
static const struct node anything = {
    .checks = {any_literal, any_literal, any_number, any_string, any_container, any_container},
    .kinds = KIND_ANY};

static void plan_names(struct object_rules *rules) {
    const struct node *others = rules->additional ? rules->additional : &anything;
    for (uint32_t i = 0; i <= rules->name_count; i++) {
        struct name *name = &rules->names[i];
        name->applied = name->node ? name->node : others;
    }
}

void check_plan(struct node *node, bool dynamic) {
    if (node->object) plan_names(node->object);
    const bool valued = node->constant || node->choices;
    const bool more = dynamic || node->applicator_count > 0 || node->unevaluated_properties ||
                      node->unevaluated_items;
    check_function *const own[] = {
        valued ? literal : any_literal,
        valued ? literal : any_literal,
        number_check(node),
        string_check(node),
        valued        ? check_more
        : node->array ? check_array
                      : any_container,
        valued         ? check_more
        : node->object ? check_object
                       : any_container,
    };
    for (int i = 0; i < 6; i++)
        node->checks[i] = !(node->kinds >> i & 1) ? wrong_kind : more ? check_more : own[i];
}

/* ---- nodes with more than rules for one kind ---- */

/* The node's own rules.  *end: the value's end; NULL for a container that no rule here visits. */
static bool check_own(struct schema_checker *checker, const struct node *node, const char *p,
                      struct marks *marks, const char **end) {
    *end = NULL;
    const uint32_t *quote = checker->quote;
    switch (KIND_NULL << check_kinds[(uint8_t)*p]) {
    case KIND_STRING:
        checker->quote = quote + 2;
        *end = check_string(checker, node, p, quote, NULL);
        return *end != NULL;
    case KIND_NUMBER: *end = check_number(checker, node, p, quote, NULL); return *end != NULL;
    case KIND_OBJECT:
        if (node->object) *end = check_object(checker, node, p, quote, marks);
        if (node->object && !*end) return false;
        break;
    case KIND_ARRAY:
        if (node->array) *end = check_array(checker, node, p, quote, marks);
        if (node->array && !*end) return false;
        break;
    default: *end = p + (*p == 'f' ? 5 : 4);
    }
    if (!node->constant && !node->choices) return true;
    if (!*end) *end = check_skip(checker, p);
    return check_values(checker, node, p, *end);
}

static uint32_t count_children(struct schema_checker *checker, const char *p) {
    const bool object = *p == '{';
    const uint32_t *quote = checker->quote;
    uint32_t count = 0;
    p = scan_space(p + 1);
    while (*p != ']' && *p != '}') {
        if (object) p = scan_to_value(check_skip_string(checker) - 1);
        p = scan_space(check_skip(checker, p));
        if (*p == ',') p = scan_space(p + 1);
        count++;
    }
    checker->quote = quote;
    return count;
}

static const char *check_more(struct schema_checker *checker, const struct node *node,
                              const char *p, const uint32_t *quote, struct marks *marks) {
    const bool in_scope =
        checker->scope_count > 0 && checker->scopes[checker->scope_count - 1] == node->resource;
    if (UNLIKELY(checker->schema->dynamic) && !in_scope)
        return check_in_scope(checker, node, p, quote, marks);
    if (UNLIKELY(--checker->steps < 0)) return check_give_up(checker, GIVE_UP_STEPS);
    if (UNLIKELY(checker->depth == CHECK_DEPTH_MAX)) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->depth++;
    const size_t words_used = checker->words_used;
    checker->quote = quote;
    const bool rest =
        (*p == '{' && node->unevaluated_properties) || (*p == '[' && node->unevaluated_items);
    struct marks own = {0}, *inner = rest ? &own : marks;
    const char *end = NULL;
    const bool good =
        (!rest || check_take_marks(checker, (count_children(checker, p) + 63) / 64, &own)) &&
        check_own(checker, node, p, inner, &end) &&
        (node->applicator_count == 0 || check_applicators(checker, node, p, quote, inner, &end));
    if (!good) {
        end = NULL;
    } else if (rest && !own.all) {
        checker->quote = quote;
        end = check_unevaluated(checker, node, p, &own);
    } else if (!end) {
        end = check_skip(checker, p);
    }
    if (end && rest && marks) marks->all = true;
    checker->words_used = words_used;
    checker->depth--;
    return end;
}

/* Keeps the resource in the dynamic scope during its checks, for $dynamicRef. */
static const char *check_in_scope(struct schema_checker *checker, const struct node *node,
                                  const char *p, const uint32_t *quote, struct marks *marks) {
    if (checker->scope_count == CHECK_DEPTH_MAX) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->scopes[checker->scope_count++] = node->resource;
    const char *end = check_more(checker, node, p, quote, marks);
    checker->scope_count--;
    return end;
}

/* ---- skipping ---- */

/* Between strings there are only brackets, commas, colons and scalars. */
const char *check_skip_container(struct schema_checker *checker, const char *p) {
    const uint32_t *quote = checker->quote;
    uint32_t depth = 0;
    for (;; p++) { /* ends when depth is 0 again, as the text is complete */
        if (*p == '"') {
            p = checker->line + quote[1];
            quote += 2;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if ((*p == '}' || *p == ']') && --depth == 0) {
            break;
        }
    }
    checker->quote = quote;
    return p + 1;
}

/* ---- failures ---- */

const char *check_failed(struct schema_checker *checker, const struct node *node, const char *at,
                         enum keyword keyword, uint64_t a, uint64_t b, const void *detail) {
    if (checker->quiet > 0 || checker->given_up) return NULL;
    checker->nearest = (struct failure){0};
    checker->failure = (struct failure){
        .at = at, .node = node, .keyword = keyword, .a = a, .b = b, .detail = detail};
    return NULL;
}

const char *check_give_up(struct schema_checker *checker, enum give_up why) {
    if (!checker->given_up) checker->given_up = why;
    return NULL;
}
