/* files_test.c - the contracts of files.h, address.h and system.h.  The files are in a folder below
 * the current directory; the test removes it at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/address.h"
#include "port/client.h"
#include "port/error.h"
#include "port/files.h"
#include "port/files_internal.h"
#include "port/system.h"

#define ROOT "files_test.scratch"

static void remove_tree(const char *path);

static bool remove_entry(void *context, const char *name, bool directory) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    if (directory)
        remove_tree(path);
    else
        file_remove(files_of_system(), path);
    return true;
}

static void remove_tree(const char *path) {
    directory_list(files_of_system(), path, remove_entry, (void *)(intptr_t)path);
    file_remove(files_of_system(), path);
}

static int make_root(void **state) {
    remove_tree(ROOT);
    *state = files_of_system();
    return directory_make(*state, ROOT);
}

static int remove_root(void **state) {
    (void)state;
    remove_tree(ROOT);
    return 0;
}

static void write_text(struct files *files, const char *path, const char *text) {
    assert_int_equal(file_replace(files, path, text, strlen(text), false), 0);
}

static void expect_text(struct files *files, const char *path, const char *expected) {
    char *text;
    size_t size;
    assert_int_equal(file_read_all(files, path, 1 << 20, &text, &size), 0);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(text, expected); /* a NUL follows the text */
    free(text);
}

/* ---- files ---- */

static void bytes_are_read_back_at_the_offset_of_their_write(void **state) {
    struct files *files = *state;
    struct file file;
    char bytes[20];
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE_NEW, &file), 0);
    assert_int_equal(file_write_at(&file, "world", 5, 6), 0);
    assert_int_equal(file_write_at(&file, "hello ", 6, 0), 0);
    assert_int_equal(file_write_at(&file, "", 0, 0), 0);
    assert_int_equal(file_sync(&file), 0);
    assert_int_equal(file_read_at(&file, bytes, sizeof bytes, 0), 11);
    assert_memory_equal(bytes, "hello world", 11);
    assert_int_equal(file_read_at(&file, bytes, 3, 4), 3);
    assert_memory_equal(bytes, "o w", 3);
    assert_int_equal(file_read_at(&file, bytes, 3, 11), 0);
    assert_int_equal(file_read_at(&file, bytes, 3, 1000), 0);
    file_close(&file);
    file_close(&file); /* not open: does nothing */
    expect_text(files, ROOT "/f", "hello world");
}

static void open_follows_its_access_mode(void **state) {
    struct files *files = *state;
    struct file file;
    assert_int_equal(file_open(files, ROOT "/f", FILE_READ, &file), ERR_NOT_FOUND);
    assert_null(file.files);
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE, &file), ERR_NOT_FOUND);
    assert_int_equal(file_open(files, ROOT "/no/f", FILE_WRITE_NEW, &file), ERR_NOT_FOUND);
    write_text(files, ROOT "/f", "kept");
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE_NEW, &file), ERR_EXISTS);
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE, &file), 0);
    file_close(&file);
    expect_text(files, ROOT "/f", "kept");
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE_SECRET, &file), 0);
    file_close(&file);
    expect_text(files, ROOT "/f", "");
}

static void truncating_cuts_and_extends_with_zeros(void **state) {
    struct files *files = *state;
    struct file file;
    struct file_status status;
    char bytes[8];
    write_text(files, ROOT "/f", "abcdef");
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE, &file), 0);
    assert_int_equal(file_truncate(&file, 2), 0);
    assert_int_equal(file_truncate(&file, 4), 0);
    assert_int_equal(file_status(&file, &status), 0);
    assert_int_equal(status.size, 4);
    assert_int_equal(file_read_at(&file, bytes, 8, 0), 4);
    assert_memory_equal(bytes, "ab\0\0", 4);
    file_close(&file);
}

