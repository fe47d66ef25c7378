/* compare.c - see compare.h. */
#include "tools/query/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/time.h"

static const char *open_times(struct compare *c, const char *text, const char *dots,
                              const struct query *query, int64_t now_ns) {
    char *const from = copy_text(text, (size_t)(dots - text));
    const bool good =
        query_time(from, now_ns, query->zone, &c->windows[COMPARE_BEFORE].since_ns) == 0 &&
        query_time(dots + 2, now_ns, query->zone, &c->windows[COMPARE_BEFORE].until_ns) == 0;
    free(from);
    if (!good) return "not a window (try yesterday..today or 2026-11-24..2026-11-25)";
    if (c->windows[COMPARE_BEFORE].since_ns >= c->windows[COMPARE_BEFORE].until_ns)
        return "the window ends before it begins";
    return query->since_ns == INT64_MIN
               ? "--since is missing; it begins the window that is compared with this one"
               : NULL;
}

static const char *open_age(struct compare *c, const char *text, bool begins) {
    int64_t age_ns;
    if (query_age(text, &age_ns) < 0 || age_ns <= 0)
        return "not an age or a window (try 10m, 1h, 1d, 7d or yesterday..today)";
    if (!begins && __builtin_sub_overflow(c->windows[COMPARE_NOW].until_ns, age_ns,
                                          &c->windows[COMPARE_NOW].since_ns))
        return "too long ago";
    if (__builtin_sub_overflow(c->windows[COMPARE_NOW].since_ns, age_ns,
                               &c->windows[COMPARE_BEFORE].since_ns))
        return "too long ago";
    c->windows[COMPARE_BEFORE].until_ns = c->windows[COMPARE_NOW].until_ns - age_ns;
    return c->windows[COMPARE_BEFORE].until_ns > c->windows[COMPARE_NOW].since_ns
               ? "shorter than the window from --since to --until, so that both windows would "
                 "overlap"
               : NULL;
}

int compare_open(struct compare *c, const char *command, const char *text,
                 const struct query *query, int64_t now_ns) {
    const char *const dots = strstr(text, "..");
    const bool begins = query->since_ns != INT64_MIN, ends = query->until_ns != INT64_MAX;
    const char *error;
    c->windows[COMPARE_NOW].since_ns = query->since_ns;
    c->windows[COMPARE_NOW].until_ns = ends ? query->until_ns : now_ns;
    if (begins && query->since_ns >= c->windows[COMPARE_NOW].until_ns)
        error = "the window from --since to --until is empty";
    else
        error = dots != NULL ? open_times(c, text, dots, query, now_ns) : open_age(c, text, begins);
    if (error == NULL) return 0;
    say("%s: --compare %s: %s", command, text, error);
    return ERR_INVALID;
}

void compare_select(const struct compare *c, enum compare_window window, struct query *query) {
    query->timed = true;
    query->all = false;
    query->since_ns = c->windows[window].since_ns;
    query->until_ns = c->windows[window].until_ns;
}

void compare_select_both(const struct compare *c, struct query *query) {
    compare_select(c, COMPARE_NOW, query);
    if (c->windows[COMPARE_BEFORE].since_ns < query->since_ns)
        query->since_ns = c->windows[COMPARE_BEFORE].since_ns;
    if (c->windows[COMPARE_BEFORE].until_ns > query->until_ns)
        query->until_ns = c->windows[COMPARE_BEFORE].until_ns;
}

static double length(const struct compare *c, enum compare_window window) {
    return (double)c->windows[window].until_ns - (double)c->windows[window].since_ns;
}

double compare_scale(const struct compare *c) {
    const double now = length(c, COMPARE_NOW), before = length(c, COMPARE_BEFORE);
    /* Unix time in ns has more digits than a double. */
    return fabs(now - before) < 1e-6 * now ? 1 : now / before;
}

static double surprise(double found, double expected) {
    return found > 0 ? found * log(found / expected) : 0;
}

struct change compare_change(uint64_t now, uint64_t before, double scale) {
    const double a = (double)now, b = (double)before, scaled = b * scale;
    const double all = a + b, expected = all * scale / (1 + scale);
    struct change change = {"same", 0};
    if (fabs(a - scaled) <= 1e-9 * a) return change;
    change.significance = 2 * (surprise(a, expected) + surprise(b, all - expected));
    change.name = before == 0 ? "new" : now == 0 ? "gone" : a > scaled ? "more" : "fewer";
    return change;
}
