/* keeper.c - see keeper.h. */
#include "writer/keep/keeper.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/index/index.h"
#include "writer/keep/manifest.h"
#include "writer/keep/mover.h"
#include "writer/keep/repack.h"
#include "writer/segment/segment_list.h"

#define SECOND_NS              (1000000000ll)
/* Pause after the disk was full or failed. */
#define RETRY_NS               (60 * SECOND_NS)
/* Skipped segments are retried soon, because a program that keeps a file to itself usually ends;
 * the pause doubles each time. */
#define MISSED_NS_MIN          (1 * SECOND_NS)
#define MISSED_NS_MAX          RETRY_NS
/* Indexing a larger file would delay the daemon's stop for too long: the next start does it. */
#define INDEX_AT_END_BYTES_MAX (8u << 20)

/* The result of a job that has not failed. */
enum outcome {
    NOTHING_LEFT,
    LATER, /* more work at wake_ns */
    LOOKED_AT_ONE,
    INDEXED_ONE,
    ARCHIVED_ONE,
};

/* Rules, and the strings that they point to. */
struct kept_rules {
    struct keeper_rules rules;
    char archive[PATH_BYTES_MAX];
};

struct keeper {
    struct port *port;
    struct keeper_options options;
    struct port_op op; /* the job, or the timer until the next one */
    bool running, waiting;
    bool wanted; /* start another job when this one completes */
    bool finishing;
    bool retry_missed;            /* the next job retries skipped segments, even before missed_ns */
    struct kept_rules *next_kept; /* for the next job; NULL: unchanged */
    struct mover *mover;          /* NULL: no manifest */
    struct handover *handover;
    /* The job checks them between frames, and stops: all work, or all but indexing new segments. */
    atomic_bool stop_all, stop_but_new;
    struct keeper_counts counts;
    int reported_error; /* the last one */
    uint64_t ready;     /* ready_up_to after the last job */
    /* The job owns the following fields while it runs.  All closed segments from `low` to `high`
     * have an index, or cannot have one; all up to `packed` are old enough, and were re-packed or
     * cannot be. */
    uint64_t low, high, packed;
    /* Segments in these ranges that were skipped after an error: the highest old one and the lowest
     * new one without an index, the lowest one to re-pack, the lowest one that is not ready to
     * move; 0: none. */
    struct {
        uint64_t low, high, packed, ready;
    } missed;
    struct manifest_work work; /* on the present segment */
    /* The stream's files.  Kept while jobs follow each other at once: listing thousands of files
     * costs more than working on a small one.  Opening a file that was deleted since just fails. */
    struct segment_list list;
    bool listed;
    bool pack_left;                     /* a temporary file may be left */
    int64_t missed_ns, missed_pause_ns; /* when skipped segments are retried; 0: not decided yet */
    int64_t now_ns, wake_ns;            /* wall clock; INT64_MAX: never */
    bool only_new;
    struct kept_rules *kept; /* as they were when the job began */
};

static void job_run(struct port_op *op);
static void job_or_timer_done(struct port_op *op);
static void segments_moved(void *context);

static struct kept_rules *keep_rules(const struct keeper_rules *rules) {
    struct kept_rules *kept = calloc(1, sizeof *kept);
    if (kept == NULL) return NULL;
    kept->rules = *rules;
    if (rules->archive_dir == NULL) return kept;
    assert(strlen(rules->archive_dir) < sizeof kept->archive);
    kept->rules.archive_dir = strcpy(kept->archive, rules->archive_dir);
    return kept;
}

