/* absolute.h - a command line that means the same in every directory. */
#ifndef INGEST_CONFIG_ABSOLUTE_H
#define INGEST_CONFIG_ABSOLUTE_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"

/* Copies the options argv[1..argc), with absolute paths, as this system writes them, for those whose
 * value is a file or a directory.  *words ends with NULL; free it with absolute_words_free.
 * ERR_NO_MEMORY, or what the path cannot be; `error` (CONFIG_ERROR_MAX bytes) says which. */
int absolute_words(const struct host *host, int argc, char **argv, char ***words, char *error);
void absolute_words_free(char **words);

#endif
