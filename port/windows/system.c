/* system.c - the process, its clocks and its standard streams.  See system.h. */
#include "port/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <ntsecapi.h>
#include <psapi.h>

#include "port/windows/console.h"
#include "port/windows/iocp.h"
#include "port/windows/output_queue.h"
#include "port/windows/service_parts.h"
#include "port/windows/text.h"

/* ---- the process ---- */

/* How long the end of the process waits for a reader of its last messages. */
#define LAST_MESSAGES_MS 1000

void system_exit_now(int code) {
    output_queue_flush(LAST_MESSAGES_MS);
    service_ended(code);
    console_restore();
    TerminateProcess(GetCurrentProcess(), (UINT)code);
    abort(); /* not reached: the call ends the process that makes it */
}

uint32_t system_cores(void) {
    const DWORD count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return count > 0 ? count : 1;
}

uint64_t system_open_files_max(void) {
    return 1u << 24; /* handles per process; memory runs out before */
}

const char *system_receive_bytes_hint(void) {
    return "this is the system's limit";
}

uint32_t system_process_id(void) {
    return GetCurrentProcessId();
}

void system_memory(uint64_t *now, uint64_t *peak) {
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof(counters)};
    GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters));
    *now = counters.WorkingSetSize;
    *peak = counters.PeakWorkingSetSize;
}

static int64_t ticks_of(const FILETIME *time) {
    return (int64_t)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime);
}

int64_t system_cpu_ns(void) {
    FILETIME created, ended, kernel, user;
    if (!GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user)) return 0;
    return (ticks_of(&kernel) + ticks_of(&user)) * 100;
}

const char *system_environment(const char *name) {
    wchar_t *wide_name = text_to_wide(name);
    if (wide_name == NULL) return NULL;
    char *value = NULL;
    const DWORD units = GetEnvironmentVariableW(wide_name, NULL, 0);
    wchar_t *wide = units > 0 ? malloc(units * sizeof(wchar_t)) : NULL;
    if (wide != NULL && GetEnvironmentVariableW(wide_name, wide, units) < units)
        value = text_of_wide(wide);
    free(wide);
    free(wide_name);
    return value; /* never freed: few are read */
}

int system_absolute_path(const char *path, char *absolute, size_t size) {
    wchar_t *wide = path[0] != '\0' ? text_to_wide(path) : NULL;
    if (wide == NULL) return ERR_INVALID;
    wchar_t full[PATH_WIDE_MAX];
    const DWORD units = GetFullPathNameW(wide, PATH_WIDE_MAX, full, NULL);
    free(wide);
    if (units == 0) return ERR_INVALID;
    char *text = units < PATH_WIDE_MAX ? text_of_wide(full) : NULL;
    if (text == NULL || strlen(text) >= size) {
        free(text);
        return ERR_NAME_TOO_LONG;
    }
    strcpy(absolute, text);
    free(text);
    for (char *p = absolute; *p != '\0'; p++)
        if (*p == '\\') *p = '/';
    /* "C:/" keeps its own. */
    for (size_t n = strlen(absolute); n > 3 && absolute[n - 1] == '/'; n--)
        absolute[n - 1] = '\0';
    return 0;
}

/* ---- clocks and random bytes ---- */

int64_t system_now_ns(void) {
    static int64_t frequency; /* every thread computes the same value */
    LARGE_INTEGER count;
    int64_t per_second = __atomic_load_n(&frequency, __ATOMIC_RELAXED);
    if (per_second == 0) {
        QueryPerformanceFrequency(&count);
        per_second = count.QuadPart;
        __atomic_store_n(&frequency, per_second, __ATOMIC_RELAXED);
    }
    QueryPerformanceCounter(&count);
    /* In two parts: the product would overflow after 9 seconds at 1 GHz. */
    return count.QuadPart / per_second * 1000000000 +
           count.QuadPart % per_second * 1000000000 / per_second;
}

int64_t system_wall_ns(void) {
    FILETIME now;
    GetSystemTimePreciseAsFileTime(&now);
    return (ticks_of(&now) - 116444736000000000LL) * 100; /* from 1601 to 1970 */
}

/* From Windows' ticks: 100 ns since 1601. */
static bool ticks_to_system(int64_t ticks, SYSTEMTIME *time) {
    const FILETIME parts = {(DWORD)ticks, (DWORD)(ticks >> 32)};
    return ticks >= 0 && FileTimeToSystemTime(&parts, time);
}

