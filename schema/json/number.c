/* number.c - see number.h.  A number is represented by its significant digits, which stay in the
 * text, and the position of the decimal point; up to 18 digits are also kept as an integer.
 *
 * n = N * 10^a is a multiple of d = D * 10^b (N, D integers that do not end in 0) exactly if D
 * divides N * 10^(a-b).  If a < b it does not, as N would have to end in 0.  Otherwise more zeros
 * only help with the factors 2 and 5 of D, and D has fewer of these than four times its digits:
 * that many zeros give the same result as a billion. */
#include "schema/json/number.h"

#include <assert.h>

#include "schema/json/hash.h"

#define EXPONENT_MAX  1000000000000000000 /* 10^18: sums of a few of these fit into 64 bits */
#define LIMB          1000000000          /* 9 digits */
#define LIMB_DIGITS   9
#define LIMBS_MAX     (NUMBER_DIVISOR_DIGITS_MAX / LIMB_DIGITS + 1)
#define ZEROS_A_DIGIT 4

static bool read_plain(const char *text, size_t size, struct number *n);
static int64_t read_exponent(const char *p, const char *end);
static uint64_t read_coefficient(const struct number *n);
static int order_of_digits(const struct number *a, const struct number *b);
static struct number stripped(const struct number *number);
static bool divides_short(const struct number *n, const struct number *d, uint32_t zeros);
static bool divides_long(const struct number *n, const struct number *d, uint32_t zeros);

static const uint64_t power_of_ten[] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
};

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void number_read(const char *text, size_t size, struct number *n) {
    assert(size > 0);
    if (read_plain(text, size, n)) return;
    const char *const end = text + size;
    const char *p = text, *last = NULL;
    bool after_point = false;
    int64_t point = 0, zeros = 0, place = 0; /* in digits */
    *n = (struct number){.negative = *p == '-'};
    if (n->negative) p++;
    for (; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            after_point = true;
            continue;
        }
        if (!after_point) point++;
        place++;
        if (*p == '0') continue;
        if (last == NULL) {
            n->first = p;
            zeros = place - 1;
        }
        last = p;
        n->digits = (size_t)(place - zeros);
    }
    if (last == NULL) {
        n->negative = false;
        return;
    }
    n->point = point - zeros + read_exponent(p, end);
    if (n->digits <= NUMBER_SHORT_DIGITS) n->coefficient = read_coefficient(n);
}

int number_order(const struct number *a, const struct number *b) {
    if (a->plain && b->plain) {
        const int64_t x = a->negative ? -(int64_t)a->coefficient : (int64_t)a->coefficient;
        const int64_t y = b->negative ? -(int64_t)b->coefficient : (int64_t)b->coefficient;
        return (x > y) - (x < y);
    }
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    const int up = a->negative ? -1 : 1;
    if (a->digits == 0 || b->digits == 0) return ((a->digits > 0) - (b->digits > 0)) * up;
    if (a->point != b->point) return a->point > b->point ? up : -up;
    return order_of_digits(a, b) * up;
}

bool number_whole(const struct number *n) {
    return n->digits == 0 || n->plain || n->point >= (int64_t)n->digits;
}

bool number_is_divisor(const struct number *n) {
    return n->digits > 0 && n->digits <= NUMBER_DIVISOR_DIGITS_MAX && !n->negative;
}

bool number_divides(const struct number *number, const struct number *divisor) {
    assert(number_is_divisor(divisor));
    if (number->digits == 0) return true;
    if (number->plain && divisor->plain) return number->coefficient % divisor->coefficient == 0;
    const struct number n = stripped(number), d = stripped(divisor);
    const int64_t exponent = n.point - (int64_t)n.digits - (d.point - (int64_t)d.digits);
    if (exponent < 0) return false;
    uint32_t zeros = (uint32_t)d.digits * ZEROS_A_DIGIT;
    if (exponent < zeros) zeros = (uint32_t)exponent;
    return d.digits <= NUMBER_SHORT_DIGITS ? divides_short(&n, &d, zeros)
                                           : divides_long(&n, &d, zeros);
}

uint64_t number_hash(const struct number *number) {
    if (number->digits == 0) return hash_end(0, 0);
    const struct number n = stripped(number);
    uint64_t hash = hash_step((uint64_t)n.negative, (uint64_t)n.point);
    if (n.digits <= NUMBER_SHORT_DIGITS) return hash_end(hash_step(hash, n.coefficient), n.digits);
    const char *p = n.first;
    for (size_t left = n.digits; left > 0; p++) {
        if (*p == '.') continue;
        hash = hash_step(hash, (uint64_t)*p);
        left--;
    }
    return hash_end(hash, n.digits);
}

