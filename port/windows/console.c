/* console.c - see console.h. */
#include "port/windows/console.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "port/windows/iocp.h"

/* Before Windows 8 a call of WriteConsoleW took at most 64 KiB. */
#define PIECE_BYTES   8192
/* WriteFile takes a size of 32 bits; a round number below that. */
#define WRITE_MAX     (1u << 30)
#define CHARACTER_MAX 4
#define OUTPUTS       2

/* State of the process, as the console is: written once, before there are other threads.  0: the
 * code page was not changed. */
static UINT code_page_before;

/* The beginning of a character whose rest comes with the next call; one for standard output and one
 * for standard error. */
static struct {
    SRWLOCK lock;
    uint8_t bytes[CHARACTER_MAX];
    size_t size;
} begun[OUTPUTS] = {{.lock = SRWLOCK_INIT}, {.lock = SRWLOCK_INIT}};

/* ---- the console's modes ---- */

void console_restore(void) {
    if (code_page_before != 0) SetConsoleOutputCP(code_page_before);
}

/* Ctrl-C ends a program without its exit handlers.  Handlers that are installed later are called
 * first: a program that does not end leaves the code page as it is. */
static BOOL WINAPI interrupted(DWORD request) {
    (void)request;
    console_restore();
    return FALSE; /* the system ends the process */
}

void console_prepare(void) {
    static const DWORD outputs[] = {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        const HANDLE handle = GetStdHandle(outputs[i]);
        DWORD mode;
        if (GetConsoleMode(handle, &mode))
            SetConsoleMode(handle,
                           mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
    }
}

void console_use_utf8(void) {
    const UINT before = GetConsoleOutputCP();
    if (before == 0 || before == CP_UTF8 || !SetConsoleOutputCP(CP_UTF8)) return;
    code_page_before = before;
    atexit(console_restore);
    SetConsoleCtrlHandler(interrupted, TRUE);
}

/* ---- writing ---- */

/* How many bytes at the end begin a character without completing it. */
static size_t unfinished(const uint8_t *bytes, size_t size) {
    for (size_t back = 1; back <= size && back < CHARACTER_MAX; back++) {
        const uint8_t c = bytes[size - back];
        if (c < 0x80) return 0;
        if (c < 0xC0) continue; /* not the first one of its character */
        const size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
        return length > back ? back : 0;
    }
    return 0;
}

/* Bytes that are not UTF-8 become U+FFFD. */
static int write_wide(HANDLE console, const uint8_t *bytes, size_t size) {
    wchar_t wide[PIECE_BYTES];
    const int units =
        MultiByteToWideChar(CP_UTF8, 0, (const char *)bytes, (int)size, wide, PIECE_BYTES);
    for (int done = 0; done < units;) { /* each turn writes at least one unit or ends it */
        DWORD written = 0;
        if (!WriteConsoleW(console, wide + done, (DWORD)(units - done), &written, NULL))
            return last_error();
        if (written == 0) return ERR_IO;
        done += (int)written;
    }
    return 0;
}

static int write_text(HANDLE console, int output, const uint8_t *bytes, size_t size) {
    uint8_t piece[PIECE_BYTES];
    int error = 0;
    AcquireSRWLockExclusive(&begun[output].lock);
    while (size > 0 && error == 0) { /* each turn takes at least one byte */
        size_t held = begun[output].size;
        const size_t more = size < PIECE_BYTES - held ? size : PIECE_BYTES - held;
        memcpy(piece, begun[output].bytes, held);
        memcpy(piece + held, bytes, more);
        bytes += more;
        size -= more;
        held += more;
        const size_t rest = unfinished(piece, held);
        memcpy(begun[output].bytes, piece + held - rest, rest);
        begun[output].size = rest;
        error = write_wide(console, piece, held - rest);
    }
    ReleaseSRWLockExclusive(&begun[output].lock);
    return error;
}

int console_write(uint32_t stream, const void *bytes, size_t size) {
    const HANDLE handle = GetStdHandle(stream);
    const uint8_t *from = bytes;
    DWORD mode;
    if (GetConsoleMode(handle, &mode))
        return write_text(handle, stream == STD_ERROR_HANDLE, from, size);
    while (size > 0) { /* each turn writes at least one byte or ends it */
        DWORD written = 0;
        if (!WriteFile(handle, from, size < WRITE_MAX ? (DWORD)size : WRITE_MAX, &written, NULL))
            return last_error();
        if (written == 0) return ERR_IO;
        from += written;
        size -= written;
    }
    return 0;
}
