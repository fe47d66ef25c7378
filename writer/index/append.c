/* append.c - reads a segment's lines once and appends their index: see index.h.
 *
 * Frames become groups, groups become filters, section by section; a section is written when it is
 * full, so that memory does not grow with the segment.  No memory is allocated per line. */
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

/* A group ends at a lid (where an append of the daemon ended) once it holds GROUP_BYTES_MIN, and
 * before a frame that would make it hold more than GROUP_BYTES_MAX (a longer line alone may exceed
 * it). */
#define GROUP_BYTES_MIN  (768u << 10)
#define GROUP_BYTES_MAX  ((1u << 20) + (64u << 10))
/* More different tokens than 1 MiB of logs has; a group with more gets no filter. */
#define GROUP_TOKENS_MAX (1u << 16)
#define OUT_BYTES        (256u << 10)
/* A group's first_frame while it is built, if no lid holds its times. */
#define TIMES_UNKNOWN    UINT64_MAX

struct builder {
    struct file *file;
    struct index_options options;
    struct lines_digest digest;
    struct segment_reader reader;
    struct segment_index index;
    uint32_t group_room, section_room;
    uint64_t lines_end; /* after the last data frame */
    uint64_t seen;      /* all frames before this offset have been read */
    /* After the last lid: the first group that has lines there, and their raw bytes. */
    uint32_t uncovered;
    uint64_t uncovered_bytes;
    bool uncovered_any;
    bool append_ended; /* there has been a lid since the last line */
    /* The open group. */
    bool group_open;
    struct index_group group;
    struct token_set tokens;
    struct line_tokens line_tokens;
    /* The open section. */
    struct filters filters;
    uint32_t first_group;
    /* What is written, at `end`. */
    uint8_t *out;
    size_t out_size;
    uint64_t end;
};

static int builder_open(struct builder *b, struct file *file);
static void builder_close(struct builder *b);
static int find_end(struct builder *b);
static int read_lines(struct builder *b);
static int add_frame(struct builder *b, bool lost);
static int pass_skipped(struct builder *b, uint64_t end);
static void cover(struct builder *b, const struct span *span);
static int begin_group(struct builder *b, uint32_t raw_size);
static int end_group(struct builder *b);
static int end_section(struct builder *b);
static int settle_groups(struct builder *b, uint64_t lines);
static int write_index(struct builder *b);
static int put(struct builder *b, const void *bytes, size_t size);
static int put_padding(struct builder *b);
static int flush(struct builder *b);

int index_append(struct file *file, const struct index_options *options) {
    struct segment_index there;
    struct builder b = {.options = options != NULL ? *options : (struct index_options){0}};
    int error = b.options.replace ? ERR_NOT_FOUND : index_load(file, &there);
    if (error == 0) index_free(&there);
    if (error != ERR_NOT_FOUND) return error;
    error = builder_open(&b, file);
    if (!error) error = find_end(&b);
    if (!error) {
        error = read_lines(&b);
        if (!error) error = write_index(&b);
        /* A part of an index does no harm, but is useless. */
        if (error) (void)file_truncate(file, b.index.data_size);
    }
    builder_close(&b);
    return error;
}

static int builder_open(struct builder *b, struct file *file) {
    b->file = file;
    b->reader.file = *file;
    b->out = malloc(OUT_BYTES);
    int error = tokens_open(&b->tokens, GROUP_TOKENS_MAX);
    if (!error) error = lines_digest_open(&b->digest);
    return b->out == NULL ? ERR_NO_MEMORY : error;
}

static void builder_close(struct builder *b) {
    b->reader.file = (struct file){0}; /* it is the caller's */
    segment_reader_close(&b->reader);
    tokens_close(&b->tokens);
    line_tokens_free(&b->line_tokens);
    lines_digest_close(&b->digest);
    filters_free(&b->filters);
    free(b->out);
    index_free(&b->index);
}

