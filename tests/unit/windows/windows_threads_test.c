/* windows_threads_test.c - on which processors and with what priority threads run.  The system's calls
 * come here: the test decides how many groups of processors there are. */
#include "port/windows/threads.h"
#include "tests/unit/probe.h"

/* ---- the system that is played ---- */

static WORD group_count = 1;
static DWORD_PTR confined_to;
static LONG group_threads[4]; /* moved to each group */
static KAFFINITY masks[4] = {0xFFFF, 0xFFFF, 0xFF, 0};

static WORD WINAPI count_groups(void) {
    return group_count;
}
__typeof__(&GetActiveProcessorGroupCount) __imp_GetActiveProcessorGroupCount = count_groups;

static BOOL WINAPI affinity_of_process(HANDLE process, DWORD_PTR *ours, DWORD_PTR *all) {
    (void)process;
    *all = 0xFFFF;
    *ours = confined_to != 0 ? confined_to : *all;
    return TRUE;
}
__typeof__(&GetProcessAffinityMask) __imp_GetProcessAffinityMask = affinity_of_process;

static BOOL WINAPI tell_groups(LOGICAL_PROCESSOR_RELATIONSHIP relation,
                               SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *found, DWORD *size) {
    assert_int_equal(relation, RelationGroup);
    const DWORD needed = sizeof *found + sizeof(PROCESSOR_GROUP_INFO) * 4;
    const BOOL fits = *size >= needed;
    *size = needed;
    if (!fits) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    memset(found, 0, needed);
    found->Group.ActiveGroupCount = group_count;
    for (WORD i = 0; i < group_count; i++)
        found->Group.GroupInfo[i].ActiveProcessorMask = masks[i];
    return TRUE;
}
__typeof__(&GetLogicalProcessorInformationEx) __imp_GetLogicalProcessorInformationEx = tell_groups;

static BOOL WINAPI move_thread(HANDLE thread, const GROUP_AFFINITY *where, GROUP_AFFINITY *before) {
    (void)thread, (void)before;
    assert_true(where->Group < group_count);
    assert_int_equal(where->Mask, masks[where->Group]);
    InterlockedIncrement(&group_threads[where->Group]);
    return TRUE;
}
__typeof__(&SetThreadGroupAffinity) __imp_SetThreadGroupAffinity = move_thread;

static LONG backgrounds, idles, lowests;
static BOOL background_refused;

static BOOL WINAPI set_priority(HANDLE thread, int priority) {
    assert_ptr_equal(thread, GetCurrentThread()); /* background mode is refused for others */
    if (priority == THREAD_MODE_BACKGROUND_BEGIN) {
        InterlockedIncrement(&backgrounds);
        return !background_refused;
    }
    if (priority == THREAD_PRIORITY_IDLE) InterlockedIncrement(&idles);
    if (priority == THREAD_PRIORITY_LOWEST) InterlockedIncrement(&lowests);
    return TRUE;
}
__typeof__(&SetThreadPriority) __imp_SetThreadPriority = set_priority;

/* ---- tests ---- */

static void open_and_close(uint32_t pack_workers) {
    struct port *port;
    const struct port_options options = {
        .pack_workers = pack_workers, .write_workers = 1, .urgent_workers = 1, .slow_workers = 2};
    memset(group_threads, 0, sizeof group_threads);
    backgrounds = idles = lowests = 0;
    assert_int_equal(port_open(&options, &port), 0);
    port_close(port); /* waits for the threads */
}

static void threads_are_divided_in_proportion(void **state) {
    (void)state;
    static const uint32_t equal[] = {64, 64}, unequal[] = {64, 32}, odd[] = {3, 0, 1};
    uint32_t threads[3] = {0};
    for (uint32_t i = 0; i < 16; i++)
        threads[processors_group(i, equal, 2)]++;
    assert_int_equal(threads[0], 8);
    assert_int_equal(threads[1], 8);
    memset(threads, 0, sizeof threads);
    for (uint32_t i = 0; i < 96 + 48; i++)
        threads[processors_group(i, unequal, 2)]++;
    assert_int_equal(threads[0], 96);
    assert_int_equal(threads[1], 48);
    memset(threads, 0, sizeof threads);
    for (uint32_t i = 0; i < 8; i++)
        threads[processors_group(i, odd, 3)]++;
    assert_int_equal(threads[0], 6);
    assert_int_equal(threads[1], 0);
    assert_int_equal(threads[2], 2);
    assert_int_equal(processors_group(5, equal, 0), 0);
}

static void workers_are_spread_over_the_groups(void **state) {
    (void)state;
    group_count = 3;
    open_and_close(40);
    /* The pack lane's, and one of each of the others: 16 + 16 + 8, and two slow ones. */
    assert_int_equal(group_threads[0] + group_threads[1] + group_threads[2], 40 + 5);
    assert_true(group_threads[1] >= 16);
    assert_true(group_threads[2] >= 8);
    group_count = 1;
}

static void nothing_is_moved_with_one_group_or_for_a_confined_process(void **state) {
    (void)state;
    open_and_close(4);
    assert_int_equal(group_threads[0], 0);
    group_count = 2;
    confined_to = 0x3;
    open_and_close(4);
    assert_int_equal(group_threads[0] + group_threads[1], 0);
    confined_to = 0;
    group_count = 1;
}

static void the_idle_lane_is_in_background_mode_and_the_slow_one_is_not(void **state) {
    (void)state;
    background_refused = FALSE;
    open_and_close(1);
    assert_int_equal(backgrounds, 1);
    assert_int_equal(idles, 0);
    assert_int_equal(lowests, 2);
    background_refused = TRUE; /* as under Wine 8 */
    open_and_close(1);
    assert_int_equal(backgrounds, 1);
    assert_int_equal(idles, 1);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_divided_in_proportion),
        cmocka_unit_test(workers_are_spread_over_the_groups),
        cmocka_unit_test(nothing_is_moved_with_one_group_or_for_a_confined_process),
        cmocka_unit_test(the_idle_lane_is_in_background_mode_and_the_slow_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
