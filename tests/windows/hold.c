/* hold.c - plays another program on the same machine that locks files: a virus scanner, a backup,
 * an editor.  It reads one command per line from stdin and answers each with one line, so that
 * tests/e2e knows which files are locked and when.
 *
 *   alone PATH    opens the file without sharing              held, or busy
 *   read PATH     opens it like the C run-time: others can    held, or busy
 *                 neither rename nor delete it
 *   catch PATH    opens it without sharing as soon as no      held, or gone
 *                 other program has it open
 *   let go        closes all files                            free
 *   access PATH   who may do what with it                     its access list in SDDL
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

#include "port/system.h"
#include "port/windows/text.h"

#define HELD_MAX    64
#define LINE_MAX    1024
#define PATIENCE_MS 60000

struct holder {
    HANDLE held[HELD_MAX];
    int count;
};

static const char *obey(struct holder *holder, char *line);

int program_main(int count, char **arguments) {
    (void)count, (void)arguments;
    static char line[LINE_MAX];
    struct holder holder = {0};
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        puts(obey(&holder, line));
        fflush(stdout);
    }
    return 0;
}

static const char *let_go(struct holder *holder) {
    while (holder->count > 0)
        CloseHandle(holder->held[--holder->count]);
    return "free";
}

/* Returns a Windows error code; 0: the file is open. */
static DWORD take(struct holder *holder, const char *path, DWORD shares) {
    struct wide_path wide;
    if (holder->count == HELD_MAX || path_to_wide(path, &wide) != 0) return ERROR_BAD_ARGUMENTS;
    const HANDLE handle = CreateFileW(wide.text, GENERIC_READ, shares, NULL, OPEN_EXISTING,
                                      FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE) return GetLastError();
    holder->held[holder->count++] = handle;
    return ERROR_SUCCESS;
}

/* Polls without a pause: the daemon renames a file right after it closes it. */
static const char *catch (struct holder *holder, const char *path) {
    const int64_t end_ns = system_now_ns() + (int64_t)PATIENCE_MS * 1000000;
    while (system_now_ns() < end_ns) {
        const DWORD code = take(holder, path, 0);
        if (code == ERROR_SUCCESS) return "held";
        if (code != ERROR_SHARING_VIOLATION) return "gone";
    }
    return "gone";
}

static const char *access_of(const char *path) {
    static char answer[LINE_MAX];
    struct wide_path wide;
    PSECURITY_DESCRIPTOR found;
    char *text;
    if (path_to_wide(path, &wide) != 0 ||
        GetNamedSecurityInfoW(wide.text, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL,
                              NULL, NULL, &found) != ERROR_SUCCESS)
        return "unknown";
    ConvertSecurityDescriptorToStringSecurityDescriptorA(found, SDDL_REVISION_1,
                                                         DACL_SECURITY_INFORMATION, &text, NULL);
    snprintf(answer, sizeof answer, "%s", text);
    LocalFree(text);
    LocalFree(found);
    return answer;
}

static const char *obey(struct holder *holder, char *line) {
    char *path = strchr(line, ' ');
    if (strcmp(line, "let go") == 0) return let_go(holder);
    if (path == NULL) return "what?";
    *path++ = '\0';
    if (strcmp(line, "catch") == 0) return catch (holder, path);
    if (strcmp(line, "access") == 0) return access_of(path);
    const DWORD shares = strcmp(line, "read") == 0 ? FILE_SHARE_READ | FILE_SHARE_WRITE : 0;
    return take(holder, path, shares) == ERROR_SUCCESS ? "held" : "busy";
}