/* Sets the rules of the keeper and of the hand-over, or neither. */
static int set_rules(struct keeper *k, const struct keeper_rules *rules) {
    struct kept_rules *kept = keep_rules(rules);
    int error = kept == NULL ? ERR_NO_MEMORY : 0;
    if (!error) error = handover_set_rules(k->handover, &rules->command, rules->archive_dir);
    if (error) {
        free(kept);
        return error;
    }
    if (k->mover != NULL) mover_set_archive(k->mover, rules->archive_dir);
    kept->rules.command.words = NULL; /* their strings are not copied here */
    free(k->next_kept);
    k->next_kept = kept;
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
    k->low = options->last_sequence + 1;
    k->high = options->last_sequence;
    k->pack_left = true; /* by a crash */
    k->op.done = job_or_timer_done;
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
    segment_list_free(&keeper->list);
    free(keeper->kept);
    free(keeper->next_kept);
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

static bool anything_missed(const struct keeper *keeper) {
    return keeper->missed.low || keeper->missed.high || keeper->missed.packed ||
           keeper->missed.ready;
}

/* Moves the ranges back to the skipped segments.  All segments from there on are looked at again;
 * that costs little for those that need nothing. */
static void go_back_to_missed(struct keeper *k) {
    if (k->missed.low) k->low = k->missed.low + 1;
    if (k->missed.high) k->high = k->missed.high - 1;
    if (k->missed.packed) k->packed = k->missed.packed - 1;
    k->missed.low = k->missed.high = k->missed.packed = k->missed.ready = 0;
    k->missed_ns = 0;
}

/* With new rules, all segments are looked at again for re-packing. */
static void take_rules(struct keeper *keeper) {
    if (keeper->next_kept == NULL) return;
    free(keeper->kept);
    keeper->kept = keeper->next_kept;
    keeper->next_kept = NULL;
    keeper->packed = 0;
}

static void forget_list(struct keeper *keeper) {
    segment_list_free(&keeper->list);
    keeper->listed = false;
}

static void start_job(struct keeper *keeper) {
    if (keeper->wanted) forget_list(keeper);
    take_rules(keeper);
    const bool due = keeper->missed_ns && port_now_ns(keeper->port) >= keeper->missed_ns;
    if (due || keeper->retry_missed) go_back_to_missed(keeper);
    keeper->retry_missed = false;
    keeper->wanted = false;
    keeper->running = true;
    keeper->only_new = keeper->finishing;
    keeper->now_ns = port_wall_ns(keeper->port);
    /* A stop waits for this, on a machine that may have no idle time. */
    port_work(keeper->port, &keeper->op, keeper->finishing ? PORT_LANE_SLOW : PORT_LANE_IDLE,
              job_run);
}

/* A sender at full speed closes a segment a second.  Work on closed segments waits this long, or
 * archive_after_s if that is shorter, so that a burst of input can end first. */
#define CLOSED_NS   (10 * SECOND_NS)
/* The wall clock may be set: it is read again at least this often. */
#define WAIT_NS_MAX (600 * SECOND_NS)

static void wait_for(struct keeper *keeper, int64_t ns) {
    if (ns > WAIT_NS_MAX) ns = WAIT_NS_MAX;
    keeper->waiting = true;
    port_timer(keeper->port, &keeper->op, port_now_ns(keeper->port) + ns);
}

void keeper_look(struct keeper *keeper) {
    if (atomic_load(&keeper->stop_all)) return;
    if (port_idle(&keeper->op)) {
        start_job(keeper);
        return;
    }
    keeper->wanted = true;
    if (keeper->waiting) port_cancel(&keeper->op);
}

void keeper_closed(struct keeper *keeper) {
    if (keeper->running || atomic_load(&keeper->stop_all)) {
        keeper->wanted = true;
        return;
    }
    const struct kept_rules *kept = keeper->next_kept ? keeper->next_kept : keeper->kept;
    const int64_t after_ns = (int64_t)kept->rules.archive_after_s * SECOND_NS;
    if (port_idle(&keeper->op)) wait_for(keeper, after_ns < CLOSED_NS ? after_ns : CLOSED_NS);
}

void keeper_set_rules(struct keeper *keeper, const struct keeper_rules *rules) {
    const int error = set_rules(keeper, rules);
    if (error)
        say("%s: %s; the previous rules stay active", keeper->options.folder, error_text(error));
    keeper_look(keeper);
}

void keeper_stop_moving(struct keeper *keeper) {
    if (keeper->mover != NULL) mover_stop(keeper->mover);
}

void keeper_finish(struct keeper *keeper) {
    keeper->finishing = keeper->retry_missed = true;
    atomic_store(&keeper->stop_but_new, true);
    handover_stop(keeper->handover, false);
    keeper_stop_moving(keeper);
    keeper_look(keeper);
}

void keeper_stop(struct keeper *keeper) {
    atomic_store(&keeper->stop_but_new, true);
    atomic_store(&keeper->stop_all, true);
    handover_stop(keeper->handover, true);
    keeper_stop_moving(keeper);
    port_cancel(&keeper->op);
}

static void failed(struct keeper *keeper, int error) {
    if (keeper->reported_error != error)
        say("%s: indexing and re-packing: %s; retrying in %lld s", keeper->options.folder,
            error_text(error), RETRY_NS / SECOND_NS);
    keeper->reported_error = error;
    if (!keeper->finishing) wait_for(keeper, RETRY_NS);
}

/* Starts the timer until a segment is old enough, or until skipped segments are retried. */
static void wait_for_more(struct keeper *keeper, bool later) {
    const int64_t now = port_now_ns(keeper->port);
    int64_t ns = later ? keeper->wake_ns - keeper->now_ns : INT64_MAX;
    if (!anything_missed(keeper)) {
        keeper->missed_pause_ns = 0;
        keeper->reported_error = 0;
    } else if (!keeper->missed_ns) {
        int64_t *pause = &keeper->missed_pause_ns;
        *pause = *pause ? 2 * *pause : MISSED_NS_MIN;
        if (*pause > MISSED_NS_MAX) *pause = MISSED_NS_MAX;
        keeper->missed_ns = now + *pause;
    }
    if (anything_missed(keeper) && keeper->missed_ns - now < ns) ns = keeper->missed_ns - now;
    if (ns < INT64_MAX && !keeper->finishing) wait_for(keeper, ns);
}

/* Moving and handing over need a manifest: it records where a segment is, and that it was handed
 * over. */
static bool moves(const struct keeper *k) {
    return k->kept->rules.archive_dir != NULL && k->options.manifest != NULL;
}

static bool hands_over(const struct keeper *k) {
    return k->kept->rules.command.count > 0 && k->options.manifest != NULL;
}

/* A segment that is still to be re-packed is not ready, unless there is no space for its copy. */
static uint64_t ready_up_to(const struct keeper *k) {
    const bool missed = k->missed.ready > 0 && k->missed.ready <= k->packed;
    return missed ? k->missed.ready - 1 : k->packed;
}

static void segments_moved(void *context) {
    struct keeper *keeper = context;
    if (hands_over(keeper)) handover_look(keeper->handover, keeper->ready);
}

static void job_or_timer_done(struct port_op *op) {
    struct keeper *keeper = PORT_CONTAINER(struct keeper, op, op);
    const bool was_job = keeper->running;
    const int64_t result = op->result;
    keeper->running = keeper->waiting = false;
    keeper->counts.segments_indexed += was_job && result == INDEXED_ONE;
    keeper->counts.segments_archived += was_job && result == ARCHIVED_ONE;
    if (atomic_load(&keeper->stop_all)) return;
    if (was_job && moves(keeper) && !keeper->finishing)
        mover_look(keeper->mover, (struct mover_ready){keeper->packed, keeper->missed.ready});
    if (was_job) keeper->ready = ready_up_to(keeper);
    if (was_job && hands_over(keeper)) handover_look(keeper->handover, keeper->ready);
    if (was_job && result < 0 && result != ERR_CANCELLED)
        failed(keeper, (int)result);
    else if (!was_job || keeper->wanted || result > LATER || result == ERR_CANCELLED)
        start_job(keeper);
    else
        wait_for_more(keeper, result == LATER);
}

/* ---- the job: which segment is next ---- */

/* The next segment that may lack its index; NULL: there is none. */
static const struct segment_file *next_to_index(const struct keeper *k,
                                                const struct segment_list *list, bool *is_new) {
    const struct segment_file *older = NULL;
    for (uint32_t i = 0; i < list->count; i++) { /* sorted by sequence */
        const struct segment_file *file = &list->files[i];
        if (file->name.part || file->name.stream[0] == '\0') continue;
        *is_new = file->name.sequence > k->high;
        if (*is_new) return file;
        if (file->name.sequence < k->low) older = file;
    }
    return k->only_new ? NULL : older;
}

static const struct segment_file *first_after(const struct segment_list *list, uint64_t sequence) {
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment_file *file = &list->files[i];
        if (file->name.part || file->name.stream[0] == '\0') continue;
        if (file->name.sequence > sequence) return file;
    }
    return NULL;
}

