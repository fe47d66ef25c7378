/* host.h - what the configuration and the daemon use of the machine besides a port.
 *
 * A program fills it from the system; a test or a simulator fills in its own.  Nothing else in
 * ingest/ calls the operating system. */
#ifndef INGEST_CONFIG_HOST_H
#define INGEST_CONFIG_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "port/files.h"

struct host {
    struct files *files; /* where configuration files, schemas and time zones are read */
    uint32_t cores;
    uint64_t open_files_max; /* 0: unlimited */
    uint32_t process_id;
    const char *zone_folder; /* TZif files; NULL: the machine has none */
    /* Without a folder: as system_zone (system.h). */
    int (*zone_named)(const char *name, void **bytes, size_t *size);
    const char *receive_bytes_hint; /* how an operator can raise the kernel's limit */
    /* Any thread: */
    int32_t (*zone_offset_s)(int64_t unix_s); /* of the local zone, as system.h says */
    int (*absolute_path)(const char *path, char *absolute, size_t size);
    bool (*program_found)(const char *program);
    bool (*word_allowed)(const char *program, const char *word); /* process.h */
    /* "HOST:PORT"; may wait for the network. */
    int (*resolve)(const char *host_and_port, struct port_address *address);
    /* As unix_owner_find (unix.h). */
    int (*owner_find)(const char *text, uint32_t *user, uint32_t *group);
    /* As system_run_within (system.h): for checks that may touch a volume that hangs. */
    bool (*run_within)(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms);
    uint64_t (*memory_bytes)(void); /* resident now */
    bool (*stop_requested)(void);   /* and no port has taken the request (system.h) */
    /* To standard error.  Waits for the reader of a pipe no longer than timeout_ms. */
    int (*print)(const char *text, size_t size, uint32_t timeout_ms);
};

/* Of this machine.  Raises the limit of open files as far as allowed. */
struct host host_of_system(void);

#endif
