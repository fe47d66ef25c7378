/* json.c - judges one line against the grammar: no tree, no recursion, no allocation.
 *
 * One grammar, and three ways over a string: byte by byte, 16 bytes at a time, or, where
 * marks.c has looked at the line before, from quote to quote, as all else that can
 * be wrong in a string is known to be right then.  That way only finds good lines; any other is read again by one
 * that can say what is wrong with it.
 *
 * The newline that must end the text is a sentinel: no token of JSON may hold a raw
 * newline, so every loop here stops at it without asking for the end.  Where a line
 * is cut short is therefore found last: a failure at or behind the record's
 * end is a truncation, whatever was wanted there. */
#include "schema/json/json.h"

#include <assert.h>
#include <string.h>

#include "schema/json/marks.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* Compiled once for each way, which is a constant inside. */
#define INLINE              static inline __attribute__((always_inline))
#define COLD                static __attribute__((noinline, cold))

struct judge {
    enum json_way way;
    struct json_line *line;
    bool named; /* names are looked for */
    const struct json_names *names;
    struct json_found *found;
    /* JSON_MARKS: the text, and the quote that ends the next string is quotes[1]. */
    const uint8_t *text;
    const uint16_t *quotes;
};

/* Every helper takes where it begins and returns where it ended, or NULL after
 * it has told `line` what is wrong where. */
INLINE const uint8_t *check_value(const uint8_t *p, struct judge *judge);
INLINE const uint8_t *string_begin(const uint8_t *p, const struct judge *judge);
INLINE const uint8_t *check_colon(const uint8_t *p, struct json_line *line);
INLINE void look_for(const struct json_names *names, const uint8_t *name, size_t size,
                     const uint8_t *value, struct json_found *found, bool padded);
INLINE const uint8_t *check_string(const uint8_t *p, struct judge *judge);
INLINE const uint8_t *check_number(const uint8_t *p, struct judge *judge);
static const uint8_t *check_number_bytes(const uint8_t *p, struct json_line *line);
static const uint8_t *check_literal(const uint8_t *p, struct json_line *line);
static const uint8_t *check_odd_bytes(const uint8_t *p, struct json_line *line);
static const uint8_t *check_escape(const uint8_t *p, struct json_line *line);
static bool utf8_sequence(const uint8_t **p);
INLINE const uint8_t *skip_space(const uint8_t *p);
INLINE const uint8_t *skip_plain(const uint8_t *p, bool vectors);
COLD const uint8_t *failed(struct json_line *line, enum json_reason reason, const uint8_t *bad);
COLD const uint8_t *failed_behind(struct json_line *line, const uint8_t *bad,
                                  enum json_reason reason);
COLD void finish_bad_line(const uint8_t *text_end, struct json_line *line);

static const char *const reason_names[] = {[JSON_OK] = "ok",
                                           [JSON_BLANK] = "blank",
#define X(name, text, sentence) [name] = text,
                                           JSON_REASON_TABLE(X)
#undef X
};

static const char *const reason_sentences[] = {[JSON_OK] = "valid",
                                               [JSON_BLANK] = "only white space",
#define X(name, text, sentence) [name] = sentence,
                                               JSON_REASON_TABLE(X)
#undef X
};

const char *json_reason_name(enum json_reason reason) {
    assert(reason < JSON_REASONS);
    return reason_names[reason];
}

const char *json_reason_sentence(enum json_reason reason) {
    assert(reason < JSON_REASONS);
    return reason_sentences[reason];
}

INLINE void check_line(const uint8_t *text, const uint8_t *text_end, bool any,
                       struct judge *judge) {
    struct json_line *line = judge->line;
    const uint8_t *begin = skip_space(text);
    line->begin = begin;
    line->reason = JSON_OK;
    if (UNLIKELY(*begin == '\n')) {
        line->reason = JSON_BLANK;
        line->end = begin;
        line->next = begin + 1;
        return;
    }
    const uint8_t *end = LIKELY(any || *begin == '{') ? check_value(begin, judge)
                                                      : failed(line, JSON_NOT_OBJECT, begin);
    if (LIKELY(end != NULL)) {
        const uint8_t *newline = skip_space(end);
        if (LIKELY(*newline == '\n')) {
            line->end = end;
            line->next = newline + 1;
            return;
        }
        (void)failed_behind(line, newline, JSON_TRAILING);
    }
    finish_bad_line(text_end, line);
}

