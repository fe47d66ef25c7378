/* http_files.c - see http_files.h. */
#include "ingest/config/http_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/http/settings.h"
#include "port/error.h"

#define TOKENS_BYTES_MAX (1u << 20) /* of a file */

static bool is_valid(const char *token) {
    const size_t size = strlen(token);
    for (size_t i = 0; i < size; i++)
        if (token[i] < '!' || token[i] > '~') return false;
    return size > 0 && size <= HTTP_TOKEN_BYTES_MAX;
}

int config_token_check(const char *text, char *problem) {
    const size_t prefix = strlen(HTTP_TOKEN_FILE);
    if (strncmp(text, HTTP_TOKEN_FILE, prefix) == 0 ? text[prefix] != '\0' : is_valid(text))
        return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "a token of 1 to %d printable characters without spaces, or file:PATH, was expected",
             HTTP_TOKEN_BYTES_MAX);
    return ERR_INVALID;
}

int config_host_name_check(const char *text, char *problem) {
    const size_t size = strlen(text);
    if (size > 0 && size < 256 && !strpbrk(text, " :/@") && text[0] != '[') return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "the name of a host, without a port, was expected (logs.example.com)");
    return ERR_INVALID;
}

struct tokens {
    const char *texts[HTTP_TOKENS_MAX];
    uint32_t count;
    char *files[OPTION_LIST_MAX];
    size_t file_sizes[OPTION_LIST_MAX];
    uint32_t file_count;
};

static int add(struct tokens *tokens, const char *text, char *problem) {
    if (!is_valid(text)) {
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "a line is no token of 1 to %d printable characters without spaces",
                 HTTP_TOKEN_BYTES_MAX);
        return ERR_INVALID;
    }
    if (tokens->count == HTTP_TOKENS_MAX) {
        snprintf(problem, CONFIG_PROBLEM_MAX, "more than %d tokens", HTTP_TOKENS_MAX);
        return ERR_INVALID;
    }
    tokens->texts[tokens->count++] = text;
    return 0;
}

static int add_lines(struct tokens *tokens, char *text, size_t size, char *problem) {
    const uint32_t before = tokens->count;
    char *line = text, *const end = text + size;
    while (line < end) { /* ends: each turn takes a line */
        char *next = memchr(line, '\n', (size_t)(end - line));
        char *stop = next ? next : end;
        if (stop > line && stop[-1] == '\r') stop--;
        *stop = '\0'; /* file_read_input leaves room for it */
        const int result = *line ? add(tokens, line, problem) : 0;
        if (result) return result;
        line = next ? next + 1 : end;
    }
    if (tokens->count > before) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "the file contains no token");
    return ERR_INVALID;
}

static int add_file(struct files *files, struct tokens *tokens, const char *path, char *problem) {
    char *bytes;
    size_t size;
    const int result = file_read_input(files, path, TOKENS_BYTES_MAX, &bytes, &size);
    if (result) {
        snprintf(problem, CONFIG_PROBLEM_MAX, "%s", error_text(result));
        return result;
    }
    tokens->file_sizes[tokens->file_count] = size;
    tokens->files[tokens->file_count++] = bytes;
    return add_lines(tokens, bytes, size, problem);
}

static void forget(struct tokens *tokens) {
    for (uint32_t i = 0; i < tokens->file_count; i++) {
        volatile char *bytes = tokens->files[i];
        for (size_t j = 0; j < tokens->file_sizes[i]; j++)
            bytes[j] = 0;
        free(tokens->files[i]);
    }
}

static bool is_loopback(const struct port_address *address) {
    static const uint8_t loopback[16] = {[15] = 1};
    return address->family == 4 ? address->ip[0] == 127 : memcmp(address->ip, loopback, 16) == 0;
}

static int load(struct files *files, const struct config *config, struct listener_config *listener,
                char *error) {
    const struct listener_keys *keys = &listener->keys;
    struct tokens tokens = {.count = 0};
    char problem[CONFIG_PROBLEM_MAX];
    int result = 0;
    for (uint32_t i = 0; i < keys->tokens.count && !result; i++) {
        const char *text = keys->tokens.texts[i];
        const size_t prefix = strlen(HTTP_TOKEN_FILE);
        const bool is_file = strncmp(text, HTTP_TOKEN_FILE, prefix) == 0;
        result = is_file ? add_file(files, &tokens, text + prefix, problem)
                         : add(&tokens, text, problem);
        if (!result) continue;
        snprintf(error, CONFIG_ERROR_MAX, "tokens: %.300s%s%.500s", is_file ? text + prefix : "",
                 is_file ? ": " : "", problem);
        config_error_at(config, text, error);
    }
    if (!result) {
        listener->http = http_settings_create(tokens.texts, tokens.count, keys->hosts.texts,
                                              keys->hosts.count, !is_loopback(&listener->address));
        if (!listener->http) snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(ERR_NO_MEMORY));
        if (!listener->http) result = ERR_NO_MEMORY;
    }
    forget(&tokens);
    return result ? ERR_INVALID : 0;
}

int http_files_load(struct files *files, struct config *config, char *error) {
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct listener_config *listener = &config->listeners[i];
        const int result =
            listener->kind == LISTENER_HTTP ? load(files, config, listener, error) : 0;
        if (result) return result;
    }
    return 0;
}
