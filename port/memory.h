/* memory.h - memory that is reused all the time: batches, receive buffers, decompressed blocks.
 *
 * On Linux it is on large pages where the system allows them on request (transparent huge pages,
 * `madvise`).  Each small page costs a fault when it is first touched (0.5 us; 15 us and more in
 * some virtual machines) and later an entry of the processor's TLB: with large ones the daemon
 * spends a tenth less per line.  But a large page is resident as a whole once any byte of it was
 * touched, so rarely used memory belongs elsewhere.  Any thread. */
#ifndef PORT_MEMORY_H
#define PORT_MEMORY_H

#include <stddef.h>

/* Uninitialized; begins at a cache line.  NULL: out of memory. */
void *memory_take(size_t size);
void memory_give_back(void *memory); /* NULL: does nothing */

#endif
