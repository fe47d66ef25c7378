/* listener_set.c - see listener_set.h. */
#include "ingest/daemon/listener_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/pipeline/rules.h"
#include "port/system.h"

struct listener_set {
    struct intake *intake;
    const struct stream_set *streams;
    const struct host *host;
    const struct config *config;
    uint32_t numbers[LISTENER_NUMBERS]; /* of the listeners, in the order of config->listeners */
};

/* What an operator can do about an error; "": nothing that is known here. */
static const char *advice(const struct listener_config *listener, int error) {
    if (!listener_is_unix(listener->kind))
        return error == ERR_ADDRESS_IN_USE
                   ? "; stop the program that listens there, or choose another address"
                   : "";
    switch (error) {
    case ERR_ADDRESS_IN_USE: return "; stop the program that has it open, or choose another path";
    case ERR_EXISTS: return ", and is not a socket; remove it, or choose another path";
    case ERR_NOT_FOUND: return "; create its directory";
    case ERR_DENIED:
        return listener->keys.owner
                   ? "; the daemon must be allowed to write to its directory and to set its owner"
                   : "; the daemon must be allowed to write to its directory";
    case ERR_TIMED_OUT: return "; its file system does not answer";
    case ERR_UNSUPPORTED:
        return listener->kind == LISTENER_UNIX_STREAM ? "; use tcp" : "; use unix_stream or udp";
    case ERR_BUSY: return ": its directory is locked";
    default: return "";
    }
}

static int listen_on(struct listener_set *set, const struct config *config,
                     const struct listener_config *listener, uint32_t *number, char *error) {
    const char *text = listener->keys.address, *kind = listener_kind_name(listener->kind);
    const uint32_t wanted = (uint32_t)config->receive_bytes;
    uint32_t granted = wanted;
    int result;
    if (listener_is_unix(listener->kind))
        result = intake_listen_unix(set->intake, listener->kind, &listener->place, number);
    else if (listener->tcp)
        result = intake_listen_tcp(set->intake, listener->kind, &listener->address, number);
    else
        result = intake_listen_udp(set->intake, &listener->address, wanted, &granted, number);
    if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%s=%s: %s%s", kind, text, error_text(result),
                 advice(listener, result));
    if (granted < wanted)
        say("udp=%s: the kernel grants a receive buffer of %u bytes, not %u; %s", text, granted,
            wanted, set->host->receive_bytes_hint);
    return result;
}

/* The first ones, which serve nothing yet: the files of Unix sockets must not stay. */
static void unbind(struct listener_set *set, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        intake_unbind(set->intake, set->numbers[i]);
}

static int open_all(struct listener_set *set, struct rules *rules, char *error) {
    const struct config *config = set->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct listener_config *listener = &config->listeners[i];
        const int result = listen_on(set, config, listener, &set->numbers[i], error);
        if (result) {
            unbind(set, i);
            return result;
        }
        intake_set_protocol(set->intake, set->numbers[i], listener->protocol);
        intake_set_senders(set->intake, set->numbers[i], &listener->senders);
        if (listener_is_stream(listener->kind))
            intake_set_ack(set->intake, set->numbers[i], listener->synced);
        if (listener_is_stream(listener->kind))
            intake_set_forward(set->intake, set->numbers[i], listener->forward);
        if (listener->http) intake_set_http(set->intake, set->numbers[i], listener->http);
        if (listener->tcp) {
            intake_set_tls(set->intake, set->numbers[i], listener->tls, listener->tls_required);
            intake_set_proxies(set->intake, set->numbers[i], &listener->proxies);
        }
        rules_set(rules, set->numbers[i], intake_listener_name(set->intake, set->numbers[i]),
                  listener, stream_set_number(set->streams, listener->keys.stream));
    }
    return 0;
}

