/* format.c - see format.h.  The standards, by format:
 *   date-time, date, time   RFC 3339 section 5.6; a leap second only at the end of a day in UTC
 *   duration                RFC 3339 appendix A
 *   uuid                    RFC 4122
 *   ipv4, ipv6              RFC 2673 section 3.2, RFC 4291 section 2.2: no zones, no prefixes
 *   hostname, idn-hostname  RFC 1123, RFC 5890 (idna.h)
 *   email, idn-email        RFC 5321 section 4.1.2, RFC 6531
 *   uri, iri, ...-reference RFC 3986, RFC 3987
 *   uri-template            RFC 6570
 *   json-pointer, relative  RFC 6901, draft-bhutton-relative-json-pointer-00
 *   regex                   ECMA-262 (pattern.h) */
#include "schema/format/format.h"

#include <string.h>

#include "schema/format/format_internal.h"
#include "schema/regex/pattern.h"

static const struct {
    const char *name;
    bool (*holds)(const char *text, size_t size);
} formats[] = {{"unknown", NULL},
#define X(kind, name, holds) {name, holds},
               FORMAT_TABLE(X)
#undef X
};

enum format_kind format_named(const char *name, size_t size) {
    for (int kind = 1; kind < FORMAT_KINDS; kind++)
        if (strlen(formats[kind].name) == size && memcmp(formats[kind].name, name, size) == 0)
            return (enum format_kind)kind;
    return FORMAT_UNKNOWN;
}

const char *format_name(enum format_kind kind) {
    return formats[kind].name;
}

bool format_holds(enum format_kind kind, const char *text, size_t size) {
    return kind == FORMAT_UNKNOWN || formats[kind].holds(text, size);
}

bool format_uuid(const char *text, size_t size) {
    if (size != 36) return false;
    for (size_t i = 0; i < size; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !format_is_hex(text[i])) return false;
    }
    return true;
}

bool format_json_pointer(const char *text, size_t size) {
    if (size > 0 && text[0] != '/') return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '~' && (i + 1 == size || (text[i + 1] != '0' && text[i + 1] != '1')))
            return false;
    return true;
}

/* The end of a number without leading zeros at `at`; 0: there is none. */
static size_t number_end(const char *text, size_t size, size_t at) {
    const size_t begin = at;
    while (at < size && format_is_digit(text[at]))
        at++;
    return at == begin || (text[begin] == '0' && at > begin + 1) ? 0 : at;
}

bool format_relative_json_pointer(const char *text, size_t size) {
    size_t at = number_end(text, size, 0);
    if (at == 0) return false;
    if (at < size && (text[at] == '+' || text[at] == '-')) {
        at = number_end(text, size, at + 1);
        if (at == 0) return false;
    }
    if (size - at == 1 && text[at] == '#') return true;
    return format_json_pointer(text + at, size - at);
}

bool format_regex(const char *text, size_t size) {
    return pattern_is_ecma(text, size);
}
