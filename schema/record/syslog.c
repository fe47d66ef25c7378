/* syslog.c - see syslog.h: the parser. */
#include "schema/record/syslog.h"

#include <string.h>

/* A longer header is no header: the message begins after the priority.  RFC 5424 section 6.1 asks
 * receivers for 2,048 bytes of header and message together. */
#define HEADER_BYTES_MAX 8192

static const char cookie[] = "@cee:";
static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF}; /* RFC 5424 section 6.4 */

enum step {
    OPEN,     /* '<' */
    PRIORITY, /* digits, '>' */
    BEGIN,    /* after it */
    VERSION,  /* after a '1' */
    /* RFC 5424 */
    FIELD,       /* time to message id */
    DATA,        /* the first byte of structured data */
    NIL_DATA,    /* '-' */
    ELEMENT,     /* in an element, outside the values of its parameters */
    VALUE,       /* in a value */
    ELEMENT_END, /* after ']' */
    /* RFC 3164 */
    TOKENS,   /* between tokens */
    TOKEN,    /* in one */
    DAY,      /* after a month */
    DAY_PART, /* in a day, a year or a time of day after it */
    CLOCK,    /* after a date, or in the time of day after it */
    /* both */
    MESSAGE,
    MARK,        /* in a byte order mark */
    COOKIE,      /* in "@cee:" */
    AFTER_COOKIE /* white space after it */
};

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}
static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool has(const struct syslog_header *header, enum syslog_field field) {
    return header->fields[field].end > header->fields[field].begin;
}

/* ---- what the tokens of RFC 3164 are ---- */

/* "app[12]" or "app". */
static void set_tag(struct syslog_header *header, struct syslog_span tag) {
    const bool process = header->bracket > tag.begin && header->bracket_end + 1 == tag.end;
    header->fields[SYSLOG_APP] = tag;
    if (!process) return;
    header->fields[SYSLOG_APP].end = header->bracket;
    header->fields[SYSLOG_PROCID] = (struct syslog_span){header->bracket + 1, tag.end - 1};
}

static enum syslog_step object(struct syslog_header *header) {
    const struct syslog_span *token = header->token;
    const bool tag_only = !has(header, SYSLOG_TIME) || header->bracket > 0;
    header->message = header->at;
    if (header->tokens == 1 && tag_only)
        set_tag(header, token[0]);
    else if (header->tokens > 0)
        header->fields[SYSLOG_HOST] = token[0];
    if (header->tokens == 2) set_tag(header, token[1]);
    return SYSLOG_OBJECT;
}

/* Tokens without a colon are words of the message, but the first after a time is the host. */
static enum syslog_step text(struct syslog_header *header, uint32_t message, bool ended) {
    const struct syslog_span *token = header->token;
    const bool host = has(header, SYSLOG_TIME) && (header->tokens == 2 || !ended);
    header->message = message;
    if (header->tokens == 0) return SYSLOG_TEXT;
    if (host) header->fields[SYSLOG_HOST] = token[0];
    if (!host)
        header->message = token[0].begin;
    else if (header->tokens == 2)
        header->message = token[1].begin;
    return SYSLOG_TEXT;
}

/* What follows the tag that ends here is the message.  Without a time, two words and a colon are a
 * host and a tag only before an object. */
static void tag_ends(struct syslog_header *header, uint32_t end) {
    struct syslog_span *token = header->token + header->tokens;
    token->end = end;
    header->step = MESSAGE;
    if (header->tokens == 1 && !has(header, SYSLOG_TIME)) {
        header->tokens = 2;
        return;
    }
    if (header->tokens == 1) header->fields[SYSLOG_HOST] = header->token[0];
    set_tag(header, *token);
    header->tokens = 0;
}

static bool is_month(const uint8_t *word) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (size_t i = 0; i < 12; i++)
        if (memcmp(months + 3 * i, word, 3) == 0) return true;
    return false;
}

/* The first token: a time, or the first word of one?  header->at is after it. */
static bool is_time(struct syslog_header *header) {
    const uint8_t *word = header->word;
    struct syslog_span *token = header->token;
    const uint32_t size = header->at - token->begin;
    if (header->tokens > 0 || has(header, SYSLOG_TIME)) return false;
    if (size == 3 && is_month(word)) {
        header->step = DAY;
        header->digits = 0;
        token->end = header->at;
        return true;
    }
    if (size < 10 || !is_digit(word[0]) || !is_digit(word[1]) || !is_digit(word[2]) ||
        !is_digit(word[3]) || word[4] != '-')
        return false;
    token->end = header->at - (header->previous == ':');
    header->fields[SYSLOG_TIME] = *token;
    header->step = size == 10 ? CLOCK : TOKENS;
    header->marker = 0;
    return true;
}

