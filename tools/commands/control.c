/* control.c - the commands status, rotate, reload and stop: requests to the running daemon
 * (ask.h). */
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tools/commands/ask.h"
#include "tools/commands/command.h"
#include "tools/render/pretty.h"

#define NOTE_MAX  2048
/* A reload may compile large schemas and wait for a busy disk. */
#define RELOAD_MS 60000
/* The daemon limits its own stop by its settings; this limit is for a daemon that hangs. */
#define STOP_MS   600000

struct control_settings {
    struct common_settings common;
    const char *dir;
};

/* 0, or the exit code after a message; the reply is in answer. */
static int control_ask(struct call *call, struct answer *answer, const char *question,
                       int64_t wait_ms) {
    const struct control_settings *settings = call->settings;
    const char *dir = settings->dir != NULL ? settings->dir : default_directory();
    memset(answer, 0, sizeof *answer);
    if (call->words > 1 || (call->words == 1 && settings->dir != NULL)) {
        say("%s: more than one directory is given (see logport %s --help)", question, question);
        return EXIT_ERROR;
    }
    if (call->words == 1) dir = call->word[0];
    return ask_daemon(call->files, question, dir, question, wait_ms, answer);
}

static int run_request(struct call *call, const char *question, int64_t wait_ms) {
    struct answer answer;
    const int code = control_ask(call, &answer, question, wait_ms);
    free(answer.reply);
    return code;
}

static int stop_run(struct call *call) {
    return run_request(call, "stop", STOP_MS);
}

static int rotate_run(struct call *call) {
    return run_request(call, "rotate", ASK_REPLY_MS);
}

static int reload_run(struct call *call) {
    struct answer answer;
    char note[NOTE_MAX];
    const int code = control_ask(call, &answer, "reload", RELOAD_MS);
    if (code == 0 && answer_text(answer.reply, "note", note, sizeof note)) say("reload: %s", note);
    free(answer.reply);
    return code;
}

static int status_run(struct call *call) {
    static const char ok[] = "{\"ok\":true,";
    struct answer answer;
    const int code = control_ask(call, &answer, "status", ASK_REPLY_MS);
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

static const struct option options[] = {
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = offsetof(struct control_settings, dir),
     .value = "DIR",
     .help = "The daemon's directory; the same as DIR.",
     .unset = "$LOGPORT_DIR, otherwise ./logs"},
    HELP_OPTION,
};

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
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = status_run,
};

const struct command rotate_command = {
    .name = "rotate",
    .usage = "[DIR]",
    .summary = "Close the live segments; the next record of a stream opens a new one.",
    .more = "Exit code: 0, or 2 if no daemon answers.\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = rotate_run,
};

const struct command reload_command = {
    .name = "reload",
    .usage = "[DIR]",
    .summary = "Make the daemon read its configuration file again.",
    .more =
        "The daemon reads the whole file first. If anything in it is invalid, the old\n"
        "configuration stays active, and the error is reported with file, line and column.\n"
        "Listeners in both configurations stay open with their connections. New ones are\n"
        "opened. Those that are gone receive what has already arrived, for at most drain_ms, and\n"
        "are closed. dir, connections_max, line_bytes_max and buffer_bytes_max change only at\n"
        "the next start, which is reported. receive_bytes applies to listeners that are opened\n"
        "later.\n"
        "\n"
        "Exit code: 0 the new configuration is active, 2 it is not.\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = reload_run,
};

const struct command stop_command = {
    .name = "stop",
    .usage = "[DIR]",
    .summary = "Stop the daemon and wait until it has stored everything it received.",
    .more = "Exit code: 0 the daemon has stopped, 2 no daemon answers.\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = stop_run,
};
