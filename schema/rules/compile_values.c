/* compile_values.c - compiles the rules for strings and numbers, and the values of enum and
 * const. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/equal.h"
#include "schema/json/text.h"
#include "schema/rules/compile.h"

/* ---- strings ---- */

int compile_pattern(struct compiler *compiler, const struct document *document,
                    const struct value *blame, const char *raw, size_t size,
                    const struct pattern **out) {
    struct schema *schema = compiler->schema;
    if (schema->pattern_count == schema->pattern_room) {
        const size_t room = schema->pattern_room ? schema->pattern_room * 2 : 16;
        struct pattern **grown = arena_take(&schema->arena, room * sizeof *grown);
        if (!grown) return ERR_NO_MEMORY;
        if (schema->pattern_count > 0)
            memcpy(grown, schema->patterns, schema->pattern_count * sizeof *grown);
        schema->patterns = grown;
        schema->pattern_room = room;
    }
    char *text = malloc(size + 1);
    if (!text) return ERR_NO_MEMORY;
    struct pattern_problem problem = {0};
    struct pattern *pattern = NULL;
    const size_t text_size = text_decode(raw, size, text);
    const int error = pattern_compile(text, text_size, &pattern, &problem);
    free(text);
    if (error == ERR_NO_MEMORY) return error;
    if (error)
        return REFUSE(compiler, document, blame, "invalid regular expression: %s (at byte %zu)",
                      problem.sentence, problem.offset);
    schema->patterns[schema->pattern_count++] = pattern;
    schema->needs_decoding = true;
    *out = pattern;
    return 0;
}

static enum format_kind format_of(const struct compiler *compiler, const struct node *node,
                                  const struct keyword_values *values) {
    char name[64];
    size_t size = 0;
    const struct value *format = values->of[KEYWORD_FORMAT];
    const struct resource *resource = resources_at(&compiler->resources, node->resource);
    const bool asserted = compiler->options->formats_asserted ||
                          (resource->vocabularies & VOCABULARY_FORMAT_ASSERTION);
    if (!format || !asserted) return FORMAT_UNKNOWN;
    if (document_decode(values->document, format, name, sizeof name, &size)) return FORMAT_UNKNOWN;
    return format_named(name, size);
}

int compile_strings(struct compiler *compiler, struct node *node,
                    const struct keyword_values *values) {
    struct value *const *of = values->of;
    const struct document *document = values->document;
    const struct value *pattern = of[KEYWORD_PATTERN];
    const enum format_kind format = format_of(compiler, node, values);
    if (!of[KEYWORD_MIN_LENGTH] && !of[KEYWORD_MAX_LENGTH] && !pattern && !format) return 0;
    struct string_rules *rules = arena_take(&compiler->schema->arena, sizeof *rules);
    if (!rules) return ERR_NO_MEMORY;
    rules->length_min = of[KEYWORD_MIN_LENGTH] ? count_of(document, of[KEYWORD_MIN_LENGTH]) : 0;
    rules->length_max =
        of[KEYWORD_MAX_LENGTH] ? count_of(document, of[KEYWORD_MAX_LENGTH]) : SIZE_MAX;
    /* An escape takes six bytes for one code point or half a surrogate pair. */
    rules->bytes_sure = rules->length_min > SIZE_MAX / 12 ? SIZE_MAX : rules->length_min * 12;
    if (rules->length_min == 1) rules->bytes_sure = 1;
    rules->format = format;
    if (format) compiler->schema->needs_decoding = true;
    node->string = rules;
    if (!pattern) return 0;
    return compile_pattern(compiler, document, pattern, value_string(document, pattern),
                           value_string_size(pattern), &rules->pattern);
}

/* ---- numbers ---- */

size_t count_of(const struct document *document, const struct value *value) {
    struct number number;
    number_read(value_text(document, value), value_size(value), &number);
    if (number.digits == 0) return 0;
    if (number.point > 19) return SIZE_MAX;
    uint64_t count = 0;
    const char *digit = number.first;
    size_t left = number.digits;
    for (int64_t i = 0; i < number.point; i++) {
        if (left > 0 && *digit == '.') digit++;
        const uint64_t next = left > 0 ? (uint64_t)(*digit++ - '0') : 0;
        left -= left > 0;
        if (count > (SIZE_MAX - next) / 10) return SIZE_MAX;
        count = count * 10 + next;
    }
    return (size_t)count;
}

