/* text.c - converts between UTF-8 and UTF-16, and paths to Windows' form. */
#include "port/windows/text.h"

#include <stdlib.h>
#include <string.h>

/* CreateDirectoryW accepts 12 characters fewer than the 260 of other calls. */
#define SHORT_PATH_MAX (MAX_PATH - 12)

int path_to_wide(const char *path, struct wide_path *wide) {
    struct wide_path given;
    const int units =
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, given.text, PATH_WIDE_MAX);
    if (units == 0)
        return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ERR_NAME_TOO_LONG : ERR_INVALID;
    /* GetFullPathNameW takes "" for the current directory. */
    if (units == 1) return ERR_INVALID;

    /* Replaces '/' by '\\' and removes "." and "..", which the long form of a path does not
     * allow. */
    const DWORD length = GetFullPathNameW(given.text, PATH_WIDE_MAX, wide->text, NULL);
    if (length == 0) return ERR_INVALID;
    if (length >= PATH_WIDE_MAX) return ERR_NAME_TOO_LONG;
    if (length < SHORT_PATH_MAX || wcsncmp(wide->text, L"\\\\?\\", 4) == 0) return 0;

    const bool share = wide->text[0] == L'\\' && wide->text[1] == L'\\';
    const wchar_t *prefix = share ? L"\\\\?\\UNC" : L"\\\\?\\";
    const wchar_t *rest = share ? wide->text + 1 : wide->text;
    const size_t prefix_units = wcslen(prefix), rest_units = wcslen(rest) + 1;
    if (prefix_units + rest_units > PATH_WIDE_MAX) return ERR_NAME_TOO_LONG;
    memmove(wide->text + prefix_units, rest, rest_units * sizeof(wchar_t));
    memcpy(wide->text, prefix, prefix_units * sizeof(wchar_t));
    return 0;
}

wchar_t *text_to_wide(const char *text) {
    const int units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (units == 0) return NULL;
    wchar_t *wide = malloc((size_t)units * sizeof(wchar_t));
    if (wide != NULL) MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, units);
    return wide;
}

char *text_of_wide(const wchar_t *wide) {
    const int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = size > 0 ? malloc((size_t)size) : NULL;
    if (text != NULL) WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
    return text;
}
