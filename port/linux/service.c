/* service.c - systemd runs the program from a unit file, which an administrator or a package installs;
 * see service.h. */
#include "port/service.h"

#include <stddef.h>

#include "port/error.h"

/* systemd takes reports at $NOTIFY_SOCKET (sd_notify(3)); not sent yet. */
void service_report(enum service_phase phase, const char *status) {
    (void)phase, (void)status;
}

bool service_here(const char **advice) {
    *advice =
        "installs a service of Windows; on this system let systemd run logportd: write a unit "
        "with ExecStart=/usr/local/bin/logportd --config FILE, ExecReload=/bin/kill -HUP "
        "$MAINPID and Restart=on-failure, then systemctl enable --now logportd (see "
        "docs/operations.md)";
    return false;
}

int service_home(char home[PATH_BYTES_MAX]) {
    home[0] = '\0';
    return ERR_UNSUPPORTED;
}

int service_messages(char path[PATH_BYTES_MAX]) {
    return service_home(path);
}

const char *service_hint(char text[SERVICE_HINT_MAX]) {
    text[0] = '\0';
    return text;
}

int service_enter_home(void) {
    return ERR_UNSUPPORTED;
}

int service_prepare(void) {
    return ERR_UNSUPPORTED;
}

void service_unprepare(void) {}

int service_install(const struct service_plan *plan) {
    (void)plan;
    return ERR_UNSUPPORTED;
}

int service_uninstall(void) {
    return ERR_UNSUPPORTED;
}

int service_purge(void) {
    return ERR_UNSUPPORTED;
}

int service_start(int *code) {
    (void)code;
    return ERR_UNSUPPORTED;
}

int service_stop(int *code) {
    (void)code;
    return ERR_UNSUPPORTED;
}

int service_query(struct service_state *state) {
    (void)state;
    return ERR_UNSUPPORTED;
}

void service_state_free(struct service_state *state) {
    (void)state;
}

int service_run(service_main *run, int argc, char **argv) {
    (void)run, (void)argc, (void)argv;
    return 1;
}
