/* format.h - JSON Schema's `format`: is this text a date-time, a host name, a URI ...?
 *
 * Each format is as strict as the standard that the specification names (listed in format.c).
 * Takes time linear in the text.  Pure, no allocation: any thread. */
#ifndef SCHEMA_FORMAT_FORMAT_H
#define SCHEMA_FORMAT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#define FORMAT_TABLE(X)                                                                            \
    X(FORMAT_DATE_TIME, "date-time", format_date_time)                                             \
    X(FORMAT_DATE, "date", format_date)                                                            \
    X(FORMAT_TIME, "time", format_time)                                                            \
    X(FORMAT_DURATION, "duration", format_duration)                                                \
    X(FORMAT_UUID, "uuid", format_uuid)                                                            \
    X(FORMAT_IPV4, "ipv4", format_ipv4)                                                            \
    X(FORMAT_IPV6, "ipv6", format_ipv6)                                                            \
    X(FORMAT_HOSTNAME, "hostname", format_hostname)                                                \
    X(FORMAT_IDN_HOSTNAME, "idn-hostname", format_idn_hostname)                                    \
    X(FORMAT_EMAIL, "email", format_email)                                                         \
    X(FORMAT_IDN_EMAIL, "idn-email", format_idn_email)                                             \
    X(FORMAT_URI, "uri", format_uri)                                                               \
    X(FORMAT_URI_REFERENCE, "uri-reference", format_uri_reference)                                 \
    X(FORMAT_IRI, "iri", format_iri)                                                               \
    X(FORMAT_IRI_REFERENCE, "iri-reference", format_iri_reference)                                 \
    X(FORMAT_URI_TEMPLATE, "uri-template", format_uri_template)                                    \
    X(FORMAT_JSON_POINTER, "json-pointer", format_json_pointer)                                    \
    X(FORMAT_RELATIVE_JSON_POINTER, "relative-json-pointer", format_relative_json_pointer)         \
    X(FORMAT_REGEX, "regex", format_regex)

enum format_kind {
    FORMAT_UNKNOWN, /* only an annotation: every text is valid */
#define X(kind, name, holds) kind,
    FORMAT_TABLE(X)
#undef X
        FORMAT_KINDS
};

/* Finds a format by the value of "format", decoded.  FORMAT_UNKNOWN if there is none. */
enum format_kind format_named(const char *name, size_t size);
/* "date-time"; never NULL ("unknown"). */
const char *format_name(enum format_kind kind);
/* True if `text`, decoded (text.h), has the format; always true for FORMAT_UNKNOWN. */
bool format_holds(enum format_kind kind, const char *text, size_t size);

#endif
