/* simulate.c - runs the whole daemon in the simulator, one run for each seed.
 *
 *     simulate [--first SEED] [--seeds N] [--seconds S] [--without TROUBLE,...] [--senders N]
 *              [--lives N] [--twice] [--trace] [--reached]
 *
 * Stops at the first violation and exits 1.  --twice runs each seed a second time and compares the
 * hashes of both traces.  --reached prints how often each state was reached, and fails if one never
 * was.  --troubles prints the names for --without.  tools/simulate runs it in parallel and shrinks what fails. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tests/simulate/check.h"
#include "tests/simulate/trace.h"
#include "tests/simulate/world.h"

static struct world_options options;

/* An assert of the daemon, or a crash. */
static void crashed(int number) {
    signal(number, SIG_DFL);
    trace_print();
    fprintf(stderr, "VIOLATION: signal %d\nseed %llu\n", number, (unsigned long long)options.seed);
    raise(number);
}

static void tell_seed(void) {
    if (options.seed != UINT64_MAX)
        fprintf(stderr, "seed %llu\n", (unsigned long long)options.seed);
}

static uint32_t troubles(const char *names) {
    uint32_t bits = 0;
    for (int i = 0; i < TROUBLES; i++) {
        const char *name = trouble_text((enum trouble)i), *found = strstr(names, name);
        if (found != NULL) bits |= 1u << i;
    }
    return bits;
}

static int tell_troubles(void) {
    for (int i = 0; i < TROUBLES; i++)
        printf("%s\n", trouble_text((enum trouble)i));
    return 0;
}

static void run_twice(void) {
    world_run(&options);
    const uint64_t hash = trace_hash();
    world_run(&options);
    if (trace_hash() != hash) violation("a second run of the same seed differs");
}

static int tell_reached(void) {
    int missed = 0;
    for (int i = 0; i < REACHED_COUNT; i++) {
        const uint64_t times = reached_times((enum reached)i);
        printf("%10llu  %s\n", (unsigned long long)times, reached_text((enum reached)i));
        missed += times == 0;
    }
    return missed;
}

int program_main(int argc, char **argv) {
    uint64_t first = 1, seeds = 1;
    int64_t seconds = 0;
    bool twice = false, tells_reached = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";
        if (strcmp(argv[i], "--twice") == 0)
            twice = true;
        else if (strcmp(argv[i], "--trace") == 0)
            options.aloud = true;
        else if (strcmp(argv[i], "--reached") == 0)
            tells_reached = true;
        else if (strcmp(argv[i], "--troubles") == 0)
            return tell_troubles();
        else if (strcmp(argv[i], "--first") == 0 || strcmp(argv[i], "--seed") == 0)
            first = strtoull(value, NULL, 10), i++;
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(value, NULL, 10), i++;
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtoll(value, NULL, 10), i++;
        else if (strcmp(argv[i], "--without") == 0)
            options.without = troubles(value), i++;
        else if (strcmp(argv[i], "--senders") == 0)
            options.senders_max = (uint32_t)strtoul(value, NULL, 10), i++;
        else if (strcmp(argv[i], "--lives") == 0)
            options.lives_max = (uint32_t)strtoul(value, NULL, 10), i++;
        else {
            fprintf(stderr, "simulate: %s is no option\n", argv[i]);
            return 2;
        }
    }
    signal(SIGABRT, crashed);
    signal(SIGSEGV, crashed);
    atexit(tell_seed);
    const int64_t began_ns = system_now_ns();
    uint64_t done = 0;
    for (; done < seeds; done++) {
        if (seconds > 0 && system_now_ns() - began_ns > seconds * 1000000000) break;
        options.seed = first + done;
        if (twice)
            run_twice();
        else
            world_run(&options);
    }
    options.seed = UINT64_MAX;
    const double took = (double)(system_now_ns() - began_ns) / 1e9;
    printf("%llu seeds from %llu in %.1f s: no violation\n", (unsigned long long)done,
           (unsigned long long)first, took);
    if (tells_reached && tell_reached() > 0) {
        fprintf(stderr, "simulate: some states were never reached\n");
        return 1;
    }
    return 0;
}
