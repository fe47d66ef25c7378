/* handover.c - see handover.h.  One state machine: a look finds the next segment and starts the
 * command; a timer polls until it has ended; the manifest records it.  When the archive changes,
 * the job in the previous archive's lane is stopped but not waited for: that archive may hang. */
#include "writer/keep/handover.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/process.h"
#include "port/system.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/deletion.h"
#include "writer/keep/manifest.h"
#include "writer/keep/sequences.h"
#include "writer/segment/archives.h"
#include "writer/segment/segment_list.h"

#define SECOND_NS      (1000000000ll)
#define PAUSE_NS_MIN   (60 * SECOND_NS)
#define PAUSE_NS_MAX   (3600 * SECOND_NS)
/* How often a running command is polled: often at first, then once a second. */
#define POLL_NS_MIN    (SECOND_NS / 50)
#define POLL_NS_MAX    SECOND_NS
/* A command that was asked to end is killed after this time. */
#define END_NS         (5 * SECOND_NS)
#define REASON         "handed to archive_command"
#define SEQUENCE_BYTES 24

enum step {
    HANDOVER_IDLE,
    HANDOVER_LOOKING,   /* job: finds the next segment, starts the command or deletes */
    HANDOVER_RUNNING,   /* timer: until the next poll */
    HANDOVER_RECORDING, /* job: appends to the manifest */
    HANDOVER_PAUSING,   /* timer: until the next look, or, if `unrecorded`, the next recording */
};

/* The result of a look that has not failed. */
enum found {
    FOUND_NOTHING,
    FOUND_HELD, /* only segments that another program has open, so that they cannot be deleted */
    FOUND_STARTED,
    FOUND_DELETED,
};

/* Shared by the owner and the jobs; the last release frees it. */
struct kept_command {
    atomic_uint holders;
    char **words; /* ends with NULL */
    uint32_t count;
    uint64_t limit_s;
    bool deletes;
    char archive[PATH_BYTES_MAX]; /* "": none */
};

/* A look or a recording.  Owns everything it touches, because it may outlive the handover. */
struct handover_job {
    struct files *files;
    struct processes *processes;
    struct manifest *manifest;
    struct lane_progress *progress;
    struct kept_command *command;
    atomic_bool stop;
    struct sequences *ready;
    int64_t wall_ns;
    bool could_not_start;
    struct process process; /* if one was started */
    struct segment_name name;
    char path[PATH_BYTES_MAX];
    char stream[STREAM_NAME_MAX + 1], directory[PATH_BYTES_MAX];
};

/* One job in a lane; freed when its op completes.  If a detached job has started a command, its op
 * is then the timer until the command has ended. */
struct attempt {
    struct port_op op;
    struct handover *handover;
    enum step step;
    struct handover_job *job;
};

struct handover {
    struct handover_options options;
    struct processes *processes;
    struct port_op op; /* a timer, of `step` */
    enum step step;
    struct attempt *attempt; /* of `step`; NULL: none, or all were detached */
    uint32_t attempts;       /* not freed yet, including detached ones */
    bool wanted, stopping;
    bool unrecorded;  /* the command has succeeded, and the manifest has no line yet */
    bool held;        /* the pause is after FOUND_HELD */
    bool ended_by_us; /* the command was asked to end */
    struct sequences *ready;
    struct kept_command *command, *next_command; /* next: NULL: unchanged */
    struct handover_counts counts;
    int64_t pause_ns, poll_ns, deadline_ns;
    int reported_error; /* the last one */
    bool failing;       /* a failure of the command was reported */
    /* The present segment. */
    struct process process;
    struct segment_name name;
    char path[PATH_BYTES_MAX];
    bool could_not_start;
};

static void wait_over(struct port_op *op);
static void attempt_done(struct port_op *op);
static void pause_for_longer(struct handover *h);
static int64_t look_run(void *context);
static int64_t record_run(void *context);
static void job_release(void *context);

/* ---- the rules ---- */

static void free_command(struct kept_command *command) {
    if (command == NULL || atomic_fetch_sub(&command->holders, 1) > 1) return;
    for (uint32_t i = 0; command->words != NULL && i < command->count; i++)
        free(command->words[i]);
    free(command->words);
    free(command);
}

