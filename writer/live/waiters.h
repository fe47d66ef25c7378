/* waiters.h - lists of those that wait until bytes are stored.
 *
 * A waiter is embedded by its owner and is in one list at most; it may leave at any time, and then
 * it is not called.  Order is not kept.  Owner only. */
#ifndef WRITER_LIVE_WAITERS_H
#define WRITER_LIVE_WAITERS_H

#include <stddef.h>

struct waiter {
    /* It has left its list.  0: what it waits for has happened; ERR_: it never will.  It must not
     * free or complete other waiters of the same list. */
    void (*done)(struct waiter *waiter, int result);
    struct waiter *next, **link; /* link NULL: in no list */
};

/* A list is a pointer to its first waiter; NULL: it is empty. */
static inline void waiter_add(struct waiter **list, struct waiter *waiter) {
    waiter->next = *list;
    waiter->link = list;
    if (waiter->next) waiter->next->link = &waiter->next;
    *list = waiter;
}

/* Does nothing if it is in no list. */
static inline void waiter_remove(struct waiter *waiter) {
    if (!waiter->link) return;
    *waiter->link = waiter->next;
    if (waiter->next) waiter->next->link = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

static inline void waiters_move(struct waiter **from, struct waiter **to) {
    while (*from) {
        struct waiter *waiter = *from;
        waiter_remove(waiter);
        waiter_add(to, waiter);
    }
}

static inline void waiters_complete(struct waiter **list, int result) {
    while (*list) {
        struct waiter *waiter = *list;
        waiter_remove(waiter);
        waiter->done(waiter, result);
    }
}

#endif
