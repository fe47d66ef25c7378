/* sim.h - the simulated port: a back end whose clock, random numbers and disk belong to the test.
 *
 * Time does not pass while code runs; it jumps to the next event.  Each lane has as many virtual
 * workers as on a real port.  The seed decides how long each operation takes, and so the order of
 * completions: the same seed gives the same run.  One thread (jobs of remote lanes run on others,
 * in turns).
 *
 * Without a network (network.h) listening and binding fail with ERR_UNSUPPORTED. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "port/port_internal.h"
#include "port/process.h"
#include "port/remote.h"
#include "tests/sim/agenda.h"
#include "tests/sim/disk.h"

#define SIM_US  INT64_C(1000)
#define SIM_MS  INT64_C(1000000)
#define SIM_S   INT64_C(1000000000)
#define SIM_DAY (24 * 3600 * SIM_S)

#define SIM_HANGS_MAX 4

/* A lane's workers, and the ops that wait for one. */
struct sim_lane {
    struct port_list queue;
    uint32_t workers, busy;
};

struct sim_remote;
struct sim_program;
struct network;

/* What a network does for the back end (network.h). */
struct sim_network {
    void (*start)(struct network *network, struct port_op *op);
    void (*cancel)(struct network *network, struct port_op *op);
    /* Completes every op that can complete now. */
    void (*poll)(struct network *network);
    void (*process_ended)(struct network *network);
};

struct sim {
    struct port_backend backend; /* for port_open */
    struct disk disk;
    struct chance chance;
    int64_t now_ns;
    int64_t wall_ahead_ns; /* wall clock minus now_ns */
    /* The longest duration of an operation; one in 64 takes up to 100 times as long. */
    int64_t work_ns_max, write_ns_max, sync_ns_max;
    /* Writes to files whose paths contain this take exactly slow_ns; NULL: none; not copied. */
    const char *slow_path;
    int64_t slow_ns;
    struct port *port;          /* the open one, or NULL */
    struct port_list under_way; /* ops with an event at a time that is in the op */
    struct port_op *signal_op;
    uint32_t signals_kept; /* a bit each */
    struct sim_lane lanes[PORT_LANES];
    /* Remote lanes: the one whose job is at work right now, and those whose jobs hang, in order. */
    struct sim_remote *remote_now, *remotes_hung;
    char hung_paths[SIM_HANGS_MAX][DISK_TEXT_MAX];
    uint32_t hung_path_count;
    struct sim_remote *remotes; /* all that exist */
    uint64_t started;
    struct agenda agenda;    /* what else happens, and when */
    struct network *network; /* NULL: none */
    const struct sim_network *network_calls;
    /* External programs.  run_program does everything that one does, when it starts, and returns
     * its exit code, or an ERR_ if it cannot be started.  The program ends program_ns later; one
     * that is asked to end does so at once, with 143. */
    struct processes processes;
    int (*run_program)(void *context, const char *const *words);
    void *program_context;
    int64_t program_ns;
    uint32_t programs_running;
    struct sim_program *programs; /* those running */
    uint64_t rounds_left;         /* of waiting; a test that needs more does not end */
};

/* The seed decides where the clocks begin; the wall clock somewhere in 2026. */
void sim_open(struct sim *sim, uint64_t seed);
void sim_close(struct sim *sim);

/* Opens a port: one at a time, as a process has one.  The clocks and the disk continue. */
struct port *sim_port(struct sim *sim);

int64_t sim_wall_ns(const struct sim *sim);
void sim_set_wall(struct sim *sim, int64_t wall_ns);
void sim_step_wall(struct sim *sim, int64_t by_ns); /* the wall clock is changed */
/* Lets this time pass, with all events in it. */
void sim_pass(struct sim *sim, int64_t ns);
/* Sends the process a request. */
void sim_signal(struct sim *sim, enum port_signal signal);

/* The process ends here, with its threads, files, sockets and programs; nothing that its code has
 * started comes back.  Not from a call that it makes on a strand.  Its memory is the caller's matter
 * (process_memory.h).  disk_restart begins the next one. */
void sim_kill(struct sim *sim);

/* From now on every operation on this path and below it (and every start of a program there) hangs
 * until sim_end_hangs.  Only a job of a remote lane may meet one: it stops in the middle of the
 * call.  For any other code, the owner's too, it is a failed assert. */
void sim_hang(struct sim *sim, const char *path);
/* The calls that hang are performed and return, in the order in which they began. */
void sim_end_hangs(struct sim *sim);
/* How many jobs hang.  One that still does when the port is closed ends there, as a thread does
 * with its process: its calls fail and have no effect. */
uint32_t sim_hung(const struct sim *sim);

#endif
