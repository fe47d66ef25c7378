/* completions.c - prints completions for bash, zsh and fish, from the option tables.  Words that
 * are not options are completed as paths. */
#include <string.h>

#include "ingest/config/config.h"
#include "tools/commands/describe.h"

/* In single quotes, where shells interpret nothing but the quote, and on one line. hidden:
 * characters that need a backslash for zsh's _arguments or fish. */
static void print_quoted_text(struct output *out, const char *text, const char *hidden) {
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            output_text(out, "’");
        else if (*text == '\n')
            output_text(out, " ");
        else {
            if (strchr(hidden, *text) != NULL) output_text(out, "\\");
            output_bytes(out, text, 1);
        }
    }
}

static bool names_path(const char *value) {
    return strstr(value, "FILE") != NULL || strstr(value, "DIR") != NULL ||
           strstr(value, "PATH…") == value;
}

/* ---- bash ---- */

static void bash_options(struct output *out, const struct option *table) {
    char name[OPTION_NAME_MAX];
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        if (o->letter != 0) output_format(out, "-%c ", o->letter);
        output_format(out, "--%s ", option_dashed(o, name));
    }
}

static void print_bash(struct output *out) {
    output_text(out, "# bash completion for logport and logportd\n"
                     "_logport() {\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} options=\n"
                     "    COMPREPLY=()\n"
                     "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                     "        COMPREPLY=($(compgen -W '--help --version");
    for (const struct command *const *command = commands; *command != NULL; command++)
        output_format(out, " %s", (*command)->name);
    output_text(out, "' -- \"$word\"))\n"
                     "        return\n"
                     "    fi\n"
                     "    case ${COMP_WORDS[1]} in\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "    %s) options='", (*command)->name);
        bash_options(out, (*command)->options);
        output_text(out, "' ;;\n");
    }
    output_text(out, "    esac\n"
                     "    case $word in -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;; "
                     "esac\n"
                     "}\n"
                     "_logportd() {\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]}\n"
                     "    COMPREPLY=()\n"
                     "    case $word in -*) COMPREPLY=($(compgen -W '");
    bash_options(out, config_options);
    output_text(out, "' -- \"$word\")) ;; esac\n"
                     "}\n"
                     "complete -o default -F _logport logport\n"
                     "complete -o default -F _logportd logportd\n");
}

/* ---- zsh ---- */

/* The spec of an option for _arguments (zshcompsys(1)); an option with a letter needs two. */
static void zsh_option(struct output *out, const struct option *option, bool letter) {
    char name[OPTION_NAME_MAX];
    const char *value = option_value_name(option);
    output_text(out, option->kind == OPTION_LIST ? " \\\n        '*" : " \\\n        '");
    if (letter)
        output_format(out, "-%c%s[", option->letter, *value != '\0' ? "+" : "");
    else
        output_format(out, "--%s%s[", option_dashed(option, name), *value != '\0' ? "=" : "");
    print_quoted_text(out, option->help, "[]:\\");
    output_text(out, "]");
    if (*value != '\0') {
        output_text(out, ":");
        print_quoted_text(out, value, "[]:\\");
        output_text(out, names_path(value) ? ":_files" : ": ");
    }
    output_text(out, "'");
}

static void zsh_options(struct output *out, const struct option *table) {
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        if (o->letter != 0) zsh_option(out, o, true);
        zsh_option(out, o, false);
    }
}

static void print_zsh(struct output *out) {
    output_text(out, "#compdef logport logportd\n"
                     "_logport() {\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        local -a commands\n"
                     "        commands=(\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "            '%s:", (*command)->name);
        print_quoted_text(out, (*command)->summary, "\\");
        output_text(out, "'\n");
    }
    output_text(out, "        )\n"
                     "        _describe -t commands command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    shift words\n"
                     "    (( CURRENT-- ))\n"
                     "    case $words[1] in\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "    %s) _arguments -s", (*command)->name);
        zsh_options(out, (*command)->options);
        output_text(out, " \\\n        '*:path:_files' ;;\n");
    }
    output_text(out, "    esac\n"
                     "}\n"
                     "_logportd() {\n"
                     "    _arguments -s");
    zsh_options(out, config_options);
    output_text(out, "\n"
                     "}\n"
                     "# Read by compinit from fpath, this file is itself the function; else it is\n"
                     "# sourced.\n"
                     "if [ \"${funcstack[1]}\" = _logport ]; then\n"
                     "    if [ \"$service\" = logportd ]; then _logportd; else _logport; fi\n"
                     "else\n"
                     "    compdef _logport logport\n"
                     "    compdef _logportd logportd\n"
                     "fi\n");
}

/* ---- fish ---- */

static void fish_options(struct output *out, const char *program, const char *command,
                         const struct option *table) {
    char name[OPTION_NAME_MAX];
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        const char *value = option_value_name(o);
        output_format(out, "complete -c %s", program);
        if (command != NULL) output_format(out, " -n '__fish_seen_subcommand_from %s'", command);
        if (o->letter != 0) output_format(out, " -s %c", o->letter);
        output_format(out, " -l %s", option_dashed(o, name));
        if (*value != '\0') output_text(out, names_path(value) ? " -r -F" : " -x");
        output_text(out, " -d '");
        print_quoted_text(out, o->help, "\\");
        output_text(out, "'\n");
    }
}

static void print_fish(struct output *out) {
    output_text(out, "# fish completion for logport and logportd\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "complete -c logport -n __fish_use_subcommand -f -a %s -d '",
                      (*command)->name);
        print_quoted_text(out, (*command)->summary, "\\");
        output_text(out, "'\n");
        fish_options(out, "logport", (*command)->name, (*command)->options);
    }
    fish_options(out, "logportd", NULL, config_options);
}

static int completions_run(struct call *call) {
    static const struct description shells[] = {
        {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}, {NULL, NULL}};
    return print_description(call, shells, true);
}

static const struct option options[] = {HELP_OPTION};

const struct command completions_command = {
    .name = "completions",
    .usage = "bash|zsh|fish",
    .section = "Set up",
    .summary = "Print shell completions for logport and logportd.",
    .more = "Examples:\n"
            "  source <(logport completions bash)     in ~/.bashrc\n"
            "  source <(logport completions zsh)      in ~/.zshrc, after compinit\n"
            "  logport completions fish | source      in ~/.config/fish/config.fish\n",
    .options = options,
    .settings_size = sizeof(struct common_settings),
    .run = completions_run,
};
