/* keeper_job.c - see keeper_job.h. */
#include "writer/keep/keeper_job.h"

#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/index/index.h"
#include "writer/keep/repack.h"
#include "writer/segment/leftovers.h"

#define SECOND_NS              INT64_C(1000000000)
/* Indexing a larger file would delay the daemon's stop for too long: the next start does it. */
#define INDEX_AT_END_BYTES_MAX (8u << 20)

/* ---- work on a segment ---- */

static void begin_work(struct keeper_job *job, const struct segment_file *file) {
    job->work.name = file->name;
    if (job->manifest != NULL)
        manifest_work_begin(job->manifest, &job->work);
    else
        atomic_store(&job->work.deleted, false);
}

static void end_work(struct keeper_job *job) {
    if (job->manifest != NULL) manifest_work_end(job->manifest, &job->work);
}

/* Nothing more is done with a segment that was deleted meanwhile or is damaged. */
static int without_lost_ones(const struct keeper_job *job, const char *path, int result) {
    if (result == ERR_INVALID) say("%s: damaged, left as it is; logport verify shows where", path);
    const bool deleted = result == ERR_CANCELLED && atomic_load(&job->work.deleted);
    return result == ERR_NOT_FOUND || result == ERR_INVALID || deleted ? KEEPER_LOOKED : result;
}

static int ensure_recorded(struct keeper_job *job, const struct segment_file *file,
                           enum manifest_event event) {
    return job->manifest == NULL ? 0
                                 : manifest_ensure(job->manifest, file->path, event, job->now_ns);
}

/* A file from the future counts as old enough: after the clock was set back, it must not wait for
 * years. */
static int is_due(struct keeper_job *job, const char *path, bool *due) {
    struct file_status status;
    const int error = file_status_of(job->files, path, &status);
    if (error) return error;
    const int64_t due_ns = status.modified_ns + (int64_t)job->archive_after_s * SECOND_NS;
    *due = due_ns <= job->now_ns || status.modified_ns > job->now_ns;
    job->wake_ns = due_ns;
    return 0;
}

/* Skips a segment after an error; it is retried later.  If another program keeps the file to
 * itself, this job continues with the next segment; otherwise the next job does. */
static int miss(struct keeper_job *job, struct backlog_entry *entry, const char *work, int error) {
    bool due = false;
    if (error == ERR_CANCELLED) return error;
    job->failed_work = work;
    strcpy(job->failed_path, entry->file->path);
    entry->missed = true;
    /* On a full disk, moving the segment as it is frees space. */
    const bool full = error == ERR_NO_SPACE && job->moves;
    if (full) entry->passes = is_due(job, entry->file->path, &due) == 0 && due;
    if (error != ERR_BUSY && !full && !job->finishing) return error;
    if (job->reported_error != error)
        say("%s: %s: %s; %s", entry->file->path, work, error_text(error),
            job->finishing ? "the next start tries again" : "retrying soon");
    job->reported_error = error;
    return KEEPER_LOOKED;
}

/* ---- indexing and recording ---- */

static int add_index(struct keeper_job *job, const char *path, const atomic_bool *stop) {
    struct file file;
    struct segment_index index;
    int error = file_open(job->files, path, FILE_READ, &file);
    if (error) return error;
    error = index_load(&file, &index);
    file_close(&file);
    if (error == 0) {
        index_free(&index);
        return KEEPER_LOOKED;
    }
    if (error != ERR_NOT_FOUND) return error;
    error = file_open(job->files, path, FILE_WRITE, &file);
    if (error) return error;
    const struct index_options options = {.stop = stop, .deleted = &job->work.deleted};
    error = index_append(&file, &options);
    if (!error) error = file_sync(&file);
    file_close(&file);
    return error ? error : KEEPER_INDEXED;
}

/* While the daemon stops, only small segments of this run get an index. */
static bool wants_index(const struct keeper_job *job, const struct backlog_entry *entry) {
    if (!job->finishing) return true;
    return entry->sequence > job->last_sequence && entry->file->size <= INDEX_AT_END_BYTES_MAX &&
           !atomic_load(&job->stop_indexing);
}

/* The line in the manifest does not depend on the index. */
static int record(struct keeper_job *job, struct backlog_entry *entry) {
    const struct segment_file *file = entry->file;
    const atomic_bool *stop =
        entry->sequence > job->last_sequence ? &job->stop_indexing : &job->stop_old;
    int result = KEEPER_LOOKED, error = 0;
    begin_work(job, file);
    if (wants_index(job, entry))
        result = without_lost_ones(job, file->path, add_index(job, file->path, stop));
    end_work(job);
    if (result == ERR_CANCELLED && job->finishing && !atomic_load(&job->stop_all))
        result = KEEPER_LOOKED;
    if (result != ERR_CANCELLED) error = ensure_recorded(job, file, MANIFEST_CLOSED);
    const bool recorded = result != ERR_CANCELLED && !error;
    const char *const failed_work = result < 0 ? "indexing" : "recording in the manifest";
    if (result >= 0 && error) result = error;
    if (result < 0) result = miss(job, entry, failed_work, result);
    if (recorded && (!entry->missed || job->finishing)) entry->step = BACKLOG_PACK;
    return result;
}

/* ---- re-packing ---- */

/* Removes the temporary file that a crash or an error has left. */
static int clear_pack(struct keeper_job *job) {
    if (!job->pack_left) return 0;
    const int error = file_remove(job->files, job->pack_path);
    job->pack_left = error && error != ERR_NOT_FOUND;
    return job->pack_left ? error : 0;
}

/* The copy must be on the segment's volume, because it takes the segment's name.  If that is not the
 * state folder's, the copy is next to the segment, locked as `logport archive` does (leftovers.h). */
