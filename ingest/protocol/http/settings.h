/* settings.h - what an HTTP listener requires of requests.  Made from the configuration.  Connections
 * hold them; after a reload a connection uses the new ones from its next request on.  Owner only. */
#ifndef INGEST_PROTOCOL_HTTP_SETTINGS_H
#define INGEST_PROTOCOL_HTTP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory of all requests together, beyond a fixed size for each connection: unfinished lines of heads,
 * and results of items. */
#define HTTP_MEMORY_BYTES          (16u << 20)
/* Limits of a body that is collected before it becomes records, and of all such bodies together. */
#define HTTP_UNFOLD_BODY_BYTES_MAX (8u << 20)
#define HTTP_UNFOLD_MEMORY_BYTES   (32u << 20)
#define HTTP_TOKENS_MAX            64
#define HTTP_TOKEN_BYTES_MAX       512
#define HTTP_HOSTS_MAX             64

struct http_counts {
    uint64_t requests; /* that were answered */
    uint64_t refused;  /* of these, with 4xx */
    uint64_t failed;   /* of these, with 5xx */
};

/* Of all connections of all listeners. */
struct http_shared {
    struct http_counts *counts;
    size_t memory; /* bytes */
    size_t unfold_memory;
    uint64_t answers; /* ids given out so far (splunk.c) */
};

struct http_settings;

/* hosts: names of the server; NULL, or none: any if `open`, else only addresses and localhost.
 * tokens: at most HTTP_TOKENS_MAX; 0: none is required.  All texts are copied.  Held once.  NULL: out
 * of memory. */
struct http_settings *http_settings_create(const char *const *tokens, uint32_t token_count,
                                           const char *const *hosts, uint32_t host_count,
                                           bool open);
void http_settings_hold(struct http_settings *settings);
void http_settings_release(struct http_settings *settings); /* NULL: does nothing */
/* A reload has made `by`, which replaces `settings`.  `settings` hold it. */
void http_settings_replace(struct http_settings *settings, struct http_settings *by);
/* The newest settings, `settings` or what replaced them; the caller's hold moves to them. */
struct http_settings *http_settings_current(struct http_settings *settings);
void http_settings_share(struct http_settings *settings, struct http_shared *shared);
struct http_shared *http_settings_shared(const struct http_settings *settings);

bool http_demands_token(const struct http_settings *settings);
/* Is this one of the tokens?  The time does not depend on their bytes. */
bool http_token_is_known(const struct http_settings *settings, const uint8_t *token, size_t size);
/* May a request name this host (with or without a port)? */
bool http_host_is_known(const struct http_settings *settings, const uint8_t *host, size_t size);

#endif
