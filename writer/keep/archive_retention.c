/* archive_retention.c - see archive_retention.h. */
#include "writer/keep/archive_retention.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/segment/archives.h"
#include "writer/segment/leftovers.h"

#define SECOND_NS    INT64_C(1000000000)
/* After this time without progress, the log directory does not wait for deletions in the
 * archive. */
#define STUCK_NS     (3 * SECOND_NS)
#define PAUSE_NS_MIN SECOND_NS
#define PAUSE_NS_MAX (60 * SECOND_NS)

struct look_job {
    struct lane_job lane; /* first */
    struct files *files;
    struct manifest *manifest;
    struct retention_rules rules;
    struct retention_listing *known[RETENTION_PLACES];
    uint32_t place, stuck;
    int64_t wall_ns;
    bool away;                        /* in and out: the archive was reported as unavailable */
    struct retention_reports reports; /* in and out */
    bool clears; /* in: remove what a killed process has left there; out: it may still be there */
    /* Results. */
    struct retention_listing *listing;
    uint64_t deleted, left;
    uint32_t elsewhere; /* bit p: a segment has to be deleted from place p */
    char directory[PATH_BYTES_MAX], archive[PATH_BYTES_MAX];
    char failed_path[PATH_BYTES_MAX]; /* if it failed */
};

struct archive_retention {
    struct archive_retention_options options;
    char archive[PATH_BYTES_MAX];
    struct port_op wait; /* for the next job */
    struct lane_client client;
    struct look_job *next; /* NULL: none is wanted */
    bool stopping, looked, away;
    struct retention_reports reports;
    bool left_over; /* what a killed process has left may still be there */
    struct retention_listing *listing;
    int64_t earliest_ns, pause_ns; /* of the next look */
    int reported_error;            /* the last one */
};

static void wait_over(struct port_op *op);
static void look_done(struct lane_client *client, struct lane_job *ended, int64_t result,
                      bool detached);
static int64_t look_run(struct lane_job *lane);

static void look_release(struct lane_job *lane) {
    struct look_job *job = (struct look_job *)lane;
    for (int place = 0; place < RETENTION_PLACES; place++)
        free(job->known[place]);
    free(job->listing);
    free(job->rules.streams);
    manifest_release(job->manifest);
    free(job);
}

static void forget_next(struct archive_retention *r) {
    if (r->next != NULL) look_release(&r->next->lane);
    r->next = NULL;
}

int archive_retention_open(const struct archive_retention_options *options,
                           struct archive_retention **retention) {
    struct archive_retention *r = calloc(1, sizeof *r);
    if (r == NULL) return ERR_NO_MEMORY;
    r->options = *options;
    assert(strlen(options->archive) < sizeof r->archive);
    r->options.archive = strcpy(r->archive, options->archive);
    r->wait.done = wait_over;
    r->client = (struct lane_client){.lanes = options->lanes, .done = look_done};
    r->left_over = true;
    *retention = r;
    return 0;
}

void archive_retention_free(struct archive_retention *retention) {
    if (retention == NULL) return;
    assert(archive_retention_quiet(retention));
    forget_next(retention);
    free(retention->listing);
    free(retention);
}

bool archive_retention_quiet(const struct archive_retention *retention) {
    return port_idle(&retention->wait) && lane_client_idle(&retention->client);
}

bool archive_retention_idle(const struct archive_retention *retention) {
    return retention->next == NULL;
}

bool archive_retention_looked(const struct archive_retention *retention) {
    return retention->looked;
}

const struct retention_listing *
archive_retention_listing(const struct archive_retention *retention) {
    return retention->listing;
}

bool archive_retention_stuck(const struct archive_retention *retention) {
    return archive_lanes_silent_ns(retention->options.lanes, retention->archive) > STUCK_NS;
}

/* ---- the owner's side ---- */

static bool copy_rules(struct look_job *job, const struct retention_rules *rules) {
    job->rules = *rules;
    job->rules.streams = malloc((rules->stream_count + 1) * sizeof *rules->streams);
    if (job->rules.streams == NULL) return false;
    if (rules->stream_count > 0)
        memcpy(job->rules.streams, rules->streams, rules->stream_count * sizeof *rules->streams);
    return true;
}

static struct look_job *make_job(const struct archive_retention *r,
                                 const struct retention_rules *rules,
                                 const struct retention_listing *const known[RETENTION_PLACES]) {
    struct look_job *job = calloc(1, sizeof *job);
    if (job == NULL) return NULL;
    job->lane.run = look_run;
    job->lane.release = look_release;
    job->files = port_files(r->options.port);
    job->manifest = manifest_hold(r->options.manifest);
    job->place = r->options.place;
    strcpy(job->directory, r->options.directory);
    strcpy(job->archive, r->archive);
    if (!copy_rules(job, rules)) {
        look_release(&job->lane);
        return NULL;
    }
    for (uint32_t place = 0; place < RETENTION_PLACES; place++)
        if (place != job->place) job->known[place] = retention_listing_copy(known[place]);
    return job;
}

