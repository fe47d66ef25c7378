/* relp.c - RELP, the Reliable Event Logging Protocol, version 0, as rsyslog's omrelp and librelp speak
 * it (the specification is doc/relp.html of librelp).
 *
 *     TXNR SP COMMAND SP DATALEN [SP DATA] LF
 *
 * A session begins with "open", then each "syslog" is one message, which is a record as it is with
 * any other framing of syslog.  Every frame gets its "rsp", in order: 200 once the message is stored.
 * After bytes that are no frame nothing says where the next one begins, so the connection is refused,
 * after the answers to what came before.  A frame that has not arrived completely was not
 * acknowledged: its sender sends it again. */
#include <string.h>

#include "ingest/protocol/protocol.h"
#include "schema/json/write.h"

#define DIGITS_MAX  9 /* of a transaction number and of a length */
#define TXNR_MAX    999999999u
#define COMMAND_MAX 32
/* The longest answer, and a goodbye. */
#define ANSWER_MAX  128

enum step { TXNR, COMMAND, LENGTH, DATA, END };

enum answer {
    ANSWER_OPEN,
    ANSWER_NO_VERSION,
    ANSWER_NO_SYSLOG,
    ANSWER_OPEN_AGAIN,
    ANSWER_STORED,
    ANSWER_CLOSE,
    ANSWER_UNKNOWN,
};
static const char *const answers[] = {
    [ANSWER_OPEN] = "200 OK\nrelp_version=0\nrelp_software=logportd\ncommands=syslog",
    [ANSWER_NO_VERSION] = "500 relp_version is missing",
    [ANSWER_NO_SYSLOG] = "500 the command syslog is not offered",
    [ANSWER_OPEN_AGAIN] = "500 the session is open already",
    [ANSWER_STORED] = "200 OK",
    [ANSWER_CLOSE] = "",
    [ANSWER_UNKNOWN] = "500 unknown command",
};

/* ---- the first line: TXNR SP COMMAND SP DATALEN ---- */

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool add_digit(struct relp_state *state, uint32_t *number, uint8_t byte) {
    if (state->size == DIGITS_MAX) return false;
    *number = *number * 10 + (uint32_t)(byte - '0');
    state->size++;
    return true;
}

/* Words of which only the first bytes are kept: all that are known are shorter. */
static void add_to_word(struct relp_state *state, uint8_t byte) {
    if (state->size < sizeof state->word) state->word[state->size] = byte;
    if (state->size < UINT8_MAX) state->size++;
}

static bool word_is(const struct relp_state *state, const char *word) {
    return state->size == strlen(word) && memcmp(state->word, word, state->size) == 0;
}

static void next_step(struct relp_state *state, enum step step) {
    state->step = (uint8_t)step;
    state->size = 0;
}

static bool end_of_command(struct relp_state *state) {
    state->command = word_is(state, "syslog")  ? RELP_SYSLOG
                     : word_is(state, "open")  ? RELP_OPEN
                     : word_is(state, "close") ? RELP_CLOSE
                                               : RELP_UNKNOWN;
    if (!state->opened && state->command != RELP_OPEN) return false;
    state->length = 0;
    next_step(state, LENGTH);
    return true;
}

/* False: the byte cannot be there. */
static bool header_byte(struct relp_state *state, uint8_t byte) {
    switch (state->step) {
    case TXNR:
        if (is_digit(byte)) return add_digit(state, &state->txnr, byte);
        if (byte != ' ' || state->txnr == 0) return false;
        next_step(state, COMMAND);
        return true;
    case COMMAND:
        if (byte == ' ' && state->size > 0) return end_of_command(state);
        add_to_word(state, byte);
        return is_letter(byte) && state->size <= COMMAND_MAX;
    default:
        if (is_digit(byte)) return add_digit(state, &state->length, byte);
        if (byte != ' ' || state->size == 0) return false;
        state->left = state->length;
        next_step(state, DATA);
        return true;
    }
}

/* ---- offers: NAME=VALUE[,VALUE...] LF ... ---- */

static void end_of_offer(struct relp_state *state) {
    if (state->offer == RELP_VERSION && state->size > 0 && is_digit(state->word[0]))
        state->has_version = true;
    if (state->offer == RELP_COMMANDS && word_is(state, "syslog")) state->has_syslog = true;
    state->size = 0;
}

