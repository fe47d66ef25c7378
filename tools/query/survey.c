/* survey.c - see survey.h. */
#include "tools/query/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/foreign/foreign.h"
#include "tools/query/is_record.h"
#include "tools/query/nearest.h"
#include "tools/query/where_internal.h"
#include "writer/segment/segment_reader.h"

/* Names that are compared with those of the condition: different ones, by their hash. */
#define NAME_PLACES    8192
#define NAMES_MAX      (NAME_PLACES / 2)
#define NAME_DEPTH_MAX 6
#define NAME_ROOM      256

/* What the records hold in the field of a comparison. */
struct finding {
    const struct where_node *node;
    uint64_t count;
    uint32_t kinds; /* bits of enum value_kind */
    struct nearest nearest;
};

struct survey {
    const struct query *query;
    struct finding findings[WHERE_NODES_MAX];
    uint32_t count;
    uint64_t records;
    uint64_t names[NAME_PLACES]; /* 0: free */
    uint32_t name_count;
};

/* ---- names ---- */

static void look_at_name(struct survey *s, const char *name, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)name[i]) * UINT64_C(1099511628211);
    if (hash == 0) hash = 1;
    size_t place = (size_t)(hash ^ hash >> 32) % NAME_PLACES;
    while (s->names[place] != 0 && s->names[place] != hash) /* ends: half of the places are free */
        place = (place + 1) % NAME_PLACES;
    if (s->names[place] != 0 || s->name_count == NAMES_MAX) return;
    s->names[place] = hash;
    s->name_count++;
    for (uint32_t i = 0; i < s->count; i++)
        nearest_look(&s->findings[i].nearest, name, size);
}

/* Looks at all names inside the value, as paths that begin with `path`. */
static void look_at_names(struct survey *s, const struct value *value, char *path, size_t size,
                          uint32_t depth) {
    struct members members = members_of(value);
    struct member member;
    if (depth == NAME_DEPTH_MAX) return;
    while (members_next(&members, &member)) {
        size_t end = size;
        if (member.name == NULL) {
            if (size == 0 || size + 2 > NAME_ROOM) continue;
            path[end++] = '[';
            path[end++] = ']';
        } else {
            if (end > 0 && end < NAME_ROOM) path[end++] = '.';
            const uint8_t *p = member.name;
            while (p < member.name_end && end + 4 <= NAME_ROOM)
                end += string_decode(&p, member.name_end, (uint8_t *)path + end);
            if (p < member.name_end) continue;
        }
        look_at_name(s, path, end);
        look_at_names(s, &member.value, path, end, depth + 1);
    }
}

/* ---- records ---- */

static void find_values(struct finding *finding, uint32_t part, const struct value *value) {
    const struct where_path *path = &finding->node->path;
    struct value found;
    struct member member;
    if (part == path->count) {
        finding->count++;
        finding->kinds |= 1u << (value->kind == VALUE_FALSE ? VALUE_TRUE : value->kind);
        return;
    }
    const struct where_part *step = &path->parts[part];
    if (step->kind == WHERE_FIELD) {
        if (value_find(value, step->name, step->size, &found))
            find_values(finding, part + 1, &found);
        return;
    }
    if (step->kind == WHERE_ELEMENTS && value->kind != VALUE_ARRAY) return;
    struct members members = members_of(value);
    while (members_next(&members, &member))
        find_values(finding, part + 1, &member.value);
}

static void examine_record(struct survey *s, const uint8_t *line, const uint8_t *end) {
    char path[NAME_ROOM];
    const struct value root = value_of(line, end);
    s->records++;
    for (uint32_t i = 0; i < s->count; i++)
        find_values(&s->findings[i], 0, &root);
    look_at_names(s, &root, path, 0, 0);
}

