/* schema_files.c - see schema_files.h. */
#include "ingest/config/schema_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/live/schema_gate.h"

_Static_assert(SCHEMA_SOURCES_MAX >= OPTION_LIST_MAX, "all that a list may name");

static void warned(void *context, const struct schema_problem *warning) {
    char text[CONFIG_ERROR_MAX];
    (void)context;
    say("schema: %s", schema_problem_text(warning, text, sizeof text));
}

/* *bad: which of the paths it is about. */
static int compile(struct files *files, const struct option_list *paths, bool formats,
                   struct schema **schema, uint32_t *bad, char *error) {
    struct schema_source sources[OPTION_LIST_MAX] = {0};
    char *texts[OPTION_LIST_MAX];
    const struct schema_options options = {.formats_asserted = formats, .warned = warned};
    struct schema_problem problem;
    uint32_t count = 0;
    int result = 0;
    for (; count < paths->count; count++) {
        struct schema_source *source = &sources[count];
        source->name = paths->texts[count];
        result =
            file_read_input(files, source->name, SCHEMA_BYTES_MAX, &texts[count], &source->size);
        if (result) break;
        source->text = texts[count];
    }
    *bad = result ? count : 0;
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "schema: %s: %s", paths->texts[count],
                 error_text(result));
    } else {
        result = schema_compile(sources, count, &options, schema, &problem);
        if (result == ERR_NO_MEMORY) {
            snprintf(error, CONFIG_ERROR_MAX, "schema: %s", error_text(result));
        } else if (result) {
            strcpy(error, "schema: ");
            schema_problem_text(&problem, error + strlen(error), CONFIG_ERROR_MAX - 8);
        }
    }
    while (count > 0)
        free(texts[--count]);
    return result ? ERR_INVALID : 0;
}

int schema_files_compile(struct files *files, const struct option_list *paths, bool formats,
                         struct schema **schema, char *error) {
    uint32_t bad;
    return compile(files, paths, formats, schema, &bad, error);
}

static bool same_schema(const struct listener_config *a, const struct listener_config *b) {
    if (a->formats != b->formats || a->keys.schema.count != b->keys.schema.count) return false;
    for (uint32_t i = 0; i < a->keys.schema.count; i++)
        if (strcmp(a->keys.schema.texts[i], b->keys.schema.texts[i]) != 0) return false;
    return true;
}

int schema_files_load(struct files *files, struct config *config, uint64_t line_bytes_max,
                      uint32_t workers, char *error) {
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct listener_config *listener = &config->listeners[i];
        struct schema *schema;
        uint32_t bad;
        if (listener->keys.schema.count == 0) continue;
        for (uint32_t j = 0; j < i && !listener->gate; j++)
            if (same_schema(listener, &config->listeners[j])) {
                listener->gate = config->listeners[j].gate;
                schema_gate_hold(listener->gate);
            }
        if (listener->gate) continue;
        const struct option_list *paths = &listener->keys.schema;
        int result = compile(files, paths, listener->formats, &schema, &bad, error);
        if (result) config_error_at(config, paths->texts[bad], error);
        if (result) return result;
        result = schema_gate_make(schema, (size_t)line_bytes_max, workers, &listener->gate);
        if (result) {
            snprintf(error, CONFIG_ERROR_MAX, "schema: %s", error_text(result));
            return result;
        }
    }
    return 0;
}
