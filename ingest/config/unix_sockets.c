/* unix_sockets.c - see unix_sockets.h. */
#include "ingest/config/unix_sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/json.h"

/* The path is part of JSON texts and, between spaces, of the ready line, where it is written as it
 * is. */
static bool is_printable(const char *text) {
    const size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] <= ' ' || text[i] == '"' || text[i] == '\\' || text[i] == 0x7F)
            return false;
    return utf8_valid((const uint8_t *)text, size);
}

int config_unix_path_check(const char *text, char *problem) {
    const int error = unix_path_check(text);
    if (error == ERR_NAME_TOO_LONG)
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%.128s\" is too long for a Unix socket: a path of up to %d bytes was expected",
                 text, UNIX_PATH_BYTES_MAX);
    else if (error == ERR_UNSUPPORTED)
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%.128s\": this system has no abstract sockets; a path was expected", text);
    else if (error || !is_printable(text))
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "the path of a Unix socket, in UTF-8 and without spaces, quotation marks, "
                 "backslashes and control characters, was expected (/run/logport/stream.sock)");
    else
        return 0;
    return ERR_INVALID;
}

int config_unix_mode_check(const char *text, char *problem) {
    const bool digits = strlen(text) == 4 && strspn(text, "01234567") == 4;
    if (!unix_has_owners())
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "sockets have no mode on this system; the permissions of the directory decide");
    else if (!digits || text[0] != '0')
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%.64s\" is not a mode: a text of four octal digits was expected (\"0660\")",
                 text);
    else
        return 0;
    return ERR_INVALID;
}

static int find_owner(const struct host *host, const char *text, uint32_t *user, uint32_t *group,
                      char *problem) {
    int error = unix_has_owners() ? host->owner_find(text, user, group) : ERR_UNSUPPORTED;
    if (error == ERR_UNSUPPORTED)
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "sockets have no owner on this system; the permissions of the directory decide");
    else if (error == ERR_NOT_FOUND)
        snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.128s\": no such user or group", text);
    else if (error)
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%.128s\" is not an owner (%s): USER, USER:GROUP or :GROUP was expected", text,
                 error_text(error));
    return error ? ERR_INVALID : 0;
}

int config_unix_owner_check(const struct host *host, const char *text, char *problem) {
    uint32_t user, group;
    return find_owner(host, text, &user, &group, problem);
}

static int refuse_list(const char *key, const struct option_list *list, const char **wrong,
                       char *error) {
    if (list->count == 0) return 0;
    *wrong = list->texts[0];
    snprintf(
        error, CONFIG_ERROR_MAX,
        "%s: the peers of a Unix socket have no addresses; its mode and owner decide who may send",
        key);
    return ERR_INVALID;
}

static int refuse(const char *key, const char *text, const char **wrong, char *error) {
    *wrong = text;
    snprintf(error, CONFIG_ERROR_MAX,
             "%s: only a Unix socket that has a path (unix_stream, unix_datagram) can have it",
             key);
    return ERR_INVALID;
}

int config_unix_resolve(const struct host *host, struct listener_config *listener,
                        const char **wrong, char *error) {
    const struct listener_keys *keys = &listener->keys;
    const bool has_file = listener_is_unix(listener->kind) && !unix_path_is_abstract(keys->address);
    char problem[CONFIG_PROBLEM_MAX];
    if (keys->mode && !has_file) return refuse("mode", keys->mode, wrong, error);
    if (keys->owner && !has_file) return refuse("owner", keys->owner, wrong, error);
    if (listener_is_unix(listener->kind) && (refuse_list("allow", &keys->allow, wrong, error) ||
                                             refuse_list("deny", &keys->deny, wrong, error) ||
                                             refuse_list("proxy", &keys->proxy, wrong, error)))
        return ERR_INVALID;
    listener->place = (struct unix_place){.path = keys->address,
                                          .mode = UNIX_MODE_PRESET,
                                          .user = UNIX_UNCHANGED,
                                          .group = UNIX_UNCHANGED};
    if (keys->mode) listener->place.mode = (uint32_t)strtoul(keys->mode, NULL, 8);
    if (!keys->owner) return 0;
    if (find_owner(host, keys->owner, &listener->place.user, &listener->place.group, problem) == 0)
        return 0;
    *wrong = keys->owner;
    snprintf(error, CONFIG_ERROR_MAX, "owner: %s", problem);
    return ERR_INVALID;
}
