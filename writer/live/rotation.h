/* rotation.h - when a stream's present segment is over, beside its size: by age, by idleness, or
 * by a schedule and a wall clock that may be set.
 *
 * The wall clock is looked at, not waited for: whoever asks does so at least every
 * ROTATION_LOOK_NS, and finds out then.  Set forward past a time that is due, it is due at once,
 * and once, however many such times were passed.  Set back: what was due is not due again, until
 * the clock has got there and further; but one that goes back by more than ROTATION_BACK_NS was
 * wrong before, and it all begins anew from what it shows now.
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
    int64_t seen_ns; /* the latest that the clock has shown since due_ns was reckoned */
};

/* From now on by these rules. */
void rotation_begin(struct rotation *rotation, const struct rotation_rules *rules, int64_t wall_ns);
/* A segment has been opened.  What was due before does not concern it. */
void rotation_opened(struct rotation *rotation, int64_t now_ns, int64_t wall_ns);
void rotation_appended(struct rotation *rotation, int64_t now_ns);

/* By the schedule.  True: a time that was due has come, and the next is waited for. */
bool rotation_due(struct rotation *rotation, int64_t wall_ns);
/* By any of the rules.  idle: nothing waits to be appended. */
bool rotation_over(struct rotation *rotation, int64_t now_ns, int64_t wall_ns, bool idle);
/* The monotonic time at which to ask again; INT64_MAX: there is nothing to wait for. */
int64_t rotation_ask_ns(const struct rotation *rotation, int64_t now_ns, int64_t wall_ns);

#endif
