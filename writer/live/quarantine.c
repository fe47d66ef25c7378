/* quarantine.c - writes rejected records as JSON objects, one a line. */
#include "writer/live/quarantine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "schema/json/write.h"
#include "schema/record/timestamp.h"

/* An upper limit of the names, times, numbers and punctuation of one object. */
#define ENVELOPE_BYTES_MAX 640

const char *reject_reason_name(uint32_t reason) {
    assert(reason < REJECT_REASONS);
    switch (reason) {
    case REJECT_OVERSIZED: return "oversized";
    case REJECT_LINE_MEMORY: return "line_memory";
    case REJECT_SCHEMA: return "schema";
    case REJECT_SYSLOG_TEXT: return "syslog_text";
    case REJECT_GELF_CHUNK: return "gelf_chunk";
    case REJECT_GELF_INCOMPLETE: return "gelf_incomplete";
    case REJECT_GELF_MEMORY: return "gelf_memory";
    case REJECT_INFLATE: return "inflate";
    case REJECT_EXPANSION: return "expansion";
    case REJECT_UNFINISHED: return "unfinished";
    case REJECT_OCTET_COUNT: return "octet_count";
    case REJECT_RELP_FRAME: return "relp_frame";
    case REJECT_LUMBERJACK_FRAME: return "lumberjack_frame";
    case REJECT_BULK_ACTION: return "bulk_action";
    case REJECT_HTTP_BODY: return "http_body";
    case REJECT_LOKI: return "loki_entry";
    case REJECT_OTLP: return "otlp_record";
    case REJECT_FORWARD_FRAME: return "forward_frame";
    case REJECT_FORWARD_ENTRY: return "forward_entry";
    case REJECT_FORWARD_NAME: return "forward_name";
#define X(constant, name, sentence)                                                                \
    case constant: return name;
        REJECT_FOREIGN_TABLE(X)
#undef X
    default: return json_reason_name((enum json_reason)reason);
    }
}

const char *reject_reason_sentence(uint32_t reason) {
    assert(reason < REJECT_REASONS);
    switch (reason) {
    case REJECT_OVERSIZED: return "longer than line_bytes_max";
    case REJECT_LINE_MEMORY: return "the longest unfinished line when the memory for them was full";
    case REJECT_SCHEMA: return "not what the schema wants";
    case REJECT_SYSLOG_TEXT: return "a message of syslog that is text, not an object";
    case REJECT_GELF_CHUNK: return "a chunk of GELF whose header is invalid";
    case REJECT_GELF_INCOMPLETE: return "chunks of a GELF message were missing after 5 s";
    case REJECT_GELF_MEMORY:
        return "the oldest incomplete GELF message when the memory for them was full";
    case REJECT_INFLATE: return "damaged compressed data";
    case REJECT_EXPANSION: return "compressed data that expands more than 200 times";
    case REJECT_UNFINISHED: return "a record that its sender did not finish within partial_s";
    case REJECT_OCTET_COUNT: return "octet counting, and the length of a record is invalid";
    case REJECT_RELP_FRAME: return "RELP, and a frame is invalid or was cut off";
    case REJECT_LUMBERJACK_FRAME: return "Lumberjack, and a frame is invalid or was cut off";
    case REJECT_BULK_ACTION: return "a bulk action other than index and create";
    case REJECT_HTTP_BODY: return "an HTTP body ends before its last record, or the list around it, does";
    case REJECT_LOKI: return "a push of Loki, and an entry is invalid";
    case REJECT_OTLP: return "an export of OTLP, and a log record is invalid";
    case REJECT_FORWARD_FRAME: return "forward protocol, and a message is invalid or was cut off";
    case REJECT_FORWARD_ENTRY: return "forward protocol, and an entry is not a time and a map";
    case REJECT_FORWARD_NAME:
        return "forward protocol, and the name of a member is an array or a map";
#define X(constant, name, sentence)                                                                \
    case constant: return sentence;
        REJECT_FOREIGN_TABLE(X)
#undef X
    default: return json_reason_sentence((enum json_reason)reason);
    }
}