/* ---- where the lines end ---- */

/* Some file systems end a file with zeros if the power failed before its last bytes were written;
 * here those were the beginning of an index. */
static bool only_zeros(struct file *file, uint64_t at) {
    uint8_t bytes[4096];
    for (;;) { /* ends: the file does */
        const int64_t got = file_read_at(file, bytes, sizeof bytes, at);
        if (got <= 0) return got == 0;
        for (int64_t i = 0; i < got; i++)
            if (bytes[i] != 0) return false;
        at += (uint64_t)got;
    }
}

/* The file ends inside a header like those that follow the lines. */
static bool torn_header(const uint8_t *bytes, size_t size) {
    static const uint8_t magic[] = {0x50, 0x2A, 0x4D, 0x18}; /* the first: its high half */
    if (size >= FRAME_COVER_BYTES) return false;
    for (size_t i = 0; i < size && i < sizeof magic; i++)
        if ((i == 0 ? bytes[i] & 0xF0 : bytes[i]) != magic[i]) return false;
    return true;
}

/* Returns 1 if the skippable frames at `at` are followed by an LZ4 frame.  It is damaged or not ours:
 * another file was appended, for example.  It must not be cut off as a part of an index. */
static int lz4_frame_follows(struct file *file, uint64_t at) {
    static const uint8_t magics[2][4] = {{0x04, 0x22, 0x4D, 0x18}, {0x02, 0x21, 0x4C, 0x18}};
    for (;;) { /* ends: each round advances by 8 bytes or more */
        uint8_t bytes[FRAME_HEADER_BYTES];
        struct frame_header header;
        const int64_t got = file_read_at(file, bytes, sizeof bytes, at);
        if (got < (int64_t)sizeof magics[0]) return got < 0 ? (int)got : 0;
        for (int i = 0; i < 2; i++) /* today's format; the legacy one */
            if (memcmp(bytes, magics[i], sizeof magics[i]) == 0) return 1;
        if (frame_header(bytes, (size_t)got, &header)) return 0;
        at += header.size;
    }
}

/* Skips lids and padding after the last data frame, and cuts off what an earlier try left of an
 * index.  ERR_INVALID: there is something that recovery or repair should handle first, such as a
 * data frame that a damaged header hides, or LZ4 frames of another program. */
static int cut_rest(struct builder *b) {
    struct file_status status;
    int error = file_status(b->file, &status);
    if (error) return error;
    uint64_t at = b->lines_end;
    while (at < status.size) { /* each round advances by 8 bytes or more */
        uint8_t bytes[FRAME_HEADER_BYTES];
        struct frame_header header;
        const int64_t got = file_read_at(b->file, bytes, sizeof bytes, at);
        if (got < 0) return (int)got;
        if (frame_header(bytes, (size_t)got, &header)) {
            if (!torn_header(bytes, (size_t)got) && !only_zeros(b->file, at)) return ERR_INVALID;
            break;
        }
        if (header.magic >= FRAME_MAGIC_FILTERS && header.magic <= FRAME_MAGIC_FOOTER) break;
        if (header.magic == FRAME_MAGIC_COVER || header.size > status.size - at) return ERR_INVALID;
        at += header.size;
    }
    b->index.data_size = b->end = at;
    if (at == status.size) return 0;
    uint64_t frame;
    int found = segment_reader_find_frame(&b->reader, at, &frame);
    segment_reader_seek(&b->reader, 0);
    if (found == 0) found = lz4_frame_follows(b->file, at);
    if (found != 0) return found < 0 ? found : ERR_INVALID;
    return file_truncate(b->file, at);
}

static int find_end(struct builder *b) {
    struct segment_reader_frame *frames;
    uint64_t count;
    enum segment_damage damage = SEGMENT_SOUND;
    const int error = segment_reader_frames(&b->reader, &frames, &count, &damage);
    if (!error && count > 0) b->lines_end = frames[count - 1].offset + frames[count - 1].size;
    free(frames);
    return error ? error : cut_rest(b);
}

