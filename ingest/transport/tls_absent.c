/* tls_absent.c - tls.h in a build without OpenSSL. */
#include <assert.h>
#include <stdio.h>

#include "ingest/transport/tls.h"
#include "port/error.h"

const bool tls_available = false;
const char tls_library[] = "";

int tls_context_make(const struct tls_settings *settings, struct tls_context **context,
                     const struct tls_text **wrong, char *problem) {
    (void)settings;
    *context = NULL;
    *wrong = NULL;
    snprintf(problem, TLS_PROBLEM_MAX, "this build has no TLS: it was built without OpenSSL 3");
    return ERR_UNSUPPORTED;
}

/* There is no context, so nothing below is called with one. */

void tls_context_hold(struct tls_context *context) {
    assert(!context);
}

void tls_context_release(struct tls_context *context) {
    assert(!context);
}

enum tls_validity tls_context_validity(const struct tls_context *context) {
    assert(!context);
    return TLS_VALID;
}

struct tls_session *tls_session_begin(struct tls_context *context, const char *server_name) {
    (void)server_name;
    assert(!context);
    return NULL;
}

void tls_session_end(struct tls_session *session) {
    assert(!session);
}

enum tls_state tls_session_take(struct tls_session *session, uint8_t *bytes, size_t size,
                                struct tls_taken *taken) {
    (void)bytes, (void)size, (void)taken;
    assert(!session);
    return TLS_FAILED;
}

const uint8_t *tls_session_answer(const struct tls_session *session, size_t *size) {
    assert(!session);
    *size = 0;
    return NULL;
}

enum tls_state tls_session_put(struct tls_session *session, const uint8_t *bytes, size_t size) {
    (void)bytes, (void)size;
    assert(!session);
    return TLS_FAILED;
}

enum tls_state tls_session_finish(struct tls_session *session, const uint8_t *bytes, size_t size) {
    return tls_session_put(session, bytes, size);
}

void tls_session_close(struct tls_session *session) {
    assert(!session);
}

const char *tls_session_peer(const struct tls_session *session) {
    assert(!session);
    return "";
}

const char *tls_session_problem(const struct tls_session *session) {
    assert(!session);
    return "";
}

bool tls_session_distrusts(const struct tls_session *session) {
    assert(!session);
    return false;
}
