/* patterns.c - clusters the messages of records: how often each kind of message occurs, when and at
 * which levels.  See tools/render/patterns.h for how, and in which memory. */
#include "tools/render/patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"
#include "tools/commands/answer.h"
#include "tools/commands/stat.h"
#include "tools/query/allocate.h"
#include "tools/query/canonical.h"
#include "tools/query/template.h"
#include "tools/query/time.h"

#define LEVELS_TEXT_MAX 256
#define LIMIT_MAX       PATTERNS_MAX

/* What one thread finds. */
struct patterns_part {
    struct patterns *patterns;
    struct canonical_rules rules;
    struct canonical canonical;
    uint8_t message[TEMPLATE_MESSAGE_BYTES_MAX];
    uint64_t without; /* records of the window now that have no message */
};

struct patterns_view {
    struct answer answer;
    struct patterns_part whole;
    struct patterns *patterns; /* those of the whole */
};

/* ---- one record ---- */

static void read_message(struct patterns_part *part, const struct answer_record *record) {
    if (record->text) {
        canonical_read_text(&part->canonical, record->bytes, record->size);
        return;
    }
    if (part->rules.facts != record->facts) canonical_open(&part->rules, record->facts);
    canonical_read(&part->canonical, &part->rules, record->bytes, record->size);
}

static bool take(void *context, const struct answer_record *record) {
    struct patterns_part *part = context;
    const struct canonical *const fields = &part->canonical;
    read_message(part, record);
    const size_t size = fields->message.begin == NULL
                            ? 0
                            : value_text(&fields->message, part->message, sizeof part->message);
    if (size == 0) {
        part->without += record->window == COMPARE_NOW;
        return true;
    }
    const struct pattern_message message = {
        .text = part->message,
        .size = size,
        .level = fields->facts.level,
        .timed = fields->facts.has_time || record->timed,
        .time_ns = fields->facts.has_time ? fields->facts.time_ns : record->time_ns,
        .window = record->window};
    return patterns_add(part->patterns, &message);
}

static void *open_part(void *whole) {
    struct patterns_part *part = allocate(sizeof *part);
    (void)whole;
    memset(part, 0, sizeof *part);
    part->patterns = patterns_open_part();
    return part;
}

static void begin_part(void *context) {
    struct patterns_part *part = context;
    part->without = 0;
}

static void unite(void *context, void *more) {
    struct patterns_part *const whole = context, *const part = more;
    patterns_unite(whole->patterns, part->patterns);
    whole->without += part->without;
}

static void close_part(void *context) {
    struct patterns_part *part = context;
    patterns_close(part->patterns);
    canonical_close(&part->canonical);
    free(part);
}

static void read_all(struct patterns_view *view) {
    const struct answer_reader reader = {.whole = &view->whole,
                                         .take = take,
                                         .open = open_part,
                                         .begin = begin_part,
                                         .unite = unite,
                                         .close = close_part};
    view->whole.without = 0;
    answer_read(&view->answer, &reader);
}

/* ---- output ---- */

/* "error", or "error 120, warn 3": the most severe first.  "": no message has a level. */
static const char *levels_text(const struct pattern *pattern, char *text) {
    uint32_t kinds = 0;
    int used = 0;
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        kinds += pattern->levels[i] > 0;
    text[0] = '\0';
    if (kinds == 1 && pattern->levels[0] > 0) return text;
    for (uint32_t i = COUNTS_LEVELS; i-- > 0;) {
        if (pattern->levels[i] == 0) continue;
        const char *const comma = used > 0 ? ", " : "";
        const size_t room = LEVELS_TEXT_MAX - (size_t)used;
        used += kinds == 1 ? snprintf(text + used, room, "%s", stat_level_name(i))
                           : snprintf(text + used, room, "%s%s %llu", comma, stat_level_name(i),
                                      (unsigned long long)pattern->levels[i]);
    }
    return text;
}

