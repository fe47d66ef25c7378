/* cat.c - prints all records, as they were sent or as render.h can show them. */
#include <stddef.h>

#include "tools/command.h"
#include "tools/read.h"
#include "tools/render.h"

struct cat_settings {
    struct common_settings common;
    struct render_settings render;
};

static int cat_run(struct call *call) {
    const struct cat_settings *settings = call->settings;
    struct reading reading;
    struct render render;
    if (render_open(&render, &settings->render, call->out) < 0) return EXIT_TROUBLE;
    render_page(&render, &settings->render);
    reading_open(&reading, call, false);
    while (!output_failed(call->out) && reading_next(&reading)) {
        render_lines(&render, reading.scan.raw, reading.scan.raw_size);
        if (call->out->terminal) output_flush(call->out);
    }
    const bool trouble = reading.trouble;
    reading_close(&reading);
    render_close(&render);
    return trouble ? EXIT_TROUBLE : EXIT_FINE;
}

static const struct option options[] = {
    RENDER_OPTIONS(offsetof(struct cat_settings, render)),
    RENDER_PAGER_OPTION(offsetof(struct cat_settings, render)),
    HELP_OPTION,
};

const struct command cat_command = {
    .name = "cat",
    .usage = "[OPTION…] [PATH…]",
    .summary = "Print all records; to no terminal byte for byte as they were sent.",
    .more = "Files are read in the order of their names: stream by stream, oldest first. The\n"
            "file that is being written is read up to its last whole batch. Damage is told on\n"
            "stderr and passed over, and makes the exit code 2.\n"
            "\n"
            "Examples:\n"
            "  logport cat                      everything in ./logs but the rejects\n"
            "  logport cat ./logs/rejects       what was refused, and why\n"
            "  logport cat /var/log/app | jq .  another program's turn\n"
            "  logport cat -o csv --fields time,http.status ./logs/main\n",
    .options = options,
    .settings_size = sizeof(struct cat_settings),
    .run = cat_run,
};
