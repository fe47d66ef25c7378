/* control.c - see control.h. */
#include "tools/commands/control.h"

#include <stdlib.h>
#include <string.h>

#include "port/system.h"

int control_ask(struct call *call, const char *request, int64_t wait_ms, struct answer *answer) {
    const struct control_settings *settings = call->settings;
    const char *dir = settings->dir != NULL ? settings->dir : call->paths.paths[0];
    memset(answer, 0, sizeof *answer);
    if (call->words > 1 || (call->words == 1 && settings->dir != NULL)) {
        say("%s: more than one directory is given (see logport %s --help)", request, request);
        return EXIT_ERROR;
    }
    return ask_daemon(call->files, request, dir, request, wait_ms, answer);
}

int control_run(struct call *call, const char *request, int64_t wait_ms) {
    struct answer answer;
    const int code = control_ask(call, request, wait_ms, &answer);
    free(answer.reply);
    return code;
}

const struct option control_options[] = {
    CONTROL_DIR_OPTION,
    HELP_OPTION,
};
