/* lines.c - generates log lines; the same options give the same lines. */
#include "tools/load/lines.h"

#include <assert.h>
#include <string.h>

#include "schema/record/timestamp.h"

/* 2026-11-24T07:30:00Z: the time of the first line.  Each block covers one second. */
#define FIRST_SECOND      INT64_C(1795505400)
#define SECOND_TEXT_BYTES 19 /* 2026-11-24T07:30:00 */

/* splitmix64: sufficient for log lines, and the same on every platform. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t random_below(uint64_t *state, uint32_t limit) {
    return (uint32_t)((random_next(state) >> 32) * limit >> 32);
}

#define PICK(state, array) ((array)[random_below((state), sizeof(array) / sizeof *(array))])

static const char *const levels[] = {"info", "info", "info",  "info",  "info",  "info", "info",
                                     "info", "info", "debug", "debug", "debug", "warn", "error"};
static const char *const loggers[] = {"http.server", "http.client", "db.pool",    "auth.session",
                                      "orders.api",  "cache.redis", "jobs.mailer"};
static const char *const messages[] = {
    "request completed",
    "request completed",
    "request completed",
    "query took longer than expected",
    "connection returned to the pool",
    "session refreshed",
    "cache miss, reading from the database",
    "retrying after a timeout of the upstream",
    "order \\\"express\\\" accepted",
    "caf\xc3\xa9 and na\xc3\xafve are words too",
    "path C:\\\\logs\\\\app is ready",
    "mail queued for delivery",
};
static const char *const methods[] = {"GET", "GET", "GET", "GET", "POST", "PUT", "DELETE"};
static const char *const places[] = {"orders", "users", "carts", "items", "invoices", "search"};
static const char *const statuses[] = {"200", "200", "200", "200", "200", "200",
                                       "201", "204", "304", "400", "404", "500"};
static const char *const fillers[] = {"by",     "worker",  "after",  "retry",   "for",   "tenant",
                                      "region", "eu-west", "bucket", "replica", "shard", "attempt"};

static uint32_t digits_of(uint64_t number) {
    uint32_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

/* printf would dominate the cost of a line.  Both return the number of bytes written. */
static size_t text_write(char *to, const char *text) {
    const size_t size = strlen(text);
    memcpy(to, text, size);
    return size;
}

static size_t number_write(char *to, uint64_t number) {
    const uint32_t digits = digits_of(number);
    for (uint32_t i = digits; i-- > 0; number /= 10) {
        to[i] = (char)('0' + number % 10);
    }
    return digits;
}

/* One of the messages, then words up to exactly `size` bytes. */
static void message_make(uint64_t *random, char *text, size_t size) {
    const char *const message = PICK(random, messages);
    size_t length = strlen(message);
    if (length > size) {
        /* Cutting could split an escape or a two-byte character. */
        length = 0;
    }
    memcpy(text, message, length);
    while (length < size) {
        char word[32] = " ";
        size_t n = 1;
        if (random_below(random, 3) == 0) {
            n += number_write(word + 1, random_below(random, 100000));
        } else {
            n += text_write(word + 1, PICK(random, fillers));
        }
        const size_t part = n < size - length ? n : size - length;
        memcpy(text + length, word, part);
        length += part;
    }
}

/* Makes a valid line of `size` bytes invalid; conn, seq and the newline stay. */
static void line_spoil(uint64_t *random, char *line, size_t size) {
    char *const level = strstr(line, "\"level\":\"");
    char *const status = strstr(line, "\"status\":");
    assert(level != NULL);
    switch (random_below(random, 6)) {
    case 0: line[size - 2] = ' '; break;  /* truncated */
    case 1: level[9] = '\t'; break;       /* a raw control character */
    case 2: level[9] = (char)0xff; break; /* not UTF-8 */
    case 3: level[0] = '\''; break;       /* single quotes, as Python prints */
    case 4:                               /* a leading zero */
        if (status != NULL) {
            status[9] = '0';
            break;
        }
        /* fall through */
    default: level[7] = '='; break;
    }
}

/* The second in the lines of the block that starts with `seq`. */
static void second_format(const struct load_lines *kind, uint64_t seq,
                          char text[TIMESTAMP_TEXT_MAX]) {
    const int64_t second = FIRST_SECOND + (int64_t)(seq / kind->block_lines_max);
    timestamp_format(second * INT64_C(1000000000), text);
}

#define TEXT_OFFSET_SECOND 7 /* {"ts":" */

static uint32_t seq_offset(uint32_t connection) {
    return 48 - 1 + digits_of(connection);
}

/* Everything in a line except ts and seq follows from this: seed, connection and place in the
 * block. */
static uint64_t line_random(const struct load_lines *kind, uint32_t connection, uint32_t place) {
    return kind->seed * UINT64_C(0xd1342543de82ef95) + ((uint64_t)connection << 32) + place;
}

/* The first random number of a line decides. */
static bool draws_valid(const struct load_lines *kind, uint64_t *random) {
    return random_below(random, 100) >= kind->bad_percent;
}

/* Writes up to the message.  One random number per statement: the order in which arguments are
 * evaluated is unspecified, and lines must be the same everywhere. */
