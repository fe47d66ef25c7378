/* control.h - shared by the commands status, rotate, reload and stop: a request to the daemon that
 * runs on the directory given as DIR or with --dir. */
#ifndef TOOLS_COMMANDS_CONTROL_H
#define TOOLS_COMMANDS_CONTROL_H

#include "tools/commands/ask.h"
#include "tools/commands/command.h"

struct control_settings {
    struct common_settings common;
    const char *dir;
};

#define CONTROL_DIR_OPTION                                                                         \
    {                                                                                              \
        .name = "dir", .kind = OPTION_TEXT, .field = offsetof(struct control_settings, dir),       \
        .value = "DIR", .help = "The daemon's directory; the same as DIR.",                        \
        .unset = "$LOGPORT_DIR, otherwise ./logs"                                                  \
    }

extern const struct option control_options[];

/* Sends the request, which is also the name of the command.  0, or the exit code after a message;
 * free(answer->reply) in either case. */
int control_ask(struct call *call, const char *request, int64_t wait_ms, struct answer *answer);
/* The same for a request whose reply holds nothing to print. */
int control_run(struct call *call, const char *request, int64_t wait_ms);

#endif
