/* uri.c - the formats of URIs, IRIs, references to them, and templates (RFC 3986, 3987, 6570). */
#include <string.h>

#include "schema/format/format_internal.h"

#define UNRESERVED "-._~" /* and letters and digits */
#define SUB_DELIMS "!$&'()*+,;="

/* RFC 3987's ucschar. */
static bool is_ucs(uint32_t point) {
    if (point < 0x10000)
        return (point >= 0xA0 && point <= 0xD7FF) || (point >= 0xF900 && point <= 0xFDCF) ||
               (point >= 0xFDF0 && point <= 0xFFEF);
    return point < 0xF0000 && (point & 0xFFFF) < 0xFFFE && !(point >= 0xE0000 && point < 0xE1000);
}

static bool is_private(uint32_t point) {
    return (point >= 0xE000 && point <= 0xF8FF) || (point >= 0xF0000 && point <= 0xFFFFD) ||
           (point >= 0x100000 && point <= 0x10FFFD);
}

static bool is_escape(const char *text, size_t size, size_t at) {
    return size - at >= 3 && format_is_hex(text[at + 1]) && format_is_hex(text[at + 2]);
}

/* The characters that a part may have in addition to letters, digits and escapes. */
struct allowed {
    const char *marks;
    bool beyond; /* IRI: characters beyond ASCII */
    bool private;
};

static bool is_part(const char *text, size_t size, struct allowed allowed) {
    for (size_t at = 0; at < size;) {
        const char c = text[at];
        if ((uint8_t)c >= 0x80) {
            const uint32_t point = format_next_point(text, size, &at);
            if (!allowed.beyond || !(is_ucs(point) || (allowed.private && is_private(point))))
                return false;
            continue;
        }
        if (c == '%'
                ? !is_escape(text, size, at)
                : !format_is_letter(c) && !format_is_digit(c) && !format_is_among(c, allowed.marks))
            return false;
        at++;
    }
    return true;
}

/* The end of the scheme, after its colon; 0: there is none. */
static size_t scheme_end(const char *text, size_t size) {
    for (size_t at = 0; at < size; at++) {
        if (text[at] == ':') return at > 0 ? at + 1 : 0;
        if (!format_is_letter(text[at]) &&
            (at == 0 || !(format_is_digit(text[at]) || format_is_among(text[at], "+-."))))
            return 0;
    }
    return 0;
}

/* [...] with an IPv6 address or a future version's. */
static bool is_ip_literal(const char *text, size_t size) {
    if (size < 2 || text[size - 1] != ']') return false;
    text++;
    size -= 2;
    if (size == 0 || (text[0] | 0x20) != 'v') return format_ipv6(text, size);
    size_t at = 1;
    while (at < size && format_is_hex(text[at]))
        at++;
    if (at == 1 || at + 1 >= size || text[at] != '.') return false;
    for (at++; at < size; at++)
        if (!format_is_letter(text[at]) && !format_is_digit(text[at]) &&
            !format_is_among(text[at], UNRESERVED SUB_DELIMS ":"))
            return false;
    return true;
}

static bool is_authority(const char *text, size_t size, bool beyond) {
    const char *const at_sign = memchr(text, '@', size);
    if (at_sign != NULL) {
        const size_t user = (size_t)(at_sign - text);
        if (!is_part(text, user, (struct allowed){UNRESERVED SUB_DELIMS ":", beyond, false}))
            return false;
        text += user + 1;
        size -= user + 1;
    }
    size_t port = size; /* the start of its digits */
    while (port > 0 && format_is_digit(text[port - 1]))
        port--;
    if (port > 0 && text[port - 1] == ':') size = port - 1;
    if (size > 0 && text[0] == '[') return is_ip_literal(text, size);
    return is_part(text, size, (struct allowed){UNRESERVED SUB_DELIMS, beyond, false});
}

/* The offset of the first of these, or size. */
static size_t find(const char *text, size_t size, const char *these) {
    size_t at = 0;
    while (at < size && !format_is_among(text[at], these))
        at++;
    return at;
}

static bool is_uri(const char *text, size_t size, bool reference, bool beyond) {
    const size_t scheme = scheme_end(text, size);
    if (scheme == 0 && !reference) return false;
    text += scheme;
    size -= scheme;
    const struct allowed rest = {UNRESERVED SUB_DELIMS ":@/?", beyond, false};
    size_t part = find(text, size, "#");
    if (part < size && !is_part(text + part + 1, size - part - 1, rest)) return false;
    size = part;
    part = find(text, size, "?");
    if (part < size &&
        !is_part(text + part + 1, size - part - 1, (struct allowed){rest.marks, beyond, true}))
        return false;
    size = part;
    if (size >= 2 && text[0] == '/' && text[1] == '/') {
        const size_t authority = 2 + find(text + 2, size - 2, "/");
        if (!is_authority(text + 2, authority - 2, beyond)) return false;
        text += authority;
        size -= authority;
    } else if (scheme == 0 && memchr(text, ':', find(text, size, "/")) != NULL) {
        return false; /* a first segment with a colon would be a scheme */
    }
    return is_part(text, size, (struct allowed){UNRESERVED SUB_DELIMS ":@/", beyond, false});
}

bool format_uri(const char *text, size_t size) {
    return is_uri(text, size, false, false);
}

bool format_uri_reference(const char *text, size_t size) {
    return is_uri(text, size, true, false);
}

bool format_iri(const char *text, size_t size) {
    return is_uri(text, size, false, true);
}

bool format_iri_reference(const char *text, size_t size) {
    return is_uri(text, size, true, true);
}

/* ---- templates ---- */

/* The end of the variable's name at `at`; 0: there is none. */
static size_t variable_end(const char *text, size_t size, size_t at) {
    bool begins = true;
    for (; at < size; at++) {
        const char c = text[at];
        if (c == '.' && !begins) {
            begins = true;
        } else if (c == '%' && is_escape(text, size, at)) {
            at += 2;
            begins = false;
        } else if (format_is_letter(c) || format_is_digit(c) || c == '_') {
            begins = false;
        } else {
            break;
        }
    }
    return begins ? 0 : at;
}

/* The text between { and }. */
static bool is_expression(const char *text, size_t size) {
    size_t at = size > 0 && format_is_among(text[0], "+#./;?&=,!@|");
    for (;;) { /* ends: at increases */
        at = variable_end(text, size, at);
        if (at == 0) return false;
        if (at < size && text[at] == '*') {
            at++;
        } else if (at < size && text[at] == ':') {
            const size_t digits = ++at;
            while (at < size && at - digits < 4 && format_is_digit(text[at]))
                at++;
            if (at == digits || text[digits] == '0') return false;
        }
        if (at == size) return true;
        if (text[at++] != ',') return false;
    }
}

bool format_uri_template(const char *text, size_t size) {
    for (size_t at = 0; at < size;) {
        const char c = text[at];
        if ((uint8_t)c >= 0x80) {
            const uint32_t point = format_next_point(text, size, &at);
            if (!is_ucs(point) && !is_private(point)) return false;
            continue;
        }
        if (c == '{') {
            const char *const end = memchr(text + at, '}', size - at);
            if (end == NULL) return false;
            const size_t closing = (size_t)(end - text);
            if (!is_expression(text + at + 1, closing - at - 1)) return false;
            at = closing + 1;
            continue;
        }
        /* RFC 6570 omits ' by mistake (erratum 6937). */
        if (c <= ' ' || c == 0x7F || format_is_among(c, "\"<>\\^`|}") ||
            (c == '%' && !is_escape(text, size, at)))
            return false;
        at++;
    }
    return true;
}
