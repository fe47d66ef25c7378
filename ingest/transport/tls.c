/* tls.c - see tls.h. */
#include "ingest/transport/tls.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/transport/openssl.h"
#include "port/error.h"
#include "port/system.h"

const bool tls_available = true;
const char tls_library[] = "OpenSSL " OPENSSL_VERSION_STR;

/* Forward secrecy and authenticated encryption, which every client of the last ten years has.  TLS 1.3
 * has no others. */
#define CIPHERS_OF_TLS12    "ECDHE+AESGCM:ECDHE+CHACHA20"
/* A handshake needs a few KiB, a chain of client certificates perhaps 10. */
#define HANDSHAKE_BYTES_MAX (64u << 10)
/* Of key updates that wait for data to be sent. */
#define HELD_BYTES_MAX      4096

struct tls_context {
    SSL_CTX *ssl;
    atomic_uint holders;
    bool server;
    char *names[TLS_NAMES_MAX];
    uint32_t name_count;
};

struct tls_session {
    SSL *ssl;
    BIO *answer;
    struct tls_context *context;
    enum tls_state state;
    uint64_t handshake_bytes;
    bool held; /* `answer` waits for the next data */
    bool mute; /* too much was held: the peer cannot read data any more */
    char peer[TLS_NAME_MAX];
    char problem[TLS_PROBLEM_MAX];
};

/* ---- names ---- */

static bool allowed(const struct tls_context *context, const char *name) {
    bool matches = context->name_count == 0;
    for (uint32_t i = 0; i < context->name_count && !matches; i++)
        matches = tls_name_matches(context->names[i], name);
    return matches;
}

/* The name goes into records and messages.  False: empty, or a 0 inside, which would hide the
 * rest. */
static bool printable_name(const uint8_t *bytes, int size, char *name) {
    size_t length = 0;
    if (size <= 0 || memchr(bytes, 0, (size_t)size)) return false;
    for (int i = 0; i < size && length + 1 < TLS_NAME_MAX; i++) {
        const uint8_t byte = bytes[i];
        const bool plain = byte > ' ' && byte < 0x7F && byte != '"' && byte != '\\';
        name[length++] = plain || byte == ' ' ? (char)byte : '?';
    }
    name[length] = '\0';
    return true;
}

