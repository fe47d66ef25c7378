/* unix.c - Unix sockets on Windows: streams, since Windows 10 version 1803 (afunix.h).
 *
 * There are no Unix datagrams and no abstract names.  A file gets the permissions of its directory; of
 * a peer only the process is known.  Wine 8 has no AF_UNIX: there every call is ERR_UNSUPPORTED. */
#include "port/windows/iocp.h"

#include <afunix.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "port/client.h"
#include "port/system.h"
#include "port/unix.h"
#include "port/windows/text.h"

/* The file of an open listener. */
struct unix_file {
    struct unix_file *next;
    const struct port_socket *socket;
    char path[UNIX_PATH_BYTES_MAX + 1];
};

int unix_path_check(const char *path) {
    const size_t length = strlen(path);
    if (length == 0) return ERR_INVALID;
    if (unix_path_is_abstract(path)) return ERR_UNSUPPORTED;
    return length > UNIX_PATH_BYTES_MAX ? ERR_NAME_TOO_LONG : 0;
}

bool unix_has_owners(void) {
    return false;
}

int unix_owner_find(const char *text, uint32_t *user, uint32_t *group) {
    (void)text, (void)user, (void)group;
    return ERR_UNSUPPORTED;
}

static void to_system(const char *path, struct sockaddr_un *name) {
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    for (size_t i = 0; path[i] != '\0' && i < UNIX_PATH_BYTES_MAX; i++)
        name->sun_path[i] = path[i];
    for (char *p = name->sun_path; *p != '\0'; p++)
        if (*p == '/') *p = '\\';
}

static SOCKET new_socket(DWORD flags) {
    sockets_startup();
    return WSASocketW(AF_UNIX, SOCK_STREAM, 0, NULL, 0, flags | WSA_FLAG_NO_HANDLE_INHERIT);
}

/* ---- files: on a thread of their own, because a volume may hang ---- */

struct unix_job {
    void (*run)(struct unix_job *job);
    SOCKET handle;
    int result;
    char path[UNIX_PATH_BYTES_MAX + 1];
};

static bool is_socket_file(const struct wide_path *wide) {
    WIN32_FIND_DATAW found;
    const HANDLE search = FindFirstFileW(wide->text, &found);
    if (search == INVALID_HANDLE_VALUE) return false;
    FindClose(search);
    return (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) &&
           found.dwReserved0 == IO_REPARSE_TAG_AF_UNIX;
}

/* There is no way to ask without connecting: a daemon that lives sees an empty connection. */
static int probe(const struct sockaddr_un *name) {
    const SOCKET handle = new_socket(0);
    if (handle == INVALID_SOCKET) return last_error();
    const int error =
        connect(handle, (const struct sockaddr *)name, sizeof *name) == 0 ? 0 : last_error();
    closesocket(handle);
    if (error == ERR_REFUSED) return 0;
    return error == 0 ? ERR_ADDRESS_IN_USE : error;
}

static int remove_stale(const char *path, const struct sockaddr_un *name) {
    struct wide_path wide;
    int error = path_to_wide(path, &wide);
    if (error < 0) return error;
    if (GetFileAttributesW(wide.text) == INVALID_FILE_ATTRIBUTES) return 0;
    if (!is_socket_file(&wide)) return ERR_EXISTS;
    error = probe(name);
    if (error == 0 && !DeleteFileW(wide.text)) error = last_error();
    return error;
}

static void create_file(struct unix_job *job) {
    struct sockaddr_un name;
    to_system(job->path, &name);
    job->result = remove_stale(job->path, &name);
    if (job->result == 0 && (bind(job->handle, (struct sockaddr *)&name, sizeof name) != 0 ||
                             listen(job->handle, SOMAXCONN) != 0))
        job->result = last_error();
}

static void remove_file(struct unix_job *job) {
    struct wide_path wide;
    job->result = path_to_wide(job->path, &wide);
    if (job->result == 0 && is_socket_file(&wide) && !DeleteFileW(wide.text))
        job->result = last_error();
}

