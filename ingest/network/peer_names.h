/* peer_names.h - the names of peers, from their certificates, each kept once.
 *
 * Records refer to the name of their peer longer than its connection lives, so a name stays as long
 * as the program.  Their number is bounded; further names are not recorded.  Owner only. */
#ifndef INGEST_NETWORK_PEER_NAMES_H
#define INGEST_NETWORK_PEER_NAMES_H

#include <stdint.h>

#define PEER_NAMES_MAX 4096

struct peer_names {
    char **names; /* sorted */
    uint32_t count;
};

/* This name as it is kept.  NULL: "", too many names, or out of memory. */
const char *peer_names_keep(struct peer_names *names, const char *name);
void peer_names_free(struct peer_names *names);

#endif
