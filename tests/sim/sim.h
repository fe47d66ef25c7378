/* sim.h - the simulated port: a back end whose time, chance and disk are the test's.
 *
 * Time stands still while anything runs, and jumps to whatever comes next.  Work is run on
 * virtual workers, as many a lane as a real port has; the seed says how long each operation
 * takes, and so in which order they come back.  The same seed, the same run.  One thread.
 *
 * The network is not there yet: listening and binding are refused (ERR_UNSUPPORTED). */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "port/port_internal.h"
#include "port/process.h"
#include "port/remote.h"
#include "tests/sim/disk.h"

#define SIM_US  INT64_C(1000)
#define SIM_MS  INT64_C(1000000)
#define SIM_S   INT64_C(1000000000)
#define SIM_DAY (24 * 3600 * SIM_S)

#define SIM_HANGS_MAX 4

/* Workers of a lane, and what waits for one of them. */
struct sim_lane {
    struct port_list writes, queue; /* writes go first, as they do on a real one */
    uint32_t workers, busy;
};

struct sim_remote;

struct sim {
    struct port_backend backend; /* what port_open is given */
    struct disk disk;
    struct chance chance;
    int64_t now_ns;
    int64_t wall_ahead_ns; /* the wall clock is so far ahead of now_ns */
    /* An operation takes so long at most; one in 64 of them a hundred times that. */
    int64_t work_ns_max, write_ns_max, sync_ns_max;
    struct port *port;          /* the one that is open, or NULL */
    struct port_list under_way; /* what comes back by itself; its time is in the op */
    struct port_op *signal_op;
    uint32_t signals_kept; /* a bit each */
    struct sim_lane lanes[PORT_LANES];
    /* Remote lanes: the one whose job is at work right now, and those whose jobs hang, in order. */
    struct sim_remote *remote_now, *remotes_hung;
    char hung_paths[SIM_HANGS_MAX][DISK_TEXT_MAX];
    uint32_t hung_path_count;
    uint64_t started;
    /* Other programs.  run_program is what one does, all at once when it starts: its exit code,
     * or an ERR_: it cannot be started.  It ends program_ns later; who is asked to end does so
     * at once, with 143. */
    struct processes processes;
    int (*run_program)(void *context, const char *const *words);
    void *program_context;
    int64_t program_ns;
    uint32_t programs_running;
    uint64_t rounds_left; /* of waiting: a test that needs more runs in circles */
};

/* The clocks begin at some moment of the seed's; the wall clock at sim_set_wall, else 2026. */
void sim_open(struct sim *sim, uint64_t seed);
void sim_close(struct sim *sim);

/* Opens a port on it: one at a time, as a process has one.  The clocks and the disk go on. */
struct port *sim_port(struct sim *sim);

int64_t sim_wall_ns(const struct sim *sim);
void sim_set_wall(struct sim *sim, int64_t wall_ns);
void sim_step_wall(struct sim *sim, int64_t by_ns); /* somebody sets the clock */
/* So much time passes; whatever is due in it happens. */
void sim_pass(struct sim *sim, int64_t ns);
/* The process is asked for something. */
void sim_signal(struct sim *sim, enum port_signal signal);

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
