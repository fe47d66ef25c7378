/* service_command.c - see service_command.h. */
#include "ingest/daemon/service_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/absolute.h"
#include "ingest/config/host.h"
#include "ingest/config/read.h"
#include "ingest/config/schema_files.h"
#include "ingest/config/tls_files.h"
#include "ingest/config/warnings.h"
#include "port/error.h"
#include "port/system.h"

#define CONFIG_FILE "logportd.json"
/* Options of one command line. */
#define WORDS_MAX   240
/* How much of the messages of a failed start is searched for the reason. */
#define TAIL_BYTES  (64u << 10)

static void print(const char *text) {
    stream_write(STREAM_OUTPUT, text, strlen(text));
}

static void print_line(const char *name, const char *value) {
    char line[PATH_BYTES_MAX + 64];
    const int length = snprintf(line, sizeof line, "%-10s %s\n", name, value);
    stream_write(STREAM_OUTPUT, line, length < (int)sizeof line ? (size_t)length : sizeof line - 1);
}

static int print_help(void) {
    print(
        "Installs and controls logportd as a service of Windows; run it as administrator.\n"
        "\n"
        "Usage: logportd service install [OPTION…]\n"
        "       logportd service uninstall [--purge]\n"
        "       logportd service start\n"
        "       logportd service stop\n"
        "       logportd service status\n"
        "\n"
        "  install    Install the service, which starts with the system and after a failure.  The\n"
        "             options are those of logportd; they are checked first.  --check: do no "
        "more.\n"
        "             Without --config it reads %ProgramData%\\logport\\logportd.json, which is\n"
        "             written if it does not exist.  Its logs are in %ProgramData%\\logport\\logs\n"
        "             if dir is not set.\n"
        "  uninstall  Stop and remove it.  Its configuration and logs stay; --purge deletes them.\n"
        "  start      Start it, and wait until it is ready.\n"
        "  stop       Stop it, and wait until everything it received is stored.\n"
        "  status     Print its state.  Exit code 1: it is not running, or not installed.\n"
        "\n"
        "Its messages are in the Event Log (Application, source logportd) and in\n"
        "%ProgramData%\\logport\\logportd.log.  To reload its configuration: logport reload, or\n"
        "sc.exe control logportd paramchange.\n");
    return 0;
}

/* ---- install ---- */

static bool has_option(char **words, const char *name) {
    const size_t size = strlen(name);
    for (; *words != NULL; words++)
        if (strncmp(*words, name, size) == 0 && ((*words)[size] == '\0' || (*words)[size] == '='))
            return true;
    return false;
}

/* What `install` works on. */
struct installing {
    struct host host;
    char **options; /* given, with absolute paths */
    char home[PATH_BYTES_MAX];
    char config_path[PATH_BYTES_MAX]; /* in the home */
    char logs[PATH_BYTES_MAX];
    bool writes_config; /* none was given, and there is none yet */
    struct config config;
    char *words[WORDS_MAX]; /* of a command line; not copies */
};

static int find_home(struct installing *job) {
    int error = service_home(job->home);
    if (error) return error;
    if (!path_join(job->config_path, job->home, CONFIG_FILE, NULL) ||
        !path_join(job->logs, job->home, SERVICE_LOGS, NULL)) {
        say_error("%s: %s", job->home, error_text(ERR_NAME_TOO_LONG));
        return ERR_NAME_TOO_LONG;
    }
    path_to_native(job->config_path);
    return 0;
}

/* The command line of the service, after `head`; ends with NULL. */
static int make_words(struct installing *job, const char *const *head, bool with_config) {
    static char config_option[] = "--config";
    size_t count = 0;
    for (; *head != NULL; head++)
        job->words[count++] = (char *)(uintptr_t)*head;
    if (with_config) {
        job->words[count++] = config_option;
        job->words[count++] = job->config_path;
    }
    for (char **option = job->options; *option != NULL; option++) {
        if (count + 1 == WORDS_MAX) {
            say_error("service install: more than %d options: write them to the configuration file",
                      WORDS_MAX);
            return ERR_TOO_LARGE;
        }
        job->words[count++] = *option;
    }
    job->words[count] = NULL;
    return 0;
}

/* As --check does.  A file that is yet to be written sets nothing but the directory. */
static int check(struct installing *job) {
    static const char *const head[] = {"logportd", NULL};
    char error[CONFIG_ERROR_MAX];
    int argc = 0;
    const bool given = has_option(job->options, "--config");
    struct file_status status;
    const int found = file_status_of(job->host.files, job->config_path, &status);
    job->writes_config = !given && found == ERR_NOT_FOUND;
    int result = make_words(job, head, !given && !job->writes_config);
    if (result) return result;
    while (job->words[argc] != NULL)
        argc++;
    result = config_read(&job->host, argc, job->words, &job->config, error);
    if (!result)
        result = schema_files_load(job->host.files, &job->config, job->config.line_bytes_max,
                                   job->host.cores, error);
    if (!result) result = tls_files_load(job->host.files, &job->config, error);
    if (result) say_error("%s", error);
    return result;
}

