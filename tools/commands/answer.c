/* answer.c - see answer.h. */
#include "tools/commands/answer.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "tools/query/select.h"
#include "tools/query/survey.h"

/* ---- opening ---- */

/* The first word is a PATTERN unless a file has this name. */
static bool is_path(const struct call *call, const char *word) {
    struct file_status status;
    return strcmp(word, "-") == 0 || file_status_of(call->files, word, &status) == 0;
}

static struct query_patterns take_patterns(struct answer *answer) {
    const struct answer_settings *const s = answer->settings;
    struct call *const call = answer->call;
    struct query_patterns patterns = {.texts = s->regexes.texts,
                                      .count = s->regexes.count,
                                      .regex = !s->fixed,
                                      .ignore_case = s->ignore_case,
                                      .invert = s->invert};
    if (patterns.count == 0 && call->words > 0 && !is_path(call, call->word[0])) {
        answer->pattern = call_take_word(call);
        patterns.texts = &answer->pattern;
        patterns.count = 1;
        patterns.regex = false;
    }
    return patterns;
}

bool answer_begin(struct answer *answer, struct call *call, const char *command,
                  struct query *query, const char *compare, bool no_index) {
    answer->command = command;
    answer->call = call;
    answer->query = query;
    answer->no_index = no_index;
    answer->compares = compare != NULL;
    if (answer->compares &&
        compare_open(&answer->compare, command, compare, query, system_wall_ns()) < 0)
        return false;
    answer->zone = query_shown_zone(query);
    const bool all = list_segments(&call->paths, &answer->list);
    answer->failed = !streams_exist(query->streams, &answer->list) || !all;
    answer->pipes = reads_pipes(&answer->list);
    return true;
}

void answer_finish(struct answer *answer) {
    segment_list_free(&answer->list);
    is_record_close(&answer->is_record);
}

bool answer_open(struct answer *answer, struct call *call, const char *command,
                 const struct answer_settings *settings) {
    *answer = (struct answer){.command = command, .call = call, .settings = settings};
    if (!table_read_format(command, settings->output, false, TABLE_ALIGNED, &answer->format))
        return false;
    const struct query_patterns patterns = take_patterns(answer);
    if (query_open(&answer->own, command, &settings->query, &patterns, system_wall_ns()) < 0)
        return false;
    if (answer_begin(answer, call, command, &answer->own, settings->compare, settings->no_index))
        return true;
    query_close(&answer->own);
    return false;
}

void answer_close(struct answer *answer) {
    answer_finish(answer);
    query_close(&answer->own);
}

/* ---- reading ---- */

static bool is_in(const struct answer *answer, enum compare_window window, int64_t time_ns) {
    return time_ns >= answer->compare.windows[window].since_ns &&
           time_ns < answer->compare.windows[window].until_ns;
}

/* Pipes cannot be read for each window: each record belongs to those that its time is in. */
static bool take_record(const struct answer *answer, void *part, struct answer_record *record) {
    if (!answer->compares || !answer->pipes) {
        record->window = answer->window;
        return answer->reader->take(part, record);
    }
    bool taken = true;
    for (int i = COMPARE_WINDOWS; i-- > 0 && taken;) {
        record->window = (enum compare_window)i;
        if (is_in(answer, record->window, record->time_ns))
            taken = answer->reader->take(part, record);
    }
    return taken;
}

/* Adds the lines of the selection from `first` on; returns the first one that was not added. */
static uint64_t take_lines(const struct answer *answer, const struct selection *selection,
                           uint64_t first, void *part, struct is_record *check) {
    struct answer_record record = {.facts = selection->facts,
                                   .stream = selection->segment->name.stream};
    for (uint64_t i = first; i < selection->count; i++) {
        const struct select_line *const line = &selection->lines[i];
        record.bytes = selection->text + line->begin;
        record.size = line->end - line->begin;
        record.size -= record.size > 0 && record.bytes[record.size - 1] == '\n';
        record.text = selection->foreign && !is_record(check, &record.bytes, &record.size);
        record.timed = line->time_ns != INT64_MIN;
        record.time_ns = line->time_ns;
        if (!take_record(answer, part, &record)) return i;
    }
    return selection->count;
}

