/* replay.c - sends quarantined records to a daemon again, after the sender or the schema was
 * corrected.
 *
 * Records received after the start are skipped: a record that is rejected again enters the
 * quarantine that is being read.  The quarantine itself is not changed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/record/facts.h"
#include "schema/record/forward.h"
#include "tools/commands/command.h"
#include "tools/commands/sender.h"
#include "tools/commands/targets.h"
#include "tools/query/allocate.h"
#include "tools/query/fields.h"
#include "tools/query/query.h"
#include "tools/query/read.h"
#include "writer/live/quarantine.h"

#define REJECTS       "rejects"
/* The longest record that is sent; the daemon keeps at most QUARANTINE_KEEP_MAX of one. */
#define RECORD_MAX    TARGET_RECORD_MAX
/* This many records that cannot be sent are reported one by one. */
#define REPORTS_MAX   20
#define TIME_TEXT_MAX 40

struct replay_settings {
    struct common_settings common;
    const char *tcp, *udp;
    bool print;
    uint64_t rate;
    struct query_settings query; /* only since, until and where */
    struct option_list reasons;
};

struct replay {
    const struct replay_settings *settings;
    struct output *out;
    struct frame_scan scan;
    struct query_settings conditions;
    struct query query;
    struct query_state state;
    int64_t since_ns, until_ns;
    struct targets targets;
    uint8_t *record;
    uint64_t printed, unsendable; /* unsendable: cannot be sent */
    int status;                   /* of the connections */
};

/* ---- a record of quarantine ---- */

static bool string_at(const struct value *root, const char *name, struct value *value) {
    return value_find(root, name, strlen(name), value) && value->kind == VALUE_STRING;
}

/* Reads a short string without escapes; quarantine writes only such values itself. */
static bool short_text(const struct value *root, const char *name, char *text, size_t size) {
    struct value value;
    if (!string_at(root, name, &value)) return false;
    const size_t length = (size_t)(value.end - value.begin) - 2;
    if (length >= size) return false;
    memcpy(text, value.begin + 1, length);
    text[length] = '\0';
    return true;
}

static bool number_at(const struct value *root, const char *name, uint64_t *number) {
    struct value value;
    if (!value_find(root, name, strlen(name), &value) || value.kind != VALUE_NUMBER) return false;
    *number = 0;
    for (const uint8_t *p = value.begin; p < value.end; p++) {
        if (*p < '0' || *p > '9' || *number > UINT64_MAX / 10 - 1) return false;
        *number = *number * 10 + (uint64_t)(*p - '0');
    }
    return true;
}

static bool decode_string(const struct value *value, uint8_t *out, size_t *size) {
    const uint8_t *p = value->begin + 1, *const end = value->end - 1;
    *size = 0;
    while (p < end) {
        if (*size + 4 > RECORD_MAX) return false;
        *size += string_decode(&p, end, out + *size);
    }
    return true;
}

static int base64_digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool decode_base64(const struct value *value, uint8_t *out, size_t *size) {
    const uint8_t *p = value->begin + 1, *end = value->end - 1;
    uint32_t bits = 0, held = 0;
    while (end > p && end[-1] == '=')
        end--;
    *size = 0;
    for (; p < end; p++) {
        const int digit = base64_digit(*p);
        if (digit < 0 || *size == RECORD_MAX) return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out[(*size)++] = (uint8_t)(bits >> held);
    }
    return true;
}

static bool wanted_reason(const struct option_list *reasons, const char *reason) {
    for (uint32_t i = 0; i < reasons->count; i++)
        if (strcmp(reasons->texts[i], reason) == 0) return true;
    return reasons->count == 0;
}

static void report_unsendable(struct replay *replay, const char *received, const char *why) {
    if (replay->unsendable++ >= REPORTS_MAX) return;
    progress_clear(replay->scan.progress);
    say("replay: %s: cannot send the record received %s: %s", replay->scan.segment->path, received,
        why);
    if (replay->unsendable == REPORTS_MAX)
        say("replay: more of these are counted but not reported");
}

