/* cut.c - see cut.h. */
#include "tools/query/cut.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "tools/query/received.h"
#include "writer/segment/frame.h"

/* Read size without an index: some MiB of lines at usual compression ... */
#define CHUNK_BYTES    (256u << 10)
/* ... and for lines that compress extremely well at most this many raw bytes, because a piece is
 * decompressed as a whole. */
#define RAW_BYTES      (4u << 20)
/* Read size when pieces end at lids: the largest append and its lid.  A larger group is cut, too. */
#define LIDS_BYTES     (1280u << 10)
/* A lid covers fewer lines than this, unless lids were lost. */
#define LIDS_RAW_BYTES (2 * RAW_BYTES)

void buffer_reserve(struct buffer *packed, size_t room) {
    if (packed->room >= room) return;
    if (packed->lent) {
        uint8_t *own = allocate(room);
        if (packed->size > 0) memcpy(own, packed->bytes, packed->size);
        packed->bytes = own;
        packed->lent = false;
    } else {
        packed->bytes = reallocate(packed->bytes, room);
    }
    packed->room = room;
}

void buffer_free(struct buffer *packed) {
    if (!packed->lent) free(packed->bytes);
    *packed = (struct buffer){0};
}

/* ---- opening ---- */

bool cutter_open(struct cutter *cutter, struct files *files, const struct segment_file *segment) {
    cutter->segment = segment;
    cutter->facts = record_rules_of(cutter->query->rules, segment);
    cutter->offset = cutter->frames_end = 0;
    cutter->frame_number = 0;
    cutter->gap = false;
    cutter->by_lids = query_needs_spans(cutter->query) || cutter->settings->times;
    cutter->received_ns = INT64_MIN;
    cutter->report->files++;
    cutter->report->bytes += segment->size;
    if (cutter->any_file) {
        const enum foreign_opened opened =
            foreign_open(files, segment, cutter->progress, &cutter->foreign);
        if (opened == FOREIGN_FAILED) cutter->report->failed = true;
        if (opened != FOREIGN_SEGMENT) return opened == FOREIGN_OPEN;
    }
    const int status = segment_reader_open(files, segment->path, &cutter->reader);
    if (status < 0) {
        progress_clear(cutter->progress);
        if (report_unopened(segment, cutter->shown, status)) cutter->report->failed = true;
        return false;
    }
    cutter->shown = segment;
    cutter->until = received_until(&cutter->reader.file);
    if (cutter->settings->all_frames || segment->name.part) return true;
    groups_open(&cutter->groups, &cutter->reader.file, segment->name.stream, cutter->query,
                cutter->facts, cutter->settings, cutter->report);
    if (!cutter->groups.known) return true;
    cutter->report->files_indexed++;
    if (groups_any_wanted(&cutter->groups)) return true;
    cutter->report->files_skipped++;
    if (cutter->groups.known_counts.lines > 0) return true;
    cutter_close(cutter);
    return false;
}

void cutter_close(struct cutter *cutter) {
    if (cutter->foreign != NULL) {
        if (foreign_failed(cutter->foreign)) cutter->report->failed = true;
        foreign_close(cutter->foreign);
        cutter->foreign = NULL;
        return;
    }
    segment_reader_close(&cutter->reader);
    groups_close(&cutter->groups);
}

/* ---- frame by frame ---- */

/* False: the segment has no more frames. */
static bool next_careful(struct cutter *cutter, struct cut *cut) {
    struct segment_reader *reader = &cutter->reader;
    segment_reader_seek(reader, cutter->frames_end);
    reader->frame_number = cutter->frame_number;
    for (;;) { /* ends: the file does */
        enum segment_damage damage = SEGMENT_SOUND;
        int status = segment_reader_next(reader, &damage);
        if (status > 0) break;
        if (status == 0 && damage == SEGMENT_SOUND) return false;
        progress_clear(cutter->progress);
        if (status == 0) {
            if (!report_damage(cutter->segment, reader, damage)) return false;
            status = segment_reader_skip_damage(reader);
        }
        cutter->report->failed = true;
        if (status < 0) say("%s: %s", cutter->segment->path, error_text(status));
        if (status <= 0) return false;
    }
    *cut = (struct cut){.offset = reader->offset,
                        .end = reader->next_offset,
                        .first_frame = reader->frame_number,
                        .careful = true};
    cutter->offset = cutter->frames_end = reader->next_offset;
    cutter->frame_number = reader->frame_number + 1;
    return true;
}

