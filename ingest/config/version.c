/* version.c - see version.h. */
#include "ingest/config/version.h"

#include <stdio.h>

#include "ingest/transport/tls.h"
#include "port/port.h"
#include "schema/regex/pattern.h"
#include "writer/segment/frame.h"

size_t version_text(const char *program, const char *commit, const char *more,
                    char text[VERSION_TEXT_MAX]) {
    char pcre2[PATTERN_LIBRARY_MAX];
    const int size = snprintf(
        text, VERSION_TEXT_MAX,
        "%s " LOGPORT_VERSION "\n%s%s%sports: %s\nlibraries: lz4 %s, %s%s%s%s\n", program,
        *commit != '\0' ? "commit: " : "", commit, *commit != '\0' ? "\n" : "", port_names(),
        frame_library(), pattern_library(pcre2), tls_available ? ", " : "", tls_library, more);
    return size < VERSION_TEXT_MAX ? (size_t)size : VERSION_TEXT_MAX - 1;
}
