/* manifest.h - <dir>/state/manifest.ndjson: what has become of each closed segment.
 *
 * One line of JSON per event, appended and synced before the next.  The last line about a segment
 * counts; a torn line at the end is cut off when the manifest is opened.  When half of the file is
 * out of date it is compacted: one line per segment, without segments that were deleted before the
 * oldest one that is kept.  So it never grows beyond twice what is kept, or MANIFEST_COMPACT_BYTES.
 * In memory it takes 56 bytes per segment.
 *
 * One process writes at a time: the one that holds <dir>/state/lock.  Blocking, but only on the log
 * directory's disk.  Any thread: each call takes the manifest's lock, unless its name ends in
 * _locked. */
#ifndef WRITER_KEEP_MANIFEST_H
#define WRITER_KEEP_MANIFEST_H

#include <stdatomic.h>
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
/* Once the call returns, nothing changes the file or the directory through this manifest any more:
 * manifest_lock and manifest_append fail with ERR_CANCELLED.  NULL: nothing happens. */
void manifest_seal(struct manifest *manifest);
/* Seals it, and frees it when all holders have released it.  NULL: nothing happens. */
void manifest_close(struct manifest *manifest);
/* For a job that may outlive manifest_close (port/remote.h). */
struct manifest *
manifest_hold(struct manifest *manifest); /* returns its argument; NULL stays NULL */
void manifest_release(struct manifest *manifest);

/* The lock also guards the names of closed segments in the log directory: a thread that deletes or
 * replaces one, or records what has become of one, first looks with the lock held whether it is
 * still there.  Hold it only for calls that touch the log directory's own disk, never an archive.
 * Not recursive.  ERR_CANCELLED: the manifest was closed, and the lock is not held. */
int manifest_lock(struct manifest *manifest);
void manifest_unlock(struct manifest *manifest);

/* A job on a closed segment, in the list of its manifest while it runs: when the segment is deleted,
 * the job learns of it. */
struct manifest_work {
    struct segment_name name;
    atomic_bool deleted; /* set when the file is deleted: the job gives up soon */
    /* With the lock held: the segment is about to appear in an archive.  A deletion then leaves the
     * last step, the copy there, to this job. */
    bool naming;
    struct manifest_work *next;
};
void manifest_work_begin(struct manifest *manifest, struct manifest_work *work);
void manifest_work_end(struct manifest *manifest, struct manifest_work *work);
/* The segment has been deleted here: its jobs learn of it.  True: one of them is naming a copy. */
bool manifest_stop_work_locked(struct manifest *manifest, const struct segment_name *name);

/* Durable when it returns 0.  On an error it may be called again; nothing is written twice.
 * closed_ns: what the first line about a segment said stays; and so does handed_ns, once it is
 * not 0. */
int manifest_append(struct manifest *manifest, const struct manifest_record *record);
int manifest_append_locked(struct manifest *manifest, const struct manifest_record *record);

/* What the last line about it says, without reading it; *closed_ns (it may be NULL) as well, unless
 * there is none. */
enum manifest_event manifest_state(const struct manifest *manifest, const char *stream,
                                   uint64_t sequence, int64_t *closed_ns);
enum manifest_event manifest_state_locked(const struct manifest *manifest, const char *stream,
                                          uint64_t sequence);
/* Has archive_command taken it?  What the lines behind say does not change it. */
bool manifest_handed(const struct manifest *manifest, const char *stream, uint64_t sequence);
/* The last line about it.  ERR_NOT_FOUND: there is none. */
int manifest_find(struct manifest *manifest, const char *stream, uint64_t sequence,
                  struct manifest_record *record);
int manifest_find_locked(struct manifest *manifest, const char *stream, uint64_t sequence,
                         struct manifest_record *record);
/* May a copy of this segment be in an archive, though no line says so?  A move was begun in this
 * run, or the segment is older than this run. */
bool manifest_maybe_copied_locked(const struct manifest *manifest, const char *stream,
                                  uint64_t sequence);
/* A move is about to name its copy. */
int manifest_note_copy_locked(struct manifest *manifest, const struct segment_name *name);

/* The highest sequence that a line tells of; 0: none. */
uint64_t manifest_last_sequence(const struct manifest *manifest, const char *stream);

/* From segment to segment, by stream (in the order of their first lines) and sequence.  All zero:
 * before the first one.  What is appended meanwhile may come or not. */
struct manifest_cursor {
    uint32_t stream;   /* its number */
    uint64_t sequence; /* the next one is not below it */
    /* Of the segment that it stands on. */
    char name[STREAM_NAME_MAX + 1]; /* its stream's */
    uint64_t at;                    /* its sequence */
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
