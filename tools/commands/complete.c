/* complete.c - see complete.h. */
#include "tools/commands/complete.h"

#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "schema/json/json.h"
#include "tools/query/canonical.h"
#include "tools/query/fields.h"
#include "tools/query/read.h"
#include "tools/query/text.h"

/* Enough to know the usual fields, and read within a moment. */
#define STREAMS_MAX     16
#define FILES_OF_STREAM 2
#define RECORDS_MAX     300
#define NAMES_BYTES_MAX 65536
#define NAME_BYTES_MAX  128

static const struct completed kinds[] = {
    {"streams", NULL, true},
    {"fields", NULL, true},
    {"levels", "trace debug info warn error fatal", false},
    {"formats", "raw json pretty csv logfmt", false},
    {"tables", "table csv json", false},
    {"plots", "table csv json plot", false},
    {"scales", "usual pino python syslog logback opentelemetry monolog", false},
    {"zones", "UTC local", false},
};
enum { STREAMS, FIELDS, LEVELS, FORMATS, TABLES, PLOTS, SCALES, ZONES };

const struct completed *complete_option(const struct option *option) {
    static const struct {
        const char *value; /* as --help names it */
        int kind;
    } values[] = {{"NAME,...", STREAMS},
                  {"PATH,...", FIELDS},
                  {"FIELD", FIELDS},
                  {"FIELD,...", FIELDS},
                  {"CONDITION", FIELDS},
                  {"LEVEL", LEVELS},
                  {"FORMAT", FORMATS},
                  {"SCALE", SCALES},
                  {"ZONE", ZONES},
                  {"table|csv|json", TABLES},
                  {"table|csv|json|plot", PLOTS}};
    static const struct {
        const char *option;
        struct completed completed;
    } words[] = {{"color", {"colors", "auto always never", false}},
                 {"protocol",
                  {"protocols",
                   "auto newline nul json-seq octet-counting concatenated relp lumberjack forward", false}},
                 {"ack", {"acks", "written synced", false}},
                 {"text", {"texts", "reject wrap", false}},
                 {"stamp", {"stamps", "received peer listener seq all none", false}},
                 {"rotate", {"rotations", "hourly daily never", false}},
                 {"schema_mode", {"modes", "enforce monitor", false}},
                 {"archive_command_then", {"thens", "keep delete", false}}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].option, option->name) == 0) return &words[i].completed;
    const char *const name = option_value_name(option);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].value, name) == 0) return &kinds[values[i].kind];
    return NULL;
}

/* ---- names, each with a zero after it ---- */

static bool has_name(const struct text *names, const uint8_t *name, size_t size) {
    for (size_t at = 0; at < names->used;) {
        const char *const known = (const char *)names->bytes + at;
        const size_t known_size = strlen(known);
        if (known_size == size && memcmp(known, name, size) == 0) return true;
        at += known_size + 1;
    }
    return false;
}

/* Leaves out names that a shell or a list would not take as one word. */
static void add_name(struct text *names, const uint8_t *name, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (name[i] <= ' ' || name[i] == 0x7f || strchr(",'\"\\`$;&|<>(){}*?!~#:", name[i]) != NULL)
            return;
    if (size == 0 || names->used > NAMES_BYTES_MAX || has_name(names, name, size)) return;
    text_add(names, name, size);
    text_add_byte(names, 0);
}

static void print_names(struct output *out, const struct text *names) {
    for (size_t at = 0; at < names->used; at += strlen((char *)names->bytes + at) + 1) {
        output_visible(out, (const char *)names->bytes + at);
        output_text(out, "\n");
    }
}

/* ---- streams ---- */

static void add_streams(const struct segment_list *list, struct text *names) {
    for (uint32_t i = 0; i < list->count; i++) {
        const char *const stream = list->files[i].name.stream;
        add_name(names, (const uint8_t *)stream, strlen(stream));
    }
}

/* ---- fields ---- */

/* Recursion is limited by the length of the path. */
static void add_paths(const struct value *object, struct text *path, struct text *names) {
    struct members members = members_of(object);
    struct member member;
    const size_t before = path->used;
    while (members_next(&members, &member)) { /* each round advances by a member */
        const size_t size = (size_t)(member.name_end - member.name);
        if (before + size + 1 > NAME_BYTES_MAX) continue;
        if (before > 0) text_add_byte(path, '.');
        text_add(path, member.name, size);
        if (member.value.kind == VALUE_OBJECT)
            add_paths(&member.value, path, names);
        else
            add_name(names, path->bytes, path->used);
        path->used = before;
    }
}

static void add_fields_of_lines(const uint8_t *p, const uint8_t *end, uint32_t *records,
                                struct text *names) {
    struct text path = {0};
    for (; p < end && *records < RECORDS_MAX; ++*records) { /* p rises by a line */
        const uint8_t *const next = line_end(p, end);
        const struct value value = value_of(p, next);
        if (value.kind == VALUE_OBJECT) add_paths(&value, &path, names);
        p = next;
    }
    text_free(&path);
}

static void add_fields_of_file(struct call *call, const char *file, struct text *names) {
    const struct read_request request = {.files = call->files,
                                         .paths = &file,
                                         .path_count = 1,
                                         .any_file = true,
                                         .named = true,
                                         .progress = call->paths.progress};
    struct frame_scan scan;
    uint32_t records = 0;
    frame_scan_open(&scan, &request, true);
    while (records < RECORDS_MAX && frame_scan_next(&scan))
        add_fields_of_lines(scan.reader.raw, scan.reader.raw + scan.reader.raw_size, &records,
                            names);
    frame_scan_close(&scan);
}

/* The newest files of each stream; the list has the oldest first. */
static void add_fields(struct call *call, const struct segment_list *list, struct text *names) {
    uint32_t streams = 0, files = 0;
    for (uint32_t field = 0; field < CANONICAL_FIELDS; field++) {
        const char *const name = canonical_name((enum canonical_field)field);
        add_name(names, (const uint8_t *)name, strlen(name));
    }
    for (uint32_t i = list->count; i > 0 && streams < STREAMS_MAX; i--) {
        const struct segment_file *const file = &list->files[i - 1];
        const bool same =
            i < list->count && strcmp(list->files[i].name.stream, file->name.stream) == 0;
        files = same ? files + 1 : 1;
        streams += !same;
        /* A pipe is left to the command that is being typed. */
        if (files <= FILES_OF_STREAM && !file->pipe) add_fields_of_file(call, file->path, names);
    }
}

int complete_print(struct call *call, const char *kind) {
    struct read_request request = call->paths;
    struct segment_list list = {0};
    struct text names = {0};
    int code = EXIT_OK;
    request.any_file = true;
    for (int i = 0; i < call->paths.path_count; i++)
        list_path_of(&request, call->paths.paths[i], &list, NULL);
    segment_list_sort(&list);
    if (strcmp(kind, kinds[STREAMS].kind) == 0) {
        add_streams(&list, &names);
    } else if (strcmp(kind, kinds[FIELDS].kind) == 0) {
        add_fields(call, &list, &names);
    } else {
        say("completions: --values %s: expected streams or fields", kind);
        code = EXIT_ERROR;
    }
    print_names(call->out, &names);
    text_free(&names);
    segment_list_free(&list);
    return code;
}
