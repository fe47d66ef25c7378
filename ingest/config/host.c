/* host.c - the machine's own: the one file of ingest/ that calls the system. */
#include "ingest/config/host.h"

#include "port/client.h"
#include "port/process.h"
#include "port/system.h"
#include "port/unix.h"

static uint64_t memory_bytes(void) {
    uint64_t now, peak;
    system_memory(&now, &peak);
    return now;
}

static int print(const char *text, size_t size, uint32_t timeout_ms) {
    return stream_write_within(STREAM_ERROR, text, size, timeout_ms);
}

struct host host_of_system(void) {
    return (struct host){
        .files = files_of_system(),
        .cores = system_cores(),
        .open_files_max = system_open_files_max(),
        .process_id = system_process_id(),
        .zone_folder = system_zone_folder(),
        .zone_named = system_zone,
        .receive_bytes_hint = system_receive_bytes_hint(),
        .zone_offset_s = system_zone_offset_s,
        .absolute_path = system_absolute_path,
        .program_found = process_program_found,
        .word_allowed = process_word_allowed,
        .resolve = client_resolve,
        .owner_find = unix_owner_find,
        .run_within = system_run_within,
        .memory_bytes = memory_bytes,
        .stop_requested = system_stop_requested,
        .print = print,
    };
}
