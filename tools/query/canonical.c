/* canonical.c - see canonical.h.  One pass over the members finds all keys; which of them counts is
 * decided afterwards from the tables below. */
#include "tools/query/canonical.h"

#include <stdio.h>
#include <string.h>

#include "schema/record/inner.h"

/* ---- the keys ---- */

/* PRIORITY-like names of journald are found in upper case only. */
#define KEYS(X)                                                                                    \
    X(MESSAGE, "message")                                                                          \
    X(MSG, "msg")                                                                                  \
    X(AT_M, "@m")                                                                                  \
    X(AT_MESSAGE, "@message")                                                                      \
    X(AT_MT, "@mt")                                                                                \
    X(RENDERED_MESSAGE, "RenderedMessage")                                                         \
    X(MESSAGE_TEMPLATE, "MessageTemplate")                                                         \
    X(SHORT_MESSAGE, "short_message")                                                              \
    X(UNDERSCORE_MSG, "_msg")                                                                      \
    X(TEXT_PAYLOAD, "textPayload")                                                                 \
    X(LOG, "log")                                                                                  \
    X(BODY, "body")                                                                                \
    X(FIELDS, "fields")                                                                            \
    X(JSON_PAYLOAD, "jsonPayload")                                                                 \
    X(EVENT, "event")                                                                              \
    X(FULL_MESSAGE, "full_message")                                                                \
    X(ERROR, "error")                                                                              \
    X(ERR, "err")                                                                                  \
    X(EVENT_NAME, "eventName")                                                                     \
    X(VERB, "verb")                                                                                \
    X(REQUEST_URI, "requestURI")                                                                   \
    X(REQUEST, "request")                                                                          \
    X(STATUS, "status")                                                                            \
    X(REQUEST_METHOD, "request_method")                                                            \
    X(REQUEST_URI_2, "request_uri")                                                                \
    X(METHOD, "method")                                                                            \
    X(URI, "uri")                                                                                  \
    X(URL, "url")                                                                                  \
    X(PATH, "path")                                                                                \
    X(LOGGER, "logger")                                                                            \
    X(LOGGER_NAME, "logger_name")                                                                  \
    X(LOGGERNAME, "loggerName")                                                                    \
    X(LOG_DOT_LOGGER, "log.logger")                                                                \
    X(AT_LOGGER, "@logger")                                                                        \
    X(AT_MODULE, "@module")                                                                        \
    X(SOURCE_CONTEXT, "SourceContext")                                                             \
    X(PROPERTIES, "Properties")                                                                    \
    X(UNDERSCORE_LOGGER, "_logger")                                                                \
    X(UNDERSCORE_LOGGER_NAME, "_logger_name")                                                      \
    X(SCOPE, "scope")                                                                              \
    X(INSTRUMENTATION_SCOPE, "instrumentationScope")                                               \
    X(NAME, "name")                                                                                \
    X(CHANNEL, "channel")                                                                          \
    X(CATEGORY, "category")                                                                        \
    X(TARGET, "target")                                                                            \
    X(FACILITY, "facility")                                                                        \
    X(SYSLOG_IDENTIFIER, "SYSLOG_IDENTIFIER")                                                      \
    X(SYSTEMD_UNIT, "_SYSTEMD_UNIT")                                                               \
    X(EVENT_SOURCE, "eventSource")                                                                 \
    X(COMPONENT, "component")                                                                      \
    X(SYSLOG, "_syslog")                                                                           \
    /* Only show what another key means. */                                                        \
    X(PID, "pid")                                                                                  \
    X(LEVELNAME, "levelname")                                                                      \
    X(LEVEL_NAME, "level_name")                                                                    \
    X(EVENT_ID, "EventId")                                                                         \
    X(LOG_LEVEL, "LogLevel")                                                                       \
    X(AT_R, "@r")

enum key {
#define X(id, text) KEY_##id,
    KEYS(X)
#undef X
        KEY_COUNT
};
_Static_assert(KEY_COUNT <= JSON_NAMES_MAX, "json_names has no room for all keys");