int listener_set_open(struct intake *intake, const struct stream_set *streams,
                      const struct host *host, const struct config *config,
                      struct listener_set **set, char *error) {
    struct listener_set *s = calloc(1, sizeof *s);
    struct rules *rules = rules_create((uint32_t)config->line_bytes_max);
    int result = ERR_NO_MEMORY;
    snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(result));
    if (s && rules) {
        *s = (struct listener_set){
            .intake = intake, .streams = streams, .host = host, .config = config};
        result = open_all(s, rules, error);
        pipeline_validate_by(intake->pipeline, rules);
    }
    if (rules) rules_release(rules);
    if (result) {
        free(s);
        s = NULL;
    }
    *set = s;
    return result;
}

void listener_set_give_up(struct listener_set *set) {
    unbind(set, set->config->listener_count);
    free(set);
}

void listener_set_free(struct listener_set *set) {
    free(set);
}

size_t listener_set_names(const struct listener_set *set, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < set->config->listener_count; i++)
        length += (size_t)snprintf(text + length, size - length, " %s",
                                   intake_listener_name(set->intake, set->numbers[i]));
    return length;
}

/* ---- changing ---- */

#define NO_NUMBER LISTENER_NUMBERS

/* From one configuration to another. */
struct listener_change {
    struct listener_set *set;
    const struct config *before, *config;
    bool stays[LISTENER_NUMBERS];       /* of those before */
    bool bound[LISTENER_NUMBERS];       /* of the new ones: bound by this change ... */
    bool returns[LISTENER_NUMBERS];     /* ... or was being closed, and stays open */
    uint32_t numbers[LISTENER_NUMBERS]; /* of the new ones */
};

static bool same_place(const struct listener_config *a, const struct listener_config *b) {
    if (a->kind != b->kind || a->address.ipv6_only != b->address.ipv6_only) return false;
    if (strcmp(a->keys.address, b->keys.address) == 0) return true;
    return !listener_is_unix(a->kind) && a->address.port != 0 &&
           address_equal(&a->address, &b->address);
}

static void match_leaving(struct listener_change *change, uint32_t i) {
    const struct listener_config *listener = &change->config->listeners[i];
    const struct intake *intake = change->set->intake;
    const uint32_t number =
        listener_is_unix(listener->kind)
            ? intake_find_leaving_unix(intake, listener->kind, listener->keys.address)
            : intake_find_leaving(intake, listener->kind, &listener->address);
    for (uint32_t j = 0; j < i; j++)
        if (change->numbers[j] == number) return; /* taken by another name of the same address */
    change->numbers[i] = number;
    change->returns[i] = number != NO_NUMBER;
}

/* Listeners that are in both stay open, with their connections. */
static void match(struct listener_change *change) {
    const struct config *before = change->before, *config = change->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        change->numbers[i] = NO_NUMBER;
        for (uint32_t j = 0; j < before->listener_count; j++) {
            if (change->stays[j] || !same_place(&config->listeners[i], &before->listeners[j]))
                continue;
            change->stays[j] = true;
            change->numbers[i] = change->set->numbers[j];
            break;
        }
        if (change->numbers[i] == NO_NUMBER) match_leaving(change, i);
    }
}

static int bind_new(struct listener_change *change, char *error) {
    const struct config *config = change->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (change->numbers[i] != NO_NUMBER) continue;
        const int result =
            listen_on(change->set, config, &config->listeners[i], &change->numbers[i], error);
        if (result) return result;
        change->bound[i] = true;
    }
    return 0;
}

