/* compare.c - compares an index with the lines that it describes: see index.h.
 *
 * An index whose checksums are right may still be of other lines: of another file, or made by a
 * faulty program.  What it says is then plausible and wrong, and only reading all lines shows it. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/record/facts.h"
#include "writer/index/filter.h"
#include "writer/index/format.h"
#include "writer/index/index.h"
#include "writer/index/line_tokens.h"
#include "writer/segment/digest.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_reader.h"

/* As the index's builder: a group with more has no filter. */
#define GROUP_TOKENS_MAX  (1u << 16)
/* Filters are at most 1/20 of the lines of a section, which are 1 GiB at most.  Larger ones are not
 * compared. */
#define SECTION_BYTES_MAX (64u << 20)

struct comparison {
    struct file *file;
    const struct segment_index *index;
    const atomic_bool *stop;
    struct segment_reader reader;
    struct lines_digest digest;
    uint64_t seen;     /* all frames before this offset have been read */
    uint64_t data_end; /* of the last data frame */
    bool damaged;      /* somewhere in the segment */
    /* The group that is being read. */
    uint32_t next; /* the one after it */
    const struct index_group *group;
    bool group_damaged;
    uint64_t frames, raw_size, lines;
    struct counts counts;
    /* Since the last lid: the first group that has lines there, and their raw bytes. */
    uint32_t uncovered;
    uint64_t uncovered_bytes;
    bool uncovered_any;
    /* Filters. */
    bool filters;
    struct token_set tokens;
    struct line_tokens line_tokens;
    uint8_t *rows; /* of a section */
    uint32_t section;
    bool section_known; /* `rows` holds them */
    uint64_t wrong;     /* a group's offset */
};

/* These return 0, ERR_INVALID, or why reading failed. */
static int compare_all(struct comparison *c);
static int begin_groups(struct comparison *c, uint64_t offset);
static int end_group(struct comparison *c);
static int pass_skipped(struct comparison *c, uint64_t end);
static int compare_lid(struct comparison *c, const struct span *span);
static int compare_filter(struct comparison *c);
static bool covers(const struct span *span, const struct span *part);

int index_compare(struct file *file, const struct segment_index *index, bool filters,
                  const atomic_bool *stop, uint64_t *offset) {
    struct comparison *c = calloc(1, sizeof *c);
    if (c == NULL) return ERR_NO_MEMORY;
    c->file = file;
    c->reader.file = *file;
    c->index = index;
    c->stop = stop;
    c->filters = filters;
    c->wrong = index->data_size;
    int error = lines_digest_open(&c->digest);
    if (!error && filters) error = tokens_open(&c->tokens, GROUP_TOKENS_MAX);
    if (!error) error = compare_all(c);
    *offset = c->wrong;
    if (filters) tokens_close(&c->tokens);
    line_tokens_free(&c->line_tokens);
    lines_digest_close(&c->digest);
    c->reader.file = (struct file){0}; /* it is the caller's */
    segment_reader_close(&c->reader);
    free(c->rows);
    free(c);
    return error;
}

static int add_frame(struct comparison *c, bool lost) {
    const struct segment_reader *reader = &c->reader;
    int error = pass_skipped(c, reader->offset);
    if (!error) error = begin_groups(c, reader->offset);
    if (error) return error;
    c->seen = c->data_end = reader->next_offset;
    c->frames++;
    c->group_damaged |= lost;
    c->damaged |= lost;
    if (!c->uncovered_any) c->uncovered = c->next - 1;
    c->uncovered_any = true;
    if (lost) return 0;
    c->raw_size += reader->raw_size;
    c->lines += reader->raw_lines;
    c->uncovered_bytes += reader->raw_size;
    counts_add_lines(&c->counts, &facts_rules_usual, reader->raw, reader->raw_size);
    lines_digest_add(&c->digest, reader->raw, reader->raw_size);
    if (!c->filters || !c->group->filtered) return 0;
    if (c->index->decoded)
        return line_tokens_add(&c->line_tokens, &c->tokens, reader->raw, reader->raw_size);
    tokens_add(&c->tokens, reader->raw, reader->raw_size);
    return 0;
}

/* Damage of unknown size ends the comparison: it is reported itself, and the index may number the
 * frames after it in another way. */
static int compare_all(struct comparison *c) {
    for (;;) { /* each round advances by a frame; the file's end ends it */
        enum segment_damage damage = SEGMENT_SOUND;
        if (c->stop != NULL && atomic_load_explicit(c->stop, memory_order_relaxed))
            return ERR_CANCELLED;
        const int more = segment_reader_next(&c->reader, &damage);
        if (more < 0) return more;
        if (more == 0 && damage == SEGMENT_SOUND) break;
        if (more == 0 && damage != SEGMENT_BAD_DATA) return 0;
        const int error = add_frame(c, more == 0);
        if (error) return error;
    }
    int error = pass_skipped(c, c->index->data_size);
    if (!error) error = end_group(c);
    if (error) return error;
    c->wrong = c->index->data_size;
    if (c->next != c->index->count) return ERR_INVALID;
    if (c->damaged) return 0;
    return lines_digest_value(&c->digest) == c->index->lines_digest ? 0 : ERR_INVALID;
}

/* Ends the open group if this frame is after it; then the frame begins the next one. */
static int begin_groups(struct comparison *c, uint64_t offset) {
    if (c->group != NULL && offset < c->group->offset + c->group->size) return 0;
    const int error = end_group(c);
    if (error) return error;
    c->wrong = offset;
    if (c->next == c->index->count || c->index->groups[c->next].offset != offset)
        return ERR_INVALID;
    c->group = &c->index->groups[c->next++];
    c->group_damaged = false;
    c->frames = c->raw_size = c->lines = 0;
    c->counts = (struct counts){0};
    if (c->filters) tokens_clear(&c->tokens);
    (void)line_tokens_end(&c->line_tokens, NULL);
    return 0;
}

