/* targets.c - see targets.h. */
#include "tools/commands/targets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tools/commands/ask.h"
#include "tools/commands/sender.h"
#include "tools/query/allocate.h"
#include "tools/render/output.h"

#define CHUNK_BYTES (256u << 10)
#define NAMES_MAX   32768 /* of all listeners in the daemon's answer */

/* ---- which ---- */

/* False: there is no room, or it is not a listener's name. */
static bool add(struct targets *targets, const char *name, size_t size) {
    static const struct {
        const char *prefix;
        bool datagrams, unix_socket;
    } kinds[] = {{"tcp=", false, false},
                 {"udp=", true, false},
                 {"unix-stream=", false, true},
                 {"unix-datagram=", true, true}};
    struct replay_target *target = &targets->target[targets->count];
    if (targets->count == TARGETS_MAX || size >= sizeof target->name) return false;
    memset(target, 0, sizeof *target);
    memcpy(target->name, name, size);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t length = strlen(kinds[i].prefix);
        if (strncmp(target->name, kinds[i].prefix, length) != 0) continue;
        target->datagrams = kinds[i].datagrams;
        target->unix_socket = kinds[i].unix_socket;
        target->where = target->name + length;
        targets->count++;
        return true;
    }
    return false;
}

/* A daemon that listens on all addresses is reached over loopback. */
static void to_loopback(struct port_address *address) {
    static const uint8_t any[16] = {0};
    if (memcmp(address->ip, any, sizeof any) != 0) return;
    if (address->family == 4)
        memcpy(address->ip, (const uint8_t[]){127, 0, 0, 1}, 4);
    else
        address->ip[15] = 1;
}

/* Errors are reported. */
static int open_client(struct replay_target *target) {
    struct port_address address;
    int status;
    if (target->unix_socket) {
        status = target->datagrams ? client_datagrams_unix(target->where, &target->client)
                                   : client_connect_unix(target->where, &target->client);
    } else {
        status = sender_resolve("replay", target->where, &address);
        if (status < 0) return status;
        to_loopback(&address);
        status = target->datagrams ? client_datagrams(&address, &target->client)
                                   : client_connect(&address, &target->client);
    }
    if (status < 0) say("replay: %s: %s", target->where, error_text(status));
    return status;
}

static int target_connect(struct replay_target *target) {
    if (target->connected || target->status < 0) return target->status;
    target->status = open_client(target);
    target->connected = target->status == 0;
    if (target->connected && !target->datagrams)
        target->chunk = allocate(CHUNK_BYTES + TARGET_RECORD_MAX + 1);
    target->begun_ns = system_now_ns();
    return target->status;
}

int targets_use_address(struct targets *targets, const char *where, bool udp) {
    struct replay_target *target = &targets->target[0];
    memset(target, 0, sizeof *target);
    target->where = where;
    target->datagrams = udp;
    targets->count = 1;
    return target_connect(target);
}

int targets_from_daemon(struct targets *targets, struct files *files, const char *directory) {
    struct answer answer;
    char *names = allocate(NAMES_MAX);
    const int code = ask_daemon(files, "replay", directory, "listeners", ASK_REPLY_MS, &answer);
    if (code == 0 && answer_text(answer.reply, "listeners", names, NAMES_MAX))
        for (const char *p = names; *p != '\0'; p += strcspn(p, " ")) {
            p += strspn(p, " ");
            add(targets, p, strcspn(p, " "));
        }
    free(answer.reply);
    free(names);
    if (targets->count > 0) return 0;
    if (code == 0) say("replay: the daemon on %s reports no listeners", directory);
    say("replay: start the daemon, or give an address with --tcp or --udp HOST:PORT");
    return ERR_NOT_FOUND;
}

struct replay_target *targets_find(struct targets *targets, const char *listener) {
    for (uint32_t i = 0; i < targets->count; i++)
        if (strcmp(targets->target[i].name, listener) == 0) return &targets->target[i];
    for (uint32_t i = 0; i < targets->count; i++)
        if (!targets->target[i].datagrams) return &targets->target[i];
    return &targets->target[0];
}

/* ---- sending ---- */

static void flush(struct replay_target *target) {
    if (target->chunk_size > 0 && target->status == 0)
        target->status = client_send(&target->client, target->chunk, target->chunk_size);
    target->chunk_size = 0;
}

int targets_send(struct targets *targets, struct replay_target *target, const uint8_t *bytes,
                 size_t size) {
    if (target_connect(target) < 0) return target->status;
    if (target->datagrams) {
        sender_keep_pace(targets->rate, target->begun_ns, target->sent);
        const int status = client_send(&target->client, bytes, size);
        if (status == ERR_TOO_LARGE && target->unix_socket) return status;
        target->status = status;
    } else {
        memcpy(target->chunk + target->chunk_size, bytes, size);
        target->chunk_size += size;
        target->chunk[target->chunk_size++] = '\n';
        if (target->chunk_size >= CHUNK_BYTES) flush(target);
    }
    target->sent += target->status == 0;
    return target->status;
}

static int finish(struct replay_target *target) {
    flush(target);
    if (target->status == 0 && target->datagrams && !target->unix_socket && target->sent > 0)
        target->status = sender_check_refused(&target->client);
    if (target->status < 0)
        say("replay: %s: %s; not all of %" PRIu64 " records may have arrived", target->where,
            error_text(target->status), target->sent);
    else if (!target->datagrams)
        target->status = sender_wait_for_close("replay", &target->client, target->where);
    client_close(&target->client);
    free(target->chunk);
    return target->status;
}

int targets_finish(struct targets *targets) {
    int status = 0;
    for (uint32_t i = 0; i < targets->count; i++) {
        struct replay_target *target = &targets->target[i];
        if (target->connected) finish(target);
        if (status == 0) status = target->status;
    }
    return status;
}

const char *targets_how(const struct replay_target *target) {
    if (!target->datagrams) return "";
    return target->unix_socket ? " in datagrams" : " over UDP";
}

struct replay_target *targets_report(struct targets *targets) {
    struct replay_target *found = NULL;
    uint32_t used = 0;
    for (uint32_t i = 0; i < targets->count; i++) {
        if (!targets->target[i].connected) continue;
        found = &targets->target[i];
        used++;
    }
    if (used == 1) return found;
    for (uint32_t i = 0; i < targets->count; i++) {
        const struct replay_target *target = &targets->target[i];
        if (target->connected)
            say("replay: %" PRIu64 " records to %s%s", target->sent, target->where,
                targets_how(target));
    }
    return NULL;
}
