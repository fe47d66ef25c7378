/* regex.h - one regular expression (PCRE2's, see schema/regex/pattern.h), and the literal that every
 * match of it holds.  Text is taken as UTF-8; what is none of it matches nothing, and harms nothing. */
#ifndef TOOLS_QUERY_REGEX_H
#define TOOLS_QUERY_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGEX_ERROR_MAX 200

struct pattern;
struct pattern_scratch;

/* Shared by threads once it is open. */
struct regex {
    struct pattern *code;
    bool ignore_case;
    /* False: a match could depend on where its line ends, or be looked for in vain over many
     * lines, so lines are matched one at a time. */
    bool over_lines;
    /* The longest literal found in it that every match holds; size 0: none was found. */
    uint8_t *literal;
    size_t literal_size;
};

/* What a thread needs to match; of any regex. */
struct regex_state {
    struct pattern_scratch *scratch;
};

/* ERR_INVALID, and `error` (REGEX_ERROR_MAX) says what is wrong where; or ERR_NO_MEMORY. */
int regex_open(struct regex *regex, const char *pattern, bool ignore_case, char *error);
void regex_close(struct regex *regex);
int regex_state_open(struct regex_state *state);
void regex_state_close(struct regex_state *state);

/* 1: found, *begin and *end say where.  0: not there.  Negative: it gave up, for it
 * would take too long (tried over several lines, it may be quick on each of them). */
int regex_find(const struct regex *regex, struct regex_state *state, const uint8_t *text,
               size_t size, size_t from, size_t *begin, size_t *end);

#endif
