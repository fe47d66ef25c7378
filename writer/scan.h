/* scan.h - reads segments, frame by frame: what recovery, verify and every
 * reader command stand on.  Reads what is being written too.  Blocking; never on
 * a serving owner.  A scan belongs to one thread at a time. */
#ifndef WRITER_SCAN_H
#define WRITER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment_name.h"

/* ---- one segment ---- */

enum scan_damage {
    SCAN_SOUND,
    SCAN_UNFINISHED, /* an append in flight, or torn: a cover, or the file ends inside a frame */
    SCAN_BAD_HEADER, /* bytes that are no frame: where the next one begins is unknown */
    SCAN_BAD_DATA,   /* a frame whose checksum or content is wrong; the next can be read */
};

struct scan {
    struct file file;
    uint64_t offset;       /* of the frame that the last scan_next looked at */
    uint64_t next_offset;  /* where the next one looks */
    uint64_t frame_number; /* data frames before this one, the lost ones too */
    uint64_t line_number;  /* of the first line in raw; the segment's first line is 0 */
    uint64_t frames_lost;  /* passed over as SCAN_BAD_DATA; line_number lacks their lines */
    const uint8_t *raw; /* whole lines, each ended by a newline; the scan's, until the next call */
    uint32_t raw_size;
    uint32_t raw_lines;
    /* The scan's own from here on. */
    bool on_frame;        /* the next call counts the frame at `offset` */
    uint64_t looked_from; /* where the last call began, before it passed over skippable frames */
    uint64_t file_size;   /* as last seen */
    uint8_t *packed, *unpacked;
    size_t packed_max, unpacked_max;
};

/* A segment that has lost its .part since it was listed is opened by its new name
 * (or by the old one, where the listing was ahead), and one that has gone to an archive there.  On an
 * error nothing is open. */
int scan_open(struct files *files, const char *path, struct scan *scan);
void scan_close(struct scan *scan); /* not open: nothing happens */

/* Goes on at the frame behind.  1: scan->raw holds its lines.  0: no lines this time,
 * and *damage says why:
 *   SCAN_SOUND       the end of the file
 *   SCAN_UNFINISHED  nothing more can be read yet; `offset` is where it begins
 *   SCAN_BAD_HEADER  nothing more can be read at all; `offset` is where it begins
 *   SCAN_BAD_DATA    a frame is lost, offset to next_offset; the next call goes on behind it
 * Negative: reading failed; the next call tries the same frame again.  After
 * all but SCAN_BAD_DATA calling again later sees what was appended or uncovered since.
 * Skippable frames are passed over, those of later versions too. */
int scan_next(struct scan *scan, enum scan_damage *damage);

/* Finds the data frames without decoding them, from the front: in one array, for those who
 * read backwards; free() it, also after an error.  *damage as above, never SCAN_BAD_DATA: what
 * is in a frame is not looked at.  Leaves the scan where it was. */
struct scan_frame {
    uint64_t offset;
    uint64_t size;
    uint32_t raw_size;
};
int scan_frames(struct scan *scan, struct scan_frame **frames, uint64_t *count,
                enum scan_damage *damage);
/* Positions on the frame at this offset; the next scan_next returns it.  Who needs its
 * frame_number and line_number sets them behind this call; they are counted on from there,
 * and from 0 where nothing is set. */
void scan_seek(struct scan *scan, uint64_t offset);

/* Behind SCAN_BAD_HEADER: looks byte by byte for the next data frame that is whole and
 * sound, from `offset` on.  1: *found is where it begins; 0: there is none; negative: reading
 * failed.  The scan's position is lost: scan_seek. */
int scan_find_frame(struct scan *scan, uint64_t offset, uint64_t *found);
/* Behind damage of any kind, which lies at `offset`: 1: the next scan_next returns the next
 * sound frame behind it, at next_offset, however much the damage pretends to be; 0: there is
 * none; negative: reading failed.  A skippable frame just before the damage may be what is
 * damaged: `offset` is then moved to where it begins.  frame_number and line_number go on, too low by what was
 * lost, and frames_lost counts it as one. */
int scan_skip_damage(struct scan *scan);

/* ---- the segments of a path ---- */

struct segment_file {
    char *path;
    struct segment_name name; /* stream "" for a file whose name is not a segment's */
    uint64_t size;
    uint64_t id; /* struct file_status's */
    bool named;  /* itself, not the folder in which it was found */
    /* Of one that lies in an archive: its stream's folder in the log directory, with a '/' behind it
     * (archives.h).  NULL: it lies where it was listed. */
    char *home;
};
struct segment_list {
    struct segment_file *files;
    uint32_t count, room;
};

/* Adds to the list, which begins as all zero, and sorts it.  A file: that one, whatever
 * its name.  A stream's folder: its segments.  A directory of streams: the segments of
 * all but `rejects`; `state` is none.  What vanishes while it is listed is left out.
 * ERR_NOT_FOUND, or whatever kept some of it from being read: the rest is in the list. */
int segment_list_add(struct files *files, const char *path, struct segment_list *list);
/* By stream, sequence, the .part behind the closed one, those in archives behind the others,
 * path.  A segment that was found under two names (renamed meanwhile, or named twice) stays once,
 * and so does one that lies in an archive and in its home. */
void segment_list_sort(struct segment_list *list);
/* Behind those that are in the list, in the order in which they are; `more` is empty then.
 * ERR_NO_MEMORY: they are gone. */
int segment_list_join(struct segment_list *list, struct segment_list *more);
/* Those whose out[i] is true leave it; the others stay in their order. */
void segment_list_leave_out(struct segment_list *list, const bool *out);
void segment_list_free(struct segment_list *list);

/* Behind the last separator: '/', or the other one, which people type on Windows. */
const char *segment_file_name(const char *path);

/* The same segment's path with .part if it has none, without if it has; malloc'd.
 * NULL: not a segment's name, or out of memory. */
char *segment_path_other(const char *path);

#endif
