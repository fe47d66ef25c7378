/* segment_name.c - a segment's file name, written and read in one place.
 * Read from the end, because a stream's name may hold what parts the rest. */
#include "writer/segment/segment_name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "schema/record/timestamp.h"

#define SEQUENCE_DIGITS 10

static const char part_text[] = ".part";
static const char suffix_text[] = ".ndjson.lz4";

static bool cut_suffix(const char *text, size_t *length, const char *suffix);
static bool reserved_name(const char *text);
static char upper(char c);
static bool same_letters(const char *text, size_t length, const char *upper_case);

const char *segment_name_format(const struct segment_name *name, char *text) {
    assert(stream_name_valid(name->stream) && name->sequence <= SEGMENT_SEQUENCE_MAX);
    char opened[TIMESTAMP_TEXT_MAX];
    const int length =
        snprintf(text, SEGMENT_NAME_MAX, "%s-%0*" PRIu64 "-%s%s%s", name->stream, SEQUENCE_DIGITS,
                 name->sequence, timestamp_format_compact(name->opened_ns, opened),
                 name->part ? part_text : "", suffix_text);
    assert(length > 0 && length < SEGMENT_NAME_MAX);
    return text;
}

bool segment_name_parse(const char *text, struct segment_name *name) {
    size_t length = strlen(text);
    if (length >= SEGMENT_NAME_MAX || !cut_suffix(text, &length, suffix_text)) return false;
    const bool part = cut_suffix(text, &length, part_text);

    const size_t tail = 1 + SEQUENCE_DIGITS + 1 + TIMESTAMP_COMPACT_LENGTH;
    if (length <= tail || length - tail > STREAM_NAME_MAX) return false;
    const size_t stream_length = length - tail;
    const char *sequence_text = text + stream_length + 1;
    const char *opened_text = sequence_text + SEQUENCE_DIGITS + 1;
    if (sequence_text[-1] != '-' || opened_text[-1] != '-') return false;

    struct segment_name parsed = {.part = part};
    for (int i = 0; i < SEQUENCE_DIGITS; i++) {
        if (sequence_text[i] < '0' || sequence_text[i] > '9') return false;
        parsed.sequence = parsed.sequence * 10 + (uint64_t)(sequence_text[i] - '0');
    }
    if (timestamp_parse_compact(opened_text, &parsed.opened_ns) != 0) return false;
    memcpy(parsed.stream, text, stream_length);
    parsed.stream[stream_length] = '\0';
    if (!stream_name_valid(parsed.stream)) return false;
    *name = parsed;
    return true;
}

bool stream_name_valid(const char *text) {
    const size_t length = strnlen(text, STREAM_NAME_MAX + 1);
    if (length == 0 || length > STREAM_NAME_MAX) return false;
    if (text[0] == '.' || text[0] == '-' || text[length - 1] == '.') return false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '_' && c != '.' && c != '-') return false;
    }
    return !reserved_name(text);
}

static bool cut_suffix(const char *text, size_t *length, const char *suffix) {
    const size_t suffix_length = strlen(suffix);
    if (*length < suffix_length) return false;
    if (memcmp(text + *length - suffix_length, suffix, suffix_length) != 0) return false;
    *length -= suffix_length;
    return true;
}

/* Windows opens a device for these, in any case and whatever follows a dot.
 * The daemon keeps in `state` what is not a segment, and in `logportd.run`, which is written as
 * `logportd.run.new`, where it can be reached. */
static bool reserved_name(const char *text) {
    const size_t length = strcspn(text, ".");
    const size_t whole = strlen(text);
    if (same_letters(text, whole, "STATE") || same_letters(text, whole, "LOGPORTD.RUN") ||
        same_letters(text, whole, "LOGPORTD.RUN.NEW")) {
        return true;
    }
    if (same_letters(text, length, "CON") || same_letters(text, length, "PRN") ||
        same_letters(text, length, "AUX") || same_letters(text, length, "NUL")) {
        return true;
    }
    const bool numbered = length == 4 && text[3] >= '0' && text[3] <= '9';
    return numbered && (same_letters(text, 3, "COM") || same_letters(text, 3, "LPT"));
}

static bool same_letters(const char *text, size_t length, const char *upper_case) {
    if (length != strlen(upper_case)) return false;
    for (size_t i = 0; i < length; i++) {
        if (upper(text[i]) != upper_case[i]) return false;
    }
    return true;
}

bool stream_names_alike(const char *a, const char *b) {
    for (; *a != '\0' && upper(*a) == upper(*b); a++, b++)
        ;
    return upper(*a) == upper(*b);
}

static char upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}
