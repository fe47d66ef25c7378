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

int print_description(struct call *call, const struct description *list, bool word_needed) {
    const char *word = call->words > 0 ? call->word[0] : list->name;
    if (call->words > 1 || (word_needed && call->words == 0)) {
        say("one argument is expected: %s, %s, … (see --help)", list[0].name, list[1].name);
        return EXIT_ERROR;
    }
    for (; list->name != NULL; list++) {
        if (strcmp(list->name, word) != 0) continue;
        list->print(call->out);
        return EXIT_OK;
    }
    say("%s: unknown (see --help)", word);
    return EXIT_ERROR;
}
