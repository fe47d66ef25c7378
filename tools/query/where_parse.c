/* where_parse.c - reads a condition: a recursive-descent parser that builds an array of nodes.  See
 * where.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/ascii.h"
#include "tools/query/allocate.h"
#include "tools/query/time.h"
#include "tools/query/where_internal.h"

#define DEPTH_MAX 64

/* ---- words ---- */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct parser {
    struct where *where;
    const struct where_clock *clock;
    const char *text, *p; /* p: after the token */
    char *error;
    uint32_t depth;
    bool in_list; /* a comma ends a word */
    enum token_kind kind;
    const char *token; /* start of the token */
    char *value;       /* characters of TOKEN_WORD and TOKEN_STRING */
    size_t value_size;
};

static int fail(struct parser *parser, const char *what) {
    if (parser->error[0] == '\0')
        snprintf(parser->error, WHERE_ERROR_MAX, "at character %llu: %s",
                 (unsigned long long)(parser->token - parser->text) + 1, what);
    return ERR_INVALID;
}

static bool ends_word(const struct parser *parser, char c) {
    return c == '\0' || strchr(" \t\n()=!<>~&|\"'", c) != NULL || (c == ',' && parser->in_list);
}

static int next_string(struct parser *parser) {
    const char quote = *parser->p++;
    size_t size = 0;
    for (; *parser->p != quote; parser->p++) {
        if (*parser->p == '\\' && (parser->p[1] == quote || parser->p[1] == '\\')) parser->p++;
        if (*parser->p == '\0') return fail(parser, "the string has no closing quote");
        parser->value[size++] = *parser->p;
    }
    parser->p++;
    parser->kind = TOKEN_STRING;
    parser->value[size] = '\0';
    parser->value_size = size;
    return 0;
}

/* Reads the next token. */
static int next(struct parser *parser) {
    static const char *const signs[] = {"==", "!=", "<=", ">=", "!~", "&&", "||", "=",
                                        "<",  ">",  "~",  "(",  ")",  "!",  NULL};
    while (*parser->p == ' ' || *parser->p == '\t' || *parser->p == '\n')
        parser->p++;
    parser->token = parser->p;
    parser->kind = TOKEN_END;
    if (*parser->p == '\0') return 0;
    if (*parser->p == '"' || *parser->p == '\'') return next_string(parser);
    for (const char *const *sign = signs; *sign != NULL; sign++)
        if (strncmp(parser->p, *sign, strlen(*sign)) == 0) {
            parser->kind = TOKEN_SIGN;
            parser->p += strlen(*sign);
            return 0;
        }
    if (parser->in_list && *parser->p == ',') {
        parser->kind = TOKEN_SIGN;
        parser->p++;
        return 0;
    }
    while (!ends_word(parser, *parser->p))
        parser->p++;
    if (parser->p == parser->token) return fail(parser, "unexpected character");
    parser->kind = TOKEN_WORD;
    parser->value_size = (size_t)(parser->p - parser->token);
    memcpy(parser->value, parser->token, parser->value_size);
    parser->value[parser->value_size] = '\0';
    return 0;
}

static bool is_sign(const struct parser *parser, const char *sign) {
    const size_t size = (size_t)(parser->p - parser->token);
    return parser->kind == TOKEN_SIGN && strlen(sign) == size &&
           strncmp(parser->token, sign, size) == 0;
}

/* A word of the language, in any case. */
static bool is_word(const struct parser *parser, const char *word) {
    if (parser->kind != TOKEN_WORD || parser->value_size != strlen(word)) return false;
    for (size_t i = 0; word[i] != '\0'; i++) {
        if (ascii_lower((uint8_t)parser->value[i]) != (uint8_t)word[i]) return false;
    }
    return true;
}

/* ---- paths ---- */

static void add_part(struct where_path *path, enum where_part_kind kind, const char *name,
                     size_t size) {
    path->parts = reallocate(path->parts, (path->count + 1) * sizeof *path->parts);
    struct where_part *part = &path->parts[path->count++];
    *part = (struct where_part){.kind = kind, .size = size};
    if (kind == WHERE_FIELD) part->name = copy_text(name, size);
}

/* Collects the characters of a name until [] or * ends it. */
struct name {
    char *bytes;
    size_t size;
    bool open; /* it has begun, though it may be empty */
};

static void end_name(struct where_path *path, struct name *name) {
    if (name->open) add_part(path, WHERE_FIELD, name->bytes, name->size);
    name->size = 0;
    name->open = false;
}

static bool ends_part(char c) {
    return c == '\0' || c == '.' || c == '[';
}