static size_t kept(uint32_t reason, size_t size) {
    const size_t max =
        reason == REJECT_OVERSIZED ? QUARANTINE_KEEP_OVERSIZED_MAX : QUARANTINE_KEEP_MAX;
    return size < max ? size : max;
}

size_t quarantine_bytes_max(const struct reject *reject) {
    size_t most = ENVELOPE_BYTES_MAX + JSON_STRING_BYTES_MAX(kept(reject->reason, reject->size));
    if (reject->verdict)
        most += 2 * JSON_STRING_BYTES_MAX(SCHEMA_POINTER_BYTES_MAX) +
                JSON_STRING_BYTES_MAX(SCHEMA_SENTENCE_MAX);
    return most;
}

/* A cut inside a character would make text look like bytes: cut before it. */
static size_t whole_characters(const uint8_t *bytes, size_t cut, size_t size) {
    if (cut == size) return cut;
    size_t end = cut;
    while (end > 0 && cut - end < 3 && (bytes[end] & 0xC0) == 0x80)
        end--;
    return (bytes[end] & 0xC0) == 0x80 ? cut : end;
}

/* A text of the verdict, which may have been cut inside a character. */
static char *write_text(char *out, const char *name, const char *text) {
    size_t size = strlen(text);
    for (int i = 0; i < 3 && size > 0 && !utf8_valid((const uint8_t *)text, size); i++)
        size--;
    out += sprintf(out, "\"%s\":", name);
    return json_write_string(out, text, utf8_valid((const uint8_t *)text, size) ? size : 0);
}

static char *write_verdict(char *out, const struct schema_verdict *verdict) {
    out += sprintf(out, "\"schema\":{");
    out = write_text(out, "instance", verdict->instance);
    *out++ = ',';
    out = write_text(out, "keyword", verdict->schema);
    *out++ = ',';
    out = write_text(out, "sentence", verdict->sentence);
    *out++ = '}';
    *out++ = ',';
    return out;
}

char *quarantine_write_peer(char *out, const struct port_address *peer, const char *peer_name) {
    char address[ADDRESS_TEXT_MAX];
    address_format(peer, address);
    return out +
           (peer_name ? sprintf(out, "%s (%s)", peer_name, address) : sprintf(out, "%s", address));
}

char *quarantine_write(char *out, const struct reject *reject) {
    char time[TIMESTAMP_TEXT_MAX], peer[QUARANTINE_PEER_BYTES + 1];
    quarantine_write_peer(peer, reject->peer, reject->peer_name);
    const size_t size =
        whole_characters(reject->bytes, kept(reject->reason, reject->size), reject->size);
    const int envelope =
        snprintf(out, ENVELOPE_BYTES_MAX,
                 "{\"received\":\"%s\",\"peer\":\"%s\",\"listener\":\"%s\",\"reason\":\"%s\","
                 "\"offset\":%llu,\"bytes\":%llu,",
                 timestamp_format(reject->received_ns, time), peer, reject->listener,
                 reject_reason_name(reject->reason), (unsigned long long)reject->offset,
                 (unsigned long long)reject->record_size);
    assert(envelope > 0 && envelope < ENVELOPE_BYTES_MAX);
    out += envelope;
    if (reject->verdict) out = write_verdict(out, reject->verdict);
    if (utf8_valid(reject->bytes, size)) {
        memcpy(out, "\"raw\":", 6);
        out = json_write_string(out + 6, reject->bytes, size);
    } else {
        memcpy(out, "\"raw_base64\":\"", 14);
        out = base64_write(out + 14, reject->bytes, size);
        *out++ = '"';
    }
    *out++ = '}';
    *out++ = '\n';
    return out;
}
