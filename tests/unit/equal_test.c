/* equal_test.c - when two JSON values are equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/equal.h"

static bool equal(const char *a, const char *b) {
    const bool one = json_equal(a, strlen(a), b, strlen(b));
    if (json_equal(b, strlen(b), a, strlen(a)) != one) fail_msg("%s and %s", a, b);
    if (one && json_hash(a, strlen(a)) != json_hash(b, strlen(b))) fail_msg("%s or %s", a, b);
    return one;
}

static void values_are_equal_by_what_they_say(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"1", "1.0"},
        {"\"a\"", "\"\\u0061\""},
        {"[]", "[ ]"},
        {"{}", " { } "},
        {"[1, 2,[3 ]]", "[1.0,2,[ 3]]"},
        {"{\"a\":1,\"b\":2}", "{ \"b\" : 2.0 , \"\\u0061\" : 1 }"},
        {"{\"a\":{\"x\":[null],\"y\":0},\"b\":2}", "{\"b\":2,\"a\":{\"y\":-0,\"x\":[null]}}"},
        {"{\"a\":1,\"b\":0,\"a\":2}", "{\"b\":0,\"a\":1,\"a\":2}"}, /* a duplicate name */
        {"{\"a]\\\"}\":\"[{\",\"b\":1}", "{\"b\":1,\"a]\\\"}\":\"[{\"}"},
        {"true", "true"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!equal(same[i][0], same[i][1])) fail_msg("%s is %s", same[i][0], same[i][1]);
}

static void values_that_say_different_things_are_not_equal(void **state) {
    (void)state;
    static const char *const different[] = {
        "0",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        "true",
        "1",
        "-1",
        "\"1\"",
        "\"a\"",
        "\"A\"",
        "[0]",
        "[false]",
        "[null]",
        "[[]]",
        "[{}]",
        "[1,2]",
        "[2,1]",
        "[1,2,3]",
        "{\"a\":0}",
        "{\"a\":false}",
        "{\"a\":[]}",
        "{\"a\":[0]}",
        "{\"b\":0}",
        "{\"a\":0,\"b\":1}",
        "{\"a\":1,\"b\":0}",
        "{\"a\":0,\"b\":1,\"c\":2}",
        "{\"a\":{\"b\":0}}",
    };
    const size_t count = sizeof different / sizeof *different;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            if (equal(different[i], different[j]) != (i == j))
                fail_msg("%s and %s", different[i], different[j]);
            if (i != j && json_hash(different[i], strlen(different[i])) ==
                              json_hash(different[j], strlen(different[j])))
                fail_msg("one hash for %s and %s", different[i], different[j]);
        }
}

static void of_a_name_that_stands_twice_each_value_counts_in_its_order(void **state) {
    (void)state;
    assert_false(equal("{\"a\":0,\"a\":1}", "{\"a\":1,\"a\":0}"));
    assert_false(equal("{\"b\":0,\"a\":0,\"a\":1}", "{\"a\":1,\"a\":0,\"b\":0}"));
    assert_true(equal("{\"b\":0,\"a\":1,\"a\":0}", "{\"a\":1,\"a\":0,\"b\":0}"));
    assert_false(equal("{\"a\":0,\"a\":0}", "{\"a\":0}"));
    assert_false(equal("{\"a\":0,\"a\":0}", "{\"a\":0,\"b\":0}"));
}

/* One object in two texts, in the second with the members in reverse order and maybe another last
 * value. */
static void write_members(char *out, size_t members, bool backwards, size_t last) {
    char *p = out;
    for (size_t i = 0; i < members; i++) {
        const size_t name = backwards ? members - 1 - i : i;
        const size_t value = i == members - 1 ? last : name;
        p += sprintf(p, "%c\"name%llu\":%llu", i == 0 ? '{' : ',', (unsigned long long)name,
                     (unsigned long long)value);
    }
    strcpy(p, "}");
}

static void objects_in_another_order_are_found_equal_small_and_huge(void **state) {
    (void)state;
    static char a[1 << 20], b[1 << 20];
    static const size_t sizes[] = {2, 10, 300, 30000}; /* the last is more than is searched */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_members(a, sizes[i], false, sizes[i] - 1);
        write_members(b, sizes[i], true, 0);
        assert_true(equal(a, b));
        write_members(b, sizes[i], true, 1);
        assert_false(equal(a, b));
    }
}

static void as_deep_as_JSON_goes_is_no_trouble(void **state) {
    (void)state;
    static char a[8192], b[8192];
    char *p = a, *q = b;
    for (int depth = 0; depth < 255; depth++) {
        p += sprintf(p, "{\"x\":%d,\"y\":", depth);
        q += sprintf(q, "{\"y\":");
    }
    *p++ = '1';
    *q++ = '1';
    for (int depth = 254; depth >= 0; depth--) {
        *p++ = '}';
        q += sprintf(q, ",\"x\":%d}", depth);
    }
    *p = '\0';
    assert_true(equal(a, b));
    p[-256] = '2';
    assert_false(equal(a, b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_equal_by_what_they_say),
        cmocka_unit_test(values_that_say_different_things_are_not_equal),
        cmocka_unit_test(of_a_name_that_stands_twice_each_value_counts_in_its_order),
        cmocka_unit_test(objects_in_another_order_are_found_equal_small_and_huge),
        cmocka_unit_test(as_deep_as_JSON_goes_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
