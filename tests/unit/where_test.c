/* where_test.c - the conditions of --where: their meaning, the values for which they are true, and
 * the errors of invalid ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/time.h"
#include "tools/query/where.h"

static struct regex_state regexes;
static const struct where_clock clock_of_tests = {INT64_C(1795505400) * 1000000000, NULL};

static bool holds_of(const char *condition, const char *record, bool *gave_up) {
    char error[WHERE_ERROR_MAX] = "not touched";
    struct where *where;
    if (where_open(condition, &clock_of_tests, &where, error) != 0)
        fail_msg("%s: %s", condition, error);
    assert_string_equal(error, "");
    /* Exactly this size, so that AddressSanitizer sees a read after the end. */
    const size_t size = strlen(record);
    uint8_t *copy = malloc(size);
    memcpy(copy, record, size);
    struct where_state state = {.regex = &regexes, .facts = &facts_rules_usual, .stream = "main"};
    const bool holds = where_holds(where, &state, copy, size);
    *gave_up = state.gave_up;
    where_state_close(&state);
    free(copy);
    where_close(where);
    return holds;
}

struct example {
    const char *condition;
    bool holds;
};

static void check(const char *record, const struct example *examples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool gave_up = false;
        if (holds_of(examples[i].condition, record, &gave_up) != examples[i].holds)
            fail_msg("%s is %s of %s", examples[i].condition, examples[i].holds ? "false" : "true",
                     record);
        assert_false(gave_up);
    }
}
#define CHECK(record, examples) check(record, examples, sizeof(examples) / sizeof *(examples))

/* ---- values ---- */

static void numbers_are_compared_as_numbers_whole_ones_exactly(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"n=5", true},
        {"n==5", true},
        {"n = 5.0", true},
        {"n=50e-1", true},
        {"n<10", true}, /* not compared as strings */
        {"n<=5", true},
        {"n>=5", true},
        {"n<5", false},
        {"n>5", false},
        {"n!=5", false},
        {"n!=6", true},
        {"n>-1", true},
        {"n>4.999", true},
        {"big=12345678901234567890", true},
        {"big=12345678901234567891", false}, /* the same as a double */
        {"big<12345678901234567891", true},
        {"big>9", true},
        {"minus=-7", true},
        {"minus<-6", true},
        {"minus>-8", true},
        {"minus>-10", true},
        {"minus<0", true},
        {"zero=0", true},
        {"zero=-0", true},
        {"zero<1", true},
        {"zero>-1", true},
        {"zero=0.0", true},
        {"part>0.24", true},
        {"part=25e-2", true},
        {"part<1", true},
        {"far>1e300", true},
        {"far=1e400", true}, /* neither fits into a double */
    };
    CHECK("{\"n\":5,\"big\":12345678901234567890,\"minus\":-7,\"zero\":-0,\"part\":0.25,"
          "\"far\":1e400}",
          examples);
}

static void every_digit_of_a_number_counts(void **state) {
    (void)state;
    char record[400], zeros[200];
    memset(zeros, '0', sizeof zeros);
    static const struct example whole[] = {{"n>1e150", true}, {"n<1e201", true}, {"n>5.5", true}};
    snprintf(record, sizeof record, "{\"n\":1%.199s}", zeros); /* 1e199 */
    CHECK(record, whole);
    static const struct example tiny[] = {{"n=1", true}, {"n>0.5", true}, {"n<1.5", true}};
    snprintf(record, sizeof record, "{\"n\":0.%.199s1e200}", zeros);
    CHECK(record, tiny);
}

static void strings_are_compared_by_what_they_mean_byte_by_byte(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"s=abc", true},
        {"s='abc'", true},
        {"s=\"abc\"", true},
        {"s=ABC", false},
        {"s!=ABC", true},
        {"s<abd", true},
        {"s>abb", true},
        {"s>ab", true},
        {"s<abcd", true},
        {"s>=abc", true},
        {"s<=abc", true},
        {"s>Z", true},
        {"s=''", false},
        {"empty=''", true},
        {"empty<a", true},
        {"escaped='a\"b\\c\xc3\xa9'", true},
        {"escaped=\"a\\\"b\\\\c\xc3\xa9\"", true},
        {"pair='\xf0\x9f\x98\x80'", true},
        {"umlaut='gr\xc3\xb6\xc3\x9f"
         "e'",
         true},
        {"umlaut>gr", true},
        {"digits='500'", true},
        {"digits=500", false}, /* that is a number, not a string */
        {"digits!=500", true},
        {"word='true'", true},
        {"word=true", false},
        {"s='ab\\c'", false},
        {"back='ab\\c'", true}, /* before any other character, a backslash is literal */
    };
    CHECK("{\"s\":\"abc\",\"empty\":\"\",\"escaped\":\"a\\\"b\\\\c\\u00e9\","
          "\"pair\":\"\\ud83d\\ude00\",\"umlaut\":\"gr\xc3\xb6\xc3\x9f"
          "e\",\"digits\":\"500\",\"word\":\"true\",\"back\":\"ab\\\\c\"}",
          examples);
}

