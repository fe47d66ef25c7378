/* allocate.h - memory for programs that end when there is none: these calls never return NULL.
 * On failure they print a message and end the program with exit code 2.  Any thread. */
#ifndef TOOLS_QUERY_ALLOCATE_H
#define TOOLS_QUERY_ALLOCATE_H

#include <stddef.h>

/* malloc and realloc; free() the result.  A size of 0 is allowed. */
void *allocate(size_t size);
void *reallocate(void *memory, size_t size);
/* The first `size` bytes of the text with a NUL after them; free() it. */
char *copy_text(const char *text, size_t size);

#endif