static const struct segment_file *next_to_pack(const struct keeper *k,
                                               const struct segment_list *list) {
    const bool stays = !moves(k) && !hands_over(k);
    if (k->only_new || (k->kept->rules.archive_level == 0 && stays)) return NULL;
    return first_after(list, k->packed);
}

/* ---- the job: work on a segment ---- */

/* Indexing a new segment is stopped by stop_all only. */
static int add_index(struct keeper *k, const char *path, bool is_new) {
    struct file file;
    struct segment_index index;
    int error = file_open(port_files(k->port), path, FILE_READ, &file);
    if (error) return error;
    error = index_load(&file, &index);
    file_close(&file);
    if (error == 0) {
        index_free(&index);
        return LOOKED_AT_ONE;
    }
    if (error != ERR_NOT_FOUND) return error;
    error = file_open(port_files(k->port), path, FILE_WRITE, &file);
    if (error) return error;
    const struct index_options options = {.stop = is_new ? &k->stop_all : &k->stop_but_new,
                                          .deleted = &k->work.deleted};
    error = index_append(&file, &options);
    if (!error) error = file_sync(&file);
    file_close(&file);
    return error ? error : INDEXED_ONE;
}

/* Removes the temporary file that a crash or an error has left. */
static int clear_pack(struct keeper *k) {
    if (!k->pack_left) return 0;
    const int error = file_remove(port_files(k->port), k->options.pack_path);
    k->pack_left = error && error != ERR_NOT_FOUND;
    return k->pack_left ? error : 0;
}