static void long_strings_with_escapes_are_compared_whole(void **state) {
    (void)state;
    enum { SIZE = 20000 };
    char *record = malloc(SIZE + 100), *condition = malloc(SIZE + 100);
    bool gave_up = false;
    int at = snprintf(record, 100, "{\"s\":\"\\n");
    memset(record + at, 'x', SIZE);
    strcpy(record + at + SIZE, "\"}");
    at = snprintf(condition, 100, "s='\n");
    memset(condition + at, 'x', SIZE);
    strcpy(condition + at + SIZE, "'");
    assert_true(holds_of(condition, record, &gave_up));
    condition[at + SIZE - 1] = 'y';
    assert_false(holds_of(condition, record, &gave_up));
    assert_true(holds_of("s ~ '^x{19}'", record, &gave_up)); /* after the newline */
    free(record);
    free(condition);
}

static void of_two_types_only_unequal_holds(void **state) {
    (void)state;
    static const char *const values[] = {"5", "'5'", "true", "false", "null"};
    static const char *const fields[] = {"number", "string", "yes", "no", "nothing"};
    static const char *const relations[] = {"=", "!=", "<", "<=", ">", ">="};
    static const char record[] =
        "{\"number\":5,\"string\":\"5\",\"yes\":true,\"no\":false,\"nothing\":null,"
        "\"object\":{\"a\":1},\"array\":[1]}";
    for (size_t field = 0; field < 5; field++)
        for (size_t value = 0; value < 5; value++)
            for (size_t relation = 0; relation < 6; relation++) {
                char text[64];
                snprintf(text, sizeof text, "%s %s %s", fields[field], relations[relation],
                         values[value]);
                const bool with_equal = relation == 0 || relation == 3 || relation == 5;
                const struct example example = {text, field == value ? with_equal : relation == 1};
                check(record, &example, 1);
            }
    static const struct example containers[] = {
        {"object=1", false}, {"object!=1", true}, {"object={}", false}, {"array='[1]'", false},
        {"array<2", false},  {"array!=1", true},  {"array ~ 1", true}, /* compared as JSON text */
    };
    CHECK(record, containers);
}

static void patterns_match_what_a_value_means_anywhere_in_it(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"path ~ '^/api/(users|orders)/\\d+$'", true},
        {"path ~ users", true},
        {"path ~ '^users'", false},
        {"path ~ USERS", false},
        {"path ~ '(?i)USERS'", true},
        {"path !~ users", false},
        {"path !~ '^users'", true},
        {"missing ~ x", false},
        {"missing !~ x", false}, /* the field is absent */
        {"status ~ '^5..$'", true},
        {"umlaut ~ '^gr.\xc3\x9f"
         "e$'",
         true}, /* characters, not bytes */
        {"quoted ~ 'say \"no\"'", true},
        {"path ~ ''", true},
    };
    CHECK("{\"path\":\"/api/users/42\",\"status\":503,\"umlaut\":\"gr\xc3\xb6\xc3\x9f"
          "e\",\"quoted\":\"say \\\"no\\\"\"}",
          examples);
}

/* ---- fields ---- */