/* Adds an unquoted word, in which [] and * have a meaning. */
static int add_word(struct parser *parser, struct where_path *path, struct name *name) {
    bool begins = !name->open;
    for (const char *p = parser->value; *p != '\0';) {
        const bool elements = p[0] == '[' && p[1] == ']';
        const bool members = p[0] == '*' && begins && ends_part(p[1]);
        if (!elements && !members) {
            begins = *p == '.';
            name->open = true;
            name->bytes[name->size++] = *p++;
            continue;
        }
        if (members && name->open) name->size--; /* the dot before it */
        end_name(path, name);
        add_part(path, elements ? WHERE_ELEMENTS : WHERE_MEMBERS, NULL, 0);
        p += elements ? 2 : 1;
        if (!ends_part(*p)) return fail(parser, "a . is expected after [] in a field name");
        begins = *p == '.';
        if (*p == '.') p++;
    }
    return 0;
}

static int parse_parts(struct parser *parser, struct where_path *path, struct name *name) {
    size_t size = 0;
    for (;;) { /* ends: every turn reads a token */
        const bool string = parser->kind == TOKEN_STRING;
        const char last = string ? '"' : parser->p[-1];
        if (string) {
            memcpy(name->bytes + name->size, parser->value, parser->value_size);
            name->size += parser->value_size;
            name->open = true;
        } else if (add_word(parser, path, name) < 0) {
            return ERR_INVALID;
        }
        memcpy(path->text + size, parser->value, parser->value_size);
        size += parser->value_size;
        path->text[size] = '\0';
        const char c = *parser->p;
        const int status = next(parser);
        if (status < 0) return status;
        /* A quoted part: headers."x y"[] */
        if (string ? c != '.' && c != '[' : last != '.' || (c != '"' && c != '\'')) break;
    }
    end_name(path, name);
    return 0;
}

static int parse_path(struct parser *parser, struct where_path *path) {
    if (parser->kind != TOKEN_WORD && parser->kind != TOKEN_STRING)
        return fail(parser, "a field name is expected here");
    const bool quoted = parser->kind == TOKEN_STRING;
    const size_t room = strlen(parser->token) + sizeof "exists";
    struct name name = {.bytes = allocate(room)};
    path->text = allocate(room);
    path->text[0] = '\0';
    const int status = parse_parts(parser, path, &name);
    path->is_canonical =
        !quoted && canonical_named(path->text, strlen(path->text), &path->canonical);
    free(name.bytes);
    return status;
}

/* ---- values ---- */