static struct kept_command *keep_command(const struct handover_rules *rules, const char *archive) {
    struct kept_command *kept = calloc(1, sizeof *kept);
    if (kept == NULL) return NULL;
    atomic_init(&kept->holders, 1);
    kept->limit_s = rules->limit_s;
    kept->deletes = rules->deletes;
    if (archive != NULL) {
        assert(strlen(archive) < sizeof kept->archive);
        strcpy(kept->archive, archive);
    }
    kept->words = calloc(rules->count + 1, sizeof *kept->words);
    bool whole = kept->words != NULL;
    for (uint32_t i = 0; whole && i < rules->count; i++) {
        kept->words[i] = strdup(rules->words[i]);
        kept->count = i + 1;
        whole = kept->words[i] != NULL;
    }
    if (whole) return kept;
    free_command(kept);
    return NULL;
}

int handover_open(const struct handover_options *options, struct handover **handover) {
    struct handover *h = calloc(1, sizeof *h);
    if (h == NULL) return ERR_NO_MEMORY;
    h->options = *options;
    h->processes = port_processes(options->port);
    h->op.done = wait_over;
    *handover = h;
    return 0;
}

void handover_free(struct handover *handover) {
    assert(!handover_busy(handover));
    free_command(handover->command);
    free_command(handover->next_command);
    sequences_release(handover->ready);
    free(handover);
}

bool handover_busy(const struct handover *handover) {
    return handover->step != HANDOVER_IDLE || handover->attempts > 0;
}

struct handover_counts handover_counts(const struct handover *handover) {
    return handover->counts;
}

static struct handover_job *make_job(struct handover *h, struct archive_lane *lane) {
    struct handover_job *job = calloc(1, sizeof *job);
    if (job == NULL) return NULL;
    job->files = port_files(h->options.port);
    job->processes = h->processes;
    job->manifest = manifest_hold(h->options.manifest);
    job->progress = archive_lane_progress(lane);
    job->command = h->command;
    atomic_fetch_add(&h->command->holders, 1);
    job->ready = sequences_hold(h->ready);
    job->wall_ns = port_wall_ns(h->options.port);
    job->name = h->name;
    strcpy(job->path, h->path);
    strcpy(job->stream, h->options.stream);
    strcpy(job->directory, h->options.directory);
    return job;
}

/* False: no memory. */
static bool begin_attempt(struct handover *h, port_remote_run *run) {
    struct archive_lane *lane = archive_lanes_find(h->options.lanes, h->command->archive);
    struct attempt *attempt = lane != NULL ? calloc(1, sizeof *attempt) : NULL;
    if (attempt == NULL) return false;
    attempt->op.done = attempt_done;
    attempt->handover = h;
    attempt->step = h->step;
    attempt->job = make_job(h, lane);
    if (attempt->job == NULL) {
        free(attempt);
        return false;
    }
    h->attempt = attempt;
    h->attempts++;
    archive_lane_work(lane, &attempt->op, run, job_release, attempt->job);
    return true;
}

static void start_job(struct handover *h, enum step step, port_remote_run *run) {
    h->step = step;
    if (begin_attempt(h, run)) return;
    if (h->reported_error != ERR_NO_MEMORY)
        say("%s: handing over: %s; trying again later", h->options.stream,
            error_text(ERR_NO_MEMORY));
    h->reported_error = ERR_NO_MEMORY;
    pause_for_longer(h);
}

static void start_look(struct handover *h) {
    if (h->next_command != NULL) {
        free_command(h->command);
        h->command = h->next_command;
        h->next_command = NULL;
        h->pause_ns = 0;
        h->reported_error = 0;
    }
    h->wanted = h->held = false;
    h->step = HANDOVER_IDLE;
    if (h->command == NULL || h->command->count == 0 || h->stopping) return;
    start_job(h, HANDOVER_LOOKING, look_run);
}

/* A job runs in the lane of the previous archive. */
static bool runs_elsewhere(const struct handover *h) {
    return h->attempt != NULL && h->next_command != NULL &&
           strcmp(h->command->archive, h->next_command->archive) != 0;
}

