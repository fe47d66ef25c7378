/* stop.c - stops the daemon and waits until it has ended. */
#include "tools/commands/control.h"

/* The daemon limits its own stop by its settings. */
static int stop_run(struct call *call) {
    return control_run(call, "stop", ASK_WHILE_IT_ANSWERS);
}

const struct command stop_command = {
    .name = "stop",
    .usage = "[DIR]",
    .summary = "Stop the daemon and wait until it has stored everything it received.",
    .more =
        "The daemon limits its stop itself (drain_ms, stop_ms). One that answers no request for "
        "30 s\n"
        "is given up.\n"
        "\n"
        "Exit code: 0 the daemon has stopped, 2 no daemon answers, or records were lost.\n"
        "\n"
        "Examples:\n"
        "  logport stop\n"
        "  logport stop --dir ./logs\n",
    .options = control_options,
    .settings_size = sizeof(struct control_settings),
    .run = stop_run,
};
