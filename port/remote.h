/* remote.h - lanes for work that may never end: a network volume, an external command, a name.
 *
 * A remote lane has one thread and runs its jobs in order.  A hung job delays the jobs of its own
 * lane and nothing else.  The owner watches port_remote_busy_ns and gives up with
 * port_remote_abandon, which leaves the thread behind: port_close and the end of the process do
 * not wait for it.
 *
 * An abandoned job may continue after the port was closed and its owner's state was freed, so a job
 * must own all memory that `run` touches (except struct files and say(), which live as long as the
 * process).
 *
 * Owner's thread, unless stated. */
#ifndef PORT_REMOTE_H
#define PORT_REMOTE_H

#include "port/port.h"

struct port_remote;

/* On the lane's thread.  Returns the op's result. */
typedef int64_t port_remote_run(void *job);
/* Frees a job that is no longer the caller's.  On the lane's thread, or on the owner's for a job
 * that never ran. */
typedef void port_remote_release(void *job);

/* Starts the lane and its thread (low priority).  `name` shows in debuggers and in a simulator; it
 * is copied.  Returns 0 or ERR_NO_MEMORY. */
int port_remote_open(struct port *port, const char *name, struct port_remote **remote);

/* Runs run(job) after all jobs started before it.  The op comes back with what `run` returns, and
 * the job is the caller's again.
 *
 * ERR_TIMED_OUT means that the lane was abandoned and the job is not the caller's: `release` frees
 * it when `run` returns, if it ever does, or at once if `run` was never called.  It may be gone
 * when the op comes back.  (ERR_TIMED_OUT from `run` itself comes back as ERR_IO.)
 *
 * port_cancel brings back the op of a job that has not begun, with ERR_CANCELLED; the job is the
 * caller's again. */
void port_remote_work(struct port_remote *remote, struct port_op *op, port_remote_run *run,
                      port_remote_release *release, void *job);

/* How long the present job has been running; 0: none is. */
int64_t port_remote_busy_ns(const struct port_remote *remote);

/* Gives the lane up; never waits.  Its ops come back with ERR_TIMED_OUT, except that of a job
 * which has just ended: it comes back with its result.  So does every op started on it later. */
void port_remote_abandon(struct port_remote *remote);
bool port_remote_abandoned(const struct port_remote *remote);

/* Frees the lane, whose ops must be back; an idle thread ends by itself, an abandoned one when its
 * job does.  Never waits.  Every lane must be closed before port_close. */
void port_remote_close(struct port_remote *remote);

#endif
