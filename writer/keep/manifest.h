/* manifest.h - <dir>/state/manifest.ndjson: what happened to each closed segment.
 *
 * One line of JSON per event, appended and synced before the next.  The last line about a segment
 * is the valid one.  Opening the manifest cuts off a torn last line, and writes the file again,
 * because what the last process left may not be on the disk.  When half of the file is out of date
 * it is compacted to one line per segment; of the segments that were deleted before the oldest
 * existing one, the last ones keep their lines, and one line sums up the others.  Lines of unknown
 * events are kept.  The file therefore never exceeds the larger of twice the kept lines and
 * MANIFEST_COMPACT_BYTES.  In memory a segment takes 56 bytes.
 *
 * Only the process that holds <dir>/state/lock writes.  Calls block, but only on the log
 * directory's disk.  Any thread may call: each call takes the manifest's lock, unless its name ends
 * in _locked. */
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

/* Opens for writing: creates <dir>/state and cuts off a torn end.  The caller holds
 * <dir>/state/lock. */
int manifest_open(struct files *files, const char *directory, struct manifest **manifest);
/* The same for a program that works without it for a while: if the file cannot be read now, that is
 * reported, and the manifest is unread.  Whatever needs it then reads it again, and fails as long as
 * that fails; the calls that only ask the table in memory find nothing. */
int manifest_open_lazily(struct files *files, const char *directory, struct manifest **manifest);
/* 0: it is read, or has just been.  To be called before a decision from what the table does not
 * say.  Never ERR_NOT_FOUND or ERR_INVALID, which would be a segment's. */
int manifest_ready(struct manifest *manifest);
/* Opens for reading, as the file is now; another process may write to it meanwhile.  ERR_NOT_FOUND:
 * there is no manifest. */
int manifest_read(struct files *files, const char *directory, struct manifest **manifest);
/* After this call nothing changes the file or the log directory through this manifest:
 * manifest_lock and manifest_append fail with ERR_CANCELLED.  NULL: nothing happens. */
void manifest_seal(struct manifest *manifest);
/* Seals it; the last manifest_release frees it.  NULL: nothing happens. */
void manifest_close(struct manifest *manifest);
/* For a job that may outlive manifest_close (port/remote.h). */
struct manifest *manifest_hold(struct manifest *manifest); /* returns its argument, also NULL */
void manifest_release(struct manifest *manifest);

/* The lock also guards the names of closed segments in the log directory: a thread that deletes or
 * replaces a segment, or records an event of it, first checks with the lock held that the file
 * still exists.  Hold the lock only for calls that touch the log directory's own disk, never an
 * archive.  Not recursive.  After an error the lock is not held.  ERR_CANCELLED: the manifest was
 * closed; others: see manifest_ready. */
int manifest_lock(struct manifest *manifest);
void manifest_unlock(struct manifest *manifest);

/* A running job on a closed segment.  It is in the manifest's list, so that deleting the segment
 * notifies it. */
struct manifest_work {
    struct segment_name name;
    atomic_bool deleted; /* set when the file is deleted: the job stops soon */
    /* Set with the lock held before the segment's copy gets its name in an archive.  From then on
     * this job, not the deletion, removes the copy. */
    bool naming;
    struct manifest_work *next;
};
void manifest_work_begin(struct manifest *manifest, struct manifest_work *work);
void manifest_work_end(struct manifest *manifest, struct manifest_work *work);
/* The segment's file was deleted from the log directory: notifies its jobs.  True: `naming` is set
 * in one of them. */
bool manifest_stop_work_locked(struct manifest *manifest, const struct segment_name *name);
/* Is a job giving a copy of this segment its name in an archive? */
bool manifest_naming(struct manifest *manifest, const struct segment_name *name);
bool manifest_naming_locked(const struct manifest *manifest, const struct segment_name *name);

/* 0: the line is durable.  After an error it may be called again; nothing is written twice.
 * closed_ns of the segment's first line is kept in all later lines, and so is the first handed_ns
 * that is not 0. */
int manifest_append(struct manifest *manifest, const struct manifest_record *record);
int manifest_append_locked(struct manifest *manifest, const struct manifest_record *record);
/* 0: all lines are durable, those of an earlier process too.  To be called before acting on a line
 * that this process has not appended. */
int manifest_make_durable(struct manifest *manifest);

/* Records the event of a closed segment in the log directory, unless the manifest has it or a later
 * one.  0: recorded, or the file was deleted meanwhile. */
int manifest_ensure(struct manifest *manifest, const char *path, enum manifest_event event,
                    int64_t now_ns);

/* The event of the segment's last line, from memory.  closed_ns may be NULL; it is not set if there
 * is no line. */
enum manifest_event manifest_state(const struct manifest *manifest, const char *stream,
                                   uint64_t sequence, int64_t *closed_ns);
enum manifest_event manifest_state_locked(const struct manifest *manifest, const char *stream,
                                          uint64_t sequence);
/* Has archive_command succeeded for it?  Later events do not change that. */
bool manifest_handed(const struct manifest *manifest, const char *stream, uint64_t sequence);
/* Reads the segment's last line.  ERR_NOT_FOUND: there is none. */
int manifest_find(struct manifest *manifest, const char *stream, uint64_t sequence,
                  struct manifest_record *record);
int manifest_find_locked(struct manifest *manifest, const char *stream, uint64_t sequence,
                         struct manifest_record *record);
/* May an archive hold a copy of this segment that no line mentions?  True if a move was begun in
 * this run, or if the segment is older than this run. */
bool manifest_maybe_copied_locked(const struct manifest *manifest, const char *stream,
                                  uint64_t sequence);
/* To be called before a move gives its copy a name: from now on maybe_copied is true. */
int manifest_note_copy_locked(struct manifest *manifest, const struct segment_name *name);

/* The sum of the stream's deleted segments that compacting has left out: segments, lines and bytes;
 * its name is that of the last one.  ERR_NOT_FOUND: there are none. */
int manifest_find_earlier(struct manifest *manifest, const char *stream,
                          struct manifest_record *record);

/* The stream's highest sequence in any line, up to a limit; 0: none. */
uint64_t manifest_last_sequence(const struct manifest *manifest, const char *stream, uint64_t max);

/* Iterates over segments by stream (in the order of the streams' first lines) and sequence.  All
 * zero: before the first segment.  Lines appended meanwhile may or may not be seen. */
struct manifest_cursor {
    uint32_t stream;   /* number of the stream */
    uint64_t sequence; /* the next segment has at least this sequence */
    /* The current segment. */
    char name[STREAM_NAME_MAX + 1]; /* its stream */
    uint64_t at;                    /* its sequence */
    enum manifest_event event;
    int64_t closed_ns;
};
bool manifest_next(const struct manifest *manifest, struct manifest_cursor *cursor);

uint64_t manifest_bytes(const struct manifest *manifest); /* of the file */
/* Lines that are not valid; they are skipped. */
uint64_t manifest_lines_damaged(const struct manifest *manifest);

/* Reads a segment: number of lines, their bytes, their digest.  ERR_INVALID: it is damaged; the
 * results cover the lines that could be read, as an index does. */
int manifest_measure(struct files *files, const char *path, uint64_t *lines, uint64_t *raw_bytes,
                     uint64_t *xxh3);
/* Fills in a record from the closed segment's index, or else from its lines; all but event, time,
 * folder and reason.  Damage is no error: the record covers the lines that can be read. */
int manifest_describe(struct files *files, const char *path, struct manifest_record *record);

#endif
