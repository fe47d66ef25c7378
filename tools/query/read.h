/* read.h - finds the files that PATHs stand for, and reads their frames in order; damage is
 * reported on stderr and skipped.  Blocking. */
#ifndef TOOLS_QUERY_READ_H
#define TOOLS_QUERY_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "port/options.h"
#include "tools/query/progress.h"
#include "tools/query/wildcards.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* $LOGPORT_DIR, or ./logs. */
const char *default_directory(void);

/* What to read. */
struct read_request {
    struct files *files;
    const char *const *paths; /* files and directories; at least one */
    int path_count;
    /* Files of other programs too (foreign/foreign.h), and "-" for standard input. */
    bool any_file;
    bool named;                /* the user named them; false: paths[0] is default_directory() */
    struct progress *progress; /* where to report progress; never NULL */
};

/* Replaces each pattern (path_is_pattern) by the paths that it stands for.  A pattern that stands for
 * nothing stays, and list_segments reports it.  The paths belong to *expanded: wildcard_free. */
void expand_paths(struct read_request *request, struct wildcard_paths *expanded);
/* Lists the files of all paths, each file once, at the first path that names it.  False: something
 * could not be read and a message was printed; the list holds the rest.  The list starts as all
 * zero; call segment_list_free in any case. */
bool list_segments(const struct read_request *request, struct segment_list *list);
/* Are standard input or other pipes among the files?  They can be read only once. */
bool reads_pipes(const struct segment_list *list);
/* Is this stream one of those that --stream names ("a,b", several times)?  True without names. */
bool streams_want(const struct option_list *streams, const char *stream);
/* Do the files that --stream allows belong to more than one stream? */
bool several_streams(const struct option_list *streams, const struct segment_list *list);
/* False: one of these streams has no file in the list; a message was printed, because an empty
 * result for a mistyped name would look like an answer. */
bool streams_exist(const struct option_list *streams, const struct segment_list *list);
/* Appends one path's files, including archived ones, to the list. 0 or an ERR_ (report_path_error
 * prints it); the list may have grown in both cases.  An archive that cannot be read, and anything
 * with a segment's name that is no file (segment_list.h), sets *all to false and is reported; with
 * `all` NULL it is skipped silently. */
int list_path(struct files *files, const char *path, struct segment_list *list, bool *all);
/* Reports why a path of the request could not be listed. */
void report_path_error(const struct read_request *request, const char *path, int status);
/* A listed segment could not be opened.  True: this is an error and was reported.  False: it was
 * deleted after it was listed, and no older segment of its stream was printed, so it counts as
 * deleted before. shown: the last segment that was read, from oldest to newest; NULL: none, or
 * reading backwards. */
bool report_unopened(const struct segment_file *segment, const struct segment_file *shown,
                     int status);

/* The same for a path of the request.  A directory without segments means its other files that have
 * names of logs; next to segments such files are reported, unless `all` is NULL. */
int list_path_of(const struct read_request *request, const char *path, struct segment_list *list,
                 bool *all);

struct frame_scan {
    struct files *files;
    bool any_file;
    struct foreign *foreign; /* the open file is one of another program */
    struct segment_list list;
    uint32_t next; /* index of the next file to open */
    const struct segment_file *segment;
    const struct segment_file *shown; /* the last file that was opened */
    struct segment_reader reader;
    bool open;
    bool file_begun;
    bool file_begins; /* this frame is the first one of its file */
    bool failed;      /* something could not be read or is damaged; a message was printed */
    uint64_t bytes_passed;
    struct progress *progress;
};

/* results_at_end: see progress_begin. */
void frame_scan_open(struct frame_scan *scan, const struct read_request *request,
                     bool results_at_end);
/* True: reader.raw holds the lines of the next frame, or the next lines of another file.  False:
 * there are no more. */
bool frame_scan_next(struct frame_scan *scan);
void frame_scan_close(struct frame_scan *scan);

/* A short description of the damage. */
const char *damage_text(enum segment_damage damage);
/* Reports the damage on stderr: file, frame, offset and what happens next.  False: it is not damage
 * but the end of a live segment. */
bool report_damage(const struct segment_file *segment, const struct segment_reader *reader,
                   enum segment_damage damage);

/* The end of the line at p, after its newline; and the start of the line that contains p[-1]. */
const uint8_t *line_end(const uint8_t *p, const uint8_t *end);
const uint8_t *line_begin(const uint8_t *begin, const uint8_t *p);

#endif
