/* ask.c - see ask.h. */
#include "tools/commands/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/client.h"
#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/query/allocate.h"

#define RUN_FILE_MAX 4096
#define REPLY_MAX    (256u << 10)
#define ERROR_MAX    2048

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
    say("no daemon is running on %s; start it, or give the directory of a running one",
        answer->dir);
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

/* Reads until the daemon closes the connection. 0 or an ERR_. */
static int read_reply(struct client *client, struct answer *answer, int64_t wait_ms) {
    const int64_t deadline_ns = system_now_ns() + wait_ms * 1000000;
    answer->reply = allocate(REPLY_MAX + 1);
    answer->reply_size = 0;
    for (;;) { /* ends: at the deadline, when the reply is too long, or at its end */
        const int64_t left_ns = deadline_ns - system_now_ns();
        if (left_ns <= 0) return ERR_TIMED_OUT;
        if (answer->reply_size == REPLY_MAX) return ERR_TOO_LARGE;
        const int64_t got =
            client_receive(client, answer->reply + answer->reply_size,
                           REPLY_MAX - answer->reply_size, (uint32_t)(left_ns / 1000000 + 1));
        if (got < 0) return (int)got;
        if (got == 0) break;
        answer->reply_size += (size_t)got;
    }
    answer->reply[answer->reply_size] = '\0';
    return 0;
}

static int ask(struct answer *answer, const char *question, int64_t wait_ms) {
    struct port_address address;
    struct client client;
    char line[ASK_TOKEN_BYTES + 32];
    int status = address_parse(answer->where, &address);
    if (status < 0) return status;
    status = client_connect(&address, &client);
    if (status < 0) return status;
    snprintf(line, sizeof line, "%s %s\n", answer->token, question);
    status = client_send(&client, line, strlen(line));
    if (status == 0) status = read_reply(&client, answer, wait_ms);
    client_close(&client);
    return status;
}

static bool reply_is_ok(const struct answer *answer) {
    const char *ok = strstr(answer->reply, "\"ok\"");
    if (ok == NULL) return false;
    ok += strcspn(ok, ":");
    ok += strspn(ok, ": ");
    return strncmp(ok, "true", 4) == 0;
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
        say("%s: the daemon on %s (%s): %s", command, dir, answer->where, error_text(status));
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
