/* daemon_test.c - the whole daemon inside the test's process: the test owns the port and the host,
 * and calls each step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/config/read.h"
#include "ingest/config/schema_files.h"
#include "ingest/daemon/daemon.h"
#include "ingest/daemon/log_directory.h"
#include "port/client.h"
#include "port/port_internal.h"
#include "port/system.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

#define DIRECTORY "daemon_test.logs"

/* What the daemon printed: the ready line, then the counters. */
static char printed[65536];
static char messages[65536];

static int print(const char *text, size_t size, uint32_t timeout_ms) {
    (void)timeout_ms;
    const size_t used = strlen(printed);
    assert_true(used + size < sizeof printed);
    memcpy(printed + used, text, size);
    return 0;
}

static void hear(void *context, const char *line, size_t size) {
    (void)context;
    const size_t used = strlen(messages);
    if (used + size + 1 < sizeof messages) memcpy(messages + used, line, size);
}

struct bench {
    struct host host;
    struct config config;
    struct port *port;
    struct daemon *daemon;
};

static void open_bench(struct bench *bench, const struct port_backend *backend) {
    char error[CONFIG_ERROR_MAX];
    char *words[] = {"logportd", "--dir",       DIRECTORY,    "--tcp", "127.0.0.1:0",
                     "--udp",    "127.0.0.1:0", "--flush-ms", "5",     NULL};
    memset(bench, 0, sizeof *bench);
    memset(printed, 0, sizeof printed);
    memset(messages, 0, sizeof messages);
    system_messages_to(hear, NULL);
    bench->host = host_of_system();
    bench->host.print = print;
    if (config_read(&bench->host, 9, words, &bench->config, error)) fail_msg("%s", error);
    assert_int_equal(port_open(&(struct port_options){.backend = backend}, &bench->port), 0);
}

static int start(struct bench *bench) {
    const struct daemon_options options = {.port = bench->port,
                                           .host = &bench->host,
                                           .config = &bench->config,
                                           .argc = 1,
                                           .argv = (char *[]){"logportd", NULL}};
    return daemon_start(&options, &bench->daemon);
}

static void close_bench(struct bench *bench) {
    port_close(bench->port);
    config_free(&bench->config);
    system_messages_to(NULL, NULL);
}

static void remove_all(const char *path);

static bool remove_entry(void *context, const char *name, bool directory) {
    char path[PATH_BYTES_MAX];
    path_join(path, context, name, NULL);
    if (directory)
        remove_all(path);
    else
        file_remove(files_of_system(), path);
    return true;
}

/* Removes all files; folders stay. */
static void remove_all(const char *path) {
    directory_list(files_of_system(), path, remove_entry, (void *)path);
}

static int clean(void **state) {
    (void)state;
    remove_all(DIRECTORY);
    return 0;
}

static void send_text(const char *kind, const char *text, bool datagram) {
    struct port_address address;
    struct client client;
    char where[ADDRESS_TEXT_MAX];
    const char *at = strstr(printed, kind);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(kind), "%40s", where), 1);
    assert_int_equal(address_parse(where, &address), 0);
    assert_int_equal((datagram ? client_datagrams : client_connect)(&address, &client), 0);
    assert_int_equal(client_send(&client, text, strlen(text)), 0);
    client_close(&client);
}

