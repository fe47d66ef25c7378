/* quarantine.h - how a rejected record looks in the stream `rejects`.
 * One JSON object a record: when it came, from whom, on which listener, why it
 * was rejected, where in it, how long it was, for a schema's verdict
 * "schema":{"instance":…,"keyword":…,"sentence":…}, and its bytes: as a string where
 * they are UTF-8, in base64 where they are not.  Pure: any thread. */
#ifndef WRITER_LIVE_QUARANTINE_H
#define WRITER_LIVE_QUARANTINE_H

#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "schema/json/json.h"
#include "schema/rules/schema.h"

/* The judge's reasons (schema/json/json.h), and framing's. */
enum reject_reason {
    REJECT_OVERSIZED = JSON_REASONS, /* longer than line_bytes_max */
    REJECT_LINE_MEMORY,              /* the longest unfinished line when their memory was full */
    REJECT_SCHEMA,                   /* good JSON, but not what the listener's schema wants */
    REJECT_REASONS
};
const char *reject_reason_name(uint32_t reason);
const char *reject_reason_sentence(uint32_t reason);

/* What is kept of a record. */
#define QUARANTINE_KEEP_MAX           (64u << 10)
#define QUARANTINE_KEEP_OVERSIZED_MAX (4u << 10)

struct reject {
    int64_t received_ns;
    const struct port_address *peer;
    const char *listener;
    uint32_t reason;
    /* Of the fault in the record: where it breaks a rule of JSON or passes the limit;
     * for line_memory, how much of it was kept; for a schema, 0. */
    uint64_t offset;
    uint64_t record_size;                 /* as it came */
    const struct schema_verdict *verdict; /* of REJECT_SCHEMA */
    const uint8_t *bytes;                 /* what is left of it; cut to what is kept */
    size_t size;
};

/* The most bytes that this one takes. */
size_t quarantine_bytes_max(const struct reject *reject);
/* Writes the object and a newline; returns behind its end. */
char *quarantine_write(char *out, const struct reject *reject);

#endif
