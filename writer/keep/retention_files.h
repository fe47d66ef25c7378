/* retention_files.h - lists the segments, and deletes those that have to go, one a step.
 *
 * A deletion is three steps (deletion.h).  Each may fail or be the last before a crash: the next
 * call, or the next start, looks again and continues; nothing that was not decided is ever taken for
 * deleted.
 *
 * One struct retention reaches all places where segments are stored, or only some of them, so that
 * an archive that hangs delays no deletion elsewhere.  Blocking; one thread at a time. */
#ifndef WRITER_KEEP_RETENTION_FILES_H
#define WRITER_KEEP_RETENTION_FILES_H

#include "port/files.h"
#include "writer/keep/manifest.h"
#include "writer/keep/retention.h"
#include "writer/segment/archives.h"

/* Where segments are stored: place 0 is <directory>/<stream>/, then come the archives that the
 * directory remembers (archives.h) in their order, and last, unless it is NULL,
 * <archive>/<stream>/.  An archive that is not there is skipped: its segments do not count, and
 * stay.  Not copied. */
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

/* What an archive holds, as an earlier look there found it. */
struct retention_listing {
    uint64_t folder_id; /* of the archive: it may have several names */
    bool on_log_volume; /* it shares the log directory's free space */
    uint32_t count;
    struct retention_listed {
        struct segment_name name;
        uint64_t bytes;
        int64_t closed_ns;
    } segments[];
};
/* malloc'd; of NULL, or without memory, NULL. */
struct retention_listing *retention_listing_copy(const struct retention_listing *listing);

/* Which places a struct retention touches. */
struct retention_reach {
    uint32_t lists;   /* bit p: it lists place p at each look */
    uint32_t deletes; /* bit p: it deletes there; only places that it lists */
    uint32_t stuck;   /* as in retention.h */
    /* Of the other places; NULL: nothing is known.  Not copied. */
    const struct retention_listing *known[RETENTION_VOLUMES];
};

struct retention_tally {
    uint64_t segments, bytes; /* that are there, and closed */
    uint64_t deleted, bytes_deleted;
    uint64_t left; /* that could not be deleted; the next look tries again */
    int last_error;
    uint32_t elsewhere; /* bit p: something has to go from place p, out of reach */
};

struct retention;

/* manifest may be NULL: only looking then.  `rules` is not copied, and may change between looks. */
int retention_open(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, const struct retention_rules *rules,
                   struct retention **retention);
void retention_close(struct retention *retention); /* NULL: nothing happens */
/* From the next look on; copied.  Without this call it reaches all places. */
void retention_set_reach(struct retention *retention, const struct retention_reach *reach);
/* That an archive is away is reported once: by which look, if each has a struct retention of its
 * own? */
void retention_set_away(struct retention *retention, uint32_t place, bool reported);
bool retention_away(const struct retention *retention, uint32_t place);
/* After a look: the archives that the directory remembers; valid until the next look. */
const struct archives *retention_archives(const struct retention *retention);
/* After a look that has listed this one archive, and the steps that followed: what it holds now;
 * malloc'd.  NULL: it is not there, or no memory. */
struct retention_listing *retention_listing_of(const struct retention *retention, uint32_t place);

/* Lists the segments and decides.  How many have to go, or an ERR_. */
int64_t retention_look(struct retention *retention, int64_t now_ns);
/* The n-th of them, the oldest first. */
void retention_tell(const struct retention *retention, uint32_t n, struct retention_going *going);
/* Deletes the next one, and reports it.  1: it is gone; or another program keeps it open, and the
 * next look tries again; or it is out of reach.  0: that was all.  On an ERR_ it may be called again
 * and continues where it stopped. */
int retention_step(struct retention *retention, int64_t now_ns);
struct retention_tally retention_tally(const struct retention *retention);

/* At the start: records the deletions that a crash has kept from the manifest.  Touches all archives.
 * May be called again after an error. */
int retention_mend(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, int64_t now_ns);

#endif
