/* names.h - renames and removes files.  Each returns 0 or an ERR_; paths as path_to_wide makes them.
 * Blocking; any thread. */
#ifndef PORT_WINDOWS_NAMES_H
#define PORT_WINDOWS_NAMES_H

#include <wchar.h>

/* Replaces `to`, also if it is read-only or another program has it open with FILE_SHARE_DELETE, as far
 * as the file system can.  ERR_BUSY: a program has one of the two open. */
int name_change(const wchar_t *from, const wchar_t *to);

/* Of a file, or of an empty directory; also if it is read-only. */
int name_remove(const wchar_t *path);

/* Makes the names in a directory durable, where the file system can do that on request. */
int names_sync(const wchar_t *directory);

#endif
