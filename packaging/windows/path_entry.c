/* path_entry.c - adds a folder to the machine's PATH, or removes it.  The installer and the
 * uninstaller run it: their own language cuts texts after 1,023 characters, and a PATH that is cut
 * breaks other programs.
 *
 * usage: path_entry add|remove FOLDER [KEY]
 * KEY: a key of HKEY_LOCAL_MACHINE instead of the machine's environment, for tests.
 * Exit status: 0 FOLDER is in PATH (or no longer), 1 the registry could not be changed, 2 wrong usage.
 *
 * The rest of PATH is kept as it is, character by character, and so is the type of the value. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include <windows.h>

/* RegGetValueW would expand %VARIABLES%. */
static const wchar_t environment[] =
    L"SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";
/* Windows itself limits the whole environment to 32,767 characters. */
#define PATH_CHARACTERS_MAX 32767

struct path_value {
    DWORD type;
    wchar_t text[PATH_CHARACTERS_MAX + 1];
};

static LSTATUS read_path(HKEY key, struct path_value *path) {
    DWORD size = sizeof path->text - sizeof(wchar_t);
    const LSTATUS status =
        RegQueryValueExW(key, L"Path", NULL, &path->type, (BYTE *)path->text, &size);
    if (status == ERROR_FILE_NOT_FOUND) {
        path->type = REG_EXPAND_SZ;
        path->text[0] = L'\0';
        return ERROR_SUCCESS;
    }
    if (status != ERROR_SUCCESS) return status;
    if (path->type != REG_SZ && path->type != REG_EXPAND_SZ) return ERROR_INVALID_DATATYPE;
    path->text[size / sizeof(wchar_t)] = L'\0'; /* the value may lack it */
    return ERROR_SUCCESS;
}

static LSTATUS write_path(HKEY key, const struct path_value *path) {
    const DWORD size = (DWORD)((wcslen(path->text) + 1) * sizeof(wchar_t));
    return RegSetValueExW(key, L"Path", 0, path->type, (const BYTE *)path->text, size);
}

/* Without quotes and trailing separators: "C:\a\" and C:\a are one folder. */
static void trim(const wchar_t **text, size_t *size) {
    while (*size > 0 && ((*text)[0] == L'"' || (*text)[0] == L' '))
        ++*text, --*size;
    while (*size > 0 && wcschr(L"\"\\/ ", (*text)[*size - 1]) != NULL)
        --*size;
}

static bool same_folder(const wchar_t *one, size_t one_size, const wchar_t *other,
                        size_t other_size) {
    trim(&one, &one_size);
    trim(&other, &other_size);
    return CompareStringOrdinal(one, (int)one_size, other, (int)other_size, TRUE) == CSTR_EQUAL;
}

/* The first entry that is FOLDER, and its size; NULL: there is none. */
static wchar_t *find(wchar_t *path, const wchar_t *folder, size_t *size) {
    for (wchar_t *entry = path;; entry += *size + 1) {
        *size = wcscspn(entry, L";");
        if (*size > 0 && same_folder(entry, *size, folder, wcslen(folder))) return entry;
        if (entry[*size] == L'\0') return NULL;
    }
}

/* Both return whether the text has changed. */
static bool add(wchar_t *path, const wchar_t *folder, LSTATUS *status) {
    size_t size;
    if (find(path, folder, &size) != NULL) return false;
    const size_t length = wcslen(path);
    if (length + 1 + wcslen(folder) > PATH_CHARACTERS_MAX) {
        *status = ERROR_INSUFFICIENT_BUFFER;
        return false;
    }
    if (length > 0 && path[length - 1] != L';') wcscat(path, L";");
    wcscat(path, folder);
    return true;
}

static bool remove_all(wchar_t *path, const wchar_t *folder) {
    bool changed = false;
    size_t size;
    for (wchar_t *entry; (entry = find(path, folder, &size)) != NULL; changed = true) {
        wchar_t *end = entry + size;
        if (*end == L';')
            end++;
        else if (entry > path) /* the last one: its separator is in front of it */
            entry--;
        wmemmove(entry, end, wcslen(end) + 1);
    }
    return changed;
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words) {
    static struct path_value path;
    const bool complete = count == 3 || count == 4;
    const bool adds = complete && wcscmp(words[1], L"add") == 0;
    if (!complete || (!adds && wcscmp(words[1], L"remove") != 0) ||
        words[2][wcscspn(words[2], L";")] != L'\0' || words[2][0] == L'\0') {
        fputs("usage: path_entry add|remove FOLDER [KEY]\n", stderr);
        return 2;
    }
    HKEY key;
    LSTATUS status = RegOpenKeyExW(HKEY_LOCAL_MACHINE, count == 4 ? words[3] : environment, 0,
                                   KEY_QUERY_VALUE | KEY_SET_VALUE, &key);
    if (status == ERROR_SUCCESS) {
        status = read_path(key, &path);
        if (status == ERROR_SUCCESS &&
            (adds ? add(path.text, words[2], &status) : remove_all(path.text, words[2])))
            status = write_path(key, &path);
        RegCloseKey(key);
    }
    if (status == ERROR_SUCCESS) return 0;
    fprintf(stderr, "path_entry: the machine's PATH was not changed: Windows error %ld\n", status);
    return 1;
}
