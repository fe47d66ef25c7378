/* retention_job.c - see retention_job.h. */
#include "ingest/daemon/retention_job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/keep/retention_files.h"

#define SECOND_NS       INT64_C(1000000000)
#define LOOK_NS         (60 * SECOND_NS)
#define FREE_LOOK_NS    SECOND_NS
/* Bytes written between two looks at the free space, at least: a look costs a few microseconds, and
 * this is how far the free space may fall below its limit before the next one. */
#define FREE_LOOK_BYTES (UINT64_C(2) << 20)
/* A segment that another program keeps open is tried again: soon, then each time after twice as
 * long. */
#define LEFT_NS         SECOND_NS

/* What a job brings back, when all went well. */
enum { SOME_LEFT = 1 };

static void job_run(struct port_op *op);
static void came_back(struct port_op *op);
static void look_soon(struct retention_job *job);

/* Records the deletions that a crash has kept from the manifest.  Where there are archives, their
 * retention does it: nothing that may hang comes first. */
static int mend(struct retention_job *job) {
    struct files *files = port_files(job->port);
    const struct retention_folders folders = {.directory = job->directory};
    struct archives archives;
    const char *failing = ARCHIVES_FILE;
    int error = archives_read(files, job->directory, &archives);
    if (!error && archives.count == 0) {
        failing = MANIFEST_FILE;
        error = retention_mend(files, &folders, job->manifest, port_wall_ns(job->port));
    }
    if (error)
        snprintf(job->failed_path, sizeof job->failed_path, "%s/state/%s", job->directory, failing);
    job->unmended = error != 0;
    return error;
}

void retention_job_open(struct retention_job *job, struct port *port, const char *directory) {
    job->port = port;
    job->directory = directory;
    job->op.done = came_back;
    job->free = UINT64_MAX;
    const struct retention_folders folders = {.directory = directory};
    struct files *files = port_files(port);
    int error = manifest_open_lazily(files, directory, &job->manifest);
    if (!error) error = archive_lanes_open(port, directory, &job->lanes);
    if (error) {
        manifest_close(job->manifest);
        job->manifest = NULL;
    }
    if (!error)
        error = retention_open(files, &folders, job->manifest, &job->rules, &job->retention);
    if (error)
        say("%s/state/%s: %s; retention deletes nothing until the next start", directory,
            MANIFEST_FILE, error_text(error));
    if (error) return;
    error = mend(job);
    if (error)
        say("%s: earlier deletions cannot be recorded: %s; trying again in a minute",
            job->failed_path, error_text(error));
}

void retention_job_close(struct retention_job *job) {
    for (int place = 0; place < RETENTION_PLACES; place++) {
        archive_retention_free(job->archives[place]);
        free(job->known[place]);
    }
    retention_close(job->retention);
    archive_lanes_free(job->lanes);
    manifest_close(job->manifest);
}

void retention_job_seal(struct retention_job *job) {
    manifest_seal(job->manifest);
}

/* ---- archives ---- */

static void look_at_archive(struct retention_job *job, uint32_t place) {
    const struct retention_listing *known[RETENTION_PLACES] = {0};
    uint32_t stuck = 0;
    for (uint32_t i = 0; i < RETENTION_PLACES; i++) {
        if (job->archives[i] == NULL) continue;
        known[i] = archive_retention_listing(job->archives[i]);
        if (archive_retention_stuck(job->archives[i])) stuck |= 1u << i;
    }
    archive_retention_look(job->archives[place], &job->rules, known, stuck);
}

/* Two archives may share a volume: a look at one shows what has to be deleted from the other. */
static void looked_at_archive(void *context, uint32_t due) {
    struct retention_job *job = context;
    if (job->stopping) return;
    for (uint32_t place = 1; place < RETENTION_PLACES; place++) {
        const struct archive_retention *archive = job->archives[place];
        if (due >> place & 1 && archive != NULL && archive_retention_idle(archive))
            look_at_archive(job, place);
    }
    if (due & 1) look_soon(job);
}

