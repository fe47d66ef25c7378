/* read.h - what the commands that read segments share: which files a PATH
 * means, and all their frames one after the other, damage told and passed over. */
#ifndef TOOLS_QUERY_READ_H
#define TOOLS_QUERY_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "port/options.h"
#include "tools/query/progress.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* $LOGPORT_DIR, or ./logs. */
const char *default_directory(void);

/* What to read. */
struct read_request {
    struct files *files;
    const char *const *paths; /* files and directories; at least one */
    int path_count;
    bool named;                /* the user named them; false: paths[0] is default_directory() */
    struct progress *progress; /* where to report progress; never NULL */
};

/* The files that the paths mean, each once, where it is named first.  False: something could not
 * be read and a message was printed; the list holds the rest.  The list begins as all zero;
 * segment_list_free it in any case. */
bool list_segments(const struct read_request *request, struct segment_list *list);
/* A name that was mistyped finds nothing, which must not look like an answer.  False: one of these
 * streams has no file in the list, which has been said. */
bool streams_exist(const struct option_list *streams, const struct segment_list *list);
/* One path's files, those in its archives too, behind those that are in the list.  0 or an ERR_,
 * which tell_path says; the list may have grown even so.  An archive that cannot be read makes
 * *all false, and is said; NULL: it is passed over in silence. */
int list_path(struct files *files, const char *path, struct segment_list *list, bool *all);
void report_path_error(const char *path, bool named, int status);
/* A listed segment that cannot be opened.  True: that is trouble, and has been said.  False: it was
 * deleted since it was listed, and nothing older of its stream has been shown: as if it had been
 * deleted before.  shown: the last segment that was read, going from the oldest to the newest;
 * NULL: none, or going the other way. */
bool report_unopened(const struct segment_file *segment, const struct segment_file *shown,
                     int status);

struct frame_scan {
    struct files *files;
    struct segment_list list;
    uint32_t next; /* the index of the file to open next */
    const struct segment_file *segment;
    const struct segment_file *shown; /* the last one that was opened */
    struct segment_reader reader;
    bool open;
    bool file_begun;
    bool file_begins; /* this frame is the first that came of its file */
    bool failed;      /* something could not be read, or is damaged; it has been said */
    uint64_t bytes_passed;
    struct progress *progress;
};

/* results_at_end: nothing is printed before the end (see progress_begin). */
void frame_scan_open(struct frame_scan *reading, const struct read_request *request,
                     bool results_at_end);
/* True: reader.raw holds the next frame's lines.  False: that was all. */
bool frame_scan_next(struct frame_scan *reading);
void frame_scan_close(struct frame_scan *reading);

/* What is wrong, in a few words: "the checksum does not match". */
const char *damage_text(enum segment_damage damage);
/* Says so on stderr: file, frame, offset, what follows from it.  False: it is no
 * damage, but the end of a file that is being written. */
bool report_damage(const struct segment_file *segment, const struct segment_reader *reader,
                   enum segment_damage damage);

/* The line end behind p, and the beginning of the line that holds p[-1]. */
const uint8_t *line_end(const uint8_t *p, const uint8_t *end);
const uint8_t *line_begin(const uint8_t *begin, const uint8_t *p);

#endif
