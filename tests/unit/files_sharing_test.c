/* files_sharing_test.c - files that another program or the completion port has open at the same
 * time, and paths longer than Windows' plain calls accept.  The C run-time plays the other program:
 * on Windows its fopen lets others neither rename nor delete the file, like most readers there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "port/files.h"
#include "port/port.h"
#include "port/system.h"

#define OLD "files_sharing_test.old"
#define NEW "files_sharing_test.new"

static int clean(void **state) {
    struct files *files = files_of_system();
    file_remove(files, OLD);
    file_remove(files, NEW);
    *state = files;
    return 0;
}

static void make(struct files *files, const char *path, const char *text) {
    assert_int_equal(file_replace(files, path, text, strlen(text), false), 0);
}

static void expect(FILE *stream, const char *expected) {
    char text[64] = "";
    assert_int_equal(fread(text, 1, sizeof text - 1, stream), strlen(expected));
    assert_string_equal(text, expected);
}

/* ---- a plain reader ---- */

static void a_plain_reader_can_open_a_file_that_we_write(void **state) {
    struct files *files = *state;
    struct file file;
    assert_int_equal(file_open(files, NEW, FILE_WRITE_NEW, &file), 0);
    assert_int_equal(file_write_at(&file, "one", 3, 0), 0);
    FILE *reader = fopen(NEW, "rb");
    assert_non_null(reader);
    expect(reader, "one");
    fclose(reader);
    file_close(&file);
}

static void a_plain_reader_only_delays_a_rename(void **state) {
    struct files *files = *state;
    make(files, OLD, "old");
    FILE *reader = fopen(OLD, "rb");
    assert_non_null(reader);
    const int error = file_rename(files, OLD, NEW);
    if (error != 0) assert_int_equal(error, ERR_BUSY); /* the caller tries again */
    expect(reader, "old");
    fclose(reader);
    if (error != 0) assert_int_equal(file_rename(files, OLD, NEW), 0);
}

static void a_plain_reader_of_a_replaced_file_sees_the_old_text(void **state) {
    struct files *files = *state;
    make(files, OLD, "new text");
    make(files, NEW, "old text");
    FILE *reader = fopen(NEW, "rb");
    assert_non_null(reader);
    const int error = file_rename(files, OLD, NEW);
    if (error != 0) assert_int_equal(error, ERR_BUSY);
    expect(reader, "old text");
    fclose(reader);
    if (error != 0) assert_int_equal(file_rename(files, OLD, NEW), 0);
    reader = fopen(NEW, "rb");
    expect(reader, "new text");
    fclose(reader);
}

static void our_own_writer_does_not_delay_a_rename(void **state) {
    struct files *files = *state;
    struct file file;
    assert_int_equal(file_open(files, OLD, FILE_WRITE_NEW, &file), 0);
    assert_int_equal(file_write_at(&file, "one", 3, 0), 0);
    assert_int_equal(file_rename(files, OLD, NEW), 0);
    assert_int_equal(file_write_at(&file, "two", 3, 3), 0);
    file_close(&file);
    FILE *reader = fopen(NEW, "rb");
    expect(reader, "onetwo");
    fclose(reader);
}

/* ---- the completion port ---- */

static void came_back(struct port_op *op) {
    (void)op;
}

/* A handle that is attached to a completion port queues a packet for every call that ends on it,
 * unless told not to.  The port would take a packet that belongs to no op for a completed op. */
static void plain_calls_on_a_file_used_by_port_write_queue_no_packets(void **state) {
    struct files *files = *state;
    struct port *port;
    struct file file;
    struct port_op op = {.done = came_back};
    assert_int_equal(port_open(NULL, &port), 0);
    assert_int_equal(file_open(files, NEW, FILE_WRITE_NEW, &file), 0);
    for (uint64_t n = 0; n < 50; n++) {
        port_write(port, &op, &file, "overlapped", 10, 20 * n);
        assert_int_equal(file_write_at(&file, "plain text", 10, 20 * n + 10), 0);
        while (!port_idle(&op))
            port_wait(port, -1);
        assert_int_equal(op.result, 10);
        char text[20];
        assert_int_equal(file_read_at(&file, text, 20, 20 * n), 20);
        assert_memory_equal(text, "overlappedplain text", 20);
        if (n % 25 == 0) assert_int_equal(file_sync(&file), 0);
        assert_int_equal(port_wait(port, 0), 0);
    }
    file_close(&file);
    port_close(port);
}

/* ---- long paths ---- */

static bool count_entry(void *context, const char *name, bool directory) {
    (void)name, (void)directory;
    ++*(int *)context;
    return true;
}

/* Windows' plain calls accept less than 260 characters. */
static void a_path_can_be_longer_than_260_characters(void **state) {
    struct files *files = *state;
    enum { LEVELS = 4, LEVEL = 100 };
    char path[LEVELS * (LEVEL + 1) + 40] = "files_sharing_test.long";
    size_t ends[LEVELS + 1] = {strlen(path)};
    for (int i = 0; i < LEVELS; i++) {
        char *at = path + ends[i];
        *at = '/';
        memset(at + 1, 'a' + i, LEVEL);
        at[1 + LEVEL] = '\0';
        ends[i + 1] = ends[i] + 1 + LEVEL;
    }
    assert_int_equal(directory_make(files, path), 0);
    char in[sizeof path + 8], renamed[sizeof path + 8];
    snprintf(in, sizeof in, "%s/in", path);
    snprintf(renamed, sizeof renamed, "%s/renamed", path);
    make(files, in, "deep");
    assert_int_equal(file_rename(files, in, renamed), 0);
    int count = 0;
    assert_int_equal(directory_list(files, path, count_entry, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(file_remove(files, renamed), 0);
    for (int i = LEVELS; i >= 0; i--) {
        path[ends[i]] = '\0';
        assert_int_equal(file_remove(files, path), 0);
    }
}

#define SHARING_TEST(name) cmocka_unit_test_setup_teardown(name, clean, clean)

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        SHARING_TEST(a_plain_reader_can_open_a_file_that_we_write),
        SHARING_TEST(a_plain_reader_only_delays_a_rename),
        SHARING_TEST(a_plain_reader_of_a_replaced_file_sees_the_old_text),
        SHARING_TEST(our_own_writer_does_not_delay_a_rename),
        SHARING_TEST(plain_calls_on_a_file_used_by_port_write_queue_no_packets),
        SHARING_TEST(a_path_can_be_longer_than_260_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