/* Those that the directory remembers: they are never fewer, and keep their order.  A job that is
 * running is reading them again: then they are opened when it is back. */
static void open_archives(struct retention_job *job) {
    if (job->running) return;
    const struct archives *archives = retention_archives(job->retention);
    for (uint32_t i = 0; i < archives->count; i++) {
        struct archive_retention **archive = &job->archives[i + 1];
        if (*archive != NULL) continue;
        const struct archive_retention_options options = {.port = job->port,
                                                          .lanes = job->lanes,
                                                          .manifest = job->manifest,
                                                          .directory = job->directory,
                                                          .archive = archives->folders[i],
                                                          .place = i + 1,
                                                          .looked = looked_at_archive,
                                                          .context = job};
        if (archive_retention_open(&options, archive)) *archive = NULL; /* the next look tries */
    }
}

/* After a look in the log directory. */
static void look_at_archives(struct retention_job *job, uint32_t elsewhere, bool all) {
    const int64_t now_ns = port_now_ns(job->port);
    open_archives(job);
    if (now_ns >= job->archives_ns) {
        job->archives_ns = now_ns + LOOK_NS;
        all = all || retention_wanted(&job->rules);
    }
    for (uint32_t place = 1; place < RETENTION_PLACES; place++) {
        const struct archive_retention *archive = job->archives[place];
        if (archive == NULL || !archive_retention_idle(archive)) continue;
        if (all || elsewhere >> place & 1 || !archive_retention_looked(archive))
            look_at_archive(job, place);
    }
}

/* The job's copy of what is known, while it does not run. */
static void gather_known(struct retention_job *job) {
    struct retention_reach *reach = &job->reach;
    *reach = (struct retention_reach){.lists = 1, .deletes = 1};
    for (uint32_t place = 1; place < RETENTION_PLACES; place++) {
        const struct archive_retention *archive = job->archives[place];
        if (archive == NULL) continue;
        free(job->known[place]);
        job->known[place] = retention_listing_copy(archive_retention_listing(archive));
        reach->known[place] = job->known[place];
        if (archive_retention_stuck(archive)) reach->stuck |= 1u << place;
    }
    retention_set_reach(job->retention, reach);
}

/* ---- the log directory ---- */

static bool anything_to_do(const struct retention_job *job) {
    if (job->retention == NULL) return false;
    /* A deletion that was begun before this start is finished without any rules. */
    return retention_wanted(&job->rules) || job->looks || job->unmended;
}

static void look(struct retention_job *job) {
    job->rules = job->next_rules;
    memcpy(job->streams, job->next_streams, sizeof job->streams);
    job->rules.streams = job->streams;
    if (!anything_to_do(job)) return;
    job->running = true;
    job->wanted = false;
    if (port_now_ns(job->port) >= job->look_ns) job->looks = true;
    if (job->looks) job->look_ns = port_now_ns(job->port) + LOOK_NS;
    job->bytes_looked = job->seen.bytes_written;
    gather_known(job);
    port_work(job->port, &job->op, PORT_LANE_URGENT, job_run);
}

/* At the free space, and at more if that is wanted. */
static void look_now(struct retention_job *job) {
    if (job->stopping) return;
    if (job->running) {
        job->wanted = true;
    } else if (port_idle(&job->op)) {
        look(job);
    } else {
        port_cancel(&job->op); /* the wait: it comes back, and looks */
    }
}

static void look_soon(struct retention_job *job) {
    job->look_ns = 0;
    look_now(job);
}

void retention_job_set_rules(struct retention_job *job, const struct retention_rules *rules) {
    assert(rules->stream_count <= STREAMS_MAX);
    job->next_rules = *rules;
    for (uint32_t i = 0; i < rules->stream_count; i++)
        job->next_streams[i] = rules->streams[i];
    if (!job->running) job->looks = true; /* else the job's: the next one has them */
    job->archives_ns = 0;
    look_soon(job);
}

