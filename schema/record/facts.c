/* facts.c - see facts.h: the names of times and levels, and their values.
 *
 * During ingest, json.c finds the names while it validates the line.  A reader's records are known
 * to be valid JSON but have no padding after them, so it goes from member to member here and reads
 * nothing after the record's end. */
#include "schema/record/facts.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/ascii.h"
#include "schema/json/member.h"
#include "schema/record/facts_internal.h"
#include "schema/record/inner.h"
#include "schema/record/level_text.h"

/* ---- rules ---- */

#define SYSLOG_NAME "_syslog"

/* The first byte is given separately, as a string literal's byte is not a constant expression. */
#define USUAL_TIMES(X, n)                                                                          \
    X(n, AT_TIMESTAMP, '@', "@timestamp")                                                          \
    X(n, TIMESTAMP, 't', "timestamp")                                                              \
    X(n, TIME, 't', "time")                                                                        \
    X(n, TS, 't', "ts")                                                                            \
    X(n, AT_T, '@', "@t")                                                                          \
    X(n, DATE, 'd', "date")                                                                        \
    X(n, DATETIME, 'd', "datetime")                                                                \
    X(n, ASCTIME, 'a', "asctime")                                                                  \
    X(n, INSTANT, 'i', "instant")                                                                  \
    X(n, TIME_UNIX_NANO, 't', "timeunixnano")                                                      \
    X(n, REALTIME_TIMESTAMP, '_', "__realtime_timestamp")                                          \
    X(n, TIME_ISO8601, 't', "time_iso8601")                                                        \
    X(n, STAGE_TIMESTAMP, 's', "stagetimestamp")                                                   \
    X(n, EVENT_TIME, 'e', "eventtime")
#define USUAL_LEVELS(X, n)                                                                         \
    X(n, LEVEL, 'l', "level")                                                                      \
    X(n, LVL, 'l', "lvl")                                                                          \
    X(n, SEVERITY, 's', "severity")                                                                \
    X(n, LEVELNAME, 'l', "levelname")                                                              \
    X(n, LOG_DOT_LEVEL, 'l', "log.level")                                                          \
    X(n, AT_L, '@', "@l")                                                                          \
    X(n, LOG, 'l', "log")                                                                          \
    X(n, SEVERITY_NUMBER, 's', "severitynumber")                                                   \
    X(n, SEVERITY_TEXT, 's', "severitytext")                                                       \
    X(n, LOG_LEVEL, 'l', "log_level")                                                              \
    X(n, LOGLEVEL, 'l', "loglevel")                                                                \
    X(n, PRIORITY, 'P', "PRIORITY")                                                                \
    X(n, AT_LEVEL, '@', "@level")                                                                  \
    X(n, LEVEL_NAME, 'l', "level_name")                                                            \
    X(n, LEVEL_DOT_NAME, 'l', "level.name")                                                        \
    X(n, SEVERITY_TEXT_2, 's', "severity_text")                                                    \
    X(n, SEVERITY_NUMBER_2, 's', "severity_number")                                                \
    X(n, ERROR_SEVERITY, 'e', "error_severity")                                                    \
    X(n, LEVELNO, 'l', "levelno")
#define USUAL_NAMES(X, n) USUAL_TIMES(X, n) USUAL_LEVELS(X, n) X(n, SYSLOG, '_', SYSLOG_NAME)

#define BIT(number)               (UINT64_C(1) << (number))
#define INDEX(n, id, first, text) USUAL_##id,
enum { USUAL_NAMES(INDEX, 0) USUAL_COUNT, USUAL_TIME_COUNT = USUAL_LEVEL };
/* Upper case: exactly so. */
#define NAME(n, id, first, text)         {text, sizeof(text) - 1, (first) == 'P'},
#define TEXT(n, id, first, text)         text,
#define BIT_OF_SIZE(n, id, first, text)  | (sizeof(text) - 1 == (n) ? BIT(USUAL_##id) : 0)
#define BIT_OF_FIRST(n, id, first, text) | (((first)&31) == ((n)&31) ? BIT(USUAL_##id) : 0)
#define OF_SIZE(n)                       [n] = 0 USUAL_NAMES(BIT_OF_SIZE, n)
#define OF_FIRST(n)                      [(n)&31] = 0 USUAL_NAMES(BIT_OF_FIRST, n)

