/* where.c - see where.h.  Evaluates a condition on one record, in place. */
#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"
#include "tools/query/where_internal.h"

#define STRING_ROOM 4096
#define MEMBERS_MIN 16

struct evaluation {
    const struct where *where;
    struct where_state *state;
    const uint8_t *record;
    size_t size;
    struct value root;
    /* Instead of a record: all records of the scope with this level. */
    const struct where_scope *scope;
    uint8_t level;
};

/* UNKNOWN: a regular expression gave up, or a scope does not decide.  Ordered so that `and` is the
 * minimum and `or` the maximum. */
enum truth { NO, UNKNOWN, YES };

static enum truth truth_of(bool holds) {
    return holds ? YES : NO;
}

static enum truth opposite(enum truth truth) {
    return (enum truth)(YES - truth);
}

/* ---- strings ---- */

/* The characters of a string value.  *text points into the record if there are no escapes,
 * otherwise to `room` or, if they do not fit, to allocated memory (free_text). */
static size_t text_of(const struct value *value, uint8_t *room, const uint8_t **text) {
    const uint8_t *p = value->begin, *end = value->end;
    if (value->kind == VALUE_STRING && end - p >= 2) p++, end--;
    const size_t size = (size_t)(end - p);
    *text = p;
    if (value->kind != VALUE_STRING || memchr(p, '\\', size) == NULL) return size;
    uint8_t *decoded = size + 4 <= STRING_ROOM ? room : allocate(size + 4);
    size_t used = 0;
    while (p < end) /* ends: p rises; decoded text is never longer than its source */
        used += string_decode(&p, end, decoded + used);
    *text = decoded;
    return used;
}

static void free_text(const struct value *value, const uint8_t *room, const uint8_t *text) {
    if (text != room && (text < value->begin || text >= value->end)) free((void *)(uintptr_t)text);
}

static int compare_bytes(const uint8_t *text, size_t size, const struct where_operand *operand) {
    const size_t common = size < operand->size ? size : operand->size;
    const int order = memcmp(text, operand->text, common);
    if (order != 0) return order;
    return size < operand->size ? -1 : size > operand->size ? 1 : 0;
}

/* WHERE_CONTAINS, WHERE_STARTS and WHERE_ENDS. */
static bool has_part(const struct where_node *node, const uint8_t *text, size_t size) {
    const struct where_operand *operand = &node->operands[0];
    if (node->relation == WHERE_CONTAINS) return find(&node->needle, text, text + size) != NULL;
    if (size < operand->size) return false;
    if (node->relation == WHERE_ENDS) text += size - operand->size;
    return memcmp(text, operand->text, operand->size) == 0;
}

static enum truth matches(const struct evaluation *e, const struct where_node *node,
                          const uint8_t *text, size_t size) {
    size_t begin, end;
    const int found = regex_find(&node->regex, e->state->regex, text, size, 0, &begin, &end);
    return found < 0 ? UNKNOWN : truth_of(found > 0);
}

/* ---- one value ---- */

static bool order_holds(enum where_relation relation, int order) {
    switch (relation) {
    case WHERE_EQUAL: return order == 0;
    case WHERE_LESS: return order < 0;
    case WHERE_LESS_EQUAL: return order <= 0;
    case WHERE_MORE: return order > 0;
    default: return order >= 0;
    }
}

static bool string_compares(const struct where_node *node, const uint8_t *text, size_t size) {
    for (uint32_t i = 0; i < node->count; i++) {
        const struct where_operand *operand = &node->operands[i];
        if (operand->type != VALUE_STRING) continue;
        if (order_holds(node->relation, compare_bytes(text, size, operand))) return true;
    }
    return false;
}

static bool number_compares(const struct where_node *node, const struct value *value) {
    const char *const text = (const char *)value->begin;
    const size_t size = (size_t)(value->end - value->begin);
    struct number number;
    if (!where_is_number(text, size)) return false; /* the record is not JSON */
    number_read(text, size, &number);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct where_operand *operand = &node->operands[i];
        if (operand->type != VALUE_NUMBER) continue;
        if (order_holds(node->relation, number_order(&number, &operand->number))) return true;
    }
    return false;
}

/* true, false, null and containers: equal to themselves. */
static bool constant_compares(const struct where_node *node, const struct value *value) {
    for (uint32_t i = 0; i < node->count; i++)
        if (node->operands[i].type == value->kind && order_holds(node->relation, 0)) return true;
    return false;
}

