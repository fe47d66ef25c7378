/* archive_lanes.c - see archive_lanes.h. */
#include "writer/keep/archive_lanes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"

#define SECOND_NS INT64_C(1000000000)
/* How often a busy lane is checked for progress. */
#define WATCH_NS  SECOND_NS

/* A job in flight.  The op must outlive a job that is abandoned, so it is not part of it. */
struct lane_attempt {
    struct port_op op;
    struct lane_client *client;
    struct lane_job *job;
};

struct archive_lane {
    struct archive_lanes *lanes;
    struct archive_lane *next;
    struct port_remote *remote;
    struct port_op watch; /* timer, while the lane is busy */
    struct lane_progress *progress;
    uint64_t steps_seen;
    int64_t answered_ns; /* when it last made progress, or began a job */
    bool hung;
    char archive[PATH_BYTES_MAX];
};

struct archive_lanes {
    struct port *port;
    const char *directory;
    struct archive_lane *first;
    struct port_op stop_timer;
    bool stopping;
    uint64_t hangs; /* since the start */
};

static void watch_due(struct port_op *op);
static void stop_due(struct port_op *op);

void lane_progress_made(struct lane_progress *progress) {
    if (progress != NULL) atomic_fetch_add_explicit(&progress->steps, 1, memory_order_relaxed);
}

static void release_progress(struct lane_progress *progress) {
    if (progress != NULL && atomic_fetch_sub(&progress->holders, 1) == 1) free(progress);
}

int archive_lanes_open(struct port *port, const char *directory, struct archive_lanes **lanes) {
    struct archive_lanes *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return ERR_NO_MEMORY;
    opened->port = port;
    opened->directory = directory;
    opened->stop_timer.done = stop_due;
    *lanes = opened;
    return 0;
}

static struct archive_lane *find(const struct archive_lanes *lanes, const char *archive) {
    struct archive_lane *lane = lanes->first;
    while (lane != NULL && strcmp(lane->archive, archive) != 0)
        lane = lane->next;
    return lane;
}

static void free_lane(struct archive_lane *lane) {
    if (lane->remote != NULL) port_remote_close(lane->remote);
    release_progress(lane->progress);
    free(lane);
}

/* Opens the lane at its first use.  NULL: no memory. */
static struct archive_lane *lane_of(struct archive_lanes *lanes, const char *archive) {
    struct archive_lane *lane = find(lanes, archive);
    if (lane != NULL) return lane;
    lane = calloc(1, sizeof *lane);
    if (lane == NULL) return NULL;
    assert(strlen(archive) < sizeof lane->archive);
    strcpy(lane->archive, archive);
    lane->lanes = lanes;
    lane->watch.done = watch_due;
    lane->progress = calloc(1, sizeof *lane->progress);
    if (lane->progress != NULL) atomic_init(&lane->progress->holders, 1);
    if (lane->progress == NULL ||
        port_remote_open(lanes->port, archive[0] != '\0' ? "archive" : "commands", &lane->remote)) {
        free_lane(lane);
        return NULL;
    }
    lane->next = lanes->first;
    lanes->first = lane;
    return lane;
}

static void start_stop_timer(struct archive_lanes *lanes) {
    if (port_idle(&lanes->stop_timer))
        port_timer(lanes->port, &lanes->stop_timer, port_now_ns(lanes->port) + ARCHIVE_STOP_NS);
}

/* How long the lane's present job has been running; 0: none. */
static int64_t busy_ns(const struct archive_lane *lane) {
    return port_remote_busy_ns(lane->remote);
}

/* ---- clients ---- */

static int64_t job_run(void *context) {
    struct lane_job *job = context;
    return job->run(job);
}

static void job_release(void *context) {
    struct lane_job *job = context;
    release_progress(job->progress);
    job->release(job);
}

static void attempt_done(struct port_op *op) {
    struct lane_attempt *attempt = PORT_CONTAINER(struct lane_attempt, op, op);
    struct lane_client *client = attempt->client;
    const bool detached = attempt != client->attempt;
    /* After an abandonment the lane's thread releases the job. */
    struct lane_job *job = op->result == ERR_TIMED_OUT ? NULL : attempt->job;
    const int64_t result = op->result;
    if (!detached) client->attempt = NULL;
    client->attempts--;
    free(attempt);
    client->done(client, job, result, detached);
    if (job != NULL) job_release(job);
}

bool lane_client_begin(struct lane_client *client, const char *archive, struct lane_job *job) {
    struct archive_lanes *lanes = client->lanes;
    struct archive_lane *lane = lane_of(lanes, archive);
    struct lane_attempt *attempt = lane != NULL ? calloc(1, sizeof *attempt) : NULL;
    assert(client->attempt == NULL);
    if (attempt == NULL) {
        job_release(job);
        return false;
    }
    atomic_fetch_add(&lane->progress->holders, 1);
    job->progress = lane->progress;
    *attempt = (struct lane_attempt){.op.done = attempt_done, .client = client, .job = job};
    client->attempt = attempt;
    client->attempts++;
    if (busy_ns(lane) == 0) lane->answered_ns = port_now_ns(lanes->port);
    port_remote_work(lane->remote, &attempt->op, job_run, job_release, job);
    if (lanes->stopping)
        start_stop_timer(lanes);
    else if (port_idle(&lane->watch))
        port_timer(lanes->port, &lane->watch, port_now_ns(lanes->port) + WATCH_NS);
    return true;
}