static void a_renamed_file_keeps_its_id_and_ids_differ_between_files(void **state) {
    struct files *files = *state;
    struct file_status a, b, renamed, folder;
    write_text(files, ROOT "/a", "1");
    write_text(files, ROOT "/b", "22");
    assert_int_equal(file_status_of(files, ROOT "/a", &a), 0);
    assert_int_equal(file_status_of(files, ROOT "/b", &b), 0);
    assert_true(a.id != b.id);
    assert_int_equal(a.size, 1);
    assert_false(a.directory);
    const int64_t age_ns = system_wall_ns() - a.modified_ns;
    assert_true(age_ns > -10000000000 && age_ns < 60000000000);
    assert_int_equal(file_rename(files, ROOT "/a", ROOT "/b"), 0); /* replaces it */
    assert_int_equal(file_status_of(files, ROOT "/b", &renamed), 0);
    assert_true(renamed.id == a.id);
    assert_int_equal(file_status_of(files, ROOT "/a", &a), ERR_NOT_FOUND);
    assert_int_equal(file_rename(files, ROOT "/a", ROOT "/c"), ERR_NOT_FOUND);
    assert_int_equal(file_status_of(files, ROOT, &folder), 0);
    assert_true(folder.directory);
}

static void a_file_can_be_renamed_and_removed_while_it_is_read(void **state) {
    struct files *files = *state;
    struct file file;
    char bytes[4];
    write_text(files, ROOT "/f", "text");
    assert_int_equal(file_open(files, ROOT "/f", FILE_READ, &file), 0);
    assert_int_equal(file_rename(files, ROOT "/f", ROOT "/g"), 0);
    assert_int_equal(file_remove(files, ROOT "/g"), 0);
    assert_int_equal(file_read_at(&file, bytes, 4, 0), 4);
    assert_memory_equal(bytes, "text", 4);
    file_close(&file);
    assert_int_equal(file_remove(files, ROOT "/g"), ERR_NOT_FOUND);
}

static void a_file_can_be_read_while_it_is_written(void **state) {
    struct files *files = *state;
    struct file writer;
    assert_int_equal(file_open(files, ROOT "/f", FILE_WRITE_NEW, &writer), 0);
    assert_int_equal(file_write_at(&writer, "so far", 6, 0), 0);
    expect_text(files, ROOT "/f", "so far");
    file_close(&writer);
}

static void paths_are_utf_8(void **state) {
    struct files *files = *state;
    static const char path[] = ROOT "/größe 日志.txt";
    write_text(files, path, "x");
    expect_text(files, path, "x");
    assert_int_equal(file_remove(files, path), 0);
}

/* ---- whole files ---- */

static void replacing_leaves_the_new_text_and_nothing_else(void **state) {
    struct files *files = *state;
    struct file_status status;
    write_text(files, ROOT "/f", "old, and longer");
    write_text(files, ROOT "/f.new", "left over from a crash");
    write_text(files, ROOT "/f", "new");
    expect_text(files, ROOT "/f", "new");
    assert_int_equal(file_status_of(files, ROOT "/f.new", &status), ERR_NOT_FOUND);
    assert_int_equal(file_replace(files, ROOT "/f", "token", 5, true), 0);
    expect_text(files, ROOT "/f", "token");
    assert_int_equal(file_replace(files, ROOT "/no/f", "x", 1, false), ERR_NOT_FOUND);
}

static void a_directory_with_the_temporary_name_is_left_alone(void **state) {
    struct files *files = *state;
    struct file_status status;
    assert_int_equal(directory_make(files, ROOT "/f.new/within"), 0);
    for (int secret = 0; secret < 2; secret++) {
        assert_int_equal(file_replace(files, ROOT "/f", "text", 4, secret), 0);
        expect_text(files, ROOT "/f", "text");
        assert_int_equal(file_remove(files, ROOT "/f"), 0);
    }
    assert_int_equal(file_status_of(files, ROOT "/f.new", &status), 0);
    assert_true(status.directory);
    assert_int_equal(file_status_of(files, ROOT "/f.new2", &status), ERR_NOT_FOUND);
    assert_int_equal(directory_make(files, ROOT "/f.new2/within"), 0);
    assert_int_equal(file_replace(files, ROOT "/f", "text", 4, false), ERR_IS_DIRECTORY);
}

static void reading_a_whole_file_above_the_limit_is_an_error(void **state) {
    struct files *files = *state;
    char *text = NULL;
    size_t size;
    write_text(files, ROOT "/f", "12345");
    assert_int_equal(file_read_all(files, ROOT "/f", 4, &text, &size), ERR_TOO_LARGE);
    assert_int_equal(file_read_all(files, ROOT "/g", 4, &text, &size), ERR_NOT_FOUND);
    assert_true(file_read_all(files, ROOT, 4, &text, &size) < 0);
    assert_null(text);
    assert_int_equal(file_read_all(files, ROOT "/f", 5, &text, &size), 0);
    free(text);
}

