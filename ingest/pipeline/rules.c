/* rules.c - see rules.h. */
#include "ingest/pipeline/rules.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "writer/live/stamp.h"

struct rules *rules_create(uint32_t line_bytes_max) {
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules) return NULL;
    rules->holders = 1;
    rules->batch.listeners = rules->listeners;
    rules->batch.line_bytes_max = line_bytes_max;
    return rules;
}

void rules_hold(struct rules *rules) {
    rules->holders++;
}

void rules_release(struct rules *rules) {
    assert(rules->holders > 0);
    if (--rules->holders > 0) return;
    for (uint32_t i = 0; i < LISTENER_NUMBERS; i++) {
        schema_gate_release(rules->listeners[i].gate);
        zone_free(rules->zones[i]);
    }
    free(rules);
}

static void set(struct rules *rules, uint32_t number, const char *name,
                const struct batch_listener *from, struct zone *zone) {
    struct batch_listener *listener = &rules->listeners[number];
    struct schema_gate *gate_before = listener->gate;
    struct zone *zone_before = rules->zones[number];
    *listener = *from;
    strcpy(rules->names[number], name);
    listener->name = rules->names[number];
    if (listener->gate) schema_gate_hold(listener->gate);
    schema_gate_release(gate_before);
    rules->zones[number] = zone != NULL ? zone_hold(zone) : NULL;
    zone_free(zone_before);
    for (uint32_t i = 0; from->facts != NULL && from->stamps && i < from->facts->names.count; i++) {
        const struct json_name *key = &from->facts->names.names[i];
        listener->facts_of_stamps |= stamp_is_name(key->text, key->size, from->stamps);
    }
    /* The usual rules are identified by their address. */
    if (from->facts == NULL || from->facts == &facts_rules_usual) return;
    rules->facts[number] = *from->facts;
    listener->facts = &rules->facts[number];
}

void rules_set(struct rules *rules, uint32_t number, const char *name,
               const struct listener_config *config, uint32_t stream) {
    struct batch_listener listener = {.facts = config->facts,
                                      .ijson = config->ijson,
                                      .gate = config->gate,
                                      .monitor = config->monitor,
                                      .syslog_fields = config->syslog_fields,
                                      .wrap = config->wrap,
                                      .stamps = config->stamps};
    snprintf(listener.forward_time_key, sizeof listener.forward_time_key, "%s",
             config->keys.forward_time_key ? config->keys.forward_time_key : "");
    set(rules, number, name, &listener, config->zone);
    rules->streams[number] = stream;
}

void rules_keep(struct rules *rules, uint32_t number, const struct rules *before) {
    set(rules, number, before->names[number], &before->listeners[number], before->zones[number]);
    rules->streams[number] = before->streams[number];
}

/* Its name and rules stay for lines that are not written yet. */
void rules_leave(struct rules *rules, uint32_t number) {
    rules->streams[number] = STREAMS_MAX;
}

bool rules_feed(const struct rules *rules, uint32_t stream) {
    for (uint32_t i = 0; i < LISTENER_NUMBERS; i++)
        if (rules->listeners[i].name && rules->streams[i] == stream) return true;
    return false;
}

struct batch_growth rules_growth(const struct rules *rules, uint32_t stream, bool *numbers) {
    struct batch_growth growth = {0};
    *numbers = false;
    for (uint32_t i = 0; i < LISTENER_NUMBERS; i++) {
        const struct batch_listener *listener = &rules->listeners[i];
        if (!listener->name || rules->streams[i] != stream) continue;
        batch_growth_add(&growth, listener);
        *numbers = *numbers || listener->stamps & STAMP_SEQ;
    }
    return growth;
}
