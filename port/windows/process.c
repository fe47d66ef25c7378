/* process.c - see process.h.  Each program runs in a job object of its own, so that its children
 * end with it, and all of them when this process ends. */
#include "port/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/windows/iocp.h"
#include "port/windows/programs.h"

/* ---- inherited handles ---- */

struct inherited {
    HANDLE handles[2]; /* input and output */
    DWORD count;
    LPPROC_THREAD_ATTRIBUTE_LIST attributes;
};

static void give_back(struct inherited *inherited) {
    if (inherited->attributes != NULL) DeleteProcThreadAttributeList(inherited->attributes);
    free(inherited->attributes);
    for (DWORD i = 0; i < inherited->count; i++)
        CloseHandle(inherited->handles[i]);
}

/* A copy of our standard error, or NUL if there is none. */
static HANDLE output_for(SECURITY_ATTRIBUTES *security) {
    HANDLE output = NULL;
    const HANDLE ours = GetStdHandle(STD_ERROR_HANDLE), self = GetCurrentProcess();
    if (ours != NULL && ours != INVALID_HANDLE_VALUE &&
        DuplicateHandle(self, ours, self, &output, 0, TRUE, DUPLICATE_SAME_ACCESS))
        return output;
    return CreateFileW(L"NUL", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, security,
                       OPEN_EXISTING, 0, NULL);
}

static int inherit(struct inherited *inherited) {
    SECURITY_ATTRIBUTES security = {.nLength = sizeof security, .bInheritHandle = TRUE};
    SIZE_T size = 0;
    memset(inherited, 0, sizeof *inherited);
    for (int i = 0; i < 2; i++) {
        const HANDLE handle =
            i == 0 ? CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                 &security, OPEN_EXISTING, 0, NULL)
                   : output_for(&security);
        if (handle == INVALID_HANDLE_VALUE) return last_error();
        inherited->handles[inherited->count++] = handle;
    }
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = malloc(size);
    if (list == NULL) return ERR_NO_MEMORY;
    if (!InitializeProcThreadAttributeList(list, 1, 0, &size)) {
        free(list);
        return last_error();
    }
    inherited->attributes = list;
    /* Only these, even if other handles of this process are inheritable. */
    if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited->handles,
                                   sizeof inherited->handles, NULL, NULL))
        return last_error();
    return 0;
}

/* ---- the calls ---- */

static HANDLE make_job(void) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    const HANDLE job = CreateJobObjectW(NULL, NULL);
    if (job == NULL) return NULL;
    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

static int create(const wchar_t *program, wchar_t *line, struct inherited *inherited,
                  struct process *process) {
    STARTUPINFOEXW startup;
    PROCESS_INFORMATION made;
    memset(&startup, 0, sizeof startup);
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = inherited->handles[0];
    startup.StartupInfo.hStdOutput = startup.StartupInfo.hStdError = inherited->handles[1];
    startup.lpAttributeList = inherited->attributes;
    const DWORD flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_SUSPENDED | CREATE_NO_WINDOW |
                        CREATE_NEW_PROCESS_GROUP | IDLE_PRIORITY_CLASS;
    if (!CreateProcessW(program, line, NULL, NULL, TRUE, flags, NULL, NULL, &startup.StartupInfo,
                        &made))
        return last_error();
    const HANDLE job = make_job();
    if (job != NULL) AssignProcessToJobObject(job, made.hProcess);
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    process->handle = (intptr_t)made.hProcess;
    process->group = (intptr_t)job;
    return 0;
}

static int process_start(struct processes *processes, const char *const *words,
                         struct process *process) {
    (void)processes;
    struct inherited inherited;
    struct program program;
    wchar_t *line;
    int error = program_find(words[0], &program);
    if (!error) error = program_line(&program, words, &line);
    if (error) return error;
    error = inherit(&inherited);
    if (!error) error = create(program.runner, line, &inherited, process);
    give_back(&inherited);
    free(line);
    return error;
}

static bool process_ended(struct processes *processes, struct process *process, int *code) {
    (void)processes;
    DWORD exit_code = 1;
    const HANDLE handle = (HANDLE)process->handle;
    if (WaitForSingleObject(handle, 0) == WAIT_TIMEOUT) return false;
    GetExitCodeProcess(handle, &exit_code);
    *code = (int)exit_code;
    CloseHandle(handle);
    if (process->group != 0) CloseHandle((HANDLE)process->group);
    return true;
}

static void process_end(struct processes *processes, struct process *process, bool now) {
    (void)processes;
    (void)now;
    if (process->group == 0 || !TerminateJobObject((HANDLE)process->group, 128))
        TerminateProcess((HANDLE)process->handle, 128);
}

struct processes *processes_of_system(void) {
    static struct processes calls = {
        .start = process_start, .ended = process_ended, .end = process_end};
    return &calls;
}