/* false: the line is bad or odd; nothing is decided. */
INLINE bool check_marked_line(const uint8_t *text, bool any, struct judge *judge) {
    struct json_marks marks;
    const uint8_t *begin = skip_space(text);
    if (UNLIKELY(!any && *begin != '{') || UNLIKELY(!json_marks_find(begin, &marks))) return false;
    judge->text = begin;
    judge->quotes = marks.quotes;
    const uint8_t *end = check_value(begin, judge);
    if (UNLIKELY(end == NULL) || UNLIKELY(skip_space(end) != marks.newline)) return false;
    *judge->line = (struct json_line){
        .next = marks.newline + 1, .begin = begin, .end = end, .reason = JSON_OK};
    return true;
}

INLINE void check_line_by(enum json_way way, const uint8_t *text, const uint8_t *text_end, bool any,
                          bool named, const struct json_names *names, struct json_line *line,
                          struct json_found *found) {
    assert(text < text_end && text_end[-1] == '\n');
    struct judge judge = {.way = way, .line = line, .named = named, .names = names, .found = found};
    if (named) found->mask = 0;
    if (way == JSON_MARKS) {
        if (LIKELY(json_marks_possible()) && LIKELY(check_marked_line(text, any, &judge))) return;
        judge.way = JSON_VECTORS;
        if (named) found->mask = 0;
    }
    check_line(text, text_end, any, &judge);
}

void json_check_line(const uint8_t *text, const uint8_t *text_end, bool any,
                     struct json_line *line) {
    check_line_by(JSON_MARKS, text, text_end, any, false, NULL, line, NULL);
}

void json_check_line_names(const uint8_t *text, const uint8_t *text_end, bool any,
                           const struct json_names *names, struct json_line *line,
                           struct json_found *found) {
    check_line_by(JSON_MARKS, text, text_end, any, true, names, line, found);
}

void json_check_line_by(enum json_way way, const uint8_t *text, const uint8_t *text_end, bool any,
                        const struct json_names *names, struct json_line *line,
                        struct json_found *found) {
    const bool named = names != NULL;
    if (way == JSON_PLAIN)
        check_line_by(JSON_PLAIN, text, text_end, any, named, names, line, found);
    else if (way == JSON_VECTORS)
        check_line_by(JSON_VECTORS, text, text_end, any, named, names, line, found);
    else if (named)
        json_check_line_names(text, text_end, any, names, line, found);
    else
        json_check_line(text, text_end, any, line);
}

/* ---- values ---- */

INLINE bool is_digit(uint8_t byte) {
    return (uint8_t)(byte - '0') < 10;
}

/* The lowest bit set; 16 where there is none of the lowest 16. */
INLINE uint32_t ctz_of(uint32_t bits) {
    return (uint32_t)__builtin_ctz(bits | 0x10000);
}

/* One value and all that is in it.  closers[n] ends the container that is open at
 * depth n; the innermost is closers[depth]. */
INLINE const uint8_t *check_value(const uint8_t *p, struct judge *judge) {
    struct json_line *line = judge->line;
    const uint8_t *name;
    size_t name_size;
    uint8_t closers[JSON_DEPTH_MAX + 1];
    uint32_t depth = 0;

value:
    if (LIKELY(*p == '"')) {
        p = check_string(p + 1, judge);
    } else if (is_digit(*p) || *p == '-') {
        p = check_number(p, judge);
    } else if (*p == '{' || *p == '[') {
        if (UNLIKELY(depth == JSON_DEPTH_MAX)) return failed(line, JSON_TOO_DEEP, p);
        const uint8_t closer = *p + 2; /* '{' + 2 is '}', '[' + 2 is ']' */
        closers[++depth] = closer;
        p = skip_space(p + 1);
        if (*p == closer) goto close;
        if (closer == ']') goto value;
        goto key;
    } else {
        p = check_literal(p, line);
    }
    if (UNLIKELY(p == NULL)) return NULL;

behind_value:
    if (UNLIKELY(depth == 0)) return p;
    p = skip_space(p);
    if (LIKELY(*p == ',')) {
        p = skip_space(p + 1);
        if (LIKELY(closers[depth] == '}')) goto key;
        goto value;
    }
    if (UNLIKELY(*p != closers[depth])) return failed_behind(line, p, JSON_UNEXPECTED);
close:
    depth--;
    p++;
    goto behind_value;

key:
    if (UNLIKELY(*p != '"')) return failed(line, JSON_UNEXPECTED, p);
    name = string_begin(p, judge);
    p = check_string(p + 1, judge);
    if (UNLIKELY(p == NULL)) return NULL;
    name_size = (size_t)(p - name) - 1;
    p = check_colon(p, line);
    if (UNLIKELY(p == NULL)) return NULL;
    if (judge->named && LIKELY(depth == 1))
        look_for(judge->names, name, name_size, p, judge->found, true);
    goto value;
}