static int end_group(struct comparison *c) {
    const struct index_group *group = c->group;
    if (group == NULL) return 0;
    c->group = NULL;
    c->wrong = group->offset;
    if (c->frames != group->frames) return ERR_INVALID;
    if (c->data_end != group->offset + group->size) return ERR_INVALID;
    if (c->group_damaged) return 0;
    if (c->raw_size != group->raw_size || c->lines != group->span.lines) return ERR_INVALID;
    if (c->index->counted && memcmp(&c->counts, &group->counts, sizeof c->counts) != 0)
        return ERR_INVALID;
    if (!span_covers(&group->span, &c->counts)) return ERR_INVALID;
    if (!c->filters || !group->filtered) return 0;
    if (group->parts && !line_tokens_end(&c->line_tokens, &c->tokens)) return ERR_INVALID;
    return compare_filter(c);
}

/* Reads the skippable frames before the next data frame, for their lids. */
static int pass_skipped(struct comparison *c, uint64_t end) {
    while (c->seen < end) { /* each round advances by 8 bytes or more */
        uint8_t bytes[LID_BYTES];
        struct frame_header header;
        struct span span;
        uint64_t first_line;
        const int64_t got = file_read_at(c->file, bytes, sizeof bytes, c->seen);
        if (got < 0) return (int)got;
        if (frame_header(bytes, (size_t)got, &header)) return 0; /* changed meanwhile */
        c->seen += header.size;
        if (header.magic != FRAME_MAGIC_LID) continue;
        const bool sound = header.size <= (uint64_t)got &&
                           !lid_decode(bytes, (size_t)header.size, &span, &first_line);
        const int error = sound ? compare_lid(c, &span) : 0;
        c->uncovered_any = false;
        c->uncovered_bytes = 0;
        if (error) return error;
    }
    return 0;
}

/* Were its times and levels read from its lines, because no lid covers some of them?  These are
 * exact, however wide the lids of the others are; end_group compares them with the lines. */
static bool facts_are_of_lines(const struct index_group *group) {
    const struct span *span = &group->span;
    const bool no_times = span->time_min_ns == INT64_MIN && span->time_max_ns == INT64_MAX;
    return span->rules == facts_rules_usual.id && span->received_min_ns == INT64_MIN &&
           span->received_max_ns == INT64_MAX && (no_times || group->counts.timed == span->lines);
}

/* The groups that have lines of this lid know at least what it says, or have read the lines. */
static int compare_lid(struct comparison *c, const struct span *span) {
    if (!c->uncovered_any || span->raw_size != c->uncovered_bytes) return 0;
    for (uint32_t i = c->uncovered; i < c->next; i++) {
        const struct index_group *group = &c->index->groups[i];
        c->wrong = group->offset;
        if (group->span.lines == 0 || facts_are_of_lines(group)) continue;
        if (!covers(&group->span, span)) return ERR_INVALID;
    }
    return 0;
}

static bool covers(const struct span *span, const struct span *part) {
    return (part->levels & ~span->levels) == 0 && span->time_min_ns <= part->time_min_ns &&
           span->time_max_ns >= part->time_max_ns &&
           span->received_min_ns <= part->received_min_ns &&
           span->received_max_ns >= part->received_max_ns;
}

/* ---- filters ---- */

/* NULL: the group is in no section, which index_candidates takes as "may hold anything". */
static const struct index_section *section_of(struct comparison *c, uint32_t group) {
    for (; c->section < c->index->section_count; c->section++) {
        const struct index_section *section = &c->index->sections[c->section];
        if (group < section->first_group) return NULL;
        if (group - section->first_group < section->groups) return section;
        c->section_known = false;
    }
    return NULL;
}

static int read_rows(struct comparison *c, const struct index_section *section, size_t size) {
    if (c->section_known) return 0;
    free(c->rows);
    c->rows = malloc(size);
    if (c->rows == NULL) return ERR_NO_MEMORY;
    const int64_t got = file_read_at(c->file, c->rows, size, section->offset);
    if (got < 0) return (int)got;
    if ((size_t)got < size) return ERR_INVALID;
    c->section_known = true;
    return 0;
}

/* Does the group's filter hold every token of its lines?  A row that fails its checksum excludes
 * nothing; index_check reports it. */
static int compare_filter(struct comparison *c) {
    const uint32_t number = c->next - 1;
    const struct index_section *section = section_of(c, number);
    if (section == NULL) return 0;
    const size_t row_size = FILTER_ROW_BYTES(section->groups), size = section->rows * row_size;
    if (size > SECTION_BYTES_MAX) return 0;
    const int error = read_rows(c, section, size);
    if (error) return error;
    const struct filter_shape shape = {section->rows, section->probes, section->window_probes};
    const uint32_t place = number - section->first_group;
    for (uint32_t i = 0; i < c->tokens.count; i++) {
        struct filter_probe probe;
        filter_probe(shape, c->tokens.hashes[i], section->by_group ? place : 0, &probe);
        const uint8_t *row = c->rows + probe.row * row_size;
        if (!filter_holds(&probe, row + (size_t)place * FILTER_LINE_BYTES) &&
            filters_row_sound(row, section->groups))
            return ERR_INVALID;
    }
    return c->tokens.lost == 0 ? 0 : ERR_INVALID;
}
