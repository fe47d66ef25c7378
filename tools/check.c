/* check.c - judges lines exactly as the daemon would, with the same function. */
#include <inttypes.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/json.h"
#include "tools/command.h"
#include "tools/input.h"

struct check_settings {
    struct common_settings common;
    bool any;
    uint64_t line_bytes_max;
};

struct check {
    const struct check_settings *settings;
    struct output *out;
    const char *name;
    uint64_t lines, good, bad, blank;
};

static void tell_bad(struct check *check, const struct input_line *line, size_t column,
                     const char *reason, const char *sentence) {
    check->bad++;
    output_format(check->out, "%s:%" PRIu64 ":%" PRIu64 ": %s: %s\n", check->name, line->number,
                  (uint64_t)column + 1, reason, sentence);
}

static bool check_line(void *context, const struct input_line *line) {
    struct check *check = context;
    struct json_line judged;
    check->lines++;
    if (line->oversized) {
        tell_bad(check, line, line->size, "oversized", "the line is longer than it may be");
        return !output_failed(check->out);
    }
    /* The newline, or the CR before it, ends the text. */
    const uint8_t *end = memchr(line->bytes + line->size, '\n', 2);
    json_check_line(line->bytes, end + 1, check->settings->any, &judged);
    if (judged.reason == JSON_OK)
        check->good++;
    else if (judged.reason == JSON_BLANK)
        check->blank++;
    else
        tell_bad(check, line, (size_t)(judged.bad - line->bytes), json_reason_name(judged.reason),
                 json_reason_sentence(judged.reason));
    return !output_failed(check->out);
}

static bool check_file(struct check *check, struct files *files, const char *path) {
    struct input input;
    int status = input_open(files, path, &input);
    if (status == 0) {
        check->name = input.name;
        status = input_lines(&input, (size_t)check->settings->line_bytes_max, check_line, check);
        input_close(&input);
    }
    if (status < 0) say("check: %s: %s", path, error_text(status));
    return status == 0;
}

static int check_run(struct call *call) {
    struct check check = {.settings = call->settings, .out = call->out};
    bool all = true;
    const int words = call->words > 0 ? call->words : 1;
    for (int i = 0; i < words; i++)
        if (!check_file(&check, call->files, call->words > 0 ? call->word[i] : "-")) all = false;
    output_flush(call->out);
    say("check: %" PRIu64 " lines: %" PRIu64 " good, %" PRIu64 " bad, %" PRIu64 " blank",
        check.lines, check.good, check.bad, check.blank);
    if (!all) return EXIT_TROUBLE;
    return check.bad > 0 ? EXIT_NOTHING : EXIT_FINE;
}

#define AT(field) offsetof(struct check_settings, field)

static const struct option options[] = {
    {.name = "any",
     .kind = OPTION_FLAG,
     .field = AT(any),
     .help = "the top level need not be an object"},
    {.name = "line_bytes_max",
     .kind = OPTION_BYTES,
     .field = AT(line_bytes_max),
     .min = 1,
     .max = 4 << 20,
     .preset = "1MiB",
     .help = "the longest line that the daemon would take"},
    HELP_OPTION,
};

const struct command check_command = {
    .name = "check",
    .usage = "[--any] [FILE…]",
    .summary = "Judge lines of JSON as the daemon would.",
    .more = "Reads standard input when no FILE is named, or where it is -. Each bad line is told\n"
            "on standard output, FILE:LINE:COLUMN: reason: what is wrong; columns are bytes.\n"
            "Blank lines are no records.\n"
            "Exit code: 0 all good, 1 some bad, 2 something could not be read.\n"
            "\n"
            "Examples:\n"
            "  logport check app.ndjson\n"
            "  my-program | logport check --any\n",
    .options = options,
    .settings_size = sizeof(struct check_settings),
    .run = check_run,
};