static bool name_of_general(const GENERAL_NAME *general, char *name) {
    int kind;
    const ASN1_STRING *text = GENERAL_NAME_get0_value(general, &kind);
    if (kind == GEN_DNS || kind == GEN_EMAIL || kind == GEN_URI)
        return printable_name(ASN1_STRING_get0_data(text), ASN1_STRING_length(text), name);
    if (kind != GEN_IPADD) return false;
    const uint8_t *ip = ASN1_STRING_get0_data(text);
    const int size = ASN1_STRING_length(text);
    if (size == 4) snprintf(name, TLS_NAME_MAX, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    return size == 4;
}

/* The first name that is allowed: alternative names (RFC 5280 section 4.2.1.6), then the common
 * name. */
static bool find_name(const struct tls_context *context, X509 *certificate, char *name) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
        found = name_of_general(sk_GENERAL_NAME_value(names, i), name) && allowed(context, name);
    GENERAL_NAMES_free(names);
    X509_NAME *subject = X509_get_subject_name(certificate);
    for (int i = -1; !found && (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) {
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
        found = printable_name(ASN1_STRING_get0_data(text), ASN1_STRING_length(text), name) &&
                allowed(context, name);
    }
    if (!found) name[0] = '\0';
    return found;
}

/* Called for each certificate of the chain; the client's own is checked for its name. */
static int verified(int valid, X509_STORE_CTX *store) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char name[TLS_NAME_MAX];
    if (!valid || X509_STORE_CTX_get_error_depth(store) > 0 || context->name_count == 0)
        return valid;
    if (find_name(context, X509_STORE_CTX_get_current_cert(store), name)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/* ---- contexts ---- */

static BIO *open_text(const struct tls_text *text) {
    return BIO_new_mem_buf(text->text, (int)text->size);
}

/* OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing;
    *(bool *)context = true;
    return -1;
}

static void say_library(char *problem, const char *what) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(problem, TLS_PROBLEM_MAX, "%s (%s)", what, reason ? reason : "no reason given");
}

static bool use_certificate(struct tls_context *context, const struct tls_text *text,
                            char *problem) {
    BIO *in = open_text(text);
    bool asked = false;
    X509 *certificate = in ? PEM_read_bio_X509_AUX(in, NULL, no_password, &asked) : NULL;
    bool used = certificate && SSL_CTX_use_certificate(context->ssl, certificate) == 1;
    if (!used) say_library(problem, "a certificate in PEM was expected");
    X509_free(certificate);
    X509 *issuer;
    while (used && (issuer = PEM_read_bio_X509(in, NULL, no_password, &asked))) {
        used = SSL_CTX_add0_chain_cert(context->ssl, issuer) == 1;
        if (!used) X509_free(issuer);
        if (!used) say_library(problem, "a certificate of its chain cannot be used");
    }
    BIO_free(in);
    return used;
}

static bool use_key(struct tls_context *context, const struct tls_text *text, char *problem) {
    BIO *in = open_text(text);
    bool asked = false;
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_password, &asked) : NULL;
    bool used = key != NULL;
    if (asked)
        snprintf(problem, TLS_PROBLEM_MAX,
                 "the key is encrypted; a key without a password was "
                 "expected");
    else if (!used)
        say_library(problem, "a private key in PEM was expected");
    if (used && SSL_CTX_use_PrivateKey(context->ssl, key) != 1) {
        snprintf(problem, TLS_PROBLEM_MAX, "the key does not belong to the certificate");
        used = false;
    }
    EVP_PKEY_free(key);
    BIO_free(in);
    return used;
}

static bool use_issuers(struct tls_context *context, const struct tls_text *text, char *problem) {
    BIO *in = open_text(text);
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);
    bool used = in != NULL, asked = false;
    uint32_t count = 0;
    X509 *issuer;
    while (used && (issuer = PEM_read_bio_X509(in, NULL, no_password, &asked))) {
        used = X509_STORE_add_cert(store, issuer) == 1;
        if (used && context->server) SSL_CTX_add_client_CA(context->ssl, issuer);
        X509_free(issuer);
        count++;
    }
    BIO_free(in);
    if (!used || count == 0) say_library(problem, "certificates of issuers in PEM were expected");
    return used && count > 0;
}

static void trust(void *context, const void *certificate, size_t size) {
    const uint8_t *bytes = certificate;
    X509 *issuer = d2i_X509(NULL, &bytes, (long)size);
    if (issuer) X509_STORE_add_cert(context, issuer);
    X509_free(issuer);
}

/* Also the files that the environment names (SSL_CERT_FILE, SSL_CERT_DIR). */
static void use_system_issuers(struct tls_context *context) {
    SSL_CTX_set_default_verify_paths(context->ssl);
    system_issuers(trust, SSL_CTX_get_cert_store(context->ssl));
    ERR_clear_error(); /* of certificates that OpenSSL cannot read */
}

static bool use_revoked(struct tls_context *context, const struct tls_text *text, char *problem) {
    BIO *in = open_text(text);
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);
    bool used = in != NULL, asked = false;
    uint32_t count = 0;
    X509_CRL *list;
    while (used && (list = PEM_read_bio_X509_CRL(in, NULL, no_password, &asked))) {
        used = X509_STORE_add_crl(store, list) == 1;
        X509_CRL_free(list);
        count++;
    }
    BIO_free(in);
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    if (!used || count == 0) say_library(problem, "a revocation list (CRL) in PEM was expected");
    return used && count > 0;
}

static bool set_up(struct tls_context *context) {
    SSL_CTX *ssl = context->ssl;
    SSL_CTX_set_app_data(ssl, context);
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_read_ahead(ssl, 0);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, CIPHERS_OF_TLS12) == 1;
}

static bool keep_names(struct tls_context *context, const struct tls_settings *settings) {
    assert(settings->name_count <= TLS_NAMES_MAX);
    for (uint32_t i = 0; i < settings->name_count; i++) {
        const size_t size = strlen(settings->names[i]) + 1;
        context->names[i] = malloc(size);
        if (!context->names[i]) return false;
        memcpy(context->names[i], settings->names[i], size);
        context->name_count++;
    }
    return true;
}

static bool load(struct tls_context *context, const struct tls_settings *settings,
                 const struct tls_text **wrong, char *problem) {
    const struct {
        const struct tls_text *text;
        bool (*use)(struct tls_context *context, const struct tls_text *text, char *problem);
    } loads[] = {{&settings->certificate, use_certificate},
                 {&settings->key, use_key},
                 {&settings->issuers, use_issuers},
                 {&settings->revoked, use_revoked}};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        *wrong = loads[i].text;
        if (loads[i].text->text && !loads[i].use(context, loads[i].text, problem)) return false;
    }
    *wrong = NULL;
    if (!settings->server && !settings->issuers.text) use_system_issuers(context);
    const bool asks = !settings->server || settings->issuers.text;
    int mode = asks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
    if (asks && !settings->peer_optional) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context->ssl, mode, settings->server ? verified : NULL);
    return true;
}

