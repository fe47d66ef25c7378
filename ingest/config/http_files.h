/* http_files.h - makes the settings of listeners for HTTP, and reads the files of their tokens. */
#ifndef INGEST_CONFIG_HTTP_FILES_H
#define INGEST_CONFIG_HTTP_FILES_H

#include "ingest/config/config.h"
#include "port/files.h"

/* Before a token that names a file: each of its lines is a token. */
#define HTTP_TOKEN_FILE "file:"

/* On failure `error` (CONFIG_ERROR_MAX bytes) says what is wrong; no token is ever part of it. */
int http_files_load(struct files *files, struct config *config, char *error);

/* Checks of values; problem: CONFIG_PROBLEM_MAX bytes. */
int config_token_check(const char *text, char *problem);
int config_host_name_check(const char *text, char *problem);

#endif
