/* forward_files.c - see forward_files.h. */
#include "ingest/config/forward_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/sha512.h"
#include "port/error.h"
#include "port/system.h"

/* Before the path of a file that holds a secret. */
#define SECRET_FILE       "file:"
#define SECRETS_BYTES_MAX (1u << 20) /* of a file */

static const char *file_of(const char *text) {
    const size_t prefix = strlen(SECRET_FILE);
    return strncmp(text, SECRET_FILE, prefix) == 0 ? text + prefix : NULL;
}

static bool is_key(const char *text) {
    return *text && strlen(text) <= FORWARD_SECRET_BYTES_MAX;
}

static bool is_user(const char *text) {
    const char *colon = strchr(text, ':');
    return colon && colon > text && colon[1] && strlen(text) <= 2 * FORWARD_SECRET_BYTES_MAX;
}

int config_forward_key_check(const char *text, char *problem) {
    const char *path = file_of(text);
    if (path ? *path : is_key(text)) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a key of 1 to %d bytes, or file:PATH, was expected",
             FORWARD_SECRET_BYTES_MAX);
    return ERR_INVALID;
}

int config_forward_user_check(const char *text, char *problem) {
    const char *path = file_of(text);
    if (path ? *path : is_user(text)) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "NAME:PASSWORD or file:PATH was expected");
    return ERR_INVALID;
}

int config_forward_hostname_check(const char *text, char *problem) {
    const size_t size = strlen(text);
    if (size > 0 && size <= FORWARD_HOSTNAME_BYTES_MAX) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a name of 1 to %d bytes was expected",
             FORWARD_HOSTNAME_BYTES_MAX);
    return ERR_INVALID;
}

/* ---- files ---- */

static void wipe_and_free(char *bytes, size_t size) {
    for (volatile char *at = bytes; at < bytes + size; at++)
        *at = 0;
    free(bytes);
}

/* Calls add for each line that is not empty, until it returns false. */
static bool each_line(char *bytes, size_t size, bool (*add)(void *context, const char *line),
                      void *context) {
    char *line = bytes, *const end = bytes + size;
    while (line < end) { /* ends: each turn takes a line */
        char *next = memchr(line, '\n', (size_t)(end - line));
        char *stop = next ? next : end;
        if (stop > line && stop[-1] == '\r') stop--;
        *stop = '\0'; /* file_read_input leaves room for it */
        if (*line && !add(context, line)) return false;
        line = next ? next + 1 : end;
    }
    return true;
}

/* The text itself, or each line of its file.  *problem: of a file. */
static bool each_secret(struct files *files, const char *text,
                        bool (*add)(void *context, const char *line), void *context,
                        const char **problem) {
    char *bytes;
    size_t size;
    const char *path = file_of(text);
    if (!path) return add(context, text);
    const int result = file_read_input(files, path, SECRETS_BYTES_MAX, &bytes, &size);
    if (result) {
        *problem = error_text(result);
        return false;
    }
    const bool added = each_line(bytes, size, add, context);
    wipe_and_free(bytes, size);
    return added;
}

static bool take_key(void *context, const char *line) {
    struct forward_settings *settings = context;
    if (settings->key[0] || !is_key(line)) return false; /* it has one line */
    strcpy(settings->key, line);
    return true;
}

static bool take_user(void *context, const char *line) {
    return is_user(line) && forward_settings_add_user(context, line);
}

/* ---- listeners ---- */

static int wrong(const struct config *config, const char *text, const char *key,
                 const char *problem, char *error) {
    const char *path = file_of(text);
    snprintf(error, CONFIG_ERROR_MAX, "%s: %.300s%s%.300s", key, path ? path : "", path ? ": " : "",
             problem);
    config_error_at(config, text, error);
    return ERR_INVALID;
}

/* What a shared key needs; NULL: all is there. */
static const char *missing(const struct listener_config *listener) {
    if (listener->protocol != &protocol_forward)
        return "the listener needs \"protocol\": \"forward\", because the server speaks first";
    if (listener->tls && !listener->tls_required)
        return "with tls, \"required\" must be true: the server speaks first";
    return sha512_available ? NULL : "this logportd was built without OpenSSL";
}

static int load(struct files *files, const struct config *config, struct listener_config *listener,
                char *error) {
    const struct listener_keys *keys = &listener->keys;
    const char *key = keys->forward_shared_key, *problem = missing(listener);
    if (problem) return wrong(config, key, "forward_shared_key", problem, error);
    struct forward_settings *settings = forward_settings_create(
        system_random, "", keys->forward_hostname ? keys->forward_hostname : "logportd");
    if (!settings) return wrong(config, key, "forward_shared_key", "out of memory", error);
    listener->forward = settings;
    listener->protocol = &protocol_forward_auth;
    problem = "one line of 1 to 255 bytes was expected";
    if (!each_secret(files, key, take_key, settings, &problem) || !settings->key[0])
        return wrong(config, key, "forward_shared_key", problem, error);
    for (uint32_t i = 0; i < keys->forward_users.count; i++) {
        const char *user = keys->forward_users.texts[i];
        const uint32_t before = settings->user_count;
        problem = "lines NAME:PASSWORD were expected, at most 1000 together";
        if (!each_secret(files, user, take_user, settings, &problem) ||
            settings->user_count == before)
            return wrong(config, user, "forward_users", problem, error);
    }
    return 0;
}

int forward_files_load(struct files *files, struct config *config, char *error) {
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct listener_config *listener = &config->listeners[i];
        const struct listener_keys *keys = &listener->keys;
        int result = 0;
        if (keys->forward_shared_key)
            result = load(files, config, listener, error);
        else if (keys->forward_users.count > 0)
            result = wrong(config, keys->forward_users.texts[0], "forward_users",
                           "they need a forward_shared_key", error);
        else if (keys->forward_hostname)
            result = wrong(config, keys->forward_hostname, "forward_hostname",
                           "it needs a forward_shared_key", error);
        if (result) return result;
    }
    return 0;
}
