/* files_internal.h - what port/ and its tests share below files.h. */
#ifndef PORT_FILES_INTERNAL_H
#define PORT_FILES_INTERNAL_H

#include "port/files.h"

/* One system call that writes at an offset.  Returns the bytes written, at least 1 and perhaps
 * fewer than asked for, or an ERR_. */
typedef int64_t file_write_some(struct file *file, const void *bytes, size_t size, uint64_t offset);
/* Calls `some` until everything is written or a call fails.  Returns 0 or that call's ERR_. */
int file_write_all(file_write_some *some, struct file *file, const void *bytes, size_t size,
                   uint64_t offset);

#endif
