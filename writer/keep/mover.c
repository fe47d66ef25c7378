/* mover.c - see mover.h.  One job at a time moves up to SEGMENTS_A_JOB segments.  When the archive
 * changes, the job in the previous archive is detached: that archive may hang. */
#include "writer/keep/mover.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/keep/move.h"
#include "writer/segment/archives.h"
#include "writer/segment/segment_list.h"

#define SECOND_NS      INT64_C(1000000000)
#define MISSED_NS_MIN  (1 * SECOND_NS)
#define MISSED_NS_MAX  (60 * SECOND_NS)
#define ARCHIVE_NS_MIN (10 * SECOND_NS)
#define ARCHIVE_NS_MAX (600 * SECOND_NS)
/* Limited, because other streams and retention share the lane. */
#define SEGMENTS_A_JOB 16

struct mover_job {
    struct lane_job lane; /* first */
    struct files *files;
    struct manifest *manifest;
    struct sequences *ready;
    uint64_t moved;  /* all up to this sequence were moved or skipped */
    uint64_t missed; /* the first that was skipped after an error; 0: none */
    uint64_t count, failures;
    int archive_error;              /* the archive takes no segments */
    char refused[SEGMENT_NAME_MAX]; /* the first that it did not take */
    bool not_listed;                /* the log directory's folder could not be read */
    int reported_error;             /* the last error of a segment or folder */
    uint64_t failed;                /* the segment of that error */
    bool copy_left;                 /* an interrupted move may have left its temporary file */
    bool more;                      /* SEGMENTS_A_JOB were moved */
    int64_t wall_ns;
    uint8_t chance[ARCHIVES_ID_BYTES];
    char stream[STREAM_NAME_MAX + 1];
    char directory[PATH_BYTES_MAX], folder[PATH_BYTES_MAX], archive[PATH_BYTES_MAX];
};

struct mover {
    struct mover_options options;
    struct port_op wait; /* for the next job */
    struct lane_client client;
    bool wanted, stopping, changed;
    char archive[PATH_BYTES_MAX]; /* "": nowhere */
    struct sequences *ready;
    struct mover_counts counts;
    uint64_t moved, missed, failed;
    uint64_t late; /* the lowest one that became ready since the last job; 0: none */
    int reported_error, reported_archive_error;
    bool copy_left;
    int64_t missed_ns, missed_pause_ns;   /* when skipped ones are retried */
    int64_t archive_ns, archive_pause_ns; /* when the archive is retried */
};

static void wait_over(struct port_op *op);
static void job_done(struct lane_client *client, struct lane_job *ended, int64_t result,
                     bool detached);
static int64_t job_run(struct lane_job *lane);
static void job_release(struct lane_job *lane);

int mover_open(const struct mover_options *options, struct mover **mover) {
    struct mover *m = calloc(1, sizeof *m);
    if (m == NULL) return ERR_NO_MEMORY;
    m->options = *options;
    m->wait.done = wait_over;
    m->client = (struct lane_client){.lanes = options->lanes, .done = job_done};
    m->copy_left = true;
    *mover = m;
    return 0;
}

void mover_free(struct mover *mover) {
    assert(!mover_busy(mover));
    sequences_release(mover->ready);
    free(mover);
}

bool mover_busy(const struct mover *mover) {
    return !lane_client_idle(&mover->client) || !port_idle(&mover->wait);
}

struct mover_counts mover_counts(const struct mover *mover) {
    return mover->counts;
}

/* ---- the owner's side ---- */

static void begin_missed_again(struct mover *m) {
    if (m->missed) m->moved = m->missed - 1;
    m->missed = 0;
    m->missed_ns = 0;
}

/* False: no memory. */
static bool begin_job(struct mover *m) {
    struct mover_job *job = calloc(1, sizeof *job);
    if (job == NULL) return false;
    job->lane.run = job_run;
    job->lane.release = job_release;
    job->files = port_files(m->options.port);
    job->manifest = manifest_hold(m->options.manifest);
    job->ready = sequences_hold(m->ready);
    job->moved = m->moved;
    job->missed = m->missed;
    job->reported_error = m->reported_error;
    job->failed = m->failed;
    job->copy_left = m->copy_left;
    job->wall_ns = port_wall_ns(m->options.port);
    port_random(m->options.port, job->chance, sizeof job->chance);
    strcpy(job->stream, m->options.stream);
    strcpy(job->directory, m->options.directory);
    strcpy(job->folder, m->options.folder);
    strcpy(job->archive, m->archive);
    return lane_client_begin(&m->client, m->archive, &job->lane);
}

