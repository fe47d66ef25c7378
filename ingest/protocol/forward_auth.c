/* forward_auth.c - see forward_auth.h. */
#include "ingest/protocol/forward_auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/msgpack.h"
#include "ingest/protocol/sha512.h"

#define NONCE_BYTES    16
/* Two digests, a salt, and names of up to 255 bytes. */
#define PING_BYTES_MAX 1024
#define PING_TEXTS     6

struct forward_auth {
    struct forward_settings *settings;
    enum forward_auth_state state;
    bool greeted, answered;
    const char *problem;
    uint8_t nonce[NONCE_BYTES], salt[NONCE_BYTES]; /* salt: of the passwords */
    struct msgpack_walk walk;
    uint8_t ping[PING_BYTES_MAX];
    uint32_t ping_size;
    char digest[SHA512_HEX_BYTES]; /* of PONG */
};

/* ---- settings ---- */

struct forward_settings *forward_settings_create(void (*random)(void *bytes, size_t size),
                                                 const char *key, const char *hostname) {
    struct forward_settings *settings = calloc(1, sizeof *settings);
    assert(strlen(key) <= FORWARD_SECRET_BYTES_MAX &&
           strlen(hostname) <= FORWARD_HOSTNAME_BYTES_MAX);
    if (!settings) return NULL;
    settings->holders = 1;
    settings->random = random;
    strcpy(settings->key, key);
    strcpy(settings->hostname, hostname);
    return settings;
}

bool forward_settings_add_user(struct forward_settings *settings, const char *user) {
    const size_t size = strlen(user) + 1;
    if (settings->user_count == FORWARD_USERS_MAX) return false;
    if (!settings->users) settings->users = calloc(FORWARD_USERS_MAX, sizeof *settings->users);
    char *copy = settings->users ? malloc(size) : NULL;
    if (!copy) return false;
    memcpy(copy, user, size);
    settings->users[settings->user_count++] = copy;
    return true;
}

void forward_settings_hold(struct forward_settings *settings) {
    settings->holders++;
}

static void wipe(char *text) {
    for (volatile char *at = text; *at; at++)
        *at = 0;
}

void forward_settings_release(struct forward_settings *settings) {
    if (!settings || --settings->holders > 0) return;
    for (uint32_t i = 0; i < settings->user_count; i++) {
        wipe(settings->users[i]);
        free(settings->users[i]);
    }
    wipe(settings->key);
    free(settings->users);
    free(settings);
}

/* ---- sessions ---- */

struct forward_auth *forward_auth_begin(struct forward_settings *settings) {
    struct forward_auth *auth = calloc(1, sizeof *auth);
    if (!auth) return NULL;
    forward_settings_hold(settings);
    auth->settings = settings;
    auth->walk.objects = 1;
    settings->random(auth->nonce, sizeof auth->nonce);
    settings->random(auth->salt, sizeof auth->salt);
    return auth;
}

void forward_auth_end(struct forward_auth *auth) {
    if (!auth) return;
    forward_settings_release(auth->settings);
    free(auth);
}

size_t forward_auth_memory(void) {
    return sizeof(struct forward_auth);
}

enum forward_auth_state forward_auth_state(const struct forward_auth *auth) {
    return auth->state;
}

/* ---- PING ---- */

static struct sha512_piece piece_of(const char *text) {
    return (struct sha512_piece){text, strlen(text)};
}

/* The time does not depend on the bytes. */
static bool same(const struct sha512_piece *text, const char digest[SHA512_HEX_BYTES]) {
    uint8_t difference = 0;
    if (text->size != SHA512_HEX_BYTES) return false;
    for (size_t i = 0; i < SHA512_HEX_BYTES; i++)
        difference |= ((const uint8_t *)text->bytes)[i] ^ (uint8_t)digest[i];
    return difference == 0;
}

/* Finds the texts of PING in `auth->ping`.  False: it is none. */
static bool find_texts(const struct forward_auth *auth, struct sha512_piece texts[PING_TEXTS]) {
    uint32_t at = 1;
    if (auth->ping[0] != (0x90 | PING_TEXTS)) return false;
    for (int i = 0; i < PING_TEXTS; i++) {
        struct msgpack_head head = {.size = 0};
        while (at < auth->ping_size && !msgpack_head(&head, auth->ping[at++]))
            ; /* ends: at advances */
        if (head.kind != MSGPACK_STR && head.kind != MSGPACK_BIN) return false;
        if (head.missing > 0 || head.length > auth->ping_size - at) return false;
        texts[i] = (struct sha512_piece){auth->ping + at, head.length};
        at += head.length;
    }
    return texts[0].size == 4 && memcmp(texts[0].bytes, "PING", 4) == 0;
}

