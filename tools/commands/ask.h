/* ask.h - asks the daemon whose directory this is.  It names its control port and a secret in
 * <dir>/logportd.run; a question is one line with the secret first, the answer one line of JSON. */
#ifndef TOOLS_COMMANDS_ASK_H
#define TOOLS_COMMANDS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "port/files.h"

#define ASK_TOKEN_BYTES 64
#define ASK_REPLY_MS    10000 /* for what a daemon answers at once */

struct answer {
    const char *dir;
    char where[ADDRESS_TEXT_MAX]; /* its control port */
    char token[ASK_TOKEN_BYTES + 1];
    char *reply; /* a text; free() it, whatever came of asking */
    size_t reply_size;
};

/* 0, or the exit code, and what went wrong has been said, mostly in the name of `command`. */
int ask_daemon(struct files *files, const char *command, const char *dir, const char *question,
               int64_t wait_ms, struct answer *answer);
/* The text of "name":"…" in an object that our own daemon wrote; control characters become
 * spaces.  False: there is none, or it is empty or longer than size - 1. */
bool answer_text(const char *object, const char *name, char *text, size_t size);

#endif
