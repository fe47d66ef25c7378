/* regex.h - a compiled regular expression (PCRE2, see schema/regex/pattern.h) and literals, one of
 * which every match of it contains.  Text is taken as UTF-8; invalid UTF-8 matches nothing and is
 * harmless. */
#ifndef TOOLS_QUERY_REGEX_H
#define TOOLS_QUERY_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGEX_ERROR_MAX 200

struct pattern;
struct pattern_scratch;

struct regex_literal {
    uint8_t *bytes;
    size_t size; /* not 0 */
};

/* Shared by threads once it is open. */
struct regex {
    struct pattern *code;
    bool ignore_case;
    /* May be matched over many lines at once.  False: a match could depend on the end of its line,
     * or a search over many lines could take too long, so lines are matched one by one. */
    bool over_lines;
    /* A match can depend on what is before or after it: anchors, look-around, and parts that give
     * nothing back.  Otherwise a match of a part of a line is also a match of the line, if the part
     * begins after and ends before a character that is not a word's. */
    bool looks_around;
    /* Every match contains one of these: the longest of each alternative.  Count 0: nothing is
     * known. */
    struct regex_literal *literals;
    uint32_t literal_count;
    /* Where one of the literals occurs in a line, the expression matches. */
    bool only_literals;
};

/* Per thread; works with every regex. */
struct regex_state {
    struct pattern_scratch *scratch;
};

/* 0, ERR_NO_MEMORY, or ERR_INVALID: then `error` (REGEX_ERROR_MAX bytes) says what is wrong and
 * where. */
int regex_open(struct regex *regex, const char *pattern, bool ignore_case, char *error);
/* The same for a literal, which is UTF-8: Unicode's simple case folding, as for expressions. */
int regex_open_folded(struct regex *regex, const char *literal);
void regex_close(struct regex *regex);
int regex_state_open(struct regex_state *state);
void regex_state_close(struct regex_state *state);

/* 1: found at [*begin, *end). 0: not found.  Negative: it gave up because matching took too long;
 * trying single lines instead of several may succeed. */
int regex_find(const struct regex *regex, struct regex_state *state, const uint8_t *text,
               size_t size, size_t from, size_t *begin, size_t *end);

#endif
