/* control.c - status, rotate, reload and stop: asks the daemon whose directory
 * this is.  It names its control port and a secret in <dir>/logportd.run; a
 * question is one line with the secret first, the answer one line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/command.h"
#include "tools/pretty.h"

#define RUN_FILE_MAX 4096
#define TOKEN_BYTES  64
#define REPLY_MAX    (256u << 10)
#define ERROR_MAX    2048
#define REPLY_MS     10000
/* A reload may compile large schemas, and waits for its turn on a busy disk. */
#define RELOAD_MS    60000
/* The daemon's own limits on stopping are settings; this is for one that hangs. */
#define STOP_MS      600000

struct control_settings {
    struct common_settings common;
    const char *dir;
};

struct control {
    const char *dir;
    char where[ADDRESS_TEXT_MAX];
    char token[TOKEN_BYTES + 1];
    char *reply;
    size_t reply_size;
};

/* The text of "name":"…" in an object that our own daemon wrote: of escapes it writes \", \\ and
 * those of control characters, which become spaces. */
static bool text_of(const char *object, const char *name, char *text, size_t size) {
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

static int no_daemon(const struct control *control) {
    say("no daemon runs on %s", control->dir);
    return EXIT_TROUBLE;
}

/* 0, or the exit code, after saying why. */
static int read_run_file(struct files *files, struct control *control) {
    char *path = allocate(strlen(control->dir) + sizeof "/logportd.run");
    char *text = NULL;
    size_t size;
    sprintf(path, "%s/logportd.run", control->dir);
    const int status = file_read_all(files, path, RUN_FILE_MAX, &text, &size);
    int code = 0;
    if (status == ERR_NOT_FOUND || status == ERR_NOT_DIRECTORY) {
        code = no_daemon(control);
    } else if (status < 0) {
        say("%s: %s", path, error_text(status));
        code = EXIT_TROUBLE;
    } else if (!text_of(text, "control", control->where, sizeof control->where) ||
               !text_of(text, "token", control->token, sizeof control->token)) {
        say("%s: does not say where the daemon listens", path);
        code = EXIT_TROUBLE;
    }
    free(text);
    free(path);
    return code;
}

/* Reads until the daemon closes.  0, or an ERR_. */
static int read_reply(struct client *client, struct control *control, int64_t wait_ms) {
    const int64_t deadline_ns = system_now_ns() + wait_ms * 1000000;
    control->reply = allocate(REPLY_MAX + 1);
    control->reply_size = 0;
    for (;;) { /* ends: at the deadline, when the reply is too long, or at its end */
        const int64_t left_ns = deadline_ns - system_now_ns();
        if (left_ns <= 0) return ERR_TIMED_OUT;
        if (control->reply_size == REPLY_MAX) return ERR_TOO_LARGE;
        const int64_t got =
            client_receive(client, control->reply + control->reply_size,
                           REPLY_MAX - control->reply_size, (uint32_t)(left_ns / 1000000 + 1));
        if (got < 0) return (int)got;
        if (got == 0) break;
        control->reply_size += (size_t)got;
    }
    control->reply[control->reply_size] = '\0';
    return 0;
}

static int ask(struct control *control, const char *question, int64_t wait_ms) {
    struct port_address address;
    struct client client;
    char line[TOKEN_BYTES + 32];
    int status = address_parse(control->where, &address);
    if (status < 0) return status;
    status = client_connect(&address, &client);
    if (status < 0) return status;
    snprintf(line, sizeof line, "%s %s\n", control->token, question);
    status = client_send(&client, line, strlen(line));
    if (status == 0) status = read_reply(&client, control, wait_ms);
    client_close(&client);
    return status;
}

static bool reply_is_ok(const struct control *control) {
    const char *ok = strstr(control->reply, "\"ok\"");
    if (ok == NULL) return false;
    ok += strcspn(ok, ":");
    ok += strspn(ok, ": ");
    return strncmp(ok, "true", 4) == 0;
}

/* Asks, and says what went wrong.  0, or the exit code; the reply is in control. */
static int control_ask(struct call *call, struct control *control, const char *question,
                       int64_t wait_ms) {
    const struct control_settings *settings = call->settings;
    char error[ERROR_MAX];
    memset(control, 0, sizeof *control);
    control->dir = settings->dir != NULL ? settings->dir : default_directory();
    if (call->words > 1 || (call->words == 1 && settings->dir != NULL)) {
        say("%s: one directory is all it takes (logport %s --help)", question, question);
        return EXIT_TROUBLE;
    }
    if (call->words == 1) control->dir = call->word[0];
    const int code = read_run_file(call->files, control);
    if (code != 0) return code;
    const int status = ask(control, question, wait_ms);
    if (status == ERR_REFUSED) return no_daemon(control);
    if (status < 0) {
        say("%s: the daemon on %s (%s): %s", question, control->dir, control->where,
            error_text(status));
        return EXIT_TROUBLE;
    }
    if (control->reply_size == 0) {
        say("%s: the daemon on %s ended without an answer", question, control->dir);
        return EXIT_TROUBLE;
    }
    if (reply_is_ok(control)) return 0;
    if (!text_of(control->reply, "error", error, sizeof error))
        snprintf(error, sizeof error, "what answers at %s is no logportd", control->where);
    say("%s: %s", question, error);
    return EXIT_TROUBLE;
}

static int quietly(struct call *call, const char *question, int64_t wait_ms) {
    struct control control;
    const int code = control_ask(call, &control, question, wait_ms);
    free(control.reply);
    return code;
}

static int stop_run(struct call *call) {
    return quietly(call, "stop", STOP_MS);
}

static int rotate_run(struct call *call) {
    return quietly(call, "rotate", REPLY_MS);
}

static int reload_run(struct call *call) {
    struct control control;
    char note[ERROR_MAX];
    const int code = control_ask(call, &control, "reload", RELOAD_MS);
    if (code == 0 && text_of(control.reply, "note", note, sizeof note)) say("reload: %s", note);
    free(control.reply);
    return code;
}

static int status_run(struct call *call) {
    static const char ok[] = "{\"ok\":true,";
    struct control control;
    const int code = control_ask(call, &control, "status", REPLY_MS);
    if (code == 0) {
        char *text = control.reply;
        /* That it went well is the exit code's to say. */
        if (strncmp(text, ok, sizeof ok - 1) == 0) {
            text += sizeof ok - 2;
            *text = '{';
        }
        const size_t size = strcspn(text, "\r\n");
        if (call->out->terminal)
            print_pretty(call->out, text, size);
        else
            output_bytes(call->out, text, size);
        output_text(call->out, "\n");
    }
    free(control.reply);
    return code;
}

static const struct option options[] = {
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = offsetof(struct control_settings, dir),
     .value = "DIR",
     .help = "the daemon's directory, as DIR is; without it $LOGPORT_DIR, else ./logs"},
    HELP_OPTION,
};

