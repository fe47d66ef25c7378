/* compile_object.c - compiles the rules for objects: one table of all names that any keyword
 * mentions, so that each name of a line is looked up once. */
#include <string.h>

#include "port/error.h"
#include "schema/json/text.h"
#include "schema/rules/compile.h"

static bool has_object_keywords(const struct keyword_values *values);
static int make_table(struct compiler *compiler, struct object_rules *rules, size_t room);
static int add_name(struct compiler *compiler, struct object_rules *rules, const char *raw,
                    size_t size, uint32_t *index);
static void track(struct object_rules *rules, uint32_t name);
static int add_properties(struct compiler *compiler, struct object_rules *rules,
                          const struct keyword_values *values);
static int add_patterns(struct compiler *compiler, struct object_rules *rules,
                        const struct keyword_values *values);
static int add_required(struct compiler *compiler, struct object_rules *rules,
                        const struct keyword_values *values);
static int add_dependencies(struct compiler *compiler, struct object_rules *rules,
                            const struct keyword_values *values);

static size_t names_mentioned(const struct keyword_values *values) {
    const struct document *document = values->document;
    const enum keyword keywords[] = {KEYWORD_PROPERTIES, KEYWORD_REQUIRED,
                                     KEYWORD_DEPENDENT_SCHEMAS, KEYWORD_DEPENDENT_REQUIRED};
    size_t count = 0;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        const struct value *value = values->of[keywords[i]];
        if (value) count += value->count;
    }
    const struct value *value = values->of[KEYWORD_DEPENDENT_REQUIRED];
    for (uint32_t i = value ? value->first : 0; i != 0; i = document->values[i].next)
        count += document->values[i].count;
    return count;
}

int compile_object(struct compiler *compiler, struct node *node,
                   const struct keyword_values *values) {
    struct value *const *of = values->of;
    if (!has_object_keywords(values)) return 0;
    struct object_rules *rules = arena_take(&compiler->schema->arena, sizeof *rules);
    if (!rules) return ERR_NO_MEMORY;
    node->object = rules;
    if (of[KEYWORD_ADDITIONAL_PROPERTIES])
        rules->additional = of[KEYWORD_ADDITIONAL_PROPERTIES]->node;
    if (of[KEYWORD_PROPERTY_NAMES]) rules->property_names = of[KEYWORD_PROPERTY_NAMES]->node;
    rules->properties_max = SIZE_MAX;
    if (of[KEYWORD_MIN_PROPERTIES])
        rules->properties_min = count_of(values->document, of[KEYWORD_MIN_PROPERTIES]);
    if (of[KEYWORD_MAX_PROPERTIES])
        rules->properties_max = count_of(values->document, of[KEYWORD_MAX_PROPERTIES]);
    int error = make_table(compiler, rules, names_mentioned(values));
    if (!error) error = add_properties(compiler, rules, values);
    if (!error) error = add_patterns(compiler, rules, values);
    if (!error) error = add_dependencies(compiler, rules, values);
    if (!error) error = add_required(compiler, rules, values); /* last: all bits are assigned now */
    rules->names_matter = rules->pattern_count > 0 || rules->property_names;
    rules->guess = compiler->schema->guess_count;
    compiler->schema->guess_count += rules->name_count + 2;
    rules->plain = !rules->names_matter && rules->tracked_count <= 64;
    return error;
}

static bool has_object_keywords(const struct keyword_values *values) {
    static const enum keyword keywords[] = {
        KEYWORD_PROPERTIES,        KEYWORD_PATTERN_PROPERTIES, KEYWORD_ADDITIONAL_PROPERTIES,
        KEYWORD_PROPERTY_NAMES,    KEYWORD_REQUIRED,           KEYWORD_DEPENDENT_REQUIRED,
        KEYWORD_DEPENDENT_SCHEMAS, KEYWORD_MIN_PROPERTIES,     KEYWORD_MAX_PROPERTIES};
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (values->of[keywords[i]]) return true;
    }
    return false;
}

/* ---- names ---- */

static const char no_name[NAME_PADDING + 1];

/* The entry after the last name: the guess if the schema has no names, and the entry for every name
 * that is not in the table. */
static void set_others_entry(struct object_rules *rules) {
    rules->names[rules->name_count] = (struct name){.written = no_name, .mask = 1, .tracked = -1};
}

static int make_table(struct compiler *compiler, struct object_rules *rules, size_t room) {
    size_t slots = 8;
    while (slots < room * 2)
        slots *= 2;
    rules->names = arena_take(&compiler->schema->arena, (room + 1) * sizeof *rules->names);
    rules->table = arena_take(&compiler->schema->arena, slots * sizeof *rules->table);
    rules->table_mask = (uint32_t)(slots - 1);
    if (!rules->names || !rules->table) return ERR_NO_MEMORY;
    set_others_entry(rules);
    return 0;
}

static bool needs_escapes(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\') return true;
    }
    return false;
}

static int add_name(struct compiler *compiler, struct object_rules *rules, const char *raw,
                    size_t size, uint32_t *index) {
    const uint32_t hash = (uint32_t)text_hash(raw, size);
    uint32_t slot = hash & rules->table_mask;
    for (; rules->table[slot] != 0; slot = (slot + 1) & rules->table_mask) {
        *index = rules->table[slot] - 1;
        const struct name *known = &rules->names[*index];
        if (known->hash == hash && text_equals_decoded(raw, size, known->text, known->size))
            return 0;
    }
    char *text = arena_take(&compiler->schema->arena, size + 1 + NAME_PADDING);
    if (!text) return ERR_NO_MEMORY;
    *index = rules->name_count++;
    set_others_entry(rules);
    struct name *name = &rules->names[*index];
    *name = (struct name){0};
    name->size = (uint32_t)text_decode(raw, size, text);
    text[name->size] = '"';
    name->text = text;
    name->hash = hash;
    name->written = needs_escapes(text, name->size) ? no_name : text;
    name->mask = name->size < 16 ? (2u << name->size) - 1 : 0xFFFF;
    name->tracked = -1;
    rules->table[slot] = *index + 1;
    return 0;
}

