/* log_directory.c - see log_directory.h. */
#include "ingest/daemon/log_directory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/segment/leftovers.h"

#define LOOK_NS          (1000000000ll)
#define TOKEN_BYTES      32
#define TOKEN_TEXT_BYTES (2 * TOKEN_BYTES + 1)
#define RUN_FILE_BYTES   512

struct log_directory {
    struct port *port;
    const char *path;
    char state[PATH_BYTES_MAX], lock_path[PATH_BYTES_MAX], run_path[PATH_BYTES_MAX],
        settings_path[PATH_BYTES_MAX];
    int settings_error;  /* as `reported`, for state/settings.json */
    char *next_settings; /* what the next look writes; NULL: no change */
    uint32_t process_id;
    char control[ADDRESS_TEXT_MAX];
    struct port_op op; /* the timer, or the look */
    bool looking, closed;
    int reported; /* the last look's error; 0: none */
    char token[TOKEN_TEXT_BYTES];
    /* The worker's while it looks: */
    struct file lock;
    uint64_t id;                       /* of the directory */
    char run_file[RUN_FILE_BYTES];     /* its text; "": not written yet */
    char next_token[TOKEN_TEXT_BYTES]; /* for the next run file */
    bool remade;                       /* directory or lock had to be made again */
    const char *failed;                /* after an error: the path that it is about */
    char *settings;                    /* the text of state/settings.json; NULL or "": none */
    int settings_result;               /* of the look */
};

/* What a look found, if nothing failed. */
enum { LOOK_FINE, LOOK_WROTE };

static void look_or_wait_done(struct port_op *op);

static int fail(const char *what, int error) {
    say_error("%s: %s", what, error_text(error));
    return error;
}

/* ---- the directory and its lock ---- */

/* Makes both folders and takes the lock.  *id: the identity of the directory.  *failed: the path at
 * which it failed. */
static int make(struct log_directory *d, struct file *lock, uint64_t *id, const char **failed) {
    struct files *files = port_files(d->port);
    struct file_status status;
    int error = directory_make(files, d->state);
    *failed = !error ? d->lock_path : file_status_of(files, d->path, &status) ? d->path : d->state;
    if (!error) error = file_lock(files, d->lock_path, lock);
    if (error) return error;
    *failed = d->path;
    error = file_status_of(files, d->path, &status);
    if (error)
        file_close(lock);
    else
        *id = status.id;
    return error;
}

int log_directory_open(struct port *port, const char *path, struct log_directory **directory) {
    struct log_directory *d = calloc(1, sizeof *d);
    if (!d) return fail(path, ERR_NO_MEMORY);
    d->port = port;
    d->path = path;
    d->op.done = look_or_wait_done;
    const char *failed = path;
    int error = 0;
    if (!path_join(d->state, path, "state", NULL) ||
        !path_join(d->lock_path, path, "state", "lock") ||
        !path_join(d->settings_path, path, "state", "settings.json") ||
        !path_join(d->run_path, path, RUN_FILE_NAME, NULL))
        error = ERR_NAME_TOO_LONG;
    if (!error) error = make(d, &d->lock, &d->id, &failed);
    if (!error) {
        (void)leftovers_clear_state(port_files(port), path);
        (void)leftovers_clear_streams(port_files(port), path);
        *directory = d;
        return 0;
    }
    if (error != ERR_LOCKED) fail(failed, error);
    free(d);
    if (error != ERR_LOCKED) return error;
    say_error("%s: another logportd writes to this directory; stop it, or choose another --dir",
              path);
    return error;
}

/* ---- the run file ---- */