/* From behind a name, up to its value. */
INLINE const uint8_t *check_colon(const uint8_t *p, struct json_line *line) {
    if (UNLIKELY(*p != ':')) {
        p = skip_space(p);
        if (*p != ':') return failed(line, JSON_UNEXPECTED, p);
    }
    return skip_space(p + 1);
}

/* ---- names that are looked for ---- */

void json_names_add(struct json_names *names, const char *text, uint32_t size) {
    assert(names->count < JSON_NAMES_MAX && size > 0 && size <= JSON_NAME_BYTES_MAX);
    const uint32_t bit = 1u << names->count;
    struct json_name *name = &names->names[names->count++];
    *name = (struct json_name){.size = size};
    memcpy(name->text, text, size);
    names->of_size[size] |= bit;
    names->of_first[(uint8_t)text[0] & 31] |= bit;
}

/* padded: 32 bytes can be read at `name`, wherever it ends. */
INLINE bool is_name(const struct json_name *wanted, const uint8_t *name, size_t size, bool padded) {
    if (wanted->size != size) return false;
#ifdef __SSE2__
    if (padded) {
        const __m128i *a = (const __m128i *)(const void *)wanted->text;
        const __m128i *b = (const __m128i *)(const void *)name;
        uint32_t same =
            (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b)));
        if (UNLIKELY(size > 16))
            same |= (uint32_t)_mm_movemask_epi8(
                        _mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1)))
                    << 16;
        return (same | ~0u << size) == ~0u;
    }
#else
    (void)padded;
#endif
    return memcmp(wanted->text, name, size) == 0;
}

INLINE void look_for(const struct json_names *names, const uint8_t *name, size_t size,
                     const uint8_t *value, struct json_found *found, bool padded) {
    uint32_t candidates = names->of_size[size % 32] & names->of_first[*name % 32];
    for (; candidates != 0; candidates &= candidates - 1) {
        const int i = __builtin_ctz(candidates);
        if (!is_name(&names->names[i], name, size, padded)) continue;
        if ((found->mask >> i & 1) == 0) found->value[i] = value; /* the first one counts */
        found->mask |= 1u << i;
        return;
    }
}

void json_names_look(const struct json_names *names, const uint8_t *name, size_t size,
                     const uint8_t *value, struct json_found *found) {
    look_for(names, name, size, value, found, false);
}

/* ---- numbers and literals ---- */

/* Digits, and a fraction or none: up to 16 bytes are seen at once, where a loop over digits
 * ends one time here and one time there, and each time it is foretold wrong. */
INLINE const uint8_t *check_number(const uint8_t *p, struct judge *judge) {
#ifdef __SSE2__
    if (judge->way != JSON_PLAIN) {
        const uint8_t *digits = p + (*p == '-');
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)digits);
        /* Signed, as SSE2 compares: '0' to '9' are the ten lowest. */
        const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8((char)(0x80 - '0')));
        const __m128i other = _mm_cmpgt_epi8(moved, _mm_set1_epi8((char)(0x80 + 9)));
        uint32_t others = (uint32_t)_mm_movemask_epi8(other);
        const uint32_t whole = ctz_of(others);
        if (digits[whole] == '.') others &= others - 1;
        const uint32_t size = ctz_of(others);
        const bool usual = whole > 0 && (*digits != '0' || whole == 1) && size != whole + 1 &&
                           size < 16 && (digits[size] | 0x20) != 'e';
        if (LIKELY(usual)) return digits + size;
    }
#endif
    return check_number_bytes(p, judge->line);
}

