/* port_message_test.c - messages to the operator: one line each, from any thread, whatever is
 * configured meanwhile. */
#include "tests/unit/probe.h"

enum { MESSAGES = 2000 };

struct talker {
    struct probe probe;
    struct port *port;
};

static void talk(struct port_op *op) {
    for (int i = 0; i < MESSAGES; i++)
        say("message %d", i);
    op->result = MESSAGES;
}

static void count_lines(void *context, const char *line, size_t size) {
    atomic_fetch_add((atomic_int *)context, strncmp(line, "port_message_test: message ", 27) == 0 &&
                                                line[size - 1] == '\n');
}

/* For ThreadSanitizer. */
static void messages_may_be_configured_while_workers_report(void **state) {
    struct port *port = *state;
    static atomic_int lines;
    system_name("port_message_test");
    system_messages_to(count_lines, &lines);
    struct talker talker = {.probe = probe_new(NULL)};
    port_work(port, &talker.probe.op, PORT_LANE_SLOW, talk);
    while (lines == 0)
        system_sleep_ms(1);
    system_messages_never_wait();
    system_name("port_message_test");
    probe_await(port, &talker.probe, 1);
    system_messages_to(NULL, NULL);
    assert_int_equal(lines, MESSAGES);
}

static void keep(void *context, const char *line, size_t size) {
    assert_true(size <= 4096);
    memcpy(context, line, size);
    ((char *)context)[size] = '\0';
}

static void a_message_is_one_line_however_long(void **state) {
    (void)state;
    static char line[5000], text[5000];
    memset(text, 'x', sizeof text - 1);
    system_name("name");
    system_messages_to(keep, line);
    say("%d of %s", 1, "two");
    assert_string_equal(line, "name: 1 of two\n");
    say("%s", text);
    system_messages_to(NULL, NULL);
    assert_int_equal(strlen(line), 4095);
    assert_int_equal(line[4094], '\n');
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        PORT_TEST(messages_may_be_configured_while_workers_report),
        cmocka_unit_test(a_message_is_one_line_however_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
