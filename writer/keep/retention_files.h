/* retention_files.h - looks at the segments there are, and deletes those that have to go, one a
 * step.
 *
 * A deletion is three steps: the manifest says that it is coming, the file goes, the manifest says
 * that it has gone.  Each may fail or be the last before a crash: the next call, or the next
 * start, looks again and goes on; nothing that was not decided is ever taken for deleted.
 * Blocking; one thread. */
#ifndef WRITER_KEEP_RETENTION_FILES_H
#define WRITER_KEEP_RETENTION_FILES_H

#include "port/files.h"
#include "writer/keep/manifest.h"
#include "writer/keep/retention.h"

/* Where segments lie: <directory>/<stream>/, in the archives that the directory remembers
 * (archives.h) and, unless it is NULL, in <archive>/<stream>/.  An archive that is not there is
 * passed over: what lies there counts for nothing, and stays.  Not copied. */
struct retention_folders {
    const char *directory, *archive;
};

/* One that has to go; the texts point into the retention, until the next look. */
struct retention_going {
    const char *folder; /* of the streams' folders: where it lies, or one of two while it moves */
    const char *stream;
    struct segment_name name;
    uint64_t bytes;
    int64_t since_ns;
    char reason[RETENTION_REASON_TEXT_MAX];
};

struct retention_tally {
    uint64_t segments, bytes; /* that are there, and closed */
    uint64_t deleted, bytes_deleted;
    uint64_t left; /* that could not be deleted; the next look tries again */
    int last_error;
};

struct retention;

/* manifest may be NULL: only looking then.  `rules` is not copied, and may change between looks. */
int retention_open(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, const struct retention_rules *rules,
                   struct retention **retention);
void retention_close(struct retention *retention); /* NULL: nothing happens */

/* Lists the segments and decides.  How many have to go, or an ERR_. */
int64_t retention_look(struct retention *retention, int64_t now_ns);
/* The n-th of them, the oldest first. */
void retention_tell(const struct retention *retention, uint32_t n, struct retention_going *going);
/* Sees to the next one, and says so on stderr.  1: it is gone; or it is held by somebody, and left
 * to the next look.  0: that was all; look again whenever something may have changed.  On an ERR_
 * it may be called again and goes on where it stopped. */
int retention_step(struct retention *retention, int64_t now_ns);
struct retention_tally retention_tally(const struct retention *retention);

/* At the start: the manifest learns of the deletions that a crash has kept from it.  May be called again after
 * an error. */
int retention_mend(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, int64_t now_ns);

#endif