static const uint8_t *check_number_bytes(const uint8_t *p, struct json_line *line) {
    if (*p == '-') p++;
    if (UNLIKELY(!is_digit(*p))) return failed(line, JSON_BAD_NUMBER, p);
    /* A zero stands alone: a digit behind it is found by whoever wants a comma there. */
    if (*p++ != '0') {
        while (is_digit(*p))
            p++;
    }
    if (*p == '.') {
        p++;
        if (UNLIKELY(!is_digit(*p))) return failed(line, JSON_BAD_NUMBER, p);
        while (is_digit(*p))
            p++;
    }
    if (UNLIKELY((*p | 0x20) == 'e')) {
        p++;
        if (*p == '+' || *p == '-') p++;
        if (!is_digit(*p)) return failed(line, JSON_BAD_NUMBER, p);
        while (is_digit(*p))
            p++;
    }
    return p;
}

static const uint8_t *check_literal(const uint8_t *p, struct json_line *line) {
    const char *literal;
    if (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0) return p + 4;
    if (memcmp(p, "false", 5) == 0) return p + 5;
    switch (*p) {
    case 't': literal = "true"; break;
    case 'f': literal = "false"; break;
    case 'n': literal = "null"; break;
    case '+':
    case '.': return failed(line, JSON_BAD_NUMBER, p);
    default: {
        const uint8_t letter = *p | 0x20; /* NaN, Infinity, True, undefined */
        return failed(line, letter >= 'a' && letter <= 'z' ? JSON_BAD_LITERAL : JSON_UNEXPECTED, p);
    }
    }
    for (; *literal != '\0'; literal++, p++) {
        if (UNLIKELY(*p != (uint8_t)*literal)) return failed(line, JSON_BAD_LITERAL, p);
    }
    return p;
}

/* ---- strings ---- */

/* From an opening quote to behind it.  What comes of the marks does not have to wait for what
 * came before it in the line. */
INLINE const uint8_t *string_begin(const uint8_t *p, const struct judge *judge) {
    return judge->way == JSON_MARKS ? judge->text + judge->quotes[0] + 1 : p + 1;
}

/* From behind the opening quote to behind the closing one. */
INLINE const uint8_t *check_string(const uint8_t *p, struct judge *judge) {
    if (judge->way == JSON_MARKS) {
        p = judge->text + judge->quotes[1] + 1;
        judge->quotes += 2;
        return p;
    }
    for (;;) { /* ends at the quote, or at the sentinel at the latest */
        p = skip_plain(p, judge->way == JSON_VECTORS);
        if (LIKELY(*p == '"')) return p + 1;
        p = check_odd_bytes(p, judge->line);
        if (UNLIKELY(p == NULL)) return NULL;
    }
}

/* Goes over bytes that a string may hold as they are, to one that needs a look: a
 * quote, a backslash, a control character, a byte of more than seven bits. */
