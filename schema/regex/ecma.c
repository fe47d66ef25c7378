/* ecma.c - see ecma.h.  Reads the pattern once from left to right, with open groups on a small
 * stack, and writes the translation as it reads.  Literals are written as letters, digits or
 * \x{...}, so that no character of the pattern can have a special meaning in PCRE2. */
#include "schema/regex/ecma.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PCRE2's limit for one quantifier; larger counts are written as up to PIECES_MAX quantifiers. */
#define REPEAT_MAX 65535u
#define PIECES_MAX 16u
#define ENDLESS    UINT32_MAX

/* ECMA-262's WhiteSpace and LineTerminator, and their complement, for use in a class. */
#define SPACES                                                                                     \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"  \
    "\\x{3000}\\x{feff}"
#define NO_SPACES                                                                                  \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-"     \
    "\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"        \
    "\\x{ff00}-\\x{10ffff}"

/* PCRE2 10.42 ignores the part of \W above 255 in [^\W\p{L}] (its should_flip_negation), so \D and
 * \W are written out in classes (pattern_test: digits_and_words_are_ASCII...). */
#define NO_DIGITS "\\x{0}-\\x{2f}\\x{3a}-\\x{10ffff}"
#define NO_WORDS  "\\x{0}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{5e}\\x{60}\\x{7b}-\\x{10ffff}"

struct group {
    size_t begin;   /* in the output */
    bool look;      /* (?= and other assertions, which cannot be repeated */
    uint32_t begun; /* capturing groups before it */
};

struct group_name {
    size_t begin, size; /* in the pattern, between < and > */
    uint32_t group;
};

struct ecma_reader {
    const char *text;
    size_t size, at;
    struct ecma_output *output; /* NULL: only check the syntax */
    struct pattern_problem *problem;
    uint32_t groups; /* capturing groups: all, and those begun so far */
    uint32_t begun;
    uint32_t depth;
    struct group stack[ECMA_DEPTH_MAX];
    uint32_t names_count;
    struct group_name names[ECMA_NAMES_MAX];
    /* What a quantifier would repeat: its start in the output, and the capturing groups before
     * it. */
    bool repeatable;
    size_t atom;
    uint32_t before_atom;
};

/* A member of a class: a code point, or a set that is already written. */
struct class_member {
    uint32_t point;
    bool set;
};

static bool find_groups(struct ecma_reader *r);
static bool read_term(struct ecma_reader *r);
static bool read_quantifier(struct ecma_reader *r);
static bool read_group(struct ecma_reader *r);
static bool read_escape(struct ecma_reader *r);
static bool read_class(struct ecma_reader *r);
static bool read_character(struct ecma_reader *r, size_t begin, bool in_class, uint32_t *point);
static bool read_set(struct ecma_reader *r, bool in_class, bool *found);
static bool read_point(struct ecma_reader *r, uint32_t *point);
static void put(struct ecma_reader *r, const char *text);
static void put_point(struct ecma_reader *r, uint32_t point);

static bool fail(struct ecma_reader *r, size_t at, const char *sentence) {
    r->problem->offset = at;
    snprintf(r->problem->sentence, sizeof r->problem->sentence, "%s", sentence);
    return false;
}

static bool more(const struct ecma_reader *r) {
    return r->at < r->size;
}

/* The byte `count` bytes ahead; 0 after the end. */
static char ahead(const struct ecma_reader *r, size_t count) {
    return r->size - r->at > count ? r->text[r->at + count] : '\0';
}

static bool take(struct ecma_reader *r, char c) {
    if (!more(r) || r->text[r->at] != c) return false;
    r->at++;
    return true;
}

