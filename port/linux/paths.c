/* paths.c - how Linux writes paths.  See files.h. */
#include <string.h>

#include "port/files.h"

bool path_separates(char c) {
    return c == '/';
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool path_is_pattern(const char *path) {
    (void)path;
    return false;
}

void path_to_native(char *path) {
    (void)path;
}

bool path_is_within(const char *folder, const char *path) {
    const size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}
