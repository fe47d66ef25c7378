/* rotation.h - when a schedule has a stream rotated, by a wall clock that may be set.
 *
 * The clock is looked at, not waited for: whoever asks does so at least every ROTATION_LOOK_NS,
 * and finds out then.  A clock set forward past a time that is due: it is due at once, and once,
 * however many such times were passed.  A clock set back: what was due is not due again, until
 * the clock has got there and further; but one that goes back by more than ROTATION_BACK_NS was
 * wrong before, and it all begins anew from what it shows now.  Pure. */
#ifndef WRITER_ROTATION_H
#define WRITER_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/schedule.h"

#define ROTATION_LOOK_NS (60 * INT64_C(1000000000))
#define ROTATION_BACK_NS (24 * 3600 * INT64_C(1000000000))

struct rotation {
    struct schedule schedule;
    int64_t due_ns;  /* wall; INT64_MAX: never */
    int64_t seen_ns; /* the latest that the clock has shown since due_ns was reckoned */
};

/* From now on by this schedule; its zone stays as long as it is used.  Wall times are since 1970
 * UTC, as port_wall_ns gives them. */
void rotation_begin(struct rotation *rotation, const struct schedule *schedule, int64_t wall_ns);
/* True: a time that was due is over; it is asked for the next one from now on. */
bool rotation_due(struct rotation *rotation, int64_t wall_ns);
/* So long one can wait before one asks again; INT64_MAX: for ever. */
int64_t rotation_wait_ns(const struct rotation *rotation, int64_t wall_ns);

#endif
