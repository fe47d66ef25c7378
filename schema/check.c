/* check.c - runs a compiled schema over a line: scalars here, containers and what applies
 * to the same place in files of their own. */
#include "schema/check.h"

#include <assert.h>
#include <string.h>

#include "schema/equal.h"
#include "schema/text.h"

static const char *check_more(struct schema_checker *checker, const struct node *node,
                              const char *p, uint8_t kind, struct marks *marks);
static const char *check_in_scope(struct schema_checker *checker, const struct node *node,
                                  const char *p, struct marks *marks);
static const char *check_string(struct schema_checker *checker, const struct node *node,
                                const char *p);
static const char *check_number(struct schema_checker *checker, const struct node *node,
                                const char *p);
static bool check_choices(struct schema_checker *checker, const struct node *node,
                          const struct choices *choices, enum keyword keyword, const char *p,
                          const char *end, uint8_t kind);

/* What a value is, by its first byte; 0: no value begins so. */
static const uint8_t kinds[256] = {
    ['"'] = KIND_STRING,  ['{'] = KIND_OBJECT, ['['] = KIND_ARRAY,  ['t'] = KIND_BOOLEAN,
    ['f'] = KIND_BOOLEAN, ['n'] = KIND_NULL,   ['-'] = KIND_NUMBER, ['0'] = KIND_NUMBER,
    ['1'] = KIND_NUMBER,  ['2'] = KIND_NUMBER, ['3'] = KIND_NUMBER, ['4'] = KIND_NUMBER,
    ['5'] = KIND_NUMBER,  ['6'] = KIND_NUMBER, ['7'] = KIND_NUMBER, ['8'] = KIND_NUMBER,
    ['9'] = KIND_NUMBER};

bool schema_check(struct schema_checker *checker, const char *line, size_t size,
                  struct schema_verdict *verdict) {
    assert(size > 0 && kinds[(uint8_t)*line] != 0);
    checker->line = line;
    checker->line_end = line + size;
    checker->given_up = GIVE_UP_NOT;
    checker->steps = CHECK_STEPS + (int64_t)size * CHECK_STEPS_BYTE;
    checker->depth = checker->scope_count = checker->explaining = 0;
    checker->quiet = verdict == NULL;
    checker->words_used = 0;
    if (UNLIKELY(size > checker->line_bytes_max)) {
        (void)check_give_up(checker, GIVE_UP_LENGTH);
    } else if (LIKELY(check_value(checker, checker->schema->root, line, NULL) != NULL &&
                      !checker->given_up)) {
        return true;
    }
    if (verdict) check_explain(checker, verdict);
    return false;
}

const char *check_value(struct schema_checker *checker, const struct node *node, const char *p,
                        struct marks *marks) {
    const uint8_t kind = kinds[(uint8_t)*p];
    if (UNLIKELY(checker->schema->dynamic) &&
        (checker->scope_count == 0 || checker->scopes[checker->scope_count - 1] != node->resource))
        return check_in_scope(checker, node, p, marks);
    if (UNLIKELY(!(node->kinds & kind)))
        return check_failed(checker, node, p, node->never ? KEYWORD_UNKNOWN : KEYWORD_TYPE, 0, 0,
                            NULL);
    if (UNLIKELY(node->more)) return check_more(checker, node, p, kind, marks);
    bool escaped;
    switch (kind) {
    case KIND_STRING:
        if (node->string) return check_string(checker, node, p);
        return scan_string(p + 1, &escaped) + 1;
    case KIND_NUMBER:
        if (node->number || node->whole) return check_number(checker, node, p);
        return scan_scalar(p);
    case KIND_OBJECT:
        if (node->object) return check_object(checker, node, p, marks);
        return scan_container(p);
    case KIND_ARRAY:
        if (node->array) return check_array(checker, node, p, marks);
        return scan_container(p);
    default: return p + (*p == 'f' ? 5 : 4);
    }
}

/* ---- what stands beside the rules for a kind ---- */

/* Where the value ends; for a container that no rule here goes over, it is not known yet. */
static bool check_own(struct schema_checker *checker, const struct node *node, const char *p,
                      uint8_t kind, struct marks *marks, const char **end) {
    bool escaped;
    *end = NULL;
    switch (kind) {
    case KIND_STRING:
        *end = node->string ? check_string(checker, node, p) : scan_string(p + 1, &escaped) + 1;
        break;
    case KIND_NUMBER:
        *end = node->number || node->whole ? check_number(checker, node, p) : scan_scalar(p);
        break;
    case KIND_OBJECT:
        if (!node->object) return true;
        *end = check_object(checker, node, p, marks);
        break;
    case KIND_ARRAY:
        if (!node->array) return true;
        *end = check_array(checker, node, p, marks);
        break;
    default: *end = p + (*p == 'f' ? 5 : 4);
    }
    return *end != NULL;
}

