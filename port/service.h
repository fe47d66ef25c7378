/* service.h - the program as a service: the system starts it, watches it and stops it.
 *
 * Windows: a service of the service control manager, which its own calls install and remove.  Linux:
 * a unit of systemd, which is a file, so service_here is false there. */
#ifndef PORT_SERVICE_H
#define PORT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"

/* ---- what the process reports to the service manager that started it ---- */

enum service_phase {
    SERVICE_PHASE_START,  /* it starts, or recovers segments after a crash; the initial phase */
    SERVICE_PHASE_READY,  /* it serves: it has started, or a reload has ended */
    SERVICE_PHASE_RELOAD, /* it reads its configuration again */
    SERVICE_PHASE_STOP,   /* it stores what it has received and ends */
};
/* status: one line for the operator, or NULL; only some managers show it (not Windows').  Does
 * nothing if no service manager has started this process.  Any thread. */
void service_report(enum service_phase phase, const char *status);

/* ---- installing and controlling it ---- */

/* True: this system's services are installed by the calls below.  False: *advice says, in one or more
 * lines, what to do instead, and they return ERR_UNSUPPORTED. */
bool service_here(const char **advice);

/* All of these say what failed (say_error) and return an ERR_. */

/* This program's service, and the name of its home. */
#define SERVICE_NAME   "logportd"
#define SERVICE_FOLDER "logport"

/* What is installed. */
struct service_plan {
    const char *title, *description;
    const char *const *words; /* the command line after the program; ends with NULL */
    const char *written;      /* a directory outside its home that it writes to; NULL: none */
    const char *const *read;  /* files outside its home that it reads; ends with NULL */
    uint64_t stop_ms;         /* how long a stop may take */
};

/* The directory of the service: its configuration, its logs and its messages. */
int service_home(char home[PATH_BYTES_MAX]);
/* The file with its messages. */
int service_messages(char path[PATH_BYTES_MAX]);
/* The directory with its logs, unless it is configured otherwise. */
#define SERVICE_LOGS     "logs"
/* "; the service logportd writes to DIR" if that exists, else "".  For the message of a program that
 * found no logs. */
#define SERVICE_HINT_MAX (PATH_BYTES_MAX + 96)
const char *service_hint(char text[SERVICE_HINT_MAX]);
/* Makes the home the current directory, as it is that of the service. */
int service_enter_home(void);
/* Before service_install: makes the home, which only administrators, the system and the service may
 * use, and enters it. */
int service_prepare(void);
/* Removes the home again if service_prepare made it and it is empty. */
void service_unprepare(void);
int service_install(const struct service_plan *plan);
/* Stops it first.  The home stays. */
int service_uninstall(void);
/* Deletes the home with everything in it. */
int service_purge(void);

/* Both wait until it is done.  *code: how it ended, if it did (service_state). */
int service_start(int *code);
int service_stop(int *code);

struct service_state {
    bool running; /* or starting, reloading, stopping: it has a process */
    bool ready;
    char state[32];      /* "running", "starting", ... */
    char start[64];      /* "automatic (delayed)", ... */
    char account[256];   /* the user it runs as */
    uint32_t process_id; /* 0: none */
    int code;            /* the exit code of its last run; 0: none, or it runs */
    char reason[160];    /* "": it ended by itself; else why, and code is the system's */
    char **words;        /* the command line after the program; ends with NULL */
    int word_count;
};
/* ERR_NOT_FOUND: it is not installed; nothing is said. */
int service_query(struct service_state *state);
void service_state_free(struct service_state *state);

/* For a process that the service manager has started: connects to it, runs `run` in the service's
 * home, and reports its end.  Messages are stored by the system and in the file service_messages.
 * Returns the exit code. */
typedef int service_main(int argc, char **argv);
int service_run(service_main *run, int argc, char **argv);

#endif
