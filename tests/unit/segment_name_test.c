/* segment_name_test.c - formats and parses the file names of segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "writer/segment/segment_name.h"

#define OPENED_NS 1795505400000000000 /* 2026-11-24T07:30:00Z */

static struct segment_name name_of(const char *stream, uint64_t sequence, bool part) {
    struct segment_name name = {.sequence = sequence, .opened_ns = OPENED_NS, .part = part};
    snprintf(name.stream, sizeof name.stream, "%s", stream);
    return name;
}

static void a_name_holds_stream_sequence_and_time(void **state) {
    (void)state;
    char text[SEGMENT_NAME_MAX];
    struct segment_name name = name_of("main", 42, false);
    assert_string_equal(segment_name_format(&name, text),
                        "main-0000000042-20261124T073000Z.ndjson.lz4");
    name.part = true;
    assert_string_equal(segment_name_format(&name, text),
                        "main-0000000042-20261124T073000Z.part.ndjson.lz4");
}

static void a_formatted_name_is_parsed_back(void **state) {
    (void)state;
    char longest[STREAM_NAME_MAX + 1];
    memset(longest, 'x', STREAM_NAME_MAX);
    longest[STREAM_NAME_MAX] = '\0';
    const char *const streams[] = {
        "main",     "a",      "rejects", "web-01",
        "a.b_c-D9", "x.part", "0-1-2",   "main-0000000042-20261124T073000Z",
        longest};
    const uint64_t sequences[] = {0, 1, 42, SEGMENT_SEQUENCE_MAX};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        for (size_t j = 0; j < 8; j++) {
            const struct segment_name name = name_of(streams[i], sequences[j / 2], j % 2 == 0);
            char text[SEGMENT_NAME_MAX];
            struct segment_name parsed;
            assert_true(segment_name_parse(segment_name_format(&name, text), &parsed));
            assert_string_equal(parsed.stream, name.stream);
            assert_true(parsed.sequence == name.sequence);
            assert_true(parsed.opened_ns == name.opened_ns);
            assert_int_equal(parsed.part, name.part);
        }
    }
}

static void names_sort_by_sequence(void **state) {
    (void)state;
    const uint64_t sequences[] = {1, 9, 10, 99, 1000000, 999999999, SEGMENT_SEQUENCE_MAX};
    for (size_t i = 1; i < sizeof sequences / sizeof *sequences; i++) {
        char before[SEGMENT_NAME_MAX], after[SEGMENT_NAME_MAX];
        const struct segment_name first = name_of("main", sequences[i - 1], false);
        const struct segment_name second = name_of("main", sequences[i], false);
        assert_true(
            strcmp(segment_name_format(&first, before), segment_name_format(&second, after)) < 0);
    }
}

static void other_names_are_refused(void **state) {
    (void)state;
    static const char *const others[] = {
        "",
        ".ndjson.lz4",
        "main.ndjson.lz4",
        "main-0000000042.ndjson.lz4",
        "-0000000042-20261124T073000Z.ndjson.lz4",
        "main-000000042-20261124T073000Z.ndjson.lz4",  /* 9 digits */
        "main-00000000042-20261124T073000.ndjson.lz4", /* 11 digits, no Z */
        "main-000000004x-20261124T073000Z.ndjson.lz4",
        "main-0000000042-20261131T073000Z.ndjson.lz4", /* no such day */
        "main_0000000042-20261124T073000Z.ndjson.lz4",
        "main-0000000042_20261124T073000Z.ndjson.lz4",
        "main-0000000042-20261124T073000Z.ndjson.lz4.part",
        "main-0000000042-20261124T073000Z.ndjson.lz4.new",
        "main-0000000042-20261124T073000Z.ndjson",
        "main-0000000042-20261124T073000Z.PART.ndjson.lz4",
        "main-0000000042-20261124T073000Z.part.part.ndjson.lz4",
        ".main-0000000042-20261124T073000Z.ndjson.lz4",
        "a/b-0000000042-20261124T073000Z.ndjson.lz4",
        "con-0000000042-20261124T073000Z.ndjson.lz4",
        "state-0000000042-20261124T073000Z.ndjson.lz4",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct segment_name name = {.sequence = 7};
        if (segment_name_parse(others[i], &name)) fail_msg("%s", others[i]);
        assert_true(name.sequence == 7);
    }
    char long_name[400];
    memset(long_name, 'x', sizeof long_name);
    strcpy(long_name + STREAM_NAME_MAX + 1, "-0000000042-20261124T073000Z.ndjson.lz4");
    struct segment_name name;
    assert_false(segment_name_parse(long_name, &name));
    assert_true(segment_name_parse(long_name + 1, &name));
}

static void a_stream_name_is_a_valid_file_name_on_every_system(void **state) {
    (void)state;
    static const char *const good[] = {"main",
                                       "Main",
                                       "0",
                                       "_",
                                       "a-",
                                       "a.b",
                                       "a--b",
                                       "com",
                                       "com10",
                                       "console",
                                       "nul1",
                                       "x.con",
                                       "rejects",
                                       "stateful",
                                       "lpt",
                                       "logportd",
                                       "logportd.run.old"};
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      ".a",
                                      "-a",
                                      "a.",
                                      "a b",
                                      "a/b",
                                      "a\\b",
                                      "a:b",
                                      "a*",
                                      "\xC3\xA9",
                                      "con",
                                      "CON",
                                      "Con.log",
                                      "prn",
                                      "aux",
                                      "nul",
                                      "nul.x.y",
                                      "com1",
                                      "COM9",
                                      "com0",
                                      "lpt1",
                                      "LPT9.txt",
                                      "state",
                                      "State",
                                      "../x",
                                      "a/../b",
                                      "a ",
                                      " a",
                                      "a\t",
                                      "a\n",
                                      "\x7f",
                                      "a\x01",
                                      "C:",
                                      "~",
                                      "a~1",
                                      "a|b",
                                      "a?",
                                      "a<b",
                                      "a\"b",
                                      "$a",
                                      "CONIN$",
                                      "com1.log",
                                      "logportd.run",
                                      "Logportd.Run",
                                      "logportd.run.new"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!stream_name_valid(good[i])) fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (stream_name_valid(bad[i])) fail_msg("%s", bad[i]);
    }
    char longest[STREAM_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[STREAM_NAME_MAX + 1] = '\0';
    assert_false(stream_name_valid(longest));
    longest[STREAM_NAME_MAX] = '\0';
    assert_true(stream_name_valid(longest));
}

static void names_that_differ_only_in_case_are_alike(void **state) {
    (void)state;
    assert_true(stream_names_alike("audit", "AuDiT"));
    assert_true(stream_names_alike("a-1.b_Z", "A-1.B_z"));
    assert_true(stream_names_alike("", ""));
    assert_false(stream_names_alike("audit", "audit2"));
    assert_false(stream_names_alike("audit2", "audit"));
    assert_false(stream_names_alike("a[", "a{")); /* 0x20 apart, like upper and lower case */
    assert_false(stream_names_alike("a_", "a?"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_holds_stream_sequence_and_time),
        cmocka_unit_test(a_formatted_name_is_parsed_back),
        cmocka_unit_test(names_sort_by_sequence),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(a_stream_name_is_a_valid_file_name_on_every_system),
        cmocka_unit_test(names_that_differ_only_in_case_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
