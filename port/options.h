/* options.h - parses a program's options from one table.
 *
 * The same table defines the command line (--flush-ms 200, --flush-ms=200, -n 5, -n5), the keys
 * of the configuration file (flush_ms) and the --help text, so that they always agree. */
#ifndef PORT_OPTIONS_H
#define PORT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,    /* bool; no value on the command line, true or false in a file */
    OPTION_TEXT,    /* const char *, points into argv or the file's text */
    OPTION_COUNT,   /* uint64_t; 1000 or 1_000 is 1000 */
    OPTION_BYTES,   /* uint64_t; 65536, 64KiB, 1MiB, 2GiB, also 64kB (1000s) and 64K (1024s) */
    OPTION_TIME_MS, /* uint64_t milliseconds; a bare number is ms; 200ms, 2s, 10m, 1h, 7d */
    OPTION_TIME_S,  /* uint64_t seconds; a bare number is s; the same units */
    OPTION_LIST,    /* struct option_list; each use adds a text */
};

/* Where an option is allowed. */
enum option_place {
    OPTION_FOR_ALL, /* on the command line and at the top level of the file */
    OPTION_COMMAND_LINE_ONLY,
    OPTION_FOR_PARTS, /* also in nested objects of the file (a stream, a listener) */
};

#define OPTION_LIST_MAX 64
struct option_list {
    uint32_t count;
    const char *texts[OPTION_LIST_MAX];
};

struct option {
    const char *name; /* as in the file: flush_ms.  NULL ends the table */
    char letter;      /* -n; 0: none */
    enum option_kind kind;
    uint32_t field;     /* offsetof in the settings struct */
    uint64_t min, max;  /* of numbers, in the field's unit; max 0: no limit */
    const char *preset; /* the default, which options_preset sets; NULL: the field stays zero */
    const char *value;  /* placeholder in --help: "HOST:PORT" */
    const char *help;   /* lines separated by \n; NULL: not shown */
    enum option_place place;
    const char *unset;   /* without a preset: describes what applies if the option is not given */
    bool digits;         /* -20 sets it to 20: for one option of a table */
    const char *section; /* heading above this option in help texts and documents; NULL: none */
};

#define OPTION_ERROR_MAX 256

/* Sets the fields to their defaults. */
void options_preset(const struct option *table, void *settings);

/* Parses argv[1..argc) into settings.  Moves the words that are not options to the front of
 * argv[1..) and returns their number; "--" ends the options, a lone "-" is a word.  A list given
 * here replaces its previous texts.  ERR_INVALID: `error` (OPTION_ERROR_MAX bytes) tells what is
 * wrong, what was expected and, for a misspelt name, the most similar one. */
int options_command_line(const struct option *table, int argc, char **argv, void *settings,
                         char *error);

/* Parses one value; for a list, adds it.  The error describes the value only: the caller puts the
 * option's name before it. */
int option_set(const struct option *option, const char *text, void *settings, char *error);
/* By its name in the file, or NULL. */
const struct option *option_find(const struct option *table, const char *name);
/* The most similar name in the table, or NULL. */
const char *option_like(const struct option *table, const char *name);

/* Writes a number in the option's units (1MiB, 200ms) to `text` and returns that. */
const char *option_format(const struct option *option, uint64_t value, char *text, size_t size);
/* The placeholder of an option's value in --help; a flag has none (""). */
const char *option_value_name(const struct option *option);
/* Its default as help texts show it; NULL: none, or a flag. */
const char *option_default(const struct option *option);
/* Writes the options' part of a --help text, wrapped to `columns`, to `text`.  Returns the
 * length needed, as snprintf does. */
size_t options_help(const struct option *table, uint32_t columns, char *text, size_t size);

#endif
