/* service_log.c - where a service's messages go, because it has no standard error: to the Event Log,
 * and to text files, of which there are at most TEXT_FILES with about TEXT_BYTES_MAX each.
 *
 * Both may wait for a disk, so the thread of the output queue does this.  The text file is standard
 * error, too: for the last line of a crash, and for programs that this one starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "port/service.h"
#include "port/system.h"
#include "port/windows/iocp.h"
#include "port/windows/output_queue.h"
#include "port/windows/service_events.h"
#include "port/windows/service_parts.h"

#define TEXT_BYTES_MAX  (1u << 20)
#define TEXT_FILES      5
/* A file that cannot be renamed, because another program holds it, starts anew at this size. */
#define TEXT_BYTES_HELD (2 * TEXT_BYTES_MAX)
/* Longer lines are cut.  The ready line of 128 listeners is shorter. */
#define LINE_BYTES_MAX  (64u << 10)
/* ReportEventW takes no longer strings. */
#define EVENT_UNITS_MAX 31839

/* State of the process, as its standard error is; used by the queue's thread only, once that runs. */
static struct {
    HANDLE events;
    wchar_t path[PATH_WIDE_MAX]; /* of the text file */
    HANDLE text, text_before;    /* the one before stays open: another thread may just copy it */
    char line[LINE_BYTES_MAX];
    size_t size;
} messages;

/* ---- the text files ---- */

static void open_text(DWORD how) {
    const DWORD access = how == TRUNCATE_EXISTING ? GENERIC_WRITE : FILE_APPEND_DATA | SYNCHRONIZE;
    const DWORD shares = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    const HANDLE file =
        CreateFileW(messages.path, access, shares, NULL, how, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) return; /* the next line tries again */
    if (how == TRUNCATE_EXISTING) {
        CloseHandle(file);
        return;
    }
    SetStdHandle(STD_ERROR_HANDLE, file);
    if (messages.text_before != NULL) CloseHandle(messages.text_before);
    messages.text_before = messages.text;
    messages.text = file;
}

/* "PATH.log", "PATH.1.log", ... */
static void text_name(int number, wchar_t name[PATH_WIDE_MAX]) {
    const size_t stem = wcslen(messages.path) - wcslen(L".log");
    wcscpy(name, messages.path);
    if (number > 0) swprintf(name + stem, PATH_WIDE_MAX - stem, L".%d.log", number);
}

static bool rotate_text(void) {
    wchar_t from[PATH_WIDE_MAX], to[PATH_WIDE_MAX];
    for (int i = TEXT_FILES - 1; i > 0; i--) {
        text_name(i - 1, from);
        text_name(i, to);
        if (!MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING) &&
            GetLastError() != ERROR_FILE_NOT_FOUND)
            return false;
    }
    return true;
}

static void make_room(void) {
    LARGE_INTEGER size;
    if (messages.text == NULL) open_text(OPEN_ALWAYS);
    if (messages.text == NULL || !GetFileSizeEx(messages.text, &size)) return;
    if (size.QuadPart < TEXT_BYTES_MAX) return;
    if (rotate_text())
        open_text(OPEN_ALWAYS);
    else if (size.QuadPart >= TEXT_BYTES_HELD)
        open_text(TRUNCATE_EXISTING);
}

static const char *severity_name(int severity) {
    return severity == MESSAGE_ERROR ? "error" : severity == MESSAGE_WARNING ? "warning" : "info";
}

static void write_text(int severity, const char *line, size_t size) {
    static char text[LINE_BYTES_MAX + 64];
    SYSTEMTIME now;
    DWORD written;
    GetSystemTime(&now);
    const int length =
        snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ %-7s %.*s\n", now.wYear,
                 now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond, now.wMilliseconds,
                 severity_name(severity), (int)size, line);
    make_room();
    if (messages.text != NULL) WriteFile(messages.text, text, (DWORD)length, &written, NULL);
}

/* ---- the Event Log ---- */

/* The viewer replaces %1, also in our text, which must not have it: IPv6 addresses do. */
static size_t without_insertions(wchar_t *text, size_t size) {
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] != L'%' || text[i + 1] < L'0' || text[i + 1] > L'9') continue;
        text[i] = L'\uFF05'; /* a full-width percent sign */
    }
    return size;
}

static void report_event(int severity, const char *line, size_t size) {
    static wchar_t text[EVENT_UNITS_MAX + 1];
    const wchar_t *strings[] = {text};
    const int most =
        size < EVENT_UNITS_MAX ? (int)size : EVENT_UNITS_MAX; /* a unit or more a byte */
    const int units = MultiByteToWideChar(CP_UTF8, 0, line, most, text, EVENT_UNITS_MAX);
    text[without_insertions(text, units > 0 ? (size_t)units : 0)] = L'\0';
    const WORD type = severity == MESSAGE_ERROR     ? EVENTLOG_ERROR_TYPE
                      : severity == MESSAGE_WARNING ? EVENTLOG_WARNING_TYPE
                                                    : EVENTLOG_INFORMATION_TYPE;
    const DWORD id = severity == MESSAGE_ERROR     ? EVENT_OF_ERROR
                     : severity == MESSAGE_WARNING ? EVENT_OF_WARNING
                                                   : EVENT_OF_INFORMATION;
    if (messages.events != NULL)
        ReportEventW(messages.events, type, 0, id, NULL, 1, 0, strings, NULL);
}

/* ---- lines ---- */

int service_log_severity(const char **line, size_t *size) {
    static const char name[] = SERVICE_NAME ": ";
    int severity = MESSAGE_INFO;
    if (*size >= 3 && (*line)[0] == '<' && (*line)[2] == '>') {
        severity = (*line)[1] - '0';
        *line += 3;
        *size -= 3;
    }
    if (*size >= sizeof name - 1 && memcmp(*line, name, sizeof name - 1) == 0) {
        *line += sizeof name - 1;
        *size -= sizeof name - 1;
    }
    return severity;
}

static void store_line(void) {
    const char *line = messages.line;
    size_t size = messages.size;
    const int severity = service_log_severity(&line, &size);
    messages.size = 0;
    if (size == 0) return;
    write_text(severity, line, size);
    report_event(severity, line, size);
}

static int store(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n')
            store_line();
        else if (messages.size < sizeof messages.line)
            messages.line[messages.size++] = (char)bytes[i];
    }
    return 0;
}

void service_log_open(const wchar_t *name, const wchar_t *path) {
    wcscpy(messages.path, path);
    messages.events = RegisterEventSourceW(NULL, name);
    open_text(OPEN_ALWAYS);
    output_queue_to(store);
}
