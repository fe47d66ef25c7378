/* resenders.c - see resenders.h.  Each session begins with the first record that is not
 * acknowledged.  Answers come in the order of frames. */
#include "tests/simulate/resenders.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulate/trace.h"

#define RETRY_NS_MAX (2 * SIM_S)
#define ANSWER_BYTES 256
#define PATIENCE_NS  (60 * SIM_S)
#define NO_LINE      UINT32_MAX

/* A part of what was sent that the daemon takes as a whole. */
struct frame {
    size_t end;
    uint32_t line; /* NO_LINE: none */
};

struct session {
    struct sender *sender;
    struct session *older;
    struct network_link *link;
    uint32_t life; /* in which it was accepted */
    struct frame *frames;
    uint32_t count, room;
    uint32_t answered; /* frames, from the first */
    uint32_t next;     /* line to be sent */
    uint32_t number;   /* of the next frame: RELP's transaction, Lumberjack's sequence */
    uint32_t window_first, window_size; /* Lumberjack */
    bool closing, ended;
    int64_t answered_ns;
    uint8_t answer[ANSWER_BYTES]; /* received so far */
    size_t answer_size;
};

static void act(void *context);
static void connect_again(void *context);

static struct session *session_of(const struct sender *sender) {
    return sender->session;
}

static int64_t now_of(const struct sender *sender) {
    return sender->all->network->sim->now_ns;
}

static uint64_t below(const struct sender *sender, uint64_t limit) {
    return chance_below(&sender->all->chance, limit);
}

static void later(struct sender *sender, int64_t ns, agenda_call *call, void *context) {
    agenda_add(&sender->all->network->sim->agenda, now_of(sender) + ns, call, context);
}

bool resender_done(const struct sender *sender) {
    return sender->acknowledged == sender->count;
}

/* ---- sending ---- */

static void send_frame(struct session *session, const void *bytes, size_t size, uint32_t line) {
    network_send(session->link, bytes, size);
    if (session->count == session->room) {
        session->room = session->room > 0 ? 2 * session->room : 16;
        session->frames = realloc(session->frames, session->room * sizeof *session->frames);
        assert(session->frames != NULL);
    }
    const size_t end = network_progress(session->link).sent;
    session->frames[session->count++] = (struct frame){end, line};
    if (line != NO_LINE) session->sender->lines[line].sent++;
}

static void send_relp(struct session *session, const char *command, const void *data, size_t size,
                      uint32_t line) {
    char *text = malloc(size + 64);
    assert(text != NULL);
    size_t used = (size_t)sprintf(text, "%u %s %u", session->number++, command, (unsigned)size);
    if (size > 0) text[used++] = ' ';
    memcpy(text + used, data, size);
    used += size;
    text[used++] = '\n';
    send_frame(session, text, used, line);
    free(text);
}

static void put_number(uint8_t *bytes, uint32_t number) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
}

static void send_window(struct session *session, uint32_t count) {
    const struct sender *sender = session->sender;
    uint8_t head[10] = {'2', 'W'};
    put_number(head + 2, count);
    send_frame(session, head, 6, NO_LINE);
    session->window_first = session->next;
    session->window_size = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct sent_line *line = &sender->lines[session->next];
        uint8_t *frame = malloc(line->size + 10);
        assert(frame != NULL);
        memcpy(frame, "2J", 2);
        put_number(frame + 2, i + 1);
        put_number(frame + 6, (uint32_t)line->size);
        memcpy(frame + 10, sender->bytes + line->offset, line->size);
        send_frame(session, frame, line->size + 10, session->next++);
        free(frame);
    }
}

static void send_more(struct session *session) {
    struct sender *sender = session->sender;
    const uint32_t waiting = session->next - sender->acknowledged;
    uint32_t count = 1 + (uint32_t)below(sender, sender->window);
    if (count > sender->count - session->next) count = sender->count - session->next;
    if (sender->kind == SENDER_LUMBERJACK) {
        if (waiting == 0 && count > 0) send_window(session, count);
        return;
    }
    if (count + waiting > sender->window)
        count = waiting < sender->window ? sender->window - waiting : 0;
    for (; count > 0; count--, session->next++) {
        const struct sent_line *line = &sender->lines[session->next];
        send_relp(session, "syslog", sender->bytes + line->offset, line->size, session->next);
    }
}

/* ---- answers ---- */

