/* search.c - prints the matching records. select.h finds them with several threads.  Context lines
 * are taken from the same pieces; the last lines of a piece are kept for the next one, as many as
 * -B needs. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/commands/search_sort.h"
#include "tools/query/allocate.h"
#include "tools/query/query.h"
#include "tools/query/read.h"
#include "tools/query/select.h"
#include "tools/query/survey.h"
#include "tools/render/render.h"
#include "tools/render/render_work.h"

#define CONTEXT_MAX 1000000
#define NOT_GIVEN   UINT64_MAX /* -A and -B: use the value of -C */

struct search_settings {
    struct common_settings common;
    struct query_settings query;
    struct render_settings render;
    struct option_list regexes;
    bool ignore_case, invert, count, fixed, files;
    bool newest_first, sort, explain, no_index;
    uint64_t max;
    uint64_t after, before, context;
};

struct search {
    struct output *out;
    const struct search_settings *settings;
    const char *literal; /* PATTERN; NULL: -e is used */
    struct query query;
    struct query_state state; /* for highlighting */
    struct render render;
    struct render_work work; /* without context */
    bool context;            /* -A, -B or -C is given, even as 0: print -- between groups */
    uint64_t found, after, before;
    const struct segment_file *segment; /* of the previous piece */
    /* Context: preceding lines that are not printed yet. */
    uint64_t after_left;
    uint8_t *kept;
    size_t kept_size, kept_room;
    uint64_t kept_lines;
    bool gap;                /* lines before the kept ones were not printed */
    bool group;              /* a group was printed */
    struct search_sort sort; /* --sort */
};

/* Highlights matches. */
static bool find_mark(void *context, const uint8_t *text, size_t size, size_t *begin, size_t *end) {
    struct search *s = context;
    return query_mark(&s->query, &s->state, text, size, begin, end);
}

static void begin_selection(struct search *s, const struct selection *selection) {
    render_facts(&s->render, selection->facts);
    render_stream(&s->render, selection->segment->name.stream);
    if (selection->several_streams) render_streams(&s->render);
}

/* On a terminal, what was found is shown at once. */
static void show(struct search *s) {
    if (!s->out->terminal) return;
    render_flush(&s->render);
    output_flush(s->out);
}

static bool print_selection(void *context, const struct selection *selection) {
    struct search *s = context;
    s->found += selection->count;
    render_selection(&s->work, selection);
    show(s);
    return s->found < s->settings->max && !output_failed(s->out);
}

static bool count_selection(void *context, const struct selection *selection) {
    struct search *s = context;
    s->found += selection->count;
    return s->found < s->settings->max;
}

/* Prints each file once, however many of its pieces contain a match. */
static bool name_file(void *context, const struct selection *selection) {
    struct search *s = context;
    if (selection->count == 0 || selection->segment == s->segment) return true;
    s->segment = selection->segment;
    s->found++;
    output_format(s->out, "%s\n", selection->segment->path);
    if (s->out->terminal) output_flush(s->out);
    return s->found < s->settings->max && !output_failed(s->out);
}

/* ---- context ---- */

/* Goes back up to *lines lines from p, which begins a line; sets *lines to how many there were. */
static const uint8_t *lines_back(const uint8_t *begin, const uint8_t *p, uint64_t *lines) {
    uint64_t found = 0;
    while (found < *lines && p > begin) {
        p = line_begin(begin, p - 1);
        found++;
    }
    *lines = found;
    return p;
}

/* Discards all but the last `lines` kept lines. */
static void keep_last(struct search *s, uint64_t lines) {
    uint64_t left = lines;
    if (s->kept_lines <= lines) return;
    const uint8_t *from = lines_back(s->kept, s->kept + s->kept_size, &left);
    s->kept_size = (size_t)(s->kept + s->kept_size - from);
    memmove(s->kept, from, s->kept_size);
    s->kept_lines = left;
    s->gap = true;
}

/* Keeps unprinted lines, which may be the context of a match in the next piece. */
static void keep(struct search *s, const uint8_t *begin, const uint8_t *end) {
    uint64_t lines = s->before;
    const uint8_t *from = lines_back(begin, end, &lines);
    if (from > begin) {
        keep_last(s, 0);
        s->gap = true;
    } else {
        keep_last(s, s->before - lines);
    }
    const size_t size = (size_t)(end - from);
    if (s->kept_room - s->kept_size < size) {
        s->kept_room = s->kept_size + size + 4096;
        s->kept = reallocate(s->kept, s->kept_room);
    }
    if (size > 0) memcpy(s->kept + s->kept_size, from, size);
    s->kept_size += size;
    s->kept_lines += lines;
}

