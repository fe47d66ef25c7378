/* text.h - converts between UTF-8 and Windows' UTF-16. */
#ifndef PORT_WINDOWS_TEXT_H
#define PORT_WINDOWS_TEXT_H

#include <stdbool.h>
#include <windows.h>

#include "port/error.h"

/* The longest path in UTF-16 units, its terminating 0 included. */
#define PATH_WIDE_MAX 4096
struct wide_path {
    wchar_t text[PATH_WIDE_MAX];
};

/* Makes a path absolute, with '\\' for '/', and in the form without a length limit if it is
 * long.  0, ERR_NAME_TOO_LONG or ERR_INVALID (not UTF-8, or empty). */
int path_to_wide(const char *path, struct wide_path *wide);

/* Allocated; NULL: out of memory, or (to wide) not UTF-8.  An unpaired surrogate becomes U+FFFD. */
wchar_t *text_to_wide(const char *text);
char *text_of_wide(const wchar_t *wide);

#endif
