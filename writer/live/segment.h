/* segment.h - one segment file, from its first byte to its final name.
 *
 * What a stream's owner asks workers to do with it: each call here blocks on
 * the disk and runs on the slow lane, while nobody else touches the segment.
 * Appending is the stream's (stream.c), for it is the port that writes. */
#ifndef WRITER_LIVE_SEGMENT_H
#define WRITER_LIVE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment/segment_name.h"
#include "writer/segment/span.h"

/* A segment of so many raw bytes gets its index at once: it takes a tenth of a second at most. A
 * larger one is closed without, and the keeper makes it later: it costs as much as the lines did, and
 * must not be paid for while they come at full speed. */
#define SEGMENT_INDEX_AT_ONCE_BYTES (16u << 20)

/* The steps of closing, in order. Each may fail and be tried again. */
enum segment_close_step {
    CLOSE_CUT,
    CLOSE_ENTER,
    CLOSE_SYNC,
    CLOSE_INDEX, /* never fails: without an index a segment is as good, only slower to search */
    CLOSE_FILE,
    CLOSE_RENAME, /* or remove, if nothing stands in it */
    CLOSE_DIRECTORY,
    CLOSE_LIMIT,
    CLOSE_DONE
};

struct segment {
    struct files *files;
    struct segment_name name;
    char folder[PATH_BYTES_MAX]; /* <dir>/<stream> */
    char path[PATH_BYTES_MAX];   /* of the file as it is named now */
    char state_folder[PATH_BYTES_MAX];
    char state_path[PATH_BYTES_MAX]; /* where the stream's sequence is kept */
    struct file file;
    uint64_t size; /* of what stands: whole appends */
    uint64_t raw_size, lines;
    struct span behind_lid;    /* the lines of which no lid tells yet */
    uint64_t folder_bytes_max; /* the stream's closed segments together; 0: no limit */
    enum segment_close_step step;
    bool entered; /* its name is on the disk too, without which what is synced of it is lost */
    bool torn;    /* behind `size` there may be the rest of a failed append */
    /* A sync has failed: what the disk holds is unknown, and asking again would
     * be answered with a lie (the kernel marks the pages clean).  The file keeps its .part
     * name; the next start reads it back. */
    bool suspect;
    /* Its file was deleted or replaced under us: there is nothing to rename. */
    bool gone;
    bool indexed; /* by its closing */
};

/* Keeps the sequence for ever, then makes the file. A name that is taken: the next
 * sequence.  On an error nothing is open and it may be tried again. */
int segment_open(struct segment *segment);
/* Syncs the folder, once: to be called before the file is synced for the first time.  Not when it
 * is opened, for whoever sends at full speed would wait for the disk then. */
int segment_enter(struct segment *segment);
/* Is the open file still the one that its path names? ERR_NOT_FOUND: no. */
int segment_look(struct segment *segment);
/* Cuts off what a failed append has left behind, if one has. */
int segment_cut(struct segment *segment);
/* Goes on with closing where it stopped.
 * 0: closed.  On an error it may be called again, and goes on with the step that failed;
 * a failed sync makes it suspect. */
int segment_close(struct segment *segment);

/* Indexes the lines of an open, synced segment of this size, and syncs that; if it fails, says so
 * and cuts it off again: without an index a segment is as good, only slower to search.
 * behind_lid: as in index.h, may be NULL.  True: it has its index. */
bool segment_add_index(struct file *file, const char *path, uint64_t size,
                       const struct span *behind_lid);

/* Reads <dir>/state/<stream>.sequence: the last sequence given out; 0: none yet. */
int sequence_read(struct files *files, const char *path, uint64_t *sequence);

#endif
