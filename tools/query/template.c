/* template.c - see template.h.  One pass over the message: at the start of each word, the kinds of
 * variable parts are tried in order; each tells how long the part is. */
#include "tools/query/template.h"

#include <stdbool.h>
#include <string.h>

#define UUID_SIZE   36
#define HEX_MIN     8
#define BASE64_MIN  20
#define MAC_PAIRS   6
#define IPV6_GROUPS 8

struct scan {
    const uint8_t *begin, *p, *end;
    const uint8_t *literal_quote; /* this closing quote belongs to text that is kept */
    struct text *out;
};

/* ---- characters ---- */

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_lower(uint8_t c) {
    return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c) {
    return c >= 'A' && c <= 'Z';
}

/* Bytes of other alphabets count as letters. */
static bool is_letter(uint8_t c) {
    return is_lower(c) || is_upper(c) || c >= 0x80;
}

static bool is_word(uint8_t c) {
    return is_letter(c) || is_digit(c);
}

static bool is_hex(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_space(uint8_t c) {
    return c <= ' ' || c == 0x7f;
}

static uint8_t at(const struct scan *s, const uint8_t *p) {
    return p < s->end ? *p : ' ';
}

static uint8_t before(const struct scan *s, const uint8_t *p) {
    return p > s->begin ? p[-1] : ' ';
}

/* ---- the kinds of variable parts: each returns the end of the part, or NULL ---- */

static const uint8_t *end_of_uuid(const struct scan *s, const uint8_t *p) {
    if (s->end - p < UUID_SIZE || is_word(at(s, p + UUID_SIZE))) return NULL;
    for (int i = 0; i < UUID_SIZE; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? p[i] != '-' : !is_hex(p[i])) return NULL;
    }
    return p + UUID_SIZE;
}

static const uint8_t *end_of_email(const struct scan *s, const uint8_t *p) {
    bool dot = false;
    while (is_word(at(s, p)) || (p < s->end && memchr("._%+-", *p, 5) != NULL))
        p++;
    if (at(s, p) != '@') return NULL;
    const uint8_t *domain = ++p;
    while (is_word(at(s, p)) || at(s, p) == '-' || (at(s, p) == '.' && is_word(at(s, p + 1)))) {
        dot = dot || *p == '.';
        p++;
    }
    return dot && is_word(*domain) ? p : NULL;
}

static int class_of(uint8_t c) {
    return is_lower(c) ? 1 : is_upper(c) ? 2 : is_digit(c) ? 4 : 0;
}

/* Random text changes between small letters, capitals and digits at every second character; paths
 * and names in camelCase do so less often, or have no digit. */
static const uint8_t *end_of_base64(const struct scan *s, const uint8_t *p) {
    const bool in_path = before(s, p) == '/';
    /* After a slash at the start, which a path has more often than an id, there must be more. */
    const int share = *p == '/' ? 45 : 33;
    const uint8_t *const start = p;
    int classes = 0, changes = 0;
    for (; p < s->end; p++) {
        const int class = class_of(*p);
        if (class == 0 && *p != '-' && *p != '_' && (in_path || (*p != '+' && *p != '/'))) break;
        const int previous = p > start ? class_of(p[-1]) : 0;
        changes += class != 0 && previous != 0 && class != previous;
        classes |= class;
    }
    if (p - start < BASE64_MIN || classes != 7 || changes * 100 < share * (p - start)) return NULL;
    for (int padding = 0; padding < 2 && at(s, p) == '='; padding++)
        p++;
    return p;
}

