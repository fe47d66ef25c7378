/* rotation.c - the next time that a schedule is due, and whether the clock has passed it.  See
 * rotation.h. */
#include "writer/rotation.h"

#define SECOND_NS INT64_C(1000000000)

static int64_t next_ns(const struct rotation *rotation, int64_t wall_ns) {
    const int64_t wall_s = wall_ns / SECOND_NS - (wall_ns % SECOND_NS < 0);
    const int64_t next_s = schedule_next(&rotation->schedule, wall_s);
    return next_s > INT64_MAX / SECOND_NS ? INT64_MAX : next_s * SECOND_NS;
}

void rotation_begin(struct rotation *rotation, const struct schedule *schedule, int64_t wall_ns) {
    rotation->schedule = *schedule;
    rotation->seen_ns = wall_ns;
    rotation->due_ns = next_ns(rotation, wall_ns);
}

bool rotation_due(struct rotation *rotation, int64_t wall_ns) {
    const bool due = wall_ns >= rotation->due_ns;
    const bool was_wrong = wall_ns < rotation->seen_ns - ROTATION_BACK_NS;
    if (due || was_wrong) {
        rotation->seen_ns = wall_ns;
        rotation->due_ns = next_ns(rotation, wall_ns);
    }
    if (wall_ns > rotation->seen_ns) rotation->seen_ns = wall_ns;
    return due;
}

int64_t rotation_wait_ns(const struct rotation *rotation, int64_t wall_ns) {
    if (rotation->due_ns == INT64_MAX) return INT64_MAX;
    const int64_t left_ns = rotation->due_ns > wall_ns ? rotation->due_ns - wall_ns : 0;
    return left_ns < ROTATION_LOOK_NS ? left_ns : ROTATION_LOOK_NS;
}
