/* forward.c - see forward.h.
 *
 * The only file that includes msgpack-c, and of it only the parser that its header gives to bindings
 * of other languages (msgpack/unpack_template.h): it calls a function for each value and keeps a
 * stack of fixed size.  Its objects (msgpack_unpack) are not used: they take 24 bytes for each
 * element that a header announces, before the elements are there. */
#include "schema/record/forward.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/json.h"
#include "schema/json/write.h"
#include "schema/record/syslog.h"
#include "schema/record/timestamp.h"

/* The object itself is a level, and so is the array around a value that is written as an object. */
#define DEPTH_MAX                JSON_DEPTH_MAX
#define MSGPACK_EMBED_STACK_SIZE (DEPTH_MAX + 1)
#include <msgpack/unpack_define.h>
#include <msgpack/version_master.h>

#define EXT_EVENT_TIME 0    /* Fluentd's specification, "EventTime Ext Format" */
#define EXT_TIMESTAMP  (-1) /* MessagePack's specification, "Timestamp extension type" */
#define NS_PER_S       1000000000
/* Seconds whose nanoseconds 64 bits hold. */
#define SECONDS_MAX    9223372035

/* A value of a MessagePack array or map that is being written. */
struct level {
    uint64_t left; /* values, and names, that are to come */
    bool map, first;
};

struct writer {
    struct syslog_out out;
    const char *time_key;
    int64_t received_ns;
    enum { WRITE_TAG, WRITE_TIME, WRITE_RECORD } part;
    enum forward_result fault;
    uint32_t depth;
    struct level levels[DEPTH_MAX + 1];
};

static int array(struct writer *w, uint64_t count);
static int map(struct writer *w, uint64_t count);
static int word(struct writer *w, const char *text);
static int whole(struct writer *w, bool negative, uint64_t magnitude);
static int real(struct writer *w, double value);
static int string(struct writer *w, const uint8_t *bytes, size_t size);
static int binary(struct writer *w, const uint8_t *bytes, size_t size);
static int extension(struct writer *w, int8_t type, const uint8_t *bytes, size_t size);

/* ---- the parser of msgpack-c: each value is one call ---- */

typedef struct writer *forward_user;
typedef char forward_object; /* values are written at once */

#define msgpack_unpack_struct(name)       struct forward_unpack##name
#define msgpack_unpack_func(result, name) static inline result forward_unpack##name
#define msgpack_unpack_callback(name)     forward_take##name
#define msgpack_unpack_object             forward_object
#define msgpack_unpack_user               forward_user
#define TAKE(name, type)                                                                           \
    static inline int forward_take##name(forward_user *user, type value, forward_object *object)

/* As in msgpack/unpack.h. */
enum { MSGPACK_UNPACK_PARSE_ERROR = -1, MSGPACK_UNPACK_NOMEM_ERROR = -2 };

static inline forward_object forward_take_root(forward_user *user) {
    (void)user;
    return 0;
}
TAKE(_uint8, uint8_t) {
    return *object = 0, whole(*user, false, value);
}
TAKE(_uint16, uint16_t) {
    return *object = 0, whole(*user, false, value);
}
TAKE(_uint32, uint32_t) {
    return *object = 0, whole(*user, false, value);
}
TAKE(_uint64, uint64_t) {
    return *object = 0, whole(*user, false, value);
}
static int take_signed(struct writer *w, int64_t value) {
    return whole(w, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}
TAKE(_int8, int8_t) {
    return *object = 0, take_signed(*user, value);
}
TAKE(_int16, int16_t) {
    return *object = 0, take_signed(*user, value);
}
TAKE(_int32, int32_t) {
    return *object = 0, take_signed(*user, value);
}
TAKE(_int64, int64_t) {
    return *object = 0, take_signed(*user, value);
}
TAKE(_float, float) {
    return *object = 0, real(*user, (double)value);
}
TAKE(_double, double) {
    return *object = 0, real(*user, value);
}
TAKE(_array, unsigned int) {
    return *object = 0, array(*user, value);
}
TAKE(_map, unsigned int) {
    return *object = 0, map(*user, value);
}
static inline int forward_take_nil(forward_user *user, forward_object *object) {
    return *object = 0, word(*user, "null");
}
static inline int forward_take_true(forward_user *user, forward_object *object) {
    return *object = 0, word(*user, "true");
}
static inline int forward_take_false(forward_user *user, forward_object *object) {
    return *object = 0, word(*user, "false");
}
static inline int forward_take_array_item(forward_user *user, forward_object *to,
                                          forward_object object) {
    (void)user, (void)to, (void)object;
    return 0;
}
static inline int forward_take_map_item(forward_user *user, forward_object *to, forward_object name,
                                        forward_object object) {
    (void)user, (void)to, (void)name, (void)object;
    return 0;
}
#define TAKE_BYTES(name)                                                                           \
    static inline int forward_take##name(forward_user *user, const char *begin, const char *bytes, \
                                         unsigned int size, forward_object *object)
