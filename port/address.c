/* address.c - the text of an address, parsed strictly and written as RFC 5952 recommends. */
#include "port/address.h"

#include <stdio.h>
#include <string.h>

#include "port/error.h"

/* Reads a number of this base, at most max, and returns what follows; NULL: there is none.
 * Rejects a leading zero where it could mean octal. */
static const char *read_number(const char *text, uint32_t base, uint32_t max, uint32_t *number) {
    const char *p = text;
    uint64_t value = 0;
    for (;; p++) { /* value > max ends it early */
        uint32_t digit;
        if (*p >= '0' && *p <= '9')
            digit = (uint32_t)(*p - '0');
        else if (base == 16 && *p >= 'a' && *p <= 'f')
            digit = (uint32_t)(*p - 'a') + 10;
        else if (base == 16 && *p >= 'A' && *p <= 'F')
            digit = (uint32_t)(*p - 'A') + 10;
        else
            break;
        value = value * base + digit;
        if (value > max) return NULL;
    }
    if (p == text || (base == 10 && text[0] == '0' && p - text > 1)) return NULL;
    if (base == 16 && p - text > 4) return NULL;
    *number = (uint32_t)value;
    return p;
}

/* 127.0.0.1 */
static const char *read_ipv4(const char *p, uint8_t ip[4]) {
    for (int i = 0; i < 4; i++) {
        uint32_t number;
        if (i > 0 && *p++ != '.') return NULL;
        p = read_number(p, 10, 255, &number);
        if (p == NULL) return NULL;
        ip[i] = (uint8_t)number;
    }
    return p;
}

/* Eight groups; "::" is a run of zero groups, and the last two groups may be an IPv4 address.
 * Ends at ']' or '%'. */
static const char *read_ipv6(const char *p, uint8_t ip[16]) {
    uint8_t bytes[16] = {0};
    int count = 0, gap = -1; /* in bytes */
    if (p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
    }
    while (count < 16 && *p != ']' && *p != '%') {
        uint32_t number;
        const char *end = count <= 12 ? read_ipv4(p, bytes + count) : NULL;
        if (end != NULL) {
            count += 4;
            p = end;
            break;
        }
        p = read_number(p, 16, 0xffff, &number);
        if (p == NULL) return NULL;
        bytes[count++] = (uint8_t)(number >> 8);
        bytes[count++] = (uint8_t)number;
        if (*p != ':') break;
        p++;
        if (*p == ':') {
            if (gap >= 0) return NULL;
            gap = count;
            p++;
        } else if (*p == ']' || *p == '%') {
            return NULL;
        }
    }
    if (gap < 0 ? count != 16 : count > 14) return NULL;
    memset(ip, 0, 16);
    if (gap < 0) gap = count;
    memcpy(ip, bytes, (size_t)gap);
    memcpy(ip + 16 - (count - gap), bytes + gap, (size_t)(count - gap));
    return p;
}

int address_parse(const char *text, struct port_address *address) {
    struct port_address found = {.family = 4};
    uint32_t number;
    const char *p = text;
    if (*p == '[') {
        found.family = 6;
        p = read_ipv6(p + 1, found.ip);
        if (p != NULL && *p == '%') p = read_number(p + 1, 10, UINT32_MAX, &found.scope);
        if (p != NULL && *p++ != ']') p = NULL;
    } else {
        p = read_ipv4(p, found.ip);
    }
    if (p == NULL || *p != ':') return ERR_INVALID;
    p = read_number(p + 1, 10, 65535, &number);
    if (p == NULL || *p != '\0') return ERR_INVALID;
    found.port = (uint16_t)number;
    *address = found;
    return 0;
}

/* The longest run of at least two zero groups; the first of equal ones. */
static int longest_gap(const uint16_t groups[8], int *length) {
    int best = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && groups[i + n] == 0)
            n++;
        if (n > *length) {
            best = i;
            *length = n;
        }
        i += n;
    }
    return best;
}

static void write_ipv6(const uint8_t ip[16], char *text) {
    uint16_t groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = (uint16_t)(ip[2 * i] << 8 | ip[2 * i + 1]);
    int gap_length;
    const int gap = longest_gap(groups, &gap_length);
    size_t used = 0;
    for (int i = 0; i < 8;) {
        if (i == gap) {
            used += (size_t)sprintf(text + used, "::");
            i += gap_length;
            continue;
        }
        const bool after_group = i > 0 && (gap < 0 || i != gap + gap_length);
        used += (size_t)sprintf(text + used, after_group ? ":%x" : "%x", (unsigned)groups[i]);
        i++;
    }
}

/* ---- processes ---- */

static void put_id(uint8_t *bytes, uint32_t id) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(id >> (24 - 8 * i));
}

static uint32_t get_id(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

struct port_address address_of_process(uint32_t process, uint32_t user, uint32_t group) {
    struct port_address address = {.family = ADDRESS_UNIX};
    put_id(address.ip, process);
    put_id(address.ip + 4, user);
    put_id(address.ip + 8, group);
    return address;
}

static void write_process(const uint8_t ids[12], char *text) {
    static const char *const names[] = {"pid", "uid", "gid"};
    size_t used = (size_t)sprintf(text, "unix");
    for (int i = 0, known = 0; i < 3; i++) {
        const uint32_t id = get_id(ids + 4 * i);
        if (id == ADDRESS_UNKNOWN_ID) continue;
        used += (size_t)sprintf(text + used, "%c%s=%u", known++ ? ',' : ':', names[i], id);
    }
}

const char *address_format(const struct port_address *address, char *text) {
    const uint8_t *ip = address->ip;
    if (address->family == 4) {
        snprintf(text, ADDRESS_TEXT_MAX, "%u.%u.%u.%u:%u", ip[0], ip[1], ip[2], ip[3],
                 (unsigned)address->port);
    } else if (address->family == 6) {
        char ip_text[40], scope_text[12] = "";
        write_ipv6(ip, ip_text);
        if (address->scope != 0)
            snprintf(scope_text, sizeof scope_text, "%%%u", (unsigned)address->scope);
        snprintf(text, ADDRESS_TEXT_MAX, "[%s%s]:%u", ip_text, scope_text, (unsigned)address->port);
    } else if (address->family == ADDRESS_UNIX) {
        write_process(ip, text);
    } else {
        snprintf(text, ADDRESS_TEXT_MAX, "unknown");
    }
    return text;
}

bool address_takes_ipv4(const struct port_address *address) {
    static const uint8_t any[16];
    return address->family == 6 && !address->ipv6_only && memcmp(address->ip, any, 16) == 0;
}

void address_unmap(struct port_address *address) {
    static const uint8_t prefix[12] = {[10] = 0xFF, [11] = 0xFF};
    if (address->family != 6 || memcmp(address->ip, prefix, sizeof prefix) != 0) return;
    *address = (struct port_address){
        .ip = {address->ip[12], address->ip[13], address->ip[14], address->ip[15]},
        .family = 4,
        .port = address->port,
    };
}

bool address_equal(const struct port_address *a, const struct port_address *b) {
    if (a->family != b->family || a->port != b->port || a->scope != b->scope) return false;
    /* With constant sizes the compiler inlines memcmp; this runs for each datagram. */
    return a->family == 4 ? memcmp(a->ip, b->ip, 4) == 0 : memcmp(a->ip, b->ip, 16) == 0;
}
