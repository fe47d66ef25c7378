/* check_scalar.c - strings, numbers, enum and const.  Most strings have no escapes and most numbers
 * few digits: these take a fast path. */
#include <string.h>

#include "schema/json/equal.h"
#include "schema/json/text.h"
#include "schema/rules/check.h"

/* ---- strings ---- */

bool check_pattern(struct schema_checker *checker, const struct pattern *pattern, const char *raw,
                   size_t size) {
    if (UNLIKELY(!text_is_plain(raw, size))) {
        size = text_decode(raw, size, checker->decoded);
        raw = checker->decoded;
    }
    checker->steps -= 4 + (int64_t)(size / 16);
    const int found = pattern_match(pattern, checker->pattern_scratch, raw, size);
    if (UNLIKELY(found < 0)) (void)check_give_up(checker, GIVE_UP_PATTERN);
    return found > 0;
}

static bool check_format(struct schema_checker *checker, enum format_kind format, const char *raw,
                         size_t size) {
    if (UNLIKELY(!text_is_plain(raw, size))) {
        size = text_decode(raw, size, checker->decoded);
        raw = checker->decoded;
    }
    checker->steps -= (int64_t)(size / 16);
    return format_holds(format, raw, size);
}

/* No backslash and nothing above ASCII, so each byte is a character. */
static bool is_ascii(const char *text, size_t size) {
    uint64_t odd = 0;
    for (size_t i = 0; i < size; i += 8) { /* reads beyond the end: JSON_PADDING */
        uint64_t word;
        memcpy(&word, text + i, 8);
        if (size - i < 8) word &= (UINT64_C(1) << (size - i) * 8) - 1;
        /* A backslash becomes 0, which the subtraction detects by its borrow.  The byte next to it
         * may be reported, too; that only costs the exact count. */
        const uint64_t folded = word ^ UINT64_C(0x5C5C5C5C5C5C5C5C);
        odd |= word | ((folded - UINT64_C(0x0101010101010101)) & ~folded);
    }
    return (odd & UINT64_C(0x8080808080808080)) == 0;
}

static bool check_length(struct schema_checker *checker, const struct node *node, const char *p,
                         size_t size) {
    const struct string_rules *rules = node->string;
    if (LIKELY(size <= rules->length_max && size >= rules->bytes_sure)) return true;
    const size_t length = is_ascii(p + 1, size) ? size : text_length(p + 1, size);
    if (UNLIKELY(length > rules->length_max)) {
        (void)check_failed(checker, node, p, KEYWORD_MAX_LENGTH, length, rules->length_max, NULL);
        return false;
    }
    if (LIKELY(length >= rules->length_min)) return true;
    (void)check_failed(checker, node, p, KEYWORD_MIN_LENGTH, length, rules->length_min, NULL);
    return false;
}

static bool check_text(struct schema_checker *checker, const struct node *node, const char *p,
                       size_t size) {
    const struct string_rules *rules = node->string;
    if (UNLIKELY(!check_length(checker, node, p, size))) return false;
    if (rules->pattern && UNLIKELY(!check_pattern(checker, rules->pattern, p + 1, size))) {
        (void)check_failed(checker, node, p, KEYWORD_PATTERN, 0, 0, NULL);
        return false;
    }
    if (LIKELY(!rules->format || check_format(checker, rules->format, p + 1, size))) return true;
    (void)check_failed(checker, node, p, KEYWORD_FORMAT, rules->format, 0, NULL);
    return false;
}

const char *check_string_length(struct schema_checker *checker, const struct node *node,
                                const char *p, const uint32_t *quote, struct marks *marks) {
    (void)marks;
    const char *end = checker->line + quote[1] + 1;
    return check_length(checker, node, p, (size_t)(end - p - 2)) ? end : NULL;
}

const char *check_string(struct schema_checker *checker, const struct node *node, const char *p,
                         const uint32_t *quote, struct marks *marks) {
    (void)marks;
    const char *end = checker->line + quote[1] + 1;
    if (node->string && UNLIKELY(!check_text(checker, node, p, (size_t)(end - p - 2)))) return NULL;
    return check_values(checker, node, p, end) ? end : NULL;
}

/* ---- numbers ---- */

static enum keyword exceeded(const struct number_rules *rules, const struct number *number) {
    if (rules->minimum.given && number_order(number, &rules->minimum.number) < 0)
        return KEYWORD_MINIMUM;
    if (rules->maximum.given && number_order(number, &rules->maximum.number) > 0)
        return KEYWORD_MAXIMUM;
    if (rules->above.given && number_order(number, &rules->above.number) <= 0)
        return KEYWORD_EXCLUSIVE_MINIMUM;
    if (rules->below.given && number_order(number, &rules->below.number) >= 0)
        return KEYWORD_EXCLUSIVE_MAXIMUM;
    if (rules->multiple.given && !number_divides(number, &rules->multiple.number))
        return KEYWORD_MULTIPLE_OF;
    return KEYWORD_UNKNOWN;
}

/* Any number, by any rules. */
static bool check_any_number(struct schema_checker *checker, const struct node *node, const char *p,
                             const char *end) {
    struct number number;
    number_read(p, (size_t)(end - p), &number);
    checker->steps -= (int64_t)((end - p) / 16);
    enum keyword keyword = KEYWORD_UNKNOWN;
    if (node->whole && !number_whole(&number)) keyword = KEYWORD_TYPE;
    if (!keyword && node->number) keyword = exceeded(node->number, &number);
    if (LIKELY(!keyword)) return true;
    (void)check_failed(checker, node, p, keyword, 0, 0, NULL);
    return false;
}

