/* field_tree_internal.h - what the files of field_tree share: a node for each field, in a tree.
 * Children are found by one hash table.  Nodes are removed only between records. */
#ifndef TOOLS_RENDER_FIELD_TREE_INTERNAL_H
#define TOOLS_RENDER_FIELD_TREE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/fields.h"
#include "tools/query/hash_table.h"
#include "tools/query/sketch.h"
#include "tools/query/text.h"
#include "tools/render/field_tree.h"
#include "tools/render/top.h"

/* For `*` and elements of arrays when there are FIELDS_MAX fields. */
#define NODES_MAX       (FIELDS_MAX + 512)
#define TABLE_ROOM      8192 /* a power of two */
#define NAMES_KEPT      256  /* when names are folded */
#define SHARE_KEPT      100  /* names that one of this many records has are kept at the end */
#define VALUES_FEW      128
#define VALUES_MANY     8192
#define MANY_FIELDS     32
#define MEMBERS_FEW     64
#define NUMBER_TEXT_MAX (FIELD_BOUND_TEXT - 1)
#define ROOT            0
#define NONE            UINT32_MAX

enum node_kind { NODE_NAME, NODE_ELEMENT, NODE_STAR };

struct bounds {
    bool some;
    double least_number, most_number;
    int64_t least_ns, most_ns;
    char least[FIELD_BOUND_TEXT], most[FIELD_BOUND_TEXT];
};

struct node {
    bool used;
    enum node_kind kind;
    uint32_t parent, depth;
    uint64_t hash; /* of the name and the parent */
    uint8_t *name; /* decoded */
    uint32_t name_size;
    uint32_t first_child, last_child, next; /* in the order of their creation */
    uint32_t children;                      /* with names */
    uint32_t star;                          /* the child that takes in folded names; NONE */
    bool too_many;                          /* names are to be folded after this record */
    uint64_t record;                        /* the last one that has it */
    uint64_t records[FIELD_WINDOWS];
    uint64_t types[FIELD_WINDOWS][FIELD_TYPES];
    uint64_t listed; /* values that are no objects or arrays, or empty ones */
    struct distinct distinct, keys;
    struct top top;
    struct bounds numbers, times;
    bool other_texts; /* there are strings that are no times */
};

struct field_tree {
    struct node *nodes;
    uint32_t node_count; /* used at some time */
    uint32_t free_nodes; /* list by `next` */
    uint32_t used;
    struct hash_table table; /* of node numbers */
    uint32_t many;           /* fields that keep many values */
    uint64_t record;         /* number of the current one */
    uint64_t records[FIELD_WINDOWS];
    uint32_t window;
    const struct field_tree *whole; /* a part: the tree that it belongs to */
    bool too_many;                  /* names are to be folded after this record */
    bool folded;                    /* names were folded, so counts may be too high */
    bool recounted;                 /* no new names in objects with folded ones */
    struct text name, texts;
    struct member_mark {
        uint64_t hash;
        uint32_t member; /* number of the last member with this hash */
    } * marks;           /* of one object: a hash table */
    uint32_t mark_room;
    struct field *fields;
    uint32_t field_count;
};

/* ---- field_nodes.c ---- */

uint64_t field_node_hash(uint32_t parent, enum node_kind kind, const uint8_t *name, size_t size);
/* After nodes were removed or moved. */
void field_nodes_fill_table(struct field_tree *t);
/* Appends the child to the list of its parent. */
void field_node_link(struct field_tree *t, uint32_t parent, uint32_t child);
/* The child, maybe a new one; NONE: there are too many nodes.  Elements and `*` have no names; a
 * name may be taken in by `*`; `like` is a node of another tree. */
uint32_t field_node_child(struct field_tree *t, uint32_t parent, enum node_kind kind);
uint32_t field_node_star(struct field_tree *t, uint32_t parent);
uint32_t field_node_named(struct field_tree *t, uint32_t parent, const uint8_t *name, size_t size);
uint32_t field_node_like(struct field_tree *t, uint32_t parent, const struct node *like);
void field_node_clear(struct node *node); /* its numbers */
void field_node_free(struct node *node);
uint64_t field_node_records(const struct node *node); /* of all windows */

/* ---- field_values.c ---- */

void field_node_add_scalar(struct field_tree *t, struct node *node, const struct value *value);
void field_node_unite(struct field_tree *t, struct node *into, const struct node *from);
/* Values that occur less often cannot be told from those that were replaced. */
uint64_t field_node_uncertain_below(const struct top *top);

/* ---- field_fold.c ---- */

/* Between two records: folds names of nodes that have too many. */
void field_tree_fold_names(struct field_tree *t);
/* Folds the rare names of nodes with folded ones. */
void field_tree_fold_rare_names(struct field_tree *t);

#endif
