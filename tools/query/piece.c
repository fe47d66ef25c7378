/* piece.c - see piece.h. */
#include "tools/query/piece.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/json.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "writer/segment/frame.h"

#define LINES_MIN 64

int piece_open(struct piece *piece, const struct query *query,
               const struct select_settings *settings) {
    memset(piece, 0, sizeof *piece);
    piece->query = query;
    piece->settings = settings;
    const int status = query_state_open(&piece->state);
    if (status == 0 && settings->work != NULL)
        piece->worked = settings->work->open(settings->work->context);
    return status;
}

void piece_close(struct piece *piece) {
    if (piece->worked != NULL) piece->settings->work->close(piece->worked);
    query_state_close(&piece->state);
    buffer_free(&piece->packed);
    buffer_free(&piece->frame);
    buffer_free(&piece->text);
    free(piece->lines);
}

/* Puts it between the times that the span says its lines have: one without a time has its receive
 * time there. */
static int64_t between_times(const struct piece *piece, int64_t time_ns, const struct span *span) {
    int64_t min_ns, max_ns;
    query_span_times(piece->cut.facts, span, &min_ns, &max_ns);
    if (time_ns < min_ns) return min_ns;
    return time_ns > max_ns ? max_ns : time_ns;
}

static void set_received(struct piece *piece, const struct span *span) {
    const bool known = span->lines > 0;
    query_received(&piece->state, known ? span->received_min_ns : INT64_MIN,
                   known ? span->received_max_ns : INT64_MAX);
    if (!piece->settings->times) return;
    /* The piece was chosen by the times of its own span, which may be narrower than a lid's. */
    piece->untimed_ns = between_times(
        piece, between_times(piece, piece->state.received_min_ns, span), &piece->cut.span);
}

void piece_begin(struct piece *piece) {
    piece->limit =
        piece->settings->limit != NULL ? *piece->settings->limit : (struct sorter_limit){0};
    set_received(piece, &piece->cut.span);
    piece->state.facts = piece->cut.facts;
    piece->state.foreign = piece->cut.foreign;
    piece->state.unrecognised = (struct unrecognised){0};
    piece->text.size = 0;
    piece->count = 0;
    piece->frames = piece->raw_bytes = 0;
    piece->tally = (struct counts){0};
    piece->tally_bytes = 0;
    piece->by_time = piece->by_level = piece->by_condition = 0;
    piece->damaged = false;
    if (piece->worked != NULL && piece->settings->work->begin != NULL)
        piece->settings->work->begin(piece->worked);
}

/* Room for `size` more bytes. */
static uint8_t *make_room(struct buffer *buffer, size_t size) {
    if (buffer->room - buffer->size < size)
        buffer_reserve(buffer, buffer->size + size + buffer->room / 2);
    return buffer->bytes + buffer->size;
}

static struct select_line *add_line(struct piece *piece, size_t begin, size_t end,
                                    int64_t time_ns) {
    if (piece->count == piece->line_room) {
        piece->line_room = piece->line_room > 0 ? piece->line_room * 2 : LINES_MIN;
        piece->lines = reallocate(piece->lines, piece->line_room * sizeof *piece->lines);
    }
    struct select_line *const line = &piece->lines[piece->count++];
    *line = (struct select_line){begin, end, time_ns, false};
    return line;
}

static void tally_line(struct piece *piece, const uint8_t *line, const uint8_t *next) {
    struct facts facts;
    size_t size = (size_t)(next - line) - (next[-1] == '\n');
    piece->tally_bytes += (uint64_t)(next - line);
    if (!query_is_record(&piece->state, &line, &size)) size = 0; /* no level, no time */
    counts_add_line(&piece->tally, piece->cut.facts, line, size, &facts);
}

static void count_all(struct piece *piece, const uint8_t *raw, size_t size) {
    if (piece->settings->tally) {
        counts_add_lines(&piece->tally, piece->cut.facts, raw, size);
        piece->tally_bytes += size;
    }
    for (size_t i = 0; i < size; i++)
        piece->count += raw[i] == '\n';
}

