/* values.h - which values a key may have, beyond what its kind allows.  Any thread. */
#ifndef INGEST_CONFIG_VALUES_H
#define INGEST_CONFIG_VALUES_H

#include <stddef.h>

#include "ingest/config/host.h"

/* Is this a valid value for the key of that name?  ERR_INVALID, and `problem` (CONFIG_PROBLEM_MAX
 * bytes) says what was expected.  Addresses are looked up if they are names. */
int config_value_check(const struct host *host, const char *name, const char *text, char *problem);
/* The same for the name of a stream. */
int config_stream_check(const char *name, char *problem);

/* An address to listen on, looked up if it is a name; "5170" and ":5170" are ports on 127.0.0.1. */
int config_address(const struct host *host, const char *text, struct port_address *address);

/* What was expected of time_keys and level_keys; returns ERR_INVALID. */
int config_bad_keys(char *problem, size_t size);

#endif
