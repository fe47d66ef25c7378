/* field_list.c - see field_tree_internal.h. */
#include "tools/render/field_tree_internal.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"

const char *const field_type_names[FIELD_TYPES] = {"string", "number", "boolean",
                                                   "null",   "object", "array"};

static void add_path(struct field_tree *t, uint32_t number) {
    const struct node *const node = &t->nodes[number];
    if (number == ROOT) return;
    add_path(t, node->parent);
    if (node->kind == NODE_ELEMENT) {
        text_add_text(&t->texts, "[]");
        return;
    }
    if (node->parent != ROOT) text_add_byte(&t->texts, '.');
    if (node->kind == NODE_STAR)
        text_add_byte(&t->texts, '*');
    else
        text_add(&t->texts, node->name, node->name_size);
}

static struct field field_of(struct node *node) {
    struct field field = {.distinct = distinct_count(&node->distinct),
                          .exact = node->distinct.registers == NULL,
                          .keys = distinct_count(&node->keys),
                          .keys_exact = node->keys.registers == NULL,
                          .least = "",
                          .most = "",
                          .values = &node->top};
    const bool times = node->times.some && !node->other_texts && !node->numbers.some;
    const struct bounds *const bounds = times ? &node->times : &node->numbers;
    memcpy(field.records, node->records, sizeof field.records);
    memcpy(field.types, node->types, sizeof field.types);
    if (bounds->some) {
        field.least = bounds->least;
        field.most = bounds->most;
        field.bounds_are_times = times;
    }
    if (!top_is_approximate(&node->top) && !node->top.closed) { /* all values are there */
        field.distinct = node->top.used;
        field.exact = true;
    }
    const uint64_t below = field_node_uncertain_below(&node->top);
    field.others = below;
    field.value_count = top_sort(&node->top);
    for (uint32_t i = 0; i < field.value_count; i++)
        if (node->top.values[i].count - node->top.values[i].error <= below) field.value_count = i;
    return field;
}

/* A node that is listed: its path is texts[path .. path + size). */
struct listed {
    size_t path;
    uint32_t size, node, place;
    const uint8_t *text; /* set when the texts do not move any more */
};

/* Adds the nodes below this one; recursion is limited by FIELD_DEPTH_MAX. */
static uint32_t list_nodes(struct field_tree *t, uint32_t number, struct listed *list,
                           uint32_t count) {
    for (uint32_t i = t->nodes[number].first_child; i != NONE; i = t->nodes[i].next) {
        const struct node *const node = &t->nodes[i];
        if (field_node_records(node) > 0 && (node->listed > 0 || node->kind == NODE_STAR)) {
            const size_t begin = t->texts.used;
            add_path(t, i);
            list[count] = (struct listed){.path = begin,
                                          .size = (uint32_t)(t->texts.used - begin),
                                          .node = i,
                                          .place = count};
            count++;
        }
        count = list_nodes(t, i, list, count);
    }
    return count;
}

static int compare_listed(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
    if (order != 0) return order;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static int compare_places(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* A name with a dot, "log.level", and a name in an object may have the same path.  A record has
 * usually only one of them; one with both counts twice. */
static uint32_t unite_paths(struct field_tree *t, struct listed *list, uint32_t count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        list[i].text = t->texts.bytes + list[i].path;
    if (count > 0) qsort(list, count, sizeof *list, compare_listed);
    for (uint32_t i = 0; i < count; i++) {
        struct listed *const last = kept > 0 ? &list[kept - 1] : NULL;
        const bool same = last != NULL && last->size == list[i].size &&
                          memcmp(last->text, list[i].text, last->size) == 0;
        if (!same) {
            list[kept++] = list[i];
            continue;
        }
        struct node *const node = &t->nodes[last->node];
        field_node_unite(t, node, &t->nodes[list[i].node]);
        for (uint32_t w = 0; w < FIELD_WINDOWS; w++)
            if (node->records[w] > t->records[w]) node->records[w] = t->records[w];
    }
    if (kept > 0) qsort(list, kept, sizeof *list, compare_places);
    return kept;
}

uint32_t field_tree_finish(struct field_tree *t) {
    field_tree_fold_rare_names(t);
    struct listed *const list = allocate(NODES_MAX * sizeof *list);
    t->field_count = unite_paths(t, list, list_nodes(t, ROOT, list, 0));
    t->fields = allocate((t->field_count + 1) * sizeof *t->fields);
    for (uint32_t i = 0; i < t->field_count; i++) {
        t->fields[i] = field_of(&t->nodes[list[i].node]);
        t->fields[i].path = list[i].text;
        t->fields[i].path_size = list[i].size;
    }
    free(list);
    return t->field_count;
}

const struct field *field_tree_at(const struct field_tree *t, uint32_t i) {
    return &t->fields[i];
}

uint64_t field_tree_records(const struct field_tree *t, uint32_t window) {
    return t->records[window];
}
