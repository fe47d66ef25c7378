/* listener_set.c - where the daemon listens, as its configuration says: opened at the start,
 * and changed by a reload to what another configuration says. */
#include <stdio.h>
#include <string.h>

#include "ingest/daemon/daemon_internal.h"
#include "port/system.h"

/* What goes wrong is in `error` (CONFIG_ERROR_MAX bytes). */
static int listen_on(struct daemon *daemon, const struct config *config,
                     const struct listener_config *listener, uint32_t *number, char *error) {
    const char *text = listener->keys.address;
    const uint32_t wanted = (uint32_t)config->receive_bytes;
    uint32_t granted = wanted;
    const int result =
        listener->tcp
            ? intake_listen_tcp(&daemon->intake, &listener->address, number)
            : intake_listen_udp(&daemon->intake, &listener->address, wanted, &granted, number);
    if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%s=%s: %s%s", listener->tcp ? "tcp" : "udp", text,
                 error_text(result),
                 result == ERR_ADDRESS_IN_USE ? "; another program listens there" : "");
    if (granted < wanted)
        say("udp=%s: the system holds %u bytes of datagrams for us, not %u; %s", text, granted,
            wanted, system_receive_bytes_hint());
    return result;
}

int listening_open(struct daemon *daemon) {
    const struct config *config = daemon->config;
    char error[CONFIG_ERROR_MAX];
    struct rules *rules = rules_create((uint32_t)config->line_bytes_max);
    if (!rules) return daemon_fail("memory", ERR_NO_MEMORY);
    int result = 0;
    for (uint32_t i = 0; i < config->listener_count && !result; i++) {
        uint32_t *number = &daemon->numbers[i];
        result = listen_on(daemon, config, &config->listeners[i], number, error);
        if (!result)
            rules_set(rules, *number, intake_listener_name(&daemon->intake, *number),
                      &config->listeners[i],
                      streams_number(daemon, config->listeners[i].keys.stream));
    }
    if (result) say("%s", error);
    pipeline_judge_by(daemon->pipeline, rules);
    rules_release(rules);
    return result;
}

size_t listening_names(const struct daemon *daemon, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < daemon->config->listener_count; i++)
        length += (size_t)snprintf(text + length, size - length, " %s",
                                   intake_listener_name(&daemon->intake, daemon->numbers[i]));
    return length;
}

/* ---- changing ---- */

#define NO_NUMBER LISTENER_NUMBERS

/* From one configuration to another. */
struct change {
    struct daemon *daemon;
    const struct config *before, *config;
    bool stays[LISTENER_NUMBERS];       /* of those before */
    bool bound[LISTENER_NUMBERS];       /* of the new ones: by this change ... */
    bool returns[LISTENER_NUMBERS];     /* ... or it was leaving */
    uint32_t numbers[LISTENER_NUMBERS]; /* of the new ones */
};

static bool same_place(const struct listener_config *a, const struct listener_config *b) {
    if (a->tcp != b->tcp) return false;
    if (strcmp(a->keys.address, b->keys.address) == 0) return true;
    return a->address.port != 0 && address_equal(&a->address, &b->address);
}

static void match_leaving(struct change *change, uint32_t i) {
    const struct listener_config *listener = &change->config->listeners[i];
    const uint32_t number =
        intake_find_leaving(&change->daemon->intake, listener->tcp, &listener->address);
    for (uint32_t j = 0; j < i; j++)
        if (change->numbers[j] == number) return; /* named twice: it is taken */
    change->numbers[i] = number;
    change->returns[i] = number != NO_NUMBER;
}

/* Those that are in both stay as they are, connections and all. */
static void match(struct change *change) {
    const struct config *before = change->before, *config = change->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        change->numbers[i] = NO_NUMBER;
        for (uint32_t j = 0; j < before->listener_count; j++) {
            if (change->stays[j] || !same_place(&config->listeners[i], &before->listeners[j]))
                continue;
            change->stays[j] = true;
            change->numbers[i] = change->daemon->numbers[j];
            break;
        }
        if (change->numbers[i] == NO_NUMBER) match_leaving(change, i);
    }
}

static int bind_new(struct change *change, char *error) {
    const struct config *config = change->config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (change->numbers[i] != NO_NUMBER) continue;
        const int result =
            listen_on(change->daemon, config, &config->listeners[i], &change->numbers[i], error);
        if (result) return result;
        change->bound[i] = true;
    }
    return 0;
}

static void unbind_new(struct change *change) {
    for (uint32_t i = 0; i < change->config->listener_count; i++)
        if (change->bound[i]) intake_unbind(&change->daemon->intake, change->numbers[i]);
}

/* An address that we hold ourselves, under a name that goes: it must go first. */
static void explain_in_use(const struct change *change, char *error) {
    const size_t length = strlen(error);
    for (uint32_t j = 0; j < change->before->listener_count; j++) {
        const struct listener_config *gone = &change->before->listeners[j];
        for (uint32_t i = 0; i < change->config->listener_count && !change->stays[j]; i++) {
            const struct listener_config *new = &change->config->listeners[i];
            if (change->numbers[i] != NO_NUMBER || new->tcp != gone->tcp ||
                new->address.port != gone->address.port)
                continue;
            snprintf(error + length, CONFIG_ERROR_MAX - length,
                     "; if it is our own, %s, take that away by a reload of its own first",
                     gone->keys.address);
            return;
        }
    }
}

/* Those that leave are judged as before. */
static void change_rules(struct change *change, struct rules *rules) {
    struct daemon *daemon = change->daemon;
    const struct config *config = change->config;
    const struct rules *before = pipeline_rules(daemon->pipeline);
    for (uint32_t i = 0; i < LISTENER_NUMBERS; i++)
        if (intake_listener_state(&daemon->intake, i) >= LISTENER_OPEN)
            rules_keep(rules, i, before);
    for (uint32_t i = 0; i < config->listener_count; i++)
        rules_set(rules, change->numbers[i],
                  intake_listener_name(&daemon->intake, change->numbers[i]), &config->listeners[i],
                  streams_number(daemon, config->listeners[i].keys.stream));
    pipeline_judge_by(daemon->pipeline, rules);
}

int listening_change(struct daemon *daemon, const struct config *config, char *error) {
    struct change change = {.daemon = daemon, .before = daemon->config, .config = config};
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
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (change.returns[i]) intake_stay(&daemon->intake, change.numbers[i]);
    for (uint32_t j = 0; j < change.before->listener_count; j++)
        if (!change.stays[j])
            intake_leave(&daemon->intake, daemon->numbers[j], (int64_t)config->drain_ms * 1000000);
    memcpy(daemon->numbers, change.numbers, sizeof daemon->numbers);
    intake_start(&daemon->intake);
    return 0;
}
