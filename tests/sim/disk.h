/* disk.h - a file system in memory that guarantees what a real disk does, and no more.
 *
 * Writes are visible at once.  Synced bytes survive a power failure; of others the seed decides
 * page by page which survive.  A change of names (a new file, a rename, a removal, a directory)
 * survives once its directory is synced.  A sync that fails loses the bytes that it should have
 * made durable, and the next one does not bring them back.
 *
 * Operations are counted by kind and path, so that a test can let each of them fail, or end the
 * process before, after or in the middle of it: then every operation fails without effect until
 * disk_restart. One thread at a time. */
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
/* Operations that change nothing: ending the process there is the same as ending it at the next
 * one that does.  (Opening can make files.) */
#define DISK_LOOKS                                                                                 \
    (DISK_BIT(DISK_READ) | DISK_BIT(DISK_STATUS) | DISK_BIT(DISK_LIST) | DISK_BIT(DISK_FREE_SPACE))

enum disk_ending {
    DISK_FAILS,         /* no effect; returns the error */
    DISK_FAILS_HALFWAY, /* a write: part of it is written; others: as above */
    DISK_ENDS_BEFORE,   /* the process ends */
    DISK_ENDS_HALFWAY,  /* a write: part of it is written; others: as above */
    DISK_ENDS_AFTER,
};

/* Happens to the operations number `first` to first + times - 1 of those counted. */
struct disk_fault {
    enum disk_ending ending;
    int error;        /* returned by a failing operation */
    uint64_t first;   /* from 1; 0: no fault */
    uint64_t times;   /* 0: once */
    uint32_t kinds;   /* DISK_BITs of those counted; 0: all */
    const char *path; /* only paths that contain this are counted; NULL: all; not copied */
};

/* Files that are made may be sick: after some operations, all later ones of some kinds fail on this
 * file, until it is gone or disk_restart.  So does a bad block, a file that was removed on its
 * server, or a limit of one file's size. */
struct disk_sickness {
    uint64_t one_in;  /* one in this many files is sick; 0: none */
    uint64_t healthy; /* the first operations succeed: fewer than this many, by chance */
    uint32_t kinds;   /* DISK_BITs of those that fail */
    bool kinds_vary;  /* any of these, by chance, for each file */
    bool may_act;     /* a failing operation takes effect, by chance */
    int error;        /* 0: no operation fails for now */
    const char *path; /* only paths that contain this; NULL: all; not copied */
};

/* Which unsynced changes survive a power failure. */
enum disk_memory {
    DISK_KEEPS_NONE,
    DISK_KEEPS_ALL,
    DISK_KEEPS_FIRST, /* the first ones of each file's pages and each directory's changes */
    DISK_KEEPS_SOME,  /* any of a file's pages; the first ones of each directory's changes */
    DISK_MEMORIES
};

struct disk_file;
struct disk_handle;
struct disk_name {
    uint32_t hash; /* of the path: most comparisons end here */
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
    uint64_t fault_counted; /* operations that match the fault's kinds and path */
    uint64_t errors_one_in; /* one in this many fails at random; 0: none */
    struct disk_sickness sickness;
    uint64_t bytes_max;        /* size of the disk; 0: no limit */
    uint64_t volume_bytes_max; /* of disk_add_volume; 0: no limit */
    bool ended;                /* the process */
    /* A write that stops halfway ends at a page boundary, as a kernel copies it; otherwise
     * anywhere, which readers of a live file need not handle. */
    bool whole_pages;
    /* NULL, or called after each operation of a running process; result: 0 or more, or an ERR_.
     * (Also called for an operation after which the process ends.) */
    void (*performed)(void *context, enum disk_operation operation, const char *path,
                      int64_t result);
    void *context;
    /* NULL, or called when the process has ended by a fault.  It need not return (longjmp): the disk
     * is whole. */
    void (*process_ended)(void *ended_context);
    void *ended_context;
    /* NULL, or asked before each operation, with each of its paths: not 0, and the operation fails
     * with that, has no effect and is not counted.  It may return much later (a hung volume). */
    int (*admit)(void *admit_context, const char *path);
    void *admit_context;
    int64_t (*wall_ns)(void *wall_context); /* for the times of files; NULL: 0 */
    void *wall_context;
    /* For tests to read. */
    uint64_t counts[DISK_OPERATIONS], count;
    uint32_t files_open;
    uint32_t listing;         /* calls of directory_list that are under way */
    char last[DISK_TEXT_MAX]; /* describes the operation that the fault hit; "": none yet */
    /* Private to the disk. */
    char volume[DISK_TEXT_MAX];
    int volume_error;
    struct disk_names now, durable;
    struct disk_change *changes;
    uint32_t change_count, change_room;
    struct disk_handle *handles; /* of open files */
    struct disk_file **inodes;
    uint32_t inode_count, inode_room, inode_limit;
    uint64_t ids;
};

void disk_open(struct disk *disk, uint64_t seed);
void disk_close(struct disk *disk);

/* Makes everything durable. */
void disk_settle(struct disk *disk);
/* Counts from here on: operation number 1 is the next one. */
void disk_arm(struct disk *disk, const struct disk_fault *fault);
/* The process ends here: later operations fail without effect. */
void disk_end(struct disk *disk);
/* Closes every open file: their process has ended. */
void disk_close_all(struct disk *disk);
/* Another process begins.  The files of the ended one must be closed.  `power`: the machine lost
 * power in between. */
void disk_restart(struct disk *disk, bool power, enum disk_memory memory);

/* Makes this path another volume: a rename to or from it fails with `error`. */
void disk_add_volume(struct disk *disk, const char *path, int error);

/* For tests; these calls are not counted and do not fail: */
bool disk_exists(const struct disk *disk, const char *path);
/* NULL: no such file. Valid until the next call that changes it. */
const uint8_t *disk_bytes(const struct disk *disk, const char *path, size_t *size);
/* Makes a durable file and its directories; replaces an existing one. */
void disk_put(struct disk *disk, const char *path, const void *bytes, size_t size);
/* The same, and nothing else becomes durable. */
void disk_put_alone(struct disk *disk, const char *path, const void *bytes, size_t size);
/* Puts into `copy`, which is open and empty, the files that certainly survive a power failure now. */
void disk_copy_durable(const struct disk *disk, struct disk *copy);
/* Visits every file and directory below `path`, in no order; return false to stop. */
typedef bool disk_visit(void *context, const char *path, bool directory);
void disk_walk(const struct disk *disk, const char *path, disk_visit *visit, void *context);

const char *disk_path(const struct file *file); /* of an open file: its name, or its last one */
/* Bytes of all files with a name or an open handle, on all volumes. */
uint64_t disk_used(const struct disk *disk);
const char *disk_operation_name(enum disk_operation operation);

#endif