int tls_context_make(const struct tls_settings *settings, struct tls_context **context,
                     const struct tls_text **wrong, char *problem) {
    struct tls_context *c = calloc(1, sizeof *c);
    *wrong = NULL;
    *context = NULL;
    ERR_clear_error();
    snprintf(problem, TLS_PROBLEM_MAX, "%s", error_text(ERR_NO_MEMORY));
    if (!c) return ERR_NO_MEMORY;
    atomic_init(&c->holders, 1);
    c->server = settings->server;
    c->ssl = SSL_CTX_new(settings->server ? TLS_server_method() : TLS_client_method());
    int result = c->ssl && set_up(c) && keep_names(c, settings) ? 0 : ERR_NO_MEMORY;
    if (!result && !load(c, settings, wrong, problem)) result = ERR_INVALID;
    ERR_clear_error();
    if (result)
        tls_context_release(c);
    else
        *context = c;
    return result;
}

enum tls_validity tls_context_validity(const struct tls_context *context) {
    const X509 *certificate = SSL_CTX_get0_certificate(context->ssl);
    if (!certificate) return TLS_VALID;
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) return TLS_NOT_YET_VALID;
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 ? TLS_EXPIRED : TLS_VALID;
}

void tls_context_hold(struct tls_context *context) {
    atomic_fetch_add_explicit(&context->holders, 1, memory_order_relaxed);
}

