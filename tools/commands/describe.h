/* describe.h - man pages, shell completions and the configuration reference, generated from the
 * same option tables as --help.  Part of the commands man and completions. */
#ifndef TOOLS_COMMANDS_DESCRIBE_H
#define TOOLS_COMMANDS_DESCRIBE_H

#include <stddef.h>

#include "port/options.h"
#include "tools/render/output.h"

#define OPTION_NAME_MAX 128

/* "flush-ms": the option's name on the command line. */
const char *option_dashed(const struct option *option, char name[OPTION_NAME_MAX]);
/* The next visible option of a table, starting with `option`; NULL: none. */
const struct option *option_shown(const struct option *option);

/* Roff, for man(7). */
void print_man_logport(struct output *out);
void print_man_logportd(struct output *out);
/* Markdown: docs/configuration.md. */
void print_configuration(struct output *out);

/* Completions of both programs, to be sourced by the shell. */
void print_completions_bash(struct output *out);
void print_completions_zsh(struct output *out);
void print_completions_fish(struct output *out);

#endif
