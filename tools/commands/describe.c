/* describe.c - the commands man and completions. */
#include "tools/commands/describe.h"

#include <stdio.h>
#include <string.h>

#include "port/system.h"
#include "tools/commands/command.h"

const char *option_dashed(const struct option *option, char name[OPTION_NAME_MAX]) {
    snprintf(name, OPTION_NAME_MAX, "%s", option->name);
    for (char *p = name; *p != '\0'; p++)
        if (*p == '_') *p = '-';
    return name;
}

const struct option *option_shown(const struct option *option) {
    while (option->name != NULL && option->help == NULL)
        option++;
    return option->name != NULL ? option : NULL;
}

/* ---- the commands ---- */

struct choice {
    const char *name;
    void (*print)(struct output *out);
};

/* Prints the choice that the argument names; without an argument the first, if that is allowed. */
static int print_choice(struct call *call, const struct choice *choices, bool word_needed) {
    const char *word = call->words > 0 ? call->word[0] : choices->name;
    if (call->words > 1 || (word_needed && call->words == 0)) {
        say("one argument is expected: %s, %s, … (see --help)", choices[0].name, choices[1].name);
        return EXIT_ERROR;
    }
    for (; choices->name != NULL; choices++) {
        if (strcmp(choices->name, word) != 0) continue;
        choices->print(call->out);
        return EXIT_OK;
    }
    say("%s: unknown (see --help)", word);
    return EXIT_ERROR;
}

static int man_run(struct call *call) {
    static const struct choice pages[] = {{"logport", print_man_logport},
                                          {"logportd", print_man_logportd},
                                          {"configuration", print_configuration},
                                          {NULL, NULL}};
    return print_choice(call, pages, false);
}

static int completions_run(struct call *call) {
    static const struct choice shells[] = {{"bash", print_completions_bash},
                                           {"zsh", print_completions_zsh},
                                           {"fish", print_completions_fish},
                                           {NULL, NULL}};
    return print_choice(call, shells, true);
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
