/* lumberjack_fuzz.c - random bytes as a session of Lumberjack: whole, cut at random places, byte by byte
 * and with little room they must be the same records and the same answers.
 *
 * The first byte chooses between detection and the protocol, the second where the rest is cut. */
#include "tests/fuzz/session_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct seen whole;
    if (size < 3 || size > 8192) return 0;
    const struct protocol *protocol = data[0] & 1 ? &protocol_lumberjack : &protocol_detect;
    go_whole(protocol, NULL, data + 2, size - 2, &whole);
    if (run.session.protocol != &protocol_lumberjack) return 0; /* protocols_fuzz does the others */
    check_pieces(protocol, NULL, data + 2, size - 2, data[1], &whole);
    return 0;
}
