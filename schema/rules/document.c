/* document.c - reads a schema's text: our scanner validates it, then its values are listed in the
 * order in which they begin.  Everything after the validation trusts the text. */
#include "schema/rules/document.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/text.h"

struct document_reader {
    struct document *document;
    const char *p;
    uint32_t open;           /* the container at p */
    uint32_t last;           /* its latest child; 0: none yet */
    uint32_t name, name_end; /* of the next value */
};

static uint32_t count_values(const char *p);
static void read_values(struct document *document);
static int refused(const struct document *document, uint32_t offset, const char *sentence,
                   struct schema_problem *problem);
static void find_line(const struct document *document, uint32_t offset,
                      struct schema_problem *problem);

int document_read(struct arena *arena, const struct schema_source *source,
                  struct document *document, struct schema_problem *problem) {
    *document = (struct document){.name = source->name};
    if (source->size > SCHEMA_BYTES_MAX) return refused(document, 0, "too large", problem);
    const char *text = source->text;
    size_t size = source->size;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, size -= 3;
    char *copy = arena_copy(arena, text, size, 1 + JSON_PADDING);
    document->name = arena_copy(arena, source->name, strlen(source->name), 1);
    if (!copy || !document->name) return ERR_NO_MEMORY;
    document->text = copy;
    document->size = (uint32_t)size;
    /* The scanner reads lines: replace newlines by carriage returns, which are white space between
     * values and an error in strings, too. */
    for (char *p = copy; (p = memchr(p, '\n', (size_t)(copy + size - p))) != NULL;)
        *p = '\r';
    copy[size] = '\n';
    struct json_line line;
    const uint8_t *bytes = (const uint8_t *)copy;
    json_check_line(bytes, bytes + size + 1, true, &line);
    if (size > 0) memcpy(copy, text, size); /* restore the newlines, for line numbers */
    if (line.reason == JSON_BLANK)
        return refused(document, 0, "empty; a schema must be an object or a boolean", problem);
    if (line.reason != JSON_OK)
        return refused(document, (uint32_t)(line.bad - bytes), json_reason_sentence(line.reason),
                       problem);
    document->count = count_values((const char *)line.begin);
    if (document->count > DOCUMENT_VALUES_MAX)
        return refused(document, 0, "too many values", problem);
    document->values = arena_take(arena, document->count * sizeof *document->values);
    if (!document->values) return ERR_NO_MEMORY;
    read_values(document);
    return 0;
}

/* ---- the text, which is valid now ---- */

