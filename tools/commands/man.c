/* man.c - prints the man pages, in man(7) macros, from the option tables. */
#include <string.h>

#include "ingest/config/config.h"
#include "tools/commands/describe.h"

/* Text without roff requests and escapes; minus signs can be copied. */
static void print_text(struct output *out, const char *text) {
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        if (line_begins && (*text == '.' || *text == '\'')) output_text(out, "\\&");
        line_begins = *text == '\n';
        if (*text == '\\')
            output_text(out, "\\e");
        else if (*text == '-')
            output_text(out, "\\-");
        else
            output_bytes(out, text, 1);
    }
}

/* heading: the macro for the headings of the table's sections. */
static void print_options(struct output *out, const struct option *table, const char *heading) {
    char name[OPTION_NAME_MAX];
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        const char *value = option_value_name(o);
        if (o->section != NULL) output_format(out, "%s %s\n", heading, o->section);
        output_text(out, ".TP\n");
        if (o->letter != 0) output_format(out, "\\fB\\-%c\\fR, ", o->letter);
        output_text(out, "\\fB\\-\\-");
        print_text(out, option_dashed(o, name));
        output_text(out, "\\fR");
        if (*value != '\0') output_text(out, " \\fI");
        print_text(out, value);
        output_text(out, *value != '\0' ? "\\fR\n" : "\n");
        print_text(out, o->help);
        if (option_default(o) != NULL) {
            output_text(out, " (default ");
            print_text(out, option_default(o));
            output_text(out, ")");
        }
        output_text(out, "\n");
    }
}

/* Preformatted lines. */
static void print_lines(struct output *out, const char *text) {
    output_text(out, ".PP\n.nf\n");
    print_text(out, text);
    output_text(out, ".fi\n");
}

static void print_head(struct output *out, const char *title, const char *name,
                       const char *summary) {
    output_format(out,
                  ".TH %s \"\" \"logport " LOGPORT_VERSION "\" \"logport\"\n.SH NAME\n%s \\- %s\n",
                  title, name, summary);
}

static void print_command(struct output *out, const struct command *command) {
    output_format(out, ".SS logport %s\n", command->name);
    output_format(out, "\\fBlogport %s\\fR ", command->name);
    print_text(out, command->usage);
    output_text(out, "\n.PP\n");
    print_text(out, command->summary);
    output_text(out, "\n");
    print_options(out, command->options, ".PP\n.B");
    print_lines(out, command->more);
}

