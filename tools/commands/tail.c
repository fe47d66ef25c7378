/* tail.c - prints the last records, and with -f new ones.  A position in a stream is an open
 * segment and an offset in it, so it stays valid when the file is renamed, re-packed or deleted.
 * tail continues with the next segment when a newer one has lines and the end of this one was read
 * afterwards: batches are written in order, so nothing can follow that end.  No record is printed
 * twice or left out. */
#include <stdlib.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/tail_internal.h"
#include "tools/query/read.h"
#include "tools/query/select.h"
#include "tools/query/survey.h"

struct tail_settings {
    struct common_settings common;
    uint64_t lines;
    uint64_t poll_ms, sort_delay_ms;
    bool follow, sort;
    struct query_settings query;
    struct render_settings render;
};

/* ---- from one segment to the next ---- */

/* Sequences increase by one, except where segments were deleted.  A listing can also miss a segment
 * that is being renamed, and its lines would then never be printed. */
static bool follows(struct tail *tail, struct tailed *t, const struct segment_file *next) {
    const uint64_t sequence = next->name.sequence;
    if (!tail->follow || !t->begun || sequence == t->sequence + 1) return true;
    if (t->gap_to != sequence) {
        t->gap_to = sequence;
        t->gap_since = tail->listings;
    }
    if (tail->listings - t->gap_since >= GAP_LISTINGS) return true;
    tail->list_next_ns = system_now_ns(); /* list again at once */
    return false;
}

/* Missing sequences may never have been used. */
static void report_gap(const struct tailed *t, const struct segment_file *next) {
    const unsigned long long from = t->sequence + 1, to = next->name.sequence - 1;
    if (!t->begun || from > to) return;
    if (from == to)
        say("%s: segment %llu is missing: it was deleted before it was read, or never written",
            t->key, from);
    else
        say("%s: segments %llu to %llu are missing: they were deleted before they were read, or "
            "never written",
            t->key, from, to);
}

/* Prints everything that is new in the stream, across segments. */
static void print_stream(struct tail *tail, struct tailed *t) {
    const struct segment_file *const file = tail_current(tail, t);
    /* A file that did not exist at first. */
    const bool appeared = tail->following && file != NULL && file->name.stream[0] == '\0' &&
                          t->foreign == NULL && !t->ended && !t->begun;
    if (appeared) (void)tail_open_foreign(tail, t, file);
    if (t->foreign != NULL || t->ended) {
        tail_print_foreign(tail, t);
        return;
    }
    if (tail->follow && t->begun && t->stream[0] != '\0' && tail_is_replaced(tail, t))
        tail_begin_again(tail, t);
    for (;;) { /* ends: every turn opens a newer segment */
        const struct segment_file *next = tail_newer(tail, t);
        const bool move_on =
            next != NULL && follows(tail, t, next) && (!t->open || tail_newer_has_lines(tail, t));
        tail_print_segment(tail, t, move_on || !tail->follow);
        if (!move_on || t->left == 0 || output_failed(tail->call->out)) return;
        if (tail->follow) report_gap(t, next);
        tail_leave_segment(t);
        /* `next`: segments that were printed come before it */
        tail_open_segment(tail, t, next, next);
    }
}

/* Opens the segment in which the last lines begin. */
static void find_start(struct tail *tail, struct tailed *t) {
    uint64_t needed = tail->lines;
    const struct segment_file *const other = tail_current(tail, t);
    if (other != NULL && other->name.stream[0] == '\0' && tail_open_foreign(tail, t, other)) {
        tail_find_last_lines(tail, t);
        return;
    }
    for (uint32_t i = tail->list.count; i-- > 0;) {
        const struct segment_file *file = &tail->list.files[i];
        if (!tail_belongs(t, file)) continue;
        tail_close_segment(t);
        if (tail_open_segment(tail, t, file, NULL)) tail_look_back(tail, t, file, &needed);
        if (needed == 0) break;
    }
    if (!tail->follow) t->left = tail->lines - needed;
}

/* ---- the command ---- */

static bool all_ended(const struct tail *tail) {
    for (uint32_t i = 0; i < tail->count; i++)
        if (!tail->tailed[i].ended || tail->tailed[i].foreign != NULL) return false;
    return tail->count > 0;
}

/* Ends when the reader of the output closes it, or standard input ends and there is nothing else. */
static void follow(struct tail *tail) {
    while (!output_failed(tail->call->out) && !all_ended(tail)) {
        if (system_now_ns() >= tail->list_next_ns) tail_list(tail, false);
        for (uint32_t i = 0; i < tail->count; i++)
            print_stream(tail, &tail->tailed[i]);
        held_pass_on(&tail->held, system_now_ns(), tail_print_sorted, tail);
        render_flush(&tail->render);
        output_flush(tail->call->out);
        system_sleep_ms(tail->poll_ms);
    }
    held_pass_on(&tail->held, INT64_MAX, tail_print_sorted, tail);
}

