/* listeners.c - which values keys may have, and what each listener's keys come to:
 * its own, and where it has none those of all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/config_internal.h"
#include "port/error.h"
#include "writer/keep/handover.h"

#define FIELD(name)   offsetof(struct listener_keys, name)
#define DIR_BYTES_MAX 3000

#define REPLACES(name) "Replaces " name " for lines received here."

const struct option config_listener_options[] = {
    {.name = "address",
     .kind = OPTION_TEXT,
     .field = FIELD(address),
     .value = "HOST:PORT",
     .help = "Address to listen on."},
    {.name = "time_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(time_keys),
     .value = "KEY,...",
     .help = REPLACES("time_keys")},
    {.name = "level_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(level_keys),
     .value = "KEY,...",
     .help = REPLACES("level_keys")},
    {.name = "level_scale",
     .kind = OPTION_TEXT,
     .field = FIELD(level_scale),
     .value = "SCALE",
     .help = REPLACES("level_scale")},
    {.name = "ijson",
     .kind = OPTION_TEXT,
     .field = FIELD(ijson),
     .value = "true or false",
     .help = REPLACES("ijson")},
    {.name = "schema",
     .kind = OPTION_LIST,
     .field = FIELD(schema),
     .value = "FILE",
     .help = REPLACES("schema") " none: no schema."},
    {.name = "schema_mode",
     .kind = OPTION_TEXT,
     .field = FIELD(schema_mode),
     .value = "MODE",
     .help = REPLACES("schema_mode")},
    {.name = "formats",
     .kind = OPTION_TEXT,
     .field = FIELD(formats),
     .value = "true or false",
     .help = REPLACES("formats")},
    {.name = "stream",
     .kind = OPTION_TEXT,
     .field = FIELD(stream),
     .value = "NAME",
     .help = "Stream that receives the lines. Default: main."},
    {.name = NULL},
};

/* ---- values ---- */

static int check_address(const char *text, char *problem) {
    struct port_address address;
    const int result = config_address(text, &address);
    if (!result) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.128s\" is no address to listen on (%s; try 127.0.0.1:5170 or [::1]:5170)", text,
             error_text(result));
    return ERR_INVALID;
}

static int check_scale(const char *text, char *problem) {
    enum level_scale scale;
    if (level_scale_parse(text, &scale) == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.64s\" is none of usual, pino, python, syslog, logback, opentelemetry, monolog",
             text);
    return ERR_INVALID;
}

static int bad_keys(char *problem, size_t size) {
    snprintf(problem, size,
             "up to %d keys of up to %d bytes, separated by commas, were expected (time_keys and "
             "level_keys together)",
             JSON_NAMES_MAX, JSON_NAME_BYTES_MAX);
    return ERR_INVALID;
}

static int check_keys(const char *text, char *problem) {
    struct facts_rules rules;
    if (facts_rules_set(text, "none", LEVEL_SCALE_USUAL, &rules) == 0) return 0;
    return bad_keys(problem, CONFIG_PROBLEM_MAX);
}

static int check_mode(const char *text, char *problem) {
    if (strcmp(text, "enforce") == 0 || strcmp(text, "monitor") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither enforce nor monitor", text);
    return ERR_INVALID;
}

static int check_truth(const char *text, char *problem) {
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is not true or false", text);
    return ERR_INVALID;
}

static int check_schema(const char *text, char *problem) {
    if (text[0] != '\0') return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a file's name was expected");
    return ERR_INVALID;
}

/* The manifest, and a list of lines, hold its name. */
static int check_archive(const char *text, char *problem) {
    const size_t size = strlen(text);
    bool good = size > 0 && size <= DIR_BYTES_MAX && utf8_valid((const uint8_t *)text, size);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] < ' ') good = false;
    if (good) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "a directory's name (UTF-8, without control characters), or none, was expected");
    return ERR_INVALID;
}

static int check_command(const char *text, char *problem) {
    if (handover_word_valid(text)) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.128s\": {path}, {stream}, {name} and {sequence} are what can be replaced", text);
    return ERR_INVALID;
}

/* LZ4 HC takes 1 and 2 for 3. */
static int check_level(const char *text, char *problem) {
    const uint64_t level = strtoull(text, NULL, 10);
    if (level == 0 || level >= 3) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "%.64s is no level: 3 to 12, or 0, was expected", text);
    return ERR_INVALID;
}