static void start(struct archive_retention *r) {
    const int64_t now_ns = port_now_ns(r->options.port);
    if (r->stopping || r->next == NULL) return;
    if (now_ns < r->earliest_ns) {
        port_timer(r->options.port, &r->wait, r->earliest_ns);
        return;
    }
    struct look_job *job = r->next;
    r->next = NULL;
    job->wall_ns = port_wall_ns(r->options.port);
    job->away = r->away;
    job->reports = r->reports;
    job->clears = r->left_over;
    /* Without memory, the next minute's look tries again. */
    (void)lane_client_begin(&r->client, r->archive, &job->lane);
}

void archive_retention_look(struct archive_retention *retention,
                            const struct retention_rules *rules,
                            const struct retention_listing *const known[RETENTION_PLACES],
                            uint32_t stuck) {
    struct archive_retention *r = retention;
    if (r->stopping) return;
    struct look_job *job = make_job(r, rules, known);
    if (job == NULL) return; /* the next minute's look tries again */
    job->stuck = stuck & ~(1u << job->place);
    forget_next(r);
    r->next = job;
    if (archive_retention_quiet(r)) start(r);
}

void archive_retention_stop(struct archive_retention *retention) {
    retention->stopping = true;
    lane_client_stop(&retention->client);
    port_cancel(&retention->wait);
}

static void take_results(struct archive_retention *r, struct look_job *job, int64_t result) {
    const bool again = result < 0 || job->left > 0;
    if (result < 0 && result != ERR_CANCELLED && r->reported_error != (int)result) {
        r->reported_error = (int)result;
        say("archive %s: retention: %s: %s; trying again later", r->archive, job->failed_path,
            error_text(r->reported_error));
    }
    if (result >= 0) r->reported_error = 0;
    r->looked = true;
    r->away = job->away;
    r->reports = job->reports;
    if (result >= 0 && job->left == 0) r->reports = (struct retention_reports){0};
    r->left_over = job->clears;
    r->pause_ns = again && r->pause_ns ? 2 * r->pause_ns : PAUSE_NS_MIN;
    if (r->pause_ns > PAUSE_NS_MAX) r->pause_ns = PAUSE_NS_MAX;
    r->earliest_ns = port_now_ns(r->options.port) + r->pause_ns;
    free(r->listing);
    r->listing = job->listing;
    job->listing = NULL;
}

static void wait_over(struct port_op *op) {
    start(PORT_CONTAINER(struct archive_retention, wait, op));
}

static void look_done(struct lane_client *client, struct lane_job *ended, int64_t result,
                      bool detached) {
    struct archive_retention *r = PORT_CONTAINER(struct archive_retention, client, client);
    struct look_job *job = (struct look_job *)ended;
    (void)detached;          /* none ever is */
    if (job == NULL) return; /* abandoned at a stop */
    /* After a deletion the log directory's limits may have room. */
    const uint32_t due = (job->elsewhere & ~(1u << job->place)) | (job->deleted > 0);
    take_results(r, job, result);
    r->options.looked(r->options.context, due);
    if (archive_retention_quiet(r)) start(r);
}

/* ---- the job ---- */

/* Moves to this archive run in the same lane, so none is under way. */
static void clear_leftovers(struct look_job *job) {
    struct archives *archives = malloc(sizeof *archives);
    int error = archives == NULL ? ERR_NO_MEMORY : 0;
    if (!error) error = archives_read(job->files, job->directory, archives);
    if (!error) error = archives_check(job->files, archives, job->archive);
    free(archives);
    lane_progress_made(job->lane.progress);
    if (!error) error = leftovers_clear_archive(job->files, job->archive);
    job->clears = error != 0;
}

static int64_t look_run(struct lane_job *lane) {
    struct look_job *job = (struct look_job *)lane;
    if (job->clears) clear_leftovers(job);
    const struct retention_folders folders = {.directory = job->directory};
    struct retention_reach reach = {
        .lists = 1u | 1u << job->place, .deletes = 1u << job->place, .stuck = job->stuck};
    struct retention *retention;
    strcpy(job->failed_path, job->archive);
    int64_t result = retention_open(job->files, &folders, job->manifest, &job->rules, &retention);
    if (result < 0) return result;
    for (int place = 0; place < RETENTION_PLACES; place++)
        reach.known[place] = job->known[place];
    retention_set_reach(retention, &reach);
    retention_set_away(retention, job->place, job->away);
    retention_set_reports(retention, &job->reports);
    result = retention_look(retention, job->wall_ns);
    lane_progress_made(job->lane.progress);
    for (int64_t left = result; left > 0 && result >= 0; left--) {
        if (atomic_load_explicit(&job->lane.stop, memory_order_relaxed)) break;
        result = retention_step(retention, job->wall_ns);
        lane_progress_made(job->lane.progress);
    }
    const struct retention_tally tally = retention_tally(retention);
    job->deleted = tally.deleted;
    job->left = tally.left;
    job->elsewhere = tally.elsewhere;
    job->away = retention_away(retention, job->place);
    job->reports = retention_reports(retention);
    strcpy(job->failed_path, retention_failed_path(retention));
    if (result >= 0) job->listing = retention_listing_of(retention, job->place);
    retention_close(retention);
    return result < 0 ? result : 0;
}