static int pack(struct keeper *k, const struct segment_index *index, struct file *from,
                const char *path) {
    struct files *files = port_files(k->port);
    const struct repack_options options = {.level = (int)k->kept->rules.archive_level,
                                           .stop = &k->stop_but_new,
                                           .deleted = &k->work.deleted};
    struct file to;
    int error = clear_pack(k);
    if (error) return error;
    error = file_open(files, k->options.pack_path, FILE_WRITE_NEW, &to);
    k->pack_left = true;
    if (error) return error;
    error = repack(from, index, &to, &options);
    if (!error) file_permissions_like(&to, from);
    file_close(&to);
    file_close(from); /* on Windows an open file cannot be replaced */
    const bool locks = !error && k->options.manifest != NULL;
    if (locks) error = manifest_lock(k->options.manifest);
    if (!error) error = repack_take_place(files, k->options.pack_path, path);
    if (locks && error != ERR_CANCELLED) manifest_unlock(k->options.manifest);
    if (!error) error = directory_sync(files, k->options.folder);
    if (error) (void)clear_pack(k);
    if (!error) k->pack_left = false;
    return error ? error : ARCHIVED_ONE;
}

static void wake_at(struct keeper *k, int64_t wall_ns) {
    if (wall_ns < k->wake_ns) k->wake_ns = wall_ns;
}

/* Would re-packing make it smaller? */
static bool worth_packing(const struct keeper *k, const struct segment_index *index) {
    return k->kept->rules.archive_level > 0 && !index->repacked && index->lines > 0 &&
           index->raw_size >= k->kept->rules.archive_bytes_min;
}

