/* config_file.c - reads the configuration file into the table's fields.
 * The only file that knows cJSON: it reads the values of a text whose syntax and
 * positions are our own scanner's (config_text). */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config_parts.h"
#include "ingest/config_text.h"
#include "port/error.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20)
#define VALUE_BYTES_MAX       4096

/* One object of the file, and the settings that its table fills. */
struct reading {
    struct config *config;
    const char *path, *text;
    size_t size;
    const struct option *table;
    void *settings;
    struct stream_object *stream; /* whose keys these are, or NULL */
    const struct option *option;  /* of the member whose elements are read */
    char *joined;                 /* the elements of a text so far */
    char *error;                  /* "" while all is well */
};

static void wrong(struct reading *reading, size_t offset, const char *what, const char *name) {
    if (reading->error[0]) return; /* the first is said */
    const struct text_position at = text_position(reading->text, offset);
    const char *stream = reading->stream ? reading->stream->name : "";
    snprintf(reading->error, CONFIG_ERROR_MAX, "%s:%u:%u: %s%s%s%s%s%s", reading->path, at.line,
             at.column, stream[0] ? "stream " : "", stream, stream[0] ? ": " : "", name,
             name[0] ? ": " : "", what);
}

static cJSON *value_at(const struct reading *reading, size_t offset) {
    const char *end;
    return cJSON_ParseWithLengthOpts(reading->text + offset, reading->size - offset, &end, false);
}

/* The text of a value, kept by the configuration; NULL, and said, if it is none of those. */
static const char *text_at(struct reading *reading, const char *name, size_t offset) {
    cJSON *value = value_at(reading, offset);
    char number[32];
    const char *text = NULL;
    if (cJSON_IsString(value)) {
        text = value->valuestring;
    } else if (cJSON_IsBool(value)) {
        text = cJSON_IsTrue(value) ? "true" : "false";
    } else if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= 9e15) {
        const uint64_t whole = (uint64_t)value->valuedouble;
        snprintf(number, sizeof number, "%llu", (unsigned long long)whole);
        if ((double)whole == value->valuedouble) text = number;
    }
    if (text == NULL) {
        wrong(reading, offset, "a text, a whole number, true or false was expected", name);
    } else {
        text =
            config_keep(reading->config, text, strlen(text), text_position(reading->text, offset));
        if (text == NULL) wrong(reading, offset, error_text(ERR_NO_MEMORY), "");
    }
    cJSON_Delete(value);
    return text;
}

static void set_text(struct reading *reading, const struct option *option, const char *text,
                     size_t offset) {
    char problem[CONFIG_PROBLEM_MAX];
    struct stream_object *object;
    const bool names_stream =
        reading->table == config_listener_options && strcmp(option->name, "stream") == 0;
    if (option_set(option, text, reading->settings, problem) ||
        config_value_check(option->name, text, problem) ||
        (names_stream && config_stream_object(reading->config, text, &object, problem)))
        wrong(reading, offset, problem, option->name);
    else if (reading->stream)
        config_stream_set(reading->stream, option, text, text_position(reading->text, offset));
}

static void set(struct reading *reading, const struct option *option, size_t offset) {
    const char *text = text_at(reading, option->name, offset);
    if (text) set_text(reading, option, text, offset);
}

/* ---- lists ---- */

static void member(void *context, size_t name_offset, size_t value_offset);

/* {"address": "…", …}: a listener with keys of its own. */
static void listener(struct reading *reading, const struct option *option, size_t offset) {
    struct listener_object *object = calloc(1, sizeof *object);
    if (!object) {
        wrong(reading, offset, error_text(ERR_NO_MEMORY), "");
        return;
    }
    object->next = reading->config->objects;
    reading->config->objects = object;
    struct reading inner = *reading;
    inner.table = config_listener_options;
    inner.settings = &object->keys;
    config_text_children(inner.text, inner.size, offset, member, &inner);
    if (!object->keys.address)
        wrong(reading, offset, "this listener has no \"address\"", option->name);
    else
        set_text(reading, option, object->keys.address, offset);
}

static bool is_listener(const struct reading *reading, const struct option *option) {
    return reading->table == config_options &&
           (strcmp(option->name, "tcp") == 0 || strcmp(option->name, "udp") == 0);
}

static void element(void *context, size_t name_offset, size_t offset) {
    struct reading *reading = context;
    (void)name_offset;
    if (reading->text[offset] == '{' && is_listener(reading, reading->option))
        listener(reading, reading->option, offset);
    else
        set(reading, reading->option, offset);
}

static void list(struct reading *reading, const struct option *option, size_t offset) {
    const uint32_t before = reading->stream ? reading->stream->key_count : 0;
    reading->option = option;
    if (reading->text[offset] == '[')
        config_text_children(reading->text, reading->size, offset, element, reading);
    else
        element(reading, offset, offset);
    /* Else what holds for all would hold, and nobody would be told. */
    if (reading->stream && reading->stream->key_count == before)
        wrong(reading, offset, "at least one text was expected", option->name);
}

