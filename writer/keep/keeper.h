/* keeper.h - indexes and re-packs a stream's closed segments, and passes them on to an archive or a
 * command.
 *
 * Every closed segment is recorded in the manifest, if there is one, whatever the order in which
 * segments close: 10 s after it was closed, or when earlier work allows, and at the latest when the
 * keeper finishes.  It gets its index first: segments closed since the start in the order of their
 * sequences, then those of earlier runs, the newest first.  The index is appended to the closed
 * file itself (FORMAT.md): readers that have the file open see the same lines before, during and
 * after that.  A crash leaves a whole segment with a torn index, which the next start repairs.
 *
 * archive_after_s after they were last written to, segments are re-packed (repack.h), the lowest
 * sequence first, into a file in the state folder, which takes the segment's name in one step.
 * Then segments move to the archive (mover.h) and are handed over to a command (handover.h), if
 * these are configured.  The manifest records each step.
 *
 * A failure delays nothing else.  A file that another program keeps open is skipped and retried
 * after 1 s, 2 s, 4 s, ... up to a minute.  After any other error the next file follows in a
 * minute, and the failed one is retried after all others.
 *
 * Indexing and re-packing run as one job at a time on the idle lane.  The files themselves and the
 * manifest show what is left to do, so a crash at any point loses nothing and repeats nothing.
 * Every call: the port's owner. */
#ifndef WRITER_KEEP_KEEPER_H
#define WRITER_KEEP_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "writer/keep/handover.h"

struct archive_lanes;
struct keeper;
struct manifest;

/* Limit of the memory of a job, in addition to its segment's own index. */
#define KEEPER_MEMORY_BYTES (48u << 20)

struct keeper_rules {
    uint64_t archive_after_s; /* since a segment was last written to */
    uint32_t archive_level;   /* of LZ4 HC, 3 to 12; 0: nothing is re-packed */
    /* Raw bytes; smaller segments do not shrink and are not re-packed. */
    uint64_t archive_bytes_min;
    /* Where segments move, if there is a manifest: an absolute path; NULL: nowhere. */
    const char *archive_dir;
    struct handover_rules command; /* is run afterwards, if there is a manifest */
};

struct keeper_options {
    const char *directory; /* the log directory */
    const char *stream;
    const char *folder;     /* of the stream's segments */
    const char *pack_path;  /* temporary file for re-packing, if it is on the folder's volume */
    uint64_t last_sequence; /* segments with a higher sequence were closed in this run */
    struct keeper_rules rules;
    struct manifest *manifest;   /* NULL: none; then nothing moves or is handed over */
    struct archive_lanes *lanes; /* NULL without a manifest */
};

struct keeper_counts {
    uint64_t segments_indexed, segments_archived, segments_moved, move_failures;
    struct handover_counts handed;
};

/* The options' strings must outlive the keeper; those of the rules are copied. */
int keeper_open(struct port *port, const struct keeper_options *options, struct keeper **keeper);
/* Applies from the next job on; copied. */
void keeper_set_rules(struct keeper *keeper, const struct keeper_rules *rules);
/* Looks for work now. */
void keeper_look(struct keeper *keeper);
/* A segment was closed: looks for work in 10 s, when a burst of input may be over. */
void keeper_closed(struct keeper *keeper);
/* Starts no more moves; a running move stops soon (mover_stop). */
void keeper_stop_moving(struct keeper *keeper);
/* From now on only records the segments that are not in the manifest, and indexes those of this run
 * that are at most 8 MiB; all other running work stops soon. */
void keeper_finish(struct keeper *keeper);
/* After keeper_finish: indexes no more, and kills a running command. */
void keeper_stop_indexing(struct keeper *keeper);
/* Stops the running work soon, and starts nothing new. */
void keeper_stop(struct keeper *keeper);
/* After keeper_finish or keeper_stop: false once all work has ended. */
bool keeper_busy(const struct keeper *keeper);
/* Its job runs or its timer is pending; commands and moves do not count. */
bool keeper_at_work(const struct keeper *keeper);
struct keeper_counts keeper_counts(const struct keeper *keeper);
void keeper_free(struct keeper *keeper); /* not busy */

#endif
