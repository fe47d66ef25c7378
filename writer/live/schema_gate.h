/* schema_gate.h - a schema with a checker for every worker that may use it at once.
 * Making, holding and releasing: the owner of whoever holds it. Taking a checker and
 * giving it back: any thread, and never waits. */
#ifndef WRITER_LIVE_SCHEMA_GATE_H
#define WRITER_LIVE_SCHEMA_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "schema/rules/schema.h"

/* At most so many workers, a bit each. */
#define SCHEMA_GATE_WORKERS_MAX 64

struct schema_gate;

/* The schema is the gate's now, also if this fails.  workers: how many may hold a checker at
 * once.  Held once. ERR_NO_MEMORY. */
int schema_gate_make(struct schema *schema, size_t line_bytes_max, uint32_t workers,
                     struct schema_gate **gate);
void schema_gate_hold(struct schema_gate *gate);
/* Whoever releases it last frees it: no checker is taken then.  NULL is fine. */
void schema_gate_release(struct schema_gate *gate);
size_t schema_gate_memory(const struct schema_gate *gate);

struct schema_checker *schema_gate_take(struct schema_gate *gate);
void schema_gate_give_back(struct schema_gate *gate, struct schema_checker *checker);

#endif
