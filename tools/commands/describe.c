/* describe.c - see describe.h. */
#include "tools/commands/describe.h"

#include <stdio.h>
#include <string.h>

#include "port/system.h"

const char *option_dashed(const struct option *option, char name[OPTION_NAME_MAX]) {
    snprintf(name, OPTION_NAME_MAX, "%s", option->name);
    for (char *p = name; *p != '\0'; p++)
        if (*p == '_') *p = '-';
    return name;
}

const struct option *option_shown(const struct option *option) {
    while (option->name != NULL && option->help == NULL)
        option++;
    return option->name != NULL ? option : NULL;
}

/* Lists the names that the argument may have. */
static int wrong_word(const char *problem, const struct description *list) {
    char names[128] = "";
    size_t size = 0;
    for (; list->name != NULL && size < sizeof names; list++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", size > 0 ? ", " : "",
                                 list->name);
    say("%s; one of these was expected: %s", problem, names);
    return EXIT_ERROR;
}

int print_description(struct call *call, const struct description *list, bool word_needed) {
    const struct description *const all = list;
    char problem[128];
    const char *word = call->words > 0 ? call->word[0] : list->name;
    if (call->words > 1) return wrong_word("there is more than one argument", all);
    if (word_needed && call->words == 0) return wrong_word("an argument is missing", all);
    for (; list->name != NULL; list++) {
        if (strcmp(list->name, word) != 0) continue;
        list->print(call->out);
        return EXIT_OK;
    }
    snprintf(problem, sizeof problem, "%.64s: unknown", word);
    return wrong_word(problem, all);
}
