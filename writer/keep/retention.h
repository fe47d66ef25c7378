/* retention.h - decides which closed segments to delete, and why.  Pure: any thread.
 *
 * Rules are limits: the oldest segments are deleted until every limit holds, and no more.  Within a
 * stream, segments are deleted in the order of their sequences, even if the clock was set back
 * between their closings.  The live segment is never deleted and does not count. */
#ifndef WRITER_KEEP_RETENTION_H
#define WRITER_KEEP_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "writer/segment/segment_name.h"

/* A stream's own age limit: none, even if there is one for all streams. */
#define RETENTION_AGE_NEVER UINT64_MAX

/* 0: no limit. */
struct retention_limits {
    uint64_t age_s;     /* since its last line was received */
    uint64_t bytes_max; /* of the files */
    uint64_t count_max;
};

struct retention_stream {
    char name[STREAM_NAME_MAX + 1];
    struct retention_limits limits;
};

/* As configured.  All zero: nothing is ever deleted. */
struct retention_rules {
    /* Bytes and count: all streams together.  Age: streams without an age limit of their own. */
    struct retention_limits all;
    struct retention_stream *streams; /* those with limits of their own; not owned */
    uint32_t stream_count;
    uint64_t free_min; /* bytes to keep free on each volume that holds segments */
};

/* True if any limit is set. */
bool retention_wanted(const struct retention_rules *rules);
/* The stream's own limits; without an age limit of its own, the one for all streams. */
struct retention_limits retention_limits_of(const struct retention_rules *rules,
                                            const char *stream);

enum retention_reason {
    RETENTION_STAYS,
    RETENTION_AGE,
    RETENTION_STREAM_COUNT,
    RETENTION_STREAM_BYTES,
    RETENTION_ALL_COUNT,
    RETENTION_ALL_BYTES,
    RETENTION_FREE,
};

/* Places where segments are stored: the log directory, its archives (archives.h), and one archive
 * that the caller names. */
enum { RETENTION_PLACES = 6 };

struct retention_segment {
    uint32_t stream; /* the caller's number */
    bool part;       /* the live segment */
    uint64_t sequence;
    uint64_t bytes[RETENTION_PLACES];   /* in each place; in two while it moves */
    uint64_t volumes[RETENTION_PLACES]; /* that these bytes are on (files.h); 0: not known */
    int64_t closed_ns; /* receive time of its last line, by the clock at that time */
    uint32_t places;   /* bit p: it is in place p */
    /* Not used by retention_decide. */
    int64_t opened_ns; /* from its name */
    bool gone;         /* deleted since */
    /* Filled in by retention_decide. */
    int64_t since_ns; /* closed_ns, corrected to rise with the sequences */
    enum retention_reason reason;
};

struct retention_space {
    uint64_t volume, free;
};

struct retention_question {
    struct retention_segment *segments; /* sorted by stream and sequence */
    uint32_t count;
    const struct retention_limits *limits; /* of each stream, by number */
    struct retention_limits all;           /* its age is not used */
    uint64_t free_min;
    const struct retention_space *spaces; /* the free space of the volumes that are known */
    uint32_t space_count;
    /* Bit p: nothing can be deleted from place p for now.  To free space, segments that are only
     * there are passed over, and other segments are deleted instead. */
    uint32_t stuck;
    int64_t now_ns;
};

/* Fills in the segments' reasons, and `order` (room for all) with the segments to delete, the
 * oldest first: by since_ns, stream, sequence.  Returns their number.  Each rule takes the fewest
 * of the oldest segments after which it holds. */
uint32_t retention_decide(const struct retention_question *question,
                          struct retention_segment **order);

/* An error that stays is reported again after 1 min, 2 min, up to 1 h.  All zero: none was
 * reported. */
struct retention_report {
    int error;
    int64_t said_ns, pause_ns;
};
/* Is a report of this error due?  Then it counts as reported now. */
bool retention_report_due(struct retention_report *report, int error, int64_t now_ns);

#define RETENTION_REASON_TEXT_MAX 112
/* "older than 30d", "over 10 GiB in all", "more than 24 in stream main"; returns `text`. */
const char *retention_reason_text(enum retention_reason reason,
                                  const struct retention_limits *stream_limits, const char *stream,
                                  const struct retention_rules *rules,
                                  char text[RETENTION_REASON_TEXT_MAX]);
/* "10 GiB", "1500 MB", "12345 bytes": exact, in the largest unit that fits. */
const char *retention_bytes_text(uint64_t bytes, char text[32]);

#endif
