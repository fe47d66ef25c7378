/* unfold.h - makes one record of each event in a request body that holds many: pushes of Loki, and
 * exports of OTLP logs, both as JSON.  docs/otlp-loki.md describes the records.
 *
 * What events of a body share (labels, resource, scope) is stored with each of them.  Records are
 * written one after the other into the caller's memory, whatever the size of the body; nothing is
 * allocated.  An invalid event is rejected by itself.  The records of a body
 * take together at most EXPAND_FREE_BYTES, or EXPAND_RATIO_MAX times its size if that is more
 * (unpack.h); later events are rejected.  Pure: any thread, so it can run on a worker. */
#ifndef INGEST_PROTOCOL_UNFOLD_H
#define INGEST_PROTOCOL_UNFOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/json.h"

struct unfold_format;
extern const struct unfold_format unfold_loki; /* POST /loki/api/v1/push */
extern const struct unfold_format unfold_otlp; /* POST /v1/logs */

/* This many bytes after the body, and after the room for records, must be writable. */
#define UNFOLD_PADDING (JSON_PADDING + 1)

struct unfold_event {
    const uint8_t *at, *end; /* in the body */
    uint32_t size;           /* of its record, without a newline */
    uint32_t reason;         /* 0, or why it is rejected (quarantine.h) */
    const char *problem;     /* the same for the sender, half a sentence */
};

/* A position in an array.  at: the bracket or comma before the next element; NULL: none. */
struct unfold_list {
    const uint8_t *at, *end;
};

#define UNFOLD_SHARED 2
/* What many events share, as JSON. */
struct unfold_shared {
    bool exists;
    const uint8_t *at, *end;            /* in the body; NULL: absent */
    const uint8_t *schema, *schema_end; /* of OTLP: the URL, likewise */
    const uint8_t *copy;                /* in a record before; NULL: it must be written again */
    size_t size;                        /* of the copy; SIZE_MAX: not known yet */
    const char *problem;
};

struct unfold {
    const struct unfold_format *format;
    const uint8_t *body, *end;
    uint32_t record_max;
    uint64_t written, written_max; /* bytes of records */
    bool has_event;                /* `event` has had no room */
    struct unfold_event event;
    /* The format's. */
    struct unfold_list lists[3];                /* the outermost first */
    struct unfold_shared shared[UNFOLD_SHARED]; /* what fewer events share first */
    const uint8_t *level, *level_end;           /* of the labels; NULL: none */
    uint8_t *kept[UNFOLD_SHARED];               /* memory for copies of `shared`; NULL: none yet */
    size_t kept_room[UNFOLD_SHARED];
};

/* Validates a body, of which newlines between tokens become spaces.  record_max: the longest record,
 * without its newline.  0, or the reason for which none of it is taken: *bad is the byte where, and
 * *problem says it to the sender. */
uint32_t unfold_begin(struct unfold *unfold, const struct unfold_format *format, uint8_t *body,
                      size_t size, uint32_t record_max, const uint8_t **bad, const char **problem);

enum unfold_result {
    UNFOLD_RECORD,   /* out has event.size bytes more */
    UNFOLD_REJECTED, /* event.reason says why */
    UNFOLD_FULL,     /* no room; call it again with room for more: record_max is always enough */
    UNFOLD_END,      /* all events are done */
};
/* `out` will be in memory that was used before.  What events share is copied to memory of its own,
 * at most `room` bytes, so that it is not made of the body again. */
void unfold_keep(struct unfold *unfold, size_t room);
/* Frees the copies. */
void unfold_end(struct unfold *unfold);
/* The next event.  Until UNFOLD_FULL, or unfold_keep, `out` moves on in the same memory, whose
 * bytes do not change. */
enum unfold_result unfold_next(struct unfold *unfold, uint8_t *out, size_t room,
                               struct unfold_event *event);

#endif
