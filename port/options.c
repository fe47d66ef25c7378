/* options.c - parses values and command lines, and writes --help texts, all from one table.
 *
 * Strict: a value with anything left over, that overflows or is out of range is an error that
 * states what was expected.  Allocates nothing: fields point into the caller's texts. */
#include "port/options.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "port/error.h"

/* Names are compared up to this length to find similar ones. */
#define NAME_COMPARED_MAX 48
#define TABLE_MAX         256

struct measure_unit {
    const char *name;
    uint64_t size;
};

/* Largest first: a number is shown in the first unit that divides it. */
static const struct measure_unit byte_units[] = {
    {"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"GB", 1000000000},
    {"MB", 1000000},   {"kB", 1000},      {"G", 1u << 30},   {"M", 1u << 20},
    {"K", 1u << 10},   {"B", 1},          {NULL, 0},
};
static const struct measure_unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

static void *field_of(const struct option *option, void *settings) {
    return (uint8_t *)settings + option->field;
}

/* ---- one value ---- */

/* Digits, with single underscores between them.  Returns what follows; NULL: no digit, or more
 * than 64 bits. */
static const char *parse_number(const char *text, uint64_t *number) {
    uint64_t sum = 0;
    if (*text < '0' || *text > '9') return NULL;
    for (;; text++) {
        if (*text == '_' && text[1] >= '0' && text[1] <= '9') text++;
        if (*text < '0' || *text > '9') break;
        const uint64_t digit = (uint64_t)(*text - '0');
        if (sum > (UINT64_MAX - digit) / 10) return NULL;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return text;
}

/* A number and, after at most one space, a unit.  bare: the size of a number's unit when it has
 * none. */
static bool parse_measure(const char *text, const struct measure_unit *units, uint64_t bare,
                          uint64_t *measure) {
    uint64_t number;
    uint64_t size = bare;
    const char *rest = parse_number(text, &number);
    if (rest == NULL) return false;
    if (*rest == ' ') rest++;
    if (*rest != '\0') {
        while (units->name != NULL && strcmp(units->name, rest) != 0)
            units++;
        if (units->name == NULL) return false;
        size = units->size;
    }
    if (number > UINT64_MAX / size) return false;
    *measure = number * size;
    return true;
}

static const char *format_measure(uint64_t measure, const struct measure_unit *units, char *text,
                                  size_t size) {
    while (units[1].name != NULL && (measure == 0 || measure % units->size != 0))
        units++;
    snprintf(text, size, "%llu%s", (unsigned long long)(measure / units->size), units->name);
    return text;
}

const char *option_format(const struct option *option, uint64_t value, char *text, size_t size) {
    switch (option->kind) {
    case OPTION_BYTES: return format_measure(value, byte_units, text, size);
    case OPTION_TIME_MS: return format_measure(value, time_units, text, size);
    case OPTION_TIME_S:
        if (value <= UINT64_MAX / 1000) return format_measure(value * 1000, time_units, text, size);
        break;
    default: break;
    }
    snprintf(text, size, "%llu", (unsigned long long)value);
    return text;
}

static int set_number(const struct option *option, uint64_t value, const char *text, void *settings,
                      char *error) {
    char least[32], most[32];
    const uint64_t max = option->max != 0 ? option->max : UINT64_MAX;
    if (value < option->min || value > max) {
        option_format(option, option->min, least, sizeof least);
        option_format(option, max, most, sizeof most);
        if (option->max == 0)
            snprintf(error, OPTION_ERROR_MAX, "%.60s is too small; the minimum is %s", text, least);
        else
            snprintf(error, OPTION_ERROR_MAX, "%.60s is out of range (%s to %s)", text, least,
                     most);
        return ERR_INVALID;
    }
    memcpy(field_of(option, settings), &value, sizeof value);
    return 0;
}

static int not_a(const char *text, const char *what, char *error) {
    snprintf(error, OPTION_ERROR_MAX, "\"%.60s\" is not %s", text, what);
    return ERR_INVALID;
}

static int set_flag(const struct option *option, const char *text, void *settings, char *error) {
    const bool on = strcmp(text, "true") == 0;
    if (!on && strcmp(text, "false") != 0) return not_a(text, "true or false", error);
    memcpy(field_of(option, settings), &on, sizeof on);
    return 0;
}

static int add_to_list(const struct option *option, const char *text, void *settings, char *error) {
    struct option_list *list = field_of(option, settings);
    if (list->count == OPTION_LIST_MAX) {
        snprintf(error, OPTION_ERROR_MAX, "may be given at most %d times", OPTION_LIST_MAX);
        return ERR_INVALID;
    }
    list->texts[list->count++] = text;
    return 0;
}

int option_set(const struct option *option, const char *text, void *settings, char *error) {
    uint64_t value = 0;
    switch (option->kind) {
    case OPTION_FLAG: return set_flag(option, text, settings, error);
    case OPTION_TEXT: memcpy(field_of(option, settings), &text, sizeof text); return 0;
    case OPTION_LIST: return add_to_list(option, text, settings, error);
    case OPTION_COUNT: {
        const char *rest = parse_number(text, &value);
        if (rest == NULL || *rest != '\0')
            return not_a(text, "a whole number (examples: 10, 1_000)", error);
        break;
    }
    case OPTION_BYTES:
        if (!parse_measure(text, byte_units, 1, &value))
            return not_a(text, "a size (examples: 65536, 64KiB, 1MiB)", error);
        break;
    case OPTION_TIME_MS:
        if (!parse_measure(text, time_units, 1, &value))
            return not_a(text, "a duration (examples: 200ms, 2s, 10m)", error);
        break;
    case OPTION_TIME_S:
        if (!parse_measure(text, time_units, 1000, &value) || value % 1000 != 0)
            return not_a(text, "a duration in whole seconds (examples: 30s, 10m, 1h)", error);
        value /= 1000;
        break;
    }
    return set_number(option, value, text, settings, error);
}

void options_preset(const struct option *table, void *settings) {
    char error[OPTION_ERROR_MAX];
    for (; table->name != NULL; table++)
        if (table->preset != NULL) {
            const int status = option_set(table, table->preset, settings, error);
            assert(status == 0);
            (void)status;
        }
}

/* ---- names ---- */

const struct option *option_find(const struct option *table, const char *name) {
    for (; table->name != NULL; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

/* Edit distance: letters changed, added, removed, or swapped with their neighbour. */
static uint32_t distance(const char *a, const char *b) {
    uint32_t rows[3][NAME_COMPARED_MAX + 1];
    uint32_t *before = rows[0], *above = rows[1], *row = rows[2];
    const size_t a_size = strnlen(a, NAME_COMPARED_MAX), b_size = strnlen(b, NAME_COMPARED_MAX);
    for (size_t j = 0; j <= b_size; j++)
        above[j] = (uint32_t)j;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_size; j++) {
            uint32_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        uint32_t *const spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b_size];
}

const char *option_like(const struct option *table, const char *name) {
    const size_t size = strlen(name);
    const char *like = NULL;
    uint32_t least = size < 3 ? 1 : (uint32_t)(size + 2) / 3;
    if (size < 2) return NULL;
    for (; table->name != NULL; table++) {
        if (table->help == NULL) continue;
        uint32_t apart = distance(name, table->name);
        /* The beginning of a name counts as one wrong letter. */
        if (size >= 3 && strncmp(name, table->name, size) == 0) apart = 1;
        if (apart > least || (apart == least && like != NULL)) continue;
        least = apart;
        like = table->name;
    }
    return like;
}

static void with_dashes(const char *name, char *text, size_t size) {
    snprintf(text, size, "%s", name);
    for (; *text != '\0'; text++)
        if (*text == '_') *text = '-';
}

/* ---- the command line ---- */

struct command_line {
    const struct option *table;
    int argc;
    char **argv;
    int next; /* the argument after the present one */
    void *settings;
    char *error;
    bool given[TABLE_MAX]; /* options that this command line has set already */
};

static int set_given(struct command_line *r, const struct option *option, const char *shown,
                     const char *text) {
    char reason[OPTION_ERROR_MAX];
    const size_t index = (size_t)(option - r->table);
    assert(index < TABLE_MAX);
    if (option->kind == OPTION_LIST && !r->given[index])
        ((struct option_list *)field_of(option, r->settings))->count = 0;
    r->given[index] = true;
    const int status = option_set(option, text, r->settings, reason);
    if (status < 0) snprintf(r->error, OPTION_ERROR_MAX, "%.60s: %.180s", shown, reason);
    return status;
}

/* The value is the next argument, even if it begins with '-'. */
static int set_from_next(struct command_line *r, const struct option *option, const char *shown) {
    if (option->kind == OPTION_FLAG) return set_given(r, option, shown, "true");
    if (r->next == r->argc) {
        snprintf(r->error, OPTION_ERROR_MAX, "%.60s: missing value%s%s", shown,
                 option->value != NULL ? ": " : "", option->value != NULL ? option->value : "");
        return ERR_INVALID;
    }
    return set_given(r, option, shown, r->argv[r->next++]);
}

static int read_long(struct command_line *r, const char *argument) {
    char name[128], shown[132], like[128];
    const size_t size = strcspn(argument + 2, "=");
    snprintf(name, sizeof name, "%.*s", size < 120 ? (int)size : 120, argument + 2);
    with_dashes(name, like, sizeof like);
    snprintf(shown, sizeof shown, "--%s", like);
    for (char *p = name; *p != '\0'; p++)
        if (*p == '-') *p = '_';
    const struct option *option = option_find(r->table, name);
    if (option == NULL) {
        const char *meant = option_like(r->table, name);
        if (meant != NULL) with_dashes(meant, like, sizeof like);
        snprintf(r->error, OPTION_ERROR_MAX, "%.60s: no such option%s%s%s", shown,
                 meant != NULL ? "; did you mean --" : "", meant != NULL ? like : "",
                 meant != NULL ? "?" : "");
        return ERR_INVALID;
    }
    if (argument[2 + size] == '=') return set_given(r, option, shown, argument + 2 + size + 1);
    return set_from_next(r, option, shown);
}

static const struct option *find_letter(const struct option *table, char letter) {
    for (; table->name != NULL; table++)
        if (table->letter == letter) return table;
    return NULL;
}

/* -20, as tail(1) has it; NULL: the argument is no number, or no option of the table reads one. */
static const struct option *find_digits(const struct option *table, const char *argument) {
    if (argument[1 + strspn(argument + 1, "0123456789")] != '\0') return NULL;
    for (; table->name != NULL; table++)
        if (table->digits) return table;
    return NULL;
}

/* -n 5, -n5, and several flags together: -iv, -ivn5. */
static int read_letters(struct command_line *r, const char *argument) {
    const struct option *const digits = find_digits(r->table, argument);
    if (digits != NULL) return set_given(r, digits, argument, argument + 1);
    for (const char *p = argument + 1; *p != '\0'; p++) {
        const char shown[3] = {'-', *p, '\0'};
        const struct option *option = find_letter(r->table, *p);
        if (option == NULL) {
            snprintf(r->error, OPTION_ERROR_MAX, "%.60s: no such option",
                     (uint8_t)*p < 0x80 ? shown : argument);
            return ERR_INVALID;
        }
        if (option->kind != OPTION_FLAG && p[1] != '\0') return set_given(r, option, shown, p + 1);
        const int status = set_from_next(r, option, shown);
        if (status < 0) return status;
    }
    return 0;
}

int options_command_line(const struct option *table, int argc, char **argv, void *settings,
                         char *error) {
    struct command_line r = {table, argc, argv, 1, settings, error, {false}};
    int words = 0;
    bool ended = false;
    error[0] = '\0';
    while (r.next < argc) {
        char *argument = argv[r.next++];
        int status = 0;
        if (ended || argument[0] != '-' || argument[1] == '\0')
            argv[1 + words++] = argument;
        else if (strcmp(argument, "--") == 0)
            ended = true;
        else if (argument[1] == '-')
            status = read_long(&r, argument);
        else
            status = read_letters(&r, argument);
        if (status < 0) return status;
    }
    return words;
}

/* ---- help ---- */

struct help_text {
    char *bytes;
    size_t size;
    size_t needed;
};

static void add(struct help_text *text, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++, text->needed++)
        if (text->needed + 1 < text->size) text->bytes[text->needed] = bytes[i];
}

static void add_spaces(struct help_text *text, size_t count) {
    while (count-- > 0)
        add(text, " ", 1);
}

const char *option_value_name(const struct option *option) {
    if (option->value != NULL) return option->value;
    switch (option->kind) {
    case OPTION_FLAG: return "";
    case OPTION_COUNT: return "N";
    case OPTION_BYTES: return "SIZE";
    case OPTION_TIME_MS:
    case OPTION_TIME_S: return "TIME";
    default: return "TEXT";
    }
}

/* "  -n, --lines N" */
static size_t format_left(const struct option *option, char *left, size_t size) {
    char name[128];
    const char *value = option->kind != OPTION_FLAG ? option_value_name(option) : "";
    with_dashes(option->name, name, sizeof name);
    const char letter[] = {'-', option->letter, ',', '\0'};
    const int length = snprintf(left, size, "  %3s --%s%s%s", option->letter != 0 ? letter : "",
                                name, *value != '\0' ? " " : "", value);
    return (size_t)length < size ? (size_t)length : size - 1;
}

/* Wraps words; indents all lines after the first. */
static void add_wrapped(struct help_text *text, const char *words, size_t indent, size_t columns) {
    size_t column = indent;
    while (*words != '\0') {
        if (*words == '\n' || *words == ' ') {
            words++;
            continue;
        }
        const size_t size = strcspn(words, " \n");
        const bool line_given = column > indent && words[-1] == '\n';
        if (line_given || (column > indent && column + 1 + size > columns)) {
            add(text, "\n", 1);
            add_spaces(text, indent);
            column = indent;
        } else if (column > indent) {
            add_spaces(text, 1);
            column++;
        }
        add(text, words, size);
        column += size;
        words += size;
    }
    add(text, "\n", 1);
}

const char *option_default(const struct option *option) {
    if (option->kind == OPTION_FLAG) return NULL;
    return option->preset != NULL ? option->preset : option->unset;
}

size_t options_help(const struct option *table, uint32_t columns, char *text, size_t size) {
    struct help_text out = {text, size, 0};
    char left[160], words[1024];
    size_t indent = 0;
    const struct option *option;
    if (columns < 40) columns = 40;
    for (option = table; option->name != NULL; option++)
        if (option->help != NULL) {
            const size_t length = format_left(option, left, sizeof left) + 2;
            if (length > indent) indent = length;
        }
    if (indent > columns / 2) indent = columns / 2 < 30 ? columns / 2 : 30;
    for (option = table; option->name != NULL; option++) {
        if (option->help == NULL) continue;
        const size_t length = format_left(option, left, sizeof left);
        if (option->section != NULL) {
            if (option != table) add(&out, "\n", 1);
            add(&out, option->section, strlen(option->section));
            add(&out, ":\n", 2);
        }
        add(&out, left, length);
        if (length + 2 > indent) {
            add(&out, "\n", 1);
            add_spaces(&out, indent);
        } else {
            add_spaces(&out, indent - length);
        }
        const char *preset = option_default(option);
        snprintf(words, sizeof words, "%s%s%s%s", option->help, preset ? " (default " : "",
                 preset ? preset : "", preset ? ")" : "");
        add_wrapped(&out, words, indent, columns);
    }
    if (size > 0) text[out.needed < size ? out.needed : size - 1] = '\0';
    return out.needed;
}
