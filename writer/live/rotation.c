/* rotation.c - the next time that a schedule is due, and whether the clock has passed it; age and
 * idleness.  See rotation.h. */
#include "writer/live/rotation.h"

#define SECOND_NS INT64_C(1000000000)
#define MS_NS     INT64_C(1000000)

static int64_t next_ns(const struct rotation *rotation, int64_t wall_ns) {
    const int64_t wall_s = wall_ns / SECOND_NS - (wall_ns % SECOND_NS < 0);
    const int64_t next_s = schedule_next(&rotation->rules.schedule, wall_s);
    return next_s > INT64_MAX / SECOND_NS ? INT64_MAX : next_s * SECOND_NS;
}

void rotation_begin(struct rotation *rotation, const struct rotation_rules *rules,
                    int64_t wall_ns) {
    rotation->rules = *rules;
    rotation->seen_ns = wall_ns;
    rotation->due_ns = next_ns(rotation, wall_ns);
}

void rotation_opened(struct rotation *rotation, int64_t now_ns, int64_t wall_ns) {
    rotation->opened_ns = rotation->appended_ns = now_ns;
    rotation_due(rotation, wall_ns);
}

void rotation_appended(struct rotation *rotation, int64_t now_ns) {
    rotation->appended_ns = now_ns;
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

/* This many milliseconds after since_ns; INT64_MAX: no limit. */
static int64_t limit_ns(int64_t since_ns, uint64_t ms) {
    return ms == 0 || ms > (uint64_t)((INT64_MAX - since_ns) / MS_NS)
               ? INT64_MAX
               : since_ns + (int64_t)ms * MS_NS;
}

bool rotation_over(struct rotation *rotation, int64_t now_ns, int64_t wall_ns, bool idle) {
    if (rotation_due(rotation, wall_ns)) return true;
    if (now_ns >= limit_ns(rotation->opened_ns, rotation->rules.age_ms)) return true;
    return idle && now_ns >= limit_ns(rotation->appended_ns, rotation->rules.idle_ms);
}

int64_t rotation_ask_ns(const struct rotation *rotation, int64_t now_ns, int64_t wall_ns) {
    int64_t ask_ns = limit_ns(rotation->opened_ns, rotation->rules.age_ms);
    int64_t idle_ns = limit_ns(rotation->appended_ns, rotation->rules.idle_ms);
    /* An append has been waiting for all of that time: wait as long again. */
    if (idle_ns <= now_ns) idle_ns = limit_ns(now_ns, rotation->rules.idle_ms);
    if (idle_ns < ask_ns) ask_ns = idle_ns;
    if (rotation->due_ns == INT64_MAX) return ask_ns;
    const int64_t left_ns = rotation->due_ns > wall_ns ? rotation->due_ns - wall_ns : 0;
    const int64_t look_ns = now_ns + (left_ns < ROTATION_LOOK_NS ? left_ns : ROTATION_LOOK_NS);
    return look_ns < ask_ns ? look_ns : ask_ns;
}
