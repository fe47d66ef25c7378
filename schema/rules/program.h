/* program.h - a compiled schema: compile.c makes it, check.c runs it, verdict.c explains its
 * failures.  One node per schema, linked by pointers; everything is in one arena and immutable once
 * compiled. */
#ifndef SCHEMA_RULES_PROGRAM_H
#define SCHEMA_RULES_PROGRAM_H

#include "schema/format/format.h"
#include "schema/json/number.h"
#include "schema/regex/pattern.h"
#include "schema/rules/document.h"
#include "schema/rules/keywords.h"

/* Zeros after a name's text, so that it can be compared as a vector. */
#define NAME_PADDING    32
/* Limit on nested schemas, at one value and in nested values together. */
#define CHECK_DEPTH_MAX 1200

struct bound {
    struct number number;
    int64_t integer; /* its value, if number.plain */
    bool given;
};

struct number_rules {
    struct bound minimum, maximum, above, below, multiple;
    /* All bounds are plain integers and there is no multipleOf.  Then it is enough to compare the
     * integers next to a number, below and above, which are both the number if it is an integer. */
    bool plain;
    int64_t below_min, above_min, below_max, above_max;
};

struct string_rules {
    size_t length_min, length_max;
    size_t bytes_sure; /* a text of so many bytes has at least length_min characters */
    const struct pattern *pattern;
    enum format_kind format; /* FORMAT_UNKNOWN: not checked */
};

struct array_rules {
    struct node **prefix;
    uint32_t prefix_count;
    struct node *items;    /* NULL: any item */
    struct node *contains; /* NULL: not given */
    size_t contains_min, contains_max;
    size_t items_min, items_max;
    bool unique;
};

/* A name that an object's schema mentions. */
struct name {
    /* The name as a line usually writes it: the name without escapes, a quote, and NAME_PADDING
     * zeros; all zeros, which match no line, if it needs escapes. */
    const char *written;
    uint32_t size;
    uint32_t mask; /* which of the first 16 bytes of `written` to compare */
    uint64_t bit;  /* the bit in `word` that records its presence; 0: not tracked */
    uint32_t word;
    int32_t tracked;            /* the number of that bit among all words; -1: not tracked */
    struct node *node;          /* its schema in `properties`, or NULL */
    const struct node *applied; /* for its values: `node`, or the one of all other names */
    const char *text;           /* decoded; NULL: the entry for all other names */
    uint32_t hash;
};

struct name_pattern {
    const struct pattern *pattern;
    struct node *node;
};

/* If the name is present, these names must be, too, and the object must match the schema. */
struct dependency {
    uint32_t name;
    uint32_t required_count;
    const uint32_t *required; /* indexes into names */
    struct node *node;        /* NULL: none */
};

struct object_rules {
    struct name *names; /* name_count of them, then the entry for all other names */
    uint32_t name_count;
    uint32_t table_mask;
    uint32_t *table; /* index + 1, by hash */
    uint32_t guess;  /* index of its first guess in a checker; it has name_count + 2 of them */
    uint32_t tracked_count;
    const uint64_t *required; /* by tracked bits; NULL: none */
    struct name_pattern *patterns;
    uint32_t pattern_count;
    bool plain;        /* only names matter: no patterns, no property_names, at most 64 tracked */
    bool names_matter; /* there are patterns or property_names */
    struct node *additional; /* NULL: not given */
    struct node *property_names;
    struct dependency *dependencies;
    uint32_t dependency_count;
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
    bool plain;            /* all are strings without escapes, and few */
    uint32_t table_mask;   /* 0: few enough for a linear search */
    const uint32_t *table; /* index + 1, by json_hash */
};

/* Schemas that apply to the same value. */
struct applicator {
    enum keyword keyword;
    uint32_t count;
    struct node **nodes; /* of `if`: if, then, else; the latter two may be NULL */
    /* $dynamicRef: by resource - 1, the node that replaces nodes[0] if that resource is in the
     * dynamic scope; NULL entries: no replacement.  NULL for other keywords. */
    struct node **dynamic;
};

/* Checks a value of one kind against a node: see check.h. */
struct schema_checker;
struct marks;
typedef const char *check_function(struct schema_checker *checker, const struct node *node,
                                   const char *p, const uint32_t *quote, struct marks *marks);

struct node {
    check_function *checks[6]; /* by the number of the kind's bit */
    uint8_t kinds;             /* enum json_kind: the kinds that `type` allows */
    bool whole;                /* numbers must be integers */
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
    /* For verdicts and during compilation. */
    const struct document *document;
    struct value *value;
    struct node *instead; /* the node is only a $ref: pointers to it may point here instead */
    struct node *next;    /* list of all nodes, in order of creation */
    uint8_t color;        /* used by the search for cycles */
};

struct schema {
    struct arena arena;
    struct node *root;
    struct node *nodes;
    uint32_t guess_count;
    bool dynamic;        /* some $dynamicRef depends on the dynamic scope */
    bool has_unique;     /* uniqueItems is used somewhere */
    bool needs_decoding; /* pattern, format or patternProperties is used somewhere */
    struct pattern **patterns;
    size_t pattern_count, pattern_room;
    const char **metas; /* by document: the URI of its meta-schema; NULL: the standard one */
};

#endif