/* A token has ended. */
static void token_ends(struct syslog_header *header) {
    header->step = TOKENS;
    if (is_time(header)) return;
    if (header->previous == ':') {
        tag_ends(header, header->at - 1);
        return;
    }
    header->token[header->tokens++].end = header->at;
}

/* ---- the message ---- */

static enum syslog_step message_byte(struct syslog_header *header, uint8_t byte) {
    if (is_space(byte)) return SYSLOG_MORE;
    if (byte == '{') return object(header);
    header->message = header->at;
    header->marker = 1;
    header->step = byte == byte_order_mark[0] ? MARK : COOKIE;
    return byte == byte_order_mark[0] || byte == (uint8_t)cookie[0]
               ? SYSLOG_MORE
               : text(header, header->message, false);
}

static enum syslog_step mark_byte(struct syslog_header *header, uint8_t byte) {
    if (byte != byte_order_mark[header->marker]) return text(header, header->message, false);
    if (++header->marker == sizeof byte_order_mark) header->step = MESSAGE;
    return SYSLOG_MORE;
}

static enum syslog_step cookie_byte(struct syslog_header *header, uint8_t byte) {
    if (byte != (uint8_t)cookie[header->marker]) return text(header, header->message, false);
    if (cookie[++header->marker] == '\0') header->step = AFTER_COOKIE;
    return SYSLOG_MORE;
}

static enum syslog_step after_cookie_byte(struct syslog_header *header, uint8_t byte) {
    if (is_space(byte)) return SYSLOG_MORE;
    return byte == '{' ? object(header) : text(header, header->message, false);
}

/* ---- RFC 3164 ---- */

static enum syslog_step between_tokens(struct syslog_header *header, uint8_t byte) {
    if (is_space(byte)) return SYSLOG_MORE;
    if (byte == '{' || byte == (uint8_t)cookie[0] || byte == byte_order_mark[0])
        return message_byte(header, byte);
    if (header->tokens == 2) return text(header, header->at, false);
    header->token[header->tokens].begin = header->at;
    header->step = TOKEN;
    header->bracket = 0;
    header->word[0] = byte;
    return SYSLOG_MORE;
}

static enum syslog_step token_byte(struct syslog_header *header, uint8_t byte) {
    const uint32_t size = header->at - header->token[header->tokens].begin;
    const bool colon = header->previous == ':';
    if (is_space(byte)) {
        token_ends(header);
        return SYSLOG_MORE;
    }
    if (byte == '{' && header->previous == ']') {
        header->token[header->tokens++].end = header->at;
        return object(header);
    }
    const bool closed = header->before == ']';
    if (colon && size > 1 && (byte == '{' || byte == (uint8_t)cookie[0] || closed)) {
        tag_ends(header, header->at - 1);
        return message_byte(header, byte);
    }
    if (byte == '[' && header->bracket == 0) header->bracket = header->at;
    if (byte == ']') header->bracket_end = header->at;
    return SYSLOG_MORE;
}

static enum syslog_step day_byte(struct syslog_header *header, uint8_t byte) {
    if (is_space(byte)) return SYSLOG_MORE;
    if (!is_digit(byte) || header->digits == 3) { /* no time after all */
        header->tokens = 1;
        header->step = TOKENS;
        return between_tokens(header, byte);
    }
    header->digits++; /* parts: a day, a year, a time of day */
    header->marker = 0;
    header->step = DAY_PART;
    return SYSLOG_MORE;
}

static enum syslog_step day_part_byte(struct syslog_header *header, uint8_t byte) {
    if (byte == ':' && header->previous != ':') header->marker = 1;
    if (!is_space(byte)) return SYSLOG_MORE;
    header->step = DAY;
    if (!header->marker) return SYSLOG_MORE;
    header->fields[SYSLOG_TIME] =
        (struct syslog_span){header->token[0].begin, header->at - (header->previous == ':')};
    header->step = TOKENS;
    return SYSLOG_MORE;
}

