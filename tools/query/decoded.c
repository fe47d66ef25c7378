/* decoded.c - see decoded.h. */
#include "tools/query/decoded.h"

#include <string.h>

#include "tools/query/allocate.h"

/* The short escapes (RFC 8259 section 7): what they stand for and how they are written. */
static const char characters[] = "\"\\/\b\f\n\r\t";
static const char escapes[] = "\"\\/bfnrt";

static int add_sign(struct needle_set *signs, const char *bytes) {
    return needle_set_add(signs, bytes, strlen(bytes), false);
}

/* Any character can be written as \uXXXX. */
static int add_signs(const struct needle *needle, struct needle_set *signs) {
    int status = add_sign(signs, "\\u");
    for (size_t i = 0; i < needle->size && status == 0; i++) {
        const uint8_t byte = needle->bytes[i];
        const char *const character = byte == 0 ? NULL : strchr(characters, byte);
        if (character != NULL) {
            const char escape[] = {'\\', escapes[character - characters], '\0'};
            status = add_sign(signs, escape);
        } else if (needle->ignore_case && byte == 'k') {
            status = add_sign(signs, "\xE2\x84\xAA"); /* U+212A KELVIN SIGN */
        } else if (needle->ignore_case && byte == 's') {
            status = add_sign(signs, "\xC5\xBF"); /* U+017F LATIN SMALL LETTER LONG S */
        }
    }
    return status;
}

int decoded_signs(const struct needle_set *needles, struct needle_set *signs) {
    int status = 0;
    if (needles->count == 0) return add_sign(signs, "\\");
    for (uint32_t i = 0; i < needles->count && status == 0; i++)
        status = add_signs(&needles->needles[i], signs);
    return status;
}

bool decoded_matches(struct strings_room *room, const uint8_t *line, size_t size, bool all,
                     decoded_match *match, void *context) {
    struct strings strings;
    const uint8_t *text;
    size_t text_size;
    if (!all && memchr(line, '\\', size) == NULL) return false;
    if (!strings_open(&strings, room, line, size, all)) allocate(SIZE_MAX); /* ends the program */
    while (strings_next(&strings, &text, &text_size))
        if (match(context, text, text_size)) return strings_valid(&strings);
    return false;
}

bool decoded_folds(const char *text) {
    for (; *text != '\0'; text++)
        if ((uint8_t)*text >= 0x80 || strchr("kKsS", *text) != NULL) return true;
    return false;
}
