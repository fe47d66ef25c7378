/* compile_link.c - the last pass over a program: schemas that apply to one place in a circle are
 * refused, for no line could ever be judged by them, and a schema that is but a $ref is cut out
 * of the way. */
#include <stdio.h>

#include "port/error.h"
#include "schema/rules/check.h"
#include "schema/rules/compile.h"

enum color { UNSEEN, OPEN, DONE };

static int find_circle(struct compiler *compiler, struct node *node, uint32_t depth);
static void link_node(struct node *node);

int link_program(struct compiler *compiler) {
    for (struct node *node = compiler->schema->nodes; node; node = node->next)
        node->color = UNSEEN;
    for (struct node *node = compiler->schema->nodes; node; node = node->next) {
        const int error = find_circle(compiler, node, 0);
        if (error) return error;
    }
    /* Where it matters from where one comes, every step is taken. */
    const bool dynamic = compiler->schema->dynamic;
    for (struct node *node = compiler->schema->nodes; node && !dynamic; node = node->next)
        link_node(node);
    for (struct node *node = compiler->schema->nodes; node; node = node->next)
        check_plan(node, dynamic);
    return 0;
}

/* ---- circles ---- */

/* Follows what applies to the same place.  What a $dynamicRef leads to from elsewhere is not known
 * here: check.c stops such a circle by its depth. */
static int find_circle(struct compiler *compiler, struct node *node, uint32_t depth) {
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
            error = find_circle(compiler, applicator->nodes[k], depth + 1);
    }
    for (uint32_t i = 0; node->object && i < node->object->dependence_count && !error; i++)
        error = find_circle(compiler, node->object->dependences[i].node, depth + 1);
    node->color = DONE;
    return error;
}

/* ---- cutting out ---- */

static void cut(struct node **link) {
    while (*link && (*link)->instead) /* ends: there are no circles */
        *link = (*link)->instead;
}

static void link_object(struct object_rules *rules) {
    for (uint32_t i = 0; i < rules->name_count; i++)
        cut(&rules->names[i].node);
    for (uint32_t i = 0; i < rules->pattern_count; i++)
        cut(&rules->patterns[i].node);
    for (uint32_t i = 0; i < rules->dependence_count; i++)
        cut(&rules->dependences[i].node);
    cut(&rules->additional);
    cut(&rules->property_names);
}

static void link_array(struct array_rules *rules) {
    for (uint32_t i = 0; i < rules->prefix_count; i++)
        cut(&rules->prefix[i]);
    cut(&rules->items);
    cut(&rules->contains);
}

static void link_node(struct node *node) {
    if (node->object) link_object(node->object);
    if (node->array) link_array(node->array);
    for (uint32_t i = 0; i < node->applicator_count; i++) {
        for (uint32_t k = 0; k < node->applicators[i].count; k++)
            cut(&node->applicators[i].nodes[k]);
    }
    cut(&node->unevaluated_properties);
    cut(&node->unevaluated_items);
}
