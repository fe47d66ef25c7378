/* process_memory.h - the memory of a simulated process: it can be counted, and it ends with the
 * process, wherever that stops.
 *
 * The simulation links copies of the daemon's libraries in which malloc and its relatives have the
 * names below (tests/CMakeLists.txt); the simulator itself uses the C library's.  One thread at a
 * time. */
#ifndef TESTS_SIM_PROCESS_MEMORY_H
#define TESTS_SIM_PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/chance.h"

void *process_malloc(size_t size);
void *process_calloc(size_t count, size_t size);
void *process_realloc(void *memory, size_t size);
void process_free(void *memory); /* also what a library has allocated */
char *process_strdup(const char *text);
int process_posix_memalign(void **memory, size_t alignment, size_t size);
int process_madvise(void *memory, size_t size, int advice); /* nothing: large pages cost time */
/* Windows: */
void *process_aligned_malloc(size_t size, size_t alignment);
void process_aligned_free(void *memory);

/* One in this many allocations fails, by chance; 0: none. */
void process_memory_fails(struct chance *chance, uint64_t one_in);
uint64_t process_memory_failures(void);
size_t process_memory_used(void);   /* bytes, now */
size_t process_memory_blocks(void); /* allocations that were not freed */
/* A process begins: what is allocated now (on Windows, the words of the command line) is not its. */
void process_memory_begin(void);
/* Calls visit for each allocation, in no order. */
void process_memory_visit(void (*visit)(size_t size));
/* Frees everything: the process has ended. */
void process_memory_end(void);

#endif
