/* status.c - prints the counters of the running daemon. */
#include <stdlib.h>
#include <string.h>

#include "tools/commands/control.h"
#include "tools/render/pretty.h"

static int status_run(struct call *call) {
    static const char ok[] = "{\"ok\":true,";
    struct answer answer;
    const int code = control_ask(call, "status", ASK_REPLY_MS, &answer);
    if (code == 0) {
        char *text = answer.reply;
        /* Leave out "ok": the exit code says it. */
        if (strncmp(text, ok, sizeof ok - 1) == 0) {
            text += sizeof ok - 2;
            *text = '{';
        }
        const size_t size = strcspn(text, "\r\n");
        if (call->out->terminal)
            print_pretty(call->out, text, size);
        else
            output_bytes(call->out, text, size);
        output_text(call->out, "\n");
    }
    free(answer.reply);
    return code;
}

const struct command status_command = {
    .name = "status",
    .usage = "[DIR]",
    .section = "Control the daemon",
    .summary = "Print the counters of the running daemon.",
    .more = "Prints one line of JSON; on a terminal, one counter per line.\n"
            "\n"
            "Exit code: 0, or 2 if no daemon answers.\n"
            "\n"
            "Examples:\n"
            "  logport status\n"
            "  logport status ./logs | jq .received\n",
    .options = control_options,
    .settings_size = sizeof(struct control_settings),
    .run = status_run,
};
