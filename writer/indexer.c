/* indexer.c - finds closed segments without an index and appends it: see indexer.h. */
#include "writer/indexer.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "port/system.h"
#include "writer/index.h"
#include "writer/scan.h"

/* A disk that is full or fails is asked again after so long. */
#define RETRY_NS (60 * 1000000000ll)

/* What a job brings back, when it is no error. */
enum outcome { NOTHING_LEFT, LOOKED_AT_ONE, INDEXED_ONE };

struct indexer {
    struct port *port;
    const char *folder;
    struct port_op op; /* the job, or the wait after an error */
    bool running, waiting;
    bool wanted; /* look again when the job is back */
    bool finishing;
    /* The job looks at them between frames: what is in hand is let go. */
    atomic_bool let_go_older, let_go_all;
    uint64_t count;
    int said; /* the error that was said last */
    /* The job's while it runs.  All closed segments from `low` to `high` have been seen to. */
    uint64_t low, high;
    bool only_new, on_new;
};

static void job_run(struct port_op *op);
static void came_back(struct port_op *op);

int indexer_open(struct port *port, const char *folder, uint64_t last_sequence,
                 struct indexer **indexer) {
    struct indexer *x = calloc(1, sizeof *x);
    if (x == NULL) return ERR_NO_MEMORY;
    x->port = port;
    x->folder = folder;
    x->low = last_sequence + 1;
    x->high = last_sequence;
    x->op.done = came_back;
    *indexer = x;
    return 0;
}

void indexer_free(struct indexer *indexer) {
    assert(!indexer_busy(indexer));
    free(indexer);
}

bool indexer_busy(const struct indexer *indexer) {
    return !port_idle(&indexer->op);
}

uint64_t indexer_count(const struct indexer *indexer) {
    return indexer->count;
}

static void start_job(struct indexer *indexer) {
    indexer->wanted = false;
    indexer->running = true;
    indexer->only_new = indexer->finishing;
    port_work(indexer->port, &indexer->op, PORT_LANE_IDLE, job_run);
}

void indexer_look(struct indexer *indexer) {
    if (atomic_load(&indexer->let_go_all)) return;
    if (port_idle(&indexer->op))
        start_job(indexer);
    else
        indexer->wanted = true;
}

void indexer_finish(struct indexer *indexer) {
    indexer->finishing = true;
    atomic_store(&indexer->let_go_older, true);
    if (indexer->waiting) port_cancel(&indexer->op);
    indexer_look(indexer);
}

void indexer_stop(struct indexer *indexer) {
    atomic_store(&indexer->let_go_older, true);
    atomic_store(&indexer->let_go_all, true);
    port_cancel(&indexer->op);
}

static void came_back(struct port_op *op) {
    struct indexer *indexer = PORT_CONTAINER(struct indexer, op, op);
    const bool was_job = indexer->running;
    const int64_t result = op->result;
    indexer->running = indexer->waiting = false;
    if (result == INDEXED_ONE) indexer->count++;
    if (atomic_load(&indexer->let_go_all)) return;
    if (was_job && result < 0 && result != ERR_CANCELLED) {
        if (indexer->said != (int)result)
            say("%s: indexing: %s; trying again in %lld s", indexer->folder,
                error_text((int)result), RETRY_NS / 1000000000);
        indexer->said = (int)result;
        if (indexer->finishing) return;
        indexer->waiting = true;
        port_timer(indexer->port, op, port_now_ns(indexer->port) + RETRY_NS);
        return;
    }
    if (!was_job || indexer->wanted || result != NOTHING_LEFT) start_job(indexer);
}

/* ---- the job ---- */

/* The next segment to look at; NULL: there is none.  One that is closed later than the one behind
 * it (a disk that failed) is left to the next start. */
static const struct segment_file *choose(struct indexer *x, const struct segment_list *list) {
    const struct segment_file *older = NULL;
    for (uint32_t i = 0; i < list->count; i++) { /* sorted: sequences rise */
        const struct segment_file *file = &list->files[i];
        if (file->name.part || file->name.stream[0] == '\0') continue;
        if (file->name.sequence > x->high) {
            x->on_new = true;
            return file;
        }
        if (file->name.sequence < x->low) older = file;
    }
    x->on_new = false;
    return x->only_new ? NULL : older;
}

static int look_at(struct indexer *x, const char *path) {
    struct file file;
    struct segment_index index;
    int error = file_open(port_files(x->port), path, FILE_READ, &file);
    if (error) return error;
    error = index_load(&file, &index);
    file_close(&file);
    if (error == 0) {
        index_free(&index);
        return LOOKED_AT_ONE;
    }
    if (error != ERR_NOT_FOUND) return error;
    error = file_open(port_files(x->port), path, FILE_WRITE, &file);
    if (error) return error;
    const struct index_options options = {.stop = x->on_new ? &x->let_go_all : &x->let_go_older};
    error = index_append(&file, &options);
    if (!error) error = file_sync(&file);
    file_close(&file);
    return error ? error : INDEXED_ONE;
}

static void job_run(struct port_op *op) {
    struct indexer *x = PORT_CONTAINER(struct indexer, op, op);
    struct segment_list list = {0};
    int result = segment_list_add(port_files(x->port), x->folder, &list);
    if (result == 0) result = NOTHING_LEFT;
    const struct segment_file *file = list.count > 0 ? choose(x, &list) : NULL;
    if (file != NULL) {
        result = look_at(x, file->path);
        if (result == ERR_INVALID)
            say("%s: damaged, and gets no index; logport verify tells more", file->path);
        /* Deleted meanwhile, or nothing that could be helped. */
        if (result == ERR_NOT_FOUND || result == ERR_INVALID) result = LOOKED_AT_ONE;
        if (result >= 0 && x->on_new) x->high = file->name.sequence;
        if (result >= 0 && !x->on_new) x->low = file->name.sequence;
    }
    segment_list_free(&list);
    op->result = result;
}
