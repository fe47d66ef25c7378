/* describe.h - shared by the commands man and completions, which describe the programs from the
 * same option tables as --help. */
#ifndef TOOLS_COMMANDS_DESCRIBE_H
#define TOOLS_COMMANDS_DESCRIBE_H

#include <stdbool.h>

#include "port/options.h"
#include "tools/commands/command.h"

#define OPTION_NAME_MAX 128

/* "flush-ms": the option's name on the command line. */
const char *option_dashed(const struct option *option, char name[OPTION_NAME_MAX]);
/* The next visible option of a table, starting with `option`; NULL: none. */
const struct option *option_shown(const struct option *option);

/* Something that can be printed, by its name. */
struct description {
    const char *name;
    void (*print)(struct output *out);
};
/* Prints the one that the command's argument names; without an argument the first, unless
 * word_needed.  The list ends with a name of NULL.  Returns the exit code. */
int print_description(struct call *call, const struct description *list, bool word_needed);

/* Markdown: docs/configuration.md. */
void print_configuration(struct output *out);

#endif