static int add_name_of(struct compiler *compiler, struct object_rules *rules,
                       const struct document *document, const struct value *member,
                       uint32_t *index) {
    return add_name(compiler, rules, document->text + member->name, member->name_end - member->name,
                    index);
}

static void track(struct object_rules *rules, uint32_t name) {
    if (rules->names[name].tracked < 0)
        rules->names[name].tracked = (int32_t)rules->tracked_count++;
    rules->names[name].word = (uint32_t)rules->names[name].tracked / 64;
    rules->names[name].bit = UINT64_C(1) << rules->names[name].tracked % 64;
}

/* ---- keywords ---- */

static int add_properties(struct compiler *compiler, struct object_rules *rules,
                          const struct keyword_values *values) {
    const struct document *document = values->document;
    const struct value *properties = values->of[KEYWORD_PROPERTIES];
    for (uint32_t i = properties ? properties->first : 0; i != 0; i = document->values[i].next) {
        const struct value *member = &document->values[i];
        uint32_t index;
        const int error = add_name_of(compiler, rules, document, member, &index);
        if (error) return error;
        if (rules->names[index].node)
            return REFUSE(compiler, document, member, "duplicate name in properties");
        rules->names[index].node = member->node;
    }
    return 0;
}

static int add_patterns(struct compiler *compiler, struct object_rules *rules,
                        const struct keyword_values *values) {
    const struct document *document = values->document;
    const struct value *list = values->of[KEYWORD_PATTERN_PROPERTIES];
    if (!list) return 0;
    struct name_pattern *patterns =
        arena_take(&compiler->schema->arena, list->count * sizeof *patterns);
    if (!patterns) return ERR_NO_MEMORY;
    rules->patterns = patterns;
    for (uint32_t i = list->first; i != 0; i = document->values[i].next) {
        const struct value *member = &document->values[i];
        struct name_pattern *one = &patterns[rules->pattern_count++];
        one->node = member->node;
        const int error = compile_pattern(compiler, document, member, document->text + member->name,
                                          member->name_end - member->name, &one->pattern);
        if (error) return error;
    }
    return 0;
}

static int add_required(struct compiler *compiler, struct object_rules *rules,
                        const struct keyword_values *values) {
    const struct document *document = values->document;
    const struct value *list = values->of[KEYWORD_REQUIRED];
    if (!list || list->count == 0) return 0;
    for (int pass = 0; pass < 2; pass++) {
        uint64_t *bits = NULL;
        if (pass == 1) {
            bits = arena_take(&compiler->schema->arena, (rules->tracked_count + 63) / 64 * 8);
            if (!bits) return ERR_NO_MEMORY;
        }
        for (uint32_t i = list->first; i != 0; i = document->values[i].next) {
            const struct value *name = &document->values[i];
            uint32_t index;
            const int error = add_name(compiler, rules, value_string(document, name),
                                       value_string_size(name), &index);
            if (error) return error;
            track(rules, index);
            const uint32_t bit = (uint32_t)rules->names[index].tracked;
            if (pass == 1) bits[bit / 64] |= 1ull << bit % 64;
        }
        rules->required = bits;
    }
    return 0;
}

/* {"a": ["b", "c"]}: if a is present, b and c must be, too. */
static int add_dependent_names(struct compiler *compiler, struct object_rules *rules,
                               const struct document *document, const struct value *list,
                               struct dependency *dependency) {
    uint32_t *required = arena_take(&compiler->schema->arena, list->count * sizeof *required);
    if (!required) return ERR_NO_MEMORY;
    dependency->required = required;
    for (uint32_t i = list->first; i != 0; i = document->values[i].next) {
        const struct value *name = &document->values[i];
        uint32_t *index = &required[dependency->required_count++];
        const int error =
            add_name(compiler, rules, value_string(document, name), value_string_size(name), index);
        if (error) return error;
        track(rules, *index);
    }
    return 0;
}

static int add_dependencies(struct compiler *compiler, struct object_rules *rules,
                            const struct keyword_values *values) {
    const struct document *document = values->document;
    const struct value *lists[] = {values->of[KEYWORD_DEPENDENT_REQUIRED],
                                   values->of[KEYWORD_DEPENDENT_SCHEMAS]};
    const size_t room = (size_t)(lists[0] ? lists[0]->count : 0) + (lists[1] ? lists[1]->count : 0);
    if (room == 0) return 0;
    rules->dependencies = arena_take(&compiler->schema->arena, room * sizeof *rules->dependencies);
    if (!rules->dependencies) return ERR_NO_MEMORY;
    for (int which = 0; which < 2; which++) {
        for (uint32_t i = lists[which] ? lists[which]->first : 0; i != 0;
             i = document->values[i].next) {
            const struct value *member = &document->values[i];
            struct dependency *one = &rules->dependencies[rules->dependency_count++];
            int error = add_name_of(compiler, rules, document, member, &one->name);
            if (error) return error;
            track(rules, one->name);
            if (which == 1)
                one->node = member->node;
            else
                error = add_dependent_names(compiler, rules, document, member, one);
            if (error) return error;
        }
    }
    return 0;
}
