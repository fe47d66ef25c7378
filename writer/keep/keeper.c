/* keeper.c - see keeper.h.  This is the owner's part: when a job runs, and what follows from it.
 * The job itself is in keeper_job.c. */
#include "writer/keep/keeper.h"

#include <assert.h>
#include <stdlib.h>

#include "port/system.h"
#include "writer/keep/keeper_job.h"
#include "writer/keep/mover.h"

#define SECOND_NS     INT64_C(1000000000)
/* A sender at full speed closes a segment a second.  Work on closed segments waits this long, or
 * archive_after_s if that is shorter, so that a burst of input can end first. */
#define CLOSED_NS     (10 * SECOND_NS)
/* Pause after the disk was full or failed. */
#define RETRY_NS      (60 * SECOND_NS)
/* Skipped segments are retried soon, because a program that keeps a file to itself usually ends;
 * the pause doubles each time. */
#define MISSED_NS_MIN (1 * SECOND_NS)
#define MISSED_NS_MAX RETRY_NS
/* The wall clock may be set: it is read again at least this often. */
#define WAIT_NS_MAX   (600 * SECOND_NS)
#define NEVER         INT64_MAX

struct keeper {
    struct port *port;
    struct keeper_options options;
    struct keeper_rules rules; /* without their strings */
    bool rules_changed;        /* for the next job */
    struct port_op op;         /* the job, or the timer until the next one */
    bool running, waiting;
    int64_t due_ns; /* when the folder is to be listed again, and looked at; NEVER */
    bool finishing;
    bool retry_missed;                  /* the next job retries skipped segments at once */
    int64_t missed_ns, missed_pause_ns; /* when they are retried; 0: not decided yet */
    int reported_error;                 /* the last one */
    struct mover *mover;                /* NULL: no manifest */
    struct handover *handover;
    struct keeper_counts counts;
    struct sequences *ready; /* to be moved and handed over, after the last job */
    struct keeper_job job;
};

static void job_run(struct port_op *op);
static void job_or_timer_done(struct port_op *op);
static void segments_moved(void *context);

/* ---- opening, rules ---- */

/* Sets the rules of the keeper, the mover and the hand-over, or none. */
static int set_rules(struct keeper *k, const struct keeper_rules *rules) {
    const int error = handover_set_rules(k->handover, &rules->command, rules->archive_dir);
    if (error) return error;
    if (k->mover != NULL) mover_set_archive(k->mover, rules->archive_dir);
    const bool has_manifest = k->options.manifest != NULL;
    k->rules = *rules;
    k->rules.archive_dir = has_manifest ? rules->archive_dir : NULL; /* not read: NULL or not */
    k->rules.command.words = NULL;
    if (!has_manifest) k->rules.command.count = 0;
    k->rules_changed = true;
    return 0;
}

static int open_mover(struct keeper *k) {
    const struct keeper_options *options = &k->options;
    if (options->manifest == NULL) return 0;
    return mover_open(&(struct mover_options){.port = k->port,
                                              .lanes = options->lanes,
                                              .manifest = options->manifest,
                                              .directory = options->directory,
                                              .stream = options->stream,
                                              .folder = options->folder,
                                              .moved = segments_moved,
                                              .context = k},
                      &k->mover);
}

int keeper_open(struct port *port, const struct keeper_options *options, struct keeper **keeper) {
    struct keeper *k = calloc(1, sizeof *k);
    if (k == NULL) return ERR_NO_MEMORY;
    k->port = port;
    k->options = *options;
    k->op.done = job_or_timer_done;
    k->due_ns = NEVER;
    k->job = (struct keeper_job){.files = port_files(port),
                                 .folder = options->folder,
                                 .pack_path = options->pack_path,
                                 .last_sequence = options->last_sequence,
                                 .manifest = options->manifest,
                                 .pack_left = true}; /* by a crash */
    const struct handover_options handover = {.port = port,
                                              .lanes = options->lanes,
                                              .manifest = options->manifest,
                                              .stream = options->stream,
                                              .directory = options->directory};
    int error = handover_open(&handover, &k->handover);
    if (!error) error = open_mover(k);
    if (!error) error = set_rules(k, &options->rules);
    if (!error) *keeper = k;
    if (!error) return 0;
    if (k->mover != NULL) mover_free(k->mover);
    if (k->handover != NULL) handover_free(k->handover);
    free(k);
    return error;
}