static void read_bound(const struct keyword_values *values, enum keyword keyword,
                       struct bound *bound) {
    const struct value *value = values->of[keyword];
    if (!value) return;
    bound->given = true;
    number_read(value_text(values->document, value), value_size(value), &bound->number);
    bound->integer = (int64_t)bound->number.coefficient;
    if (bound->number.digits == 0) bound->integer = 0;
    if (bound->number.negative) bound->integer = -bound->integer;
}

int compile_numbers(struct compiler *compiler, struct node *node,
                    const struct keyword_values *values) {
    static const enum keyword keywords[] = {KEYWORD_MINIMUM, KEYWORD_MAXIMUM,
                                            KEYWORD_EXCLUSIVE_MINIMUM, KEYWORD_EXCLUSIVE_MAXIMUM,
                                            KEYWORD_MULTIPLE_OF};
    bool wanted = false;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        wanted |= values->of[keywords[i]] != NULL;
    if (!wanted) return 0;
    struct number_rules *rules = arena_take(&compiler->schema->arena, sizeof *rules);
    if (!rules) return ERR_NO_MEMORY;
    struct bound *bounds[] = {&rules->minimum, &rules->maximum, &rules->above, &rules->below,
                              &rules->multiple};
    rules->plain = !values->of[KEYWORD_MULTIPLE_OF];
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        read_bound(values, keywords[i], bounds[i]);
        if (bounds[i]->given && !bounds[i]->number.plain) rules->plain = false;
    }
    rules->below_min = rules->minimum.given ? rules->minimum.integer : INT64_MIN;
    rules->above_min = rules->above.given ? rules->above.integer + 1 : INT64_MIN;
    rules->above_max = rules->maximum.given ? rules->maximum.integer : INT64_MAX;
    rules->below_max = rules->below.given ? rules->below.integer - 1 : INT64_MAX;
    node->number = rules;
    return 0;
}

/* ---- enum and const ---- */

/* Longer lists get a hash table. */
#define CHOICES_LINEAR_MAX 16

static int hash_choices(struct compiler *compiler, struct choices *choices) {
    uint32_t room = 64;
    while (room < choices->count * 2)
        room *= 2;
    uint32_t *table = arena_take(&compiler->schema->arena, room * sizeof *table);
    if (!table) return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < choices->count; i++) {
        const struct choice *choice = &choices->choices[i];
        uint32_t at = (uint32_t)json_hash(choice->text, choice->size) & (room - 1);
        while (table[at] != 0) /* ends: at least half of it is free */
            at = (at + 1) & (room - 1);
        table[at] = i + 1;
    }
    choices->table = table;
    choices->table_mask = room - 1;
    return 0;
}

int compile_choices(struct compiler *compiler, const struct document *document,
                    const struct value *list, bool one, const struct choices **out) {
    struct choices *choices = arena_take(&compiler->schema->arena, sizeof *choices);
    if (!choices) return ERR_NO_MEMORY;
    *out = choices;
    choices->count = one ? 1 : list->count;
    struct choice *all = arena_take(&compiler->schema->arena, (choices->count + 1) * sizeof *all);
    if (!all) return ERR_NO_MEMORY;
    choices->choices = all;
    const struct value *value = one ? list : &document->values[list->first];
    for (uint32_t i = 0; i < choices->count; i++) {
        all[i] = (struct choice){.text = value_text(document, value),
                                 .size = (uint32_t)value_size(value),
                                 .kind = value->kind};
        all[i].plain = value->kind == KIND_STRING && text_is_plain(all[i].text, all[i].size);
        choices->kinds |= value->kind;
        const size_t head = all[i].size < 8 ? all[i].size : 8;
        memcpy(&all[i].head, all[i].text, head);
        memset(&all[i].head_mask, 0xFF, head);
        value = &document->values[value->next];
    }
    choices->plain = choices->count <= CHOICES_LINEAR_MAX;
    for (uint32_t i = 0; i < choices->count; i++)
        choices->plain &= all[i].plain;
    return choices->count > CHOICES_LINEAR_MAX ? hash_choices(compiler, choices) : 0;
}
