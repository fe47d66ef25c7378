/* processors.c - threads on machines of more than 64 processors.  See threads.h. */
#include <stdlib.h>

#include "port/windows/threads.h"

#define GROUPS_MAX 64 /* Windows has 32 at most */

uint32_t processors_group(uint32_t number, const uint32_t *processors, uint32_t groups) {
    uint32_t threads[GROUPS_MAX] = {0}, total = 0, chosen = 0;
    for (uint32_t i = 0; i < groups; i++)
        total += processors[i];
    if (total == 0) return 0;
    for (uint32_t i = 0; i <= number % total; i++) {
        chosen = 0;
        for (uint32_t g = 1; g < groups; g++) /* the one that has the fewest threads for its size */
            if ((threads[g] + 1) * processors[chosen] < (threads[chosen] + 1) * processors[g])
                chosen = g;
        threads[chosen]++;
    }
    return chosen;
}

static uint32_t bits_of(KAFFINITY mask) {
    uint32_t count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

/* By a user, a job or a container. */
static bool process_is_confined(void) {
    DWORD_PTR ours = 0, all = 0;
    return !GetProcessAffinityMask(GetCurrentProcess(), &ours, &all) || ours != all;
}

/* free() it; NULL: unknown. */
static SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *ask_groups(void) {
    DWORD size = 0;
    GetLogicalProcessorInformationEx(RelationGroup, NULL, &size);
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *found = size > 0 ? malloc(size) : NULL;
    if (found != NULL && GetLogicalProcessorInformationEx(RelationGroup, found, &size))
        return found;
    free(found);
    return NULL;
}

void processors_spread(HANDLE thread, uint32_t number) {
    if (GetActiveProcessorGroupCount() < 2 || process_is_confined()) return;
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *const found = ask_groups();
    if (found == NULL) return;
    const GROUP_RELATIONSHIP *const relation = &found->Group;
    uint32_t processors[GROUPS_MAX];
    const uint32_t groups =
        relation->ActiveGroupCount < GROUPS_MAX ? relation->ActiveGroupCount : GROUPS_MAX;
    for (uint32_t i = 0; i < groups; i++)
        processors[i] = bits_of(relation->GroupInfo[i].ActiveProcessorMask);
    const uint32_t group = processors_group(number, processors, groups);
    const GROUP_AFFINITY where = {.Mask = relation->GroupInfo[group].ActiveProcessorMask,
                                  .Group = (WORD)group};
    SetThreadGroupAffinity(thread, &where, NULL); /* refused: it stays where it is */
    free(found);
}