static const char *const key_texts[] = {
#define X(id, text) text,
    KEYS(X)
#undef X
};

#define BIT(key) (UINT64_C(1) << KEY_##key)

/* The text at a key, or at a name in the object at the key. */
struct rule {
    enum key key;
    const char *inner; /* NULL: the key's value itself */
    uint64_t needs;    /* one of these keys must be present; 0: none */
};

static const struct rule message_rules[] = {
    {KEY_MESSAGE, NULL, 0},
    {KEY_MSG, NULL, 0},
    {KEY_AT_M, NULL, 0},
    {KEY_AT_MESSAGE, NULL, 0},
    {KEY_AT_MT, NULL, 0},
    {KEY_RENDERED_MESSAGE, NULL, 0},
    {KEY_MESSAGE_TEMPLATE, NULL, 0},
    {KEY_SHORT_MESSAGE, NULL, 0},
    {KEY_UNDERSCORE_MSG, NULL, 0},
    {KEY_TEXT_PAYLOAD, NULL, 0},
    {KEY_LOG, NULL, 0},
    {KEY_BODY, NULL, 0},
    {KEY_BODY, "stringValue", 0},
    {KEY_FIELDS, "message", 0},
    {KEY_JSON_PAYLOAD, "message", 0},
    {KEY_EVENT, NULL, 0},
    {KEY_EVENT, "message", 0},
    {KEY_FULL_MESSAGE, NULL, 0},
    {KEY_ERROR, "message", 0},
    {KEY_ERR, "message", 0},
    {KEY_EVENT_NAME, NULL, 0},
};

static const struct rule logger_rules[] = {
    {KEY_LOGGER, NULL, 0},
    {KEY_LOGGER_NAME, NULL, 0},
    {KEY_LOGGERNAME, NULL, 0},
    {KEY_LOG_DOT_LOGGER, NULL, 0},
    {KEY_LOG, "logger", 0},
    {KEY_AT_LOGGER, NULL, 0},
    {KEY_AT_MODULE, NULL, 0},
    {KEY_SOURCE_CONTEXT, NULL, 0},
    {KEY_PROPERTIES, "SourceContext", 0},
    {KEY_UNDERSCORE_LOGGER, NULL, 0},
    {KEY_UNDERSCORE_LOGGER_NAME, NULL, 0},
    {KEY_SCOPE, "name", 0},
    {KEY_INSTRUMENTATION_SCOPE, "name", 0},
    {KEY_NAME, NULL, BIT(PID) | BIT(LEVELNAME)},
    {KEY_CHANNEL, NULL, BIT(LEVEL_NAME)},
    {KEY_CATEGORY, NULL, BIT(EVENT_ID) | BIT(LOG_LEVEL)},
    {KEY_TARGET, NULL, BIT(FIELDS)},
    {KEY_FACILITY, NULL, BIT(SHORT_MESSAGE)},
    {KEY_SYSLOG_IDENTIFIER, NULL, 0},
    {KEY_SYSTEMD_UNIT, NULL, 0},
    {KEY_EVENT_SOURCE, NULL, 0},
    {KEY_COMPONENT, NULL, 0},
    {KEY_SYSLOG, "app", 0},
};

