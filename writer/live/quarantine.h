/* quarantine.h - how a rejected record is stored in the stream `rejects`.
 * One JSON object per record: when it was received, from which peer, on which listener, why it was
 * rejected, at which offset, its size, for a schema's verdict
 * "schema":{"instance":…,"keyword":…,"sentence":…}, and its bytes: a string if they are UTF-8, else
 * base64.  Pure: any thread. */
#ifndef WRITER_LIVE_QUARANTINE_H
#define WRITER_LIVE_QUARANTINE_H

#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "schema/json/json.h"
#include "schema/rules/schema.h"

/* What is no log protocol that is accepted: constant, name, sentence.  One record for a whole
 * connection (ingest/protocol/foreign.h).  Names are stored: never change them. */
#define REJECT_FOREIGN_TABLE(X)                                                                    \
    X(REJECT_HTTP, "http", "an HTTP request")                                                      \
    X(REJECT_FORM, "form", "an HTTP request with form data")                                       \
    X(REJECT_TLS, "tls", "a TLS handshake")                                                        \
    X(REJECT_PICKLE, "pickle", "a Python pickle")                                                  \
    X(REJECT_JAVA, "java_serialization", "serialized Java objects")                                \
    X(REJECT_XML, "xml", "XML")                                                                    \
    X(REJECT_MSGPACK, "msgpack", "MessagePack")                                                    \
    X(REJECT_FORWARD_AUTH, "forward_auth", "the forward protocol without the shared key")          \
    X(REJECT_LOG4JS, "log4js", "log4js events")                                                    \
    X(REJECT_UTF16, "utf16", "text in UTF-16")                                                     \
    X(REJECT_RELP, "relp", "RELP where it is not accepted")                                        \
    X(REJECT_LUMBERJACK, "lumberjack", "Lumberjack where it is not accepted")                      \
    X(REJECT_LUMBERJACK_1, "lumberjack_1", "Lumberjack with frames of version 1")                  \
    X(REJECT_COMPRESSED, "compressed", "compressed data")                                          \
    X(REJECT_PLAIN_TEXT, "plain_text", "plain text instead of TLS")                                \
    X(REJECT_PROXY, "proxy", "a PROXY protocol header that is not expected")                       \
    X(REJECT_PROXY_HEADER, "proxy_header", "not the PROXY protocol header that is expected")

/* The reasons of validation (schema/json/json.h), protocols and schemas. */
enum reject_reason {
    REJECT_OVERSIZED = JSON_REASONS, /* longer than line_bytes_max */
    REJECT_LINE_MEMORY,              /* the longest unfinished line when their memory was full */
    REJECT_SCHEMA,                   /* valid JSON that the listener's schema rejects */
    REJECT_SYSLOG_TEXT,              /* a message of syslog that is no object */
    REJECT_GELF_CHUNK,               /* a chunk of GELF with an invalid header */
    REJECT_GELF_INCOMPLETE,          /* chunks of a message are missing after 5 s */
    REJECT_GELF_MEMORY,              /* the oldest unfinished message when their memory was full */
    REJECT_INFLATE,                  /* damaged zlib or gzip data */
    REJECT_EXPANSION,                /* compressed data that expands too much */
    REJECT_UNFINISHED,               /* its sender did not finish it within partial_s */
    REJECT_BULK_ACTION,              /* neither index nor create, in a bulk of Elasticsearch */
    REJECT_HTTP_BODY,                /* a body of HTTP ends in a record, or in a list of them */
    REJECT_FORWARD_ENTRY,            /* an entry of the forward protocol that is no time and map */
    REJECT_FORWARD_NAME,             /* the same, and the name of a member is an array or a map */
    REJECT_LOKI,                     /* an invalid entry in a push of Loki */
    REJECT_OTLP,                     /* an invalid log record in an export of OTLP */
    /* From here on foreign.c has advice. */
    REJECT_OCTET_COUNT,      /* octet counting, and the length of a record is none */
    REJECT_RELP_FRAME,       /* RELP, and what should be a frame is none, or cut off */
    REJECT_LUMBERJACK_FRAME, /* the same of Lumberjack */
    REJECT_FORWARD_FRAME,    /* the same of messages of the forward protocol */
#define X(constant, name, sentence) constant,
    REJECT_FOREIGN_TABLE(X)
#undef X
        REJECT_REASONS
};
const char *reject_reason_name(uint32_t reason);
const char *reject_reason_sentence(uint32_t reason);

/* How much of a record is kept. */
#define QUARANTINE_KEEP_MAX           (64u << 10)
#define QUARANTINE_KEEP_OVERSIZED_MAX (4u << 10)

#define QUARANTINE_NAME_MAX 128

struct reject {
    int64_t received_ns;
    const struct port_address *peer;
    /* From its certificate: "NAME (ADDRESS)" is the peer then.  At most QUARANTINE_NAME_MAX bytes,
     * none of which JSON escapes.  NULL: none. */
    const char *peer_name;
    const char *listener;
    uint32_t reason;
    /* Of the fault in the record: where it breaks a rule of JSON or passes the limit;
     * for line_memory, how much of it was kept; for a schema, 0. */
    uint64_t offset;
    uint64_t record_size;                 /* as received */
    const struct schema_verdict *verdict; /* of REJECT_SCHEMA */
    const uint8_t *bytes;                 /* what is available of it; cut to what is kept */
    size_t size;
};

/* Writes the peer as a record in quarantine has it, without quotes: at most QUARANTINE_PEER_BYTES.
 * Returns the position after it. */
#define QUARANTINE_PEER_BYTES (QUARANTINE_NAME_MAX + 3 + ADDRESS_TEXT_MAX)
char *quarantine_write_peer(char *out, const struct port_address *peer, const char *peer_name);

/* The most bytes that this object takes. */
size_t quarantine_bytes_max(const struct reject *reject);
/* Writes the object and a newline; returns the position after it. */
char *quarantine_write(char *out, const struct reject *reject);

#endif
