/* text.c - see text.h. */
#include "tools/query/text.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/write.h"
#include "tools/query/allocate.h"

#define SLICE_BYTES ((size_t)16 << 10)

void text_free(struct text *text) {
    free(text->bytes);
    *text = (struct text){0};
}

void text_grow(struct text *text, size_t size) {
    text->room = (text->used + size) * 2;
    text->bytes = reallocate(text->bytes, text->room);
}

void text_add_text(struct text *text, const char *more) {
    text_add(text, more, strlen(more));
}

/* Written in slices: room for the longest escapes of a whole line would be many times its size. */
static void add_sound(struct text *text, const uint8_t *bytes, size_t size) {
    text_add_text(text, "\"\"");
    for (size_t at = 0, n; at < size; at += n) {
        n = size - at < SLICE_BYTES ? size - at : SLICE_BYTES;
        text_room(text, JSON_STRING_BYTES_MAX(n));
        /* The quotes of the slice: the closing one replaces the one that is there, and the opening
         * one takes the place of the byte before that for a moment. */
        char *const begin = (char *)text->bytes + text->used - 2;
        const char before = *begin;
        text->used = (size_t)(json_write_string(begin, bytes + at, n) - (char *)text->bytes);
        *begin = before;
    }
}

void text_add_json_string(struct text *text, const void *bytes, size_t size) {
    struct text sound = {0};
    const uint8_t *p = bytes, *const end = p + size, *plain = p;
    while (p < end) {
        const size_t character = utf8_character(p, end);
        p += character > 0 ? character : 1;
        if (character > 0) continue;
        text_add(&sound, plain, (size_t)(p - plain) - 1);
        text_add_text(&sound, "\xef\xbf\xbd");
        plain = p;
    }
    if (plain == (const uint8_t *)bytes) {
        add_sound(text, bytes, size);
        return;
    }
    text_add(&sound, plain, (size_t)(end - plain));
    add_sound(text, sound.bytes, sound.used);
    text_free(&sound);
}

/* Length of the UTF-8 sequence with this first byte, and the bounds of its second byte (RFC 3629
 * section 4); 0: invalid. */
static size_t sequence_size(uint8_t first, uint8_t *least, uint8_t *most) {
    *least = 0x80;
    *most = 0xbf;
    if (first < 0xc2 || first > 0xf4) return 0;
    if (first < 0xe0) return 2;
    if (first == 0xe0) *least = 0xa0;
    if (first == 0xed) *most = 0x9f;
    if (first < 0xf0) return 3;
    if (first == 0xf0) *least = 0x90;
    if (first == 0xf4) *most = 0x8f;
    return 4;
}

size_t utf8_character(const uint8_t *p, const uint8_t *end) {
    uint8_t least, most;
    if (*p < 0x80) return 1;
    const size_t size = sequence_size(*p, &least, &most);
    if (size == 0 || (size_t)(end - p) < size || p[1] < least || p[1] > most) return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return size;
}
