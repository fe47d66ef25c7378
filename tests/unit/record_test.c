/* record_test.c - what record.h looks up in its list of members is what fields.h and facts.h find
 * by going over the record: for random objects with duplicate, nested, dotted and escaped names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/chance.h"
#include "tools/query/canonical.h"
#include "tools/query/record.h"

#define TEXT_MAX 65536
#define OBJECTS  30000

static const char *const path_texts[] = {
    "a",     "a.b",   "a.b.c",     "b",
    "b.0.a", "level", "a..b",      ".a",
    "",      "ts",    "msg",       "b.b.b",
    "c.a",   "a.b.b", "log.level", "a_name_that_is_longer_than_all_names_of_the_table"};
#define PATHS (sizeof path_texts / sizeof *path_texts)

static struct value_path paths[PATHS];
static char text[TEXT_MAX];
static size_t used;

static void add(const char *more) {
    used += (size_t)snprintf(text + used, sizeof text - used, "%s", more);
}

static void add_value(struct chance *chance, int depth);

static void add_object(struct chance *chance, int depth) {
    static const char *const names[] = {"a",
                                        "b",
                                        "c",
                                        "a.b",
                                        "b.c",
                                        "a.b.c",
                                        "level",
                                        "ts",
                                        "msg",
                                        "\\u0061",
                                        "\\u0062.\\u0062",
                                        "log",
                                        "@l",
                                        "LEVEL",
                                        "",
                                        "0"};
    const uint64_t count = chance_below(chance, depth == 0 ? 9 : 4);
    add("{");
    for (uint64_t i = 0; i < count; i++) {
        add(i > 0 ? ", \"" : " \"");
        add(names[chance_below(chance, sizeof names / sizeof *names)]);
        add("\":");
        add_value(chance, depth + 1);
    }
    add("}");
}

static void add_value(struct chance *chance, int depth) {
    static const char *const scalars[] = {
        "1",    "\"x\"",      "\"warn\"", "true",
        "null", "\"a\\\"b\"", "-1.5e3",   "\"2026-11-24T07:30:00.000Z\"",
        "50"};
    const uint64_t kind = chance_below(chance, depth < 4 ? 10 : 7);
    if (kind < 7) {
        add(scalars[chance_below(chance, sizeof scalars / sizeof *scalars)]);
    } else if (kind < 9) {
        add_object(chance, depth);
    } else {
        add("[");
        add_value(chance, depth + 1);
        add(", ");
        add_value(chance, depth + 1);
        add("]");
    }
}

/* The text as a line with padding. */
static void read_text(struct record *record) {
    memcpy(text + used, "\n", 1);
    memset(text + used + 1, '"', JSON_PADDING);
    record_read(record, (const uint8_t *)text, (const uint8_t *)text + used + 1);
}

static void compare_paths(const struct record *record, const struct record_paths *compiled) {
    struct value found[PATHS], wanted;
    record_find(record, compiled, found);
    for (size_t i = 0; i < PATHS; i++) {
        if (!value_find(&record->value, paths[i].text, paths[i].size, &wanted)) wanted.begin = NULL;
        if (found[i].begin == wanted.begin &&
            (wanted.begin == NULL || (found[i].end == wanted.end && found[i].kind == wanted.kind)))
            continue;
        fail_msg("%.*s: another value at %s", (int)used, text, path_texts[i]);
    }
}

static void compare_facts(struct record *record) {
    struct facts facts, wanted;
    record_facts(record, &facts_rules_usual, &facts);
    facts_of_record(record->value.begin, (size_t)(record->value.end - record->value.begin),
                    &facts_rules_usual, &wanted);
    if (facts.has_time != wanted.has_time || facts.level != wanted.level ||
        facts.unrecognised != wanted.unrecognised ||
        (wanted.has_time && facts.time_ns != wanted.time_ns))
        fail_msg("%.*s: other facts", (int)used, text);
}

static void compare_canonical(const struct record *record, const struct canonical_rules *rules) {
    struct canonical found = {0}, wanted = {0};
    canonical_read_record(&found, rules, record);
    canonical_read(&wanted, rules, record->value.begin,
                   (size_t)(record->value.end - record->value.begin));
    for (int field = 0; field < CANONICAL_FIELDS; field++) {
        struct value a, b;
        const bool has = canonical_value(&found, (enum canonical_field)field, &a);
        assert_int_equal(canonical_value(&wanted, (enum canonical_field)field, &b), has);
        if (!has) continue;
        assert_int_equal(a.end - a.begin, b.end - b.begin);
        assert_memory_equal(a.begin, b.begin, a.end - a.begin);
    }
    canonical_close(&found);
    canonical_close(&wanted);
}

static void what_is_looked_up_is_what_a_walk_finds(void **state) {
    (void)state;
    struct chance chance = {7};
    struct record record = {0};
    struct canonical_rules rules;
    canonical_open(&rules, &facts_rules_usual);
    for (size_t i = 0; i < PATHS; i++)
        paths[i] = (struct value_path){path_texts[i], strlen(path_texts[i])};
    struct record_paths *compiled = record_paths_open(paths, PATHS);
    for (int i = 0; i < OBJECTS; i++) {
        used = 0;
        add_object(&chance, 0);
        read_text(&record);
        assert_int_equal(record.kind, RECORD_OBJECT);
        compare_paths(&record, compiled);
        compare_facts(&record);
        compare_canonical(&record, &rules);
    }
    record_paths_close(compiled);
    record_close(&record);
}

static void a_record_with_too_many_members_is_searched_all_the_same(void **state) {
    (void)state;
    struct record record = {0};
    used = 0;
    add("{\"a\":1");
    for (int i = 0; i < RECORD_MEMBERS_MAX; i++)
        add(",\"x\":{}");
    add(",\"level\":\"error\",\"a\":{\"b\":2}}");
    for (size_t i = 0; i < PATHS; i++)
        paths[i] = (struct value_path){path_texts[i], strlen(path_texts[i])};
    struct record_paths *compiled = record_paths_open(paths, PATHS);
    read_text(&record);
    compare_paths(&record, compiled);
    compare_facts(&record);
    record_paths_close(compiled);
    record_close(&record);
}

static void lines_are_told_apart(void **state) {
    static const struct {
        const char *line;
        enum record_kind kind;
    } lines[] = {{" {\"a\":1} ", RECORD_OBJECT},
                 {"[1]", RECORD_VALUE},
                 {"\"x\"", RECORD_VALUE},
                 {"{\"a\":", RECORD_TEXT},
                 {"x", RECORD_TEXT},
                 {" \t", RECORD_BLANK},
                 {"", RECORD_BLANK}};
    (void)state;
    struct record record = {0};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        used = 0;
        add(lines[i].line);
        read_text(&record);
        assert_int_equal(record.kind, lines[i].kind);
        assert_ptr_equal(record.next, (const uint8_t *)text + used + 1);
    }
    record_close(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_looked_up_is_what_a_walk_finds),
        cmocka_unit_test(a_record_with_too_many_members_is_searched_all_the_same),
        cmocka_unit_test(lines_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
