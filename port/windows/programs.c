/* programs.c - see programs.h. */
#include "port/windows/programs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "port/files.h"
#include "port/process.h"
#include "port/windows/iocp.h"

/* The longest command line of CreateProcessW, its terminating 0 included. */
#define LINE_UNITS_MAX 32767

/* ---- finding ---- */

static const struct {
    const wchar_t *ending;
    enum program_kind kind;
} kinds[] = {
    {L".exe", PROGRAM_IMAGE}, {L".com", PROGRAM_IMAGE},      {L".cmd", PROGRAM_BATCH},
    {L".bat", PROGRAM_BATCH}, {L".ps1", PROGRAM_POWERSHELL},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* KINDS: none of them. */
static size_t kind_of(const wchar_t *path) {
    const size_t size = wcslen(path);
    size_t i = 0;
    while (i < KINDS && (size < 4 || _wcsicmp(path + size - 4, kinds[i].ending) != 0))
        i++;
    return i;
}

static bool is_file(const wchar_t *path) {
    const DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

/* `path` with one of the endings, or as it is if it has one. */
static bool find_ending(struct program *program) {
    const size_t kind = kind_of(program->path), size = wcslen(program->path);
    if (kind < KINDS) program->kind = kinds[kind].kind;
    if (kind < KINDS) return is_file(program->path);
    for (size_t i = 0; i < KINDS && size + 5 <= PATH_WIDE_MAX; i++) {
        wcscpy(program->path + size, kinds[i].ending);
        program->kind = kinds[i].kind;
        if (is_file(program->path)) return true;
    }
    return false;
}

/* folder: not absolute: passed over, as it depends on the current directory. */
static bool find_in(const wchar_t *folder, size_t size, const wchar_t *name,
                    struct program *program) {
    if (size >= 2 && folder[0] == L'"' && folder[size - 1] == L'"') folder++, size -= 2;
    const bool drive = size >= 3 && folder[1] == L':' && path_separates((char)folder[2]);
    const bool share = size >= 2 && folder[0] == L'\\' && folder[1] == L'\\';
    if ((!drive && !share) || size + wcslen(name) + 2 > PATH_WIDE_MAX) return false;
    wmemcpy(program->path, folder, size);
    if (!path_separates((char)folder[size - 1])) program->path[size++] = L'\\';
    wcscpy(program->path + size, name);
    return find_ending(program);
}

static bool find_on_path(const wchar_t *name, struct program *program) {
    const DWORD units = GetEnvironmentVariableW(L"PATH", NULL, 0);
    wchar_t *path = units > 0 ? malloc(units * sizeof(wchar_t)) : NULL;
    bool found = false;
    if (path != NULL && GetEnvironmentVariableW(L"PATH", path, units) < units)
        for (const wchar_t *p = path; *p != L'\0' && !found;) { /* each turn takes an entry */
            const size_t size = wcscspn(p, L";");
            found = find_in(p, size, name, program);
            p += size + (p[size] == L';');
        }
    free(path);
    return found;
}

static bool find_in_folders(const wchar_t *name, struct program *program) {
    wchar_t folder[PATH_WIDE_MAX];
    size_t size = GetModuleFileNameW(NULL, folder, PATH_WIDE_MAX);
    while (size > 0 && folder[size - 1] != L'\\')
        size--;
    if (find_in(folder, size, name, program)) return true;
    size = GetSystemDirectoryW(folder, PATH_WIDE_MAX);
    return find_in(folder, size, name, program) || find_on_path(name, program);
}

/* The program of Windows that runs this kind. */
static bool find_runner(struct program *program) {
    static const wchar_t *const runners[] = {[PROGRAM_BATCH] = L"\\cmd.exe",
                                             [PROGRAM_POWERSHELL] =
                                                 L"\\WindowsPowerShell\\v1.0\\powershell.exe"};
    if (program->kind == PROGRAM_IMAGE) {
        wcscpy(program->runner, program->path);
        return true;
    }
    const size_t size = GetSystemDirectoryW(program->runner, MAX_PATH);
    wcscpy(program->runner + size, runners[program->kind]);
    return is_file(program->runner);
}

int program_find(const char *name, struct program *program) {
    struct wide_path given;
    bool found;
    if (path_name(name) != name) {
        const int error = path_to_wide(name, &given);
        if (error) return error;
        wcscpy(program->path, given.text);
        found = find_ending(program);
    } else {
        if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, given.text, MAX_PATH) < 2)
            return ERR_INVALID;
        found = find_in_folders(given.text, program);
    }
    return found && find_runner(program) ? 0 : ERR_NOT_FOUND;
}

bool process_program_found(const char *name) {
    struct program program;
    return program_find(name, &program) == 0;
}

/* ---- command lines ---- */

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
    if (line->size > 0)
        put(line, ' ', 1); /* within the quotes of /s, too: cmd.exe passes over it */
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

/* cmd.exe expands % and knows no way to write a quote within quotes. */
static bool fits_batch(const char *word) {
    return strpbrk(word, "\"%\r\n") == NULL;
}

bool process_word_allowed(const char *name, const char *word) {
    struct program program;
    return program_find(name, &program) != 0 || program.kind != PROGRAM_BATCH || fits_batch(word);
}

static void put_text(struct command_text *line, const char *text) {
    for (; *text != '\0'; text++)
        put(line, *text, 1);
}

int program_line(const struct program *program, const char *const *words, wchar_t **wide) {
    struct command_text line = {0};
    char *const path = text_of_wide(program->path), *const runner = text_of_wide(program->runner);
    int error = path != NULL && runner != NULL ? 0 : ERR_NO_MEMORY;
    if (!error) put_word(&line, runner);
    /* The quotes around the whole are for /s, which removes the outermost. */
    if (program->kind == PROGRAM_BATCH) put_text(&line, " /d /e:on /v:off /s /c \"");
    /* The operator has named this script: the policy for scripts that users open does not apply. */
    if (program->kind == PROGRAM_POWERSHELL)
        put_text(&line, " -NoProfile -NonInteractive -ExecutionPolicy Bypass -File");
    if (!error && program->kind != PROGRAM_IMAGE) put_word(&line, path);
    for (const char *const *word = words + 1; !error && *word != NULL; word++)
        put_word(&line, *word);
    for (const char *const *word = words; program->kind == PROGRAM_BATCH && *word != NULL; word++)
        if (!fits_batch(*word)) error = ERR_UNSUPPORTED;
    if (program->kind == PROGRAM_BATCH && path != NULL && !fits_batch(path))
        error = ERR_UNSUPPORTED;
    if (program->kind == PROGRAM_BATCH) put_text(&line, "\"");
    free(path);
    free(runner);
    if (!error && line.failed) error = ERR_NO_MEMORY;
    *wide = error ? NULL : text_to_wide(line.text);
    free(line.text);
    if (!error && *wide == NULL) error = ERR_INVALID;
    if (!error && wcslen(*wide) >= LINE_UNITS_MAX) error = ERR_NAME_TOO_LONG;
    if (error) free(*wide);
    if (error) *wide = NULL;
    return error;
}
