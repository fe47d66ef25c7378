/* check.c - validates lines with the daemon's own functions, also against a schema. */
#include <inttypes.h>
#include <string.h>

#include "ingest/config/schema_files.h"
#include "port/error.h"
#include "port/system.h"
#include "schema/json/ijson.h"
#include "schema/json/json.h"
#include "schema/record/syslog.h"
#include "schema/rules/schema.h"
#include "tools/commands/command.h"
#include "tools/render/input.h"

struct check_settings {
    struct common_settings common;
    bool any, formats, ijson;
    uint64_t line_bytes_max;
    struct option_list schema;
};

struct check {
    const struct check_settings *settings;
    struct output *out;
    const char *name;
    struct schema_checker *checker; /* NULL: no schema */
    uint64_t lines, valid, invalid, blank;
};

static void print_invalid(struct check *check, const struct input_line *line, size_t column,
                          const char *reason, const char *sentence) {
    check->invalid++;
    output_format(check->out, "%s:%" PRIu64 ":%" PRIu64 ": %s: %s\n", check->name, line->number,
                  (uint64_t)column + 1, reason, sentence);
}

static bool matches_schema(struct check *check, const struct input_line *line,
                           const struct json_line *parsed) {
    struct schema_verdict verdict;
    char text[SCHEMA_VERDICT_BYTES_MAX];
    if (check->checker == NULL || schema_check(check->checker, (const char *)parsed->begin,
                                               (size_t)(parsed->end - parsed->begin), &verdict))
        return true;
    check->invalid++;
    output_format(check->out, "%s:%" PRIu64 ": schema: ", check->name, line->number);
    output_visible(check->out, schema_verdict_text(&verdict, text, sizeof text));
    output_text(check->out, " (");
    output_visible(check->out, verdict.schema);
    output_text(check->out, ")\n");
    return false;
}

/* The object after a header of syslog; NULL: there is none. */
static const uint8_t *after_header(const uint8_t *text, const uint8_t *end) {
    const size_t size = (size_t)(end - text), object = syslog_cookie(text, size);
    struct syslog_header header;
    if (object > 0) return text + object;
    return syslog_parse(text, size, &header) == SYSLOG_OBJECT ? text + header.message : NULL;
}

static bool check_line(void *context, const struct input_line *line) {
    struct check *check = context;
    struct json_line parsed;
    check->lines++;
    if (line->oversized) {
        print_invalid(check, line, line->size, "oversized",
                      "the line is longer than --line-bytes-max");
        return !output_failed(check->out);
    }
    /* The text ends at the newline or at the CR before it. */
    const uint8_t *end = memchr(line->bytes + line->size, '\n', 2);
    json_check_line(line->bytes, end + 1, check->settings->any, &parsed);
    const uint8_t *object = parsed.reason > JSON_BLANK ? after_header(line->bytes, end) : NULL;
    if (object != NULL) json_check_line(object, end + 1, false, &parsed);
    if (parsed.reason == JSON_OK && check->settings->ijson) ijson_check_line(&parsed);
    if (parsed.reason == JSON_OK)
        check->valid += matches_schema(check, line, &parsed);
    else if (parsed.reason == JSON_BLANK)
        check->blank++;
    else
        print_invalid(check, line, (size_t)(parsed.bad - line->bytes),
                      json_reason_name(parsed.reason), json_reason_sentence(parsed.reason));
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

/* 0, or an ERR_ after a message. */
static int open_schema(struct check *check, struct files *files, struct schema **schema) {
    const struct check_settings *settings = check->settings;
    char error[CONFIG_ERROR_MAX];
    *schema = NULL;
    if (settings->schema.count == 0) return 0;
    int status = schema_files_compile(files, &settings->schema, settings->formats, schema, error);
    if (status < 0) {
        say("check: %s", error);
        return status;
    }
    status = schema_checker_make(*schema, (size_t)settings->line_bytes_max, &check->checker);
    if (status < 0) say("check: %s", error_text(status));
    return status;
}

static int check_run(struct call *call) {
    struct check check = {.settings = call->settings, .out = call->out};
    struct schema *schema;
    bool all = open_schema(&check, call->files, &schema) == 0;
    if (!all) return EXIT_ERROR;
    const int words = call->words > 0 ? call->words : 1;
    for (int i = 0; i < words; i++)
        if (!check_file(&check, call->files, call->words > 0 ? call->word[i] : "-")) all = false;
    schema_checker_free(check.checker);
    schema_free(schema);
    output_flush(call->out);
    say("check: %" PRIu64 " lines: %" PRIu64 " valid, %" PRIu64 " invalid, %" PRIu64 " blank",
        check.lines, check.valid, check.invalid, check.blank);
    if (!all) return EXIT_ERROR;
    return check.invalid > 0 ? EXIT_NEGATIVE : EXIT_OK;
}

#define AT(field) offsetof(struct check_settings, field)

static const struct option options[] = {
    {.name = "any",
     .kind = OPTION_FLAG,
     .field = AT(any),
     .help = "Accept any JSON value at the top level, not only objects."},
    {.name = "ijson",
     .kind = OPTION_FLAG,
     .field = AT(ijson),
     .help = "Require I-JSON (RFC 7493): no duplicate names in an object, no lone surrogates, no "
             "integers beyond 2^53-1."},
    {.name = "schema",
     .kind = OPTION_LIST,
     .field = AT(schema),
     .value = "FILE",
     .help = "Also validate against this JSON Schema (draft 2020-12). May be repeated: the first "
             "one is the schema and may refer to the others by their $id."},
    {.name = "formats",
     .kind = OPTION_FLAG,
     .field = AT(formats),
     .help = "Also check the keyword format of the schema."},
    {.name = "line_bytes_max",
     .kind = OPTION_BYTES,
     .field = AT(line_bytes_max),
     .min = 1,
     .max = 4 << 20,
     .preset = "1MiB",
     .help = "Reject lines longer than this."},
    HELP_OPTION,
};

const struct command check_command = {
    .name = "check",
    .usage = "[--any] [--ijson] [--schema FILE]… [--formats] [FILE…]",
    .section = "Validate and send",
    .summary = "Validate JSON lines exactly as the daemon does.",
    .more =
        "Reads standard input if no FILE is given or FILE is -. Each invalid line is reported\n"
        "on standard output as FILE:LINE:COLUMN: reason: explanation; columns count bytes.\n"
        "Schema violations name the place in the line and the keyword of the schema:\n"
        "  app.ndjson:3: schema: /http/status: 700 is greater than the maximum 599\n"
        "  (#/properties/http/properties/status/maximum)\n"
        "Blank lines are skipped.\n"
        "\n"
        "Exit code: 0 all lines are valid, 1 some are invalid, 2 something could not be read or\n"
        "the schema is invalid.\n"
        "\n"
        "Examples:\n"
        "  logport check app.ndjson\n"
        "  my-program | logport check --any\n"
        "  logport check --schema http.schema.json app.ndjson\n",
    .options = options,
    .settings_size = sizeof(struct check_settings),
    .run = check_run,
};
