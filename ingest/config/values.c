/* values.c - see values.h. */
#include "ingest/config/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/config.h"
#include "ingest/config/forward_files.h"
#include "ingest/config/http_files.h"
#include "ingest/config/schedule.h"
#include "ingest/config/unix_sockets.h"
#include "port/error.h"
#include "schema/record/forward.h"
#include "writer/keep/handover.h"
#include "writer/live/stamp.h"

#define DIR_BYTES_MAX 3000

int config_stream_check(const char *name, char *problem) {
    if (stream_names_alike(name, STREAM_REJECTS)) {
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%s\" is reserved for rejected lines; another name was expected", name);
        return ERR_INVALID;
    }
    if (stream_name_valid(name)) return 0;
    snprintf(
        problem, CONFIG_PROBLEM_MAX,
        "\"%.80s\" is not a valid stream name: up to %d letters, digits, '_', '.' and '-' were "
        "expected, not beginning with '.' or '-', not ending with '.', and no name reserved by "
        "Windows or the daemon (con, nul, com1, ..., state)",
        name, STREAM_NAME_MAX);
    return ERR_INVALID;
}

static int check_address(const struct host *host, const char *text, char *problem) {
    struct port_address address;
    const int result = config_address(host, text, &address);
    if (!result) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.128s\" is not an address to listen on (%s; try 127.0.0.1:5170 or [::1]:5170)",
             text, error_text(result));
    return ERR_INVALID;
}

static int check_scale(const char *text, char *problem) {
    enum level_scale scale;
    if (level_scale_parse(text, &scale) == 0) return 0;
    snprintf(
        problem, CONFIG_PROBLEM_MAX,
        "\"%.64s\" is not a level scale: usual, pino, python, syslog, logback, opentelemetry or "
        "monolog was expected",
        text);
    return ERR_INVALID;
}

int config_bad_keys(char *problem, size_t size) {
    snprintf(problem, size,
             "up to %d keys of up to %d bytes, separated by commas, were expected (time_keys and "
             "level_keys together)",
             JSON_NAMES_MAX, JSON_NAME_BYTES_MAX);
    return ERR_INVALID;
}

static int check_keys(const char *text, char *problem) {
    struct facts_rules rules;
    const struct facts_settings settings = {.time_keys = text, .level_keys = "none"};
    if (facts_rules_set(&settings, &rules) == 0) return 0;
    return config_bad_keys(problem, CONFIG_PROBLEM_MAX);
}

static int check_level_names(const char *text, char *problem) {
    struct level_names names;
    if (level_names_parse(text, &names) == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "up to %d names of up to %d bytes, each with a level, were expected: "
             "\"eror=error,http=info\"",
             LEVEL_NAMES_MAX, LEVEL_NAME_BYTES_MAX);
    return ERR_INVALID;
}

static int check_mode(const char *text, char *problem) {
    if (strcmp(text, "enforce") == 0 || strcmp(text, "monitor") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither enforce nor monitor", text);
    return ERR_INVALID;
}

static int check_protocol(const char *text, char *problem) {
    if (protocol_find(text)) return 0;
    const bool in_all = strcmp(text, "syslog") == 0 || strcmp(text, "gelf") == 0;
    if (in_all)
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "%s is received with every protocol; leave it auto, or set what separates the "
                 "records: " PROTOCOL_NAMES,
                 text);
    else
        snprintf(problem, CONFIG_PROBLEM_MAX,
                 "\"%.64s\" is not a protocol: " PROTOCOL_NAMES " was expected", text);
    return ERR_INVALID;
}

