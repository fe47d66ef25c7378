/* rules.h - what the lines of each listener are validated by and which stream they go to, from one
 * reload to the next.
 *
 * A batch holds the rules that were active when it was opened until it is written, so nothing
 * changes under a worker.  The last holder frees them.  Owner only. */
#ifndef INGEST_PIPELINE_RULES_H
#define INGEST_PIPELINE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/config/config.h"
#include "writer/live/batch.h"

struct rules {
    struct batch_rules batch;
    uint32_t holders;
    /* By the listeners' numbers. */
    struct batch_listener listeners[LISTENER_NUMBERS];
    char names[LISTENER_NUMBERS][LISTENER_NAME_MAX];
    struct facts_rules facts[LISTENER_NUMBERS];
    struct zone *zones[LISTENER_NUMBERS]; /* of facts, held; NULL: UTC */
    uint32_t streams[LISTENER_NUMBERS];   /* that their lines go to: the pipeline's numbers */
};

/* Without listeners, held once; NULL: out of memory. */
struct rules *rules_create(uint32_t line_bytes_max);
void rules_hold(struct rules *rules);
void rules_release(struct rules *rules);

/* Sets the rules of one listener; everything is copied, or held. */
void rules_set(struct rules *rules, uint32_t number, const char *name,
               const struct listener_config *config, uint32_t stream);
/* Copies them from the rules before. */
void rules_keep(struct rules *rules, uint32_t number, const struct rules *before);
/* The listener has closed and feeds no stream any more. */
void rules_leave(struct rules *rules, uint32_t number);
/* Does any listener feed this stream? */
bool rules_feed(const struct rules *rules, uint32_t stream);
/* How much the listeners that feed it may add to their records, and whether one numbers them. */
struct batch_growth rules_growth(const struct rules *rules, uint32_t stream, bool *numbers);

#endif
