/* status_table.c - see status_table.h.
 *
 *   up 3 h 12 min   7.2 MiB of memory   2 connections (17 accepted)
 *
 *   received 17   stored 16   rejected 1   dropped 0   in flight 0
 *
 *   STREAM    RECORDS     BYTES   ON DISK  RATIO  SEGMENTS  ARCHIVED
 *   main           16   2.4 KiB   1.6 KiB    1.5         1         0
 *   rejects                         180 B                1         0
 *
 *   FOLDER               FREE
 *   ./logs/main     201.5 GiB
 *   ./logs/rejects  201.5 GiB
 *   /mnt/cold         3.6 TiB
 *
 *   rejected: not_object 1 */
#include "tools/render/status_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/query/fields.h"

#define AMOUNT_TEXT 32

/* 0 if the path is not there or is no number. */
static uint64_t number_at(const struct value *object, const char *path) {
    struct value value;
    if (!value_find(object, path, strlen(path), &value) || value.kind != VALUE_NUMBER) return 0;
    return strtoull((const char *)value.begin, NULL, 10); /* a , or } follows */
}

static const char *bytes_text(uint64_t bytes, char text[AMOUNT_TEXT]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        amount /= 1024;
    snprintf(text, AMOUNT_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
    return text;
}

static const char *age_text(uint64_t seconds, char text[AMOUNT_TEXT]) {
    const unsigned long long s = seconds;
    if (s < 60)
        snprintf(text, AMOUNT_TEXT, "%llu s", s);
    else if (s < 3600)
        snprintf(text, AMOUNT_TEXT, "%llu min", s / 60);
    else if (s < 86400)
        snprintf(text, AMOUNT_TEXT, "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        snprintf(text, AMOUNT_TEXT, "%llu d %llu h", s / 86400, s / 3600 % 24);
    return text;
}

static uint64_t sum_of(const struct value *object) {
    struct members members = members_of(object);
    struct member member;
    uint64_t sum = 0;
    while (members_next(&members, &member)) /* each round advances by a member */
        if (member.value.kind == VALUE_NUMBER)
            sum += strtoull((const char *)member.value.begin, NULL, 10);
    return sum;
}

static bool object_at(const struct value *root, const char *path, struct value *object) {
    return value_find(root, path, strlen(path), object) && object->kind == VALUE_OBJECT;
}

static void print_name(struct output *out, const struct member *member, size_t columns) {
    const size_t size = (size_t)(member->name_end - member->name);
    output_records(out, member->name, size);
    for (size_t i = size; i < columns; i++)
        output_text(out, " ");
}

static size_t widest_name(const struct value *object, size_t columns) {
    struct member member;
    for (struct members look = members_of(object); members_next(&look, &member);) {
        const size_t size = (size_t)(member.name_end - member.name);
        if (size > columns) columns = size;
    }
    return columns;
}

static void print_totals(struct output *out, const struct value *root) {
    char age[AMOUNT_TEXT], memory[AMOUNT_TEXT];
    struct value dropped;
    const uint64_t lost = object_at(root, "dropped", &dropped) ? sum_of(&dropped) : 0;
    output_format(out, "up %s   %s of memory   %llu connections (%llu accepted)\n\n",
                  age_text(number_at(root, "uptime_s"), age),
                  bytes_text(number_at(root, "memory_bytes"), memory),
                  (unsigned long long)number_at(root, "connections"),
                  (unsigned long long)number_at(root, "connections_accepted"));
    output_format(out,
                  "received %llu   stored %llu   rejected %llu   dropped %llu   in flight %llu\n\n",
                  (unsigned long long)number_at(root, "received"),
                  (unsigned long long)number_at(root, "stored"),
                  (unsigned long long)number_at(root, "rejected"), (unsigned long long)lost,
                  (unsigned long long)number_at(root, "in_flight"));
    if (number_at(root, "acknowledged") > 0)
        output_format(out, "acknowledged %llu\n\n",
                      (unsigned long long)number_at(root, "acknowledged"));
}

/* quarantined: its records are the daemon's rejected ones; their bytes are not counted. */
static void print_stream(struct output *out, const struct member *stream, size_t columns,
                         uint64_t records, bool quarantined) {
    const struct value *const counters = &stream->value;
    const uint64_t raw = number_at(counters, "bytes_stored");
    const uint64_t written = number_at(counters, "bytes_written");
    char raw_text[AMOUNT_TEXT] = "", ratio[AMOUNT_TEXT] = "", written_text[AMOUNT_TEXT];
    if (!quarantined) bytes_text(raw, raw_text);
    if (!quarantined && written > 0)
        snprintf(ratio, sizeof ratio, "%.1f", (double)raw / (double)written);
    print_name(out, stream, columns);
    output_format(out, "  %12llu  %10s  %10s  %5s  %8llu  %8llu\n", (unsigned long long)records,
                  raw_text, bytes_text(written, written_text), ratio,
                  (unsigned long long)number_at(counters, "segments_opened"),
                  (unsigned long long)number_at(counters, "segments_archived"));
}

static void print_streams(struct output *out, const struct value *root) {
    static const char rejects[] = "rejects";
    struct value streams, quarantine;
    struct member member;
    if (!object_at(root, "streams", &streams)) return;
    const size_t columns = widest_name(&streams, sizeof rejects - 1);
    output_format(out, "%-*s  %12s  %10s  %10s  %5s  %8s  %8s\n", (int)columns, "STREAM", "RECORDS",
                  "BYTES", "ON DISK", "RATIO", "SEGMENTS", "ARCHIVED");
    for (struct members list = members_of(&streams); members_next(&list, &member);)
        print_stream(out, &member, columns, number_at(&member.value, "stored"), false);
    if (number_at(root, "rejected") == 0 || !object_at(root, rejects, &quarantine)) return;
    member.name = (const uint8_t *)rejects;
    member.name_end = member.name + sizeof rejects - 1;
    member.value = quarantine;
    print_stream(out, &member, columns, number_at(root, "rejected"), true);
}

/* A figure this old is shown with its age: the volume does not answer. */
#define AGE_SHOWN_S 30

static void print_volume(struct output *out, const struct member *folder, size_t columns) {
    char free[AMOUNT_TEXT], age[AMOUNT_TEXT];
    struct value found;
    const uint64_t age_s = number_at(&folder->value, "age_s");
    print_name(out, folder, columns);
    output_text(out, "  ");
    if (value_find(&folder->value, "free_bytes", 10, &found))
        output_format(out, "%10s", bytes_text(number_at(&folder->value, "free_bytes"), free));
    else if (value_find(&folder->value, "error", 5, &found))
        output_records(out, found.begin + 1, (size_t)(found.end - found.begin) - 2);
    else
        output_text(out, "not known yet");
    if (age_s >= AGE_SHOWN_S) output_format(out, "  (%s ago)", age_text(age_s, age));
    output_text(out, "\n");
}

static void print_volumes(struct output *out, const struct value *root) {
    struct value volumes;
    struct member member;
    if (!object_at(root, "volumes", &volumes)) return;
    const size_t columns = widest_name(&volumes, sizeof "FOLDER" - 1);
    output_format(out, "%-*s  %10s\n", (int)columns, "FOLDER", "FREE");
    for (struct members list = members_of(&volumes); members_next(&list, &member);)
        print_volume(out, &member, columns);
    output_text(out, "\n");
}

/* "rejected: not_object 1, bad_utf8 3" */
static void print_reasons(struct output *out, const struct value *root, const char *path,
                          const char *heading) {
    struct value object;
    struct member member;
    bool first = true;
    if (!object_at(root, path, &object)) return;
    for (struct members members = members_of(&object); members_next(&members, &member);) {
        output_text(out, first ? heading : ", ");
        print_name(out, &member, 0);
        output_text(out, " ");
        output_records(out, member.value.begin, (size_t)(member.value.end - member.value.begin));
        first = false;
    }
    if (!first) output_text(out, "\n");
}

/* Counters that are 0 as long as all is well, or no limit applies, of the daemon or of any stream. */
static void print_trouble(struct output *out, const struct value *root) {
    static const char *const of_daemon[] = {"udp_kernel_drops",   "datagrams_truncated",
                                            "connections_failed", "connections_refused",
                                            "connections_denied", "connections_over_limit",
                                            "connections_idle",   "connections_unfinished",
                                            "rate_waits",         "proxy_failures",
                                            "tls_failures",       "tls_waits",
                                            "tls_refused",        "acknowledgements_failed",
                                            "answers_unread",     "accept_pauses",
                                            "receive_pauses",     "archives_hung",
                                            "archive_hangs",      "schema_monitored",
                                            "gelf_chunks_ignored"};
    static const char *const of_streams[] = {
        "segments_suspect", "segments_unrecovered", "move_failures", "archive_command_failures",
        "blocks_held",      "write_failures",       "sync_failures"};
    struct value streams;
    struct member member;
    for (size_t i = 0; i < sizeof of_daemon / sizeof *of_daemon; i++) {
        const uint64_t number = number_at(root, of_daemon[i]);
        if (number > 0) output_format(out, "%s: %llu\n", of_daemon[i], (unsigned long long)number);
    }
    if (!object_at(root, "streams", &streams)) return;
    for (struct members list = members_of(&streams); members_next(&list, &member);)
        for (size_t i = 0; i < sizeof of_streams / sizeof *of_streams; i++) {
            const uint64_t number = number_at(&member.value, of_streams[i]);
            if (number == 0) continue;
            print_name(out, &member, 0);
            output_format(out, ": %s: %llu\n", of_streams[i], (unsigned long long)number);
        }
}

void print_status(struct output *out, const char *json, size_t size) {
    const uint8_t *const begin = (const uint8_t *)json;
    const struct value root = value_of(begin, begin + size);
    print_totals(out, &root);
    print_streams(out, &root);
    output_text(out, "\n");
    print_volumes(out, &root);
    print_reasons(out, &root, "dropped", "dropped: ");
    print_reasons(out, &root, "reasons", "rejected: ");
    print_trouble(out, &root);
}
