/* regex.c - see regex.h.  PCRE2 matches (schema/regex/pattern.h).  This file finds the literals of
 * which every match must contain one, which are searched first, and decides which expressions may
 * be matched over many lines at once. */
#include "tools/query/regex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/regex/pattern.h"

/* ---- the literals that matches hold ---- */

/* One pass over the pattern; anything it does not understand ends the current run of literal
 * bytes. */
struct literals {
    const char *p;
    bool ignore_case;
    uint8_t *run, *best;
    size_t run_size, best_size;
    bool all; /* the alternative is nothing but this run */
};

static void end_run(struct literals *l) {
    if (l->run_size > l->best_size) {
        memcpy(l->best, l->run, l->run_size);
        l->best_size = l->run_size;
    }
    l->run_size = 0;
}

/* The byte after the class that begins at p, or NULL. */
static const char *class_end(const char *p) {
    p++;
    if (*p == '^') p++;
    if (*p == ']') p++;
    for (; *p != '\0' && *p != ']'; p++) {
        if (*p == '\\' && p[1] != '\0') p++;
        if (*p == '[' && p[1] == ':') { /* [:alpha:] or [:^alpha:]; any other [ is literal */
            const char *name = p[2] == '^' ? p + 3 : p + 2;
            const size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz");
            if (size > 0 && name[size] == ':' && name[size + 1] == ']') p = name + size + 1;
        }
    }
    return *p == ']' ? p + 1 : NULL;
}

/* The byte after the group that begins at p, or NULL. */
static const char *group_end(const char *p) {
    uint32_t depth = 0;
    while (*p != '\0') { /* ends: p rises */
        if (*p == '\\' && p[1] != '\0') {
            p += 2;
            continue;
        }
        if (*p == '[') {
            p = class_end(p);
            if (p == NULL) return NULL;
            continue;
        }
        if (*p == '(') depth++;
        if (*p == ')' && --depth == 0) return p + 1;
        p++;
    }
    return NULL;
}

/* The quantifier at p, after an atom: may the atom be absent, may it repeat?  Returns its end. */
static const char *quantifier(const char *p, bool *absent, bool *repeated) {
    *absent = *p == '*' || *p == '?';
    *repeated = *absent || *p == '+';
    /* Later versions of PCRE2 also take {,3} and { 1 } as quantifiers. */
    if (*p == '{' && p[1] != '\0' && strchr("0123456789, ", p[1]) != NULL) {
        const char *end = strchr(p, '}');
        if (end == NULL) return p;
        *repeated = true;
        *absent = strtoul(p + 1, NULL, 10) == 0;
        p = end;
    } else if (!*repeated) {
        return p;
    }
    p++;
    return *p == '?' || *p == '+' ? p + 1 : p;
}

/* Ignoring case, letters with more than one other case in Unicode (k, s) and multi-byte letters are
 * not used. */
static bool is_plain(const struct literals *l, uint8_t byte) {
    if (!l->ignore_case) return true;
    return byte < 0x80 && byte != 'k' && byte != 'K' && byte != 's' && byte != 'S';
}

static void take_byte(struct literals *l, uint8_t byte) {
    bool absent, repeated;
    const char *next = quantifier(l->p, &absent, &repeated);
    /* The quantifier applies to the whole character; this is its last byte. */
    if (absent)
        while (l->run_size > 0 && byte >= 0x80 && (byte & 0xC0) == 0x80)
            byte = l->run[--l->run_size];
    if (!absent && is_plain(l, byte)) {
        l->run[l->run_size++] = byte;
    } else {
        end_run(l);
        l->all = false;
    }
    if (repeated) end_run(l);
    l->all &= !absent && !repeated;
    l->p = next;
}

static void skip_atom(struct literals *l, const char *next) {
    bool absent, repeated;
    end_run(l);
    l->all = false;
    l->p = quantifier(next, &absent, &repeated);
}

