/* text.h - from our UTF-8 to Windows' UTF-16 and back. */
#ifndef PORT_WINDOWS_TEXT_H
#define PORT_WINDOWS_TEXT_H

#include <stdbool.h>
#include <windows.h>

#include "port/error.h"

/* The most UTF-16 units of a path of ours, NUL included. */
#define PATH_WIDE_MAX 4096
struct wide_path {
    wchar_t text[PATH_WIDE_MAX];
};

/* Absolute, '\\' for '/', and in the form without a length limit when it is
 * long.  0, ERR_NAME_TOO_LONG or ERR_INVALID (not UTF-8, or empty). */
int path_to_wide(const char *path, struct wide_path *wide);

/* malloc'd; NULL: out of memory, or (to wide) not UTF-8.  An unpaired
 * surrogate becomes U+FFFD. */
wchar_t *text_to_wide(const char *text);
char *text_of_wide(const wchar_t *wide);

#endif
