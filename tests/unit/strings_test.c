/* strings_test.c - the decoded strings of a line: names and values at every
 * depth, escapes decoded, lone surrogates replaced, and what lines give that
 * are not JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/strings.h"

/* The strings, each followed by '|'; the line is in a buffer of its size. */
static void finds(const char *line, bool all, const char *expected,
                  bool valid) {
  struct strings_room room = {0};
  struct strings strings;
  const uint8_t *text;
  size_t size, used = 0;
  char found[400];
  const size_t line_size = strlen(line);
  uint8_t *const exact = malloc(line_size + (line_size == 0));
  assert_non_null(exact);
  memcpy(exact, line, line_size);
  assert_true(strings_open(&strings, &room, exact, line_size, all));
  while (strings_next(&strings, &text, &size)) {
    assert_true(used + size + 2 < sizeof found);
    memcpy(found + used, text, size);
    used += size;
    found[used++] = '|';
  }
  found[used] = '\0';
  assert_string_equal(found, expected);
  assert_int_equal(strings_valid(&strings), valid);
  assert_false(strings_next(&strings, &text, &size));
  strings_room_free(&room);
  free(exact);
}

static void names_and_values_are_found_at_every_depth(void **state) {
  (void)state;
  finds("{\"a\":\"b\",\"c\":[{\"d\":\"e\"},\"f\"],\"g\":1}", true,
        "a|b|c|d|e|f|g|", true);
  finds("[\"x\"]", true, "x|", true);
  finds("\"x\"", true, "x|", true);
  finds("{\"\":\"\"}", true, "||", true);
  finds("{}", true, "", true);
}

static void
only_strings_with_a_backslash_are_found_if_others_do_not_matter(void **state) {
  (void)state;
  finds("{\"a\":\"b\",\"c\\/d\":\"e\\\"f\"}", false, "c/d|e\"f|", true);
  finds("{\"a\":\"b\"}", false, "", true);
}

static void escapes_are_decoded(void **state) {
  (void)state;
  finds("[\"M\\u00fcller \\u6771\\ud83d\\uDE00\"]", true, "Müller 東😀|", true);
  finds("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", true, "\"\\/\b\f\n\r\t|", true);
  finds("[\"\\\\\"]", true, "\\|", true);
  finds("[\"\\\\\\\"\"]", true, "\\\"|", true);
  finds("[\"\\\\u00fc\"]", true, "\\u00fc|", true);
}

static void a_lone_surrogate_becomes_a_replacement_character(void **state) {
  (void)state;
  finds("[\"a\\ud800b\",\"\\udc00\",\"\\ud800\\ud83d\\ude00\"]", true,
        "a\xEF\xBF\xBD"
        "b|\xEF\xBF\xBD|\xEF\xBF\xBD😀|",
        true);
  /* U+D7FF begins with the same byte and is a character. */
  finds("[\"\\ud7ff\"]", true, "\xED\x9F\xBF|", true);
}

static void a_line_that_is_not_json_is_said_to_be_invalid(void **state) {
  (void)state;
  finds("", true, "", false);
  finds("text", true, "", false);
  finds("say \"x\" and \"y", true, "x|", false);
  finds("{\"a\":\"b\"} {", true, "a|b|", false);
  finds("{\"a\":\"b\\", true, "a|", false);
  finds("{\"a\":\"\\u00", true, "a|", false);
  finds("\"", true, "", false);
}

static void the_room_is_used_again_for_longer_and_shorter_lines(void **state) {
  (void)state;
  struct strings_room room = {0};
  static const size_t sizes[] = {1, 100, 5000, 3, 70000, 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t size = sizes[i];
    struct strings strings;
    const uint8_t *text;
    size_t found;
    uint8_t *const line = malloc(size + 4);
    assert_non_null(line);
    memcpy(line, "[\"", 2);
    memset(line + 2, 'x', size);
    memcpy(line + 2 + size, "\"]", 2);
    assert_true(strings_open(&strings, &room, line, size + 4, true));
    free(line); /* it works on a copy */
    assert_true(strings_next(&strings, &text, &found));
    assert_int_equal(found, size);
    assert_false(strings_next(&strings, &text, &found));
  }
  strings_room_free(&room);
  assert_null(room.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_values_are_found_at_every_depth),
      cmocka_unit_test(
          only_strings_with_a_backslash_are_found_if_others_do_not_matter),
      cmocka_unit_test(escapes_are_decoded),
      cmocka_unit_test(a_lone_surrogate_becomes_a_replacement_character),
      cmocka_unit_test(a_line_that_is_not_json_is_said_to_be_invalid),
      cmocka_unit_test(the_room_is_used_again_for_longer_and_shorter_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
