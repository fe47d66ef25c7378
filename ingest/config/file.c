/* file.c - see file.h.
 * The only file that knows cJSON: it reads the values of a text whose syntax and positions are
 * checked by our own scanner (text.h). */
#include "ingest/config/file.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/listeners.h"
#include "ingest/config/streams.h"
#include "ingest/config/text.h"
#include "ingest/config/values.h"
#include "port/error.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20)
#define VALUE_BYTES_MAX       4096

/* The options of the largest table, and "streams". */
#define NAMES_MAX 128

/* One object of the file, and the settings that its table fills. */
struct file_reading {
    const struct host *host;
    struct config *config;
    const char *path, *text;
    size_t size;
    const struct option *table;
    void *settings;
    struct stream_object *stream; /* whose keys these are, or NULL */
    const struct option *option;  /* of the member whose elements are read */
    const struct option *kind;    /* tcp, unix_stream, ...: of the listener whose keys these are */
    char *joined;                 /* the elements of a text so far */
    /* Where each of the table's options was given, then "streams"; line 0: not given. */
    struct text_position *given;
    char *error; /* "": no error yet */
};

static void wrong(struct file_reading *reading, size_t offset, const char *what, const char *name) {
    if (reading->error[0]) return; /* only the first error is reported */
    const struct text_position at = text_position(reading->text, offset);
    const char *stream = reading->stream ? reading->stream->name : "";
    snprintf(reading->error, CONFIG_ERROR_MAX, "%s:%u:%u: %s%s%s%s%s%s", reading->path, at.line,
             at.column, stream[0] ? "stream " : "", stream, stream[0] ? ": " : "", name,
             name[0] ? ": " : "", what);
}

static cJSON *value_at(const struct file_reading *reading, size_t offset) {
    const char *end;
    return cJSON_ParseWithLengthOpts(reading->text + offset, reading->size - offset, &end, false);
}

static const char *expected(const struct option *option) {
    switch (option->kind) {
    case OPTION_FLAG: return "true or false was expected";
    case OPTION_COUNT: return "a whole number was expected (10 or 1000)";
    case OPTION_BYTES: return "a size was expected (65536, \"64KiB\" or \"1MiB\")";
    case OPTION_TIME_MS: return "a time was expected (200 for milliseconds, \"2s\" or \"10m\")";
    case OPTION_TIME_S: return "a time was expected (30 for seconds, \"10m\" or \"1h\")";
    default: return "a text was expected";
    }
}

/* The text of a value, kept by the configuration; NULL, and reported, if it has another type. */
static const char *text_at(struct file_reading *reading, const struct option *option,
                           size_t offset) {
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
        wrong(reading, offset, expected(option), option->name);
    } else {
        text =
            config_keep(reading->config, text, strlen(text), text_position(reading->text, offset));
        if (text == NULL) wrong(reading, offset, error_text(ERR_NO_MEMORY), "");
    }
    cJSON_Delete(value);
    return text;
}

static void set_text(struct file_reading *reading, const struct option *option, const char *text,
                     size_t offset) {
    char problem[CONFIG_PROBLEM_MAX];
    struct stream_object *object;
    const bool names_stream =
        reading->table == config_listener_options && strcmp(option->name, "stream") == 0;
    /* The address is what its kind of listener expects. */
    const bool is_address =
        reading->table == config_listener_options && strcmp(option->name, "address") == 0;
    const char *checked = is_address ? reading->kind->name : option->name;
    if (option_set(option, text, reading->settings, problem) ||
        config_value_check(reading->host, checked, text, problem) ||
        (names_stream && config_stream_object(reading->config, text, &object, problem)))
        wrong(reading, offset, problem, option->name);
    else if (reading->stream)
        config_stream_set(reading->stream, option, text, text_position(reading->text, offset));
}

static void set(struct file_reading *reading, const struct option *option, size_t offset) {
    const char *text = text_at(reading, option, offset);
    if (text) set_text(reading, option, text, offset);
}

/* The last one would win, which is easily overlooked. */
static void given_twice(struct file_reading *reading, size_t offset, struct text_position first,
                        const char *name) {
    char what[64];
    snprintf(what, sizeof what, "given twice, first at %u:%u", first.line, first.column);
    wrong(reading, offset, what, name);
}

/* ---- lists ---- */

static void members(struct file_reading *reading, size_t offset);

/* {"address": "...", ...}: a listener with keys of its own. */
static void listener(struct file_reading *reading, const struct option *option, size_t offset) {
    struct listener_object *object = calloc(1, sizeof *object);
    if (!object) {
        wrong(reading, offset, error_text(ERR_NO_MEMORY), "");
        return;
    }
    object->next = reading->config->objects;
    reading->config->objects = object;
    struct file_reading inner = *reading;
    inner.table = config_listener_options;
    inner.settings = &object->keys;
    inner.kind = option;
    members(&inner, offset);
    if (!object->keys.address)
        wrong(reading, offset, "this listener has no \"address\"", option->name);
    else
        set_text(reading, option, object->keys.address, offset);
}

