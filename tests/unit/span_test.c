/* span_test.c - spans of lines add up, and lids store them: rounded wider, never narrower. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "writer/segment/digest.h"
#include "writer/segment/frame.h"
#include "writer/segment/span.h"

/* Excludes the padding after the last field. */
#define SPAN_BYTES (offsetof(struct span, levels) + sizeof(uint32_t))

static const struct facts timeless = {.level = LEVEL_NONE};

static struct facts at(int64_t time_ns, uint8_t level) {
    return (struct facts){.time_ns = time_ns, .has_time = true, .level = level};
}

static struct span three_lines(void) {
    struct span span = {0};
    const struct facts early = at(-5, LEVEL_WARN), late = at(900, LEVEL_MAX);
    span_add_line(&span, 10, 100, &timeless);
    span_add_line(&span, 20, 200, &early);
    span_add_line(&span, 30, 150, &late);
    return span;
}

static void a_span_covers_each_of_its_lines(void **state) {
    (void)state;
    const struct span span = three_lines();
    assert_int_equal(span.lines, 3);
    assert_int_equal(span.raw_size, 60);
    assert_true(span.received_min_ns == 100 && span.received_max_ns == 200);
    assert_true(span.time_min_ns == -5 && span.time_max_ns == 900);
    assert_int_equal(span.levels, 1u | 1u << LEVEL_WARN | 1u << LEVEL_MAX);
}

static void a_line_without_a_time_counts_with_its_receive_time(void **state) {
    (void)state;
    struct span span = {0};
    span_add_line(&span, 10, 100, &timeless);
    assert_true(span.time_min_ns == 100 && span.time_max_ns == 100);
}

static void a_sum_covers_both_spans_and_an_empty_span_adds_nothing(void **state) {
    (void)state;
    const struct span none = {0}, some = three_lines();
    struct span span = none;
    span_add(&span, &none);
    assert_memory_equal(&span, &none, SPAN_BYTES);
    span_add(&span, &some);
    assert_memory_equal(&span, &some, SPAN_BYTES);
    span_add(&span, &none);
    assert_memory_equal(&span, &some, SPAN_BYTES);
    const struct span unknown = span_unknown(2, 7);
    span_add(&span, &unknown);
    assert_int_equal(span.lines, 5);
    assert_int_equal(span.raw_size, 67);
    assert_true(span.time_min_ns == INT64_MIN && span.received_max_ns == INT64_MAX);
    assert_int_equal(span.levels, ((1u << (LEVEL_MAX + 1)) - 1) | SPAN_UNRECOGNISED);
}

static void widening_narrows_nothing(void **state) {
    (void)state;
    struct span span = three_lines();
    const struct facts other = at(5000, LEVEL_INFO);
    span_widen(&span, &other);
    assert_int_equal(span.lines, 3);
    assert_true(span.time_min_ns == -5 && span.time_max_ns == 5000);
    assert_true(span.levels & 1u << LEVEL_INFO && span.levels & 1u << LEVEL_WARN);
}

/* ---- lids ---- */

static struct span there_and_back(const struct span *span, uint64_t first_line) {
    uint8_t lid[LID_BYTES];
    struct frame_header header;
    struct span back;
    uint64_t line;
    assert_int_equal(lid_encode(span, first_line, lid), LID_BYTES);
    assert_int_equal(frame_header(lid, sizeof lid, &header), 0);
    assert_int_equal(header.kind, FRAME_SKIPPABLE);
    assert_int_equal(header.size, LID_BYTES);
    assert_int_equal(header.magic, FRAME_MAGIC_LID);
    assert_int_equal(lid_decode(lid, sizeof lid, &back, &line), 0);
    assert_true(line == first_line);
    return back;
}

static void a_lid_is_decoded_as_it_was_encoded(void **state) {
    (void)state;
    struct span span = three_lines();
    span.received_max_ns = span.received_min_ns + 3000000; /* whole milliseconds */
    const struct span back = there_and_back(&span, UINT64_MAX);
    assert_memory_equal(&span, &back, SPAN_BYTES);
    const struct span unknown = span_unknown(UINT32_MAX, UINT32_MAX);
    const struct span unknown_back = there_and_back(&unknown, 0);
    assert_memory_equal(&unknown, &unknown_back, SPAN_BYTES);
}

static void a_receive_range_is_rounded_up_never_down(void **state) {
    (void)state;
    struct span span = three_lines();
    span.received_max_ns = span.received_min_ns + 1;
    assert_true(there_and_back(&span, 1).received_max_ns == span.received_min_ns + 1000000);
    span.received_max_ns = span.received_min_ns + 1000001;
    assert_true(there_and_back(&span, 1).received_max_ns == span.received_min_ns + 2000000);
    /* Fifty days, or a clock that jumped. */
    span.received_max_ns = span.received_min_ns + 50 * 86400 * 1000000000ll;
    assert_true(there_and_back(&span, 1).received_max_ns == INT64_MAX);
    span.received_min_ns = INT64_MAX - 5;
    span.received_max_ns = INT64_MAX;
    assert_true(there_and_back(&span, 1).received_max_ns == INT64_MAX);
}

static void an_empty_or_too_large_span_gets_no_lid(void **state) {
    (void)state;
    uint8_t lid[LID_BYTES];
    const struct span none = {0};
    assert_int_equal(lid_encode(&none, 0, lid), 0);
    struct span large = three_lines();
    large.raw_size = (uint64_t)UINT32_MAX + 1;
    assert_int_equal(lid_encode(&large, 0, lid), 0);
}