/* Adds the lines of [p, end) in `raw`, which do not match. */
static void add_others(struct piece *piece, const uint8_t *raw, const uint8_t *p,
                       const uint8_t *end) {
    const size_t base = piece->text.size;
    for (const uint8_t *next; p < end; p = next) {
        next = line_end(p, end);
        const int64_t time_ns =
            query_time_of(&piece->state, p, (size_t)(next - p), piece->untimed_ns);
        add_line(piece, base + (size_t)(p - raw), base + (size_t)(next - raw), time_ns)->other =
            true;
    }
}

/* All lines are kept in their order, and need not be copied one by one. */
static bool keeps_all(const struct piece *piece) {
    return piece->settings->context || (piece->query->all && !piece->settings->count);
}

/* If all lines are kept, raw is at text.bytes + text.size. */
static void search_lines(struct piece *piece, const uint8_t *raw, size_t size) {
    const struct select_settings *settings = piece->settings;
    const uint8_t *p = raw, *const end = raw + size, *line, *next;
    const size_t base = piece->text.size;
    if (settings->count && piece->query->all && !(settings->tally && piece->cut.foreign)) {
        count_all(piece, raw, size);
        return;
    }
    query_begin(&piece->state);
    while (settings->newest_first || piece->count < settings->max) { /* ends: p rises */
        const bool found = query_next(piece->query, &piece->state, p, end, &line, &next);
        if (settings->by_time && settings->context) add_others(piece, raw, p, found ? line : end);
        if (!found) break;
        p = next;
        if (settings->tally) tally_line(piece, line, next);
        if (settings->count) {
            piece->count++;
            continue;
        }
        const size_t length = (size_t)(next - line);
        const int64_t time_ns = settings->untimed ? piece->untimed_ns
                                : settings->times
                                    ? query_time_of(&piece->state, line, length, piece->untimed_ns)
                                    : 0;
        if (sorter_is_beyond(&piece->limit, time_ns)) continue;
        if (keeps_all(piece)) {
            add_line(piece, base + (size_t)(line - raw), base + (size_t)(next - raw), time_ns);
            continue;
        }
        memcpy(make_room(&piece->text, length), line, length);
        add_line(piece, piece->text.size, piece->text.size + length, time_ns);
        piece->text.size += length;
    }
}

static void add_part(struct piece *piece, const uint8_t *raw, size_t size) {
    if (keeps_all(piece)) {
        uint8_t *place = make_room(&piece->text, size);
        if (place != raw) memcpy(place, raw, size);
        raw = place;
    }
    search_lines(piece, raw, size);
    if (keeps_all(piece)) piece->text.size += size;
}

void piece_add(struct piece *piece, const uint8_t *raw, size_t size) {
    piece->frames++;
    piece->raw_bytes += size;
    add_part(piece, raw, size);
}

/* ---- the result ---- */

struct selection piece_selection(const struct piece *piece) {
    return (struct selection){.segment = piece->segment,
                              .several_streams = piece->several_streams,
                              .facts = piece->cut.facts,
                              .foreign = piece->cut.foreign,
                              .text = piece->text.bytes,
                              .text_size = piece->text.size,
                              .lines = piece->lines,
                              .count = piece->count,
                              .frames = piece->frames + piece->by_time + piece->by_level +
                                        piece->by_condition,
                              .tally = &piece->tally,
                              .tally_bytes = piece->tally_bytes,
                              .worked = piece->worked};
}

void selection_record(const struct selection *selection, const struct select_line *line,
                      struct record *record) {
    const uint8_t *const begin = selection->text + line->begin;
    const uint8_t *const end = selection->text + line->end;
    record_read(record, begin, end);
    if (!selection->foreign && record->kind != RECORD_OBJECT)
        record_trust(record, begin, (size_t)(end - begin) - 1);
}

