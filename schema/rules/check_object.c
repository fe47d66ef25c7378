/* check_object.c - objects: each member's name is looked up once.  Lines of one program usually
 * have the same names in the same order, so a checker predicts each name from the one before it and
 * searches the table only if the prediction is wrong. */
#include "schema/rules/check.h"

#include <string.h>

#include "schema/json/text.h"

#define INLINE   static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

struct walk {
    struct schema_checker *checker;
    const struct node *node;
    const struct object_rules *rules;
    struct marks *marks;
    uint64_t *seen; /* the tracked names that are present */
    const char *object;
    const uint32_t *quote; /* checker->quote at the object */
    uint32_t count;
};

static const char *check_members(struct walk *walk, struct at at);
static const char *check_any_members(struct walk *walk, struct at at);
static const char *check_named(struct walk *walk, const struct name *known, const char *name,
                               const char *value);
static const char *check_from_first(struct walk *walk);
static bool check_whole(struct walk *walk);

const char *check_object(struct schema_checker *checker, const struct node *node, const char *p,
                         const uint32_t *quote, struct marks *marks) {
    const struct object_rules *rules = node->object;
    const size_t words_used = checker->words_used;
    struct walk walk = {.checker = checker,
                        .node = node,
                        .rules = rules,
                        .marks = marks,
                        .object = p,
                        .quote = quote};
    if (UNLIKELY(checker->depth == CHECK_DEPTH_MAX)) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->depth++;
    uint64_t few[4] = {0};
    walk.seen = few;
    if (UNLIKELY(rules->tracked_count > 256))
        walk.seen = check_take_words(checker, (rules->tracked_count + 63) / 64);
    const char *end = walk.seen ? check_from_first(&walk) : NULL;
    if (end && UNLIKELY(!check_whole(&walk))) end = NULL;
    if (end && marks && rules->additional) marks->all = true;
    checker->words_used = words_used;
    checker->depth--;
    return end;
}

/* Checks all members; returns the object's end, or NULL. */
static const char *check_from_first(struct walk *walk) {
    struct schema_checker *checker = walk->checker;
    const struct at at = {scan_space(walk->object + 1), walk->quote};
    checker->quote = walk->quote;
    if (UNLIKELY(*at.p == '}')) return at.p + 1;
    const char *last =
        walk->rules->plain && !walk->marks ? check_members(walk, at) : check_any_members(walk, at);
    checker->steps -= walk->count;
    if (UNLIKELY(checker->steps < 0)) return check_give_up(checker, GIVE_UP_STEPS);
    return last ? last + 1 : NULL;
}

/* ---- names ---- */

/* True if the text begins with the name and a quote.  NAME_PADDING bytes of both are readable. */
static inline bool is_name(const struct name *name, const char *text) {
#ifdef __SSE2__
    const __m128i *a = (const __m128i *)(const void *)name->written;
    const __m128i *b = (const __m128i *)(const void *)text;
    const uint32_t same =
        (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b)));
    if (LIKELY((~same & name->mask) == 0) && name->size < 16) return true;
    if (name->size < 16 || same != 0xFFFF) return false;
#endif
    /* Stops at the line's end: no name contains a newline. */
    for (uint32_t i = 0; i <= name->size; i++) {
        if (name->written[i] != text[i]) return false;
    }
    return true;
}

/* Finds a raw name by the hash of its decoded text. */
static const struct name *look_up(const struct object_rules *rules, const char *raw, size_t size) {
    if (rules->name_count == 0) return NULL;
    const uint32_t hash = (uint32_t)text_hash(raw, size);
    for (uint32_t slot = hash & rules->table_mask; rules->table[slot] != 0;
         slot = (slot + 1) & rules->table_mask) {
        const struct name *name = &rules->names[rules->table[slot] - 1];
        if (name->hash == hash && text_equals_decoded(raw, size, name->text, name->size))
            return name;
    }
    return NULL;
}

/* Looks up a name that was not predicted, and predicts it the next time. */
static NOINLINE uint32_t find_name(struct schema_checker *checker, const struct object_rules *rules,
                                   const uint32_t *quote, uint32_t *guess) {
    const char *name = checker->line + quote[0] + 1;
    const struct name *known = look_up(rules, name, quote[1] - quote[0] - 1);
    if (!known) return rules->name_count;
    *guess = (uint32_t)(known - rules->names);
    return *guess;
}

/* The index of the name at p, whose opening quote is *quote.  *guess: the prediction for this name;
 * on return the one for the next. */
INLINE uint32_t next_name(struct schema_checker *checker, const struct object_rules *rules,
                          const char *p, const uint32_t *quote, uint32_t **guess) {
    uint32_t index = **guess;
    if (UNLIKELY(!is_name(&rules->names[index], p + 1)))
        index = find_name(checker, rules, quote, *guess);
    *guess = &checker->guesses[rules->guess + index + 1];
    return index;
}

/* From the end of a value to the next name.  False: the object ends here. */
INLINE bool another(const char **p) {
    *p = scan_space(*p);
    if (**p != ',') return false;
    *p = scan_space(*p + 1);
    return true;
}

