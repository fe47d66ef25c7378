/* retention.c - shows which closed segments retention rules select, and deletes them if no daemon
 * is running. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/read.h"
#include "port/error.h"
#include "port/system.h"
#include "schema/record/timestamp.h"
#include "tools/commands/command.h"
#include "tools/query/allocate.h"
#include "writer/keep/manifest.h"
#include "writer/keep/retention_files.h"

struct retention_settings {
    struct common_settings common;
    bool dry_run;
    const char *dir, *config, *archive, *stream;
    uint64_t age_s, bytes_max, count_max, free_min;
};

struct retention_run {
    struct call *call;
    const struct retention_settings *settings;
    struct config config;
    struct retention_folders folders;
    struct retention_rules rules;
    struct retention_stream streams[STREAMS_MAX + 1];
    struct manifest *manifest;
    struct retention *retention;
    int64_t now_ns;
};

/* ---- the rules ---- */

static bool read_config(struct retention_run *job) {
    char error[CONFIG_ERROR_MAX], program_name[] = "logportd", option[] = "--config";
    char *file = copy_text(job->settings->config, strlen(job->settings->config));
    char *words[] = {program_name, option, file, NULL};
    struct host host = host_of_system();
    host.files = job->call->files;
    const int status = config_read(&host, 3, words, &job->config, error);
    if (status < 0) say("%s", error);
    /* The configuration refers to `file`, which is freed here. */
    job->config.file = NULL;
    free(file);
    return status == 0;
}

/* A rule from the command line replaces the one in the file. */
static void override_rule(uint64_t *rule, uint64_t given) {
    if (given > 0) *rule = given;
}

/* The limits of --stream, in addition to those of the other streams. */
static struct retention_limits *limits_of_named(struct retention_run *job) {
    struct retention_rules *rules = &job->rules;
    for (uint32_t i = 0; i < rules->stream_count; i++)
        if (strcmp(rules->streams[i].name, job->settings->stream) == 0)
            return &rules->streams[i].limits;
    struct retention_stream *named = &rules->streams[rules->stream_count++];
    strcpy(named->name, job->settings->stream);
    return &named->limits;
}

static bool collect_rules(struct retention_run *job) {
    const struct retention_settings *s = job->settings;
    job->folders.directory = default_directory();
    if (s->config != NULL) {
        if (!read_config(job)) return false;
        job->rules = job->config.retention;
        for (uint32_t i = 0; i < job->rules.stream_count; i++)
            job->streams[i] = job->rules.streams[i];
        job->folders.directory = job->config.dir;
    }
    if (s->dir != NULL) job->folders.directory = s->dir;
    job->folders.archive = s->archive;
    job->rules.streams = job->streams;
    struct retention_limits *limits = &job->rules.all;
    if (s->stream != NULL) {
        if (!stream_name_valid(s->stream)) {
            say("--stream: \"%s\" is not a valid stream name", s->stream);
            return false;
        }
        limits = limits_of_named(job);
    }
    override_rule(&limits->age_s, s->age_s);
    override_rule(&limits->bytes_max, s->bytes_max);
    override_rule(&limits->count_max, s->count_max);
    override_rule(&job->rules.free_min, s->free_min);
    if (retention_wanted(&job->rules)) return true;
    if (s->config != NULL)
        say("%s: no retention rules; nothing is ever deleted", s->config);
    else
        say("no rules: give --age, --bytes-max, --count-max or --free-min, or the daemon's "
            "--config");
    return false;
}

/* ---- showing and doing ---- */

static void print_due(struct retention_run *job, int64_t due) {
    const struct retention_tally tally = retention_tally(job->retention);
    uint64_t bytes = 0;
    for (int64_t i = 0; i < due; i++) {
        struct retention_going one;
        char name[SEGMENT_NAME_MAX], time[TIMESTAMP_TEXT_MAX];
        retention_describe(job->retention, (uint32_t)i, &one);
        bytes += one.bytes;
        output_format(job->call->out, "%s/%s/%s: %" PRIu64 " bytes, last line %s: %s\n", one.folder,
                      one.stream, segment_name_format(&one.name, name), one.bytes,
                      timestamp_format(one.since_ns, time), one.reason);
    }
    output_format(job->call->out,
                  "%" PRId64 " of %" PRIu64 " segments would be deleted, %" PRIu64 " of %" PRIu64
                  " bytes\n",
                  due, tally.segments, bytes, tally.bytes);
}

static int show(struct retention_run *job) {
    struct files *files = job->call->files;
    int status = manifest_read(files, job->folders.directory, &job->manifest);
    if (status == ERR_NOT_FOUND) status = 0; /* without a manifest the files alone decide */
    if (status == 0)
        status = retention_open(files, &job->folders, job->manifest, &job->rules, &job->retention);
    if (status) return status;
    const int64_t due = retention_look(job->retention, job->now_ns);
    if (due < 0) return (int)due;
    print_due(job, due);
    return 0;
}

