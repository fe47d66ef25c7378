/* quick.c - see quick.h.  Each item takes all it can, and nothing is ever given back.  That is right where
 * whatever may come behind an item cannot begin with a character of its set; other patterns are
 * not of the simple kind.  Counts are of characters, sets are of bytes: where a
 * character beyond ASCII could belong to a set, it is not for us to say. */
#include "schema/regex/quick.h"

#include <string.h>

#define ENDLESS UINT32_MAX

struct set {
    bool bytes[128];
    bool beyond;
};

struct reader {
    const char *p, *end;
};

static bool take(struct reader *r, char c) {
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

static void add(struct set *set, int first, int last) {
    for (int c = first; c <= last; c++)
        set->bytes[c] = true;
}

static void turn(struct set *set) {
    for (int c = 0; c < 128; c++)
        set->bytes[c] = !set->bytes[c];
    set->beyond = !set->beyond;
}

/* What a backslash makes of the next character; false: something that is not simple. */
static bool read_escape(struct reader *r, struct set *set, int *literal) {
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
    if (c == 'D' || c == 'W') turn(set);
    return true;
}

/* A member of a class; literal: a byte, or -1 for a set, which is added. */
static bool read_member(struct reader *r, struct set *set, int *literal) {
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

static bool read_class(struct reader *r, struct set *set) {
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
    if (negated) turn(set);
    return true;
}

static bool read_set(struct reader *r, struct set *set) {
    const char c = *r->p++;
    int literal = c;
    if (c == '[') return read_class(r, set);
    if (c == '.') {
        add(set, '\n', '\n');
        add(set, '\r', '\r');
        turn(set);
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

static bool read_count(struct reader *r, uint32_t *count) {
    const char *const begin = r->p;
    *count = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - begin < 9; r->p++)
        *count = *count * 10 + (uint32_t)(*r->p - '0');
    return r->p > begin;
}

static bool read_quantifier(struct reader *r, uint32_t *min, uint32_t *max) {
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
    take(r, '?'); /* how much is taken first does not change whether it matches */
    return true;
}

/* True: no item can take what one behind it needs. */
static bool is_decided(const struct quick *quick) {
    uint32_t sets = 0;
    for (uint32_t i = 0; i < quick->items; i++) {
        if (quick->min[i] == quick->max[i]) continue;
        uint32_t behind = 0; /* the items that may come next */
        for (uint32_t j = i + 1; j < quick->items; j++) {
            behind |= 1u << j;
            if (quick->min[j] > 0) break;
        }
        for (int c = 0; c < 128; c++) {
            sets = quick->sets[c];
            if ((sets >> i & 1) != 0 && (sets & behind) != 0) return false;
        }
        if ((quick->beyond >> i & 1) != 0 && (quick->beyond & behind) != 0) return false;
    }
    return true;
}

/* The literal at the beginning; what a quantifier follows is not of it. */
static void read_prefix(struct reader *r, struct quick *quick) {
    while (r->p < r->end && quick->prefix_size < QUICK_PREFIX_MAX) {
        const char *behind = r->p + 1;
        char c = *r->p;
        if (c == '\\' && behind < r->end && *behind != '\0' &&
            strchr("^$\\.*+?()[]{}|/", *behind)) {
            c = *behind++;
        } else if ((c & 0x80) != 0 || c == '\0' || strchr("^$\\.*+?()[]{}|", c) != NULL) {
            break;
        }
        if (behind < r->end && strchr("*+?{", *behind) != NULL) break;
        quick->prefix[quick->prefix_size++] = c;
        r->p = behind;
    }
}

bool quick_compile(const char *ecma, size_t size, struct quick *quick) {
    struct reader r = {ecma, ecma + size};
    memset(quick, 0, sizeof *quick);
    if (!take(&r, '^')) return false;
    read_prefix(&r, quick);
    while (r.p < r.end) {
        struct set set = {0};
        const uint32_t item = quick->items++;
        if (*r.p == '$' && r.p + 1 == r.end) {
            quick->items--;
            quick->to_the_end = true;
            break;
        }
        if (item == QUICK_ITEMS_MAX || !read_set(&r, &set) ||
            !read_quantifier(&r, &quick->min[item], &quick->max[item]))
            return false;
        for (int c = 0; c < 128; c++)
            quick->sets[c] |= (uint16_t)(set.bytes[c] << item);
        quick->beyond |= (uint16_t)(set.beyond << item);
    }
    return is_decided(quick);
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
    return !quick->to_the_end || p == end;
}