void tls_context_release(struct tls_context *context) {
    if (!context || atomic_fetch_sub_explicit(&context->holders, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(context->ssl);
    for (uint32_t i = 0; i < context->name_count; i++)
        free(context->names[i]);
    free(context);
}

/* ---- sessions ---- */

static bool expect_server(SSL *ssl, const char *name) {
    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(expected, name) == 1) return true; /* an address */
    ERR_clear_error();
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls_session *tls_session_begin(struct tls_context *context, const char *server_name) {
    struct tls_session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->context = context;
    tls_context_hold(context);
    session->ssl = SSL_new(context->ssl);
    session->answer = BIO_new(BIO_s_mem());
    if (session->ssl && session->answer) {
        BIO *none = BIO_new(BIO_s_mem());
        BIO_up_ref(session->answer);
        SSL_set0_wbio(session->ssl, session->answer);
        SSL_set0_rbio(session->ssl, none);
        if (context->server) {
            SSL_set_accept_state(session->ssl);
            return session;
        }
        SSL_set_connect_state(session->ssl);
        if (none && expect_server(session->ssl, server_name)) return session;
    }
    tls_session_end(session);
    return NULL;
}

void tls_session_end(struct tls_session *session) {
    if (!session) return;
    SSL_free(session->ssl);
    BIO_free(session->answer);
    tls_context_release(session->context);
    free(session);
}

bool tls_session_distrusts(const struct tls_session *session) {
    return session->state == TLS_FAILED && SSL_get_verify_result(session->ssl) != X509_V_OK;
}

static const char *reason_of_certificate(long result) {
    return result == X509_V_ERR_APPLICATION_VERIFICATION
               ? "the name in the peer's certificate is not allowed"
               : X509_verify_cert_error_string(result);
}

static enum tls_state fail(struct tls_session *session) {
    const unsigned long code = ERR_peek_error();
    const long verify = SSL_get_verify_result(session->ssl);
    const char *reason = ERR_reason_error_string(code);
    if (verify != X509_V_OK && session->state == TLS_HANDSHAKE)
        reason = reason_of_certificate(verify);
    snprintf(session->problem, sizeof session->problem, "%s", reason ? reason : "protocol error");
    session->state = TLS_FAILED;
    return TLS_FAILED;
}

/* What SSL_read or SSL_do_handshake has returned, which is not success. */
static enum tls_state look(struct tls_session *session, int result) {
    const int error = SSL_get_error(session->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) {
        session->state = TLS_CLOSED;
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail(session);
    }
    return session->state;
}

static void opened(struct tls_session *session) {
    if (session->state != TLS_HANDSHAKE || !SSL_is_init_finished(session->ssl)) return;
    session->state = TLS_OPEN;
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    if (certificate) find_name(session->context, certificate, session->peer);
}

static void begin_call(struct tls_session *session) {
    ERR_clear_error(); /* of this thread; SSL_get_error looks at it */
    if (!session->held) (void)BIO_reset(session->answer);
}

/* What the library has written is sent with the next data.  If none comes, it must not grow; without
 * it the peer could not read any. */
static void hold_answer(struct tls_session *session) {
    const size_t size = BIO_ctrl_pending(session->answer);
    session->held = size > 0 && size <= HELD_BYTES_MAX;
    session->mute = session->mute || size > HELD_BYTES_MAX;
    if (session->mute) (void)BIO_reset(session->answer);
}

/* Reads records until none is complete. */
static void read_all(struct tls_session *session, uint8_t *bytes, size_t size,
                     struct tls_taken *taken) {
    bool first = true; /* the record that bytes taken before may have begun */
    for (;;) {         /* ends: each turn takes a record */
        uint8_t *to = first ? taken->first : bytes + taken->rest_size;
        const size_t room = first ? TLS_RECORD_BYTES : size - taken->rest_size;
        size_t *got = first ? &taken->first_size : &taken->rest_size, more;
        const int result = SSL_read_ex(session->ssl, to, room, &more);
        opened(session);
        if (result != 1) {
            look(session, result);
            return;
        }
        assert(SSL_pending(session->ssl) == 0); /* plain text is shorter than cipher text */
        *got += more;
        first = false;
    }
}

enum tls_state tls_session_take(struct tls_session *session, uint8_t *bytes, size_t size,
                                struct tls_taken *taken) {
    taken->first_size = taken->rest_size = 0;
    begin_call(session);
    if (session->state == TLS_CLOSED || session->state == TLS_FAILED || size == 0)
        return session->state;
    if (session->state == TLS_HANDSHAKE) session->handshake_bytes += size;
    BIO *in = BIO_new_mem_buf(bytes, (int)size);
    if (!in) {
        snprintf(session->problem, sizeof session->problem, "%s", error_text(ERR_NO_MEMORY));
        return session->state = TLS_FAILED;
    }
    BIO_set_mem_eof_return(in, -1); /* more comes later */
    SSL_set0_rbio(session->ssl, in);
    const bool was_open = session->state == TLS_OPEN;
    read_all(session, bytes, size, taken);
    if (session->state == TLS_HANDSHAKE && session->handshake_bytes > HANDSHAKE_BYTES_MAX) {
        snprintf(session->problem, sizeof session->problem, "the handshake is too long");
        session->state = TLS_FAILED;
    }
    /* In TLS 1.3 a server says nothing unasked: a key update, which RFC 8446 section 4.6.3 wants before
     * its next data, waits for these.  In TLS 1.2 what is left is an alert that refuses a renegotiation,
     * for which its client waits. */
    if (was_open && session->context->server && SSL_version(session->ssl) >= TLS1_3_VERSION)
        hold_answer(session);
    return session->state;
}

const uint8_t *tls_session_answer(const struct tls_session *session, size_t *size) {
    char *bytes = NULL;
    const long length = BIO_get_mem_data(session->answer, &bytes);
    *size = length > 0 && !session->held ? (size_t)length : 0;
    return (const uint8_t *)bytes;
}

enum tls_state tls_session_put(struct tls_session *session, const uint8_t *bytes, size_t size) {
    size_t done = 0;
    begin_call(session);
    /* A client that has closed reads on: only a server writes to it. */
    const bool closed = session->state == TLS_CLOSED && !session->context->server;
    if (closed || session->mute || session->state == TLS_FAILED) return session->state;
    session->held = false;
    const int result =
        size == 0 ? SSL_do_handshake(session->ssl) : SSL_write_ex(session->ssl, bytes, size, &done);
    opened(session);
    if (result != 1) return look(session, result);
    assert(done == size); /* memory takes all */
    return session->state;
}

enum tls_state tls_session_finish(struct tls_session *session, const uint8_t *bytes, size_t size) {
    const enum tls_state state = tls_session_put(session, bytes, size);
    if (state != TLS_FAILED && !session->mute) SSL_shutdown(session->ssl);
    return state;
}

void tls_session_close(struct tls_session *session) {
    begin_call(session);
    if (session->state == TLS_OPEN) SSL_shutdown(session->ssl);
}

const char *tls_session_peer(const struct tls_session *session) {
    return session->peer;
}

const char *tls_session_problem(const struct tls_session *session) {
    return session->problem;
}
