/* trace.h - what happened in a simulated run: the last lines of it, a hash of all of it, and how
 * often each state and fault point was reached. */
#ifndef TESTS_SIMULATE_TRACE_H
#define TESTS_SIMULATE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "port/format.h"

void trace_begin(bool aloud); /* aloud: prints each line at once */
void trace_line(int64_t now_ns, const char *format, ...) FORMATS(2, 3);
uint64_t trace_hash(void);
void trace_print(void); /* the last lines, to standard error */

/* Fails the run: prints what is wrong and the trace, and ends the program. */
FORMATS(1, 2) _Noreturn void violation(const char *format, ...);

/* States and faults that the runs of this program should reach; tools/simulate adds them up. */
#define REACHED_TABLE(X)                                                                           \
    X(LIFE_STOPPED, "stopped")                                                                     \
    X(LIFE_KILLED, "killed between two steps")                                                     \
    X(LIFE_KILLED_AT_FILE, "killed at a file operation")                                           \
    X(LIFE_KILLED_IN_START, "killed in a start")                                                   \
    X(LIFE_NOT_STARTED, "a start failed")                                                          \
    X(LIFE_LEFT, "a stop gave up")                                                                 \
    X(POWER_LOST, "power lost")                                                                    \
    X(POWER_LOST_LINES, "power lost with lines that were not synced")                              \
    X(RECOVERED_TORN, "a start found a segment that was not closed")                               \
    X(TORN_CUT, "a start cut off torn bytes")                                                      \
    X(RESTARTED_WITH_LINES, "a start found lines")                                                 \
    X(LINES_LOST_IN_KERNEL, "killed with bytes that were not received")                            \
    X(DISK_ERRORS, "file operations failed")                                                       \
    X(DISK_FULL, "the disk was full")                                                              \
    X(SYNC_FAILED, "a sync failed")                                                                \
    X(WRITE_FAILED_HALFWAY, "a write stopped halfway")                                             \
    X(NO_MEMORY, "an allocation failed")                                                           \
    X(DISK_SLOW, "the disk was slow")                                                              \
    X(CLOCK_FORWARD, "the clock jumped forward")                                                   \
    X(CLOCK_BACK, "the clock jumped back")                                                         \
    X(CONNECTION_RESET, "a sender reset its connection")                                           \
    X(CONNECTION_FINISHED, "a sender finished")                                                    \
    X(CONNECTION_REFUSED, "a connection was refused")                                              \
    X(CONNECTION_CUT, "a connection ended with its process")                                       \
    X(UNFINISHED_STORED, "a record without its newline was stored")                                \
    X(UNFINISHED_REJECTED, "a part of a record was rejected")                                      \
    X(REJECTED, "a line was rejected")                                                             \
    X(TOO_LONG, "a line was too long")                                                             \
    X(ACCEPT_FAILED, "an accept failed")                                                           \
    X(RECEIVE_FAILED, "a receive failed")                                                          \
    X(RECEIVED_IN_PART, "a receive returned a part")                                               \
    X(DATAGRAM_STORED, "a datagram was stored")                                                    \
    X(DATAGRAM_LOST, "a datagram was lost")                                                        \
    X(DATAGRAM_DOUBLED, "a datagram was stored twice")                                             \
    X(DATAGRAM_DROPPED, "a socket's buffer was full")                                              \
    X(ACKNOWLEDGED, "a record was acknowledged")                                                   \
    X(SENT_AGAIN, "a session began again with what was not acknowledged")                          \
    X(SESSION_RESET, "a sender gave up its session")                                               \
    X(DELETED, "closed segments were deleted")                                                     \
    X(ARCHIVED, "segments were moved to the archive")                                              \
    X(ARCHIVE_HUNG, "the archive hung")                                                            \
    X(PROGRAM_RAN, "archive_command ran")                                                          \
    X(SEGMENTS_ROTATED, "segments were rotated")                                                   \
    X(ROTATED_BY_SIGNAL, "a rotation was asked for")                                               \
    X(BATCHES_HELD, "batches were held while the disk failed")

enum reached {
#define X(name, text) REACHED_##name,
    REACHED_TABLE(X)
#undef X
        REACHED_COUNT
};
void reached(enum reached what);
uint64_t reached_times(enum reached what);
const char *reached_text(enum reached what);

#endif
