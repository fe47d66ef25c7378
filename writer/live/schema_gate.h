/* schema_gate.h - a schema with one checker for each worker that may use it at the same time.
 * Make, hold and release: the owner.  Take and return a checker: any thread, never waits. */
#ifndef WRITER_LIVE_SCHEMA_GATE_H
#define WRITER_LIVE_SCHEMA_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "schema/rules/schema.h"

/* A bit for each worker. */
#define SCHEMA_GATE_WORKERS_MAX 64

struct schema_gate;

/* The gate owns the schema, even if this fails.  workers: how many may hold a checker at once.  The
 * caller holds the gate.  ERR_NO_MEMORY. */
int schema_gate_make(struct schema *schema, size_t line_bytes_max, uint32_t workers,
                     struct schema_gate **gate);
void schema_gate_hold(struct schema_gate *gate);
/* The last release frees it; all checkers must have been returned.  NULL: nothing happens. */
void schema_gate_release(struct schema_gate *gate);
size_t schema_gate_memory(const struct schema_gate *gate);

struct schema_checker *schema_gate_take(struct schema_gate *gate);
void schema_gate_give_back(struct schema_gate *gate, struct schema_checker *checker);

#endif