/* A part and how far it got in its piece. */
struct piece_part {
    const struct answer *answer;
    void *part;
    uint64_t taken;
    struct is_record is_record;
};

static void *open_part(void *context) {
    const struct answer *const answer = context;
    struct piece_part *piece = allocate(sizeof *piece);
    *piece =
        (struct piece_part){.answer = answer, .part = answer->reader->open(answer->reader->whole)};
    return piece;
}

static void begin_part(void *state) {
    const struct piece_part *const piece = state;
    piece->answer->reader->begin(piece->part);
}

static void run_part(void *state, const struct selection *selection, struct query_state *query) {
    struct piece_part *const piece = state;
    (void)query;
    piece->taken = take_lines(piece->answer, selection, 0, piece->part, &piece->is_record);
}

static void close_part(void *state) {
    struct piece_part *const piece = state;
    piece->answer->reader->close(piece->part);
    is_record_close(&piece->is_record);
    free(piece);
}

static bool take_selection(void *context, const struct selection *selection) {
    struct answer *const answer = context;
    struct piece_part *const piece = selection->worked;
    if (piece != NULL) answer->reader->unite(answer->reader->whole, piece->part);
    take_lines(answer, selection, piece != NULL ? piece->taken : 0, answer->reader->whole,
               &answer->is_record);
    answer->found += selection->count;
    return true;
}

static void read_window(struct answer *answer) {
    const struct select_work work = {.context = answer,
                                     .open = open_part,
                                     .begin = begin_part,
                                     .run = run_part,
                                     .close = close_part};
    const struct select_settings how = {.work = answer->reader->open != NULL ? &work : NULL,
                                        .times = true,
                                        .all_frames = answer->no_index,
                                        .results_at_end = true,
                                        .max = UINT64_MAX};
    struct select_report report;
    select_files(&answer->call->paths, &answer->list, answer->query, &how, take_selection, answer,
                 &report);
    report_unrecognised(answer->command, &report.unrecognised);
    answer->failed = answer->failed || report.failed;
}

void answer_read(struct answer *answer, const struct answer_reader *reader) {
    answer->reader = reader;
    answer->window = COMPARE_NOW;
    answer->found = 0;
    if (!answer->compares) {
        read_window(answer);
        return;
    }
    if (answer->pipes) {
        compare_select_both(&answer->compare, answer->query);
        read_window(answer);
        return;
    }
    for (int i = COMPARE_WINDOWS; i-- > 0;) {
        answer->window = (enum compare_window)i;
        compare_select(&answer->compare, answer->window, answer->query);
        read_window(answer);
    }
}

int answer_end(struct answer *answer) {
    if (answer->found == 0) {
        survey_condition(answer->command, &answer->call->paths, answer->query);
        if (answer->pattern != NULL && *answer->pattern != '\0')
            say("%s: no record matches '%s', and no file has this name", answer->command,
                answer->pattern);
    }
    return answer->failed ? EXIT_ERROR : EXIT_OK;
}

/* ---- --compare ---- */

void answer_change_columns(double scale, struct table *table) {
    table_column(table, "change", TABLE_TEXT, false);
    table_column(table, "count", TABLE_NUMBER, false);
    table_column(table, "before", TABLE_NUMBER, false);
    if (scale != 1) table_column(table, "expected", TABLE_NUMBER, false);
    table_column(table, "significance", TABLE_NUMBER, true);
}

void answer_change_cells(double scale, struct table *table, uint64_t now, uint64_t before) {
    const struct change change = compare_change(now, before, scale);
    table_word(table, change.name);
    table_count(table, now);
    table_count(table, before);
    if (scale != 1) table_number(table, (double)before * scale);
    table_number(table, change.significance);
}

static int compare_significance(const void *a, const void *b) {
    const struct answer_order *x = a, *y = b;
    if (x->significance != y->significance) return x->significance > y->significance ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

void answer_sort(const struct answer *answer, double scale, struct answer_order *order,
                 uint32_t count) {
    if (!answer->compares) return;
    for (uint32_t i = 0; i < count; i++)
        order[i].significance = compare_change(order[i].now, order[i].before, scale).significance;
    if (count > 0) qsort(order, count, sizeof *order, compare_significance);
}