INLINE const uint8_t *skip_plain(const uint8_t *p, bool vectors) {
#ifdef __SSE2__
    if (vectors) {
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
        const __m128i space = _mm_set1_epi8(' ');
        for (;;) { /* JSON_PADDING lets it read over the text's end */
            const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
            /* Compared as signed bytes, those of more than seven bits are below space too. */
            const __m128i odd = _mm_or_si128(
                _mm_cmplt_epi8(bytes, space),
                _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
            const uint32_t mask = (uint32_t)_mm_movemask_epi8(odd);
            if (LIKELY(mask != 0)) return p + __builtin_ctz(mask);
            p += 16;
        }
    }
#else
    (void)vectors;
#endif
    while (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

/* As many escapes and sequences of UTF-8 as follow one another. */
static const uint8_t *check_odd_bytes(const uint8_t *p, struct json_line *line) {
    do {
        if (*p == '\\') {
            p = check_escape(p + 1, line);
            if (p == NULL) return NULL;
        } else if (*p >= 0x80) {
            if (!utf8_sequence(&p)) return failed(line, JSON_BAD_UTF8, p);
        } else {
            return failed(line, JSON_CONTROL, p);
        }
    } while (*p == '\\' || *p >= 0x80);
    return p;
}

/* From behind the backslash. */
static const uint8_t *check_escape(const uint8_t *p, struct json_line *line) {
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 1;
    case 'u': break;
    default: return failed(line, JSON_BAD_ESCAPE, p);
    }
    p++;
    for (const uint8_t *end = p + 4; p < end; p++) {
        const uint8_t letter = *p | 0x20;
        const bool hex = is_digit(*p) || (letter >= 'a' && letter <= 'f');
        if (!hex) return failed(line, JSON_BAD_ESCAPE, p);
    }
    return p;
}

/* ---- UTF-8 ---- */

/* Moves *p over one sequence of two to four bytes; false: *p is the byte that is
 * wrong (RFC 3629, section 4).  Reads no byte behind a wrong one. */
static bool utf8_sequence(const uint8_t **p) {
    const uint8_t *byte = *p;
    const uint8_t lead = *byte;
    /* A continuation, a lead of overlong forms, a lead of what is above U+10FFFF. */
    if (lead < 0xC2 || lead > 0xF4) return false;
    uint8_t low = 0x80, high = 0xBF;
    if (lead == 0xE0) low = 0xA0;  /* below: overlong */
    if (lead == 0xED) high = 0x9F; /* above: surrogates */
    if (lead == 0xF0) low = 0x90;  /* below: overlong */
    if (lead == 0xF4) high = 0x8F; /* above: more than U+10FFFF */
    *p = ++byte;
    if (*byte < low || *byte > high) return false;
    for (int more = (lead >= 0xE0) + (lead >= 0xF0); more > 0; more--) {
        *p = ++byte;
        if (*byte < 0x80 || *byte > 0xBF) return false;
    }
    *p = byte + 1;
    return true;
}

bool utf8_valid(const uint8_t *bytes, size_t size) {
    const uint8_t *p = bytes, *end = bytes + size;
    while (end - p >= 4) { /* the longest sequence fits */
        if (*p < 0x80) {
            p++;
        } else if (!utf8_sequence(&p)) {
            return false;
        }
    }
    /* The rest stands before a zero, which continues nothing. */
    uint8_t rest[4] = {0};
    const size_t rest_size = (size_t)(end - p);
    if (rest_size > 0) memcpy(rest, p, rest_size);
    for (p = rest; p < rest + rest_size;) {
        if (*p < 0x80) {
            p++;
        } else if (!utf8_sequence(&p)) {
            return false;
        }
    }
    return true;
}

/* ---- between tokens, and failing ---- */

/* White space of RFC 8259 but the newline.  Most places have none, or the one space that
 * json.dumps writes.  Branches, where arithmetic (p += *p == ' ') would be shorter: the
 * next token need not wait for a branch that was foreseen (1.85 GB/s against 1.3). */
INLINE const uint8_t *skip_space(const uint8_t *p) {
    if (LIKELY(*p > ' ')) return p;
    if (*p == ' ' && LIKELY(p[1] > ' ')) return p + 1;
    while (*p == ' ' || *p == '\t' || *p == '\r') {
        p++;
    }
    return p;
}

COLD const uint8_t *failed(struct json_line *line, enum json_reason reason, const uint8_t *bad) {
    line->reason = reason;
    line->bad = bad;
    return NULL;
}

/* Something else than was wanted stands behind a value.  If it touches a number or a
 * literal, it is those that are spelled wrong: 01, 1.2.3, 0x10, nullx. */
COLD const uint8_t *failed_behind(struct json_line *line, const uint8_t *bad,
                                  enum json_reason reason) {
    const uint8_t letter = *bad | 0x20, before = bad[-1];
    const bool wordy = is_digit(*bad) || (letter >= 'a' && letter <= 'z') || *bad == '.' ||
                       *bad == '+' || *bad == '-' || *bad == '_';
    if (wordy && is_digit(before)) reason = JSON_BAD_NUMBER;
    if (wordy && before >= 'a' && before <= 'z') reason = JSON_BAD_LITERAL;
    return failed(line, reason, bad);
}

/* Everything before line->bad has been looked at and held no newline. */
COLD void finish_bad_line(const uint8_t *text_end, struct json_line *line) {
    const uint8_t *newline = memchr(line->bad, '\n', (size_t)(text_end - line->bad));
    assert(newline != NULL);
    line->next = newline + 1;
    const uint8_t *end = newline;
    while (end > line->begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
        end--;
    }
    line->end = end;
    if (line->bad >= end) {
        line->reason = JSON_TRUNCATED;
        line->bad = end;
    }
}
