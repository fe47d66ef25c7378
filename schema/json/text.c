/* text.c - see text.h.  Most texts have no backslash: each call checks that first, and if so uses
 * the raw bytes as they are. */
#include "schema/json/text.h"

#include <string.h>

#include "schema/json/hash.h"

static size_t put_point(uint32_t point, char *out);

/* The high bit of each of the eight bytes that is a continuation byte (10xxxxxx). */
static uint64_t continued(uint64_t bytes) {
    return bytes & ~bytes << 1 & 0x8080808080808080u;
}

/* Not 0 if one of eight bytes is a backslash. */
static uint64_t escaped(uint64_t bytes) {
    bytes ^= 0x5C5C5C5C5C5C5C5Cu;
    return (bytes - 0x0101010101010101u) & ~bytes & 0x8080808080808080u;
}

size_t text_length(const char *raw, size_t size) {
    size_t points = size, at = 0;
    uint64_t escapes = 0;
    for (; size - at >= 8; at += 8) {
        const uint64_t bytes = hash_word(raw + at);
        escapes |= escaped(bytes);
        points -= (continued(bytes) >> 7) * 0x0101010101010101u >> 56;
    }
    for (; at < size; at++) {
        escapes |= raw[at] == '\\';
        points -= ((uint8_t)raw[at] & 0xC0) == 0x80;
    }
    if (escapes == 0) return points;
    points = 0;
    for (const char *p = raw; p < raw + size; points++)
        text_next_point(&p, raw + size);
    return points;
}

bool text_is_plain(const char *raw, size_t size) {
    return memchr(raw, '\\', size) == NULL;
}

size_t text_decode(const char *raw, size_t size, char *out) {
    const char *p = raw, *const end = raw + size;
    char *to = out;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const size_t plain = (size_t)((escape != NULL ? escape : end) - p);
        memcpy(to, p, plain);
        to += plain;
        p += plain;
        if (p < end) to += put_point(text_next_point(&p, end), to);
    }
    return (size_t)(to - out);
}

/* They are written as ED A0..BF xx, which is not UTF-8. */
void text_replace_surrogates(char *decoded, size_t size) {
    char *p = decoded, *const end = decoded + size;
    while ((p = memchr(p, 0xED, (size_t)(end - p))) != NULL && end - p >= 3) {
        if ((uint8_t)p[1] >= 0xA0) memcpy(p, "\xEF\xBF\xBD", 3);
        p++;
    }
}

bool text_equal(const char *a, size_t a_size, const char *b, size_t b_size) {
    if (a_size == b_size && memcmp(a, b, a_size) == 0) return true;
    const char *const a_end = a + a_size, *const b_end = b + b_size;
    if (text_is_plain(a, a_size) && text_is_plain(b, b_size)) return false;
    while (a < a_end && b < b_end)
        if (text_next_point(&a, a_end) != text_next_point(&b, b_end)) return false;
    return a == a_end && b == b_end;
}

bool text_equals_decoded(const char *raw, size_t size, const char *decoded, size_t decoded_size) {
    if (text_is_plain(raw, size)) return size == decoded_size && memcmp(raw, decoded, size) == 0;
    const char *p = raw, *const end = raw + size;
    const char *q = decoded, *const decoded_end = decoded + decoded_size;
    while (p < end) {
        char bytes[4];
        const size_t count = put_point(text_next_point(&p, end), bytes);
        if ((size_t)(decoded_end - q) < count || memcmp(q, bytes, count) != 0) return false;
        q += count;
    }
    return q == decoded_end;
}

uint64_t text_hash(const char *raw, size_t size) {
    if (text_is_plain(raw, size)) return hash_bytes(raw, size);
    /* The same result as hash_bytes of the decoded bytes. */
    char word[sizeof(uint64_t) + 4];
    uint64_t hash = 0;
    size_t filled = 0, total = 0;
    for (const char *p = raw; p < raw + size;) {
        const size_t count = put_point(text_next_point(&p, raw + size), word + filled);
        filled += count;
        total += count;
        if (filled < sizeof hash) continue;
        hash = hash_step(hash, hash_word(word));
        filled -= sizeof hash;
        memcpy(word, word + sizeof hash, 4);
    }
    return hash_end(hash_step(hash, hash_last_word(word, filled)), total);
}

uint64_t text_hash_decoded(const char *decoded, size_t size) {
    return hash_bytes(decoded, size);
}

size_t text_write_token(const char *raw, size_t size, char *out, size_t room) {
    size_t used = 0;
    for (const char *p = raw; p < raw + size;) {
        char bytes[4] = "~0";
        uint32_t point = text_next_point(&p, raw + size);
        size_t count = 2;
        if (point == 0 || (point >= 0xD800 && point <= 0xDFFF)) point = 0xFFFD;
        if (point == '/') {
            bytes[1] = '1';
        } else if (point != '~') {
            count = put_point(point, bytes);
        }
        if (room - used < count) break;
        memcpy(out + used, bytes, count);
        used += count;
    }
    return used;
}

size_t text_read_token(const char *token, size_t size, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = token[i];
        if (c == '~') {
            if (++i == size || (token[i] != '0' && token[i] != '1')) return SIZE_MAX;
            c = token[i] == '0' ? '~' : '/';
        }
        out[used++] = c;
    }
    return used;
}

/* ---- code points ---- */

static uint32_t hex_digit(char c) {
    return (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static uint32_t hex_unit(const char *p) {
    return hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]);
}

/* *p: after the backslash. */
static uint32_t next_escape(const char **p, const char *end) {
    const char c = *(*p)++;
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return (uint8_t)c; /* " \ / */
    }
    const uint32_t unit = hex_unit(*p);
    *p += 4;
    if (unit < 0xD800 || unit > 0xDBFF || end - *p < 6) return unit;
    if ((*p)[0] != '\\' || (*p)[1] != 'u') return unit;
    const uint32_t low = hex_unit(*p + 2);
    if (low < 0xDC00 || low > 0xDFFF) return unit;
    *p += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

/* The text is valid, so the continuation bytes that a first byte announces are there. */
uint32_t text_next_point(const char **p, const char *end) {
    const uint8_t *q = (const uint8_t *)*p;
    uint32_t point = *q++;
    int more = 0;
    if (point == '\\') {
        ++*p;
        return next_escape(p, end);
    }
    if (point >= 0x80) {
        more = point < 0xE0 ? 1 : point < 0xF0 ? 2 : 3;
        point &= 0x3Fu >> more;
    }
    for (; more > 0; more--)
        point = point << 6 | (*q++ & 0x3F);
    *p = (const char *)q;
    return point;
}

static size_t put_point(uint32_t point, char *out) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}