/* ---- by headers ---- */

static int read_piece(struct file *file, struct buffer *packed, uint64_t offset, size_t size) {
    packed->size = 0;
    buffer_reserve(packed, size);
    const int64_t got = file_read_at(file, packed->bytes, size, offset);
    packed->size = got < 0 ? 0 : (size_t)got;
    return got < 0 ? (int)got : 0;
}

int cut_read(const struct cutter *cutter, const struct cut *cut, struct buffer *packed) {
    struct file file = cutter->reader.file;
    int status = read_piece(&file, packed, cut->offset, (size_t)(cut->end - cut->offset));
    if (status == 0 && packed->size != cut->end - cut->offset) status = ERR_CLOSED;
    if (status < 0) packed->size = 0;
    return status;
}

struct walked {
    uint64_t size, frames;         /* whole frames, and how many of them hold lines */
    uint64_t frames_size;          /* up to the end of the last one that does */
    uint64_t lid_size, lid_frames; /* the same, up to the last lid */
    uint64_t lid_frames_size;
    int64_t received_ns; /* earliest receive time in the last lid */
    uint64_t larger;     /* size of the following frame, which does not fit; 0: it is damaged */
};

static struct walked walk(const struct buffer *packed, bool by_lids) {
    struct walked w = {.received_ns = INT64_MIN};
    uint64_t raw_size = 0;
    while (w.size < packed->size) { /* ends: size rises */
        struct frame_header header;
        const uint8_t *bytes = packed->bytes + w.size;
        const uint64_t left = packed->size - w.size;
        if (frame_header(bytes, (size_t)left, &header) != 0) {
            /* The header itself may be truncated. */
            if (left < FRAME_HEADER_BYTES) w.larger = FRAME_HEADER_BYTES;
            break;
        }
        if (header.magic == FRAME_MAGIC_COVER) break;
        w.larger = header.size > left ? header.size : 0;
        if (w.larger > 0) break;
        w.size += header.size;
        w.frames += header.kind == FRAME_DATA;
        if (header.kind == FRAME_DATA) {
            raw_size += header.raw_size;
            w.frames_size = w.size;
        }
        if (header.magic == FRAME_MAGIC_LID) {
            struct span span;
            uint64_t first_line;
            w.lid_frames_size = w.frames_size;
            w.lid_size = w.size;
            w.lid_frames = w.frames;
            if (lid_decode(bytes, (size_t)header.size, &span, &first_line) == 0)
                w.received_ns = span.received_min_ns;
        }
        if (raw_size >= RAW_BYTES && (!by_lids || w.lid_size == w.size)) break;
        if (raw_size >= LIDS_RAW_BYTES) break;
    }
    return w;
}

/* The next piece: as many whole frames as were read, before `end`.  False: not one. */
static bool next_by_headers(struct cutter *cutter, uint64_t end, struct cut *cut,
                            struct buffer *packed) {
    const uint64_t left = end - cutter->offset;
    uint64_t size = cutter->by_lids ? LIDS_BYTES : CHUNK_BYTES;
    struct walked w = {0};
    for (int turn = 0; turn < 2; turn++) {
        if (size > left) size = left;
        if (read_piece(&cutter->reader.file, packed, cutter->offset, (size_t)size) < 0)
            return false;
        w = walk(packed, cutter->by_lids);
        if (w.size > 0 || w.larger <= size || w.larger > frame_bytes_max(FRAME_RAW_MAX)) break;
        size = w.larger; /* the first frame is larger than the read size */
    }
    if (w.size == 0) return false;
    if (cutter->by_lids && w.lid_size > 0) {
        w.size = w.lid_size;
        w.frames = w.lid_frames;
        w.frames_size = w.lid_frames_size;
    }
    if (w.received_ns > cutter->received_ns) cutter->received_ns = w.received_ns;
    packed->size = (size_t)w.size;
    *cut = (struct cut){.offset = cutter->offset,
                        .end = cutter->offset + w.size,
                        .first_frame = cutter->frame_number};
    if (w.frames > 0) cutter->frames_end = cutter->offset + w.frames_size;
    cutter->offset += w.size;
    cutter->frame_number += w.frames;
    return true;
}