static int write_config(const struct installing *job) {
    char text[PATH_BYTES_MAX + 512], logs[PATH_BYTES_MAX];
    int error = system_absolute_path(job->logs, logs, sizeof logs);
    const int size = snprintf(
        text, sizeof text,
        "// The configuration of the service logportd.  To apply a change: logport reload\n"
        "// All keys: logport man configuration\n"
        "{\n"
        "  // \"tcp\": [\"127.0.0.1:5170\"],\n"
        "  // \"udp\": [\"127.0.0.1:5170\"],\n"
        "  \"dir\": \"%s\"\n"
        "}\n",
        logs);
    if (!error) error = file_replace(job->host.files, job->config_path, text, (size_t)size, false);
    if (error) say_error("%s: %s", job->config_path, error_text(error));
    return error;
}

/* The current directory is the home. */
static void native_path(const struct host *host, const char *path, char native[PATH_BYTES_MAX]) {
    if (host->absolute_path(path, native, PATH_BYTES_MAX))
        snprintf(native, PATH_BYTES_MAX, "%s", path);
    path_to_native(native);
}

static int install_checked(struct installing *job) {
    static const char *const head[] = {"service", "run", NULL};
    char dir[PATH_BYTES_MAX];
    const char *read[] = {job->config.file, NULL};
    const bool given = has_option(job->options, "--config");
    const char *const logs =
        job->writes_config && !has_option(job->options, "--dir") ? job->logs : job->config.dir;
    int error = make_words(job, head, !given);
    if (!error && job->writes_config) error = write_config(job);
    if (error) return error;
    native_path(&job->host, logs, dir);
    const struct service_plan plan = {
        .title = "logport daemon",
        .description = "Receives log records over the network and stores them in compressed files "
                       "that can be searched.",
        .words = (const char *const *)job->words,
        .written = path_is_within(job->home, dir) ? NULL : dir,
        .read = given && !path_is_within(job->home, job->config.file) ? read : NULL,
        .stop_ms = job->config.stop_ms,
    };
    error = service_install(&plan);
    if (error && job->writes_config) file_remove(job->host.files, job->config_path);
    if (error) return error;
    say_info("the service logportd is installed; it starts with the system, or now: logportd "
             "service start");
    say_info("configuration: %s", given ? job->config.file : job->config_path);
    say_info("logs: %s", dir);
    return 0;
}

/* The home is ready. */
static int install_at_home(struct installing *job) {
    if (check(job)) return 2;
    if (job->config.version) {
        say_error("--version: not an option of service install; see logportd --version");
        return 2;
    }
    if (job->config.check)
        say_info("options and configuration are valid");
    else if (install_checked(job))
        return 1;
    config_say_warnings(&job->config);
    return 0;
}

static int install(int argc, char **argv, service_main *daemon) {
    struct installing job = {.host = host_of_system()};
    char error[CONFIG_ERROR_MAX];
    int code = 1;
    (void)daemon;
    if (find_home(&job)) return 1;
    if (absolute_words(&job.host, argc, argv, &job.options, error)) {
        say_error("%s", error);
        return 2;
    }
    if (has_option(job.options, "--help") || has_option(job.options, "-h")) {
        code = print_help();
    } else if (service_prepare() == 0) {
        code = install_at_home(&job);
        if (code != 0 || job.config.check) service_unprepare();
        config_free(&job.config);
    }
    absolute_words_free(job.options);
    return code;
}

/* ---- what is installed ---- */

static int read_config(const struct host *host, const struct service_state *state,
                       struct config *config, char *error) {
    char *words[WORDS_MAX] = {"logportd"};
    int argc = 1;
    for (int i = 2; i < state->word_count && argc < WORDS_MAX; i++) /* after "service run" */
        words[argc++] = state->words[i];
    return config_read(host, argc, words, config, error);
}

/* Where it writes its logs; false: unknown, and `text` says why. */
static bool find_directory(const struct service_state *state,
                           char text[CONFIG_ERROR_MAX + PATH_BYTES_MAX]) {
    const struct host host = host_of_system();
    struct config config = {0};
    char error[CONFIG_ERROR_MAX] = "";
    const int closed = service_enter_home();
    const bool known = !closed && read_config(&host, state, &config, error) == 0;
    if (known)
        native_path(&host, config.dir, text);
    else
        snprintf(text, CONFIG_ERROR_MAX + PATH_BYTES_MAX, "unknown: %s",
                 closed ? error_text(closed) : error);
    config_free(&config);
    return known;
}

static const char *meaning(const struct service_state *state) {
    if (state->reason[0] != '\0') return state->reason;
    switch (state->code) {
    case 0: return "no error";
    case 1: return "it could not start, or records were lost";
    case 2: return "invalid option or configuration";
    default: return "unknown";
    }
}