/* From the first name to the closing bracket, if only the name decides which schema applies. */
static const char *check_members(struct walk *walk, struct at at) {
    struct schema_checker *const checker = walk->checker;
    const struct object_rules *const rules = walk->rules;
    const char *const line = checker->line;
    uint32_t *guess = &checker->guesses[rules->guess];
    uint64_t seen = 0;
    uint32_t count = 0;
    do { /* ends at the object's end */
        const uint32_t index = next_name(checker, rules, at.p, at.quote, &guess);
        const struct name *name = &rules->names[index];
        at = (struct at){scan_to_value(line + at.quote[1]), at.quote + 2};
        seen |= name->bit;
        count++;
        if (UNLIKELY(!check_at(checker, name->applied, &at, NULL))) return NULL;
    } while (another(&at.p));
    walk->seen[0] = seen;
    walk->count = count;
    checker->quote = at.quote;
    return at.p;
}

/* The same for all objects. */
static const char *check_any_members(struct walk *walk, struct at at) {
    struct schema_checker *const checker = walk->checker;
    const struct object_rules *const rules = walk->rules;
    uint32_t *guess = &checker->guesses[rules->guess];
    do { /* ends at the object's end */
        const uint32_t index = next_name(checker, rules, at.p, at.quote, &guess);
        const char *name = at.p + 1;
        at = (struct at){scan_to_value(checker->line + at.quote[1]), at.quote + 2};
        checker->quote = at.quote;
        at.p = check_named(walk, &rules->names[index], name, at.p);
        if (UNLIKELY(!at.p)) return NULL;
        at.quote = checker->quote;
        walk->count++;
    } while (another(&at.p));
    return at.p;
}

/* ---- members with patternProperties, propertyNames, marks ---- */

static const char *check_names(struct walk *walk, const char *name, const char *value,
                               const uint32_t *quote, bool *matched) {
    struct schema_checker *checker = walk->checker;
    const struct object_rules *rules = walk->rules;
    const size_t size = quote[-1] - quote[-2] - 1;
    const char *end = NULL;
    checker->quote = quote - 2;
    if (rules->property_names && !check_value(checker, rules->property_names, name - 1, NULL))
        return NULL;
    checker->quote = quote;
    for (uint32_t i = 0; i < rules->pattern_count; i++) {
        const struct name_pattern *one = &rules->patterns[i];
        if (!check_pattern(checker, one->pattern, name, size)) continue;
        *matched = true;
        checker->quote = quote;
        end = check_value(checker, one->node, value, NULL);
        if (!end) return NULL;
    }
    return end ? end : check_skip(checker, value);
}

/* Checks one member; returns the value's end, or NULL. */
static const char *check_named(struct walk *walk, const struct name *known, const char *name,
                               const char *value) {
    struct schema_checker *checker = walk->checker;
    const struct object_rules *rules = walk->rules;
    const uint32_t *quote = checker->quote;
    const char *end = NULL;
    bool matched = false;
    walk->seen[known->word] |= known->bit;
    if (known->node) {
        matched = true;
        end = check_value(checker, known->node, value, NULL);
        if (UNLIKELY(!end)) return NULL;
    }
    if (rules->names_matter) {
        end = check_names(walk, name, value, quote, &matched);
        if (UNLIKELY(!end)) return NULL;
    }
    if (!matched && rules->additional) {
        checker->quote = quote;
        return check_value(checker, rules->additional, value, NULL);
    }
    if (matched && walk->marks) check_mark(walk->marks, walk->count);
    return end ? end : check_skip(checker, value);
}

/* ---- the object as a whole ---- */

static bool is_seen(const struct walk *walk, uint32_t name) {
    const int32_t bit = walk->rules->names[name].tracked;
    return walk->seen[bit / 64] >> bit % 64 & 1;
}

static bool check_required(struct walk *walk) {
    const struct object_rules *rules = walk->rules;
    if (!rules->required) return true;
    for (uint32_t i = 0; i * 64 < rules->tracked_count; i++) {
        if (LIKELY((rules->required[i] & ~walk->seen[i]) == 0)) continue;
        const uint32_t bit =
            i * 64 + (uint32_t)__builtin_ctzll(rules->required[i] & ~walk->seen[i]);
        const struct name *missing = rules->names;
        while (missing->tracked != (int32_t)bit) /* ends: one of them has it */
            missing++;
        return check_failed(walk->checker, walk->node, walk->object, KEYWORD_REQUIRED, 0, 0,
                            missing) != NULL;
    }
    return true;
}

static bool check_dependencies(struct walk *walk) {
    const struct object_rules *rules = walk->rules;
    const uint32_t *quote_after = walk->checker->quote;
    for (uint32_t i = 0; i < rules->dependency_count; i++) {
        const struct dependency *one = &rules->dependencies[i];
        if (!is_seen(walk, one->name)) continue;
        for (uint32_t k = 0; k < one->required_count; k++) {
            if (is_seen(walk, one->required[k])) continue;
            return check_failed(walk->checker, walk->node, walk->object, KEYWORD_DEPENDENT_REQUIRED,
                                one->name, one->required[k], NULL) != NULL;
        }
        walk->checker->quote = walk->quote;
        if (one->node && !check_value(walk->checker, one->node, walk->object, walk->marks))
            return false;
    }
    walk->checker->quote = quote_after;
    return true;
}

static bool check_whole(struct walk *walk) {
    const struct object_rules *rules = walk->rules;
    if (UNLIKELY(walk->count < rules->properties_min))
        return check_failed(walk->checker, walk->node, walk->object, KEYWORD_MIN_PROPERTIES,
                            walk->count, rules->properties_min, NULL) != NULL;
    if (UNLIKELY(walk->count > rules->properties_max))
        return check_failed(walk->checker, walk->node, walk->object, KEYWORD_MAX_PROPERTIES,
                            walk->count, rules->properties_max, NULL) != NULL;
    return check_required(walk) && check_dependencies(walk);
}
