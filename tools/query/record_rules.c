/* record_rules.c - see record_rules.h. */
#include "tools/query/record_rules.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/files.h"
#include "port/system.h"
#include "schema/json/json.h"
#include "schema/json/text.h"
#include "tools/query/allocate.h"
#include "tools/query/fields.h"
#include "writer/clock/zone_find.h"

#define SETTINGS_BYTES_MAX (1u << 20)

/* Rules and what they are made of. */
struct made_rules {
    struct facts_rules rules;
    struct zone *zone;
    char *texts[5]; /* recorded ones; NULL: none */
};

/* One stream of one directory. */
struct stream_rules {
    struct stream_rules *next;
    char *directory;
    char stream[STREAM_NAME_MAX + 1];
    struct made_rules made;
    bool recorded; /* false: the options' rules */
};

struct record_rules {
    struct record_settings settings;
    struct made_rules by_options;
    struct stream_rules *streams;
};

int open_zone(const char *command, const char *option, const char *name, struct zone **zone) {
    const struct zone_source source = {files_of_system(), system_zone_folder(), system_zone,
                                       system_zone_offset_s};
    char problem[ZONE_PROBLEM_MAX];
    const int status = zone_find(&source, name, zone, problem);
    if (status < 0) say("%s: --%s: %s", command, option, problem);
    return status;
}

/* ---- options ---- */

static int open_scale(const char *command, const char *name, enum level_scale *scale) {
    if (name == NULL || level_scale_parse(name, scale) == 0) return 0;
    say("%s: --level-scale %s: not a scale (usual, pino, python, syslog, logback, opentelemetry or "
        "monolog)",
        command, name);
    return ERR_INVALID;
}

static int open_level_names(const char *command, const char *text) {
    struct level_names names;
    if (text == NULL || level_names_parse(text, &names) == 0) return 0;
    say("%s: --level-names %s: expected at most %d names of at most %d bytes, each with a level: "
        "eror=error,http=info",
        command, text, LEVEL_NAMES_MAX, LEVEL_NAME_BYTES_MAX);
    return ERR_INVALID;
}

static int make(const char *command, const struct record_settings *settings,
                struct made_rules *made) {
    struct facts_settings facts = {.time_keys = settings->time_keys,
                                   .level_keys = settings->level_keys,
                                   .level_names = settings->level_names,
                                   .zone_name = settings->zone};
    int status = open_scale(command, settings->level_scale, &facts.scale);
    if (status == 0) status = open_level_names(command, settings->level_names);
    if (status == 0 && settings->zone != NULL)
        status = open_zone(command, "zone", settings->zone, &made->zone);
    if (status < 0) return status;
    if (made->zone != NULL && !zone_is_utc(made->zone))
        facts.zone = (struct facts_zone){zone_moment_s, made->zone};
    status = facts_rules_set(&facts, &made->rules);
    if (status < 0)
        say("%s: --time-keys, --level-keys: expected at most %d keys of at most %d bytes, "
            "separated by commas",
            command, JSON_NAMES_MAX, JSON_NAME_BYTES_MAX);
    return status;
}

int record_rules_open(const char *command, const struct record_settings *settings,
                      struct record_rules **rules) {
    struct record_rules *r = allocate(sizeof *r);
    memset(r, 0, sizeof *r);
    r->settings = *settings;
    const int status = make(command, settings, &r->by_options);
    if (status == 0)
        *rules = r;
    else
        record_rules_close(r);
    return status;
}

static void free_made(struct made_rules *made) {
    zone_free(made->zone);
    for (size_t i = 0; i < sizeof made->texts / sizeof *made->texts; i++)
        free(made->texts[i]);
}

void record_rules_close(struct record_rules *rules) {
    if (rules == NULL) return;
    while (rules->streams != NULL) {
        struct stream_rules *next = rules->streams->next;
        free_made(&rules->streams->made);
        free(rules->streams->directory);
        free(rules->streams);
        rules->streams = next;
    }
    free_made(&rules->by_options);
    free(rules);
}

/* ---- what the daemon has recorded ---- */

