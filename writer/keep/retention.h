/* retention.h - which closed segments have to go, and why.  Pure: any thread.
 *
 * Rules are limits; the oldest segments go until every limit holds, and no more than that.  Within a
 * stream segments go in the order of their sequences, whatever the clock said when they were
 * closed.  The segment that is being written never goes, and counts for nothing. */
#ifndef WRITER_KEEP_RETENTION_H
#define WRITER_KEEP_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "writer/segment/segment_name.h"

/* A stream's own age: it has no limit, whatever holds for all. */
#define RETENTION_AGE_NEVER UINT64_MAX

/* 0: no limit. */
struct retention_limits {
    uint64_t age_s;     /* since its last line came */
    uint64_t bytes_max; /* of files, as they are packed */
    uint64_t count_max;
};

struct retention_stream {
    char name[STREAM_NAME_MAX + 1];
    struct retention_limits limits;
};

/* What an operator asked for.  All zero: nothing ever goes. */
struct retention_rules {
    /* Bytes and count: of all streams together.  Age: of streams that have none of their own. */
    struct retention_limits all;
    struct retention_stream *streams; /* those with limits of their own; the rules' owner's */
    uint32_t stream_count;
    uint64_t free_min; /* bytes that stay free on each volume */
};

/* True if something may have to go some day. */
bool retention_wanted(const struct retention_rules *rules);
/* A stream's own limits, the age for all streams filled in where it has none. */
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

/* Where segments lie: the daemon's directory, its archives (archives.h), and one that is named. */
enum { RETENTION_VOLUMES = 6 };

struct retention_segment {
    uint32_t stream; /* the caller's number */
    bool part;       /* it is being written */
    uint64_t sequence;
    uint64_t bytes[RETENTION_VOLUMES]; /* on each; on both while it moves */
    int64_t closed_ns;                 /* when its last line came, as the clock was then */
    int64_t opened_ns;                 /* from its name; not looked at, nor is: */
    uint32_t places;                   /* bit p: it is in place p */
    uint64_t archived_bytes;           /* of `bytes`, in the archive that was listed */
    bool gone;                         /* deleted since */
    /* Filled in by retention_decide. */
    int64_t since_ns; /* closed_ns, in an order that agrees with the sequences */
    enum retention_reason reason;
};

struct retention_question {
    struct retention_segment *segments; /* sorted by stream and sequence */
    uint32_t count;
    const struct retention_limits *limits; /* of each stream, by number */
    struct retention_limits all;           /* its age is not looked at */
    uint64_t free_min;
    uint64_t free[RETENTION_VOLUMES]; /* bytes; UINT64_MAX where it is unknown, or not asked for */
    /* Bit p: nothing can be deleted in place p for now.  What is only there does not go to free
     * space; other segments go instead. */
    uint32_t stuck;
    int64_t now_ns;
};

/* Fills in the segments' reasons, and in `order` (room for all) those that go, the oldest first: by
 * since_ns, stream, sequence.  Returns how many.  What a rule takes is the shortest run of the
 * oldest with which it holds. */
uint32_t retention_decide(const struct retention_question *question,
                          struct retention_segment **order);

#define RETENTION_REASON_TEXT_MAX 112
/* "older than 30d", "over 10 GiB in all", "more than 24 in stream main"; returns `text`. */
const char *retention_reason_text(enum retention_reason reason,
                                  const struct retention_limits *stream_limits, const char *stream,
                                  const struct retention_rules *rules,
                                  char text[RETENTION_REASON_TEXT_MAX]);
/* "10 GiB", "1500 MB", "12345 bytes": exact, in the largest unit that fits. */
const char *retention_bytes_text(uint64_t bytes, char text[32]);

#endif