/* Prints the lines before a match and, if needed, the separator. unprinted: the first line of this
 * piece that is not printed yet. */
static void print_before(struct search *s, const uint8_t *unprinted, const uint8_t *hit) {
    uint64_t lines = s->before;
    const uint8_t *from = lines_back(unprinted, hit, &lines);
    if (from > unprinted) {
        keep_last(s, 0);
        s->gap = true;
    } else {
        keep_last(s, s->before - lines);
    }
    if (s->group && s->gap) render_separator(&s->render);
    render_lines(&s->render, s->kept, s->kept_size);
    render_lines(&s->render, from, (size_t)(hit - from));
    s->kept_size = 0;
    s->kept_lines = 0;
    s->gap = false;
    s->group = true;
}

/* The segments of a stream are continuous, so context crosses segment boundaries; it does not cross
 * streams. */
static bool is_continued(const struct segment_name *before, const struct segment_name *name) {
    return before != NULL && name->stream[0] != '\0' && strcmp(before->stream, name->stream) == 0 &&
           before->sequence < name->sequence;
}

static void begin_stream(struct search *s) {
    s->kept_size = 0;
    s->kept_lines = 0;
    s->after_left = 0;
    s->gap = true;
}

static bool print_context(void *context, const struct selection *selection) {
    struct search *s = context;
    const uint8_t *unprinted = selection->text, *const end = unprinted + selection->text_size;
    const struct segment_name *before = s->segment != NULL ? &s->segment->name : NULL;
    begin_selection(s, selection);
    if (selection->gap ||
        (selection->file_begins && !is_continued(before, &selection->segment->name)))
        begin_stream(s);
    s->segment = selection->segment;
    if (s->found == s->settings->max && s->after_left == 0) return false;
    for (uint64_t i = 0; i <= selection->count; i++) {
        const bool found = i < selection->count;
        const uint8_t *const limit = found ? selection->text + selection->lines[i].begin : end;
        s->render.kind = RENDER_CONTEXT;
        for (; s->after_left > 0 && unprinted < limit; s->after_left--) {
            const uint8_t *next = line_end(unprinted, end);
            render_lines(&s->render, unprinted, (size_t)(next - unprinted));
            unprinted = next;
        }
        if (!found) break;
        print_before(s, unprinted, limit);
        unprinted = selection->text + selection->lines[i].end;
        s->render.kind = RENDER_MATCH;
        render_lines(&s->render, limit, (size_t)(unprinted - limit));
        s->after_left = s->after;
        s->found++;
    }
    keep(s, unprinted, end);
    show(s);
    return (s->found < s->settings->max || s->after_left > 0) && !output_failed(s->out);
}

/* ---- in the order of time ---- */

static bool sort_selection(void *context, const struct selection *selection) {
    struct search *s = context;
    begin_selection(s, selection);
    const bool more = search_sort_add(&s->sort, selection);
    show(s);
    return more;
}

/* ---- the command ---- */

/* False: prints only a number or file names. */
static bool prints_records(const struct search_settings *settings) {
    return !settings->count && !settings->files;
}

/* Records without a time are at the earliest moment at which they can have been received, which may
 * be this much outside of --since and --until. */
#define RECEIVED_MARGIN_NS INT64_C(60000000000)
static int64_t earlier(int64_t time_ns) {
    return time_ns > INT64_MIN + RECEIVED_MARGIN_NS ? time_ns - RECEIVED_MARGIN_NS : INT64_MIN;
}
static int64_t later(int64_t time_ns) {
    return time_ns < INT64_MAX - RECEIVED_MARGIN_NS ? time_ns + RECEIVED_MARGIN_NS : INT64_MAX;
}

