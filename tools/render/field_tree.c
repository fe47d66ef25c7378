/* field_tree.c - see field_tree.h. */
#include "tools/render/field_tree.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "tools/query/allocate.h"
#include "tools/render/field_tree_internal.h"

/* ---- members ---- */

static enum field_type type_of(enum value_kind kind) {
    switch (kind) {
    case VALUE_OBJECT: return FIELD_OBJECT;
    case VALUE_ARRAY: return FIELD_ARRAY;
    case VALUE_STRING: return FIELD_STRING;
    case VALUE_NUMBER: return FIELD_NUMBER;
    case VALUE_NULL: return FIELD_NULL;
    default: return FIELD_BOOLEAN;
    }
}

static void add_members(struct field_tree *t, uint32_t number, const struct value *object);

static void add_value(struct field_tree *t, uint32_t number, const struct value *value) {
    struct node *const node = &t->nodes[number];
    struct members members = members_of(value);
    struct member member;
    if (node->record != t->record) node->records[t->window]++;
    node->record = t->record;
    node->types[t->window][type_of(value->kind)]++;
    if (value->kind != VALUE_OBJECT && value->kind != VALUE_ARRAY) {
        field_node_add_scalar(t, node, value);
        return;
    }
    if (!members_next(&members, &member) || node->depth >= FIELD_DEPTH_MAX) {
        node->listed++;
        return;
    }
    if (value->kind == VALUE_OBJECT) {
        add_members(t, number, value);
        return;
    }
    const uint32_t element = field_node_child(t, number, NODE_ELEMENT);
    do { /* each round advances by an element */
        if (element != NONE) add_value(t, element, &member.value);
    } while (members_next(&members, &member));
}

/* The name without escapes, in t->name or in the record. */
static const uint8_t *decode_name(struct field_tree *t, const struct member *member, size_t *size) {
    const uint8_t *p = member->name;
    *size = (size_t)(member->name_end - p);
    if (memchr(p, '\\', *size) == NULL) return p;
    t->name.used = 0;
    text_room(&t->name, *size + 4);
    while (p < member->name_end) /* p rises; decoded text is never longer than its source */
        t->name.used += string_decode(&p, member->name_end, t->name.bytes + t->name.used);
    *size = t->name.used;
    return t->name.bytes;
}

static struct member_mark *mark_of(struct field_tree *t, uint64_t hash, uint32_t room) {
    uint32_t i = (uint32_t)hash & (room - 1);
    while (t->marks[i].member != 0 && t->marks[i].hash != hash) /* never full */
        i = (i + 1) & (room - 1);
    return &t->marks[i];
}

/* Notes for each name the number of its last member, from 1.  Returns the room of the table. */
static uint32_t mark_members(struct field_tree *t, const struct value *object, uint32_t count) {
    struct members members = members_of(object);
    struct member member;
    uint32_t room = 16;
    while (room < 2 * count)
        room *= 2;
    if (room > t->mark_room) {
        free(t->marks);
        t->marks = allocate(room * sizeof *t->marks);
        t->mark_room = room;
    }
    memset(t->marks, 0, room * sizeof *t->marks);
    for (uint32_t i = 1; members_next(&members, &member); i++) {
        size_t size;
        const uint8_t *const name = decode_name(t, &member, &size);
        const uint64_t hash = hash_bytes((const char *)name, size);
        *mark_of(t, hash, room) = (struct member_mark){hash, i};
    }
    return room;
}

/* Sets last[i] for the members that are the last ones of their names. */
static void find_last(struct field_tree *t, const struct value *object, uint32_t count,
                      bool *last) {
    const uint32_t room = mark_members(t, object, count);
    memset(last, 0, count * sizeof *last);
    for (uint32_t i = 0; i < room; i++)
        if (t->marks[i].member != 0) last[t->marks[i].member - 1] = true;
}

static void add_members(struct field_tree *t, uint32_t number, const struct value *object) {
    bool few[MEMBERS_FEW];
    struct members members = members_of(object);
    struct member member;
    uint32_t count = 0;
    while (members_next(&members, &member))
        count++;
    bool *const last = count <= MEMBERS_FEW ? few : allocate(count * sizeof *last);
    find_last(t, object, count, last);
    members = members_of(object);
    for (uint32_t i = 0; members_next(&members, &member); i++) {
        size_t size;
        if (!last[i]) continue;
        const uint8_t *const name = decode_name(t, &member, &size);
        const uint32_t child = field_node_named(t, number, name, size);
        if (child != NONE) add_value(t, child, &member.value);
    }
    if (last != few) free(last);
}

/* ---- the tree ---- */

static const struct node empty_root = {
    .used = true, .first_child = NONE, .last_child = NONE, .next = NONE, .star = NONE};