int number_compare(const char *a, size_t a_size, const char *b, size_t b_size) {
    struct number x, y;
    number_read(a, a_size, &x);
    number_read(b, b_size, &y);
    return number_order(&x, &y);
}

bool number_is_integer(const char *text, size_t size) {
    struct number n;
    number_read(text, size, &n);
    return number_whole(&n);
}

bool number_is_multiple(const char *text, size_t size, const char *divisor, size_t divisor_size) {
    struct number n, d;
    number_read(text, size, &n);
    number_read(divisor, divisor_size, &d);
    return number_divides(&n, &d);
}

/* ---- reading ---- */

/* Eight digits at once.  False: not all are digits. */
static bool read_eight(const char *p, uint64_t *value) {
    uint64_t digits = hash_word(p) ^ 0x3030303030303030u;
    if (((digits + 0x0606060606060606u) | digits) & 0xF0F0F0F0F0F0F0F0u) return false;
    /* Pairs, then fours, then all: the first digit is in the lowest byte. */
    digits = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FFu;
    digits = (digits * 100 + (digits >> 16)) & 0x0000FFFF0000FFFFu;
    *value = *value * 100000000 + ((digits * 10000 + (digits >> 32)) & 0xFFFFFFFFu);
    return true;
}

/* An integer of at most NUMBER_SHORT_DIGITS digits, as most numbers in logs are.  False: another
 * number. */
