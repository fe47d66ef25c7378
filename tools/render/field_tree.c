/* field_tree.c - see field_tree.h.  A node for each field, in a tree; children are found by one hash
 * table.  Nodes are removed only between records. */
#include "tools/render/field_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "schema/record/facts.h"
#include "tools/query/allocate.h"
#include "tools/query/fields.h"
#include "tools/query/hash_table.h"
#include "tools/query/sketch.h"
#include "tools/query/text.h"

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

const char *const field_type_names[FIELD_TYPES] = {"string", "number", "boolean",
                                                   "null",   "object", "array"};

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

/* ---- nodes ---- */

static uint64_t hash_of(uint32_t parent, enum node_kind kind, const uint8_t *name, size_t size) {
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
static void fill_table(struct field_tree *t) {
    hash_table_clear(&t->table);
    for (uint32_t i = 1; i < t->node_count; i++)
        if (t->nodes[i].used) hash_table_add(&t->table, t->nodes[i].hash, i);
}

static void link_child(struct field_tree *t, uint32_t parent, uint32_t child) {
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
    link_child(t, parent, number);
    return number;
}

/* Elements and `*`, which have no names. */
static uint32_t child_of_kind(struct field_tree *t, uint32_t parent, enum node_kind kind) {
    static const uint8_t none[1];
    const uint64_t hash = hash_of(parent, kind, none, 0);
    const uint32_t slot = slot_of(t, hash, parent, kind, none, 0);
    const uint32_t found = hash_table_number(&t->table, slot);
    if (found != HASH_TABLE_NONE) return found;
    return new_node(t, parent, kind, none, 0, hash, slot);
}

static uint32_t star_of(struct field_tree *t, uint32_t parent) {
    if (t->nodes[parent].star == NONE) t->nodes[parent].star = child_of_kind(t, parent, NODE_STAR);
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
    const uint32_t star = star_of(t, parent);
    if (star != NONE) distinct_add(&t->nodes[star].keys, hash_bytes((const char *)name, size));
    return star;
}

static uint32_t child_of_name(struct field_tree *t, uint32_t parent, const uint8_t *name,
                              size_t size) {
    const uint64_t hash = hash_of(parent, NODE_NAME, name, size);
    const uint32_t slot = slot_of(t, hash, parent, NODE_NAME, name, size);
    const uint32_t found = hash_table_number(&t->table, slot);
    return found != HASH_TABLE_NONE ? found : add_name(t, parent, name, size, hash, slot);
}

/* The child that is like a node of another tree. */
static uint32_t child_like(struct field_tree *t, uint32_t parent, const struct node *node) {
    switch (node->kind) {
    case NODE_NAME: return child_of_name(t, parent, node->name, node->name_size);
    case NODE_STAR: return star_of(t, parent);
    default: return child_of_kind(t, parent, node->kind);
    }
}

static void clear_numbers(struct node *node) {
    distinct_free(&node->distinct);
    distinct_free(&node->keys);
    node->distinct = node->keys = (struct distinct){0};
    memset(node->records, 0, sizeof node->records);
    memset(node->types, 0, sizeof node->types);
    node->listed = node->record = 0;
    node->numbers.some = node->times.some = node->other_texts = false;
}

static void free_node(struct node *node) {
    clear_numbers(node);
    top_free(&node->top);
    free(node->name);
    node->name = NULL;
    node->used = false;
}

/* ---- values ---- */

static void note_bound(char *bound, const uint8_t *text, size_t size) {
    memcpy(bound, text, size);
    bound[size] = '\0';
}

static void add_number(struct bounds *bounds, const uint8_t *text, size_t size) {
    char number[FIELD_BOUND_TEXT];
    if (size > NUMBER_TEXT_MAX) return;
    note_bound(number, text, size);
    const double value = strtod(number, NULL);
    if (!bounds->some || value < bounds->least_number) {
        bounds->least_number = value;
        note_bound(bounds->least, text, size);
    }
    if (!bounds->some || value > bounds->most_number) {
        bounds->most_number = value;
        note_bound(bounds->most, text, size);
    }
    bounds->some = true;
}

/* Numbers in strings are no times. */
static bool is_time(const uint8_t *text, size_t size, int64_t *time_ns) {
    return size >= sizeof "2026-11-24" - 1 && size <= NUMBER_TEXT_MAX && text[4] == '-' &&
           time_parse((const char *)text, size, time_ns) == 0;
}

static void add_string(struct node *node, const uint8_t *text, size_t size) {
    struct bounds *const bounds = &node->times;
    int64_t time_ns;
    if (node->other_texts) return;
    if (!is_time(text, size, &time_ns)) {
        node->other_texts = true;
        return;
    }
    if (!bounds->some || time_ns < bounds->least_ns) {
        bounds->least_ns = time_ns;
        note_bound(bounds->least, text, size);
    }
    if (!bounds->some || time_ns > bounds->most_ns) {
        bounds->most_ns = time_ns;
        note_bound(bounds->most, text, size);
    }
    bounds->some = true;
}

static void count_value(struct field_tree *t, struct node *node, const uint8_t *text, size_t size,
                        uint64_t count) {
    bool fresh;
    if (node->top.used == VALUES_FEW && node->top.values_max == VALUES_FEW &&
        t->many < MANY_FIELDS && node->top.heap == NULL && !node->top.closed) {
        node->top.values_max = VALUES_MANY;
        t->many++;
    }
    top_add_many(&node->top, text, size, count, &fresh);
}

static void add_scalar(struct field_tree *t, struct node *node, const struct value *value) {
    uint8_t text[TOP_VALUE_BYTES_MAX];
    node->listed++;
    if (t->window != 0) return;
    const size_t size = value_text(value, text, sizeof text);
    if (value->kind == VALUE_NUMBER)
        add_number(&node->numbers, value->begin, (size_t)(value->end - value->begin));
    else if (value->kind == VALUE_STRING)
        add_string(node, text, size);
    distinct_add(&node->distinct, hash_bytes((const char *)text, size));
    count_value(t, node, text, size, 1);
}

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
        add_scalar(t, node, value);
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
    const uint32_t element = child_of_kind(t, number, NODE_ELEMENT);
    do { /* each round advances by an element */
        if (element != NONE) add_value(t, element, &member.value);
    } while (members_next(&members, &member));
}

