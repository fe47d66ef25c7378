/* rules.c - see rules.h. */
#include "ingest/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LZ4_ACCELERATION 1

struct rules *rules_create(uint32_t line_bytes_max) {
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules) return NULL;
    rules->holders = 1;
    rules->batch.listeners = rules->listeners;
    rules->batch.line_bytes_max = line_bytes_max;
    rules->batch.acceleration = LZ4_ACCELERATION;
    return rules;
}

void rules_hold(struct rules *rules) {
    rules->holders++;
}

void rules_release(struct rules *rules) {
    assert(rules->holders > 0);
    if (--rules->holders == 0) free(rules);
}

static void set(struct rules *rules, uint32_t number, const char *name,
                const struct facts_rules *facts) {
    struct batch_listener *listener = &rules->listeners[number];
    strcpy(rules->names[number], name);
    listener->name = rules->names[number];
    /* The usual ones are known by their address. */
    listener->facts = facts;
    if (facts == NULL || facts == &facts_rules_usual) return;
    rules->facts[number] = *facts;
    listener->facts = &rules->facts[number];
}

void rules_set(struct rules *rules, uint32_t number, const char *name,
               const struct listener_config *config) {
    set(rules, number, name, config->facts);
}

void rules_keep(struct rules *rules, uint32_t number, const struct rules *before) {
    set(rules, number, before->names[number], before->listeners[number].facts);
}
