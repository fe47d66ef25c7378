/* syslog_write.c - see syslog.h: a header as a JSON object. */
#include <stdio.h>
#include <string.h>

#include "schema/json/json.h"
#include "schema/json/write.h"
#include "schema/record/syslog.h"

/* Structured data with more parameters, or that is no structured data, is written as it was sent. */
#define PARAMETERS_MAX 64

void syslog_write_bytes(struct syslog_out *out, const void *bytes, size_t size) {
    if (out->full || size > (size_t)(out->end - out->at)) {
        out->full = true;
        return;
    }
    memcpy(out->at, bytes, size);
    out->at += size;
}

static void put(struct syslog_out *out, const char *text) {
    syslog_write_bytes(out, text, strlen(text));
}

/* The bytes of a character; 0: not UTF-8, and *bad bytes of it become one U+FFFD (Unicode 3.9, "best
 * practice": the longest part that begins a character). */
static size_t character(const uint8_t *text, size_t size, size_t *bad) {
    const uint8_t first = text[0];
    const size_t length = first < 0x80   ? 1
                          : first < 0xC2 ? 0
                          : first < 0xE0 ? 2
                          : first < 0xF0 ? 3
                                         : 4;
    *bad = 1;
    if (length == 0 || first > 0xF4) return 0;
    for (size_t i = 1; i < length; i++) {
        uint8_t low = 0x80, high = 0xBF;
        if (i == 1 && first == 0xE0) low = 0xA0;
        if (i == 1 && first == 0xED) high = 0x9F;
        if (i == 1 && first == 0xF0) low = 0x90;
        if (i == 1 && first == 0xF4) high = 0x8F;
        if (i == size || text[i] < low || text[i] > high) {
            *bad = i;
            return 0;
        }
    }
    return length;
}