/* ---- members ---- */

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
        const uint32_t child = child_of_name(t, number, name, size);
        if (child != NONE) add_value(t, child, &member.value);
    }
    if (last != few) free(last);
}

/* ---- folding names ---- */

static void unite_bounds(struct bounds *into, const struct bounds *from) {
    if (!from->some) return;
    if (!into->some || from->least_number < into->least_number || from->least_ns < into->least_ns) {
        into->least_number = from->least_number;
        into->least_ns = from->least_ns;
        memcpy(into->least, from->least, sizeof into->least);
    }
    if (!into->some || from->most_number > into->most_number || from->most_ns > into->most_ns) {
        into->most_number = from->most_number;
        into->most_ns = from->most_ns;
        memcpy(into->most, from->most, sizeof into->most);
    }
    into->some = true;
}

static void unite_numbers(struct field_tree *t, struct node *into, const struct node *from) {
    for (uint32_t w = 0; w < FIELD_WINDOWS; w++) {
        into->records[w] += from->records[w];
        for (uint32_t i = 0; i < FIELD_TYPES; i++)
            into->types[w][i] += from->types[w][i];
    }
    into->listed += from->listed;
    distinct_join(&into->distinct, &from->distinct);
    distinct_join(&into->keys, &from->keys);
    unite_bounds(&into->numbers, &from->numbers);
    unite_bounds(&into->times, &from->times);
    into->other_texts = into->other_texts || from->other_texts;
    for (uint32_t i = 0; i < from->top.used; i++) {
        const struct top_value *const value = &from->top.values[i];
        count_value(t, into, from->top.texts + value->text, value->size, value->count);
    }
}

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
    node->hash = hash_of(parent, node->kind, node->name, node->name_size);
    if (node->kind == NODE_STAR) t->nodes[parent].star = child;
    link_child(t, parent, child);
}

/* Adds the node `from`, a child of the same node and in no list of children, to the node `into`,
 * with all below. The hash table is not correct until it is filled again. Recursion is limited by
 * FIELD_DEPTH_MAX. */
static void unite_nodes(struct field_tree *t, uint32_t into, uint32_t from) {
    unite_numbers(t, &t->nodes[into], &t->nodes[from]);
    for (uint32_t child = t->nodes[from].first_child, next; child != NONE; child = next) {
        next = t->nodes[child].next;
        const uint32_t same = find_child(t, into, &t->nodes[child]);
        if (same != NONE)
            unite_nodes(t, same, child);
        else
            move_child(t, into, child);
    }
    if (t->nodes[into].children > FIELD_NAMES_MAX) t->nodes[into].too_many = t->too_many = true;
    free_node(&t->nodes[from]);
    t->nodes[from].next = t->free_nodes;
    t->free_nodes = from;
    t->used--;
}