static const char *string_end(const char *p) {
    for (p++; *p != '"'; p++) {
        if (*p == '\\') p++;
    }
    return p + 1;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* An upper bound: every value begins the text or follows one of these bytes outside strings. */
static uint32_t count_values(const char *p) {
    uint32_t count = 1, depth = 0;
    do {
        if (*p == '"') {
            p = string_end(p);
            continue;
        }
        if (*p == '[' || *p == '{') depth++, count++;
        if (*p == ']' || *p == '}') depth--;
        if (*p == ',') count++;
        p++;
    } while (depth > 0);
    return count;
}

static const char *space_end(const char *p) {
    while (is_space(*p))
        p++;
    return p;
}

static uint8_t kind_of(char first) {
    switch (first) {
    case '{': return KIND_OBJECT;
    case '[': return KIND_ARRAY;
    case '"': return KIND_STRING;
    case 't':
    case 'f': return KIND_BOOLEAN;
    case 'n': return KIND_NULL;
    default: return KIND_NUMBER;
    }
}

static const char *scalar_end(const char *p) {
    if (*p == '"') return string_end(p);
    while (*p != ',' && *p != ']' && *p != '}' && !is_space(*p))
        p++;
    return p;
}

/* Lists the value at p and links it with its parent. */
static uint32_t list_value(struct document_reader *reader, uint32_t *used) {
    struct document *document = reader->document;
    assert(*used < document->count);
    const uint32_t index = (*used)++;
    struct value *value = &document->values[index];
    *value = (struct value){.begin = (uint32_t)(reader->p - document->text),
                            .name = reader->name,
                            .name_end = reader->name_end,
                            .kind = kind_of(*reader->p),
                            .parent = reader->open};
    reader->name = reader->name_end = 0;
    if (index == 0) return index;
    struct value *parent = &document->values[reader->open];
    value->position = parent->count++;
    if (reader->last)
        document->values[reader->last].next = index;
    else
        parent->first = index;
    reader->last = index;
    return index;
}

static void read_name(struct document_reader *reader) {
    const char *end = string_end(reader->p);
    reader->name = (uint32_t)(reader->p + 1 - reader->document->text);
    reader->name_end = (uint32_t)(end - 1 - reader->document->text);
    reader->p = space_end(space_end(end) + 1);
}

/* Ends with the root, which is known to be complete. */
static void read_values(struct document *document) {
    struct document_reader reader = {.document = document, .p = space_end(document->text)};
    uint32_t used = 0, depth = 0;
    do {
        if (*reader.p == ']' || *reader.p == '}') {
            struct value *closed = &document->values[reader.open];
            closed->end = (uint32_t)(++reader.p - document->text);
            reader.last = reader.open;
            reader.open = closed->parent;
            depth--;
        } else if (*reader.p == ',') {
            reader.p++;
        } else {
            const bool named = depth > 0 && document->values[reader.open].kind == KIND_OBJECT;
            if (named) read_name(&reader);
            const uint32_t index = list_value(&reader, &used);
            if (document->values[index].kind >= KIND_ARRAY) {
                reader.open = index;
                reader.last = 0;
                reader.p++;
                depth++;
            } else {
                reader.p = scalar_end(reader.p);
                document->values[index].end = (uint32_t)(reader.p - document->text);
            }
        }
        reader.p = depth > 0 ? space_end(reader.p) : reader.p;
    } while (depth > 0);
    document->count = used;
}

/* ---- finding ---- */

struct value *document_member(const struct document *document, const struct value *object,
                              const char *name) {
    const size_t size = strlen(name);
    for (uint32_t i = object->kind == KIND_OBJECT ? object->first : 0; i != 0;
         i = document->values[i].next) {
        struct value *member = &document->values[i];
        if (text_equals_decoded(document->text + member->name, member->name_end - member->name,
                                name, size))
            return member;
    }
    return NULL;
}

static struct value *follow_token(const struct document *document, const struct value *from,
                                  const char *token, size_t size) {
    char name[SCHEMA_POINTER_BYTES_MAX * 4];
    if (size > sizeof name) return NULL;
    const size_t name_size = text_read_token(token, size, name);
    if (name_size == SIZE_MAX) return NULL;
    /* An array index has no leading zeros (RFC 6901 section 4). */
    size_t position = 0;
    for (size_t i = 0; from->kind == KIND_ARRAY && i < size; i++) {
        if (token[i] < '0' || token[i] > '9' || size > 9) return NULL;
        if (i == 1 && token[0] == '0') return NULL;
        position = position * 10 + (size_t)(token[i] - '0');
    }
    if (from->kind == KIND_ARRAY && size == 0) return NULL;
    for (uint32_t i = from->first; i != 0; i = document->values[i].next) {
        struct value *child = &document->values[i];
        if (from->kind == KIND_ARRAY
                ? child->position == position
                : text_equals_decoded(document->text + child->name, child->name_end - child->name,
                                      name, name_size))
            return child;
    }
    return NULL;
}

struct value *document_follow(const struct document *document, struct value *from,
                              const char *pointer, size_t size, uint64_t *steps) {
    const char *end = pointer + size;
    while (pointer < end && from) {
        if (*pointer != '/') return NULL;
        const char *token = ++pointer;
        while (pointer < end && *pointer != '/')
            pointer++;
        *steps += from->count;
        from = follow_token(document, from, token, (size_t)(pointer - token));
    }
    return from;
}

/* ---- messages ---- */

size_t document_pointer(const struct document *document, const struct value *value, char *out,
                        size_t size) {
    uint32_t path[JSON_DEPTH_MAX + 1];
    size_t depth = 0, used = 0;
    for (uint32_t i = (uint32_t)(value - document->values); i != 0;
         i = document->values[i].parent) {
        assert(depth <= JSON_DEPTH_MAX);
        path[depth++] = i;
    }
    while (depth > 0 && used + 1 < size) {
        const struct value *step = &document->values[path[--depth]];
        const bool member = document->values[step->parent].kind == KIND_OBJECT;
        out[used++] = '/';
        if (member) {
            used += text_write_token(document->text + step->name, step->name_end - step->name,
                                     out + used, size - used - 1);
        } else {
            char number[16];
            const int digits = snprintf(number, sizeof number, "%u", (unsigned)step->position);
            if (used + (size_t)digits + 1 > size) break;
            memcpy(out + used, number, (size_t)digits);
            used += (size_t)digits;
        }
    }
    out[used] = '\0';
    return used;
}

int document_refuse(const struct document *document, const struct value *value,
                    struct schema_problem *problem, const char *format, ...) {
    *problem = (struct schema_problem){0};
    snprintf(problem->file, sizeof problem->file, "%s", document->name);
    document_pointer(document, value, problem->pointer, sizeof problem->pointer);
    find_line(document, value->begin, problem);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->sentence, sizeof problem->sentence, format, arguments);
    va_end(arguments);
    return ERR_INVALID;
}

int document_decode(const struct document *document, const struct value *value, char *out,
                    size_t room, size_t *size) {
    assert(value->kind == KIND_STRING);
    if (value_string_size(value) >= room) return ERR_NAME_TOO_LONG;
    *size = text_decode(value_string(document, value), value_string_size(value), out);
    out[*size] = '\0';
    return 0;
}

static int refused(const struct document *document, uint32_t offset, const char *sentence,
                   struct schema_problem *problem) {
    *problem = (struct schema_problem){0};
    snprintf(problem->file, sizeof problem->file, "%s", document->name);
    snprintf(problem->sentence, sizeof problem->sentence, "%s", sentence);
    if (document->text) find_line(document, offset, problem);
    return ERR_INVALID;
}

static void find_line(const struct document *document, uint32_t offset,
                      struct schema_problem *problem) {
    problem->line = problem->column = 1;
    for (uint32_t i = 0; i < offset && i < document->size; i++) {
        problem->column++;
        if (document->text[i] == '\n') problem->line++, problem->column = 1;
    }
}

const char *kind_text(uint8_t kind) {
    switch (kind) {
    case KIND_NULL: return "null";
    case KIND_BOOLEAN: return "a boolean";
    case KIND_NUMBER: return "a number";
    case KIND_STRING: return "a string";
    case KIND_ARRAY: return "an array";
    default: return "an object";
    }
}
