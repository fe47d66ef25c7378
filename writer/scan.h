/* scan.h - reads segments, frame by frame: what recovery, verify and every
 * reader command stand on.  Blocking; never on a serving owner. */
#ifndef WRITER_SCAN_H
#define WRITER_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment_name.h"

/* ---- one segment ---- */

enum scan_damage {
    SCAN_SOUND,
    SCAN_UNFINISHED,  /* the file ends inside a frame: an append in flight, or torn */
    SCAN_BAD_HEADER,  /* bytes that are no frame: where the next one begins is unknown */
    SCAN_BAD_DATA,    /* a frame whose checksum or content is wrong; the next can be read */
};

struct scan {
    struct file file;
    uint64_t offset;      /* of the frame that scan_next returned */
    uint64_t next_offset; /* of the frame behind it */
    uint64_t frame_number; /* data frames before this one */
    uint64_t line_number; /* of the first line in raw; the segment's first line is 0 */
    const uint8_t *raw;   /* whole lines, each ended by a newline; the scan's, until the next call */
    uint32_t raw_size;
    uint32_t raw_lines;
    bool truncated_is_end;
    uint8_t *packed, *unpacked;
    size_t packed_max, unpacked_max;
};

int scan_open(struct files *files, const char *path, struct scan *scan);
void scan_close(struct scan *scan);
/* Goes on at the frame behind.  1: scan->raw holds its lines.  0: the end of what can be
 * read; *damage says whether that is the end of the file.  1 never comes with
 * damage; SCAN_BAD_DATA comes with 0 too, and the next call goes on behind it.
 * Negative: reading failed.  At the end, calling again later sees what was
 * appended since. */
int scan_next(struct scan *scan, enum scan_damage *damage);

/* Finds the frames without decoding them, from the front: their offsets, in one
 * array that grows, for those who read backwards. free() it. */
struct scan_frame {
    uint64_t offset;
    uint64_t size;
    uint32_t raw_size;
};
int scan_frames(struct scan *scan, struct scan_frame **frames, uint64_t *count,
                enum scan_damage *damage);
/* Positions on the frame at this offset; the next scan_next returns it. Its frame
 * and line number are then the caller's to set. */
void scan_seek(struct scan *scan, uint64_t offset);

/* ---- the segments of a path ---- */

struct segment_file {
    char *path;
    struct segment_name name; /* stream "" for a file whose name is not a segment's */
    uint64_t size;
};
struct segment_list {
    struct segment_file *files; /* by stream, sequence */
    uint32_t count, room;
};

/* A file: that one. A stream's folder: its segments. A directory of
 * streams: all of them but `rejects`. Adds to the list. ERR_NOT_FOUND, or
 * whatever kept it from being read. */
int segment_list_add(struct files *files, const char *path, struct segment_list *list);
void segment_list_sort(struct segment_list *list);
void segment_list_free(struct segment_list *list);

#endif
