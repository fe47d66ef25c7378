/* text.h - text that grows, in a buffer that is reused.  Never fails: see allocate.h. */
#ifndef TOOLS_QUERY_TEXT_H
#define TOOLS_QUERY_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Starts as all zero. */
struct text {
    uint8_t *bytes;
    size_t used, room;
};

void text_free(struct text *text);
void text_grow(struct text *text, size_t size);
/* Makes room for `size` more bytes. */
static inline void text_room(struct text *text, size_t size) {
    if (text->room - text->used < size) text_grow(text, size);
}
static inline void text_add(struct text *text, const void *bytes, size_t size) {
    text_room(text, size);
    if (size > 0) memcpy(text->bytes + text->used, bytes, size);
    text->used += size;
}
static inline void text_add_byte(struct text *text, uint8_t byte) {
    text_room(text, 1);
    text->bytes[text->used++] = byte;
}
void text_add_text(struct text *text, const char *more);
/* Adds a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void text_add_json_string(struct text *text, const void *bytes, size_t size);

/* Length of the UTF-8 character at p (p < end); 0: invalid (RFC 3629). */
size_t utf8_character(const uint8_t *p, const uint8_t *end);

#endif