/* Values that make a message together, in this order; the first `needed` must be present. */
static const struct {
    uint32_t needed, count;
    enum key keys[CANONICAL_PARTS_MAX];
} joined_rules[] = {
    {2, 2, {KEY_VERB, KEY_REQUEST_URI}},
    {2, 2, {KEY_REQUEST, KEY_STATUS}},
    {2, 3, {KEY_REQUEST_METHOD, KEY_REQUEST_URI_2, KEY_STATUS}},
    {2, 3, {KEY_REQUEST_METHOD, KEY_URI, KEY_STATUS}},
    {2, 3, {KEY_METHOD, KEY_URI, KEY_STATUS}},
    {2, 3, {KEY_METHOD, KEY_URL, KEY_STATUS}},
    {2, 3, {KEY_METHOD, KEY_PATH, KEY_STATUS}},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const canonical_names[] = {"@time", "@level", "@message", "@logger", "@stream"};

const char *canonical_name(enum canonical_field field) {
    return canonical_names[field];
}

bool canonical_named(const char *path, size_t size, enum canonical_field *field) {
    for (size_t i = 0; i < CANONICAL_FIELDS; i++) {
        *field = (enum canonical_field)i;
        if (strlen(canonical_names[i]) == size && memcmp(canonical_names[i], path, size) == 0)
            return true;
    }
    return false;
}

void canonical_open(struct canonical_rules *rules, const struct facts_rules *facts) {
    *rules = (struct canonical_rules){.facts = facts};
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const bool exact = i == KEY_SYSLOG_IDENTIFIER || i == KEY_SYSTEMD_UNIT;
        json_names_add(&rules->names, key_texts[i], (uint32_t)strlen(key_texts[i]), exact);
    }
}

/* ---- where the keys are in an object ---- */

struct keys {
    struct value object;
    struct json_found facts, found;
};

static bool ignored(const struct canonical *c, const uint8_t *path, size_t size) {
    return c->ignores != NULL && c->ignores(c->context, path, size);
}

static void pass_members(const struct canonical *c, const struct canonical_rules *rules,
                         struct keys *keys) {
    struct members members = members_of(&keys->object);
    struct member member;
    keys->facts.mask = keys->found.mask = 0;
    while (members_next(&members, &member)) { /* each round advances by a member */
        const size_t size = (size_t)(member.name_end - member.name);
        if (ignored(c, member.name, size)) continue;
        json_names_look(&rules->facts->names, member.name, size, member.value.begin, &keys->facts);
        json_names_look(&rules->names, member.name, size, member.value.begin, &keys->found);
    }
}

/* record: what is known of the object; NULL: nothing. */
static void find_keys(const struct canonical *c, const struct canonical_rules *rules,
                      const struct value *object, const struct record *record, struct keys *keys) {
    keys->object = *object;
    if (record == NULL || c->ignores != NULL ||
        !record_look(record, &rules->facts->names, &keys->facts) ||
        !record_look(record, &rules->names, &keys->found))
        pass_members(c, rules, keys);
}

static bool key_value(const struct keys *keys, enum key key, struct value *value) {
    if ((keys->found.mask >> key & 1) == 0) return false;
    *value = value_of(keys->found.value[key], keys->object.end);
    return true;
}