/* ---- directories ---- */

static void a_directory_is_made_with_its_parents(void **state) {
    struct files *files = *state;
    struct file_status status;
    assert_int_equal(directory_make(files, ROOT "/a/b//c"), 0);
    assert_int_equal(directory_make(files, ROOT "/a/b/c/"), 0); /* a trailing slash is allowed */
    assert_int_equal(file_status_of(files, ROOT "/a/b/c", &status), 0);
    assert_true(status.directory);
    assert_int_equal(directory_sync(files, ROOT "/a/b"), 0);
    write_text(files, ROOT "/a/file", "x");
    assert_int_equal(directory_make(files, ROOT "/a/file"), ERR_NOT_DIRECTORY);
    assert_true(directory_make(files, ROOT "/a/file/d") < 0);
}

static void a_name_follows_the_last_separator(void **state) {
    (void)state;
    assert_string_equal(path_name("a/b/c"), "c");
    assert_string_equal(path_name("/c"), "c");
    assert_string_equal(path_name("c"), "c");
    assert_string_equal(path_name("a/b/"), "");
    assert_true(path_separates('/'));
    assert_false(path_separates(':'));
}

static void a_path_is_within_a_folder_and_in_itself(void **state) {
    (void)state;
    assert_true(path_is_within("/a/logs", "/a/logs"));
    assert_true(path_is_within("/a/logs", "/a/logs/main"));
    assert_false(path_is_within("/a/logs", "/a/logs2"));
    assert_false(path_is_within("/a/logs", "/a"));
    assert_false(path_is_within("/a/logs", "/b/logs/main"));
}

static int exists(struct files *files, const char *path) {
    (void)files, (void)path;
    return ERR_EXISTS;
}

static int cannot_be_examined(struct files *files, const char *path, struct file_status *status) {
    (void)files, (void)path, (void)status;
    return ERR_IO;
}

static void a_directory_that_cannot_be_examined_is_no_directory_that_exists(void **state) {
    (void)state;
    struct files broken = {.make_directory = exists, .status_of = cannot_be_examined};
    assert_int_equal(directory_make(&broken, ROOT "/a"), ERR_IO);
}

struct seen {
    uint32_t files, folders, limit;
};

static bool see(void *context, const char *name, bool directory) {
    struct seen *seen = context;
    if (directory)
        assert_string_equal(name, "folder");
    else
        assert_memory_equal(name, "file-", 5);
    *(directory ? &seen->folders : &seen->files) += 1;
    return seen->files + seen->folders < seen->limit;
}

static void a_listing_has_each_name_once_and_ends_when_the_visitor_says_so(void **state) {
    struct files *files = *state;
    struct seen seen = {.limit = 1000};
    assert_int_equal(directory_make(files, ROOT "/folder"), 0);
    for (int i = 0; i < 100; i++) {
        char path[64];
        struct file file;
        snprintf(path, sizeof path, ROOT "/file-%d", i);
        assert_int_equal(file_open(files, path, FILE_WRITE_NEW, &file), 0);
        file_close(&file);
    }
    assert_int_equal(directory_list(files, ROOT, see, &seen), 0);
    assert_int_equal(seen.files, 100);
    assert_int_equal(seen.folders, 1);
    seen = (struct seen){.limit = 7};
    assert_int_equal(directory_list(files, ROOT, see, &seen), 0);
    assert_int_equal(seen.files + seen.folders, 7);
    assert_int_equal(directory_list(files, ROOT "/no", see, &seen), ERR_NOT_FOUND);
}

static void a_lock_has_one_holder_until_it_is_closed(void **state) {
    struct files *files = *state;
    struct file first, second;
    assert_int_equal(file_lock(files, ROOT "/lock", &first), 0);
    assert_int_equal(file_lock(files, ROOT "/lock", &second), ERR_LOCKED);
    assert_null(second.files);
    file_close(&first);
    assert_int_equal(file_lock(files, ROOT "/lock", &second), 0);
    file_close(&second);
}

