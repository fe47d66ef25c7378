/* json.c - validates one line against the grammar: no tree, no recursion, no allocation.
 *
 * There is one grammar and three methods to pass a string: byte by byte, 16 bytes at a time, or,
 * after marks.c has read the line, from quote to quote, because marks.c has checked everything else
 * that can be wrong in a string.  The third method only recognizes valid lines; any other line is
 * read again by the second, which reports what is wrong.
 *
 * The newline that must end the text is a sentinel: no JSON token contains a raw newline, so every
 * loop here stops at it without comparing with the end.  That a line is incomplete is therefore
 * found last: a failure at or after the record's end is JSON_TRUNCATED, whatever was expected. */
#include "schema/json/json.h"

#include <assert.h>
#include <string.h>

#include "schema/json/ascii.h"
#include "schema/json/marks.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* Compiled once for each method, which is a constant inside. */
#define INLINE              static inline __attribute__((always_inline))
#define COLD                static __attribute__((noinline, cold))

struct validator {
    enum json_method method;
    struct json_line *line;
    bool named; /* find names */
    const struct json_names *names;
    struct json_found *found;
    struct json_members *members; /* NULL: they are not listed */
    /* JSON_MARKS: quotes[0] and quotes[1] are the offsets in `text` of the next string's quotes. */
    const uint8_t *text;
    const uint16_t *quotes;
};

/* Every helper takes its start and returns its end, or NULL after it has set reason and bad in
 * `line`. */
INLINE const uint8_t *check_value(const uint8_t *p, struct validator *validator);
INLINE const uint8_t *string_begin(const uint8_t *p, const struct validator *validator);
INLINE const uint8_t *check_colon(const uint8_t *p, struct json_line *line);
INLINE void find_name(const struct json_names *names, const uint8_t *name, size_t size,
                      const uint8_t *value, struct json_found *found, bool padded);
INLINE void list_member(struct json_members *members, const uint8_t *name, size_t name_size,
                        const uint8_t *value, uint32_t depth);
INLINE const uint8_t *check_string(const uint8_t *p, struct validator *validator);
INLINE const uint8_t *check_number(const uint8_t *p, struct validator *validator);
static const uint8_t *check_number_bytes(const uint8_t *p, struct json_line *line);
static const uint8_t *check_literal(const uint8_t *p, struct json_line *line);
static const uint8_t *check_odd_bytes(const uint8_t *p, struct json_line *line);
static const uint8_t *check_escape(const uint8_t *p, struct json_line *line);
static bool utf8_sequence(const uint8_t **p);
INLINE const uint8_t *skip_space(const uint8_t *p);
INLINE const uint8_t *skip_plain(const uint8_t *p, bool vectors);
COLD const uint8_t *failed(struct json_line *line, enum json_reason reason, const uint8_t *bad);
COLD const uint8_t *failed_after(struct json_line *line, const uint8_t *bad,
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
                       struct validator *validator) {
    struct json_line *line = validator->line;
    const uint8_t *begin = skip_space(text);
    line->begin = begin;
    line->reason = JSON_OK;
    if (UNLIKELY(*begin == '\n')) {
        line->reason = JSON_BLANK;
        line->end = begin;
        line->next = begin + 1;
        return;
    }
    const uint8_t *end = LIKELY(any || *begin == '{') ? check_value(begin, validator)
                                                      : failed(line, JSON_NOT_OBJECT, begin);
    if (LIKELY(end != NULL)) {
        const uint8_t *newline = skip_space(end);
        if (LIKELY(*newline == '\n')) {
            line->end = end;
            line->next = newline + 1;
            return;
        }
        (void)failed_after(line, newline, JSON_TRAILING);
    }
    finish_bad_line(text_end, line);
}

