/* select_return.c - returns what was found in a piece to the caller.  What a worker could not read is
 * read again frame by frame, and damage is reported; what a wrong index has left out is read at
 * last. */
#include <stdlib.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "tools/query/select_internal.h"

/* Lines of a piece that is read without the index after all. */
#define REST_BYTES (4u << 20)

bool select_is_careful(const struct piece *piece) {
    return piece->cut.careful || piece->damaged || piece->packed.size == 0;
}

/* Reads a piece frame by frame and reports damage; used where a worker found damage. */
static void search_carefully(struct select *s, struct search_job *job) {
    const struct segment_file *segment = job->open->cutter.segment;
    struct piece *piece = &job->piece;
    struct segment_reader reader;
    enum segment_damage damage;
    piece_begin(piece);
    int status = segment_reader_open(s->request->files, segment->path, &reader);
    if (status == 0) {
        segment_reader_seek(&reader, piece->cut.offset);
        reader.frame_number = piece->cut.first_frame;
    }
    while (status == 0 && reader.next_offset < piece->cut.end) { /* ends: next_offset rises */
        status = segment_reader_next(&reader, &damage);
        if (status < 0) break;
        if (status > 0) {
            if (reader.offset < piece->cut.end) piece_add(piece, reader.raw, reader.raw_size);
            status = 0;
            continue;
        }
        if (damage == SEGMENT_SOUND) break;
        progress_clear(s->progress);
        if (!report_damage(segment, &reader, damage)) break;
        s->report->failed = true;
        status = segment_reader_skip_damage(&reader);
        if (status == 0) break;
        if (status > 0) status = 0;
    }
    if (status < 0) {
        progress_clear(s->progress);
        say("%s: %s", segment->path, error_text(status));
        s->report->failed = true;
    }
    segment_reader_close(&reader);
    piece_finish(piece);
}

/* Returns the result of a piece to the caller. */
static void return_piece(struct select *s, struct piece *piece, bool gap) {
    struct select_report *report = s->report;
    if (piece->state.gave_up) s->gave_up = true;
    unrecognised_join(&report->unrecognised, &piece->state.unrecognised);
    report->frames_read += piece->frames;
    report->raw_bytes_read += piece->raw_bytes;
    report->frames_by_time += piece->by_time;
    report->frames_by_level += piece->by_level;
    report->frames_by_condition += piece->by_condition;
    piece_cut_short(piece, s->settings->max - report->found);
    report->found += piece->count;
    struct selection selection = piece_selection(piece);
    selection.file_begins = piece->segment != s->visited;
    selection.gap = gap;
    selection.place = s->place;
    selection.first_ns = s->first_ns;
    selection.next_ns = s->next_ns;
    s->visited = piece->segment;
    if (!s->visit(s->context, &selection)) s->enough = true;
}

static void note_returned(struct open_segment *open, const struct cut *cut) {
    if (open->returned_count == open->returned_room) {
        open->returned_room = open->returned_room > 0 ? open->returned_room * 2 : 64;
        open->returned = reallocate(open->returned, open->returned_room * sizeof *open->returned);
    }
    open->returned[open->returned_count++] = (struct range){cut->offset, cut->end};
}

/* The part of the result that the index knows; it is final even if the index turns out wrong. */
static void deliver_known(struct select *s, struct search_job *job) {
    struct open_segment *open = job->open;
    const struct groups *groups = &open->cutter.groups;
    for (uint32_t i = 0; i < groups->index.count; i++) {
        const struct index_group *group = &groups->index.groups[i];
        const struct cut cut = {.offset = group->offset, .end = group->offset + group->size};
        if (groups_is_known(groups, i)) note_returned(open, &cut);
    }
    job->piece.count = groups->known_counts.lines;
    job->piece.tally = groups->known_counts;
    job->piece.tally_bytes = groups->known_bytes;
    return_piece(s, &job->piece, job->gap);
}

void select_deliver(struct select *s, struct search_job *job) {
    struct open_segment *open = job->open;
    struct piece *piece = &job->piece;
    if (piece->cut.known) {
        deliver_known(s, job);
        return;
    }
    if (job->check != PIECE_AS_INDEXED) open->read_rest = true;
    if (job->check == PIECE_NOT_AS_INDEXED) {
        progress_clear(s->progress);
        if (!open->reported)
            say("%s: its index is not of these lines; reading the rest of it without the index",
                open->cutter.segment->path);
        open->reported = true;
        s->report->failed = true;
        return;
    }
    if (open->cutter.groups.known) note_returned(open, &piece->cut);
    if (select_is_careful(piece)) search_carefully(s, job);
    return_piece(s, piece, job->gap);
}

/* ---- without the index ---- */

static bool was_returned(const struct open_segment *open, uint64_t offset) {
    for (uint64_t i = 0; i < open->returned_count; i++)
        if (offset >= open->returned[i].begin && offset < open->returned[i].end) return true;
    return false;
}

/* 1: reader->raw holds the next lines; 0: there are no more.  Reports damage. */
static int next_lines(struct select *s, struct open_segment *open) {
    struct segment_reader *reader = &open->cutter.reader;
    const struct segment_file *segment = open->cutter.segment;
    for (;;) { /* ends: each turn consumes a frame or damage */
        enum segment_damage damage = SEGMENT_SOUND;
        int status = segment_reader_next(reader, &damage);
        if (status == 0 && damage == SEGMENT_SOUND) return 0;
        if (status == 0) {
            progress_clear(s->progress);
            const bool known = was_returned(open, reader->offset);
            if (!known && !report_damage(segment, reader, damage)) return 0;
            if (!known) s->report->failed = true;
            if (segment_reader_skip_damage(reader) > 0) continue;
            return 0;
        }
        if (status > 0) return 1;
        s->report->failed = true;
        progress_clear(s->progress);
        say("%s: %s", segment->path, error_text(status));
        return 0;
    }
}

/* All frames of the segment that were not returned, in pieces of REST_BYTES. */
void select_read_rest(struct select *s, struct open_segment *open) {
    struct piece piece;
    if (piece_open(&piece, s->query, s->settings) < 0) {
        say("%s", error_text(ERR_NO_MEMORY));
        return;
    }
    piece.cut.facts = open->cutter.facts;
    piece.segment = open->cutter.segment;
    piece.several_streams = s->several_streams;
    s->first_ns = s->next_ns = WAITING_FIRST(s->settings->newest_first); /* they may be any */
    segment_reader_seek(&open->cutter.reader, 0);
    bool more = true;
    while (more && !s->enough) {
        piece_begin(&piece);
        while (more && piece.raw_bytes < REST_BYTES) {
            more = next_lines(s, open) > 0;
            if (more && !was_returned(open, open->cutter.reader.offset))
                piece_add(&piece, open->cutter.reader.raw, open->cutter.reader.raw_size);
        }
        if (piece.frames == 0) continue;
        s->place = open->place++;
        piece_finish(&piece);
        return_piece(s, &piece, true);
    }
    piece_close(&piece);
}