static void offer_byte(struct relp_state *state, uint8_t byte) {
    if (byte == '=' && state->offer == RELP_NAME) {
        state->offer = word_is(state, "relp_version") ? RELP_VERSION
                       : word_is(state, "commands")   ? RELP_COMMANDS
                                                      : RELP_OTHER;
        state->size = 0;
    } else if (byte == ',' || byte == '\n') {
        end_of_offer(state);
        if (byte == '\n') state->offer = RELP_NAME;
    } else {
        add_to_word(state, byte);
    }
}

/* ---- frames ---- */

static enum answer answer_to(struct relp_state *state) {
    switch (state->command) {
    case RELP_SYSLOG: return ANSWER_STORED;
    case RELP_CLOSE: return ANSWER_CLOSE;
    case RELP_OPEN:
        end_of_offer(state);
        return state->opened         ? ANSWER_OPEN_AGAIN
               : !state->has_version ? ANSWER_NO_VERSION
               : !state->has_syslog  ? ANSWER_NO_SYSLOG
                                     : ANSWER_OPEN;
    default: return ANSWER_UNKNOWN;
    }
}

static uint32_t after(uint32_t txnr, uint32_t count) {
    return (uint32_t)(((uint64_t)txnr - 1 + count) % TXNR_MAX + 1);
}

/* What it is answered, later; consecutive numbers with the same answer take no memory.  False: no
 * room: the numbers are not consecutive. */
static bool note_answer(struct relp_state *state, enum answer answer) {
    struct relp_run *last =
        &state->runs[(state->first_run + state->run_count + RELP_RUNS - 1) % RELP_RUNS];
    if (state->run_count > 0 && last->answer == answer && last->count < UINT32_MAX &&
        after(last->txnr, last->count) == state->txnr) {
        last->count++;
        return true;
    }
    if (state->run_count == RELP_RUNS) return false;
    state->runs[(state->first_run + state->run_count++) % RELP_RUNS] =
        (struct relp_run){.txnr = state->txnr, .count = 1, .answer = (uint8_t)answer};
    return true;
}

/* Whatever its length, so that the reason does not depend on how the bytes were cut. */
static bool reject_frame(struct session *session, const struct sink *sink, const uint8_t *bytes,
                         size_t size) {
    if (session->partial.set_aside) session->partial.set_aside = REJECT_RELP_FRAME;
    return partial_reject(&session->partial, sink, bytes, size, REJECT_RELP_FRAME);
}

static size_t refuse(struct session *session, const struct sink *sink, const uint8_t *bytes,
                     size_t size, size_t taken) {
    if (!reject_frame(session, sink, bytes + taken, size - taken)) return taken;
    session->refused = REJECT_RELP_FRAME;
    return size;
}

/* The frame is complete. */
static void end_frame(struct session *session, const struct sink *sink, bool has_record) {
    struct relp_state *state = &session->state.relp;
    state->token++;
    if (has_record)
        sink_acknowledge(sink, state->token);
    else if (!sink_acknowledge_nothing(sink, state->token))
        state->committed = state->token;
    if (state->command == RELP_OPEN) state->opened = state->has_version && state->has_syslog;
    session->ended = state->command == RELP_CLOSE;
    session->given_up = !state->opened;
    state->txnr = 0;
    state->offer = RELP_NAME;
    next_step(state, TXNR);
}

/* At the LF that ends the frame; part: bytes of its data before it that were not taken yet.  False:
 * no room, for the record or for its acknowledgement. */
static bool finish_frame(struct session *session, const struct sink *sink, const uint8_t *data,
                         size_t part, bool *refused) {
    struct relp_state *state = &session->state.relp;
    const bool has_record = state->command == RELP_SYSLOG && state->length > 0;
    session->waits = !sink_may_acknowledge(sink);
    if (session->waits) return false;
    /* It was cut to its beginning although it may be valid: unlike what is invalid, its sender should
     * send it again. */
    const bool lost = session->partial.set_aside == REJECT_LINE_MEMORY;
    const struct relp_state before = *state;
    const uint32_t filled = sink->batch->raw_size;
    if (!note_answer(state, answer_to(state))) {
        *refused = true;
        return false;
    }
    if (has_record && !(session->partial.size == 0
                            ? sink_record(sink, data, part, SINK_TEXT)
                            : partial_finish(&session->partial, sink, data, part, SINK_TEXT))) {
        *state = before;
        return false;
    }
    if (lost) {
        *state = before;
        session->given_up = true;
    } else {
        end_frame(session, sink, sink->batch->raw_size > filled); /* "\n" is no line */
    }
    return true;
}