static void add_levels(const struct patterns_view *view, const struct pattern *pattern,
                       struct table *table) {
    char text[LEVELS_TEXT_MAX];
    struct text json = {0};
    if (view->answer.format != TABLE_JSON) {
        levels_text(pattern, text);
        if (text[0] != '\0')
            table_word(table, text);
        else
            table_absent(table);
        return;
    }
    text_add_byte(&json, '{');
    for (uint32_t i = COUNTS_LEVELS; i-- > 0;) {
        if (pattern->levels[i] == 0) continue;
        snprintf(text, sizeof text, "%s\"%s\":%llu", json.used > 1 ? "," : "", stat_level_name(i),
                 (unsigned long long)pattern->levels[i]);
        text_add_text(&json, text);
    }
    text_add_byte(&json, '}');
    table_text(table, json.bytes, json.used);
    text_free(&json);
}

static void add_time(const struct pattern *pattern, int64_t time_ns, struct table *table) {
    char text[TIMESTAMP_TEXT_MAX];
    if (pattern->timed)
        table_word(table, timestamp_format(time_ns, text));
    else
        table_absent(table);
}

static bool is_example_worth_showing(const struct pattern *pattern) {
    return pattern->size != pattern->example_size ||
           memcmp(pattern->text, pattern->example, pattern->size) != 0;
}

/* When the pattern was seen, and an example. */
static void add_below(const struct patterns_view *view, const struct pattern *pattern,
                      struct table *table) {
    struct text line = {0};
    char time[TIMESTAMP_TEXT_MAX];
    if (pattern->timed) {
        text_add_text(&line, query_time_text(view->answer.zone, pattern->first_ns, time));
        if (pattern->first_ns < pattern->last_ns) {
            text_add_text(&line, " to ");
            text_add_text(&line, query_time_text(view->answer.zone, pattern->last_ns, time));
        }
    }
    if (is_example_worth_showing(pattern)) {
        text_add_text(&line, line.used > 0 ? ", e.g. " : "e.g. ");
        text_add(&line, pattern->example, pattern->example_size);
    }
    if (line.used > 0) table_below(table, line.bytes, line.used);
    text_free(&line);
}

static void add_row(const struct patterns_view *view, const struct pattern *pattern,
                    struct table *table) {
    const uint64_t now = pattern->counts[COMPARE_NOW], before = pattern->counts[COMPARE_BEFORE];
    if (view->answer.compares) {
        answer_change_cells(compare_scale(&view->answer.compare), table, now, before);
    } else {
        table_count(table, now);
        table_percent(table, now, patterns_total(view->patterns, COMPARE_NOW));
    }
    add_levels(view, pattern, table);
    add_time(pattern, pattern->first_ns, table);
    add_time(pattern, pattern->last_ns, table);
    table_text(table, pattern->text, pattern->size);
    table_text(table, pattern->example, pattern->example_size);
    add_below(view, pattern, table);
}

static void add_columns(const struct patterns_view *view, struct table *table) {
    if (view->answer.compares) {
        answer_change_columns(compare_scale(&view->answer.compare), table);
    } else {
        table_column(table, "count", TABLE_NUMBER, false);
        table_column(table, "percent", TABLE_NUMBER, false);
    }
    table_column(table, "levels", view->answer.format == TABLE_JSON ? TABLE_VALUE : TABLE_TEXT,
                 false);
    table_column(table, "first", TABLE_TEXT, true);
    table_column(table, "last", TABLE_TEXT, true);
    table_column(table, "pattern", TABLE_TEXT, false);
    table_column(table, "example", TABLE_TEXT, true);
}

static void print_rows(const struct patterns_view *view, const struct answer_order *order,
                       uint32_t count) {
    const uint64_t limit = view->answer.settings->limit;
    const uint32_t rows = count < limit ? count : (uint32_t)limit;
    struct table *const table = table_open(view->answer.call->out, view->answer.format);
    uint64_t shown = 0;
    add_columns(view, table);
    for (uint32_t i = 0; i < rows; i++) {
        const struct pattern *const pattern = patterns_at(view->patterns, order[i].row);
        add_row(view, pattern, table);
        shown += pattern->counts[COMPARE_NOW];
    }
    table_print(table);
    table_close(table);
    const uint32_t others = count - rows;
    const unsigned long long rest = patterns_total(view->patterns, COMPARE_NOW) - shown;
    if (view->answer.format == TABLE_ALIGNED && others > 0)
        output_format(view->answer.call->out, "%llu record%s of %u other pattern%s\n", rest,
                      rest == 1 ? "" : "s", others, others == 1 ? "" : "s");
}

