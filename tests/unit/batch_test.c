/* batch_test.c - each run of a batch is judged by the rules of the listener that it came to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "writer/batch.h"

#define RECEIVED_NS 1700000000000000000

static _Atomic int64_t budget = 1 << 30;

static void add(struct batch *batch, uint32_t listener, const char *text) {
    const struct batch_origin origin = {
        .received_ns = RECEIVED_NS, .peer = {.family = 4, .port = 7}, .listener = listener};
    memcpy(batch_add(batch, &origin, (uint32_t)strlen(text)), text, strlen(text));
}

static void open_batch(struct batch *batch, const struct batch_rules *rules) {
    assert_int_equal(batch_create(1000, batch), 0);
    batch_reset(batch, rules);
}

static void times_and_levels_are_those_of_the_listener(void **state) {
    (void)state;
    struct facts_rules own;
    assert_int_equal(facts_rules_set("when", "grade", LEVEL_SCALE_SYSLOG, &own), 0);
    const struct batch_listener listeners[] = {{.name = "tcp=usual", .facts = &facts_rules_usual},
                                               {.name = "tcp=own", .facts = &own}};
    const struct batch_rules rules = {.listeners = listeners,
                                      .line_bytes_max = 1000,
                                      .acceleration = 1,
                                      .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    add(&batch, 0, "{\"when\":1000000000,\"grade\":3}\n");
    batch_check(&batch);
    assert_int_equal(batch.stored.span.time_min_ns, RECEIVED_NS);
    assert_int_equal(batch.stored.span.levels, 1);

    batch_reset(&batch, &rules);
    add(&batch, 1, "{\"when\":1000000000,\"grade\":3}\n");
    batch_check(&batch);
    assert_int_equal(batch.stored.span.time_min_ns, 1000000000000000000);
    assert_int_equal(batch.stored.span.time_max_ns, RECEIVED_NS); /* as the usual rules say */
    assert_int_equal(batch.stored.span.levels, 1 | 1u << LEVEL_ERROR);

    /* Both in one batch, in turns. */
    batch_reset(&batch, &rules);
    add(&batch, 0, "{\"time\":1200000000,\"grade\":1}\n");
    add(&batch, 1, "{\"time\":1200000000,\"when\":1100000000,\"grade\":7}\n");
    add(&batch, 0, "{\"when\":1000000000,\"grade\":2}\n");
    batch_check(&batch);
    assert_int_equal(batch.counts.stored, 3);
    assert_int_equal(batch.stored.span.time_min_ns, 1100000000000000000);
    assert_int_equal(batch.stored.span.time_max_ns, RECEIVED_NS);
    assert_int_equal(batch.stored.span.levels, 1 | 1u << LEVEL_DEBUG);
    batch_free(&batch);
}

static void of_a_listener_without_rules_nothing_is_known(void **state) {
    (void)state;
    const struct batch_listener listeners[] = {{.name = "tcp=usual", .facts = &facts_rules_usual},
                                               {.name = "tcp=none"}};
    const struct batch_rules rules = {.listeners = listeners,
                                      .line_bytes_max = 1000,
                                      .acceleration = 1,
                                      .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    add(&batch, 0, "{\"time\":1200000000}\n");
    add(&batch, 1, "{\"time\":1200000000}\n");
    batch_check(&batch);
    assert_int_equal(batch.stored.span.lines, 2);
    assert_int_equal(batch.stored.span.time_min_ns, INT64_MIN);
    assert_int_equal(batch.stored.span.time_max_ns, INT64_MAX);
    batch_free(&batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_and_levels_are_those_of_the_listener),
        cmocka_unit_test(of_a_listener_without_rules_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
