/* memory.c - memory on transparent huge pages.  See memory.h. */
#include "port/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Of x86-64.  Where they are larger the kernel finds none in the block: it stays on small pages. */
#define LARGE_PAGE_BYTES ((size_t)2 << 20)

void *memory_take(size_t size) {
    void *memory;
    if (posix_memalign(&memory, LARGE_PAGE_BYTES, size) != 0) return NULL;
    /* The rest after the last whole one stays on small pages; all of it does if this is refused. */
    (void)madvise(memory, size / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES, MADV_HUGEPAGE);
    return memory;
}

void memory_give_back(void *memory) {
    free(memory);
}
