/* record.c - see record.h.  A path `a.b.c` may be a name as a whole, or begin with the names `a` or
 * `a.b`: the names of all paths are compared with the members of the object in one pass over the
 * list, and what is inside of a member is the part of the list after it. */
#include "tools/query/record.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"

/* ---- reading ---- */

static bool has_escapes(const struct json_members *members) {
    for (uint32_t i = 0; members->escapes && i < members->count; i++)
        if (memchr(members->list[i].name, '\\', members->list[i].name_size) != NULL) return true;
    return false;
}

void record_read(struct record *record, const uint8_t *text, const uint8_t *text_end) {
    struct json_members *const members = &record->members;
    struct json_line line;
    if (members->list == NULL) {
        members->list = allocate(RECORD_MEMBERS_MAX * sizeof *members->list);
        members->room = RECORD_MEMBERS_MAX;
    }
    json_check_line_members(text, text_end, true, &line, members);
    record->next = line.next;
    record->kind = line.reason == JSON_BLANK ? RECORD_BLANK
                   : line.reason != JSON_OK  ? RECORD_TEXT
                   : *line.begin == '{'      ? RECORD_OBJECT
                                             : RECORD_VALUE;
    if (record->kind == RECORD_OBJECT) { /* whose end is known: value_of would look for it */
        record->value = (struct value){VALUE_OBJECT, line.begin, line.end};
        record->listed = members->count <= members->room && !has_escapes(members);
    } else if (record->kind == RECORD_VALUE) {
        record->value = value_of(line.begin, line.end);
    }
}

void record_trust(struct record *record, const uint8_t *line, size_t size) {
    record->kind = RECORD_OBJECT;
    record->value = value_of(line, line + size);
    record->listed = false;
    record->members.count = record->members.room + 1;
}

void record_close(struct record *record) {
    free(record->members.list);
    *record = (struct record){0};
}

bool record_look(const struct record *record, const struct json_names *names,
                 struct json_found *found) {
    if (record->members.count > record->members.room) return false;
    json_members_look(&record->members, names, found);
    return true;
}

void record_facts(struct record *record, const struct facts_rules *rules, struct facts *facts) {
    const struct value *const value = &record->value;
    struct json_found found;
    if (record_look(record, &rules->names, &found))
        facts_of_next_found(rules, &found, value->end, &record->memory, facts);
    else
        facts_of_record(value->begin, (size_t)(value->end - value->begin), rules, facts);
}

/* ---- paths ---- */

#define NAMES_OF_PATH_MAX 8

/* The names that a path may begin with: bits in record_paths.names. */
struct path {
    struct value_path text;
    bool simple; /* all of its names are among them */
    uint32_t count;
    /* The whole path first, then what is before each of its dots. */
    struct {
        uint8_t name;
        size_t size;
    } names[NAMES_OF_PATH_MAX];
};

struct record_paths {
    uint32_t count;
    struct json_names names;
    struct value_path *texts; /* of all paths */
    struct path *paths;
};

static bool find_name(const struct json_names *names, const char *text, size_t size,
                      uint32_t *number) {
    for (*number = 0; *number < names->count; ++*number) {
        const struct json_name *const name = &names->names[*number];
        if (name->size == size && memcmp(name->text, text, size) == 0) return true;
    }
    return false;
}

static void add_name(struct record_paths *paths, struct path *path, size_t size) {
    uint32_t number;
    if (!find_name(&paths->names, path->text.text, size, &number)) {
        if (size == 0 || size > JSON_NAME_BYTES_MAX || number == JSON_NAMES_MAX) {
            path->simple = false;
            return;
        }
        json_names_add(&paths->names, path->text.text, (uint32_t)size, true);
    }
    path->simple &= path->count < NAMES_OF_PATH_MAX;
    if (!path->simple) return;
    path->names[path->count].name = (uint8_t)number;
    path->names[path->count++].size = size;
}