/* IPv6 and MAC addresses. */
static const uint8_t *end_of_address(const struct scan *s, const uint8_t *p) {
    uint32_t groups = 0, pairs = 0, run = 0;
    bool twice = false, digit = false;
    const uint8_t *end = p;
    for (;; p++) { /* ends at a character that is no part of an address */
        if (is_hex(at(s, p))) {
            digit = digit || is_digit(*p);
            end = p + 1;
            if (++run > 4) return NULL;
            continue;
        }
        groups += run > 0;
        pairs += run == 2;
        run = 0;
        if (at(s, p) != ':') break;
        if (at(s, p + 1) == ':') {
            if (twice) return NULL;
            twice = true;
            end = p + 2;
            p++;
        }
    }
    if (is_word(at(s, end)) && end == p) return NULL;
    const bool mac = groups == MAC_PAIRS && pairs == MAC_PAIRS && !twice;
    const bool ipv6 = digit && (twice ? groups < IPV6_GROUPS : groups == IPV6_GROUPS);
    if (!mac && !ipv6) return NULL;
    if (at(s, end) == '%' && is_word(at(s, end + 1))) /* the zone: fe80::1%eth0 */
        for (end++; is_word(at(s, end)); end++)
            ;
    return end;
}

/* From a digit on: the rest of the word (a unit), and what follows after a separator with a digit.
 * In a path each number is a part of its own. */
static const uint8_t *end_of_number(const struct scan *s, const uint8_t *p, bool in_path) {
    for (;;) { /* ends: p rises */
        while (is_word(at(s, p)))
            p++;
        if (p >= s->end || memchr(&"/.,:+-_"[in_path], *p, 7u - in_path) == NULL) break;
        if (!is_digit(at(s, p + 1))) break;
        p++;
    }
    return at(s, p) == '%' ? p + 1 : p;
}

/* Jan to Dec and Mon to Sun. */
static bool is_date_word(const uint8_t *word, size_t size) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDecMonTueWedThuFriSatSun";
    for (size_t i = 0; size == 3 && i + 3 < sizeof names; i += 3)
        if (memcmp(names + i, word, 3) == 0) return true;
    return false;
}

static bool ends_with(const struct text *text, const char *word) {
    const size_t size = strlen(word);
    return text->used >= size && memcmp(text->bytes + text->used - size, word, size) == 0;
}

static const uint8_t *end_of_word(const struct scan *s, const uint8_t *p) {
    while (is_word(at(s, p)))
        p++;
    return p;
}

/* The name of a month or a weekday, with a number or another such name next to it. */
static const uint8_t *end_of_date_word(const struct scan *s, const uint8_t *p) {
    const uint8_t *const end = end_of_word(s, p);
    if (!is_date_word(p, (size_t)(end - p))) return NULL;
    if (ends_with(s->out, "<*> ") || ends_with(s->out, "<*>/") || ends_with(s->out, "<*>-"))
        return end;
    const uint8_t *next = end;
    while (next < s->end && memchr(", /-", *next, 4) != NULL)
        next++;
    const uint8_t *const next_end = end_of_word(s, next);
    const bool date = is_digit(at(s, next)) || is_date_word(next, (size_t)(next_end - next));
    return next > end && date ? end : NULL;
}

/* A word that begins with a letter.  Its variable part is [*from, result). */
static const uint8_t *end_of_variable_word(const struct scan *s, const uint8_t *p,
                                           const uint8_t **from) {
    const uint8_t *const end = end_of_word(s, p), *number = end;
    bool hex = end - p >= HEX_MIN, digit = false;
    for (const uint8_t *i = p; i < end; i++)
        hex = hex && is_hex(*i);
    *from = p;
    if (hex) return end;
    while (is_digit(number[-1])) /* ends: the first character is a letter */
        number--;
    for (const uint8_t *i = p; i < number; i++)
        digit = digit || is_digit(*i);
    if (digit) return end;
    if (number == end) return NULL;
    *from = number;
    return end_of_number(s, number, before(s, p) == '/');
}

/* The variable part of the word that begins at s->p, whose beginning may be constant. */
static const uint8_t *end_of_variable(const struct scan *s, const uint8_t **from) {
    const uint8_t *const p = s->p, *end;
    *from = p;
    if ((end = end_of_uuid(s, p)) != NULL || (end = end_of_email(s, p)) != NULL) return end;
    if ((end = end_of_address(s, p)) != NULL || (end = end_of_base64(s, p)) != NULL) return end;
    if (is_digit(*p)) return end_of_number(s, p, before(s, p) == '/');
    if ((end = end_of_date_word(s, p)) != NULL) return end;
    return end_of_variable_word(s, p, from);
}

/* ---- quotes ---- */