/* Is it old enough?  A file from the future counts as old enough: after the clock was set back, it
 * must not wait for years. */
static bool is_due(struct keeper *k, int64_t modified_ns) {
    const int64_t due_ns = modified_ns + (int64_t)k->kept->rules.archive_after_s * SECOND_NS;
    if (due_ns <= k->now_ns || modified_ns > k->now_ns) return true;
    wake_at(k, due_ns);
    return false;
}

/* *packed: the segment is re-packed, now or earlier. */
static int archive(struct keeper *k, const char *path, bool *packed) {
    struct file file;
    struct file_status status;
    struct segment_index index;
    int result = file_open(port_files(k->port), path, FILE_READ, &file);
    if (result) return result;
    result = file_status(&file, &status);
    if (!result) result = index_load(&file, &index); /* ERR_NOT_FOUND: it cannot have one */
    if (!result) {
        const bool worth_it = worth_packing(k, &index);
        result = LOOKED_AT_ONE;
        if ((worth_it || moves(k) || hands_over(k)) && !is_due(k, status.modified_ns))
            result = LATER;
        if (worth_it && result != LATER) result = pack(k, &index, &file, path);
        *packed = index.repacked || result == ARCHIVED_ONE;
        index_free(&index);
    }
    file_close(&file);
    return result;
}

/* Nothing more is done with a segment that was deleted meanwhile or is damaged. */
static int without_lost_ones(const struct keeper *k, const char *path, int result) {
    if (result == ERR_INVALID) say("%s: damaged, left as it is; logport verify shows where", path);
    const bool deleted = result == ERR_CANCELLED && atomic_load(&k->work.deleted);
    return result == ERR_NOT_FOUND || result == ERR_INVALID || deleted ? LOOKED_AT_ONE : result;
}

/* Records the event, unless the manifest has it already or the segment was deleted meanwhile. */
static int note(struct keeper *k, const struct segment_file *file, enum manifest_event event) {
    struct manifest *manifest = k->options.manifest;
    struct file_status status;
    if (manifest == NULL) return 0;
    if (manifest_state(manifest, file->name.stream, file->name.sequence, NULL) >= event) return 0;
    struct manifest_record record = {.name = file->name};
    int error = manifest_describe(port_files(k->port), file->path, &record);
    record.event = event;
    record.time_ns = k->now_ns;
    if (!error) error = manifest_lock(manifest);
    if (error) return error == ERR_NOT_FOUND ? 0 : error;
    error = file_status_of(port_files(k->port), file->path, &status);
    if (!error && manifest_state_locked(manifest, file->name.stream, file->name.sequence) < event)
        error = manifest_append_locked(manifest, &record);
    manifest_unlock(manifest);
    return error == ERR_NOT_FOUND ? 0 : error;
}

static void note_lowest(uint64_t *missed, uint64_t sequence) {
    if (*missed == 0 || sequence < *missed) *missed = sequence;
}

/* Skips a segment after an error; it is retried later.  If another program keeps the file to
 * itself, this job continues with the next segment; otherwise the next job does. */
static int miss(struct keeper *k, const struct segment_file *file, bool packing, int error) {
    const uint64_t sequence = file->name.sequence;
    if (error == ERR_CANCELLED) return error;
    note_lowest(&k->missed.packed, sequence); /* without an index it cannot be re-packed */
    if (!packing && sequence > k->options.last_sequence) note_lowest(&k->missed.high, sequence);
    if (!packing && sequence <= k->options.last_sequence && sequence > k->missed.low)
        k->missed.low = sequence;
    /* On a full disk, moving the segment as it is frees space. */
    const bool continues = error == ERR_BUSY || (error == ERR_NO_SPACE && moves(k));
    if (error != ERR_NO_SPACE) note_lowest(&k->missed.ready, sequence);
    if (!continues) return error;
    if (k->reported_error != error) say("%s: %s; retrying soon", file->path, error_text(error));
    k->reported_error = error;
    return LOOKED_AT_ONE;
}