static void paths_go_into_objects_and_arrays_and_names_may_hold_dots(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"http.status=500", true},
        {"http.request.id=abc", true},
        {"http.nowhere=1", false},
        {"http.nowhere!=1", false}, /* an absent field is not unequal either */
        {"http.status.more=1", false},
        {"tags.0=new", true},
        {"tags.1=2", true},
        {"tags.2.a=3", true},
        {"tags.3=1", false},
        {"tags.-1=1", false},
        {"a.b=1", true}, /* the whole name wins over the path into a */
        {"c.d.e=5", true},
        {"'with space'=1", true},
        {"\"quoted\\\"name\"=1", true},
        {"@timestamp=now", true},
        {"x-y_z/1=1", true},
        {"twice=2", true}, /* the last of duplicate names */
        {"twice=1", false},
        {"deep.a=1", false}, /* the last `deep` has no a */
        {"deep.b=2", true},
        {"\xc3\xbc=1", true},
        {"e\xc3\xa9=1", true}, /* escaped in the record */
        {"''=1", true},
    };
    CHECK("{\"http\":{\"status\":500,\"request\":{\"id\":\"abc\"}},\"tags\":[\"new\",2,{\"a\":3}],"
          "\"a\":{\"b\":2},\"a.b\":1,\"c\":{\"d.e\":5},\"with space\":1,\"quoted\\\"name\":1,"
          "\"@timestamp\":\"now\",\"x-y_z/1\":1,\"twice\":1,\"twice\":2,\"\xc3\xbc\":1,"
          "\"e\\u00e9\":1,\"\":1,\"deep\":{\"a\":1},\"d\\u0065ep\":{\"b\":2}}",
          examples);
}

static void exists_asks_for_the_field_and_a_field_alone_for_its_truth(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"exists no", true},
        {"exists nothing", true},
        {"exists(no)", true},
        {"exists ( no )", true},
        {"no exists", true},
        {"exists missing", false},
        {"not exists no", false},
        {"not exists missing", true},
        {"exists object.a", true},
        {"exists object.b", false},
        {"exists array.0", true},
        {"exists array.1", false},
        {"no", false},
        {"nothing", false},
        {"missing", false},
        {"yes", true},
        {"zero", true},
        {"empty", true},
        {"object", true},
        {"array", true},
        {"not no", true},
        {"!yes", false},
        {"'yes'", true},
        {"exists exists", false},
        {"exists = 1", false},
        {"exists", false},

        {"yes and exists zero", true},
    };
    CHECK("{\"no\":false,\"nothing\":null,\"yes\":true,\"zero\":0,\"empty\":\"\",\"object\":{\"a\":"
          "null},\"array\":[0]}",
          examples);
    static const struct example named[] = {
        {"exists", true}, {"exists=1", true}, {"exists exists", true}, {"exists != 1", false}};
    CHECK("{\"exists\":1}", named);
}

static void what_is_no_object_has_no_fields(void **state) {
    (void)state;
    static const char *const records[] = {"1", "\"a\"", "null", "[", "{", "{\"a", "x"};
    static const struct example examples[] = {
        {"a", false}, {"exists a", false}, {"a!=1", false}, {"not a", true}};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        CHECK(records[i], examples);
    static const struct example no_number[] = {{"a=1", false}, {"a>0", false}, {"a<0", false}};
    CHECK("{\"a\":1..2}", no_number);
    CHECK("{\"a\":-}", no_number);
    CHECK("{\"a\":x}", no_number);
    static const struct example element[] = {{"0=1", true}, {"1=1", false}};
    CHECK("[1]", element);
}

static void brackets_and_stars_stand_for_every_value(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"tags[] = new", true},
        {"tags[] = 2", true},
        {"tags[] = old", false},
        {"tags[] != new", true}, /* another element */
        {"not tags[] = new", false},
        {"tags[] in (old, 2)", true},
        {"tags[] ~ '^n'", true},
        {"tags[] contains ew", true},
        {"tags[] starts with w", false},
        {"tags = new", false}, /* an array is not text */
        {"none[] = 1", false},
        {"none[] != 1", false}, /* no element */
        {"exists none[]", false},
        {"exists tags[]", true},
        {"text[] = abc", false}, /* no array */
        {"items[].id = 3", true},
        {"items[].id = 4", false},
        {"items[].tags[] = y", true},
        {"items[].tags.0 = y", true},
        {"items.1.tags[] = y", false},
        {"grid[][] = 4", true},
        {"grid[][] = 5", false},
        {"headers.* = gzip", true},
        {"headers.* = br", false},
        {"headers.* = old", false}, /* the first of duplicate names does not count */
        {"headers.* = new", true},
        {"exists headers.*", true},
        {"tags.* = new", true},
        {"items.*.id = 3", true},
        {"* = abc", true},
        {"*.host = a", true},
        {"'a b'.* = 1", true},
        {"'a b'[] = 1", false},
        {"list.'x y'[] = 2", true},
        {"'tags[]' = raw", true}, /* in quotes, the brackets belong to the name */
        {"'*' = star", true},
    };
    CHECK(
        "{\"tags\":[\"new\",2],\"none\":[],\"text\":\"abc\",\"items\":[{\"id\":3,\"tags\":[\"y\"]},"
        "{\"id\":5},7],\"grid\":[[1,2],[],[3,4]],\"headers\":{\"host\":\"a\",\"accept\":\"gzip\","
        "\"x\":\"old\",\"\\u0078\":\"new\"},\"a b\":{\"c\":1},\"list\":{\"x y\":[1,2]},"
        "\"tags[]\":\"raw\",\"*\":\"star\"}",
        examples);
}