/* The log directory of a segment; free() it. */
static char *directory_of(const struct segment_file *segment) {
    const char *const path = segment->home != NULL ? segment->home : segment->path;
    const char *end = path_name(path); /* after the stream's folder and '/' */
    if (end == path) return copy_text("..", 2);
    do
        end--;
    while (end > path && path_separates(end[-1])); /* after the folder's name */
    char *folder = copy_text(path, (size_t)(end - path));
    const size_t size = (size_t)(path_name(folder) - folder);
    if (strcmp(folder + size, "..") == 0 || strcmp(folder + size, ".") == 0) {
        folder = reallocate(folder, strlen(folder) + sizeof "/..");
        strcat(folder, "/..");
        return folder;
    }
    folder[size] = '\0';
    return size > 0 ? folder : strcpy(folder, ".");
}

static char *text_of_member(const struct member *member) {
    const struct value *value = &member->value;
    if (value->kind != VALUE_STRING) return NULL;
    const size_t size = (size_t)(value->end - value->begin) - 2;
    char *text = allocate(size + 1);
    text[text_decode((const char *)value->begin + 1, size, text)] = '\0';
    return text;
}

/* Takes the settings of the stream from the file's object. */
static void take_stream(const struct value *root, const char *stream, char *texts[5]) {
    static const char *const names[5] = {"time_keys", "level_keys", "level_names", "level_scale",
                                         "zone"};
    struct value streams;
    if (!value_find(root, "streams", 7, &streams) || streams.kind != VALUE_OBJECT) return;
    struct members members = members_of(&streams);
    struct member member;
    while (members_next(&members, &member)) { /* each round: a stream */
        if (!name_equals(&member, stream, strlen(stream))) continue;
        if (member.value.kind != VALUE_OBJECT) return;
        struct members settings = members_of(&member.value);
        struct member setting;
        while (members_next(&settings, &setting)) /* each round: a setting */
            for (int i = 0; i < 5; i++)
                if (texts[i] == NULL && name_equals(&setting, names[i], strlen(names[i])))
                    texts[i] = text_of_member(&setting);
    }
}

/* False: the file is damaged. */
static bool read_recorded(const char *directory, const char *stream, char *texts[5], char *path) {
    char *text;
    size_t size;
    if (!path_join(path, directory, "state", "settings.json")) return true;
    if (file_read_all(files_of_system(), path, SETTINGS_BYTES_MAX, &text, &size) != 0) return true;
    text = reallocate(text, size + 1 + JSON_PADDING);
    memset(text + size, '\n', 1 + JSON_PADDING);
    struct json_line line;
    json_check_line((uint8_t *)text, (uint8_t *)text + size + 1, false, &line);
    if (line.reason == JSON_OK) {
        const struct value root = value_of(line.begin, line.end);
        take_stream(&root, stream, texts);
    }
    free(text);
    return line.reason == JSON_OK;
}

/* Options win over what is recorded. */
static const char *either(const char *option, const char *recorded) {
    return option != NULL ? option : recorded;
}

static struct stream_rules *load(struct record_rules *rules, char *directory, const char *stream) {
    struct stream_rules *s = allocate(sizeof *s);
    char path[PATH_BYTES_MAX];
    memset(s, 0, sizeof *s);
    s->directory = directory;
    strcpy(s->stream, stream);
    s->next = rules->streams;
    rules->streams = s;
    char **const texts = s->made.texts;
    if (!read_recorded(directory, stream, texts, path)) {
        say("%s: damaged; times and levels are read by the usual rules", path);
        return s;
    }
    const struct record_settings *options = &rules->settings;
    const struct record_settings settings = {.time_keys = either(options->time_keys, texts[0]),
                                             .level_keys = either(options->level_keys, texts[1]),
                                             .level_names = either(options->level_names, texts[2]),
                                             .level_scale = either(options->level_scale, texts[3]),
                                             .zone = either(options->zone, texts[4])};
    for (int i = 0; i < 5; i++)
        s->recorded |= texts[i] != NULL;
    if (s->recorded && make(path, &settings, &s->made) < 0) s->recorded = false;
    return s;
}

const struct facts_rules *record_rules_of(struct record_rules *rules,
                                          const struct segment_file *segment) {
    const struct facts_rules *by_options = &rules->by_options.rules;
    if (segment == NULL || segment->name.stream[0] == '\0') return by_options;
    char *directory = directory_of(segment);
    struct stream_rules *s = rules->streams;
    while (s != NULL &&
           (strcmp(s->directory, directory) != 0 || strcmp(s->stream, segment->name.stream) != 0))
        s = s->next;
    if (s == NULL)
        s = load(rules, directory, segment->name.stream);
    else
        free(directory);
    return s->recorded ? &s->made.rules : by_options;
}