/* Stops a look.  A recording is not stopped: it runs when the previous archive answers. */
static void detach_attempt(struct handover *h) {
    if (h->step == HANDOVER_LOOKING) {
        atomic_store(&h->attempt->job->stop, true);
        port_cancel(&h->attempt->op); /* if it has not begun */
    }
    h->attempt = NULL;
    h->unrecorded = false;
    start_look(h);
}

int handover_set_rules(struct handover *handover, const struct handover_rules *rules,
                       const char *archive_dir) {
    struct kept_command *kept = keep_command(rules, archive_dir);
    if (kept == NULL) return ERR_NO_MEMORY;
    free_command(handover->next_command);
    handover->next_command = kept;
    /* A corrected command is tried at once. */
    if (handover->step == HANDOVER_PAUSING) port_cancel(&handover->op);
    if (runs_elsewhere(handover)) detach_attempt(handover);
    return 0;
}

void handover_look(struct handover *handover, struct sequences *ready) {
    sequences_hold(ready); /* it may be the same set */
    sequences_release(handover->ready);
    handover->ready = ready;
    if (handover->step == HANDOVER_IDLE)
        start_look(handover);
    else
        handover->wanted = true;
    if (handover->held && handover->step == HANDOVER_PAUSING) port_cancel(&handover->op);
}

void handover_stop(struct handover *handover, bool now) {
    struct handover *h = handover;
    h->stopping = true;
    if (h->step == HANDOVER_PAUSING) port_cancel(&h->op);
    if (h->attempt != NULL) atomic_store(&h->attempt->job->stop, true);
    if (h->step != HANDOVER_RUNNING) return; /* if it starts later, poll_command ends it */
    h->ended_by_us = true;
    h->processes->end(h->processes, &h->process, now);
    h->poll_ns = POLL_NS_MIN;
    port_cancel(&h->op);
}

/* ---- the owner's steps ---- */

static void timer(struct handover *h, enum step step, int64_t ns) {
    h->step = step;
    port_timer(h->options.port, &h->op, port_now_ns(h->options.port) + ns);
}

static void pause_for_longer(struct handover *h) {
    h->pause_ns *= 2;
    if (h->pause_ns < PAUSE_NS_MIN) h->pause_ns = PAUSE_NS_MIN;
    if (h->pause_ns > PAUSE_NS_MAX) h->pause_ns = PAUSE_NS_MAX;
    h->step = HANDOVER_IDLE;
    if (!h->stopping) timer(h, HANDOVER_PAUSING, h->pause_ns);
}

static void command_failed(struct handover *h, const char *why) {
    const bool by_stop = h->stopping; /* the next start does it */
    h->counts.failures += !by_stop;
    pause_for_longer(h);
    if (by_stop) return;
    h->failing = true;
    say("%s: archive_command %s: %s; trying again in %lld min", h->path, h->command->words[0], why,
        (long long)(h->pause_ns / (60 * SECOND_NS)));
}

static void start_recording(struct handover *h) {
    start_job(h, HANDOVER_RECORDING, record_run);
    if (runs_elsewhere(h)) detach_attempt(h);
}

static void command_ended(struct handover *h, int code) {
    char why[64];
    /* A command that was asked to end may have done half of its work, whatever its exit code. */
    if (code == 0 && !h->ended_by_us) {
        h->counts.segments++;
        h->pause_ns = 0;
        h->unrecorded = true;
        if (h->failing) say("%s: archive_command %s: works again", h->path, h->command->words[0]);
        h->failing = false;
        start_recording(h);
        return;
    }
    if (h->ended_by_us)
        snprintf(why, sizeof why, "was ended after %llu s",
                 (unsigned long long)h->command->limit_s);
    else
        snprintf(why, sizeof why, "ended with %d", code);
    command_failed(h, why);
}

