/* tls_names.c - patterns of names; see tls.h.  Needs no OpenSSL. */
#include "ingest/transport/tls.h"

static int lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

bool tls_name_matches(const char *pattern, const char *name) {
    const char *star = NULL, *from = NULL;
    while (*name) { /* ends: name or from advances */
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern && lower(*pattern) == lower(*name)) {
            pattern++;
            name++;
        } else if (star && *from != '.') {
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
