/* config.c - the daemon's table of options, and the file that may fill it.
 * The only file that knows cJSON: it reads the values of a text whose syntax and
 * positions are our own scanner's (config_text). */
#include "ingest/config.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config_text.h"
#include "port/error.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20)
#define MIB                   (1024 * 1024ull)
#define FIELD(name)           offsetof(struct config, name)

const struct option config_options[] = {
    {.name = "config",
     .kind = OPTION_TEXT,
     .field = FIELD(file),
     .value = "FILE",
     .help = "read this file: JSON with comments, its keys are these options with underscores; "
             "the command line wins",
     .command_line_only = true},
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = FIELD(dir),
     .preset = "./logs",
     .value = "DIR",
     .help = "where the files go"},
    {.name = "tcp",
     .kind = OPTION_LIST,
     .field = FIELD(tcp),
     .value = "HOST:PORT",
     .help = "listen here for lines over TCP; may repeat; port 0: a free one (both on "
             "127.0.0.1:5170 when none is given)"},
    {.name = "udp",
     .kind = OPTION_LIST,
     .field = FIELD(udp),
     .value = "HOST:PORT",
     .help = "listen here for datagrams of lines; may repeat"},
    {.name = "connections_max",
     .kind = OPTION_COUNT,
     .field = FIELD(connections_max),
     .min = 1,
     .max = 1000000,
     .preset = "16384",
     .value = "N",
     .help = "TCP connections at once; at the limit accepting pauses"},
    {.name = "line_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(line_bytes_max),
     .min = 64,
     .max = 4 * MIB - 64,
     .preset = "1MiB",
     .value = "SIZE",
     .help = "a longer line is rejected"},
    {.name = "buffer_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(buffer_bytes_max),
     .min = 4 * MIB,
     .max = 65536 * MIB,
     .preset = "8MiB",
     .value = "SIZE",
     .help = "lines held in memory while the disk is slow or full; then senders wait"},
    {.name = "receive_bytes",
     .kind = OPTION_BYTES,
     .field = FIELD(receive_bytes),
     .min = 4096,
     .max = 1024 * MIB,
     .preset = "4MiB",
     .value = "SIZE",
     .help = "what the kernel is asked to hold for a UDP socket"},
    {.name = "flush_ms",
     .kind = OPTION_TIME_MS,
     .field = FIELD(flush_ms),
     .min = 1,
     .max = 60000,
     .preset = "200ms",
     .value = "TIME",
     .help = "a line is in the file no later than this"},
    {.name = "sync_ms",
     .kind = OPTION_TIME_MS,
     .field = FIELD(sync_ms),
     .min = 1,
     .max = 3600000,
     .preset = "1s",
     .value = "TIME",
     .help = "what is in the file is on the disk no later than this"},
    {.name = "segment_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(segment_bytes_max),
     .min = 1024,
     .max = 1024 * 1024 * MIB,
     .preset = "256MiB",
     .value = "SIZE",
     .help = "a file of so many bytes before compression is full"},
    {.name = "segment_age_s",
     .kind = OPTION_TIME_S,
     .field = FIELD(segment_age_s),
     .min = 1,
     .max = 366 * 86400,
     .preset = "1h",
     .value = "TIME",
     .help = "a file so old is full"},
    {.name = "time_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(time_keys),
     .value = "KEY,...",
     .help = "which top-level keys hold a line's time, the preferred first (@timestamp, timestamp, "
             "time, ts and other usual ones when none is given); none: lines have none"},
    {.name = "level_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(level_keys),
     .value = "KEY,...",
     .help = "which hold its level (level, lvl, severity, levelname, log.level and other usual "
             "ones when none is given); none: lines have none"},
    {.name = "level_scale",
     .kind = OPTION_TEXT,
     .field = FIELD(level_scale),
     .preset = "usual",
     .value = "SCALE",
     .help = "what a level that is a number means: pino, python, syslog, logback, opentelemetry, "
             "monolog, or usual: told by its magnitude"},
    {.name = "drain_ms",
     .kind = OPTION_TIME_MS,
     .field = FIELD(drain_ms),
     .min = 0,
     .max = 3600000,
     .preset = "5s",
     .value = "TIME",
     .help = "at a stop, connections are read for at most so long, and half of stop_ms"},
    {.name = "stop_ms",
     .kind = OPTION_TIME_MS,
     .field = FIELD(stop_ms),
     .min = 0,
     .max = 3600000,
     .preset = "20s",
     .value = "TIME",
     .help = "at a stop, what cannot be stored by then is given up"},
    {.name = "stats_s",
     .kind = OPTION_TIME_S,
     .field = FIELD(stats_s),
     .min = 0,
     .max = 86400,
     .preset = "0s",
     .value = "TIME",
     .help = "print the counters so often; 0: only at the end"},
    {.name = "check",
     .kind = OPTION_FLAG,
     .field = FIELD(check),
     .help = "only say whether options and file are good",
     .command_line_only = true},
    {.name = "version",
     .letter = 'V',
     .kind = OPTION_FLAG,
     .field = FIELD(version),
     .help = "print the version",
     .command_line_only = true},
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_FLAG,
     .field = FIELD(help),
     .help = "print this text",
     .command_line_only = true},
    {.name = NULL},
};