static size_t head_write(const struct load_lines *kind, uint32_t connection, uint32_t place,
                         uint64_t seq, const char *second, uint64_t *random, char *to) {
    const uint32_t ms = (uint32_t)((uint64_t)place * 1000 / kind->block_lines_max);
    size_t n = text_write(to, "{\"ts\":\"");
    memcpy(to + n, second, SECOND_TEXT_BYTES);
    n += SECOND_TEXT_BYTES;
    const char fraction[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                             (char)('0' + ms % 10)};
    memcpy(to + n, fraction, sizeof fraction);
    n += sizeof fraction;
    n += text_write(to + n, "Z\",\"conn\":");
    n += number_write(to + n, connection);
    n += text_write(to + n, ",\"seq\":");
    n += number_write(to + n, seq);
    if (kind->id != NULL) {
        n += text_write(to + n, ",\"run\":\"");
        n += text_write(to + n, kind->id);
        to[n++] = '"';
    }
    n += text_write(to + n, ",\"level\":\"");
    n += text_write(to + n, PICK(random, levels));
    n += text_write(to + n, "\",\"logger\":\"");
    n += text_write(to + n, PICK(random, loggers));
    return n + text_write(to + n, "\",\"msg\":\"");
}

static size_t http_write(uint64_t *random, char *to) {
    size_t n = text_write(to, ",\"http\":{\"method\":\"");
    n += text_write(to + n, PICK(random, methods));
    n += text_write(to + n, "\",\"path\":\"/api/");
    n += text_write(to + n, PICK(random, places));
    to[n++] = '/';
    n += number_write(to + n, random_below(random, 1000000));
    n += text_write(to + n, "\",\"status\":");
    n += text_write(to + n, PICK(random, statuses));
    n += text_write(to + n, ",\"ms\":");
    n += number_write(to + n, random_below(random, 400));
    to[n++] = '.';
    n += number_write(to + n, random_below(random, 10));
    to[n++] = '}';
    return n;
}

static size_t trace_write(uint64_t *random, char *to) {
    size_t n = text_write(to, ",\"trace_id\":\"");
    uint64_t id = random_next(random);
    for (uint32_t i = 0; i < 16; i++, id <<= 4) {
        to[n++] = "0123456789abcdef"[id >> 60];
    }
    to[n++] = '"';
    return n;
}

/* Generates the line at this place of the block; `line` has room for a NUL after it. */
static void line_make(const struct load_lines *kind, uint32_t connection, uint32_t place,
                      uint64_t seq, const char *second, char *line) {
    const size_t bytes = kind->line_bytes;
    uint64_t random = line_random(kind, connection, place);
    const bool valid = draws_valid(kind, &random);
    char tail[256];
    const size_t head_size = head_write(kind, connection, place, seq, second, &random, line);
    /* The longest ending that leaves room for a message. */
    tail[0] = '"';
    const size_t http_size = http_write(&random, tail + 1);
    const size_t trace_size = trace_write(&random, tail + 1 + http_size);
    size_t tail_size = 1 + http_size + trace_size;
    if (head_size + tail_size + 2 > bytes) tail_size -= trace_size;
    if (head_size + tail_size + 2 > bytes) tail_size -= http_size;
    tail[tail_size++] = '}';
    tail[tail_size++] = '\n';
    assert(head_size + tail_size <= bytes); /* LOAD_LINE_BYTES_MIN is enough for every head */
    message_make(&random, line + head_size, bytes - head_size - tail_size);
    memcpy(line + bytes - tail_size, tail, tail_size);
    if (valid) return;
    const char next = line[bytes];
    line[bytes] = '\0';
    line_spoil(&random, line, bytes);
    line[bytes] = next;
}

/* ---- blocks ---- */

/* Adds one to a decimal number that does not overflow. */
static void digits_count(char *digits, uint32_t size) {
    uint32_t i = size - 1;
    while (digits[i] == '9') {
        digits[i--] = '0';
    }
    digits[i]++;
}

/* Updates the lines [begin, end), whose numbers keep their number of digits. */
static void lines_patch(const struct load_lines *kind, struct load_block *block, uint32_t begin,
                        uint32_t end, const char *second) {
    const uint32_t digits = digits_of(block->seq + begin), offset = seq_offset(block->connection);
    char seq[24];
    number_write(seq, block->seq + begin);
    uint8_t *line = block->bytes + begin * kind->line_bytes;
    for (uint32_t place = begin;; line += kind->line_bytes) {
        memcpy(line + TEXT_OFFSET_SECOND, second, SECOND_TEXT_BYTES);
        memcpy(line + offset, seq, digits);
        if (++place == end) break;
        digits_count(seq, digits);
    }
}

/* The place at which numbers that start at `seq` with this many digits get one more. */
static uint64_t place_of_growth(uint64_t seq, uint32_t digits) {
    uint64_t power = 1;
    for (uint32_t i = 0; i < digits; i++) {
        if (power > UINT64_MAX / 10) return UINT64_MAX;
        power *= 10;
    }
    return power - seq;
}

bool load_line_is_valid(const struct load_lines *kind, uint32_t connection, uint32_t place) {
    uint64_t random = line_random(kind, connection, place);
    return draws_valid(kind, &random);
}

void load_block_fill(const struct load_lines *kind, struct load_block *block, uint64_t seq,
                     uint32_t lines) {
    assert(lines > 0 && lines <= kind->block_lines_max && seq % kind->block_lines_max == 0);
    const uint64_t seq_before = block->seq;
    const uint32_t lines_before = block->lines;
    block->seq = seq;
    block->lines = lines;
    char second[TIMESTAMP_TEXT_MAX];
    second_format(kind, seq, second);
    for (uint32_t place = 0; place < lines;) {
        const uint32_t digits = digits_of(seq + place);
        if (place >= lines_before || digits_of(seq_before + place) != digits) {
            line_make(kind, block->connection, place, seq + place, second,
                      (char *)block->bytes + place * kind->line_bytes);
            place++;
            continue;
        }
        uint64_t end = lines < lines_before ? lines : lines_before;
        const uint64_t grows = place_of_growth(seq, digits);
        const uint64_t grew = place_of_growth(seq_before, digits);
        if (end > grows) end = grows;
        if (end > grew) end = grew;
        lines_patch(kind, block, place, (uint32_t)end, second);
        place = (uint32_t)end;
    }
}