/* The same as facts_rules_set makes of these names (facts_test compares them). */
const struct facts_rules facts_rules_usual = {
    .names = {.names = {USUAL_NAMES(NAME, 0)},
              .count = USUAL_COUNT,
              .of_size = {OF_SIZE(2), OF_SIZE(3), OF_SIZE(4), OF_SIZE(5), OF_SIZE(6), OF_SIZE(7),
                          OF_SIZE(8), OF_SIZE(9), OF_SIZE(10), OF_SIZE(12), OF_SIZE(13),
                          OF_SIZE(14), OF_SIZE(15), OF_SIZE(20)},
              .of_first = {OF_FIRST('@'), OF_FIRST('_'), OF_FIRST('a'), OF_FIRST('d'),
                           OF_FIRST('e'), OF_FIRST('i'), OF_FIRST('l'), OF_FIRST('P'),
                           OF_FIRST('s'), OF_FIRST('t')}},
    .times = BIT(USUAL_TIME_COUNT) - 1,
    .levels = BIT(USUAL_SYSLOG) - BIT(USUAL_TIME_COUNT),
    .inner = BIT(USUAL_LOG),
    .syslog = BIT(USUAL_SYSLOG),
    .scale = LEVEL_SCALE_USUAL,
};

static const char *const usual_times[] = {USUAL_TIMES(TEXT, 0) NULL};
static const char *const usual_levels[] = {USUAL_LEVELS(TEXT, 0) NULL};

static int add_name(struct facts_rules *rules, uint64_t *kind, const char *text, size_t size,
                    bool exact) {
    if (size == 0 || size > JSON_NAME_BYTES_MAX) return ERR_INVALID;
    if (rules->names.count == JSON_NAMES_MAX) return ERR_INVALID;
    *kind |= BIT(rules->names.count);
    json_names_add(&rules->names, text, (uint32_t)size, exact);
    return 0;
}

static int add_usual(struct facts_rules *rules, uint64_t *kind, const char *const *usual) {
    int error = 0;
    for (; *usual != NULL && !error; usual++)
        error = add_name(rules, kind, *usual, strlen(*usual), **usual == 'P');
    return error;
}

static int add_names(struct facts_rules *rules, uint64_t *kind, const char *keys,
                     const char *const *usual) {
    if (keys == NULL || keys[0] == '\0') return add_usual(rules, kind, usual);
    if (strcmp(keys, "none") == 0) return 0;
    const bool more = keys[0] == '+';
    keys += more;
    for (;;) {
        const size_t size = strcspn(keys, ",");
        const int error = add_name(rules, kind, keys, size, false);
        if (error) return error;
        if (keys[size] == '\0') break;
        keys += size + 1;
    }
    return more ? add_usual(rules, kind, usual) : 0;
}

static bool name_is(const struct json_name *name, const char *text, size_t size) {
    return name->size == size && memcmp(name->text, text, size) == 0;
}

/* A name whose value may hold facts; without room for another one it is not read. */
static void find_holder(struct facts_rules *rules, const char *text, uint64_t *holder) {
    const size_t size = strlen(text);
    if ((rules->times | rules->levels) == 0) return;
    for (uint32_t i = 0; i < rules->names.count; i++)
        if (name_is(&rules->names.names[i], text, size)) *holder = BIT(i);
    if (*holder == 0) (void)add_name(rules, holder, text, size, false);
}

/* FNV-1a (32 bits) of a text, its end included. */
static uint32_t add_to_hash(uint32_t hash, const char *text) {
    do
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    while (*text++ != '\0');
    return hash;
}

static uint32_t settings_id(const struct facts_settings *settings) {
    const char *const texts[] = {settings->time_keys, settings->level_keys, settings->level_names,
                                 settings->zone_name, level_scale_name(settings->scale)};
    const char *const usual[] = {"", "", "", "UTC", level_scale_name(LEVEL_SCALE_USUAL)};
    const uint32_t ids = (1u << FACTS_ID_BITS) - 2; /* without 0 and the greatest */
    uint32_t hash = 2166136261u;
    bool are_usual = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *const text = texts[i] != NULL ? texts[i] : usual[i];
        are_usual &= strcmp(text, usual[i]) == 0;
        hash = add_to_hash(hash, text);
    }
    return are_usual ? 0 : hash % ids + 1;
}