static void acknowledged_up_to(struct session *session, uint32_t line) {
    struct sender *sender = session->sender;
    if (line > session->next)
        violation("sender %u: line %u is acknowledged before it was sent", sender->number,
                  line - 1);
    session->answered_ns = now_of(sender);
    while (sender->acknowledged < line) {
        sender->lines[sender->acknowledged].acknowledged_life = session->life + 1;
        sender->acknowledged++;
        reached(REACHED_ACKNOWLEDGED);
    }
}

/* Returns how many bytes it took; 0: the answer is not complete. */
static size_t take_relp(struct session *session) {
    const char *text = (const char *)session->answer;
    unsigned number, size;
    char command[16];
    int used = 0;
    const char *line_end = memchr(text, '\n', session->answer_size);
    if (line_end == NULL) return 0;
    if (sscanf(text, "%u %15s %u%n", &number, command, &size, &used) != 3)
        violation("sender %u: no answer of RELP: %.40s", session->sender->number, text);
    const size_t all = (size_t)used + (size > 0) + size + 1;
    if (session->answer_size < all) return 0;
    if (strcmp(command, "serverclose") == 0) {
        session->closing = true;
        return all;
    }
    if (strcmp(command, "rsp") != 0 || number != session->answered + 1)
        violation("sender %u: %s %u is not the answer to %u", session->sender->number, command,
                  number, session->answered + 1);
    const uint32_t line = session->frames[session->answered].line;
    session->answered++;
    if (line != NO_LINE && strncmp(text + used, " 200 OK", 7) != 0)
        violation("sender %u: line %u is answered with%.20s", session->sender->number, line,
                  text + used);
    if (line != NO_LINE) acknowledged_up_to(session, line + 1);
    return all;
}

static size_t take_lumberjack(struct session *session) {
    const uint8_t *bytes = session->answer;
    if (session->answer_size < 6) return 0;
    const uint32_t number =
        (uint32_t)bytes[2] << 24 | (uint32_t)bytes[3] << 16 | (uint32_t)bytes[4] << 8 | bytes[5];
    if (bytes[0] != '2' || bytes[1] != 'A' || number > session->window_size)
        violation("sender %u: no answer of Lumberjack, or %u of a window of %u",
                  session->sender->number, number, session->window_size);
    acknowledged_up_to(session, session->window_first + number);
    return 6;
}

static void answer_received(void *context, const uint8_t *bytes, size_t size) {
    struct session *session = context;
    while (size > 0) {
        size_t part = sizeof session->answer - 1 - session->answer_size;
        if (part > size) part = size;
        memcpy(session->answer + session->answer_size, bytes, part);
        session->answer_size += part;
        bytes += part;
        size -= part;
        size_t taken;
        do {
            session->answer[session->answer_size] = '\0';
            taken = session->sender->kind == SENDER_RELP ? take_relp(session)
                                                         : take_lumberjack(session);
            memmove(session->answer, session->answer + taken, session->answer_size - taken);
            session->answer_size -= taken;
        } while (taken > 0); /* ends: the answers are finite */
    }
}

/* ---- a session ---- */

static void session_accepted(void *context) {
    struct session *session = context;
    session->life = session->sender->all->life;
}

static void session_ended(void *context, bool reset) {
    struct session *session = context;
    struct sender *sender = session->sender;
    (void)reset;
    if (session->ended) return; /* it has given up */
    session->ended = true;
    trace_line(now_of(sender), "sender %u: its session has ended, %u of %u acknowledged",
               sender->number, sender->acknowledged, sender->count);
    if (!resender_done(sender))
        later(sender, (int64_t)below(sender, RETRY_NS_MAX), connect_again, sender);
}

static void connect_again(void *context) {
    static const struct network_events events = {
        .accepted = session_accepted, .received = answer_received, .ended = session_ended};
    struct sender *sender = context;
    struct senders *senders = sender->all;
    struct session *session = calloc(1, sizeof *session);
    assert(session != NULL);
    session->sender = sender;
    session->older = sender->session;
    session->next = sender->acknowledged;
    session->number = 1;
    session->life = senders->life;
    session->answered_ns = now_of(sender);
    sender->session = session;
    if (session->older != NULL) reached(REACHED_SENT_AGAIN);
    const uint16_t port =
        sender->kind == SENDER_RELP ? senders->relp_port : senders->lumberjack_port;
    session->link = network_connect(senders->network, port, &sender->peer, &events, session);
    if (sender->kind == SENDER_RELP) {
        static const char offer[] = "relp_version=0\nrelp_software=test\ncommands=syslog";
        send_relp(session, "open", offer, sizeof offer - 1, NO_LINE);
    }
    later(sender, 0, act, session);
}

