/* proxy_header.c - see proxy_header.h.  Sections are those of proxy-protocol.txt. */
#include "ingest/transport/proxy_header.h"

#include <stdio.h>
#include <string.h>

static const uint8_t text[] = "PROXY ";
static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

#define ELEMENT_SUM 0x03 /* PP2_TYPE_CRC32C, section 2.2.3 */

static void fail(struct proxy_header *header, const char *problem) {
    header->state = PROXY_BROKEN;
    header->problem = problem;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n" (section 2.1) ---- */

/* Puts a NUL after the next word and returns what follows it; NULL: no single space does. */
static char *cut_word(char *word) {
    char *space = strchr(word, ' ');
    if (!space || space == word) return NULL;
    *space = '\0';
    return space + 1;
}

static bool read_address(const char *ip, const char *port, uint16_t family,
                         struct port_address *address) {
    char whole[PROXY_V1_MAX + 8];
    if (strchr(ip, '%')) return false;
    snprintf(whole, sizeof whole, family == 6 ? "[%s]:%s" : "%s:%s", ip, port);
    return address_parse(whole, address) == 0 && address->family == family;
}

/* After "PROXY TCP4 " and without CR LF. */
static bool read_addresses(char *source, uint16_t family, struct port_address *client) {
    struct port_address server;
    char *target = cut_word(source);
    char *source_port = target ? cut_word(target) : NULL;
    char *target_port = source_port ? cut_word(source_port) : NULL;
    return target_port && read_address(source, source_port, family, client) &&
           read_address(target, target_port, family, &server);
}

static void read_line(struct proxy_header *header) {
    char line[PROXY_V1_MAX + 1];
    const size_t length = header->size - 2;
    memcpy(line, header->head, length);
    line[length] = '\0';
    const char *rest = line + sizeof text - 1;
    /* What follows UNKNOWN is ignored. */
    const bool unknown =
        strncmp(rest, "UNKNOWN", 7) == 0 && (rest + 7 == line + length || rest[7] == ' ');
    const bool four = strncmp(rest, "TCP4 ", 5) == 0, six = strncmp(rest, "TCP6 ", 5) == 0;
    header->state = PROXY_DONE;
    if (unknown) return;
    if (memchr(line, '\0', length) || (!four && !six) ||
        !read_addresses(line + sizeof text - 1 + 5, four ? 4 : 6, &header->client)) {
        header->client = (struct port_address){0};
        fail(header, "its addresses are invalid");
    }
}

static void take_text(struct proxy_header *header) {
    const uint32_t size = header->size;
    const uint8_t last = header->head[size - 1];
    if (size <= sizeof text - 1) {
        if (last != text[size - 1]) fail(header, "it is no header");
    } else if (header->head[size - 2] == '\r') {
        if (last == '\n')
            read_line(header);
        else
            fail(header, "its line does not end in CR LF");
    } else if (last == '\n') {
        fail(header, "its line does not end in CR LF");
    } else if (size == PROXY_V1_MAX) {
        fail(header, "its line is longer than 107 bytes");
    }
}

/* ---- version 2 (section 2.2) ---- */

/* The addresses' size by their family. */
static const uint8_t address_sizes[] = {0, 12, 36, 216};

/* They are those of the proxy itself, or none that this version knows: all the rest is skipped. */
static bool names_no_client(const struct proxy_header *header) {
    return header->head[12] == 0x20 || header->head[13] == 0;
}

static void check_fixed(struct proxy_header *header) {
    const uint8_t command = header->head[12], family = header->head[13] >> 4,
                  transport = header->head[13] & 0x0F;
    const uint32_t length = (uint32_t)header->head[14] << 8 | header->head[15];
    header->whole = PROXY_V2_FIXED + length;
    if (command != 0x20 && command != 0x21)
        fail(header, "its version or command is unknown");
    else if (names_no_client(header))
        return;
    else if (family < 1 || family > 3 || transport < 1 || transport > 2)
        fail(header, "its address family or transport is unknown");
    else if (length < address_sizes[family])
        fail(header, "it is too short for its addresses");
    else
        header->element_end = PROXY_V2_FIXED + address_sizes[family];
}

/* CRC-32C (RFC 3720, appendix B.4), four bits at a time. */
static uint32_t add_to_sum(uint32_t sum, uint8_t byte) {
    static const uint32_t table[16] = {0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1,
                                       0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
                                       0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
                                       0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};
    sum ^= byte;
    sum = sum >> 4 ^ table[sum & 15];
    return sum >> 4 ^ table[sum & 15];
}

/* Its own bytes count as zeros. */
static uint8_t take_sum(struct proxy_header *header, uint8_t byte) {
    header->sum_expected = header->sum_expected << 8 | byte;
    header->has_sum = true;
    return 0;
}

/* A byte after the addresses: of a type, a length of two bytes, and a value.  Returns the byte that
 * the checksum counts. */
static uint8_t take_element(struct proxy_header *header, uint8_t byte) {
    if (header->size > header->element_end) { /* the first of the next one */
        header->element_size = 0;
        header->element_end = header->size + 2;
        if (header->element_end > header->whole) fail(header, "an element of it is too short");
    }
    header->element_size++;
    if (header->element_size <= 3) {
        header->element[header->element_size - 1] = byte;
        if (header->element_size < 3) return byte;
        const uint32_t length = (uint32_t)header->element[1] << 8 | byte;
        header->element_end += length;
        if (header->element_end > header->whole)
            fail(header, "an element of it is longer than the header");
        else if (header->element[0] == ELEMENT_SUM && length != 4)
            fail(header, "its checksum has another size");
        return byte;
    }
    return header->element[0] == ELEMENT_SUM ? take_sum(header, byte) : byte;
}

static void read_ip(struct proxy_header *header, uint16_t family) {
    const uint8_t *ip = header->head + PROXY_V2_FIXED;
    const size_t size = family == 4 ? 4 : 16;
    const uint8_t *port = ip + 2 * size;
    header->client = (struct port_address){.family = family};
    memcpy(header->client.ip, ip, size);
    header->client.port = (uint16_t)(port[0] << 8 | port[1]);
}

/* A path, or NUL and an abstract name, each ended by NUL; printable. */
static void read_path(struct proxy_header *header) {
    const uint8_t *path = header->head + PROXY_V2_FIXED;
    size_t length = (size_t)sprintf(header->client_name, "unix:");
    for (size_t i = 0; i < 108 && (path[i] != 0 || (i == 0 && path[1] != 0)); i++) {
        const bool plain = path[i] > ' ' && path[i] < 0x7F && path[i] != '"' && path[i] != '\\';
        header->client_name[length++] = path[i] == 0 ? '@' : plain ? (char)path[i] : '?';
    }
    header->client_name[length] = '\0';
}

static void finish(struct proxy_header *header) {
    header->state = PROXY_DONE;
    if (names_no_client(header)) return;
    if (header->has_sum && header->sum_expected != ~header->sum) {
        fail(header, "its checksum is wrong");
        return;
    }
    switch (header->head[13] >> 4) {
    case 1: read_ip(header, 4); break;
    case 2: read_ip(header, 6); break;
    default: read_path(header); break;
    }
}

static void take_binary(struct proxy_header *header, uint8_t byte) {
    const uint32_t size = header->size;
    uint8_t counted = byte;
    if (size == 1) header->sum = UINT32_MAX;
    if (size <= sizeof signature) {
        if (byte != signature[size - 1]) fail(header, "it is no header");
    } else if (size == PROXY_V2_FIXED) {
        check_fixed(header);
    } else if (size > PROXY_V2_FIXED && !names_no_client(header) &&
               (size > header->element_end || header->element_size > 0)) {
        counted = take_element(header, byte);
    }
    header->sum = add_to_sum(header->sum, counted);
    if (size >= PROXY_V2_FIXED && size == header->whole && header->state == PROXY_MORE)
        finish(header);
}

size_t proxy_header_take(struct proxy_header *header, const uint8_t *bytes, size_t size) {
    size_t taken = 0;
    while (taken < size && header->state == PROXY_MORE) {
        const uint8_t byte = bytes[taken++];
        if (header->size < PROXY_HEAD_MAX) header->head[header->size] = byte;
        header->size++;
        if (header->head[0] == signature[0])
            take_binary(header, byte);
        else
            take_text(header);
    }
    return taken;
}