static void examine_lines(struct survey *s, const uint8_t *p, size_t size, uint64_t until,
                          struct is_record *check) {
    const uint8_t *const end = p + size;
    while (p < end && s->records < until) {
        const uint8_t *const next = line_end(p, end), *line = p;
        size_t length = (size_t)(next - p) - (next[-1] == '\n');
        if (check == NULL || is_record(check, &line, &length))
            examine_record(s, line, line + length);
        p = next;
    }
}

/* What cannot be read was reported by the search. */
static void examine_foreign(struct survey *s, struct foreign *foreign, uint64_t until) {
    struct is_record check = {0};
    const uint8_t *lines;
    size_t size;
    while (s->records < until && foreign_next(foreign, &lines, &size))
        examine_lines(s, lines, size, until, &check);
    is_record_close(&check);
    foreign_close(foreign);
}

static void examine_file(struct survey *s, const struct read_request *request,
                         const struct segment_file *segment, uint64_t records) {
    struct segment_reader reader;
    struct foreign *foreign;
    enum segment_damage damage;
    const uint64_t until = s->records + records;
    /* Both can be read once only. */
    if (segment->pipe || strcmp(segment->path, FOREIGN_INPUT) == 0) return;
    if (request->any_file) {
        const enum foreign_opened opened =
            foreign_open(request->files, segment, request->progress, &foreign);
        if (opened == FOREIGN_OPEN) examine_foreign(s, foreign, until);
        if (opened != FOREIGN_SEGMENT) return;
    }
    if (segment_reader_open(request->files, segment->path, &reader) < 0) return;
    while (s->records < until && segment_reader_next(&reader, &damage) > 0)
        examine_lines(s, reader.raw, reader.raw_size, until, NULL);
    segment_reader_close(&reader);
}

/* ---- messages ---- */

static void say_absent(const struct survey *s, const char *command, const struct finding *finding) {
    char hint[NEAREST_HINT_MAX];
    say("%s: none of the %llu records examined has the field %s%s", command,
        (unsigned long long)s->records, finding->node->path.text,
        nearest_hint(&finding->nearest, hint));
}

static const char *name_of_kind(enum value_kind kind) {
    switch (kind) {
    case VALUE_OBJECT: return "an object";
    case VALUE_ARRAY: return "a list";
    case VALUE_STRING: return "text";
    case VALUE_NUMBER: return "a number";
    case VALUE_NULL: return "null";
    default: return "true or false";
    }
}

/* The kinds of values for which the comparison can hold. */
static uint32_t possible_kinds(const struct where_node *node) {
    uint32_t kinds = 0;
    if (node->kind != WHERE_TEST || node->negated || node->relation == WHERE_LIKE) return ~0u;
    if (node->relation > WHERE_LIKE) return 1u << VALUE_STRING;
    for (uint32_t i = 0; i < node->count; i++) {
        const enum value_kind type = node->operands[i].type;
        kinds |= 1u << (type == VALUE_FALSE ? VALUE_TRUE : type);
    }
    return kinds;
}

/* What to write instead. */
static void suggest(const struct finding *finding, enum value_kind kind, char *text, size_t size) {
    const char *const path = finding->node->path.text;
    const char *const value = finding->node->operands[0].text;
    text[0] = '\0';
    if (kind == VALUE_ARRAY) snprintf(text, size, "; %s[] compares its elements", path);
    if (kind == VALUE_OBJECT) snprintf(text, size, "; %s.* compares its members", path);
    if (kind == VALUE_STRING) snprintf(text, size, "; write '%s' for text", value);
    if (kind == VALUE_NUMBER && finding->node->relation <= WHERE_MORE_EQUAL)
        snprintf(text, size, "; write %s without quotes for a number", value);
}

