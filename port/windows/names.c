/* names.c - see names.h.
 *
 * On Linux the directory decides whether a name may be changed or removed, whatever the file's mode is
 * and whoever has it open.  The calls here do the same: by POSIX semantics where the file system has
 * them (NTFS since Windows 10 1809), else step by step. */
#include "port/windows/names.h"

#include <stdbool.h>
#include <string.h>

#include "port/windows/iocp.h"
#include "port/windows/text.h"

/* For SetFileInformationByHandle; not in every header set. */
#define DISPOSITION_EX              ((FILE_INFO_BY_HANDLE_CLASS)21)
#define DISPOSITION_DELETE          0x01u
#define DISPOSITION_POSIX           0x02u
#define DISPOSITION_IGNORE_READONLY 0x10u
#define RENAME_EX                   ((FILE_INFO_BY_HANDLE_CLASS)22)
#define RENAME_REPLACE              0x01u
#define RENAME_POSIX                0x02u
#define RENAME_IGNORE_READONLY      0x40u
struct disposition {
    DWORD flags;
};
struct rename {
    DWORD flags;
    HANDLE root;
    DWORD name_bytes;
    wchar_t name[PATH_WIDE_MAX];
};

#define SHARES (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* A directory too, and a link itself. */
static HANDLE open_name(const wchar_t *path, DWORD access) {
    return CreateFileW(path, access, SHARES, NULL, OPEN_EXISTING,
                       FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

static bool has(DWORD attributes, DWORD one) {
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & one) != 0;
}

/* ---- removing ---- */

static bool remove_by_name(const wchar_t *path, DWORD attributes) {
    return has(attributes, FILE_ATTRIBUTE_DIRECTORY) ? RemoveDirectoryW(path) : DeleteFileW(path);
}

static bool remove_whatever_its_mode(const wchar_t *path) {
    const struct disposition how = {DISPOSITION_DELETE | DISPOSITION_POSIX |
                                    DISPOSITION_IGNORE_READONLY};
    const HANDLE handle = open_name(path, DELETE);
    if (handle == INVALID_HANDLE_VALUE) return false;
    const BOOL removed =
        SetFileInformationByHandle(handle, DISPOSITION_EX, (void *)(uintptr_t)&how, sizeof how);
    CloseHandle(handle);
    return removed;
}

int name_remove(const wchar_t *path) {
    const DWORD attributes = GetFileAttributesW(path);
    if (remove_by_name(path, attributes)) return 0;
    const int error = last_error();
    if (error != ERR_DENIED || !has(attributes, FILE_ATTRIBUTE_READONLY)) return error;
    if (remove_whatever_its_mode(path)) return 0;
    if (!SetFileAttributesW(path, attributes & ~(DWORD)FILE_ATTRIBUTE_READONLY)) return error;
    if (remove_by_name(path, attributes)) return 0;
    const int reason = last_error();
    SetFileAttributesW(path, attributes);
    return reason;
}

/* ---- renaming ---- */

static bool move(const wchar_t *from, const wchar_t *to) {
    return MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
}

/* As on Linux: programs that have the old file open with FILE_SHARE_DELETE, as our own readers do,
 * continue to read it.  False: nothing was changed. */
static bool replace_whatever_its_mode(const wchar_t *from, const wchar_t *to) {
    const HANDLE handle = open_name(from, DELETE | SYNCHRONIZE);
    if (handle == INVALID_HANDLE_VALUE) return false;
    struct rename how = {.flags = RENAME_REPLACE | RENAME_POSIX | RENAME_IGNORE_READONLY};
    wcscpy(how.name, to);
    how.name_bytes = (DWORD)(wcslen(to) * sizeof(wchar_t));
    BOOL replaced = SetFileInformationByHandle(handle, RENAME_EX, &how, sizeof how);
    if (!replaced) { /* before 1809 there are no read-only files for it */
        how.flags &= ~RENAME_IGNORE_READONLY;
        replaced = SetFileInformationByHandle(handle, RENAME_EX, &how, sizeof how);
    }
    CloseHandle(handle);
    return replaced;
}

int name_change(const wchar_t *from, const wchar_t *to) {
    if (move(from, to)) return 0;
    const int error = last_error(); /* ERROR_SHARING_VIOLATION: `from` is open without sharing */
    if (error != ERR_DENIED) return error;
    const DWORD attributes = GetFileAttributesW(to);
    if (attributes == INVALID_FILE_ATTRIBUTES || has(attributes, FILE_ATTRIBUTE_DIRECTORY))
        return error;
    if (replace_whatever_its_mode(from, to)) return 0;
    if (!has(attributes, FILE_ATTRIBUTE_READONLY))
        return ERR_BUSY; /* `to` is open: MoveFileEx does not replace open files */
    if (!SetFileAttributesW(to, attributes & ~(DWORD)FILE_ATTRIBUTE_READONLY)) return error;
    if (move(from, to)) return 0;
    const int reason = last_error();
    SetFileAttributesW(to, attributes);
    return reason;
}

/* ---- durable names ---- */

int names_sync(const wchar_t *directory) {
    /* What FlushFileBuffers asks for: on a directory it writes its index and the volume's log. */
    const HANDLE handle = open_name(directory, FILE_ADD_FILE | SYNCHRONIZE);
    int error = handle != INVALID_HANDLE_VALUE && FlushFileBuffers(handle) ? 0 : last_error();
    if (handle != INVALID_HANDLE_VALUE) CloseHandle(handle);
    /* A file system or a server that has no such call, or not for us: names are as durable as it makes
     * them by itself. */
    return error == ERR_UNSUPPORTED || error == ERR_INVALID || error == ERR_DENIED ? 0 : error;
}
