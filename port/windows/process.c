/* process.c - see process.h.  Each program runs in a job object of its own, so that its children
 * end with it, and all of them when this process ends. */
#include "port/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/windows/iocp.h"
#include "port/windows/text.h"

/* The longest command line of CreateProcessW, its terminating 0 included. */
#define LINE_UNITS_MAX 32767

/* ---- the command line ---- */

struct command_text {
    char *text;
    size_t size, room;
    bool failed; /* out of memory */
};

static void put(struct command_text *line, char c, size_t times) {
    if (line->room - line->size < times + 1) {
        const size_t room = 2 * line->room + times + 64;
        char *larger = realloc(line->text, room);
        if (larger == NULL) line->failed = true;
        if (larger == NULL) return;
        line->text = larger;
        line->room = room;
    }
    memset(line->text + line->size, c, times);
    line->size += times;
    line->text[line->size] = '\0';
}

/* Quotes a word as CommandLineToArgvW and the C libraries parse it: within quotes a backslash
 * stands for itself, but those directly before a quote are doubled. */
static void put_word(struct command_text *line, const char *word) {
    size_t backslashes = 0;
    if (line->size > 0) put(line, ' ', 1);
    put(line, '"', 1);
    for (const char *p = word; *p != '\0'; p++) {
        if (*p == '\\') {
            backslashes++;
            continue;
        }
        put(line, '\\', *p == '"' ? 2 * backslashes + 1 : backslashes);
        put(line, *p, 1);
        backslashes = 0;
    }
    put(line, '\\', 2 * backslashes);
    put(line, '"', 1);
}

static wchar_t *command_line(const char *const *words) {
    struct command_text line = {0};
    for (const char *const *word = words; *word != NULL; word++)
        put_word(&line, *word);
    wchar_t *wide = line.failed ? NULL : text_to_wide(line.text);
    free(line.text);
    return wide;
}

/* cmd.exe would run it, and its rules for quotes make arguments unsafe. */
static bool is_script(const char *program) {
    size_t size = strlen(program);
    while (size > 0 && (program[size - 1] == '.' || program[size - 1] == ' '))
        size--; /* the system ignores them */
    if (size < 4) return false;
    return _strnicmp(program + size - 4, ".bat", 4) == 0 ||
           _strnicmp(program + size - 4, ".cmd", 4) == 0;
}

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

static int create(wchar_t *line, struct inherited *inherited, struct process *process) {
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
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, flags, NULL, NULL, &startup.StartupInfo,
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
    if (is_script(words[0])) return ERR_UNSUPPORTED;
    wchar_t *line = command_line(words);
    if (line == NULL) return ERR_NO_MEMORY;
    int error = wcslen(line) < LINE_UNITS_MAX ? 0 : ERR_NAME_TOO_LONG;
    if (error) {
        free(line);
        return error;
    }
    error = inherit(&inherited);
    if (!error) error = create(line, &inherited, process);
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

/* Searches nearly the same directories as CreateProcessW. */
bool process_program_found(const char *program) {
    wchar_t path[PATH_WIDE_MAX];
    wchar_t *name = program[0] != '\0' ? text_to_wide(program) : NULL;
    if (name == NULL) return false;
    const DWORD units = SearchPathW(NULL, name, L".exe", PATH_WIDE_MAX, path, NULL);
    const DWORD kind =
        units > 0 && units < PATH_WIDE_MAX ? GetFileAttributesW(path) : INVALID_FILE_ATTRIBUTES;
    free(name);
    return kind != INVALID_FILE_ATTRIBUTES && (kind & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

struct processes *processes_of_system(void) {
    static struct processes calls = {
        .start = process_start, .ended = process_ended, .end = process_end};
    return &calls;
}
