/* compile_shape.c - checks that keywords have the values that the meta-schema requires.  The
 * messages are more specific than the meta-schema's own, which often only says that no alternative
 * matches. */
#include <string.h>

#include "port/error.h"
#include "schema/json/text.h"
#include "schema/rules/compile.h"

static const char *const wanted[] = {[SHAPE_SCHEMAS] = "an array of schemas",
                                     [SHAPE_SCHEMA_MAP] = "an object of schemas",
                                     [SHAPE_STRING] = "a string",
                                     [SHAPE_ANCHOR] = "a string",
                                     [SHAPE_VOCABULARY] = "an object of booleans",
                                     [SHAPE_TYPE] = "a string or an array of strings",
                                     [SHAPE_ARRAY] = "an array",
                                     [SHAPE_NUMBER] = "a number",
                                     [SHAPE_DIVISOR] = "a number",
                                     [SHAPE_COUNT] = "an integer",
                                     [SHAPE_BOOLEAN] = "a boolean",
                                     [SHAPE_NAMES] = "an array of strings",
                                     [SHAPE_NAME_MAP] = "an object of arrays of strings"};

static uint8_t kinds_of(enum shape shape) {
    switch (shape) {
    case SHAPE_SCHEMAS:
    case SHAPE_ARRAY:
    case SHAPE_NAMES: return KIND_ARRAY;
    case SHAPE_SCHEMA_MAP:
    case SHAPE_VOCABULARY:
    case SHAPE_NAME_MAP: return KIND_OBJECT;
    case SHAPE_STRING:
    case SHAPE_ANCHOR: return KIND_STRING;
    case SHAPE_TYPE: return KIND_STRING | KIND_ARRAY;
    case SHAPE_NUMBER:
    case SHAPE_DIVISOR:
    case SHAPE_COUNT: return KIND_NUMBER;
    case SHAPE_BOOLEAN: return KIND_BOOLEAN;
    case SHAPE_ANY:
    case SHAPE_SCHEMA: break;
    }
    return KIND_ANY;
}

static int check_type(struct compiler *compiler, const struct document *document,
                      const struct value *value);
static int check_names(struct compiler *compiler, const struct document *document,
                       const struct value *value, const char *keyword);
static int check_number(struct compiler *compiler, const struct document *document,
                        const struct value *value, enum keyword keyword);
static int check_anchor(struct compiler *compiler, const struct document *document,
                        const struct value *value, enum keyword keyword);

static int check_members(struct compiler *compiler, const struct document *document,
                         const struct value *value, enum keyword keyword, uint8_t kind) {
    for (uint32_t i = value->first; i != 0; i = document->values[i].next) {
        const struct value *member = &document->values[i];
        if (member->kind != kind)
            return REFUSE(compiler, document, member, "%s must be %s; this is %s",
                          keyword_name(keyword), wanted[keyword_shape(keyword)],
                          kind_text(member->kind));
        if (kind != KIND_ARRAY) continue;
        const int error = check_names(compiler, document, member, keyword_name(keyword));
        if (error) return error;
    }
    return 0;
}

int check_shape(struct compiler *compiler, const struct document *document,
                const struct value *value, enum keyword keyword) {
    const enum shape shape = keyword_shape(keyword);
    if (!(kinds_of(shape) & value->kind)) {
        if (keyword == KEYWORD_ITEMS)
            return REFUSE(compiler, document, value, "items must be a schema, not %s",
                          kind_text(value->kind));
        return REFUSE(compiler, document, value, "%s must be %s, not %s", keyword_name(keyword),
                      wanted[shape], kind_text(value->kind));
    }
    switch (shape) {
    case SHAPE_SCHEMAS:
        if (value->count > 0) return 0;
        return REFUSE(compiler, document, value, "%s must contain at least one schema",
                      keyword_name(keyword));
    case SHAPE_TYPE: return check_type(compiler, document, value);
    case SHAPE_NAMES: return check_names(compiler, document, value, keyword_name(keyword));
    case SHAPE_NAME_MAP: return check_members(compiler, document, value, keyword, KIND_ARRAY);
    case SHAPE_VOCABULARY: return check_members(compiler, document, value, keyword, KIND_BOOLEAN);
    case SHAPE_DIVISOR:
    case SHAPE_COUNT: return check_number(compiler, document, value, keyword);
    case SHAPE_ANCHOR: return check_anchor(compiler, document, value, keyword);
    default: return 0;
    }
}