/* Takes data that is not followed by the end of the frame. */
static void take_data(struct session *session, const struct sink *sink, const uint8_t *bytes,
                      size_t size) {
    struct relp_state *state = &session->state.relp;
    if (state->command == RELP_SYSLOG) partial_add(&session->partial, sink, bytes, size);
    for (size_t i = 0; i < size && state->command == RELP_OPEN; i++)
        offer_byte(state, bytes[i]);
    state->left -= (uint32_t)size;
}

static bool is_over(const struct session *session) {
    return session->ended || session->given_up;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct relp_state *state = &session->state.relp;
    size_t taken = 0;
    while (taken < size && !is_over(session)) {
        const uint8_t *at = bytes + taken;
        const size_t there = size - taken;
        bool refused = false;
        if (state->step != DATA) {
            const bool ends = *at == '\n' && state->step == LENGTH && state->length == 0;
            if (!ends || state->size == 0) {
                if (!header_byte(state, *at)) return refuse(session, sink, bytes, size, taken);
                taken++;
                continue;
            }
            state->left = 0;
        } else if (state->left > 0 && (state->command != RELP_SYSLOG || there <= state->left)) {
            const size_t part = there < state->left ? there : state->left;
            take_data(session, sink, at, part);
            taken += part;
            continue;
        }
        const size_t part = state->left;
        if (at[part] != '\n') return refuse(session, sink, bytes, size, taken);
        if (!finish_frame(session, sink, at, part, &refused))
            return refused ? refuse(session, sink, bytes, size, taken) : taken;
        taken += part + 1;
    }
    return is_over(session) ? size : taken;
}

/* The peer sends it again: it was not acknowledged. */
static bool end(struct session *session, const struct sink *sink) {
    return session->partial.size == 0 || reject_frame(session, sink, NULL, 0);
}

/* ---- answers ---- */

static void committed(struct session *session, const struct commit *commit) {
    session->state.relp.committed = commit->token;
}

static bool owes_goodbye(const struct session *session) {
    const struct relp_state *state = &session->state.relp;
    return session->leaving && !state->said_goodbye && state->token > 0;
}

static bool owes(const struct session *session) {
    const struct relp_state *state = &session->state.relp;
    return state->answered < state->committed || owes_goodbye(session);
}

static uint8_t *put_number(uint8_t *to, uint32_t number) {
    return (uint8_t *)json_write_number((char *)to, number);
}

static uint8_t *put_text(uint8_t *to, const char *text) {
    const size_t size = strlen(text);
    memcpy(to, text, size);
    return to + size;
}

static uint8_t *put_answer(uint8_t *to, uint32_t txnr, const char *text) {
    to = put_text(put_number(to, txnr), " rsp ");
    to = put_number(to, (uint32_t)strlen(text));
    if (*text) *to++ = ' ';
    to = put_text(to, text);
    *to++ = '\n';
    return to;
}

static size_t reply(struct session *session, uint8_t *bytes, size_t size) {
    struct relp_state *state = &session->state.relp;
    uint8_t *to = bytes;
    while (state->answered < state->committed && size - (size_t)(to - bytes) >= ANSWER_MAX) {
        struct relp_run *run = &state->runs[state->first_run];
        to = put_answer(to, run->txnr, answers[run->answer]);
        run->txnr = after(run->txnr, 1);
        state->answered++;
        if (--run->count > 0) continue;
        state->first_run = (uint8_t)((state->first_run + 1) % RELP_RUNS);
        state->run_count--;
    }
    if (state->answered == state->committed && owes_goodbye(session) &&
        size - (size_t)(to - bytes) >= ANSWER_MAX) {
        to = put_text(to, "0 serverclose 0\n");
        state->said_goodbye = true;
    }
    return (size_t)(to - bytes);
}

const struct protocol protocol_relp = {
    .name = "relp", .take = take, .end = end, .committed = committed, .owes = owes, .reply = reply};