struct field_tree *field_tree_open(void) {
    struct field_tree *t = allocate(sizeof *t);
    memset(t, 0, sizeof *t);
    t->nodes = allocate(NODES_MAX * sizeof *t->nodes);
    memset(t->nodes, 0, NODES_MAX * sizeof *t->nodes);
    hash_table_grow(&t->table, TABLE_ROOM);
    t->nodes[ROOT] = empty_root;
    t->node_count = t->used = 1;
    t->free_nodes = NONE;
    return t;
}

void field_tree_close(struct field_tree *t) {
    for (uint32_t i = 0; i < t->node_count; i++)
        field_node_free(&t->nodes[i]);
    free(t->nodes);
    hash_table_free(&t->table);
    free(t->marks);
    free(t->fields);
    text_free(&t->name);
    text_free(&t->texts);
    free(t);
}

void field_tree_add(struct field_tree *t, const uint8_t *record, size_t size, uint32_t window) {
    const struct value root = value_of(record, record + size);
    if (root.kind != VALUE_OBJECT) return;
    t->window = window;
    t->records[window]++;
    t->record++;
    add_members(t, ROOT, &root);
    if (t->too_many) field_tree_fold_names(t);
}

/* ---- parts ---- */

struct field_tree *field_tree_open_part(const struct field_tree *whole) {
    struct field_tree *t = field_tree_open();
    t->whole = whole;
    return t;
}

/* Makes nodes for the children of a node of the whole; recursion is limited by FIELD_DEPTH_MAX. */
static void copy_names(struct field_tree *t, uint32_t number, uint32_t from) {
    const struct field_tree *const whole = t->whole;
    for (uint32_t i = whole->nodes[from].first_child; i != NONE; i = whole->nodes[i].next) {
        const struct node *const node = &whole->nodes[i];
        const uint32_t child = field_node_like(t, number, node);
        if (child != NONE) copy_names(t, child, i);
    }
}

void field_tree_begin_part(struct field_tree *t) {
    for (uint32_t i = 1; i < t->node_count; i++)
        if (t->nodes[i].used) field_node_free(&t->nodes[i]);
    hash_table_clear(&t->table);
    field_node_clear(&t->nodes[ROOT]);
    t->nodes[ROOT] = empty_root;
    t->node_count = t->used = 1;
    t->free_nodes = NONE;
    memset(t->records, 0, sizeof t->records);
    t->record = 0;
    t->too_many = t->folded = t->recounted = false;
    if (t->whole->recounted) copy_names(t, ROOT, ROOT);
    t->recounted = t->whole->recounted;
}

/* Recursion is limited by FIELD_DEPTH_MAX. */
static void unite_children(struct field_tree *t, uint32_t into, const struct field_tree *part,
                           uint32_t from) {
    for (uint32_t i = part->nodes[from].first_child; i != NONE; i = part->nodes[i].next) {
        const struct node *const node = &part->nodes[i];
        if (field_node_records(node) == 0) continue; /* only its name was known */
        const uint32_t child = field_node_like(t, into, node);
        if (child == NONE) continue;
        field_node_unite(t, &t->nodes[child], node);
        unite_children(t, child, part, i);
    }
}

void field_tree_unite(struct field_tree *t, const struct field_tree *part) {
    for (uint32_t w = 0; w < FIELD_WINDOWS; w++)
        t->records[w] += part->records[w];
    t->folded = t->folded || (part->folded && !part->recounted);
    unite_children(t, ROOT, part, ROOT);
    if (t->too_many) field_tree_fold_names(t);
}

/* ---- a second reading ---- */

static bool is_uncertain(const struct top *top) {
    if (!top_is_approximate(top)) return false;
    for (uint32_t i = 0; i < top->used; i++)
        if (top->values[i].error > 0 && top->values[i].count > field_node_uncertain_below(top))
            return true;
    return false;
}

bool field_tree_is_uncertain(const struct field_tree *t) {
    if (t->folded) return true;
    for (uint32_t i = 0; i < t->node_count; i++)
        if (t->nodes[i].used && is_uncertain(&t->nodes[i].top)) return true;
    return false;
}

void field_tree_recount(struct field_tree *t) {
    field_tree_fold_rare_names(t);
    for (uint32_t i = 0; i < t->node_count; i++) {
        struct node *const node = &t->nodes[i];
        if (!node->used) continue;
        field_node_clear(node);
        if (top_is_approximate(&node->top)) {
            top_recount(&node->top, VALUES_FEW);
        } else {
            const uint32_t max = node->top.values_max;
            top_free(&node->top);
            node->top.values_max = max;
        }
    }
    memset(t->records, 0, sizeof t->records);
    t->record = 0;
    t->recounted = true;
}