static void free_space_needs_an_existing_folder(void **state) {
    struct files *files = *state;
    struct volume_space space = {0}, above = {0};
    assert_int_equal(free_space(files, ROOT, &space), 0);
    assert_true(space.free > 0 && space.volume != 0);
    assert_int_equal(free_space(files, ROOT "/..", &above), 0);
    assert_true(above.volume == space.volume);
    assert_true(free_space(files, ROOT "/no", &space) < 0);
}

/* ---- addresses ---- */

static void addresses_are_formatted_as_they_were_parsed(void **state) {
    (void)state;
    static const char *const same[] = {
        "127.0.0.1:5170",
        "0.0.0.0:0",
        "255.255.255.255:65535",
        "[::]:1",
        "[::1]:5170",
        "[1::]:2",
        "[fe80::1%2]:5170",
        "[2001:db8::1:0:0:1]:80",
        "[1:2:3:4:5:6:7:8]:9",
        "[1:0:3:4:5:6:7:8]:9",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
    };
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct port_address address;
        assert_int_equal(address_parse(same[i], &address), 0);
        assert_string_equal(address_format(&address, text), same[i]);
    }
}

static void different_texts_of_one_address_are_equal(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"[0:0:0:0:0:0:0:1]:5", "[::1]:5"},
        {"[::FFFF:1.2.3.4]:5", "[::ffff:102:304]:5"},
        {"[1:2:3:4:5:6:7::]:5", "[1:2:3:4:5:6:7:0]:5"},
        {"[64:ff9b::10.0.0.1]:5", "[64:ff9b::a00:1]:5"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct port_address a, b;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(pairs[i][0], &a), 0);
        assert_int_equal(address_parse(pairs[i][1], &b), 0);
        assert_true(address_equal(&a, &b));
        assert_string_equal(address_format(&a, text), pairs[i][1]);
        b.port++;
        assert_false(address_equal(&a, &b));
    }
}

static void an_ipv4_address_shown_as_ipv6_becomes_one_again(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"[::ffff:10.1.2.3]:7", "10.1.2.3:7"},
        {"[::ffff:0.0.0.0]:7", "0.0.0.0:7"},
        {"[::1]:7", "[::1]:7"},
        {"[::10.1.2.3]:7", "[::a01:203]:7"},
        {"[64:ff9b::10.1.2.3]:7", "[64:ff9b::a01:203]:7"},
        {"10.1.2.3:7", "10.1.2.3:7"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct port_address address;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(pairs[i][0], &address), 0);
        address_unmap(&address);
        assert_string_equal(address_format(&address, text), pairs[i][1]);
    }
}

static void only_the_address_of_all_takes_ipv4_too(void **state) {
    (void)state;
    struct port_address address;
    assert_int_equal(address_parse("[::]:7", &address), 0);
    assert_true(address_takes_ipv4(&address));
    address.ipv6_only = true;
    assert_false(address_takes_ipv4(&address));
    assert_int_equal(address_parse("[::1]:7", &address), 0);
    assert_false(address_takes_ipv4(&address));
    assert_int_equal(address_parse("0.0.0.0:7", &address), 0);
    assert_false(address_takes_ipv4(&address));
}

static void an_invalid_address_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "127.0.0.1",
        "127.0.0.1:",
        ":5170",
        "1.2.3:4",
        "1.2.3.4.5:6",
        "1.2.3.256:4",
        "1.2.3.4:65536",
        "01.2.3.4:5",
        "1.2.3.4:05",
        "1.2.3.4: 5",
        "1.2.3.4:5 ",
        " 1.2.3.4:5",
        "1.2.3.4:-5",
        "localhost:5",
        "::1:5",
        "[::1]",
        "[::1]5",
        "[::1",
        "[]:5",
        "[:1]:5",
        "[1:]:5",
        "[1::2::3]:4",
        "[1:2:3:4:5:6:7]:8",
        "[1:2:3:4:5:6:7:8:9]:1",
        "[::12345]:6",
        "[::g]:5",
        "[::1%]:5",
        "[::1%eth0]:5",
        "[::1%4294967296]:5",
        "[:::1]:5",
        "[1:2:3:4:5:6:7::8]:9",
        "[::1.2.3]:4",
        "[1:2:3:4:5:6:7:8:]:9",
        "1.2.3.4:99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct port_address address = {.port = 77};
        if (address_parse(wrong[i], &address) != ERR_INVALID) fail_msg("taken: \"%s\"", wrong[i]);
        assert_int_equal(address.port, 77);
    }
}