/* The last records that the files hold now. */
static void print_first(struct tail *tail) {
    tail->state.unrecognised = (struct unrecognised){0}; /* these are read again */
    if (tail->sort) sorter_open(&tail->sorter, false, UINT64_MAX, tail_print_sorted, tail);
    for (uint32_t i = 0; i < tail->count; i++)
        print_stream(tail, &tail->tailed[i]);
    if (tail->sort && sorter_finish(&tail->sorter) < 0) {
        say("tail: %s: %s while sorting; the output is not complete", tail->sorter.runs.where,
            error_text(tail->sorter.runs.status));
        tail->failed = true;
    }
    sorter_close(&tail->sorter);
    render_flush(&tail->render);
    output_flush(tail->call->out);
    report_unrecognised("tail", &tail->state.unrecognised);
    if (!tail->any && tail->lines > 0) survey_condition("tail", &tail->call->paths, &tail->query);
    if (tail->follow) render_report_missing(&tail->render);
}

static int open_tail(struct tail *tail, const struct tail_settings *settings) {
    const struct query_patterns any = {0};
    int status = query_open(&tail->query, "tail", &settings->query, &any, system_wall_ns());
    if (status < 0) return status;
    status = query_state_open(&tail->state);
    if (status < 0) {
        say("tail: %s", error_text(status));
    } else {
        status = render_open(&tail->render, &settings->render, tail->call->out);
        if (status == 0 && tail->query.shows_zone) render_zone(&tail->render, tail->query.zone);
        if (status == 0) return 0;
        query_state_close(&tail->state);
    }
    query_close(&tail->query);
    return status;
}

static int tail_run(struct call *call) {
    const struct tail_settings *settings = call->settings;
    struct tail tail = {.call = call,
                        .lines = settings->lines,
                        .poll_ms = (uint32_t)settings->poll_ms,
                        .follow = settings->follow,
                        .sort = settings->sort,
                        .held = {.delay_ns = (int64_t)settings->sort_delay_ms * 1000000}};
    if (open_tail(&tail, settings) < 0) return EXIT_ERROR;
    tail_list(&tail, true);
    const bool listed = !tail.failed;
    for (uint32_t i = 0; i < tail.count; i++)
        find_start(&tail, &tail.tailed[i]);
    print_first(&tail);
    tail.following = tail.follow;
    if (tail.follow && listed) follow(&tail);
    for (uint32_t i = 0; i < tail.count; i++) {
        tail_close_segment(&tail.tailed[i]);
        tail_close_foreign(&tail, &tail.tailed[i].foreign);
        tail_close_foreign(&tail, &tail.tailed[i].older);
        free(tail.tailed[i].key);
    }
    free(tail.tailed);
    segment_list_free(&tail.list);
    render_close(&tail.render);
    query_state_close(&tail.state);
    query_close(&tail.query);
    free(tail.wanted);
    held_close(&tail.held);
    return tail.failed ? EXIT_ERROR : EXIT_OK;
}

#define AT(field) offsetof(struct tail_settings, field)

static const struct option options[] = {
    {.name = "lines",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .field = AT(lines),
     .preset = "10",
     .help = "Print the last N records of each stream. -N is short for -n N.",
     .digits = true,
     .section = "Records"},
    {.name = "follow",
     .letter = 'f',
     .kind = OPTION_FLAG,
     .field = AT(follow),
     .help =
         "Continue with new records as they arrive, across rotations and restarts of the daemon."},
    {.name = "poll_ms",
     .kind = OPTION_TIME_MS,
     .field = AT(poll_ms),
     .min = 1,
     .max = 60000,
     .preset = "50ms",
     .help = "With --follow, look for new records this often."},
    {.name = "sort",
     .kind = OPTION_FLAG,
     .field = AT(sort),
     .help = "Print records of all streams and files in the order of event time. With --follow, "
             "each is held for --sort-delay, so that earlier ones can come before it."},
    {.name = "sort_delay",
     .kind = OPTION_TIME_MS,
     .field = AT(sort_delay_ms),
     .max = 60000,
     .preset = "1s",
     .help = "With --follow and --sort, hold each record for this time. Those that come later than "
             "that are printed at once, after later ones."},
    QUERY_OPTIONS(AT(query)),
    RENDER_OPTIONS(AT(render)),
    HELP_OPTION_IN_SECTION,
};

const struct command tail_command = {
    .name = "tail",
    .usage = "[OPTION…] [PATH…]",
    .summary = "Print the last records, and with -f new ones as they arrive.",
    .more = "With -f the directory need not exist yet, and new streams are printed from their\n"
            "beginning. No record is printed twice or left out; if segments are deleted before\n"
            "they were read, this is reported. Standard input has no\n"
            "present end: with -f, all of its records are printed as they arrive.\n"
            "\n"
            "Exit code: 0, or 2 if something could not be read or is damaged.\n"
            "\n"
            "Examples:\n"
            "  logport tail\n"
            "  logport tail -20 --stream main,audit\n"
            "  logport tail -f ./logs/main ./logs/rejects\n"
            "  logport tail -f --sort --level warn\n"
            "  logport tail -n 0 -f | grep --line-buffered error\n",
    .options = options,
    .settings_size = sizeof(struct tail_settings),
    .any_file = true,
    .run = tail_run,
};
