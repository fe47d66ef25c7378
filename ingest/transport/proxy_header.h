/* proxy_header.h - the header with which a proxy says for whom it has connected: the PROXY protocol,
 * versions 1 and 2 (HAProxy, proxy-protocol.txt).
 *
 * A connection begins with exactly one header, before TLS if there is any.  It is never guessed: who
 * uses this module expects one.  Version 1 is a line of text; version 2 is binary, and what follows
 * its addresses is skipped, except a checksum, which is checked.  Bytes in, no clock: any thread. */
#ifndef INGEST_TRANSPORT_PROXY_HEADER_H
#define INGEST_TRANSPORT_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"

#define PROXY_V1_MAX   107        /* bytes, with CR and LF (section 2.1) */
#define PROXY_V2_FIXED 16         /* bytes before the addresses (section 2.2) */
#define PROXY_HEAD_MAX (16 + 216) /* bytes that are kept: with the longest addresses, of AF_UNIX */
#define PROXY_NAME_MAX (108 + 8)  /* "unix:/run/client.sock" */

enum proxy_state {
    PROXY_MORE,   /* it is not complete */
    PROXY_DONE,   /* the next byte is the client's */
    PROXY_BROKEN, /* `problem` says why; nothing more is taken */
};

/* All zero at first. */
struct proxy_header {
    enum proxy_state state;
    const char *problem;
    /* Done: the client.  family 0: the proxy itself (LOCAL), or a client that it does not name. */
    struct port_address client;
    char client_name[PROXY_NAME_MAX]; /* of a Unix socket; "": none */
    uint32_t size;                    /* bytes taken; the first of them are in `head` */
    uint8_t head[PROXY_HEAD_MAX];
    /* Private. */
    uint32_t whole;        /* version 2: size of the header, once it is known */
    uint32_t element_end;  /* the end of the type-length-value that is taken */
    uint8_t element[3];    /* its type and length */
    uint32_t element_size; /* bytes of it so far */
    bool has_sum;          /* one of them was the checksum */
    uint32_t sum_expected, sum;
};

/* Takes bytes up to the end of the header and returns their number; the rest is the client's. */
size_t proxy_header_take(struct proxy_header *header, const uint8_t *bytes, size_t size);
/* Bytes of it that `head` holds. */
static inline size_t proxy_header_kept(const struct proxy_header *header) {
    return header->size < PROXY_HEAD_MAX ? header->size : PROXY_HEAD_MAX;
}

#endif
