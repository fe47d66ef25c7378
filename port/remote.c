/* remote.c - remote lanes: the queue on the owner's side, and the thread that may be left behind.
 *
 * The owner hands a thread one job at a time.  What both touch is a struct remote_thread, which
 * neither the port nor the lane owns: the thread frees it when it ends, however late that is. */
#include "port/remote.h"

#include <assert.h>
#include <stdlib.h>

#include "port/port_internal.h"
#include "port/thread.h"

struct port_remote {
    struct port *port;
    void *thread;             /* the back end's; NULL: abandoned */
    struct port_list waiting; /* jobs that have not begun */
    struct port_op *running;  /* NULL: the thread is idle */
    int64_t began_ns;         /* of `running` */
};

/* ---- the owner's side ---- */

int port_remote_open(struct port *port, const char *name, struct port_remote **opened) {
    struct port_remote *remote = calloc(1, sizeof *remote);
    if (remote == NULL) return ERR_NO_MEMORY;
    remote->port = port;
    const int error = port->calls->remote_open(port, name, &remote->thread);
    if (error < 0) {
        free(remote);
        return error;
    }
    port->remotes++;
    *opened = remote;
    return 0;
}

static void run_next(struct port_remote *remote) {
    if (remote->running != NULL || remote->thread == NULL) return;
    struct port_op *op = port_list_take_first(&remote->waiting);
    if (op == NULL) return;
    remote->running = op;
    remote->began_ns = port_now_ns(remote->port);
    remote->port->calls->remote_run(remote->thread, op);
}

/* For a job that never ran. */
static void give_up(struct port_op *op) {
    op->u.remote.release(op->u.remote.job);
    port_completed(op->port, op, ERR_TIMED_OUT);
}

void port_remote_work(struct port_remote *remote, struct port_op *op, port_remote_run *run,
                      port_remote_release *release, void *job) {
    assert(run != NULL && release != NULL);
    port_begin(remote->port, op, PORT_REMOTE);
    op->u.remote.remote = remote;
    op->u.remote.run = run;
    op->u.remote.release = release;
    op->u.remote.job = job;
    if (remote->thread == NULL) {
        give_up(op);
        return;
    }
    port_list_append(&remote->waiting, op);
    run_next(remote);
}

void port_remote_returned(struct port_op *op) {
    struct port_remote *remote = op->u.remote.remote;
    if (remote->running != op) return;
    remote->running = NULL;
    run_next(remote);
}

void port_remote_cancel(struct port_op *op) {
    if (op->list != &op->u.remote.remote->waiting) return;
    port_list_remove(op);
    port_completed(op->port, op, ERR_CANCELLED);
}

int64_t port_remote_busy_ns(const struct port_remote *remote) {
    if (remote->running == NULL) return 0;
    const int64_t ns = port_now_ns(remote->port) - remote->began_ns;
    return ns > 0 ? ns : 1;
}

void port_remote_abandon(struct port_remote *remote) {
    if (remote->thread == NULL) return;
    const bool runs = remote->port->calls->remote_leave(remote->thread);
    remote->thread = NULL;
    if (runs) port_completed(remote->port, remote->running, ERR_TIMED_OUT);
    struct port_op *op;
    while ((op = port_list_take_first(&remote->waiting)) != NULL)
        give_up(op);
}

bool port_remote_abandoned(const struct port_remote *remote) {
    return remote->thread == NULL;
}

void port_remote_close(struct port_remote *remote) {
    assert(remote->running == NULL && remote->waiting.count == 0);
    if (remote->thread != NULL) (void)remote->port->calls->remote_leave(remote->thread);
    remote->port->remotes--;
    free(remote);
}

/* ---- the thread ---- */

struct remote_thread {
    struct monitor monitor; /* guards the rest */
    struct port *port;      /* as the op: not touched once the owner has left */
    struct port_op *op;     /* NULL: there is nothing to do */
    port_remote_run *run;
    port_remote_release *release;
    void *job;
    bool left; /* the owner has: the thread is alone with this struct */
};

static void thread_main(void *context) {
    struct remote_thread *thread = context;
    monitor_lock(&thread->monitor);
    for (;;) { /* until the owner leaves */
        while (thread->op == NULL && !thread->left)
            monitor_wait(&thread->monitor);
        if (thread->left) break;
        monitor_unlock(&thread->monitor);
        const int64_t result = thread->run(thread->job);
        monitor_lock(&thread->monitor);
        if (thread->left) break;
        struct port_op *op = thread->op;
        thread->op = NULL;
        op->result = result == ERR_TIMED_OUT ? ERR_IO : result;
        thread->port->calls->post(thread->port, op); /* while locked: the port is still there */
    }
    const bool owns_job = thread->op != NULL;
    monitor_unlock(&thread->monitor);
    if (owns_job) thread->release(thread->job);
    monitor_destroy(&thread->monitor);
    free(thread);
}

int remote_thread_open(struct port *port, const char *name, void **opened) {
    struct remote_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL) return ERR_NO_MEMORY;
    thread->port = port;
    monitor_init(&thread->monitor);
    const int error = thread_start(thread_main, thread, THREAD_LOW, name);
    if (error < 0) {
        monitor_destroy(&thread->monitor);
        free(thread);
        return error;
    }
    *opened = thread;
    return 0;
}

void remote_thread_run(void *opened, struct port_op *op) {
    struct remote_thread *thread = opened;
    monitor_lock(&thread->monitor);
    assert(thread->op == NULL);
    thread->op = op;
    thread->run = op->u.remote.run;
    thread->release = op->u.remote.release;
    thread->job = op->u.remote.job;
    monitor_wake(&thread->monitor);
    monitor_unlock(&thread->monitor);
}

bool remote_thread_leave(void *opened) {
    struct remote_thread *thread = opened;
    monitor_lock(&thread->monitor);
    const bool runs = thread->op != NULL;
    thread->left = true;
    monitor_wake(&thread->monitor);
    monitor_unlock(&thread->monitor);
    return runs;
}