static void wait_for(struct mover *m, int64_t until_ns) {
    port_timer(m->options.port, &m->wait, until_ns);
}

static void wait_for_more(struct mover *m);

static bool any_after(const struct sequences *ready, uint64_t sequence) {
    return ready != NULL && ready->count > 0 && ready->all[ready->count - 1] > sequence;
}

static void start(struct mover *m) {
    const int64_t now_ns = port_now_ns(m->options.port);
    m->wanted = false;
    if (m->changed) {
        m->moved = m->missed = 0;
        m->archive_ns = m->archive_pause_ns = m->missed_ns = m->missed_pause_ns = 0;
        m->reported_archive_error = m->reported_error = 0;
        m->copy_left = true;
    }
    m->changed = false;
    if (m->stopping || m->archive[0] == '\0') return;
    if (now_ns < m->archive_ns) {
        wait_for(m, m->archive_ns);
        return;
    }
    m->archive_ns = 0;
    if (m->missed_ns && now_ns >= m->missed_ns) begin_missed_again(m);
    if (m->late && m->late <= m->moved) m->moved = m->late - 1;
    m->late = 0;
    if (!any_after(m->ready, m->moved) && !m->copy_left) {
        wait_for_more(m);
        return;
    }
    if (begin_job(m)) return;
    m->archive_ns = now_ns + ARCHIVE_NS_MIN;
    wait_for(m, m->archive_ns);
}

void mover_set_archive(struct mover *mover, const char *archive) {
    const char *name = archive != NULL ? archive : "";
    mover->changed = true; /* the same archive is retried at once, too */
    assert(strlen(name) < sizeof mover->archive);
    /* If the detached job and the next one move the same segment, the one that takes the manifest's
     * lock first does, and the other removes its copy (move.c). */
    if (strcmp(mover->archive, name) != 0) lane_client_detach(&mover->client, true);
    strcpy(mover->archive, name);
    port_cancel(&mover->wait);
}

void mover_look(struct mover *mover, struct sequences *ready) {
    const uint64_t added = sequences_lowest_added(ready, mover->ready);
    if (added && (mover->late == 0 || added < mover->late)) mover->late = added;
    sequences_hold(ready); /* it may be the same set */
    sequences_release(mover->ready);
    mover->ready = ready;
    if (mover->stopping) return;
    if (lane_client_job(&mover->client) == NULL && port_idle(&mover->wait))
        start(mover);
    else
        mover->wanted = true;
    if (mover->archive_ns == 0) port_cancel(&mover->wait);
}

void mover_stop(struct mover *mover) {
    mover->stopping = true;
    lane_client_stop(&mover->client);
    port_cancel(&mover->wait);
}

/* Reports each cause once, and schedules the next try. */
static void archive_failed(struct mover *m, const char *refused, int error) {
    int64_t *pause_ns = &m->archive_pause_ns;
    *pause_ns = *pause_ns == 0 ? ARCHIVE_NS_MIN : 2 * *pause_ns;
    if (*pause_ns > ARCHIVE_NS_MAX) *pause_ns = ARCHIVE_NS_MAX;
    m->archive_ns = port_now_ns(m->options.port) + *pause_ns;
    if (m->reported_archive_error != error)
        say("archive %s: %s; closed files stay in %s, from %s on, trying again in %lld s and later",
            m->archive, archives_error_text(error), m->options.folder, refused,
            (long long)(*pause_ns / SECOND_NS));
    m->reported_archive_error = error;
}

static void take_results(struct mover *m, const struct mover_job *job) {
    m->counts.segments += job->count;
    m->counts.failures += job->failures;
    m->copy_left = job->copy_left;
    if (m->changed) return;
    m->moved = job->moved;
    m->missed = job->missed;
    m->reported_error = job->reported_error;
    m->failed = job->failed;
    if (job->archive_error == ERR_CANCELLED) return;
    if (job->archive_error) {
        archive_failed(m, job->refused, job->archive_error);
        return;
    }
    m->archive_ns = job->not_listed ? port_now_ns(m->options.port) + ARCHIVE_NS_MAX / 10 : 0;
    if (job->count == 0) return;
    if (m->options.moved != NULL) m->options.moved(m->options.context);
    if (m->reported_archive_error) say_info("archive %s: takes closed files again", m->archive);
    m->reported_archive_error = 0;
    m->archive_pause_ns = 0;
}