static void say_impossible(const char *command, const struct finding *finding) {
    char other[200];
    const enum value_kind kind = (enum value_kind)__builtin_ctz(finding->kinds);
    const bool one_kind = (finding->kinds & (finding->kinds - 1)) == 0;
    const enum value_kind wanted =
        finding->node->relation > WHERE_LIKE ? VALUE_STRING : finding->node->operands[0].type;
    if (!one_kind) {
        say("%s: the field %s is never %s, so its comparison never holds", command,
            finding->node->path.text, name_of_kind(wanted));
        return;
    }
    suggest(finding, kind, other, sizeof other);
    say("%s: the field %s is %s, and is compared with %s, so the comparison never holds%s", command,
        finding->node->path.text, name_of_kind(kind), name_of_kind(wanted), other);
}

static bool is_by_severity(const struct survey *s, const struct where_node *node) {
    const struct facts_rules *const facts = record_rules_of(s->query->rules, NULL);
    return node->kind == WHERE_TEST && where_is_order(node->relation) &&
           node->operands[0].is_level &&
           facts_level_key(facts, node->path.text, strlen(node->path.text)) >= 0;
}

static void report(const struct survey *s, const char *command) {
    for (uint32_t i = 0; i < s->count; i++) {
        const struct finding *finding = &s->findings[i];
        if (finding->count == 0)
            say_absent(s, command, finding);
        else if ((finding->kinds & possible_kinds(finding->node)) == 0 &&
                 !is_by_severity(s, finding->node))
            say_impossible(command, finding);
    }
}

/* The comparisons that must hold, not those under `not`; each path once. */
static void collect(struct survey *s, const struct where *where, uint32_t number, bool wanted) {
    const struct where_node *node = &where->nodes[number];
    if (node->kind == WHERE_AND || node->kind == WHERE_OR) {
        collect(s, where, node->left, wanted);
        collect(s, where, node->right, wanted);
        return;
    }
    if (node->kind == WHERE_NOT) {
        collect(s, where, node->left, !wanted);
        return;
    }
    if (!wanted || node->path.is_canonical) return;
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->findings[i].node->path.text, node->path.text) == 0) return;
    struct finding *finding = &s->findings[s->count++];
    finding->node = node;
    nearest_begin(&finding->nearest, node->path.text, strlen(node->path.text));
}

static void survey(const char *command, const struct read_request *request,
                   const struct query *query, const struct where *where) {
    struct segment_list list = {0};
    uint32_t wanted = 0;
    struct survey *s = allocate(sizeof *s);
    memset(s, 0, sizeof *s);
    s->query = query;
    collect(s, where, where->root, true);
    for (int i = 0; i < request->path_count; i++)
        (void)list_path_of(request, request->paths[i], &list, NULL);
    for (uint32_t i = 0; i < list.count; i++)
        wanted += query_wants_stream(query, list.files[i].name.stream);
    for (uint32_t i = 0; i < list.count && s->records < SURVEY_RECORDS_MAX; i++)
        if (query_wants_stream(query, list.files[i].name.stream))
            examine_file(s, request, &list.files[i], SURVEY_RECORDS_MAX / wanted + 1);
    if (s->records > 0) report(s, command);
    segment_list_free(&list);
    free(s);
}

void survey_condition(const char *command, const struct read_request *request,
                      const struct query *query) {
    if (query->where != NULL) survey(command, request, query, query->where);
}

/* Is it a path in a condition without quotes? */
static bool is_plain_path(const char *field) {
    for (const char *p = field; *p != '\0'; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') &&
            strchr("_-.", *p) == NULL)
            return false;
    return true;
}

void survey_field(const char *command, const struct read_request *request,
                  const struct query *query, const char *field) {
    const struct where_clock clock = {0, NULL};
    char condition[NAME_ROOM], error[WHERE_ERROR_MAX];
    struct where *where;
    const int size = snprintf(condition, sizeof condition, "exists %s", field);
    if (size >= (int)sizeof condition || !is_plain_path(field)) return;
    if (where_open(condition, &clock, &where, error) < 0) return;
    survey(command, request, query, where);
    where_close(where);
}