/* ---- the file ---- */

struct reading {
    struct config *config;
    const char *path, *text;
    size_t size;
    char *error; /* "" while all is well */
};

static void wrong(struct reading *reading, size_t offset, const char *what, const char *name) {
    if (reading->error[0]) return; /* the first is said */
    const struct text_position at = text_position(reading->text, offset);
    snprintf(reading->error, CONFIG_ERROR_MAX, "%s:%u:%u: %s%s", reading->path, at.line, at.column,
             name, what);
}

static const char *text_of(const cJSON *value, char *number, size_t size) {
    if (cJSON_IsString(value)) return value->valuestring;
    if (cJSON_IsBool(value)) return cJSON_IsTrue(value) ? "true" : "false";
    if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > 9e15) return NULL;
    const uint64_t whole = (uint64_t)value->valuedouble;
    if ((double)whole != value->valuedouble) return NULL;
    snprintf(number, size, "%llu", (unsigned long long)whole);
    return number;
}

/* Texts are kept by the config, beyond cJSON's tree: in one chain, freed together. */
struct config_text_kept {
    struct config_text_kept *next;
    char text[];
};

static const char *keep(struct config *config, const char *text) {
    struct config_text_kept *kept = malloc(sizeof *kept + strlen(text) + 1);
    if (!kept) return NULL;
    kept->next = config->kept;
    config->kept = kept;
    return strcpy(kept->text, text);
}

static void set(struct reading *reading, const struct option *option, const cJSON *value,
                size_t offset) {
    char number[32], problem[OPTION_ERROR_MAX];
    const char *text = text_of(value, number, sizeof number);
    if (!text) {
        wrong(reading, offset, ": a text, a whole number, true or false was expected",
              option->name);
        return;
    }
    text = keep(reading->config, text);
    if (!text)
        wrong(reading, offset, "out of memory", "");
    else if (option_set(option, text, reading->config, problem))
        wrong(reading, offset, problem, "");
}

static void member(void *context, size_t name_offset, size_t value_offset) {
    struct reading *reading = context;
    const char *end;
    cJSON *name = cJSON_ParseWithLengthOpts(reading->text + name_offset,
                                            reading->size - name_offset, &end, false);
    cJSON *value = cJSON_ParseWithLengthOpts(reading->text + value_offset,
                                             reading->size - value_offset, &end, false);
    char what[CONFIG_ERROR_MAX / 2];
    const struct option *option =
        name && value ? option_find(config_options, name->valuestring) : NULL;
    if (!name || !value) {
        wrong(reading, value_offset, "a number, text or list that can be read was expected", "");
    } else if (!option || option->command_line_only) {
        const char *like = option_like(config_options, name->valuestring);
        snprintf(what, sizeof what, "\"%.64s\": no such key%s%s%s", name->valuestring,
                 like ? "; did you mean \"" : "; logportd --help names them all", like ? like : "",
                 like ? "\"?" : "");
        wrong(reading, name_offset, what, "");
    } else if (option->kind == OPTION_LIST && cJSON_IsArray(value)) {
        const cJSON *element;
        cJSON_ArrayForEach(element, value) set(reading, option, element, value_offset);
    } else {
        set(reading, option, value, value_offset);
    }
    cJSON_Delete(name);
    cJSON_Delete(value);
}

