/* logportd.c - the daemon's main: options in, exit code out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/forward_files.h"
#include "ingest/config/host.h"
#include "ingest/config/http_files.h"
#include "ingest/config/read.h"
#include "ingest/config/schema_files.h"
#include "ingest/config/tls_files.h"
#include "ingest/config/version.h"
#include "ingest/config/warnings.h"
#include "ingest/daemon/daemon.h"
#include "ingest/daemon/service_command.h"
#include "ingest/daemon/start_watch.h"
#include "ingest/protocol/inflate.h"
#include "ingest/protocol/zstandard.h"
#include "port/service.h"
#include "port/system.h"
#include "schema/record/forward.h"

#define COLUMNS 90

static void print(const char *text) {
    stream_write(STREAM_OUTPUT, text, strlen(text));
}

static void print_names(const struct option *table, bool of_parts) {
    size_t column = sizeof "Its keys:" - 1;
    for (; table->name; table++) {
        if (of_parts && table->place != OPTION_FOR_PARTS) continue;
        column += strlen(table->name) + 1;
        print(column > COLUMNS ? "\n  " : " ");
        print(table->name);
        if (column > COLUMNS) column = strlen(table->name) + 2;
    }
    print("\n");
}

static int print_help(void) {
    static const char head[] = "logportd receives JSON log records over TCP, TLS, UDP and Unix "
                               "sockets (lines, syslog,\n"
                               "GELF, RELP ...) and stores them in rotating .lz4 files.\n"
                               "\n"
                               "Usage: logportd [OPTION…]\n"
                               "\n";
    static const char tail[] =
        "\n"
        "Sizes are written as 64MiB, times as 200ms, 10m or 1h.  Ctrl-C, SIGTERM and `logport "
        "stop`\n"
        "stop the daemon: it stores everything it has received, prints its counters and exits.\n"
        "SIGHUP and `logport reload` reload the configuration; if the new one is invalid, the old\n"
        "one stays active.\n"
        "\n"
        "  logportd                                      TCP and UDP on 127.0.0.1:5170, files in "
        "./logs\n"
        "  logportd --tcp [::]:5170                      TCP only, on all IPv6 and IPv4 addresses\n"
        "  logportd service --help                       as a service of Windows\n"
        "\n"
        "In the configuration file a listener may be an object with an address and keys that "
        "apply\n"
        "only to what it receives:\n"
        "\n"
        "  \"tcp\": [\"127.0.0.1:5170\", {\"address\": \"127.0.0.1:5171\", "
        "\"level_scale\": \"syslog\"}]\n"
        "\n"
        "Its keys:";
    static const char tls[] = "\n"
                              "TLS is enabled on a listener by a key that is an object, too:\n"
                              "\n"
                              "  \"tls\": {\"certificate\": \"server.pem\", \"key\": "
                              "\"server-key.pem\"}\n"
                              "\n"
                              "Its keys:";
    static const char streams[] =
        "\n"
        "Lines received by a listener with \"stream\": \"audit\" go to the stream audit, which has "
        "a\n"
        "folder and files of its own.  All other lines go to main; rejected lines go to rejects.\n"
        "Some keys can be set for a single stream:\n"
        "\n"
        "  \"streams\": {\"audit\": {\"rotate\": \"daily\", \"retention_age_s\": \"365d\"}}\n"
        "\n"
        "Its keys:";
    const uint32_t columns = stream_columns(STREAM_OUTPUT);
    const size_t size = options_help(config_options, columns, NULL, 0) + 1;
    char *text = malloc(size);
    if (!text) return 1;
    options_help(config_options, columns, text, size);
    print(head);
    print(text);
    free(text);
    print(tail);
    print_names(config_listener_options, false);
    print(tls);
    print_names(config_tls_options, false);
    print(streams);
    print_names(config_options, true);
    return 0;
}

static int print_version(void) {
    char text[VERSION_TEXT_MAX];
    char more[160];
    const char *zlib = inflate_library(), *zstd = zstandard_library();
    const char *msgpack = forward_library();
    snprintf(more, sizeof more, ", %s %.32s, %s %.32s, %s %.32s", zlib ? "zlib" : "without",
             zlib ? zlib : "zlib", zstd ? "zstd" : "without", zstd ? zstd : "zstd",
             msgpack ? "msgpack-c" : "without", msgpack ? msgpack : "msgpack-c");
    stream_write(STREAM_OUTPUT, text, version_text("logportd", source_commit, more, text));
    return 0;
}

/* *watch: ended, and NULL, once the daemon has started. */
static int run(const struct host *host, const struct config *config, int argc, char **argv,
               struct start_watch **watch) {
    struct daemon_options options = {.host = host, .config = config, .argc = argc, .argv = argv};
    struct daemon *daemon;
    enum daemon_state state;
    const int error = port_open(&(struct port_options){0}, &options.port);
    if (error) {
        say_error("cannot start: %s", error_text(error));
        return 1;
    }
    if (daemon_start(&options, &daemon)) system_exit_now(1); /* the system closes what is open */
    start_watch_end(*watch);
    *watch = NULL;
    system_messages_never_wait();
    service_report(SERVICE_PHASE_READY, NULL);
    while ((state = daemon_step(daemon)) == DAEMON_RUNS) {
    }
    const int code = daemon_finish(daemon);
    if (state == DAEMON_LEAVES) system_exit_now(code);
    port_close(options.port);
    return code;
}

static int daemon_main(int argc, char **argv) {
    struct config config;
    char error[CONFIG_ERROR_MAX];
    system_name("logportd");
    /* Before anything that takes time: a signal would end the process. */
    const int signal_error = system_requests_keep();
    const bool starts = !config_is_question(argc, argv);
    if (!starts) {
        system_requests_release();
    } else if (signal_error) {
        say_error("cannot handle signals: %s; not starting, because SIGTERM would lose records",
                  error_text(signal_error));
        return 1;
    }
    const struct host host = host_of_system();
    struct start_watch *watch = starts ? start_watch_begin(&host) : NULL;
    int code = 0;
    if (config_read(&host, argc, argv, &config, error) ||
        schema_files_load(host.files, &config, config.line_bytes_max, host.cores, error) ||
        tls_files_load(host.files, &config, error) || http_files_load(host.files, &config, error) ||
        forward_files_load(host.files, &config, error)) {
        say_error("%s", error);
        code = 2;
    } else if (config.help) {
        code = print_help();
    } else if (config.version) {
        code = print_version();
    } else if (config.check) {
        config_say_warnings(&config);
        say_info("options and configuration are valid");
    } else {
        code = run(&host, &config, argc, argv, &watch);
    }
    start_watch_end(watch);
    config_free(&config);
    return code;
}

int program_main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "service") == 0)
        return service_command(argc, argv, daemon_main);
    return daemon_main(argc, argv);
}