/* It gives up a session that is not answered, or for no reason. */
static bool loses_patience(const struct session *session) {
    const struct sender *sender = session->sender;
    const bool quiet = now_of(sender) >= sender->all->quiet_ns;
    return now_of(sender) - session->answered_ns > PATIENCE_NS ||
           (!quiet && chance_one_in(&sender->all->chance, 200));
}

static void act(void *context) {
    struct session *session = context;
    struct sender *sender = session->sender;
    if (session->ended) return;
    if (network_progress(session->link).reset) return;
    if (resender_done(sender)) {
        if (!session->closing) {
            session->closing = true;
            if (sender->kind == SENDER_RELP) send_relp(session, "close", "", 0, NO_LINE);
            network_finish(session->link);
        }
        return;
    }
    if (loses_patience(session)) {
        trace_line(now_of(sender), "sender %u resets its session", sender->number);
        reached(REACHED_SESSION_RESET);
        network_reset(session->link);
        session_ended(session, true);
        return;
    }
    if (!session->closing) send_more(session);
    network_read(session->link, below(sender, 8) > 0);
    later(sender, (int64_t)below(sender, (uint64_t)sender->all->pause_ns_max) + SIM_MS, act,
          session);
}

static void resender_begin(struct sender *sender) {
    struct senders *senders = sender->all;
    const uint32_t planned = 1 + (uint32_t)chance_below(&senders->chance, senders->records_max);
    const size_t room = senders->line_bytes_max + 64;
    sender->bytes = malloc(planned * room);
    assert(sender->bytes != NULL);
    for (uint32_t i = 0; i < planned; i++) {
        struct sent_line *line = sender_next_line(sender);
        line->offset = sender->size;
        line->size = sender_write_line(sender, line, (char *)sender->bytes + sender->size, room);
        if (line->kind == LINE_BLANK)
            sender->count--; /* it is no record: nothing would be acknowledged */
        sender->size += line->size;
    }
    sender->window = 1 + (uint32_t)below(sender, 40);
    if (!resender_done(sender)) connect_again(sender);
}

static void resender_free(struct sender *sender) {
    struct session *session = sender->session;
    while (session != NULL) {
        struct session *older = session->older;
        free(session->frames);
        free(session);
        session = older;
    }
}

void resenders_open(struct senders *senders) {
    senders->begin_resender = resender_begin;
    senders->free_resender = resender_free;
}

/* ---- what was taken ---- */

struct resent_records resender_taken(const struct sender *sender, uint32_t life) {
    struct resent_records records = {0};
    for (uint32_t n = 0; n < sender->acknowledged; n++) {
        if (sender->lines[n].acknowledged_life != life + 1) continue;
        records.acknowledged++;
        records.acknowledged_valid += sender->lines[n].kind == LINE_VALID;
    }
    for (const struct session *s = session_of(sender); s != NULL; s = s->older) {
        const struct network_progress progress = network_progress(s->link);
        if (s->life != life) continue;
        size_t begin = 0;
        for (uint32_t i = 0; i < s->count && begin < progress.taken; i++) {
            const bool whole = s->frames[i].end <= progress.taken;
            const uint32_t line = s->frames[i].line;
            /* RELP: whole without the newline at its end. */
            const bool valid = s->frames[i].end <= progress.taken + 1 && line != NO_LINE &&
                               sender->lines[line].kind == LINE_VALID;
            records.valid += valid;
            records.all += line != NO_LINE || !whole;
            begin = s->frames[i].end;
        }
    }
    return records;
}

void resender_links(const struct sender *sender, uint32_t *open, uint32_t *waiting) {
    for (const struct session *s = session_of(sender); s != NULL; s = s->older) {
        const struct network_progress progress = network_progress(s->link);
        if (s->ended || progress.reset) continue;
        *open += progress.accepted;
        *waiting += !progress.accepted;
    }
}

bool resender_unread(const struct sender *sender) {
    const struct session *session = session_of(sender);
    if (session == NULL || session->ended) return false;
    const struct network_progress progress = network_progress(session->link);
    return progress.accepted && progress.taken < progress.sent;
}