/* ---- from frames to groups ---- */

static bool is_set(const atomic_bool *flag) {
    return flag != NULL && atomic_load_explicit(flag, memory_order_relaxed);
}

static int read_lines(struct builder *b) {
    int error = 0;
    while (!error && b->seen < b->lines_end) { /* each round advances by a frame */
        enum segment_damage damage;
        if (is_set(b->options.stop) || is_set(b->options.deleted)) return ERR_CANCELLED;
        const int more = segment_reader_next(&b->reader, &damage);
        if (more < 0) return more;
        if (more == 0 && damage != SEGMENT_BAD_DATA) return ERR_INVALID; /* changed meanwhile */
        error = pass_skipped(b, b->reader.offset);
        if (!error) error = add_frame(b, more == 0);
        b->seen = b->reader.next_offset;
    }
    if (!error) error = pass_skipped(b, b->index.data_size);
    if (!error) cover(b, b->options.rest);
    const uint64_t lines = b->reader.line_number + b->reader.raw_lines;
    if (!error) error = end_group(b);
    if (!error) error = end_section(b);
    return error ? error : settle_groups(b, lines);
}

/* Reads the skippable frames before the next data frame.  A lid holds the times of the lines before
 * it, and an append ended there. */
static int pass_skipped(struct builder *b, uint64_t end) {
    while (b->seen < end) { /* each round advances by 8 bytes or more */
        uint8_t bytes[LID_BYTES];
        struct frame_header header;
        struct span span;
        const int64_t got = file_read_at(b->file, bytes, sizeof bytes, b->seen);
        if (got < 0) return (int)got;
        if (frame_header(bytes, (size_t)got, &header)) return ERR_INVALID;
        if (header.magic == FRAME_MAGIC_LID) {
            uint64_t first_line;
            const bool sound = header.size <= (uint64_t)got &&
                               !lid_decode(bytes, (size_t)header.size, &span, &first_line);
            cover(b, sound ? &span : NULL);
            b->append_ended = true;
        }
        b->seen += header.size;
    }
    return 0;
}

/* Applies what is known of all lines since the last lid.  They may be in several groups, and a
 * group may have several lids: times get wider, never narrower.  If the bytes do not add up, a
 * frame or a lid was lost, and nothing is known. */
static void cover(struct builder *b, const struct span *span) {
    const bool known = span != NULL && span->raw_size == b->uncovered_bytes;
    if (!b->uncovered_any) return;
    for (uint32_t i = b->uncovered; i < b->index.count; i++) {
        struct index_group *group = &b->index.groups[i];
        if (known) span_add(&group->span, span);
        if (!known) group->first_frame = TIMES_UNKNOWN;
    }
    if (b->group_open && known) span_add(&b->group.span, span);
    if (b->group_open && !known) b->group.first_frame = TIMES_UNKNOWN;
    b->uncovered_bytes = 0;
    b->uncovered_any = false;
}

static int add_frame(struct builder *b, bool lost) {
    const struct segment_reader *reader = &b->reader;
    const int error = begin_group(b, reader->raw_size);
    if (error) return error;
    struct index_group *group = &b->group;
    group->size = reader->next_offset - group->offset;
    group->frames++;
    group->raw_size += reader->raw_size;
    group->damaged |= lost;
    if (!b->uncovered_any) b->uncovered = b->index.count;
    b->uncovered_any = true;
    b->uncovered_bytes += reader->raw_size;
    if (lost) return 0;
    counts_add_lines(&group->counts, &facts_rules_usual, reader->raw, reader->raw_size);
    lines_digest_add(&b->digest, reader->raw, reader->raw_size);
    return line_tokens_add(&b->line_tokens, &b->tokens, reader->raw, reader->raw_size);
}

