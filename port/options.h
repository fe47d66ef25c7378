/* options.h - reads a program's options from one table.
 * The same table is the command line (--flush-ms 200, --flush-ms=200, -n 5,
 * -n5), the configuration file's keys (flush_ms) and the --help text, so they
 * cannot drift apart. */
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

/* Where it may stand. */
enum option_place {
    OPTION_FOR_ALL, /* on the command line, and in the file */
    OPTION_COMMAND_LINE_ONLY,
    OPTION_FOR_PARTS, /* and in parts of the file too, for what each of them is about */
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
    uint64_t min, max;  /* of numbers, in the field's unit; max 0: none */
    const char *preset; /* read into the field by options_preset; NULL: left zero */
    const char *value;  /* what --help calls the value: "HOST:PORT" */
    const char *help;   /* one line, or more parted by \n; NULL: not shown */
    enum option_place place;
    const char *unset;   /* without a preset: what applies if the option is not given, in words */
    const char *section; /* heading above this option in help texts and documents; NULL: none */
};

#define OPTION_ERROR_MAX 256

/* Fills the fields with the table's presets. */
void options_preset(const struct option *table, void *settings);

/* Reads argv[1..argc) into settings.  Words that are no options are moved to
 * the front of argv[1..), their number comes back; "--" ends the options, a
 * lone "-" is a word.  A list given here replaces what it held before.
 * Negative: ERR_INVALID, and `error` (OPTION_ERROR_MAX bytes) says what is
 * wrong, what was expected and, for a misspelt name, what may have been meant. */
int options_command_line(const struct option *table, int argc, char **argv, void *settings,
                         char *error);

/* One value from text, as options_command_line would; for lists, adds one.  The
 * error says what is wrong with the value; the option's name is the caller's to
 * put before it. */
int option_set(const struct option *option, const char *text, void *settings, char *error);
/* By the file's name of it, or NULL. */
const struct option *option_find(const struct option *table, const char *name);
/* The name in the table that is most like this one, or NULL. */
const char *option_like(const struct option *table, const char *name);

/* A number of the option's kind as a person writes it (1MiB, 200ms), into `text`, which it returns. */
const char *option_format(const struct option *option, uint64_t value, char *text, size_t size);
/* What --help calls an option's value; a flag has none. */
const char *option_value_name(const struct option *option);
/* Its default as help texts show it: preset or unset; NULL: it has none, or is a flag. */
const char *option_default(const struct option *option);
/* The option lines of a --help text, wrapped to `columns`, into `text`;
 * returns the length that was needed, as snprintf does. */
size_t options_help(const struct option *table, uint32_t columns, char *text, size_t size);

#endif