int facts_rules_set(const struct facts_settings *settings, struct facts_rules *rules) {
    *rules = (struct facts_rules){
        .scale = settings->scale, .zone = settings->zone, .id = settings_id(settings)};
    int error = add_names(rules, &rules->times, settings->time_keys, usual_times);
    if (!error) error = add_names(rules, &rules->levels, settings->level_keys, usual_levels);
    if (!error) find_holder(rules, INNER_NAME, &rules->inner);
    if (!error) find_holder(rules, SYSLOG_NAME, &rules->syslog);
    if (!error && settings->level_names != NULL && settings->level_names[0] != '\0')
        error = level_names_parse(settings->level_names, &rules->level_names);
    return error;
}

/* ---- from member to member, in valid JSON ---- */

/* In any case. */
static bool is_named(const struct json_pair *member, const char *name) {
    if (strlen(name) != member->name_size) return false;
    for (size_t i = 0; i < member->name_size; i++)
        if (ascii_lower(member->name[i]) != ascii_lower((uint8_t)name[i])) return false;
    return true;
}

/* The value of the last member with this name; NULL: there is none. */
static const uint8_t *member_value(const uint8_t *object, const uint8_t *end, const char *name) {
    const uint8_t *value = NULL;
    struct json_pair member;
    while (json_next_pair(&object, end, &member)) /* each round advances by a member */
        if (is_named(&member, name)) value = member.value;
    return value;
}

/* ---- values ---- */

/* A string up to its closing quote, or a number up to the first byte that cannot belong to it. */
struct scalar {
    const char *text;
    size_t size;
    bool string;
};

#define SCALAR_BYTES_MAX 128

static bool scalar_of(const uint8_t *value, const uint8_t *end, struct scalar *scalar) {
    if (value == end) return false;
    scalar->string = *value == '"';
    const uint8_t *p = scalar->string ? value + 1 : value;
    scalar->text = (const char *)p;
    if ((size_t)(end - p) > SCALAR_BYTES_MAX) end = p + SCALAR_BYTES_MAX;
    if (scalar->string) {
        while (p < end && *p != '"') {
            p++;
        }
        if (p == end) return false;
    } else {
        while (p < end && ((*p >= '0' && *p <= '9') || *p == '.' || *p == '-' || *p == '+' ||
                           (*p | 0x20) == 'e')) {
            p++;
        }
    }
    scalar->size = (size_t)(p - (const uint8_t *)scalar->text);
    return scalar->size > 0;
}

#define INTEGER_MAX (INT64_MAX / 100)

/* The number without its fraction, in any of JSON's notations: 30, 30.0, 3e1.  False: it is
 * negative, above INTEGER_MAX, or none. */
static bool number_of(const struct scalar *scalar, int64_t *number) {
    const char *p = scalar->text, *const end = p + scalar->size;
    int64_t sum = 0;
    int32_t places = 0, exponent = 0; /* of sum * 10^(exponent - places) */
    bool point = false;
    if (*p == '.') return false;
    for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (sum > INTEGER_MAX / 10 && point) continue; /* too small to matter */
        if (sum > INTEGER_MAX) return false;
        sum = sum * 10 + (*p - '0');
        places += point;
    }
    if (p == scalar->text) return false;
    if (p < end) {
        if ((*p | 0x20) != 'e' || ++p == end) return false;
        const bool negative = *p == '-';
        p += negative || *p == '+';
        if (p == end) return false;
        for (; p < end; p++) {
            if (*p < '0' || *p > '9') return false;
            if (exponent < 1000) exponent = exponent * 10 + (*p - '0');
        }
        if (negative) exponent = -exponent;
    }
    for (exponent -= places; exponent > 0 && sum > 0; exponent--) {
        if (sum > INTEGER_MAX) return false;
        sum *= 10;
    }
    for (; exponent < 0 && sum > 0; exponent++)
        sum /= 10;
    *number = sum;
    return true;
}

static bool member_number(const struct json_pair *member, int64_t *number) {
    struct scalar scalar;
    return scalar_of(member->value, member->end, &scalar) && number_of(&scalar, number);
}