/* "tls": {"certificate": "...", "key": "..."} */
static void tls(struct file_reading *reading, size_t name_offset, size_t offset) {
    struct listener_keys *keys = reading->settings;
    struct file_reading inner = *reading;
    if (reading->text[offset] != '{') {
        wrong(reading, offset,
              "an object {\"certificate\": \"FILE\", \"key\": \"FILE\"} was expected", "tls");
        return;
    }
    keys->has_tls =
        config_keep(reading->config, "true", 4, text_position(reading->text, name_offset));
    if (!keys->has_tls) wrong(reading, offset, error_text(ERR_NO_MEMORY), "");
    inner.table = config_tls_options;
    inner.settings = &keys->tls;
    members(&inner, offset);
}

static bool is_listener(const struct file_reading *reading, const struct option *option) {
    return reading->table == config_options &&
           (strcmp(option->name, "tcp") == 0 || strcmp(option->name, "udp") == 0 ||
            strcmp(option->name, "unix_stream") == 0 ||
            strcmp(option->name, "unix_datagram") == 0 || strcmp(option->name, "http") == 0);
}

static void element(void *context, size_t name_offset, size_t offset) {
    struct file_reading *reading = context;
    (void)name_offset;
    if (reading->text[offset] == '{' && is_listener(reading, reading->option))
        listener(reading, reading->option, offset);
    else
        set(reading, reading->option, offset);
}

static void list(struct file_reading *reading, const struct option *option, size_t offset) {
    const uint32_t before = reading->stream ? reading->stream->key_count : 0;
    reading->option = option;
    if (reading->text[offset] == '[')
        config_text_children(reading->text, reading->size, offset, element, reading);
    else
        element(reading, offset, offset);
    /* An empty list would silently mean the list for all streams or listeners, or any sender. */
    const bool command =
        strcmp(option->name, "archive_command") == 0 || strcmp(option->name, "allow") == 0 ||
        strcmp(option->name, "deny") == 0 || strcmp(option->name, "proxy") == 0 ||
        strcmp(option->name, "tokens") == 0 || strcmp(option->name, "forward_users") == 0 ||
        strcmp(option->name, "hosts") == 0;
    const struct option_list *texts =
        (const void *)((const char *)reading->settings + option->field);
    if ((reading->stream && reading->stream->key_count == before) || (command && texts->count == 0))
        wrong(reading, offset, "at least one text was expected", option->name);
}

/* The elements of a list of keys are joined to one text, as on the command line. */
static void key(void *context, size_t name_offset, size_t offset) {
    struct file_reading *reading = context;
    (void)name_offset;
    const char *text = text_at(reading, reading->option, offset);
    if (!text) return;
    const size_t size = strlen(reading->joined);
    if (text[0] == '\0' || strchr(text, ','))
        wrong(reading, offset, "a key without a comma was expected", reading->option->name);
    else if (size + strlen(text) + 2 > VALUE_BYTES_MAX)
        wrong(reading, offset, "too many keys", reading->option->name);
    else
        sprintf(reading->joined + size, "%s%s", size ? "," : "", text);
}

