/* resenders.h - senders that are acknowledged, over RELP or Lumberjack: they keep each record until
 * the daemon has acknowledged it, and send it again in the next session. */
#ifndef TESTS_SIMULATE_RESENDERS_H
#define TESTS_SIMULATE_RESENDERS_H

#include "tests/simulate/senders.h"

/* Lets the senders use these protocols.  Such a sender makes its lines and connects; until everything
 * is acknowledged it connects again. */
void resenders_open(struct senders *senders);
/* Everything that it has is acknowledged. */
bool resender_done(const struct sender *sender);

/* Of what it sent in sessions of this life: what the daemon must have counted, and may have.  Bytes
 * that it has received but not looked at are no records when it closes the connection. */
struct resent_records {
    uint64_t acknowledged_valid, acknowledged; /* at least */
    uint64_t valid, all;                       /* at most */
};
struct resent_records resender_taken(const struct sender *sender, uint32_t life);
/* Its connections that are accepted and not ended, and those that wait to be. */
void resender_links(const struct sender *sender, uint32_t *open, uint32_t *waiting);
/* It has bytes that have been sent, and not been received, in an accepted connection. */
bool resender_unread(const struct sender *sender);

#endif