/* False: the pattern is not understood. */
static bool take_atom(struct literals *l) {
    const char *next = l->p + 1;
    switch (*l->p) {
    case '|': return false;
    case '(':
        next = group_end(l->p);
        if (next == NULL) return false;
        skip_atom(l, next);
        return true;
    case '[':
        next = class_end(l->p);
        if (next == NULL) return false;
        skip_atom(l, next);
        return true;
    case '.':
    case '^':
    case '$': skip_atom(l, next); return true;
    case '\\':
        if (l->p[1] == '\0') return false;
        /* Most other letters and digits take arguments or, like \Q, \E and \K, change more. */
        if (strchr("dDwWsSbBAzZ", l->p[1]) != NULL) {
            skip_atom(l, l->p + 2);
            return true;
        }
        if (strchr("tnrfae", l->p[1]) != NULL || (uint8_t)l->p[1] >= 0x80) return false;
        if ((l->p[1] >= '0' && l->p[1] <= '9') || (l->p[1] >= 'A' && l->p[1] <= 'Z') ||
            (l->p[1] >= 'a' && l->p[1] <= 'z'))
            return false;
        l->p += 2;
        take_byte(l, (uint8_t)l->p[-1]);
        return true;
    default:
        l->p++;
        take_byte(l, (uint8_t)l->p[-1]);
        return true;
    }
}

/* False: verbs, comments, quotes or options like (?i) and (?x) change how the rest is read. */
static bool is_plainly_written(const char *pattern) {
    for (const char *p = pattern; *p != '\0'; p++) {
        if (p[0] == '(' && p[1] == '*') return false;
        if (p[0] == '(' && p[1] == '?' && (p[2] == '\0' || strchr(":=!<>P|'", p[2]) == NULL))
            return false;
        if (p[0] == '\\' && (p[1] == 'Q' || p[1] == 'E')) return false;
    }
    return true;
}

/* One alternative, up to `|`, `)` or the end: *size is 0 if it has no literal or was not understood.
 * Returns its end; NULL: it was not understood. */
static const char *find_alternative(const char *p, bool ignore_case, uint8_t *run, uint8_t *best,
                                    size_t *size, bool *all) {
    struct literals l = {.p = p, .ignore_case = ignore_case, .run = run, .best = best, .all = true};
    while (*l.p != '\0' && *l.p != '|' && *l.p != ')')
        if (!take_atom(&l)) return NULL;
    end_run(&l);
    *size = l.best_size;
    *all = l.all && memchr(best, '\n', l.best_size) == NULL;
    return l.p;
}

/* The inside of a group that is the whole pattern, or the pattern.  *end: its end. */
static const char *inside_group(const char *pattern, const char **end) {
    const size_t size = strlen(pattern);
    *end = pattern + size;
    if (pattern[0] != '(') return pattern;
    const char *const begin = pattern[1] != '?'   ? pattern + 1
                              : pattern[2] == ':' ? pattern + 3
                                                  : NULL;
    if (begin == NULL || group_end(pattern) != pattern + size) return pattern;
    --*end;
    return begin;
}

static void forget_literals(struct regex *regex) {
    for (uint32_t i = 0; i < regex->literal_count; i++)
        free(regex->literals[i].bytes);
    regex->literal_count = 0;
    regex->only_literals = false;
}

static int add_literal(struct regex *regex, const uint8_t *bytes, size_t size) {
    struct regex_literal *more =
        realloc(regex->literals, (regex->literal_count + 1) * sizeof *more);
    if (more == NULL) return ERR_NO_MEMORY;
    regex->literals = more;
    uint8_t *copy = malloc(size);
    if (copy == NULL) return ERR_NO_MEMORY;
    memcpy(copy, bytes, size);
    regex->literals[regex->literal_count++] = (struct regex_literal){copy, size};
    return 0;
}

/* Only if all alternatives have a literal. `run` and `best` have room for the pattern. */
static int find_alternatives(struct regex *regex, const char *p, const char *end, uint8_t *run,
                             uint8_t *best) {
    regex->only_literals = true;
    for (;;) { /* ends: p rises */
        size_t size;
        bool all;
        p = find_alternative(p, regex->ignore_case, run, best, &size, &all);
        if (p == NULL || size == 0 || (*p == ')' && p != end)) {
            forget_literals(regex);
            return 0;
        }
        const int status = add_literal(regex, best, size);
        if (status < 0) return status;
        regex->only_literals &= all;
        if (p == end) return 0;
        p++;
    }
}

static int find_literals(struct regex *regex, const char *pattern) {
    if (!is_plainly_written(pattern)) return 0;
    const size_t size = strlen(pattern);
    uint8_t *run = malloc(2 * size + 2), *best = malloc(size + 1);
    const char *end;
    int status = run != NULL && best != NULL ? 0 : ERR_NO_MEMORY;
    if (status == 0) {
        const char *const begin = inside_group(pattern, &end);
        status = find_alternatives(regex, begin, end, run, best);
    }
    free(run);
    free(best);
    return status;
}

