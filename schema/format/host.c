/* host.c - the formats of addresses, host names and mailboxes. */
#include <string.h>

#include "schema/format/format_internal.h"
#include "schema/format/idna.h"

/* RFC 1035 section 2.3.4: 255 bytes on the wire, two of which are not part of the text. */
#define NAME_BYTES_MAX  253
/* RFC 5321 section 4.5.3.1.1. */
#define LOCAL_BYTES_MAX 64

/* ---- addresses ---- */

bool format_ipv4(const char *text, size_t size) {
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        uint32_t value = 0;
        const size_t begin = at;
        for (; at < size && at - begin < 3 && format_is_digit(text[at]); at++)
            value = value * 10 + (uint32_t)(text[at] - '0');
        if (at == begin || value > 255 || (text[begin] == '0' && at - begin > 1)) return false;
        if (part < 3 && (at == size || text[at++] != '.')) return false;
    }
    return at == size;
}

/* The end of up to four hexadecimal digits. */
static size_t group_end(const char *text, size_t size, size_t at) {
    const size_t begin = at;
    while (at < size && at - begin < 4 && format_is_hex(text[at]))
        at++;
    return at;
}

bool format_ipv6(const char *text, size_t size) {
    int groups = 0;
    bool gap = false;
    size_t at = 0;
    if (size >= 2 && text[0] == ':' && text[1] == ':') {
        gap = true;
        at = 2;
    }
    while (at < size) {
        const size_t end = group_end(text, size, at);
        if (end < size && text[end] == '.') {
            groups += 2;
            return (gap ? groups < 8 : groups == 8) && format_ipv4(text + at, size - at);
        }
        if (end == at || ++groups > 8) return false;
        at = end;
        if (at == size) break;
        if (text[at++] != ':' || at == size) return false;
        if (text[at] != ':') continue;
        if (gap) return false;
        gap = true;
        at++;
    }
    return gap ? groups < 8 : groups == 8; /* :: replaces at least one group */
}

/* ---- host names ---- */

/* Letters, digits, and hyphens inside; "xn--" must begin a valid A-label. */
static bool is_label(const char *text, size_t size) {
    if (size == 0 || size > IDNA_LABEL_MAX || text[0] == '-' || text[size - 1] == '-') return false;
    for (size_t i = 0; i < size; i++)
        if (!format_is_letter(text[i]) && !format_is_digit(text[i]) && text[i] != '-') return false;
    if (size < 4 || text[2] != '-' || text[3] != '-') return true;
    return (text[0] | 0x20) != 'x' || (text[1] | 0x20) != 'n' || idna_is_a_label(text, size);
}

bool format_hostname(const char *text, size_t size) {
    if (size > NAME_BYTES_MAX) return false;
    for (size_t begin = 0;;) { /* ends: begin increases */
        const char *const dot = memchr(text + begin, '.', size - begin);
        const size_t end = dot != NULL ? (size_t)(dot - text) : size;
        if (!is_label(text + begin, end - begin)) return false;
        if (end == size) return true;
        begin = end + 1;
    }
}

/* The dots of other scripts separate labels, too (RFC 3490 section 3.1). */
static bool is_dot(uint32_t point) {
    return point == '.' || point == 0x3002 || point == 0xFF0E || point == 0xFF61;
}

bool format_idn_hostname(const char *text, size_t size) {
    size_t total = 0;
    for (size_t at = 0;;) { /* ends: at increases */
        uint32_t points[IDNA_LABEL_MAX], point = 0;
        const size_t begin = at;
        size_t end = at, count = 0, wire_size;
        bool ascii = true;
        while (at < size) {
            end = at;
            point = format_next_point(text, size, &at);
            if (is_dot(point)) break;
            if (count == IDNA_LABEL_MAX) return false;
            points[count++] = point;
            ascii &= point < 0x80;
            end = at;
        }
        wire_size = end - begin;
        if (ascii ? !is_label(text + begin, end - begin)
                  : !idna_is_u_label(points, count, &wire_size))
            return false;
        total += wire_size + 1;
        if (total > NAME_BYTES_MAX + 1) return false;
        if (end == size) return true;
    }
}

/* ---- mailboxes ---- */

/* The end of the local part, or 0.  beyond: characters beyond ASCII are allowed. */
static size_t local_end(const char *text, size_t size, bool beyond) {
    const bool quoted = size > 0 && text[0] == '"';
    size_t at = quoted;
    for (bool begins = true; at < size; at++) {
        const char c = text[at];
        if ((uint8_t)c >= 0x80) {
            if (!beyond) return 0;
            begins = false;
        } else if (quoted) {
            if (c == '"') return at + 1;
            if (c == '\\') at++;
            if (at == size || text[at] < ' ' || text[at] == 0x7F) return 0;
        } else if (c == '.') {
            if (begins) return 0;
            begins = true;
        } else if (format_is_letter(c) || format_is_digit(c) ||
                   format_is_among(c, "!#$%&'*+-/=?^_`{|}~")) {
            begins = false;
        } else {
            return c == '@' && !begins ? at : 0;
        }
    }
    return 0;
}

/* [127.0.0.1] or [IPv6:::1] */
static bool is_address_literal(const char *text, size_t size) {
    static const char tag[] = "ipv6:";
    if (size < 2 || text[size - 1] != ']') return false;
    text++;
    size -= 2;
    if (size < sizeof tag - 1) return false;
    for (size_t i = 0; i < sizeof tag - 1; i++)
        if (format_is_letter(tag[i]) ? (text[i] | 0x20) != tag[i] : text[i] != tag[i])
            return format_ipv4(text, size);
    return format_ipv6(text + sizeof tag - 1, size - (sizeof tag - 1));
}

static bool is_mailbox(const char *text, size_t size, bool beyond) {
    const size_t local = local_end(text, size, beyond);
    if (local == 0 || local > LOCAL_BYTES_MAX || local == size || text[local] != '@') return false;
    const char *const domain = text + local + 1;
    const size_t domain_size = size - local - 1;
    if (domain_size > 0 && domain[0] == '[') return is_address_literal(domain, domain_size);
    return beyond ? format_idn_hostname(domain, domain_size) : format_hostname(domain, domain_size);
}

bool format_email(const char *text, size_t size) {
    return is_mailbox(text, size, false);
}

bool format_idn_email(const char *text, size_t size) {
    return is_mailbox(text, size, true);
}
