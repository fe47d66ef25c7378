/* logportd.c - the daemon's main: options in, exit code out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/config.h"
#include "ingest/config/schema_files.h"
#include "ingest/daemon/daemon.h"
#include "port/system.h"

#define HELP_BYTES_MAX  16384
#define COLUMNS         90
#define PART_KEYS_BYTES 768 /* of a listener, and of a stream */

static void put_names(char *text, const struct option *table, bool of_parts) {
    size_t column = sizeof "Its keys:" - 1;
    for (; table->name; table++) {
        if (of_parts && table->place != OPTION_FOR_PARTS) continue;
        column += strlen(table->name) + 1;
        strcat(strcat(text, column > COLUMNS ? "\n  " : " "), table->name);
        if (column > COLUMNS) column = strlen(table->name) + 2;
    }
    strcat(text, "\n");
}

static int print_help(void) {
    static const char head[] =
        "logportd receives JSON log lines over TCP and UDP and keeps them in rotating .lz4 files.\n"
        "\n"
        "usage: logportd [options]\n"
        "\n";
    static const char tail[] =
        "\n"
        "Sizes take 64MiB, times 200ms, 10m or 1h.  Stop it with Ctrl-C, SIGTERM or `logport "
        "stop`:\n"
        "it then reads, writes and closes what it has, and prints its counters.  `logport reload`\n"
        "or SIGHUP: it reads the configuration again; a bad one leaves the old in force.\n"
        "\n"
        "  logportd                                      both on 127.0.0.1:5170, into ./logs\n"
        "  logportd --tcp 0.0.0.0:5170 --tcp [::]:5170   TCP alone, from everywhere, IPv4 and "
        "IPv6\n"
        "\n"
        "In the configuration file a listener may be an object, with an address and keys that are\n"
        "in force for its lines alone:\n"
        "\n"
        "  \"tcp\": [\"127.0.0.1:5170\", {\"address\": \"127.0.0.1:5171\", "
        "\"level_scale\": \"syslog\"}]\n"
        "\n"
        "Its keys:";
    static const char streams[] =
        "\n"
        "What comes to a listener with \"stream\": \"audit\" goes to the folder audit, with files "
        "of its\n"
        "own (else to main; what is no good, to rejects), and these keys may be another for one\n"
        "stream than for the rest:\n"
        "\n"
        "  \"streams\": {\"audit\": {\"rotate\": \"daily\", \"retention_age_s\": \"365d\"}}\n"
        "\n"
        "Its keys:";
    char *text = malloc(HELP_BYTES_MAX);
    if (!text) return 1;
    strcpy(text, head);
    options_help(config_options, stream_columns(STREAM_OUTPUT), text + strlen(text),
                 HELP_BYTES_MAX - sizeof head - sizeof tail - PART_KEYS_BYTES);
    strcat(text, tail);
    put_names(text, config_listener_options, false);
    strcat(text, streams);
    put_names(text, config_options, true);
    stream_write(STREAM_OUTPUT, text, strlen(text));
    free(text);
    return 0;
}

static int print_version(void) {
    static const char text[] = "logportd " LOGPORT_VERSION "\n";
    stream_write(STREAM_OUTPUT, text, sizeof text - 1);
    return 0;
}

int program_main(int argc, char **argv) {
    struct config config;
    char error[CONFIG_ERROR_MAX];
    system_name("logportd");
    int code = 0;
    if (config_read(files_of_system(), argc, argv, &config, error) ||
        schema_files_settle(files_of_system(), &config, config.line_bytes_max, system_cores(),
                            error)) {
        say("%s", error);
        code = 2;
    } else if (config.help) {
        code = print_help();
    } else if (config.version) {
        code = print_version();
    } else if (config.check) {
        config_say_warnings(&config);
        say("options and configuration are good");
    } else {
        code = daemon_run(&config, argc, argv);
    }
    config_free(&config);
    return code;
}