/* False: undecided; the line may be valid or not. */
INLINE bool check_marked_line(const uint8_t *text, bool any, struct validator *validator) {
    struct json_marks marks;
    const uint8_t *begin = skip_space(text);
    if (UNLIKELY(!any && *begin != '{') || UNLIKELY(!json_marks_find(begin, &marks))) return false;
    if (validator->members != NULL) validator->members->escapes = marks.escapes;
    validator->text = begin;
    validator->quotes = marks.quotes;
    const uint8_t *end = check_value(begin, validator);
    if (UNLIKELY(end == NULL) || UNLIKELY(skip_space(end) != marks.newline)) return false;
    *validator->line = (struct json_line){
        .next = marks.newline + 1, .begin = begin, .end = end, .reason = JSON_OK};
    return true;
}

INLINE void begin_names(const struct validator *validator) {
    if (validator->named) validator->found->mask = 0;
    if (validator->members == NULL) return;
    validator->members->count = 0;
    validator->members->escapes = true;
}

INLINE void check_line_with(const uint8_t *text, const uint8_t *text_end, bool any,
                            struct validator *validator) {
    assert(text < text_end && text_end[-1] == '\n');
    begin_names(validator);
    if (validator->method == JSON_MARKS) {
        if (LIKELY(json_marks_possible()) && LIKELY(check_marked_line(text, any, validator)))
            return;
        validator->method = JSON_VECTORS;
        begin_names(validator);
    }
    check_line(text, text_end, any, validator);
}

INLINE void check_line_by(enum json_method method, const uint8_t *text, const uint8_t *text_end,
                          bool any, bool named, const struct json_names *names,
                          struct json_line *line, struct json_found *found) {
    struct validator validator = {
        .method = method, .line = line, .named = named, .names = names, .found = found};
    check_line_with(text, text_end, any, &validator);
}

INLINE void check_members_by(enum json_method method, const uint8_t *text, const uint8_t *text_end,
                             bool any, struct json_line *line, struct json_members *members) {
    struct validator validator = {.method = method, .line = line, .members = members};
    check_line_with(text, text_end, any, &validator);
}

void json_check_line_members(const uint8_t *text, const uint8_t *text_end, bool any,
                             struct json_line *line, struct json_members *members) {
    check_members_by(JSON_MARKS, text, text_end, any, line, members);
}

