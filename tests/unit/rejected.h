/* rejected.h - compares why records were rejected with what a sample expects. */
#ifndef TESTS_UNIT_REJECTED_H
#define TESTS_UNIT_REJECTED_H

#include <stdint.h>
#include <string.h>

#include "schema/json/json.h"
#include "writer/live/quarantine.h"

/* words: the name of the reason of each rejected record, in any order, separated by spaces. */
static void expect_rejected(const char *claim, const uint64_t reasons[REJECT_REASONS],
                            const char *words) {
    uint64_t expected[REJECT_REASONS] = {0};
    char copy[256];
    strcpy(copy, words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        uint32_t reason = JSON_BLANK + 1;
        while (reason < REJECT_REASONS && strcmp(reject_reason_name(reason), word) != 0)
            reason++;
        assert_true(reason < REJECT_REASONS);
        expected[reason]++;
    }
    for (uint32_t i = JSON_BLANK + 1; i < REJECT_REASONS; i++)
        if (reasons[i] != expected[i])
            fail_msg("%s: %s: %d, not %d", claim, reject_reason_name(i), (int)reasons[i],
                     (int)expected[i]);
}

#endif