static bool read_plain(const char *text, size_t size, struct number *n) {
    const bool negative = *text == '-';
    const char *const end = text + size;
    const char *p = text + negative;
    const size_t digits = (size_t)(end - p);
    uint64_t value = 0;
    if (digits > NUMBER_SHORT_DIGITS) return false;
    for (; end - p >= 8; p += 8)
        if (!read_eight(p, &value)) return false;
    for (; p < end; p++) {
        if (!is_digit(*p)) return false;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    n->first = end - digits;
    n->digits = value > 0 ? digits : 0;
    n->point = (int64_t)digits;
    n->coefficient = value;
    n->negative = negative && value > 0;
    n->plain = true;
    return true;
}

/* p: the e, or the end of the number. */
static int64_t read_exponent(const char *p, const char *end) {
    if (p == end) return 0;
    assert(*p == 'e' || *p == 'E');
    p++;
    const bool negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    int64_t exponent = 0;
    for (; p < end; p++) {
        assert(is_digit(*p));
        exponent = exponent < EXPONENT_MAX / 10 ? exponent * 10 + (*p - '0') : EXPONENT_MAX;
    }
    return negative ? -exponent : exponent;
}

static uint64_t read_coefficient(const struct number *n) {
    uint64_t value = 0;
    const char *p = n->first;
    for (size_t left = n->digits; left > 0; p++) {
        if (*p == '.') continue;
        value = value * 10 + (uint64_t)(*p - '0');
        left--;
    }
    return value;
}

/* Without trailing zeros, which only a plain number can have. */
static struct number stripped(const struct number *number) {
    struct number n = *number;
    while (n.plain && n.coefficient % 10 == 0) {
        n.coefficient /= 10;
        n.digits--;
    }
    return n;
}

/* ---- comparing ---- */

/* Iterates over the digits; '0' after the last. */
struct digits {
    const char *p;
    size_t left;
};

static inline char next_digit(struct digits *digits) {
    if (digits->left == 0) return '0';
    if (*digits->p == '.') digits->p++;
    digits->left--;
    return *digits->p++;
}

static int order_of_digits(const struct number *a, const struct number *b) {
    const size_t most = a->digits > b->digits ? a->digits : b->digits;
    if (most <= NUMBER_SHORT_DIGITS) {
        const uint64_t x = a->coefficient * power_of_ten[most - a->digits];
        const uint64_t y = b->coefficient * power_of_ten[most - b->digits];
        return (x > y) - (x < y);
    }
    struct digits x = {a->first, a->digits}, y = {b->first, b->digits};
    for (size_t i = 0; i < most; i++) {
        const char c = next_digit(&x), d = next_digit(&y);
        if (c != d) return c > d ? 1 : -1;
    }
    return 0;
}

/* ---- dividing ---- */

static bool divides_short(const struct number *n, const struct number *d, uint32_t zeros) {
    const uint64_t divisor = d->coefficient; /* below 10^18: ten times a remainder fits */
    uint64_t rest = 0;
    if (n->digits <= NUMBER_SHORT_DIGITS) {
        rest = n->coefficient % divisor;
    } else {
        struct digits digits = {n->first, n->digits};
        while (digits.left > 0)
            rest = (rest * 10 + (uint64_t)(next_digit(&digits) - '0')) % divisor;
    }
    for (; zeros > 0 && rest > 0; zeros--)
        rest = rest * 10 % divisor;
    return rest == 0;
}

/* The divisor and the remainder so far, lowest limb first. */
struct division {
    uint32_t divisor[LIMBS_MAX], rest[LIMBS_MAX + 1];
    uint32_t limbs; /* of the divisor, the highest not 0; at least 3 */
};

static void set_divisor(struct division *division, const struct number *d) {
    struct digits digits = {d->first, d->digits};
    division->limbs = (uint32_t)(d->digits + LIMB_DIGITS - 1) / LIMB_DIGITS;
    for (uint32_t limb = division->limbs; limb-- > 0;) {
        uint32_t value = 0;
        do
            value = value * 10 + (uint32_t)(next_digit(&digits) - '0');
        while (digits.left % LIMB_DIGITS != 0);
        division->divisor[limb] = value;
    }
}

/* rest -= times * divisor.  True: the result is negative, a borrow is missing in the top limb. */
static bool subtract(struct division *division, uint64_t times) {
    int64_t borrow = 0;
    for (uint32_t i = 0; i < division->limbs; i++) {
        const int64_t product = (int64_t)(times * division->divisor[i]); /* < 10^18 */
        int64_t limb = (int64_t)division->rest[i] - product % LIMB + borrow;
        borrow = -(product / LIMB);
        while (limb < 0) { /* at most three times */
            limb += LIMB;
            borrow--;
        }
        division->rest[i] = (uint32_t)limb;
    }
    const int64_t top = (int64_t)division->rest[division->limbs] + borrow;
    division->rest[division->limbs] = (uint32_t)(top + (top < 0 ? LIMB : 0));
    return top < 0;
}

/* rest += divisor.  True: the missing borrow is restored. */
static bool add_back(struct division *division) {
    uint32_t carry = 0;
    for (uint32_t i = 0; i < division->limbs; i++) {
        const uint32_t limb = division->rest[i] + division->divisor[i] + carry;
        carry = limb >= LIMB;
        division->rest[i] = limb - (carry ? LIMB : 0);
    }
    const uint32_t top = division->rest[division->limbs] + carry;
    division->rest[division->limbs] = top == LIMB ? 0 : top;
    return top == LIMB;
}

/* (top * LIMB + limb) / bottom, digit by digit: 64 bits hold ten times a remainder, which is below
 * 10^18. */
static uint64_t divide_wide(uint64_t top, uint32_t limb, uint64_t bottom) {
    uint64_t times = top / bottom, rest = top % bottom;
    for (int i = 0; i < LIMB_DIGITS; i++) {
        rest *= 10;
        times = times * 10 + rest / bottom;
        rest %= bottom;
    }
    return times + (rest + limb) / bottom;
}

/* rest = (rest * power + digits) mod divisor; power is at most LIMB. */
static void divide_step(struct division *division, uint64_t power, uint32_t digits) {
    const uint32_t n = division->limbs;
    uint64_t carry = digits;
    for (uint32_t i = 0; i < n; i++) {
        carry += division->rest[i] * power;
        division->rest[i] = (uint32_t)(carry % LIMB);
        carry /= LIMB;
    }
    division->rest[n] = (uint32_t)carry;
    /* Estimated from three limbs and two: never too small, and at most two too large, because the
     * limbs left out are less than 10^-9 of the divisor. */
    const uint64_t top = (uint64_t)division->rest[n] * LIMB + division->rest[n - 1];
    const uint64_t bottom = (uint64_t)division->divisor[n - 1] * LIMB + division->divisor[n - 2];
    const uint64_t times = divide_wide(top, division->rest[n - 2], bottom);
    if (times == 0 || !subtract(division, times)) return;
    while (!add_back(division)) /* at most twice: see above */
        ;
}

static bool divides_long(const struct number *n, const struct number *d, uint32_t zeros) {
    struct division division = {0};
    set_divisor(&division, d);
    struct digits digits = {n->first, n->digits};
    size_t left = n->digits + zeros;
    while (left > 0) {
        const size_t count = left < LIMB_DIGITS ? left : LIMB_DIGITS;
        uint32_t limb = 0;
        for (size_t i = 0; i < count; i++)
            limb = limb * 10 + (uint32_t)(next_digit(&digits) - '0');
        divide_step(&division, power_of_ten[count], limb);
        left -= count;
    }
    uint32_t any = 0;
    for (uint32_t i = 0; i < division.limbs; i++)
        any |= division.rest[i];
    return any == 0;
}
