/* compile_node.c - compiles one schema: finds and checks its keywords, then makes the rules that
 * check.c runs from each group of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/text.h"
#include "schema/rules/compile.h"

static int read_keywords(struct compiler *compiler, const struct node *node,
                         struct keyword_values *values);
static int compile_types(struct node *node, const struct keyword_values *values);
static int compile_all_schemas(struct compiler *compiler, const struct keyword_values *values);
static int compile_array(struct compiler *compiler, struct node *node,
                         const struct keyword_values *values);
static int compile_applicators(struct compiler *compiler, struct node *node,
                               const struct keyword_values *values);
static int compile_unevaluated(struct compiler *compiler, struct node *node,
                               const struct keyword_values *values);
static bool only_refers(const struct node *node);

int compile_schema(struct compiler *compiler, struct document *document, struct value *value,
                   struct node **out) {
    if (value->kind != KIND_OBJECT && value->kind != KIND_BOOLEAN)
        return REFUSE(compiler, document, value, "a schema must be an object or a boolean, not %s",
                      kind_text(value->kind));
    *out = value->node;
    if (value->node) return 0;
    struct node *node = arena_take(&compiler->schema->arena, sizeof *node);
    if (!node) return ERR_NO_MEMORY;
    const struct resource *resource = resources_of(&compiler->resources, document, value);
    *node = (struct node){
        .kinds = KIND_ANY,
        .resource = (uint32_t)(resource - compiler->resources.resources) + 1,
        .document = document,
        .value = value,
    };
    value->node = node;
    *compiler->last = node;
    compiler->last = &node->next;
    *out = node;
    return 0;
}

int compile_node(struct compiler *compiler, struct node *node) {
    struct document *document = (struct document *)node->document;
    if (node->value->kind == KIND_BOOLEAN) {
        node->never = !value_is_true(document, node->value);
        if (node->never) node->kinds = 0;
        return 0;
    }
    struct keyword_values values = {.document = document};
    int error = read_keywords(compiler, node, &values);
    if (!error) error = compile_types(node, &values);
    if (!error) error = compile_all_schemas(compiler, &values);
    if (!error) error = compile_object(compiler, node, &values);
    if (!error) error = compile_array(compiler, node, &values);
    if (!error) error = compile_strings(compiler, node, &values);
    if (!error) error = compile_numbers(compiler, node, &values);
    if (!error && values.of[KEYWORD_CONST])
        error =
            compile_choices(compiler, document, values.of[KEYWORD_CONST], true, &node->constant);
    if (!error && values.of[KEYWORD_ENUM])
        error = compile_choices(compiler, document, values.of[KEYWORD_ENUM], false, &node->choices);
    if (!error) error = compile_applicators(compiler, node, &values);
    if (!error) error = compile_unevaluated(compiler, node, &values);
    if (error) return error;
    if (only_refers(node)) node->instead = node->applicators[0].nodes[0];
    return 0;
}

/* ---- keywords ---- */

#define UNKNOWN_NAMED_MAX 64
struct unknown {
    uint64_t hashes[UNKNOWN_NAMED_MAX];
};

/* Each name once, for the first UNKNOWN_NAMED_MAX names. */
static int warn_unknown(struct compiler *compiler, const struct document *document,
                        const struct value *member) {
    static const char *const old[][2] = {
        {"id", "; did you mean $id?"},
        {"additionalItems", "; use prefixItems and items"},
        {"dependencies", "; use dependentRequired or dependentSchemas"},
        {"$recursiveRef", "; use $dynamicRef"},
        {"$recursiveAnchor", "; use $dynamicAnchor"}};
    if (!compiler->options->warned) return 0;
    if (!compiler->unknown)
        compiler->unknown = arena_take(&compiler->schema->arena, sizeof *compiler->unknown);
    if (!compiler->unknown) return ERR_NO_MEMORY;
    const char *name = document->text + member->name;
    const size_t size = member->name_end - member->name;
    const uint64_t hash = text_hash(name, size);
    for (size_t i = 0; i < compiler->unknown_count; i++) {
        if (compiler->unknown->hashes[i] == hash) return 0;
    }
    if (compiler->unknown_count == UNKNOWN_NAMED_MAX) return 0;
    compiler->unknown->hashes[compiler->unknown_count++] = hash;
    const char *hint = "";
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        if (text_equals_decoded(name, size, old[i][0], strlen(old[i][0]))) hint = old[i][1];
    }
    struct schema_problem warning;
    (void)document_refuse(document, member, &warning,
                          "%.*s is not a keyword of this schema's draft: ignored%s",
                          (int)(size > 80 ? 80 : size), name, hint);
    compiler->options->warned(compiler->options->context, &warning);
    return 0;
}