int32_t system_zone_offset_s(int64_t unix_s) {
    const int64_t ticks = (unix_s + 11644473600LL) * 10000000;
    TIME_ZONE_INFORMATION zone; /* of that year; SystemTimeToTzSpecificLocalTimeEx, which finds it
                                 * itself, ends the program under Wine 8 */
    SYSTEMTIME utc, local;
    FILETIME parts;
    if (unix_s < -11644473600LL || unix_s > 253402300799LL || !ticks_to_system(ticks, &utc) ||
        !GetTimeZoneInformationForYear(utc.wYear, NULL, &zone) ||
        !SystemTimeToTzSpecificLocalTime(&zone, &utc, &local) ||
        !SystemTimeToFileTime(&local, &parts))
        return 0;
    /* Exact: SYSTEMTIME has milliseconds, and this is a whole second. */
    return (int32_t)((ticks_of(&parts) - ticks) / 10000000);
}

const char *system_zone_folder(void) {
    return NULL; /* see zones.h */
}

void system_sleep_ms(uint32_t ms) {
    Sleep(ms);
}

void system_random(void *bytes, size_t size) {
    assert(size <= UINT32_MAX);
    const BOOLEAN random = RtlGenRandom(bytes, (ULONG)size);
    assert(random); /* documented to fail only for invalid arguments */
}

/* ---- standard streams ---- */

static DWORD stream_name(enum system_stream stream) {
    static const DWORD names[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    return names[stream];
}

static HANDLE stream_handle(enum system_stream stream) {
    return GetStdHandle(stream_name(stream));
}

bool stream_is_terminal(enum system_stream stream) {
    DWORD mode;
    return GetConsoleMode(stream_handle(stream), &mode) != 0;
}

bool stream_is_piped(enum system_stream stream) {
    const DWORD type = GetFileType(stream_handle(stream));
    return type == FILE_TYPE_PIPE || type == FILE_TYPE_DISK;
}

bool stream_is_waiting(enum system_stream stream) {
    const HANDLE handle = stream_handle(stream);
    if (GetFileType(handle) == FILE_TYPE_PIPE) {
        DWORD bytes = 0;
        return PeekNamedPipe(handle, NULL, 0, NULL, &bytes, NULL) && bytes > 0;
    }
    LARGE_INTEGER size, zero = {.QuadPart = 0}, at;
    return GetFileType(handle) == FILE_TYPE_DISK && GetFileSizeEx(handle, &size) &&
           SetFilePointerEx(handle, zero, &at, FILE_CURRENT) && at.QuadPart < size.QuadPart;
}

uint32_t stream_columns(enum system_stream stream) {
    CONSOLE_SCREEN_BUFFER_INFO console;
    if (!GetConsoleScreenBufferInfo(stream_handle(stream), &console)) return 80;
    const int columns = console.srWindow.Right - console.srWindow.Left + 1;
    return columns > 0 ? (uint32_t)columns : 80;
}

int64_t stream_read(enum system_stream stream, void *bytes, size_t size) {
    DWORD got = 0;
    const DWORD asked = size < (1u << 30) ? (DWORD)size : 1u << 30;
    if (ReadFile(stream_handle(stream), bytes, asked, &got, NULL)) return got;
    /* The writer of a pipe has closed it: the end. */
    const DWORD code = GetLastError();
    return code == ERROR_BROKEN_PIPE || code == ERROR_HANDLE_EOF ? 0 : error_of_windows(code);
}

int stream_write(enum system_stream stream, const void *bytes, size_t size) {
    if (stream == STREAM_ERROR && output_queue_is_used())
        return output_queue_write(bytes, size, UINT32_MAX);
    return console_write(stream_name(stream), bytes, size);
}

int stream_write_within(enum system_stream stream, const void *bytes, size_t size,
                        uint32_t timeout_ms) {
    /* A writer cannot find out whether a pipe has space, so a thread of its own may wait. */
    const bool queued = stream == STREAM_ERROR && output_queue_is_used();
    if (stream != STREAM_ERROR || (!queued && GetFileType(stream_handle(stream)) == FILE_TYPE_DISK))
        return stream_write(stream, bytes, size);
    return output_queue_write(bytes, size, timeout_ms);
}
