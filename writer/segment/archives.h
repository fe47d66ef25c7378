/* archives.h - the other directories that hold closed segments of a log directory.
 *
 * <dir>/state/archives lists them, so that a reader of <dir> finds everything; each archive names
 * its owner in <archive>/state/archive-of.  So an empty mount point is not mistaken for the volume
 * that belongs there, nor another daemon's archive for ours.  Segments are stored as in the log
 * directory: <archive>/<stream>/<name>.  Blocking; archives may be volumes that hang. */
#ifndef WRITER_SEGMENT_ARCHIVES_H
#define WRITER_SEGMENT_ARCHIVES_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment/segment_list.h"

#define ARCHIVES_FILE     "archives"
#define ARCHIVES_OF_FILE  "archive-of"
/* Of one log directory, over its whole life and all its streams. */
#define ARCHIVES_MAX      4
#define ARCHIVES_ID_BYTES 16

struct archives {
    char id[2 * ARCHIVES_ID_BYTES + 1]; /* of the log directory; "": it has none yet */
    uint32_t count;
    char folders[ARCHIVES_MAX][PATH_BYTES_MAX];
};

/* Reads only the log directory.  Without an archive the list is empty.  ERR_INVALID: the file is
 * damaged. */
int archives_read(struct files *files, const char *directory, struct archives *archives);
/* Is it there, and ours?  ERR_NOT_FOUND: it is not there, or nothing says that it is an archive
 * (a volume that is not mounted); ERR_EXISTS: it is another directory's. */
int archives_check(struct files *files, const struct archives *archives, const char *folder);
/* The same; but a folder that the directory does not list becomes its archive, unless it is another
 * directory's (ERR_EXISTS) or a log directory, this one or another (ERR_INVALID).  It is made if
 * necessary.  ERR_NOT_MADE: it cannot be made there; ERR_TOO_LARGE: there are ARCHIVES_MAX already;
 * ERR_UNSUPPORTED: such a name cannot be listed.  chance: ARCHIVES_ID_BYTES random bytes, for the
 * id if it has none. */
int archives_claim(struct files *files, const char *directory, const char *folder,
                   const uint8_t *chance);
/* The steps of a claim, for threads that share a log directory.  The first and the last touch only
 * the log directory: one thread at a time.  *remembered: the directory lists the folder already. */
int archives_prepare(struct files *files, const char *directory, const char *folder,
                     const uint8_t *chance, struct archives *archives, bool *remembered);
int archives_mark(struct files *files, const struct archives *archives, const char *folder,
                  bool remembered);
int archives_remember(struct files *files, const char *directory, const char *folder,
                      struct archives *archives);
/* The error in words. */
const char *archives_error_text(int error);

/* To be called after segment_list_add for the same path, a log directory or a stream's folder in
 * one: adds the segments of its archives.  A segment in both places is listed once.  An archive
 * that cannot be read is skipped; the last such error is returned, and `folder` (PATH_BYTES_MAX
 * bytes) receives its name. */
int archives_list(struct files *files, const char *path, struct segment_list *list, char *folder);
/* The path in an archive of a segment that was at `path` before, live or closed; malloc'd.  NULL:
 * in no archive. */
char *archives_find(struct files *files, const char *path);

#endif