static int read_file(struct files *files, struct config *config, char *error) {
    char *text;
    size_t size, offset;
    const char *sentence;
    const char *path = config->file;
    int result = file_read_all(files, path, CONFIG_FILE_BYTES_MAX, &text, &size);
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, error_text(result));
        return ERR_INVALID;
    }
    struct reading reading = {
        .config = config, .path = path, .text = text, .size = size, .error = error};
    result = config_text_check(text, size, &sentence, &offset);
    if (result == ERR_INVALID)
        wrong(&reading, offset, sentence, "");
    else if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, error_text(result));
    else
        config_text_members(text, size, member, &reading);
    free(text);
    return error[0] ? ERR_INVALID : 0;
}

/* ---- both ---- */

static int check_facts(struct config *config, char *error) {
    enum level_scale scale;
    if (level_scale_parse(config->level_scale, &scale)) {
        snprintf(error, CONFIG_ERROR_MAX,
                 "level_scale: \"%.64s\" is none of usual, pino, python, syslog, logback, "
                 "opentelemetry, monolog",
                 config->level_scale);
        return ERR_INVALID;
    }
    if (facts_rules_set(config->time_keys, config->level_keys, scale, &config->rules)) {
        snprintf(
            error, CONFIG_ERROR_MAX,
            "time_keys, level_keys: up to %d keys of up to %d bytes, separated by commas, were "
            "expected",
            JSON_NAMES_MAX, JSON_NAME_BYTES_MAX);
        return ERR_INVALID;
    }
    const bool usual = !config->time_keys && !config->level_keys && scale == LEVEL_SCALE_USUAL;
    const bool none = !config->rules.times && !config->rules.levels;
    config->facts = usual ? &facts_rules_usual : none ? NULL : &config->rules;
    return 0;
}

static int check_whole(struct config *config, char *error) {
    struct port_address address;
    const struct option_list *lists[] = {&config->tcp, &config->udp};
    for (int l = 0; l < 2; l++)
        for (uint32_t i = 0; i < lists[l]->count; i++) {
            const int result = config_address(lists[l]->texts[i], &address);
            if (!result) continue;
            snprintf(error, CONFIG_ERROR_MAX,
                     "%s: \"%s\" is no address to listen on (%s; try 127.0.0.1:5170 or [::1]:5170)",
                     l ? "udp" : "tcp", lists[l]->texts[i], error_text(result));
            return ERR_INVALID;
        }
    if (config->dir[0] == '\0' || strlen(config->dir) > 3000) {
        snprintf(error, CONFIG_ERROR_MAX, "dir: a directory's name was expected");
        return ERR_INVALID;
    }
    return check_facts(config, error);
}

int config_read(struct files *files, int argc, char **argv, struct config *config, char *error) {
    *config = (struct config){0};
    error[0] = '\0';
    /* Once to learn which file, once more to let the command line win. */
    options_preset(config_options, config);
    int words = options_command_line(config_options, argc, argv, config, error);
    if (words > 0) {
        snprintf(error, CONFIG_ERROR_MAX, "\"%s\": logportd takes options only; see --help",
                 argv[1]);
        return ERR_INVALID;
    }
    if (words < 0) return words;
    if (config->help || config->version) return 0;
    if (config->file) {
        const char *file = config->file;
        options_preset(config_options, config);
        config->tcp.count = config->udp.count = 0;
        config->file = file;
        const int result = read_file(files, config, error);
        if (result) return result;
        words = options_command_line(config_options, argc, argv, config, error);
        if (words < 0) return words;
    }
    if (config->tcp.count + config->udp.count == 0) {
        config->tcp = (struct option_list){.count = 1, .texts = {"127.0.0.1:5170"}};
        config->udp = config->tcp;
    }
    return check_whole(config, error);
}

void config_free(struct config *config) {
    struct config_text_kept *kept = config->kept;
    while (kept) {
        struct config_text_kept *next = kept->next;
        free(kept);
        kept = next;
    }
    config->kept = NULL;
}

int config_address(const char *text, struct port_address *address) {
    char whole[32];
    if (text[0] == ':') text++;
    if (text[0] && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 5) {
        snprintf(whole, sizeof whole, "127.0.0.1:%s", text);
        text = whole;
    }
    return address_resolve(text, address);
}
