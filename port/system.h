/* system.h - the rest of the operating system: the process, its clocks, its standard streams and
 * messages.  Any thread, unless stated. */
#ifndef PORT_SYSTEM_H
#define PORT_SYSTEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/format.h"

/* Each program defines this and returns its exit code.  port/ defines main(): it converts the
 * arguments to UTF-8, sets the standard streams to binary and makes sure that a crash never
 * exits 0. */
int program_main(int argc, char **argv);

/* From now on requests to the process (PORT_SIGNAL_ in port.h) are kept until a port takes them; the
 * system's own handling, which ends the process at once, is off.  A program that must drain calls
 * this first in its main.  0, or an ERR_: requests cannot be kept. */
int system_requests_keep(void);
/* Turns the system's own handling on again, and leaves the requests kept until now to it: a stop
 * ends the process.  Before there are other threads. */
void system_requests_release(void);
/* True: a stop is kept, and no port has taken it. */
bool system_stop_requested(void);

/* Ends the process at once; no exit handler runs. */
_Noreturn void system_exit_now(int code);

uint32_t system_cores(void);
/* Raises the limit of open files as far as allowed, and returns it. */
uint64_t system_open_files_max(void);
uint32_t system_process_id(void);
/* Advice for a message: how to allow larger receive buffers. */
const char *system_receive_bytes_hint(void);
/* Resident memory of this process, now and its peak, in bytes. */
void system_memory(uint64_t *now, uint64_t *peak);
/* CPU time of this process (user and system), in nanoseconds. */
int64_t system_cpu_ns(void);
/* NULL if unset.  Not freed. */
const char *system_environment(const char *name);

/* Makes a path absolute, separated by '/'; it need not exist.  ERR_NAME_TOO_LONG, ERR_INVALID, or
 * why the current directory is unknown. */
int system_absolute_path(const char *path, char *absolute, size_t size);

int64_t system_now_ns(void);  /* monotonic */
int64_t system_wall_ns(void); /* since 1970 UTC */
/* Offset of the local time zone from UTC at that moment of any year; positive: east. */
int32_t system_zone_offset_s(int64_t unix_s);
/* The directory of the system's time zones (TZif files); NULL: it has none.  Not freed. */
const char *system_zone_folder(void);
/* For a system that has none: the zone of this name, such as Europe/Berlin, as the bytes of such a
 * file; free() them.  ERR_NOT_FOUND: the system does not know it.  ERR_UNSUPPORTED: it has files. */
int system_zone(const char *name, void **bytes, size_t *size);
void system_sleep_ms(uint32_t ms);
void system_random(void *bytes, size_t size);

/* Calls take with each certificate (X.509 in DER) that the system trusts as an issuer of servers'
 * certificates.  ERR_UNSUPPORTED: this system has no store of its own; its TLS libraries know where
 * the certificates are. */
typedef void system_issuer(void *context, const void *certificate, size_t size);
int system_issuers(system_issuer *take, void *context);

/* Runs run(job) on a thread of its own and waits for it, `ms` at most.  For checks that may touch
 * a hung volume.  Any thread, with or without a port.
 *
 * True: it has ended, and the job is the caller's again.  False: it has not (or no thread could be
 * started); `release` frees the job when it ends, if it ever does, so a job must own everything
 * that `run` touches.  The end of the process does not wait for it. */
bool system_run_within(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms);

/* ---- standard streams ---- */

enum system_stream { STREAM_INPUT, STREAM_OUTPUT, STREAM_ERROR };
bool stream_is_terminal(enum system_stream stream);
/* A pipe, a socket or a file: input that may have been prepared.  False for a terminal, a null
 * device, and a stream that is closed. */
bool stream_is_piped(enum system_stream stream);
/* It is piped, and bytes can be read from it without waiting. */
bool stream_is_waiting(enum system_stream stream);
uint32_t stream_columns(enum system_stream stream); /* 80 where unknown */
/* Unbuffered.  Bytes read, 0 at the end, or an ERR_. */
int64_t stream_read(enum system_stream stream, void *bytes, size_t size);
/* Writes all of it.  ERR_CLOSED: the reader of the pipe has closed it. */
int stream_write(enum system_stream stream, const void *bytes, size_t size);
/* The same, but waits for the reader at most this long.  ERR_TIMED_OUT: nothing, or only a part,
 * was written.  With 0 and up to 4,096 bytes it never waits, and a pipe takes all or nothing.
 * Windows: standard error is written by a thread of its own from a queue of 256 KiB. */
int stream_write_within(enum system_stream stream, const void *bytes, size_t size,
                        uint32_t timeout_ms);

/* Sends standard output, and messages that would go to the terminal, through a pager from now on:
 * $PAGER, or less if it is unset.  ERR_NOT_FOUND: there is no pager, or $PAGER is "" or cat.  When
 * the user quits the pager, the process exits at once with 0.  Call it before any thread, file or
 * output exists. */
int system_pager_start(void);
/* Ends the output and waits until the user quits the pager.  Does nothing without one. */
void system_pager_end(void);

/* How much a message matters: its number in syslog. */
enum message_severity { MESSAGE_ERROR = 3, MESSAGE_WARNING = 4, MESSAGE_INFO = 6 };

/* Writes one line to standard error, with one write: the program's name, ": ", the text, "\n".
 * Longer ones than 4,096 bytes are cut.  Any thread, and so the calls that configure it.
 * say: a warning.  say_error: the program ends, or records are lost or not written for now.
 * say_info: all is well. */
void say(const char *format, ...) FORMATS(1, 2);
void say_error(const char *format, ...) FORMATS(1, 2);
void say_info(const char *format, ...) FORMATS(1, 2);
/* The program's name; not copied. */
void system_name(const char *name);
/* From now on say() drops what standard error does not take at once: a daemon must not stop because
 * its messages are not read.  The next line that is taken follows one that counts those dropped. */
void system_messages_never_wait(void);
/* From now on each of these lines begins with its severity, as "<4>": for a service manager, which
 * stores it (sd-daemon(3)) and takes a line without one, such as the counters, as informational. */
void system_messages_with_severity(void);
/* From now on say() passes every line to `sink`, on the thread that calls it; NULL: to standard
 * error again.  For tests.  Change it only while no other thread calls say(). */
typedef void system_message_sink(void *context, const char *line, size_t size);
void system_messages_to(system_message_sink *sink, void *context);

#endif
