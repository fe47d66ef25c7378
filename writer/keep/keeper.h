/* keeper.h - indexes and re-packs a stream's closed segments, and passes them on to an archive or a
 * command.
 *
 * First each gets the index that it lacks: those closed since the start, in their order; then those
 * of earlier runs, the newest first.  An index is appended to the closed file itself (FORMAT.md):
 * readers that have it open see the same lines before, during and after that, and a crash leaves a
 * whole segment with a torn index, which the next start mends.  Some time after they were closed,
 * segments are re-packed (repack.h), the oldest first, into a file in the state folder, which takes
 * the segment's name in one step.  Then they move to the archive (mover.h), if there is one, and a
 * command may take them (handover.h).  The manifest, if there is one, records each step.
 *
 * A failure delays nothing else: a file that another program keeps open is skipped, and tried again
 * after a second, two, four, up to a minute; after any other error the next file follows in a minute,
 * and the failed one after all others.
 *
 * Indexing and re-packing are one job at a time on the idle lane.  The files themselves show what is
 * left to do, so an end at any point loses nothing and does nothing twice.  Every call: the port's
 * owner. */
#ifndef WRITER_KEEP_KEEPER_H
#define WRITER_KEEP_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "writer/keep/handover.h"

struct archive_lanes;
struct keeper;
struct manifest;

/* What a job takes beside its segment's own index, at most. */
#define KEEPER_MEMORY_BYTES (48u << 20)

struct keeper_rules {
    uint64_t archive_after_s;   /* since a segment was last written to */
    uint32_t archive_level;     /* LZ4 HC's, 3 to 12; 0: nothing is packed again */
    uint64_t archive_bytes_min; /* of lines: fewer do not become smaller */
    /* Where they move then, if there is a manifest: a path that holds everywhere; NULL: nowhere. */
    const char *archive_dir;
    struct handover_rules command; /* which takes them then, if there is a manifest */
};

struct keeper_options {
    const char *directory; /* the log directory */
    const char *stream;
    const char *folder;     /* of the stream's segments */
    const char *pack_path;  /* where a segment is packed: on the same volume */
    uint64_t last_sequence; /* segments above it are new */
    struct keeper_rules rules;
    struct manifest *manifest;   /* NULL: there is none; then nothing moves or is handed over */
    struct archive_lanes *lanes; /* NULL without a manifest */
};

struct keeper_counts {
    uint64_t segments_indexed, segments_archived, segments_moved, move_failures;
    struct handover_counts handed;
};

/* The strings must outlive it, but those of the rules, which are copied. */
int keeper_open(struct port *port, const struct keeper_options *options, struct keeper **keeper);
/* Other rules, from the next job on; they are copied. */
void keeper_set_rules(struct keeper *keeper, const struct keeper_rules *rules);
/* There may be something to do: it is looked for now; keeper_closed: a segment was closed, and it is
 * looked for in 10 s, when the rush may be over. */
void keeper_look(struct keeper *keeper);
void keeper_closed(struct keeper *keeper);
/* Nothing more moves to an archive; a move in hand gives up soon (mover_stop). */
void keeper_stop_moving(struct keeper *keeper);
/* From here on new segments get their index, if that is soon done (files of up to 8 MiB), and
 * nothing else is done; what else is in hand is let go. */
void keeper_finish(struct keeper *keeper);
/* What is in hand is let go, and nothing new begun. */
void keeper_stop(struct keeper *keeper);
/* After keeper_finish or keeper_stop: false once nothing is under way. */
bool keeper_busy(const struct keeper *keeper);
/* It is not a command that it waits for. */
bool keeper_at_work(const struct keeper *keeper);
struct keeper_counts keeper_counts(const struct keeper *keeper);
void keeper_free(struct keeper *keeper); /* not busy */

#endif
