/* listening.c - where the daemon listens, as its configuration says. */
#include "ingest/daemon_parts.h"
#include "port/system.h"

static int listen_on(struct daemon *daemon, const struct listener_config *listener,
                     uint32_t *number) {
    struct port_address address;
    const char *text = listener->keys.address;
    const bool tcp = listener->tcp;
    uint32_t granted = 0;
    const uint32_t wanted = (uint32_t)daemon->config->receive_bytes;
    int error = config_address(text, &address);
    if (!error)
        error = tcp ? intake_listen_tcp(&daemon->intake, &address, number)
                    : intake_listen_udp(&daemon->intake, &address, wanted, &granted, number);
    if (error) {
        say("%s=%s: %s%s", tcp ? "tcp" : "udp", text, error_text(error),
            error == ERR_ADDRESS_IN_USE ? "; another program listens there" : "");
        return error;
    }
    if (!tcp && granted < wanted)
        say("udp=%s: the system holds %u bytes of datagrams for us, not %u; %s", text, granted,
            wanted, system_receive_bytes_hint());
    return 0;
}

int listening_open(struct daemon *daemon) {
    const struct config *config = daemon->config;
    struct rules *rules = rules_create((uint32_t)config->line_bytes_max);
    if (!rules) return daemon_fail("memory", ERR_NO_MEMORY);
    int error = 0;
    for (uint32_t i = 0; i < config->listener_count && !error; i++) {
        uint32_t *number = &daemon->numbers[i];
        error = listen_on(daemon, &config->listeners[i], number);
        if (!error)
            rules_set(rules, *number, intake_listener_name(&daemon->intake, *number),
                      &config->listeners[i]);
    }
    pipeline_judge_by(daemon->pipeline, rules);
    rules_release(rules);
    return error;
}
