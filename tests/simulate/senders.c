/* senders.c - see senders.h. */
#include "tests/simulate/senders.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulate/trace.h"

static void act(void *context);

static int64_t now_of(const struct senders *senders) {
    return senders->network->sim->now_ns;
}

static void act_later(struct sender *sender) {
    struct senders *senders = sender->all;
    int64_t ns = (int64_t)chance_below(&senders->chance, (uint64_t)senders->pause_ns_max);
    if (chance_one_in(&senders->chance, 3)) ns = 0;
    agenda_add(&senders->network->sim->agenda, now_of(senders) + ns, act, sender);
}

/* ---- lines ---- */

struct sent_line *sender_next_line(struct sender *sender) {
    if (sender->count == sender->room) {
        sender->room = sender->room > 0 ? 2 * sender->room : 8;
        sender->lines = realloc(sender->lines, sender->room * sizeof *sender->lines);
        assert(sender->lines != NULL);
    }
    struct sent_line *line = &sender->lines[sender->count++];
    *line = (struct sent_line){0};
    return line;
}

static size_t fill(struct chance *chance, char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + chance_below(chance, 26));
    return size;
}

/* Writes a line without its newline; returns its size, at most `room`. */
size_t sender_write_line(struct sender *sender, struct sent_line *line, char *text, size_t room) {
    struct senders *senders = sender->all;
    struct chance *chance = &senders->chance;
    const uint32_t n = sender->count - 1;
    size_t filling = (size_t)chance_below(chance, senders->filling_max);
    size_t used;
    switch (chance_below(chance, 24)) {
    case 0: line->kind = LINE_INVALID; break;
    case 1: line->kind = LINE_BLANK; return 0;
    case 2:
        line->kind = LINE_TOO_LONG;
        filling = senders->line_bytes_max + 1;
        break;
    default: line->kind = LINE_VALID;
    }
    used = (size_t)snprintf(text, room, "{\"c\":%u,\"n\":%u,\"f\":\"", sender->number, n);
    if (line->kind != LINE_TOO_LONG && used + filling + 2 > senders->line_bytes_max)
        filling = senders->line_bytes_max - used - 2;
    assert(used + filling + 2 <= room);
    used += fill(chance, text + used, filling);
    text[used++] = '"';
    if (line->kind != LINE_INVALID) text[used++] = '}';
    return used;
}

const uint8_t *sender_line(const struct sender *sender, uint32_t n) {
    const bool connected = sender->kind == SENDER_LINES;
    const uint8_t *bytes = connected ? network_progress(sender->link).bytes : sender->bytes;
    return bytes + sender->lines[n].offset;
}

/* ---- a connection ---- */

static void end_now(struct sender *sender) {
    struct senders *senders = sender->all;
    sender->done = true;
    switch (sender->end) {
    case SENDER_FINISHES_HALFWAY: {
        /* The line before has its newline; this one ends anywhere, perhaps whole. */
        char *text = malloc(senders->line_bytes_max + 64);
        struct sent_line *line = sender_next_line(sender);
        line->offset = network_progress(sender->link).sent;
        line->size = sender_write_line(sender, line, text, senders->line_bytes_max + 64);
        size_t sent = line->size;
        if (line->kind == LINE_VALID && chance_one_in(&senders->chance, 2)) {
            sent = (size_t)chance_below(&senders->chance, line->size);
            line->kind = sent > 0 ? LINE_INVALID : LINE_BLANK;
        }
        line->size = sent;
        network_send(sender->link, text, sent);
        free(text);
        network_finish(sender->link);
        reached(REACHED_CONNECTION_FINISHED);
        break;
    }
    case SENDER_FINISHES:
        network_finish(sender->link);
        reached(REACHED_CONNECTION_FINISHED);
        break;
    case SENDER_RESETS:
        network_reset(sender->link);
        reached(REACHED_CONNECTION_RESET);
        break;
    case SENDER_STAYS: break;
    }
}

static void send_lines(struct sender *sender, uint64_t count) {
    struct senders *senders = sender->all;
    const size_t room = senders->line_bytes_max + 64;
    char *text = malloc(room);
    assert(text != NULL);
    while (count-- > 0 && sender->count < sender->planned) {
        struct sent_line *line = sender_next_line(sender);
        line->offset = network_progress(sender->link).sent;
        line->size = sender_write_line(sender, line, text, room - 1);
        text[line->size] = '\n';
        network_send(sender->link, text, line->size + 1);
    }
    free(text);
}

/* The next thing that a connection does. */
static void act(void *context) {
    struct sender *sender = context;
    struct senders *senders = sender->all;
    if (sender->done || sender->ended) return;
    const bool over = now_of(senders) >= senders->quiet_ns;
    if (over || sender->count >= sender->planned) {
        end_now(sender);
        return;
    }
    send_lines(sender, 1 + chance_below(&senders->chance, 16));
    act_later(sender);
}