/* A record may be too long for a datagram. */
static void replay_record(struct replay *replay, const struct value *root, const char *received,
                          size_t size) {
    char listener[sizeof replay->targets.target->name] = "";
    if (replay->settings->print) {
        output_records(replay->out, replay->record, size);
        output_text(replay->out, "\n");
        replay->printed++;
        return;
    }
    short_text(root, "listener", listener, sizeof listener);
    struct replay_target *target = targets_find(&replay->targets, listener);
    int status = ERR_TOO_LARGE;
    if (!target->datagrams || target->unix_socket || size <= DATAGRAM_MAX)
        status = targets_send(&replay->targets, target, replay->record, size);
    if (status == ERR_TOO_LARGE && target->status == 0)
        report_unsendable(replay, received, "it does not fit into a datagram");
    else
        replay->status = status;
}

/* As MessagePack; JSON of an entry is a line as any other.  No text in UTF-8 begins so. */
static bool is_forward_entry(const uint8_t *record, size_t size) {
    return size > 0 && (record[0] == FORWARD_ENTRY || record[0] == FORWARD_ENTRY - 1);
}

static void replay_line(struct replay *replay, const uint8_t *line, size_t size) {
    const struct value root = value_of(line, line + size);
    struct value raw;
    char received[TIME_TEXT_MAX] = "at an unknown time", reason[32] = "", why[96];
    int64_t received_ns = 0;
    uint64_t bytes = 0;
    size_t kept = 0;
    const bool dated = short_text(&root, "received", received, sizeof received) &&
                       time_parse(received, strlen(received), &received_ns) == 0;
    if (dated && (received_ns < replay->since_ns || received_ns >= replay->until_ns)) return;
    short_text(&root, "reason", reason, sizeof reason);
    if (!wanted_reason(&replay->settings->reasons, reason)) return;
    replay->state.stream = replay->scan.segment->name.stream;
    if (!query_matches(&replay->query, &replay->state, line, size)) return;
    const bool whole =
        (string_at(&root, "raw", &raw) && decode_string(&raw, replay->record, &kept)) ||
        (string_at(&root, "raw_base64", &raw) && decode_base64(&raw, replay->record, &kept));
    if (!dated || !whole || !number_at(&root, "bytes", &bytes)) {
        report_unsendable(replay, received, "it is not a quarantine entry");
    } else if (kept < bytes) {
        snprintf(why, sizeof why, "quarantine kept only %zu of its %" PRIu64 " bytes (%s)", kept,
                 bytes, reason);
        report_unsendable(replay, received, why);
    } else if (is_forward_entry(replay->record, kept)) {
        report_unsendable(replay, received, "it is an entry of the forward protocol, not a line");
    } else {
        replay_record(replay, &root, received, kept);
    }
}

static void replay_lines(struct replay *replay) {
    struct frame_scan *scan = &replay->scan;
    while (replay->status == 0 && !output_failed(replay->out) && frame_scan_next(scan)) {
        if (strcmp(scan->segment->name.stream, REJECTS) != 0) continue;
        const uint8_t *p = scan->reader.raw, *const end = p + scan->reader.raw_size;
        for (const uint8_t *next; p < end && replay->status == 0; p = next) {
            next = line_end(p, end);
            const size_t size = (size_t)(next - p) - (next[-1] == '\n');
            if (size > 0) replay_line(replay, p, size);
        }
    }
}

/* ---- the command ---- */

/* The daemon's directory that contains this path, which may be the directory itself, a stream or a
 * segment; free() it. */
static char *daemon_directory_of(struct files *files, const char *path) {
    char *directory = copy_text(path, strlen(path));
    for (int level = 0; level <= 2; level++) {
        struct file_status status;
        char *run = allocate(strlen(directory) + sizeof "/logportd.run");
        sprintf(run, "%s/logportd.run", directory);
        const bool there = file_status_of(files, run, &status) == 0;
        free(run);
        if (there) return directory;
        size_t size = strlen(directory);
        while (size > 0 && path_name(directory + size - 1) == directory + size)
            directory[--size] = '\0'; /* trailing separators */
        directory[path_name(directory) - directory] = '\0';
        if (directory[0] == '\0') memcpy(directory, ".", 2);
    }
    free(directory);
    return copy_text(path, strlen(path));
}

