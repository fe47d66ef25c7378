/* rotate.c - makes the daemon close its live segments. */
#include "tools/commands/control.h"

static int rotate_run(struct call *call) {
    return control_run(call, "rotate", ASK_REPLY_MS);
}

const struct command rotate_command = {
    .name = "rotate",
    .usage = "[DIR]",
    .summary = "Close the live segments; the next record of a stream opens a new one.",
    .more = "Exit code: 0, or 2 if no daemon answers.\n",
    .options = control_options,
    .settings_size = sizeof(struct control_settings),
    .run = rotate_run,
};
