/* sender_tls.c - see sender_tls.h. */
#include "tools/commands/sender_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/transport/tls.h"
#include "port/error.h"
#include "port/system.h"
#include "tools/commands/sender.h"

#define PEM_BYTES_MAX (4u << 20)
#define ANSWER_MS     10000 /* in a handshake */
#define CLOSE_MS      30000
#define ALERT_MS      100

struct sender_tls {
    struct client *client;
    struct tls_session *session;
    enum tls_state state;
    struct tls_taken taken;
    uint8_t first[TLS_RECORD_BYTES], received[4096];
    uint8_t answer[512]; /* the beginning of the plain text that was received */
    size_t answer_size;
};

static int read_text(struct files *files, const char *path, struct tls_text *text) {
    char *bytes;
    if (!path) return 0;
    text->name = path;
    const int result = file_read_input(files, path, PEM_BYTES_MAX, &bytes, &text->size);
    if (result)
        say("send: %s: %s", path, error_text(result));
    else
        text->text = bytes;
    return result;
}

static void forget_text(struct tls_text *text) {
    volatile char *bytes = (volatile char *)text->text; /* perhaps a private key */
    for (size_t i = 0; bytes && i < text->size; i++)
        bytes[i] = 0;
    free((void *)text->text);
}

static int make_context(struct files *files, const struct sender_tls_files *from,
                        struct tls_context **context) {
    struct tls_settings settings = {.server = false};
    const struct tls_text *wrong;
    char problem[TLS_PROBLEM_MAX];
    int result = read_text(files, from->issuers, &settings.issuers);
    if (!result) result = read_text(files, from->certificate, &settings.certificate);
    if (!result) result = read_text(files, from->key, &settings.key);
    if (!result) {
        result = tls_context_make(&settings, context, &wrong, problem);
        if (result) say("send: %s%s%s", wrong ? wrong->name : "", wrong ? ": " : "", problem);
    }
    forget_text(&settings.issuers);
    forget_text(&settings.certificate);
    forget_text(&settings.key);
    return result;
}

/* "[::1]:6514" is ::1. */
static void host_of(const char *where, char *host, size_t size) {
    const char *end = strrchr(where, ':');
    size_t length = end ? (size_t)(end - where) : strlen(where);
    if (length >= 2 && where[0] == '[' && where[length - 1] == ']') {
        where++;
        length -= 2;
    }
    snprintf(host, size, "%.*s", (int)length, length ? where : "127.0.0.1");
}

static int send_answer(struct sender_tls *tls) {
    size_t size;
    const uint8_t *answer = tls_session_answer(tls->session, &size);
    return size ? client_send(tls->client, answer, size) : 0;
}

static void keep_answer(struct sender_tls *tls, const uint8_t *bytes, size_t size) {
    const size_t room = sizeof tls->answer - tls->answer_size;
    if (size > room) size = room;
    memcpy(tls->answer + tls->answer_size, bytes, size);
    tls->answer_size += size;
}

/* Bytes received, 0 at the end, or an ERR_. */
static int64_t receive(struct sender_tls *tls, uint32_t timeout_ms) {
    const int64_t got =
        client_receive(tls->client, tls->received, sizeof tls->received, timeout_ms);
    if (got <= 0) return got;
    tls->taken.first = tls->first;
    tls->state = tls_session_take(tls->session, tls->received, (size_t)got, &tls->taken);
    keep_answer(tls, tls->first, tls->taken.first_size);
    keep_answer(tls, tls->received, tls->taken.rest_size);
    return got;
}

static int shake_hands(struct sender_tls *tls, const char *where) {
    int64_t status = 0;
    tls->state = tls_session_put(tls->session, NULL, 0);
    for (;;) { /* ends: each turn waits for an answer for at most ANSWER_MS */
        const int sent = send_answer(tls);
        if (tls->state == TLS_FAILED) {
            if (tls_session_distrusts(tls->session))
                say("send: %s: the server's certificate is not accepted: %s; --ca gives the "
                    "issuers "
                    "to trust, --name the name that it must have",
                    where, tls_session_problem(tls->session));
            else
                say("send: %s: TLS: %s", where, tls_session_problem(tls->session));
            return ERR_INVALID;
        }
        if (sent < 0) status = sent;
        if (status < 0 || tls->state == TLS_OPEN) break;
        status = receive(tls, ANSWER_MS);
        if (status == 0) status = ERR_CLOSED;
        if (status < 0) break;
    }
    if (status < 0) say("send: %s: TLS handshake: %s", where, error_text((int)status));
    return status < 0 ? (int)status : 0;
}

int sender_tls_open(struct files *files, const struct sender_tls_files *from, struct client *client,
                    const char *where, struct sender_tls **tls) {
    struct tls_context *context = NULL;
    char host[256];
    *tls = NULL;
    int result = make_context(files, from, &context);
    if (result) return result;
    struct sender_tls *t = calloc(1, sizeof *t);
    host_of(where, host, sizeof host);
    if (t) {
        t->client = client;
        t->session = tls_session_begin(context, from->server_name ? from->server_name : host);
    }
    tls_context_release(context);
    if (t && t->session) {
        result = shake_hands(t, where);
    } else {
        result = ERR_NO_MEMORY;
        say("send: %s", error_text(result));
    }
    if (result)
        sender_tls_close(t);
    else
        *tls = t;
    return result;
}

void sender_tls_close(struct sender_tls *tls) {
    if (tls) tls_session_end(tls->session);
    free(tls);
}

int sender_tls_send(struct sender_tls *tls, const void *bytes, size_t size) {
    if (size == 0) return 0;
    tls->state = tls_session_put(tls->session, bytes, size);
    return tls->state == TLS_OPEN ? send_answer(tls) : ERR_CLOSED;
}

const char *sender_tls_alert(struct sender_tls *tls) {
    while (tls->state == TLS_OPEN && receive(tls, ALERT_MS) > 0) { /* ends: the alert, or no more */
    }
    return tls->state == TLS_FAILED ? tls_session_problem(tls->session) : "";
}

int sender_tls_finish(struct sender_tls *tls, const char *where) {
    const int64_t deadline_ns = system_now_ns() + (int64_t)CLOSE_MS * 1000000;
    tls_session_close(tls->session);
    int64_t status = send_answer(tls);
    if (status == 0) status = client_finish(tls->client);
    while (status >= 0 && tls->state != TLS_FAILED) { /* ends: at the deadline, or when it closes */
        const int64_t left_ns = deadline_ns - system_now_ns();
        status = left_ns <= 0 ? ERR_TIMED_OUT : receive(tls, (uint32_t)(left_ns / 1000000 + 1));
        if (status == 0 && tls->state != TLS_FAILED) break;
    }
    char refusal[SENDER_REFUSAL_MAX];
    sender_refusal(tls->answer, tls->answer_size, refusal);
    if (refusal[0]) {
        say("send: %s: %s", where, refusal);
        return ERR_REFUSED;
    }
    if (status == 0 && tls->state != TLS_FAILED) return 0;
    const char *alert = status < 0 ? sender_tls_alert(tls) : tls_session_problem(tls->session);
    say("send: %s: %s; the receiver may not have read everything", where,
        alert[0] ? alert : error_text((int)status));
    return ERR_INVALID;
}
