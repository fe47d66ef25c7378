/* warnings.c - see warnings.h. */
#include "ingest/config/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "port/system.h"

#define OPEN_NAMED_MAX 4

static bool warned_before(const struct config *config, uint32_t n, const char *program) {
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(config->streams[i].command.texts[0], program) == 0 &&
            config->streams[i].program_missing)
            return true;
    return false;
}

/* As far as it fits. */
FORMATS(4, 5)
static void add(char *text, size_t size, size_t *length, const char *format, ...) {
    va_list arguments;
    if (*length >= size) return;
    va_start(arguments, format);
    *length += (size_t)vsnprintf(text + *length, size - *length, format, arguments);
    va_end(arguments);
}

/* The first listener that feeds the same stream. */
static const struct listener_config *first_of_stream(const struct config *config, uint32_t number) {
    uint32_t i = 0;
    while (strcmp(config->listeners[i].keys.stream, config->listeners[number].keys.stream) != 0)
        i++;
    return &config->listeners[i];
}

static bool is_open_to_all(const struct listener_config *listener) {
    const struct port_address *address = &listener->address;
    static const uint8_t loopback[16] = {[15] = 1};
    const bool local = address->family == 4   ? address->ip[0] == 127
                       : address->family == 6 ? memcmp(address->ip, loopback, 16) == 0
                                              : true;
    const bool tls = listener->keys.has_tls && listener->tls_required;
    return !local && !tls && listener->keys.allow.count == 0 && listener->keys.tokens.count == 0;
}

/* One line, however many there are. */
static void add_open(const struct config *config, char *text, size_t size, size_t *length) {
    char names[512] = "";
    size_t used = 0;
    uint32_t count = 0;
    bool tcp = false;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct listener_config *listener = &config->listeners[i];
        if (!is_open_to_all(listener)) continue;
        tcp = tcp || listener->tcp;
        if (count++ < OPEN_NAMED_MAX)
            add(names, sizeof names, &used, "%s%s=%.96s", used ? ", " : "",
                listener_kind_name(listener->kind), listener->keys.address);
    }
    if (count > OPEN_NAMED_MAX)
        add(names, sizeof names, &used, " and %u more", (unsigned)(count - OPEN_NAMED_MAX));
    if (count > 0)
        add(text, size, length,
            "%s: every host can send records to this; set allow to the addresses of the senders, "
            "or to all if this is intended%s\n",
            names, tcp ? ", or require TLS" : "");
}

static void add_expired(const struct listener_config *listener, char *text, size_t size,
                        size_t *length) {
    const enum tls_validity validity =
        listener->tls ? tls_context_validity(listener->tls) : TLS_VALID;
    if (validity != TLS_VALID)
        add(text, size, length,
            "tls: %.300s %s: clients refuse it; replace it, then run logport reload\n",
            listener->keys.tls.certificate,
            validity == TLS_EXPIRED ? "has expired" : "is not valid yet");
}

static void add_unlimited(const struct config *config, char *text, size_t size, size_t *length) {
    const bool limits = config->peer_connections_max > 0 || config->peer_bytes_per_s > 0 ||
                        config->peer_records_per_s > 0;
    if (!limits) return;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct listener_config *listener = &config->listeners[i];
        if (!listener_is_unix(listener->kind)) continue;
        add(text, size, length,
            "%s=%.96s: the limits of peers do not apply to Unix sockets; mode and owner decide who "
            "may send\n",
            listener_kind_name(listener->kind), listener->keys.address);
        return; /* one line, however many there are */
    }
}

size_t config_warnings(const struct config *config, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    add_open(config, text, size, &length);
    add_unlimited(config, text, size, &length);
    for (uint32_t i = 0; i < config->listener_count; i++)
        add_expired(&config->listeners[i], text, size, &length);
    for (uint32_t i = 0; i < config->archives_silent_count; i++)
        add(text, size, &length,
            "archive_dir: %.300s does not answer; segments stay in the log directory until it "
            "does\n",
            config->archives_silent[i]);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct listener_config *const first = first_of_stream(config, i);
        if (first->rules.id != config->listeners[i].rules.id)
            add(text, size, &length,
                "%.128s and %.128s feed stream %s but read times and levels in different ways; "
                "readers read all its records as for the first one\n",
                first->keys.address, config->listeners[i].keys.address, first->keys.stream);
    }
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct stream_config *stream = &config->streams[i];
        const char *program = stream->program_missing ? stream->command.texts[0] : NULL;
        if (stream->configured && !stream->fed)
            add(text, size, &length, "stream %s is configured, but no listener names it\n",
                stream->name);
        if (program && !warned_before(config, i, program))
            add(text, size, &length,
                "archive_command: program \"%.128s\" was not found%s; it is looked for again for "
                "each segment\n",
                program, strpbrk(program, "/\\") ? "" : " on the PATH");
    }
    return length < size ? length : size - 1;
}

void config_say_warnings(const struct config *config) {
    char text[CONFIG_WARNINGS_MAX];
    config_warnings(config, text, sizeof text);
    for (char *line = text; *line != '\0';) { /* ends: the text does */
        const size_t length = strcspn(line, "\n");
        say("%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}
