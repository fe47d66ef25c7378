/* leftovers.h - temporary files that a killed process has left: their names, and when they may be
 * removed.
 *
 *   <stream's folder>/<segment>.new      of `logport archive`, and of re-packing and moves if the
 *                                        folder is on another volume than state; locked while it
 *                                        is written
 *   <dir>/state/<stream>.pack            of re-packing; its writer holds <dir>/state/lock
 *   <dir>/state/<state file>.new         of file_replace and the manifest; likewise (.new2: if .new
 *                                        is a directory that is not empty)
 *   <archive>/state/<stream>.copy        of a move; its writer holds the lock of the owner
 *   <archive>/state/archive-of.new       of file_replace; likewise
 *
 * Only files with exactly these names are removed.  Blocking. */
#ifndef WRITER_SEGMENT_LEFTOVERS_H
#define WRITER_SEGMENT_LEFTOVERS_H

#include "port/files.h"

/* The temporary file next to a segment: its name, followed by this. */
#define LEFTOVERS_COPY ".new"

/* Opens or makes the temporary file and locks it, until file_close.  ERR_BUSY: another process
 * writes it, or has just renamed it. */
int leftovers_lock(struct files *files, const char *path, struct file *file);

/* Each call removes what it can.  Returns 0, or the error of a file or folder that stays. */

/* The temporary file at this path, unless it is locked. */
int leftovers_remove(struct files *files, const char *path);
/* In a stream's folder. */
int leftovers_clear_folder(struct files *files, const char *folder);
/* In the folders of a directory of streams. */
int leftovers_clear_streams(struct files *files, const char *directory);
/* In <dir>/state; the caller holds its lock.  Reports directories of these names,
 * unless they are empty. */
int leftovers_clear_state(struct files *files, const char *directory);
/* In an archive and its streams' folders; the caller holds the lock of the log directory that owns
 * it, and nothing is moved there meanwhile. */
int leftovers_clear_archive(struct files *files, const char *archive);

#endif
