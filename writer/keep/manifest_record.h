/* manifest_record.h - what one line of the manifest says about a segment. */
#ifndef WRITER_KEEP_MANIFEST_RECORD_H
#define WRITER_KEEP_MANIFEST_RECORD_H

#include <stdint.h>

#include "port/files.h"
#include "writer/segment/segment_name.h"

#define MANIFEST_REASON_MAX 128

enum manifest_event {
    MANIFEST_NONE, /* the manifest has no line about the segment */
    MANIFEST_CLOSED,
    MANIFEST_ARCHIVED, /* re-packed in place */
    MANIFEST_MOVED,    /* to `folder` */
    MANIFEST_HANDED,   /* archive_command has succeeded */
    MANIFEST_DELETING, /* retention has decided; the file may be deleted already */
    MANIFEST_DELETED,
    /* Not of one segment: compacting left out the lines of deleted segments up to this one. */
    MANIFEST_DELETED_EARLIER,
    MANIFEST_EVENTS
};

struct manifest_record {
    enum manifest_event event;
    int64_t time_ns; /* of the event; since 1970 */
    struct segment_name name;
    uint64_t lines, raw_bytes, bytes; /* bytes: of the file */
    uint64_t xxh3;                    /* lines_digest of all lines (digest.h) */
    /* Of MANIFEST_DELETED_EARLIER: the number of segments that lines, raw_bytes and bytes sum up;
     * else 0. */
    uint64_t segments;
    /* Event times; INT64_MIN and INT64_MAX where they are not known. */
    int64_t first_time_ns, last_time_ns;
    int64_t closed_ns;                /* receive time of its last line, as precisely as known */
    int64_t handed_ns;                /* when archive_command succeeded; 0: it has not */
    char folder[PATH_BYTES_MAX];      /* where it is stored; "": <dir>/<stream> */
    char reason[MANIFEST_REASON_MAX]; /* of a deletion; else "" */
};

#endif
