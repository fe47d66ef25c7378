/* unfolded.c - unfolds bodies of requests on stdin, one per line, and prints one line for each: what
 * became of its events, so that tests/e2e/test_unfold_model.py can compare thousands of them with a
 * model.  Fields are separated by tabs; bytes are hexadecimal.
 *
 *   loki|otlp RECORD_MAX ROOM BODY
 *
 * ROOM: 0, or records are written into pieces of so many bytes, at least RECORD_MAX.
 *
 *   REASON@POSITION                  for a body of which nothing is taken
 *   =RECORD or REASON@POSITION ...   for each event otherwise */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/unfold.h"
#include "port/system.h"
#include "writer/live/quarantine.h"

#define BODY_MAX (4u << 20)

static size_t read_hex(const char *hex, uint8_t *bytes) {
    size_t size = 0;
    for (; hex[0] && hex[1] && hex[0] != '\n'; hex += 2) {
        const char digits[3] = {hex[0], hex[1], '\0'};
        bytes[size++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static void print_record(const uint8_t *record, size_t size) {
    putchar('\t');
    putchar('=');
    for (size_t i = 0; i < size; i++)
        printf("%02x", record[i]);
}

static void unfold_all(struct unfold *unfold, const uint8_t *body, uint8_t *piece, size_t room) {
    struct unfold_event event;
    size_t used = 0;
    enum unfold_result result;
    while ((result = unfold_next(unfold, piece + used, room - used, &event)) != UNFOLD_END) {
        switch (result) {
        case UNFOLD_RECORD:
            print_record(piece + used, event.size);
            used += event.size;
            break;
        case UNFOLD_REJECTED:
            printf("\t%s@%zu", reject_reason_name(event.reason), (size_t)(event.at - body));
            assert(event.problem);
            break;
        default:
            assert(used > 0);
            memset(piece, '#', room); /* what was copied from it must not be read again */
            used = 0;
        }
    }
}

static void take_case(char *line, uint8_t *body) {
    const char *name = strtok(line, "\t"), *record_max = strtok(NULL, "\t"),
               *room_text = strtok(NULL, "\t"), *hex = strtok(NULL, "\t");
    assert(name && record_max && room_text && hex);
    const struct unfold_format *format = strcmp(name, "loki") == 0 ? &unfold_loki : &unfold_otlp;
    const uint32_t most = (uint32_t)strtoul(record_max, NULL, 10);
    size_t room = strtoul(room_text, NULL, 10);
    const size_t size = read_hex(hex, body);
    struct unfold unfold;
    const uint8_t *bad;
    const char *problem;
    const uint32_t reason = unfold_begin(&unfold, format, body, size, most, &bad, &problem);
    if (room < most) room = 8 * (size_t)most;
    if (reason) {
        printf("%s@%zu", reject_reason_name(reason), (size_t)(bad - body));
    } else {
        uint8_t *piece = malloc(room + UNFOLD_PADDING);
        assert(piece);
        unfold_all(&unfold, body, piece, room);
        free(piece);
    }
    putchar('\n');
}

int program_main(int count, char **arguments) {
    static char line[2 * BODY_MAX + 100];
    uint8_t *body = malloc(BODY_MAX + UNFOLD_PADDING);
    (void)count, (void)arguments;
    assert(body);
    while (fgets(line, sizeof line, stdin))
        take_case(line, body);
    free(body);
    return 0;
}