static void link_ended(void *context, bool reset) {
    struct sender *sender = context;
    if (!network_progress(sender->link).accepted)
        reached(REACHED_CONNECTION_REFUSED);
    else if (reset && !network_progress(sender->link).reset)
        reached(REACHED_CONNECTION_CUT);
    sender->ended = true;
    sender->ended_by_reset = reset;
    trace_line(now_of(sender->all), "sender %u: its connection has ended%s", sender->number,
               reset ? " by a reset" : "");
}

static void link_accepted(void *context) {
    struct sender *sender = context;
    sender->life = sender->all->life;
}

static void begin_connection(struct sender *sender) {
    static const struct network_events events = {.accepted = link_accepted, .ended = link_ended};
    struct senders *senders = sender->all;
    sender->planned = 1 + (uint32_t)chance_below(&senders->chance, senders->records_max);
    sender->end = (enum sender_end)chance_below(&senders->chance, 4);
    sender->link = network_connect(senders->network, senders->port, &sender->peer, &events, sender);
    act_later(sender);
}

/* ---- a datagram ---- */

static void send_datagram(struct sender *sender) {
    struct senders *senders = sender->all;
    const size_t room = senders->line_bytes_max + 64;
    const uint32_t lines = 1 + (uint32_t)chance_below(&senders->chance, 4);
    sender->bytes = malloc(lines * room);
    assert(sender->bytes != NULL);
    for (uint32_t i = 0; i < lines; i++) {
        struct sent_line *line = sender_next_line(sender);
        line->offset = sender->size;
        line->size =
            sender_write_line(sender, line, (char *)sender->bytes + sender->size, room - 1);
        sender->size += line->size;
        if (i + 1 < lines || chance_one_in(&senders->chance, 2))
            sender->bytes[sender->size++] = '\n';
    }
    sender->done = true;
    if (sender->size > 65507) sender->size = 0; /* it cannot be sent */
    if (sender->size > 0)
        network_datagram(senders->network, senders->port, &sender->peer, sender->bytes,
                         sender->size, sender->number);
}

static void datagram_taken(void *context, uint64_t tag) {
    struct senders *senders = context;
    struct sender *sender = senders->all[tag];
    if (sender->life != senders->life) {
        sender->taken_before += sender->taken;
        sender->taken = 0;
        sender->life = senders->life;
    }
    sender->taken++;
}

/* ---- all ---- */

void senders_open(struct senders *senders, struct network *network, uint64_t seed) {
    memset(senders, 0, sizeof *senders);
    senders->network = network;
    senders->chance.state = seed;
    network->datagram_taken = datagram_taken;
    network->context = senders;
}

void senders_close(struct senders *senders) {
    for (uint32_t i = 0; i < senders->count; i++) {
        senders->free_resender(senders->all[i]);
        free(senders->all[i]->bytes);
        free(senders->all[i]->lines);
        free(senders->all[i]);
    }
    free(senders->all);
}

void senders_add(struct senders *senders, enum sender_kind kind) {
    static const char *const names[] = {"lines", "a datagram", "RELP", "Lumberjack"};
    if (senders->count == senders->room) {
        senders->room = senders->room > 0 ? 2 * senders->room : 16;
        senders->all = realloc(senders->all, senders->room * sizeof *senders->all);
        assert(senders->all != NULL);
    }
    struct sender *sender = calloc(1, sizeof *sender);
    assert(sender != NULL);
    sender->all = senders;
    sender->number = senders->count;
    sender->kind = kind;
    sender->life = senders->life;
    sender->peer = (struct port_address){.family = 4, .port = (uint16_t)(20000 + senders->count)};
    memcpy(sender->peer.ip, "\x7f\x00\x00\x01", 4);
    senders->all[senders->count++] = sender;
    trace_line(now_of(senders), "sender %u begins: %s", sender->number, names[kind]);
    switch (kind) {
    case SENDER_LINES: begin_connection(sender); break;
    case SENDER_DATAGRAM: send_datagram(sender); break;
    case SENDER_RELP:
    case SENDER_LUMBERJACK: senders->begin_resender(sender); break;
    }
}

struct sender_records sender_taken(const struct sender *sender, bool ended) {
    struct sender_records records = {0};
    size_t taken = sender->size;
    if (sender->kind == SENDER_LINES) taken = network_progress(sender->link).taken;
    for (uint32_t i = 0; i < sender->count && sender->lines[i].offset < taken; i++) {
        const struct sent_line *line = &sender->lines[i];
        const bool whole = line->offset + line->size < taken || sender->kind == SENDER_DATAGRAM;
        if (whole) {
            records.valid += line->kind == LINE_VALID;
            records.others += line->kind == LINE_INVALID || line->kind == LINE_TOO_LONG;
        } else if (ended) { /* its newline was not received */
            const bool all = line->offset + line->size == taken;
            if (all && line->kind == LINE_VALID)
                records.valid++;
            else if (line->kind != LINE_BLANK)
                records.others++;
        }
    }
    return records;
}