/* log4j2's instant: seconds and the nanoseconds within the second. */
static bool time_of_instant(const uint8_t *value, const uint8_t *end, int64_t *ns) {
    int64_t seconds = 0, nanoseconds = 0;
    bool known = false;
    struct json_pair member;
    while (json_next_pair(&value, end, &member)) { /* each round advances by a member */
        if (is_named(&member, "epochSecond")) known = member_number(&member, &seconds);
        if (is_named(&member, "nanoOfSecond") && !member_number(&member, &nanoseconds))
            return false;
    }
    if (!known || seconds > INT64_MAX / 1000000000 - 1 || nanoseconds > 999999999) return false;
    *ns = seconds * 1000000000 + nanoseconds;
    return true;
}

static bool time_of(const uint8_t *value, const uint8_t *end, const struct facts_zone *zone,
                    int64_t *ns) {
    struct scalar scalar;
    struct facts_memory memory = {.minute_ns = 0};
    if (quick_time(value, end, zone->moment_s == NULL, &memory, ns)) return true;
    if (value < end && *value == '{') return time_of_instant(value, end, ns);
    if (!scalar_of(value, end, &scalar)) return false;
    /* PHP writes 2026\/11\/24. */
    char decoded[SCALAR_BYTES_MAX];
    if (scalar.string && memchr(scalar.text, '\\', scalar.size) != NULL) {
        memcpy(decoded, scalar.text, scalar.size);
        scalar.size = ascii_decode(decoded, scalar.size);
        scalar.text = decoded;
    }
    return time_parse_in(scalar.text, scalar.size, zone, ns) == 0;
}

/* In any case. */
static bool find_level_name(const struct level_names *names, const char *text, size_t size,
                            uint8_t *level) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (names->names[i].size != size) continue;
        size_t same = 0;
        while (same < size &&
               (uint8_t)names->names[i].text[same] == ascii_lower((uint8_t)text[same]))
            same++;
        if (same < size) continue;
        *level = names->names[i].level;
        return true;
    }
    return false;
}

/* What a value says of the level. */
enum level_found { LEVEL_ABSENT, LEVEL_FOUND, LEVEL_UNRECOGNISED };

static enum level_found level_of_number_text(const struct scalar *scalar, enum level_scale scale,
                                             uint8_t *level) {
    int64_t number;
    if (!number_of(scalar, &number)) return LEVEL_UNRECOGNISED;
    return level_of_number(number, scale, level) == 0 ? LEVEL_FOUND : LEVEL_UNRECOGNISED;
}

static enum level_found level_of(const struct facts_rules *rules, enum level_scale scale,
                                 const uint8_t *value, const uint8_t *end, uint8_t *level) {
    struct scalar scalar;
    char name[LEVEL_NAME_BYTES_MAX + 1];
    if (rules->level_names.count == 0 && quick_level(value, end, level)) return LEVEL_FOUND;
    if (value == end || strchr("{[ntf", *value) != NULL) return LEVEL_ABSENT;
    if (!scalar_of(value, end, &scalar))
        return *value == '"' && value + 1 < end && value[1] != '"' ? LEVEL_UNRECOGNISED
                                                                   : LEVEL_ABSENT;
    const size_t size =
        scalar.string ? level_strip(scalar.text, scalar.size, name, sizeof name) : 0;
    const char *const text = scalar.string ? name : scalar.text;
    const size_t text_size = scalar.string ? size : scalar.size;
    if (scalar.string && size == 0) return LEVEL_ABSENT;
    if (find_level_name(&rules->level_names, text, text_size, level)) return LEVEL_FOUND;
    const struct scalar stripped = {text, text_size, scalar.string};
    if (text_size > 0 && text[0] >= '0' && text[0] <= '9')
        return level_of_number_text(&stripped, scale, level);
    return scalar.string && level_parse(text, text_size, level) == 0 ? LEVEL_FOUND
                                                                     : LEVEL_UNRECOGNISED;
}

/* ECS: "log":{"level":"info"}, and "level":{"name":"info"}. */
static enum level_found level_in(const struct facts_rules *rules, const char *name,
                                 const uint8_t *value, const uint8_t *end, uint8_t *level) {
    enum level_found found = LEVEL_ABSENT;
    struct json_pair member;
    while (json_next_pair(&value, end, &member)) /* each round advances by a member */
        if (is_named(&member, name))             /* the last one counts */
            found = level_of(rules, rules->scale, member.value, member.end, level);
    return found;
}