static enum truth text_holds(const struct evaluation *e, const struct where_node *node,
                             const struct value *value) {
    uint8_t room[STRING_ROOM];
    const uint8_t *text;
    const size_t size = text_of(value, room, &text);
    enum truth truth;
    if (node->relation == WHERE_LIKE)
        truth = matches(e, node, text, size);
    else if (node->relation > WHERE_LIKE)
        truth = truth_of(has_part(node, text, size));
    else
        truth = truth_of(string_compares(node, text, size));
    free_text(value, room, text);
    return truth;
}

/* By severity, if the field is a key of the level. */
static bool level_compares(const struct evaluation *e, const struct where_node *node,
                           const struct value *value, bool *compares) {
    uint8_t level;
    const int key = facts_level_key(e->state->facts, node->path.text, strlen(node->path.text));
    *compares = key >= 0;
    if (key < 0 || !facts_level_at(e->state->facts, key, value->begin, value->end, &level))
        return false;
    return order_holds(node->relation, (int)level - node->operands[0].level);
}

static bool is_level_order(const struct where_node *node) {
    return where_is_order(node->relation) && node->operands[0].type == VALUE_STRING &&
           node->operands[0].is_level && !node->path.is_canonical;
}

/* Does the relation hold, before it is negated? */
static enum truth value_holds(const struct evaluation *e, const struct where_node *node,
                              const struct value *value) {
    bool compares;
    if (is_level_order(node)) {
        const bool holds = level_compares(e, node, value, &compares);
        if (compares) return truth_of(holds);
    }
    if (value->kind == VALUE_STRING || node->relation == WHERE_LIKE)
        return text_holds(e, node, value);
    if (node->relation > WHERE_LIKE) return NO;
    return truth_of(value->kind == VALUE_NUMBER ? number_compares(node, value)
                                                : constant_compares(node, value));
}

/* What a test asks of a present field. */
static enum truth test_holds(const struct evaluation *e, const struct where_node *node,
                             const struct value *value) {
    if (node->kind == WHERE_EXISTS) return YES;
    if (node->kind == WHERE_TRUTH)
        return truth_of(value->kind != VALUE_FALSE && value->kind != VALUE_NULL);
    const enum truth truth = value_holds(e, node, value);
    return node->negated ? opposite(truth) : truth;
}

/* ---- canonical fields ---- */

static bool time_compares(const struct where_node *node, int64_t time_ns) {
    for (uint32_t i = 0; i < node->count; i++) {
        const int64_t other_ns = node->operands[i].time_ns;
        if (order_holds(node->relation, (time_ns > other_ns) - (time_ns < other_ns))) return true;
    }
    return false;
}

/* Equal to a plain level (info) is what is shown as this level, also notice (INFO2). */
static bool severity_compares(const struct where_node *node, uint8_t level) {
    for (uint32_t i = 0; i < node->count; i++) {
        const uint8_t other = node->operands[i].level;
        const bool plain = node->relation == WHERE_EQUAL && level_plain(other) == other;
        if (order_holds(node->relation, (plain ? level_plain(level) : level) - other)) return true;
    }
    return false;
}

static struct canonical *read_canonical(const struct evaluation *e) {
    struct where_state *state = e->state;
    if (state->canonical_rules.facts != state->facts)
        canonical_open(&state->canonical_rules, state->facts);
    if (!state->canonical_is_read) {
        state->canonical.stream = state->stream;
        canonical_read(&state->canonical, &state->canonical_rules, e->record, e->size);
    }
    state->canonical_is_read = true;
    return &state->canonical;
}

/* Time and level are compared as such, but for `contains`, `~` and the like. */
static enum truth canonical_holds(const struct evaluation *e, const struct where_node *node) {
    const enum canonical_field field = node->path.canonical;
    struct canonical *canonical = read_canonical(e);
    const struct facts *facts = &canonical->facts;
    const bool compares = node->kind == WHERE_TEST &&
                          (node->relation == WHERE_EQUAL || where_is_order(node->relation));
    struct value value;
    if (compares && field == CANONICAL_TIME)
        return truth_of(facts->has_time && time_compares(node, facts->time_ns) != node->negated);
    if (compares && field == CANONICAL_LEVEL)
        return truth_of(facts->level != LEVEL_NONE &&
                        severity_compares(node, facts->level) != node->negated);
    return canonical_value(canonical, field, &value) ? test_holds(e, node, &value) : NO;
}

/* ---- scopes ---- */

