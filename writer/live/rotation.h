/* rotation.h - when a stream's live segment is rotated, apart from its size: by age, by idleness,
 * or by a schedule and a wall clock that may be set.
 *
 * The wall clock is polled at least every ROTATION_LOOK_NS.  Set forward past due times, rotation
 * is due at once, and only once, however many due times were passed.  Set back, a due time that has
 * passed is not due again until the clock has passed it; a step back of more than ROTATION_BACK_NS
 * means that the clock was wrong before, and everything is computed anew from what it shows now.
 *
 * Pure.  `now_ns` is monotonic, `wall_ns` since 1970 UTC, as the port gives them. */
#ifndef WRITER_LIVE_ROTATION_H
#define WRITER_LIVE_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/clock/schedule.h"

#define ROTATION_LOOK_NS (60 * INT64_C(1000000000))
#define ROTATION_BACK_NS (24 * 3600 * INT64_C(1000000000))

struct rotation_rules {
    uint64_t age_ms;          /* since it was opened; 0: no limit */
    uint64_t idle_ms;         /* since the last append; 0: no limit */
    struct schedule schedule; /* its zone stays as long as it is used */
};

struct rotation {
    struct rotation_rules rules;
    int64_t opened_ns, appended_ns; /* of the present segment */
    int64_t due_ns;                 /* wall; INT64_MAX: never */
    int64_t seen_ns; /* the latest that the clock has shown since due_ns was computed */
};

/* These rules apply from now on. */
void rotation_begin(struct rotation *rotation, const struct rotation_rules *rules, int64_t wall_ns);
/* A segment has been opened.  Earlier due times do not apply to it. */
void rotation_opened(struct rotation *rotation, int64_t now_ns, int64_t wall_ns);
void rotation_appended(struct rotation *rotation, int64_t now_ns);

/* By the schedule.  True: a due time has passed; the next one is due then. */
bool rotation_due(struct rotation *rotation, int64_t wall_ns);
/* By any of the rules.  idle: no append waits. */
bool rotation_over(struct rotation *rotation, int64_t now_ns, int64_t wall_ns, bool idle);
/* The monotonic time at which to ask again; INT64_MAX: never. */
int64_t rotation_ask_ns(const struct rotation *rotation, int64_t now_ns, int64_t wall_ns);

#endif
