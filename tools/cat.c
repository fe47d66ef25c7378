/* cat.c - prints all records as they were sent. */
#include <stddef.h>

#include "tools/command.h"
#include "tools/read.h"

static int cat_run(struct call *call) {
    struct reading reading;
    reading_open(&reading, call, false);
    while (!output_failed(call->out) && reading_next(&reading)) {
        output_records(call->out, reading.scan.raw, reading.scan.raw_size);
        if (call->out->terminal) output_flush(call->out);
    }
    const bool trouble = reading.trouble;
    reading_close(&reading);
    return trouble ? EXIT_TROUBLE : EXIT_FINE;
}

static const struct option options[] = {HELP_OPTION};

const struct command cat_command = {
    .name = "cat",
    .usage = "[PATH…]",
    .summary = "Print all records, byte for byte as they were sent.",
    .more = "Files are read in the order of their names: stream by stream, oldest first. The\n"
            "file that is being written is read up to its last whole batch. Damage is told on\n"
            "stderr and passed over, and makes the exit code 2.\n"
            "\n"
            "Examples:\n"
            "  logport cat                      everything in ./logs but the rejects\n"
            "  logport cat ./logs/rejects       what was refused, and why\n"
            "  logport cat /var/log/app | jq .  another program's turn\n",
    .options = options,
    .settings_size = sizeof(struct common_settings),
    .run = cat_run,
};