static void job_run(void *context) {
    struct unix_job *job = context;
    job->run(job);
}

static void job_release(void *context) {
    struct unix_job *job = context;
    if (job->handle != INVALID_SOCKET) closesocket(job->handle);
    free(job);
}

/* On an error the handle is closed. */
static int do_within(void (*run)(struct unix_job *job), SOCKET handle, const char *path) {
    struct unix_job *job = malloc(sizeof *job);
    if (job == NULL) {
        if (handle != INVALID_SOCKET) closesocket(handle);
        return ERR_NO_MEMORY;
    }
    *job = (struct unix_job){.run = run, .handle = handle};
    strcpy(job->path, path);
    if (!system_run_within(job_run, job_release, job, UNIX_WAIT_MS)) return ERR_TIMED_OUT;
    const int result = job->result;
    if (result == 0) job->handle = INVALID_SOCKET; /* the caller's */
    job_release(job);
    return result;
}

/* ---- opening and removing ---- */

int unix_open(struct iocp *iocp, const struct port_socket *owner, const struct unix_place *place,
              SOCKET *handle) {
    int error = unix_path_check(place->path);
    if (error < 0) return error;
    *handle = new_socket(WSA_FLAG_OVERLAPPED);
    if (*handle == INVALID_SOCKET) return last_error();
    struct unix_file *file = malloc(sizeof *file);
    if (file == NULL) {
        closesocket(*handle);
        return ERR_NO_MEMORY;
    }
    error = do_within(create_file, *handle, place->path);
    if (error < 0) {
        free(file);
        return error;
    }
    *file = (struct unix_file){.next = iocp->unix_files, .socket = owner};
    strcpy(file->path, place->path);
    iocp->unix_files = file;
    return 0;
}

void unix_remove(struct iocp *iocp, const struct port_socket *socket) {
    struct unix_file **link = &iocp->unix_files;
    while (*link != NULL && (*link)->socket != socket)
        link = &(*link)->next;
    struct unix_file *file = *link;
    if (file == NULL) return; /* accepted */
    *link = file->next;
    const int error = do_within(remove_file, INVALID_SOCKET, file->path);
    if (error < 0)
        say("%s: cannot be removed: %s; the next start replaces it", file->path, error_text(error));
    free(file);
}

int unix_access(struct port *port, struct port_socket *socket, const struct unix_place *place) {
    (void)port, (void)socket, (void)place;
    return 0;
}

int unix_bind(struct port *port, struct port_socket *socket, const struct unix_place *place) {
    (void)port, (void)socket, (void)place;
    return ERR_UNSUPPORTED;
}

void unix_end_datagrams(struct port *port, struct port_socket *socket) {
    (void)port, (void)socket;
    assert(!"there are no Unix datagrams");
}

struct port_address unix_peer(SOCKET handle) {
    ULONG process = ADDRESS_UNKNOWN_ID;
    DWORD bytes;
    if (WSAIoctl(handle, SIO_AF_UNIX_GETPEERPID, NULL, 0, &process, sizeof process, &bytes, NULL,
                 NULL) != 0)
        process = ADDRESS_UNKNOWN_ID;
    return address_of_process(process, ADDRESS_UNKNOWN_ID, ADDRESS_UNKNOWN_ID);
}

/* ---- clients ---- */

int client_connect_unix(const char *path, struct client *client) {
    struct sockaddr_un name;
    client->handle = -1;
    int error = unix_path_check(path);
    if (error < 0) return error;
    to_system(path, &name);
    const SOCKET handle = new_socket(0);
    if (handle == INVALID_SOCKET) return last_error();
    if (connect(handle, (struct sockaddr *)&name, sizeof name) != 0) {
        error = last_error();
        closesocket(handle);
        return error;
    }
    client->handle = (intptr_t)handle;
    return 0;
}

int client_datagrams_unix(const char *path, struct client *client) {
    (void)path;
    client->handle = -1;
    return ERR_UNSUPPORTED;
}