static void text_is_compared_in_part_and_with_lists(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"path contains users", true},
        {"path contains ''", true},
        {"path contains USERS", false},
        {"path CONTAINS users", true},
        {"path contains 42", true}, /* the value is always text */
        {"path starts with /api", true},
        {"path Starts With /api/users/42x", false},
        {"path ends with /42", true},
        {"path ends with users", false},
        {"path not contains orders", true},
        {"path not starts with /api", false},
        {"path NOT ENDS WITH x", true},
        {"n contains 5", false}, /* not a string */
        {"n not contains 5", true},
        {"missing contains x", false},
        {"missing not contains x", false},
        {"name contains '\xc3\xbcl'", true}, /* escaped in the record */
        {"name starts with 'M\xc3\xbc'", true},
        {"name ends with '\"x\"'", true},
        {"path in (/a, '/api/users/42')", true},
        {"path in (/a,/b)", false},
        {"path IN('/api/users/42')", true},
        {"n in (1, 5.0, 'x')", true},
        {"n in ('5')", false},
        {"n in (4)", false},
        {"n not in (4)", true},
        {"n not in (4, 5)", false},
        {"missing in (1)", false},
        {"missing not in (1)", false},
        {"ok in (true, null)", true},
        {"nothing in (true, null)", true},
        {"ok in (false)", false},
        {"in = 7 and contains = 8", true}, /* also names of fields */
    };
    CHECK("{\"path\":\"/api\\/users\\/42\",\"n\":5,\"name\":\"M\\u00fcl \\\"x\\\"\",\"ok\":true,"
          "\"nothing\":null,\"in\":7,\"contains\":8}",
          examples);
}

static void levels_are_compared_by_severity(void **state) {
    (void)state;
    static const struct example error[] = {
        {"level >= warn", true},
        {"level >= fatal", false},
        {"level > INFO", true},
        {"level < 'error'", false},
        {"level <= error", true},
        {"level = error", false},
        {"level = ERROR", true},
        {"@level = error", true},
        {"@level >= 17", true},
        {"@level > 17", false},
        {"@level in (warn, error)", true},
        {"@level != error", false},
        {"@level ~ '^err'", true},
        {"exists @level", true},
        {"other >= warn", true}, /* no level key: compared as text */
        {"other >= xarn", false},
    };
    CHECK("{\"level\":\"ERROR\",\"other\":\"x\"}", error);
    static const struct example number[] = {
        {"level >= warn", true}, {"level >= error", false}, {"level >= 40", true},
        {"level > 40", false},   {"@level = warn", true},
    };
    CHECK("{\"level\":40}", number);
    static const struct example nested[] = {
        {"log.level >= info", true},
        {"log.level > notice", false},
        {"@level = info", true},
        {"@level > info", true},
    };
    CHECK("{\"log\":{\"level\":\"notice\"}}", nested);
    static const struct example none[] = {
        {"level >= trace", false},  {"level < fatal", false},     {"@level >= trace", false},
        {"@level != error", false}, {"not @level = error", true}, {"exists @level", false},
    };
    CHECK("{\"level\":\"loud\"}", none);
}

static void canonical_fields_have_one_name(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"@time >= 2026-11-24T07:30:00Z", true},
        {"@time > 2026-11-24T07:30:00.5Z", false},
        {"@time = '2026-11-24 08:30:00.5 +01:00'", true},
        {"@time < '2026-11-24 08:00'", true},
        {"@time < now", false},
        {"@time >= 10m", true},           /* ago; the clock shows 07:30 */
        {"@time >= 1795505400000", true}, /* ms */
        {"@time ~ '^2026-11-24T07'", true},
        {"exists @time", true},
        {"@stream = main", true},
        {"@stream in (audit, main)", true},
        {"@stream != main", false},
        {"@stream starts with m", true},
        {"'@stream' = main", false}, /* in quotes: a field of the record */
    };
    CHECK("{\"ts\":\"2026-11-24T07:30:00.500Z\"}", examples);
    static const struct example named[] = {
        {"@message contains timeout", true},
        {"@message = 'a timeout'", true},
        {"@logger starts with net", true},
        {"@logger in (net.tcp)", true},
        {"@level ~ warn", true},
        {"exists @message", true},
        {"'@message' contains timeout", false},
    };
    CHECK("{\"msg\":\"a timeout\",\"logger\":\"net.tcp\",\"lvl\":\"w\"}", named);
    static const struct example none[] = {{"@time >= 2026-11-24", false}, {"exists @time", false}};
    CHECK("{\"a\":1}", none);
}