TAKE_BYTES(_str) {
    return (void)begin, *object = 0, string(*user, (const uint8_t *)bytes, size);
}
TAKE_BYTES(_bin) {
    return (void)begin, *object = 0, binary(*user, (const uint8_t *)bytes, size);
}
TAKE_BYTES(_ext) { /* of size bytes the first is the type */
    (void)begin, *object = 0;
    return size == 0 ? -1
                     : extension(*user, (int8_t)bytes[0], (const uint8_t *)bytes + 1, size - 1);
}

#include <msgpack/unpack_template.h>

const char *forward_library(void) {
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
    return TEXT(MSGPACK_VERSION_MAJOR) "." TEXT(MSGPACK_VERSION_MINOR) "." TEXT(
        MSGPACK_VERSION_REVISION);
}

/* ---- JSON around values ---- */

static void put(struct writer *w, const char *text) {
    syslog_write_bytes(&w->out, text, strlen(text));
}

static int fail(struct writer *w, enum forward_result fault) {
    w->fault = fault;
    return -1;
}

static int done(struct writer *w) {
    while (w->depth > 0 && w->levels[w->depth - 1].left == 0)
        put(w, w->levels[--w->depth].map ? "}" : "]");
    return w->out.full ? fail(w, FORWARD_NO_ROOM) : 0;
}

/* What is between this value and the one before.  True: it is a name. */
static bool begin(struct writer *w) {
    if (w->depth == 0) return false;
    struct level *level = &w->levels[w->depth - 1];
    const bool is_name = level->map && level->left % 2 == 0;
    if (level->map && !is_name)
        put(w, ":");
    else if (!level->first)
        put(w, ",");
    level->first = false;
    level->left--;
    return is_name;
}

/* Is this underscores, if any, and the name of a member that is added? */
static bool is_added(const uint8_t *name, size_t size, const char *added) {
    const size_t length = strlen(added);
    if (size < length || memcmp(name + size - length, added, length) != 0) return false;
    for (size_t i = 0; i < size - length; i++)
        if (name[i] != '_') return false;
    return true;
}

static void put_name(struct writer *w, const uint8_t *name, size_t size) {
    const bool top = w->depth == 1;
    uint8_t *const place = w->out.at;
    syslog_write_text(&w->out, name, size);
    if (!top || w->out.full) return;
    if (!is_added(name, size, FORWARD_TAG_KEY) && !is_added(name, size, w->time_key)) return;
    put(w, "_"); /* one byte more, which moves after the quote */
    if (w->out.full) return;
    memmove(place + 2, place + 1, (size_t)(w->out.at - place) - 2);
    place[1] = '_';
}

static int open_level(struct writer *w, uint64_t left, bool is_map) {
    if (w->part != WRITE_RECORD || (w->depth == 0 && !is_map)) return fail(w, FORWARD_BAD_ENTRY);
    if (begin(w)) return fail(w, FORWARD_BAD_NAME);
    if (w->depth == DEPTH_MAX) return fail(w, FORWARD_TOO_DEEP);
    put(w, is_map ? "{" : "[");
    w->levels[w->depth++] = (struct level){.left = left, .map = is_map, .first = true};
    return done(w);
}

static int array(struct writer *w, uint64_t count) {
    return open_level(w, count, false);
}

static int map(struct writer *w, uint64_t count) {
    return open_level(w, 2 * count, true);
}

/* A value whose JSON this is; as a name it becomes a string. */
static int put_plain(struct writer *w, const char *text) {
    if (w->depth == 0) return fail(w, FORWARD_BAD_ENTRY);
    if (begin(w))
        put_name(w, (const uint8_t *)text, strlen(text));
    else
        put(w, text);
    return done(w);
}

/* A value that is this string. */
static int put_string(struct writer *w, const uint8_t *bytes, size_t size) {
    if (w->depth == 0 && w->part == WRITE_RECORD) return fail(w, FORWARD_BAD_ENTRY);
    if (begin(w))
        put_name(w, bytes, size);
    else
        syslog_write_text(&w->out, bytes, size);
    return done(w);
}

