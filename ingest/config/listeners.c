/* listeners.c - see listeners.h. */
#include "ingest/config/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/schedule.h"
#include "ingest/config/unix_sockets.h"
#include "ingest/config/values.h"
#include "ingest/protocol/http/request.h"
#include "port/error.h"
#include "schema/record/forward.h"
#include "writer/live/stamp.h"

static int resolve_zone(const struct host *host, const struct config *config,
                        struct listener_config *listener, struct facts_zone *zone, char *error) {
    const char *const name = listener->keys.zone;
    if (config_zone_find(host, "zone", name, config->zone_folder, &listener->zone, error) < 0)
        return ERR_INVALID;
    if (!zone_is_utc(listener->zone)) *zone = (struct facts_zone){zone_moment_s, listener->zone};
    return 0;
}

static int resolve_facts(const struct host *host, const struct config *config,
                         struct listener_config *listener, const char **wrong, char *error) {
    const struct listener_keys *keys = &listener->keys;
    struct facts_rules *rules = &listener->rules;
    struct facts_settings settings = {.time_keys = keys->time_keys,
                                      .level_keys = keys->level_keys,
                                      .level_names = keys->level_names,
                                      .zone_name = keys->zone};
    int result = level_scale_parse(keys->level_scale, &settings.scale);
    if (resolve_zone(host, config, listener, &settings.zone, error)) {
        *wrong = keys->zone;
        return ERR_INVALID;
    }
    if (!result) result = facts_rules_set(&settings, rules);
    if (result) {
        const int size = snprintf(error, CONFIG_ERROR_MAX,
                                  "%s %.128s: ", listener_kind_name(listener->kind), keys->address);
        return config_bad_keys(error + size, CONFIG_ERROR_MAX - (size_t)size);
    }
    const bool none = !rules->times && !rules->levels;
    listener->facts = rules->id == 0 ? &facts_rules_usual : none ? NULL : rules;
    return 0;
}

static void resolve_schema(const struct config *config, struct listener_config *listener) {
    struct listener_keys *keys = &listener->keys;
    if (keys->schema.count == 0) keys->schema = config->schema;
    if (keys->schema.count == 1 && strcmp(keys->schema.texts[0], "none") == 0)
        keys->schema.count = 0;
    if (!keys->schema_mode) keys->schema_mode = config->schema_mode;
    listener->monitor = strcmp(keys->schema_mode, "monitor") == 0;
    listener->formats = keys->formats ? strcmp(keys->formats, "true") == 0 : config->formats;
    listener->ijson = keys->ijson ? strcmp(keys->ijson, "true") == 0 : config->ijson;
}

static void resolve_senders(const struct config *config, struct listener_config *listener) {
    struct listener_keys *keys = &listener->keys;
    if (keys->allow.count == 0) keys->allow = config->allow;
    if (keys->deny.count == 0) keys->deny = config->deny;
    cidr_list_set(&listener->senders.allow, &keys->allow);
    cidr_list_set(&listener->senders.deny, &keys->deny);
}

static int resolve_proxies(const struct config *config, struct listener_config *listener,
                           const char **wrong, char *error) {
    struct listener_keys *keys = &listener->keys;
    if (!listener->tcp && keys->proxy.count > 0) {
        snprintf(error, CONFIG_ERROR_MAX, "proxy: a UDP listener has no PROXY protocol");
        *wrong = keys->proxy.texts[0];
        return ERR_INVALID;
    }
    if (keys->proxy.count == 0) keys->proxy = config->proxy;
    if (listener->tcp) cidr_list_set(&listener->proxies, &keys->proxy);
    return 0;
}

static int resolve_tls(struct listener_config *listener, const char **wrong, char *error) {
    const struct listener_keys *keys = &listener->keys;
    const struct tls_keys *tls = &keys->tls;
    const char *problem = NULL;
    if (!keys->has_tls) return 0;
    *wrong = keys->has_tls;
    if (listener_is_unix(listener->kind))
        problem = "a Unix socket cannot use TLS";
    else if (!listener->tcp)
        problem = "a UDP listener cannot use TLS";
    else if (!tls->certificate)
        problem = "\"certificate\" is missing";
    else if (!tls->key)
        problem = "\"key\" is missing";
    else if (!tls->clients && (tls->client_certificate || tls->client_names.count || tls->revoked))
        problem = "client_certificate, client_names and revoked need \"clients\", the file of the "
                  "issuers of client certificates";
    if (problem) snprintf(error, CONFIG_ERROR_MAX, "tls: %s", problem);
    listener->tls_required = !tls->required || strcmp(tls->required, "true") == 0;
    return problem ? ERR_INVALID : 0;
}

/* The key of all may name a protocol that needs a connection: it is that of the listeners for
 * connections then. */
static int resolve_protocol(const struct config *config, struct listener_config *listener,
                            const char **wrong, char *error) {
    const char *const own = listener->keys.protocol;
    const bool http = listener->kind == LISTENER_HTTP;
    if ((http && own) || (!http && listener->keys.tokens.count + listener->keys.hosts.count > 0)) {
        *wrong = http ? own : listener->keys.address;
        snprintf(error, CONFIG_ERROR_MAX,
                 http ? "protocol: a listener for HTTP has no other protocol"
                      : "tokens and hosts: only a listener for HTTP can have them");
        return ERR_INVALID;
    }
    if (!own) listener->keys.protocol = config->protocol;
    listener->protocol = http ? &protocol_http : protocol_find(listener->keys.protocol);
    if (listener->protocol == &protocol_forward && !forward_library()) {
        *wrong = listener->keys.protocol;
        snprintf(error, CONFIG_ERROR_MAX,
                 "protocol: forward needs msgpack-c, and this logportd was built without it");
        return ERR_INVALID;
    }
    if (!listener->keys.ack) listener->keys.ack = config->ack;
    listener->synced = strcmp(listener->keys.ack, "synced") == 0;
    if (listener_is_stream(listener->kind) || !listener->protocol->reply) return 0;
    listener->protocol = &protocol_detect;
    if (!own) return 0;
    *wrong = own;
    snprintf(error, CONFIG_ERROR_MAX, "protocol: %s needs TCP", own);
    return ERR_INVALID;
}

