/* field_fold.c - see field_tree_internal.h. */
#include "tools/render/field_tree_internal.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "tools/query/allocate.h"

static uint32_t find_child(const struct field_tree *t, uint32_t parent, const struct node *like) {
    for (uint32_t i = t->nodes[parent].first_child; i != NONE; i = t->nodes[i].next)
        if (t->nodes[i].kind == like->kind && t->nodes[i].name_size == like->name_size &&
            memcmp(t->nodes[i].name, like->name, like->name_size) == 0)
            return i;
    return NONE;
}

static void move_child(struct field_tree *t, uint32_t parent, uint32_t child) {
    struct node *const node = &t->nodes[child];
    node->parent = parent;
    node->hash = field_node_hash(parent, node->kind, node->name, node->name_size);
    if (node->kind == NODE_STAR) t->nodes[parent].star = child;
    field_node_link(t, parent, child);
}

/* Adds the node `from`, a child of the same node and in no list of children, to the node `into`,
 * with all below. The hash table is not correct until it is filled again. Recursion is limited by
 * FIELD_DEPTH_MAX. */
static void unite_nodes(struct field_tree *t, uint32_t into, uint32_t from) {
    field_node_unite(t, &t->nodes[into], &t->nodes[from]);
    for (uint32_t child = t->nodes[from].first_child, next; child != NONE; child = next) {
        next = t->nodes[child].next;
        const uint32_t same = find_child(t, into, &t->nodes[child]);
        if (same != NONE)
            unite_nodes(t, same, child);
        else
            move_child(t, into, child);
    }
    if (t->nodes[into].children > FIELD_NAMES_MAX) t->nodes[into].too_many = t->too_many = true;
    field_node_free(&t->nodes[from]);
    t->nodes[from].next = t->free_nodes;
    t->free_nodes = from;
    t->used--;
}

struct ranked {
    uint64_t records;
    uint32_t place, node;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->records != y->records) return x->records > y->records ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Folds the names of this node, but for the most frequent NAMES_KEPT, if they occur in at least
 * `least` records. */
static void fold(struct field_tree *t, uint32_t number, uint64_t least) {
    struct node *const node = &t->nodes[number];
    const uint32_t star = field_node_star(t, number);
    struct ranked *ranked = allocate(node->children * sizeof *ranked + 1);
    bool *const goes = allocate(NODES_MAX);
    uint32_t count = 0;
    if (star == NONE) goto done; /* no room for it: names stay */
    memset(goes, 0, NODES_MAX);
    for (uint32_t i = node->first_child; i != NONE; i = t->nodes[i].next)
        if (t->nodes[i].kind == NODE_NAME) {
            ranked[count] = (struct ranked){field_node_records(&t->nodes[i]), count, i};
            count++;
        }
    if (count > 0) qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (uint32_t i = 0; i < count; i++)
        goes[ranked[i].node] = i >= NAMES_KEPT || ranked[i].records < least;
    uint32_t child = node->first_child;
    node->first_child = node->last_child = NONE;
    node->children = 0;
    for (uint32_t next; child != NONE; child = next) {
        struct node *const one = &t->nodes[child];
        next = one->next;
        if (!goes[child]) {
            field_node_link(t, number, child);
            continue;
        }
        distinct_add(&t->nodes[star].keys, hash_bytes((const char *)one->name, one->name_size));
        unite_nodes(t, star, child);
    }
    t->folded = true;
done:
    node->too_many = false;
    free(ranked);
    free(goes);
}

/* How many records a name needs to be kept next to `*`. */
static uint64_t least_kept(const struct field_tree *t, uint32_t number) {
    const uint64_t records =
        number == ROOT ? t->records[0] + t->records[1] : field_node_records(&t->nodes[number]);
    return records / SHARE_KEPT > 1 ? records / SHARE_KEPT : 2;
}

/* The node with the most names; ROOT if none has several. */
static uint32_t widest(const struct field_tree *t) {
    uint32_t found = ROOT;
    for (uint32_t i = 0; i < t->node_count; i++)
        if (t->nodes[i].used && t->nodes[i].children > t->nodes[found].children) found = i;
    return found;
}

/* Folds rare names of the widest node, or else all.  False: there is nothing to fold. */
static bool fold_widest(struct field_tree *t) {
    const uint32_t number = widest(t), before = t->used;
    if (t->nodes[number].children < 2) return false;
    fold(t, number, least_kept(t, number));
    if (t->used >= before) fold(t, number, UINT64_MAX);
    field_nodes_fill_table(t);
    return t->used < before;
}

/* Between two records.  Ends: each turn reduces the number of names of a node, or of nodes. */
void field_tree_fold_names(struct field_tree *t) {
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < t->node_count; i++) {
            if (!t->nodes[i].used || !t->nodes[i].too_many) continue;
            t->nodes[i].too_many = false;
            if (t->nodes[i].children <= NAMES_KEPT) continue;
            fold(t, i, 0);
            field_nodes_fill_table(t);
            again = true;
        }
    }
    while (t->used >= FIELDS_MAX && fold_widest(t))
        ;
    t->too_many = false;
}

/* Folds the rare names of nodes with folded ones. */
void field_tree_fold_rare_names(struct field_tree *t) {
    if (!t->folded || t->recounted) return;
    for (uint32_t i = 0; i < t->node_count; i++) {
        if (!t->nodes[i].used || t->nodes[i].star == NONE) continue;
        fold(t, i, least_kept(t, i));
        field_nodes_fill_table(t);
    }
}