static int status(int argc, char **argv, service_main *daemon) {
    struct service_state state;
    char text[CONFIG_ERROR_MAX + PATH_BYTES_MAX];
    (void)argc, (void)argv, (void)daemon;
    const int error = service_query(&state);
    if (error == ERR_NOT_FOUND) print_line("state", "not installed");
    if (error) return 1;
    print_line("state", state.state);
    if (state.process_id != 0) snprintf(text, sizeof text, "%u", state.process_id);
    if (state.process_id != 0) print_line("process", text);
    print_line("account", state.account);
    print_line("start", state.start);
    find_directory(&state, text);
    print_line("directory", text);
    if (service_messages(text) == 0) print_line("messages", text);
    if (!state.running) {
        snprintf(text, sizeof text, "%d (%s)", state.code, meaning(&state));
        print_line("exit code", text);
    }
    service_state_free(&state);
    return state.ready ? 0 : 1;
}

/* ---- starting and stopping ---- */

static uint64_t messages_size(struct files *files, const char *path) {
    struct file_status status = {0};
    return file_status_of(files, path, &status) == 0 ? status.size : 0;
}

/* Prints the errors among the messages after `from`, which were written by a start that failed. */
static void print_errors(struct files *files, const char *path, uint64_t from) {
    static const char mark[] = "Z error   ";
    struct file file;
    const uint64_t size = messages_size(files, path);
    if (size < from) from = 0; /* rotated */
    if (size - from > TAIL_BYTES) from = size - TAIL_BYTES;
    char *text = calloc(TAIL_BYTES + 1, 1);
    if (text == NULL || file_open(files, path, FILE_READ, &file)) {
        free(text);
        return;
    }
    const int64_t got = file_read_at(&file, text, (size_t)(size - from), from);
    file_close(&file);
    if (got > 0) text[got] = '\0';
    for (const char *p = strstr(text, mark); p != NULL; p = strstr(p, mark)) {
        p += sizeof mark - 1;
        say_error("%.*s", (int)strcspn(p, "\n"), p);
    }
    free(text);
}

static int start(int argc, char **argv, service_main *daemon) {
    struct files *const files = files_of_system();
    char messages[PATH_BYTES_MAX] = "";
    int code;
    (void)argc, (void)argv, (void)daemon;
    if (service_messages(messages)) return 1;
    const uint64_t before = messages_size(files, messages);
    const int error = service_start(&code);
    if (error == ERR_CANCELLED) {
        print_errors(files, messages, before);
        say_error(
            "the service logportd did not start: it ended with exit code %d; its messages are "
            "in the Event Log and in %s",
            code, messages);
    }
    if (!error) say_info("the service logportd is running");
    return error ? 1 : 0;
}

static int stop(int argc, char **argv, service_main *daemon) {
    int code;
    (void)argc, (void)argv, (void)daemon;
    if (service_stop(&code)) return 1;
    if (code != 0)
        say_error(
            "the service logportd has stopped, but with exit code %d: see its last messages in "
            "the Event Log",
            code);
    else
        say_info("the service logportd has stopped");
    return code != 0 ? 1 : 0;
}

static int uninstall(int argc, char **argv, service_main *daemon) {
    char home[PATH_BYTES_MAX], logs[CONFIG_ERROR_MAX + PATH_BYTES_MAX];
    struct service_state state;
    (void)daemon;
    const bool purge = argc == 2 && strcmp(argv[1], "--purge") == 0;
    if (argc > 1 && !purge) {
        say_error("%s: service uninstall takes only --purge", argv[argc - 1]);
        return 2;
    }
    if (service_home(home)) return 1;
    const bool installed = service_query(&state) == 0;
    const bool outside = installed && find_directory(&state, logs) && !path_is_within(home, logs);
    if (installed) service_state_free(&state);
    if (service_uninstall()) return 1;
    if (purge && service_purge()) return 1;
    say_info("the service logportd is removed%s %s%s",
             purge ? ", and with it" : "; not deleted:", home,
             outside || purge ? "" : ", which holds its configuration and logs");
    if (outside) say_info("not deleted: its logs in %s", logs);
    return 0;
}

static int run(int argc, char **argv, service_main *daemon) {
    return service_run(daemon, argc, argv);
}

/* ---- the verbs ---- */

static const struct verb {
    const char *name;
    bool takes_options;
    /* argv: the verb, or for `run` and `install` what comes before options, and the options. */
    int (*call)(int argc, char **argv, service_main *daemon);
} verbs[] = {
    {"install", true, install}, {"uninstall", true, uninstall}, {"start", false, start},
    {"stop", false, stop},      {"status", false, status},      {"run", true, run},
};

int service_command(int argc, char **argv, service_main *daemon) {
    const char *advice;
    const char *const name = argc > 2 ? argv[2] : "";
    system_name("logportd");
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return print_help();
    if (!service_here(&advice)) {
        say_error("service: %s", advice);
        return 2;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, name) != 0) continue;
        if (argc > 3 && (strcmp(argv[3], "--help") == 0 || strcmp(argv[3], "-h") == 0))
            return print_help();
        if (argc > 3 && !verbs[i].takes_options) {
            say_error("%s: service %s takes no options", argv[3], name);
            return 2;
        }
        return verbs[i].call(argc - 2, argv + 2, daemon);
    }
    say_error(
        "service%s%s: expected install, uninstall, start, stop or status; see logportd service "
        "--help",
        name[0] != '\0' ? " " : "", name);
    return 2;
}