/* Finds the daemon of the paths; all must belong to the same one. */
static int find_daemon(struct replay *replay, const struct read_request *paths) {
    char *directory = daemon_directory_of(paths->files, paths->paths[0]);
    int status = 0;
    for (int i = 1; i < paths->path_count && status == 0; i++) {
        char *other = daemon_directory_of(paths->files, paths->paths[i]);
        if (strcmp(directory, other) != 0) status = ERR_INVALID;
        free(other);
    }
    if (status == 0)
        status = targets_from_daemon(&replay->targets, paths->files, directory);
    else
        say("replay: the PATHs belong to different daemons; choose one with --tcp or --udp "
            "HOST:PORT");
    free(directory);
    return status;
}

static int find_targets(struct replay *replay, const struct read_request *paths) {
    const struct replay_settings *settings = replay->settings;
    replay->targets.rate = settings->rate;
    if (settings->print) return 0;
    if (!settings->tcp && !settings->udp) return find_daemon(replay, paths);
    return targets_use_address(&replay->targets, settings->udp ? settings->udp : settings->tcp,
                               settings->udp != NULL);
}

static void report_totals(struct replay *replay) {
    if (replay->settings->print) {
        say("replay: %" PRIu64 " records printed, %" PRIu64 " cannot be sent", replay->printed,
            replay->unsendable);
        return;
    }
    uint64_t sent = 0;
    const struct replay_target *target = targets_report(&replay->targets);
    for (uint32_t i = 0; i < replay->targets.count; i++)
        sent += replay->targets.target[i].sent;
    say("replay: %" PRIu64 " records sent%s%s%s, %" PRIu64 " cannot be sent", sent,
        target != NULL ? " to " : "", target != NULL ? target->where : "",
        target != NULL ? targets_how(target) : "", replay->unsendable);
}

/* For a daemon's directory, the path of its quarantine; otherwise the path itself. free() it. */
static char *rejects_of(struct files *files, const char *path) {
    struct segment_list list = {0};
    const size_t size = strlen(path);
    char *folder = allocate(size + sizeof "/" REJECTS);
    sprintf(folder, "%s/%s", path, REJECTS);
    const bool there = segment_list_add(files, folder, &list) == 0;
    segment_list_free(&list);
    if (there) return folder;
    free(folder);
    return copy_text(path, size);
}

static bool read_settings(struct replay *replay, int64_t now_ns) {
    const struct replay_settings *settings = replay->settings;
    replay->conditions.where = settings->query.where;
    const struct query_patterns any = {0};
    if (settings->tcp && settings->udp) {
        say("replay: --tcp and --udp cannot be combined (see logport replay --help)");
        return false;
    }
    for (uint32_t i = 0; i < settings->reasons.count; i++) {
        uint32_t reason = JSON_BLANK + 1;
        while (reason < REJECT_REASONS &&
               strcmp(reject_reason_name(reason), settings->reasons.texts[i]) != 0)
            reason++;
        if (reason < REJECT_REASONS) continue;
        say("replay: --reason: unknown reason \"%.60s\" (see the key reason in logport cat "
            "DIR/rejects)",
            settings->reasons.texts[i]);
        return false;
    }
    if (query_open(&replay->query, "replay", &replay->conditions, &any, now_ns) < 0) return false;
    const struct zone *zone = replay->query.zone;
    replay->since_ns = INT64_MIN;
    replay->until_ns = now_ns; /* do not read what this run produces */
    const char *bad = NULL;
    int64_t until_ns = now_ns;
    if (settings->query.since &&
        query_time(settings->query.since, now_ns, zone, &replay->since_ns) < 0)
        bad = settings->query.since;
    if (settings->query.until && query_time(settings->query.until, now_ns, zone, &until_ns) < 0)
        bad = settings->query.until;
    if (until_ns < now_ns) replay->until_ns = until_ns;
    if (bad == NULL) return true;
    say("replay: \"%.60s\" is not a time (" QUERY_TIME_HINT ")", bad);
    query_close(&replay->query);
    return false;
}