bool ecma_translate(const char *text, size_t size, struct ecma_output *output,
                    struct pattern_problem *problem) {
    /* Not cleared: the tables are large, and their counts say what is valid. */
    struct ecma_reader r;
    r.text = text;
    r.size = size;
    r.at = 0;
    r.output = output;
    r.problem = problem;
    r.groups = r.begun = r.depth = r.names_count = 0;
    r.repeatable = false;
    r.atom = r.before_atom = 0;
    if (size > PATTERN_BYTES_MAX) return fail(&r, 0, "longer than 64 KiB");
    if (!find_groups(&r)) return false;
    while (more(&r))
        if (!read_term(&r)) return false;
    if (r.depth > 0) return fail(&r, size, "a ( without a )");
    return output == NULL || !output->no_memory;
}

/* ---- groups and their names, found first because a reference may precede its group ---- */

/* From after the < to after the >. */
static bool read_name(struct ecma_reader *r, struct group_name *name) {
    name->begin = r->at;
    while (more(r) && r->text[r->at] != '>') {
        uint32_t point;
        const bool first = r->at == name->begin;
        const size_t begin = r->at;
        if (!read_point(r, &point)) return false;
        if (point == '\\' && (ahead(r, 0) != 'u' || !read_character(r, begin, false, &point)))
            return fail(r, begin, "not a valid group name");
        /* Accepts all code points from U+00AA on, without looking up which may be in a name. */
        const bool letter = ((point | 0x20) >= 'a' && (point | 0x20) <= 'z') || point == '_' ||
                            point == '$' || point >= 0xAA;
        if (!letter && (first || point < '0' || point > '9'))
            return fail(r, begin, "not a valid group name");
    }
    name->size = r->at - name->begin;
    if (name->size == 0 || !take(r, '>')) return fail(r, name->begin, "not a valid group name");
    return true;
}

/* Compares code points: a name may be written with escapes. */
static bool same_name(struct ecma_reader *r, const struct group_name *a,
                      const struct group_name *b) {
    const size_t at = r->at;
    size_t x = a->begin, y = b->begin;
    bool same = true;
    while (same && x < a->begin + a->size && y < b->begin + b->size) {
        uint32_t points[2] = {0, 0};
        size_t *const places[2] = {&x, &y};
        for (int i = 0; i < 2; i++) {
            r->at = *places[i];
            read_point(r, &points[i]);
            if (points[i] == '\\') read_character(r, *places[i], false, &points[i]);
            *places[i] = r->at;
        }
        same = points[0] == points[1];
    }
    r->at = at;
    return same && x == a->begin + a->size && y == b->begin + b->size;
}

static struct group_name *find_name(struct ecma_reader *r, const struct group_name *wanted) {
    for (uint32_t i = 0; i < r->names_count; i++)
        if (same_name(r, &r->names[i], wanted)) return &r->names[i];
    return NULL;
}

static bool add_name(struct ecma_reader *r, size_t begin) {
    struct group_name name = {.group = r->groups};
    if (!read_name(r, &name)) return false;
    if (find_name(r, &name) != NULL) return fail(r, begin, "duplicate group name");
    if (r->names_count == ECMA_NAMES_MAX) return fail(r, begin, "too many named groups");
    r->names[r->names_count++] = name;
    return true;
}

/* Counts capturing groups and collects their names; everything else is checked later. */
static bool find_groups(struct ecma_reader *r) {
    bool in_class = false;
    while (more(r)) {
        const size_t begin = r->at;
        const char c = r->text[r->at++];
        if (c == '\\') r->at += more(r);
        if (c == '[') in_class = true;
        if (c == ']') in_class = false;
        if (c != '(' || in_class) continue;
        const bool named =
            ahead(r, 0) == '?' && ahead(r, 1) == '<' && ahead(r, 2) != '=' && ahead(r, 2) != '!';
        if (ahead(r, 0) == '?' && !named) continue;
        r->groups++;
        r->at += named ? 2 : 0;
        if (named && !add_name(r, begin)) return false;
    }
    r->at = 0;
    return true;
}

/* ---- terms ---- */

/* Notes where the atom that follows begins in the output. */
static void begin_atom(struct ecma_reader *r) {
    r->repeatable = true;
    r->before_atom = r->begun;
    r->atom = r->output != NULL ? r->output->size : 0;
}