static uint64_t records_of(const struct node *node) {
    uint64_t records = 0;
    for (uint32_t i = 0; i < FIELD_WINDOWS; i++)
        records += node->records[i];
    return records;
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
    const uint32_t star = star_of(t, number);
    struct ranked *ranked = allocate(node->children * sizeof *ranked + 1);
    bool *const goes = allocate(NODES_MAX);
    uint32_t count = 0;
    if (star == NONE) goto done; /* no room for it: names stay */
    memset(goes, 0, NODES_MAX);
    for (uint32_t i = node->first_child; i != NONE; i = t->nodes[i].next)
        if (t->nodes[i].kind == NODE_NAME) {
            ranked[count] = (struct ranked){records_of(&t->nodes[i]), count, i};
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
            link_child(t, number, child);
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
        number == ROOT ? t->records[0] + t->records[1] : records_of(&t->nodes[number]);
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
    fill_table(t);
    return t->used < before;
}

/* Between two records.  Ends: each turn reduces the number of names of a node, or of nodes. */
static void fold_names(struct field_tree *t) {
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < t->node_count; i++) {
            if (!t->nodes[i].used || !t->nodes[i].too_many) continue;
            t->nodes[i].too_many = false;
            if (t->nodes[i].children <= NAMES_KEPT) continue;
            fold(t, i, 0);
            fill_table(t);
            again = true;
        }
    }
    while (t->used >= FIELDS_MAX && fold_widest(t))
        ;
    t->too_many = false;
}

/* Folds the rare names of nodes with folded ones. */
static void fold_rare_names(struct field_tree *t) {
    if (!t->folded || t->recounted) return;
    for (uint32_t i = 0; i < t->node_count; i++) {
        if (!t->nodes[i].used || t->nodes[i].star == NONE) continue;
        fold(t, i, least_kept(t, i));
        fill_table(t);
    }
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
        free_node(&t->nodes[i]);
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
    if (t->too_many) fold_names(t);
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
        const uint32_t child = child_like(t, number, node);
        if (child != NONE) copy_names(t, child, i);
    }
}

void field_tree_begin_part(struct field_tree *t) {
    for (uint32_t i = 1; i < t->node_count; i++)
        if (t->nodes[i].used) free_node(&t->nodes[i]);
    hash_table_clear(&t->table);
    clear_numbers(&t->nodes[ROOT]);
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
        if (records_of(node) == 0) continue; /* only its name was known */
        const uint32_t child = child_like(t, into, node);
        if (child == NONE) continue;
        unite_numbers(t, &t->nodes[child], node);
        unite_children(t, child, part, i);
    }
}

void field_tree_unite(struct field_tree *t, const struct field_tree *part) {
    for (uint32_t w = 0; w < FIELD_WINDOWS; w++)
        t->records[w] += part->records[w];
    t->folded = t->folded || (part->folded && !part->recounted);
    unite_children(t, ROOT, part, ROOT);
    if (t->too_many) fold_names(t);
}

/* ---- a second reading ---- */

/* Values that occur less often cannot be told from those that were replaced. */
static uint64_t uncertain_below(const struct top *top) {
    if (top_is_approximate(top)) return top->bound + top->bound / 8 + 16;
    return top->closed ? top->bound : 0;
}

static bool is_uncertain(const struct top *top) {
    if (!top_is_approximate(top)) return false;
    for (uint32_t i = 0; i < top->used; i++)
        if (top->values[i].error > 0 && top->values[i].count > uncertain_below(top)) return true;
    return false;
}

bool field_tree_is_uncertain(const struct field_tree *t) {
    if (t->folded) return true;
    for (uint32_t i = 0; i < t->node_count; i++)
        if (t->nodes[i].used && is_uncertain(&t->nodes[i].top)) return true;
    return false;
}

void field_tree_recount(struct field_tree *t) {
    fold_rare_names(t);
    for (uint32_t i = 0; i < t->node_count; i++) {
        struct node *const node = &t->nodes[i];
        if (!node->used) continue;
        clear_numbers(node);
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

/* ---- results ---- */

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
    const uint64_t below = uncertain_below(&node->top);
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
        if (records_of(node) > 0 && (node->listed > 0 || node->kind == NODE_STAR)) {
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
        unite_numbers(t, node, &t->nodes[list[i].node]);
        for (uint32_t w = 0; w < FIELD_WINDOWS; w++)
            if (node->records[w] > t->records[w]) node->records[w] = t->records[w];
    }
    if (kept > 0) qsort(list, kept, sizeof *list, compare_places);
    return kept;
}

uint32_t field_tree_finish(struct field_tree *t) {
    fold_rare_names(t);
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