static int read_keywords(struct compiler *compiler, const struct node *node,
                         struct keyword_values *values) {
    struct document *document = values->document;
    const struct resource *resource = resources_at(&compiler->resources, node->resource);
    for (uint32_t i = node->value->first; i != 0; i = document->values[i].next) {
        struct value *member = &document->values[i];
        const enum keyword keyword = keyword_named(
            document->text + member->name, member->name_end - member->name, resource->vocabularies);
        int error = keyword == KEYWORD_UNKNOWN ? warn_unknown(compiler, document, member)
                                               : check_shape(compiler, document, member, keyword);
        if (!error && keyword != KEYWORD_UNKNOWN && values->of[keyword])
            error =
                REFUSE(compiler, document, member, "duplicate keyword %s", keyword_name(keyword));
        if (error) return error;
        values->of[keyword] = member;
    }
    values->of[KEYWORD_UNKNOWN] = NULL;
    return 0;
}

static int compile_types(struct node *node, const struct keyword_values *values) {
    const struct document *document = values->document;
    const struct value *type = values->of[KEYWORD_TYPE];
    if (!type) return 0;
    static const struct {
        const char *name;
        uint8_t kind;
    } kinds[] = {{"null", KIND_NULL},     {"boolean", KIND_BOOLEAN}, {"number", KIND_NUMBER},
                 {"string", KIND_STRING}, {"array", KIND_ARRAY},     {"object", KIND_OBJECT}};
    bool whole = false;
    node->kinds = 0;
    for (uint32_t i = type->kind == KIND_ARRAY ? type->first : 0;;) {
        const struct value *one = type->kind == KIND_ARRAY ? &document->values[i] : type;
        const char *name = value_string(document, one);
        const size_t size = value_string_size(one);
        whole |= text_equals_decoded(name, size, "integer", 7);
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            if (text_equals_decoded(name, size, kinds[k].name, strlen(kinds[k].name)))
                node->kinds |= kinds[k].kind;
        }
        i = one->next;
        if (type->kind != KIND_ARRAY || i == 0) break;
    }
    node->whole = whole && !(node->kinds & KIND_NUMBER);
    if (whole) node->kinds |= KIND_NUMBER;
    return 0;
}

/* All of them, used or not, so that errors are reported at once. */
static int compile_all_schemas(struct compiler *compiler, const struct keyword_values *values) {
    struct document *document = values->document;
    struct node *node;
    for (int keyword = 1; keyword < KEYWORDS; keyword++) {
        struct value *value = values->of[keyword];
        if (!value) continue;
        const enum shape shape = keyword_shape((enum keyword)keyword);
        int error = 0;
        if (shape == SHAPE_SCHEMA) error = compile_schema(compiler, document, value, &node);
        if (shape == SHAPE_SCHEMAS || shape == SHAPE_SCHEMA_MAP) {
            for (uint32_t i = value->first; i != 0 && !error; i = document->values[i].next)
                error = compile_schema(compiler, document, &document->values[i], &node);
        }
        if (error) return error;
    }
    return 0;
}

/* The node that compile_all_schemas has created. */
static struct node *node_of(const struct keyword_values *values, enum keyword keyword) {
    const struct value *value = values->of[keyword];
    return value ? value->node : NULL;
}

static int list_nodes(struct compiler *compiler, const struct document *document,
                      const struct value *list, struct node ***out) {
    *out = arena_take(&compiler->schema->arena, list->count * sizeof **out);
    if (!*out) return ERR_NO_MEMORY;
    for (uint32_t i = list->first; i != 0; i = document->values[i].next)
        (*out)[document->values[i].position] = document->values[i].node;
    return 0;
}

static size_t count_or(const struct keyword_values *values, enum keyword keyword, size_t preset) {
    const struct value *value = values->of[keyword];
    return value ? count_of(values->document, value) : preset;
}

static int compile_array(struct compiler *compiler, struct node *node,
                         const struct keyword_values *values) {
    struct value *const *of = values->of;
    const bool unique =
        of[KEYWORD_UNIQUE_ITEMS] && value_is_true(values->document, of[KEYWORD_UNIQUE_ITEMS]);
    if (!of[KEYWORD_PREFIX_ITEMS] && !of[KEYWORD_ITEMS] && !of[KEYWORD_CONTAINS] &&
        !of[KEYWORD_MIN_ITEMS] && !of[KEYWORD_MAX_ITEMS] && !unique)
        return 0;
    struct array_rules *rules = arena_take(&compiler->schema->arena, sizeof *rules);
    if (!rules) return ERR_NO_MEMORY;
    *rules = (struct array_rules){
        .items = node_of(values, KEYWORD_ITEMS),
        .contains = node_of(values, KEYWORD_CONTAINS),
        .contains_min = count_or(values, KEYWORD_MIN_CONTAINS, 1),
        .contains_max = count_or(values, KEYWORD_MAX_CONTAINS, SIZE_MAX),
        .items_min = count_or(values, KEYWORD_MIN_ITEMS, 0),
        .items_max = count_or(values, KEYWORD_MAX_ITEMS, SIZE_MAX),
        .unique = unique,
    };
    compiler->schema->has_unique |= unique;
    node->array = rules;
    if (!of[KEYWORD_PREFIX_ITEMS]) return 0;
    rules->prefix_count = of[KEYWORD_PREFIX_ITEMS]->count;
    return list_nodes(compiler, values->document, of[KEYWORD_PREFIX_ITEMS], &rules->prefix);
}

