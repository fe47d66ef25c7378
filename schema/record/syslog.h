/* syslog.h - the header before a message of syslog (RFC 5424, RFC 3164), as senders write it.
 *
 * The header is parsed byte by byte, not searched for a brace: structured data may contain braces,
 * and the bytes may arrive in pieces.  Accepted after the priority: `1 ` and the fields of RFC 5424;
 * or a time (as in RFC 3164, also with a year or a fraction, or RFC 3339), a host and a tag, each of
 * which may be absent, the tag with or without a colon; or nothing.  `@cee:` and a byte order mark
 * before an object are skipped.  Pure: any thread. */
#ifndef SCHEMA_RECORD_SYSLOG_H
#define SCHEMA_RECORD_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSLOG_PRIORITY_MAX 191 /* RFC 5424 section 6.2.1 */

struct syslog_span {
    uint32_t begin, end; /* offsets from the `<`; equal: absent */
};

enum syslog_field {
    SYSLOG_TIME,
    SYSLOG_HOST,
    SYSLOG_APP,
    SYSLOG_PROCID,
    SYSLOG_MSGID,
    SYSLOG_DATA, /* structured data */
    SYSLOG_FIELDS
};

/* All zero at first. */
struct syslog_header {
    struct syslog_span fields[SYSLOG_FIELDS];
    uint32_t at;      /* bytes so far */
    uint32_t message; /* offset; valid after SYSLOG_OBJECT and SYSLOG_TEXT */
    uint8_t priority;
    /* The parser's own */
    uint8_t step, field, tokens, digits, marker;
    uint8_t previous, before; /* the last byte, and the one before it */
    bool escaped;
    uint8_t word[5]; /* the first bytes of the token */
    struct syslog_span token[2];
    uint32_t bracket, bracket_end; /* of the token: its first '[', its last ']' */
};

enum syslog_step {
    SYSLOG_MORE,   /* in the header */
    SYSLOG_OBJECT, /* this byte, a `{`, begins the message */
    SYSLOG_TEXT,   /* the message is text; it begins at `message` */
    SYSLOG_NONE,   /* this is no header */
};
/* The next byte.  Not called again after another result than SYSLOG_MORE. */
enum syslog_step syslog_step(struct syslog_header *header, uint8_t byte);
/* The bytes end in the header: SYSLOG_TEXT (which may be empty) or SYSLOG_NONE. */
enum syslog_step syslog_end(struct syslog_header *header);
/* The bytes so far end in what may be words of a message: after the priority, in no header of RFC 5424,
 * whose structured data may contain any text. */
bool syslog_in_words(const struct syslog_header *header);
/* Both, for a whole message.  Looks no further than where the message begins. */
enum syslog_step syslog_parse(const uint8_t *bytes, size_t size, struct syslog_header *header);
/* "@cee:" before an object, without a header: the offset of the `{`.  0: it is something else. */
size_t syslog_cookie(const uint8_t *bytes, size_t size);

/* Bytes are appended up to `end`; more are not written. */
struct syslog_out {
    uint8_t *at, *end;
    bool full;
};
/* {"facility":"local0","facility_code":16,"severity":"err",...}: the header as an object.  `bytes`
 * begin with the header. */
void syslog_write(struct syslog_out *out, const struct syslog_header *header, const uint8_t *bytes);
/* A JSON string of any bytes: what is no UTF-8 becomes U+FFFD. */
void syslog_write_text(struct syslog_out *out, const uint8_t *text, size_t size);
void syslog_write_bytes(struct syslog_out *out, const void *bytes, size_t size);

#endif
