/* describe.h - the two programs as their option tables know them, for man pages and
 * completions: what stands here is what --help prints. */
#ifndef TOOLS_COMMANDS_DESCRIBE_H
#define TOOLS_COMMANDS_DESCRIBE_H

#include <stddef.h>

#include "port/options.h"
#include "tools/render/output.h"

#define OPTION_NAME_MAX 128

/* "flush-ms", as the command line spells it. */
const char *option_dashed(const struct option *option, char name[OPTION_NAME_MAX]);
/* The next option of a table that is shown, at `option` or behind it; NULL: none. */
const struct option *option_shown(const struct option *option);

/* Roff, for man(7). */
void print_man_logport(struct output *out);
void print_man_logportd(struct output *out);
/* Markdown: docs/configuration.md. */
void print_configuration(struct output *out);

/* Both programs' completions, to be read by the shell itself. */
void print_completions_bash(struct output *out);
void print_completions_zsh(struct output *out);
void print_completions_fish(struct output *out);

#endif
