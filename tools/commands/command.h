/* command.h - a command of logport is an entry in one table.  The dispatcher (commands.c) parses
 * options, prints --help and runs the command from this table.  A new command is one file, an entry
 * in `commands`, and a line below. */
#ifndef TOOLS_COMMANDS_COMMAND_H
#define TOOLS_COMMANDS_COMMAND_H

#include "port/files.h"
#include "port/options.h"
#include "tools/query/read.h"
#include "tools/render/output.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_NEGATIVE = 1, /* search: nothing found; check: invalid lines; verify: damage */
    EXIT_ERROR = 2,
};

/* One run of a command. */
struct call {
    struct files *files;
    struct output *out;
    const void *settings; /* the command's own settings struct, filled from its options */
    int words;
    char **word;                    /* the arguments that are not options */
    const char *directory;          /* default_directory() */
    struct read_request paths;      /* the words as PATHs, or the default directory */
    struct wildcard_paths expanded; /* what `paths` points to, if a word had wildcards */
};

/* Makes the words, or what is read without any, the call's `paths`; wildcards are replaced. */
void call_set_paths(struct call *call);
/* Removes and returns the first word, which is not a PATH. There must be one. */
const char *call_take_word(struct call *call);

struct command {
    const char *name;
    const char *section; /* heading above it in `logport --help`; NULL: none */
    const char *usage;   /* follows "logport NAME " */
    const char *summary; /* one sentence */
    const char *more;    /* the rest of its --help, with examples; ends in a newline */
    const struct option *options;
    size_t settings_size;
    bool any_file;       /* it reads files of other programs and standard input, too */
    const void *presets; /* initial settings, before the options' presets; NULL: all zero */
    int (*run)(struct call *call);
};

/* Every settings struct starts with this one; every option table ends with HELP_OPTION. */
struct common_settings {
    bool help;
};
#define HELP_OPTION                                                                                \
    {.name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "Print this help and exit."}, {   \
        .name = NULL                                                                               \
    }
/* HELP_OPTION for tables with sections. */
#define HELP_OPTION_IN_SECTION                                                                     \
    {.name = "help",                                                                               \
     .letter = 'h',                                                                                \
     .kind = OPTION_FLAG,                                                                          \
     .help = "Print this help and exit.",                                                          \
     .section = "General"},                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

extern const struct command cat_command;
extern const struct command tail_command;
extern const struct command search_command;
extern const struct command stat_command;
extern const struct command fields_command;
extern const struct command patterns_command;
extern const struct command verify_command;
extern const struct command repair_command;
extern const struct command archive_command;
extern const struct command retention_command;
extern const struct command check_command;
extern const struct command cert_command;
extern const struct command send_command;
extern const struct command replay_command;
extern const struct command status_command;
extern const struct command stop_command;
extern const struct command rotate_command;
extern const struct command reload_command;
extern const struct command completions_command;
extern const struct command man_command;

/* All commands in the order of `logport --help`; ends with NULL. */
extern const struct command *const commands[];

/* Runs a command line; argv[0] is the program's name.  Returns the exit code.  `out` is not flushed
 * if it is in memory (tests). */
int command_line_run(struct files *files, struct output *out, int argc, char **argv);

#endif
