/* stamp_test.c - stamps are the last members of a record, its other bytes stay, and no member of a
 * record can be taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "writer/live/batch_internal.h"

#define ALL      (STAMP_RECEIVED | STAMP_PEER | STAMP_LISTENER | STAMP_SEQ)
#define LINE_MAX 1000

static _Atomic int64_t budget = INT64_C(1) << 40;
static const struct port_address peer = {.ip = {10, 0, 0, 1}, .family = 4, .port = 7};

static void a_list_names_what_is_added(void **state) {
    (void)state;
    uint32_t stamps;
    static const struct {
        const char *text;
        uint32_t stamps;
    } good[] = {{"", 0},
                {"none", 0},
                {"all", ALL},
                {"seq", STAMP_SEQ},
                {"peer,received,peer", STAMP_PEER | STAMP_RECEIVED}};
    static const char *const bad[] = {"seq,", ",seq", "Seq", "seq, peer", "_seq", "all,seq", "x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(stamp_parse(good[i].text, &stamps), 0);
        assert_int_equal(stamps, good[i].stamps);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(stamp_parse(bad[i], &stamps), ERR_INVALID);
}

static void only_members_with_the_name_of_a_stamp_are_renamed(void **state) {
    (void)state;
    static const struct {
        const char *record;
        uint32_t all, seq;
    } cases[] = {
        {"{}", 0, 0},
        {"{\"_seq\":1}", 1, 1},
        {"{ \"_seq\" : 1 , \"_peer\":{}}", 2, 1},
        {"{\"_seq\":1,\"_seq\":[2,{\"_seq\":3}],\"__seq\":\"_seq\",\"___peer\":4}", 4, 3},
        {"{\"\\u005fseq\":1,\"_s\\u0065q\":2,\"\\u005F\\u005f\\u0073\\u0065\\u0071\":3}", 3, 3},
        {"{\"seq\":1,\"_sequence\":2,\"_\":3,\"_SEQ\":4,\"a_seq\":5,\"_se\":6,\"_seq \":7}", 0, 0},
        {"{\"a\":{\"_seq\":1},\"b\":[{\"_peer\":1}],\"c\":\"{\\\"_seq\\\":1}\"}", 0, 0},
        {"{\"_seq\\u0000\":1,\"\\\\u005fseq\":2,\"_\\nseq\":3,\"\\u00e9_seq\":4}", 0, 0},
        {"{\"_received\":1,\"_listener\":2}", 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *record = (const uint8_t *)cases[i].record;
        const size_t size = strlen(cases[i].record);
        assert_int_equal(stamp_names(record, size, ALL), cases[i].all);
        assert_int_equal(stamp_names(record, size, STAMP_SEQ), cases[i].seq);
    }
    assert_true(stamp_is_name("__RECEIVED", 10, ALL));
    assert_false(stamp_is_name("received", 8, ALL));
    assert_false(stamp_is_name("_received", 9, STAMP_PEER));
}

static void the_longest_stamps_fit(void **state) {
    (void)state;
    char name[QUARANTINE_NAME_MAX + 1], listener[300];
    uint8_t record[2 + STAMP_BYTES_MAX] = "{}";
    const struct port_address longest = {
        .ip = {0xFE, 0x80, [8] = 1, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF},
        .family = 6,
        .port = 65535,
        .scope = UINT32_MAX};
    struct stamp_text text;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memset(listener, 1, sizeof listener - 1);
    listener[sizeof listener - 1] = '\0';
    stamp_begin(ALL, INT64_MAX, &longest, name, listener, &text);
    const uint8_t *end = stamp_add(record + 2, true, &text, UINT64_MAX);
    assert_in_range(end - record, 1000, 2 + STAMP_BYTES_MAX);
    assert_true(end - record <= 2 + stamp_bytes_max(ALL, listener));
    assert_memory_equal(end - 22, ":18446744073709551615}", 22);
}

/* ---- in batches ---- */

