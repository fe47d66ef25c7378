/* protocol.c - see protocol.h. */
#include "ingest/protocol/protocol.h"

void protocol_begin(struct session *session, const struct protocol *protocol) {
    *session = (struct session){.protocol = protocol};
}
