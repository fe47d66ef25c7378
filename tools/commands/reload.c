/* reload.c - makes the daemon read its configuration again. */
#include <stdlib.h>

#include "port/system.h"
#include "tools/commands/control.h"

#define NOTE_MAX  2048
/* A reload may compile large schemas and wait for a busy disk. */
#define RELOAD_MS 60000

static int reload_run(struct call *call) {
    struct answer answer;
    char note[NOTE_MAX];
    const int code = control_ask(call, "reload", RELOAD_MS, &answer);
    if (code == 0 && answer_text(answer.reply, "note", note, sizeof note)) say("reload: %s", note);
    free(answer.reply);
    return code;
}

const struct command reload_command = {
    .name = "reload",
    .usage = "[DIR]",
    .summary = "Make the daemon read its configuration file again.",
    .more =
        "The daemon reads the whole file first. If anything in it is invalid, the old\n"
        "configuration stays active, and the error is reported with file, line and column.\n"
        "Listeners in both configurations stay open with their connections. New listeners are\n"
        "opened. Removed listeners read what has already arrived, for at most drain_ms, and are\n"
        "closed. dir, connections_max, line_bytes_max and buffer_bytes_max change only at\n"
        "the next start, which is reported. receive_bytes applies to listeners that are opened\n"
        "later.\n"
        "\n"
        "Exit code: 0 the new configuration is active, 2 it is not, or not within 60 s, or no\n"
        "daemon answers for 30 s.\n"
        "\n"
        "Examples:\n"
        "  logportd --config /etc/logportd.json --check && logport reload ./logs\n",
    .options = control_options,
    .settings_size = sizeof(struct control_settings),
    .run = reload_run,
};