void json_check_line_members_by(enum json_method method, const uint8_t *text,
                                const uint8_t *text_end, bool any, struct json_line *line,
                                struct json_members *members) {
    if (method == JSON_PLAIN)
        check_members_by(JSON_PLAIN, text, text_end, any, line, members);
    else if (method == JSON_VECTORS)
        check_members_by(JSON_VECTORS, text, text_end, any, line, members);
    else
        json_check_line_members(text, text_end, any, line, members);
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

void json_check_line_by(enum json_method method, const uint8_t *text, const uint8_t *text_end,
                        bool any, const struct json_names *names, struct json_line *line,
                        struct json_found *found) {
    const bool named = names != NULL;
    if (method == JSON_PLAIN)
        check_line_by(JSON_PLAIN, text, text_end, any, named, names, line, found);
    else if (method == JSON_VECTORS)
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

/* One value with everything in it.  closers[n] ends the container that is open at depth n; the
 * innermost is closers[depth]. */
INLINE const uint8_t *check_value(const uint8_t *p, struct validator *validator) {
    struct json_line *line = validator->line;
    const uint8_t *name;
    size_t name_size;
    uint8_t closers[JSON_DEPTH_MAX + 1];
    uint32_t depth = 0;

value:
    if (LIKELY(*p == '"')) {
        p = check_string(p + 1, validator);
    } else if (is_digit(*p) || *p == '-') {
        p = check_number(p, validator);
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

after_value:
    if (UNLIKELY(depth == 0)) return p;
    p = skip_space(p);
    if (LIKELY(*p == ',')) {
        p = skip_space(p + 1);
        if (LIKELY(closers[depth] == '}')) goto key;
        goto value;
    }
    if (UNLIKELY(*p != closers[depth])) return failed_after(line, p, JSON_UNEXPECTED);
close:
    depth--;
    p++;
    goto after_value;

key:
    if (UNLIKELY(*p != '"')) return failed(line, JSON_UNEXPECTED, p);
    name = string_begin(p, validator);
    p = check_string(p + 1, validator);
    if (UNLIKELY(p == NULL)) return NULL;
    name_size = (size_t)(p - name) - 1;
    p = check_colon(p, line);
    if (UNLIKELY(p == NULL)) return NULL;
    if (validator->named && LIKELY(depth == 1))
        find_name(validator->names, name, name_size, p, validator->found, true);
    if (validator->members != NULL) list_member(validator->members, name, name_size, p, depth);
    goto value;
}

INLINE void list_member(struct json_members *members, const uint8_t *name, size_t name_size,
                        const uint8_t *value, uint32_t depth) {
    const uint32_t i = members->count++;
    if (LIKELY(i < members->room))
        members->list[i] = (struct json_member){name, value, (uint32_t)name_size, depth};
}

/* From the end of a name to its value. */
INLINE const uint8_t *check_colon(const uint8_t *p, struct json_line *line) {
    if (UNLIKELY(*p != ':')) {
        p = skip_space(p);
        if (*p != ':') return failed(line, JSON_UNEXPECTED, p);
    }
    return skip_space(p + 1);
}

/* ---- finding names ---- */

void json_names_add(struct json_names *names, const char *text, uint32_t size, bool exact) {
    assert(names->count < JSON_NAMES_MAX && size > 0 && size <= JSON_NAME_BYTES_MAX);
    const uint64_t bit = UINT64_C(1) << names->count;
    struct json_name *name = &names->names[names->count++];
    *name = (struct json_name){.size = (uint16_t)size, .exact = exact};
    for (uint32_t i = 0; i < size; i++)
        name->text[i] = exact ? text[i] : (char)ascii_lower((uint8_t)text[i]);
    names->of_size[size] |= bit;
    names->of_first[(uint8_t)text[0] & 31] |= bit;
}

#ifdef __SSE2__
/* Sixteen bytes, with the letters A to Z in lower case unless exact. */
INLINE __m128i fold_sixteen(__m128i bytes, bool exact) {
    /* As signed bytes: more than 127 - 26 only for A to Z, which move to the end of the range. */
    const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(127 - 'Z'));
    const __m128i letter = _mm_cmpgt_epi8(moved, _mm_set1_epi8(127 - 26));
    return _mm_or_si128(bytes, _mm_and_si128(letter, _mm_set1_epi8(exact ? 0 : 0x20)));
}
#endif

/* padded: 32 bytes are readable at `name`, wherever it ends. */
INLINE bool is_name(const struct json_name *wanted, const uint8_t *name, size_t size, bool padded) {
    if (wanted->size != size) return false;
#ifdef __SSE2__
    if (padded) {
        const __m128i *a = (const __m128i *)(const void *)wanted->text;
        const __m128i *b = (const __m128i *)(const void *)name;
        const uint32_t rest = ~0u << size;
        __m128i low = _mm_loadu_si128(b), high = _mm_setzero_si128();
        uint32_t same = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), low));
        if (LIKELY(size <= 16 && (same | rest) == ~0u)) return true;
        if (wanted->exact && size <= 16) return false;
        if (size > 16) high = _mm_loadu_si128(b + 1);
        low = fold_sixteen(low, wanted->exact);
        high = fold_sixteen(high, wanted->exact);
        same = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), low));
        same |= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a + 1), high)) << 16;
        return (same | rest) == ~0u;
    }
#else
    (void)padded;
#endif
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)wanted->text[i] != (wanted->exact ? name[i] : ascii_lower(name[i])))
            return false;
    return true;
}

INLINE void find_name(const struct json_names *names, const uint8_t *name, size_t size,
                      const uint8_t *value, struct json_found *found, bool padded) {
    uint64_t candidates = names->of_size[size % 32] & names->of_first[*name % 32];
    for (; candidates != 0; candidates &= candidates - 1) {
        const int i = __builtin_ctzll(candidates);
        if (!is_name(&names->names[i], name, size, padded)) continue;
        found->value[i] = value; /* the last one counts */
        found->mask |= UINT64_C(1) << i;
        return;
    }
}