static int run_search(struct search *s, struct call *call) {
    const struct search_settings *settings = s->settings;
    const bool sorted = settings->sort && prints_records(settings);
    const bool plain = prints_records(settings) && !sorted && !s->context;
    const struct select_settings how = {
        .work = plain ? &s->work.work : NULL,
        .count = !prints_records(settings),
        .context = s->context && prints_records(settings),
        .before = s->before,
        .after = s->after,
        .newest_first = settings->newest_first,
        .times = sorted,
        .by_time = sorted,
        .near = sorted && s->context && s->query.timed && !s->query.received,
        .near_first_ns = earlier(s->query.since_ns),
        .near_last_ns = later(s->query.until_ns),
        .limit = sorted ? &s->sort.sorter.limit : NULL,
        .all_frames = settings->no_index,
        .results_at_end = settings->count,
        .max = (sorted || settings->files) && settings->max > 0 ? UINT64_MAX : settings->max};
    struct select_report report;
    select_visit *visit = settings->files ? name_file
                          : how.count     ? count_selection
                          : sorted        ? sort_selection
                          : how.context   ? print_context
                                          : print_selection;
    select_run(&call->paths, &s->query, &how, visit, s, &report);
    report_unrecognised("search", &report.unrecognised);
    if (sorted && !search_sort_finish(&s->sort)) report.failed = true;
    if (settings->count && !settings->files)
        output_format(s->out, "%llu\n", (unsigned long long)report.found);
    const uint64_t found = sorted ? s->sort.found : report.found;
    if (found == 0 && settings->max > 0) survey_condition("search", &call->paths, &s->query);
    if (settings->explain) select_explain(&report);
    if (report.failed) return EXIT_ERROR;
    return found > 0 ? EXIT_OK : EXIT_NEGATIVE;
}

/* Compiles the patterns: those of -e, or else the first word. */
static int open_search(struct search *s, struct call *call) {
    const struct search_settings *settings = s->settings;
    struct query_patterns patterns = {.texts = settings->regexes.texts,
                                      .count = settings->regexes.count,
                                      .regex = !settings->fixed,
                                      .ignore_case = settings->ignore_case,
                                      .invert = settings->invert};
    if (patterns.count == 0) {
        if (call->words == 0) {
            say("search: PATTERN is missing ('' matches every record)");
            return ERR_INVALID;
        }
        s->literal = call_take_word(call);
        patterns.texts = &s->literal;
        patterns.count = 1;
        patterns.regex = false;
    }
    if (s->context && settings->newest_first) {
        say("search: -A, -B and -C cannot be combined with --newest-first");
        return ERR_INVALID;
    }
    int status = query_open(&s->query, "search", &settings->query, &patterns, system_wall_ns());
    if (status < 0) return status;
    status = query_state_open(&s->state);
    if (status < 0) say("search: %s", error_text(status));
    if (status == 0) {
        status = render_open(&s->render, &settings->render, s->out);
        if (status == 0) {
            s->render.mark = (struct render_mark){find_mark, s};
            render_work_open(&s->work, &s->render, &settings->render, &s->query);
            if (s->query.shows_zone) render_zone(&s->render, s->query.zone);
            return 0;
        }
        query_state_close(&s->state);
    }
    query_close(&s->query);
    return status;
}

static int search_run(struct call *call) {
    const struct search_settings *settings = call->settings;
    struct search s = {.out = call->out, .settings = settings};
    const uint64_t both = settings->context != NOT_GIVEN ? settings->context : 0;
    s.after = settings->after != NOT_GIVEN ? settings->after : both;
    s.before = settings->before != NOT_GIVEN ? settings->before : both;
    s.context = settings->after != NOT_GIVEN || settings->before != NOT_GIVEN ||
                settings->context != NOT_GIVEN;
    if (open_search(&s, call) < 0) return EXIT_ERROR;
    if (prints_records(settings)) render_page(&s.render, &settings->render);
    const struct search_sort_settings sort = {.newest_first = settings->newest_first,
                                              .max = settings->max,
                                              .context = s.context && settings->sort,
                                              .before = s.before,
                                              .after = s.after};
    search_sort_open(&s.sort, &s.render, &sort);
    const int code = run_search(&s, call);
    render_close(&s.render);
    query_state_close(&s.state);
    query_close(&s.query);
    free(s.kept);
    search_sort_close(&s.sort);
    return code;
}

