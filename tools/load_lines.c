/* load_lines.c - makes log lines, the same ones for the same options. */
#include "tools/load_lines.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "schema/timestamp.h"

/* 2026-11-24T07:30:00Z: the first line's time.  Each block covers one second. */
#define FIRST_SECOND      INT64_C(1795505400)
#define SECOND_TEXT_BYTES 19 /* 2026-11-24T07:30:00 */

/* splitmix64: good enough for log lines, and the same everywhere. */
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

/* The message: one of ours, then words until exactly `size` bytes are full. */
static void message_make(uint64_t *random, char *text, size_t size) {
    const char *const message = PICK(random, messages);
    size_t length = strlen(message);
    if (length > size) {
        /* Cutting could part an escape or a character of two bytes. */
        length = 0;
    }
    memcpy(text, message, length);
    while (length < size) {
        char word[32];
        int n;
        if (random_below(random, 3) == 0) {
            n = snprintf(word, sizeof word, " %" PRIu32, random_below(random, 100000));
        } else {
            n = snprintf(word, sizeof word, " %s", PICK(random, fillers));
        }
        const size_t part = (size_t)n < size - length ? (size_t)n : size - length;
        memcpy(text + length, word, part);
        length += part;
    }
}

/* Spoils a good line of `size` bytes, leaving conn, seq and the newline alone. */
static void line_spoil(uint64_t *random, char *line, size_t size) {
    char *const level = strstr(line, "\"level\":\"");
    char *const status = strstr(line, "\"status\":");
    assert(level != NULL);
    switch (random_below(random, 6)) {
    case 0: line[size - 2] = ' '; break;  /* ends too soon */
    case 1: level[9] = '\t'; break;       /* a raw control character */
    case 2: level[9] = (char)0xff; break; /* not UTF-8 */
    case 3: level[0] = '\''; break;       /* Python's idea of JSON */
    case 4:                               /* a leading zero */
        if (status != NULL) {
            status[9] = '0';
            break;
        }
        /* fall through */
    default: level[7] = '='; break;
    }
}

/* The seconds that stand in the lines of the block which begins with `seq`. */
static void second_format(const struct load_lines *kind, uint64_t seq,
                          char text[TIMESTAMP_TEXT_MAX]) {
    const int64_t second = FIRST_SECOND + (int64_t)(seq / kind->block_lines_max);
    timestamp_format(second * INT64_C(1000000000), text);
}

#define TEXT_OFFSET_SECOND 7 /* {"ts":" */

