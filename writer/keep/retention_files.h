/* retention_files.h - lists the segments, decides which to delete (retention.h), and deletes them,
 * one per step.
 *
 * A deletion is three steps (deletion.h).  After a failure or a crash at any of them, the next call
 * or the next start lists the segments again and continues.  A segment that was not announced is
 * never recorded as deleted.
 *
 * A struct retention covers all places where segments are stored, or only some of them, so that a
 * hung archive delays no deletion elsewhere.  Blocking; one thread at a time. */
#ifndef WRITER_KEEP_RETENTION_FILES_H
#define WRITER_KEEP_RETENTION_FILES_H

#include "port/files.h"
#include "writer/keep/manifest.h"
#include "writer/keep/retention.h"
#include "writer/segment/archives.h"

/* Where segments are stored: place 0 is <directory>/<stream>/, the next places are the archives
 * that the directory remembers (archives.h) in their order, and the last one, unless it is NULL, is
 * <archive>/<stream>/.  An unavailable archive is skipped: its segments do not count and are not
 * deleted.  Not copied. */
struct retention_folders {
    const char *directory, *archive;
};

/* A segment to delete.  The strings point into the retention and are valid until the next look. */
struct retention_going {
    const char *folder; /* contains the stream's folder; one of two while the segment moves */
    const char *stream;
    struct segment_name name;
    uint64_t bytes;
    int64_t since_ns;
    char reason[RETENTION_REASON_TEXT_MAX];
};

/* The segments of an archive, as an earlier look found them. */
struct retention_listing {
    uint64_t folder_id; /* of the archive, which may have several names */
    uint32_t count;
    struct retention_listed {
        struct segment_name name;
        uint64_t bytes;
        uint64_t volume; /* 0: not known */
        int64_t closed_ns;
    } segments[];
};
/* malloc'd.  NULL: the argument was NULL, or no memory. */
struct retention_listing *retention_listing_copy(const struct retention_listing *listing);

/* Which places a struct retention touches. */
struct retention_reach {
    uint32_t lists;   /* bit p: it lists place p at each look */
    uint32_t deletes; /* bit p: it deletes from place p, which it must list */
    uint32_t stuck;   /* as in retention.h */
    /* Listings of the other places; NULL: nothing is known.  Not copied. */
    const struct retention_listing *known[RETENTION_PLACES];
};

struct retention_tally {
    uint64_t segments, bytes; /* closed segments that exist */
    uint64_t deleted, bytes_deleted;
    uint64_t left; /* could not be deleted; the next look tries again */
    int last_error;
    uint32_t elsewhere; /* bit p: place p, out of reach, may hold a segment to delete */
};

struct retention;

/* manifest may be NULL; then only looking is allowed.  `rules` is not copied and may change between
 * looks. */
int retention_open(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, const struct retention_rules *rules,
                   struct retention **retention);
void retention_close(struct retention *retention); /* NULL: nothing happens */
/* Applies from the next look on; copied.  Without this call all places are reached. */
void retention_set_reach(struct retention *retention, const struct retention_reach *reach);
/* An unavailable archive is reported once.  When several struct retention look at it in turn, these
 * two carry from one to the next whether that was done. */
void retention_set_away(struct retention *retention, uint32_t place, bool reported);
bool retention_away(const struct retention *retention, uint32_t place);
/* A file that cannot be deleted and a folder that cannot be listed are reported once, and again after
 * 1 min, 2 min, up to 1 h.  These two carry that in the same way. */
struct retention_reports {
    struct retention_report file, folder;
};
void retention_set_reports(struct retention *retention, const struct retention_reports *reports);
struct retention_reports retention_reports(const struct retention *retention);
/* After an ERR_ of a look or step: the file or folder that it is about; valid until the next one. */
const char *retention_failed_path(const struct retention *retention);
/* After a look: the archives that the directory remembers; valid until the next look. */
const struct archives *retention_archives(const struct retention *retention);
/* After a look that has listed this one archive and the steps that followed: what the archive holds
 * now; malloc'd.  NULL: it is unavailable, or no memory. */
struct retention_listing *retention_listing_of(const struct retention *retention, uint32_t place);

/* The least free space on the volumes that the streams' folders in the log directory are on; without
 * any stream, of the log directory's own. */
int retention_least_free(const struct retention *retention, uint64_t *bytes);

/* Lists the segments and decides.  Returns the number of segments to delete, or an ERR_. */
int64_t retention_look(struct retention *retention, int64_t now_ns);
/* Describes the n-th segment to delete, the oldest first. */
void retention_describe(const struct retention *retention, uint32_t n,
                        struct retention_going *going);
/* Deletes the next segment and reports it.  1: it was deleted; or another program keeps it open,
 * and the next look tries again; or it is out of reach.  0: there are no more.  After an ERR_ the
 * next call continues where this one stopped. */
int retention_step(struct retention *retention, int64_t now_ns);
struct retention_tally retention_tally(const struct retention *retention);

/* At the start: records announced deletions that were done before a crash, but not recorded.
 * Touches all archives.  May be called again after an error. */
int retention_mend(struct files *files, const struct retention_folders *folders,
                   struct manifest *manifest, int64_t now_ns);

#endif
