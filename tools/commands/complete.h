/* complete.h - the values that an option may have, for shell completion: fixed words, or what the
 * files at hand hold. */
#ifndef TOOLS_COMMANDS_COMPLETE_H
#define TOOLS_COMMANDS_COMPLETE_H

#include "port/options.h"
#include "tools/commands/command.h"

struct completed {
    const char *kind;  /* "streams" and "fields" are looked up; others have words */
    const char *words; /* separated by spaces; NULL: looked up */
    bool list;         /* values are separated by commas */
};

/* How the option's value is completed; NULL: not at all, or as a path. */
const struct completed *complete_option(const struct option *option);

/* Prints the streams of the call's paths, or the names of the fields that the newest records of
 * each stream have, one a line.  What cannot be read is left out. Returns the exit code. */
int complete_print(struct call *call, const char *kind);

#endif