/* In any case of the letters A to Z. */
static bool same_name(const struct member *member, const char *name) {
    const size_t size = (size_t)(member->name_end - member->name);
    if (strlen(name) != size) return false;
    for (size_t i = 0; i < size; i++) {
        const uint8_t a = member->name[i], b = (uint8_t)name[i];
        if (a != b && !((a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z')) return false;
    }
    return true;
}

/* The last one counts. */
static bool inner_value(const struct canonical *c, enum key key, const struct value *object,
                        const char *name, struct value *value) {
    char path[2 * JSON_NAME_BYTES_MAX + 2];
    const size_t size = strlen(key_texts[key]), name_size = strlen(name);
    struct members members = members_of(object);
    struct member member;
    bool found = false;
    if (object->kind != VALUE_OBJECT) return false;
    memcpy(path, key_texts[key], size);
    path[size] = '.';
    memcpy(path + size + 1, name, name_size);
    if (ignored(c, (const uint8_t *)path, size + 1 + name_size)) return false;
    while (members_next(&members, &member)) { /* each round advances by a member */
        if (!same_name(&member, name)) continue;
        *value = member.value;
        found = true;
    }
    return found;
}

static bool rule_value(const struct canonical *c, const struct keys *keys, const struct rule *rule,
                       struct value *value) {
    if (rule->needs != 0 && (keys->found.mask & rule->needs) == 0) return false;
    if (!key_value(keys, rule->key, value)) return false;
    if (rule->inner == NULL) return true;
    const struct value object = *value;
    return inner_value(c, rule->key, &object, rule->inner, value);
}

static void add_part(struct canonical *c, enum canonical_field field, const struct value *value) {
    struct canonical_parts *const parts = &c->parts[field];
    if (parts->count < CANONICAL_PARTS_MAX) parts->list[parts->count++] = *value;
}

static void find_logger(struct canonical *c, const struct keys *keys) {
    struct value value;
    for (size_t i = 0; i < COUNT(logger_rules) && c->logger.begin == NULL; i++) {
        if (!rule_value(c, keys, &logger_rules[i], &value) || value.kind != VALUE_STRING) continue;
        c->logger = value;
        add_part(c, CANONICAL_LOGGER, &value);
    }
}

/* ---- messages that are not a string as it is ---- */

static void begin_message(struct canonical *c) {
    c->message_text.used = 0;
    text_add_byte(&c->message_text, '"');
}

static void end_message(struct canonical *c) {
    text_add_byte(&c->message_text, '"');
    c->message = (struct value){VALUE_STRING, c->message_text.bytes,
                                c->message_text.bytes + c->message_text.used};
}

/* Adds a value to the inside of a JSON string. */
static void add_inside(struct text *text, const struct value *value) {
    if (value->kind == VALUE_STRING) {
        text_add(text, value->begin + 1, (size_t)(value->end - value->begin) - 2);
        return;
    }
    for (const uint8_t *p = value->begin; p < value->end; p++) {
        if (*p == '"' || *p == '\\') text_add_byte(text, '\\');
        text_add_byte(text, *p);
    }
}

/* The values of the template's holes that have a format, as the sender formatted them. */
struct renderings {
    struct members next;
};

static bool next_rendering(struct renderings *renderings, struct value *value) {
    struct member member;
    if (!members_next(&renderings->next, &member)) return false;
    *value = member.value;
    return true;
}

/* The last property with this name, in the record or in its Properties. */
static bool property(const struct keys *keys, const uint8_t *name, size_t size,
                     struct value *value) {
    struct value objects[2] = {keys->object, keys->object};
    const size_t count = key_value(keys, KEY_PROPERTIES, &objects[1]) ? 2 : 1;
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        struct members members = members_of(&objects[i]);
        struct member member;
        while (members_next(&members, &member)) { /* each round advances by a member */
            if (!name_equals(&member, (const char *)name, size)) continue;
            *value = member.value;
            found = true;
        }
    }
    return found;
}

/* Fills the hole that begins at p with "{".  Returns the byte after it; NULL: it is no hole, or its
 * property is missing. */
static const uint8_t *fill_hole(struct canonical *c, const struct keys *keys, const uint8_t *p,
                                const uint8_t *end, struct renderings *renderings) {
    struct value value;
    const uint8_t *name = p + 1, *const close = memchr(p, '}', (size_t)(end - p));
    if (close == NULL) return NULL;
    if (name < close && (*name == '@' || *name == '$')) name++;
    const uint8_t *name_end = name;
    while (name_end < close && *name_end != ':' && *name_end != ',')
        name_end++;
    const bool formatted = memchr(name_end, ':', (size_t)(close - name_end)) != NULL;
    if (!(formatted && next_rendering(renderings, &value)) &&
        !property(keys, name, (size_t)(name_end - name), &value))
        return NULL;
    add_inside(&c->message_text, &value);
    return close + 1;
}

/* Adds a character of the decoded template. */
static void add_literal(struct text *text, uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') text_add_byte(text, '\\');
    if (byte >= ' ') {
        text_add_byte(text, byte);
        return;
    }
    const char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    text_add(text, escape, sizeof escape);
}

/* messagetemplates.org: {Name} {@Name} {$Name} {Name,10:000}; {{ and }} are braces. */
static void fill_template(struct canonical *c, const struct keys *keys,
                          const struct value *template) {
    struct text decoded = {0};
    const uint8_t *p = template->begin + 1, *end = template->end - 1;
    text_room(&decoded, (size_t)(end - p) + 4);
    while (p < end) /* p rises; decoded text is never longer than its source, but for 3 bytes */
        decoded.used += string_decode(&p, end, decoded.bytes + decoded.used);
    p = decoded.bytes;
    end = decoded.bytes + decoded.used;
    struct value list = {VALUE_NULL, end, end};
    key_value(keys, KEY_AT_R, &list);
    struct renderings renderings = {members_of(&list)};
    begin_message(c);
    while (p < end) { /* p rises */
        const uint8_t *after = NULL;
        const bool brace = *p == '{' || *p == '}', twice = brace && p + 1 < end && p[1] == *p;
        if (*p == '{' && !twice) after = fill_hole(c, keys, p, end, &renderings);
        if (after == NULL) {
            add_literal(&c->message_text, *p);
            after = p + 1 + twice;
        }
        p = after;
    }
    end_message(c);
    text_free(&decoded);
}

/* journald writes a message that is not UTF-8 as a list of bytes. False: this is no such list. */
static bool decode_bytes(struct canonical *c, const struct value *list) {
    struct members members = members_of(list);
    struct member member;
    struct text bytes = {0};
    bool good = true;
    while (good && members_next(&members, &member)) { /* each round advances by an element */
        uint32_t byte = 0;
        good = member.value.kind == VALUE_NUMBER && member.value.end - member.value.begin <= 3;
        for (const uint8_t *p = member.value.begin; good && p < member.value.end; p++) {
            good = *p >= '0' && *p <= '9';
            byte = byte * 10 + (*p & 15u);
        }
        good = good && byte <= 255;
        text_add_byte(&bytes, (uint8_t)byte);
    }
    if (good && bytes.used > 0) {
        c->message_text.used = 0;
        text_add_json_string(&c->message_text, bytes.bytes, bytes.used);
        c->message = (struct value){VALUE_STRING, c->message_text.bytes,
                                    c->message_text.bytes + c->message_text.used};
    }
    text_free(&bytes);
    return good && c->message.begin != NULL;
}

/* How many bytes before `end` are an escape of this character; 0: none.  An escape begins after an
 * even number of backslashes. */
static size_t escape_before(const uint8_t *begin, const uint8_t *end, char letter, char digit) {
    const size_t room = (size_t)(end - begin);
    size_t size = 0, backslashes = 0;
    if (room >= 2 && end[-1] == (uint8_t)letter) size = 2;
    if (room >= 6 && memcmp(end - 5, "u000", 4) == 0 && (end[-1] | 0x20) == digit) size = 6;
    if (size == 0) return 0;
    while (backslashes + size <= room && end[-(ptrdiff_t)(size + backslashes)] == '\\')
        backslashes++;
    return backslashes % 2 == 1 ? size : 0;
}

/* Without the newline that Docker's log ends with. */
static const uint8_t *without_newline(const uint8_t *begin, const uint8_t *end) {
    end -= escape_before(begin, end, 'n', 'a');
    return end - escape_before(begin, end, 'r', 'd');
}

/* Decodes the string; if it is a JSON object, it is the inner record. */
static bool find_inner(struct canonical *c, const struct value *string) {
    struct text *const text = &c->inner_text;
    const size_t room = inner_room(string->begin, string->end);
    struct json_line line;
    if (room == 0) return false;
    text->used = 0;
    text_room(text, room);
    if (!inner_read(string->begin, string->end, NULL, text->bytes, &line, NULL)) return false;
    c->inner = value_of(line.begin, line.end);
    return true;
}

static void join_message(struct canonical *c, const struct keys *keys) {
    for (size_t i = 0; i < COUNT(joined_rules) && c->message.begin == NULL; i++) {
        struct value values[CANONICAL_PARTS_MAX];
        uint32_t found = 0;
        for (uint32_t k = 0; k < joined_rules[i].count; k++) {
            if (!key_value(keys, joined_rules[i].keys[k], &values[found]) ||
                (values[found].kind != VALUE_STRING && values[found].kind != VALUE_NUMBER))
                break;
            found++;
        }
        if (found < joined_rules[i].needed) continue;
        begin_message(c);
        for (uint32_t k = 0; k < found; k++) {
            if (k > 0) text_add_byte(&c->message_text, ' ');
            add_inside(&c->message_text, &values[k]);
            add_part(c, CANONICAL_MESSAGE, &values[k]);
        }
        end_message(c);
    }
}

static void read_inner(struct canonical *c, const struct canonical_rules *rules);

/* False: this value is no message. */
static bool take_message(struct canonical *c, const struct canonical_rules *rules,
                         const struct keys *keys, const struct rule *rule,
                         const struct value *value, bool nested) {
    if (rule->key == KEY_MESSAGE && value->kind == VALUE_ARRAY) return decode_bytes(c, value);
    if (value->kind != VALUE_STRING) return false;
    if (rule->key == KEY_LOG && !nested && find_inner(c, value)) {
        read_inner(c, rules);
        return true;
    }
    if (rule->key == KEY_LOG) {
        begin_message(c);
        const uint8_t *const end = without_newline(value->begin + 1, value->end - 1);
        text_add(&c->message_text, value->begin + 1, (size_t)(end - value->begin) - 1);
        end_message(c);
    } else if (rule->key == KEY_AT_MT || rule->key == KEY_MESSAGE_TEMPLATE) {
        fill_template(c, keys, value);
    } else {
        c->message = *value;
    }
    return true;
}

static void find_message(struct canonical *c, const struct canonical_rules *rules,
                         const struct keys *keys, bool nested) {
    struct value value;
    for (size_t i = 0; i < COUNT(message_rules); i++) {
        if (!rule_value(c, keys, &message_rules[i], &value)) continue;
        if (!take_message(c, rules, keys, &message_rules[i], &value, nested)) continue;
        add_part(c, CANONICAL_MESSAGE, &value);
        return;
    }
    join_message(c, keys);
}

/* ---- facts ---- */

static void add_place(struct canonical *c, enum canonical_field field, const uint8_t *place,
                      const uint8_t *end) {
    if (place == NULL || c->parts[field].count > 0) return;
    const struct value value = value_of(place, end);
    add_part(c, field, &value);
}

/* The places of the record's own facts, or of the inner record's. */
static void find_places(struct canonical *c, const struct canonical_rules *rules,
                        const struct keys *keys, struct facts *facts) {
    struct facts_places places;
    facts_of_found_at(rules->facts, &keys->facts, keys->object.end, facts, &places);
    add_place(c, CANONICAL_TIME, places.time, keys->object.end);
    add_place(c, CANONICAL_LEVEL, places.level, keys->object.end);
}

static void add_syslog_part(struct canonical *c, const struct keys *keys,
                            enum canonical_field field, const char *name) {
    const struct rule rule = {KEY_SYSLOG, name, 0};
    struct value value;
    if (rule_value(c, keys, &rule, &value)) add_part(c, field, &value);
}

/* The facts of which the record has no places may be those of the header of syslog. */
static void find_syslog_places(struct canonical *c, const struct canonical_rules *rules,
                               const struct keys *keys) {
    struct facts facts;
    facts_of_syslog(rules->facts, &keys->facts, keys->object.end, &facts);
    if (c->parts[CANONICAL_TIME].count == 0 && facts.has_time && facts.time_ns == c->facts.time_ns)
        add_syslog_part(c, keys, CANONICAL_TIME, "time");
    if (c->parts[CANONICAL_LEVEL].count > 0 || facts.level == LEVEL_NONE ||
        facts.level != c->facts.level)
        return;
    add_syslog_part(c, keys, CANONICAL_LEVEL, "severity_code");
    add_syslog_part(c, keys, CANONICAL_LEVEL, "severity");
}

static void find_facts(struct canonical *c, const struct canonical_rules *rules,
                       const struct keys *keys) {
    find_places(c, rules, keys, &c->facts);
    /* An inner record may have the facts of which the record has no places. */
    if (c->parts[CANONICAL_TIME].count > 0 && c->parts[CANONICAL_LEVEL].count > 0) return;
    facts_of_found(rules->facts, &keys->facts, keys->object.end, &c->facts);
    find_syslog_places(c, rules, keys);
}

static void read_inner(struct canonical *c, const struct canonical_rules *rules) {
    struct keys keys;
    struct facts facts;
    find_keys(c, rules, &c->inner, NULL, &keys);
    if (!c->facts.unrecognised) find_places(c, rules, &keys, &facts);
    find_message(c, rules, &keys, true);
    find_logger(c, &keys);
}

static void forget(struct canonical *c) {
    c->facts = (struct facts){.level = LEVEL_NONE};
    c->message = c->logger = c->inner = (struct value){VALUE_NULL, NULL, NULL};
    for (size_t i = 0; i < CANONICAL_FIELDS; i++)
        c->parts[i].count = 0;
}

void canonical_read_text(struct canonical *c, const uint8_t *line, size_t size) {
    const size_t cr = size > 0 && line[size - 1] == '\r';
    forget(c);
    c->message_text.used = 0;
    text_add_json_string(&c->message_text, line, size - cr);
    c->message = (struct value){VALUE_STRING, c->message_text.bytes,
                                c->message_text.bytes + c->message_text.used};
}

static void read_object(struct canonical *c, const struct canonical_rules *rules,
                        const struct value *object, const struct record *record) {
    struct keys keys;
    forget(c);
    find_keys(c, rules, object, record, &keys);
    find_facts(c, rules, &keys);
    find_logger(c, &keys);
    find_message(c, rules, &keys, false);
}

void canonical_read(struct canonical *c, const struct canonical_rules *rules, const uint8_t *record,
                    size_t size) {
    const uint8_t *p = record, *const end = record + size;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (p == end || *p != '{') {
        canonical_read_text(c, record, size);
        return;
    }
    const struct value object = value_of(p, end);
    read_object(c, rules, &object, NULL);
}

void canonical_read_record(struct canonical *c, const struct canonical_rules *rules,
                           const struct record *record) {
    read_object(c, rules, &record->value, record);
}

static struct value text_value(const char *text) {
    const uint8_t *const begin = (const uint8_t *)text;
    return (struct value){VALUE_STRING, begin, begin + strlen(text)};
}

bool canonical_value(struct canonical *c, enum canonical_field field, struct value *value) {
    *value = (struct value){VALUE_NULL, NULL, NULL};
    switch (field) {
    case CANONICAL_TIME:
        if (!c->facts.has_time) return false;
        c->time_text[0] = '"';
        timestamp_format(c->facts.time_ns, c->time_text + 1);
        strcat(c->time_text, "\"");
        *value = text_value(c->time_text);
        break;
    case CANONICAL_LEVEL:
        if (c->facts.level == LEVEL_NONE) return false;
        snprintf(c->level_text, sizeof c->level_text, "\"%s\"", level_name(c->facts.level));
        *value = text_value(c->level_text);
        break;
    case CANONICAL_MESSAGE: *value = c->message; break;
    case CANONICAL_LOGGER: *value = c->logger; break;
    default:
        if (c->stream == NULL || c->stream[0] == '\0') return false;
        c->stream_text.used = 0;
        text_add_json_string(&c->stream_text, c->stream, strlen(c->stream));
        *value = (struct value){VALUE_STRING, c->stream_text.bytes,
                                c->stream_text.bytes + c->stream_text.used};
    }
    return value->begin != NULL;
}

void canonical_close(struct canonical *c) {
    text_free(&c->message_text);
    text_free(&c->inner_text);
    text_free(&c->stream_text);
}
