/* uri_reference.c - splits a reference into its components (RFC 3986 appendix B) and joins it with
 * a base (section 5.2.2). */
#include "schema/rules/uri_reference.h"

#include <stdio.h>
#include <string.h>

#include "port/error.h"

struct uri_component {
    const char *text; /* NULL: absent, which differs from empty */
    size_t size;
};
struct uri {
    struct uri_component scheme, authority, path, query;
};

static struct uri split(const char *text, size_t size);
static bool add(char *out, size_t *used, const char *text, size_t size);
static bool add_path(char *out, size_t *used, const struct uri *base, struct uri_component path);
static void remove_dots(char *path, size_t *size);

size_t uri_fragment(const char *uri, size_t size) {
    const char *hash = size > 0 ? memchr(uri, '#', size) : NULL;
    return hash ? (size_t)(hash - uri) : size;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void lower(char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z') text[i] = (char)(text[i] + ('a' - 'A'));
    }
}

int uri_resolve(const char *base_text, const char *reference, size_t size, char *out) {
    const struct uri base = split(base_text, strlen(base_text));
    const struct uri uri = split(reference, uri_fragment(reference, size));
    const bool other_scheme = uri.scheme.text != NULL;
    const bool other_authority = other_scheme || uri.authority.text != NULL;
    const bool other_path = other_authority || uri.path.size > 0;
    const struct uri_component scheme = other_scheme ? uri.scheme : base.scheme;
    const struct uri_component authority = other_authority ? uri.authority : base.authority;
    const struct uri_component query = other_path || uri.query.text ? uri.query : base.query;
    size_t used = 0;
    bool fits = true;
    if (scheme.text) fits = add(out, &used, scheme.text, scheme.size) && add(out, &used, ":", 1);
    if (fits && authority.text)
        fits = add(out, &used, "//", 2) && add(out, &used, authority.text, authority.size);
    lower(out, fits ? used : 0);
    const size_t path_begin = used;
    if (fits) {
        if (other_path)
            fits = add_path(out, &used, other_authority ? NULL : &base, uri.path);
        else
            fits = add(out, &used, base.path.text, base.path.size);
    }
    size_t path_size = used - path_begin;
    /* A path without a leading slash (urn:, tag:) has no dot segments. */
    if (fits && path_size > 0 && out[path_begin] == '/') {
        remove_dots(out + path_begin, &path_size);
        used = path_begin + path_size;
    }
    if (fits && query.text)
        fits = add(out, &used, "?", 1) && add(out, &used, query.text, query.size);
    if (!fits) return ERR_NAME_TOO_LONG;
    out[used] = '\0';
    return 0;
}

static bool add(char *out, size_t *used, const char *text, size_t size) {
    if (size >= URI_BYTES_MAX - *used) return false;
    if (size > 0) memcpy(out + *used, text, size);
    *used += size;
    return true;
}

/* A relative path replaces what follows the base's last slash (section 5.2.3). */
static bool add_path(char *out, size_t *used, const struct uri *base, struct uri_component path) {
    if (base && path.text[0] != '/') {
        size_t keep = base->path.size;
        while (keep > 0 && base->path.text[keep - 1] != '/')
            keep--;
        if (keep == 0 && base->authority.text && !add(out, used, "/", 1)) return false;
        if (!add(out, used, base->path.text, keep)) return false;
    }
    return add(out, used, path.text, path.size);
}

static struct uri split(const char *text, size_t size) {
    struct uri uri = {0};
    const char *end = text + size, *p = text;
    if (p < end && is_letter(*p)) {
        while (p < end && (is_letter(*p) || is_digit(*p) || *p == '+' || *p == '-' || *p == '.'))
            p++;
        if (p < end && *p == ':')
            uri.scheme = (struct uri_component){text, (size_t)(p++ - text)};
        else
            p = text;
    }
    if (end - p >= 2 && p[0] == '/' && p[1] == '/') {
        const char *begin = p += 2;
        while (p < end && *p != '/' && *p != '?')
            p++;
        uri.authority = (struct uri_component){begin, (size_t)(p - begin)};
    }
    const char *path = p;
    while (p < end && *p != '?')
        p++;
    uri.path = (struct uri_component){path, (size_t)(p - path)};
    if (p < end) uri.query = (struct uri_component){p + 1, (size_t)(end - p - 1)};
    return uri;
}

/* Section 5.2.4, in place; the path begins with a slash.  Each round handles one segment. */
static void remove_dots(char *path, size_t *size) {
    size_t from = 0, to = 0;
    while (from < *size) {
        size_t next = from + 1;
        while (next < *size && path[next] != '/')
            next++;
        const size_t segment = next - from; /* with its slash */
        const bool last = next == *size;
        if (segment == 2 && path[from + 1] == '.') {
            if (last) path[to++] = '/';
        } else if (segment == 3 && path[from + 1] == '.' && path[from + 2] == '.') {
            while (to > 0 && path[to - 1] != '/')
                to--;
            if (to > 0) to--;
            if (last) path[to++] = '/';
        } else {
            memmove(path + to, path + from, segment);
            to += segment;
        }
        from = next;
    }
    *size = to;
}

static int digit_of(char c) {
    if (is_digit(c)) return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t uri_decode(const char *text, size_t size, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '%' && size - i > 2 && digit_of(text[i + 1]) >= 0 &&
            digit_of(text[i + 2]) >= 0) {
            out[used++] = (char)(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
            i += 2;
        } else {
            out[used++] = text[i];
        }
    }
    return used;
}

int uri_of_file(const char *name, char *out) {
    size_t used = 0;
    (void)add(out, &used, "file:///", 8);
    while (*name == '/' || (name[0] == '.' && name[1] == '/'))
        name += *name == '.' ? 2 : 1;
    for (; *name; name++) {
        char escaped[4] = {*name == '\\' ? '/' : *name};
        const unsigned char c = (unsigned char)escaped[0];
        if (c <= ' ' || c >= 0x7F || strchr("%#?\"<>^`{|}[]", c))
            snprintf(escaped, sizeof escaped, "%%%02X", c);
        if (!add(out, &used, escaped, strlen(escaped))) return ERR_NAME_TOO_LONG;
    }
    out[used] = '\0';
    return 0;
}

bool uri_has_valid_characters(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7F || strchr("\"<>\\^`{|}", c)) return false;
    }
    return true;
}
