/* cut.h - cuts a segment into pieces that threads can search: runs of whole frames, some hundred
 * KiB of the file.  It reads only frame headers; with an index not even these, and the thread that
 * searches the piece reads it.  Groups that the index excludes are skipped.  Where headers are
 * damaged, it reads frame by frame (writer/segment/segment_reader.h) and reports the damage. */
#ifndef TOOLS_QUERY_CUT_H
#define TOOLS_QUERY_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/foreign/foreign.h"
#include "tools/query/groups.h"
#include "tools/query/progress.h"
#include "tools/query/received.h"
#include "tools/query/selection.h"
#include "writer/segment/segment_reader.h"

/* A buffer that grows. */
struct buffer {
    uint8_t *bytes;
    size_t size, room;
    bool lent; /* `bytes` belongs to the caller that set it */
};
/* Makes room for this many bytes in total; keeps the contents. */
void buffer_reserve(struct buffer *buffer, size_t room);
void buffer_free(struct buffer *buffer);

struct cut {
    uint64_t offset, end; /* in the file: frames and the skippable frames between them */
    uint64_t first_frame; /* number of its first frame */
    bool gap;             /* frames before it were skipped */
    bool careful;         /* a single frame, to be read with segment_reader_next */
    bool unread;          /* to be read with cut_read */
    bool foreign;         /* lines of a file of another program, not frames */
    /* What the index says of it; frames 0: nothing. */
    uint32_t frames, raw_size;
    const struct facts_rules *facts; /* how its times and levels are read */
    bool known;       /* nothing to read: the cutter's groups.known_counts are the result */
    struct span span; /* covers all its lines; the lids inside may be more precise */
};

struct cutter {
    const struct segment_file *segment;
    const struct facts_rules *facts;
    const struct segment_file *shown; /* as for report_unopened */
    const struct query *query;
    const struct select_settings *settings;
    struct select_report *report;
    struct progress *progress;
    bool any_file; /* files of other programs, too */
    struct segment_reader reader;
    struct foreign *foreign; /* NULL: it is a segment */
    uint64_t offset;         /* start of the next piece */
    /* End of the last data frame before it: if damage follows, a skippable frame in between may be
     * what is damaged, and hide data frames (segment_reader_skip_damage). */
    uint64_t frames_end;
    uint64_t frame_number;
    bool gap;            /* something was skipped since the last piece */
    bool by_lids;        /* cut at lids, because the lids inside a piece are needed */
    int64_t received_ns; /* the last lid's earliest receive time */
    struct groups groups;
    bool known_returned; /* the piece for groups.known_counts */
    struct received_until until;
};

/* The file may be one of another program, if any_file is set; its pieces come in their order only.
 * False: the segment cannot be read (a message was printed) or nothing in it can match; then
 * nothing is open. */
bool cutter_open(struct cutter *cutter, struct files *files, const struct segment_file *segment);
void cutter_close(struct cutter *cutter);
/* The next piece, read into `packed` unless it is careful or unread.  False: there are no more. */
bool cutter_next(struct cutter *cutter, struct cut *cut, struct buffer *packed);
/* Reads a piece that was cut before; any thread, while the cutter does not use reader.file. 0 or an
 * ERR_; ERR_CLOSED: the file has become shorter.  On error `packed` is empty. */
int cut_read(const struct cutter *cutter, const struct cut *cut, struct buffer *packed);

#endif
