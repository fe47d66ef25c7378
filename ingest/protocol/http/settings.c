/* settings.c - see settings.h. */
#include "ingest/protocol/http/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct http_settings {
    uint32_t holders;
    uint32_t token_count, host_count;
    bool open;
    struct http_shared *shared;
    struct http_settings *successor; /* NULL: they were not replaced */
    char *tokens[HTTP_TOKENS_MAX], *hosts[HTTP_HOSTS_MAX];
};

static bool copy(char **to, uint32_t *count, const char *const *texts, uint32_t text_count) {
    for (uint32_t i = 0; i < text_count; i++) {
        const size_t size = strlen(texts[i]) + 1;
        to[i] = malloc(size);
        if (!to[i]) return false;
        memcpy(to[i], texts[i], size);
        ++*count;
    }
    return true;
}

struct http_settings *http_settings_create(const char *const *tokens, uint32_t token_count,
                                           const char *const *hosts, uint32_t host_count,
                                           bool open) {
    struct http_settings *settings = calloc(1, sizeof *settings);
    assert(token_count <= HTTP_TOKENS_MAX && host_count <= HTTP_HOSTS_MAX);
    if (!settings) return NULL;
    settings->holders = 1;
    settings->open = open;
    if (copy(settings->tokens, &settings->token_count, tokens, token_count) &&
        copy(settings->hosts, &settings->host_count, hosts, host_count))
        return settings;
    http_settings_release(settings);
    return NULL;
}

void http_settings_hold(struct http_settings *settings) {
    settings->holders++;
}

void http_settings_release(struct http_settings *settings) {
    if (!settings || --settings->holders > 0) return;
    for (uint32_t i = 0; i < settings->token_count; i++) {
        memset(settings->tokens[i], 0, strlen(settings->tokens[i]));
        free(settings->tokens[i]);
    }
    for (uint32_t i = 0; i < settings->host_count; i++)
        free(settings->hosts[i]);
    http_settings_release(settings->successor);
    free(settings);
}

void http_settings_replace(struct http_settings *settings, struct http_settings *by) {
    if (settings == by || settings->successor) return;
    http_settings_hold(by);
    settings->successor = by;
}

struct http_settings *http_settings_current(struct http_settings *settings) {
    while (settings->successor) { /* ends: each is older than its successor */
        struct http_settings *const next = settings->successor;
        http_settings_hold(next);
        http_settings_release(settings);
        settings = next;
    }
    return settings;
}

void http_settings_share(struct http_settings *settings, struct http_shared *shared) {
    settings->shared = shared;
}

struct http_shared *http_settings_shared(const struct http_settings *settings) {
    return settings->shared;
}

/* ---- tokens ---- */

bool http_demands_token(const struct http_settings *settings) {
    return settings->token_count > 0;
}

/* Every byte that was sent is compared with every token, so the time tells only its length. */
bool http_token_is_known(const struct http_settings *settings, const uint8_t *token, size_t size) {
    uint32_t known = 0;
    for (uint32_t i = 0; i < settings->token_count; i++) {
        const char *const text = settings->tokens[i];
        const size_t length = strlen(text);
        uint32_t different = (uint32_t)(length != size);
        for (size_t j = 0; j < size; j++)
            different |= (uint32_t)token[j] ^ (uint8_t)text[j % (length + 1)];
        known |= (uint32_t)(different == 0);
    }
    return known != 0;
}

/* ---- hosts ---- */

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
}

static bool same(const uint8_t *host, size_t size, const char *name) {
    if (strlen(name) != size) return false;
    for (size_t i = 0; i < size; i++)
        if (lower(host[i]) != lower((uint8_t)name[i])) return false;
    return true;
}

/* Digits and dots, or in brackets: no name that a page could be loaded from. */
static bool is_address(const uint8_t *host, size_t size) {
    if (size > 0 && host[0] == '[') return true;
    for (size_t i = 0; i < size; i++)
        if (host[i] != '.' && (host[i] < '0' || host[i] > '9')) return false;
    return size > 0;
}

bool http_host_is_known(const struct http_settings *settings, const uint8_t *host, size_t size) {
    size_t name = size;
    while (name > 0 && host[name - 1] >= '0' && host[name - 1] <= '9') /* of the port */
        name--;
    if (name > 0 && host[name - 1] == ':') size = name - 1;
    for (uint32_t i = 0; i < settings->host_count; i++)
        if (same(host, size, settings->hosts[i])) return true;
    if (settings->host_count == 0 && settings->open) return true;
    return is_address(host, size) || same(host, size, "localhost");
}