static bool is_type(const struct document *document, const struct value *value) {
    static const char *const types[] = {"null",   "boolean", "object", "array",
                                        "number", "string",  "integer"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (text_equals_decoded(value_string(document, value), value_string_size(value), types[i],
                                strlen(types[i])))
            return true;
    }
    return false;
}

static int check_type(struct compiler *compiler, const struct document *document,
                      const struct value *value) {
    const bool list = value->kind == KIND_ARRAY;
    if (list && value->count == 0)
        return REFUSE(compiler, document, value, "type must name at least one type");
    if (list) {
        const int error = check_names(compiler, document, value, "type");
        if (error) return error;
    }
    for (uint32_t i = list ? value->first : 0;;) {
        const struct value *one = list ? &document->values[i] : value;
        const size_t size = value_size(one);
        if (!is_type(document, one))
            return REFUSE(compiler, document, one,
                          "%.*s is not a type; expected null, boolean, object, array, number, "
                          "string or integer",
                          (int)(size > 60 ? 60 : size), value_text(document, one));
        i = one->next;
        if (!list || i == 0) return 0;
    }
}

/* True if `value` equals an earlier value of the list. */
static bool is_duplicate(const struct document *document, const struct value *list,
                         const struct value *value) {
    for (uint32_t i = list->first; &document->values[i] != value; i = document->values[i].next) {
        const struct value *other = &document->values[i];
        if (text_equal(value_string(document, other), value_string_size(other),
                       value_string(document, value), value_string_size(value)))
            return true;
    }
    return false;
}

/* Duplicates in longer lists are accepted: comparing each with each is quadratic. */
#define NAMES_COMPARED_MAX 1000

static int check_names(struct compiler *compiler, const struct document *document,
                       const struct value *value, const char *keyword) {
    for (uint32_t i = value->first; i != 0; i = document->values[i].next) {
        const struct value *name = &document->values[i];
        const size_t size = value_size(name);
        if (name->kind != KIND_STRING)
            return REFUSE(compiler, document, name, "%s must contain only strings, not %s", keyword,
                          kind_text(name->kind));
        if (value->count <= NAMES_COMPARED_MAX && is_duplicate(document, value, name))
            return REFUSE(compiler, document, name, "%s contains %.*s twice", keyword,
                          (int)(size > 60 ? 60 : size), value_text(document, name));
    }
    return 0;
}

static int check_number(struct compiler *compiler, const struct document *document,
                        const struct value *value, enum keyword keyword) {
    struct number number;
    number_read(value_text(document, value), value_size(value), &number);
    const char *name = keyword_name(keyword);
    if (keyword_shape(keyword) == SHAPE_DIVISOR) {
        if (number.negative || number.digits == 0)
            return REFUSE(compiler, document, value, "%s must be greater than 0", name);
        if (!number_is_divisor(&number))
            return REFUSE(compiler, document, value, "%s must have at most %d digits", name,
                          NUMBER_DIVISOR_DIGITS_MAX);
        return 0;
    }
    if (!number_whole(&number))
        return REFUSE(compiler, document, value, "%s must be an integer", name);
    if (number.negative && number.digits > 0)
        return REFUSE(compiler, document, value, "%s must not be negative", name);
    return 0;
}

/* Like XML's NCName, but ASCII only. */
static int check_anchor(struct compiler *compiler, const struct document *document,
                        const struct value *value, enum keyword keyword) {
    const char *p = value_string(document, value);
    const size_t size = value_string_size(value);
    for (size_t i = 0; i <= size; i++) {
        const char c = i < size ? p[i] : '\0', letter = (char)(c | 0x20);
        const bool begins = (letter >= 'a' && letter <= 'z') || c == '_';
        const bool continues = begins || (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (i == size && i > 0) return 0;
        if (i == 0 ? !begins : !continues) break;
    }
    return REFUSE(compiler, document, value,
                  "%s must start with a letter or _, followed by letters, digits, _, - and .",
                  keyword_name(keyword));
}