/* Of all times from min to max. */
static enum truth times_compare(const struct where_node *node, int64_t min_ns, int64_t max_ns) {
    const bool least = time_compares(node, min_ns), greatest = time_compares(node, max_ns);
    if (min_ns == max_ns) return truth_of(least);
    if (node->relation != WHERE_EQUAL) return least == greatest ? truth_of(least) : UNKNOWN;
    for (uint32_t i = 0; i < node->count; i++)
        if (node->operands[i].time_ns >= min_ns && node->operands[i].time_ns <= max_ns)
            return UNKNOWN;
    return NO;
}

static enum truth stream_holds(const struct evaluation *e, const struct where_node *node) {
    struct canonical canonical = {.stream = e->scope->stream};
    const bool is_like = node->kind == WHERE_TEST && node->relation == WHERE_LIKE;
    struct value value;
    if (is_like && e->scope->regex == NULL) return UNKNOWN;
    const bool is = canonical_value(&canonical, CANONICAL_STREAM, &value);
    const enum truth truth = is ? test_holds(e, node, &value) : NO;
    canonical_close(&canonical);
    return truth;
}

/* What is true of all records of the scope that have the level. */
static enum truth scope_holds(const struct evaluation *e, const struct where_node *node) {
    const struct where_scope *scope = e->scope;
    const enum canonical_field field = node->path.canonical;
    const bool is_test = node->kind == WHERE_TEST;
    if (!node->path.is_canonical) return UNKNOWN;
    if (field == CANONICAL_STREAM) return stream_holds(e, node);
    if (field != CANONICAL_TIME && field != CANONICAL_LEVEL) return UNKNOWN;
    if (field == CANONICAL_LEVEL && e->level == LEVEL_NONE) return NO; /* it is absent */
    const bool compares =
        is_test && (node->relation == WHERE_EQUAL || where_is_order(node->relation));
    enum truth truth = is_test ? UNKNOWN : YES;
    if (field == CANONICAL_LEVEL)
        return compares ? truth_of(severity_compares(node, e->level) != node->negated) : truth;
    if (compares) truth = times_compare(node, scope->time_min_ns, scope->time_max_ns);
    if (compares && node->negated) truth = opposite(truth);
    return scope->timed || truth == NO ? truth : UNKNOWN;
}

/* ---- paths ---- */

static enum truth any_holds(const struct evaluation *e, const struct where_node *node,
                            uint32_t part, const struct value *value);

static enum truth any_element_holds(const struct evaluation *e, const struct where_node *node,
                                    uint32_t part, const struct value *value) {
    struct members members = members_of(value);
    struct member member;
    enum truth truth = NO;
    while (truth != YES && members_next(&members, &member)) {
        const enum truth one = any_holds(e, node, part, &member.value);
        if (one > truth) truth = one;
    }
    return truth;
}

/* The decoded bytes of a name, one after the other. */
struct name_bytes {
    const uint8_t *p, *end;
    uint8_t bytes[4];
    size_t at, size;
};

/* -1: there are no more. */
static int next_byte(struct name_bytes *name) {
    if (name->at == name->size) {
        if (name->p == name->end) return -1;
        name->size = string_decode(&name->p, name->end, name->bytes);
        name->at = 0;
    }
    return name->bytes[name->at++];
}

static bool names_equal(const struct member *a, const struct member *b) {
    struct name_bytes one = {.p = a->name, .end = a->name_end};
    struct name_bytes other = {.p = b->name, .end = b->name_end};
    int byte;
    do {
        byte = next_byte(&one);
        if (byte != next_byte(&other)) return false;
    } while (byte >= 0);
    return true;
}