/* Ends the open group if it has no room for raw_size more bytes, and begins one if none is open. */
static int begin_group(struct builder *b, uint32_t raw_size) {
    const bool full = b->group_open && (b->group.raw_size + (uint64_t)raw_size > GROUP_BYTES_MAX ||
                                        (b->append_ended && b->group.raw_size >= GROUP_BYTES_MIN));
    const int error = full ? end_group(b) : 0;
    b->append_ended = false;
    if (error || b->group_open) return error;
    b->group_open = true;
    b->group = (struct index_group){.offset = b->reader.offset};
    b->group.first_line = b->reader.line_number;
    tokens_clear(&b->tokens);
    return 0;
}

static int grow(void **array, uint32_t *room, uint32_t count, size_t size) {
    if (count < *room) return 0;
    if (*room > UINT32_MAX / 4) return ERR_TOO_LARGE;
    const uint32_t more_room = *room == 0 ? 256 : *room * 2;
    void *more = realloc(*array, more_room * size);
    if (more == NULL) return ERR_NO_MEMORY;
    *array = more;
    *room = more_room;
    return 0;
}

static int end_group(struct builder *b) {
    if (!b->group_open) return 0;
    struct segment_index *index = &b->index;
    int error = grow((void **)&index->groups, &b->group_room, index->count, sizeof *index->groups);
    if (error) return error;
    b->group.parts = line_tokens_end(&b->line_tokens, &b->tokens);
    b->group.filtered = b->tokens.lost == 0;
    index->groups[index->count++] = b->group;
    b->group_open = false;
    /* Re-packing makes the lines smaller, but they need filters as large as before. */
    const uint64_t size = b->group.size + (b->options.repacked ? b->group.size * 3 / 10 : 0);
    error =
        filters_add(&b->filters, b->tokens.hashes, b->group.filtered ? b->tokens.count : 0, size);
    if (!error && b->filters.groups == FILTER_GROUPS_MAX) error = end_section(b);
    return error;
}

/* No lid holds the times of this group: reads them from its lines.  Unless every line has a time,
 * they are unknown. */
static int look_up_times(struct builder *b, struct index_group *group) {
    bool all_timed = true;
    group->span = (struct span){0};
    segment_reader_seek(&b->reader, group->offset);
    while (b->reader.next_offset < group->offset + group->size) { /* each round: a frame */
        enum segment_damage damage;
        const int more = segment_reader_next(&b->reader, &damage);
        if (more < 0) return more;
        if (more == 0 && damage != SEGMENT_BAD_DATA) return ERR_INVALID;
        const uint8_t *line = b->reader.raw, *end = line + b->reader.raw_size;
        while (line < end) {
            const uint8_t *newline = memchr(line, '\n', (size_t)(end - line));
            struct facts facts;
            facts_of_record(line, (size_t)(newline - line), &facts_rules_usual, &facts);
            group->span.rules = span_rules(&group->span, facts_rules_usual.id);
            span_add_line(&group->span, 0, facts.time_ns, &facts);
            all_timed &= facts.has_time;
            line = newline + 1;
        }
    }
    group->span.received_min_ns = INT64_MIN;
    group->span.received_max_ns = INT64_MAX;
    if (all_timed) return 0;
    group->span.time_min_ns = INT64_MIN;
    group->span.time_max_ns = INT64_MAX;
    return 0;
}

/* Groups outside all sections have no filter.  Looks up unknown times, and sets the spans' lines
 * and bytes to what we have counted. */
static int settle_groups(struct builder *b, uint64_t lines) {
    struct segment_index *index = &b->index;
    uint32_t section = 0;
    int error = 0;
    for (uint32_t i = 0; i < index->count && !error; i++) {
        struct index_group *group = &index->groups[i];
        while (section < index->section_count &&
               i >= index->sections[section].first_group + index->sections[section].groups)
            section++;
        if (section == index->section_count || i < index->sections[section].first_group)
            group->filtered = false;
        const bool unknown = group->first_frame == TIMES_UNKNOWN;
        if (unknown) error = look_up_times(b, group);
        const uint64_t behind = i + 1 < index->count ? index->groups[i + 1].first_line : lines;
        group->span.lines = behind - group->first_line;
        group->span.raw_size = group->raw_size;
    }
    return error;
}

