/* commands.c - the command table and the dispatcher: finds the command, parses its options and
 * prints help texts. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/query/allocate.h"

#define HELP_COLUMNS_MAX 100
#define COMMANDS_MAX     32

const struct command *const commands[] = {
    &cat_command,       &tail_command,   &search_command,
    &stat_command,      &fields_command, &patterns_command,
    &verify_command,    &repair_command, &archive_command,
    &retention_command, &check_command,  &send_command,
    &replay_command,    &status_command, &rotate_command,
    &reload_command,    &stop_command,   &completions_command,
    &cert_command,      &man_command,    NULL,
};

static const struct command *find_command(const char *name) {
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0) return *command;
    return NULL;
}

/* Also for an option that is given without a command. */
static const char *command_like(const char *name) {
    struct option names[COMMANDS_MAX] = {{.name = NULL}};
    size_t count = 0;
    if (strncmp(name, "--", 2) == 0) {
        names[count++] = (struct option){.name = "--help", .help = ""};
        names[count++] = (struct option){.name = "--version", .help = ""};
        return option_like(names, name);
    }
    names[count++] = (struct option){.name = "help", .help = ""};
    for (size_t i = 0; commands[i] != NULL && count + 1 < COMMANDS_MAX; i++)
        names[count++] = (struct option){.name = commands[i]->name, .help = ""};
    return option_like(names, name);
}

static int print_program_help(struct output *out) {
    output_text(out, "logport reads, searches and maintains the log files that logportd writes.\n"
                     "\n"
                     "Usage: logport COMMAND [OPTION…] [PATH…]\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        if ((*command)->section != NULL) output_format(out, "\n%s:\n", (*command)->section);
        output_format(out, "  %-11s %s\n", (*command)->name, (*command)->summary);
    }
    output_text(
        out, "\n"
             "A PATH is a segment or a directory. A directory means all its streams except\n"
             "`rejects`, which is read only when it is named (./logs/rejects). Without a\n"
             "PATH, logport uses $LOGPORT_DIR or, if that is not set, ./logs.\n"
             "\n"
             "cat, tail, search, stat, fields and patterns also read files of other programs:\n"
             "text, and text compressed by gzip, zstd or lz4. - is standard input, which is\n"
             "also read without a PATH if it is a pipe or a file, LOGPORT_DIR is not set and\n"
             "./logs does not exist.\n"
             "\n"
             "`logport COMMAND --help` describes a command and its options.\n"
             "`logport --version` prints the version, and what logport is built with.\n"
             "\n"
             "Examples:\n"
             "  logport tail -f                         follow new records\n"
             "  logport search --since 1h timeout       records of the last hour with this text\n"
             "  logport search --level error '' app.log errors in a file of another program\n"
             "  logport stat --every 1m --by @level     records of each level, for each minute\n"
             "  logport patterns --since today          which messages there are, and how many\n"
             "  logport help search                     the options of a command\n");
    return output_finish(out, EXIT_OK);
}

static int print_command_help(const struct command *command, struct output *out) {
    uint32_t columns = out->memory ? 80 : stream_columns(STREAM_OUTPUT);
    if (columns > HELP_COLUMNS_MAX) columns = HELP_COLUMNS_MAX;
    const size_t size = options_help(command->options, columns, NULL, 0);
    char *options = allocate(size + 1);
    options_help(command->options, columns, options, size + 1);
    const char *heading = command->options[0].section != NULL ? "" : "Options:\n";
    output_format(out, "Usage: logport %s %s\n\n%s\n\n%s%s\n%s", command->name, command->usage,
                  command->summary, heading, options, command->more);
    free(options);
    return output_finish(out, EXIT_OK);
}

/* `ssh host cat app.log | logport search x` where ./logs exists. */
static void report_unread_input(const struct call *call) {
    if (call->paths.any_file && !call->paths.named && call->paths.paths == &call->directory &&
        stream_is_waiting(STREAM_INPUT))
        say("read %s, not standard input, which has data; name - to read it", call->directory);
}

static int run_with(const struct command *command, const void *settings, struct files *files,
                    struct output *out, int words, char **word) {
    struct progress_line line;
    struct call call = {
        .files = files,
        .out = out,
        .settings = settings,
        .words = words,
        .word = word,
        .directory = default_directory(),
        .paths = {.files = files, .any_file = command->any_file, .progress = &line.progress}};
    progress_line_open(&line, out);
    call_set_paths(&call);
    const int code = command->run(&call);
    report_unread_input(&call);
    wildcard_free(&call.expanded);
    return output_finish(out, code);
}

static int run_command(const struct command *command, struct files *files, struct output *out,
                       int argc, char **argv) {
    char error[OPTION_ERROR_MAX];
    int code = EXIT_ERROR;
    struct common_settings *settings = allocate(command->settings_size);
    memset(settings, 0, command->settings_size);
    if (command->presets != NULL) memcpy(settings, command->presets, command->settings_size);
    options_preset(command->options, settings);
    const int words = options_command_line(command->options, argc, argv, settings, error);
    if (words < 0) {
        say("%s: %s (see logport %s --help)", command->name, error, command->name);
    } else if (settings->help) {
        code = print_command_help(command, out);
    } else {
        code = run_with(command, settings, files, out, words, argv + 1);
    }
    free(settings);
    return code;
}

static int no_command(const char *name) {
    const char *like = command_like(name);
    if (like != NULL)
        say("%s: no such command; did you mean %s?", name, like);
    else
        say("%s: no such %s (see logport --help)", name, *name == '-' ? "option" : "command");
    return EXIT_ERROR;
}

int command_line_run(struct files *files, struct output *out, int argc, char **argv) {
    if (argc < 2) {
        say("a command is missing (see logport --help)");
        return EXIT_ERROR;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return print_program_help(out);
    if (strcmp(name, "help") == 0) {
        if (argc == 2) return print_program_help(out);
        const struct command *about = find_command(argv[2]);
        return about != NULL ? print_command_help(about, out) : no_command(argv[2]);
    }
    const struct command *command = find_command(name);
    return command != NULL ? run_command(command, files, out, argc - 1, argv + 1)
                           : no_command(name);
}
