/* foreign.c - see foreign.h. */
#include "ingest/protocol/foreign.h"

#include <string.h>

#include "ingest/protocol/depth.h"
#include "writer/live/quarantine.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* Bytes that a connection begins with. */
static const struct {
    uint32_t reason;
    const uint8_t *bytes;
    size_t size;
} beginnings[] = {
    /* RFC 9110 section 9, RFC 5789 (PATCH), RFC 9113 section 3.4 (PRI). */
    {REJECT_HTTP, BYTES("GET /")},
    {REJECT_HTTP, BYTES("GET http")},
    {REJECT_HTTP, BYTES("HEAD /")},
    {REJECT_HTTP, BYTES("HEAD http")},
    {REJECT_HTTP, BYTES("POST /")},
    {REJECT_HTTP, BYTES("POST http")},
    {REJECT_HTTP, BYTES("PUT /")},
    {REJECT_HTTP, BYTES("PUT http")},
    {REJECT_HTTP, BYTES("DELETE /")},
    {REJECT_HTTP, BYTES("DELETE http")},
    {REJECT_HTTP, BYTES("PATCH /")},
    {REJECT_HTTP, BYTES("PATCH http")},
    {REJECT_HTTP, BYTES("TRACE /")},
    {REJECT_HTTP, BYTES("TRACE http")},
    {REJECT_HTTP, BYTES("OPTIONS /")},
    {REJECT_HTTP, BYTES("OPTIONS *")},
    {REJECT_HTTP, BYTES("OPTIONS http")},
    {REJECT_HTTP, BYTES("CONNECT ")},
    {REJECT_HTTP, BYTES("PRI * HTTP/")},
    {REJECT_JAVA, BYTES("\xAC\xED\x00\x05")}, /* Java Object Serialization, section 6.4.2 */
    {REJECT_LOG4JS, BYTES(FOREIGN_LOG4JS)},
    /* Since version 3 its events are written with indexes for values (flatted). */
    {REJECT_LOG4JS, BYTES("[{\"startTime\":\"1\",\"categoryName\"")},
    /* HAProxy's proxy-protocol.txt, sections 2.1 and 2.2; white space before NUL is not in head. */
    {REJECT_PROXY, BYTES("PROXY TCP4 ")},
    {REJECT_PROXY, BYTES("PROXY TCP6 ")},
    {REJECT_PROXY, BYTES("PROXY UNKNOWN")},
    {REJECT_PROXY, BYTES("\x00\r\nQUIT\n")},
    {REJECT_COMPRESSED, BYTES("\x1F\x8B")}, /* gzip: RFC 1952 section 2.3.1 */
    {REJECT_COMPRESSED, BYTES("\x78\x01")}, /* zlib: RFC 1950 section 2.2 */
    {REJECT_COMPRESSED, BYTES("\x78\x9C")},
    {REJECT_COMPRESSED, BYTES("\x78\xDA")},
    {REJECT_COMPRESSED, BYTES("\x28\xB5\x2F\xFD")}, /* Zstandard: RFC 8878 section 3.1.1 */
    {REJECT_COMPRESSED, BYTES("\x04\x22\x4D\x18")}, /* LZ4 frame */
};

static uint32_t beginning(const uint8_t *head, size_t size) {
    uint32_t kind = 0;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        const size_t length = beginnings[i].size;
        if (memcmp(head, beginnings[i].bytes, size < length ? size : length) != 0) continue;
        if (size >= length) return beginnings[i].reason;
        kind = FOREIGN_UNDECIDED;
    }
    return kind;
}