void json_names_look(const struct json_names *names, const uint8_t *name, size_t size,
                     const uint8_t *value, struct json_found *found) {
    find_name(names, name, size, value, found, false);
}

void json_members_look(const struct json_members *members, const struct json_names *names,
                       struct json_found *found) {
    const struct json_member *const end = members->list + members->count;
    assert(members->count <= members->room);
    found->mask = 0;
    for (const struct json_member *member = members->list; member < end; member++)
        if (member->depth == 1)
            find_name(names, member->name, member->name_size, member->value, found, true);
}

/* ---- numbers and literals ---- */

/* Digits, with or without a fraction, up to 16 bytes at once.  A loop over the digits would end at
 * another place each time, and the branch would be mispredicted each time. */
INLINE const uint8_t *check_number(const uint8_t *p, struct validator *validator) {
#ifdef __SSE2__
    if (validator->method != JSON_PLAIN) {
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
    return check_number_bytes(p, validator->line);
}

static const uint8_t *check_number_bytes(const uint8_t *p, struct json_line *line) {
    if (*p == '-') p++;
    if (UNLIKELY(!is_digit(*p))) return failed(line, JSON_BAD_NUMBER, p);
    /* No digit may follow a leading zero: the caller fails there, as it expects a comma. */
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

/* The first byte after the opening quote at p.  With JSON_MARKS it comes from the offsets, so that
 * the CPU need not wait for the token before it. */
INLINE const uint8_t *string_begin(const uint8_t *p, const struct validator *validator) {
    return validator->method == JSON_MARKS ? validator->text + validator->quotes[0] + 1 : p + 1;
}

/* From after the opening quote to after the closing one. */
INLINE const uint8_t *check_string(const uint8_t *p, struct validator *validator) {
    if (validator->method == JSON_MARKS) {
        p = validator->text + validator->quotes[1] + 1;
        validator->quotes += 2;
        return p;
    }
    for (;;) { /* ends at the quote, or at the sentinel at the latest */
        p = skip_plain(p, validator->method == JSON_VECTORS);
        if (LIKELY(*p == '"')) return p + 1;
        p = check_odd_bytes(p, validator->line);
        if (UNLIKELY(p == NULL)) return NULL;
    }
}

/* Skips bytes that a string may contain as they are, up to a quote, a backslash, a control
 * character or a byte of more than seven bits. */
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

/* Consecutive escapes and UTF-8 sequences. */
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

/* p: after the backslash. */
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

/* Moves *p past one sequence of two to four bytes (RFC 3629 section 4).  False: *p is the invalid
 * byte, and no byte after it was read. */
static bool utf8_sequence(const uint8_t **p) {
    const uint8_t *byte = *p;
    const uint8_t lead = *byte;
    /* A continuation byte, an overlong form, or a code point above U+10FFFF. */
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
    /* Copy the rest, followed by a zero, which is not a continuation byte. */
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

/* ---- white space and failures ---- */

/* White space of RFC 8259 except the newline.  Usually there is none, or the one space that
 * json.dumps writes.  Branches instead of arithmetic (p += *p == ' '): the next token need not wait
 * for a correctly predicted branch (1.85 GB/s against 1.3). */
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

/* An unexpected byte after a value.  If it touches a number or a literal, these are invalid: 01,
 * 1.2.3, 0x10, nullx. */
COLD const uint8_t *failed_after(struct json_line *line, const uint8_t *bad,
                                 enum json_reason reason) {
    const uint8_t letter = *bad | 0x20, before = bad[-1];
    const bool wordy = is_digit(*bad) || (letter >= 'a' && letter <= 'z') || *bad == '.' ||
                       *bad == '+' || *bad == '-' || *bad == '_';
    if (wordy && is_digit(before)) reason = JSON_BAD_NUMBER;
    if (wordy && before >= 'a' && before <= 'z') reason = JSON_BAD_LITERAL;
    return failed(line, reason, bad);
}

/* There is no newline before line->bad. */
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
