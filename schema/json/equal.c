/* equal.c - see equal.h.  Two cursors walk the texts side by side; only objects whose names are in
 * different orders are searched.  The texts are known to be valid JSON, so the walk checks nothing
 * again. */
#include "schema/json/equal.h"

#include <string.h>

#include "schema/json/hash.h"
#include "schema/json/number.h"
#include "schema/json/text.h"

/* Mixed into the hash: "1" differs from 1, and [] from {}. */
enum { HASH_OBJECT = 1, HASH_ARRAY, HASH_STRING, HASH_NUMBER, HASH_LITERAL };

/* p: the start of a value or name; end: the end of the text. */
struct cursor {
    const char *p, *end;
};

/* The bytes that searches may still read; when it is spent, every comparison fails. */
struct search_budget {
    size_t left;
    bool spent;
};

static bool equal_values(struct cursor *a, struct cursor *b, struct search_budget *budget);
static bool equal_objects(struct cursor *a, struct cursor *b, struct search_budget *budget);
static bool equal_arrays(struct cursor *a, struct cursor *b, struct search_budget *budget);
static uint64_t hash_value(struct cursor *c);
static void skip_space(struct cursor *c);
static bool enter(struct cursor *c);
static bool next(struct cursor *c);
static void skip_value(struct cursor *c);
static void skip_string(struct cursor *c);
static void skip_name(struct cursor *c);

bool json_equal(const char *a, size_t a_size, const char *b, size_t b_size) {
    if (a_size == b_size && memcmp(a, b, a_size) == 0) return true;
    struct cursor x = {a, a + a_size}, y = {b, b + b_size};
    struct search_budget budget = {.left = EQUAL_BYTES_MAX};
    skip_space(&x);
    skip_space(&y);
    if (equal_values(&x, &y, &budget)) return true;
    return budget.spent && json_hash(a, a_size) == json_hash(b, b_size);
}

uint64_t json_hash(const char *text, size_t size) {
    struct cursor c = {text, text + size};
    skip_space(&c);
    return hash_value(&c);
}

/* ---- equality ---- */

/* Moves both cursors past the values if they are equal. */
static bool equal_values(struct cursor *a, struct cursor *b, struct search_budget *budget) {
    const char first = *a->p, other = *b->p;
    const bool digit = first == '-' || (first >= '0' && first <= '9');
    if (digit ? other != '-' && (other < '0' || other > '9') : other != first) return false;
    if (first == '{') return equal_objects(a, b, budget);
    if (first == '[') return equal_arrays(a, b, budget);
    const struct cursor x = *a, y = *b;
    skip_value(a);
    skip_value(b);
    const size_t x_size = (size_t)(a->p - x.p), y_size = (size_t)(b->p - y.p);
    /* Text excludes the quotes; true, false and null differ in their first letters. */
    if (first == '"') return text_equal(x.p + 1, x_size - 2, y.p + 1, y_size - 2);
    return !digit || number_compare(x.p, x_size, y.p, y_size) == 0;
}

static bool equal_arrays(struct cursor *a, struct cursor *b, struct search_budget *budget) {
    bool more = enter(a), other = enter(b);
    while (more && other) {
        if (!equal_values(a, b, budget)) return false;
        more = next(a);
        other = next(b);
    }
    return !more && !other;
}

/* Moves both cursors from the name to the value. */
static bool equal_names(struct cursor *a, struct cursor *b) {
    const char *const x = a->p + 1, *const y = b->p + 1;
    skip_string(a);
    skip_string(b);
    const bool equal = text_equal(x, (size_t)(a->p - 1 - x), y, (size_t)(b->p - 1 - y));
    skip_name(a);
    skip_name(b);
    return equal;
}

/* False: the budget is spent. */
static bool read_more(struct search_budget *budget, size_t size) {
    if (size > budget->left) budget->spent = true;
    budget->left -= budget->spent ? budget->left : size;
    return !budget->spent;
}

/* Moves c past the object.  0: the budget is spent. */
static size_t count_members(struct cursor *c, struct search_budget *budget) {
    const char *const from = c->p;
    size_t count = 0;
    do {
        skip_string(c);
        skip_name(c);
        skip_value(c);
        count++;
    } while (next(c));
    return read_more(budget, (size_t)(c->p - from)) ? count : 0;
}

/* Moves *c to the value of the `nth` member (from 0) whose name equals the one at `name`, searching
 * from *c to `until`.  Returns how many were found: nth + 1, or less, and then *c is not valid. */
