/* where_internal.h - a parsed condition, as where_parse.c builds it, where.c evaluates it and
 * where_needs.c derives from it what its records contain. */
#ifndef TOOLS_QUERY_WHERE_INTERNAL_H
#define TOOLS_QUERY_WHERE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/number.h"
#include "tools/query/canonical.h"
#include "tools/query/fields.h"
#include "tools/query/find.h"
#include "tools/query/regex.h"
#include "tools/query/where.h"

#define WHERE_NODES_MAX 256

enum where_kind {
    WHERE_AND,
    WHERE_OR,
    WHERE_NOT,
    WHERE_TEST,   /* relation and operands */
    WHERE_EXISTS, /* the field is present */
    WHERE_TRUTH,  /* the field is present, and neither false nor null */
};

enum where_relation {
    WHERE_EQUAL, /* to one of the operands */
    WHERE_LESS,
    WHERE_LESS_EQUAL,
    WHERE_MORE,
    WHERE_MORE_EQUAL,
    WHERE_LIKE,
    WHERE_CONTAINS,
    WHERE_STARTS,
    WHERE_ENDS,
};

/* Where a path leads: to the record's field of a dotted name, then to the elements of this array,
 * then ... */
enum where_part_kind {
    WHERE_FIELD,    /* a dotted name (value_find) */
    WHERE_ELEMENTS, /* []: every element of an array */
    WHERE_MEMBERS,  /* *: the value of every member of an object or element of an array */
};

struct where_part {
    enum where_part_kind kind;
    char *name; /* WHERE_FIELD */
    size_t size;
};

struct where_path {
    char *text; /* as it was written, without quotes */
    bool is_canonical;
    enum canonical_field canonical;
    struct where_part *parts;
    uint32_t count;
};

struct where_operand {
    enum value_kind type;
    char *text;
    size_t size;
    struct number number; /* of a number: points to the text */
    bool is_level;        /* the text is the name or the number of a level */
    uint8_t level;
    int64_t time_ns; /* for @time */
};

struct where_node {
    enum where_kind kind;
    uint32_t left, right; /* earlier nodes */
    struct where_path path;
    enum where_relation relation;
    bool negated; /* true of a present field for which the relation does not hold */
    struct where_operand *operands;
    uint32_t count;
    struct regex regex;   /* WHERE_LIKE */
    struct needle needle; /* WHERE_CONTAINS */
};

struct where {
    struct where_node nodes[WHERE_NODES_MAX];
    uint32_t count, root;
};

/* In JSON's notation. */
bool where_is_number(const char *text, size_t size);

static inline bool where_is_order(enum where_relation relation) {
    return relation >= WHERE_LESS && relation <= WHERE_MORE_EQUAL;
}

#endif