static bool read_term(struct ecma_reader *r) {
    const size_t begin = r->at;
    uint32_t point;
    switch (r->text[r->at]) {
    case '(': return read_group(r);
    case ')':
        if (r->depth == 0) return fail(r, begin, "a ) without a (");
        r->at++;
        put(r, ")");
        r->depth--;
        r->repeatable = !r->stack[r->depth].look;
        r->atom = r->stack[r->depth].begin;
        r->before_atom = r->stack[r->depth].begun;
        return true;
    case '|':
    case '^':
    case '$':
        put(r, (const char[]){r->text[r->at++], '\0'});
        r->repeatable = false;
        return true;
    case '.':
        r->at++;
        begin_atom(r);
        put(r, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
        return true;
    case '*':
    case '+':
    case '?':
    case '{': return read_quantifier(r);
    case '[': return read_class(r);
    case '\\': return read_escape(r);
    case ']':
    case '}': return fail(r, begin, "must be escaped with \\");
    default: break;
    }
    begin_atom(r);
    if (!read_point(r, &point)) return false;
    put_point(r, point);
    return true;
}

static bool read_count(struct ecma_reader *r, uint32_t *count) {
    const size_t begin = r->at;
    uint64_t value = 0;
    for (; ahead(r, 0) >= '0' && ahead(r, 0) <= '9'; r->at++) {
        value = value * 10 + (uint64_t)(r->text[r->at] - '0');
        if (value >= ENDLESS) value = ENDLESS - 1;
    }
    *count = (uint32_t)value;
    return r->at > begin;
}

/* Removes an atom that repeats 0 times; its groups remain, empty, because they are numbered.  (x{0}
 * within y{0} makes PCRE2 10.42 miss matches: pattern_test:
 * what_repeats_zero_times_is_removed.) */
static void remove_atom(struct ecma_reader *r) {
    if (r->output == NULL || r->output->no_memory) return;
    r->output->size = r->atom;
    for (uint32_t i = r->before_atom; i < r->begun; i++)
        put(r, "()");
}

/* Writes the quantifier after the atom; repeats the atom if one quantifier is not enough. */
static bool put_repeat(struct ecma_reader *r, size_t begin, uint32_t min, uint32_t max, bool lazy) {
    if (r->output == NULL) return true;
    const uint32_t pieces_max = REPEAT_MAX * PIECES_MAX;
    const bool several = min > REPEAT_MAX || (max > REPEAT_MAX && max != ENDLESS);
    if (min > pieces_max || (max > pieces_max && max != ENDLESS) ||
        (several && r->begun > r->before_atom))
        return fail(r, begin, "the repetition count is too large");
    const size_t atom = r->output->size - r->atom;
    char *const copy = several ? malloc(atom + 1) : NULL;
    if (several && copy == NULL) {
        r->output->no_memory = true;
        return false;
    }
    if (several) {
        memcpy(copy, r->output->bytes + r->atom, atom);
        copy[atom] = '\0';
    }
    for (;;) { /* ends: max or min decreases until it is at most REPEAT_MAX */
        char text[32];
        const uint32_t from = min < REPEAT_MAX ? min : REPEAT_MAX;
        const uint32_t to = max < REPEAT_MAX ? max : REPEAT_MAX;
        const bool last = min <= REPEAT_MAX && (max <= REPEAT_MAX || max == ENDLESS);
        if (last && max == ENDLESS) {
            snprintf(text, sizeof text, "{%u,}%s", from, lazy ? "?" : "");
        } else {
            snprintf(text, sizeof text, "{%u,%u}%s", from, to, lazy ? "?" : "");
        }
        put(r, text);
        if (last) break;
        min -= from;
        if (max != ENDLESS) max -= to;
        put(r, copy);
    }
    free(copy);
    return !r->output->no_memory;
}

static bool read_quantifier(struct ecma_reader *r) {
    const size_t begin = r->at;
    const char c = r->text[r->at++];
    if (!r->repeatable) return fail(r, begin, "nothing to repeat");
    r->repeatable = false;
    uint32_t min = c == '+', max = c == '?' ? 1 : ENDLESS;
    if (c == '{') {
        if (!read_count(r, &min)) return fail(r, begin, "not a valid repetition count");
        max = min;
        if (take(r, ',') && !read_count(r, &max)) max = ENDLESS;
        if (!take(r, '}')) return fail(r, begin, "not a valid repetition count");
        if (max < min)
            return fail(r, begin, "the minimum repetition count is greater than the maximum");
    }
    const bool lazy = take(r, '?');
    if (max == 0) {
        remove_atom(r);
        return true;
    }
    if (c == '{') return put_repeat(r, begin, min, max, lazy);
    put(r, (const char[]){c, lazy ? '?' : '\0', '\0'});
    return true;
}

static bool read_group(struct ecma_reader *r) {
    const size_t begin = r->at++;
    struct group group = {.begin = r->output != NULL ? r->output->size : 0, .begun = r->begun};
    if (r->depth == ECMA_DEPTH_MAX) return fail(r, begin, "groups are nested too deeply");
    if (!take(r, '?')) {
        r->begun++;
        put(r, "(");
    } else if (take(r, ':')) {
        put(r, "(?:");
    } else if (ahead(r, 0) == '=' || ahead(r, 0) == '!') {
        group.look = true;
        put(r, (const char[]){'(', '?', r->text[r->at++], '\0'});
    } else if (ahead(r, 0) == '<' && (ahead(r, 1) == '=' || ahead(r, 1) == '!')) {
        group.look = true;
        put(r, (const char[]){'(', '?', '<', r->text[r->at + 1], '\0'});
        r->at += 2;
    } else if (take(r, '<')) {
        struct group_name name; /* find_groups has stored it */
        if (!read_name(r, &name)) return false;
        r->begun++;
        put(r, "(");
    } else {
        return fail(r, begin, "not a group type of ECMA-262");
    }
    r->stack[r->depth++] = group;
    r->repeatable = false;
    return true;
}

/* ---- escapes ---- */

static void put_reference(struct ecma_reader *r, uint32_t group) {
    char text[32];
    snprintf(text, sizeof text, "\\g{%u}", group);
    put(r, text);
    if (r->output != NULL) r->output->back_references = true;
}

static bool read_escape(struct ecma_reader *r) {
    const size_t begin = r->at++;
    const char c = ahead(r, 0);
    bool found;
    uint32_t value;
    if (c == 'b' || c == 'B') {
        r->at++;
        r->repeatable = false;
        put(r, c == 'b' ? "\\b" : "\\B");
        return true;
    }
    begin_atom(r);
    if (c >= '1' && c <= '9') {
        read_count(r, &value);
        if (value > r->groups) return fail(r, begin, "a reference to a group that does not exist");
        put_reference(r, value);
        return true;
    }
    if (c == 'k') {
        struct group_name wanted;
        r->at++;
        if (!take(r, '<')) return fail(r, begin, "a \\k without a group name");
        if (!read_name(r, &wanted)) return false;
        const struct group_name *name = find_name(r, &wanted);
        if (name == NULL) return fail(r, begin, "a reference to a group that does not exist");
        put_reference(r, name->group);
        return true;
    }
    if (!read_set(r, false, &found)) return false;
    if (found) return true;
    if (!read_character(r, begin, false, &value)) return false;
    put_point(r, value);
    return true;
}

static bool read_property(struct ecma_reader *r, size_t begin, bool negated) {
    char out[ECMA_PROPERTY_MAX] = "";
    if (!take(r, '{')) return fail(r, begin, "a \\p without a property");
    const char *const name = r->text + r->at;
    const char *const end = memchr(name, '}', r->size - r->at);
    if (end == NULL) return fail(r, begin, "a \\p without a property");
    const char *const equals = memchr(name, '=', (size_t)(end - name));
    const char *const value = equals != NULL ? equals + 1 : NULL;
    const size_t name_size = (size_t)((equals != NULL ? equals : end) - name);
    const size_t value_size = value != NULL ? (size_t)(end - value) : 0;
    const enum ecma_property known = ecma_property(name, name_size, value, value_size, out);
    if (known == ECMA_UNKNOWN) return fail(r, begin, "not a Unicode property of ECMA-262");
    if (known == ECMA_UNSUPPORTED && r->output != NULL)
        return fail(r, begin, "a Unicode property that PCRE2 does not support");
    r->at += (size_t)(end + 1 - name);
    put(r, negated ? "\\P" : "\\p");
    put(r, out);
    if (r->output != NULL) r->output->properties = true;
    return true;
}

/* \d \D \s \S \w \W \p \P; from after the backslash.  *found: it was one of these. */
static bool read_set(struct ecma_reader *r, bool in_class, bool *found) {
    const size_t begin = r->at - 1;
    const char c = ahead(r, 0);
    *found = c != '\0' && strchr("dDwWsSpP", c) != NULL;
    if (!*found) return true;
    r->at++;
    if (c == 'p' || c == 'P') return read_property(r, begin, c == 'P');
    if (in_class && (c == 'D' || c == 'W')) {
        put(r, c == 'D' ? NO_DIGITS : NO_WORDS);
        return true;
    }
    if (c != 's' && c != 'S') {
        put(r, (const char[]){'\\', c, '\0'}); /* only ASCII, as in PCRE2 without UCP */
        return true;
    }
    if (!in_class) put(r, "[");
    put(r, c == 's' ? SPACES : NO_SPACES);
    if (!in_class) put(r, "]");
    return true;
}

/* Reads `digits` hexadecimal digits. */
static bool read_hex(struct ecma_reader *r, size_t digits, uint32_t *value) {
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        const char c = ahead(r, 0);
        const char lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'f')) return false;
        *value = *value << 4 | (uint32_t)(c <= '9' ? c - '0' : lower - 'a' + 10);
        r->at++;
    }
    return true;
}

