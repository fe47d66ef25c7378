/* program.h - a compiled schema: what compile.c makes, check.c runs and verdict.c explains.
 * Flat: a node a schema, linked by pointers; all in one arena, and immutable. */
#ifndef SCHEMA_RULES_PROGRAM_H
#define SCHEMA_RULES_PROGRAM_H

#include "schema/format/format.h"
#include "schema/json/number.h"
#include "schema/regex/pattern.h"
#include "schema/rules/document.h"
#include "schema/rules/keywords.h"

/* Behind a name's text, so that it can be compared in one go. */
#define NAME_PADDING    32
/* Schemas that apply to one place, and places in one another: how many at most. */
#define CHECK_DEPTH_MAX 1200

struct bound {
    struct number number;
    int64_t integer; /* its value, if number.plain */
    bool given;
};

struct number_rules {
    struct bound minimum, maximum, above, below, multiple;
    /* All bounds are plain, and there is no multipleOf.  Then it is enough to know a number's
     * whole neighbours below and above, which are the same for a whole one. */
    bool plain;
    int64_t below_min, above_min, below_max, above_max;
};

struct string_rules {
    size_t length_min, length_max;
    size_t bytes_sure; /* from so many bytes on, length_min holds whatever they are */
    const struct pattern *pattern;
    enum format_kind format; /* FORMAT_UNKNOWN: not asserted */
};

struct array_rules {
    struct node **prefix;
    uint32_t prefix_count;
    struct node *items;    /* NULL: anything */
    struct node *contains; /* NULL: not asked */
    size_t contains_min, contains_max;
    size_t items_min, items_max;
    bool unique;
};

/* A name that an object's schema mentions. */
struct name {
    /* How a line writes it without needless escapes: the name, a quote, and NAME_PADDING bytes; zeros
     * where it cannot be written without any, and so no line has it. */
    const char *written;
    uint32_t size;
    uint32_t mask; /* of the first 16 bytes, those that `written` is compared in */
    uint64_t bit;  /* whether it was there is noted in this bit of this word; 0: it is not */
    uint32_t word;
    int32_t tracked;           /* the bit's number in all words; -1: none */
    struct node *node;         /* its place in `properties`, or NULL */
    const struct node *judged; /* who judges its values: the same, or who judges all others */
    const char *text;          /* decoded; NULL: it is not a name, but stands for all others */
    uint32_t hash;
};

struct name_pattern {
    const struct pattern *pattern;
    struct node *node;
};

/* When the name is there, these must be too, and the object must hold for the schema. */
struct dependence {
    uint32_t name;
    uint32_t required_count;
    const uint32_t *required; /* indexes of names */
    struct node *node;        /* NULL: none */
};

struct object_rules {
    struct name *names; /* behind the last, one that stands for all others */
    uint32_t name_count;
    uint32_t table_mask;
    uint32_t *table; /* index + 1, by hash */
    uint32_t guess;  /* where in a checker its guesses of the next name begin: name_count + 2 */
    uint32_t tracked_count;
    const uint64_t *required; /* by tracked bits; NULL: none */
    struct name_pattern *patterns;
    uint32_t pattern_count;
    bool plain;              /* names alone matter: no patterns, no property_names, few tracked */
    bool names_matter;       /* patterns or property_names are there */
    struct node *additional; /* NULL: not given */
    struct node *property_names;
    struct dependence *dependences;
    uint32_t dependence_count;
    size_t properties_min, properties_max;
};

/* The values of enum, or the one of const. */
struct choice {
    const char *text;
    uint64_t head, head_mask; /* its first bytes, up to eight */
    uint32_t size;
    uint8_t kind;
    bool plain; /* a string without escapes */
};
struct choices {
    const struct choice *choices;
    uint32_t count;
    uint8_t kinds;
    bool plain;            /* few strings without escapes */
    uint32_t table_mask;   /* 0: few enough to go through */
    const uint32_t *table; /* index + 1, by json_hash */
};

/* What applies to the same place. */
struct applicator {
    enum keyword keyword;
    uint32_t count;
    struct node **nodes; /* of `if`: if, then, else; the latter two may be NULL */
    /* $dynamicRef: by resource - 1, who takes the place of nodes[0] if that resource is in
     * scope; NULL entries: none.  NULL for all others. */
    struct node **dynamic;
};

/* Judges a value of one kind by a node: see check.h. */
struct schema_checker;
struct marks;
typedef const char *judge_function(struct schema_checker *checker, const struct node *node,
                                   const char *p, const uint32_t *quote, struct marks *marks);

struct node {
    judge_function *judges[6]; /* by the number of the kind's bit */
    uint8_t kinds;             /* enum json_kind: what `type` lets through */
    bool whole;                /* numbers must be whole */
    bool never;                /* the schema false */
    uint32_t resource;         /* from 1 */
    const struct string_rules *string;
    const struct number_rules *number;
    struct object_rules *object;
    struct array_rules *array;
    const struct choices *constant, *choices;
    struct applicator *applicators;
    uint32_t applicator_count;
    struct node *unevaluated_properties, *unevaluated_items;
    /* For verdicts, and while it is compiled. */
    const struct document *document;
    struct value *value;
    struct node *instead; /* it is but a $ref: whoever points here may as well point there */
    struct node *next;    /* all nodes, in the order in which they were made */
    uint8_t color;        /* of the search for circles */
};

struct schema {
    struct arena arena;
    struct node *root;
    struct node *nodes;
    uint32_t guess_count;
    bool dynamic;      /* some $dynamicRef depends on where one comes from */
    bool tells_unique; /* uniqueItems is asked somewhere */
    bool decodes;      /* patterns, formats, or names with patterns are asked somewhere */
    struct pattern **patterns;
    size_t pattern_count, pattern_room;
    const char **metas; /* a document each: the URI of its meta-schema; NULL: the usual one */
};

#endif