static bool ends_number(char c) {
    return c == ',' || c == '}' || c == ']' || (unsigned char)c <= ' ';
}

/* Numbers without an exponent and with few digits before the point.  True: within the bounds, and
 * *end is the number's end.  False: undecided. */
static bool is_within(const struct node *node, const char *p, const char **end) {
    const struct number_rules *rules = node->number;
    const bool negative = *p == '-';
    const char *digit = p + negative;
    int64_t whole = 0;
    uint8_t fraction = 0;
    while ((uint8_t)(*digit - '0') < 10 && digit - p < 18)
        whole = whole * 10 + (*digit++ - '0');
    if (*digit == '.') {
        for (digit++; (uint8_t)(*digit - '0') < 10; digit++)
            fraction |= (uint8_t)(*digit - '0');
    }
    if (UNLIKELY(!ends_number(*digit)) || (fraction && node->whole)) return false;
    *end = digit;
    if (!rules) return true;
    if (negative) whole = -whole;
    const int64_t below = whole - (fraction && negative), above = whole + (fraction && !negative);
    return rules->plain && below >= rules->below_min && above >= rules->above_min &&
           below <= rules->below_max && above <= rules->above_max;
}

const char *check_number_bounds(struct schema_checker *checker, const struct node *node,
                                const char *p, const uint32_t *quote, struct marks *marks) {
    const char *end;
    (void)quote, (void)marks;
    if (LIKELY(is_within(node, p, &end))) return end;
    end = scan_scalar(p);
    return check_any_number(checker, node, p, end) ? end : NULL;
}

const char *check_number(struct schema_checker *checker, const struct node *node, const char *p,
                         const uint32_t *quote, struct marks *marks) {
    const char *end;
    (void)quote, (void)marks;
    if (UNLIKELY(!is_within(node, p, &end))) {
        end = scan_scalar(p);
        if (!check_any_number(checker, node, p, end)) return NULL;
    }
    return check_values(checker, node, p, end) ? end : NULL;
}

/* ---- enum and const ---- */

static bool is_choice(const struct choice *choice, const char *p, size_t size, uint8_t kind) {
    return choice->kind == kind && json_equal(choice->text, choice->size, p, size);
}

/* A string without escapes can be compared by bytes with those without escapes. */
static bool is_plain_choice(const struct choices *choices, const char *p, size_t size) {
    uint64_t head;
    memcpy(&head, p, sizeof head); /* JSON_PADDING allows it */
    for (uint32_t i = 0; i < choices->count; i++) {
        const struct choice *choice = &choices->choices[i];
        if (choice->size == size && ((choice->head ^ head) & choice->head_mask) == 0 &&
            choice->plain && (size <= 8 || memcmp(choice->text + 8, p + 8, size - 8) == 0))
            return true;
    }
    return false;
}

static bool is_looked_up(struct schema_checker *checker, const struct choices *choices,
                         const char *p, size_t size, uint8_t kind) {
    uint32_t at = (uint32_t)json_hash(p, size) & choices->table_mask;
    for (; choices->table[at] != 0; at = (at + 1) & choices->table_mask) {
        checker->steps -= 1;
        if (is_choice(&choices->choices[choices->table[at] - 1], p, size, kind)) return true;
    }
    return false;
}

static bool is_one_of(struct schema_checker *checker, const struct choices *choices, const char *p,
                      size_t size) {
    const uint8_t kind = (uint8_t)(KIND_NULL << check_kinds[(uint8_t)*p]);
    if (!(choices->kinds & kind)) return false;
    if (choices->table_mask != 0) return is_looked_up(checker, choices, p, size, kind);
    if (kind == KIND_STRING && LIKELY(is_plain_choice(choices, p, size))) return true;
    const bool plain = kind == KIND_STRING && text_is_plain(p, size);
    for (uint32_t i = 0; i < choices->count; i++) {
        const struct choice *choice = &choices->choices[i];
        if (plain && choice->plain) continue; /* compared by is_plain_choice */
        checker->steps -= 1 + (int64_t)(size / 64);
        if (is_choice(choice, p, size, kind)) return true;
    }
    return false;
}

bool check_values(struct schema_checker *checker, const struct node *node, const char *p,
                  const char *end) {
    const size_t size = (size_t)(end - p);
    if (node->constant && UNLIKELY(!is_one_of(checker, node->constant, p, size))) {
        (void)check_failed(checker, node, p, KEYWORD_CONST, 0, 0, node->constant);
        return false;
    }
    if (!node->choices || LIKELY(is_one_of(checker, node->choices, p, size))) return true;
    (void)check_failed(checker, node, p, KEYWORD_ENUM, 0, 0, node->choices);
    return false;
}

const char *check_string_choice(struct schema_checker *checker, const struct node *node,
                                const char *p, const uint32_t *quote, struct marks *marks) {
    (void)marks;
    const char *end = checker->line + quote[1] + 1;
    if (LIKELY(is_plain_choice(node->choices, p, (size_t)(end - p)))) return end;
    return check_values(checker, node, p, end) ? end : NULL;
}