/* \u0041, \u{41}, or a surrogate pair; from after the u. */
static bool read_unicode(struct ecma_reader *r, size_t begin, uint32_t *point) {
    uint32_t digit;
    if (take(r, '{')) {
        *point = 0;
        bool any = false;
        for (; read_hex(r, 1, &digit); any = true) {
            *point = *point << 4 | digit;
            if (*point > 0x10FFFF) return fail(r, begin, "above U+10FFFF");
        }
        return (any && take(r, '}')) || fail(r, begin, "not a valid code point");
    }
    if (!read_hex(r, 4, point)) return fail(r, begin, "not four hexadecimal digits");
    if (*point < 0xD800 || *point > 0xDBFF || ahead(r, 0) != '\\' || ahead(r, 1) != 'u')
        return true;
    const size_t after = r->at;
    uint32_t low;
    r->at += 2;
    if (read_hex(r, 4, &low) && low >= 0xDC00 && low <= 0xDFFF) {
        *point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
    } else {
        r->at = after;
    }
    return true;
}

/* An escaped character, from after the backslash. */
static bool read_character(struct ecma_reader *r, size_t begin, bool in_class, uint32_t *point) {
    static const char controls[] = "t\tn\nv\vf\fr\r";
    const char c = ahead(r, 0);
    const char *control = c != '\0' ? strchr(controls, c) : NULL;
    if (!more(r)) return fail(r, begin, "a \\ at the end");
    r->at++;
    *point = (uint8_t)c;
    if (control != NULL && (control - controls) % 2 == 0) {
        *point = (uint8_t)control[1];
        return true;
    }
    if (c == 'u') return read_unicode(r, begin, point);
    if (c == 'x') return read_hex(r, 2, point) || fail(r, begin, "not two hexadecimal digits");
    if (c == '0') {
        *point = 0;
        if (ahead(r, 0) < '0' || ahead(r, 0) > '9') return true;
    }
    if (c == 'c') {
        const char letter = ahead(r, 0);
        *point = (uint8_t)letter & 0x1F;
        r->at += more(r);
        if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z') return true;
    }
    if (c == 'b' && in_class) {
        *point = '\b';
        return true;
    }
    if (c != '\0' && strchr("^$\\.*+?()[]{}|/", c) != NULL) return true;
    if (c == '-' && in_class) return true;
    return fail(r, begin, "not an escape of ECMA-262");
}