/* The closing quote; NULL: this is no opening one. */
static const uint8_t *closing_quote(const struct scan *s) {
    const uint8_t quote = *s->p;
    if (quote == '\'' && is_word(before(s, s->p))) return NULL; /* don't */
    for (const uint8_t *p = s->p + 1; p < s->end; p++) {
        if (*p == '\\') {
            p++;
        } else if (*p == quote && (quote != '\'' || !is_word(at(s, p + 1)))) {
            return p;
        }
    }
    return NULL;
}

/* Text of a line in logfmt: msg="user 17 left". */
static bool is_message_key(const struct text *out) {
    return ends_with(out, "msg=") || ends_with(out, "message=");
}

/* ---- the pass ---- */

/* After ESC [ 3 1 m, or one character after another ESC. */
static const uint8_t *end_of_colour(const struct scan *s) {
    const uint8_t *p = s->p + 1;
    if (at(s, p) == '[')
        for (p++; p < s->end && (*p < '@' || *p > '~'); p++)
            ;
    return p < s->end ? p + 1 : p;
}

static void add_variable(struct scan *s, const uint8_t *end) {
    text_add_text(s->out, TEMPLATE_VARIABLE);
    s->p = end;
}

static void add_word(struct scan *s) {
    const uint8_t *from, *const end = end_of_variable(s, &from);
    if (end == NULL) {
        const uint8_t *const word_end = end_of_word(s, s->p);
        text_add(s->out, s->p, (size_t)(word_end - s->p));
        s->p = word_end;
        return;
    }
    text_add(s->out, s->p, (size_t)(from - s->p));
    add_variable(s, end);
}

static void add_quote(struct scan *s) {
    const uint8_t *const close = s->p == s->literal_quote ? NULL : closing_quote(s);
    const bool keep = is_message_key(s->out);
    const uint8_t quote = *s->p++;
    text_add_byte(s->out, quote);
    if (close == NULL) return;
    if (keep) {
        s->literal_quote = close;
        return;
    }
    add_variable(s, close + 1);
    text_add_byte(s->out, quote);
}

static void add_space(struct scan *s) {
    while (s->p < s->end && is_space(*s->p) && *s->p != '\x1b')
        s->p++;
    if (s->out->used > 0 && s->p < s->end) text_add_byte(s->out, ' ');
}

static void add_next(struct scan *s) {
    const uint8_t c = *s->p, next = at(s, s->p + 1);
    const bool begins = !is_word(before(s, s->p));
    const uint8_t *end;
    if (c == '\x1b') {
        s->p = end_of_colour(s);
    } else if (is_space(c)) {
        add_space(s);
    } else if (is_word(c)) {
        add_word(s);
    } else if (c == '"' || c == '\'' || c == '`') {
        add_quote(s);
    } else if ((c == '-' || c == '+') && begins && before(s, s->p) != c && is_digit(next)) {
        s->p++;
        add_variable(s, end_of_number(s, s->p, false));
    } else if ((c == '/' || c == '+') && begins && (end = end_of_base64(s, s->p)) != NULL) {
        add_variable(s, end);
    } else if (c == ':' && next == ':' && begins && (end = end_of_address(s, s->p)) != NULL) {
        add_variable(s, end);
    } else {
        text_add_byte(s->out, c);
        s->p++;
    }
}

/* Cuts the text at the start of a character. */
static void cut(struct text *out) {
    if (out->used <= TEMPLATE_BYTES_MAX) return;
    out->used = TEMPLATE_BYTES_MAX;
    while (out->used > 0 && (out->bytes[out->used] & 0xc0) == 0x80)
        out->used--;
}

void template_make(const uint8_t *message, size_t size, struct text *out) {
    struct scan scan = {.begin = message, .p = message, .out = out};
    scan.end = message + (size < TEMPLATE_MESSAGE_BYTES_MAX ? size : TEMPLATE_MESSAGE_BYTES_MAX);
    while (scan.p < scan.end && out->used <= TEMPLATE_BYTES_MAX) /* ends: p rises */
        add_next(&scan);
    if (out->used > 0 && out->bytes[out->used - 1] == ' ') out->used--;
    cut(out);
}
