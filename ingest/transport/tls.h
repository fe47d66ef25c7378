/* tls.h - TLS 1.2 and 1.3 (RFC 5246, RFC 8446) as functions over bytes: cipher text in, plain text
 * and answers out.  No sockets, ports or clocks.
 *
 * A session belongs to one thread at a time; a context may be shared by all.  No session tickets are
 * sent and nothing is answered after the handshake except a close_notify to one: a byte that arrives
 * at a client that has written and closed turns its close into a reset, which loses its last lines.
 *
 * OpenSSL is optional: in a build without it tls_available is false, and contexts cannot be made. */
#ifndef INGEST_TRANSPORT_TLS_H
#define INGEST_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_PROBLEM_MAX 256 /* of a sentence about what is wrong */
#define TLS_NAME_MAX    128 /* of the peer; longer ones are cut */
#define TLS_NAMES_MAX   64  /* patterns of a context */

extern const bool tls_available;
extern const char tls_library[]; /* "OpenSSL 3.0.19", "" */

/* A text in PEM, and the file it is from, for messages.  text NULL: not given. */
struct tls_text {
    const char *name, *text;
    size_t size;
};

struct tls_settings {
    bool server;
    /* Own certificate, followed by those of its issuers up to the root; and its key. */
    struct tls_text certificate, key;
    /* Issuers of the peer's certificate.  A server without it asks for none; a client without it
     * trusts what the system trusts. */
    struct tls_text issuers;
    struct tls_text revoked; /* a list (CRL) of each issuer */
    bool peer_optional;      /* server: a client without a certificate is accepted */
    /* Server: allowed names of clients (tls_name_matches); 0: any. */
    const char *const *names;
    uint32_t name_count;
};

struct tls_context;
/* ERR_INVALID: `problem` (TLS_PROBLEM_MAX bytes) says why, and *wrong is the text it is about or
 * NULL. */
int tls_context_make(const struct tls_settings *settings, struct tls_context **context,
                     const struct tls_text **wrong, char *problem);
void tls_context_hold(struct tls_context *context);
void tls_context_release(struct tls_context *context); /* NULL: nothing */

enum tls_validity { TLS_VALID, TLS_NOT_YET_VALID, TLS_EXPIRED };
/* Of its own certificate, at the system's time; TLS_VALID without one. */
enum tls_validity tls_context_validity(const struct tls_context *context);

/* A * in the pattern is any number of characters except dots; letters match in either case. */
bool tls_name_matches(const char *pattern, const char *name);

/* ---- sessions ---- */

enum tls_state {
    TLS_HANDSHAKE,
    TLS_OPEN,
    TLS_CLOSED, /* the peer has sent a close_notify: all that it has sent has been read */
    TLS_FAILED, /* tls_session_problem says why */
};

struct tls_session;
/* server_name: client: the host that the certificate must be for; NULL for servers.
 * NULL: out of memory. */
struct tls_session *tls_session_begin(struct tls_context *context, const char *server_name);
void tls_session_end(struct tls_session *session);

/* Received bytes, which are decrypted where they are: plain text replaces cipher text. */
#define TLS_RECORD_BYTES 16384 /* plain text of one record (RFC 8446 section 5.1) */
struct tls_taken {
    /* Plain text, `first` before `rest`.  The first record may have begun in bytes taken before, so
     * it needs room of its own. */
    uint8_t *first; /* set by the caller: TLS_RECORD_BYTES bytes */
    size_t first_size, rest_size;
};
/* Takes all bytes, also in a handshake, and returns the state after them. */
enum tls_state tls_session_take(struct tls_session *session, uint8_t *bytes, size_t size,
                                struct tls_taken *taken);
/* What has to be sent now; valid until the next call with this session.  size 0: nothing. */
const uint8_t *tls_session_answer(const struct tls_session *session, size_t *size);
/* Encrypts; the answer is what has to be sent, nothing if that is not possible.  Server: also after
 * the peer's close_notify.  Client: starts the handshake with size 0. */
enum tls_state tls_session_put(struct tls_session *session, const uint8_t *bytes, size_t size);
/* Server: the same for the last bytes, which may be none, and a close_notify. */
enum tls_state tls_session_finish(struct tls_session *session, const uint8_t *bytes, size_t size);
/* Client: a close_notify is the answer. */
void tls_session_close(struct tls_session *session);

/* The name in the peer's certificate: the one that was allowed, otherwise its first; "": it has
 * sent none.  Printable, without quotes and backslashes. */
const char *tls_session_peer(const struct tls_session *session);
const char *tls_session_problem(const struct tls_session *session);
/* The session failed because the peer's certificate is not accepted. */
bool tls_session_distrusts(const struct tls_session *session);

#endif