static int check_then(const char *text, char *problem) {
    if (strcmp(text, "keep") == 0 || strcmp(text, "delete") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither keep nor delete", text);
    return ERR_INVALID;
}

static int check_directory(const char *text, char *problem) {
    if (text[0] != '\0' && strlen(text) <= DIR_BYTES_MAX) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a directory's name was expected");
    return ERR_INVALID;
}

int config_value_check(const char *name, const char *text, char *problem) {
    static const struct {
        const char *name;
        int (*check)(const char *text, char *problem);
    } checks[] = {
        {"rotate", config_schedule_check},
        {"rotate_zone", config_zone_check},
        {"zone_folder", check_directory},
        {"address", check_address},
        {"tcp", check_address},
        {"udp", check_address},
        {"level_scale", check_scale},
        {"time_keys", check_keys},
        {"level_keys", check_keys},
        {"dir", check_directory},
        {"archive_dir", check_archive},
        {"archive_command", check_command},
        {"archive_command_then", check_then},
        {"archive_level", check_level},
        {"schema", check_schema},
        {"schema_mode", check_mode},
        {"formats", check_truth},
        {"ijson", check_truth},
        {"stream", config_stream_check},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (strcmp(checks[i].name, name) == 0) return checks[i].check(text, problem);
    return 0;
}

/* ---- listeners ---- */

static int settle_facts(struct listener_config *listener, char *error) {
    const struct listener_keys *keys = &listener->keys;
    struct facts_rules *rules = &listener->rules;
    enum level_scale scale;
    int result = level_scale_parse(keys->level_scale, &scale);
    if (!result) result = facts_rules_set(keys->time_keys, keys->level_keys, scale, rules);
    if (result) {
        const int size = snprintf(error, CONFIG_ERROR_MAX,
                                  "%s %.128s: ", listener->tcp ? "tcp" : "udp", keys->address);
        return bad_keys(error + size, CONFIG_ERROR_MAX - (size_t)size);
    }
    const bool usual = !keys->time_keys && !keys->level_keys && scale == LEVEL_SCALE_USUAL;
    const bool none = !rules->times && !rules->levels;
    listener->facts = usual ? &facts_rules_usual : none ? NULL : rules;
    return 0;
}

static void settle_schema(const struct config *config, struct listener_config *listener) {
    struct listener_keys *keys = &listener->keys;
    if (keys->schema.count == 0) keys->schema = config->schema;
    if (keys->schema.count == 1 && strcmp(keys->schema.texts[0], "none") == 0)
        keys->schema.count = 0;
    if (!keys->schema_mode) keys->schema_mode = config->schema_mode;
    listener->monitor = strcmp(keys->schema_mode, "monitor") == 0;
    listener->formats = keys->formats ? strcmp(keys->formats, "true") == 0 : config->formats;
    listener->ijson = keys->ijson ? strcmp(keys->ijson, "true") == 0 : config->ijson;
}

static int settle(const struct config *config, const char *address,
                  struct listener_config *listener, char *error) {
    struct listener_keys *keys = &listener->keys;
    keys->address = address;
    for (const struct listener_object *object = config->objects; object; object = object->next)
        if (object->keys.address == address) *keys = object->keys;
    if (!keys->time_keys) keys->time_keys = config->time_keys;
    if (!keys->level_keys) keys->level_keys = config->level_keys;
    if (!keys->level_scale) keys->level_scale = config->level_scale;
    if (!keys->stream) keys->stream = STREAM_MAIN;
    settle_schema(config, listener);
    const int result = config_address(address, &listener->address);
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "%.128s: %s", address, error_text(result));
        return result;
    }
    return settle_facts(listener, error);
}

/* The second of two could not be bound, and another program would be blamed. */
static int named_twice(const struct config *config, uint32_t i, char *error) {
    const struct listener_config *listener = &config->listeners[i];
    for (uint32_t j = 0; j < i; j++) {
        const struct listener_config *first = &config->listeners[j];
        if (first->tcp != listener->tcp || first->address.port == 0 ||
            !address_equal(&first->address, &listener->address))
            continue;
        const struct text_position at = config_position(config, first->keys.address);
        const int size = snprintf(error, CONFIG_ERROR_MAX, "%s: \"%.128s\" is there twice",
                                  listener->tcp ? "tcp" : "udp", listener->keys.address);
        if (at.line)
            snprintf(error + size, CONFIG_ERROR_MAX - (size_t)size, "; first at %u:%u", at.line,
                     at.column);
        return ERR_INVALID;
    }
    return 0;
}

int config_listeners_settle(struct config *config, char *error) {
    const uint32_t tcp = config->tcp.count, count = tcp + config->udp.count;
    config->listeners = calloc(count, sizeof *config->listeners);
    if (!config->listeners) {
        snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    config->listener_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const char *address = i < tcp ? config->tcp.texts[i] : config->udp.texts[i - tcp];
        config->listeners[i].tcp = i < tcp;
        int result = settle(config, address, &config->listeners[i], error);
        if (!result) result = named_twice(config, i, error);
        if (result) config_error_at(config, address, error);
        if (result) return result;
    }
    return 0;
}