struct record_paths *record_paths_open(const struct value_path *texts, uint32_t count) {
    struct record_paths *const paths = allocate(sizeof *paths);
    *paths = (struct record_paths){.count = count};
    paths->texts = allocate(count * sizeof *paths->texts);
    paths->paths = allocate(count * sizeof *paths->paths);
    for (uint32_t i = 0; i < count; i++) {
        struct path *const path = &paths->paths[i];
        paths->texts[i] = texts[i];
        *path = (struct path){.text = texts[i], .simple = true};
        add_name(paths, path, texts[i].size);
        for (size_t size = 0; size < texts[i].size; size++)
            if (texts[i].text[size] == '.') add_name(paths, path, size);
    }
    return paths;
}

void record_paths_close(struct record_paths *paths) {
    if (paths == NULL) return;
    free(paths->texts);
    free(paths->paths);
    free(paths);
}

/* Where the names are: the last member of each, and the order of their first ones. */
struct places {
    uint64_t mask;
    uint32_t members[JSON_NAMES_MAX];
};

static void find_places(const struct record *record, const struct json_names *names,
                        struct places *places) {
    const struct json_member *const list = record->members.list;
    places->mask = 0;
    for (uint32_t i = 0; i < record->members.count; i++) {
        const size_t size = list[i].name_size;
        if (list[i].depth != 1 || size > JSON_NAME_BYTES_MAX) continue;
        uint64_t rest = names->of_size[size] & names->of_first[*list[i].name % 32];
        for (; rest != 0; rest &= rest - 1) {
            const int n = __builtin_ctzll(rest);
            if (memcmp(names->names[n].text, list[i].name, size) != 0) continue;
            places->members[n] = i;
            places->mask |= UINT64_C(1) << n;
            break;
        }
    }
}

/* The value in the object that is the value of this member, at a path whose parts are names without
 * dots.  False: undecided. */
static bool find_inside(const struct record *record, uint32_t member, const char *path, size_t size,
                        struct value *found) {
    const struct json_member *const list = record->members.list;
    const uint32_t depth = list[member].depth + 1;
    const uint8_t *value = NULL;
    found->begin = NULL;
    if (*list[member].value == '[') return false;
    if (*list[member].value != '{' || memchr(path, '.', size) != NULL)
        return *list[member].value != '{';
    for (uint32_t i = member + 1; i < record->members.count && list[i].depth >= depth; i++)
        if (list[i].depth == depth && list[i].name_size == size &&
            memcmp(list[i].name, path, size) == 0)
            value = list[i].value; /* the last one counts */
    if (value != NULL) *found = value_of(value, record->value.end);
    return true;
}

/* False: undecided. */
static bool find_path(const struct record *record, const struct path *path,
                      const struct places *places, struct value *found) {
    uint32_t beginning = 0;
    found->begin = NULL;
    if (!path->simple) return false;
    for (uint32_t i = 0; i < path->count; i++) {
        const uint32_t name = path->names[i].name;
        if ((places->mask >> name & 1) == 0) continue;
        if (i == 0) {
            *found = value_of(record->members.list[places->members[name]].value, record->value.end);
            return true;
        }
        if (beginning > 0) return false; /* several names are beginnings: their order counts */
        beginning = i;
    }
    if (beginning == 0) return true;
    const size_t before = path->names[beginning].size + 1;
    return find_inside(record, places->members[path->names[beginning].name],
                       path->text.text + before, path->text.size - before, found);
}

void record_find(const struct record *record, const struct record_paths *paths,
                 struct value *found) {
    struct places places;
    if (!record->listed) {
        values_find(&record->value, paths->texts, paths->count, found);
        return;
    }
    find_places(record, &paths->names, &places);
    for (uint32_t i = 0; i < paths->count; i++) {
        const struct value_path *const text = &paths->paths[i].text;
        if (find_path(record, &paths->paths[i], &places, &found[i])) continue;
        if (!value_find(&record->value, text->text, text->size, &found[i])) found[i].begin = NULL;
    }
}