static bool is_letter(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* RFC 8446 section 5.1: a handshake record of any version. */
static uint32_t tls(const uint8_t *head, size_t size) {
    if (head[0] != 0x16) return 0;
    if (size < 3) return size < 2 || head[1] == 3 ? FOREIGN_UNDECIDED : 0;
    return head[1] == 3 && head[2] <= 4 ? REJECT_TLS : 0;
}

/* <?xml, <!DOCTYPE, <event, <log4j:event; a syslog header has a digit there. */
static uint32_t xml(const uint8_t *head, size_t size) {
    if (head[0] != '<') return 0;
    if (size < 2) return FOREIGN_UNDECIDED;
    return head[1] == '?' || head[1] == '!' || is_letter(head[1]) ? REJECT_XML : 0;
}

/* A byte order mark, or the zeros in a JSON text of ASCII (RFC 4627 section 3). */
static uint32_t utf16(const uint8_t *head, size_t size) {
    const bool little = head[0] == 0xFF, big = head[0] == 0xFE;
    if (little || big) {
        if (size < 2) return FOREIGN_UNDECIDED;
        if (head[1] != (little ? 0xFE : 0xFF)) return 0;
        if (size < 4) return FOREIGN_UNDECIDED;
        return head[little ? 3 : 2] == 0 ? REJECT_UTF16 : 0;
    }
    if (head[0] != '{' && head[0] != '[' && head[0] != 0) return 0;
    if (size < 2) return FOREIGN_UNDECIDED;
    if (head[0] == 0 && (head[1] == '{' || head[1] == '[')) {
        if (size < 3) return FOREIGN_UNDECIDED;
        return head[2] == 0 ? REJECT_UTF16 : 0;
    }
    if (head[0] == 0 || head[1] != 0) return 0;
    if (size < 4) {
        const bool text = size < 3 || head[2] == '"' || head[2] == ' ' || head[2] == '\r' ||
                          head[2] == '\n' || head[2] == '\t' || (head[0] == '[' && head[2] == '{');
        return text ? FOREIGN_UNDECIDED : 0;
    }
    return head[3] == 0 ? REJECT_UTF16 : 0;
}

/* Python's SocketHandler and DatagramHandler: a length of four bytes, then a pickle.  Or a pickle alone. */
static uint32_t pickle(const uint8_t *head, size_t size) {
    const size_t at = head[0] == 0x80 || head[0] == '}' ? 0 : 4;
    if (at == 4 && (head[0] != 0 || (size > 1 && head[1] > 0x0F))) return 0;
    if (size <= at) return FOREIGN_UNDECIDED;
    const uint8_t *first = head + at;
    if (*first == '}') { /* protocol 1, which these use: EMPTY_DICT, BINPUT 0 or 1, MARK */
        if (size > at + 1 && first[1] != 'q') return 0;
        if (size > at + 2 && first[2] > 1) return 0;
        if (size < at + 4) return FOREIGN_UNDECIDED;
        return first[3] == '(' ? REJECT_PICKLE : 0;
    }
    if (*first != 0x80) return 0; /* PEP 3154: PROTO, and the protocol's number */
    if (size < at + 2) return FOREIGN_UNDECIDED;
    return first[1] >= 1 && first[1] <= 5 ? REJECT_PICKLE : 0;
}

/* An array or map of few members, and a member that such a message begins with: Fluentd's forward
 * protocol, Fluent Bit's default.  No text in UTF-8 begins so. */
static uint32_t msgpack(const uint8_t *head, size_t size) {
    const uint8_t first = head[0];
    const bool map = first >= 0x81 && first <= 0x8F, array = first >= 0x91 && first <= 0x9F;
    const bool large = first >= 0xDC && first <= 0xDF; /* array 16, 32, map 16, 32 */
    if (!map && !array && !large) return 0;
    if (size < 2) return FOREIGN_UNDECIDED;
    const uint8_t second = head[1];
    if (large) return second == 0 ? REJECT_MSGPACK : 0; /* else text, not only in UTF-8 */
    if (map) return (second >= 0xA0 && second <= 0xBF) || second == 0xD9 ? REJECT_MSGPACK : 0;
    return second >= 0x80 ? REJECT_MSGPACK : 0;
}

/* "1 open 85 relp_version=0...": the first command of a session. */
static uint32_t relp(const uint8_t *head, size_t size) {
    size_t i = 0;
    while (i < size && i < 9 && head[i] >= '0' && head[i] <= '9')
        i++;
    if (i == 0) return 0;
    const char *rest = " open ";
    for (; i < size && *rest; i++, rest++)
        if (head[i] != (uint8_t)*rest) return 0;
    return *rest ? FOREIGN_UNDECIDED : REJECT_RELP;
}

/* Version '1' or '2', a type of frame, and a number of four bytes that is not large. */
static uint32_t lumberjack(const uint8_t *head, size_t size) {
    if (head[0] != '1' && head[0] != '2') return 0;
    if (size > 1 && !strchr("WDJC", head[1] ? head[1] : ' ')) return 0;
    if (size < 3) return FOREIGN_UNDECIDED;
    return head[2] == 0 ? REJECT_LUMBERJACK : 0;
}

uint32_t foreign_kind(const uint8_t *head, size_t size) {
    static uint32_t (*const kinds[])(const uint8_t *head, size_t size) = {
        beginning, tls, xml, utf16, pickle, msgpack, relp, lumberjack};
    uint32_t result = 0;
    if (size == 0) return FOREIGN_UNDECIDED;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const uint32_t kind = kinds[i](head, size);
        if (kind != 0 && kind != FOREIGN_UNDECIDED) return kind;
        if (kind == FOREIGN_UNDECIDED) result = kind;
    }
    return size < FOREIGN_HEAD_BYTES ? result : 0;
}

uint32_t foreign_beginning(const uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (at < size && depth_space(bytes[at]))
        at++;
    return foreign_kind(bytes + at, size - at);
}