/* Is it a user, with this digest of the password? */
static bool is_user(const struct forward_auth *auth, const struct sha512_piece *name,
                    const struct sha512_piece *digest) {
    const struct forward_settings *settings = auth->settings;
    bool found = false;
    for (uint32_t i = 0; i < settings->user_count; i++) {
        const char *user = settings->users[i], *colon = strchr(user, ':');
        if ((size_t)(colon - user) != name->size || memcmp(user, name->bytes, name->size) != 0)
            continue;
        char expected[SHA512_HEX_BYTES];
        const struct sha512_piece pieces[] = {
            {auth->salt, sizeof auth->salt}, *name, piece_of(colon + 1)};
        found = found || (sha512_hex(pieces, 3, expected) && same(digest, expected));
    }
    return found;
}

/* NULL, or why it fails. */
static const char *check(struct forward_auth *auth) {
    struct sha512_piece texts[PING_TEXTS];
    char expected[SHA512_HEX_BYTES];
    const struct forward_settings *settings = auth->settings;
    if (!find_texts(auth, texts)) return "no PING";
    const struct sha512_piece nonce = {auth->nonce, sizeof auth->nonce};
    const struct sha512_piece key = piece_of(settings->key), host = piece_of(settings->hostname);
    const struct sha512_piece clients[] = {texts[2], texts[1], nonce, key};
    const struct sha512_piece own[] = {texts[2], host, nonce, key};
    if (!sha512_hex(clients, 4, expected)) return "out of memory";
    if (!same(&texts[3], expected)) return "shared_key mismatch";
    if (settings->user_count > 0 && !is_user(auth, &texts[4], &texts[5]))
        return "username/password mismatch";
    return sha512_hex(own, 4, auth->digest) ? NULL : "out of memory";
}

size_t forward_auth_take(struct forward_auth *auth, const uint8_t *bytes, size_t size) {
    if (auth->state != FORWARD_AUTH_WAITS) return 0;
    const size_t part = msgpack_walk(&auth->walk, bytes, size);
    const bool fits = part <= PING_BYTES_MAX - auth->ping_size;
    if (fits) {
        memcpy(auth->ping + auth->ping_size, bytes, part);
        auth->ping_size += (uint32_t)part;
    }
    if (!fits || auth->walk.broken)
        auth->problem = "no PING";
    else if (msgpack_walk_ended(&auth->walk))
        auth->problem = check(auth);
    else
        return part;
    auth->state = auth->problem ? FORWARD_AUTH_FAILED : FORWARD_AUTH_PASSED;
    return part;
}

/* ---- HELO and PONG ---- */

static uint8_t *put(uint8_t *to, const void *bytes, size_t size) {
    memcpy(to, bytes, size);
    return to + size;
}

static uint8_t *put_text(uint8_t *to, const void *text, size_t size) {
    *to++ = 0xD9;
    *to++ = (uint8_t)size;
    return put(to, text, size);
}

static uint8_t *put_binary(uint8_t *to, const uint8_t bytes[NONCE_BYTES]) {
    *to++ = 0xC4;
    *to++ = NONCE_BYTES;
    return put(to, bytes, NONCE_BYTES);
}

static uint8_t *put_helo(const struct forward_auth *auth, uint8_t *to) {
    to = put(to, "\x92\xA4HELO\x83\xA5nonce", 13);
    to = put_binary(to, auth->nonce);
    to = put(to,
             "\xA4"
             "auth",
             5);
    if (auth->settings->user_count > 0)
        to = put_binary(to, auth->salt);
    else
        *to++ = 0xA0;
    return put(to, "\xA9keepalive\xC3", 11);
}

static uint8_t *put_pong(const struct forward_auth *auth, uint8_t *to) {
    const char *problem = auth->problem ? auth->problem : "", *host = auth->settings->hostname;
    to = put(to, "\x95\xA4PONG", 6);
    *to++ = auth->problem ? 0xC2 : 0xC3;
    to = put_text(to, problem, strlen(problem));
    to = put_text(to, host, auth->problem ? 0 : strlen(host));
    return put_text(to, auth->digest, auth->problem ? 0 : sizeof auth->digest);
}

bool forward_auth_owes(const struct forward_auth *auth) {
    return !auth->greeted || (auth->state != FORWARD_AUTH_WAITS && !auth->answered);
}

size_t forward_auth_reply(struct forward_auth *auth, uint8_t *bytes) {
    if (!auth->greeted) {
        auth->greeted = true;
        return (size_t)(put_helo(auth, bytes) - bytes);
    }
    auth->answered = true;
    return (size_t)(put_pong(auth, bytes) - bytes);
}
