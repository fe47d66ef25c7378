/* sender.c - see sender.h. */
#include "tools/commands/sender.h"

#include <stdio.h>
#include <string.h>

#include "ingest/protocol/foreign.h"
#include "port/error.h"
#include "port/system.h"

#define CLOSE_MS      30000
#define REFUSAL_MS    10 /* a refusal arrives at once or not at all */
#define SPEED_STEP_NS 10000000

int sender_resolve(const char *command, const char *where, struct port_address *address) {
    int status = address_parse(where, address);
    if (status < 0) status = client_resolve(where, address);
    if (status < 0)
        say("%s: %s: %s (try 127.0.0.1:5170)", command, where,
            status == ERR_INVALID ? "not an address of the form HOST:PORT" : error_text(status));
    return status;
}

/* The beginning of what was received. */
struct answer {
    uint8_t bytes[512];
    size_t size;
};

static int64_t receive(struct client *client, struct answer *answer, uint32_t timeout_ms) {
    uint8_t rest[512];
    const size_t room = sizeof answer->bytes - answer->size;
    const int64_t got = room
                            ? client_receive(client, answer->bytes + answer->size, room, timeout_ms)
                            : client_receive(client, rest, sizeof rest, timeout_ms);
    if (room && got > 0) answer->size += (size_t)got;
    return got;
}

static bool begins_with(const uint8_t *bytes, size_t size, const char *text) {
    return size >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

void sender_refusal(const uint8_t *bytes, size_t size, char text[SENDER_REFUSAL_MAX]) {
    static const char alert[] = "\x15\x03"; /* RFC 8446 section 5.1: a record that is an alert */
    text[0] = '\0';
    if (begins_with(bytes, size, alert)) {
        snprintf(text, SENDER_REFUSAL_MAX, "it answers with TLS: use --tls");
    } else if (begins_with(bytes, size, "HTTP/")) {
        snprintf(text, SENDER_REFUSAL_MAX, "it answers as an HTTP server, not as a log receiver");
    } else if (begins_with(bytes, size, FOREIGN_REFUSAL)) {
        size_t length = 0;
        bytes += strlen(FOREIGN_REFUSAL);
        size -= strlen(FOREIGN_REFUSAL);
        while (length < size && length + 1 < SENDER_REFUSAL_MAX && bytes[length] >= ' ' &&
               bytes[length] < 0x7f)
            length++;
        snprintf(text, SENDER_REFUSAL_MAX, "it has refused this: %.*s", (int)length,
                 (const char *)bytes);
    }
}

void sender_say_failed(const char *command, struct client *client, const char *where, int error,
                       uint64_t sent) {
    struct answer answer = {.size = 0};
    char refusal[SENDER_REFUSAL_MAX];
    while (answer.size < sizeof answer.bytes && receive(client, &answer, REFUSAL_MS) > 0) {
    } /* ends: the answer is small, or has ended */
    sender_refusal(answer.bytes, answer.size, refusal);
    say("%s: %s: %s after %llu bytes", command, where, refusal[0] ? refusal : error_text(error),
        (unsigned long long)sent);
}

int sender_wait_for_close(const char *command, struct client *client, const char *where) {
    struct answer answer = {.size = 0};
    char refusal[SENDER_REFUSAL_MAX];
    int64_t got = client_finish(client);
    const int64_t deadline_ns = system_now_ns() + (int64_t)CLOSE_MS * 1000000;
    while (got >= 0) { /* ends: at the deadline, or when the other side closes */
        const int64_t left_ns = deadline_ns - system_now_ns();
        if (left_ns <= 0)
            got = ERR_TIMED_OUT;
        else
            got = receive(client, &answer, (uint32_t)(left_ns / 1000000 + 1));
        if (got == 0) break;
    }
    sender_refusal(answer.bytes, answer.size, refusal);
    if (refusal[0]) {
        say("%s: %s: %s", command, where, refusal);
        return ERR_REFUSED;
    }
    if (got == 0) return 0;
    say("%s: %s: %s; the receiver may not have read everything", command, where,
        error_text((int)got));
    return (int)got;
}

void sender_keep_pace(uint64_t rate, int64_t begun_ns, uint64_t sent) {
    if (rate == 0) return;
    const int64_t due_ns = begun_ns + (int64_t)((double)sent * 1e9 / (double)rate);
    const int64_t early_ns = due_ns - system_now_ns();
    if (early_ns > SPEED_STEP_NS) system_sleep_ms((uint32_t)(early_ns / 1000000));
}

int sender_check_refused(struct client *client) {
    uint8_t byte;
    const int64_t answer = client_receive(client, &byte, 1, REFUSAL_MS);
    return answer < 0 && answer != ERR_TIMED_OUT ? (int)answer : 0;
}