const struct command status_command = {
    .name = "status",
    .usage = "[DIR]",
    .summary = "Print the running daemon's counters.",
    .more = "One line of JSON; on a terminal, a line a counter.\n"
            "Exit code: 0, or 2 when no daemon answers.\n"
            "\n"
            "Example:\n"
            "  logport status | jq .received\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = status_run,
};

const struct command rotate_command = {
    .name = "rotate",
    .usage = "[DIR]",
    .summary = "Close the present segment; the next record begins a new one.",
    .more = "Exit code: 0, or 2 when no daemon answers.\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = rotate_run,
};

const struct command reload_command = {
    .name = "reload",
    .usage = "[DIR]",
    .summary = "Make the daemon read its configuration file again.",
    .more = "It reads all of it first. If anything is wrong with it, the one in force stays, and\n"
            "what is wrong is said, with file, line and column. Listeners that are in both stay\n"
            "open, with their connections; new ones are opened; those that are gone take what has\n"
            "come for them, for at most drain_ms, and are closed. dir, connections_max,\n"
            "line_bytes_max and buffer_bytes_max change at a start only, which is said.\n"
            "receive_bytes holds for listeners opened from then on.\n"
            "Exit code: 0 when it is in force, or 2.\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = reload_run,
};

const struct command stop_command = {
    .name = "stop",
    .usage = "[DIR]",
    .summary = "Stop the daemon, and wait until it has stored what it has received.",
    .more = "Exit code: 0, or 2 when no daemon answers.\n",
    .options = options,
    .settings_size = sizeof(struct control_settings),
    .run = stop_run,
};