/* Checks whether the command has ended or takes too long. */
static void poll_command(struct handover *h) {
    int code;
    if (h->processes->ended(h->processes, &h->process, &code)) {
        command_ended(h, code);
        return;
    }
    const int64_t now = port_now_ns(h->options.port);
    if (now >= h->deadline_ns || (h->stopping && !h->ended_by_us)) {
        h->processes->end(h->processes, &h->process, h->ended_by_us);
        h->ended_by_us = true;
        h->deadline_ns = now + END_NS;
    }
    h->poll_ns = 2 * h->poll_ns < POLL_NS_MAX ? 2 * h->poll_ns : POLL_NS_MAX;
    if (h->stopping) h->poll_ns = POLL_NS_MIN;
    timer(h, HANDOVER_RUNNING, h->poll_ns);
}

static void looked(struct handover *h, int64_t result) {
    if (result == FOUND_STARTED) {
        h->ended_by_us = false;
        h->poll_ns = POLL_NS_MIN / 2;
        h->deadline_ns = port_now_ns(h->options.port) + (int64_t)h->command->limit_s * SECOND_NS;
        poll_command(h);
    } else if (result == FOUND_DELETED || (result >= 0 && h->wanted)) {
        start_look(h);
    } else if (result == FOUND_HELD) {
        if (h->reported_error != ERR_BUSY)
            say("%s: handed over, but another program has it open; deleted later", h->path);
        h->reported_error = ERR_BUSY;
        h->held = true;
        h->step = HANDOVER_IDLE;
        if (!h->stopping) timer(h, HANDOVER_PAUSING, PAUSE_NS_MIN);
    } else if (result >= 0) {
        h->step = HANDOVER_IDLE;
    } else if (h->could_not_start) {
        command_failed(h, error_text((int)result));
    } else {
        if (h->reported_error != (int)result)
            say("%s: handing over: %s; trying again later", h->options.stream,
                error_text((int)result));
        h->reported_error = (int)result;
        pause_for_longer(h);
    }
}

/* A failed recording is retried without running the command again. */
static void recorded(struct handover *h, int64_t result) {
    if (result < 0 && h->reported_error != (int)result)
        say("%s: recording that archive_command took it: %s; retrying", h->path,
            error_text((int)result));
    h->reported_error = (int)result;
    h->unrecorded = result < 0;
    if (h->unrecorded)
        pause_for_longer(h);
    else
        start_look(h);
}

static void take_results(struct handover *h, const struct handover_job *job) {
    h->process = job->process;
    h->name = job->name;
    strcpy(h->path, job->path);
    h->could_not_start = job->could_not_start;
}

static void free_attempt(struct attempt *attempt) {
    attempt->handover->attempts--;
    job_release(attempt->job);
    free(attempt);
}

/* The look had started the command before it was stopped.  The command is killed, and not
 * recorded. */
static void end_command_of(struct attempt *attempt, bool first) {
    struct handover *h = attempt->handover;
    int code;
    if (first) h->processes->end(h->processes, &attempt->job->process, true);
    if (h->processes->ended(h->processes, &attempt->job->process, &code))
        free_attempt(attempt);
    else
        port_timer(h->options.port, &attempt->op, port_now_ns(h->options.port) + POLL_NS_MIN);
}

static void detached_command_due(struct port_op *op) {
    end_command_of(PORT_CONTAINER(struct attempt, op, op), false);
}

static void detached_done(struct attempt *attempt, int64_t result) {
    if (attempt->step == HANDOVER_LOOKING && result == FOUND_STARTED) {
        attempt->op.done = detached_command_due;
        end_command_of(attempt, true);
        return;
    }
    if (attempt->step == HANDOVER_RECORDING && result < 0)
        say("%s: recording that archive_command took it: %s; it may run again for it",
            attempt->job->path, error_text((int)result));
    free_attempt(attempt);
}

static void attempt_done(struct port_op *op) {
    struct attempt *attempt = PORT_CONTAINER(struct attempt, op, op);
    struct handover *h = attempt->handover;
    const int64_t result = op->result;
    const bool detached = attempt != h->attempt;
    if (!detached) h->attempt = NULL;
    if (result == ERR_TIMED_OUT) { /* abandoned at a stop: the lane's thread frees the job */
        h->attempts--;
        free(attempt);
        if (!detached) h->step = HANDOVER_IDLE;
        return;
    }
    if (detached) {
        detached_done(attempt, result);
        return;
    }
    take_results(h, attempt->job);
    free_attempt(attempt);
    if (h->step == HANDOVER_LOOKING)
        looked(h, result);
    else
        recorded(h, result);
}

