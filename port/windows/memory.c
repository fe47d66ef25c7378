/* memory.c - memory on small pages: large ones need a privilege on Windows.  See memory.h. */
#include "port/memory.h"

#include <malloc.h>

#define CACHE_LINE_BYTES 64

void *memory_take(size_t size) {
    return _aligned_malloc(size, CACHE_LINE_BYTES);
}

void memory_give_back(void *memory) {
    _aligned_free(memory);
}
