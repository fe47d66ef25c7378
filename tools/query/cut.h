/* cut.h - cuts a segment into pieces that threads can search: runs of whole frames, some
 * hundred KiB in the file.  It looks at headers only; with an index not even at these, and
 * whoever searches the piece reads it.  Where the bytes are not
 * what they should be, it goes on frame by frame as everybody else does (writer/segment/segment_reader.h), and
 * tells the damage.  With an index, it passes over what cannot hold a wanted record. */
#ifndef TOOLS_QUERY_CUT_H
#define TOOLS_QUERY_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/groups.h"
#include "tools/query/progress.h"
#include "tools/query/received.h"
#include "tools/query/selection.h"
#include "writer/segment/segment_reader.h"

/* A buffer that grows. */
struct buffer {
    uint8_t *bytes;
    size_t size, room;
    bool lent; /* the bytes are another's, who gave them to begin with */
};
/* Room for so many bytes; those that are there stay. */
void buffer_reserve(struct buffer *packed, size_t room);
void buffer_free(struct buffer *packed);

struct cut {
    uint64_t offset, end; /* in the file; frames, and what is skippable between them */
    uint64_t first_frame; /* the number of its first frame */
    bool gap;             /* frames were passed over before it */
    bool careful;         /* one frame, to be read by segment_reader_next */
    bool unread;          /* to be read by cut_read; it may not be what the index said */
    struct span span;     /* what is known of all its lines; the frames' lids know more */
};

struct cutter {
    const struct segment_file *segment;
    const struct segment_file *shown; /* tell_unopened's */
    const struct query *query;
    const struct select_settings *settings;
    struct select_report *report;
    struct progress *progress;
    struct segment_reader reader;
    uint64_t offset; /* where the next piece begins */
    uint64_t frame_number;
    bool gap;     /* something was passed over since the last piece */
    bool by_lids; /* pieces end at lids, for what these say of the frames before them is needed */
    int64_t received_ns; /* lines of the last lid came in from then on */
    struct groups groups;
    struct received_until until;
};

/* False: the segment cannot be read, which has been said, or holds nothing that is wanted:
 * then nothing is open. */
bool cutter_open(struct cutter *cutter, struct files *files, const struct segment_file *segment);
void cutter_close(struct cutter *cutter);
/* The next piece, read into `packed` unless it is a careful or unread one.  False: there is none. */
bool cutter_next(struct cutter *cutter, struct cut *cut, struct buffer *packed);
/* Reads a piece that was cut before, on any thread; reader.file is not touched by the cutter meanwhile.
 * 0 or an ERR_, with fewer bytes than there were: ERR_CLOSED; then `packed` is empty. */
int cut_read(const struct cutter *cutter, const struct cut *cut, struct buffer *packed);

#endif
