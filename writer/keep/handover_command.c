/* handover_command.c - see handover_command.h. */
#include "writer/keep/handover_command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"

#define SEQUENCE_BYTES 24

void handover_command_release(struct handover_command *command) {
    if (command == NULL || atomic_fetch_sub(&command->holders, 1) > 1) return;
    for (uint32_t i = 0; command->words != NULL && i < command->count; i++)
        free(command->words[i]);
    free(command->words);
    free(command);
}

struct handover_command *handover_command_keep(const struct handover_rules *rules,
                                               const char *archive) {
    struct handover_command *kept = calloc(1, sizeof *kept);
    if (kept == NULL) return NULL;
    atomic_init(&kept->holders, 1);
    kept->limit_s = rules->limit_s;
    kept->deletes = rules->deletes;
    if (archive != NULL) {
        assert(strlen(archive) < sizeof kept->archive);
        strcpy(kept->archive, archive);
    }
    kept->words = calloc(rules->count + 1, sizeof *kept->words);
    bool whole = kept->words != NULL;
    for (uint32_t i = 0; whole && i < rules->count; i++) {
        kept->words[i] = strdup(rules->words[i]);
        kept->count = i + 1;
        whole = kept->words[i] != NULL;
    }
    if (whole) return kept;
    handover_command_release(kept);
    return NULL;
}

struct handover_command *handover_command_hold(struct handover_command *command) {
    atomic_fetch_add(&command->holders, 1);
    return command;
}

/* ---- its words ---- */

enum { NAMES = 4 };
static const char *const names[NAMES] = {"{path}", "{stream}", "{name}", "{sequence}"};

static int name_at(const char *text) {
    for (int i = 0; i < NAMES; i++)
        if (strncmp(text, names[i], strlen(names[i])) == 0) return i;
    return -1;
}

bool handover_word_valid(const char *word) {
    for (const char *p = word; (p = strchr(p, '{')) != NULL; p++) {
        const size_t letters = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (letters > 0 && p[1 + letters] == '}' && name_at(p) < 0) return false;
    }
    return true;
}

/* malloc'd; NULL: no memory. */
static char *fill_in(const char *word, const char *const values[NAMES]) {
    size_t size = 1;
    for (const char *p = word; *p != '\0'; p++) {
        const int name = name_at(p);
        size += name < 0 ? 1 : strlen(values[name]);
        if (name >= 0) p += strlen(names[name]) - 1;
    }
    char *filled = malloc(size), *to = filled;
    for (const char *p = word; filled != NULL && *p != '\0'; p++) {
        const int name = name_at(p);
        if (name < 0) *to++ = *p;
        if (name < 0) continue;
        strcpy(to, values[name]);
        to += strlen(values[name]);
        p += strlen(names[name]) - 1;
    }
    if (filled != NULL) *to = '\0';
    return filled;
}

int handover_command_start(const struct handover_command *command, struct processes *processes,
                           const struct segment_name *segment, const char *segment_path,
                           const atomic_bool *stop, struct process *process) {
    char path[PATH_BYTES_MAX], name[SEGMENT_NAME_MAX], sequence[SEQUENCE_BYTES];
    int error = system_absolute_path(segment_path, path, sizeof path);
    if (error) return error;
    path_to_native(path);
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)segment->sequence);
    segment_name_format(segment, name);
    const char *const values[NAMES] = {path, segment->stream, name, sequence};
    char **words = calloc(command->count + 1, sizeof *words);
    if (words == NULL) return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < command->count && !error; i++) {
        words[i] = fill_in(command->words[i], values);
        if (words[i] == NULL) error = ERR_NO_MEMORY;
    }
    if (!error && atomic_load(stop)) error = ERR_CANCELLED;
    if (!error) error = processes->start(processes, (const char *const *)words, process);
    for (uint32_t i = 0; i < command->count; i++)
        free(words[i]);
    free(words);
    return error;
}
