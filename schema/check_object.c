/* check_object.c - an object's members, each looked up once.  Lines of one program name the same
 * things in the same order, so a checker guesses each name from the one before it, and
 * looks further only where it guessed wrong. */
#include "schema/check.h"

#include <string.h>

#include "schema/text.h"

struct walk {
    struct schema_checker *checker;
    const struct node *node;
    const struct object_rules *rules;
    struct marks *marks;
    uint64_t *seen; /* the tracked names that were there */
    const char *object;
    uint32_t *guess; /* the checker's, behind the latest known name */
    uint32_t count;
};

static const char *check_members(struct walk *walk);
static const char *check_member(struct walk *walk, const struct name *known, const char *name,
                                const char *name_end, const char *value);
static const char *check_names(struct walk *walk, const char *name, const char *name_end,
                               const char *value, bool *matched);
static bool check_whole(struct walk *walk);

const char *check_object(struct schema_checker *checker, const struct node *node, const char *p,
                         struct marks *marks) {
    const struct object_rules *rules = node->object;
    const size_t words_used = checker->words_used;
    struct walk walk = {.checker = checker,
                        .node = node,
                        .rules = rules,
                        .marks = marks,
                        .object = p,
                        .guess = &checker->guesses[rules->guess]};
    const char *end = NULL;
    if (UNLIKELY(checker->depth == CHECK_DEPTH_MAX)) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->depth++;
    uint64_t few[4] = {0};
    walk.seen = few;
    if (UNLIKELY(rules->tracked_count > 256))
        walk.seen = check_take_words(checker, (rules->tracked_count + 63) / 64);
    if (walk.seen) end = check_members(&walk);
    if (end && UNLIKELY(!check_whole(&walk))) end = NULL;
    if (end && marks && rules->additional) marks->all = true;
    checker->words_used = words_used;
    checker->depth--;
    return end;
}

/* ---- names ---- */

/* Does a text begin with the name and a quote?  NAME_PADDING bytes behind both can be read. */
static inline bool is_name(const struct name *name, const char *text) {
#ifdef __SSE2__
    const __m128i *a = (const __m128i *)(const void *)name->text;
    const __m128i *b = (const __m128i *)(const void *)text;
    const uint32_t low =
        (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b)));
    if (LIKELY(name->size < 16)) return (~low & ((2u << name->size) - 1)) == 0;
    if (low != 0xFFFF) return false;
#endif
    for (uint32_t i = 0; i < name->size; i++) { /* stops at the text's end, which no name holds */
        if (name->text[i] != text[i]) return false;
    }
    return text[name->size] == '"';
}

/* By the hash of what it decodes to. */
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

/* From the quote before the first name to the object's last byte, and behind it. */
static const char *check_members(struct walk *walk) {
    const struct object_rules *rules = walk->rules;
    const uint32_t *guesses = walk->guess;
    const char *p = scan_space(walk->object + 1);
    bool escaped;
    if (*p == '}') return p + 1;
    for (;;) { /* ends at the object's end */
        const char *name = p + 1;
        const struct name *known = &rules->names[*walk->guess];
        const char *name_end = name + known->size;
        if (UNLIKELY(--walk->checker->steps < 0))
            return check_give_up(walk->checker, GIVE_UP_STEPS);
        if (UNLIKELY(!known->direct || !is_name(known, name))) {
            name_end = scan_string(name, &escaped);
            known = look_up(rules, name, (size_t)(name_end - name));
            if (known) *walk->guess = (uint32_t)(known - rules->names);
        }
        if (known) walk->guess = (uint32_t *)&guesses[known - rules->names + 1];
        p = check_member(walk, known, name, name_end, scan_to_value(name_end));
        if (UNLIKELY(!p)) return NULL;
        walk->count++;
        p = scan_space(p);
        if (*p != ',') return p + 1;
        p = scan_space(p + 1);
    }
}

/* ---- one member ---- */

static const char *check_member(struct walk *walk, const struct name *known, const char *name,
                                const char *name_end, const char *value) {
    const struct object_rules *rules = walk->rules;
    const char *end = NULL;
    bool matched = false;
    if (known) {
        if (known->tracked >= 0) walk->seen[known->tracked / 64] |= 1ull << known->tracked % 64;
        if (LIKELY(known->node)) {
            matched = true;
            end = check_value(walk->checker, known->node, value, NULL);
            if (UNLIKELY(!end)) return NULL;
        }
    }
    if (UNLIKELY(rules->pattern_count > 0 || rules->property_names)) {
        const char *other = check_names(walk, name, name_end, value, &matched);
        if (UNLIKELY(!other)) return NULL;
        if (!end) end = other;
    }
    if (!matched && rules->additional) {
        end = check_value(walk->checker, rules->additional, value, NULL);
    } else {
        if (matched && walk->marks) check_mark(walk->marks, walk->count);
        if (!end) end = scan_value(value);
    }
    return end;
}

/* patternProperties and propertyNames.  The value's end, if it was looked at, or else any place
 * that is not NULL; NULL: it fails. */
static const char *check_names(struct walk *walk, const char *name, const char *name_end,
                               const char *value, bool *matched) {
    const struct object_rules *rules = walk->rules;
    const size_t size = (size_t)(name_end - name);
    const char *end = NULL;
    if (rules->property_names && !check_value(walk->checker, rules->property_names, name - 1, NULL))
        return NULL;
    for (uint32_t i = 0; i < rules->pattern_count; i++) {
        const struct name_pattern *one = &rules->patterns[i];
        if (!check_pattern(walk->checker, one->pattern, name, size, !text_is_plain(name, size)))
            continue;
        *matched = true;
        end = check_value(walk->checker, one->node, value, NULL);
        if (!end) return NULL;
    }
    return end ? end : scan_value(value);
}

/* ---- all of them ---- */

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
        while (missing->tracked != (int32_t)bit) /* one of them is */
            missing++;
        return check_failed(walk->checker, walk->node, walk->object, KEYWORD_REQUIRED, 0, 0,
                            missing) != NULL;
    }
    return true;
}

static bool check_dependences(struct walk *walk) {
    const struct object_rules *rules = walk->rules;
    for (uint32_t i = 0; i < rules->dependence_count; i++) {
        const struct dependence *one = &rules->dependences[i];
        if (!is_seen(walk, one->name)) continue;
        for (uint32_t k = 0; k < one->required_count; k++) {
            if (is_seen(walk, one->required[k])) continue;
            return check_failed(walk->checker, walk->node, walk->object, KEYWORD_DEPENDENT_REQUIRED,
                                one->name, one->required[k], NULL) != NULL;
        }
        if (one->node && !check_value(walk->checker, one->node, walk->object, walk->marks))
            return false;
    }
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
    return check_required(walk) && check_dependences(walk);
}
