/* streams.c - see streams.h. */
#include "ingest/config/streams.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/archive.h"
#include "ingest/config/schedule.h"
#include "port/error.h"

/* The default age of a segment where there is no schedule. */
#define SEGMENT_AGE_S     3600
/* Smaller files gain nothing from re-packing: most of such a file is its index. */
#define ARCHIVE_BYTES_MIN (16u << 10)

/* ---- names ---- */

static int differs_in_case(const char *name, const char *other, char *problem) {
    snprintf(
        problem, CONFIG_PROBLEM_MAX,
        "\"%s\" differs from stream \"%s\" only in upper and lower case; some systems would store "
        "both in one folder",
        name, other);
    return ERR_INVALID;
}

int config_stream_object(struct config *config, const char *name, struct stream_object **object,
                         char *problem) {
    uint32_t others = 0;
    if (stream_names_alike(name, STREAM_MAIN) && strcmp(name, STREAM_MAIN) != 0)
        return differs_in_case(name, STREAM_MAIN, problem);
    for (struct stream_object *o = config->stream_objects; o; o = o->next) {
        *object = o;
        if (strcmp(o->name, name) == 0) return 0;
        if (stream_names_alike(o->name, name)) return differs_in_case(name, o->name, problem);
        others += strcmp(o->name, STREAM_MAIN) != 0;
    }
    if (others == STREAMS_MAX - 1 && strcmp(name, STREAM_MAIN) != 0) {
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%s\": too many streams; at most %d were expected, main included", name,
                 STREAMS_MAX);
        return ERR_INVALID;
    }
    *object = calloc(1, sizeof **object);
    if (!*object) {
        snprintf(problem, CONFIG_PROBLEM_MAX, "%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    strcpy((*object)->name, name);
    struct stream_object **last = &config->stream_objects; /* in the file's order */
    while (*last)
        last = &(*last)->next;
    *last = *object;
    return 0;
}

void config_stream_set(struct stream_object *object, const struct option *option, const char *text,
                       struct text_position at) {
    assert(option->place == OPTION_FOR_PARTS && object->key_count < STREAM_KEYS_MAX);
    object->keys[object->key_count++] = (struct stream_key){option, text, at};
}

/* ---- resolving keys ---- */

uint64_t config_segment_age_s(uint64_t given, const struct schedule *schedule) {
    return given == 0 && schedule_never(schedule) ? SEGMENT_AGE_S : given;
}

static struct stream_sizes sizes_of(const struct config *own, const struct schedule *schedule) {
    return (struct stream_sizes){
        .segment_bytes_max = own->segment_bytes_max,
        .segment_packed_bytes_max = own->segment_packed_bytes_max,
        .segment_age_ms = config_segment_age_s(own->segment_age_s, schedule) * 1000,
        .segment_idle_ms = own->segment_idle_s * 1000,
        .schedule = *schedule,
        .sync_ms = own->sync_ms,
    };
}

/* Its words belong to the stream. */
static struct handover_rules command_of(const struct config *own, struct stream_config *stream) {
    const struct option_list *list = &stream->command;
    stream->command = own->archive_command;
    const bool none = list->count == 1 && strcmp(list->texts[0], "none") == 0;
    return (struct handover_rules){.words = list->texts,
                                   .count = none ? 0 : list->count,
                                   .limit_s = own->archive_command_limit_s,
                                   .deletes = strcmp(own->archive_command_then, "delete") == 0};
}

static struct keeper_rules keeper_rules_of(const struct config *own, struct stream_config *stream) {
    return (struct keeper_rules){
        .archive_after_s = own->archive_after_s,
        .archive_level = (uint32_t)own->archive_level,
        .archive_bytes_min = ARCHIVE_BYTES_MIN,
        .archive_dir = own->archive_dir,
        .command = command_of(own, stream),
    };
}

/* A list's first text replaces the list for all streams. */
static void begin_list(const struct stream_object *object, uint32_t n, struct config *own) {
    const struct option *option = object->keys[n].option;
    for (uint32_t i = 0; i < n; i++)
        if (object->keys[i].option == option) return;
    struct option_list *texts = (struct option_list *)(void *)((char *)own + option->field);
    texts->count = 0;
}

/* What this key names does not exist; the error is at the key. */
static int resolving_failed(const struct config *config, const struct stream_object *object,
                            const char *name, const char *problem, char *error) {
    struct text_position at = object->at;
    for (uint32_t i = 0; i < object->key_count; i++)
        if (strcmp(object->keys[i].option->name, name) == 0) at = object->keys[i].at;
    snprintf(error, CONFIG_ERROR_MAX, "%.256s:%u:%u: stream %s: %.600s", config->file, at.line,
             at.column, object->name, problem);
    return ERR_INVALID;
}

static int resolve(const struct host *host, struct config *config,
                   const struct stream_object *object, struct stream_config *stream, char *error) {
    struct config own = *config; /* with its keys in place of those for all */
    struct schedule schedule = config->schedule;
    char problem[CONFIG_ERROR_MAX];
    own.retention.all = (struct retention_limits){0};
    for (uint32_t i = 0; i < object->key_count; i++) {
        const struct stream_key *key = &object->keys[i];
        if (key->option->kind == OPTION_LIST) begin_list(object, i, &own);
        const int result = option_set(key->option, key->text, &own, problem);
        assert(result == 0); /* it was accepted before */
        if (strcmp(key->option->name, "retention_age_s") == 0 && own.retention.all.age_s == 0)
            own.retention.all.age_s = RETENTION_AGE_NEVER; /* even if there is a limit for all */
    }
    if (own.rotate != config->rotate || own.rotate_zone != config->rotate_zone) {
        const struct schedule_keys keys = {own.rotate, own.rotate_zone, own.zone_folder};
        if (config_schedule_resolve(host, &keys, &schedule, &stream->zone, problem))
            return resolving_failed(config, object, "rotate_zone", problem, error);
    }
    if (own.archive_dir != config->archive_dir &&
        config_archive_resolve(host, config, &own.archive_dir, problem))
        return resolving_failed(config, object, "archive_dir", problem, error);
    if (config_command_resolve(host, &own.archive_command, &stream->program_missing, problem))
        return resolving_failed(config, object, "archive_command", problem, error);
    strcpy(stream->name, object->name);
    stream->configured = object->configured;
    stream->sizes = sizes_of(&own, &schedule);
    stream->keeper = keeper_rules_of(&own, stream);
    stream->retention = own.retention.all;
    return 0;
}

static bool feeds(const struct config *config, const char *name) {
    bool found = false;
    for (uint32_t i = 0; i < config->listener_count; i++)
        found = found || strcmp(config->listeners[i].keys.stream, name) == 0;
    return found;
}

static bool has_limits(const struct retention_limits *limits) {
    return limits->age_s || limits->bytes_max || limits->count_max;
}

static int add(const struct host *host, struct config *config, const struct stream_object *object,
               char *error) {
    assert(config->stream_count < STREAMS_MAX);
    struct stream_config *stream = &config->streams[config->stream_count];
    if (resolve(host, config, object, stream, error)) return ERR_INVALID;
    stream->fed = feeds(config, stream->name);
    config->stream_count++;
    if (!has_limits(&stream->retention)) return 0;
    struct retention_rules *rules = &config->retention;
    struct retention_stream *limited = &rules->streams[rules->stream_count++];
    strcpy(limited->name, stream->name);
    limited->limits = stream->retention;
    return 0;
}

int config_streams_resolve(const struct host *host, struct config *config, char *error) {
    const struct stream_object no_keys = {.name = STREAM_MAIN}, *main = &no_keys;
    config->streams = calloc(STREAMS_MAX, sizeof *config->streams);
    config->retention.streams = calloc(STREAMS_MAX, sizeof *config->retention.streams);
    if (!config->streams || !config->retention.streams) {
        snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    for (const struct stream_object *o = config->stream_objects; o; o = o->next)
        if (strcmp(o->name, STREAM_MAIN) == 0) main = o;
    int result = resolve(host, config, &no_keys, &config->others, error);
    if (!result) result = add(host, config, main, error);
    for (const struct stream_object *o = config->stream_objects; o && !result; o = o->next)
        /* The listener that named it may be in a list that the command line has replaced. */
        if (o != main && (o->configured || feeds(config, o->name)))
            result = add(host, config, o, error);
    return result;
}

void config_streams_free(struct config *config) {
    while (config->stream_objects) {
        struct stream_object *next = config->stream_objects->next;
        free(config->stream_objects);
        config->stream_objects = next;
    }
    for (uint32_t i = 0; config->streams && i < STREAMS_MAX; i++)
        zone_free(config->streams[i].zone);
    free(config->streams);
    free(config->retention.streams);
    config->streams = NULL;
    config->retention.streams = NULL;
    config->stream_count = config->retention.stream_count = 0;
}