static bool check_values(struct schema_checker *checker, const struct node *node, const char *p,
                         uint8_t kind, const char **end) {
    if (!node->constant && !node->choices) return true;
    if (!*end) *end = scan_value(p);
    if (node->constant &&
        !check_choices(checker, node, node->constant, KEYWORD_CONST, p, *end, kind))
        return false;
    return !node->choices ||
           check_choices(checker, node, node->choices, KEYWORD_ENUM, p, *end, kind);
}

static const char *check_more(struct schema_checker *checker, const struct node *node,
                              const char *p, uint8_t kind, struct marks *marks) {
    if (UNLIKELY(--checker->steps < 0)) return check_give_up(checker, GIVE_UP_STEPS);
    if (UNLIKELY(checker->depth == CHECK_DEPTH_MAX)) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->depth++;
    const size_t words_used = checker->words_used;
    const bool rest = (kind == KIND_OBJECT && node->unevaluated_properties) ||
                      (kind == KIND_ARRAY && node->unevaluated_items);
    struct marks own = {0}, *inner = rest ? &own : marks;
    const char *end = NULL;
    const bool good =
        (!rest || check_take_marks(checker, (scan_count(p) + 63) / 64, &own)) &&
        check_own(checker, node, p, kind, inner, &end) &&
        check_values(checker, node, p, kind, &end) &&
        (node->applicator_count == 0 || check_applicators(checker, node, p, inner, &end));
    if (!good)
        end = NULL;
    else if (rest && !own.all)
        end = check_unevaluated(checker, node, p, &own);
    else if (!end)
        end = scan_value(p);
    if (end && rest && marks) marks->all = true;
    checker->words_used = words_used;
    checker->depth--;
    return end;
}

/* The resource is noted while what is in it is checked: a $dynamicRef will look for it. */
static const char *check_in_scope(struct schema_checker *checker, const struct node *node,
                                  const char *p, struct marks *marks) {
    if (checker->scope_count == CHECK_DEPTH_MAX) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->scopes[checker->scope_count++] = node->resource;
    const char *end = check_value(checker, node, p, marks);
    checker->scope_count--;
    return end;
}

/* ---- strings ---- */

bool check_pattern(struct schema_checker *checker, const struct pattern *pattern, const char *raw,
                   size_t size, bool escaped) {
    if (escaped) {
        size = text_decode(raw, size, checker->decoded);
        raw = checker->decoded;
    }
    checker->steps -= 4 + (int64_t)(size / 16);
    const int found = pattern_match(pattern, checker->pattern_scratch, raw, size);
    if (UNLIKELY(found < 0)) (void)check_give_up(checker, GIVE_UP_PATTERN);
    return found > 0;
}

static bool check_format(struct schema_checker *checker, enum format_kind format, const char *raw,
                         size_t size, bool escaped) {
    if (escaped) {
        size = text_decode(raw, size, checker->decoded);
        raw = checker->decoded;
    }
    checker->steps -= (int64_t)(size / 16);
    return format_holds(format, raw, size);
}

/* An escape writes one code point, or half of one, in six bytes at most; a code point has
 * at least one byte. */
static const char *check_length(struct schema_checker *checker, const struct node *node,
                                const char *p, size_t size) {
    const struct string_rules *rules = node->string;
    if (LIKELY(size <= rules->length_max && (size + 11) / 12 >= rules->length_min)) return p;
    const size_t length = text_length(p + 1, size);
    if (length > rules->length_max)
        return check_failed(checker, node, p, KEYWORD_MAX_LENGTH, length, rules->length_max, NULL);
    if (length < rules->length_min)
        return check_failed(checker, node, p, KEYWORD_MIN_LENGTH, length, rules->length_min, NULL);
    return p;
}

static const char *check_string(struct schema_checker *checker, const struct node *node,
                                const char *p) {
    const struct string_rules *rules = node->string;
    bool escaped;
    const char *end = scan_string(p + 1, &escaped);
    const size_t size = (size_t)(end - p - 1);
    if (UNLIKELY(!check_length(checker, node, p, size))) return NULL;
    if (rules->pattern && !check_pattern(checker, rules->pattern, p + 1, size, escaped))
        return check_failed(checker, node, p, KEYWORD_PATTERN, 0, 0, NULL);
    if (rules->format && !check_format(checker, rules->format, p + 1, size, escaped))
        return check_failed(checker, node, p, KEYWORD_FORMAT, rules->format, 0, NULL);
    return end + 1;
}