static void every_changed_bit_of_a_lid_is_detected(void **state) {
    (void)state;
    const struct span span = three_lines();
    uint8_t lid[LID_BYTES];
    struct span back;
    uint64_t line;
    assert_int_equal(lid_encode(&span, 7, lid), LID_BYTES);
    for (uint32_t bit = 0; bit < LID_BYTES * 8; bit++) {
        lid[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(lid_decode(lid, sizeof lid, &back, &line), ERR_INVALID);
        lid[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < LID_BYTES; size++)
        assert_int_equal(lid_decode(lid, size, &back, &line), ERR_INVALID);
    assert_int_equal(lid_decode(lid, sizeof lid, &back, &line), 0);
}

static void a_lid_of_version_1_says_nothing_about_times_and_levels(void **state) {
    (void)state;
    struct span span = three_lines(), back;
    uint8_t lid[LID_BYTES];
    uint64_t line;
    assert_int_equal(lid_encode(&span, 9, lid), LID_BYTES);
    lid[12] = 1;
    const uint32_t checksum = digest_32(lid + 12, LID_BYTES - 12);
    for (int i = 0; i < 4; i++)
        lid[8 + i] = (uint8_t)(checksum >> (8 * i));
    assert_int_equal(lid_decode(lid, sizeof lid, &back, &line), 0);
    assert_true(back.time_min_ns == INT64_MIN && back.time_max_ns == INT64_MAX);
    assert_true(back.levels & SPAN_UNRECOGNISED && back.levels & 1u << LEVEL_FATAL);
    assert_true(back.received_min_ns == span.received_min_ns && back.lines == 3);
}

static void times_and_levels_hold_by_the_rules_of_all_lines(void **state) {
    (void)state;
    struct span span = three_lines(), same = three_lines(), other = three_lines();
    span.rules = same.rules = 5;
    other.rules = 6;
    span_add(&span, &same);
    assert_int_equal(span.rules, 5);
    span_add(&span, &other);
    assert_int_equal(span.rules, SPAN_RULES_MIXED);
    struct span none = {0};
    span_add(&none, &other);
    assert_int_equal(none.rules, 6);
}

/* FORMAT.md, "Lid", byte by byte. */
static void a_lid_has_the_documented_layout(void **state) {
    (void)state;
    struct span span = three_lines();
    uint8_t lid[LID_BYTES];
    span.received_min_ns = 0x0102030405060708;
    span.received_max_ns = span.received_min_ns + 5000000;
    span.rules = 0x040506;
    static const uint8_t expected[LID_BYTES] = {
        0x50, 0x2A, 0x4D, 0x18, 56, 0, 0, 0, 0,    0,    0,    0,    2,    6,    5,    4,
        0x01, 0x20, 0x00, 0x01, 3,  0, 0, 0, 60,   0,    0,    0,    5,    0,    0,    0,
        8,    7,    6,    5,    4,  3, 2, 1, 0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0x84, 0x03, 0,    0,    0,  0, 0, 0, 9,    0,    0,    0,    0,    0,    0,    0,
    };
    assert_int_equal(lid_encode(&span, 9, lid), LID_BYTES);
    assert_memory_equal(lid, expected, 8);
    assert_memory_equal(lid + 12, expected + 12, LID_BYTES - 12);
    const uint32_t checksum = digest_32(lid + 12, LID_BYTES - 12);
    for (int i = 0; i < 4; i++)
        assert_int_equal(lid[8 + i], checksum >> (8 * i) & 0xFF);
}

static void receipts_are_decoded_as_they_were_encoded(void **state) {
    (void)state;
    static const struct receipt list[] = {{100, 5, 5}, {7, 1000000, 3000001}, {0, -9, INT64_MAX}};
    uint8_t bytes[RECEIPTS_BYTES(3)];
    struct frame_header header;
    assert_int_equal(receipts_encode(list, 3, bytes), sizeof bytes);
    assert_int_equal(frame_header(bytes, 12, &header), 0);
    assert_int_equal(header.kind, FRAME_SKIPPABLE);
    assert_int_equal(header.size, sizeof bytes);
    assert_int_equal(receipts_check(bytes, sizeof bytes, 107), 3);
    assert_int_equal(receipts_check(bytes, sizeof bytes, 108), 0);
    assert_int_equal(receipts_check(bytes, sizeof bytes - 16, 107), 0);
    for (uint32_t i = 0; i < 3; i++) {
        const struct receipt receipt = receipts_at(bytes, i);
        assert_int_equal(receipt.raw_size, list[i].raw_size);
        assert_int_equal(receipt.min_ns, list[i].min_ns);
        assert_true(receipt.max_ns >= list[i].max_ns);
        assert_true(i == 2 || receipt.max_ns - list[i].max_ns < 1000000);
    }
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(receipts_check(bytes, sizeof bytes, 107), 0);
        /* A wrong size must not hide the frames that follow. */
        if (bit >= 32 && bit < 96) assert_int_equal(frame_header(bytes, 12, &header), ERR_INVALID);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_covers_each_of_its_lines),
        cmocka_unit_test(a_line_without_a_time_counts_with_its_receive_time),
        cmocka_unit_test(a_sum_covers_both_spans_and_an_empty_span_adds_nothing),
        cmocka_unit_test(widening_narrows_nothing),
        cmocka_unit_test(a_lid_is_decoded_as_it_was_encoded),
        cmocka_unit_test(a_receive_range_is_rounded_up_never_down),
        cmocka_unit_test(an_empty_or_too_large_span_gets_no_lid),
        cmocka_unit_test(every_changed_bit_of_a_lid_is_detected),
        cmocka_unit_test(a_lid_has_the_documented_layout),
        cmocka_unit_test(a_lid_of_version_1_says_nothing_about_times_and_levels),
        cmocka_unit_test(times_and_levels_hold_by_the_rules_of_all_lines),
        cmocka_unit_test(receipts_are_decoded_as_they_were_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
