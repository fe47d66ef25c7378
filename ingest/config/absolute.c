/* absolute.c - see absolute.h. */
#include "ingest/config/absolute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

#define OPTION_WORD_MAX 128

/* The option that a word names, and the size of its name; NULL: none, or it takes no value. */
static const struct option *option_of(const char *word, size_t *size) {
    char name[OPTION_WORD_MAX];
    *size = strcspn(word, "=");
    if (strncmp(word, "--", 2) != 0 || *size - 2 >= sizeof name) return NULL;
    snprintf(name, sizeof name, "%.*s", (int)*size - 2, word + 2);
    for (char *p = name; *p != '\0'; p++)
        if (*p == '-') *p = '_';
    const struct option *const option = option_find(config_options, name);
    return option != NULL && option->kind != OPTION_FLAG ? option : NULL;
}

static bool is_path(const struct option *option, const char *value) {
    const char *const name = option->value != NULL ? option->value : "";
    if (strcmp(value, "none") == 0 || value[0] == '@' || value[0] == '\0') return false;
    return strcmp(name, "FILE") == 0 || strcmp(name, "DIR") == 0 || strcmp(name, "PATH") == 0;
}

/* head, of `size` bytes, and the value, absolute if it is a path.  NULL: `error` is set. */
static char *copy(const struct host *host, const struct option *option, const char *head,
                  size_t size, const char *value, char *error) {
    char path[PATH_BYTES_MAX];
    const char *text = value;
    if (option != NULL && is_path(option, value)) {
        const int status = host->absolute_path(value, path, sizeof path);
        if (status) snprintf(error, CONFIG_ERROR_MAX, "%.300s: %s", value, error_text(status));
        if (status) return NULL;
        path_to_native(path);
        text = path;
    }
    char *const word = malloc(size + strlen(text) + 1);
    if (word == NULL) {
        snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(ERR_NO_MEMORY));
        return NULL;
    }
    memcpy(word, head, size);
    strcpy(word + size, text);
    return word;
}

int absolute_words(const struct host *host, int argc, char **argv, char ***words, char *error) {
    char **list = calloc((size_t)argc + 1, sizeof *list);
    if (list == NULL) snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(ERR_NO_MEMORY));
    if (list == NULL) return ERR_NO_MEMORY;
    const struct option *pending = NULL; /* its value is the next word */
    for (int i = 1; i < argc; i++) {
        size_t size = 0;
        const struct option *const value_of = pending;
        const struct option *const option = value_of != NULL ? NULL : option_of(argv[i], &size);
        const bool joined = option != NULL && argv[i][size] == '=';
        pending = option != NULL && !joined ? option : NULL;
        list[i - 1] = joined ? copy(host, option, argv[i], size + 1, argv[i] + size + 1, error)
                             : copy(host, value_of, "", 0, argv[i], error);
        if (list[i - 1] != NULL) continue;
        absolute_words_free(list);
        return ERR_INVALID;
    }
    *words = list;
    return 0;
}

void absolute_words_free(char **words) {
    for (char **word = words; word != NULL && *word != NULL; word++)
        free(*word);
    free(words);
}
