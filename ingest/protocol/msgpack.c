/* msgpack.c - see msgpack.h. */
#include "ingest/protocol/msgpack.h"

/* ---- headers ---- */

static void first_byte(struct msgpack_head *head, uint8_t byte) {
    /* 0xC0 to 0xDF: kind, and how many bytes of a length follow; or how many bytes of data. */
    static const struct {
        uint8_t kind, missing, length;
    } kinds[32] = {
        {MSGPACK_NIL, 0, 0},   {MSGPACK_NEVER, 0, 0}, {MSGPACK_BOOL, 0, 0},  {MSGPACK_BOOL, 0, 0},
        {MSGPACK_BIN, 1, 0},   {MSGPACK_BIN, 2, 0},   {MSGPACK_BIN, 4, 0},   {MSGPACK_EXT, 1, 0},
        {MSGPACK_EXT, 2, 0},   {MSGPACK_EXT, 4, 0},   {MSGPACK_FLOAT, 0, 4}, {MSGPACK_FLOAT, 0, 8},
        {MSGPACK_INT, 0, 1},   {MSGPACK_INT, 0, 2},   {MSGPACK_INT, 0, 4},   {MSGPACK_INT, 0, 8},
        {MSGPACK_INT, 0, 1},   {MSGPACK_INT, 0, 2},   {MSGPACK_INT, 0, 4},   {MSGPACK_INT, 0, 8},
        {MSGPACK_EXT, 0, 1},   {MSGPACK_EXT, 0, 2},   {MSGPACK_EXT, 0, 4},   {MSGPACK_EXT, 0, 8},
        {MSGPACK_EXT, 0, 16},  {MSGPACK_STR, 1, 0},   {MSGPACK_STR, 2, 0},   {MSGPACK_STR, 4, 0},
        {MSGPACK_ARRAY, 2, 0}, {MSGPACK_ARRAY, 4, 0}, {MSGPACK_MAP, 2, 0},   {MSGPACK_MAP, 4, 0}};
    head->missing = 0;
    head->length = 0;
    if (byte < 0x80 || byte >= 0xE0) {
        head->kind = MSGPACK_INT;
    } else if (byte < 0xC0) {
        head->kind = byte < 0x90 ? MSGPACK_MAP : byte < 0xA0 ? MSGPACK_ARRAY : MSGPACK_STR;
        head->length = byte & (head->kind == MSGPACK_STR ? 31 : 15);
    } else {
        head->kind = (enum msgpack_kind)kinds[byte - 0xC0].kind;
        head->missing = kinds[byte - 0xC0].missing;
        head->length = kinds[byte - 0xC0].length;
    }
}

bool msgpack_head(struct msgpack_head *head, uint8_t byte) {
    if (head->size == 0) {
        first_byte(head, byte);
    } else {
        head->length = head->length << 8 | byte;
        head->missing--;
    }
    head->bytes[head->size++] = byte;
    return head->missing == 0;
}

/* ---- sizes as JSON ---- */

uint64_t msgpack_text_json(const uint8_t *bytes, size_t size) {
    uint64_t more = 0;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = bytes[i];
        /* \u0001; \"; and a byte that is not UTF-8 becomes the three of U+FFFD. */
        more += (byte < 0x20 ? 5u : 0u) + (byte == '"' || byte == '\\' ? 1u : 0u) +
                (byte >= 0x80 ? 2u : 0u);
    }
    return size + more;
}

/* Of a value with what is around it: a comma or colon, as a name quotes and an underscore; strings
 * and binary data without their bytes. */
static uint64_t head_json(const struct msgpack_head *head) {
    const uint64_t base64 = ((uint64_t)head->length + 2) / 3 * 4;
    switch (head->kind) {
    case MSGPACK_NIL:
    case MSGPACK_BOOL: return 10;
    case MSGPACK_INT: return head->length <= 1 ? 10 : 28;
    case MSGPACK_FLOAT: return 32;
    case MSGPACK_STR: return 4;
    case MSGPACK_BIN: return 20 + base64 - head->length; /* {"base64":"..."}, or a string */
    case MSGPACK_EXT: return 56 + base64;
    default: return 3;
    }
}

/* ---- walking ---- */

void msgpack_walk_head(struct msgpack_walk *walk, const struct msgpack_head *head) {
    walk->json += head_json(head);
    walk->text = head->kind == MSGPACK_STR || head->kind == MSGPACK_BIN;
    walk->broken = walk->broken || head->kind == MSGPACK_NEVER;
    if (head->kind == MSGPACK_ARRAY)
        walk->objects += head->length;
    else if (head->kind == MSGPACK_MAP)
        walk->objects += 2 * (uint64_t)head->length;
    else
        walk->bytes = (uint64_t)head->length + (head->kind == MSGPACK_EXT); /* its type */
}

size_t msgpack_walk(struct msgpack_walk *walk, const uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (at < size && !walk->broken) {
        if (walk->bytes > 0) {
            const size_t there = size - at;
            const size_t part = there < walk->bytes ? there : (size_t)walk->bytes;
            if (walk->text) walk->json += msgpack_text_json(bytes + at, part);
            walk->bytes -= part;
            at += part;
            continue;
        }
        if (walk->objects == 0) break;
        if (!msgpack_head(&walk->head, bytes[at++])) continue;
        walk->objects--;
        msgpack_walk_head(walk, &walk->head);
        walk->head.size = 0;
    }
    return at;
}