static int delete_all(struct retention_run *job) {
    struct files *files = job->call->files;
    int status = manifest_open(files, job->folders.directory, &job->manifest);
    if (!status) status = retention_mend(files, &job->folders, job->manifest, job->now_ns);
    if (!status)
        status = retention_open(files, &job->folders, job->manifest, &job->rules, &job->retention);
    if (status) return status;
    const int64_t due = retention_look(job->retention, job->now_ns);
    if (due < 0) return (int)due;
    while ((status = retention_step(job->retention, job->now_ns)) > 0)
        ;
    const struct retention_tally tally = retention_tally(job->retention);
    output_format(job->call->out,
                  "%" PRIu64 " of %" PRIu64 " segments deleted, %" PRIu64 " of %" PRIu64 " bytes\n",
                  tally.deleted, tally.segments, tally.bytes_deleted, tally.bytes);
    return status < 0 ? status : tally.left > 0 ? tally.last_error : 0;
}

/* Only one process deletes: a daemon holds this lock while it runs. */
static int lock_and_delete(struct retention_run *job) {
    const char *dir = job->folders.directory;
    char path[PATH_BYTES_MAX], folder[PATH_BYTES_MAX];
    struct file lock;
    if (!path_join(folder, dir, "state", NULL) || !path_join(path, dir, "state", "lock"))
        return ERR_NAME_TOO_LONG;
    int status = directory_make(job->call->files, folder);
    if (!status) status = file_lock(job->call->files, path, &lock);
    if (status) return status;
    status = delete_all(job);
    file_close(&lock);
    return status;
}

static int retention_run(struct call *call) {
    struct retention_run job = {
        .call = call, .settings = call->settings, .now_ns = system_wall_ns()};
    struct file_status there;
    int code = EXIT_ERROR;
    if (call->words > 0) {
        say("retention: \"%s\": unexpected argument; use --dir for the directory", call->word[0]);
        return code;
    }
    if (collect_rules(&job)) {
        const char *dir = job.folders.directory;
        int status = file_status_of(call->files, dir, &there);
        if (!status && !there.directory) status = ERR_NOT_DIRECTORY;
        if (!status) status = job.settings->dry_run ? show(&job) : lock_and_delete(&job);
        if (status == ERR_LOCKED && job.manifest == NULL)
            say("%s: a daemon is running on this directory and deletes by its own rules; use "
                "--dry-run "
                "to see what would be deleted",
                dir);
        else if (status)
            say("%s: %s", dir, error_text(status));
        code = status ? EXIT_ERROR : EXIT_OK;
    }
    retention_close(job.retention);
    manifest_close(job.manifest);
    config_free(&job.config);
    return code;
}

#define FIELD(name) offsetof(struct retention_settings, name)
static const struct option options[] = {
    {.name = "dry_run",
     .letter = 'n',
     .kind = OPTION_FLAG,
     .field = FIELD(dry_run),
     .help = "Only show what would be deleted, and why."},
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = FIELD(dir),
     .value = "DIR",
     .help = "The daemon's directory.",
     .unset = "$LOGPORT_DIR, otherwise ./logs"},
    {.name = "archive",
     .kind = OPTION_TEXT,
     .field = FIELD(archive),
     .value = "DIR",
     .help = "Also consider the archived segments in this directory. Archives of the daemon itself "
             "are always considered."},
    {.name = "config",
     .kind = OPTION_TEXT,
     .field = FIELD(config),
     .value = "FILE",
     .help = "Configuration file of the daemon, for its rules and its directory."},
    {.name = "stream",
     .kind = OPTION_TEXT,
     .field = FIELD(stream),
     .value = "NAME",
     .help = "Apply --age, --bytes-max and --count-max to this stream only."},
    {.name = "age",
     .kind = OPTION_TIME_S,
     .field = FIELD(age_s),
     .min = 1,
     .max = 1000 * 366 * UINT64_C(86400),
     .value = "TIME",
     .help = "Delete a segment this long after its last line was received."},
    {.name = "bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(bytes_max),
     .min = 1,
     .max = UINT64_MAX,
     .value = "SIZE",
     .help = "Delete the oldest segments until no more than this is left."},
    {.name = "count_max",
     .kind = OPTION_COUNT,
     .field = FIELD(count_max),
     .min = 1,
     .max = UINT64_MAX,
     .value = "N",
     .help = "Delete the oldest segments until no more than N are left."},
    {.name = "free_min",
     .kind = OPTION_BYTES,
     .field = FIELD(free_min),
     .min = 1,
     .max = UINT64_MAX,
     .value = "SIZE",
     .help = "Delete the oldest segments until this much is free on their disk."},
    HELP_OPTION,
};

const struct command retention_command = {
    .name = "retention",
    .usage = "[-n] [--dir DIR] [--config FILE] [RULE…]",
    .summary = "Show or delete the closed segments that retention rules select.",
    .more =
        "Rules come from the daemon's configuration (retention_age_s, retention_bytes_max,\n"
        "retention_count_max, retention_free_bytes_min); a rule given here replaces the one in\n"
        "the configuration. A segment is deleted if any rule selects it, the oldest first; the\n"
        "live segment is never deleted. Sizes and counts cover the closed and archived segments\n"
        "of all streams, including rejects.\n"
        "\n"
        "A daemon deletes segments by itself. Without -n, this command does so only if no daemon\n"
        "is running on the directory. Deletions are recorded in the manifest\n"
        "(DIR/state/manifest.ndjson).\n"
        "\n"
        "Exit code: 0 done or shown, 2 error.\n"
        "\n"
        "Examples:\n"
        "  logport retention -n --config /etc/logportd.json\n"
        "  logport retention -n --age 30d --bytes-max 10GiB\n",
    .options = options,
    .settings_size = sizeof(struct retention_settings),
    .run = retention_run,
};
