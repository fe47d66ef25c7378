/* files.c - the file system of Windows.  See files.h.
 *
 * Files opened for writing are overlapped, so that port_write can attach them to the completion
 * port; the calls here wait with an event of their own. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <winternl.h>

#include <sddl.h>

#include "port/error.h"
#include "port/files_internal.h"
#include "port/windows/iocp.h"
#include "port/windows/names.h"
#include "port/windows/service_parts.h"
#include "port/windows/text.h"

/* A call takes a size of 32 bits; a round number below that. */
#define PIECE_BYTES_MAX   (1u << 30)
/* 1601-01-01 to 1970-01-01 in FILETIME's 100 ns. */
#define EPOCH_TICKS       116444736000000000LL
/* The name of a volume: \\?\Volume{...}\ with a GUID of 36 characters. */
#define VOLUME_NAME_UNITS 49

static int secret_create(const wchar_t *path, HANDLE *handle);

/* On some file systems a deleted file keeps its name until the last handle is closed.  Opening
 * it then fails with "access denied"; only the kernel's own code tells this case from a real
 * denial.  `deleted` is the error to return for it. */
NTSTATUS NTAPI RtlGetLastNtStatus(void);
#define STATUS_OF_DELETE_PENDING ((NTSTATUS)0xC0000056)

static int error_of_name(int deleted) {
    if (GetLastError() == ERROR_ACCESS_DENIED && RtlGetLastNtStatus() == STATUS_OF_DELETE_PENDING)
        return deleted;
    return last_error();
}

/* ---- opening and closing ---- */

/* Other programs may read, rename and delete our files, not write them.  We do not request
 * DELETE access: a reader that uses the C run-time does not share that and would be refused. */
#define WRITE_ACCESS (GENERIC_READ | GENERIC_WRITE)
#define WRITE_SHARES (FILE_SHARE_READ | FILE_SHARE_DELETE)
#define READ_SHARES  (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static int system_open(struct files *files, const char *path, enum file_access access,
                       struct file *file) {
    (void)files;
    struct wide_path wide;
    int error = path_to_wide(path, &wide);
    if (error != 0) return error;
    HANDLE handle = INVALID_HANDLE_VALUE;
    switch (access) {
    case FILE_READ:
    case FILE_READ_ANY:
        handle = CreateFileW(wide.text, GENERIC_READ, READ_SHARES, NULL, OPEN_EXISTING,
                             FILE_ATTRIBUTE_NORMAL, NULL);
        break;
    case FILE_WRITE_NEW:
        handle = CreateFileW(wide.text, WRITE_ACCESS, WRITE_SHARES, NULL, CREATE_NEW,
                             FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OVERLAPPED, NULL);
        break;
    case FILE_WRITE:
        handle = CreateFileW(wide.text, WRITE_ACCESS, WRITE_SHARES, NULL, OPEN_EXISTING,
                             FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OVERLAPPED, NULL);
        break;
    case FILE_WRITE_SECRET:
        error = secret_create(wide.text, &handle);
        if (error != 0) return error;
        break;
    }
    if (handle == INVALID_HANDLE_VALUE) {
        error = error_of_name(access == FILE_WRITE_NEW ? ERR_EXISTS : ERR_NOT_FOUND);
        const DWORD attributes = error == ERR_DENIED ? GetFileAttributesW(wide.text) : 0;
        if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
            error = access == FILE_WRITE_NEW ? ERR_EXISTS : ERR_IS_DIRECTORY;
        return error;
    }
    /* Not on a disk: a pipe, or a device such as the console. */
    if (access != FILE_READ_ANY && GetFileType(handle) != FILE_TYPE_DISK) {
        CloseHandle(handle);
        return ERR_NOT_SEEKABLE;
    }
    file->handle = (intptr_t)handle;
    return 0;
}

/* "D:P(A;;FA;;;<the user>)": inherits nothing from the directory; full access for the user of this
 * process, none for others.  What a service writes, administrators and the system may read, too:
 * `logport status` of an administrator needs the token. */
static int secret_descriptor(PSECURITY_DESCRIPTOR *descriptor) {
    HANDLE token;
    union {
        TOKEN_USER user;
        uint8_t room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } found;
    DWORD size;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return last_error();
    const BOOL known = GetTokenInformation(token, TokenUser, &found, sizeof(found), &size);
    int error = known ? 0 : last_error();
    CloseHandle(token);
    if (error != 0) return error;

    wchar_t *sid, text[SECURITY_MAX_SID_SIZE * 4 + 64];
    if (!ConvertSidToStringSidW(found.user.User.Sid, &sid)) return last_error();
    swprintf(text, sizeof(text) / sizeof(text[0]), L"D:P(A;;FA;;;%ls)%ls", sid,
             service_runs() ? L"(A;;FA;;;BA)(A;;FA;;;SY)" : L"");
    LocalFree(sid);
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, descriptor,
                                                                NULL)
               ? 0
               : last_error();
}