static int check_ack(const char *text, char *problem) {
    if (strcmp(text, "written") == 0 || strcmp(text, "synced") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither written nor synced", text);
    return ERR_INVALID;
}

static int check_text(const char *text, char *problem) {
    if (strcmp(text, "reject") == 0 || strcmp(text, "wrap") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither reject nor wrap", text);
    return ERR_INVALID;
}

static int check_forward_time_key(const char *text, char *problem) {
    const size_t size = strlen(text);
    bool plain = size > 0 && size <= FORWARD_TIME_KEY_MAX;
    for (size_t i = 0; i < size && plain; i++)
        plain = text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\';
    /* Members of the names that are added get underscores: neither may become the other. */
    if (plain && strcmp(text + strspn(text, "_"), "tag") != 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.64s\": a name of 1 to %d characters of ASCII without \" and \\ was expected, and "
             "not tag or " FORWARD_TAG_KEY,
             text, FORWARD_TIME_KEY_MAX);
    return ERR_INVALID;
}

static int check_stamp(const char *text, char *problem) {
    uint32_t stamps;
    if (stamp_parse(text, &stamps) == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.64s\": received, peer, listener and seq, separated by commas, or all or none was "
             "expected",
             text);
    return ERR_INVALID;
}

static int check_truth(const char *text, char *problem) {
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is not true or false", text);
    return ERR_INVALID;
}

static int check_client_certificate(const char *text, char *problem) {
    if (strcmp(text, "required") == 0 || strcmp(text, "optional") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither required nor optional", text);
    return ERR_INVALID;
}

static int check_client_name(const char *text, char *problem) {
    if (text[0] != '\0' && strlen(text) < TLS_NAME_MAX) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a name of up to %d bytes was expected",
             TLS_NAME_MAX - 1);
    return ERR_INVALID;
}

static int check_allow(const char *text, char *problem) {
    struct cidr range;
    if (strcmp(text, "all") == 0) return 0;
    return cidr_parse(text, &range, problem, CONFIG_PROBLEM_MAX);
}

/* Of deny and proxy. */
static int check_addresses(const char *text, char *problem) {
    struct cidr range;
    if (strcmp(text, "none") == 0) return 0;
    return cidr_parse(text, &range, problem, CONFIG_PROBLEM_MAX);
}

static int check_file(const char *text, char *problem) {
    if (text[0] != '\0') return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a file name was expected");
    return ERR_INVALID;
}

/* Its name is stored in the manifest and in a list with one name per line. */
static int check_archive(const char *text, char *problem) {
    const size_t size = strlen(text);
    bool valid = size > 0 && size <= DIR_BYTES_MAX && utf8_valid((const uint8_t *)text, size);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] < ' ') valid = false;
    if (valid) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "a directory name (UTF-8, without control characters) or none was expected");
    return ERR_INVALID;
}

static int check_command(const char *text, char *problem) {
    if (handover_word_valid(text)) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.128s\": unknown placeholder; {path}, {stream}, {name} or {sequence} was expected",
             text);
    return ERR_INVALID;
}

/* LZ4 HC treats 1 and 2 as 3. */
static int check_level(const char *text, char *problem) {
    const uint64_t level = strtoull(text, NULL, 10);
    if (level == 0 || level >= 3) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "%.64s is not a level: 3 to 12, or 0, was expected",
             text);
    return ERR_INVALID;
}

static int check_then(const char *text, char *problem) {
    if (strcmp(text, "keep") == 0 || strcmp(text, "delete") == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "\"%.64s\" is neither keep nor delete", text);
    return ERR_INVALID;
}

static int check_directory(const char *text, char *problem) {
    if (text[0] != '\0' && strlen(text) <= DIR_BYTES_MAX) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX, "a directory name was expected");
    return ERR_INVALID;
}

static bool is_address(const char *name) {
    return strcmp(name, "address") == 0 || strcmp(name, "tcp") == 0 || strcmp(name, "udp") == 0 ||
           strcmp(name, "http") == 0;
}

int config_value_check(const struct host *host, const char *name, const char *text, char *problem) {
    static const struct {
        const char *name;
        int (*check)(const char *text, char *problem);
    } checks[] = {
        {"tokens", config_token_check},
        {"forward_shared_key", config_forward_key_check},
        {"forward_users", config_forward_user_check},
        {"forward_hostname", config_forward_hostname_check},
        {"hosts", config_host_name_check},
        {"rotate", config_schedule_check},
        {"rotate_zone", config_zone_check},
        {"zone", config_zone_check},
        {"level_names", check_level_names},
        {"zone_folder", check_directory},
        {"level_scale", check_scale},
        {"time_keys", check_keys},
        {"level_keys", check_keys},
        {"dir", check_directory},
        {"archive_dir", check_archive},
        {"archive_command", check_command},
        {"archive_command_then", check_then},
        {"archive_level", check_level},
        {"schema", check_file},
        {"certificate", check_file},
        {"key", check_file},
        {"clients", check_file},
        {"revoked", check_file},
        {"client_names", check_client_name},
        {"client_certificate", check_client_certificate},
        {"required", check_truth},
        {"schema_mode", check_mode},
        {"formats", check_truth},
        {"ijson", check_truth},
        {"protocol", check_protocol},
        {"ack", check_ack},
        {"syslog_fields", check_truth},
        {"text", check_text},
        {"forward_time_key", check_forward_time_key},
        {"stamp", check_stamp},
        {"allow", check_allow},
        {"deny", check_addresses},
        {"proxy", check_addresses},
        {"stream", config_stream_check},
        {"unix_stream", config_unix_path_check},
        {"unix_datagram", config_unix_path_check},
        {"mode", config_unix_mode_check},
    };
    if (strcmp(name, "owner") == 0) return config_unix_owner_check(host, text, problem);
    if (is_address(name)) return check_address(host, text, problem);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (strcmp(checks[i].name, name) == 0) return checks[i].check(text, problem);
    return 0;
}

int config_address(const struct host *host, const char *text, struct port_address *address) {
    char whole[32];
    if (text[0] == ':') text++;
    if (text[0] && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 5) {
        snprintf(whole, sizeof whole, "127.0.0.1:%s", text);
        text = whole;
    }
    return host->resolve(text, address);
}