/* The elements of a list of keys become one text, as the command line writes it. */
static void key(void *context, size_t name_offset, size_t offset) {
    struct reading *reading = context;
    (void)name_offset;
    const char *text = text_at(reading, reading->option->name, offset);
    if (!text) return;
    const size_t size = strlen(reading->joined);
    if (text[0] == '\0' || strchr(text, ','))
        wrong(reading, offset, "a key without a comma was expected", reading->option->name);
    else if (size + strlen(text) + 2 > VALUE_BYTES_MAX)
        wrong(reading, offset, "these are too many", reading->option->name);
    else
        sprintf(reading->joined + size, "%s%s", size ? "," : "", text);
}

static void keys(struct reading *reading, const struct option *option, size_t offset) {
    char joined[VALUE_BYTES_MAX] = "";
    reading->joined = joined;
    config_text_children(reading->text, reading->size, offset, key, reading);
    reading->joined = NULL;
    const char *text =
        config_keep(reading->config, joined, strlen(joined), text_position(reading->text, offset));
    if (text)
        set_text(reading, option, text, offset);
    else
        wrong(reading, offset, error_text(ERR_NO_MEMORY), "");
}

/* ---- streams ---- */

/* "NAME": {"rotate": "daily", …} */
static void stream(void *context, size_t name_offset, size_t value_offset) {
    struct reading *reading = context;
    struct config read_into = {0}; /* its values are not needed, only whether they are good */
    struct reading inner = *reading;
    char problem[CONFIG_PROBLEM_MAX];
    cJSON *name = value_at(reading, name_offset);
    if (!name)
        wrong(reading, name_offset, error_text(ERR_NO_MEMORY), "");
    else if (config_stream_check(name->valuestring, problem) ||
             config_stream_object(reading->config, name->valuestring, &inner.stream, problem))
        wrong(reading, name_offset, problem, "streams");
    else if (inner.stream->configured)
        wrong(&inner, name_offset, "it stands in \"streams\" twice", "");
    else if (reading->text[value_offset] != '{')
        wrong(&inner, value_offset, "an object {…} with its keys was expected", "");
    else {
        inner.settings = &read_into;
        inner.stream->configured = true;
        inner.stream->at = text_position(reading->text, name_offset);
        config_text_children(inner.text, inner.size, value_offset, member, &inner);
    }
    cJSON_Delete(name);
}

static void streams(struct reading *reading, size_t offset) {
    if (reading->text[offset] == '{')
        config_text_children(reading->text, reading->size, offset, stream, reading);
    else
        wrong(reading, offset, "an object {\"NAME\": {…}} was expected", "streams");
}

/* ---- members ---- */

static void unknown_key(struct reading *reading, size_t offset, const char *name) {
    char what[CONFIG_PROBLEM_MAX];
    const bool whole = reading->table == config_options && !reading->stream;
    const char *like = option_like(reading->table, name);
    snprintf(what, sizeof what, "\"%.64s\": no such key%s%s%s%s", name,
             whole             ? ""
             : reading->stream ? " of a stream"
                               : " of a listener",
             like    ? "; did you mean \""
             : whole ? "; logportd --help names them all"
                     : "",
             like ? like : "", like ? "\"?" : "");
    wrong(reading, offset, what, "");
}

static void member(void *context, size_t name_offset, size_t value_offset) {
    struct reading *reading = context;
    cJSON *name = value_at(reading, name_offset);
    if (!name) {
        wrong(reading, name_offset, error_text(ERR_NO_MEMORY), "");
        return;
    }
    const struct option *option = option_find(reading->table, name->valuestring);
    const char first = reading->text[value_offset];
    const bool whole = reading->table == config_options && !reading->stream;
    if (whole && strcmp(name->valuestring, "streams") == 0) {
        streams(reading, value_offset);
    } else if (!option || option->place == OPTION_COMMAND_LINE_ONLY) {
        unknown_key(reading, name_offset, name->valuestring);
    } else if (reading->stream && option->place != OPTION_FOR_PARTS) {
        wrong(reading, name_offset, "this is for all streams together, not for one", option->name);
    } else if (option->kind == OPTION_LIST && (first == '[' || first == '{')) {
        list(reading, option, value_offset);
    } else if (option->kind == OPTION_TEXT && first == '[' && strstr(option->name, "_keys")) {
        reading->option = option;
        keys(reading, option, value_offset);
    } else {
        set(reading, option, value_offset);
    }
    cJSON_Delete(name);
}

int config_file_read(struct files *files, struct config *config, char *error) {
    char *text;
    size_t size, offset;
    const char *sentence;
    const char *path = config->file;
    int result = file_read_all(files, path, CONFIG_FILE_BYTES_MAX, &text, &size);
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, error_text(result));
        return ERR_INVALID;
    }
    struct reading reading = {.config = config,
                              .path = path,
                              .text = text,
                              .size = size,
                              .table = config_options,
                              .settings = config,
                              .error = error};
    result = config_text_check(text, size, &sentence, &offset);
    if (result == ERR_INVALID)
        wrong(&reading, offset, sentence, "");
    else if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, error_text(result));
    else
        config_text_children(text, size, strspn(text, " \t\r\n"), member, &reading);
    free(text);
    return error[0] ? ERR_INVALID : 0;
}
