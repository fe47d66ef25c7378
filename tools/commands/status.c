/* status.c - prints the counters of the running daemon, and the free space of its volumes. */
#include <stdlib.h>
#include <string.h>

#include "tools/commands/control.h"
#include "tools/render/status_table.h"

struct status_settings {
    struct control_settings control;
    bool json;
};

static int status_run(struct call *call) {
    const struct status_settings *settings = call->settings;
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
        if (call->out->terminal && !settings->json) {
            print_status(call->out, text, size);
        } else {
            output_bytes(call->out, text, size);
            output_text(call->out, "\n");
        }
    }
    free(answer.reply);
    return code;
}

static const struct option options[] = {
    CONTROL_DIR_OPTION,
    {.name = "json",
     .kind = OPTION_FLAG,
     .field = offsetof(struct status_settings, json),
     .help = "Print one line of JSON on a terminal, too."},
    HELP_OPTION,
};

const struct command status_command = {
    .name = "status",
    .usage = "[DIR]",
    .section = "Control the daemon",
    .summary = "Print the counters of the running daemon and its free space.",
    .more = "Prints one line of JSON with all counters and the free space of each volume\n"
            "that holds segments; on a terminal, a short table.\n"
            "\n"
            "Exit code: 0, or 2 if no daemon answers.\n"
            "\n"
            "Examples:\n"
            "  logport status\n"
            "  logport status ./logs | jq .received\n"
            "  logport status | jq '.volumes[].free_bytes'\n",
    .options = options,
    .settings_size = sizeof(struct status_settings),
    .run = status_run,
};