/* marker: 1 in a time of day, 2 if it has a colon. */
static enum syslog_step clock_byte(struct syslog_header *header, uint8_t byte) {
    if (header->marker == 0 && is_space(byte)) return SYSLOG_MORE;
    if (header->marker == 0 && !is_digit(byte)) {
        header->step = TOKENS;
        return between_tokens(header, byte);
    }
    if (header->marker == 0) {
        header->token[0].begin = header->at;
        header->marker = 1;
    }
    if (byte == ':') header->marker = 2;
    if (!is_space(byte)) return SYSLOG_MORE;
    header->step = TOKENS;
    if (header->marker == 2)
        header->fields[SYSLOG_TIME].end = header->at - (header->previous == ':');
    else
        header->token[header->tokens++].end = header->at;
    return SYSLOG_MORE;
}

/* ---- RFC 5424 ---- */

static enum syslog_step data_byte(struct syslog_header *header, uint8_t byte) {
    header->fields[SYSLOG_DATA] = (struct syslog_span){header->at, header->at};
    header->message = header->at;
    header->step = byte == '-' ? NIL_DATA : byte == '[' ? ELEMENT : MESSAGE;
    return header->step == MESSAGE ? message_byte(header, byte) : SYSLOG_MORE;
}

static enum syslog_step nil_data_byte(struct syslog_header *header, uint8_t byte) {
    if (!is_space(byte) && byte != '{') return text(header, header->message, false);
    header->step = MESSAGE;
    return message_byte(header, byte);
}

static enum syslog_step element_byte(struct syslog_header *header, uint8_t byte) {
    if (byte == '"') header->step = VALUE;
    if (byte == ']') header->step = ELEMENT_END;
    return SYSLOG_MORE;
}

static enum syslog_step value_byte(struct syslog_header *header, uint8_t byte) {
    const bool escaped = header->escaped;
    header->escaped = !escaped && byte == '\\';
    if (byte == '"' && !escaped) header->step = ELEMENT;
    return SYSLOG_MORE;
}

static enum syslog_step element_end_byte(struct syslog_header *header, uint8_t byte) {
    if (byte == '[') {
        header->step = ELEMENT;
        return SYSLOG_MORE;
    }
    header->fields[SYSLOG_DATA].end = header->at;
    header->step = MESSAGE;
    return message_byte(header, byte);
}

/* A field ends with this space.  False: it is no header of RFC 5424. */
static bool field_ends(struct syslog_header *header) {
    struct syslog_span *field = &header->fields[header->field];
    field->end = header->at;
    const bool nil = field->end - field->begin == 1 && header->previous == '-';
    if (header->field == SYSLOG_TIME && !nil && !is_digit(header->word[0])) return false;
    if (nil) field->end = field->begin;
    header->field++;
    header->fields[header->field] = (struct syslog_span){header->at + 1, header->at + 1};
    if (header->field == SYSLOG_DATA) header->step = DATA;
    return true;
}

static enum syslog_step field_byte(struct syslog_header *header, uint8_t byte) {
    struct syslog_span *field = &header->fields[header->field];
    const bool first = header->at == field->begin;
    if (first && byte == '{') return object(header);
    if (first && byte == '[' && header->field >= SYSLOG_PROCID) return data_byte(header, byte);
    if (first) header->word[0] = byte;
    if (!is_space(byte)) return SYSLOG_MORE;
    if (first) { /* more than one space */
        field->begin++;
        return SYSLOG_MORE;
    }
    if (field_ends(header)) return SYSLOG_MORE;
    memset(header->fields, 0, sizeof header->fields);
    return text(header, header->message, false);
}

/* ---- both ---- */

static enum syslog_step priority_byte(struct syslog_header *header, uint8_t byte) {
    if (byte == '>' && header->digits > 0) {
        header->step = BEGIN;
        return SYSLOG_MORE;
    }
    if (!is_digit(byte) || header->digits == 3) return SYSLOG_NONE;
    const uint32_t priority = header->priority * 10u + (uint32_t)(byte - '0');
    if (priority > SYSLOG_PRIORITY_MAX) return SYSLOG_NONE;
    header->priority = (uint8_t)priority;
    header->digits++;
    return SYSLOG_MORE;
}

static enum syslog_step begin_byte(struct syslog_header *header, uint8_t byte) {
    if (is_space(byte)) return SYSLOG_MORE;
    header->message = header->at;
    header->step = TOKENS;
    const enum syslog_step step = between_tokens(header, byte);
    if (byte == '1' && header->at == (uint32_t)header->digits + 2) header->step = VERSION;
    return step;
}

