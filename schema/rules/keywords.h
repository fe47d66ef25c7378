/* keywords.h - the keywords of JSON Schema 2020-12, each with its vocabulary and the shape of its
 * value: one table for walking, checking and compiling documents. */
#ifndef SCHEMA_RULES_KEYWORDS_H
#define SCHEMA_RULES_KEYWORDS_H

#include <stddef.h>
#include <stdint.h>

enum vocabulary {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4,
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_META_DATA = 16,
    VOCABULARY_FORMAT_ANNOTATION = 32,
    VOCABULARY_FORMAT_ASSERTION = 64,
    VOCABULARY_CONTENT = 128,
    VOCABULARY_FORMAT = VOCABULARY_FORMAT_ANNOTATION | VOCABULARY_FORMAT_ASSERTION,
    VOCABULARY_USUAL = 255 & ~VOCABULARY_FORMAT_ASSERTION, /* of the 2020-12 meta-schema */
};

enum shape {
    SHAPE_ANY,
    SHAPE_SCHEMA,
    SHAPE_SCHEMAS,    /* an array of schemas, not empty */
    SHAPE_SCHEMA_MAP, /* an object of schemas */
    SHAPE_STRING,
    SHAPE_ANCHOR,
    SHAPE_VOCABULARY, /* an object of booleans */
    SHAPE_TYPE,
    SHAPE_ARRAY,
    SHAPE_NUMBER,
    SHAPE_DIVISOR, /* a number above zero */
    SHAPE_COUNT,   /* an integer, not below zero */
    SHAPE_BOOLEAN,
    SHAPE_NAMES,    /* an array of different strings */
    SHAPE_NAME_MAP, /* an object of such arrays */
};

