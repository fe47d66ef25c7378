/* segment_reader.h - reads segments frame by frame, for recovery, verify and every reader command.
 * Reads live segments, too.  Blocking; never on a serving owner.  A reader belongs to one thread at
 * a time. */
#ifndef WRITER_SEGMENT_SEGMENT_READER_H
#define WRITER_SEGMENT_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/segment/segment_name.h"

enum segment_damage {
    SEGMENT_SOUND,
    SEGMENT_UNFINISHED, /* an append in flight, or torn: a cover, or the file ends inside a frame */
    SEGMENT_BAD_HEADER, /* bytes that are no frame: where the next one begins is unknown */
    SEGMENT_BAD_DATA,   /* a frame whose checksum or content is wrong; the next can be read */
};

struct segment_reader {
    struct file file;
    uint64_t offset;       /* of the frame that the last segment_reader_next looked at */
    uint64_t next_offset;  /* where the next one looks */
    uint64_t frame_number; /* data frames before this one, the lost ones too */
    uint64_t line_number;  /* of the first line in raw; the segment's first line is 0 */
    uint64_t frames_lost;  /* skipped as SEGMENT_BAD_DATA; line_number lacks their lines */
    const uint8_t
        *raw; /* whole lines, each ended by a newline; the reader's, until the next call */
    uint32_t raw_size;
    uint32_t raw_lines;
    /* The reader's own from here on. */
    bool on_frame;        /* the next call counts the frame at `offset` */
    uint64_t looked_from; /* where the last call began, before it skipped skippable frames */
    uint64_t file_size;   /* as last seen */
    uint8_t *packed, *unpacked;
    size_t packed_max, unpacked_max;
};

/* If the file is not there, tries its name without .part (or with it), then the archives: it may
 * have been closed or moved since it was listed.  On an error nothing is open. */
int segment_reader_open(struct files *files, const char *path, struct segment_reader *reader);
void segment_reader_close(struct segment_reader *reader); /* not open: nothing happens */

/* Continues with the next data frame.  1: reader->raw holds its lines.  0: no lines this time, and
 * *damage says why:
 *   SEGMENT_SOUND       the end of the file
 *   SEGMENT_UNFINISHED  nothing more can be read yet; `offset` is where it begins
 *   SEGMENT_BAD_HEADER  nothing more can be read at all; `offset` is where it begins
 *   SEGMENT_BAD_DATA    a frame is lost, offset to next_offset; the next call continues after it
 * Negative: reading failed; the next call tries the same frame again.  After
 * all but SEGMENT_BAD_DATA calling again later sees what was appended or uncovered since.
 * Skippable frames are skipped, those of later versions too. */
int segment_reader_next(struct segment_reader *reader, enum segment_damage *damage);

/* Finds all data frames from the front without decoding them, for callers that read backwards.
 * free() the array, also after an error.  *damage as above, never SEGMENT_BAD_DATA: the content of
 * frames is not read.  Leaves the reader where it was. */
struct segment_reader_frame {
    uint64_t offset;
    uint64_t size;
    uint32_t raw_size;
};
int segment_reader_frames(struct segment_reader *reader, struct segment_reader_frame **frames,
                          uint64_t *count, enum segment_damage *damage);
/* Positions on the frame at this offset; the next segment_reader_next returns it.  Counts
 * frame_number and line_number from 0; a caller that knows them sets them after this call. */
void segment_reader_seek(struct segment_reader *reader, uint64_t offset);

/* After SEGMENT_BAD_HEADER: searches byte by byte for the next data frame that is whole and sound,
 * from `offset` on.  1: *found is where it begins; 0: there is none; negative: reading failed.  The
 * reader's position is lost: call segment_reader_seek. */
int segment_reader_find_frame(struct segment_reader *reader, uint64_t offset, uint64_t *found);
/* Skips damage of any kind at `offset`, whatever size it claims.  1: the next segment_reader_next
 * returns the next sound frame after it, at next_offset; 0: there is none; negative: reading
 * failed.  If a skippable frame just before the damage is what is damaged, `offset` moves to its
 * beginning.  frame_number and line_number continue, too low by what was lost; frames_lost counts
 * it as one. */
int segment_reader_skip_damage(struct segment_reader *reader);

#endif