/* ---- schemas that apply to the same value ---- */

static int compile_reference(struct compiler *compiler, const struct keyword_values *values,
                             struct applicator *applicator) {
    const bool dynamic = applicator->keyword == KEYWORD_DYNAMIC_REF;
    struct target target;
    struct value *reference = values->of[applicator->keyword];
    int error = resources_follow(&compiler->resources, values->document, reference, &target);
    if (error) return error;
    if (target.value->kind != KIND_OBJECT && target.value->kind != KIND_BOOLEAN)
        return REFUSE(compiler, values->document, reference, "it refers to %s, not to a schema",
                      kind_text(target.value->kind));
    if (!target.value->is_schema)
        error = resources_adopt(&compiler->resources, target.document, target.value);
    applicator->count = 1;
    applicator->nodes = arena_take(&compiler->schema->arena, sizeof *applicator->nodes);
    if (!applicator->nodes) error = ERR_NO_MEMORY;
    if (!error) error = compile_schema(compiler, target.document, target.value, applicator->nodes);
    if (error || !dynamic || !target.dynamic) return error;
    struct dynamic_reference *one = arena_take(&compiler->schema->arena, sizeof *one);
    if (!one) return ERR_NO_MEMORY;
    *one = (struct dynamic_reference){compiler->dynamic, applicator, target.dynamic};
    compiler->dynamic = one;
    compiler->dynamic_count++;
    return 0;
}

static int compile_if(struct compiler *compiler, const struct keyword_values *values,
                      struct applicator *applicator) {
    applicator->count = 3;
    applicator->nodes = arena_take(&compiler->schema->arena, 3 * sizeof *applicator->nodes);
    if (!applicator->nodes) return ERR_NO_MEMORY;
    applicator->nodes[0] = node_of(values, KEYWORD_IF);
    applicator->nodes[1] = node_of(values, KEYWORD_THEN);
    applicator->nodes[2] = node_of(values, KEYWORD_ELSE);
    return 0;
}

static int compile_not(struct compiler *compiler, const struct keyword_values *values,
                       struct applicator *applicator) {
    applicator->count = 1;
    applicator->nodes = arena_take(&compiler->schema->arena, sizeof *applicator->nodes);
    if (!applicator->nodes) return ERR_NO_MEMORY;
    applicator->nodes[0] = node_of(values, KEYWORD_NOT);
    return 0;
}

static int compile_applicators(struct compiler *compiler, struct node *node,
                               const struct keyword_values *values) {
    static const enum keyword keywords[] = {KEYWORD_REF,    KEYWORD_DYNAMIC_REF, KEYWORD_ALL_OF,
                                            KEYWORD_ANY_OF, KEYWORD_ONE_OF,      KEYWORD_NOT,
                                            KEYWORD_IF};
    const size_t room = sizeof keywords / sizeof keywords[0];
    size_t wanted = 0;
    for (size_t i = 0; i < room; i++)
        wanted += values->of[keywords[i]] != NULL;
    if (wanted == 0) return 0;
    node->applicators = arena_take(&compiler->schema->arena, wanted * sizeof *node->applicators);
    if (!node->applicators) return ERR_NO_MEMORY;
    for (size_t i = 0; i < room; i++) {
        const struct value *value = values->of[keywords[i]];
        if (!value) continue;
        struct applicator *applicator = &node->applicators[node->applicator_count++];
        applicator->keyword = keywords[i];
        int error = 0;
        switch (keywords[i]) {
        case KEYWORD_REF:
        case KEYWORD_DYNAMIC_REF: error = compile_reference(compiler, values, applicator); break;
        case KEYWORD_NOT: error = compile_not(compiler, values, applicator); break;
        case KEYWORD_IF: error = compile_if(compiler, values, applicator); break;
        default:
            applicator->count = value->count;
            error = list_nodes(compiler, values->document, value, &applicator->nodes);
        }
        if (error) return error;
    }
    return 0;
}

static int compile_unevaluated(struct compiler *compiler, struct node *node,
                               const struct keyword_values *values) {
    (void)compiler;
    node->unevaluated_properties = node_of(values, KEYWORD_UNEVALUATED_PROPERTIES);
    node->unevaluated_items = node_of(values, KEYWORD_UNEVALUATED_ITEMS);
    return 0;
}

static bool only_refers(const struct node *node) {
    return node->applicator_count == 1 && node->applicators[0].keyword == KEYWORD_REF &&
           node->kinds == KIND_ANY && !node->whole && !node->string && !node->number &&
           !node->object && !node->array && !node->constant && !node->choices &&
           !node->unevaluated_properties && !node->unevaluated_items;
}