static void unbind_new(struct listener_change *change) {
    for (uint32_t i = 0; i < change->config->listener_count; i++)
        if (change->bound[i]) intake_unbind(change->set->intake, change->numbers[i]);
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A port under several addresses, or a file under several paths or for another kind of socket. */
static bool may_be_same(const struct listener_config *a, const struct listener_config *b) {
    if (listener_is_unix(a->kind))
        return listener_is_unix(b->kind) &&
               strcmp(file_name(a->keys.address), file_name(b->keys.address)) == 0;
    return a->kind == b->kind && a->address.port == b->address.port;
}

/* The address may be our own, under a name that the new configuration lacks: that must be closed
 * first. */
static void explain_in_use(const struct listener_change *change, char *error) {
    const size_t length = strlen(error);
    for (uint32_t j = 0; j < change->before->listener_count; j++) {
        const struct listener_config *gone = &change->before->listeners[j];
        for (uint32_t i = 0; i < change->config->listener_count && !change->stays[j]; i++) {
            const struct listener_config *new = &change->config->listeners[i];
            if (change->numbers[i] != NO_NUMBER || !may_be_same(gone, new)) continue;
            snprintf(error + length, CONFIG_ERROR_MAX - length,
                     "; if it is this daemon's own listener %s, remove that in a reload first",
                     gone->keys.address);
            return;
        }
    }
}

/* Lines of listeners that are being closed are validated as before. */
static void change_rules(struct listener_change *change, struct rules *rules) {
    struct intake *intake = change->set->intake;
    const struct config *config = change->config;
    const struct rules *before = pipeline_rules(intake->pipeline);
    for (uint32_t i = 0; i < LISTENER_NUMBERS; i++)
        if (intake_listener_state(intake, i) >= LISTENER_OPEN) rules_keep(rules, i, before);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct listener_config *listener = &config->listeners[i];
        intake_set_protocol(intake, change->numbers[i], listener->protocol);
        intake_set_senders(intake, change->numbers[i], &listener->senders);
        if (listener_is_stream(listener->kind))
            intake_set_ack(intake, change->numbers[i], listener->synced);
        if (listener_is_stream(listener->kind))
            intake_set_forward(intake, change->numbers[i], listener->forward);
        if (listener->http) intake_set_http(intake, change->numbers[i], listener->http);
        if (listener->tcp) {
            intake_set_tls(intake, change->numbers[i], listener->tls, listener->tls_required);
            intake_set_proxies(intake, change->numbers[i], &listener->proxies);
        }
        rules_set(rules, change->numbers[i], intake_listener_name(intake, change->numbers[i]),
                  &config->listeners[i],
                  stream_set_number(change->set->streams, config->listeners[i].keys.stream));
    }
    pipeline_validate_by(intake->pipeline, rules);
}

/* A Unix socket that stays open gets the mode and the owner of the new configuration. */
static void change_access(struct listener_change *change, uint32_t i) {
    const struct listener_config *listener = &change->config->listeners[i];
    if (!listener_is_unix(listener->kind) || change->bound[i]) return;
    const int error = intake_set_access(change->set->intake, change->numbers[i], &listener->place);
    if (error)
        say("%s=%s: cannot set mode and owner: %s%s; they stay as they are",
            listener_kind_name(listener->kind), listener->keys.address, error_text(error),
            advice(listener, error));
}

static void open_and_close(struct listener_change *change) {
    struct listener_set *set = change->set;
    const int64_t drain_ns = (int64_t)change->config->drain_ms * 1000000;
    for (uint32_t i = 0; i < change->config->listener_count; i++)
        if (change->returns[i]) intake_stay(set->intake, change->numbers[i]);
    for (uint32_t i = 0; i < change->config->listener_count; i++)
        change_access(change, i);
    for (uint32_t j = 0; j < change->before->listener_count; j++)
        if (!change->stays[j]) intake_leave(set->intake, set->numbers[j], drain_ns);
    memcpy(set->numbers, change->numbers, sizeof set->numbers);
    set->config = change->config;
    intake_start(set->intake);
}

int listener_set_change(struct listener_set *set, const struct config *config, char *error) {
    struct listener_change change = {.set = set, .before = set->config, .config = config};
    struct rules *rules = rules_create((uint32_t)config->line_bytes_max);
    int result = rules ? 0 : ERR_NO_MEMORY;
    if (result) snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(result));
    match(&change);
    if (!result) result = bind_new(&change, error);
    if (result == ERR_ADDRESS_IN_USE) explain_in_use(&change, error);
    if (result) {
        unbind_new(&change);
        if (rules) rules_release(rules);
        return result;
    }
    change_rules(&change, rules);
    rules_release(rules);
    open_and_close(&change);
    return 0;
}
