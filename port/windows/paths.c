/* paths.c - how Windows writes paths.  See files.h. */
#include <string.h>

#include "port/files.h"
#include "port/windows/text.h"

bool path_separates(char c) {
    return c == '/' || c == '\\';
}

const char *path_name(const char *path) {
    /* "C:name" is in the current directory of that drive. */
    const char *name = path[0] != '\0' && path[1] == ':' ? path + 2 : path;
    for (const char *p = name; *p != '\0'; p++)
        if (path_separates(*p)) name = p + 1;
    return name;
}

bool path_is_pattern(const char *path) {
    return strpbrk(strncmp(path, "\\\\?\\", 4) == 0 ? path + 4 : path, "*?") != NULL;
}

void path_to_native(char *path) {
    for (; *path != '\0'; path++)
        if (*path == '/') *path = '\\';
}

/* As the file systems compare names: by upper-case letters, whatever the language. */
bool path_is_within(const char *folder, const char *path) {
    struct wide_path outer, inner;
    if (path_to_wide(folder, &outer) != 0 || path_to_wide(path, &inner) != 0) return false;
    size_t size = wcslen(outer.text);
    while (size > 0 && outer.text[size - 1] == L'\\')
        size--; /* of a drive's root */
    if (wcslen(inner.text) < size ||
        CompareStringOrdinal(outer.text, (int)size, inner.text, (int)size, TRUE) != CSTR_EQUAL)
        return false;
    return inner.text[size] == L'\\' || inner.text[size] == L'\0';
}
