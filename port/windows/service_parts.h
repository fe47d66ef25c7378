/* service_parts.h - shared by the files of this folder: what they know of the service.
 *
 * service.c is the running service, service_log.c stores its messages, service_control.c installs,
 * starts, stops and queries it, service_access.c says who may use its files. */
#ifndef PORT_WINDOWS_SERVICE_PARTS_H
#define PORT_WINDOWS_SERVICE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <windows.h>

#include "port/windows/text.h"

/* ---- service.c ---- */

/* True: the service control manager has started this process.  Any thread. */
bool service_runs(void);
/* Reports that the service has stopped with this exit code, unless that is done.  Any thread. */
void service_ended(int code);

/* ---- service_log.c ---- */

/* From now on standard error goes to the Event Log, under this name, and to rotating text files that
 * begin with `path`.  Before other threads exist. */
void service_log_open(const wchar_t *name, const wchar_t *path);

/* The text of `line` for the Event Log, its severity (message_severity) and its size.  The program's
 * name at its beginning is left out. */
int service_log_severity(const char **line, size_t *size);

/* ---- service_access.c ---- */

/* The SID of "NT SERVICE\name", as `sc showsid` prints it, also if there is no such service. */
#define SERVICE_SID_UNITS 96
void service_sid(const wchar_t *name, wchar_t sid[SERVICE_SID_UNITS]);

/* Makes a directory that only administrators, the system and the service may use; an existing one is
 * changed, unless a user without their rights owns it: ERR_EXISTS.  *made: it did not exist. */
int service_directory(const wchar_t *path, const wchar_t *sid, bool *made);
/* Lets the service read a file, or write to a directory, in addition to those who may do so. */
int service_grant(const wchar_t *path, const wchar_t *sid, bool writes);

#endif
