/* check.c - generates the lines again and compares them with memcmp. */
#include "tools/load/check.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"

#define READ_BYTES (1u << 20)
/* "conn" and "seq" are within this many bytes of the start of a line. */
#define HEAD_BYTES 128

struct sender {
    struct load_block block;
    uint64_t lines, first_bit;
    uint64_t next; /* the highest number received, plus one */
};

struct comparison {
    const struct load_lines *kind;
    struct sender *senders;
    uint32_t sender_count;
    uint8_t *seen; /* one bit per line of all senders */
    struct load_checked *checked;
};

static int check_open(struct comparison *check, uint64_t lines);
static void check_close(struct comparison *check);
static int input_read(struct comparison *check);
static void line_check(struct comparison *check, const char *line, size_t size);

int load_check(const struct load_lines *kind, uint32_t connections, uint64_t lines,
               struct load_checked *checked) {
    *checked = (struct load_checked){0};
    struct comparison check = {.kind = kind, .sender_count = connections, .checked = checked};
    int status = check_open(&check, lines);
    if (status == 0) status = input_read(&check);
    uint64_t received = 0;
    for (uint64_t i = 0; status == 0 && i < lines; i++) {
        received += check.seen[i / 8] >> i % 8 & 1;
    }
    checked->lost = lines - received;
    check_close(&check);
    return status;
}

uint64_t load_share(uint64_t lines, uint64_t connections, uint64_t number) {
    return lines / connections + (number < lines % connections ? 1 : 0);
}

static int check_open(struct comparison *check, uint64_t lines) {
    check->senders = calloc(check->sender_count, sizeof *check->senders);
    check->seen = calloc(1, lines / 8 + 1);
    if (check->senders == NULL || check->seen == NULL) return ERR_NO_MEMORY;
    uint64_t bit = 0;
    for (uint32_t i = 0; i < check->sender_count; i++) {
        struct sender *const sender = &check->senders[i];
        sender->lines = load_share(lines, check->sender_count, i);
        sender->first_bit = bit;
        bit += sender->lines;
        sender->block.connection = i;
        sender->block.bytes = malloc(check->kind->block_lines_max * check->kind->line_bytes + 1);
        if (sender->block.bytes == NULL) return ERR_NO_MEMORY;
    }
    return 0;
}

static void check_close(struct comparison *check) {
    for (uint32_t i = 0; check->senders != NULL && i < check->sender_count; i++) {
        free(check->senders[i].block.bytes);
    }
    free(check->senders);
    free(check->seen);
}

/* A line that does not fit into the buffer counts as altered, once, and is skipped. */
static int input_read(struct comparison *check) {
    const size_t room = READ_BYTES + 2 * check->kind->line_bytes;
    char *const buffer = malloc(room);
    if (buffer == NULL) return ERR_NO_MEMORY;
    size_t held = 0;
    bool passing = false;
    int64_t got;
    while ((got = stream_read(STREAM_INPUT, buffer + held, room - held)) > 0) {
        const char *line = buffer, *const end = buffer + held + got, *newline;
        while ((newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
            if (!passing) line_check(check, line, (size_t)(newline - line));
            passing = false;
            line = newline + 1;
        }
        held = (size_t)(end - line);
        if (held == room) {
            if (!passing) line_check(check, line, held);
            passing = true;
            held = 0;
        }
        memmove(buffer, line, held);
    }
    if (held > 0 && !passing) line_check(check, buffer, held);
    free(buffer);
    return got < 0 ? (int)got : 0;
}

/* Reads the number after `name` from the start of the line. */
static bool number_find(const char *head, size_t size, const char *name, uint64_t *number) {
    const char *at = head, *const end = head + size;
    const size_t length = strlen(name);
    while ((size_t)(end - at) > length && memcmp(at, name, length) != 0) {
        at++;
    }
    if ((size_t)(end - at) <= length) return false;
    at += length;
    *number = 0;
    const char *const first = at;
    while (at < end && at - first < 19 && *at >= '0' && *at <= '9') {
        *number = *number * 10 + (uint64_t)(*at++ - '0');
    }
    return at > first;
}

/* The line with this number as it was sent, without its newline. */
static const uint8_t *line_expected(struct comparison *check, struct sender *sender, uint64_t seq) {
    const uint32_t most = check->kind->block_lines_max;
    const uint64_t first = seq / most * most, left = sender->lines - first;
    if (sender->block.lines == 0 || sender->block.seq != first) {
        load_block_fill(check->kind, &sender->block, first, left < most ? (uint32_t)left : most);
    }
    return sender->block.bytes + (seq - first) * check->kind->line_bytes;
}

static void line_check(struct comparison *check, const char *line, size_t size) {
    struct load_checked *const checked = check->checked;
    const size_t head = size < HEAD_BYTES ? size : HEAD_BYTES;
    uint64_t number, seq;
    checked->lines++;
    if (!number_find(line, head, "\"conn\":", &number) || number >= check->sender_count ||
        !number_find(line, head, "\"seq\":", &seq) || seq >= check->senders[number].lines) {
        checked->altered++;
        return;
    }
    struct sender *const sender = &check->senders[number];
    const uint64_t bit = sender->first_bit + seq;
    const uint8_t mask = (uint8_t)(1u << bit % 8);
    if (check->seen[bit / 8] & mask) {
        checked->doubled++;
    } else if (seq < sender->next) {
        checked->disordered++;
    }
    check->seen[bit / 8] |= mask;
    if (seq >= sender->next) sender->next = seq + 1;

    const size_t sent = check->kind->line_bytes - 1;
    const uint8_t *const expected = line_expected(check, sender, seq);
    if (size == sent && memcmp(line, expected, sent) == 0) return;
    checked->altered++;
    if (size < sent && memcmp(line, expected, size) == 0) checked->cut++;
}