/* ---- numbers ---- */

static const char *check_bounds(struct schema_checker *checker, const struct node *node,
                                const char *p, const char *end) {
    const struct number_rules *rules = node->number;
    struct number number;
    number_read(p, (size_t)(end - p), &number);
    if (node->whole && !number_whole(&number))
        return check_failed(checker, node, p, KEYWORD_TYPE, 0, 0, NULL);
    if (!rules) return end;
    if (rules->minimum.given && number_order(&number, &rules->minimum.number) < 0)
        return check_failed(checker, node, p, KEYWORD_MINIMUM, 0, 0, NULL);
    if (rules->maximum.given && number_order(&number, &rules->maximum.number) > 0)
        return check_failed(checker, node, p, KEYWORD_MAXIMUM, 0, 0, NULL);
    if (rules->above.given && number_order(&number, &rules->above.number) <= 0)
        return check_failed(checker, node, p, KEYWORD_EXCLUSIVE_MINIMUM, 0, 0, NULL);
    if (rules->below.given && number_order(&number, &rules->below.number) >= 0)
        return check_failed(checker, node, p, KEYWORD_EXCLUSIVE_MAXIMUM, 0, 0, NULL);
    if (rules->multiple.given) {
        checker->steps -= 1 + (int64_t)((end - p) / 16);
        if (!number_divides(&number, &rules->multiple.number))
            return check_failed(checker, node, p, KEYWORD_MULTIPLE_OF, 0, 0, NULL);
    }
    return end;
}

/* Most are integers of few digits, and most bounds are too. */
static const char *check_number(struct schema_checker *checker, const struct node *node,
                                const char *p) {
    const struct number_rules *rules = node->number;
    const bool negative = *p == '-';
    const char *digit = p + negative;
    int64_t integer = 0;
    while ((uint8_t)(*digit - '0') < 10 && digit - p < 18)
        integer = integer * 10 + (*digit++ - '0');
    const bool plain =
        *digit == ',' || *digit == '}' || *digit == ']' || digit == checker->line_end;
    if (LIKELY(plain && (!rules || rules->plain))) {
        if (negative) integer = -integer;
        if (LIKELY(!rules || (integer >= rules->least && integer <= rules->most))) return digit;
    }
    return check_bounds(checker, node, p, plain ? digit : scan_scalar(digit));
}

/* ---- enum and const ---- */

static bool is_choice(const struct choice *choice, const char *p, size_t size, uint8_t kind) {
    if (choice->kind != kind) return false;
    if (choice->size == size && memcmp(choice->text, p, size) == 0) return true;
    return json_equal(choice->text, choice->size, p, size);
}

/* A string that is written without escapes is one of those that are, byte by byte. */
static bool is_plain_choice(const struct choices *choices, const char *p, size_t size) {
    for (uint32_t i = 0; i < choices->count; i++) {
        const struct choice *choice = &choices->choices[i];
        if (choice->size == size && choice->plain && memcmp(choice->text, p, size) == 0)
            return true;
    }
    return false;
}

static bool is_one_of(struct schema_checker *checker, const struct choices *choices, const char *p,
                      size_t size, uint8_t kind) {
    if (!(choices->kinds & kind)) return false;
    if (choices->table_mask == 0) {
        if (kind == KIND_STRING && is_plain_choice(choices, p, size)) return true;
        for (uint32_t i = 0; i < choices->count; i++) {
            const struct choice *choice = &choices->choices[i];
            if (kind == KIND_STRING && choice->plain && text_is_plain(p, size)) continue;
            checker->steps -= 1 + (int64_t)(size / 64);
            if (is_choice(choice, p, size, kind)) return true;
        }
        return false;
    }
    uint32_t at = (uint32_t)json_hash(p, size) & choices->table_mask;
    for (; choices->table[at] != 0; at = (at + 1) & choices->table_mask) {
        checker->steps -= 1;
        if (is_choice(&choices->choices[choices->table[at] - 1], p, size, kind)) return true;
    }
    return false;
}

static bool check_choices(struct schema_checker *checker, const struct node *node,
                          const struct choices *choices, enum keyword keyword, const char *p,
                          const char *end, uint8_t kind) {
    if (LIKELY(is_one_of(checker, choices, p, (size_t)(end - p), kind))) return true;
    return check_failed(checker, node, p, keyword, 0, 0, choices) != NULL;
}

/* ---- failing ---- */

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
