/* protocol.c - the table of protocols, and sessions. */
#include "ingest/protocol/protocol.h"

#include <string.h>

static const struct protocol *const protocols[] = {
    &protocol_detect,   &protocol_newline,    &protocol_nul,
    &protocol_sequence, &protocol_octets,     &protocol_concatenated,
    &protocol_relp,     &protocol_lumberjack, &protocol_forward};

const struct protocol *protocol_find(const char *name) {
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (strcmp(protocols[i]->name, name) == 0) return protocols[i];
    return NULL;
}

void session_begin(struct session *session, const struct protocol *protocol) {
    *session = (struct session){.protocol = &protocol_detect};
    if (protocol->begin)
        session->protocol = protocol;
    else if (protocol != &protocol_detect)
        session->state.detect.fixed = protocol;
}

bool protocol_take_datagram(const struct protocol *protocol, struct session *session, size_t *taken,
                            const struct sink *sink, const uint8_t *bytes, size_t size) {
    if (size == 0) return true;
    if (!session->protocol) {
        if (protocol->is_plain_datagram && protocol->is_plain_datagram(bytes, size))
            return sink_record(sink, bytes, size, SINK_LINE);
        session_begin(session, protocol);
        session->datagram = true;
    }
    *taken += session_take(session, sink, bytes + *taken, size - *taken);
    if (*taken < size || !session_end(session, sink)) return false;
    *session = (struct session){.refused = session->refused};
    *taken = 0;
    return true;
}
