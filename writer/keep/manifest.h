/* manifest.h - <dir>/state/manifest.ndjson: what has become of each closed segment.
 *
 * One line of JSON an event, appended and synced before the next.  The last line about a segment
 * is what counts; a line that is torn, at the end, is cut off when the manifest is opened.  When
 * half of it is out of date it is written anew, a line a segment, and what was deleted before the
 * oldest segment that is still kept is left out: it never grows beyond twice what is kept, or
 * MANIFEST_COMPACT_BYTES.  In memory it takes 48 bytes a segment.
 * One writer at a time: who holds <dir>/state/lock.  Blocking; one thread. */
#ifndef WRITER_KEEP_MANIFEST_H
#define WRITER_KEEP_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/keep/manifest_record.h"

#define MANIFEST_FILE          "manifest.ndjson"
#define MANIFEST_COMPACT_BYTES (1u << 20)

struct manifest;

/* To write: makes <dir>/state and cuts off a torn end.  The caller holds the lock. */
int manifest_open(struct files *files, const char *directory, struct manifest **manifest);
/* To read what is there now, whoever writes meanwhile.  ERR_NOT_FOUND: there is none. */
int manifest_read(struct files *files, const char *directory, struct manifest **manifest);
void manifest_close(struct manifest *manifest); /* NULL: nothing happens */

/* Durable when it returns 0.  On an error it may be called again; nothing is written twice.
 * closed_ns: what the first line about a segment said stays; and so does handed_ns, once it is
 * not 0. */
int manifest_append(struct manifest *manifest, const struct manifest_record *record);

/* What the last line about it says, without reading it; *closed_ns (it may be NULL) as well, unless
 * there is none. */
enum manifest_event manifest_state(const struct manifest *manifest, const char *stream,
                                   uint64_t sequence, int64_t *closed_ns);
/* Has archive_command taken it?  What the lines behind say does not change it. */
bool manifest_handed(const struct manifest *manifest, const char *stream, uint64_t sequence);
/* The last line about it.  ERR_NOT_FOUND: there is none. */
int manifest_find(struct manifest *manifest, const char *stream, uint64_t sequence,
                  struct manifest_record *record);

/* The highest sequence that a line tells of; 0: none. */
uint64_t manifest_last_sequence(const struct manifest *manifest, const char *stream);

/* From segment to segment, by stream (in the order of their first lines) and sequence.  All zero:
 * before the first one.  What is appended meanwhile may come or not. */
struct manifest_cursor {
    uint32_t stream;   /* its number */
    uint64_t sequence; /* the next one is not below it */
    /* Of the segment that it stands on. */
    const char *name; /* its stream's */
    uint64_t at;      /* its sequence */
    enum manifest_event event;
    int64_t closed_ns;
};
bool manifest_next(const struct manifest *manifest, struct manifest_cursor *cursor);

uint64_t manifest_bytes(const struct manifest *manifest); /* of the file */
/* Lines that are none of ours: passed over. */
uint64_t manifest_lines_damaged(const struct manifest *manifest);

/* Reads all lines of a segment: how many, their bytes, their digest.  ERR_INVALID: it is damaged;
 * what could be read is told all the same, as an index tells it. */
int manifest_measure(struct files *files, const char *path, uint64_t *lines, uint64_t *raw_bytes,
                     uint64_t *xxh3);
/* Everything about a closed segment but event, time, folder and reason: from its index, else from
 * its lines.  Damage is no error: what can be read counts. */
int manifest_describe(struct files *files, const char *path, struct manifest_record *record);

#endif
