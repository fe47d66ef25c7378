/* kept_stream.h - a stream together with the keeper of its closed segments.
 *
 * The stream reports each closed segment, which makes the keeper look for work; so does a segment of
 * an earlier run that could not be recovered until now.  Every call: the
 * port's owner. */
#ifndef WRITER_KEEP_KEPT_STREAM_H
#define WRITER_KEEP_KEPT_STREAM_H

#include "writer/keep/keeper.h"
#include "writer/live/stream.h"

struct kept_stream;

struct kept_stream_options {
    const char *directory; /* the log directory */
    const char *name;
    struct stream_sizes sizes;
    struct keeper_rules rules;   /* their strings are copied */
    uint64_t folder_bytes_max;   /* as in stream.h */
    uint64_t last_sequence;      /* as in stream.h */
    uint32_t unrecovered;        /* how many recover_stream has left; see late_recovery.h */
    struct manifest *manifest;   /* as in keeper.h */
    struct archive_lanes *lanes; /* as in keeper.h */
};

struct kept_stream_counts {
    struct stream_counts live;
    struct keeper_counts kept;
    uint32_t unrecovered; /* segments of earlier runs that are still `.part` */
};

/* recover_stream has created the stream's folder.  This call touches no file. */
int kept_stream_open(struct port *port, const struct kept_stream_options *options,
                     struct kept_stream **stream);
/* For appending and rotating.  The kept stream owns it. */
struct stream *kept_stream_live(const struct kept_stream *stream);
/* Applies at once, to the live segment too. */
void kept_stream_change(struct kept_stream *stream, const struct stream_sizes *sizes,
                        const struct keeper_rules *rules);
/* Nothing more will be appended.  When all held appends are stored, closes the live segment,
 * and records the closed segments that are not in the manifest yet (keeper_finish).  Wait for
 * !kept_stream_busy, then call kept_stream_free. */
void kept_stream_finish(struct kept_stream *stream);
/* Stops indexing, but not recording; the next start makes the missing indexes.  True: closed
 * segments are still being worked on. */
bool kept_stream_stop_indexing(struct kept_stream *stream);
/* stream_abandon and keeper_stop. */
void kept_stream_abandon(struct kept_stream *stream);
bool kept_stream_busy(const struct kept_stream *stream);
void kept_stream_free(struct kept_stream *stream); /* not busy */
struct kept_stream_counts kept_stream_counts(const struct kept_stream *stream);

#endif
