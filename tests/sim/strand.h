/* strand.h - a thread that runs only while its starter waits for it, so that code can be stopped
 * in the middle of a call and resumed later, deterministically. */
#ifndef TESTS_SIM_STRAND_H
#define TESTS_SIM_STRAND_H

#include <stdbool.h>

struct strand;

/* Will run run(context); it begins stopped. */
struct strand *strand_new(void (*run)(void *context), void *context);
/* On the strand's thread: stops it until strand_resume. */
void strand_stop(struct strand *strand);
/* Runs it until it ends or stops itself. */
void strand_resume(struct strand *strand);
bool strand_ended(struct strand *strand);
void strand_free(struct strand *strand); /* one that has ended */

#endif
