/* field_tree.h - finds out which fields records have: their types, in how many records they occur,
 * how many different values they have, the most frequent values, the least and the greatest.
 *
 * A field is a dotted path; the elements of an array are `tags[]`, and their members `items[].id`.
 * Objects and arrays that are not empty are listed by what is in them, and themselves only if the
 * field has other types, too.  Of duplicate names in an object the last one counts.
 *
 * Memory is bounded, for any number of names and values:
 *
 *   names      An object with more than FIELD_NAMES_MAX different names (ids as keys) is listed as
 *              `users.*`, except for names that at least 1 % of its records have.  The same is done
 *              if there are more than FIELDS_MAX fields in all.
 *   values     The most frequent values are counted as top.h does, of the first 32 fields with more
 *              than 128 different ones up to 8,192, of others 128.  The number of different values
 *              is exact up to there and to 1,024, and then an estimate (sketch.h).
 *
 * A second reading makes the numbers exact that folded names or many values made uncertain. */
#ifndef TOOLS_RENDER_FIELD_TREE_H
#define TOOLS_RENDER_FIELD_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/render/top.h"

#define FIELD_NAMES_MAX  1000 /* of one object */
#define FIELDS_MAX       2048
#define FIELD_DEPTH_MAX  32 /* deeper values are not described */
#define FIELD_WINDOWS    2
#define FIELD_BOUND_TEXT 48 /* bytes of the least and the greatest value */

enum field_type {
    FIELD_STRING,
    FIELD_NUMBER,
    FIELD_BOOLEAN,
    FIELD_NULL,
    FIELD_OBJECT,
    FIELD_ARRAY,
    FIELD_TYPES
};
extern const char *const field_type_names[FIELD_TYPES];

struct field {
    const uint8_t *path;
    size_t path_size;
    uint64_t records[FIELD_WINDOWS];            /* that have it */
    uint64_t types[FIELD_WINDOWS][FIELD_TYPES]; /* of its values */
    uint64_t distinct;                          /* different values of window 0 */
    bool exact;                                 /* distinct is no estimate */
    uint64_t keys;                              /* a path that ends in *: how many names */
    bool keys_exact;
    /* Of numbers, or of strings that are all times, in window 0; empty: there are none. */
    const char *least, *most;
    bool bounds_are_times;
    /* Its values in window 0, the most frequent first, without any that may occur less often than
     * one that is left out. */
    const struct top *values;
    uint32_t value_count;
    uint64_t others; /* a value that is left out occurs at most so often */
};

struct field_tree;

struct field_tree *field_tree_open(void);
void field_tree_close(struct field_tree *tree);
/* One record, without its newline. */
void field_tree_add(struct field_tree *tree, const uint8_t *record, size_t size, uint32_t window);

/* A part of a tree: the fields of some records, for another thread.  Memory is bounded by their
 * size.  The whole must outlive it. */
struct field_tree *field_tree_open_part(const struct field_tree *whole);
/* Empties a part, and takes over which names the whole folds; not while the whole changes. */
void field_tree_begin_part(struct field_tree *part);
/* Adds the part to the whole, as if its records had been added. */
void field_tree_unite(struct field_tree *whole, const struct field_tree *part);

/* Are there numbers that a second reading makes exact? */
bool field_tree_is_uncertain(const struct field_tree *tree);
/* Sets all numbers to 0, to add all records again. */
void field_tree_recount(struct field_tree *tree);

/* Returns the number of fields, in the order in which they first occurred, members after their
 * object; nothing can be added afterwards. */
uint32_t field_tree_finish(struct field_tree *tree);
const struct field *field_tree_at(const struct field_tree *tree, uint32_t i);
uint64_t field_tree_records(const struct field_tree *tree, uint32_t window);

#endif