void keeper_free(struct keeper *keeper) {
    assert(!keeper_busy(keeper));
    handover_free(keeper->handover);
    if (keeper->mover != NULL) mover_free(keeper->mover);
    backlog_free(&keeper->job.backlog);
    sequences_release(keeper->ready);
    free(keeper);
}

bool keeper_at_work(const struct keeper *keeper) {
    return !port_idle(&keeper->op);
}

bool keeper_busy(const struct keeper *keeper) {
    return keeper_at_work(keeper) || handover_busy(keeper->handover) ||
           (keeper->mover != NULL && mover_busy(keeper->mover));
}

struct keeper_counts keeper_counts(const struct keeper *keeper) {
    struct keeper_counts counts = keeper->counts;
    counts.handed = handover_counts(keeper->handover);
    if (keeper->mover != NULL) {
        const struct mover_counts moved = mover_counts(keeper->mover);
        counts.segments_moved = moved.segments;
        counts.move_failures = moved.failures;
    }
    return counts;
}

void keeper_set_rules(struct keeper *keeper, const struct keeper_rules *rules) {
    const int error = set_rules(keeper, rules);
    if (error)
        say("%s: %s; the previous rules stay active", keeper->options.folder, error_text(error));
    keeper_look(keeper);
}

/* ---- when a job runs ---- */

/* Moving and handing over need a manifest: it records where a segment is, and that it was handed
 * over. */
static bool moves(const struct keeper *k) {
    return k->rules.archive_dir != NULL;
}

static bool hands_over(const struct keeper *k) {
    return k->rules.command.count > 0;
}

static void take_rules(struct keeper *k) {
    struct keeper_job *job = &k->job;
    if (!k->rules_changed) return;
    k->rules_changed = false;
    job->archive_after_s = k->rules.archive_after_s;
    job->archive_bytes_min = k->rules.archive_bytes_min;
    job->archive_level = k->rules.archive_level;
    job->moves = moves(k);
    job->hands_over = hands_over(k);
    backlog_repack(&job->backlog);
}

/* Skipped segments are looked at again; that costs little for those that need nothing. */
static void take_missed(struct keeper *k, int64_t now_ns) {
    const bool due = k->missed_ns && now_ns >= k->missed_ns;
    if (!due && !k->retry_missed) return;
    k->retry_missed = false;
    k->missed_ns = 0;
    backlog_retry(&k->job.backlog);
}

static void start_job(struct keeper *k) {
    const int64_t now_ns = port_now_ns(k->port);
    if (now_ns >= k->due_ns) {
        backlog_forget_list(&k->job.backlog);
        k->due_ns = NEVER;
    }
    take_rules(k);
    take_missed(k, now_ns);
    k->job.finishing = k->finishing;
    k->job.now_ns = port_wall_ns(k->port);
    k->running = true;
    /* A stop waits for this, on a machine that may have no idle time. */
    port_work(k->port, &k->op, k->finishing ? PORT_LANE_SLOW : PORT_LANE_IDLE, job_run);
}

static void job_run(struct port_op *op) {
    struct keeper *k = PORT_CONTAINER(struct keeper, op, op);
    op->result = keeper_job_run(&k->job);
}

static void set_timer(struct keeper *k) {
    k->waiting = true;
    port_timer(k->port, &k->op, k->due_ns);
}

/* Looks no later than at this time. */
static void look_by(struct keeper *k, int64_t ns) {
    if (ns >= k->due_ns) return;
    k->due_ns = ns;
    if (k->waiting)
        port_cancel(&k->op); /* when it completes, the timer is set anew */
    else if (port_idle(&k->op))
        set_timer(k);
}

void keeper_look(struct keeper *keeper) {
    if (atomic_load(&keeper->job.stop_all)) return;
    if (port_idle(&keeper->op)) {
        keeper->due_ns = port_now_ns(keeper->port);
        start_job(keeper);
    } else {
        look_by(keeper, port_now_ns(keeper->port));
    }
}

void keeper_closed(struct keeper *keeper) {
    const int64_t after_s = (int64_t)keeper->rules.archive_after_s;
    const int64_t after_ns = after_s < CLOSED_NS / SECOND_NS ? after_s * SECOND_NS : CLOSED_NS;
    if (atomic_load(&keeper->job.stop_all)) return;
    look_by(keeper, port_now_ns(keeper->port) + after_ns);
}

/* ---- stopping ---- */

