/* level_text.c - see level_text.h. */
#include "schema/record/level_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "schema/json/ascii.h"

#define STRIP_BYTES_MAX 128

/* The escape sequence that sets a colour, ESC [ ... m, at the start; its size, or 0. */
static size_t colour_size(const char *p, const char *end) {
    const char *const begin = p;
    if (end - p < 2 || p[0] != 0x1B || p[1] != '[') return 0;
    for (p += 2; p < end && ((*p >= '0' && *p <= '9') || *p == ';'); p++) {
    }
    return p < end && *p == 'm' ? (size_t)(p + 1 - begin) : 0;
}

static bool is_around(char byte) {
    return byte != '\0' && strchr(" \t\r\n[](){}<>", byte) != NULL;
}

static int32_t hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    const char letter = (char)ascii_lower((uint8_t)digit);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

size_t ascii_decode(char *text, size_t size) {
    static const char letters[] = "bfnrt\"\\/", characters[] = "\b\f\n\r\t\"\\/";
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        text[used] = text[i];
        if (text[i] == '\\' && size - i >= 6 && text[i + 1] == 'u' && text[i + 2] == '0' &&
            text[i + 3] == '0') {
            const int32_t high = hex_digit(text[i + 4]), low = hex_digit(text[i + 5]);
            if (high >= 0 && high < 8 && low >= 0) {
                text[used] = (char)(16 * high + low);
                i += 5;
            }
        } else if (text[i] == '\\' && size - i >= 2) {
            const char *const letter = memchr(letters, text[i + 1], sizeof letters - 1);
            if (letter != NULL) {
                text[used] = characters[letter - letters];
                i++;
            }
        }
        used++;
    }
    return used;
}

size_t level_strip(const char *text, size_t size, char *out, size_t room) {
    char decoded[STRIP_BYTES_MAX];
    size_t used = 0;
    if (size > sizeof decoded) size = sizeof decoded;
    memcpy(decoded, text, size);
    const char *p = decoded, *const end = decoded + ascii_decode(decoded, size);
    while (p < end) {
        const size_t colour = colour_size(p, end);
        p += colour;
        if (colour > 0) continue;
        if (used > 0 || !is_around(*p)) {
            if (used == room - 1) break;
            out[used++] = *p;
        }
        p++;
    }
    while (used > 0 && is_around(out[used - 1]))
        used--;
    out[used] = '\0';
    return used;
}
