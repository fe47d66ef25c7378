/* runs.h - records that are sorted in parts (runs), written to temporary files, and merged.  Blocks
 * of the files are compressed with LZ4.  The files are deleted on any end of the process
 * (file_temporary).  At most RUNS_MERGED files of each level are open; they are then merged into one
 * of the next level.  Blocking. */
#ifndef TOOLS_QUERY_RUNS_H
#define TOOLS_QUERY_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"

#define RUNS_MERGED 64

struct sorted_record {
    int64_t time_ns;
    uint64_t place; /* records of the same time are in the order of their places ... */
    uint32_t line;  /* ... and of their lines at one place */
    uint32_t tag;   /* the caller's */
    uint32_t size;
    const uint8_t *text;
};
/* Negative: a comes before b.  newest_first: all is reversed. */
int sorted_compare(const struct sorted_record *a, const struct sorted_record *b, bool newest_first);

struct run;
struct runs {
    bool newest_first; /* the rest begins as all zero */
    struct run **heap; /* the run with the first record at the top */
    uint32_t count, room;
    struct run *open; /* being written */
    void *scratch;
    int status;                 /* 0, or the ERR_ of the first failure; then nothing more is done */
    char where[PATH_BYTES_MAX]; /* the folder of the files; "" before the first one */
    uint64_t bytes;             /* that are in files now */
};

/* A new run: call runs_add for its records in their order, then runs_end.  All three return 0 or
 * runs->status. */
int runs_begin(struct runs *runs);
int runs_add(struct runs *runs, const struct sorted_record *record);
int runs_end(struct runs *runs);
/* The first record of all runs, valid until the next call; NULL: there is none, or runs->status. */
const struct sorted_record *runs_first(struct runs *runs);
void runs_next(struct runs *runs);
void runs_close(struct runs *runs);

#endif
