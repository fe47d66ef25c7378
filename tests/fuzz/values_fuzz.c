/* values_fuzz.c - two lines; if both are valid JSON: equality is symmetric and implies equal
 * hashes, an array of both equals itself written differently, the order of numbers is consistent,
 * and texts are equal to what they decode to.  tests/CMakeLists.txt builds and runs it. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/equal.h"
#include "schema/json/json.h"
#include "schema/json/number.h"
#include "schema/json/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct value {
    char *text; /* of its size */
    size_t size;
};

static bool take(const uint8_t **p, const uint8_t *end, struct value *value) {
    const uint8_t *const newline = memchr(*p, '\n', (size_t)(end - *p));
    if (newline == NULL) return false;
    struct json_line line;
    json_check_line(*p, newline + 1, true, &line);
    *p = newline + 1;
    if (line.reason != JSON_OK) return false;
    value->size = (size_t)(line.end - line.begin);
    value->text = malloc(value->size);
    assert(value->text != NULL);
    memcpy(value->text, line.begin, value->size);
    return true;
}

static void check_texts(const struct value *a, const struct value *b) {
    char *const decoded = malloc(a->size);
    assert(decoded != NULL);
    const char *const raw = a->text + 1;
    const size_t size = a->size - 2;
    const size_t decoded_size = text_decode(raw, size, decoded);
    assert(decoded_size <= size && text_length(raw, size) <= decoded_size);
    assert(text_equals_decoded(raw, size, decoded, decoded_size));
    assert(text_hash(raw, size) == text_hash_decoded(decoded, decoded_size));
    const bool equal = text_equal(raw, size, b->text + 1, b->size - 2);
    assert(equal == text_equals_decoded(b->text + 1, b->size - 2, decoded, decoded_size));
    assert(equal == json_equal(a->text, a->size, b->text, b->size));
    assert(text_write_token(raw, size, decoded, decoded_size / 2) <= decoded_size / 2);
    free(decoded);
}

static bool is_number(const struct value *value) {
    return value->text[0] == '-' || (value->text[0] >= '0' && value->text[0] <= '9');
}

static void check_numbers(const struct value *a, const struct value *b) {
    struct number x, y;
    number_read(a->text, a->size, &x);
    number_read(b->text, b->size, &y);
    const int order = number_order(&x, &y);
    assert((order < 0) == (number_order(&y, &x) > 0) && number_order(&x, &x) == 0);
    assert((order == 0) == json_equal(a->text, a->size, b->text, b->size));
    assert(order != 0 || number_hash(&x) == number_hash(&y));
    if (!number_is_divisor(&y)) return;
    const bool multiple = number_divides(&x, &y);
    if (order == 0) assert(multiple);
    /* Only 0 is a multiple of a larger number. */
    if (multiple && x.digits > 0 && !x.negative) assert(order >= 0);
}

/* {"a":A,"b":B} and {"b": B, "a": A} */
static void check_objects(const struct value *a, const struct value *b) {
    const size_t room = a->size + b->size + 64;
    char *const one = malloc(room), *const other = malloc(room);
    assert(one != NULL && other != NULL);
    const int one_size = snprintf(one, room, "{\"a\":%.*s,\"b\":%.*s}", (int)a->size, a->text,
                                  (int)b->size, b->text);
    const int other_size = snprintf(other, room, "{ \"\\u0062\" : %.*s , \"a\" : %.*s }",
                                    (int)b->size, b->text, (int)a->size, a->text);
    assert(json_equal(one, (size_t)one_size, other, (size_t)other_size));
    assert(json_hash(one, (size_t)one_size) == json_hash(other, (size_t)other_size));
    free(one);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct value a = {0}, b = {0};
    uint8_t *const padded = malloc(size + JSON_PADDING);
    assert(padded != NULL);
    memcpy(padded, data, size);
    memset(padded + size, 0, JSON_PADDING);
    const uint8_t *p = padded;
    if (take(&p, padded + size, &a) && take(&p, padded + size, &b)) {
        const bool equal = json_equal(a.text, a.size, b.text, b.size);
        assert(equal == json_equal(b.text, b.size, a.text, a.size));
        assert(json_equal(a.text, a.size, a.text, a.size));
        if (equal) assert(json_hash(a.text, a.size) == json_hash(b.text, b.size));
        if (a.text[0] == '"' && b.text[0] == '"') check_texts(&a, &b);
        if (is_number(&a) && is_number(&b)) check_numbers(&a, &b);
        check_objects(&a, &b);
    }
    free(a.text);
    free(b.text);
    free(padded);
    return 0;
}
