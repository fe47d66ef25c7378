/* forward_files.h - makes the settings of listeners of the forward protocol that have a shared key, and
 * reads the files of their secrets. */
#ifndef INGEST_CONFIG_FORWARD_FILES_H
#define INGEST_CONFIG_FORWARD_FILES_H

#include "ingest/config/config.h"
#include "port/files.h"

/* On failure `error` (CONFIG_ERROR_MAX bytes) says what is wrong; no secret is ever part of it. */
int forward_files_load(struct files *files, struct config *config, char *error);

/* Checks of values; problem: CONFIG_PROBLEM_MAX bytes. */
int config_forward_key_check(const char *text, char *problem);
int config_forward_user_check(const char *text, char *problem);
int config_forward_hostname_check(const char *text, char *problem);

#endif