/* A quarter of what is left above the limit has been written since the last look. */
static bool free_space_due(const struct retention_job *job, uint64_t bytes_written) {
    const uint64_t limit = job->rules.free_min;
    if (limit == 0) return false;
    const uint64_t spare = job->free > limit ? (job->free - limit) / 4 : 0;
    return bytes_written - job->bytes_looked >= (spare > FREE_LOOK_BYTES ? spare : FREE_LOOK_BYTES);
}

void retention_job_step(struct retention_job *job, const struct retention_job_progress *progress) {
    const bool closed = progress->segments_closed != job->seen.segments_closed;
    const bool moved = progress->segments_moved != job->seen.segments_moved;
    job->seen = *progress;
    if (closed || moved) look_soon(job);
    if (moved && job->retention && retention_wanted(&job->rules) && !job->stopping)
        look_at_archives(job, 0, true);
    if (!job->running && free_space_due(job, progress->bytes_written)) look_now(job);
}

void retention_job_stop(struct retention_job *job) {
    job->stopping = true;
    atomic_store(&job->let_go, true);
    port_cancel(&job->op);
    for (int place = 1; place < RETENTION_PLACES; place++)
        if (job->archives[place] != NULL) archive_retention_stop(job->archives[place]);
    if (job->lanes != NULL) archive_lanes_stop(job->lanes);
}

bool retention_job_quiet(const struct retention_job *job) {
    bool quiet = port_idle(&job->op);
    for (int place = 1; place < RETENTION_PLACES; place++)
        if (job->archives[place] != NULL)
            quiet = quiet && archive_retention_quiet(job->archives[place]);
    return quiet && (job->lanes == NULL || archive_lanes_quiet(job->lanes));
}

static int64_t pause_ns(struct retention_job *job) {
    const bool left = job->op.result == ERR_BUSY || job->op.result == SOME_LEFT;
    job->left_ns = !left ? 0 : job->left_ns ? 2 * job->left_ns : LEFT_NS;
    int64_t pause = job->rules.free_min > 0 ? FREE_LOOK_NS : LOOK_NS;
    if (left && job->left_ns < pause) pause = job->left_ns;
    return pause;
}

static void came_back(struct port_op *op) {
    struct retention_job *job = PORT_CONTAINER(struct retention_job, op, op);
    const bool was_job = job->running, looked = job->looks;
    job->running = false;
    if (job->stopping) return;
    if (!was_job) {
        look(job);
        return;
    }
    if (op->result < 0 && job->said != (int)op->result) {
        job->said = (int)op->result;
        say("%s: retention: %s; trying again later", job->failed_path, error_text(job->said));
    }
    job->looks = false;
    if (looked && op->result >= 0)
        look_at_archives(job, retention_tally(job->retention).elsewhere, false);
    const int64_t pause = job->wanted ? 0 : pause_ns(job);
    if (job->left_ns) job->look_ns = 0;
    port_timer(job->port, op, port_now_ns(job->port) + pause);
}

static bool is_space_short(struct retention_job *job) {
    const uint64_t limit = job->rules.free_min;
    job->free = UINT64_MAX;
    if (limit == 0 || retention_least_free(job->retention, &job->free)) return false;
    return job->free < limit;
}

static void job_run(struct port_op *op) {
    struct retention_job *job = PORT_CONTAINER(struct retention_job, op, op);
    const int64_t now_ns = port_wall_ns(job->port);
    op->result = job->unmended ? mend(job) : 0;
    if (op->result < 0) return;
    if (is_space_short(job)) job->looks = true;
    if (!job->looks) return;
    int64_t result = retention_look(job->retention, now_ns);
    for (int64_t left = result; left > 0 && result >= 0; left--) {
        if (atomic_load_explicit(&job->let_go, memory_order_relaxed)) break;
        result = retention_step(job->retention, now_ns);
    }
    const bool left = retention_tally(job->retention).left > 0;
    strcpy(job->failed_path, retention_failed_path(job->retention));
    (void)is_space_short(job);
    op->result = result < 0 ? result : left ? SOME_LEFT : 0;
}
