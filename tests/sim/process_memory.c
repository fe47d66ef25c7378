/* process_memory.c - see process_memory.h.  A hash table holds each allocation and its size. */
#include "tests/sim/process_memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct block {
    void *memory; /* NULL: free */
    size_t size;
};

/* Of the one simulated process. */
static struct {
    struct block *blocks;
    size_t room, count; /* room: a power of two */
    size_t used;
    struct chance *chance;
    uint64_t fails_one_in, failures;
} process;

static size_t place_of(const void *memory) {
    uint64_t hash = (uint64_t)(uintptr_t)memory >> 4;
    hash *= 0x9E3779B97F4A7C15u;
    return (size_t)(hash >> 20) & (process.room - 1);
}

/* Its place, or the free one where it belongs. */
static size_t find(const void *memory) {
    size_t place = place_of(memory);
    while (process.blocks[place].memory != NULL && process.blocks[place].memory != memory)
        place = (place + 1) & (process.room - 1); /* ends: a quarter is free */
    return place;
}

static void grow(void) {
    struct block *old = process.blocks;
    const size_t room = process.room;
    if (4 * (process.count + 1) <= 3 * room) return;
    process.room = room > 0 ? 2 * room : 1024;
    process.blocks = calloc(process.room, sizeof *process.blocks);
    assert(process.blocks != NULL);
    for (size_t i = 0; i < room; i++)
        if (old[i].memory != NULL) process.blocks[find(old[i].memory)] = old[i];
    free(old);
}

static void *keep(void *memory, size_t size) {
    assert(memory != NULL);
    grow();
    process.blocks[find(memory)] = (struct block){memory, size};
    process.count++;
    process.used += size;
    return memory;
}

/* False: not one of ours. */
static bool forget(void *memory) {
    if (process.room == 0) return false;
    size_t hole = find(memory);
    if (process.blocks[hole].memory == NULL) return false;
    process.used -= process.blocks[hole].size;
    process.count--;
    /* Moves those up that would not be found any more. */
    for (size_t i = (hole + 1) & (process.room - 1); process.blocks[i].memory != NULL;
         i = (i + 1) & (process.room - 1)) {
        const size_t home = place_of(process.blocks[i].memory);
        const size_t from_home = (i - home) & (process.room - 1);
        if (from_home < ((i - hole) & (process.room - 1))) continue;
        process.blocks[hole] = process.blocks[i];
        hole = i;
    }
    process.blocks[hole].memory = NULL;
    return true;
}

static bool fails(void) {
    if (process.fails_one_in == 0 || !chance_one_in(process.chance, process.fails_one_in))
        return false;
    process.failures++;
    return true;
}

void *process_malloc(size_t size) {
    return fails() ? NULL : keep(malloc(size > 0 ? size : 1), size);
}

void *process_calloc(size_t count, size_t size) {
    return fails() ? NULL : keep(calloc(count > 0 ? count : 1, size > 0 ? size : 1), count * size);
}

void *process_realloc(void *memory, size_t size) {
    if (memory == NULL) return process_malloc(size);
    if (fails()) return NULL;
    const bool ours = forget(memory);
    assert(ours);
    return keep(realloc(memory, size > 0 ? size : 1), size);
}

void process_free(void *memory) {
    if (memory == NULL) return;
    (void)forget(memory);
    free(memory);
}

char *process_strdup(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = process_malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* No caller depends on more than what malloc aligns to: that is for speed. */
int process_posix_memalign(void **memory, size_t alignment, size_t size) {
    (void)alignment;
    *memory = process_malloc(size);
    return *memory != NULL ? 0 : 12; /* ENOMEM */
}

int process_madvise(void *memory, size_t size, int advice) {
    (void)memory, (void)size, (void)advice;
    return 0;
}

void *process_aligned_malloc(size_t size, size_t alignment) {
    (void)alignment;
    return process_malloc(size);
}

void process_aligned_free(void *memory) {
    process_free(memory);
}

void process_memory_fails(struct chance *chance, uint64_t one_in) {
    process.chance = chance;
    process.fails_one_in = one_in;
}

uint64_t process_memory_failures(void) {
    return process.failures;
}

size_t process_memory_used(void) {
    return process.used;
}

size_t process_memory_blocks(void) {
    return process.count;
}

void process_memory_begin(void) {
    free(process.blocks);
    memset(&process, 0, sizeof process);
}

void process_memory_visit(void (*visit)(size_t size)) {
    for (size_t i = 0; i < process.room; i++)
        if (process.blocks[i].memory != NULL) visit(process.blocks[i].size);
}

void process_memory_end(void) {
    for (size_t i = 0; i < process.room; i++)
        free(process.blocks[i].memory);
    free(process.blocks);
    memset(&process, 0, sizeof process);
}