static int open_copy(struct keeper_job *job, const char *path, char copy[PATH_BYTES_MAX],
                     struct file *to) {
    if (!job->pack_here) {
        int error = clear_pack(job);
        if (error) return error;
        strcpy(copy, job->pack_path);
        error = file_open(job->files, copy, FILE_WRITE_NEW, to);
        job->pack_left = true;
        return error;
    }
    if (strlen(path) + sizeof LEFTOVERS_COPY > PATH_BYTES_MAX) return ERR_NAME_TOO_LONG;
    strcat(strcpy(copy, path), LEFTOVERS_COPY);
    int error = leftovers_lock(job->files, copy, to);
    if (error) return error;
    error = file_truncate(to, 0);
    if (error) file_close(to);
    return error;
}

/* The copy takes the segment's name. */
static int replace(struct keeper_job *job, const char *copy, const char *path) {
    const bool locks = job->manifest != NULL;
    int error = locks ? manifest_lock(job->manifest) : 0;
    if (error) return error;
    error = repack_take_place(job->files, copy, path);
    if (locks) manifest_unlock(job->manifest);
    return error ? error : directory_sync(job->files, job->folder);
}

static int pack(struct keeper_job *job, const struct segment_index *index, struct file *from,
                const char *path) {
    const struct repack_options options = {
        .level = (int)job->archive_level, .stop = &job->stop_old, .deleted = &job->work.deleted};
    struct file to;
    char copy[PATH_BYTES_MAX];
    int error = open_copy(job, path, copy, &to);
    if (error) return error;
    error = repack(from, index, &to, &options);
    if (!error) file_permissions_like(&to, from);
    if (!job->pack_here) file_close(&to);
    file_close(from); /* on Windows an open file cannot be replaced */
    if (!error) error = replace(job, copy, path);
    if (error && job->pack_here) (void)file_remove(job->files, copy);
    if (error && !job->pack_here) (void)clear_pack(job);
    if (!error && !job->pack_here) job->pack_left = false;
    file_close(&to);
    return error ? error : KEEPER_REPACKED;
}

/* Whether a rename crosses volumes shows when it fails: two mounts of one file system look alike. */
static int pack_on_its_volume(struct keeper_job *job, const struct segment_index *index,
                              struct file *from, const char *path) {
    int result = pack(job, index, from, path);
    if (result != ERR_OTHER_VOLUME || job->pack_here) return result;
    job->pack_here = true;
    result = file_open(job->files, path, FILE_READ, from);
    return result ? result : pack(job, index, from, path);
}

/* Would re-packing make it smaller? */
static bool worth_packing(const struct keeper_job *job, const struct segment_index *index) {
    return job->archive_level > 0 && !index->repacked && index->lines > 0 &&
           index->raw_size >= job->archive_bytes_min;
}

/* *packed: the segment is re-packed, now or earlier. */
static int pack_if_worth_it(struct keeper_job *job, const char *path, bool *packed) {
    struct file file;
    struct segment_index index;
    int result = file_open(job->files, path, FILE_READ, &file);
    if (result) return result;
    result = index_load(&file, &index); /* ERR_NOT_FOUND: it cannot have one */
    if (!result) {
        result = KEEPER_LOOKED;
        if (worth_packing(job, &index)) result = pack_on_its_volume(job, &index, &file, path);
        *packed = index.repacked || result == KEEPER_REPACKED;
        index_free(&index);
    }
    file_close(&file);
    return result;
}

/* A segment that is not old enough lets those after it wait too, so that all are re-packed, moved
 * and handed over in their order. */
static int archive(struct keeper_job *job, struct backlog_entry *entry) {
    const struct segment_file *file = entry->file;
    bool packed = false, due = true;
    int result = is_due(job, file->path, &due);
    if (!result && !due) return KEEPER_LATER;
    begin_work(job, file);
    if (!result) result = pack_if_worth_it(job, file->path, &packed);
    result = without_lost_ones(job, file->path, result);
    end_work(job);
    const int error = packed ? ensure_recorded(job, file, MANIFEST_ARCHIVED) : 0;
    if (error) result = error;
    if (result < 0)
        return miss(job, entry, error ? "recording in the manifest" : "re-packing", result);
    entry->step = BACKLOG_DONE;
    return result;
}

/* ---- the job ---- */

static bool packs(const struct keeper_job *job) {
    return !job->finishing && (job->archive_level > 0 || job->moves || job->hands_over);
}

static int work_on_next(struct keeper_job *job) {
    struct backlog_entry *entry = backlog_next_to_record(&job->backlog, job->last_sequence);
    if (entry != NULL) return record(job, entry);
    if (packs(job)) entry = backlog_next_to_pack(&job->backlog);
    const int result = entry != NULL ? archive(job, entry) : KEEPER_NOTHING_LEFT;
    if (result <= KEEPER_LATER && !job->finishing) (void)clear_pack(job);
    return result;
}

static bool stopped(const struct keeper_job *job) {
    const atomic_bool *stop = job->finishing ? &job->stop_all : &job->stop_old;
    return atomic_load_explicit(stop, memory_order_relaxed);
}

int keeper_job_run(struct keeper_job *job) {
    job->failed_work = "listing";
    strcpy(job->failed_path, job->folder);
    const int error = backlog_list(&job->backlog, job->files, job->folder);
    int result = error ? error : KEEPER_LOOKED;
    while (result == KEEPER_LOOKED && !stopped(job)) /* ends: each round advances by a segment */
        result = work_on_next(job);
    if (result < KEEPER_LOOKED) backlog_forget_list(&job->backlog);
    return result;
}