static size_t find_member(struct cursor *c, struct cursor name, const char *until, size_t nth,
                          struct search_budget *budget) {
    size_t found = 0;
    while (c->p < until) {
        const char *const from = c->p;
        struct cursor wanted = name;
        if (equal_names(c, &wanted) && found++ == nth) return found;
        skip_value(c);
        const bool more = next(c);
        if (!read_more(budget, (size_t)(c->p - from))) return 0;
        if (!more) break;
    }
    return found;
}

/* From the first members whose names differ. */
static bool equal_members(struct cursor *a, struct cursor *b, struct search_budget *budget) {
    const struct cursor first = *a, first_of_b = *b;
    struct cursor end = *a;
    if (count_members(&end, budget) != count_members(b, budget)) return false;
    do {
        struct cursor before = first, other = first_of_b;
        const struct cursor name = *a;
        const size_t nth = find_member(&before, name, name.p, SIZE_MAX, budget);
        if (budget->spent || find_member(&other, name, b->p, nth, budget) <= nth) return false;
        skip_string(a);
        skip_name(a);
        if (!equal_values(a, &other, budget)) return false;
    } while (next(a));
    return true;
}

static bool equal_objects(struct cursor *a, struct cursor *b, struct search_budget *budget) {
    bool more = enter(a), other = enter(b);
    while (more && other) {
        struct cursor x = *a, y = *b;
        if (!equal_names(&x, &y)) return equal_members(a, b, budget);
        if (!equal_values(&x, &y, budget)) return false;
        *a = x;
        *b = y;
        more = next(a);
        other = next(b);
    }
    return !more && !other;
}

/* ---- hashes ---- */

static uint64_t hash_object(struct cursor *c) {
    uint64_t sum = 0, count = 0; /* a sum, as order does not matter */
    for (bool more = enter(c); more; more = next(c)) {
        const char *const name = c->p + 1;
        skip_string(c);
        const uint64_t hash = text_hash(name, (size_t)(c->p - 1 - name));
        skip_name(c);
        sum += hash_end(hash_step(hash, hash_value(c)), HASH_OBJECT);
        count++;
    }
    return hash_end(hash_step(HASH_OBJECT, sum), count);
}

static uint64_t hash_array(struct cursor *c) {
    uint64_t hash = HASH_ARRAY, count = 0;
    for (bool more = enter(c); more; more = next(c)) {
        hash = hash_step(hash, hash_value(c));
        count++;
    }
    return hash_end(hash, count);
}

/* Moves c past the value. */
static uint64_t hash_value(struct cursor *c) {
    const char *const begin = c->p;
    if (*begin == '{') return hash_object(c);
    if (*begin == '[') return hash_array(c);
    skip_value(c);
    const size_t size = (size_t)(c->p - begin);
    if (*begin == '"') return hash_end(text_hash(begin + 1, size - 2), HASH_STRING);
    if (*begin >= 'a') return hash_end((uint64_t)*begin, HASH_LITERAL);
    struct number number;
    number_read(begin, size, &number);
    return hash_end(number_hash(&number), HASH_NUMBER);
}

/* ---- the walk ---- */

static void skip_space(struct cursor *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

/* From the opening bracket to the first name or element.  False: the container is empty, and the
 * cursor is after the closing bracket. */
static bool enter(struct cursor *c) {
    c->p++;
    skip_space(c);
    if (*c->p != ']' && *c->p != '}') return true;
    c->p++;
    return false;
}

/* From the end of a value to the next name or element.  False: there is none, and the cursor is
 * after the closing bracket. */
static bool next(struct cursor *c) {
    skip_space(c);
    const bool more = *c->p++ == ',';
    if (more) skip_space(c);
    return more;
}

/* From the end of a name to its value. */
static void skip_name(struct cursor *c) {
    skip_space(c);
    c->p++;
    skip_space(c);
}

static void skip_string(struct cursor *c) {
    for (c->p++; *c->p != '"'; c->p++)
        if (*c->p == '\\') c->p++;
    c->p++;
}

/* True if the byte cannot be part of a number or literal. */
static bool ends_word(char c) {
    return c == ',' || c == ']' || c == '}' || (c <= ' ' && c >= '\0');
}

static void skip_value(struct cursor *c) {
    size_t depth = 0;
    do {
        if (*c->p == '"') {
            skip_string(c);
            continue;
        }
        if (*c->p == '{' || *c->p == '[') {
            depth++;
        } else if (*c->p == '}' || *c->p == ']') {
            depth--;
        } else if (depth == 0) {
            while (c->p < c->end && !ends_word(*c->p))
                c->p++;
            return;
        }
        c->p++;
    } while (depth > 0);
}