struct lane_job *lane_client_job(const struct lane_client *client) {
    return client->attempt != NULL ? client->attempt->job : NULL;
}

void lane_client_stop(struct lane_client *client) {
    if (client->attempt != NULL) atomic_store(&client->attempt->job->stop, true);
}

void lane_client_detach(struct lane_client *client, bool stop) {
    struct lane_attempt *attempt = client->attempt;
    if (attempt == NULL) return;
    if (stop) lane_client_stop(client);
    client->attempt = NULL;
    if (stop) port_cancel(&attempt->op);
}

bool lane_client_idle(const struct lane_client *client) {
    return client->attempts == 0;
}

/* ---- hangs ---- */

static const char *what(const struct archive_lane *lane) {
    return lane->archive[0] != '\0' ? lane->archive : "archive_command";
}

static void report_hung(struct archive_lane *lane, int64_t since_ns) {
    lane->hung = true;
    lane->lanes->hangs++;
    if (lane->archive[0] != '\0')
        say("archive %s: no answer for %lld s; closed files stay in %s until it answers, all else "
            "continues",
            lane->archive, (long long)(since_ns / SECOND_NS), lane->lanes->directory);
    else
        say("archive_command: starting it has hung for %lld s; closed files stay in %s until it "
            "runs, all else continues",
            (long long)(since_ns / SECOND_NS), lane->lanes->directory);
}

static void watch_due(struct port_op *op) {
    struct archive_lane *lane = PORT_CONTAINER(struct archive_lane, watch, op);
    struct archive_lanes *lanes = lane->lanes;
    const int64_t now_ns = port_now_ns(lanes->port), running_ns = busy_ns(lane);
    const uint64_t steps = atomic_load_explicit(&lane->progress->steps, memory_order_relaxed);
    if (steps != lane->steps_seen || running_ns < now_ns - lane->answered_ns) {
        if (lane->hung)
            say_info("archive %s: answers again after %lld s", what(lane),
                     (long long)((now_ns - lane->answered_ns) / SECOND_NS));
        lane->hung = false;
        lane->answered_ns = steps != lane->steps_seen ? now_ns : now_ns - running_ns;
        lane->steps_seen = steps;
    }
    if (running_ns > 0 && !lane->hung && now_ns - lane->answered_ns >= ARCHIVE_HUNG_NS)
        report_hung(lane, now_ns - lane->answered_ns);
    if (running_ns > 0 && !lanes->stopping && op->result >= 0)
        port_timer(lanes->port, op, now_ns + WATCH_NS);
}

int64_t archive_lanes_silent_ns(const struct archive_lanes *lanes, const char *archive) {
    const struct archive_lane *lane = find(lanes, archive);
    if (lane == NULL) return 0;
    const uint64_t steps = atomic_load_explicit(&lane->progress->steps, memory_order_relaxed);
    if (steps != lane->steps_seen) return 0;
    const int64_t running_ns = busy_ns(lane),
                  since_ns = port_now_ns(lanes->port) - lane->answered_ns;
    return running_ns < since_ns ? running_ns : since_ns;
}

uint32_t archive_lanes_hung_count(const struct archive_lanes *lanes) {
    uint32_t count = 0;
    for (const struct archive_lane *lane = lanes->first; lane != NULL; lane = lane->next)
        count += lane->hung;
    return count;
}

uint64_t archive_lanes_hangs(const struct archive_lanes *lanes) {
    return lanes->hangs;
}

/* ---- stopping ---- */

static void stop_due(struct port_op *op) {
    struct archive_lanes *lanes = PORT_CONTAINER(struct archive_lanes, stop_timer, op);
    for (struct archive_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        if (busy_ns(lane) == 0) continue;
        say("archive %s: what is under way there is left to the next start", what(lane));
        port_remote_abandon(lane->remote);
    }
}

void archive_lanes_stop(struct archive_lanes *lanes) {
    if (lanes->stopping) return;
    lanes->stopping = true;
    bool busy = false;
    for (struct archive_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        port_cancel(&lane->watch);
        busy = busy || busy_ns(lane) > 0;
    }
    if (busy) start_stop_timer(lanes);
}

bool archive_lanes_quiet(const struct archive_lanes *lanes) {
    bool quiet = true, busy = false;
    for (const struct archive_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        quiet = quiet && port_idle(&lane->watch);
        busy = busy || (busy_ns(lane) > 0 && !port_remote_abandoned(lane->remote));
    }
    return quiet && !busy && port_idle(&lanes->stop_timer);
}

void archive_lanes_free(struct archive_lanes *lanes) {
    if (lanes == NULL) return;
    assert(archive_lanes_quiet(lanes));
    while (lanes->first != NULL) {
        struct archive_lane *lane = lanes->first;
        lanes->first = lane->next;
        free_lane(lane);
    }
    free(lanes);
}