/* *wrong: the text of the configuration that an error is about. */
static int resolve(const struct host *host, const struct config *config, const char *address,
                   struct listener_config *listener, const char **wrong, char *error) {
    struct listener_keys *keys = &listener->keys;
    *wrong = keys->address = address;
    for (const struct listener_object *object = config->objects; object; object = object->next)
        if (object->keys.address == address) *keys = object->keys;
    if (!keys->time_keys) keys->time_keys = config->time_keys;
    if (!keys->level_keys) keys->level_keys = config->level_keys;
    if (!keys->level_names) keys->level_names = config->level_names;
    if (!keys->level_scale) keys->level_scale = config->level_scale;
    if (!keys->zone) keys->zone = config->record_zone;
    listener->syslog_fields =
        keys->syslog_fields ? strcmp(keys->syslog_fields, "true") == 0 : config->syslog_fields;
    listener->wrap = strcmp(keys->text ? keys->text : config->text, "wrap") == 0;
    if (!keys->forward_time_key) keys->forward_time_key = config->forward_time_key;
    if (!keys->stamp) keys->stamp = config->stamp;
    if (stamp_parse(keys->stamp, &listener->stamps)) return ERR_INVALID; /* it was checked */
    if (!keys->stream) keys->stream = STREAM_MAIN;
    resolve_schema(config, listener);
    if (config_unix_resolve(host, listener, wrong, error)) return ERR_INVALID;
    resolve_senders(config, listener);
    if (resolve_proxies(config, listener, wrong, error)) return ERR_INVALID;
    int result = 0;
    if (!listener_is_unix(listener->kind))
        result = config_address(host, address, &listener->address);
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "%.128s: %s", address, error_text(result));
        return result;
    }
    if (resolve_protocol(config, listener, wrong, error)) return ERR_INVALID;
    if (resolve_tls(listener, wrong, error)) return ERR_INVALID;
    return resolve_facts(host, config, listener, wrong, error);
}

static bool same_address(const struct listener_config *a, const struct listener_config *b) {
    if (listener_is_unix(a->kind) && listener_is_unix(b->kind))
        return strcmp(a->keys.address, b->keys.address) == 0;
    return a->kind == b->kind && a->address.port != 0 && address_equal(&a->address, &b->address);
}

/* The second could not be bound, and the error would blame another program. */
static int named_twice(const struct config *config, uint32_t i, char *error) {
    const struct listener_config *listener = &config->listeners[i];
    for (uint32_t j = 0; j < i; j++) {
        const struct listener_config *first = &config->listeners[j];
        if (!same_address(first, listener)) continue;
        const struct text_position at = config_position(config, first->keys.address);
        const int size = snprintf(error, CONFIG_ERROR_MAX, "%s: \"%.128s\" is listed twice",
                                  listener_kind_name(listener->kind), listener->keys.address);
        if (at.line)
            snprintf(error + size, CONFIG_ERROR_MAX - (size_t)size, "; first at %u:%u", at.line,
                     at.column);
        return ERR_INVALID;
    }
    return 0;
}

/* [::] takes IPv4 too, unless another listener has that port for IPv4: one of them could not be bound. */
static void divide_ports(struct config *config) {
    for (uint32_t i = 0; i < config->listener_count; i++)
        for (uint32_t j = 0; j < config->listener_count; j++) {
            struct listener_config *const listener = &config->listeners[i];
            const struct listener_config *const other = &config->listeners[j];
            if (other->tcp == listener->tcp && listener->address.family == 6 &&
                other->address.family == 4 && other->address.port != 0 &&
                other->address.port == listener->address.port)
                listener->address.ipv6_only = true;
        }
}

int config_listeners_resolve(const struct host *host, struct config *config, char *error) {
    const struct option_list *const lists[LISTENER_KINDS] = {
        &config->tcp, &config->udp, &config->unix_stream, &config->unix_datagram, &config->http};
    uint32_t count = 0;
    for (int kind = 0; kind < LISTENER_KINDS; kind++)
        count += lists[kind]->count;
    if (config->tcp.count + config->unix_stream.count + config->http.count > LISTENERS_MAX ||
        config->udp.count + config->unix_datagram.count > LISTENERS_MAX) {
        snprintf(
            error, CONFIG_ERROR_MAX,
            "tcp, unix_stream and http together, and udp and unix_datagram together, may name %d "
            "listeners",
            LISTENERS_MAX);
        return ERR_INVALID;
    }
    config->listeners = calloc(count, sizeof *config->listeners);
    if (!config->listeners) {
        snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    config->listener_count = count;
    struct listener_config *listener = config->listeners;
    for (int kind = 0; kind < LISTENER_KINDS; kind++)
        for (uint32_t i = 0; i < lists[kind]->count; i++, listener++) {
            listener->kind = (enum listener_kind)kind;
            listener->tcp = kind == LISTENER_TCP || kind == LISTENER_HTTP;
            const char *wrong;
            int result = resolve(host, config, lists[kind]->texts[i], listener, &wrong, error);
            if (!result)
                result = named_twice(config, (uint32_t)(listener - config->listeners), error);
            if (result) config_error_at(config, wrong, error);
            if (result) return result;
        }
    divide_ports(config);
    return 0;
}