static struct batch_listener listeners[] = {
    {.name = "tcp=a", .facts = &facts_rules_usual, .stamps = ALL},
    {.name = "tcp=b", .facts = &facts_rules_usual},
    {.name = "tcp=c",
     .facts = &facts_rules_usual,
     .stamps = STAMP_SEQ,
     .wrap = true,
     .syslog_fields = true},
};
static struct batch_rules rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};

static void open_batch(struct batch *batch, uint64_t limit) {
    struct batch_growth growth = {0};
    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++)
        batch_growth_add(&growth, &listeners[i]);
    batch_reset(batch, &rules);
    batch_limit(batch, limit, growth);
}

static void add(struct batch *batch, uint32_t listener, const char *text) {
    const struct batch_origin origin = {.peer = peer, .listener = listener};
    memcpy(batch_add(batch, &origin, (uint32_t)strlen(text)), text, strlen(text));
}

static void pack(struct batch *batch) {
    batch_check(batch);
    batch_pack(batch);
    assert_int_equal(batch->stored.span.raw_size, batch->stored_size);
    assert_int_equal(batch->stored.raw_size, batch->stored_size);
}

#define FIRST                                                                                      \
    "\"_received\":\"1970-01-01T00:00:00.000Z\",\"_peer\":\"10.0.0.1:7\",\"_listener\":\"tcp=a\"," \
    "\"_seq\":"

static void records_are_stamped_in_order_and_others_stay(void **state) {
    (void)state;
    static const char stored[] =
        "{\"a\":1," FIRST "41}\n"
        "{ \t " FIRST "42}\n"
        "{\"__peer\":1}\n"
        "{\"_peer\":1,\"_seq\":43}\n"
        "{\"message\":\"x y\",\"_seq\":44}\n"
        "{\"__seq\":7 ,\"_syslog\":{\"facility\":\"kern\",\"facility_code\":0,"
        "\"severity\":\"alert\",\"severity_code\":1},\"_seq\":45}\n"
        "{\"__peer\":1,\"_\\u005fseq\":2," FIRST "46}\n"
        "{\"z\":{}}\n";
    struct batch batch;
    assert_int_equal(batch_create(LINE_MAX, &batch), 0);
    open_batch(&batch, 1 << 20);
    add(&batch, 0, "{\"a\":1}\n\n { \t }\t\r\n{\"bad\":}\n");
    add(&batch, 1, "{\"__peer\":1}\n");
    add(&batch, 2, "{\"_peer\":1}\nx y\n<1>{\"_seq\":7 }\n");
    add(&batch, 0, "{\"_peer\":1,\"\\u005fseq\":2}\n");
    add(&batch, 1, "{\"z\":{}}\n");
    batch_check(&batch);
    assert_int_equal(batch.numbered, 6);
    batch.first_number = 41;
    batch_pack(&batch);
    assert_int_equal(batch.stored_size, sizeof stored - 1);
    assert_memory_equal(batch.raw, stored, sizeof stored - 1);
    assert_int_equal(batch.stored.span.raw_size, sizeof stored - 1);
    batch_free(&batch);
}

/* Also if a batch is as full as it may be, of the records that grow most. */
static void records_and_their_stamps_stay_within_the_limit(void **state) {
    (void)state;
    static const char *const lines[] = {
        "x\n",
        "{}\n",
        "<1>x\n",
        "\x01\x02\x03\n",
        "{\"_seq\":1,\"_seq\":2,\"_seq\":3}\n",
        "{\"message\":\"an ordinary line of about sixty bytes\",\"n\":1234}\n",
        "\n"};
    static const uint64_t limits[] = {1024, 4096, 100000, 1 << 20};
    const size_t count = sizeof lines / sizeof *lines;
    struct batch batch;
    assert_int_equal(batch_create(LINE_MAX, &batch), 0);
    for (uint32_t round = 0; round < 4 * (count + 1); round++) {
        const uint64_t limit = limits[round % 4];
        uint64_t records = 0;
        open_batch(&batch, limit);
        for (uint32_t n = 0;; n++) {
            const char *line = lines[round / 4 < count ? round / 4 : n % count];
            const size_t size = strlen(line);
            if (size > batch_line_room(&batch) || batch.raw_size > limit) break;
            add(&batch, n % 5 ? 0 : 2, line);
            records += size > 1;
        }
        pack(&batch);
        assert_int_equal(batch.counts.records, records);
        assert_true(batch.stored_size <= limit || batch.counts.stored == 1);
    }
    batch_free(&batch);
}