/* True if every match within a single line is also found when many lines are searched at once: the
 * pattern has no look-around, no possessive or atomic parts, and no anchors to the ends of the
 * text. */
static bool matches_over_lines(const char *pattern) {
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
            if (strchr("dDwWsSbB", *p) != NULL) continue;
            if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
                return false;
            continue;
        }
        if (*p == '(' && p[1] == '*') return false;
        if (*p == '(' && p[1] == '?' && p[2] != ':') return false;
        if (*p == '+' && p > pattern && strchr("+*?}", p[-1]) != NULL) return false;
    }
    return true;
}

/* A group's beginning: the byte after it; NULL: it is, or may be, more than a group. */
static const char *plain_group(const char *p) {
    if (p[1] == '*') return NULL;
    if (p[1] != '?') return p + 1;
    p += 2;
    if (*p == ':' || *p == '|' || *p == '\'' || (*p == 'P' && p[1] == '<')) return p + 1;
    if (*p == '<') return p[1] == '=' || p[1] == '!' ? NULL : p + 1;
    const char *const end = p + strspn(p, "imsn-^"); /* options */
    return end > p && (*end == ')' || *end == ':') ? end + 1 : NULL;
}

/* Anything it does not understand counts as looking around. */
static bool finds_neighbours(const char *p) {
    while (*p != '\0') { /* ends: p rises */
        if (*p == '^' || *p == '$') return true;
        if (*p == '[') {
            p = class_end(p);
            if (p == NULL) return true;
        } else if (*p == '(') {
            p = plain_group(p);
            if (p == NULL) return true;
        } else if (*p == '\\') {
            const char c = p[1];
            const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
            if (c == '\0' || (letter && strchr("dDwWsSbBhHvVNRtnrfaexpP", c) == NULL)) return true;
            p += 2;
        } else {
            if (p[1] == '+' && strchr("+*?}", *p) != NULL) return true; /* possessive */
            p++;
        }
    }
    return false;
}

/* ---- matching ---- */

int regex_open(struct regex *regex, const char *pattern, bool ignore_case, char *error) {
    memset(regex, 0, sizeof *regex);
    regex->ignore_case = ignore_case;
    regex->over_lines = matches_over_lines(pattern);
    regex->looks_around = finds_neighbours(pattern);
    struct pattern_problem problem;
    int status = pattern_compile_plain(pattern, ignore_case, &regex->code, &problem);
    if (status == ERR_INVALID)
        snprintf(error, REGEX_ERROR_MAX, "at character %llu: %s",
                 (unsigned long long)problem.offset + 1, problem.sentence);
    if (status < 0) return status;
    status = find_literals(regex, pattern);
    if (status < 0) regex_close(regex);
    return status;
}

int regex_open_folded(struct regex *regex, const char *literal) {
    char error[REGEX_ERROR_MAX], *const pattern = malloc(2 * strlen(literal) + 1), *to = pattern;
    if (pattern == NULL) return ERR_NO_MEMORY;
    for (const char *p = literal; *p != '\0'; p++) {
        const char lower = *p | 0x20;
        const bool plain = (lower >= 'a' && lower <= 'z') || (*p >= '0' && *p <= '9');
        if (!plain && (uint8_t)*p < 0x80) *to++ = '\\';
        *to++ = *p;
    }
    *to = '\0';
    const int status = regex_open(regex, pattern, true, error);
    free(pattern);
    return status;
}

void regex_close(struct regex *regex) {
    pattern_free(regex->code);
    forget_literals(regex);
    free(regex->literals);
    memset(regex, 0, sizeof *regex);
}

int regex_state_open(struct regex_state *state) {
    state->scratch = NULL;
    return pattern_scratch_make(&state->scratch);
}

void regex_state_close(struct regex_state *state) {
    pattern_scratch_free(state->scratch);
    state->scratch = NULL;
}

int regex_find(const struct regex *regex, struct regex_state *state, const uint8_t *text,
               size_t size, size_t from, size_t *begin, size_t *end) {
    return pattern_find(regex->code, state->scratch, (const char *)text, size, from, begin, end);
}