/* What the file's name and modification time say about all its lines. */
static struct span span_of_file(const struct cutter *cutter, uint64_t end) {
    struct span span = span_unknown(1, 1);
    span.received_min_ns = received_least_ns(&cutter->segment->name);
    span.received_max_ns = received_most_ns(&cutter->until, end);
    return span;
}

/* A group that is too large to be read at once: long skippable frames, or many tiny frames. */
static bool next_of_group(struct cutter *cutter, const struct index_group *group, struct cut *cut,
                          struct buffer *packed) {
    if (!next_by_headers(cutter, groups_end(&cutter->groups), cut, packed) &&
        !next_careful(cutter, cut))
        return false;
    cut->span = group->span;
    return true;
}

/* The next wanted group, or the rest of it after a careful piece. */
static bool next_group(struct cutter *cutter, struct cut *cut, struct buffer *packed) {
    const struct index_group *group = groups_next(&cutter->groups, cutter->offset, &cutter->gap);
    if (group == NULL) return false;
    if (cutter->offset < group->offset) {
        cutter->offset = cutter->frames_end = group->offset;
        cutter->frame_number = group->first_frame;
    }
    const uint64_t end = groups_end(&cutter->groups);
    if (group->damaged || end - cutter->offset > LIDS_BYTES)
        return next_of_group(cutter, group, cut, packed);
    *cut = (struct cut){.offset = cutter->offset,
                        .end = end,
                        .first_frame = cutter->frame_number,
                        .unread = true,
                        .frames = cutter->offset == group->offset ? group->frames : 0,
                        .raw_size = group->raw_size,
                        .span = group->span};
    if (cut->span.received_min_ns == INT64_MIN)
        cut->span.received_min_ns = span_of_file(cutter, cut->end).received_min_ns;
    cutter->offset = cutter->frames_end = cut->end;
    cutter->frame_number = group->first_frame + group->frames;
    return true;
}

/* The first piece, if the index knows some of the result. */
static bool next_known(struct cutter *cutter, struct cut *cut) {
    if (cutter->known_returned || cutter->groups.known_counts.lines == 0) return false;
    cutter->known_returned = true;
    *cut = (struct cut){.known = true, .facts = cutter->facts};
    return true;
}

static bool next_foreign(struct cutter *cutter, struct cut *cut, struct buffer *packed) {
    const uint8_t *lines;
    size_t size;
    if (!foreign_next(cutter->foreign, &lines, &size)) return false;
    packed->size = 0;
    buffer_reserve(packed, size);
    memcpy(packed->bytes, lines, size);
    packed->size = size;
    *cut = (struct cut){
        .offset = cutter->offset, .end = foreign_position(cutter->foreign), .foreign = true};
    cutter->offset = cut->end;
    return true;
}

bool cutter_next(struct cutter *cutter, struct cut *cut, struct buffer *packed) {
    if (next_known(cutter, cut)) return true;
    if (cutter->foreign != NULL) {
        if (!next_foreign(cutter, cut, packed)) return false;
    } else if (cutter->groups.known) {
        if (!next_group(cutter, cut, packed)) return false;
    } else {
        const int64_t received_ns = cutter->received_ns;
        if (!next_by_headers(cutter, UINT64_MAX, cut, packed) && !next_careful(cutter, cut))
            return false;
        cut->span = span_of_file(cutter, cut->end);
        /* For --sort: lines without a lid were received after those with one. */
        if (cutter->settings->times && cut->span.received_min_ns < received_ns)
            cut->span.received_min_ns = received_ns;
    }
    cut->gap = cutter->gap;
    cut->facts = cutter->facts;
    cutter->gap = false;
    cutter->report->bytes_read += cut->end - cut->offset;
    return true;
}