static bool is_plain(uint8_t byte) {
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

/* The inside of a string. */
static void put_text(struct syslog_out *out, const uint8_t *text, size_t size) {
    size_t i = 0;
    while (i < size && !out->full) {
        size_t plain = i, bad = 0;
        while (plain < size && is_plain(text[plain]))
            plain++;
        syslog_write_bytes(out, text + i, plain - i);
        i = plain;
        if (i == size) return;
        const size_t length = character(text + i, size - i, &bad);
        char string[JSON_STRING_BYTES_MAX(4)];
        if (length == 0) {
            put(out, "\xEF\xBF\xBD");
        } else {
            const char *end = json_write_string(string, text + i, length);
            syslog_write_bytes(out, string + 1, (size_t)(end - string) - 2);
        }
        i += length ? length : bad;
    }
}

void syslog_write_text(struct syslog_out *out, const uint8_t *text, size_t size) {
    put(out, "\"");
    put_text(out, text, size);
    put(out, "\"");
}

/* ---- structured data ---- */

struct parameter {
    struct syslog_span element, name, value;
};

static bool is_name(uint8_t byte) {
    return byte > ' ' && byte != '=' && byte != ']' && byte != '"'; /* RFC 5424 section 6 */
}

static uint32_t name_end(const uint8_t *bytes, uint32_t at, uint32_t end) {
    while (at < end && is_name(bytes[at]))
        at++;
    return at;
}

static bool same(const uint8_t *bytes, struct syslog_span a, struct syslog_span b) {
    const size_t size = a.end - a.begin;
    return size == b.end - b.begin && memcmp(bytes + a.begin, bytes + b.begin, size) == 0;
}

/* Lists the parameters of all elements; an element without one has an empty name.  Returns how many,
 * or 0: it is not as RFC 5424 section 6.3 says, or there are too many. */
static uint32_t parameters(const uint8_t *bytes, struct syslog_span data, struct parameter *list) {
    uint32_t count = 0, at = data.begin;
    while (at < data.end) {
        struct parameter next = {.element.begin = at + 1};
        const uint32_t first = count;
        if (bytes[at] != '[') return 0;
        at = next.element.end = name_end(bytes, at + 1, data.end);
        for (uint32_t i = 0; i < count; i++)
            if (same(bytes, list[i].element, next.element)) return 0;
        while (at < data.end && bytes[at] != ']') {
            while (at < data.end && bytes[at] == ' ')
                at++;
            next.name.begin = at;
            at = next.name.end = name_end(bytes, at, data.end);
            if (data.end - at < 2 || bytes[at] != '=' || bytes[at + 1] != '"') break;
            next.value.begin = at += 2;
            while (at < data.end && bytes[at] != '"')
                at += 1 + (bytes[at] == '\\');
            if (at >= data.end || count == PARAMETERS_MAX) return 0;
            next.value.end = at++;
            list[count++] = next;
        }
        if (at == data.end || bytes[at++] != ']') return 0;
        if (count > first) continue;
        if (count == PARAMETERS_MAX || next.element.end == next.element.begin) return 0;
        list[count++] = (struct parameter){.element = next.element};
    }
    return count;
}

/* Section 6.3.3: a backslash escapes '"', '\' and ']'. */
static void put_value(struct syslog_out *out, const uint8_t *bytes, struct syslog_span value) {
    uint32_t begin = value.begin;
    put(out, "\"");
    for (uint32_t at = value.begin; at + 1 < value.end; at++) {
        const uint8_t next = bytes[at + 1];
        if (bytes[at] != '\\' || (next != '"' && next != '\\' && next != ']')) continue;
        put_text(out, bytes + begin, at - begin);
        begin = ++at;
    }
    put_text(out, bytes + begin, value.end - begin);
    put(out, "\"");
}

static void put_name(struct syslog_out *out, const uint8_t *bytes, struct syslog_span name) {
    syslog_write_text(out, bytes + name.begin, name.end - name.begin);
    put(out, ":");
}

/* The parameters of one element, list[0] to list[count - 1]; a repeated one is an array. */
static void put_element(struct syslog_out *out, const uint8_t *bytes, const struct parameter *list,
                        uint32_t count) {
    bool written[PARAMETERS_MAX] = {false};
    const char *comma = "";
    put_name(out, bytes, list[0].element);
    put(out, "{");
    for (uint32_t i = 0; i < count; i++) {
        if (written[i] || list[i].name.end == list[i].name.begin) continue;
        bool array = false;
        put(out, comma);
        put_name(out, bytes, list[i].name);
        for (uint32_t j = i + 1; j < count; j++)
            array = array || same(bytes, list[i].name, list[j].name);
        if (array) put(out, "[");
        put_value(out, bytes, list[i].value);
        for (uint32_t j = i + 1; j < count; j++) {
            if (!same(bytes, list[i].name, list[j].name)) continue;
            put(out, ",");
            put_value(out, bytes, list[j].value);
            written[j] = true;
        }
        if (array) put(out, "]");
        comma = ",";
    }
    put(out, "}");
}

static void put_data(struct syslog_out *out, const uint8_t *bytes, struct syslog_span data) {
    struct parameter list[PARAMETERS_MAX];
    const uint32_t count = parameters(bytes, data, list);
    if (count == 0) {
        syslog_write_text(out, bytes + data.begin, data.end - data.begin);
        return;
    }
    put(out, "{");
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && same(bytes, list[i].element, list[end].element);)
            end++;
        if (i > 0) put(out, ",");
        put_element(out, bytes, list + i, end - i);
    }
    put(out, "}");
}

/* ---- the header ---- */

/* RFC 5424 section 6.2.1, with the usual names. */
static const char *const facilities[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
static const char *const severities[] = {"emerg",   "alert",  "crit", "err",
                                         "warning", "notice", "info", "debug"};

void syslog_write(struct syslog_out *out, const struct syslog_header *header,
                  const uint8_t *bytes) {
    static const char *const names[] = {
        ",\"time\":", ",\"host\":", ",\"app\":", ",\"procid\":", ",\"msgid\":"};
    char priority[128];
    snprintf(priority, sizeof priority,
             "{\"facility\":\"%s\",\"facility_code\":%u,\"severity\":\"%s\",\"severity_code\":%u",
             facilities[header->priority >> 3], header->priority >> 3,
             severities[header->priority & 7], header->priority & 7u);
    put(out, priority);
    for (int i = 0; i < SYSLOG_DATA; i++) {
        const struct syslog_span *field = &header->fields[i];
        if (field->end <= field->begin) continue;
        put(out, names[i]);
        syslog_write_text(out, bytes + field->begin, field->end - field->begin);
    }
    const struct syslog_span *data = &header->fields[SYSLOG_DATA];
    if (data->end > data->begin) {
        put(out, ",\"structured_data\":");
        put_data(out, bytes, *data);
    }
    put(out, "}");
}
