/* retention_job.c - see retention_job.h. */
#include "ingest/daemon/retention_job.h"

#include <assert.h>
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
static void look_soon(struct upkeep *upkeep);

static int open_retention(struct upkeep *upkeep) {
    struct files *files = port_files(upkeep->port);
    const struct retention_folders folders = {.directory = upkeep->directory};
    struct archives archives;
    int error = archives_read(files, upkeep->directory, &archives);
    /* Where there are archives, their retention does it: nothing that may hang comes first. */
    if (!error && archives.count == 0)
        error = retention_mend(files, &folders, upkeep->manifest, port_wall_ns(upkeep->port));
    if (!error)
        error =
            retention_open(files, &folders, upkeep->manifest, &upkeep->rules, &upkeep->retention);
    return error;
}

void upkeep_open(struct upkeep *upkeep, struct port *port, const char *directory) {
    upkeep->port = port;
    upkeep->directory = directory;
    upkeep->op.done = came_back;
    upkeep->free = UINT64_MAX;
    int error = manifest_open(port_files(port), directory, &upkeep->manifest);
    if (!error) error = archive_lanes_open(port, directory, &upkeep->lanes);
    if (error) {
        manifest_close(upkeep->manifest);
        upkeep->manifest = NULL;
    }
    if (!error) error = open_retention(upkeep);
    if (error)
        say("%s/state/%s: %s; retention deletes nothing until the next start", directory,
            MANIFEST_FILE, error_text(error));
}

void upkeep_close(struct upkeep *upkeep) {
    for (int place = 0; place < RETENTION_VOLUMES; place++) {
        archive_retention_free(upkeep->archives[place]);
        free(upkeep->known[place]);
    }
    retention_close(upkeep->retention);
    archive_lanes_free(upkeep->lanes);
    manifest_close(upkeep->manifest);
}

void upkeep_seal(struct upkeep *upkeep) {
    manifest_seal(upkeep->manifest);
}

/* ---- archives ---- */

static void look_at_archive(struct upkeep *upkeep, uint32_t place) {
    const struct retention_listing *known[RETENTION_VOLUMES] = {0};
    for (uint32_t i = 0; i < RETENTION_VOLUMES; i++)
        if (upkeep->archives[i] != NULL) known[i] = archive_retention_listing(upkeep->archives[i]);
    archive_retention_look(upkeep->archives[place], &upkeep->rules, known);
}

static void looked_at_archive(void *context, bool changed) {
    struct upkeep *upkeep = context;
    if (changed) look_soon(upkeep);
}

/* Those that the directory remembers: they are never fewer, and keep their order.  A job that is
 * running is reading them again: then they are opened when it is back. */
static void open_archives(struct upkeep *upkeep) {
    if (upkeep->running) return;
    const struct archives *archives = retention_archives(upkeep->retention);
    for (uint32_t i = 0; i < archives->count; i++) {
        struct archive_retention **archive = &upkeep->archives[i + 1];
        if (*archive != NULL) continue;
        const struct archive_retention_options options = {.port = upkeep->port,
                                                          .lanes = upkeep->lanes,
                                                          .manifest = upkeep->manifest,
                                                          .directory = upkeep->directory,
                                                          .archive = archives->folders[i],
                                                          .place = i + 1,
                                                          .looked = looked_at_archive,
                                                          .context = upkeep};
        if (archive_retention_open(&options, archive)) *archive = NULL; /* the next look tries */
    }
}

/* After a look in the log directory. */
static void look_at_archives(struct upkeep *upkeep, uint32_t elsewhere, bool all) {
    const int64_t now_ns = port_now_ns(upkeep->port);
    open_archives(upkeep);
    if (now_ns >= upkeep->archives_ns) {
        upkeep->archives_ns = now_ns + LOOK_NS;
        all = all || retention_wanted(&upkeep->rules);
    }
    for (uint32_t place = 1; place < RETENTION_VOLUMES; place++) {
        const struct archive_retention *archive = upkeep->archives[place];
        if (archive == NULL || !archive_retention_idle(archive)) continue;
        if (all || elsewhere >> place & 1 || !archive_retention_looked(archive))
            look_at_archive(upkeep, place);
    }
}

/* The job's copy of what is known, while it does not run. */
static void gather_known(struct upkeep *upkeep) {
    struct retention_reach *reach = &upkeep->reach;
    *reach = (struct retention_reach){.lists = 1, .deletes = 1};
    for (uint32_t place = 1; place < RETENTION_VOLUMES; place++) {
        const struct archive_retention *archive = upkeep->archives[place];
        if (archive == NULL) continue;
        free(upkeep->known[place]);
        upkeep->known[place] = retention_listing_copy(archive_retention_listing(archive));
        reach->known[place] = upkeep->known[place];
        if (archive_retention_stuck(archive)) reach->stuck |= 1u << place;
    }
    retention_set_reach(upkeep->retention, reach);
}

/* ---- the log directory ---- */

static bool anything_to_do(const struct upkeep *upkeep) {
    if (upkeep->retention == NULL) return false;
    /* A deletion that was begun before this start is finished without any rules. */
    return retention_wanted(&upkeep->rules) || upkeep->looks;
}

static void look(struct upkeep *upkeep) {
    upkeep->rules = upkeep->next_rules;
    memcpy(upkeep->streams, upkeep->next_streams, sizeof upkeep->streams);
    upkeep->rules.streams = upkeep->streams;
    if (!anything_to_do(upkeep)) return;
    upkeep->running = true;
    upkeep->wanted = false;
    if (port_now_ns(upkeep->port) >= upkeep->look_ns) upkeep->looks = true;
    if (upkeep->looks) upkeep->look_ns = port_now_ns(upkeep->port) + LOOK_NS;
    upkeep->bytes_looked = upkeep->seen.bytes_written;
    gather_known(upkeep);
    port_work(upkeep->port, &upkeep->op, PORT_LANE_URGENT, job_run);
}

