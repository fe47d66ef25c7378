/* temporary.c - files that are deleted when they are closed.  See file_temporary in files.h. */
#include <stdint.h>
#include <wchar.h>
#include <windows.h>

#include "port/error.h"
#include "port/files.h"
#include "port/system.h"
#include "port/windows/iocp.h"
#include "port/windows/text.h"

#define TRIES_MAX 16 /* with another random name each */

int file_temporary(struct file *file, char where[PATH_BYTES_MAX]) {
    wchar_t folder[MAX_PATH + 1], path[MAX_PATH + 64];
    *file = (struct file){0};
    where[0] = '\0';
    const DWORD length = GetTempPathW(MAX_PATH + 1, folder);
    if (length == 0) return last_error();
    if (length > MAX_PATH) return ERR_NAME_TOO_LONG;
    WideCharToMultiByte(CP_UTF8, 0, folder, -1, where, PATH_BYTES_MAX, NULL, NULL);
    for (int i = 0; i < TRIES_MAX; i++) {
        uint64_t number;
        system_random(&number, sizeof number);
        swprintf(path, sizeof path / sizeof path[0], L"%lslogport-%016llx.tmp", folder,
                 (unsigned long long)number);
        /* The system closes the handle, and so deletes the file, however the process ends. */
        const HANDLE handle = CreateFileW(
            path, GENERIC_READ | GENERIC_WRITE | DELETE, 0, NULL, CREATE_NEW,
            FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OVERLAPPED, NULL);
        if (handle != INVALID_HANDLE_VALUE) {
            file->handle = (intptr_t)handle;
            file->files = files_of_system();
            return 0;
        }
        if (GetLastError() != ERROR_FILE_EXISTS) return last_error();
    }
    return ERR_EXISTS;
}