static void wait_over(struct port_op *op) {
    struct handover *h = PORT_CONTAINER(struct handover, op, op);
    if (h->step == HANDOVER_RUNNING)
        poll_command(h);
    else if (h->unrecorded && !h->stopping)
        start_recording(h);
    else
        start_look(h);
}

/* ---- the words of the command ---- */

enum { NAMES = 4 };
static const char *const names[NAMES] = {"{path}", "{stream}", "{name}", "{sequence}"};

static int name_at(const char *text) {
    for (int i = 0; i < NAMES; i++)
        if (strncmp(text, names[i], strlen(names[i])) == 0) return i;
    return -1;
}

bool handover_word_valid(const char *word) {
    for (const char *p = word; (p = strchr(p, '{')) != NULL; p++) {
        const size_t letters = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (letters > 0 && p[1 + letters] == '}' && name_at(p) < 0) return false;
    }
    return true;
}

/* malloc'd; NULL: no memory. */
static char *fill_in(const char *word, const char *const values[NAMES]) {
    size_t size = 1;
    for (const char *p = word; *p != '\0'; p++) {
        const int name = name_at(p);
        size += name < 0 ? 1 : strlen(values[name]);
        if (name >= 0) p += strlen(names[name]) - 1;
    }
    char *filled = malloc(size), *to = filled;
    for (const char *p = word; filled != NULL && *p != '\0'; p++) {
        const int name = name_at(p);
        if (name < 0) *to++ = *p;
        if (name < 0) continue;
        strcpy(to, values[name]);
        to += strlen(values[name]);
        p += strlen(names[name]) - 1;
    }
    if (filled != NULL) *to = '\0';
    return filled;
}

static int start_command(struct handover_job *h) {
    const struct kept_command *command = h->command;
    char path[PATH_BYTES_MAX], name[SEGMENT_NAME_MAX], sequence[SEQUENCE_BYTES];
    int error = system_absolute_path(h->path, path, sizeof path);
    if (error) return error;
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)h->name.sequence);
    segment_name_format(&h->name, name);
    const char *const values[NAMES] = {path, h->name.stream, name, sequence};
    char **words = calloc(command->count + 1, sizeof *words);
    if (words == NULL) return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < command->count && !error; i++) {
        words[i] = fill_in(command->words[i], values);
        if (words[i] == NULL) error = ERR_NO_MEMORY;
    }
    if (!error && atomic_load(&h->stop)) error = ERR_CANCELLED;
    if (!error) error = h->processes->start(h->processes, (const char *const *)words, &h->process);
    for (uint32_t i = 0; i < command->count; i++)
        free(words[i]);
    free(words);
    return error;
}

/* ---- the jobs ---- */

/* The segment's record from the manifest, or else from its file. */
static int find_record(struct handover_job *h, struct manifest_record *record) {
    struct manifest *manifest = h->manifest;
    const int error = manifest_find(manifest, h->name.stream, h->name.sequence, record);
    if (error != ERR_NOT_FOUND && error != ERR_INVALID) return error;
    return manifest_describe(h->files, h->path, record);
}

/* Appends no line if the segment was deleted meanwhile.  If its deletion is announced, that event
 * is kept. */
static int record_taken(struct handover_job *h) {
    struct manifest_record record;
    int error = find_record(h, &record);
    if (!error) error = manifest_lock(h->manifest);
    if (error) return error;
    const enum manifest_event event =
        manifest_state_locked(h->manifest, h->name.stream, h->name.sequence);
    if (event == MANIFEST_DELETING)
        error = manifest_find_locked(h->manifest, h->name.stream, h->name.sequence, &record);
    else
        record.event = MANIFEST_HANDED;
    if (event != MANIFEST_DELETING) record.reason[0] = '\0';
    record.time_ns = record.handed_ns = h->wall_ns;
    if (!error && event != MANIFEST_DELETED) error = manifest_append_locked(h->manifest, &record);
    manifest_unlock(h->manifest);
    return error;
}

