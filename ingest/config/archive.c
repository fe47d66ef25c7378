/* archive.c - see archive.h. */
#include "ingest/config/archive.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/files.h"

/* ---- the archive ---- */

/* How long a configuration waits for an archive on a volume that hangs; and for each further
 * archive once one has not answered. */
#define ANSWER_MS      2000
#define ANSWER_NEXT_MS 200

/* Removes ".", ".." and repeated separators, in place: by names, whatever links say. */
static void simplify(char *path) {
    char *to = path;
    for (const char *from = path; *from != '\0';) { /* ends: each turn takes a name */
        const size_t size = strcspn(from + 1, "/") + 1;
        const bool none = size == 1 || (size == 2 && from[1] == '.');
        const bool above = size == 3 && from[0] == '/' && from[1] == '.' && from[2] == '.';
        while (above && to > path && *--to != '/') {
        } /* removes the last name */
        if (!none && !above) memmove(to, from, size);
        if (!none && !above) to += size;
        from += size;
    }
    *to = '\0';
}

/* A folder there would be taken for a stream, or its segments for live ones. */
static int refuse_inside(const struct host *host, const struct config *config, const char *archive,
                         char *error) {
    char dir[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    if (host->absolute_path(config->dir, dir, sizeof dir)) return 0;
    strcpy(path, archive);
    simplify(dir);
    simplify(path);
    if (!path_is_within(dir, path)) return 0;
    snprintf(error, CONFIG_ERROR_MAX,
             "archive_dir: %.300s %s the log directory, %.300s; a directory "
             "elsewhere was expected",
             archive, path_is_within(path, dir) ? "is" : "is inside", dir);
    return ERR_INVALID;
}

/* The archives whose checks have not ended: a hash of each path, 0: a free slot.  Each reload reads
 * the configuration anew, but the threads that hang in a check are the process's: without this,
 * each reload while an archive hangs would leave one more of them. */
#define CHECKS_MAX 64
static atomic_uint_fast64_t checks[CHECKS_MAX];

/* FNV-1a, never 0. */
static uint64_t hash_of(const char *path) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * UINT64_C(0x100000001b3);
    return hash | 1;
}

/* NULL: an earlier check of this archive has not ended, or too many others have not. */
static atomic_uint_fast64_t *take_slot(const char *archive) {
    const uint64_t hash = hash_of(archive);
    for (uint32_t i = 0; i < CHECKS_MAX; i++)
        if (atomic_load(&checks[i]) == hash) return NULL;
    for (uint32_t i = 0; i < CHECKS_MAX; i++) {
        uint_fast64_t none = 0;
        if (atomic_compare_exchange_strong(&checks[i], &none, hash)) return &checks[i];
    }
    return NULL;
}

/* The check of one archive: it owns what it touches, for it may outlive the configuration. */
struct archive_check {
    struct files *files;
    atomic_uint_fast64_t *slot; /* in `checks` */
    char path[PATH_BYTES_MAX];  /* the archive; then the file that it would be inside */
    bool in_file;
};

/* A missing directory is made later, but not inside a file. */
static void check_run(void *job) {
    struct archive_check *check = job;
    struct file_status status;
    for (;;) { /* ends: the path grows shorter */
        const int result = file_status_of(check->files, check->path, &status);
        check->in_file = !result && !status.directory;
        if (!result) return;
        char *last = strrchr(check->path, '/');
        if (last == NULL || last == check->path) return;
        *last = '\0';
    }
}

static void check_release(void *job) {
    struct archive_check *check = job;
    if (check->slot != NULL) atomic_store(check->slot, 0);
    free(check);
}

static bool is_silent(const struct config *config, const char *archive) {
    for (uint32_t i = 0; i < config->archives_silent_count; i++)
        if (strcmp(config->archives_silent[i], archive) == 0) return true;
    return false;
}

/* One that does not answer is no error: segments move there when it does (warnings.h). */
static int refuse_in_file(const struct host *host, struct config *config, const char *archive,
                          char *error) {
    const uint32_t wait_ms = config->archives_silent_count ? ANSWER_NEXT_MS : ANSWER_MS;
    if (is_silent(config, archive)) return 0;
    struct archive_check *check = calloc(1, sizeof *check);
    if (check == NULL) {
        snprintf(error, CONFIG_ERROR_MAX, "archive_dir: %s", error_text(ERR_NO_MEMORY));
        return ERR_INVALID;
    }
    check->files = host->files;
    check->slot = take_slot(archive);
    strcpy(check->path, archive);
    const bool begun = check->slot != NULL;
    if (!begun) check_release(check);
    if (!begun || !host->run_within(check_run, check_release, check, wait_ms)) {
        assert(config->archives_silent_count <= STREAMS_MAX);
        config->archives_silent[config->archives_silent_count++] = archive;
        return 0;
    }
    const bool in_file = check->in_file;
    if (in_file)
        snprintf(error, CONFIG_ERROR_MAX, "archive_dir: %.300s: %.300s is a file, not a directory",
                 archive, check->path);
    check_release(check);
    return in_file ? ERR_INVALID : 0;
}

int config_archive_resolve(const struct host *host, struct config *config, const char **archive_dir,
                           char *error) {
    char path[PATH_BYTES_MAX];
    if (*archive_dir != NULL && strcmp(*archive_dir, "none") == 0) *archive_dir = NULL;
    if (*archive_dir == NULL) return 0;
    int result = host->absolute_path(*archive_dir, path, sizeof path);
    if (!result)
        *archive_dir =
            config_keep(config, path, strlen(path), config_position(config, *archive_dir));
    if (!result && *archive_dir == NULL) result = ERR_NO_MEMORY;
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "archive_dir: %s", error_text(result));
        return ERR_INVALID;
    }
    result = refuse_inside(host, config, path, error);
    return result ? result : refuse_in_file(host, config, *archive_dir, error);
}

/* ---- the command ---- */

/* The words that a shell would have made of the line. */
static void split(const char *line, char *list, size_t size) {
    size_t length = 0;
    list[0] = '\0';
    while (*line != '\0' && length < size - 1) {
        const int word = (int)strcspn(line, " ");
        if (word > 0)
            length += (size_t)snprintf(list + length, size - length, "%s\"%.*s\"",
                                       length ? ", " : "", word, line);
        line += word;
        line += *line == ' ';
    }
}

int config_command_resolve(const struct host *host, const struct option_list *words, bool *missing,
                           char *error) {
    char list[300];
    *missing = false;
    if (words->count == 0) return 0;
    const char *program = words->texts[0];
    if (words->count == 1 && strcmp(program, "none") == 0) return 0;
    *missing = !host->program_found(program);
    if (program[0] == '\0') {
        snprintf(error, CONFIG_ERROR_MAX, "archive_command: a program's name was expected first");
        return ERR_INVALID;
    }
    for (uint32_t i = 1; i < words->count && !*missing; i++) {
        if (host->word_allowed(program, words->texts[i])) continue;
        snprintf(
            error, CONFIG_ERROR_MAX,
            "archive_command: \"%.128s\": an argument of a batch file cannot contain \", %% or "
            "a line break",
            words->texts[i]);
        return ERR_INVALID;
    }
    if (words->count > 1 || strchr(program, ' ') == NULL || !*missing) return 0;
    split(program, list, sizeof list);
    snprintf(
        error, CONFIG_ERROR_MAX,
        "archive_command: program \"%.256s\" was not found; no shell is used, so write one text "
        "for each word: [%s]",
        program, list);
    return ERR_INVALID;
}