static enum syslog_step version_byte(struct syslog_header *header, uint8_t byte) {
    header->step = TOKEN;
    if (byte != ' ') return token_byte(header, byte);
    header->step = FIELD;
    header->field = SYSLOG_TIME;
    header->fields[SYSLOG_TIME] = (struct syslog_span){header->at + 1, header->at + 1};
    return SYSLOG_MORE;
}

static enum syslog_step step(struct syslog_header *header, uint8_t byte) {
    switch (header->step) {
    case OPEN: header->step = PRIORITY; return byte == '<' ? SYSLOG_MORE : SYSLOG_NONE;
    case PRIORITY: return priority_byte(header, byte);
    case BEGIN: return begin_byte(header, byte);
    case VERSION: return version_byte(header, byte);
    case FIELD: return field_byte(header, byte);
    case DATA: return is_space(byte) ? SYSLOG_MORE : data_byte(header, byte);
    case NIL_DATA: return nil_data_byte(header, byte);
    case ELEMENT: return element_byte(header, byte);
    case VALUE: return value_byte(header, byte);
    case ELEMENT_END: return element_end_byte(header, byte);
    case TOKENS: return between_tokens(header, byte);
    case TOKEN: return token_byte(header, byte);
    case DAY: return day_byte(header, byte);
    case DAY_PART: return day_part_byte(header, byte);
    case CLOCK: return clock_byte(header, byte);
    case MESSAGE: return message_byte(header, byte);
    case MARK: return mark_byte(header, byte);
    case COOKIE: return cookie_byte(header, byte);
    default: return after_cookie_byte(header, byte);
    }
}

static void remember(struct syslog_header *header, uint8_t byte) {
    if (header->step == TOKEN) {
        const uint32_t size = header->at - header->token[header->tokens].begin;
        if (size < sizeof header->word) header->word[size] = byte;
    }
    header->before = header->previous;
    header->previous = byte;
}

enum syslog_step syslog_step(struct syslog_header *header, uint8_t byte) {
    const enum syslog_step result = step(header, byte);
    if (result != SYSLOG_MORE) return result;
    remember(header, byte);
    if (++header->at < HEADER_BYTES_MAX) return SYSLOG_MORE;
    memset(header->fields, 0, sizeof header->fields);
    header->message = (uint32_t)header->digits + 2;
    return SYSLOG_TEXT;
}

bool syslog_in_words(const struct syslog_header *header) {
    switch (header->step) {
    case BEGIN:
    case VERSION:
    case TOKENS:
    case TOKEN:
    case DAY:
    case DAY_PART:
    case CLOCK:
    case MESSAGE:
    case MARK:
    case COOKIE:
    case AFTER_COOKIE: return true;
    default: return false;
    }
}

enum syslog_step syslog_end(struct syslog_header *header) {
    switch (header->step) {
    case OPEN:
    case PRIORITY:
    case BEGIN: return SYSLOG_NONE;
    case VERSION:
    case TOKEN:
        token_ends(header);
        if (header->step == DAY) header->tokens = 1;
        return text(header, header->at, true);
    case DAY:
    case DAY_PART: header->tokens = 1; return text(header, header->at, true);
    case CLOCK: return text(header, header->marker ? header->token[0].begin : header->at, true);
    case ELEMENT:
    case VALUE: return text(header, header->message, true);
    case ELEMENT_END: header->fields[SYSLOG_DATA].end = header->at; break;
    case FIELD:
        if (field_ends(header)) break;
        memset(header->fields, 0, sizeof header->fields);
        return text(header, header->message, true);
    case MARK:
    case COOKIE:
    case AFTER_COOKIE: return text(header, header->message, false);
    default: break;
    }
    return text(header, header->at, true);
}

enum syslog_step syslog_parse(const uint8_t *bytes, size_t size, struct syslog_header *header) {
    *header = (struct syslog_header){0};
    for (size_t i = 0; i < size; i++) {
        const enum syslog_step result = syslog_step(header, bytes[i]);
        if (result != SYSLOG_MORE) return result;
    }
    return syslog_end(header);
}

size_t syslog_cookie(const uint8_t *bytes, size_t size) {
    size_t at = sizeof cookie - 1;
    if (size < at || memcmp(bytes, cookie, at) != 0) return 0;
    while (at < size && is_space(bytes[at]))
        at++;
    return at < size && bytes[at] == '{' ? at : 0;
}