/* ---- classes ---- */

static bool read_member(struct ecma_reader *r, struct class_member *member) {
    const size_t begin = r->at;
    member->set = false;
    if (!take(r, '\\')) return read_point(r, &member->point);
    if (!read_set(r, true, &member->set)) return false;
    return member->set || read_character(r, begin, true, &member->point);
}

static bool read_range(struct ecma_reader *r) {
    const size_t begin = r->at;
    struct class_member from, to;
    if (!read_member(r, &from)) return false;
    if (!from.set) put_point(r, from.point);
    if (ahead(r, 0) != '-' || ahead(r, 1) == ']' || r->size - r->at < 2) return true;
    r->at++;
    put(r, "-");
    if (!read_member(r, &to)) return false;
    if (from.set || to.set) return fail(r, begin, "a range bound that is not a single character");
    if (from.point > to.point) return fail(r, begin, "a range whose bounds are in the wrong order");
    put_point(r, to.point);
    return true;
}

static bool read_class(struct ecma_reader *r) {
    const size_t begin = r->at++;
    begin_atom(r);
    const bool negated = take(r, '^');
    if (take(r, ']')) {
        put(r, negated ? "." : "(?:(?!))"); /* any character with newlines; none */
        return true;
    }
    put(r, negated ? "[^" : "[");
    while (more(r) && r->text[r->at] != ']')
        if (!read_range(r)) return false;
    if (!take(r, ']')) return fail(r, begin, "a [ without a ]");
    put(r, "]");
    return true;
}