static void print_man_logport(struct output *out) {
    print_head(out, "LOGPORT 1", "logport",
               "read, search and maintain the log files that logportd writes");
    output_text(out, ".SH SYNOPSIS\n.B logport\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIPATH\\fR]...\n"
                     ".SH DESCRIPTION\n");
    print_text(
        out,
        "A PATH is a segment or a directory. A directory means all its streams except rejects, "
        "which is read only when it is named. Without a PATH, logport uses $LOGPORT_DIR or, if "
        "that is not set, ./logs.\n");
    output_text(out, ".SH COMMANDS\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        print_command(out, *command);
    output_text(out, ".SH EXIT STATUS\n");
    print_text(
        out,
        "The exit codes are described with each command. 2 always means an error or damage.\n");
    output_text(out, ".SH ENVIRONMENT\n.TP\n.B LOGPORT_DIR\n");
    print_text(out, "Directory to read if no PATH is given.\n");
    output_text(out, ".TP\n.B PAGER\n");
    print_text(out, "Pager for cat and search on a terminal; less if it is not set.\n");
    output_text(out, ".TP\n.B NO_COLOR\n");
    print_text(out, "If set and not empty, colors are not used.\n");
    output_text(out, ".SH SEE ALSO\n.BR logportd (8),\n.BR lz4 (1),\n.BR jq (1)\n");
}

/* Listeners given as objects in the configuration file. */
static void print_listener_keys(struct output *out) {
    output_text(out, ".SH LISTENERS\n");
    print_text(out,
               "In the configuration file a listener may be an object with an address and keys "
               "that apply only to the lines it receives:\n");
    print_lines(out, "  \"tcp\": [\"127.0.0.1:5170\",\n"
                     "          {\"address\": \"127.0.0.1:5171\", \"level_scale\": "
                     "\"syslog\"}]\n");
    for (const struct option *o = config_listener_options; o->name != NULL; o++) {
        output_text(out, ".TP\n.B ");
        print_text(out, o->name);
        output_text(out, "\n");
        print_text(out, o->help);
        output_text(out, "\n");
    }
}

static void print_stream_keys(struct output *out) {
    output_text(out, ".SH STREAMS\n");
    print_text(out,
               "Lines received by a listener with the key stream go to the stream of that name, "
               "which has a folder and files of its own. All other lines go to main; rejected "
               "lines go to rejects. In the configuration file these keys can be set for a single "
               "stream:\n");
    print_lines(out, "  \"streams\": {\"audit\": {\"rotate\": \"daily\", \"retention_age_s\": "
                     "\"365d\"}}\n");
    output_text(out, ".PP\n");
    for (const struct option *o = config_options; o->name != NULL; o++) {
        if (o->place != OPTION_FOR_PARTS) continue;
        output_text(out, ".B ");
        print_text(out, o->name);
        output_text(out, "\n.br\n");
    }
}

static void print_man_logportd(struct output *out) {
    print_head(out, "LOGPORTD 8", "logportd",
               "receive JSON log lines and keep them in rotating LZ4 files");
    output_text(out, ".SH SYNOPSIS\n.B logportd\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n");
    print_text(out,
               "Receives JSON log lines over TCP and UDP, validates them, and writes them to .lz4 "
               "files that are valid at every moment. Invalid lines are kept in the stream "
               "rejects, with the reason. It runs in the foreground.\n");
    output_text(out, ".PP\n");
    print_text(out, "Every option is also a key of the configuration file, with underscores; the "
                    "command line overrides the file. Sizes are written as 64MiB, times as "
                    "200ms, 10m or 1h.\n");
    output_text(out, ".SH OPTIONS\n");
    print_options(out, config_options, ".SS");
    print_listener_keys(out);
    print_stream_keys(out);
    output_text(out, ".SH SIGNALS\n");
    print_text(out,
               "SIGTERM and SIGINT: store everything received, print the counters and exit; a "
               "second one exits immediately. SIGHUP: reload the configuration; if the new one is "
               "invalid, the old one stays active. SIGUSR1: rotate the live segments.\n");
    output_text(out, ".SH SERVICE OF WINDOWS\n");
    print_text(out, "logportd service install takes the options above, checks them as --check does, and "
                    "installs a service that starts with the system, after a failure, and by "
                    "logportd service start. logportd service stop, status and uninstall are the "
                    "other commands; uninstall keeps configuration and logs unless --purge is "
                    "given. Control code PARAMCHANGE reloads the configuration. Messages are stored "
                    "in the Event Log and in %ProgramData%\\logport\\logportd.log.\n");
    output_text(out, ".SH EXIT STATUS\n");
    print_text(out, "0: all records were stored. 1: it could not start, or records were lost. 2: "
                    "invalid option or configuration.\n");
    output_text(out, ".SH SEE ALSO\n.BR logport (1)\n");
}

static int man_run(struct call *call) {
    static const struct description pages[] = {{"logport", print_man_logport},
                                               {"logportd", print_man_logportd},
                                               {"configuration", print_configuration},
                                               {NULL, NULL}};
    return print_description(call, pages, false);
}

static const struct option options[] = {HELP_OPTION};

const struct command man_command = {
    .name = "man",
    .usage = "[logport|logportd|configuration]",
    .summary = "Print a man page, or the reference of all configuration keys.",
    .more = "Man pages are printed in roff, the configuration reference in Markdown.\n"
            "The default is logport.\n"
            "\n"
            "Examples:\n"
            "  logport man | man -l -\n"
            "  logport man logportd > /usr/local/share/man/man8/logportd.8\n"
            "  logport man configuration > docs/configuration.md\n",
    .options = options,
    .settings_size = sizeof(struct common_settings),
    .run = man_run,
};
