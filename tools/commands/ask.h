/* ask.h - sends requests to the daemon that runs on a directory; shared by status, rotate, reload,
 * stop and replay.  The daemon publishes its control port and a secret token in <dir>/logportd.run.
 * A request is one line that starts with the token; the answer is one line of JSON. */
#ifndef TOOLS_COMMANDS_ASK_H
#define TOOLS_COMMANDS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "port/files.h"

#define ASK_TOKEN_BYTES      64
/* For requests that the daemon answers at once.  For others, this long without an answer makes the
 * reader look whether the daemon answers at all. */
#define ASK_REPLY_MS         10000
#define ASK_WHILE_IT_ANSWERS (-1)

struct answer {
    const char *dir;
    char where[ADDRESS_TEXT_MAX]; /* control address */
    char token[ASK_TOKEN_BYTES + 1];
    char *reply; /* a string; free() it in any case */
    size_t reply_size;
    bool answers; /* it answered something else while it was at work on this */
};

/* 0, or the exit code after a message, which usually starts with `command`.  Waits at most wait_ms,
 * or as long as the daemon answers other requests; one that answers nothing is given up after
 * ASK_REPLY_MS, or 3 times that if it has accepted the connection. */
int ask_daemon(struct files *files, const char *command, const char *dir, const char *question,
               int64_t wait_ms, struct answer *answer);
/* Copies the string value of "name" from an object that a logportd wrote; control characters become
 * spaces.  False: it is absent, empty, or longer than size - 1. */
bool answer_text(const char *object, const char *name, char *text, size_t size);

#endif
