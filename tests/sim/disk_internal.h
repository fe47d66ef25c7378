/* disk_internal.h - shared by disk.c (operations and faults) and disk_memory.c (durability). */
#ifndef TESTS_SIM_DISK_INTERNAL_H
#define TESTS_SIM_DISK_INTERNAL_H

#include "tests/sim/disk.h"

struct disk_file {
    uint64_t id;
    bool directory, locked;
    char *path;         /* its name now, or its last one */
    uint32_t links;     /* names it has now: 0 or 1 */
    uint32_t handles;   /* open ones */
    int64_t changed_ns; /* wall */
    uint8_t *bytes;     /* the present content */
    size_t size, room;
    uint8_t *durable; /* the content that certainly survives; room as above */
    size_t durable_size;
    uint8_t *dirty; /* one byte per page; 1: written and not synced */
    uint32_t sick_kinds;
    uint64_t sick_after; /* that many operations of these kinds */
};

static inline size_t disk_pages(size_t bytes) {
    return (bytes + DISK_PAGE_BYTES - 1) / DISK_PAGE_BYTES;
}

struct disk_file *disk_file_new(struct disk *disk, bool directory);
void disk_file_write(struct disk_file *file, const void *bytes, size_t size, size_t offset);
void disk_file_resize(struct disk_file *file, size_t size);
void disk_file_sync(struct disk_file *file);
/* After a failed sync: its pages count as clean although they are not durable. */
void disk_file_lose(struct disk_file *file);

struct disk_file *disk_find(const struct disk_names *names, const char *path);
/* Changes a name: visible at once, durable after a sync.  The paths are copied. */
void disk_change_names(struct disk *disk, const char *from, const char *to, struct disk_file *file);
void disk_sync_names(struct disk *disk, const char *directory);
void disk_lose_power(struct disk *disk, enum disk_memory memory);
void disk_forget_all(struct disk *disk);

/* True if `path` is an entry of this directory.  One without '/' is an entry of ".". */
bool disk_is_in(const char *path, const char *directory);
void *disk_grow(void *array, uint32_t *room, uint32_t count, size_t each);
char *disk_copy(const char *text);

#endif
