/* stop.c - stops the daemon and waits until it has ended. */
#include "tools/commands/control.h"

/* The daemon limits its own stop by its settings; this limit is for a daemon that hangs. */
#define STOP_MS 600000

static int stop_run(struct call *call) {
    return control_run(call, "stop", STOP_MS);
}

const struct command stop_command = {
    .name = "stop",
    .usage = "[DIR]",
    .summary = "Stop the daemon and wait until it has stored everything it received.",
    .more = "Exit code: 0 the daemon has stopped, 2 no daemon answers.\n",
    .options = control_options,
    .settings_size = sizeof(struct control_settings),
    .run = stop_run,
};
