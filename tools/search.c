/* search.c - prints the records in which a literal stands.
 * Whole frames are searched, not lines: lines are cut out around what was found.
 * Context is cut out of the same frame; the last lines of a frame are kept for
 * the next, as many as -B asks for. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/command.h"
#include "tools/find.h"
#include "tools/read.h"

#define CONTEXT_MAX 1000000
#define NOT_GIVEN   UINT64_MAX /* -A and -B: what -C says; that: no context */

struct search_settings {
    struct common_settings common;
    bool ignore_case, invert, count, fixed;
    uint64_t max;
    uint64_t after, before, context;
};

struct search {
    struct output *out;
    struct needle needle;
    bool invert, count;
    bool context; /* asked for, if only 0 lines of it: groups are parted */
    bool never;   /* the pattern holds a newline, which no record does */
    uint64_t selected, selected_max;
    uint64_t after, before;
    /* Where the frame's next hit is, looked up no further than was asked for. */
    const uint8_t *hit_begin, *hit_end;
    /* Context: what went before, and is not printed. */
    uint64_t after_left;
    uint8_t *kept;
    size_t kept_size, kept_room;
    uint64_t kept_lines;
    bool gap;   /* before the lines kept there are others that are not printed */
    bool group; /* a group was printed */
};

/* The next line at or behind `p` that holds the needle; hit_begin is `end` if there is none. */
static void find_hit(struct search *s, const uint8_t *p, const uint8_t *end) {
    const uint8_t *place = s->never || p == end ? NULL : find(&s->needle, p, end);
    s->hit_begin = place != NULL ? line_begin(p, place) : end;
    s->hit_end = place != NULL ? line_end(place, end) : end;
}

/* The next line at or behind p that is to be printed.  False: none in this frame. */
static bool next_selected(struct search *s, const uint8_t *p, const uint8_t *end,
                          const uint8_t **begin, const uint8_t **after) {
    if (s->selected == s->selected_max) return false;
    if (!s->invert) {
        find_hit(s, p, end);
        *begin = s->hit_begin;
        *after = s->hit_end;
        return *begin < end;
    }
    for (;;) { /* ends: p rises */
        if (p == end) return false;
        if (s->hit_begin == NULL || s->hit_begin < p) find_hit(s, p, end);
        if (p != s->hit_begin) break;
        p = s->hit_end;
    }
    *begin = p;
    *after = line_end(p, end);
    return true;
}

static void count_frame(struct search *s, const struct scan *scan) {
    const uint8_t *p = scan->raw, *const end = scan->raw + scan->raw_size;
    uint64_t lines = 0;
    while (!s->never && p < end) {
        const uint8_t *place = find(&s->needle, p, end);
        if (place == NULL) break;
        lines++;
        p = line_end(place, end);
    }
    if (s->invert) lines = scan->raw_lines - lines;
    s->selected += lines;
    if (s->selected > s->selected_max) s->selected = s->selected_max;
}

/* A line that was looked for, what was found in it in red. */
static void print_selected(struct search *s, const uint8_t *begin, const uint8_t *end) {
    const uint8_t *place;
    s->selected++;
    if (s->out->color && !s->invert && s->needle.size > 0)
        while ((place = find(&s->needle, begin, end)) != NULL) {
            output_records(s->out, begin, (size_t)(place - begin));
            output_text(s->out, "\033[1;31m");
            output_records(s->out, place, s->needle.size);
            output_text(s->out, "\033[m");
            begin = place + s->needle.size;
        }
    output_records(s->out, begin, (size_t)(end - begin));
}

static void print_frame(struct search *s, const struct scan *scan) {
    const uint8_t *begin, *after, *p = scan->raw, *const end = scan->raw + scan->raw_size;
    while (next_selected(s, p, end, &begin, &after)) {
        print_selected(s, begin, after);
        p = after;
    }
}

/* ---- context ---- */

/* Up to `lines` lines back from p, which begins a line; *lines: how many there were. */
static const uint8_t *lines_back(const uint8_t *begin, const uint8_t *p, uint64_t *lines) {
    uint64_t found = 0;
    while (found < *lines && p > begin) {
        p = line_begin(begin, p - 1);
        found++;
    }
    *lines = found;
    return p;
}

/* Lets go of all but the last `lines` kept lines. */
static void keep_last(struct search *s, uint64_t lines) {
    uint64_t left = lines;
    if (s->kept_lines <= lines) return;
    const uint8_t *from = lines_back(s->kept, s->kept + s->kept_size, &left);
    s->kept_size = (size_t)(s->kept + s->kept_size - from);
    memmove(s->kept, from, s->kept_size);
    s->kept_lines = left;
    s->gap = true;
}

/* What of a frame was not printed may be the context of a hit in the next. */
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

/* The lines before a hit at `hit`, and what parts them from the group before.
 * unprinted: where the lines of this frame begin that are not printed. */
static void print_before(struct search *s, const uint8_t *unprinted, const uint8_t *hit) {
    uint64_t lines = s->before;
    const uint8_t *from = lines_back(unprinted, hit, &lines);
    if (from > unprinted) {
        keep_last(s, 0);
        s->gap = true;
    } else {
        keep_last(s, s->before - lines);
    }
    if (s->group && s->gap) output_text(s->out, "--\n");
    output_records(s->out, s->kept, s->kept_size);
    output_records(s->out, from, (size_t)(hit - from));
    s->kept_size = 0;
    s->kept_lines = 0;
    s->gap = false;
    s->group = true;
}

