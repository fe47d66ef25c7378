/* memory.h - memory that is filled over and over: batches, receive buffers, what a reader unpacks.
 *
 * On Linux it lies on large pages where the system gives them to who asks (transparent huge pages,
 * `madvise`).  Small ones cost a fault each when they are first touched (0.5 us; 15 us and more in
 * some virtual machines) and a place in the processor's table of addresses later: with large ones
 * the daemon spends a tenth less on a line.  But a large page is resident as a whole once
 * anything in it was touched: what is rarely used belongs elsewhere.  Any thread. */
#ifndef PORT_MEMORY_H
#define PORT_MEMORY_H

#include <stddef.h>

/* Of any content, and begins at a cache line.  NULL: there is none. */
void *memory_take(size_t size);
void memory_give_back(void *memory); /* NULL: nothing happens */

#endif