/* Reads and sends; returns the exit code. */
static int run(struct replay *replay, const struct read_request *paths) {
    if (find_targets(replay, paths) < 0) return EXIT_ERROR;
    replay->record = allocate(RECORD_MAX);
    frame_scan_open(&replay->scan, paths, !replay->settings->print);
    replay_lines(replay);
    const bool failed = replay->scan.failed;
    frame_scan_close(&replay->scan);
    const int status = targets_finish(&replay->targets);
    free(replay->record);
    if (status == 0) report_totals(replay);
    if (status < 0 || failed) return EXIT_ERROR;
    return replay->unsendable > 0 ? EXIT_NEGATIVE : EXIT_OK;
}

static int replay_run(struct call *call) {
    struct replay replay = {.settings = call->settings, .out = call->out};
    struct read_request paths = call->paths;
    if (!read_settings(&replay, system_wall_ns())) return EXIT_ERROR;
    if (query_state_open(&replay.state) < 0) {
        say("replay: %s", error_text(ERR_NO_MEMORY));
        query_close(&replay.query);
        return EXIT_ERROR;
    }
    char **folders = allocate((size_t)paths.path_count * sizeof *folders);
    for (int i = 0; i < paths.path_count; i++)
        folders[i] = rejects_of(call->files, paths.paths[i]);
    paths.paths = (const char *const *)folders;
    const int code = run(&replay, &paths);
    for (int i = 0; i < paths.path_count; i++)
        free(folders[i]);
    free(folders);
    query_state_close(&replay.state);
    query_close(&replay.query);
    return code;
}

#define AT(field) offsetof(struct replay_settings, field)

static const struct option options[] = {
    {.name = "tcp",
     .kind = OPTION_TEXT,
     .field = AT(tcp),
     .value = "HOST:PORT",
     .help = "Send to this address over TCP, not to the daemon of PATH."},
    {.name = "udp",
     .kind = OPTION_TEXT,
     .field = AT(udp),
     .value = "HOST:PORT",
     .help = "Send to this address over UDP, one record per datagram."},
    {.name = "since",
     .kind = OPTION_TEXT,
     .field = AT(query.since),
     .value = "TIME",
     .help = "Only records received from this time on: 10m (ago), today, '2026-11-24 15:00' (local "
             "time), 2026-11-24T07:30:00Z, or Unix time."},
    {.name = "until",
     .kind = OPTION_TEXT,
     .field = AT(query.until),
     .value = "TIME",
     .help = "Only records received before this time."},
    {.name = "reason",
     .kind = OPTION_LIST,
     .field = AT(reasons),
     .value = "REASON",
     .help = "Only records rejected for this reason: schema, truncated, not_object, … May be "
             "repeated."},
    {.name = "where",
     .kind = OPTION_TEXT,
     .field = AT(query.where),
     .value = "CONDITION",
     .help = "Only records whose entry in quarantine meets this condition: "
             "'schema.instance=\"/http/status\"'."},
    {.name = "rate",
     .kind = OPTION_COUNT,
     .field = AT(rate),
     .max = 100000000,
     .preset = "20000",
     .help = "Over UDP, send at most N datagrams per second. 0: no limit."},
    {.name = "print",
     .kind = OPTION_FLAG,
     .field = AT(print),
     .help = "Send nothing; print the records, one per line, so that they can be corrected."},
    HELP_OPTION,
};

const struct command replay_command = {
    .name = "replay",
    .usage = "[--tcp|--udp HOST:PORT] [OPTION…] [PATH…]",
    .summary = "Send quarantined records to the daemon again.",
    .more =
        "PATH is a daemon's directory, its stream rejects, or a segment of that stream. Records\n"
        "go to the daemon that runs on that directory, each to the listener that received it (or\n"
        "to the first one, if that listener no longer exists); --tcp or --udp sends them\n"
        "elsewhere. Records of which quarantine kept only the beginning cannot be sent and are\n"
        "reported. A record that is rejected again is quarantined again. Quarantine itself is\n"
        "not changed: a second replay sends the same records again.\n"
        "\n"
        "Exit code: 0 all selected records were sent, 1 some cannot be sent, 2 error.\n"
        "\n"
        "Examples:\n"
        "  logport replay --reason schema --since 1h\n"
        "  logport replay --print --reason bad_literal | sed 's/NaN/null/' |\n"
        "      logport send 127.0.0.1:5170\n",
    .options = options,
    .settings_size = sizeof(struct replay_settings),
    .run = replay_run,
};