#define AT(field) offsetof(struct search_settings, field)
static const struct option options[] = {
    {.name = "regexp",
     .letter = 'e',
     .kind = OPTION_LIST,
     .field = AT(regexes),
     .value = "REGEX",
     .help = "Search for this regular expression. May be repeated. All arguments are then PATHs.",
     .section = "Patterns"},
    {.name = "fixed_strings",
     .letter = 'F',
     .kind = OPTION_FLAG,
     .field = AT(fixed),
     .help = "Search for the values of -e as literal text, as for PATTERN."},
    {.name = "ignore_case",
     .letter = 'i',
     .kind = OPTION_FLAG,
     .field = AT(ignore_case),
     .help = "Ignore the case of letters in patterns, of every alphabet."},
    {.name = "invert_match",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .field = AT(invert),
     .help = "Print the records that do not match."},
    {.name = "count",
     .letter = 'c',
     .kind = OPTION_FLAG,
     .field = AT(count),
     .help = "Print only the number of matching records.",
     .section = "Results"},
    {.name = "files_with_matches",
     .letter = 'l',
     .kind = OPTION_FLAG,
     .field = AT(files),
     .help = "Print only the names of the files that contain a match."},
    {.name = "max_count",
     .letter = 'm',
     .kind = OPTION_COUNT,
     .field = AT(max),
     .help = "Stop after N records, over all files; with -l after N files."},
    {.name = "after_context",
     .letter = 'A',
     .kind = OPTION_COUNT,
     .field = AT(after),
     .max = CONTEXT_MAX,
     .help = "Also print N records after each match. Groups are separated by --; in pretty lines "
             "matches begin with > and other records with -."},
    {.name = "before_context",
     .letter = 'B',
     .kind = OPTION_COUNT,
     .field = AT(before),
     .max = CONTEXT_MAX,
     .help = "Also print N records before each match."},
    {.name = "context",
     .letter = 'C',
     .kind = OPTION_COUNT,
     .field = AT(context),
     .max = CONTEXT_MAX,
     .help = "Also print N records before and after each match: in its stream, or with --sort in "
             "time, from all streams and files."},
    {.name = "newest_first",
     .kind = OPTION_FLAG,
     .field = AT(newest_first),
     .help = "Print the newest records first."},
    {.name = "sort",
     .kind = OPTION_FLAG,
     .field = AT(sort),
     .help = "Sort records of all streams and files by event time. What memory cannot hold is "
             "kept in temporary files ($TMPDIR, otherwise /var/tmp)."},
    QUERY_OPTIONS(AT(query)),
    RENDER_OPTIONS(AT(render)),
    RENDER_PAGER_OPTION(AT(render)),
    {.name = "explain",
     .kind = OPTION_FLAG,
     .field = AT(explain),
     .help = "Report on standard error how much was skipped, and why.",
     .section = "Diagnosis"},
    {.name = "no_index",
     .kind = OPTION_FLAG,
     .field = AT(no_index),
     .help = "Read everything, as if no segment had an index."},
    HELP_OPTION_IN_SECTION,
};

static const struct search_settings presets = {
    .max = UINT64_MAX, .after = NOT_GIVEN, .before = NOT_GIVEN, .context = NOT_GIVEN};

const struct command search_command = {
    .name = "search",
    .usage = "[OPTION…] PATTERN [PATH…]",
    .summary = "Print records that match PATTERN and pass all given filters.",
    .more = "PATTERN is literal text. It matches the bytes of a record as they were sent, or the\n"
            "text of one of its strings after decoding: Müller finds \"M\\u00fcller\", and\n"
            "said \"hi\" finds \"said \\\"hi\\\"\". '' matches every record. Write -- before a "
            "PATTERN\n"
            "that begins with -. REGEX is a Perl-compatible regular expression; it matches in the\n"
            "same two ways. -v inverts PATTERN and REGEX, not the filters.\n"
            "\n"
            "CONDITION joins comparisons with and, or, not and parentheses:\n"
            "  FIELD = != < <= > >= VALUE      numbers, texts, true, false or null\n"
            "  FIELD in (VALUE, ...)           also: not in\n"
            "  FIELD contains VALUE            also: starts with, ends with, and not contains ...\n"
            "  FIELD ~ REGEX, FIELD !~ REGEX\n"
            "  exists FIELD, FIELD             present; present and neither false nor null\n"
            "FIELD is a dotted path: http.status, tags.0, tags[] (any element), headers.* (any\n"
            "member), or @time, @level, @message, @logger, @stream. A VALUE in quotes is a text.\n"
            "\n"
            "Exit code: 0 found, 1 nothing found, 2 error or damage (whatever could be read was\n"
            "printed).\n"
            "\n"
            "Examples:\n"
            "  logport search connection\n"
            "  logport search -i -C2 'out of memory' ./logs/main\n"
            "  logport search -c '\"level\":\"error\"'\n"
            "  logport search --since 10m --level warn ''\n"
            "  logport search -e 'time[d-]? ?out' --where 'http.status>=500'\n"
            "  logport search --sort --newest-first -m 20 --where 'user in (ann, ben)' ''\n"
            "  logport search -o csv --fields @time,@level,@message timeout app.log.gz\n"
            "  ssh host cat app.log | logport search --level error '' -\n",
    .options = options,
    .settings_size = sizeof(struct search_settings),
    .presets = &presets,
    .any_file = true,
    .run = search_run,
};
