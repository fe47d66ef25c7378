/* forward_fuzz.c - random bytes as a session of the forward protocol: whole, cut at random places, byte by
 * byte and with little room they must be the same records and the same answers.  And as an entry: its JSON
 * is valid, and not longer than the walk through it has said.
 *
 * The first byte chooses between detection, the protocol, and the protocol with a key; the second where the
 * rest is cut. */
#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/msgpack.h"
#include "ingest/protocol/sha512.h"
#include "schema/record/forward.h"
#include "tests/fuzz/session_fuzz.h"

static struct forward_settings *settings;

static void sevens(void *bytes, size_t size) {
    memset(bytes, 7, size);
}

static void prepare_settings(void) {
    settings = forward_settings_create(sevens, "key", "logportd");
    assert(settings && forward_settings_add_user(settings, "u:pw"));
}

/* An array of three that begins with a tag. */
static void check_entry(const uint8_t *data, size_t size) {
    static uint8_t json[64 << 10];
    struct msgpack_walk walk = {.objects = 1, .json = 96};
    struct json_line line;
    size_t written = sizeof json - JSON_PADDING - 1, bad;
    if (msgpack_walk(&walk, data, size) < size || !msgpack_walk_ended(&walk) || walk.broken) return;
    if (forward_write(data, size, FORWARD_TIME_KEY, 1, json, &written, &bad) != FORWARD_OK) {
        assert(bad <= size);
        return;
    }
    assert(written <= walk.json);
    json[written] = '\n';
    json_check_line(json, json + written + 1, false, &line);
    assert(line.reason == JSON_OK && line.end == json + written);
    size_t less = written - 1;
    assert(forward_write(data, size, FORWARD_TIME_KEY, 1, json, &less, &bad) == FORWARD_NO_ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct seen whole;
    if (!settings) prepare_settings();
    if (size < 3 || size > 8192) return 0;
    check_entry(data + 2, size - 2);
    const struct protocol *protocol = data[0] & 1 ? &protocol_forward : &protocol_detect;
    if (data[0] & 2 && sha512_available) protocol = &protocol_forward_auth;
    go_whole(protocol, settings, data + 2, size - 2, &whole);
    if (run.session.protocol == &protocol_forward || run.session.protocol == &protocol_forward_auth)
        check_pieces(protocol, settings, data + 2, size - 2, data[1], &whole);
    return 0; /* protocols_fuzz does the others */
}