/* ---- and, or, not ---- */

static void not_binds_closest_then_and_then_or(void **state) {
    (void)state;
    static const struct example examples[] = {
        {"t or f and f", true},
        {"(t or f) and f", false},
        {"f and f or t", true},
        {"f and (f or t)", false},
        {"not f and f", false},
        {"not (f and f)", true},
        {"not not t", true},
        {"!!t", true},
        {"! f && t", true},
        {"not t or t", true},
        {"f||t", true},
        {"t&&f", false},
        {"t and t and t", true},
        {"t and t and f", false},
        {"f or f or t", true},
        {"((((t))))", true},
        {" \t\n t \t\n ", true},
        {"not n=1", false},
        {"not n=2 and n=1", true},
        {"n=1 and(n=1)or(n=2)", true},
        {"n>0 and n<2", true},
        {"t AND NOT f", true},
        {"f Or t", true},
    };
    CHECK("{\"t\":true,\"f\":false,\"n\":1}", examples);
}

/* ---- what is not understood ---- */

static void errors_say_what_is_wrong_and_where(void **state) {
    (void)state;
    static const struct {
        const char *condition, *error;
    } examples[] = {
        {"", "at character 1: a field name is expected here"},
        {"   ", "at character 4: a field name is expected here"},
        {"a=", "at character 3: a value is expected here"},
        {"a = and", ""}, /* a string */
        {"a = )", "at character 5: a value is expected here"},
        {"a = = 1", "at character 5: a value is expected here"},
        {"= 1", "at character 1: a field name is expected here"},
        {"a = 1 b", "at character 7: a comparison, and, or, or the end is expected here"},
        {"a b", "at character 3: a comparison, and, or, or the end is expected here"},
        {"a and", "at character 6: a field name is expected here"},
        {"or a", "at character 4: a comparison, and, or, or the end is expected here"},
        {"(a", "at character 3: ) is expected here"},
        {"a)", "at character 2: a comparison, and, or, or the end is expected here"},
        {"()", "at character 2: a field name is expected here"},
        {"exists (a", "at character 10: ) is expected here"},
        {"exists ()", "at character 9: a field name is expected here"},
        {"not", "at character 4: a field name is expected here"},
        {"a='x", "at character 3: the string has no closing quote"},
        {"a=\"x'", "at character 3: the string has no closing quote"},
        {"a='x\\", "at character 3: the string has no closing quote"},
        {"a='x\\'", "at character 3: the string has no closing quote"},
        {"a in 1", "at character 6: ( is expected here"},
        {"a in ()", "at character 7: a value is expected here"},
        {"a in (1 2)", "at character 9: , or ) is expected here"},
        {"a in (1,", "at character 9: a value is expected here"},
        {"a starts /", "at character 10: with is expected here"},
        {"a not b", "at character 7: in, contains, starts with or ends with is expected here"},
        {"a[]b = 1", "at character 1: a . is expected after [] in a field name"},
        {"@level >= loud",
         "at character 11: a level is expected here: trace, debug, info, warn, error or fatal"},
        {"@time > soon", "at character 9: a time is expected here (" QUERY_TIME_HINT ")"},
        {"a & b", "at character 3: unexpected character"},
        {"a | b", "at character 3: unexpected character"},
        {"a ~ '('", "at character 5: at character 2: missing closing parenthesis"},
        {"a ~ '*'", "at character 5: at character 1: quantifier does not follow a repeatable item"},
        {"b=1 and a !~ '[z'", "at character 14: at character 3: missing terminating ] for character"
                              " class"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char error[WHERE_ERROR_MAX] = "not touched";
        struct where *where;
        const int status = where_open(examples[i].condition, &clock_of_tests, &where, error);
        assert_string_equal(error, examples[i].error);
        assert_int_equal(status, examples[i].error[0] == '\0' ? 0 : ERR_INVALID);
        if (status == 0)
            where_close(where);
        else
            assert_null(where);
    }
    where_close(NULL);
}

/* The error of a condition of `count` parts; NULL: it is valid. */
static const char *verdict_of_many(const char *before, const char *between, const char *behind,
                                   uint32_t count) {
    static char error[WHERE_ERROR_MAX];
    char *text = malloc((strlen(before) + strlen(between) + strlen(behind)) * (count + 1) + 2), *p;
    struct where *where;
    p = text;
    for (uint32_t i = 0; i < count; i++)
        p += sprintf(p, "%s", before);
    *p++ = 'a';
    for (uint32_t i = 0; i < count; i++)
        p += sprintf(p, "%s", behind);
    for (uint32_t i = 0; i < count; i++)
        p += sprintf(p, "%s", between);
    *p = '\0';
    const int status = where_open(text, &clock_of_tests, &where, error);
    free(text);
    if (status < 0) return error;
    where_close(where);
    return NULL;
}

static void depth_and_number_of_conditions_have_limits(void **state) {
    (void)state;
    assert_null(verdict_of_many("(", "", ")", 63));
    assert_non_null(strstr(verdict_of_many("(", "", ")", 64), "nested too deeply"));
    assert_null(verdict_of_many("not ", "", "", 63));
    assert_non_null(strstr(verdict_of_many("not ", "", "", 64), "nested too deeply"));
    assert_non_null(strstr(verdict_of_many("!", "", "", 100000), "nested too deeply"));
    assert_null(verdict_of_many("", " and a", "", 127));
    assert_non_null(strstr(verdict_of_many("", " or a", "", 128), "too many conditions"));
}

/* ---- what takes too long ---- */

static void a_pattern_that_gives_up_leaves_only_what_depends_on_it_unknown(void **state) {
    (void)state;
    static const char record[] = "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\","
                                 "\"t\":true}";
    static const struct {
        const char *condition;
        bool holds, known;
    } examples[] = {
        {"a ~ '^(a|a|aa)+$'", false, false},          {"a !~ '^(a|a|aa)+$'", false, false},
        {"not a ~ '^(a|a|aa)+$'", false, false},      {"t or a ~ '^(a|a|aa)+$'", true, true},
        {"a ~ '^(a|a|aa)+$' or t", true, true},       {"a ~ '^(a|a|aa)+$' and t", false, false},
        {"a ~ '^(a|a|aa)+$' and not t", false, true}, {"a ~ '^(a|a|aa)+$' or not t", false, false},
        {"t and a ~ '^(a|a|aa)+$'", false, false},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        bool gave_up = false;
        assert_int_equal(holds_of(examples[i].condition, record, &gave_up), examples[i].holds);
        assert_int_equal(gave_up, !examples[i].known);
    }
}

static int open_regexes(void **state) {
    (void)state;
    return regex_state_open(&regexes);
}

static int close_regexes(void **state) {
    (void)state;
    regex_state_close(&regexes);
    return 0;
}

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared_as_numbers_whole_ones_exactly),
        cmocka_unit_test(every_digit_of_a_number_counts),
        cmocka_unit_test(strings_are_compared_by_what_they_mean_byte_by_byte),
        cmocka_unit_test(long_strings_with_escapes_are_compared_whole),
        cmocka_unit_test(of_two_types_only_unequal_holds),
        cmocka_unit_test(patterns_match_what_a_value_means_anywhere_in_it),
        cmocka_unit_test(paths_go_into_objects_and_arrays_and_names_may_hold_dots),
        cmocka_unit_test(brackets_and_stars_stand_for_every_value),
        cmocka_unit_test(text_is_compared_in_part_and_with_lists),
        cmocka_unit_test(levels_are_compared_by_severity),
        cmocka_unit_test(canonical_fields_have_one_name),
        cmocka_unit_test(exists_asks_for_the_field_and_a_field_alone_for_its_truth),
        cmocka_unit_test(what_is_no_object_has_no_fields),
        cmocka_unit_test(not_binds_closest_then_and_then_or),
        cmocka_unit_test(errors_say_what_is_wrong_and_where),
        cmocka_unit_test(depth_and_number_of_conditions_have_limits),
        cmocka_unit_test(a_pattern_that_gives_up_leaves_only_what_depends_on_it_unknown),
    };
    return cmocka_run_group_tests(tests, open_regexes, close_regexes);
}
