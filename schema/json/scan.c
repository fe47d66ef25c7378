/* scan.c - skips whole containers. */
#include "schema/json/scan.h"

#include "schema/json/brackets.h"

/* The next quote or bracket.  The caller skips strings, so brackets in them do not count. */
static const char *to_mark(const char *p) {
#ifdef __SSE2__
    for (;; p += 16) { /* ends: an open container is closed */
        const uint32_t mask = brackets_of(p);
        if (mask != 0) return p + __builtin_ctz(mask);
    }
#else
    while (*p != '"' && *p != '{' && *p != '[' && *p != '}' && *p != ']')
        p++;
    return p;
#endif
}

const char *scan_container(const char *p) {
    bool escaped;
    uint32_t depth = 0;
    for (;;) { /* ends when depth is 0 again, as the text is complete */
        p = to_mark(p);
        if (*p == '"') {
            p = scan_string(p + 1, &escaped) + 1;
            continue;
        }
        depth += *p == '{' || *p == '[' ? 1u : -1u;
        p++;
        if (depth == 0) return p;
    }
}