static int delete_it(struct handover_job *h) {
    const struct deletion deletion = {
        .files = h->files, .manifest = h->manifest, .reason = REASON, .now_ns = h->wall_ns};
    struct manifest_record record;
    char folder[PATH_BYTES_MAX];
    bool open = false;
    const bool here = h->command->archive[0] == '\0';
    const size_t size = (size_t)(segment_file_name(h->path) - h->path);
    memcpy(folder, h->path, size);
    folder[size > 1 ? size - 1 : size] = '\0';
    int error = find_record(h, &record);
    if (!error) error = deletion_announce(&deletion, here ? h->path : NULL, &record);
    if (!error) error = deletion_remove(&deletion, &h->name, folder, h->path, here, &open);
    if (!error && !open) error = deletion_record(&deletion, &h->name);
    if (!error) say("%s: deleted: " REASON, h->path);
    return error;
}

static int64_t record_run(void *context) {
    struct handover_job *h = context;
    const int error = record_taken(h);
    return error == ERR_NOT_FOUND ? 0 : error; /* deleted meanwhile, without a line about it */
}

static void job_release(void *context) {
    struct handover_job *job = context;
    manifest_release(job->manifest);
    sequences_release(job->ready);
    lane_progress_release(job->progress);
    free_command(job->command);
    free(job);
}

/* The folder of the segments; ERR_NOT_FOUND: it does not exist yet. */
static int find_folder(struct handover_job *h, char folder[PATH_BYTES_MAX]) {
    const char *archive = h->command->archive, *stream = h->stream;
    const char *root = archive[0] != '\0' ? archive : h->directory;
    if (!path_join(folder, root, stream, NULL)) return ERR_NAME_TOO_LONG;
    if (archive[0] == '\0') return 0;
    struct archives *archives = malloc(sizeof *archives);
    if (archives == NULL) return ERR_NO_MEMORY;
    struct files *files = h->files;
    int error = archives_read(files, h->directory, archives);
    if (!error) error = archives_check(files, archives, archive);
    free(archives);
    /* The mover reports an archive that is unavailable or belongs to another log directory. */
    return error == ERR_EXISTS ? ERR_NOT_FOUND : error;
}

/* 1: this segment has to be handed over or deleted. */
static int look_at(struct handover_job *h, const struct segment_file *file, bool *handed) {
    const struct segment_name *name = &file->name;
    const struct manifest *manifest = h->manifest;
    if (name->part || strcmp(name->stream, h->stream) != 0) return 0;
    if (h->command->archive[0] == '\0' && !sequences_have(h->ready, name->sequence)) return 0;
    *handed = manifest_handed(manifest, name->stream, name->sequence);
    if (*handed && !h->command->deletes) return 0;
    const enum manifest_event event = manifest_state(manifest, name->stream, name->sequence, NULL);
    if (event == MANIFEST_DELETED) return 0; /* restored by an operator: left alone */
    /* Not completely moved yet. */
    if (h->command->archive[0] != '\0' && event < MANIFEST_MOVED) return 0;
    h->name = *name;
    strcpy(h->path, file->path);
    return 1;
}

static int do_next(struct handover_job *h, const struct segment_list *list) {
    enum found found = FOUND_NOTHING;
    for (uint32_t i = 0; i < list->count; i++) {
        bool handed = false;
        if (strlen(list->files[i].path) >= PATH_BYTES_MAX) continue;
        if (!look_at(h, &list->files[i], &handed)) continue;
        int error = handed ? delete_it(h) : start_command(h);
        if (handed && error == ERR_BUSY) {
            found = FOUND_HELD;
            continue;
        }
        if (!error) return handed ? FOUND_DELETED : FOUND_STARTED;
        h->could_not_start = !handed;
        return error;
    }
    return found;
}

static int64_t look_run(void *context) {
    struct handover_job *h = context;
    struct segment_list list = {0};
    char folder[PATH_BYTES_MAX];
    int result = find_folder(h, folder);
    lane_progress_made(h->progress);
    if (!result) result = segment_list_add(h->files, folder, &list);
    lane_progress_made(h->progress);
    if (!result)
        result = do_next(h, &list);
    else if (result == ERR_NOT_FOUND)
        result = FOUND_NOTHING;
    segment_list_free(&list);
    return result;
}