#define KEYWORD_TABLE(X)                                                                           \
    X(KEYWORD_ID, "$id", VOCABULARY_CORE, SHAPE_STRING)                                            \
    X(KEYWORD_SCHEMA, "$schema", VOCABULARY_CORE, SHAPE_STRING)                                    \
    X(KEYWORD_REF, "$ref", VOCABULARY_CORE, SHAPE_STRING)                                          \
    X(KEYWORD_ANCHOR, "$anchor", VOCABULARY_CORE, SHAPE_ANCHOR)                                    \
    X(KEYWORD_DYNAMIC_REF, "$dynamicRef", VOCABULARY_CORE, SHAPE_STRING)                           \
    X(KEYWORD_DYNAMIC_ANCHOR, "$dynamicAnchor", VOCABULARY_CORE, SHAPE_ANCHOR)                     \
    X(KEYWORD_VOCABULARY, "$vocabulary", VOCABULARY_CORE, SHAPE_VOCABULARY)                        \
    X(KEYWORD_COMMENT, "$comment", VOCABULARY_CORE, SHAPE_STRING)                                  \
    X(KEYWORD_DEFS, "$defs", VOCABULARY_CORE, SHAPE_SCHEMA_MAP)                                    \
    X(KEYWORD_PREFIX_ITEMS, "prefixItems", VOCABULARY_APPLICATOR, SHAPE_SCHEMAS)                   \
    X(KEYWORD_ITEMS, "items", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                                 \
    X(KEYWORD_CONTAINS, "contains", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                           \
    X(KEYWORD_ADDITIONAL_PROPERTIES, "additionalProperties", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)  \
    X(KEYWORD_PROPERTIES, "properties", VOCABULARY_APPLICATOR, SHAPE_SCHEMA_MAP)                   \
    X(KEYWORD_PATTERN_PROPERTIES, "patternProperties", VOCABULARY_APPLICATOR, SHAPE_SCHEMA_MAP)    \
    X(KEYWORD_DEPENDENT_SCHEMAS, "dependentSchemas", VOCABULARY_APPLICATOR, SHAPE_SCHEMA_MAP)      \
    X(KEYWORD_PROPERTY_NAMES, "propertyNames", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                \
    X(KEYWORD_IF, "if", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                                       \
    X(KEYWORD_THEN, "then", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                                   \
    X(KEYWORD_ELSE, "else", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                                   \
    X(KEYWORD_ALL_OF, "allOf", VOCABULARY_APPLICATOR, SHAPE_SCHEMAS)                               \
    X(KEYWORD_ANY_OF, "anyOf", VOCABULARY_APPLICATOR, SHAPE_SCHEMAS)                               \
    X(KEYWORD_ONE_OF, "oneOf", VOCABULARY_APPLICATOR, SHAPE_SCHEMAS)                               \
    X(KEYWORD_NOT, "not", VOCABULARY_APPLICATOR, SHAPE_SCHEMA)                                     \
    X(KEYWORD_UNEVALUATED_ITEMS, "unevaluatedItems", VOCABULARY_UNEVALUATED, SHAPE_SCHEMA)         \
    X(KEYWORD_UNEVALUATED_PROPERTIES, "unevaluatedProperties", VOCABULARY_UNEVALUATED,             \
      SHAPE_SCHEMA)                                                                                \
    X(KEYWORD_TYPE, "type", VOCABULARY_VALIDATION, SHAPE_TYPE)                                     \
    X(KEYWORD_CONST, "const", VOCABULARY_VALIDATION, SHAPE_ANY)                                    \
    X(KEYWORD_ENUM, "enum", VOCABULARY_VALIDATION, SHAPE_ARRAY)                                    \
    X(KEYWORD_MULTIPLE_OF, "multipleOf", VOCABULARY_VALIDATION, SHAPE_DIVISOR)                     \
    X(KEYWORD_MAXIMUM, "maximum", VOCABULARY_VALIDATION, SHAPE_NUMBER)                             \
    X(KEYWORD_EXCLUSIVE_MAXIMUM, "exclusiveMaximum", VOCABULARY_VALIDATION, SHAPE_NUMBER)          \
    X(KEYWORD_MINIMUM, "minimum", VOCABULARY_VALIDATION, SHAPE_NUMBER)                             \
    X(KEYWORD_EXCLUSIVE_MINIMUM, "exclusiveMinimum", VOCABULARY_VALIDATION, SHAPE_NUMBER)          \
    X(KEYWORD_MAX_LENGTH, "maxLength", VOCABULARY_VALIDATION, SHAPE_COUNT)                         \
    X(KEYWORD_MIN_LENGTH, "minLength", VOCABULARY_VALIDATION, SHAPE_COUNT)                         \
    X(KEYWORD_PATTERN, "pattern", VOCABULARY_VALIDATION, SHAPE_STRING)                             \
    X(KEYWORD_MAX_ITEMS, "maxItems", VOCABULARY_VALIDATION, SHAPE_COUNT)                           \
    X(KEYWORD_MIN_ITEMS, "minItems", VOCABULARY_VALIDATION, SHAPE_COUNT)                           \
    X(KEYWORD_UNIQUE_ITEMS, "uniqueItems", VOCABULARY_VALIDATION, SHAPE_BOOLEAN)                   \
    X(KEYWORD_MAX_CONTAINS, "maxContains", VOCABULARY_VALIDATION, SHAPE_COUNT)                     \
    X(KEYWORD_MIN_CONTAINS, "minContains", VOCABULARY_VALIDATION, SHAPE_COUNT)                     \
    X(KEYWORD_MAX_PROPERTIES, "maxProperties", VOCABULARY_VALIDATION, SHAPE_COUNT)                 \
    X(KEYWORD_MIN_PROPERTIES, "minProperties", VOCABULARY_VALIDATION, SHAPE_COUNT)                 \
    X(KEYWORD_REQUIRED, "required", VOCABULARY_VALIDATION, SHAPE_NAMES)                            \
    X(KEYWORD_DEPENDENT_REQUIRED, "dependentRequired", VOCABULARY_VALIDATION, SHAPE_NAME_MAP)      \
    X(KEYWORD_TITLE, "title", VOCABULARY_META_DATA, SHAPE_STRING)                                  \
    X(KEYWORD_DESCRIPTION, "description", VOCABULARY_META_DATA, SHAPE_STRING)                      \
    X(KEYWORD_DEFAULT, "default", VOCABULARY_META_DATA, SHAPE_ANY)                                 \
    X(KEYWORD_DEPRECATED, "deprecated", VOCABULARY_META_DATA, SHAPE_BOOLEAN)                       \
    X(KEYWORD_READ_ONLY, "readOnly", VOCABULARY_META_DATA, SHAPE_BOOLEAN)                          \
    X(KEYWORD_WRITE_ONLY, "writeOnly", VOCABULARY_META_DATA, SHAPE_BOOLEAN)                        \
    X(KEYWORD_EXAMPLES, "examples", VOCABULARY_META_DATA, SHAPE_ARRAY)                             \
    X(KEYWORD_FORMAT, "format", VOCABULARY_FORMAT, SHAPE_STRING)                                   \
    X(KEYWORD_CONTENT_ENCODING, "contentEncoding", VOCABULARY_CONTENT, SHAPE_STRING)               \
    X(KEYWORD_CONTENT_MEDIA_TYPE, "contentMediaType", VOCABULARY_CONTENT, SHAPE_STRING)            \
    X(KEYWORD_CONTENT_SCHEMA, "contentSchema", VOCABULARY_CONTENT, SHAPE_SCHEMA)                   \
    /* From older drafts; the meta-schema reserves it. */                                          \
    X(KEYWORD_DEFINITIONS, "definitions", VOCABULARY_CORE, SHAPE_SCHEMA_MAP)

enum keyword {
    KEYWORD_UNKNOWN,
#define X(keyword, name, vocabulary, shape) keyword,
    KEYWORD_TABLE(X)
#undef X
        KEYWORDS
};

/* Finds a keyword by its raw name; KEYWORD_UNKNOWN also if its vocabulary is not among
 * `vocabularies`. */
enum keyword keyword_named(const char *raw, size_t size, uint32_t vocabularies);
const char *keyword_name(enum keyword keyword);
enum shape keyword_shape(enum keyword keyword);
/* Finds a vocabulary by its URI (raw text); 0: unknown. */
uint32_t vocabulary_named(const char *raw, size_t size);

#endif