static void host_names_are_resolved(void **state) {
    (void)state;
    struct port_address address, same;
    assert_int_equal(client_resolve("localhost:5170", &address), 0);
    assert_int_equal(address.port, 5170);
    assert_true(address.family == 4 || address.family == 6);
    assert_int_equal(client_resolve("127.0.0.1:1", &address), 0);
    assert_int_equal(address_parse("127.0.0.1:1", &same), 0);
    assert_true(address_equal(&address, &same));
    assert_int_equal(client_resolve("localhost", &address), ERR_INVALID);
    assert_int_equal(client_resolve("localhost:http", &address), ERR_INVALID);
}

/* ---- the system ---- */

static void system_calls_return_plausible_values(void **state) {
    (void)state;
    uint64_t now = 0, peak = 0;
    system_memory(&now, &peak);
    assert_true(now > 100000 && peak >= now);
    assert_true(system_cores() >= 1);
    assert_true(system_open_files_max() >= 100);
    assert_true(system_process_id() != 0);
    assert_true(system_cpu_ns() >= 0);
    assert_null(system_environment("LOGPORT_THERE_IS_NO_SUCH_VARIABLE"));
    assert_true(stream_columns(STREAM_OUTPUT) > 0);
    assert_true(system_wall_ns() > 1700000000000000000);
}

static void a_sleep_is_never_too_short(void **state) {
    (void)state;
    const int64_t before_ns = system_now_ns();
    system_sleep_ms(20);
    assert_true(system_now_ns() - before_ns >= 20000000);
}

static void random_bytes_fill_the_buffer_and_differ(void **state) {
    (void)state;
    uint8_t a[1000] = {0}, b[1000] = {0};
    system_random(a, sizeof a);
    system_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 900, (uint8_t[100]){0}, 100);
}

static void every_error_has_its_own_text(void **state) {
    (void)state;
    for (int error = ERR_NONE_ + 1; error < ERR_END_; error++) {
        assert_string_not_equal(error_text(error), error_text(ERR_NONE_));
        assert_string_not_equal(error_text(error), error_text(error - 1));
    }
    assert_string_equal(error_text(ERR_NO_SPACE), "no space left on device");
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        FILES_TEST(bytes_are_read_back_at_the_offset_of_their_write),
        FILES_TEST(open_follows_its_access_mode),
        FILES_TEST(truncating_cuts_and_extends_with_zeros),
        FILES_TEST(a_renamed_file_keeps_its_id_and_ids_differ_between_files),
        FILES_TEST(a_file_can_be_renamed_and_removed_while_it_is_read),
        FILES_TEST(a_file_can_be_read_while_it_is_written),
        FILES_TEST(paths_are_utf_8),
        FILES_TEST(replacing_leaves_the_new_text_and_nothing_else),
        FILES_TEST(a_directory_with_the_temporary_name_is_left_alone),
        FILES_TEST(reading_a_whole_file_above_the_limit_is_an_error),
        FILES_TEST(a_directory_is_made_with_its_parents),
        cmocka_unit_test(a_name_follows_the_last_separator),
        cmocka_unit_test(a_path_is_within_a_folder_and_in_itself),
        cmocka_unit_test(a_directory_that_cannot_be_examined_is_no_directory_that_exists),
        FILES_TEST(a_listing_has_each_name_once_and_ends_when_the_visitor_says_so),
        FILES_TEST(a_lock_has_one_holder_until_it_is_closed),
        FILES_TEST(free_space_needs_an_existing_folder),
        cmocka_unit_test(addresses_are_formatted_as_they_were_parsed),
        cmocka_unit_test(different_texts_of_one_address_are_equal),
        cmocka_unit_test(an_ipv4_address_shown_as_ipv6_becomes_one_again),
        cmocka_unit_test(only_the_address_of_all_takes_ipv4_too),
        cmocka_unit_test(an_invalid_address_is_refused),
        cmocka_unit_test(host_names_are_resolved),
        cmocka_unit_test(system_calls_return_plausible_values),
        cmocka_unit_test(a_sleep_is_never_too_short),
        cmocka_unit_test(random_bytes_fill_the_buffer_and_differ),
        cmocka_unit_test(every_error_has_its_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
