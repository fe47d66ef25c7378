/* compile_link.c - the last pass over a program: refuses schemas that apply to the same value in a
 * cycle, because validation would never end, and removes nodes that are only a $ref. */
#include <stdio.h>

#include "port/error.h"
#include "schema/rules/check.h"
#include "schema/rules/compile.h"

enum color { UNSEEN, OPEN, DONE };

static int find_cycle(struct compiler *compiler, struct node *node, uint32_t depth);
static void link_node(struct node *node);

int link_program(struct compiler *compiler) {
    for (struct node *node = compiler->schema->nodes; node; node = node->next)
        node->color = UNSEEN;
    for (struct node *node = compiler->schema->nodes; node; node = node->next) {
        const int error = find_cycle(compiler, node, 0);
        if (error) return error;
    }
    /* With a dynamic scope, every reference on the way counts, so none is removed. */
    const bool dynamic = compiler->schema->dynamic;
    for (struct node *node = compiler->schema->nodes; node && !dynamic; node = node->next)
        link_node(node);
    for (struct node *node = compiler->schema->nodes; node; node = node->next)
        check_plan(node, dynamic);
    return 0;
}

/* ---- cycles ---- */

/* Follows the schemas that apply to the same value.  Targets of a $dynamicRef that depend on the
 * dynamic scope are unknown here: check.c ends such a cycle at its depth limit. */
static int find_cycle(struct compiler *compiler, struct node *node, uint32_t depth) {
    if (!node || node->color == DONE) return 0;
    if (node->color == OPEN)
        return REFUSE(compiler, node->document, node->value,
                      "infinite recursion: it refers to itself for the same value");
    if (depth == CHECK_DEPTH_MAX)
        return REFUSE(compiler, node->document, node->value,
                      "more than %d schemas are nested at one value", CHECK_DEPTH_MAX);
    node->color = OPEN;
    int error = 0;
    for (uint32_t i = 0; i < node->applicator_count && !error; i++) {
        const struct applicator *applicator = &node->applicators[i];
        for (uint32_t k = 0; k < applicator->count && !error; k++)
            error = find_cycle(compiler, applicator->nodes[k], depth + 1);
    }
    for (uint32_t i = 0; node->object && i < node->object->dependency_count && !error; i++)
        error = find_cycle(compiler, node->object->dependencies[i].node, depth + 1);
    node->color = DONE;
    return error;
}

/* ---- removing references ---- */

static void skip_references(struct node **link) {
    while (*link && (*link)->instead) /* ends: there are no cycles */
        *link = (*link)->instead;
}

static void link_object(struct object_rules *rules) {
    for (uint32_t i = 0; i < rules->name_count; i++)
        skip_references(&rules->names[i].node);
    for (uint32_t i = 0; i < rules->pattern_count; i++)
        skip_references(&rules->patterns[i].node);
    for (uint32_t i = 0; i < rules->dependency_count; i++)
        skip_references(&rules->dependencies[i].node);
    skip_references(&rules->additional);
    skip_references(&rules->property_names);
}

static void link_array(struct array_rules *rules) {
    for (uint32_t i = 0; i < rules->prefix_count; i++)
        skip_references(&rules->prefix[i]);
    skip_references(&rules->items);
    skip_references(&rules->contains);
}

static void link_node(struct node *node) {
    if (node->object) link_object(node->object);
    if (node->array) link_array(node->array);
    for (uint32_t i = 0; i < node->applicator_count; i++) {
        for (uint32_t k = 0; k < node->applicators[i].count; k++)
            skip_references(&node->applicators[i].nodes[k]);
    }
    skip_references(&node->unevaluated_properties);
    skip_references(&node->unevaluated_items);
}
