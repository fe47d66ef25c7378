/* forward_auth.h - authentication of the forward protocol: the server begins with HELO, the client
 * shows in PING that it knows the shared key, and a user's password if there are users, and the
 * server shows in PONG that it knows the key, too (Forward-Protocol-Specification-v1,
 * "Handshake").  No socket, clock or configuration.  Owner only, except for creating settings. */
#ifndef INGEST_PROTOCOL_FORWARD_AUTH_H
#define INGEST_PROTOCOL_FORWARD_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a key, a user's name and a password. */
#define FORWARD_SECRET_BYTES_MAX   255
#define FORWARD_HOSTNAME_BYTES_MAX 64
#define FORWARD_USERS_MAX          1000

struct forward_settings {
    uint32_t holders;
    void (*random)(void *bytes, size_t size); /* unpredictable bytes */
    char key[FORWARD_SECRET_BYTES_MAX + 1];
    char hostname[FORWARD_HOSTNAME_BYTES_MAX + 1];
    char **users; /* "NAME:PASSWORD"; none: the key is enough */
    uint32_t user_count;
};

/* Held once; without users.  NULL: out of memory. */
struct forward_settings *forward_settings_create(void (*random)(void *bytes, size_t size),
                                                 const char *key, const char *hostname);
/* Copies it.  False: out of memory, or FORWARD_USERS_MAX. */
bool forward_settings_add_user(struct forward_settings *settings, const char *user);
void forward_settings_hold(struct forward_settings *settings);
void forward_settings_release(struct forward_settings *settings); /* NULL: does nothing */

struct forward_auth;

/* Holds the settings.  NULL: out of memory. */
struct forward_auth *forward_auth_begin(struct forward_settings *settings);
void forward_auth_end(struct forward_auth *auth); /* NULL: does nothing */
size_t forward_auth_memory(void);

enum forward_auth_state { FORWARD_AUTH_WAITS, FORWARD_AUTH_PASSED, FORWARD_AUTH_FAILED };

/* Takes bytes up to the end of PING; returns how many. */
size_t forward_auth_take(struct forward_auth *auth, const uint8_t *bytes, size_t size);
enum forward_auth_state forward_auth_state(const struct forward_auth *auth);
/* Is HELO or PONG to be sent? */
bool forward_auth_owes(const struct forward_auth *auth);
/* Writes it: at most FORWARD_AUTH_REPLY_MAX bytes.  Returns how many. */
#define FORWARD_AUTH_REPLY_MAX 256
size_t forward_auth_reply(struct forward_auth *auth, uint8_t *bytes);

#endif