/* In any case of the letters. */
static bool contains(const uint8_t *bytes, size_t size, const char *word) {
    const size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++) {
        size_t n = 0;
        while (n < length && (bytes[i + n] | 0x20) == (uint8_t)(word[n] | 0x20))
            n++;
        if (n == length) return true;
    }
    return false;
}

bool foreign_is_form(const uint8_t *bytes, size_t size) {
    return contains(bytes, size, "application/x-www-form-urlencoded") ||
           contains(bytes, size, "multipart/form-data");
}

const char *foreign_advice(uint32_t reason) {
    switch (reason) {
    case REJECT_HTTP:
        return "an HTTP request; this listener takes JSON over plain TCP or UDP: use a listener "
               "for "
               "HTTP (key http), or `logport send`";
    case REJECT_FORM:
        return "an HTTP request with form data; this listener takes JSON over plain TCP or UDP: "
               "use a sender for that, or `logport send`";
    case REJECT_TLS:
        return "a TLS handshake; this listener takes plain text: disable TLS in the client, or "
               "give "
               "the listener the key tls";
    case REJECT_PLAIN_TEXT:
        return "plain text; this listener requires TLS: enable TLS in the client, or set required "
               "to false in the listener's tls";
    case REJECT_PROXY:
        return "a header of the PROXY protocol, which this listener does not expect from its "
               "address; add the address to the key proxy if it is a proxy of yours";
    case REJECT_PROXY_HEADER:
        return "no valid header of the PROXY protocol, which this listener expects from its "
               "address; enable it in the proxy (send-proxy), or remove the address from the key "
               "proxy";
    case REJECT_PICKLE:
        return "a Python pickle, which is never unpickled; override makePickle of the handler so "
               "that it returns a line of JSON";
    case REJECT_JAVA:
        return "serialized Java objects, which are never read; use an appender or layout that "
               "writes JSON";
    case REJECT_XML: return "XML; choose a JSON layout in the client";
    case REJECT_MSGPACK:
        return "MessagePack that is no message of the forward protocol, or where that is not "
               "accepted; choose forward over TCP or JSON in the client (Fluent Bit's tcp output: "
               "format json_lines)";
    case REJECT_LOG4JS:
        return "log4js events in its own format; give the tcp appender a layout that writes JSON, "
               "and set its endMsg to a newline";
    case REJECT_UTF16: return "text in UTF-16; set the client's encoding to UTF-8";
    case REJECT_RELP: return "RELP; give the listener the protocol auto or relp, over TCP";
    case REJECT_RELP_FRAME:
        return "bytes that are not a frame of RELP; the connection is closed, and the client has "
               "to "
               "send again what was not acknowledged";
    case REJECT_LUMBERJACK:
        return "Lumberjack (Beats); give the listener the protocol auto or lumberjack, over TCP";
    case REJECT_LUMBERJACK_1:
        return "Lumberjack with frames of version 1 (names and values); use a client that sends "
               "version 2 (JSON)";
    case REJECT_LUMBERJACK_FRAME:
        return "bytes that are not a frame of Lumberjack, or a window of more than 1048576 "
               "records; "
               "the connection is closed, and the client has to send again what was not "
               "acknowledged";
    case REJECT_FORWARD_AUTH:
        return "a client of the forward protocol that does not know the listener's "
               "forward_shared_key, or no user of forward_users; set them in the client";
    case REJECT_FORWARD_FRAME:
        return "bytes that are not a message of the forward protocol; the connection is closed, "
               "and "
               "the client has to send again what was not acknowledged";
    case REJECT_INFLATE:
        return "compressed data that is damaged; the connection is closed, and the client has to "
               "send again what was not acknowledged";
    case REJECT_EXPANSION: return "compressed data that expands too much; the connection is closed";
    case REJECT_COMPRESSED: return "compressed data; disable compression in the client";
    case REJECT_OCTET_COUNT:
        return "an invalid length where octet counting (RFC 6587) has one; make the client count "
               "the bytes of each message, or end each with a newline";
    default: return NULL;
    }
}

const uint8_t *foreign_reply(uint32_t reason, size_t *size) {
    static const char http[] =
        "HTTP/1.1 400 Bad Request\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 85\r\n"
        "Connection: close\r\n"
        "\r\n"
        "This port receives JSON over TCP, not HTTP; nothing of this request "
        "has been stored.\n";
    /* RFC 8446 section 6.2: fatal handshake_failure, in a record that every version reads. */
    static const char alert[] = "\x15\x03\x01\x00\x02\x02\x28";
    const bool is_http = reason == REJECT_HTTP || reason == REJECT_FORM;
    *size = is_http ? sizeof http - 1 : reason == REJECT_TLS ? sizeof alert - 1 : 0;
    return *size == 0 ? NULL : (const uint8_t *)(is_http ? http : alert);
}