static int secret_create(const wchar_t *path, HANDLE *handle) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes)};
    int error = secret_descriptor(&attributes.lpSecurityDescriptor);
    if (error != 0) return error;
    /* An existing file would keep its own descriptor, so it is deleted first. */
    error = name_remove(path);
    if (error == ERR_NOT_FOUND) error = 0;
    if (error == 0)
        *handle = CreateFileW(path, WRITE_ACCESS, WRITE_SHARES, &attributes, CREATE_NEW,
                              FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OVERLAPPED, NULL);
    if (error == 0 && *handle == INVALID_HANDLE_VALUE) error = last_error();
    LocalFree(attributes.lpSecurityDescriptor);
    return error;
}

static void system_close(struct file *file) {
    CloseHandle((HANDLE)file->handle);
}

/* ---- reading and writing ---- */

typedef BOOL WINAPI transfer(HANDLE, void *, DWORD, DWORD *, OVERLAPPED *);

/* Makes one ReadFile or WriteFile and waits for its end.  Returns a Windows code. */
static DWORD transfer_piece(struct file *file, transfer *call, void *bytes, size_t size,
                            uint64_t offset, DWORD *moved) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (event == NULL) return GetLastError();
    /* The low bit suppresses the packet, although the handle may be attached to a port. */
    OVERLAPPED overlapped = {
        .Offset = (DWORD)offset,
        .OffsetHigh = (DWORD)(offset >> 32),
        .hEvent = (HANDLE)((uintptr_t)event | 1),
    };
    const HANDLE handle = (HANDLE)file->handle;
    DWORD code = ERROR_SUCCESS;
    if (!call(handle, bytes, (DWORD)(size < PIECE_BYTES_MAX ? size : PIECE_BYTES_MAX), NULL,
              &overlapped))
        code = GetLastError();
    if (code == ERROR_IO_PENDING) WaitForSingleObject(event, INFINITE);
    if (code == ERROR_SUCCESS || code == ERROR_IO_PENDING)
        code =
            GetOverlappedResult(handle, &overlapped, moved, FALSE) ? ERROR_SUCCESS : GetLastError();
    CloseHandle(event);
    return code;
}

static BOOL WINAPI read_call(HANDLE handle, void *bytes, DWORD size, DWORD *moved,
                             OVERLAPPED *overlapped) {
    return ReadFile(handle, bytes, size, moved, overlapped);
}

static BOOL WINAPI write_call(HANDLE handle, void *bytes, DWORD size, DWORD *moved,
                              OVERLAPPED *overlapped) {
    return WriteFile(handle, bytes, size, moved, overlapped);
}

/* Of a file, or of a pipe whose writer has closed or disconnected it. */
static bool is_end(DWORD code) {
    return code == ERROR_HANDLE_EOF || code == ERROR_BROKEN_PIPE ||
           code == ERROR_PIPE_NOT_CONNECTED;
}

static int64_t system_read_at(struct file *file, void *bytes, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) { /* each turn moves at least one byte or ends it */
        DWORD moved = 0;
        const DWORD code = transfer_piece(file, read_call, (uint8_t *)bytes + done, size - done,
                                          offset + done, &moved);
        if (is_end(code)) break;
        if (code != ERROR_SUCCESS) return error_of_windows(code);
        if (moved == 0) break;
        done += moved;
    }
    return (int64_t)done;
}

static int64_t system_read_next(struct file *file, void *bytes, size_t size) {
    DWORD moved = 0;
    const DWORD code = transfer_piece(file, read_call, bytes, size, 0, &moved);
    if (is_end(code)) return 0;
    /* ERROR_MORE_DATA: the rest of a long message follows. */
    if (code != ERROR_SUCCESS && code != ERROR_MORE_DATA) return error_of_windows(code);
    return moved;
}

static int64_t write_some(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    DWORD moved = 0;
    const DWORD code =
        transfer_piece(file, write_call, (void *)(uintptr_t)bytes, size, offset, &moved);
    if (code != ERROR_SUCCESS) return error_of_windows(code);
    return moved > 0 ? (int64_t)moved : ERR_IO;
}

static int system_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    return file_write_all(write_some, file, bytes, size, offset);
}

static int system_truncate(struct file *file, uint64_t size) {
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (LONGLONG)size};
    return SetFileInformationByHandle((HANDLE)file->handle, FileEndOfFileInfo, &end, sizeof(end))
               ? 0
               : last_error();
}

static int system_sync(struct file *file) {
    return FlushFileBuffers((HANDLE)file->handle) ? 0 : last_error();
}