static void reverse(struct select_line *lines, uint64_t count) {
    for (uint64_t i = 0; i < count / 2; i++) {
        const struct select_line line = lines[i];
        lines[i] = lines[count - 1 - i];
        lines[count - 1 - i] = line;
    }
}

static void do_work(struct piece *piece) {
    if (piece->worked == NULL) return;
    make_room(&piece->text, JSON_PADDING);
    const struct selection selection = piece_selection(piece);
    piece->settings->work->run(piece->worked, &selection, &piece->state);
}

void piece_finish(struct piece *piece) {
    const struct select_settings *settings = piece->settings;
    if (settings->newest_first && !settings->count && !settings->by_time)
        reverse(piece->lines, piece->count);
    if (piece->count > settings->max) piece->count = settings->max;
    do_work(piece);
}

void piece_cut_short(struct piece *piece, uint64_t count) {
    if (piece->count <= count) return;
    piece->count = count;
    do_work(piece);
}

/* ---- frames ---- */

enum piece_check piece_check(const struct piece *piece) {
    uint64_t frames = 0, raw_size = 0;
    size_t at = 0;
    if (piece->cut.frames == 0) return PIECE_AS_INDEXED;
    while (at < piece->packed.size) { /* ends: `at` rises */
        struct frame_header header;
        const size_t left = piece->packed.size - at;
        if (frame_header(piece->packed.bytes + at, left, &header) != 0 || header.size > left)
            return at == 0 ? PIECE_BEGINS_BADLY : PIECE_AS_INDEXED;
        at += (size_t)header.size;
        frames += header.kind == FRAME_DATA;
        if (header.kind == FRAME_DATA) raw_size += header.raw_size;
    }
    const bool same = frames == piece->cut.frames && raw_size == piece->cut.raw_size;
    return same ? PIECE_AS_INDEXED : PIECE_NOT_AS_INDEXED;
}

/* The frames from `at` to the next lid, which covers them: their end, their number, what the lid
 * says, and the receipts of a re-packed segment. */
struct covered {
    size_t end;
    uint64_t frames;
    struct span span;
    const uint8_t *receipts;
    uint32_t receipt_count, next_receipt;
    uint64_t left; /* bytes of the current receipt's lines that have not been searched */
};
static bool find_covered(const struct piece *piece, size_t at, struct covered *covered) {
    struct frame_header header;
    struct span span;
    uint64_t first_line, raw_size = 0;
    *covered = (struct covered){.end = at, .span = piece->cut.span};
    while (at < piece->packed.size) { /* ends: `at` rises */
        const uint8_t *bytes = piece->packed.bytes + at;
        const size_t left = piece->packed.size - at;
        if (frame_header(bytes, left, &header) != 0 || header.size > left) return false;
        at += (size_t)header.size;
        covered->end = at;
        covered->frames += header.kind == FRAME_DATA;
        if (header.kind == FRAME_DATA) {
            raw_size += header.raw_size;
            covered->receipt_count = 0; /* they are for the frames before them */
        }
        if (header.magic == FRAME_MAGIC_RECEIPTS) {
            covered->receipts = bytes;
            covered->receipt_count = receipts_check(bytes, (size_t)header.size, raw_size);
        }
        if (header.magic != FRAME_MAGIC_LID) continue;
        /* A lid for other frames says nothing about these. */
        if (lid_decode(bytes, (size_t)header.size, &span, &first_line) == 0 &&
            span.raw_size == raw_size)
            covered->span = span;
        break;
    }
    return true;
}

/* For --sort: a line was not received before the lines that precede it. */
static void not_before(const struct piece *piece, struct span *span, int64_t received_ns) {
    if (piece->settings->times && span->received_min_ns < received_ns)
        span->received_min_ns = received_ns;
}

