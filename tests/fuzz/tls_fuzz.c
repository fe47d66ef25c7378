/* tls_fuzz.c - what a server's session of TLS is given by strangers, and by a client whose bytes are
 * changed on their way: it never reads or writes outside its buffers, answers a bounded number of
 * bytes, and what it decrypts is a beginning of what the client has written.
 *
 * The first byte says whether there is a client; then each operation is a byte
 * that says what to do and one that says how much. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/transport/certificates.h"
#include "ingest/transport/tls.h"

#define ANSWER_MAX (64u << 10)
#define SENT_MAX   (512u << 10)

static struct tls_context *contexts[2]; /* server, client */

static struct tls_text pem(const char *text) {
    return (struct tls_text){.name = "", .text = text, .size = strlen(text)};
}

static void make_contexts(void) {
    const char *const names[] = {"localhost"};
    const struct certificate_request ca = {CERTIFICATE_ISSUER, "CA", NULL, 0, 2};
    const struct certificate_request server = {CERTIFICATE_SERVER, "x", names, 1, 2};
    struct certificate_texts issuer, own;
    char problem[TLS_PROBLEM_MAX];
    const struct tls_text *wrong;
    int error = certificate_make(&ca, NULL, &issuer, problem);
    if (!error) error = certificate_make(&server, &issuer, &own, problem);
    assert(!error);
    const struct tls_settings settings[2] = {{.server = true,
                                              .certificate = pem(own.certificate),
                                              .key = pem(own.key),
                                              .issuers = pem(issuer.certificate),
                                              .peer_optional = true},
                                             {.issuers = pem(issuer.certificate)}};
    for (int i = 0; i < 2; i++) {
        error = tls_context_make(&settings[i], &contexts[i], &wrong, problem);
        assert(!error);
    }
    certificate_texts_free(&issuer);
    certificate_texts_free(&own);
}

struct talk {
    struct tls_session *server, *client;
    uint8_t *wire; /* on its way to the server */
    size_t wire_size;
    uint8_t *sent;
    size_t sent_size, received;
    enum tls_state state; /* of the server */
    bool changed;         /* bytes on the way to the server */
};

static void to_wire(struct talk *talk, const uint8_t *bytes, size_t size) {
    if (size == 0) return;
    talk->wire = realloc(talk->wire, talk->wire_size + size);
    assert(talk->wire);
    memcpy(talk->wire + talk->wire_size, bytes, size);
    talk->wire_size += size;
}

static void from_client(struct talk *talk) {
    size_t size;
    const uint8_t *answer = tls_session_answer(talk->client, &size);
    to_wire(talk, answer, size);
}

/* The server's answer goes to the client, whose answer waits on the wire. */
static void to_client(struct talk *talk, const uint8_t *answer, size_t size) {
    uint8_t first[TLS_RECORD_BYTES];
    struct tls_taken taken = {.first = first};
    uint8_t *piece = malloc(size);
    assert(piece);
    memcpy(piece, answer, size);
    tls_session_take(talk->client, piece, size, &taken);
    free(piece);
    from_client(talk);
}

static void check_plain(struct talk *talk, const uint8_t *bytes, size_t size) {
    if (size == 0) return;
    assert(talk->received + size <= talk->sent_size);
    assert(memcmp(talk->sent + talk->received, bytes, size) == 0);
    talk->received += size;
}

/* The first bytes of the wire arrive, in a piece of their own. */
static void deliver(struct talk *talk, size_t size) {
    if (size > talk->wire_size) size = talk->wire_size;
    if (size == 0 || talk->state == TLS_CLOSED || talk->state == TLS_FAILED) return;
    uint8_t *first = malloc(TLS_RECORD_BYTES), *piece = malloc(size);
    struct tls_taken taken = {.first = first};
    assert(first && piece);
    memcpy(piece, talk->wire, size);
    memmove(talk->wire, talk->wire + size, talk->wire_size - size);
    talk->wire_size -= size;
    talk->state = tls_session_take(talk->server, piece, size, &taken);
    assert(taken.first_size <= TLS_RECORD_BYTES && taken.rest_size <= size);
    check_plain(talk, first, taken.first_size);
    check_plain(talk, piece, taken.rest_size);
    free(first);
    free(piece);
    size_t answer_size;
    const uint8_t *answer = tls_session_answer(talk->server, &answer_size);
    assert(answer_size <= ANSWER_MAX);
    if (talk->state == TLS_FAILED) assert(tls_session_problem(talk->server)[0] != '\0');
    if (talk->client && answer_size > 0) to_client(talk, answer, answer_size);
}

static void write_plain(struct talk *talk, size_t size, uint8_t seed) {
    if (talk->sent_size + size > SENT_MAX || size == 0) return;
    uint8_t *bytes = talk->sent + talk->sent_size;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + i * 7);
    if (tls_session_put(talk->client, bytes, size) != TLS_OPEN) return;
    talk->sent_size += size;
    from_client(talk);
}

static void operate(struct talk *talk, uint8_t what, uint8_t much) {
    switch (what % 8) {
    case 0: deliver(talk, 1 + much); break;
    case 1: deliver(talk, (size_t)1 + much * 97u); break;
    case 2: deliver(talk, SIZE_MAX); break;
    case 3: write_plain(talk, much, what); break;
    case 4: write_plain(talk, much * 199u, what); break;
    case 5: /* a byte is changed */
        if (talk->wire_size == 0) break;
        talk->wire[(what >> 3) * 257u % talk->wire_size] ^= much;
        talk->changed = talk->changed || much != 0;
        break;
    case 6: /* one is lost */
        if (talk->wire_size > 0) talk->wire_size--;
        talk->changed = true;
        break;
    default:
        if (!talk->client) break;
        tls_session_close(talk->client);
        from_client(talk);
        break;
    }
}

static void with_client(struct talk *talk, const uint8_t *data, size_t size) {
    talk->client = tls_session_begin(contexts[1], "localhost");
    talk->sent = malloc(SENT_MAX);
    assert(talk->client && talk->sent);
    tls_session_put(talk->client, NULL, 0);
    from_client(talk);
    for (; size >= 2; data += 2, size -= 2)
        operate(talk, data[0], data[1]);
    while (talk->wire_size > 0 && talk->state != TLS_CLOSED && talk->state != TLS_FAILED)
        deliver(talk, SIZE_MAX); /* ends: the handshake, or what is left */
    if (!talk->changed) assert(talk->state != TLS_FAILED && talk->received == talk->sent_size);
    tls_session_end(talk->client);
    free(talk->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct talk talk = {0};
    if (!tls_available || size < 2) return 0;
    if (!contexts[0]) make_contexts();
    talk.server = tls_session_begin(contexts[0], NULL);
    assert(talk.server);
    if (data[0] & 1) {
        with_client(&talk, data + 1, size - 1);
    } else { /* bytes of a stranger */
        to_wire(&talk, data + 2, size - 2);
        while (talk.wire_size > 0 && talk.state == TLS_HANDSHAKE)
            deliver(&talk, data[1] ? data[1] : SIZE_MAX); /* ends: each takes a byte */
        assert(talk.state != TLS_OPEN);
    }
    tls_session_end(talk.server);
    free(talk.wire);
    return 0;
}