/* ---- times ---- */

static int put_time(struct writer *w, int64_t ns) {
    char text[TIMESTAMP_TEXT_MAX];
    timestamp_format(ns, text);
    return put_string(w, (const uint8_t *)text, strlen(text));
}

/* The time of the entry is this number of seconds.  False: no time that can be written. */
static bool seconds_to_ns(bool negative, uint64_t seconds, int64_t *ns) {
    if (seconds > SECONDS_MAX) return false;
    *ns = (negative ? -(int64_t)seconds : (int64_t)seconds) * NS_PER_S;
    return true;
}

/* A decimal that is this number, with as few digits as 15 to 17 allow. */
static void format_real(double value, char text[32]) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value) return;
    }
}

/* A decimal without an exponent, in seconds; digits after the ninth are dropped. */
static int64_t decimal_to_ns(const char *text) {
    const bool negative = *text == '-';
    int64_t ns = 0;
    int digits = 0;
    text += negative;
    for (; *text >= '0' && *text <= '9'; text++)
        ns = ns * 10 + (*text - '0');
    if (*text == '.') text++;
    for (; digits < 9; digits++)
        ns = ns * 10 + (*text >= '0' && *text <= '9' ? *text++ - '0' : 0);
    return negative ? -ns : ns;
}

static bool event_time(const uint8_t *bytes, size_t size, int64_t *ns) {
    uint32_t numbers[2] = {0};
    if (size != 8) return false;
    for (int i = 0; i < 8; i++)
        numbers[i / 4] = numbers[i / 4] << 8 | bytes[i];
    *ns = (int64_t)numbers[0] * NS_PER_S + numbers[1];
    return numbers[1] < NS_PER_S;
}

static bool timestamp(const uint8_t *bytes, size_t size, int64_t *ns) {
    uint64_t number = 0, nanoseconds = 0;
    int64_t seconds;
    if (size != 4 && size != 8 && size != 12) return false;
    for (size_t i = size == 12 ? 4 : 0; i < size; i++)
        number = number << 8 | bytes[i];
    for (size_t i = 0; size == 12 && i < 4; i++)
        nanoseconds = nanoseconds << 8 | bytes[i];
    seconds = (int64_t)number;
    if (size == 8) {
        nanoseconds = number >> 34;
        seconds = (int64_t)(number & ((UINT64_C(1) << 34) - 1));
    }
    if (nanoseconds >= NS_PER_S || seconds > SECONDS_MAX || seconds < -SECONDS_MAX) return false;
    *ns = seconds * NS_PER_S + (int64_t)nanoseconds;
    return true;
}

/* The time of an entry that says none. */
static int no_time(struct writer *w) {
    return put_time(w, w->received_ns);
}

/* ---- values ---- */

static int word(struct writer *w, const char *text) {
    if (w->part == WRITE_TIME && strcmp(text, "null") == 0) return no_time(w);
    return put_plain(w, text);
}

static int whole(struct writer *w, bool negative, uint64_t magnitude) {
    char text[JSON_NUMBER_BYTES_MAX + 2];
    int64_t ns;
    if (w->part == WRITE_TAG) return fail(w, FORWARD_BAD_ENTRY);
    if (w->part == WRITE_TIME && magnitude == 0) return no_time(w);
    if (w->part == WRITE_TIME && seconds_to_ns(negative, magnitude, &ns)) return put_time(w, ns);
    text[0] = '-';
    *json_write_number(text + negative, magnitude) = '\0';
    if (w->part != WRITE_TIME) return put_plain(w, text);
    put(w, text); /* no seconds: as it was sent */
    return done(w);
}

static int real(struct writer *w, double value) {
    char text[40];
    if (w->part == WRITE_TAG) return fail(w, FORWARD_BAD_ENTRY);
    if (!isfinite(value)) {
        const char *name = isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
        return put_string(w, (const uint8_t *)name, strlen(name));
    }
    format_real(value, text);
    const bool exponent = strchr(text, 'e') != NULL;
    if (w->part == WRITE_TIME && value == 0) return no_time(w);
    if (w->part == WRITE_TIME && fabs(value) < (double)SECONDS_MAX)
        return put_time(w, exponent ? (int64_t)(value * NS_PER_S) : decimal_to_ns(text));
    if (!exponent && !strchr(text, '.')) strcat(text, ".0");
    if (w->part != WRITE_TIME) return put_plain(w, text);
    put(w, text);
    return done(w);
}