/* line_bytes_max is the limit of what was sent. */
static void the_longest_record_is_stamped(void **state) {
    (void)state;
    char line[LINE_MAX + 3];
    struct batch batch;
    assert_int_equal(batch_create(LINE_MAX, &batch), 0);
    for (int longer = 0; longer < 2; longer++) {
        const int size = LINE_MAX + longer;
        snprintf(line, sizeof line, "{\"a\":\"%0*d\"}\n", size - 8, 0);
        assert_int_equal(strlen(line), size + 1);
        open_batch(&batch, 1024);
        add(&batch, 0, line);
        pack(&batch);
        assert_int_equal(batch.counts.stored, !longer);
        assert_int_equal(batch.counts.reasons[REJECT_OVERSIZED], longer);
        if (longer) continue;
        assert_memory_equal(batch.raw, line, LINE_MAX - 1);
        assert_memory_equal(batch.raw + LINE_MAX - 1, "," FIRST "0}\n", sizeof FIRST + 3);
    }
    batch_free(&batch);
}

/* Names that become longer count, wherever the record is in its line. */
static void a_record_with_too_many_names_is_oversized(void **state) {
    (void)state;
    char line[LINE_MAX + 2] = "{\"_seq\":1";
    struct batch batch;
    assert_int_equal(batch_create(LINE_MAX, &batch), 0);
    size_t size = strlen(line);
    for (; size + 12 < LINE_MAX; size += 9)
        memcpy(line + size, ",\"_seq\":1", 9);
    memset(line + size, ' ', LINE_MAX - size);
    memcpy(line + LINE_MAX - 1, "}\n", 3);
    open_batch(&batch, 1 << 20);
    add(&batch, 0, line);
    pack(&batch);
    assert_int_equal(batch.counts.reasons[REJECT_OVERSIZED], 1);
    memset(line + 99, ' ', LINE_MAX - 99); /* eleven of them: now there is room */
    line[99] = '}';
    open_batch(&batch, 1 << 20);
    add(&batch, 0, line);
    pack(&batch);
    assert_int_equal(batch.counts.stored, 1);
    batch_free(&batch);
}

/* Near the largest frame nothing is left for stamps. */
static void a_record_whose_stamps_have_no_room_is_oversized(void **state) {
    (void)state;
    const uint32_t line_max = FRAME_RAW_MAX - 64;
    struct batch batch;
    assert_int_equal(batch_create(line_max, &batch), 0);
    rules.line_bytes_max = line_max;
    for (uint32_t spare = 0; spare <= 1024; spare += 1024) {
        const struct batch_origin origin = {.peer = peer};
        const uint32_t size = line_max - spare;
        open_batch(&batch, FRAME_RAW_MAX);
        uint8_t *line = batch_add(&batch, &origin, size + 1);
        memset(line, 'x', size);
        memcpy(line, "{\"a\":\"", 6);
        memcpy(line + size - 2, "\"}\n", 3);
        pack(&batch);
        assert_int_equal(batch.counts.stored, spare > 0);
        assert_int_equal(batch.counts.reasons[REJECT_OVERSIZED], spare == 0);
    }
    rules.line_bytes_max = LINE_MAX;
    batch_free(&batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_names_what_is_added),
        cmocka_unit_test(only_members_with_the_name_of_a_stamp_are_renamed),
        cmocka_unit_test(the_longest_stamps_fit),
        cmocka_unit_test(records_are_stamped_in_order_and_others_stay),
        cmocka_unit_test(records_and_their_stamps_stay_within_the_limit),
        cmocka_unit_test(the_longest_record_is_stamped),
        cmocka_unit_test(a_record_with_too_many_names_is_oversized),
        cmocka_unit_test(a_record_whose_stamps_have_no_room_is_oversized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