/* The lines of a stream, each ended by a newline. */
static void read_stream(const char *name, char *text, size_t size) {
    struct segment_list list = {0};
    char path[PATH_BYTES_MAX];
    size_t used = 0;
    path_join(path, DIRECTORY, name, NULL);
    assert_int_equal(segment_list_add(files_of_system(), path, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        struct segment_reader reader;
        enum segment_damage damage;
        assert_int_equal(segment_reader_open(files_of_system(), list.files[i].path, &reader), 0);
        while (segment_reader_next(&reader, &damage) > 0) {
            assert_true(used + reader.raw_size < size);
            memcpy(text + used, reader.raw, reader.raw_size);
            used += reader.raw_size;
        }
        segment_reader_close(&reader);
    }
    segment_list_free(&list);
    text[used] = '\0';
}

static int run_to_its_end(struct bench *bench) {
    enum daemon_state state;
    while ((state = daemon_step(bench->daemon)) == DAEMON_RUNS) {
    } /* ends: the daemon was told to stop */
    assert_int_equal(state, DAEMON_STOPPED);
    return daemon_finish(bench->daemon);
}

static void a_stepped_daemon_stores_what_it_receives(void **state) {
    (void)state;
    struct bench bench;
    char text[4096];
    open_bench(&bench, NULL);
    assert_int_equal(start(&bench), 0);
    assert_non_null(strstr(printed, "logportd: ready tcp=127.0.0.1:"));
    send_text("tcp=", "{\"by\":\"tcp\"}\nnot JSON\n{\"half\":\"line\"}", false);
    daemon_step(bench.daemon);
    daemon_stop(bench.daemon);
    assert_int_equal(run_to_its_end(&bench), 0);
    assert_non_null(strstr(printed, "{\"received\":3,\"stored\":2,\"rejected\":1,\"dropped\":{}"));
    read_stream("main", text, sizeof text);
    assert_string_equal(text, "{\"by\":\"tcp\"}\n{\"half\":\"line\"}\n");
    read_stream("rejects", text, sizeof text);
    assert_non_null(strstr(text, "not JSON"));
    close_bench(&bench);
}

static void a_second_daemon_can_run_after_the_first_in_the_same_process(void **state) {
    (void)state;
    struct bench bench;
    char text[4096];
    for (int i = 0; i < 2; i++) {
        open_bench(&bench, NULL);
        assert_int_equal(start(&bench), 0);
        send_text("tcp=", i == 0 ? "{\"run\":1}\n" : "{\"run\":2}\n", false);
        daemon_stop(bench.daemon);
        assert_int_equal(run_to_its_end(&bench), 0);
        close_bench(&bench);
    }
    read_stream("main", text, sizeof text);
    assert_string_equal(text, "{\"run\":1}\n{\"run\":2}\n");
}

static void a_second_stop_ends_at_once_and_reports_a_loss(void **state) {
    (void)state;
    static struct bench bench; /* static: leak checkers still reach what is never freed */
    open_bench(&bench, NULL);
    assert_int_equal(start(&bench), 0);
    daemon_stop(bench.daemon);
    daemon_stop(bench.daemon);
    assert_int_equal(daemon_step(bench.daemon), DAEMON_LEAVES);
    assert_int_equal(daemon_finish(bench.daemon), 1); /* connections were not drained */
    assert_non_null(strstr(messages, "a second time"));
    /* Ops are in flight, so the port cannot be closed: only the end of the process ends them. */
    config_free(&bench.config);
    system_messages_to(NULL, NULL);
}

/* ---- signals ---- */

static void start_without_signals(struct port *port, struct port_op *op) {
    if (op->kind == PORT_SIGNAL)
        port_completed(port, op, ERR_TOO_MANY_FILES);
    else
        port_backend_of_system.start(port, op);
}

static void the_daemon_does_not_start_without_signal_handlers(void **state) {
    (void)state;
    struct bench bench;
    struct port_backend backend = port_backend_of_system;
    struct file_status status;
    backend.start = start_without_signals;
    open_bench(&bench, &backend);
    assert_int_equal(start(&bench), ERR_TOO_MANY_FILES);
    assert_non_null(strstr(messages, "cannot handle signals: too many open files"));
    assert_string_equal(printed, "");
    assert_int_equal(file_status_of(files_of_system(), DIRECTORY "/" RUN_FILE_NAME, &status),
                     ERR_NOT_FOUND);
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_stepped_daemon_stores_what_it_receives, clean),
        cmocka_unit_test_setup(a_second_daemon_can_run_after_the_first_in_the_same_process, clean),
        cmocka_unit_test_setup(the_daemon_does_not_start_without_signal_handlers, clean),
        cmocka_unit_test_setup(a_second_stop_ends_at_once_and_reports_a_loss, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