static void make_token(struct log_directory *d) {
    uint8_t bytes[TOKEN_BYTES];
    port_random(d->port, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(d->next_token + 2 * i, 3, "%02x", bytes[i]);
}

static int write_run_file(struct log_directory *d) {
    const int size = snprintf(d->run_file, sizeof d->run_file,
                              "{\"pid\":%u,\"control\":\"%s\",\"token\":\"%s\","
                              "\"directory\":\"%016llx\"}\n",
                              d->process_id, d->control, d->next_token, (unsigned long long)d->id);
    const int error =
        file_replace(port_files(d->port), d->run_path, d->run_file, (size_t)size, true);
    if (error) d->run_file[0] = '\0';
    return error;
}

/* The file is missing, not merely unreadable for the moment (no file handle left, a failing disk). */
static bool is_missing(int error) {
    return error == ERR_NOT_FOUND || error == ERR_NOT_DIRECTORY;
}

/* Under its name is something that we did not write. */
static bool is_something_else(int error) {
    return error == ERR_TOO_LARGE || error == ERR_NOT_SEEKABLE || error == ERR_IS_DIRECTORY ||
           error == ERR_LINK_LOOP;
}

static bool run_file_is_ours(struct log_directory *d) {
    char *text;
    size_t size;
    if (d->run_file[0] == '\0') return false;
    const int error =
        file_read_all(port_files(d->port), d->run_path, sizeof d->run_file, &text, &size);
    if (error) return !is_missing(error) && !is_something_else(error);
    const bool ours = strcmp(text, d->run_file) == 0;
    free(text);
    return ours;
}

/* ---- the settings ---- */

#define SETTINGS_BYTES_MAX (1u << 20)

/* A worker, or before serving. */
static int keep_settings(struct log_directory *d) {
    struct files *files = port_files(d->port);
    const char *const wanted = d->settings != NULL ? d->settings : "";
    char *found = NULL;
    size_t size;
    const int error = file_read_all(files, d->settings_path, SETTINGS_BYTES_MAX, &found, &size);
    const bool right =
        error == 0 ? strcmp(found, wanted) == 0 : is_missing(error) && wanted[0] == '\0';
    free(found);
    if (right) return 0;
    if (wanted[0] != '\0')
        return file_replace(files, d->settings_path, wanted, strlen(wanted), false);
    const int removed = file_remove(files, d->settings_path);
    return is_missing(removed) ? 0 : removed; /* it could not be read, and there is none */
}

static void adopt_settings(struct log_directory *d) {
    if (d->next_settings == NULL) return;
    free(d->settings);
    d->settings = d->next_settings;
    d->next_settings = NULL;
}

void log_directory_record(struct log_directory *directory, char *text) {
    free(directory->next_settings);
    directory->next_settings = text;
}

static void report_settings(struct log_directory *d, int error) {
    if (error < 0 && error != d->settings_error)
        say("%s: %s; readers use older settings of times and levels until it is written, retrying "
            "every second",
            d->settings_path, error_text(error));
    d->settings_error = error;
}

static void wait_and_look(struct log_directory *d) {
    port_timer(d->port, &d->op, port_now_ns(d->port) + LOOK_NS);
}

int log_directory_publish(struct log_directory *directory, uint32_t process_id,
                          const struct port_address *control) {
    directory->process_id = process_id;
    address_format(control, directory->control);
    make_token(directory);
    const int error = write_run_file(directory);
    /* Busy: another program has the file of an earlier run open; Windows does not replace it. */
    if (error && error != ERR_NO_SPACE && error != ERR_BUSY)
        return fail(directory->run_path, error);
    if (error)
        say("%s: %s; logport status and stop cannot find this daemon until it is written, retrying "
            "every second",
            directory->run_path, error_text(error));
    directory->reported = error;
    adopt_settings(directory);
    report_settings(directory, keep_settings(directory));
    strcpy(directory->token, directory->next_token);
    wait_and_look(directory);
    return 0;
}

/* ---- a look ---- */

static bool lock_is_there(struct log_directory *d) {
    struct file_status ours, found;
    if (file_status(&d->lock, &ours)) return true; /* cannot tell */
    const int error = file_status_of(port_files(d->port), d->lock_path, &found);
    return error ? !is_missing(error) : ours.id == found.id;
}

static void look_run(struct port_op *op) {
    struct log_directory *d = PORT_CONTAINER(struct log_directory, op, op);
    struct file lock = {0};
    d->settings_result = keep_settings(d);
    if (lock_is_there(d) && run_file_is_ours(d)) {
        op->result = LOOK_FINE;
        return;
    }
    if (!lock_is_there(d)) {
        op->result = make(d, &lock, &d->id, &d->failed);
        if (op->result < 0) return;
        file_close(&d->lock); /* of a file that has another name now, or none */
        d->lock = lock;
        d->remade = true;
    }
    const int error = write_run_file(d);
    d->failed = d->run_path;
    op->result = error ? error : LOOK_WROTE;
}

static void report(struct log_directory *d, int result) {
    if (d->remade)
        say("%s: the directory or its lock was deleted or moved; made again, new files are written "
            "there",
            d->path);
    d->remade = false;
    if (result < 0 && result != d->reported)
        say("%s: %s; logport status and stop cannot find this daemon, retrying every second",
            d->failed,
            result == ERR_LOCKED ? "another logportd writes to this directory"
                                 : error_text(result));
    d->reported = result < 0 ? result : 0;
}

/* The timer is over, or a worker has looked. */
static void look_or_wait_done(struct port_op *op) {
    struct log_directory *d = PORT_CONTAINER(struct log_directory, op, op);
    if (d->looking) {
        d->looking = false;
        if (!d->closed && op->result != ERR_CANCELLED) {
            report(d, (int)op->result);
            report_settings(d, d->settings_result);
        }
        if (op->result == LOOK_WROTE) strcpy(d->token, d->next_token);
        if (d->closed)
            log_directory_close(d);
        else
            wait_and_look(d);
    } else if (!d->closed) {
        make_token(d);
        adopt_settings(d);
        d->looking = true;
        port_work(d->port, op, PORT_LANE_SLOW, look_run);
    }
}

/* ---- the token ---- */

static bool begins_with_token(const char *text, const char *token) {
    uint8_t difference = 0;
    for (size_t i = 0; i + 1 < TOKEN_TEXT_BYTES; i++)
        difference |= (uint8_t)(text[i] ^ token[i]);
    return difference == 0;
}

const char *log_directory_accept(const struct log_directory *directory, const char *text) {
    if (strlen(text) < TOKEN_TEXT_BYTES || text[TOKEN_TEXT_BYTES - 1] != ' ') return NULL;
    const bool current = begins_with_token(text, directory->token);
    /* The worker may have written the next one just now. */
    const bool next = directory->looking && begins_with_token(text, directory->next_token);
    return current || next ? text + TOKEN_TEXT_BYTES : NULL;
}

/* ---- the end ---- */

void log_directory_close(struct log_directory *directory) {
    directory->closed = true;
    port_cancel(&directory->op);
    if (directory->looking) return; /* comes back here */
    if (run_file_is_ours(directory)) file_remove(port_files(directory->port), directory->run_path);
    file_close(&directory->lock);
}

bool log_directory_idle(const struct log_directory *directory) {
    return port_idle(&directory->op);
}

void log_directory_free(struct log_directory *directory) {
    assert(directory->closed && log_directory_idle(directory));
    free(directory->settings);
    free(directory->next_settings);
    free(directory);
}
