/* sender.c - see sender.h. */
#include "tools/commands/sender.h"

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

int sender_wait_for_close(const char *command, struct client *client, const char *where) {
    uint8_t bytes[512];
    int64_t got = client_finish(client);
    const int64_t deadline_ns = system_now_ns() + (int64_t)CLOSE_MS * 1000000;
    while (got >= 0) { /* ends: at the deadline, or when the other side closes */
        const int64_t left_ns = deadline_ns - system_now_ns();
        if (left_ns <= 0)
            got = ERR_TIMED_OUT;
        else
            got = client_receive(client, bytes, sizeof bytes, (uint32_t)(left_ns / 1000000 + 1));
        if (got == 0) return 0;
    }
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
