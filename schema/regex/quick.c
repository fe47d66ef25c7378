/* quick.c - see quick.h.  Each item consumes as much as it can, without backtracking.  That is
 * correct if nothing that may follow an item can begin with a character of its set; other patterns
 * are not simple.  Repetitions count characters, sets hold bytes: if a character beyond ASCII could
 * belong to a set, the result is undecided. */
#include "schema/regex/quick.h"

#include <string.h>

#define ENDLESS UINT32_MAX

struct set {
    bool bytes[128];
    bool beyond;
};

struct quick_reader {
    const char *p, *end;
};

static bool take(struct quick_reader *r, char c) {
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

static void add(struct set *set, int first, int last) {
    for (int c = first; c <= last; c++)
        set->bytes[c] = true;
}

static void negate(struct set *set) {
    for (int c = 0; c < 128; c++)
        set->bytes[c] = !set->bytes[c];
    set->beyond = !set->beyond;
}

/* Reads the character after a backslash.  False: not simple. */
static bool read_escape(struct quick_reader *r, struct set *set, int *literal) {
    static const char controls[] = "t\tn\nv\vf\fr\r";
    if (r->p == r->end) return false;
    const char c = *r->p++;
    const char *const control = c != '\0' ? strchr(controls, c) : NULL;
    *literal = -1;
    if (c == 'd' || c == 'D') {
        add(set, '0', '9');
    } else if (c == 'w' || c == 'W') {
        add(set, '0', '9');
        add(set, 'A', 'Z');
        add(set, '_', '_');
        add(set, 'a', 'z');
    } else if (control != NULL && (control - controls) % 2 == 0) {
        *literal = control[1];
    } else if (c != '\0' && strchr("^$\\.*+?()[]{}|/-", c) != NULL) {
        *literal = c;
    } else {
        return false;
    }
    if (c == 'D' || c == 'W') negate(set);
    return true;
}

/* Reads a member of a class.  *literal: a byte, or -1: a set, already added. */
static bool read_member(struct quick_reader *r, struct set *set, int *literal) {
    struct set escaped = {0};
    if (r->p == r->end || (*r->p & 0x80) != 0) return false;
    *literal = *r->p++;
    if (*literal != '\\') return true;
    if (!read_escape(r, &escaped, literal)) return false;
    for (int c = 0; c < 128; c++)
        set->bytes[c] |= escaped.bytes[c];
    set->beyond |= escaped.beyond;
    return true;
}

static bool read_class(struct quick_reader *r, struct set *set) {
    const bool negated = take(r, '^');
    while (!take(r, ']')) {
        int first, last;
        if (!read_member(r, set, &first)) return false;
        last = first;
        if (r->end - r->p >= 2 && r->p[0] == '-' && r->p[1] != ']') {
            r->p++;
            if (first < 0 || !read_member(r, set, &last) || last < 0) return false;
        }
        if (first >= 0) add(set, first, last);
    }
    if (negated) negate(set);
    return true;
}

static bool read_set(struct quick_reader *r, struct set *set) {
    const char c = *r->p++;
    int literal = c;
    if (c == '[') return read_class(r, set);
    if (c == '.') {
        add(set, '\n', '\n');
        add(set, '\r', '\r');
        negate(set);
        return true;
    }
    if (c == '\\') {
        if (!read_escape(r, set, &literal)) return false;
    } else if ((c & 0x80) != 0 || c == '\0' || strchr("^$*+?()]{}|", c) != NULL) {
        return false;
    }
    if (literal >= 0) add(set, literal, literal);
    return true;
}

static bool read_count(struct quick_reader *r, uint32_t *count) {
    const char *const begin = r->p;
    *count = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - begin < 9; r->p++)
        *count = *count * 10 + (uint32_t)(*r->p - '0');
    return r->p > begin;
}

static bool read_quantifier(struct quick_reader *r, uint32_t *min, uint32_t *max) {
    *min = *max = 1;
    if (take(r, '*') || take(r, '+')) {
        *min = r->p[-1] == '+';
        *max = ENDLESS;
    } else if (take(r, '?')) {
        *min = 0;
    } else if (take(r, '{')) {
        if (!read_count(r, min)) return false;
        *max = *min;
        if (take(r, ',') && !read_count(r, max)) *max = ENDLESS;
        if (!take(r, '}')) return false;
    } else {
        return true;
    }
    take(r, '?'); /* greedy or lazy does not change whether it matches */
    return true;
}

/* True: no item can consume what a later one needs. */
static bool needs_no_backtracking(const struct quick *quick) {
    uint32_t sets = 0;
    for (uint32_t i = 0; i < quick->items; i++) {
        if (quick->min[i] == quick->max[i]) continue;
        uint32_t next = 0; /* bits of the items that may come next */
        for (uint32_t j = i + 1; j < quick->items; j++) {
            next |= 1u << j;
            if (quick->min[j] > 0) break;
        }
        for (int c = 0; c < 128; c++) {
            sets = quick->sets[c];
            if ((sets >> i & 1) != 0 && (sets & next) != 0) return false;
        }
        if ((quick->beyond >> i & 1) != 0 && (quick->beyond & next) != 0) return false;
    }
    return true;
}

/* Reads the literal prefix, up to a character with a quantifier. */
static void read_prefix(struct quick_reader *r, struct quick *quick) {
    while (r->p < r->end && quick->prefix_size < QUICK_PREFIX_MAX) {
        const char *after = r->p + 1;
        char c = *r->p;
        if (c == '\\' && after < r->end && *after != '\0' && strchr("^$\\.*+?()[]{}|/", *after)) {
            c = *after++;
        } else if ((c & 0x80) != 0 || c == '\0' || strchr("^$\\.*+?()[]{}|", c) != NULL) {
            break;
        }
        if (after < r->end && strchr("*+?{", *after) != NULL) break;
        quick->prefix[quick->prefix_size++] = c;
        r->p = after;
    }
}

bool quick_compile(const char *ecma, size_t size, struct quick *quick) {
    struct quick_reader r = {ecma, ecma + size};
    memset(quick, 0, sizeof *quick);
    if (!take(&r, '^')) return false;
    read_prefix(&r, quick);
    while (r.p < r.end) {
        struct set set = {0};
        const uint32_t item = quick->items++;
        if (*r.p == '$' && r.p + 1 == r.end) {
            quick->items--;
            quick->anchored_end = true;
            break;
        }
        if (item == QUICK_ITEMS_MAX || !read_set(&r, &set) ||
            !read_quantifier(&r, &quick->min[item], &quick->max[item]))
            return false;
        for (int c = 0; c < 128; c++)
            quick->sets[c] |= (uint16_t)(set.bytes[c] << item);
        quick->beyond |= (uint16_t)(set.beyond << item);
    }
    return needs_no_backtracking(quick);
}

int quick_match(const struct quick *quick, const char *text, size_t size) {
    const uint8_t *p = (const uint8_t *)text, *const end = p + size;
    if (size < quick->prefix_size || memcmp(text, quick->prefix, quick->prefix_size) != 0) return 0;
    p += quick->prefix_size;
    for (uint32_t i = 0; i < quick->items; i++) {
        const uint32_t set = 1u << i;
        const size_t left = (size_t)(end - p);
        const uint8_t *const last = p + (left < quick->max[i] ? left : quick->max[i]);
        const uint8_t *const begin = p;
        while (p < last && (quick->sets[*p] & set) != 0)
            p++;
        if (p < last && *p >= 0x80 && (quick->beyond & set) != 0) return -1;
        if ((size_t)(p - begin) < quick->min[i]) return 0;
    }
    return !quick->anchored_end || p == end;
}