/* Searches the lines of a frame, those of each receipt with its receive times. */
static void search_by_receipts(struct piece *piece, struct covered *covered, const uint8_t *raw,
                               size_t size) {
    piece->frames++;
    piece->raw_bytes += size;
    while (size > 0) { /* each round takes a line or more */
        if (covered->left == 0 && covered->next_receipt < covered->receipt_count) {
            const struct receipt receipt = receipts_at(covered->receipts, covered->next_receipt++);
            const int64_t received_ns = covered->span.received_min_ns;
            covered->left = receipt.raw_size;
            covered->span.received_min_ns = receipt.min_ns;
            covered->span.received_max_ns = receipt.max_ns;
            not_before(piece, &covered->span, received_ns);
            set_received(piece, &covered->span);
            if (covered->left == 0) continue;
        }
        size_t part = covered->left > 0 && covered->left < size ? (size_t)covered->left : size;
        while (raw[part - 1] != '\n') /* ends: the frame's last byte is one */
            part++;
        add_part(piece, raw, part);
        covered->left -= part < covered->left ? part : covered->left;
        raw += part;
        size -= part;
    }
}

static bool search_frames(struct piece *piece, size_t at, size_t end, struct covered *covered) {
    struct buffer *const room = keeps_all(piece) ? &piece->text : &piece->frame;
    struct frame_header header;
    for (; at < end; at += (size_t)header.size) {
        const uint8_t *bytes = piece->packed.bytes + at;
        /* The file may have changed since the index was read. */
        if (frame_header(bytes, end - at, &header) != 0 || header.size > end - at) return false;
        if (header.kind != FRAME_DATA) continue;
        uint8_t *raw = make_room(room, header.raw_size + JSON_PADDING); /* for do_work, too */
        if (frame_decode(bytes, &header, raw) != 0) return false;
        if (raw[header.raw_size - 1] != '\n') return false;
        if (covered != NULL && covered->receipt_count > 0)
            search_by_receipts(piece, covered, raw, header.raw_size);
        else
            piece_add(piece, raw, header.raw_size);
    }
    return true;
}

/* Are all lines of this span beyond the limit? */
static bool is_beyond(const struct piece *piece, const struct span *span) {
    int64_t min_ns, max_ns;
    query_span_times(piece->cut.facts, span, &min_ns, &max_ns);
    return sorter_is_beyond(&piece->limit, piece->limit.newest_first ? max_ns : min_ns);
}

void piece_search(struct piece *piece) {
    if (piece->cut.foreign) {
        piece_add(piece, piece->packed.bytes, piece->packed.size);
        piece->frames = 0;
        return;
    }
    if (!query_needs_spans(piece->query) && !piece->settings->times) {
        piece->damaged = !search_frames(piece, 0, piece->packed.size, NULL);
        return;
    }
    struct covered covered;
    int64_t received_ns =
        INT64_MIN; /* of the preceding lines; lines without a lid were received later */
    for (size_t at = 0; at < piece->packed.size; at = covered.end) {
        piece->damaged = !find_covered(piece, at, &covered);
        if (piece->damaged) return;
        not_before(piece, &covered.span, received_ns);
        received_ns = covered.span.received_min_ns;
        const struct known known = {.span = &covered.span, .stream = piece->state.stream};
        const enum query_reason reason = query_check_span(piece->query, piece->cut.facts, &known);
        set_received(piece, &covered.span);
        if (is_beyond(piece, &covered.span)) {
            piece->by_time += covered.frames;
            continue;
        }
        /* Context lines are needed even if they cannot match. */
        if (reason == QUERY_WANTED || piece->settings->context || piece->settings->all_frames)
            piece->damaged = !search_frames(piece, at, covered.end, &covered);
        else if (reason == QUERY_TIME)
            piece->by_time += covered.frames;
        else if (reason == QUERY_LEVEL)
            piece->by_level += covered.frames;
        else
            piece->by_condition += covered.frames;
        received_ns = covered.span.received_min_ns; /* of the last receipt */
        if (piece->damaged) return;
    }
}
