/* ask.c - see ask.h. */
#include "tools/commands/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/client.h"
#include "port/error.h"
#include "port/service.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/query/allocate.h"

#define RUN_FILE_MAX 4096
#define REPLY_MAX    (256u << 10)
#define ERROR_MAX    2048
#define MS_NS        INT64_C(1000000)
/* From the moment when a daemon that stops takes no more requests to its end. */
#define END_MS       INT64_C(600000)

/* The daemon escapes only ", \ and control characters. */
bool answer_text(const char *object, const char *name, char *text, size_t size) {
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *p = strstr(object, key);
    size_t length = 0;
    if (p == NULL) return false;
    p += strlen(key);
    p += strspn(p, " ");
    if (*p++ != '"') return false;
    for (; *p != '\0' && *p != '"'; p++) {
        char c = *p;
        if (c == '\\') {
            c = *++p;
            if (c == 'u' && strnlen(p, 5) == 5) p += 4;
            if (c == '\0') return false;
            if (c != '"' && c != '\\') c = ' ';
        }
        if (length + 1 >= size) return false;
        text[length++] = c;
    }
    text[length] = '\0';
    return *p == '"' && length > 0;
}

static int no_daemon(const struct answer *answer) {
    char hint[SERVICE_HINT_MAX];
    say("no daemon is running on %s; start it, or give the directory of a running one%s",
        answer->dir, service_hint(hint));
    return EXIT_ERROR;
}

/* A copy of a daemon's directory holds its run file too, but is not the daemon's.  Daemons before
 * 0.2.0 do not name their directory. */
static bool is_for_directory(struct files *files, const char *text, const char *dir) {
    char named[32], found[32];
    struct file_status status;
    if (!answer_text(text, "directory", named, sizeof named)) return true;
    if (file_status_of(files, dir, &status) < 0) return false;
    snprintf(found, sizeof found, "%016llx", (unsigned long long)status.id);
    return strcmp(named, found) == 0;
}

/* 0, or the exit code after a message. */
static int read_run_file(struct files *files, struct answer *answer) {
    char *path = allocate(strlen(answer->dir) + sizeof "/logportd.run");
    char *text = NULL;
    size_t size;
    sprintf(path, "%s/logportd.run", answer->dir);
    const int status = file_read_all(files, path, RUN_FILE_MAX, &text, &size);
    int code = 0;
    if (status == ERR_NOT_FOUND || status == ERR_NOT_DIRECTORY) {
        code = no_daemon(answer);
    } else if (status < 0) {
        say("%s: %s", path, error_text(status));
        code = EXIT_ERROR;
    } else if (!answer_text(text, "control", answer->where, sizeof answer->where) ||
               !answer_text(text, "token", answer->token, sizeof answer->token)) {
        say("%s: no control address or token in this file", path);
        code = EXIT_ERROR;
    } else if (!is_for_directory(files, text, answer->dir)) {
        say("no daemon is running on %s; its logportd.run was copied from another directory or is "
            "left over",
            answer->dir);
        code = EXIT_ERROR;
    }
    free(text);
    free(path);
    return code;
}

/* ---- connecting ---- */

/* The system may take minutes to give up if the daemon does not accept. */
struct connecting {
    struct port_address address;
    struct client client;
    int status;
};

static void connect_to(void *job) {
    struct connecting *c = job;
    c->status = client_connect(&c->address, &c->client);
}

static void connected_too_late(void *job) {
    struct connecting *c = job;
    if (c->status == 0) client_close(&c->client);
    free(c);
}

static int connect_within(const struct port_address *address, uint32_t ms, struct client *client) {
    struct connecting *c = allocate(sizeof *c);
    *c = (struct connecting){.address = *address, .status = ERR_TIMED_OUT};
    if (!system_run_within(connect_to, connected_too_late, c, ms)) return ERR_TIMED_OUT;
    const int status = c->status;
    *client = c->client;
    free(c);
    return status;
}

/* ---- waiting for the answer ---- */

static int send_question(const struct answer *answer, const char *question, struct client *client) {
    struct port_address address;
    char line[ASK_TOKEN_BYTES + 32];
    int status = address_parse(answer->where, &address);
    if (status == 0) status = connect_within(&address, ASK_REPLY_MS, client);
    if (status < 0) return status;
    snprintf(line, sizeof line, "%s %s\n", answer->token, question);
    status = client_send(client, line, strlen(line));
    if (status < 0) client_close(client);
    return status;
}

