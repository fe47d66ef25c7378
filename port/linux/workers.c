/* workers.c - the lanes' threads, which take ops from a queue, run them and return them to the
 * owner, in the order in which they were added. */
#include <assert.h>
#include <string.h>

#include "port/linux/linux.h"

static void *worker(void *context);
static void run(struct port_op *op);

int lane_open(struct work_lane *lane, enum port_lane kind, uint32_t threads,
              port_callback *finished) {
    assert(threads >= 1 && threads <= PORT_WORKERS_MAX);
    memset(lane, 0, sizeof *lane);
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->filled, NULL);
    lane->kind = kind;
    lane->finished = finished;

    while (lane->thread_count < threads) {
        const int error = thread_create(&lane->threads[lane->thread_count], false, worker, lane);
        if (error < 0) {
            lane_close(lane);
            return error;
        }
        lane->thread_count++;
    }
    return 0;
}

void lane_close(struct work_lane *lane) {
    pthread_mutex_lock(&lane->mutex);
    assert(lane->queue.count == 0);
    lane->stop = true;
    pthread_cond_broadcast(&lane->filled);
    pthread_mutex_unlock(&lane->mutex);
    for (uint32_t i = 0; i < lane->thread_count; i++)
        pthread_join(lane->threads[i], NULL);
    pthread_cond_destroy(&lane->filled);
    pthread_mutex_destroy(&lane->mutex);
}

void lane_add(struct work_lane *lane, struct port_op *op) {
    pthread_mutex_lock(&lane->mutex);
    port_list_append(&lane->queue, op);
    const bool one_sleeps = lane->idle > 0;
    pthread_mutex_unlock(&lane->mutex); /* first: the woken thread needs it */
    if (one_sleeps) pthread_cond_signal(&lane->filled);
}

bool lane_forget(struct work_lane *lane, struct port_op *op) {
    pthread_mutex_lock(&lane->mutex);
    const bool waits = op->list == &lane->queue;
    if (waits) port_list_remove(op);
    pthread_mutex_unlock(&lane->mutex);
    return waits;
}

static void *worker(void *context) {
    struct work_lane *lane = context;
    static const struct {
        const char *name;
        enum thread_priority priority;
    } kinds[PORT_LANES] = {[PORT_LANE_PACK] = {"pack", THREAD_NORMAL},
                           [PORT_LANE_WRITE] = {"write", THREAD_NORMAL},
                           [PORT_LANE_URGENT] = {"urgent", THREAD_NORMAL},
                           [PORT_LANE_SLOW] = {"slow", THREAD_LOW},
                           [PORT_LANE_IDLE] = {"idle", THREAD_LOWEST}};
    thread_become(kinds[lane->kind].name, kinds[lane->kind].priority);

    pthread_mutex_lock(&lane->mutex);
    for (;;) { /* until lane_close */
        struct port_op *op = port_list_take_first(&lane->queue);
        if (op != NULL) {
            pthread_mutex_unlock(&lane->mutex);
            run(op);
            lane->finished(op);
            pthread_mutex_lock(&lane->mutex);
        } else if (lane->stop) {
            break;
        } else {
            lane->idle++;
            pthread_cond_wait(&lane->filled, &lane->mutex);
            lane->idle--;
        }
    }
    pthread_mutex_unlock(&lane->mutex);
    return NULL;
}

static void run(struct port_op *op) {
    switch (op->kind) {
    case PORT_WORK: op->u.work.run(op); break;
    case PORT_WRITE:
        op->result =
            file_write_at(op->u.file.file, op->u.file.bytes, op->u.file.size, op->u.file.offset);
        if (op->result == 0) op->result = (int64_t)op->u.file.size;
        break;
    case PORT_SYNC: op->result = file_sync(op->u.file.file); break;
    default: assert(!"not a worker's");
    }
}
