/* foreign.h - recognizes by their first bytes what no protocol of the table accepts, so that it can be
 * named instead of being cut at every byte that looks like a newline.
 *
 * HTTP most of all: a web page may send a text/plain POST to any port without permission, so a
 * request must never be read as lines.  Pure: any thread. */
#ifndef INGEST_PROTOCOL_FOREIGN_H
#define INGEST_PROTOCOL_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* head: the first bytes of a connection or datagram that are not white space.  Returns a reason of
 * REJECT_FOREIGN_TABLE; 0: it is none of them; FOREIGN_UNDECIDED: more bytes are needed, but never
 * more than FOREIGN_HEAD_BYTES. */
#define FOREIGN_HEAD_BYTES 32
#define FOREIGN_UNDECIDED  UINT32_MAX
uint32_t foreign_kind(const uint8_t *head, size_t size);
/* The same for bytes as they have arrived, with white space before them. */
uint32_t foreign_beginning(const uint8_t *bytes, size_t size);

/* Does this request contain form data?  Looks at as much of it as has been received. */
bool foreign_is_form(const uint8_t *bytes, size_t size);

/* What log4js sends after each event. */
#define FOREIGN_LOG4JS "__LOG4JS__"

/* For the operator: what was sent, and what to change, in half a sentence. */
const char *foreign_advice(uint32_t reason);
/* Begins the line of text, ended by a newline, that answers other refused bytes before the connection
 * is closed: the advice follows.  Nothing else that is sent without TLS begins like this, so a sender
 * can tell it from answers. */
#define FOREIGN_REFUSAL "logport: refused: "
/* What the sender's protocol has for that; NULL: nothing. */
const uint8_t *foreign_reply(uint32_t reason, size_t *size);

#endif
