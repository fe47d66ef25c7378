/* read.c - see read.h. */
#include "ingest/config/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/archive.h"
#include "ingest/config/file.h"
#include "ingest/config/listeners.h"
#include "ingest/config/schedule.h"
#include "ingest/config/streams.h"
#include "ingest/config/values.h"
#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/http/settings.h"
#include "port/error.h"
#include "writer/live/schema_gate.h"

/* Values of the command line and presets, which have no position in the file. */
static int check_values(const struct host *host, const struct config *config, char *error) {
    char problem[CONFIG_PROBLEM_MAX];
    for (const struct option *option = config_options; option->name; option++) {
        const void *field = (const uint8_t *)config + option->field;
        const struct option_list *list = field;
        const char *text = NULL;
        char number[32];
        if (option->kind == OPTION_COUNT) {
            uint64_t value;
            memcpy(&value, field, sizeof value);
            snprintf(number, sizeof number, "%llu", (unsigned long long)value);
            text = number;
        }
        if (option->kind == OPTION_TEXT) memcpy(&text, field, sizeof text);
        for (uint32_t i = 0; i < (option->kind == OPTION_LIST ? list->count : text != NULL); i++) {
            if (option->kind == OPTION_LIST) text = list->texts[i];
            if (config_value_check(host, option->name, text, problem) == 0) continue;
            snprintf(error, CONFIG_ERROR_MAX, "%s: %s", option->name, problem);
            return ERR_INVALID;
        }
    }
    return 0;
}

/* All values are valid by themselves. */
static int resolve(const struct host *host, struct config *config, char *error) {
    const struct schedule_keys keys = {config->rotate, config->rotate_zone, config->zone_folder};
    const char *const archive_dir = config->archive_dir;
    int result = config_schedule_resolve(host, &keys, &config->schedule, &config->zone, error);
    if (result) config_error_at(config, config->rotate_zone, error);
    if (result) return result;
    result = config_archive_resolve(host, config, &config->archive_dir, error);
    if (result) config_error_at(config, archive_dir, error);
    bool missing; /* reported for each stream */
    if (!result && config_command_resolve(host, &config->archive_command, &missing, error)) {
        config_error_at(config, config->archive_command.texts[0], error);
        result = ERR_INVALID;
    }
    if (!result) result = config_listeners_resolve(host, config, error);
    if (!result) result = config_streams_resolve(host, config, error);
    config->segment_age_s = config_segment_age_s(config->segment_age_s, &config->schedule);
    return result;
}

/* An argument was refused: if it is a key of a listener, says where that belongs. */
static void explain_listener_key(int argc, char **argv, char *error) {
    for (int i = 1; i < argc; i++) {
        char name[64];
        const size_t size = strcspn(argv[i], "=");
        if (strncmp(argv[i], "--", 2) != 0 || size - 2 >= sizeof name) continue;
        if (strncmp(error, argv[i], size) != 0 || strncmp(error + size, ": no such", 9) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)size - 2, argv[i] + 2);
        for (char *p = name; *p != '\0'; p++)
            if (*p == '-') *p = '_';
        if (option_find(config_listener_options, name))
            snprintf(error, CONFIG_ERROR_MAX,
                     "--%s: a key of a listener, which can be set only in the configuration file; "
                     "see --help",
                     name);
        return;
    }
}

int config_read(const struct host *host, int argc, char **argv, struct config *config,
                char *error) {
    *config = (struct config){0};
    error[0] = '\0';
    /* Once to learn the file; once more after it, so that the command line overrides it. */
    options_preset(config_options, config);
    int words = options_command_line(config_options, argc, argv, config, error);
    if (words > 0) {
        snprintf(error, CONFIG_ERROR_MAX, "\"%s\": logportd takes options only; see --help",
                 argv[1]);
        return ERR_INVALID;
    }
    if (words < 0) explain_listener_key(argc, argv, error);
    if (words < 0) return words;
    if (config->help || config->version) return 0;
    if (config->file) {
        const char *file = config->file;
        *config = (struct config){.file = file};
        options_preset(config_options, config);
        const int result = config_file_read(host, config, error);
        if (result) return result;
        words = options_command_line(config_options, argc, argv, config, error);
        if (words < 0) return words;
    }
    if (config->tcp.count + config->udp.count + config->unix_stream.count +
            config->unix_datagram.count + config->http.count ==
        0) {
        config->tcp = (struct option_list){.count = 1, .texts = {"127.0.0.1:5170"}};
        config->udp = config->tcp;
    }
    const int result = check_values(host, config, error);
    return result ? result : resolve(host, config, error);
}

bool config_is_question(int argc, char **argv) {
    struct config config = {0};
    char error[CONFIG_ERROR_MAX];
    options_preset(config_options, &config);
    return options_command_line(config_options, argc, argv, &config, error) == 0 &&
           (config.help || config.version || config.check);
}

void config_free(struct config *config) {
    struct config_text_kept *kept = config->kept;
    while (kept) {
        struct config_text_kept *next = kept->next;
        free(kept);
        kept = next;
    }
    config->kept = NULL;
    while (config->objects) {
        struct listener_object *next = config->objects->next;
        free(config->objects);
        config->objects = next;
    }
    for (uint32_t i = 0; i < config->listener_count; i++) {
        schema_gate_release(config->listeners[i].gate);
        tls_context_release(config->listeners[i].tls);
        http_settings_release(config->listeners[i].http);
        forward_settings_release(config->listeners[i].forward);
        zone_free(config->listeners[i].zone);
    }
    zone_free(config->zone);
    config->zone = NULL;
    config_streams_free(config);
    free(config->listeners);
    config->listeners = NULL;
    config->listener_count = 0;
}
