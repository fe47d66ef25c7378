/* field_nodes.c - see field_tree_internal.h. */
#include "tools/render/field_tree_internal.h"

#include <string.h>

#include "schema/json/hash.h"
#include "tools/query/allocate.h"

uint64_t field_node_hash(uint32_t parent, enum node_kind kind, const uint8_t *name, size_t size) {
    return hash_end(hash_step(hash_bytes((const char *)name, size), (uint64_t)kind << 32 | parent),
                    size);
}

struct wanted_node {
    const struct field_tree *t;
    uint32_t parent;
    enum node_kind kind;
    const uint8_t *name;
    size_t size;
};

static bool is_wanted_node(const void *context, uint32_t number) {
    const struct wanted_node *const wanted = context;
    const struct node *const node = &wanted->t->nodes[number];
    return node->parent == wanted->parent && node->kind == wanted->kind &&
           node->name_size == wanted->size &&
           (wanted->size == 0 || memcmp(node->name, wanted->name, wanted->size) == 0);
}

static uint32_t slot_of(const struct field_tree *t, uint64_t hash, uint32_t parent,
                        enum node_kind kind, const uint8_t *name, size_t size) {
    const struct wanted_node wanted = {t, parent, kind, name, size};
    return hash_table_slot(&t->table, hash, is_wanted_node, &wanted);
}

/* After nodes were removed or moved. */
void field_nodes_fill_table(struct field_tree *t) {
    hash_table_clear(&t->table);
    for (uint32_t i = 1; i < t->node_count; i++)
        if (t->nodes[i].used) hash_table_add(&t->table, t->nodes[i].hash, i);
}

void field_node_link(struct field_tree *t, uint32_t parent, uint32_t child) {
    struct node *const node = &t->nodes[parent];
    t->nodes[child].next = NONE;
    if (node->first_child == NONE)
        node->first_child = child;
    else
        t->nodes[node->last_child].next = child;
    node->last_child = child;
    node->children += t->nodes[child].kind == NODE_NAME;
}

/* NONE: there are too many. */
static uint32_t new_node(struct field_tree *t, uint32_t parent, enum node_kind kind,
                         const uint8_t *name, size_t size, uint64_t hash, uint32_t slot) {
    if (t->used == NODES_MAX) return NONE;
    const uint32_t number = t->free_nodes != NONE ? t->free_nodes : t->node_count++;
    struct node *const node = &t->nodes[number];
    if (t->free_nodes != NONE) t->free_nodes = node->next;
    const uint32_t values = t->whole != NULL ? UINT32_MAX : VALUES_FEW;
    *node = (struct node){.used = true,
                          .kind = kind,
                          .parent = parent,
                          .depth = t->nodes[parent].depth + 1,
                          .hash = hash,
                          .name = (uint8_t *)copy_text((const char *)name, size),
                          .name_size = (uint32_t)size,
                          .first_child = NONE,
                          .last_child = NONE,
                          .star = NONE,
                          .top = {.values_max = values}};
    t->used++;
    hash_table_put(&t->table, slot, hash, number);
    field_node_link(t, parent, number);
    return number;
}

/* Elements and `*`, which have no names. */
uint32_t field_node_child(struct field_tree *t, uint32_t parent, enum node_kind kind) {
    static const uint8_t none[1];
    const uint64_t hash = field_node_hash(parent, kind, none, 0);
    const uint32_t slot = slot_of(t, hash, parent, kind, none, 0);
    const uint32_t found = hash_table_number(&t->table, slot);
    if (found != HASH_TABLE_NONE) return found;
    return new_node(t, parent, kind, none, 0, hash, slot);
}

uint32_t field_node_star(struct field_tree *t, uint32_t parent) {
    if (t->nodes[parent].star == NONE)
        t->nodes[parent].star = field_node_child(t, parent, NODE_STAR);
    return t->nodes[parent].star;
}

/* A name that has no node: the node that takes it in. */
static uint32_t add_name(struct field_tree *t, uint32_t parent, const uint8_t *name, size_t size,
                         uint64_t hash, uint32_t slot) {
    struct node *const node = &t->nodes[parent];
    const bool closed = t->recounted && node->star != NONE;
    const bool full = node->children >= FIELD_NAMES_MAX || t->used >= FIELDS_MAX;
    if (!closed && !full) return new_node(t, parent, NODE_NAME, name, size, hash, slot);
    if (!closed) node->too_many = t->too_many = t->folded = true;
    const uint32_t star = field_node_star(t, parent);
    if (star != NONE) distinct_add(&t->nodes[star].keys, hash_bytes((const char *)name, size));
    return star;
}

uint32_t field_node_named(struct field_tree *t, uint32_t parent, const uint8_t *name, size_t size) {
    const uint64_t hash = field_node_hash(parent, NODE_NAME, name, size);
    const uint32_t slot = slot_of(t, hash, parent, NODE_NAME, name, size);
    const uint32_t found = hash_table_number(&t->table, slot);
    return found != HASH_TABLE_NONE ? found : add_name(t, parent, name, size, hash, slot);
}

/* The child that is like a node of another tree. */
uint32_t field_node_like(struct field_tree *t, uint32_t parent, const struct node *node) {
    switch (node->kind) {
    case NODE_NAME: return field_node_named(t, parent, node->name, node->name_size);
    case NODE_STAR: return field_node_star(t, parent);
    default: return field_node_child(t, parent, node->kind);
    }
}

void field_node_clear(struct node *node) {
    distinct_free(&node->distinct);
    distinct_free(&node->keys);
    node->distinct = node->keys = (struct distinct){0};
    memset(node->records, 0, sizeof node->records);
    memset(node->types, 0, sizeof node->types);
    node->listed = node->record = 0;
    node->numbers.some = node->times.some = node->other_texts = false;
}

void field_node_free(struct node *node) {
    field_node_clear(node);
    top_free(&node->top);
    free(node->name);
    node->name = NULL;
    node->used = false;
}
uint64_t field_node_records(const struct node *node) {
    uint64_t records = 0;
    for (uint32_t i = 0; i < FIELD_WINDOWS; i++)
        records += node->records[i];
    return records;
}
