/* check.c - see check.h. */
#include "tests/simulate/check.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tests/simulate/trace.h"
#include "writer/segment/archives.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* ---- reading ---- */

struct reading {
    struct directory_lines *lines;
    const struct senders *senders;
    bool rejects;
    uint64_t sequence, number;
};

static void add_line(struct directory_lines *lines, const struct stored_line *line) {
    if (lines->count == lines->room) {
        lines->room = lines->room > 0 ? 2 * lines->room : 256;
        lines->all = realloc(lines->all, lines->room * sizeof *lines->all);
        assert(lines->all != NULL);
    }
    lines->all[lines->count++] = *line;
}

static int by_position(const void *a, const void *b) {
    const struct stored_line *one = a, *other = b;
    if (one->sequence != other->sequence) return one->sequence < other->sequence ? -1 : 1;
    return one->number < other->number ? -1 : one->number > other->number;
}

static void take_line(struct reading *reading, const uint8_t *bytes, size_t size) {
    struct directory_lines *lines = reading->lines;
    char beginning[64] = {0};
    unsigned sender, n;
    memcpy(beginning, bytes, size < sizeof beginning - 1 ? size : sizeof beginning - 1);
    if (reading->rejects) {
        if (strncmp(beginning, "{\"received\":", 12) != 0 || bytes[size - 1] != '}')
            violation("quarantine holds a line that is none of its records: %s", beginning);
        lines->rejects++;
        return;
    }
    if (sscanf(beginning, "{\"c\":%u,\"n\":%u,", &sender, &n) != 2 ||
        sender >= reading->senders->count || n >= reading->senders->all[sender]->count)
        violation("segment %llu, line %llu was never sent: %s",
                  (unsigned long long)reading->sequence, (unsigned long long)reading->number,
                  beginning);
    const struct sender *from = reading->senders->all[sender];
    const struct sent_line *line = &from->lines[n];
    if (line->size != size || memcmp(sender_line(from, n), bytes, size) != 0)
        violation("segment %llu, line %llu is not what sender %u sent as its line %u",
                  (unsigned long long)reading->sequence, (unsigned long long)reading->number,
                  sender, n);
    if (line->kind != LINE_VALID)
        violation("line %u of sender %u is stored although it is invalid", n, sender);
    add_line(lines, &(struct stored_line){reading->sequence, reading->number, sender, n});
}

static void take_lines(struct reading *reading, const uint8_t *raw, size_t size) {
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(raw + at, '\n', size - at);
        if (end == NULL)
            violation("segment %llu holds a line without its end",
                      (unsigned long long)reading->sequence);
        take_line(reading, raw + at, (size_t)(end - raw) - at);
        reading->number++;
        at = (size_t)(end - raw) + 1;
    }
}

static void read_segment(struct reading *reading, struct files *files,
                         const struct segment_file *segment, enum damage_allowed allowed) {
    struct segment_reader reader;
    enum segment_damage damage;
    const int opened = segment_reader_open(files, segment->path, &reader);
    if (opened != 0) violation("%s cannot be opened: %s", segment->path, error_text(opened));
    if (segment->name.sequence <= reading->sequence)
        violation("%s: its sequence does not rise", segment->path);
    reading->sequence = segment->name.sequence;
    reading->number = 0;
    int more;
    while ((more = segment_reader_next(&reader, &damage)) == 1)
        take_lines(reading, reader.raw, reader.raw_size);
    if (more < 0) violation("%s cannot be read: %s", segment->path, error_text(more));
    const bool may_end = segment->name.part ? allowed != DAMAGE_NONE : allowed == DAMAGE_INDEX;
    const bool right = damage == SEGMENT_SOUND || allowed == DAMAGE_ANY ||
                       (damage == SEGMENT_UNFINISHED && may_end);
    if (!right)
        violation("%s is damaged (%d) at %llu", segment->path, (int)damage,
                  (unsigned long long)reader.offset);
    segment_reader_close(&reader);
}

static void read_stream(struct reading *reading, struct files *files, const char *directory,
                        const char *stream, enum damage_allowed allowed) {
    struct segment_list list = {0};
    char folder[PATH_BYTES_MAX];
    path_join(folder, directory, stream, NULL);
    const int error = segment_list_add(files, folder, &list);
    if (error == ERR_NOT_FOUND) return; /* not made yet */
    if (error != 0) violation("%s cannot be listed: %s", folder, error_text(error));
    char archive[PATH_BYTES_MAX];
    const int unread = archives_list(files, folder, &list, archive);
    if (unread != 0) violation("archive %s: %s", archive, error_text(unread));
    reading->sequence = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        read_segment(reading, files, &list.files[i], allowed);
        reading->lines->segments += !reading->rejects;
        reading->lines->live += list.files[i].name.part && !reading->rejects;
        reading->lines->archived += list.files[i].home != NULL && !reading->rejects;
    }
    segment_list_free(&list);
}