/* ---- writing ---- */

static int write_section(struct builder *b, const struct index_section *section) {
    uint8_t row[FILTER_ROW_BYTES(FILTER_GROUPS_MAX)];
    filters_header_encode(section, row);
    int error = put(b, row, FILTERS_HEADER_BYTES);
    for (uint32_t i = 0; i < section->rows && !error; i++) {
        filters_row(&b->filters, i, row);
        filters_row_seal(row, section->groups);
        error = put(b, row, FILTER_ROW_BYTES(section->groups));
    }
    return error;
}

static int end_section(struct builder *b) {
    struct segment_index *index = &b->index;
    struct filters *filters = &b->filters;
    int error = filters_finish(filters);
    if (!error && filters->shape.rows > 0)
        error = grow((void **)&index->sections, &b->section_room, index->section_count,
                     sizeof *index->sections);
    if (!error && filters->shape.rows > 0) error = put_padding(b);
    if (error) return error;
    if (filters->shape.rows > 0) {
        struct index_section *section = &index->sections[index->section_count++];
        *section = (struct index_section){.offset = b->end + b->out_size + FILTERS_HEADER_BYTES,
                                          .first_group = b->first_group,
                                          .groups = filters->groups,
                                          .rows = filters->shape.rows,
                                          .probes = filters->shape.probes,
                                          .window_probes = filters->shape.window_probes,
                                          .by_group = true};
        error = write_section(b, section);
    }
    filters_clear(filters);
    b->first_group = index->count;
    return error;
}

static int write_index(struct builder *b) {
    const uint64_t size = index_frame_bytes(&b->index);
    if (size > UINT32_MAX) return ERR_TOO_LARGE;
    uint8_t footer[FOOTER_BYTES], *bytes = malloc((size_t)size);
    b->index.lines_digest = lines_digest_value(&b->digest);
    b->index.repacked = b->options.repacked;
    if (bytes == NULL) return ERR_NO_MEMORY;
    index_encode(&b->index, bytes);
    int error = put_padding(b);
    const struct index_footer where = {b->end + b->out_size, (uint32_t)size};
    if (!error) error = put(b, bytes, (size_t)size);
    free(bytes);
    if (!error) error = put_padding(b);
    footer_encode(&where, footer);
    if (!error) error = put(b, footer, sizeof footer);
    return error ? error : flush(b);
}

static int flush(struct builder *b) {
    const int error = file_write_at(b->file, b->out, b->out_size, b->end);
    if (error) return error;
    b->end += b->out_size;
    b->out_size = 0;
    return 0;
}

/* One write ends at a page's end, so that it never ends inside a frame's first 8 bytes. */
static size_t room_left(const struct builder *b) {
    return OUT_BYTES - (size_t)((b->end + OUT_BYTES) % FRAME_PAGE_BYTES) - b->out_size;
}

static int put(struct builder *b, const void *bytes, size_t size) {
    const uint8_t *from = bytes;
    while (size > 0) {
        const size_t room = room_left(b), part = size < room ? size : room;
        memcpy(b->out + b->out_size, from, part);
        b->out_size += part;
        from += part;
        size -= part;
        if (part < room) continue;
        const int error = flush(b);
        if (error) return error;
    }
    return 0;
}

/* A frame's first 8 bytes are in one page, so that the file never ends inside them (FORMAT.md). */
static int put_padding(struct builder *b) {
    uint8_t padding[FRAME_COVER_BYTES];
    return put(b, padding, frame_padding(b->end + b->out_size, padding));
}
