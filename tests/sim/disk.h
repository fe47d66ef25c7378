/* disk.h - files in memory that keep what a real disk promises, and no more.
 *
 * What is written is seen by everybody at once.  What is synced survives a power failure; of
 * what is not, the seed decides page by page what the disk has kept.  A name (a new file, a
 * rename, a removal, a folder) survives once the folder it stands in is synced.  A sync that
 * failed has lost what it should have kept, and the next one does not bring it back.
 *
 * Every operation is counted, by kind and path, so that a test can let each of them fail, or
 * end the process before, after or in the middle of it: from then on nothing has an effect and
 * everything fails, until disk_restart.  One thread. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "tests/sim/chance.h"

#define DISK_PAGE_BYTES 4096
#define DISK_TEXT_MAX   512

enum disk_operation {
    DISK_OPEN,
    DISK_READ,
    DISK_WRITE,
    DISK_TRUNCATE,
    DISK_SYNC,
    DISK_STATUS, /* of an open file, or of a path */
    DISK_RENAME,
    DISK_REMOVE,
    DISK_MAKE_DIRECTORY,
    DISK_SYNC_DIRECTORY,
    DISK_LIST,
    DISK_LOCK,
    DISK_FREE_SPACE,
    DISK_OPERATIONS
};
#define DISK_BIT(operation) (1u << (operation))
#define DISK_ALL            (DISK_BIT(DISK_OPERATIONS) - 1)
/* Those that leave the disk as it was: ending the process there is like ending it at the next
 * one that does not.  (Opening makes files.) */
#define DISK_LOOKS                                                                                 \
    (DISK_BIT(DISK_READ) | DISK_BIT(DISK_STATUS) | DISK_BIT(DISK_LIST) | DISK_BIT(DISK_FREE_SPACE))

enum disk_ending {
    DISK_FAILS,         /* nothing is done, the error comes back */
    DISK_FAILS_HALFWAY, /* a write: a part of it is done; all others: as above */
    DISK_ENDS_BEFORE,   /* the process ends */
    DISK_ENDS_HALFWAY,  /* a write: a part of it is done; all others: as before */
    DISK_ENDS_AFTER,
};

/* What is to happen to the operations number `first` to first + times - 1 of those counted. */
struct disk_fault {
    enum disk_ending ending;
    int error;        /* what comes back, when it fails */
    uint64_t first;   /* from 1; 0: there is no fault */
    uint64_t times;   /* 0: once */
    uint32_t kinds;   /* DISK_BITs of those counted; 0: all */
    const char *path; /* only paths that hold this are counted; NULL: all; not copied */
};

/* What a power failure makes of what was not synced. */
enum disk_memory {
    DISK_KEEPS_NONE,
    DISK_KEEPS_ALL,
    DISK_KEEPS_FIRST, /* of each file's pages and of each folder's changes, the first ones */
    DISK_KEEPS_SOME,  /* any of a file's pages; of each folder's changes, the first ones */
    DISK_MEMORIES
};

struct disk_file;
struct disk_name {
    char *path;
    struct disk_file *file;
};
struct disk_names {
    struct disk_name *all;
    uint32_t count, room;
};

/* A change of names that is not durable yet. */
struct disk_change {
    char *from, *to; /* made: from NULL; removed: to NULL */
    struct disk_file *file;
};

struct disk {
    struct files files; /* first: a struct files * is ours */
    struct chance chance;
    struct disk_fault fault;
    uint64_t fault_counted; /* operations that the fault's kinds and path are true of */
    uint64_t errors_one_in; /* any operation fails by chance; 0: none does */
    uint64_t bytes_max;     /* all files together: no space beyond it; 0: no limit */
    bool ended;             /* the process */
    /* What is done of a write that stops halfway ends with a page, as a kernel copies it; else
     * anywhere, which no reader of the live file can be expected to bear. */
    bool whole_pages;
    /* NULL, or called behind each operation of a living process; result: 0 or more, or why it
     * failed.  (The process that ends behind an operation has done it.) */
    void (*performed)(void *context, enum disk_operation operation, const char *path,
                      int64_t result);
    void *context;
    /* NULL, or asked before each operation, with each of its paths: not 0, and the operation fails
     * with that, has no effect and is not counted.  It may return much later (a hung volume). */
    int (*admit)(void *admit_context, const char *path);
    void *admit_context;
    int64_t (*wall_ns)(void *wall_context); /* for the times of files; NULL: 0 */
    void *wall_context;
    /* To look at. */
    uint64_t counts[DISK_OPERATIONS], count;
    uint32_t files_open;
    char last[DISK_TEXT_MAX]; /* what the fault met, in words; "": nothing yet */
    /* The disk's own. */
    char volume[DISK_TEXT_MAX];
    int volume_error;
    struct disk_names now, durable;
    struct disk_change *changes;
    uint32_t change_count, change_room;
    struct disk_file **inodes;
    uint32_t inode_count, inode_room, inode_limit;
    uint64_t ids;
};

void disk_open(struct disk *disk, uint64_t seed);
void disk_close(struct disk *disk);

/* All that is there is durable from now on. */
void disk_settle(struct disk *disk);
/* Counts from here on: operation number 1 is the next one. */
void disk_arm(struct disk *disk, const struct disk_fault *fault);
/* The process ends here, whatever it does from now on. */
void disk_end(struct disk *disk);
/* The process has ended (its files must be closed: what it does after its end has no effect, but
 * it does end) and another one begins.  `power`: and the machine had lost its power. */
void disk_restart(struct disk *disk, bool power, enum disk_memory memory);

/* What lies below this path is another volume: a rename there or back fails with `error`. */
void disk_add_volume(struct disk *disk, const char *path, int error);

/* For tests, which these calls neither count nor fail: */
bool disk_exists(const struct disk *disk, const char *path);
/* NULL: no such file. Valid until the next call that changes it. */
const uint8_t *disk_bytes(const struct disk *disk, const char *path, size_t *size);
/* Makes a durable file, and the folders above it; what is there is replaced. */
void disk_put(struct disk *disk, const char *path, const void *bytes, size_t size);
/* Every file below `path` (folders too), in no order; false ends it. */
typedef bool disk_visit(void *context, const char *path, bool directory);
void disk_walk(const struct disk *disk, const char *path, disk_visit *visit, void *context);

/* Bytes of all files that have a name or are open. */
uint64_t disk_used(const struct disk *disk);
const char *disk_operation_name(enum disk_operation operation);

#endif