void directory_read(struct directory_lines *lines, struct files *files, const char *directory,
                    const struct senders *senders, enum damage_allowed allowed) {
    struct reading reading = {.lines = lines, .senders = senders};
    lines->count = 0;
    lines->rejects = lines->segments = lines->live = lines->archived = 0;
    read_stream(&reading, files, directory, "main", allowed);
    reading.rejects = true;
    read_stream(&reading, files, directory, "rejects", allowed);
}

/* ---- deleted segments ---- */

static bool holds(const struct directory_lines *lines, uint64_t sequence) {
    for (uint32_t i = 0; i < lines->count; i++)
        if (lines->all[i].sequence == sequence) return true;
    return false;
}

void directory_note_closed(struct directory_lines *noted, struct files *files, const char *path,
                           const struct senders *senders) {
    struct reading reading = {.lines = noted, .senders = senders};
    struct segment_file segment = {.path = (char *)path};
    if (!segment_name_parse(path_name(path), &segment.name)) return;
    if (holds(noted, segment.name.sequence)) return;
    read_segment(&reading, files, &segment, DAMAGE_ANY);
}

void directory_add_deleted(struct directory_lines *lines, const struct directory_lines *noted,
                           struct directory_lines *deleted) {
    deleted->count = 0;
    uint64_t sequence = 0;
    bool gone = false;
    for (uint32_t i = 0; i < noted->count; i++) {
        if (noted->all[i].sequence != sequence) gone = !holds(lines, noted->all[i].sequence);
        sequence = noted->all[i].sequence;
        if (gone) add_line(deleted, &noted->all[i]);
    }
    for (uint32_t i = 0; i < deleted->count; i++)
        add_line(lines, &deleted->all[i]);
    if (deleted->count > 0) qsort(lines->all, lines->count, sizeof *lines->all, by_position);
}

void directory_renote(struct directory_lines *noted, const struct directory_lines *lines) {
    struct directory_lines kept = {0};
    for (uint32_t i = 0; i < lines->count; i++)
        if (holds(noted, lines->all[i].sequence)) add_line(&kept, &lines->all[i]);
    directory_free(noted);
    *noted = kept;
}

void directory_free(struct directory_lines *lines) {
    free(lines->all);
    *lines = (struct directory_lines){0};
}

/* ---- comparing ---- */

void directory_continues(const struct directory_lines *before, const struct directory_lines *after,
                         const char *when) {
    uint32_t j = 0;
    for (uint32_t i = 0; i < before->count; i++) {
        const struct stored_line *was = &before->all[i];
        while (j < after->count &&
               (after->all[j].sequence < was->sequence ||
                (after->all[j].sequence == was->sequence && after->all[j].number < was->number)))
            j++;
        const struct stored_line *is = j < after->count ? &after->all[j] : NULL;
        const bool there = is != NULL && is->sequence == was->sequence &&
                           is->number == was->number && is->sender == was->sender &&
                           is->line == was->line;
        if (!there)
            violation(
                "line %u of sender %u was stored at segment %llu, line %llu, and is not there "
                "%s",
                was->line, was->sender, (unsigned long long)was->sequence,
                (unsigned long long)was->number, when);
    }
}

static uint32_t most_of(const struct sender *sender, const struct sent_line *line) {
    switch (sender->kind) {
    case SENDER_LINES: return 1;
    case SENDER_DATAGRAM: return sender->taken + sender->taken_before;
    default: return line->sent;
    }
}

static void check_sender(const struct sender *sender) {
    bool missing = false;
    for (uint32_t n = 0; n < sender->count; n++) {
        const struct sent_line *line = &sender->lines[n];
        const uint32_t most = most_of(sender, line);
        if (line->stored > most)
            violation("line %u of sender %u is stored %u times, and was sent %u times", n,
                      sender->number, line->stored, most);
        if (line->stored == 0 && line->kind == LINE_VALID) missing = true;
        if (line->stored > 0 && missing && sender->kind != SENDER_DATAGRAM && !sender->power_lost)
            violation("line %u of sender %u is stored, and an earlier one is not", n,
                      sender->number);
        if (line->acknowledged_life > sender->all->forgiven_life && line->stored == 0 &&
            line->kind == LINE_VALID)
            violation("line %u of sender %u was acknowledged, and is not stored", n,
                      sender->number);
    }
}

void directory_agrees(const struct directory_lines *lines, struct senders *senders) {
    for (uint32_t i = 0; i < senders->count; i++) {
        struct sender *sender = senders->all[i];
        sender->next_stored = 0;
        for (uint32_t n = 0; n < sender->count; n++)
            sender->lines[n].stored = 0;
    }
    for (uint32_t i = 0; i < lines->count; i++) {
        struct sender *sender = senders->all[lines->all[i].sender];
        sender->lines[lines->all[i].line].stored++;
        if (sender->kind == SENDER_LINES && lines->all[i].line < sender->next_stored)
            violation("line %u of sender %u is stored after a later one", lines->all[i].line,
                      sender->number);
        sender->next_stored = lines->all[i].line + 1;
    }
    for (uint32_t i = 0; i < senders->count; i++)
        check_sender(senders->all[i]);
}