static void begin_work(struct keeper *k, const struct segment_file *file) {
    k->work.name = file->name;
    if (k->options.manifest != NULL)
        manifest_work_begin(k->options.manifest, &k->work);
    else
        atomic_store(&k->work.deleted, false);
}

static void end_work(struct keeper *k) {
    if (k->options.manifest != NULL) manifest_work_end(k->options.manifest, &k->work);
}

static int pack_next(struct keeper *k, const struct segment_file *file) {
    bool packed = false;
    begin_work(k, file);
    int result = without_lost_ones(k, file->path, archive(k, file->path, &packed));
    end_work(k);
    const int error = packed ? note(k, file, MANIFEST_ARCHIVED) : 0;
    if (error) result = error;
    if (result < 0) result = miss(k, file, true, result);
    if (result > LATER || (result < 0 && result != ERR_CANCELLED)) k->packed = file->name.sequence;
    return result;
}

static void clear_up(struct keeper *k) {
    if (k->only_new) return;
    (void)clear_pack(k);
}

static bool is_left_to_the_next_start(const struct keeper *k, const struct segment_file *file) {
    return k->only_new && file->size > INDEX_AT_END_BYTES_MAX;
}

/* A program that keeps a segment open may prevent its renaming, so that a later one is closed
 * first.  Such a segment counts as skipped, and is looked at again. */
static void miss_open_ones(struct keeper *k, const struct segment_list *list, uint64_t after,
                           const struct segment_file *before) {
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment_name *name = &list->files[i].name;
        if (!name->part || name->sequence <= after) continue;
        if (name->sequence >= before->name.sequence) return;
        note_lowest(&k->missed.high, name->sequence);
        note_lowest(&k->missed.packed, name->sequence);
        note_lowest(&k->missed.ready, name->sequence);
    }
}

static int index_next(struct keeper *k, const struct segment_file *file, bool is_new) {
    if (is_new) miss_open_ones(k, &k->list, k->high, file);
    begin_work(k, file);
    int result = without_lost_ones(k, file->path, add_index(k, file->path, is_new));
    end_work(k);
    const int error = result >= 0 ? note(k, file, MANIFEST_CLOSED) : 0;
    if (error) result = error;
    if (result < 0) result = miss(k, file, false, result);
    if (result != ERR_CANCELLED) *(is_new ? &k->high : &k->low) = file->name.sequence;
    return result;
}

static int look_around(struct keeper *k, const struct segment_list *list) {
    bool is_new = false;
    const struct segment_file *file = next_to_index(k, list, &is_new);
    if (file != NULL && is_left_to_the_next_start(k, file)) {
        k->high = file->name.sequence; /* it is new: see next_to_index */
        return LOOKED_AT_ONE;
    }
    if (file != NULL) return index_next(k, file, is_new);
    file = next_to_pack(k, list);
    if (file != NULL) {
        const int result = pack_next(k, file);
        if (result != LATER) return result;
    }
    clear_up(k);
    return k->wake_ns == INT64_MAX ? NOTHING_LEFT : LATER;
}

static int list_files(struct keeper *k) {
    if (k->listed) return 0;
    k->listed = true;
    return segment_list_add(port_files(k->port), k->options.folder, &k->list);
}

static void job_run(struct port_op *op) {
    struct keeper *k = PORT_CONTAINER(struct keeper, op, op);
    const int error = list_files(k);
    int result = error ? error : LOOKED_AT_ONE;
    k->wake_ns = INT64_MAX;
    while (result == LOOKED_AT_ONE) { /* ends: each round advances by a segment */
        result = look_around(k, &k->list);
        if (atomic_load_explicit(&k->stop_but_new, memory_order_relaxed)) break;
    }
    op->result = result;
    if (result < LOOKED_AT_ONE) forget_list(k);
}