/* Some names have a scale of their own unless another one is chosen. */
static enum level_scale scale_of_name(const struct facts_rules *rules,
                                      const struct json_name *name) {
    if (rules->scale != LEVEL_SCALE_USUAL) return rules->scale;
    if (name_is(name, "severitynumber", 14) || name_is(name, "severity_number", 15))
        return LEVEL_SCALE_OPENTELEMETRY;
    return name_is(name, "levelno", 7) ? LEVEL_SCALE_PYTHON : LEVEL_SCALE_USUAL;
}

static enum level_found level_of_name(const struct facts_rules *rules, int i, const uint8_t *value,
                                      const uint8_t *end, uint8_t *level) {
    const struct json_name *name = &rules->names.names[i];
    /* A "log" that is a string is a message, not a level. */
    if (name_is(name, "log", 3)) return level_in(rules, "level", value, end, level);
    if (value < end && *value == '{') return level_in(rules, "name", value, end, level);
    return level_of(rules, scale_of_name(rules, name), value, end, level);
}

int facts_level_key(const struct facts_rules *rules, const char *key, size_t size) {
    for (uint64_t rest = rules->levels; rest != 0; rest &= rest - 1) {
        const int i = __builtin_ctzll(rest);
        const struct json_name *name = &rules->names.names[i];
        size_t same = 0;
        if (name->size != size || name_is(name, INNER_NAME, sizeof INNER_NAME - 1)) continue;
        while (same < size && (name->exact ? key[same] == name->text[same]
                                           : ascii_lower((uint8_t)key[same]) ==
                                                 ascii_lower((uint8_t)name->text[same])))
            same++;
        if (same == size) return i;
    }
    return -1;
}

bool facts_level_at(const struct facts_rules *rules, int key, const uint8_t *value,
                    const uint8_t *end, uint8_t *level) {
    return level_of_name(rules, key, value, end, level) == LEVEL_FOUND;
}

/* The preferred names in their most common forms.  False: undecided. */
static inline bool quick_facts(const struct facts_rules *rules, const struct json_found *found,
                               const uint8_t *end, struct facts_memory *memory,
                               struct facts *facts) {
    const uint64_t times = found->mask & rules->times, levels = found->mask & rules->levels;
    if (times == 0 || levels == 0) return false;
    const uint8_t *time = found->value[__builtin_ctzll(times)];
    const int i = __builtin_ctzll(levels);
    const uint8_t *level = found->value[i];
    /* Sizes of "log", "severityNumber", "severity_number" and "levelno", which need thorough_facts
     * (and so do "lvl" and a few others). */
    const uint32_t name_size = rules->names.names[i].size;
    if (BIT(name_size) & (BIT(3) | BIT(7) | BIT(14) | BIT(15))) return false;
    if (rules->level_names.count > 0) return false;
    facts->has_time = true;
    facts->unrecognised = false;
    return (quick_level(level, end, &facts->level) ||
            (rules->scale == LEVEL_SCALE_USUAL && quick_level_number(level, end, &facts->level))) &&
           quick_time(time, end, rules->zone.moment_s == NULL, memory, &facts->time_ns);
}

/* What the record itself says. */
static void own_facts(const struct facts_rules *rules, const struct json_found *found,
                      const uint8_t *end, struct facts *facts, struct facts_places *places) {
    *facts = (struct facts){.level = LEVEL_NONE};
    *places = (struct facts_places){0};
    for (uint64_t rest = found->mask & rules->times; rest != 0; rest &= rest - 1) {
        places->time = found->value[__builtin_ctzll(rest)];
        facts->has_time = time_of(places->time, end, &rules->zone, &facts->time_ns);
        if (facts->has_time) break;
    }
    if (!facts->has_time) {
        facts->time_ns = 0;
        places->time = NULL;
    }
    for (uint64_t rest = found->mask & rules->levels; rest != 0; rest &= rest - 1) {
        const int n = __builtin_ctzll(rest);
        const enum level_found said = level_of_name(rules, n, found->value[n], end, &facts->level);
        if (said == LEVEL_FOUND) {
            facts->unrecognised = false;
            places->level = found->value[n];
            return;
        }
        facts->level = LEVEL_NONE;
        facts->unrecognised |= said == LEVEL_UNRECOGNISED;
    }
}

