/* tail_segment.c - reads one segment for tail: backwards to where the last lines begin, and forwards
 * to its present end. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/tail_internal.h"
#include "tools/query/read.h"

/* Reports and skips a segment that cannot be read; one that another program has locked is tried
 * again later. shown: as for report_unopened. */
bool tail_open_segment(struct tail *tail, struct tailed *t, const struct segment_file *file,
                       const struct segment_file *shown) {
    const int status = segment_reader_open(tail->call->files, file->path, &t->reader);
    if (status == ERR_BUSY && tail->follow) return false;
    t->begun = true;
    t->stuck = false;
    t->sequence = file->name.sequence;
    t->opened_ns = file->name.opened_ns;
    t->open = status == 0;
    t->id = file->id;
    memcpy(t->stream, file->name.stream, sizeof t->stream);
    t->facts = record_rules_of(tail->query.rules, file);
    if (t->open && (tail->query.timed || tail->sort))
        received_open(&t->received, &t->reader.file, &file->name);
    if (status < 0 && report_unopened(file, shown, status)) tail->failed = true;
    return t->open;
}

void tail_close_segment(struct tailed *t) {
    if (t->open) segment_reader_close(&t->reader);
    received_close(&t->received);
    t->open = false;
}

static void print_lines(struct tail *tail, struct tailed *t) {
    const struct tail_lines wanted = tail_wanted(tail, t);
    const uint8_t *p = wanted.begin, *const end = wanted.end;
    uint64_t lines = wanted.count;
    for (; t->skip > 0 && p < end; t->skip--, lines--)
        p = line_end(p, end);
    const uint8_t *stop = end;
    if (lines > t->left)
        for (stop = p, lines = 0; lines < t->left; lines++)
            stop = line_end(stop, end);
    if (t->left != UINT64_MAX) t->left -= lines;
    tail_print(tail, t, p, (size_t)(stop - p));
}

/* Prints the segment up to its present end. last: nothing more will be appended. */
void tail_print_segment(struct tail *tail, struct tailed *t, bool last) {
    const struct segment_file *file = tail_current(tail, t);
    while (t->open && !t->stuck && t->left > 0 && !output_failed(tail->call->out)) {
        enum segment_damage damage = SEGMENT_SOUND;
        const int status = segment_reader_next(&t->reader, &damage);
        if (status > 0) {
            print_lines(tail, t);
            continue;
        }
        if (status < 0) {
            say("%s: %s", file != NULL ? file->path : t->key, error_text(status));
            tail->failed = t->stuck = true;
            return;
        }
        /* Without -f, tail_look_back has reported it. */
        if (tail->follow && file != NULL && (damage != SEGMENT_UNFINISHED || last) &&
            report_damage(file, &t->reader, damage))
            tail->failed = true;
        t->stuck = damage == SEGMENT_BAD_HEADER;
        if (damage != SEGMENT_BAD_DATA) return;
    }
}

/* Goes back through the open segment for *needed lines, subtracts what it finds, and leaves the
 * reader at the frame where they begin. */
void tail_look_back(struct tail *tail, struct tailed *t, const struct segment_file *file,
                    uint64_t *needed) {
    struct segment_reader_frame *frames = NULL;
    uint64_t i = 0;
    enum segment_damage damage = SEGMENT_SOUND;
    const int status = segment_reader_frames(&t->reader, &frames, &i, &damage);
    if (status < 0) {
        say("%s: %s", file->path, error_text(status));
        tail->failed = true;
    }
    /* If no lines are wanted, start after the last frame. */
    segment_reader_seek(&t->reader, i > 0 ? frames[i - 1].offset + frames[i - 1].size : 0);
    t->reader.frame_number = i;
    if (!tail->follow && damage != SEGMENT_SOUND) {
        segment_reader_next(&t->reader, &damage);
        if (report_damage(file, &t->reader, damage)) tail->failed = true;
    }
    while (i > 0 && *needed > 0) {
        i--;
        segment_reader_seek(&t->reader, frames[i].offset);
        t->reader.frame_number = i;
        const bool sound = segment_reader_next(&t->reader, &damage) > 0;
        const uint64_t lines = sound ? tail_wanted(tail, t).count : 0;
        if (!tail->follow && !sound && report_damage(file, &t->reader, damage)) tail->failed = true;
        segment_reader_seek(&t->reader, frames[i].offset);
        t->reader.frame_number = i;
        t->skip = lines > *needed ? lines - *needed : 0;
        *needed -= lines - t->skip;
    }
    free(frames);
}