static void keys(struct file_reading *reading, const struct option *option, size_t offset) {
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

/* "NAME": {"rotate": "daily", ...} */
static void stream(void *context, size_t name_offset, size_t value_offset) {
    struct file_reading *reading = context;
    struct config read_into = {0}; /* only to check the values */
    struct file_reading inner = *reading;
    char problem[CONFIG_PROBLEM_MAX];
    cJSON *name = value_at(reading, name_offset);
    if (!name)
        wrong(reading, name_offset, error_text(ERR_NO_MEMORY), "");
    else if (config_stream_check(name->valuestring, problem) ||
             config_stream_object(reading->config, name->valuestring, &inner.stream, problem))
        wrong(reading, name_offset, problem, "streams");
    else if (inner.stream->configured)
        given_twice(&inner, name_offset, inner.stream->at, "");
    else if (reading->text[value_offset] != '{')
        wrong(&inner, value_offset, "an object {...} with its keys was expected", "");
    else {
        inner.settings = &read_into;
        inner.stream->configured = true;
        inner.stream->at = text_position(reading->text, name_offset);
        members(&inner, value_offset);
    }
    cJSON_Delete(name);
}

static void streams(struct file_reading *reading, size_t offset) {
    if (reading->text[offset] == '{')
        config_text_children(reading->text, reading->size, offset, stream, reading);
    else
        wrong(reading, offset, "an object {\"NAME\": {...}} was expected", "streams");
}

/* ---- members ---- */

static bool is_whole(const struct file_reading *reading) {
    return reading->table == config_options && !reading->stream;
}

/* A known key in the wrong place; reported. */
static bool misplaced_key(struct file_reading *reading, size_t offset, const char *name) {
    const struct option *option = option_find(reading->table, name);
    if (option && option->place == OPTION_COMMAND_LINE_ONLY)
        wrong(reading, offset, "allowed only on the command line", name);
    else if (is_whole(reading) && option_find(config_listener_options, name))
        wrong(reading, offset,
              "this is a key of a listener, {\"address\": \"HOST:PORT\", ...} in tcp, udp, "
              "unix_stream, unix_datagram or http; keys of a stream belong in \"streams\"",
              name);
    else if (reading->table == config_listener_options && option_find(config_options, name))
        wrong(reading, offset,
              "this is no key of a listener: set it at the top level of the file; keys of a stream "
              "also in \"streams\"",
              name);
    else
        return false;
    return true;
}

static void unknown_key(struct file_reading *reading, size_t offset, const char *name) {
    char what[CONFIG_PROBLEM_MAX];
    const bool whole = is_whole(reading);
    const char *like = option_like(reading->table, name);
    if (misplaced_key(reading, offset, name)) return;
    if (like && option_find(reading->table, like)->place == OPTION_COMMAND_LINE_ONLY) like = NULL;
    snprintf(what, sizeof what, "\"%.64s\": unknown key%s%s%s%s", name,
             whole                                  ? ""
             : reading->stream                      ? " of a stream"
             : reading->table == config_tls_options ? " of tls"
                                                    : " of a listener",
             like    ? "; did you mean \""
             : whole ? "; logportd --help lists all keys"
                     : "",
             like ? like : "", like ? "\"?" : "");
    wrong(reading, offset, what, "");
}

/* False: this key was given before; reported. */
static bool given_once(struct file_reading *reading, const struct option *option, const char *name,
                       size_t offset) {
    size_t i = 0;
    if (!option && !(is_whole(reading) && strcmp(name, "streams") == 0)) return true;
    while (option ? &reading->table[i] != option : reading->table[i].name != NULL)
        i++;
    assert(i < NAMES_MAX);
    struct text_position *at = &reading->given[i];
    if (at->line) given_twice(reading, offset, *at, name);
    const bool first = !at->line;
    if (first) *at = text_position(reading->text, offset);
    return first;
}

static void member(void *context, size_t name_offset, size_t value_offset) {
    struct file_reading *reading = context;
    cJSON *name = value_at(reading, name_offset);
    if (!name) {
        wrong(reading, name_offset, error_text(ERR_NO_MEMORY), "");
        return;
    }
    const struct option *option = option_find(reading->table, name->valuestring);
    const char first = reading->text[value_offset];
    if (!given_once(reading, option, name->valuestring, name_offset)) {
        /* reported */
    } else if (is_whole(reading) && strcmp(name->valuestring, "streams") == 0) {
        streams(reading, value_offset);
    } else if (!option || option->place == OPTION_COMMAND_LINE_ONLY) {
        unknown_key(reading, name_offset, name->valuestring);
    } else if (reading->table == config_listener_options && strcmp(option->name, "tls") == 0) {
        tls(reading, name_offset, value_offset);
    } else if (reading->stream && option->place != OPTION_FOR_PARTS) {
        wrong(reading, name_offset, "cannot be set for a single stream", option->name);
    } else if (option->kind == OPTION_LIST && (first == '[' || first == '{')) {
        list(reading, option, value_offset);
    } else if (option->kind == OPTION_TEXT && first == '[' &&
               (strstr(option->name, "_keys") || strcmp(option->name, "stamp") == 0)) {
        reading->option = option;
        keys(reading, option, value_offset);
    } else {
        set(reading, option, value_offset);
    }
    cJSON_Delete(name);
}

static void members(struct file_reading *reading, size_t offset) {
    struct text_position given[NAMES_MAX] = {{0, 0}};
    reading->given = given;
    config_text_children(reading->text, reading->size, offset, member, reading);
    reading->given = NULL;
}

/* Some editors, of Windows above all, begin a file with U+FEFF, which may be ignored (RFC 8259,
 * section 8.1).  Its size. */
static size_t byte_order_mark(const char *text) {
    return strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

int config_file_read(const struct host *host, struct config *config, char *error) {
    char *bytes;
    size_t size, offset;
    const char *sentence;
    const char *path = config->file;
    int result = file_read_input(host->files, path, CONFIG_FILE_BYTES_MAX, &bytes, &size);
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, error_text(result));
        return ERR_INVALID;
    }
    char *text = bytes + byte_order_mark(bytes);
    size -= byte_order_mark(bytes);
    struct file_reading reading = {.host = host,
                                   .config = config,
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
        members(&reading, strspn(text, " \t\r\n"));
    free(bytes);
    return error[0] ? ERR_INVALID : 0;
}