/* ---- bytes ---- */

/* The next code point of UTF-8 that may contain lone surrogates (text.h). */
static bool read_point(struct ecma_reader *r, uint32_t *point) {
    const uint8_t *p = (const uint8_t *)r->text + r->at;
    const size_t left = r->size - r->at;
    const size_t count = *p < 0x80 ? 1 : *p < 0xC2 ? 0 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    if (count == 0 || count > left || *p > 0xF4) return fail(r, r->at, "invalid UTF-8");
    *point = count == 1 ? *p : *p & (0x7Fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((p[i] & 0xC0) != 0x80) return fail(r, r->at, "invalid UTF-8");
        *point = *point << 6 | (p[i] & 0x3F);
    }
    if ((count == 3 && *point < 0x800) || (count == 4 && *point < 0x10000) || *point > 0x10FFFF)
        return fail(r, r->at, "invalid UTF-8");
    r->at += count;
    return true;
}

static void put(struct ecma_reader *r, const char *text) {
    struct ecma_output *const output = r->output;
    if (output == NULL || output->no_memory) return;
    const size_t size = strlen(text);
    if (output->room - output->size < size) {
        const size_t room = 2 * (output->size + size) + 256;
        char *const bytes = realloc(output->bytes, room);
        if (bytes == NULL) {
            output->no_memory = true;
            return;
        }
        output->bytes = bytes;
        output->room = room;
    }
    memcpy(output->bytes + output->size, text, size);
    output->size += size;
}

static void put_point(struct ecma_reader *r, uint32_t point) {
    char text[16];
    const bool letter = point < 0x80 && ((point >= '0' && point <= '9') ||
                                         ((point | 0x20) >= 'a' && (point | 0x20) <= 'z'));
    snprintf(text, sizeof text, letter ? "%c" : "\\x{%x}", point);
    put(r, text);
}
