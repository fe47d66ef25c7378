/* windows_names_test.c - removing and replacing files whose attribute is "read-only", which on Linux their
 * directory alone decides; and making names durable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <windows.h>

#include "port/error.h"
#include "port/files.h"
#include "port/system.h"

#define ROOT "windows_names_test.scratch"

/* The calls of names.c come here, so that a test sees what was asked of the system, or refuses it as a
 * file system without POSIX semantics does. */
static int class_refused_from; /* FileDispositionInfoEx is 21, FileRenameInfoEx 22 */

static BOOL WINAPI set_or_refuse(HANDLE handle, FILE_INFO_BY_HANDLE_CLASS class, void *information,
                                 DWORD size) {
    static __typeof__(&SetFileInformationByHandle) original;
    if (original == NULL)
        original = (__typeof__(original))(void *)GetProcAddress(GetModuleHandleW(L"kernel32"),
                                                                "SetFileInformationByHandle");
    if (class_refused_from != 0 && (int)class >= class_refused_from) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    return original(handle, class, information, size);
}
__typeof__(&SetFileInformationByHandle) __imp_SetFileInformationByHandle = set_or_refuse;

static DWORD flushed; /* handles of directories */
static DWORD flush_refusal;

static BOOL WINAPI count_flush(HANDLE handle) {
    BY_HANDLE_FILE_INFORMATION found;
    if (GetFileInformationByHandle(handle, &found) &&
        (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
        flushed++;
    SetLastError(flush_refusal);
    return flush_refusal == 0;
}
__typeof__(&FlushFileBuffers) __imp_FlushFileBuffers = count_flush;

static void make(struct files *files, const char *path, const char *text) {
    struct file file;
    assert_int_equal(file_open(files, path, FILE_WRITE_NEW, &file), 0);
    assert_int_equal(file_write_at(&file, text, strlen(text), 0), 0);
    file_close(&file);
}

static bool exists(const char *path) {
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

static void make_read_only(const char *path) {
    assert_true(SetFileAttributesA(path, FILE_ATTRIBUTE_READONLY));
}

static void read_only_names_are_removed_and_replaced(struct files *files) {
    make(files, ROOT "/a", "a");
    make_read_only(ROOT "/a");
    assert_int_equal(file_remove(files, ROOT "/a"), 0);
    assert_false(exists(ROOT "/a"));

    assert_int_equal(directory_make(files, ROOT "/d"), 0);
    make_read_only(ROOT "/d");
    assert_int_equal(file_remove(files, ROOT "/d"), 0);
    assert_false(exists(ROOT "/d"));

    make(files, ROOT "/old", "old");
    make(files, ROOT "/new", "newer");
    make_read_only(ROOT "/old");
    assert_int_equal(file_rename(files, ROOT "/new", ROOT "/old"), 0);
    assert_false(exists(ROOT "/new"));
    char *text;
    size_t size;
    assert_int_equal(file_read_all(files, ROOT "/old", 100, &text, &size), 0);
    assert_string_equal(text, "newer");
    free(text);
    assert_int_equal(file_remove(files, ROOT "/old"), 0);
}

static void a_read_only_file_is_removed_and_replaced(void **state) {
    read_only_names_are_removed_and_replaced(*state);
}

static void a_read_only_file_is_removed_and_replaced_without_posix_semantics(void **state) {
    class_refused_from = 21;
    read_only_names_are_removed_and_replaced(*state);
    class_refused_from = 0;
}

/* Nothing is changed by a removal that fails: here the file is open without FILE_SHARE_DELETE. */
static void a_read_only_file_that_cannot_be_removed_stays_read_only(void **state) {
    struct files *files = *state;
    make(files, ROOT "/kept", "kept");
    make_read_only(ROOT "/kept");
    const HANDLE held = CreateFileA(ROOT "/kept", GENERIC_READ, FILE_SHARE_READ, NULL,
                                    OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    assert_ptr_not_equal(held, INVALID_HANDLE_VALUE);
    assert_true(file_remove(files, ROOT "/kept") < 0);
    assert_int_not_equal(GetFileAttributesA(ROOT "/kept") & FILE_ATTRIBUTE_READONLY, 0);
    CloseHandle(held);
    assert_int_equal(file_remove(files, ROOT "/kept"), 0);
}

static void the_names_of_a_directory_are_synced_by_its_handle(void **state) {
    struct files *files = *state;
    flushed = 0;
    assert_int_equal(directory_sync(files, ROOT), 0);
    assert_int_equal(flushed, 1);
    assert_int_equal(directory_sync(files, ROOT "/none"), ERR_NOT_FOUND);
}

static void a_failed_sync_of_a_directory_is_an_error_but_a_missing_call_is_none(void **state) {
    struct files *files = *state;
    flush_refusal = ERROR_IO_DEVICE;
    assert_int_equal(directory_sync(files, ROOT), ERR_IO);
    flush_refusal = ERROR_INVALID_FUNCTION;
    assert_int_equal(directory_sync(files, ROOT), 0);
    flush_refusal = 0;
}

static int prepare(void **state) {
    *state = files_of_system();
    return directory_make(*state, ROOT);
}

static int clear(void **state) {
    return file_remove(*state, ROOT);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_only_file_is_removed_and_replaced),
        cmocka_unit_test(a_read_only_file_is_removed_and_replaced_without_posix_semantics),
        cmocka_unit_test(a_read_only_file_that_cannot_be_removed_stays_read_only),
        cmocka_unit_test(the_names_of_a_directory_are_synced_by_its_handle),
        cmocka_unit_test(a_failed_sync_of_a_directory_is_an_error_but_a_missing_call_is_none),
    };
    return cmocka_run_group_tests(tests, prepare, clear);
}
