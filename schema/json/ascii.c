/* ascii.c - see ascii.h. */
#include "schema/json/ascii.h"

#include <string.h>

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