static int string(struct writer *w, const uint8_t *bytes, size_t size) {
    if (w->part == WRITE_TIME) return fail(w, FORWARD_BAD_ENTRY);
    return put_string(w, bytes, size);
}

static void put_base64(struct writer *w, const uint8_t *bytes, size_t size) {
    struct syslog_out *out = &w->out;
    if (out->full || BASE64_BYTES_MAX(size) > (size_t)(out->end - out->at)) {
        out->full = true;
        return;
    }
    out->at = (uint8_t *)base64_write((char *)out->at, bytes, size);
}

static int put_encoded(struct writer *w, const char *before, const uint8_t *bytes, size_t size) {
    if (w->part == WRITE_TIME || w->depth == 0) return fail(w, FORWARD_BAD_ENTRY);
    const bool is_name = begin(w);
    if (w->depth == DEPTH_MAX && !is_name) return fail(w, FORWARD_TOO_DEEP);
    put(w, is_name ? "\"" : before);
    put_base64(w, bytes, size);
    put(w, is_name ? "\"" : "\"}");
    return done(w);
}

static int binary(struct writer *w, const uint8_t *bytes, size_t size) {
    if (w->part == WRITE_TAG || utf8_valid(bytes, size)) return string(w, bytes, size);
    return put_encoded(w, "{\"base64\":\"", bytes, size);
}

static int extension(struct writer *w, int8_t type, const uint8_t *bytes, size_t size) {
    char before[32];
    int64_t ns;
    if (w->part == WRITE_TAG) return fail(w, FORWARD_BAD_ENTRY);
    if ((type == EXT_EVENT_TIME && event_time(bytes, size, &ns)) ||
        (type == EXT_TIMESTAMP && timestamp(bytes, size, &ns)))
        return w->part == WRITE_TIME && ns == 0 ? no_time(w) : put_time(w, ns);
    snprintf(before, sizeof before, "{\"ext\":%d,\"base64\":\"", type);
    return put_encoded(w, before, bytes, size);
}

/* ---- entries ---- */

static enum forward_result take_part(struct writer *w, int part, const uint8_t *entry, size_t size,
                                     size_t *at) {
    struct forward_unpack_context context;
    context.user = w;
    forward_unpack_init(&context);
    w->part = part;
    w->fault = FORWARD_BAD_ENTRY;
    return forward_unpack_execute(&context, (const char *)entry, size, at) == 1 ? FORWARD_OK
                                                                                : w->fault;
}

/* The tag and the time come first, and become the last members. */
static enum forward_result take_added(struct writer *w, const uint8_t *entry, size_t size,
                                      size_t *at) {
    put(w, ",\"" FORWARD_TAG_KEY "\":");
    enum forward_result result = take_part(w, WRITE_TAG, entry, size, at);
    if (result != FORWARD_OK) return result;
    put(w, ",\"");
    put(w, w->time_key);
    put(w, "\":");
    result = take_part(w, WRITE_TIME, entry, size, at);
    put(w, "}");
    return result;
}

enum forward_result forward_write(const uint8_t *entry, size_t entry_size, const char *time_key,
                                  int64_t received_ns, uint8_t *out, size_t *size, size_t *bad) {
    uint8_t added[JSON_STRING_BYTES_MAX(FORWARD_TAG_BYTES_MAX) + FORWARD_TIME_KEY_MAX + 64];
    const struct syslog_out object = {.at = out, .end = out + *size};
    struct writer w = {.time_key = time_key, .received_ns = received_ns};
    *bad = 0;
    if (entry_size == 0 || entry[0] != FORWARD_ENTRY) return FORWARD_BAD_ENTRY;
    *bad = 1;
    w.out = (struct syslog_out){.at = added, .end = added + sizeof added};
    enum forward_result result = take_added(&w, entry, entry_size, bad);
    if (result != FORWARD_OK) return result;
    const size_t added_size = (size_t)(w.out.at - added);
    w.out = object;
    result = take_part(&w, WRITE_RECORD, entry, entry_size, bad);
    if (result != FORWARD_OK) return result;
    if (*bad != entry_size) return FORWARD_BAD_ENTRY;
    const bool empty = w.out.at == out + 2;
    w.out.at--; /* the brace */
    syslog_write_bytes(&w.out, added + empty, added_size - empty);
    *size = (size_t)(w.out.at - out);
    return w.out.full ? FORWARD_NO_ROOM : FORWARD_OK;
}
