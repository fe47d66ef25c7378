/* rotate.c - makes the daemon close its live segments. */
#include "tools/commands/control.h"

/* The daemon answers within 60 s, with an error if the disk does not let it close the segments. */
#define ROTATE_MS 70000

static int rotate_run(struct call *call) {
    return control_run(call, "rotate", ROTATE_MS);
}

const struct command rotate_command = {
    .name = "rotate",
    .usage = "[DIR]",
    .summary = "Close the live segments; the next record of a stream opens a new one.",
    .more = "The answer comes when every record that the daemon had read before is in a closed "
            "segment,\n"
            "however much it receives meanwhile.\n"
            "\n"
            "Exit code: 0 closed, 2 not closed within 10 s because the disk fails, or within 60 s\n"
            "because it is slow, or no daemon answers for 30 s.\n"
            "\n"
            "Examples:\n"
            "  logport rotate\n"
            "  logport rotate ./logs && logport archive ./logs\n",
    .options = control_options,
    .settings_size = sizeof(struct control_settings),
    .run = rotate_run,
};