static uint32_t digits_of(uint64_t number) {
    uint32_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

static uint32_t seq_offset(uint32_t connection) {
    return 48 - 1 + digits_of(connection);
}

/* Everything in a line but ts and seq comes from this: the seed, the connection
 * and the line's place in the block. */
static uint64_t line_random(const struct load_lines *kind, uint32_t connection, uint32_t place) {
    return kind->seed * UINT64_C(0xd1342543de82ef95) + ((uint64_t)connection << 32) + place;
}

/* The first draw of a line decides. */
static bool draws_good(const struct load_lines *kind, uint64_t *random) {
    return random_below(random, 100) >= kind->bad_percent;
}

/* Makes the line of that place in the block anew; `line` has room for a NUL
 * behind it. */
static void line_make(const struct load_lines *kind, uint32_t connection, uint32_t place,
                      uint64_t seq, const char *second, char *line) {
    const size_t bytes = kind->line_bytes;
    uint64_t random = line_random(kind, connection, place);
    const bool good = draws_good(kind, &random);

    char head[256], tails[3][256];
    int head_size =
        snprintf(head, sizeof head, "{\"ts\":\"%.*s.%03uZ\",\"conn\":%" PRIu32 ",\"seq\":%" PRIu64,
                 SECOND_TEXT_BYTES, second,
                 (unsigned)((uint64_t)place * 1000 / kind->block_lines_max), connection, seq);
    if (kind->id != NULL) {
        head_size += snprintf(head + head_size, sizeof head - (size_t)head_size, ",\"run\":\"%s\"",
                              kind->id);
    }
    head_size += snprintf(head + head_size, sizeof head - (size_t)head_size,
                          ",\"level\":\"%s\",\"logger\":\"%s\",\"msg\":\"", PICK(&random, levels),
                          PICK(&random, loggers));

    /* The richest end that leaves room for a message. */
    char http[160];
    const char *const method = PICK(&random, methods), *const item = PICK(&random, places);
    snprintf(http, sizeof http,
             "\"http\":{\"method\":\"%s\",\"path\":\"/api/%s/%" PRIu32
             "\",\"status\":%s,\"ms\":%" PRIu32 ".%" PRIu32 "}",
             method, item, random_below(&random, 1000000), PICK(&random, statuses),
             random_below(&random, 400), random_below(&random, 10));
    snprintf(tails[0], sizeof tails[0], "\",%s,\"trace_id\":\"%016" PRIx64 "\"}\n", http,
             random_next(&random));
    snprintf(tails[1], sizeof tails[1], "\",%s}\n", http);
    snprintf(tails[2], sizeof tails[2], "\"}\n");
    uint32_t tail = 0;
    while ((size_t)head_size + strlen(tails[tail]) > bytes) {
        tail++;
        assert(tail < 3); /* LINE_BYTES_MIN holds every head */
    }
    const size_t tail_size = strlen(tails[tail]);
    memcpy(line, head, (size_t)head_size);
    message_make(&random, line + head_size, bytes - (size_t)head_size - tail_size);
    memcpy(line + bytes - tail_size, tails[tail], tail_size);
    line[bytes] = '\0';
    if (!good) line_spoil(&random, line, bytes);
}

/* ---- blocks ---- */

static void block_make(const struct load_lines *kind, struct load_block *block,
                       const char *second) {
    for (uint32_t place = 0; place < block->lines; place++) {
        line_make(kind, block->connection, place, block->seq + place, second,
                  (char *)block->bytes + place * kind->line_bytes);
    }
}

/* Adds one to a number written in digits; it does not overflow. */
static void digits_count(char *digits, uint32_t size) {
    uint32_t i = size - 1;
    while (digits[i] == '9') {
        digits[i--] = '0';
    }
    digits[i]++;
}

static void block_patch(const struct load_lines *kind, struct load_block *block,
                        const char *second) {
    const uint32_t digits = block->seq_digits, offset = seq_offset(block->connection);
    char seq[24];
    snprintf(seq, sizeof seq, "%" PRIu64, block->seq);
    uint8_t *line = block->bytes;
    for (uint32_t place = 0;; place++, line += kind->line_bytes) {
        memcpy(line + TEXT_OFFSET_SECOND, second, SECOND_TEXT_BYTES);
        memcpy(line + offset, seq, digits);
        if (place + 1 == block->lines) break;
        digits_count(seq, digits);
    }
}

bool load_line_is_good(const struct load_lines *kind, uint32_t connection, uint32_t place) {
    uint64_t random = line_random(kind, connection, place);
    return draws_good(kind, &random);
}

void load_block_fill(const struct load_lines *kind, struct load_block *block, uint64_t seq,
                     uint32_t lines) {
    assert(lines > 0 && lines <= kind->block_lines_max && seq % kind->block_lines_max == 0);
    const bool made = lines <= block->lines;
    block->seq = seq;
    block->lines = lines;
    char second[TIMESTAMP_TEXT_MAX];
    second_format(kind, seq, second);
    const uint32_t first = digits_of(seq), last = digits_of(seq + lines - 1);
    if (made && first == last && first == block->seq_digits) {
        block_patch(kind, block, second);
    } else {
        block_make(kind, block, second);
        block->seq_digits = first == last ? first : 0;
    }
}
