/* segment.h - one segment file, from its first byte to its final name.
 *
 * These calls block on the log directory's disk: workers run them, and no other thread touches the
 * segment meanwhile.  Opening and cutting belong on the urgent lane, the rest on the slow one.
 * Appending is the stream's (stream.c): the port writes. */
#ifndef WRITER_LIVE_SEGMENT_H
#define WRITER_LIVE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment/segment_name.h"
#include "writer/segment/span.h"

/* Up to this many raw bytes a segment gets its index while it is closed, which takes 0.1 s at most.
 * The keeper indexes larger ones later: that costs as much CPU time as storing the lines did, and
 * must not compete with receiving at full speed. */
#define SEGMENT_INDEX_AT_ONCE_BYTES (16u << 20)

/* The steps of closing, in order. Each may fail and be tried again. */
enum segment_close_step {
    CLOSE_CUT,
    CLOSE_ENTER,
    CLOSE_SYNC,
    CLOSE_INDEX,  /* never fails: a segment without an index is only slower to search */
    CLOSE_FILE,   /* never fails; from here on no file is open */
    CLOSE_RENAME, /* or remove, if it is empty */
    CLOSE_DIRECTORY,
    CLOSE_LIMIT,
    CLOSE_DONE
};

/* What there may be after a segment's whole appends. */
enum segment_rest {
    REST_NONE,
    REST_COVERED,  /* a failed append under its cover: readers skip it */
    REST_DOUBTFUL, /* the write that uncovers it has failed: readers may see it */
    REST_SHOWN,    /* that write failed and took effect: the append is there, and stays */
};

struct segment {
    struct files *files;
    struct segment_name name;
    char folder[PATH_BYTES_MAX]; /* <dir>/<stream> */
    char path[PATH_BYTES_MAX];   /* of the file as it is named now */
    char state_folder[PATH_BYTES_MAX];
    char state_path[PATH_BYTES_MAX]; /* where the stream's sequence is kept */
    const char *failing;             /* after segment_open has failed: the path that it is about */
    struct file file;
    uint64_t size; /* of the whole appends */
    uint64_t raw_size, lines;
    struct span after_lid;     /* the lines that no lid covers yet */
    uint64_t folder_bytes_max; /* the stream's closed segments together; 0: no limit */
    enum segment_close_step step;
    bool entered; /* its name is on the disk too; without it, synced lines would be lost */
    enum segment_rest rest; /* after `size` */
    uint64_t rest_size;     /* of that append */
    /* Writes to it fail: the append that failed goes to the next segment. */
    bool failed;
    /* The rest of a failed append cannot be cut off, or its name cannot be made durable.  Its lines
     * are synced all the same; the file keeps its .part name, and the next start recovers it. */
    bool uncut;
    /* A sync has failed: what the disk holds is unknown, and a second sync would report success
     * although the bytes are lost (the kernel marks the pages clean).  The file keeps its .part
     * name; the next start reads it back. */
    bool suspect;
    /* Another program has cut off a part of it.  What was appended since is stored after a hole, so it
     * keeps its .part name, and the next start recovers what is sound. */
    bool shortened;
    /* Its file was deleted or replaced under us: there is nothing to rename. */
    bool gone;
    bool indexed; /* when it was closed */
};

/* Makes the sequence durable, then the file.  If the name is taken, takes the next sequence.  On an
 * error nothing is open, and it may be called again. */
int segment_open(struct segment *segment);
/* Syncs the folder, once: to be called before the file is synced for the first time.  Not while it
 * is opened: at full speed all appends would wait for the disk. */
int segment_enter(struct segment *segment);
/* Is the open file still the one that its path names, and have its appends stayed?  Returns its
 * size, an append in flight included; or ERR_NOT_FOUND: its path names another file or none;
 * ERR_INVALID: it holds zeros at `mark`, where an append begins, so it was shortened and has grown
 * since; ERR_IO: it cannot tell. */
int64_t segment_look(struct segment *segment, uint64_t mark);
/* Reports that another program has shortened it.  looked: what a look returned. */
void segment_say_shortened(const struct segment *segment, uint64_t written, int64_t looked);
/* Cuts off the rest of a failed append, if there is one.  If that fails, `rest` says what readers
 * see: a doubtful one is covered again or, if that fails too, read back. */
int segment_cut(struct segment *segment);
/* Continues closing where it stopped.  0: closed, or left as .part (segment_left).  On an error it
 * may be called again, and continues with the step that failed; a failed sync makes the segment
 * suspect.  An empty segment is removed. */
int segment_close(struct segment *segment);
/* It keeps its .part name until the next start. */
bool segment_left(const struct segment *segment);

/* Indexes the lines of an open, synced segment of this size, and syncs that; if that
 * fails, reports it and cuts the index off again.
 * after_lid: as in index.h, may be NULL.  True: it has its index. */
bool segment_add_index(struct file *file, const char *path, uint64_t size,
                       const struct span *after_lid);

/* Reads <dir>/state/<stream>.sequence: the last sequence used.  ERR_NOT_FOUND: there is no file;
 * ERR_INVALID: it does not hold one. */
int sequence_read(struct files *files, const char *path, uint64_t *sequence);

#endif
