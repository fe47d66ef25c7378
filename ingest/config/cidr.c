/* cidr.c - see cidr.h. */
#include "ingest/config/cidr.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "port/error.h"

static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};

bool cidr_address(const struct port_address *peer, uint8_t ip[CIDR_BYTES]) {
    if (peer->family == 6) {
        memcpy(ip, peer->ip, CIDR_BYTES);
    } else if (peer->family == 4) {
        memcpy(ip, mapped, sizeof mapped);
        memcpy(ip + sizeof mapped, peer->ip, 4);
    } else {
        return false;
    }
    return true;
}

/* ---- parsing ---- */

/* Without its port, which address_parse wants.  The text has no bracket and no zone. */
static bool read_address(const char *text, size_t length, struct port_address *address) {
    char whole[CIDR_TEXT_MAX + 8];
    const bool six = memchr(text, ':', length) != NULL;
    if (memchr(text, '[', length) || memchr(text, ']', length) || memchr(text, '%', length))
        return false;
    snprintf(whole, sizeof whole, six ? "[%.*s]:0" : "%.*s:0", (int)length, text);
    return address_parse(whole, address) == 0;
}

/* "24", at most `max`. */
static bool read_bits(const char *text, uint32_t max, uint32_t *bits) {
    *bits = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        *bits = *bits * 10 + (uint32_t)(*text - '0');
        if (*bits > max) return false;
    }
    return true;
}

static void clear_rest(uint8_t ip[CIDR_BYTES], uint32_t bits) {
    for (uint32_t i = 0; i < CIDR_BYTES; i++) {
        const uint32_t kept = bits > 8 * i ? bits - 8 * i : 0;
        if (kept < 8) ip[i] &= (uint8_t)(0xFF00u >> kept);
    }
}

/* The text of an address without its port. */
static const char *format_ip(const struct port_address *address, char *text) {
    char whole[ADDRESS_TEXT_MAX];
    address_format(address, whole);
    const char *begin = whole + (address->family == 6);
    const size_t length = (size_t)(strrchr(whole, address->family == 6 ? ']' : ':') - begin);
    memcpy(text, begin, length);
    text[length] = '\0';
    return text;
}

static int bits_after_prefix(const char *text, const struct port_address *address,
                             const struct cidr *range, uint32_t bits, char *problem, size_t size) {
    char begin[ADDRESS_TEXT_MAX], one[ADDRESS_TEXT_MAX];
    struct port_address first = *address;
    memcpy(first.ip, range->ip + (address->family == 4 ? sizeof mapped : 0),
           address->family == 4 ? 4 : CIDR_BYTES);
    snprintf(problem, size, "\"%.64s\" has bits after its prefix; %s/%u or %s was expected", text,
             format_ip(&first, begin), (unsigned)bits, format_ip(address, one));
    return ERR_INVALID;
}

int cidr_parse(const char *text, struct cidr *range, char *problem, size_t size) {
    const char *slash = strchr(text, '/');
    const size_t length = slash ? (size_t)(slash - text) : strlen(text);
    struct port_address address;
    uint32_t bits = 0;
    struct cidr found = {.bits = 0};
    const bool valid = length < CIDR_TEXT_MAX && read_address(text, length, &address);
    const uint32_t most = valid && address.family == 4 ? 32 : 128;
    if (!valid || (slash && !read_bits(slash + 1, most, &bits))) {
        snprintf(problem, size,
                 "\"%.64s\" is not a range of addresses: 10.0.0.0/8, 2001:db8::/32 or one address "
                 "was expected",
                 text);
        return ERR_INVALID;
    }
    if (!slash) bits = most;
    uint8_t whole[CIDR_BYTES] = {0};
    cidr_address(&address, whole);
    found.bits = (uint8_t)(bits + (address.family == 4 ? CIDR_MAPPED_MIN : 0));
    memcpy(found.ip, whole, CIDR_BYTES);
    clear_rest(found.ip, found.bits);
    if (memcmp(found.ip, whole, CIDR_BYTES) != 0)
        return bits_after_prefix(text, &address, &found, bits, problem, size);
    *range = found;
    return 0;
}

/* ---- matching ---- */

bool cidr_contains(const struct cidr *range, const uint8_t ip[CIDR_BYTES]) {
    const uint32_t bytes = range->bits / 8, rest = range->bits % 8;
    if (range->bits < CIDR_MAPPED_MIN && memcmp(ip, mapped, sizeof mapped) == 0) return false;
    if (memcmp(range->ip, ip, bytes) != 0) return false;
    return rest == 0 || ((range->ip[bytes] ^ ip[bytes]) & (0xFF00u >> rest) & 0xFF) == 0;
}

void cidr_list_set(struct cidr_list *list, const struct option_list *texts) {
    char problem[CIDR_TEXT_MAX];
    *list = (struct cidr_list){0};
    for (uint32_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->texts[i], "none") == 0) continue;
        if (strcmp(texts->texts[i], "all") == 0) {
            list->count = 2;
            list->ranges[0] = (struct cidr){.bits = 0};
            list->ranges[1] = (struct cidr){.ip = {[10] = 0xFF, [11] = 0xFF}, .bits = 96};
            return;
        }
        const int result =
            cidr_parse(texts->texts[i], &list->ranges[list->count++], problem, sizeof problem);
        assert(result == 0);
        (void)result;
    }
}

bool cidr_list_contains(const struct cidr_list *list, const uint8_t ip[CIDR_BYTES]) {
    for (uint32_t i = 0; i < list->count; i++)
        if (cidr_contains(&list->ranges[i], ip)) return true;
    return false;
}

bool cidr_rules_allow(const struct cidr_rules *rules, const uint8_t ip[CIDR_BYTES]) {
    if (cidr_list_contains(&rules->deny, ip)) return false;
    return rules->allow.count == 0 || cidr_list_contains(&rules->allow, ip);
}