static const char *digits_end(const char *p, const char *end) {
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

bool where_is_number(const char *p, size_t size) {
    const char *const end = p + size;
    if (p < end && *p == '-') p++;
    const char *next = digits_end(p, end);
    if (next == p || (*p == '0' && next - p > 1)) return false;
    p = next;
    if (p < end && *p == '.') {
        next = digits_end(p + 1, end);
        if (next == p + 1) return false;
        p = next;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        next = digits_end(p, end);
        if (next == p) return false;
        p = next;
    }
    return p == end;
}

static enum value_kind type_of(const struct parser *parser) {
    if (parser->kind == TOKEN_STRING) return VALUE_STRING;
    if (strcmp(parser->value, "true") == 0) return VALUE_TRUE;
    if (strcmp(parser->value, "false") == 0) return VALUE_FALSE;
    if (strcmp(parser->value, "null") == 0) return VALUE_NULL;
    return where_is_number(parser->value, parser->value_size) ? VALUE_NUMBER : VALUE_STRING;
}

static int parse_canonical(struct parser *parser, const struct where_node *node,
                           struct where_operand *operand) {
    const bool compared = node->relation == WHERE_EQUAL || where_is_order(node->relation);
    if (!compared || !node->path.is_canonical) return 0;
    if (node->path.canonical == CANONICAL_LEVEL && !operand->is_level)
        return fail(parser, "a level is expected here: trace, debug, info, warn, error or fatal");
    if (node->path.canonical == CANONICAL_TIME &&
        query_time(operand->text, parser->clock->now_ns, parser->clock->zone, &operand->time_ns) <
            0)
        return fail(parser, "a time is expected here (" QUERY_TIME_HINT ")");
    return 0;
}

/* The value at the current token. */
static int parse_operand(struct parser *parser, struct where_node *node) {
    if (parser->kind != TOKEN_WORD && parser->kind != TOKEN_STRING)
        return fail(parser, "a value is expected here");
    node->operands = reallocate(node->operands, (node->count + 1) * sizeof *node->operands);
    struct where_operand *operand = &node->operands[node->count++];
    *operand = (struct where_operand){.type = type_of(parser),
                                      .text = copy_text(parser->value, parser->value_size),
                                      .size = parser->value_size};
    if (operand->type == VALUE_NUMBER) number_read(operand->text, operand->size, &operand->number);
    operand->is_level = level_parse(operand->text, operand->size, &operand->level) == 0;
    return parse_canonical(parser, node, operand);
}

static int parse_pattern(struct parser *parser, struct where_node *node) {
    const struct where_operand *operand = &node->operands[0];
    if (node->relation == WHERE_CONTAINS)
        return needle_open(&node->needle, operand->text, operand->size, false);
    if (node->relation != WHERE_LIKE) return 0;
    char error[REGEX_ERROR_MAX];
    const int status = regex_open(&node->regex, operand->text, false, error);
    if (status == 0) return 0;
    return fail(parser, status == ERR_INVALID ? error : error_text(status));
}

/* ( value, ... ) */
static int parse_list(struct parser *parser, struct where_node *node) {
    if (!is_sign(parser, "(")) return fail(parser, "( is expected here");
    parser->in_list = true;
    int status;
    do {
        if ((status = next(parser)) < 0) return status;
        if ((status = parse_operand(parser, node)) < 0) return status;
        if ((status = next(parser)) < 0) return status;
    } while (is_sign(parser, ","));
    parser->in_list = false;
    if (!is_sign(parser, ")")) return fail(parser, ", or ) is expected here");
    return next(parser);
}

/* ---- grammar: each parses one thing and leaves the parser at the token after it ---- */

static int parse_any(struct parser *parser, uint32_t *node);

static int add_node(struct parser *parser, enum where_kind kind, uint32_t *number) {
    if (parser->where->count == WHERE_NODES_MAX) return fail(parser, "too many conditions");
    *number = parser->where->count++;
    parser->where->nodes[*number].kind = kind;
    return 0;
}

static bool relation_sign(const struct parser *parser, enum where_relation *relation,
                          bool *negated) {
    static const struct {
        const char *sign;
        enum where_relation relation;
        bool negated;
    } known[] = {
        {"=", WHERE_EQUAL, false},       {"==", WHERE_EQUAL, false},      {"!=", WHERE_EQUAL, true},
        {"<", WHERE_LESS, false},        {"<=", WHERE_LESS_EQUAL, false}, {">", WHERE_MORE, false},
        {">=", WHERE_MORE_EQUAL, false}, {"~", WHERE_LIKE, false},        {"!~", WHERE_LIKE, true}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *relation = known[i].relation;
        *negated = known[i].negated;
        if (is_sign(parser, known[i].sign)) return true;
    }
    return false;
}

/* [not] contains, starts with, ends with, in: the current word, if it is one. */
static int relation_word(struct parser *parser, struct where_node *node, bool *found) {
    int status;
    *found = true;
    if (is_word(parser, "not")) {
        node->negated = true;
        if ((status = next(parser)) < 0) return status;
    }
    if (is_word(parser, "in")) {
        node->relation = WHERE_EQUAL;
        return next(parser);
    }
    if (is_word(parser, "contains")) {
        node->relation = WHERE_CONTAINS;
        return next(parser);
    }
    const bool starts = is_word(parser, "starts");
    if (starts || is_word(parser, "ends")) {
        node->relation = starts ? WHERE_STARTS : WHERE_ENDS;
        if ((status = next(parser)) < 0) return status;
        if (!is_word(parser, "with")) return fail(parser, "with is expected here");
        return next(parser);
    }
    *found = false;
    if (node->negated)
        return fail(parser, "in, contains, starts with or ends with is expected here");
    return 0;
}

static int parse_comparison(struct parser *parser, struct where_node *node) {
    int status;
    bool found = relation_sign(parser, &node->relation, &node->negated);
    bool list = false;
    if (found) {
        status = next(parser);
    } else {
        node->negated = false;
        status = relation_word(parser, node, &found);
        list = node->relation == WHERE_EQUAL;
    }
    if (status < 0 || !found) return status;
    node->kind = WHERE_TEST;
    if (list) return parse_list(parser, node);
    if ((status = parse_operand(parser, node)) < 0) return status;
    if ((status = parse_pattern(parser, node)) < 0) return status;
    return next(parser);
}

static int parse_exists(struct parser *parser, uint32_t *number) {
    int status = add_node(parser, WHERE_EXISTS, number);
    if (status < 0) return status;
    const bool closed = is_sign(parser, "(");
    if (closed && (status = next(parser)) < 0) return status;
    status = parse_path(parser, &parser->where->nodes[*number].path);
    if (status < 0 || !closed) return status;
    if (!is_sign(parser, ")")) return fail(parser, ") is expected here");
    return next(parser);
}

/* `exists`, but not a field of this name in a comparison. */
static int begins_exists(struct parser *parser, bool *begins) {
    const struct parser before = *parser;
    char name[sizeof "exists"];
    *begins = false;
    if (!is_word(parser, "exists")) return 0;
    memcpy(name, parser->value, sizeof name);
    const int status = next(parser);
    if (status < 0) return status;
    *begins = parser->kind == TOKEN_WORD || parser->kind == TOKEN_STRING || is_sign(parser, "(");
    if (*begins) return 0;
    *parser = before;
    memcpy(parser->value, name, sizeof name);
    return 0;
}

static int parse_test(struct parser *parser, uint32_t *number) {
    bool exists;
    int status = begins_exists(parser, &exists);
    if (status < 0) return status;
    if (exists) return parse_exists(parser, number);
    status = add_node(parser, WHERE_TRUTH, number);
    if (status < 0) return status;
    struct where_node *node = &parser->where->nodes[*number];
    status = parse_path(parser, &node->path);
    if (status < 0) return status;
    if (is_word(parser, "exists")) {
        node->kind = WHERE_EXISTS;
        return next(parser);
    }
    return parse_comparison(parser, node);
}

static int parse_not(struct parser *parser, uint32_t *number) {
    int status;
    if (is_sign(parser, "(")) {
        if ((status = next(parser)) < 0) return status;
        if ((status = parse_any(parser, number)) < 0) return status;
        if (!is_sign(parser, ")")) return fail(parser, ") is expected here");
        return next(parser);
    }
    if (!is_word(parser, "not") && !is_sign(parser, "!")) return parse_test(parser, number);
    uint32_t inner;
    if (parser->depth++ == DEPTH_MAX) return fail(parser, "nested too deeply");
    if ((status = next(parser)) < 0) return status;
    if ((status = parse_not(parser, &inner)) < 0) return status;
    parser->depth--;
    if ((status = add_node(parser, WHERE_NOT, number)) < 0) return status;
    parser->where->nodes[*number].left = inner;
    return 0;
}

/* Operands joined by `and` or by `or`. */
static int parse_joined(struct parser *parser, enum where_kind kind, uint32_t *number) {
    const char *word = kind == WHERE_AND ? "and" : "or", *sign = kind == WHERE_AND ? "&&" : "||";
    int status =
        kind == WHERE_AND ? parse_not(parser, number) : parse_joined(parser, WHERE_AND, number);
    while (status == 0 && (is_word(parser, word) || is_sign(parser, sign))) {
        uint32_t left = *number, right;
        if ((status = next(parser)) < 0) break;
        status =
            kind == WHERE_AND ? parse_not(parser, &right) : parse_joined(parser, WHERE_AND, &right);
        if (status < 0 || (status = add_node(parser, kind, number)) < 0) break;
        parser->where->nodes[*number].left = left;
        parser->where->nodes[*number].right = right;
    }
    return status;
}

static int parse_any(struct parser *parser, uint32_t *number) {
    if (parser->depth++ == DEPTH_MAX) return fail(parser, "nested too deeply");
    const int status = parse_joined(parser, WHERE_OR, number);
    parser->depth--;
    return status;
}

int where_open(const char *text, const struct where_clock *clock, struct where **where,
               char *error) {
    *where = allocate(sizeof **where);
    memset(*where, 0, sizeof **where);
    struct parser parser = {
        .where = *where, .clock = clock, .text = text, .p = text, .error = error};
    parser.value = allocate(strlen(text) + sizeof "exists");
    error[0] = '\0';
    int status = next(&parser);
    if (status == 0) status = parse_any(&parser, &(*where)->root);
    if (status == 0 && parser.kind != TOKEN_END)
        status = fail(&parser, "a comparison, and, or, or the end is expected here");
    free(parser.value);
    if (status == 0) return 0;
    if (error[0] == '\0') fail(&parser, error_text(status));
    where_close(*where);
    *where = NULL;
    return ERR_INVALID;
}

static void close_node(struct where_node *node) {
    for (uint32_t i = 0; i < node->path.count; i++)
        free(node->path.parts[i].name);
    free(node->path.parts);
    free(node->path.text);
    for (uint32_t i = 0; i < node->count; i++)
        free(node->operands[i].text);
    free(node->operands);
    if (node->regex.code != NULL) regex_close(&node->regex);
    needle_close(&node->needle);
}

void where_close(struct where *where) {
    if (where == NULL) return;
    for (uint32_t i = 0; i < where->count; i++)
        close_node(&where->nodes[i]);
    free(where);
}