static size_t hash_of_name(const struct member *member) {
    struct name_bytes name = {.p = member->name, .end = member->name_end};
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (int byte = next_byte(&name); byte >= 0; byte = next_byte(&name))
        hash = (hash ^ (uint64_t)byte) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

/* The members of an object without those whose name occurs again later.  Free the result. */
static struct member *last_members(const struct value *value, size_t *count) {
    struct members members = members_of(value);
    struct member member, *list = NULL;
    size_t room = 0;
    for (*count = 0; members_next(&members, &member); list[(*count)++] = member) {
        if (*count < room) continue;
        room = room > 0 ? 2 * room : MEMBERS_MIN;
        list = reallocate(list, room * sizeof *list);
    }
    size_t places = 4;
    while (places < 2 * *count)
        places *= 2;
    size_t *table = allocate(places * sizeof *table), kept = *count;
    memset(table, 0xff, places * sizeof *table);
    for (size_t i = *count; i-- > 0;) { /* from the end: the first one of a name stays */
        size_t place = hash_of_name(&list[i]) & (places - 1);
        while (table[place] != SIZE_MAX && !names_equal(&list[table[place]], &list[i]))
            place = (place + 1) & (places - 1);
        if (table[place] != SIZE_MAX) continue;
        list[--kept] = list[i];
        table[place] = kept;
    }
    *count -= kept;
    if (kept > 0) memmove(list, list + kept, *count * sizeof *list);
    free(table);
    return list;
}

static enum truth any_member_holds(const struct evaluation *e, const struct where_node *node,
                                   uint32_t part, const struct value *value) {
    if (value->kind != VALUE_OBJECT) return any_element_holds(e, node, part, value);
    size_t count;
    struct member *list = last_members(value, &count);
    enum truth truth = NO;
    for (size_t i = 0; i < count && truth != YES; i++) {
        const enum truth one = any_holds(e, node, part, &list[i].value);
        if (one > truth) truth = one;
    }
    free(list);
    return truth;
}

/* Of the values to which the parts of the path from `part` on lead, beginning at `value`. */
static enum truth any_holds(const struct evaluation *e, const struct where_node *node,
                            uint32_t part, const struct value *value) {
    struct value found;
    if (part == node->path.count) return test_holds(e, node, value);
    const struct where_part *step = &node->path.parts[part++];
    switch (step->kind) {
    case WHERE_FIELD:
        return value_find(value, step->name, step->size, &found) ? any_holds(e, node, part, &found)
                                                                 : NO;
    case WHERE_ELEMENTS:
        return value->kind == VALUE_ARRAY ? any_element_holds(e, node, part, value) : NO;
    case WHERE_MEMBERS: return any_member_holds(e, node, part, value);
    }
    return NO;
}

/* ---- and, or, not ---- */

/* Recursion ends: nodes only refer to earlier nodes. */
static enum truth node_holds(const struct evaluation *e, uint32_t number) {
    const struct where_node *node = &e->where->nodes[number];
    enum truth left, right;
    switch (node->kind) {
    case WHERE_AND:
        if ((left = node_holds(e, node->left)) == NO) return NO;
        right = node_holds(e, node->right);
        return left < right ? left : right;
    case WHERE_OR:
        if ((left = node_holds(e, node->left)) == YES) return YES;
        right = node_holds(e, node->right);
        return left > right ? left : right;
    case WHERE_NOT: return opposite(node_holds(e, node->left));
    default:
        if (e->scope != NULL) return scope_holds(e, node);
        if (node->path.is_canonical) return canonical_holds(e, node);
        return any_holds(e, node, 0, &e->root);
    }
}

bool where_holds(const struct where *where, struct where_state *state, const uint8_t *record,
                 size_t size) {
    state->canonical_is_read = false;
    const struct evaluation e = {.where = where,
                                 .state = state,
                                 .record = record,
                                 .size = size,
                                 .root = value_of(record, record + size)};
    const enum truth truth = node_holds(&e, where->root);
    if (truth == UNKNOWN) state->gave_up = true;
    return truth == YES;
}

bool where_names(const struct where *where, enum canonical_field field) {
    for (uint32_t i = 0; i < where->count; i++) {
        const struct where_path *path = &where->nodes[i].path;
        if (path->is_canonical && path->canonical == field) return true;
    }
    return false;
}

/* The levels of the scope of which this, or something else than NO, is true. */
static uint32_t levels_where(const struct where *where, const struct where_scope *scope,
                             enum truth least) {
    struct where_state state = {.regex = scope->regex, .stream = scope->stream};
    struct evaluation e = {.where = where, .state = &state, .scope = scope};
    uint32_t levels = 0;
    for (e.level = LEVEL_NONE; e.level <= LEVEL_MAX; e.level++) {
        const uint32_t bit = UINT32_C(1) << e.level;
        if ((scope->levels & bit) != 0 && node_holds(&e, where->root) >= least) levels |= bit;
    }
    return levels;
}

uint32_t where_may_hold(const struct where *where, const struct where_scope *scope) {
    return levels_where(where, scope, UNKNOWN);
}

bool where_decides(const struct where *where, const struct where_scope *scope, uint32_t *levels) {
    *levels = levels_where(where, scope, YES);
    return *levels == levels_where(where, scope, UNKNOWN);
}

void where_state_close(struct where_state *state) {
    canonical_close(&state->canonical);
    *state = (struct where_state){0};
}
