/* segment_list.h - the segment files that a path means: a file, a stream's folder, or a directory
 * of streams.  Blocking; never on a serving owner. */
#ifndef WRITER_SEGMENT_SEGMENT_LIST_H
#define WRITER_SEGMENT_SEGMENT_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment/segment_name.h"

struct segment_file {
    char *path;
    struct segment_name name; /* stream "" for a file whose name is not a segment's */
    uint64_t size;
    uint64_t id; /* struct file_status's */
    bool named;  /* itself, not the folder in which it was found */
    bool pipe;   /* or standard input: can be read once.  segment_list_add adds none. */
    /* Of an archived one: its stream's folder in the log directory, with a '/' at its end
     * (archives.h).  NULL: it is stored where it was listed. */
    char *home;
};
/* Something with a segment's name that is no file, or what could not be examined. */
struct segment_skipped {
    char *path;
    int error;
};
struct segment_list {
    struct segment_file *files;
    uint32_t count, room;
    struct segment_skipped *skipped; /* each path once */
    uint32_t skipped_count, skipped_room;
};

/* Adds to the list, which begins as all zero, and sorts it.  A file: that one, whatever its name.
 * A stream's folder: its segments.  A directory of streams: the segments of all but `rejects`;
 * `state` is none.  Files that vanish during the listing are left out.  What a folder holds under a
 * segment's name is listed if it is a regular file or a symbolic link to one; anything else (pipes,
 * sockets, devices, directories, links that lead nowhere) is skipped: the caller reports `skipped`.
 * After an error (ERR_NOT_FOUND, or why something could not be examined, which then is in `skipped`
 * too unless it is the path itself) everything else is in the list. */
int segment_list_add(struct files *files, const char *path, struct segment_list *list);
/* Sorts by stream, sequence, closed before .part, the log directory before archives, and path.  A
 * segment that was found under two names (renamed meanwhile, or named twice), or in an archive and
 * in its home, stays once. */
void segment_list_sort(struct segment_list *list);
/* Forgets what was skipped, once it has been reported. */
void segment_list_forget_skipped(struct segment_list *list);
/* Appends `more` to the list, in its order, and empties it.  ERR_NO_MEMORY: they are lost. */
int segment_list_join(struct segment_list *list, struct segment_list *more);
/* Removes those whose out[i] is true; the others stay in their order. */
void segment_list_leave_out(struct segment_list *list, const bool *out);
void segment_list_free(struct segment_list *list);

/* The same segment's path with .part if it has none, without if it has; malloc'd.
 * NULL: not a segment's name, or out of memory. */
char *segment_path_other(const char *path);

#endif