static void wait_for_more(struct mover *m) {
    if (m->missed == 0) {
        m->missed_pause_ns = 0;
        m->reported_error = 0;
    } else if (m->missed_ns == 0) {
        m->missed_pause_ns = m->missed_pause_ns ? 2 * m->missed_pause_ns : MISSED_NS_MIN;
        if (m->missed_pause_ns > MISSED_NS_MAX) m->missed_pause_ns = MISSED_NS_MAX;
        m->missed_ns = port_now_ns(m->options.port) + m->missed_pause_ns;
    }
    int64_t until_ns = INT64_MAX;
    if (m->archive_ns) until_ns = m->archive_ns;
    if (m->missed_ns && m->missed_ns < until_ns) until_ns = m->missed_ns;
    if (until_ns < INT64_MAX) wait_for(m, until_ns);
}

static void wait_over(struct port_op *op) {
    struct mover *m = PORT_CONTAINER(struct mover, wait, op);
    if (!m->stopping && lane_client_job(&m->client) == NULL) start(m);
}

static void job_done(struct lane_client *client, struct lane_job *ended, int64_t result,
                     bool detached) {
    struct mover *m = PORT_CONTAINER(struct mover, client, client);
    struct mover_job *job = (struct mover_job *)ended;
    (void)result;
    if (job == NULL) return; /* abandoned at a stop */
    if (detached) {
        m->counts.segments += job->count;
        m->counts.failures += job->failures;
        return;
    }
    take_results(m, job);
    if (m->stopping) return;
    if (job->more || m->changed || (m->wanted && m->archive_ns == 0))
        start(m);
    else
        wait_for_more(m);
}

/* ---- the job ---- */

static void job_release(struct lane_job *lane) {
    struct mover_job *job = (struct mover_job *)lane;
    manifest_release(job->manifest);
    sequences_release(job->ready);
    free(job);
}

/* Skips a segment after an error that is not of the archive; the next ones are moved. */
static void miss(struct mover_job *job, const struct segment_file *file, int error) {
    if (job->reported_error != error) {
        say("%s: moving: %s; trying again soon", file->path, move_error_text(error));
        job->failed = file->name.sequence;
    }
    job->reported_error = error;
    job->failures++;
    if (job->missed == 0 || file->name.sequence < job->missed) job->missed = file->name.sequence;
}

/* False: the job must not continue. */
static bool move_one(struct mover_job *job, const struct segment_file *file) {
    struct move move = {.files = job->files,
                        .manifest = job->manifest,
                        .directory = job->directory,
                        .archive = job->archive,
                        .chance = job->chance,
                        .stop = &job->lane.stop,
                        .progress = job->lane.progress,
                        .now_ns = job->wall_ns};
    job->copy_left = true;
    const int error = move_segment(&move, &file->name);
    if (!error) job->copy_left = false;
    if (error == ERR_CANCELLED || (error && move.of_archive)) {
        job->archive_error = error;
        segment_name_format(&file->name, job->refused);
        job->failures += error != ERR_CANCELLED;
        return false;
    }
    if (error && error != ERR_NOT_FOUND) miss(job, file, error);
    job->moved = file->name.sequence;
    if (error && error != ERR_NOT_FOUND) return true;
    const bool had_failed = job->failed == file->name.sequence;
    if (had_failed) job->failed = 0;
    if (error) return true; /* deleted meanwhile */
    if (had_failed) say_info("%s: moved now, to %s", file->path, job->archive);
    job->count++;
    return true;
}

static bool is_next(const struct mover_job *job, const struct segment_file *file) {
    if (file->name.part || file->name.stream[0] == '\0') return false;
    return file->name.sequence > job->moved && sequences_have(job->ready, file->name.sequence);
}

static int64_t job_run(struct lane_job *lane) {
    struct mover_job *job = (struct mover_job *)lane;
    struct segment_list list = {0};
    int error = segment_list_add(job->files, job->folder, &list);
    if (error == ERR_NOT_FOUND) error = 0;
    bool continues = !error;
    for (uint32_t i = 0; i < list.count && continues; i++) { /* sorted by sequence */
        if (!is_next(job, &list.files[i])) continue;
        job->more = job->count == SEGMENTS_A_JOB;
        continues = !job->more && move_one(job, &list.files[i]);
    }
    segment_list_free(&list);
    if (continues && job->copy_left)
        job->copy_left = move_clear(job->files, job->directory, job->archive, job->stream) != 0;
    job->not_listed = error != 0;
    if (error && job->reported_error != error)
        say("%s: looking for files to move: %s; trying again later", job->folder,
            error_text(error));
    if (error) job->reported_error = error;
    return 0;
}
