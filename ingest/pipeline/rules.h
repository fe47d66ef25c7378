/* rules.h - what the lines of each listener are judged by, and to which stream they go, from one reload to the next.
 *
 * A batch keeps the rules that were in force when it was opened until it is written, so
 * nothing changes under a worker; who was the last to hold them frees them.  Owner only. */
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
    uint32_t streams[LISTENER_NUMBERS]; /* where they go: the pipeline's numbers */
};

/* Of no listener yet, held once; NULL: out of memory. */
struct rules *rules_create(uint32_t line_bytes_max);
void rules_hold(struct rules *rules);
void rules_release(struct rules *rules);

/* All is copied. */
void rules_set(struct rules *rules, uint32_t number, const char *name,
               const struct listener_config *config, uint32_t stream);
/* The same as before. */
void rules_keep(struct rules *rules, uint32_t number, const struct rules *before);
/* That listener has gone: it feeds nothing any more. */
void rules_leave(struct rules *rules, uint32_t number);
/* Does any listener feed this stream? */
bool rules_feed(const struct rules *rules, uint32_t stream);

#endif