/* ---- status and listing ---- */

static int status_of_handle(HANDLE handle, struct file_status *status) {
    BY_HANDLE_FILE_INFORMATION found;
    if (!GetFileInformationByHandle(handle, &found)) return last_error();
    const uint64_t ticks =
        (uint64_t)found.ftLastWriteTime.dwHighDateTime << 32 | found.ftLastWriteTime.dwLowDateTime;
    *status = (struct file_status){
        .size = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow,
        .modified_ns = ((int64_t)ticks - EPOCH_TICKS) * 100,
        /* The root directories of two volumes have the same index. */
        .id = ((uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow) ^
              found.dwVolumeSerialNumber * UINT64_C(0x9E3779B97F4A7C15),
        .directory = (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0,
    };
    return 0;
}

static int system_status(struct file *file, struct file_status *status) {
    const HANDLE handle = (HANDLE)file->handle;
    if (GetFileType(handle) == FILE_TYPE_DISK) return status_of_handle(handle, status);
    *status = (struct file_status){.special = true, .pipe = GetFileType(handle) == FILE_TYPE_PIPE};
    return 0;
}

/* \\.\pipe\NAME.  The id keeps two pipes different. */
static bool is_path_of_pipe(const struct wide_path *wide, struct file_status *status) {
    static const wchar_t root[] = L"\\\\.\\pipe\\";
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    if (_wcsnicmp(wide->text, root, wcslen(root)) != 0) return false;
    for (const wchar_t *p = wide->text; *p != L'\0'; p++)
        hash = (hash ^ (uint64_t)towlower(*p)) * UINT64_C(1099511628211);
    *status = (struct file_status){.special = true, .pipe = true, .id = hash};
    return true;
}

static int system_status_of(struct files *files, const char *path, struct file_status *status) {
    (void)files;
    struct wide_path wide;
    int error = path_to_wide(path, &wide);
    if (error != 0) return error;
    /* Opening a pipe would connect to its server and use its only connection up. */
    if (is_path_of_pipe(&wide, status)) return 0;
    /* BACKUP_SEMANTICS: directories can be opened too. */
    const HANDLE handle = CreateFileW(wide.text, FILE_READ_ATTRIBUTES, READ_SHARES, NULL,
                                      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        error = error_of_name(ERR_NOT_FOUND);
        /* The attributes are those of the link itself. */
        const DWORD attributes =
            error == ERR_NOT_FOUND ? GetFileAttributesW(wide.text) : INVALID_FILE_ATTRIBUTES;
        status->dangling = attributes != INVALID_FILE_ATTRIBUTES &&
                           (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
        return error;
    }
    if (GetFileType(handle) == FILE_TYPE_DISK)
        error = status_of_handle(handle, status);
    else
        *status = (struct file_status){.special = true};
    CloseHandle(handle);
    return error;
}

static int system_list(struct files *files, const char *path, file_visit *visit, void *context) {
    (void)files;
    struct wide_path wide;
    const int error = path_to_wide(path, &wide);
    if (error != 0) return error;
    const DWORD attributes = GetFileAttributesW(wide.text);
    if (attributes == INVALID_FILE_ATTRIBUTES) return last_error();
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) return ERR_NOT_DIRECTORY;
    const size_t length = wcslen(wide.text);
    if (length + 3 > PATH_WIDE_MAX) return ERR_NAME_TOO_LONG;
    memcpy(wide.text + length, L"\\*", 3 * sizeof(wchar_t));

    WIN32_FIND_DATAW found;
    const HANDLE search =
        FindFirstFileExW(wide.text, FindExInfoBasic, &found, FindExSearchNameMatch, NULL, 0);
    if (search == INVALID_HANDLE_VALUE)
        return GetLastError() == ERROR_FILE_NOT_FOUND ? 0 : last_error();
    bool more = true;
    do {
        if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0) continue;
        char name[MAX_PATH * 3 + 1]; /* a unit takes three bytes of UTF-8 at most */
        WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof(name), NULL, NULL);
        more = visit(context, name, (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0);
    } while (more && FindNextFileW(search, &found));
    const DWORD code = more ? GetLastError() : ERROR_NO_MORE_FILES;
    FindClose(search);
    return code == ERROR_NO_MORE_FILES ? 0 : error_of_windows(code);
}

/* By its GUID: volumes copied from one image have the same serial number.  A network volume has no
 * GUID here. */
static int volume_of_handle(HANDLE handle, uint64_t *volume) {
    BY_HANDLE_FILE_INFORMATION found;
    wchar_t name[PATH_WIDE_MAX];
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    const DWORD length = GetFinalPathNameByHandleW(handle, name, PATH_WIDE_MAX, VOLUME_NAME_GUID);
    if (length >= VOLUME_NAME_UNITS && length < PATH_WIDE_MAX) {
        for (size_t i = 0; i < VOLUME_NAME_UNITS; i++)
            hash = (hash ^ name[i]) * UINT64_C(1099511628211);
        *volume = hash != 0 ? hash : 1;
        return 0;
    }
    if (!GetFileInformationByHandle(handle, &found)) return last_error();
    *volume = (uint64_t)found.dwVolumeSerialNumber + 1;
    return 0;
}

static int system_free_space(struct files *files, const char *path, struct volume_space *space) {
    (void)files;
    struct wide_path wide;
    int error = path_to_wide(path, &wide);
    if (error != 0) return error;
    ULARGE_INTEGER available; /* to this user, with quotas */
    if (!GetDiskFreeSpaceExW(wide.text, &available, NULL, NULL)) return last_error();
    /* Opening it follows junctions and mount points, as writing to it does. */
    const HANDLE handle = CreateFileW(wide.text, FILE_READ_ATTRIBUTES, READ_SHARES, NULL,
                                      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE) return last_error();
    *space = (struct volume_space){.free = available.QuadPart};
    error = volume_of_handle(handle, &space->volume);
    CloseHandle(handle);
    return error;
}

/* ---- names ---- */

static int system_rename(struct files *files, const char *from, const char *to) {
    (void)files;
    struct wide_path wide_from, wide_to;
    int error = path_to_wide(from, &wide_from);
    if (error == 0) error = path_to_wide(to, &wide_to);
    return error != 0 ? error : name_change(wide_from.text, wide_to.text);
}

static int system_remove(struct files *files, const char *path) {
    (void)files;
    struct wide_path wide;
    const int error = path_to_wide(path, &wide);
    return error != 0 ? error : name_remove(wide.text);
}

static int system_make_directory(struct files *files, const char *path) {
    (void)files;
    struct wide_path wide;
    const int error = path_to_wide(path, &wide);
    if (error != 0) return error;
    return CreateDirectoryW(wide.text, NULL) ? 0 : last_error();
}

static int system_sync_directory(struct files *files, const char *path) {
    (void)files;
    struct wide_path wide;
    const int error = path_to_wide(path, &wide);
    return error != 0 ? error : names_sync(wide.text);
}

/* ---- locks ---- */

/* A lock on Windows prevents reading of the range that it covers: it covers one byte far after
 * the end of the file. */
#define LOCKED_BYTE_HIGH 0x40000000u

/* How long a program that looks into every file, such as a virus scanner, may delay a lock. */
#define LOCK_PATIENCE_MS 1000
#define LOCK_PAUSE_MS    20

static HANDLE open_for_lock(const wchar_t *path) {
    HANDLE handle;
    for (int waited_ms = 0;; waited_ms += LOCK_PAUSE_MS) {
        handle = CreateFileW(path, WRITE_ACCESS, READ_SHARES, NULL, OPEN_ALWAYS,
                             FILE_ATTRIBUTE_NORMAL, NULL);
        const bool busy =
            handle == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION;
        if (!busy || waited_ms >= LOCK_PATIENCE_MS) return handle;
        Sleep(LOCK_PAUSE_MS);
    }
}

static int system_lock(struct files *files, const char *path, struct file *file) {
    (void)files;
    struct wide_path wide;
    int error = path_to_wide(path, &wide);
    if (error != 0) return error;
    const HANDLE handle = open_for_lock(wide.text);
    if (handle == INVALID_HANDLE_VALUE) {
        error = error_of_name(ERR_BUSY);
        const DWORD attributes =
            error == ERR_DENIED ? GetFileAttributesW(wide.text) : INVALID_FILE_ATTRIBUTES;
        const bool directory =
            attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
        return directory ? ERR_IS_DIRECTORY : error;
    }
    OVERLAPPED where = {.OffsetHigh = LOCKED_BYTE_HIGH};
    if (!LockFileEx(handle, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &where)) {
        const DWORD code = GetLastError();
        CloseHandle(handle);
        return code == ERROR_IO_PENDING || code == ERROR_LOCK_VIOLATION ? ERR_LOCKED
                                                                        : error_of_windows(code);
    }
    file->handle = (intptr_t)handle;
    return 0;
}

struct files *files_of_system(void) {
    static struct files calls = {
        .open = system_open,
        .close = system_close,
        .read_at = system_read_at,
        .read_next = system_read_next,
        .write_at = system_write_at,
        .truncate = system_truncate,
        .sync = system_sync,
        .status = system_status,
        .status_of = system_status_of,
        .rename = system_rename,
        .remove = system_remove,
        .make_directory = system_make_directory,
        .sync_directory = system_sync_directory,
        .list = system_list,
        .lock = system_lock,
        .free_space = system_free_space,
    };
    return &calls;
}