/* In CLEF, whose time is @t, no level means INFO. */
static void add_clef_level(const struct facts_rules *rules, const struct json_found *found,
                           const struct facts_places *places, struct facts *facts) {
    if (places->time == NULL || facts->level != LEVEL_NONE || facts->unrecognised) return;
    for (uint64_t rest = found->mask & rules->times; rest != 0; rest &= rest - 1) {
        const int i = __builtin_ctzll(rest);
        if (found->value[i] != places->time) continue;
        if (rules->levels != 0 && name_is(&rules->names.names[i], "@t", 2))
            facts->level = LEVEL_INFO;
        return;
    }
}

/* An inner record, decoded. */
struct inner {
    uint8_t small[16384 + 256];
    uint8_t *room; /* free() it unless it is `small` */
    struct json_line line;
    struct json_found found;
};

/* False: there is none.  Otherwise close_inner must follow. */
static bool open_inner(const struct facts_rules *rules, const struct json_found *found,
                       const uint8_t *end, struct inner *inner) {
    if ((found->mask & rules->inner) == 0) return false;
    const uint8_t *const value = found->value[__builtin_ctzll(rules->inner)];
    const size_t room = inner_room(value, end);
    if (room == 0) return false;
    inner->room = room <= sizeof inner->small ? inner->small : malloc(room);
    if (inner->room == NULL) return false;
    if (inner_read(value, end, &rules->names, inner->room, &inner->line, &inner->found))
        return true;
    if (inner->room != inner->small) free(inner->room);
    return false;
}

static void close_inner(struct inner *inner) {
    if (inner->room != inner->small) free(inner->room);
}

static __attribute__((noinline)) void add_inner_facts(const struct facts_rules *rules,
                                                      const struct json_found *found,
                                                      const uint8_t *end, struct facts *facts) {
    struct inner inner;
    struct facts more;
    struct facts_places places;
    if (!open_inner(rules, found, end, &inner)) return;
    own_facts(rules, &inner.found, inner.line.end, &more, &places);
    add_clef_level(rules, &inner.found, &places, &more);
    close_inner(&inner);
    if (!facts->has_time) {
        facts->has_time = more.has_time;
        facts->time_ns = more.time_ns;
    }
    if (facts->level != LEVEL_NONE || facts->unrecognised) return;
    facts->level = more.level;
    facts->unrecognised = more.unrecognised;
}

/* From 0, emergency, to 7, or its name, as syslog_write writes them. */
static bool level_of_syslog(const struct facts_rules *rules, const uint8_t *syslog,
                            const uint8_t *end, uint8_t *level) {
    const uint8_t *const code = member_value(syslog, end, "severity_code");
    const uint8_t *const name = member_value(syslog, end, "severity");
    struct scalar scalar;
    int64_t number;
    if (code != NULL && scalar_of(code, end, &scalar) && !scalar.string &&
        number_of(&scalar, &number) && level_of_number(number, LEVEL_SCALE_SYSLOG, level) == 0)
        return true;
    return name != NULL && *name == '"' &&
           level_of(rules, LEVEL_SCALE_USUAL, name, end, level) == LEVEL_FOUND;
}

static __attribute__((noinline)) void add_syslog_facts(const struct facts_rules *rules,
                                                       const struct json_found *found,
                                                       const uint8_t *end, struct facts *facts) {
    if ((found->mask & rules->syslog) == 0) return;
    const uint8_t *const syslog = found->value[__builtin_ctzll(rules->syslog)];
    if (syslog == end || *syslog != '{') return;
    if (rules->levels != 0 && facts->level == LEVEL_NONE && !facts->unrecognised &&
        !level_of_syslog(rules, syslog, end, &facts->level))
        facts->level = LEVEL_NONE;
    if (facts->has_time || rules->times == 0) return;
    const uint8_t *const time = member_value(syslog, end, "time");
    facts->has_time = time != NULL && time_of(time, end, &rules->zone, &facts->time_ns);
    if (!facts->has_time) facts->time_ns = 0;
}

