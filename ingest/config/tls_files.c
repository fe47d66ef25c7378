/* tls_files.c - see tls_files.h. */
#include "ingest/config/tls_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

#define PEM_BYTES_MAX (4u << 20)

/* The files of one listener: what they are for, and their texts. */
enum { CERTIFICATE, KEY, ISSUERS, REVOKED, FILES };

static int read_file(struct files *files, const char *path, struct tls_text *text) {
    char *bytes;
    if (!path) return 0;
    text->name = path;
    const int result = file_read_input(files, path, PEM_BYTES_MAX, &bytes, &text->size);
    if (!result) text->text = bytes;
    return result;
}

static int load(struct files *files, const struct config *config, struct listener_config *listener,
                char *error) {
    const struct tls_keys *keys = &listener->keys.tls;
    struct tls_settings settings = {.server = true,
                                    .peer_optional =
                                        keys->client_certificate &&
                                        strcmp(keys->client_certificate, "optional") == 0,
                                    .names = keys->client_names.texts,
                                    .name_count = keys->client_names.count};
    struct tls_text *const texts[FILES] = {[CERTIFICATE] = &settings.certificate,
                                           [KEY] = &settings.key,
                                           [ISSUERS] = &settings.issuers,
                                           [REVOKED] = &settings.revoked};
    const char *const paths[FILES] = {
        [CERTIFICATE] = keys->certificate, [KEY] = keys->key, keys->clients, keys->revoked};
    char problem[TLS_PROBLEM_MAX];
    const struct tls_text *wrong = NULL;
    int result = 0;
    for (int i = 0; i < FILES && !result && tls_available; i++) {
        result = read_file(files, paths[i], texts[i]);
        if (result) wrong = texts[i];
        if (result) snprintf(problem, sizeof problem, "%s", error_text(result));
    }
    if (!result) result = tls_context_make(&settings, &listener->tls, &wrong, problem);
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "tls: %.300s%s%s", wrong ? wrong->name : "",
                 wrong ? ": " : "", problem);
        config_error_at(config, wrong ? wrong->name : listener->keys.has_tls, error);
    }
    for (int i = 0; i < FILES; i++) {
        /* The memory held a private key. */
        volatile char *bytes = (volatile char *)texts[i]->text;
        for (size_t j = 0; bytes && j < texts[i]->size && i == KEY; j++)
            bytes[j] = 0;
        free((void *)texts[i]->text);
    }
    return result ? ERR_INVALID : 0;
}

int tls_files_load(struct files *files, struct config *config, char *error) {
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct listener_config *listener = &config->listeners[i];
        const int result = listener->keys.has_tls ? load(files, config, listener, error) : 0;
        if (result) return result;
    }
    return 0;
}