static void print_answer(const struct patterns_view *view) {
    const uint32_t count = patterns_sort(view->patterns);
    struct answer_order *const order = allocate(count * sizeof *order + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct pattern *const pattern = patterns_at(view->patterns, i);
        order[i] = (struct answer_order){.row = i,
                                         .now = pattern->counts[COMPARE_NOW],
                                         .before = pattern->counts[COMPARE_BEFORE]};
    }
    answer_sort(&view->answer, compare_scale(&view->answer.compare), order, count);
    print_rows(view, order, count);
    free(order);
}

/* What the table does not show. */
static void report(const struct patterns_view *view) {
    const uint64_t bound = patterns_bound(view->patterns);
    if (view->whole.without > 0)
        say("patterns: %llu records have no message", (unsigned long long)view->whole.without);
    if (bound == 0) return;
    if (patterns_are_recounted(view->patterns))
        say("patterns: more than %d patterns; those that occur up to %llu times may be missing",
            PATTERNS_MAX, (unsigned long long)bound);
    else
        say("patterns: more than %d patterns, and standard input and pipes are read once; counts "
            "may be up to "
            "%llu too low, and patterns that occur so often may be missing",
            PATTERNS_MAX, (unsigned long long)bound);
}

static int patterns_run(struct call *call) {
    struct patterns_view *view = allocate(sizeof *view);
    memset(view, 0, sizeof *view);
    if (!answer_open(&view->answer, call, "patterns", call->settings)) {
        free(view);
        return EXIT_ERROR;
    }
    view->patterns = view->whole.patterns = patterns_open();
    read_all(view);
    if (patterns_are_approximate(view->patterns) && !view->answer.pipes) {
        patterns_recount(view->patterns, (uint32_t)view->answer.settings->limit);
        read_all(view);
    }
    print_answer(view);
    report(view);
    const int code = answer_end(&view->answer);
    patterns_close(view->patterns);
    canonical_close(&view->whole.canonical);
    answer_close(&view->answer);
    free(view);
    return code;
}

static const struct option options[] = {
    ANSWER_OPTIONS("20", LIMIT_MAX, "Print this many patterns."),
};

const struct command patterns_command = {
    .name = "patterns",
    .usage = "[OPTION…] [PATTERN] [PATH…]",
    .summary = "Cluster messages, with numbers, ids and quoted text removed.",
    .more =
        "Prints how often each kind of message occurs, at which levels, when it was first and\n"
        "last seen, and one example. <*> is a variable part: a number, an id, an address, or a\n"
        "quoted text. If more than 32 patterns differ in one word only, this word becomes <*>,\n"
        "too. Lines that are not JSON are messages themselves.\n"
        "\n"
        "PATTERN selects records as in search; the first word is a PATH if a file has this\n"
        "name. Memory is bounded (about 100 MiB and 20 MiB for each thread): up to 32,768\n"
        "patterns are counted exactly; of more, the most frequent ones, in a second pass.\n"
        "\n"
        "Exit code: 0, or 2 if something could not be read or is damaged.\n"
        "\n"
        "Examples:\n"
        "  logport patterns\n"
        "  logport patterns --since 1h --level warn\n"
        "  logport patterns timeout ./logs/main\n"
        "  logport patterns --since 10m --compare 1d      the same 10 minutes a day earlier\n"
        "  logport patterns --since today --compare yesterday..today\n"
        "  ssh host cat app.log | logport patterns\n",
    .options = options,
    .settings_size = sizeof(struct answer_settings),
    .any_file = true,
    .run = patterns_run,
};