/* At the free space, and at more if that is wanted. */
static void look_now(struct upkeep *upkeep) {
    if (upkeep->stopping) return;
    if (upkeep->running) {
        upkeep->wanted = true;
    } else if (port_idle(&upkeep->op)) {
        look(upkeep);
    } else {
        port_cancel(&upkeep->op); /* the wait: it comes back, and looks */
    }
}

static void look_soon(struct upkeep *upkeep) {
    upkeep->look_ns = 0;
    look_now(upkeep);
}

void upkeep_set_rules(struct upkeep *upkeep, const struct retention_rules *rules) {
    assert(rules->stream_count <= STREAMS_MAX);
    upkeep->next_rules = *rules;
    for (uint32_t i = 0; i < rules->stream_count; i++)
        upkeep->next_streams[i] = rules->streams[i];
    if (!upkeep->running) upkeep->looks = true; /* else the job's: the next one has them */
    upkeep->archives_ns = 0;
    look_soon(upkeep);
}

/* A quarter of what is left above the limit has been written since the last look. */
static bool free_space_due(const struct upkeep *upkeep, uint64_t bytes_written) {
    const uint64_t limit = upkeep->rules.free_min;
    if (limit == 0) return false;
    const uint64_t spare = upkeep->free > limit ? (upkeep->free - limit) / 4 : 0;
    return bytes_written - upkeep->bytes_looked >=
           (spare > FREE_LOOK_BYTES ? spare : FREE_LOOK_BYTES);
}

void upkeep_step(struct upkeep *upkeep, const struct upkeep_progress *progress) {
    const bool closed = progress->segments_closed != upkeep->seen.segments_closed;
    const bool moved = progress->segments_moved != upkeep->seen.segments_moved;
    upkeep->seen = *progress;
    if (closed || moved) look_soon(upkeep);
    if (moved && retention_wanted(&upkeep->rules) && !upkeep->stopping)
        look_at_archives(upkeep, 0, true);
    if (!upkeep->running && free_space_due(upkeep, progress->bytes_written)) look_now(upkeep);
}

void upkeep_stop(struct upkeep *upkeep) {
    upkeep->stopping = true;
    atomic_store(&upkeep->let_go, true);
    port_cancel(&upkeep->op);
    for (int place = 1; place < RETENTION_VOLUMES; place++)
        if (upkeep->archives[place] != NULL) archive_retention_stop(upkeep->archives[place]);
    if (upkeep->lanes != NULL) archive_lanes_stop(upkeep->lanes);
}

bool upkeep_quiet(const struct upkeep *upkeep) {
    bool quiet = port_idle(&upkeep->op);
    for (int place = 1; place < RETENTION_VOLUMES; place++)
        if (upkeep->archives[place] != NULL)
            quiet = quiet && archive_retention_quiet(upkeep->archives[place]);
    return quiet && (upkeep->lanes == NULL || archive_lanes_quiet(upkeep->lanes));
}

static int64_t pause_ns(struct upkeep *upkeep) {
    const bool left = upkeep->op.result == ERR_BUSY || upkeep->op.result == SOME_LEFT;
    upkeep->left_ns = !left ? 0 : upkeep->left_ns ? 2 * upkeep->left_ns : LEFT_NS;
    int64_t pause = upkeep->rules.free_min > 0 ? FREE_LOOK_NS : LOOK_NS;
    if (left && upkeep->left_ns < pause) pause = upkeep->left_ns;
    return pause;
}

static void came_back(struct port_op *op) {
    struct upkeep *upkeep = PORT_CONTAINER(struct upkeep, op, op);
    const bool was_job = upkeep->running, looked = upkeep->looks;
    upkeep->running = false;
    if (upkeep->stopping) return;
    if (!was_job) {
        look(upkeep);
        return;
    }
    if (op->result < 0 && upkeep->said != (int)op->result) {
        upkeep->said = (int)op->result;
        say("%s: retention: %s; trying again later", upkeep->directory, error_text(upkeep->said));
    }
    upkeep->looks = false;
    if (looked && op->result >= 0)
        look_at_archives(upkeep, retention_tally(upkeep->retention).elsewhere, false);
    const int64_t pause = upkeep->wanted ? 0 : pause_ns(upkeep);
    if (upkeep->left_ns) upkeep->look_ns = 0;
    port_timer(upkeep->port, op, port_now_ns(upkeep->port) + pause);
}

static bool is_space_short(struct upkeep *upkeep) {
    const uint64_t limit = upkeep->rules.free_min;
    upkeep->free = UINT64_MAX;
    if (limit == 0 || free_space(port_files(upkeep->port), upkeep->directory, &upkeep->free))
        return false;
    return upkeep->free < limit;
}

static void job_run(struct port_op *op) {
    struct upkeep *upkeep = PORT_CONTAINER(struct upkeep, op, op);
    const int64_t now_ns = port_wall_ns(upkeep->port);
    if (is_space_short(upkeep)) upkeep->looks = true;
    op->result = 0;
    if (!upkeep->looks) return;
    int64_t result = retention_look(upkeep->retention, now_ns);
    for (int64_t left = result; left > 0 && result >= 0; left--) {
        if (atomic_load_explicit(&upkeep->let_go, memory_order_relaxed)) break;
        result = retention_step(upkeep->retention, now_ns);
    }
    const bool left = retention_tally(upkeep->retention).left > 0;
    (void)is_space_short(upkeep);
    op->result = result < 0 ? result : left ? SOME_LEFT : 0;
}