/* Asks for something that the daemon answers at once, on another connection.  ERR_REFUSED: it takes
 * no more requests, as at the end of a stop. */
static int probe(const struct answer *answer) {
    struct client client;
    char reply[1];
    int status = send_question(answer, "status", &client);
    if (status < 0) return status;
    const int64_t got = client_receive(&client, reply, sizeof reply, ASK_REPLY_MS);
    client_close(&client);
    return got < 0 ? (int)got : got == 0 ? ERR_REFUSED : 0;
}

/* Receives a part of the reply.  While there is none, looks whether the daemon still answers. */
static int64_t receive_part(struct client *client, struct answer *answer, int64_t wait_ms,
                            int64_t *deadline_ns) {
    char *const to = answer->reply + answer->reply_size;
    const size_t room = REPLY_MAX - answer->reply_size;
    for (;;) { /* ends: at the deadline, which moves only while the daemon answers */
        const int64_t left_ms = (*deadline_ns - system_now_ns()) / MS_NS;
        if (left_ms <= 0) return ERR_TIMED_OUT;
        const int64_t part_ms = left_ms < ASK_REPLY_MS ? left_ms : ASK_REPLY_MS;
        const int64_t got = client_receive(client, to, room, (uint32_t)part_ms);
        if (got != ERR_TIMED_OUT || wait_ms == ASK_REPLY_MS) return got;
        const int error = probe(answer);
        answer->answers = error == 0 || error == ERR_REFUSED;
        if (!answer->answers) return ERR_TIMED_OUT;
        if (error == 0 && wait_ms == ASK_WHILE_IT_ANSWERS)
            *deadline_ns = system_now_ns() + END_MS * MS_NS;
    }
}

/* Reads until the daemon closes the connection. 0 or an ERR_. */
static int read_reply(struct client *client, struct answer *answer, int64_t wait_ms) {
    int64_t deadline_ns =
        system_now_ns() + (wait_ms == ASK_WHILE_IT_ANSWERS ? END_MS : wait_ms) * MS_NS;
    answer->reply = allocate(REPLY_MAX + 1);
    answer->reply_size = 0;
    for (;;) { /* ends: at the deadline, when the reply is too long, or at its end */
        if (answer->reply_size == REPLY_MAX) return ERR_TOO_LARGE;
        const int64_t got = receive_part(client, answer, wait_ms, &deadline_ns);
        if (got < 0) return (int)got;
        if (got == 0) break;
        answer->reply_size += (size_t)got;
    }
    answer->reply[answer->reply_size] = '\0';
    return 0;
}
static bool reply_is_ok(const struct answer *answer) {
    const char *ok = strstr(answer->reply, "\"ok\"");
    if (ok == NULL) return false;
    ok += strcspn(ok, ":");
    ok += strspn(ok, ": ");
    return strncmp(ok, "true", 4) == 0;
}

static int ask(struct answer *answer, const char *question, int64_t wait_ms) {
    struct client client;
    int status = send_question(answer, question, &client);
    if (status < 0) return status;
    status = read_reply(&client, answer, wait_ms);
    client_close(&client);
    return status;
}

static void say_why_not(const struct answer *answer, const char *command, int status) {
    const char *dir = answer->dir, *where = answer->where;
    if (status != ERR_TIMED_OUT)
        say("%s: the daemon on %s (%s): %s", command, dir, where, error_text(status));
    else if (answer->answers)
        say("%s: the daemon on %s (%s) is still at work on it; it continues", command, dir, where);
    else
        say("%s: the daemon on %s (%s) does not answer; it may hang: see its messages, or end its "
            "process",
            command, dir, where);
}

int ask_daemon(struct files *files, const char *command, const char *dir, const char *question,
               int64_t wait_ms, struct answer *answer) {
    char error[ERROR_MAX];
    memset(answer, 0, sizeof *answer);
    answer->dir = dir;
    const int code = read_run_file(files, answer);
    if (code != 0) return code;
    const int status = ask(answer, question, wait_ms);
    if (status == ERR_REFUSED) return no_daemon(answer);
    if (status < 0) {
        say_why_not(answer, command, status);
        return EXIT_ERROR;
    }
    if (answer->reply_size == 0) {
        say("%s: the daemon on %s closed the connection without an answer", command, dir);
        return EXIT_ERROR;
    }
    if (reply_is_ok(answer)) return 0;
    if (!answer_text(answer->reply, "error", error, sizeof error))
        snprintf(error, sizeof error, "the program at %s is not logportd", answer->where);
    say("%s: %s", command, error);
    return EXIT_ERROR;
}