static __attribute__((noinline)) void thorough_facts(const struct facts_rules *rules,
                                                     const struct json_found *found,
                                                     const uint8_t *end, struct facts *facts) {
    struct facts_places places;
    own_facts(rules, found, end, facts, &places);
    if (!facts->has_time || (facts->level == LEVEL_NONE && !facts->unrecognised))
        add_inner_facts(rules, found, end, facts);
    add_clef_level(rules, found, &places, facts);
    add_syslog_facts(rules, found, end, facts);
}

void facts_of_next_found(const struct facts_rules *rules, const struct json_found *found,
                         const uint8_t *end, struct facts_memory *memory, struct facts *facts) {
    if (!quick_facts(rules, found, end, memory, facts)) thorough_facts(rules, found, end, facts);
}

void facts_of_found(const struct facts_rules *rules, const struct json_found *found,
                    const uint8_t *end, struct facts *facts) {
    thorough_facts(rules, found, end, facts);
}

void facts_of_found_at(const struct facts_rules *rules, const struct json_found *found,
                       const uint8_t *end, struct facts *facts, struct facts_places *places) {
    own_facts(rules, found, end, facts, places);
    add_clef_level(rules, found, places, facts);
    if (places->level == NULL || *places->level != '{') return;
    const uint8_t *const inner = member_value(places->level, end, "level");
    places->level = inner != NULL ? inner : member_value(places->level, end, "name");
}

void facts_of_syslog(const struct facts_rules *rules, const struct json_found *found,
                     const uint8_t *end, struct facts *facts) {
    *facts = (struct facts){.level = LEVEL_NONE};
    add_syslog_facts(rules, found, end, facts);
}

static void find_names(const uint8_t *record, size_t size, const struct facts_rules *rules,
                       struct json_found *found) {
    const uint8_t *p = record, *end = record + size;
    struct json_pair member;
    found->mask = 0;
    while (json_next_pair(&p, end, &member)) /* each round advances by a member */
        json_names_look(&rules->names, member.name, member.name_size, member.value, found);
}

void facts_of_record(const uint8_t *record, size_t size, const struct facts_rules *rules,
                     struct facts *facts) {
    struct json_found found;
    find_names(record, size, rules, &found);
    facts_of_found(rules, &found, record + size, facts);
}

/* The value of the first key whose level is not recognised; NULL: there is none. */
static const uint8_t *unrecognised_value(const struct facts_rules *rules,
                                         const struct json_found *found, const uint8_t *end) {
    const uint8_t *value = NULL;
    for (uint64_t rest = found->mask & rules->levels; rest != 0; rest &= rest - 1) {
        const int n = __builtin_ctzll(rest);
        uint8_t level;
        const enum level_found said = level_of_name(rules, n, found->value[n], end, &level);
        if (said == LEVEL_FOUND) return NULL;
        if (said == LEVEL_ABSENT || value != NULL) continue;
        value = found->value[n];
        const bool is_log = name_is(&rules->names.names[n], "log", 3);
        if (*value == '{') value = member_value(value, end, is_log ? "level" : "name");
    }
    return value;
}

static size_t copy_value(const uint8_t *value, const uint8_t *end, uint8_t *text, size_t room) {
    const uint8_t *const after = value != NULL ? json_value_end(value, end) : NULL;
    if (after == NULL) return 0;
    const size_t quote = *value == '"', size = (size_t)(after - value) - 2 * quote;
    memcpy(text, value + quote, size < room ? size : room);
    return size < room ? size : room;
}

size_t facts_unrecognised(const uint8_t *record, size_t size, const struct facts_rules *rules,
                          uint8_t *text, size_t room) {
    const uint8_t *const end = record + size;
    struct json_found found;
    struct facts facts;
    struct facts_places places;
    struct inner inner;
    find_names(record, size, rules, &found);
    own_facts(rules, &found, end, &facts, &places);
    if (facts.unrecognised)
        return copy_value(unrecognised_value(rules, &found, end), end, text, room);
    if (facts.level != LEVEL_NONE || !open_inner(rules, &found, end, &inner)) return 0;
    const uint8_t *const value = unrecognised_value(rules, &inner.found, inner.line.end);
    const size_t used = copy_value(value, inner.line.end, text, room);
    close_inner(&inner);
    return used;
}
