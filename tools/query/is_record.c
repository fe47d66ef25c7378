/* is_record.c - see is_record.h. */
#include "tools/query/is_record.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/json.h"
#include "tools/query/allocate.h"

void is_record_close(struct is_record *check) {
    free(check->bytes);
    *check = (struct is_record){0};
}

bool is_record(struct is_record *check, const uint8_t **line, size_t *size) {
    const uint8_t *p = *line, *const end = p + *size;
    struct json_line found;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    if (p == end || *p != '{') return false;
    const size_t need = *size + 1 + JSON_PADDING;
    if (check->room < need) {
        check->room = need + need / 2;
        check->bytes = reallocate(check->bytes, check->room);
        memset(check->bytes, 0, check->room);
    }
    memcpy(check->bytes, *line, *size);
    check->bytes[*size] = '\n';
    json_check_line(check->bytes, check->bytes + *size + 1, false, &found);
    if (found.reason != JSON_OK || found.next != check->bytes + *size + 1) return false;
    *line += found.begin - check->bytes;
    *size = (size_t)(found.end - found.begin);
    return true;
}
