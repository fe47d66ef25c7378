/* where.c - see where.h.  A recursive-descent parser builds an array of nodes. */
#include "tools/query/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tools/query/allocate.h"
#include "tools/query/fields.h"

#define NODES_MAX   256
#define DEPTH_MAX   64
#define NUMBER_ROOM 128
#define STRING_ROOM 4096

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_TEST, NODE_EXISTS, NODE_TRUTH };
enum relation { EQUAL, UNEQUAL, LESS, LESS_EQUAL, MORE, MORE_EQUAL, LIKE, UNLIKE };

struct where_node {
    enum node_kind kind;
    uint32_t left, right;
    char *path;
    enum relation relation;
    enum value_kind type; /* type of `text`, the value to compare with */
    char *text;
    size_t text_size;
    struct regex regex;
};

struct where {
    struct where_node nodes[NODES_MAX];
    uint32_t count, root;
};

/* ---- words ---- */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct parser {
    struct where *where;
    const char *text, *p; /* p: after the token */
    char *error;
    uint32_t depth;
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

static bool ends_word(char c) {
    return c == '\0' || strchr(" \t\n()=!<>~&|\"'", c) != NULL;
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
    while (!ends_word(*parser->p))
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

static bool is_word(const struct parser *parser, const char *word) {
    return parser->kind == TOKEN_WORD && strcmp(parser->value, word) == 0;
}

/* ---- grammar: each parses one thing and leaves the parser at the token after it ---- */

static int parse_any(struct parser *parser, uint32_t *node);

static int add_node(struct parser *parser, enum node_kind kind, uint32_t *number) {
    if (parser->where->count == NODES_MAX) return fail(parser, "too many conditions");
    *number = parser->where->count++;
    parser->where->nodes[*number].kind = kind;
    return 0;
}

/* In JSON's notation. */
static bool is_number(const char *p) {
    if (*p == '-') p++;
    if (*p < '0' || *p > '9') return false;
    if (*p == '0' && p[1] >= '0' && p[1] <= '9') return false;
    while (*p >= '0' && *p <= '9')
        p++;
    if (*p == '.') {
        if (p[1] < '0' || p[1] > '9') return false;
        for (p++; *p >= '0' && *p <= '9';)
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-') p++;
        if (*p < '0' || *p > '9') return false;
        while (*p >= '0' && *p <= '9')
            p++;
    }
    return *p == '\0';
}

static enum value_kind type_of(const struct parser *parser) {
    if (parser->kind == TOKEN_STRING) return VALUE_STRING;
    if (is_word(parser, "true")) return VALUE_TRUE;
    if (is_word(parser, "false")) return VALUE_FALSE;
    if (is_word(parser, "null")) return VALUE_NULL;
    return is_number(parser->value) ? VALUE_NUMBER : VALUE_STRING;
}

static bool relation_of(const struct parser *parser, enum relation *relation) {
    static const struct {
        const char *sign;
        enum relation relation;
    } known[] = {{"=", EQUAL},       {"==", EQUAL},      {"!=", UNEQUAL},
                 {"<", LESS},        {"<=", LESS_EQUAL}, {">", MORE},
                 {">=", MORE_EQUAL}, {"~", LIKE},        {"!~", UNLIKE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *relation = known[i].relation;
        if (is_sign(parser, known[i].sign)) return true;
    }
    return false;
}

/* The value after a comparison. */
static int parse_value(struct parser *parser, struct where_node *node) {
    char error[REGEX_ERROR_MAX];
    int status = next(parser);
    if (status < 0) return status;
    if (parser->kind != TOKEN_WORD && parser->kind != TOKEN_STRING)
        return fail(parser, "a value is expected here");
    node->type = type_of(parser);
    node->text = copy_text(parser->value, parser->value_size);
    node->text_size = parser->value_size;
    if (node->relation == LIKE || node->relation == UNLIKE) {
        status = regex_open(&node->regex, node->text, false, error);
        if (status < 0) return fail(parser, status == ERR_INVALID ? error : error_text(status));
    }
    return next(parser);
}

static int parse_path(struct parser *parser, struct where_node *node) {
    if (parser->kind != TOKEN_WORD && parser->kind != TOKEN_STRING)
        return fail(parser, "a field name is expected here");
    node->path = copy_text(parser->value, parser->value_size);
    return next(parser);
}

static int parse_exists(struct parser *parser, uint32_t *number) {
    int status = add_node(parser, NODE_EXISTS, number);
    if (status < 0) return status;
    const bool closed = is_sign(parser, "(");
    if (closed && (status = next(parser)) < 0) return status;
    status = parse_path(parser, &parser->where->nodes[*number]);
    if (status < 0 || !closed) return status;
    if (!is_sign(parser, ")")) return fail(parser, ") is expected here");
    return next(parser);
}

static int parse_test(struct parser *parser, uint32_t *number) {
    /* `exists` may also be the name of a field. */
    if (is_word(parser, "exists")) {
        enum relation relation;
        const struct parser before = *parser;
        const int status = next(parser);
        if (status < 0) return status;
        const bool named =
            parser->kind == TOKEN_WORD || parser->kind == TOKEN_STRING || is_sign(parser, "(");
        if (named && !relation_of(parser, &relation)) return parse_exists(parser, number);
        *parser = before;
        memcpy(parser->value, "exists", sizeof "exists");
    }
    int status = add_node(parser, NODE_TRUTH, number);
    if (status < 0) return status;
    struct where_node *node = &parser->where->nodes[*number];
    status = parse_path(parser, node);
    if (status < 0) return status;
    if (is_word(parser, "exists")) {
        node->kind = NODE_EXISTS;
        return next(parser);
    }
    if (!relation_of(parser, &node->relation)) return 0;
    node->kind = NODE_TEST;
    return parse_value(parser, node);
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
    if ((status = add_node(parser, NODE_NOT, number)) < 0) return status;
    parser->where->nodes[*number].left = inner;
    return 0;
}

/* Operands joined by `and` or by `or`. */
static int parse_joined(struct parser *parser, enum node_kind kind, uint32_t *number) {
    const char *word = kind == NODE_AND ? "and" : "or", *sign = kind == NODE_AND ? "&&" : "||";
    int status =
        kind == NODE_AND ? parse_not(parser, number) : parse_joined(parser, NODE_AND, number);
    while (status == 0 && (is_word(parser, word) || is_sign(parser, sign))) {
        uint32_t left = *number, right;
        if ((status = next(parser)) < 0) break;
        status =
            kind == NODE_AND ? parse_not(parser, &right) : parse_joined(parser, NODE_AND, &right);
        if (status < 0 || (status = add_node(parser, kind, number)) < 0) break;
        parser->where->nodes[*number].left = left;
        parser->where->nodes[*number].right = right;
    }
    return status;
}

static int parse_any(struct parser *parser, uint32_t *number) {
    if (parser->depth++ == DEPTH_MAX) return fail(parser, "nested too deeply");
    const int status = parse_joined(parser, NODE_OR, number);
    parser->depth--;
    return status;
}

int where_open(const char *text, struct where **where, char *error) {
    *where = allocate(sizeof **where);
    memset(*where, 0, sizeof **where);
    struct parser parser = {.where = *where, .text = text, .p = text, .error = error};
    parser.value = allocate(strlen(text) + sizeof "exists");
    error[0] = '\0';
    int status = next(&parser);
    if (status == 0) status = parse_any(&parser, &(*where)->root);
    if (status == 0 && parser.kind != TOKEN_END)
        status = fail(&parser, "a comparison, and, or, or the end is expected here");
    free(parser.value);
    if (status == 0) return 0;
    where_close(*where);
    *where = NULL;
    return status;
}

void where_close(struct where *where) {
    if (where == NULL) return;
    for (uint32_t i = 0; i < where->count; i++) {
        struct where_node *node = &where->nodes[i];
        free(node->path);
        free(node->text);
        if (node->regex.code != NULL) regex_close(&node->regex);
    }
    free(where);
}

/* ---- one record ---- */

struct evaluation {
    const struct where *where;
    struct value root;
    struct regex_state *state;
};

/* UNKNOWN: a regular expression gave up.  Ordered so that `and` is the minimum and `or` the
 * maximum. */
enum truth { NO, UNKNOWN, YES };

static enum truth truth_of(bool holds) {
    return holds ? YES : NO;
}

static enum truth opposite(enum truth truth) {
    return (enum truth)(YES - truth);
}

static bool is_whole(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((text[i] < '0' || text[i] > '9') && !(i == 0 && text[i] == '-')) return false;
    return true;
}

/* Integers in JSON's notation: no leading zeros. */
static int compare_whole(const char *a, size_t a_size, const char *b, size_t b_size) {
    const bool a_zero = a_size == 2 && a[0] == '-' && a[1] == '0';
    const bool b_zero = b_size == 2 && b[0] == '-' && b[1] == '0';
    if (a_zero) a++, a_size--;
    if (b_zero) b++, b_size--;
    const bool a_minus = a[0] == '-', b_minus = b[0] == '-';
    if (a_minus != b_minus) return a_minus ? -1 : 1;
    const int sign = a_minus ? -1 : 1;
    if (a_size != b_size) return a_size < b_size ? -sign : sign;
    const int order = memcmp(a, b, a_size);
    return order < 0 ? -sign : order > 0 ? sign : 0;
}

/* Keeps every digit: an exponent may follow any number of them. */
static double fraction(const char *text, size_t size) {
    char room[NUMBER_ROOM], *copy = size < sizeof room ? room : allocate(size + 1);
    memcpy(copy, text, size);
    copy[size] = '\0';
    const double number = strtod(copy, NULL);
    if (copy != room) free(copy);
    return number;
}

static int compare_numbers(const char *a, size_t a_size, const char *b, size_t b_size) {
    if (is_whole(a, a_size) && is_whole(b, b_size)) return compare_whole(a, a_size, b, b_size);
    const double x = fraction(a, a_size), y = fraction(b, b_size);
    return x < y ? -1 : x > y ? 1 : 0;
}

/* The characters of a string value.  *text points into the record if there are no escapes,
 * otherwise to `room` or, if they do not fit, to allocated memory (free_text). */
static size_t text_of(const struct value *value, uint8_t *room, const uint8_t **text) {
    const uint8_t *p = value->begin, *end = value->end;
    if (value->kind == VALUE_STRING && end - p >= 2) p++, end--;
    const size_t size = (size_t)(end - p);
    *text = p;
    if (value->kind != VALUE_STRING || memchr(p, '\\', size) == NULL) return size;
    uint8_t *decoded = size + 4 <= STRING_ROOM ? room : allocate(size + 4);
    size_t used = 0;
    while (p < end) /* ends: p rises; decoded text is never longer than its source */
        used += string_decode(&p, end, decoded + used);
    *text = decoded;
    return used;
}

static void free_text(const struct value *value, const uint8_t *room, const uint8_t *text) {
    if (text != room && (text < value->begin || text >= value->end)) free((void *)(uintptr_t)text);
}

static int compare_strings(const struct value *value, const struct where_node *node) {
    uint8_t room[STRING_ROOM];
    const uint8_t *text;
    const size_t size = text_of(value, room, &text);
    const size_t common = size < node->text_size ? size : node->text_size;
    int order = memcmp(text, node->text, common);
    if (order == 0) order = size < node->text_size ? -1 : size > node->text_size ? 1 : 0;
    free_text(value, room, text);
    return order;
}

static enum truth is_like(const struct evaluation *e, const struct value *value,
                          const struct where_node *node) {
    uint8_t room[STRING_ROOM];
    const uint8_t *text;
    size_t begin, end;
    const size_t size = text_of(value, room, &text);
    const int found = regex_find(&node->regex, e->state, text, size, 0, &begin, &end);
    free_text(value, room, text);
    return found < 0 ? UNKNOWN : truth_of(found > 0);
}

static bool find_field(const struct evaluation *e, const struct where_node *node,
                       struct value *value) {
    return value_find(&e->root, node->path, strlen(node->path), value);
}

static bool relation_holds(enum relation relation, int order) {
    switch (relation) {
    case EQUAL: return order == 0;
    case UNEQUAL: return order != 0;
    case LESS: return order < 0;
    case LESS_EQUAL: return order <= 0;
    case MORE: return order > 0;
    default: return order >= 0;
    }
}

static enum truth test_holds(const struct evaluation *e, const struct where_node *node) {
    struct value value;
    int order = 0;
    if (!find_field(e, node, &value)) return NO;
    if (node->relation == LIKE) return is_like(e, &value, node);
    if (node->relation == UNLIKE) return opposite(is_like(e, &value, node));
    if (value.kind != node->type) return truth_of(node->relation == UNEQUAL);
    if (value.kind == VALUE_NUMBER)
        order = compare_numbers((const char *)value.begin, (size_t)(value.end - value.begin),
                                node->text, node->text_size);
    if (value.kind == VALUE_STRING) order = compare_strings(&value, node);
    return truth_of(relation_holds(node->relation, order));
}

/* Recursion ends: nodes only refer to earlier nodes. */
static enum truth node_holds(const struct evaluation *e, uint32_t number) {
    const struct where_node *node = &e->where->nodes[number];
    struct value value;
    enum truth left, right;
    switch (node->kind) {
    case NODE_AND:
        if ((left = node_holds(e, node->left)) == NO) return NO;
        right = node_holds(e, node->right);
        return left < right ? left : right;
    case NODE_OR:
        if ((left = node_holds(e, node->left)) == YES) return YES;
        right = node_holds(e, node->right);
        return left > right ? left : right;
    case NODE_NOT: return opposite(node_holds(e, node->left));
    case NODE_TEST: return test_holds(e, node);
    case NODE_EXISTS: return truth_of(find_field(e, node, &value));
    case NODE_TRUTH:
        return truth_of(find_field(e, node, &value) && value.kind != VALUE_FALSE &&
                        value.kind != VALUE_NULL);
    }
    return NO;
}

bool where_holds(const struct where *where, const uint8_t *record, size_t size,
                 struct regex_state *state, bool *gave_up) {
    const struct evaluation e = {where, value_of(record, record + size), state};
    const enum truth truth = node_holds(&e, where->root);
    if (truth == UNKNOWN) *gave_up = true;
    return truth == YES;
}