static void print_context_frame(struct search *s, const struct scan *scan) {
    const uint8_t *unprinted = scan->raw, *const end = scan->raw + scan->raw_size;
    for (;;) { /* ends: every turn prints a line, or is the last */
        const uint8_t *begin, *after;
        const bool found = next_selected(s, unprinted, end, &begin, &after);
        const uint8_t *const limit = found ? begin : end;
        for (; s->after_left > 0 && unprinted < limit; s->after_left--) {
            const uint8_t *next = line_end(unprinted, end);
            output_records(s->out, unprinted, (size_t)(next - unprinted));
            unprinted = next;
        }
        if (!found) break;
        print_before(s, unprinted, begin);
        print_selected(s, begin, after);
        s->after_left = s->after;
        unprinted = after;
    }
    keep(s, unprinted, end);
}

/* The segments of a stream are one text: where one ends says nothing.  Context does
 * not go from one stream into another. */
static bool goes_on(const struct segment_name *before, const struct segment_name *name) {
    return before != NULL && name->stream[0] != '\0' && strcmp(before->stream, name->stream) == 0 &&
           before->sequence < name->sequence;
}

static void begin_stream(struct search *s) {
    s->kept_size = 0;
    s->kept_lines = 0;
    s->after_left = 0;
    s->gap = true;
}

/* ---- the command ---- */

static int run_search(struct search *s, struct call *call) {
    struct reading reading;
    const struct segment_name *name = NULL;
    reading_open(&reading, call, s->count);
    while (!output_failed(s->out) && s->selected_max > 0 && reading_next(&reading)) {
        const bool enough = s->selected == s->selected_max;
        if (!goes_on(name, &reading.segment->name) && reading.file_begins) begin_stream(s);
        if (enough && s->after_left == 0) break;
        name = &reading.segment->name;
        s->hit_begin = s->hit_end = NULL;
        if (s->count)
            count_frame(s, &reading.scan);
        else if (s->context)
            print_context_frame(s, &reading.scan);
        else
            print_frame(s, &reading.scan);
        if (s->out->terminal) output_flush(s->out);
    }
    const bool trouble = reading.trouble;
    reading_close(&reading);
    if (s->count) output_format(s->out, "%llu\n", (unsigned long long)s->selected);
    if (trouble) return EXIT_TROUBLE;
    return s->selected > 0 ? EXIT_FINE : EXIT_NOTHING;
}

static int search_run(struct call *call) {
    const struct search_settings *settings = call->settings;
    struct search s = {.out = call->out};
    if (call->words == 0) {
        say("search: a pattern is missing ('' matches every record)");
        return EXIT_TROUBLE;
    }
    const char *pattern = *call->word;
    const size_t size = strlen(pattern);
    call->words--;
    call->word++;
    if (needle_open(&s.needle, pattern, size, settings->ignore_case) < 0) {
        say("search: %s", error_text(ERR_NO_MEMORY));
        return EXIT_TROUBLE;
    }
    s.never = strchr(pattern, '\n') != NULL;
    s.invert = settings->invert;
    s.count = settings->count;
    s.selected_max = settings->max;
    s.context = settings->after != NOT_GIVEN || settings->before != NOT_GIVEN ||
                settings->context != NOT_GIVEN;
    const uint64_t both = settings->context != NOT_GIVEN ? settings->context : 0;
    s.after = settings->after != NOT_GIVEN ? settings->after : both;
    s.before = settings->before != NOT_GIVEN ? settings->before : both;
    const int code = run_search(&s, call);
    free(s.kept);
    needle_close(&s.needle);
    return code;
}

#define AT(field) offsetof(struct search_settings, field)
static const struct option options[] = {
    {.name = "ignore_case",
     .letter = 'i',
     .kind = OPTION_FLAG,
     .field = AT(ignore_case),
     .help = "take A and a for the same letter (ASCII only)"},
    {.name = "invert_match",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .field = AT(invert),
     .help = "print the records that do not match"},
    {.name = "count",
     .letter = 'c',
     .kind = OPTION_FLAG,
     .field = AT(count),
     .help = "print one number instead: how many records match"},
    {.name = "max_count",
     .letter = 'm',
     .kind = OPTION_COUNT,
     .field = AT(max),
     .help = "stop after N records, over all files"},
    {.name = "after_context",
     .letter = 'A',
     .kind = OPTION_COUNT,
     .field = AT(after),
     .max = CONTEXT_MAX,
     .help = "print N records after each, too; -- stands between groups"},
    {.name = "before_context",
     .letter = 'B',
     .kind = OPTION_COUNT,
     .field = AT(before),
     .max = CONTEXT_MAX,
     .help = "print N records before each, too"},
    {.name = "context",
     .letter = 'C',
     .kind = OPTION_COUNT,
     .field = AT(context),
     .max = CONTEXT_MAX,
     .help = "both"},
    {.name = "fixed_strings",
     .letter = 'F',
     .kind = OPTION_FLAG,
     .field = AT(fixed),
     .help = "PATTERN is a literal, as it is anyway"},
    HELP_OPTION,
};

static const struct search_settings presets = {
    .max = UINT64_MAX, .after = NOT_GIVEN, .before = NOT_GIVEN, .context = NOT_GIVEN};

const struct command search_command = {
    .name = "search",
    .usage = "[OPTION…] PATTERN [PATH…]",
    .summary = "Print the records in which PATTERN stands.",
    .more = "PATTERN is a literal, compared with the bytes of each record; '' matches every\n"
            "record. A PATTERN that begins with - is written behind --.\n"
            "Exit code: 0 something was found, 1 nothing, 2 an error, or damage was met (what\n"
            "could be read was printed).\n"
            "\n"
            "Examples:\n"
            "  logport search connection\n"
            "  logport search -i -C2 'out of memory' ./logs/main\n"
            "  logport search -c '\"level\":\"error\"'\n",
    .options = options,
    .settings_size = sizeof(struct search_settings),
    .presets = &presets,
    .run = search_run,
};