void keeper_stop_moving(struct keeper *keeper) {
    if (keeper->mover != NULL) mover_stop(keeper->mover);
}

void keeper_finish(struct keeper *keeper) {
    keeper->finishing = keeper->retry_missed = true;
    atomic_store(&keeper->job.stop_old, true);
    handover_stop(keeper->handover, false);
    keeper_stop_moving(keeper);
    keeper_look(keeper);
}

void keeper_stop_indexing(struct keeper *keeper) {
    atomic_store(&keeper->job.stop_indexing, true);
    handover_stop(keeper->handover, true);
}

void keeper_stop(struct keeper *keeper) {
    atomic_store(&keeper->job.stop_old, true);
    atomic_store(&keeper->job.stop_indexing, true);
    atomic_store(&keeper->job.stop_all, true);
    handover_stop(keeper->handover, true);
    keeper_stop_moving(keeper);
    port_cancel(&keeper->op);
}

/* ---- after a job ---- */

static void segments_moved(void *context) {
    struct keeper *keeper = context;
    if (hands_over(keeper)) handover_look(keeper->handover, keeper->ready);
}

static void pass_on(struct keeper *k) {
    if (k->finishing || k->rules_changed || (!moves(k) && !hands_over(k))) return;
    sequences_release(k->ready);
    k->ready = backlog_ready(&k->job.backlog);
    if (moves(k)) mover_look(k->mover, k->ready);
    if (hands_over(k)) handover_look(k->handover, k->ready);
}

static void failed(struct keeper *k, int error) {
    if (k->reported_error != error)
        say("%s: %s: %s; %s", k->job.failed_path, k->job.failed_work, error_text(error),
            k->finishing ? "the next start continues" : "retrying in a minute");
    k->reported_error = error;
    if (!k->finishing) look_by(k, port_now_ns(k->port) + RETRY_NS);
}

/* Decides when a segment is old enough, or skipped ones are retried. */
static void wait_for_more(struct keeper *k, bool later) {
    const int64_t now_ns = port_now_ns(k->port);
    int64_t ns = later ? k->job.wake_ns - k->job.now_ns : NEVER;
    if (!backlog_missed(&k->job.backlog)) {
        k->missed_pause_ns = 0;
        k->reported_error = k->job.reported_error = 0;
    } else if (!k->missed_ns) {
        k->missed_pause_ns = k->missed_pause_ns ? 2 * k->missed_pause_ns : MISSED_NS_MIN;
        if (k->missed_pause_ns > MISSED_NS_MAX) k->missed_pause_ns = MISSED_NS_MAX;
        k->missed_ns = now_ns + k->missed_pause_ns;
    }
    if (k->missed_ns && k->missed_ns - now_ns < ns) ns = k->missed_ns - now_ns;
    if (k->finishing || ns == NEVER) return;
    look_by(k, now_ns + (ns < WAIT_NS_MAX ? ns : WAIT_NS_MAX));
}

static void job_done(struct keeper *k, int64_t result) {
    k->counts.segments_indexed += result == KEEPER_INDEXED;
    k->counts.segments_archived += result == KEEPER_REPACKED;
    const uint32_t unrecorded = k->finishing ? backlog_unrecorded(&k->job.backlog) : 0;
    if (atomic_load(&k->job.stop_all)) {
        if (unrecorded > 0 && k->options.manifest != NULL)
            say("%s: %u closed segments are not in the manifest yet; the next start records them",
                k->options.folder, unrecorded);
        return;
    }
    pass_on(k);
    const bool due = port_now_ns(k->port) >= k->due_ns, failure = result < 0;
    if (failure && result != ERR_CANCELLED) failed(k, (int)result);
    if (due || result > KEEPER_LATER || result == ERR_CANCELLED)
        start_job(k);
    else if (!failure)
        wait_for_more(k, result == KEEPER_LATER);
    if (port_idle(&k->op) && k->due_ns != NEVER) set_timer(k);
}

static void job_or_timer_done(struct port_op *op) {
    struct keeper *k = PORT_CONTAINER(struct keeper, op, op);
    const bool was_job = k->running;
    k->running = k->waiting = false;
    if (was_job) {
        job_done(k, op->result);
    } else if (!atomic_load(&k->job.stop_all)) {
        if (port_now_ns(k->port) >= k->due_ns)
            start_job(k);
        else
            set_timer(k);
    }
}
