/* allocate.c - see allocate.h. */
#include "tools/query/allocate.h"

#include <stdlib.h>
#include <string.h>

#include "port/system.h"

void *allocate(size_t size) {
    return reallocate(NULL, size);
}

void *reallocate(void *memory, size_t size) {
    void *bigger = realloc(memory, size > 0 ? size : 1);
    if (bigger == NULL) {
        say("out of memory: cannot allocate %llu bytes", (unsigned long long)size);
        system_exit_now(2);
    }
    return bigger;
}

char *copy_text(const char *text, size_t size) {
    char *copy = allocate(size + 1);
    if (size > 0) memcpy(copy, text, size); /* text may be NULL otherwise */
    copy[size] = '\0';
    return copy;
}
