/* forward_test.c - sessions of the forward protocol: wherever the network cuts them, the records and the
 * answers are the same, and a message is answered when all its entries are stored. */
#include "tests/unit/session_test.h"

#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/sha512.h"
#include "schema/record/forward.h"
#include "tests/sim/chance.h"
#include "tests/unit/rejected.h"

struct sample {
    const char *claim;
    const char *bytes; /* computed with python3-msgpack 1.0.3 and Python's gzip */
    size_t size;
    const char *stored;
    const char *answers;
    size_t answers_size;
    uint32_t refused;
    const char *rejected; /* "reason reason ...", in any order */
};

/* clang-format off */
static const struct sample samples[] = {
    {"one entry",
     TEXT("\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, ""},
    {"one entry with an option",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x80\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\xc0"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, ""},
    {"one entry with a chunk",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"EventTime",
     TEXT("\x93\xa1t\xd7\x00" "eS\xf1\x00\x07[\xcd\x15\x81\xa1" "a\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.123456789Z\"}\n",
     NULL, 0, 0, ""},
    {"entries",
     TEXT("\x92\xa1t\x92\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xd7\x00" "eS\xf1\x00\x00\x00\x00\x01\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000000001Z\"}\n",
     NULL, 0, 0, ""},
    {"entries with a chunk",
     TEXT("\x93\xa1t\x92\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x83\xa4size\x02\xa5" "chunk\xa2" "c1\xa5other\x92\x01\x81\xa1x\x02"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"no entries",
     TEXT("\x93\xa1t\x90\x81\xa5" "chunk\xa2" "c0\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c0\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"packed entries",
     TEXT("\x93\xa1t\xc4\x15\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x82\xa5" "chunk\xa2" "c1\xaa" "compressed\xa4text"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"packed in a string",
     TEXT("\x92\xa1t\xdb\x00\x00\x00\x15\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x93\xa1u\xce" "eS\xf1\x00\x81\xa1" "a\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"u\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, ""},
    {"nothing packed",
     TEXT("\x93\xa1t\xc4\x00\x81\xa5" "chunk\xa2" "c1\x92\xa1t\xc4\x00\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"compressed",
     TEXT("\x93\xa1t\xc4$\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "D\xc6IPV\xd2\xc2\x0a\x00\x85!k\xb6\x15\x00\x00\x00\x82\xaa" "compressed\xa4gzip\xa5" "chunk\xa2" "c1"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"compressed members",
     TEXT("\x93\xa1t\xc4o\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "DF\x00H\xf3\x97\x84\x0a\x00\x00\x00\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2\xa4\x85\x15\x00" "bJ\x1eX\x0b\x00\x00\x00\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "DF\x00H\xf3\x97\x84\x0a\x00\x00\x00\x82\xaa" "compressed\xa4gzip\xa5" "chunk\xa2" "c1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"compressed, with a wrong checksum",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x81\xa5" "chunk\xa2" "c0\x93\xa1t\xc4$\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "D\xc6IPV\xd2\xc2\x0a\x00\x85!j\xb6\x15\x00\x00\x00\x82\xaa" "compressed\xa4gzip\xa5" "chunk\xa2" "c1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c0"), REJECT_INFLATE, "inflate"},
    {"compressed, and cut off",
     TEXT("\x93\xa1t\xc4\x1a\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "DF\x00H\xf3\x97\x84\x82\xaa" "compressed\xa4gzip\xa5" "chunk\xa2" "c1"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, REJECT_INFLATE, "inflate"},
    {"a heartbeat",
     TEXT("\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\xc0\xc0\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, ""},
    {"entries that are none",
     TEXT("\x93\xa1t\x99\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x05\xa1x\x91\xce" "eS\xf1\x00\x93\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa1" "a\x01\x81\xa1" "a\xc4\x03xyz\x92\xce" "eS\xf1\x00\x91\x01\x92\xa3now\x81\xa1" "a\x01\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x81\xa5" "chunk\xa2" "c1"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_entry forward_entry forward_entry forward_entry forward_entry forward_entry forward_entry"},
    {"packed entries that are none",
     TEXT("\x93\xa1t\xc4\x19\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x05\xa1x\x80\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x81\xa5" "chunk\xa2" "c1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_entry forward_entry forward_entry"},
    {"a packed entry that is cut off",
     TEXT("\x93\xa1t\xc4\x14\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1\x81\xa5" "chunk\xa2" "c1\x92\xa1t\xc4\x0c\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\xdc\x00\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_entry forward_entry"},
    {"a compressed entry that is cut off",
     TEXT("\x93\xa1t\xc4#\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "D\xc6IPV\xd2" "B\x00" "a\xc8" "f\x02\x14\x00\x00\x00\x81\xa5" "chunk\xa2" "c1\x92\xa1t\xc4\x1f\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2" "D\xc6I\x00\xb4" "C\x80\xb4\x0b\x00\x00\x00\x92\xa1t\xc4\x16\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xbb\xc3\x00\x00\xec\x98Tl\x02\x00\x00\x00\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_entry forward_entry forward_entry"},
    {"bytes that never occur in packed entries",
     TEXT("\x93\xa1t\xc4\x17\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xc1\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x81\xa5" "chunk\xa2" "c1\x92\xa1t\xc4\x0b\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\xc1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_entry forward_entry"},
    {"and in an entry",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x93\xa1t\x01\x81\xa1" "a\xc1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"an array of one",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x91\xa1t"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"an array of five",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x95\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x80\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"a number as tag",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x93\x05\xce" "eS\xf1\x00\x81\xa1" "a\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"a time without a record",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x92\xa1t\xce" "eS\xf1\x00"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"entries in four",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x94\xa1t\x90\x80\x01"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"a map as second",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x93\xa1t\x80\x80"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"an option that is none",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x05"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"an option with a number as name",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\x01\x02"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"a chunk that is a number",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\x05"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"a chunk that is too long",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xd9\x81xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"text",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1{\"a\":1}\x0a"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), REJECT_FORWARD_FRAME, "forward_frame"},
    {"cut off in a header",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x93\xa4" "ab"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, ""},
    {"cut off in an entry",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_frame"},
    {"cut off after entries",
     TEXT("\x93\xa1t\x92\x92\xce" "eS\xf1\x00\x81\xa1" "a\x01\x92\xce" "eS\xf1\x00\x81\xa1" "b\xa1x\x81\xa5" "chunk\xa2" "c"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, ""},
    {"a name that is a map",
     TEXT("\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x93\xa1t\x01\x81\x80\x01\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, "forward_name"},
    {"names twice",
     TEXT("\x93\xa1t\xce" "eS\xf1\x00\x82\xa1" "a\x01\xa1" "a\x02"),
     "{\"a\":1,\"a\":2,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     NULL, 0, 0, ""},
    {"a long packed entry that is cut off",
     TEXT("\x93\xa1t\xc5\x01\xff\x92\xce" "eS\xf1\x00\x81\xa1" "a\xda\x01\xf4xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\x81\xa5" "chunk\xa2" "c1\x92\xa1t\xc4%\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x9bt.5\xf8#C\xe3\xc2\xc4[\x8c_*F\xc1H\x03\x00\xb8\x04\xa9\x06\xff\x01\x00\x00\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_entry forward_entry"},
    {"too long",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\xda\x01\xf4xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\x81\xa5" "chunk\xa2" "c1\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\xd9" "d\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x93\xa1t\xce" "eS\xf1\x00\x81\xa1" "b\xa1x"),
     "{\"b\":\"x\",\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "oversized oversized"},
    {"a length that never comes",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa2" "c1\x93\xa1t\x01\x81\xa1" "a\xdb\xff\xff\xff\xffxyz"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x02" "c1"), 0, "forward_frame"},
    {"a count that never comes",
     TEXT("\x93\xa1t\x01\xdf\xff\xff\xff\xff\xdd\xff\xff\xff\xff"),
     "",
     NULL, 0, 0, "forward_frame"},
    {"the longest chunk",
     TEXT("\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xd9\x80xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\x94\xa1t\xce" "eS\xf1\x00\x81\xa1" "a\x01\x81\xa5" "chunk\xa0"),
     "{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n{\"a\":1,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}\n",
     TEXT("\x81\xa3" "ack\xd9\x80xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\x81\xa3" "ack\xd9\x00"), 0, ""},
};
/* clang-format on */

static void expect(const struct sample *sample, const char *how) {
    const struct seen *seen = &whole;
    if (seen->stored_size != strlen(sample->stored) ||
        memcmp(seen->stored, sample->stored, seen->stored_size) != 0)
        fail_msg("%s, %s: stored %.*s", sample->claim, how, (int)seen->stored_size,
                 (const char *)seen->stored);
    if (seen->answers_size != sample->answers_size ||
        (sample->answers_size > 0 &&
         memcmp(seen->answers, sample->answers, sample->answers_size) != 0))
        fail_msg("%s, %s: %d bytes are answered, not %d", sample->claim, how,
                 (int)seen->answers_size, (int)sample->answers_size);
    expect_rejected(sample->claim, seen->reasons, sample->rejected);
    if (seen->refused != sample->refused)
        fail_msg("%s, %s: refused %u", sample->claim, how, seen->refused);
}

static void wherever_the_bytes_are_cut_records_and_answers_are_the_same(void **state) {
    (void)state;
    static const struct protocol *const protocols[] = {&protocol_detect, &protocol_forward};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (int how = 0; how < 4; how++) {
            const struct sample *sample = &samples[i];
            const uint8_t *bytes = (const uint8_t *)sample->bytes;
            const size_t size = sample->size;
            struct run run = new_run(&whole);
            run.little_room = how >= 2;
            run.piece_max = how % 2 ? 1 : 7;
            for (size_t first = 0; first <= size; first++)
                for (size_t second = first; second <= size; second += 1 + size / 9) {
                    run_begin(&run, protocols[how % 2]);
                    run_give(&run, bytes, first);
                    run_give(&run, bytes + first, second - first);
                    run_give(&run, bytes + second, size - second);
                    run_finish(&run);
                    expect(sample, "in three pieces");
                }
            run_begin(&run, protocols[how % 2]);
            for (size_t at = 0; at < size; at++)
                run_give(&run, bytes + at, 1);
            run_finish(&run);
            expect(sample, "byte by byte");
            assert_ptr_equal(run.session.protocol, &protocol_forward);
        }
}

#define ENTRY(value)                                                                               \
    "\x92\x01\x81\xa1"                                                                             \
    "a" value
#define ACK(chunk)                                                                                 \
    "\x81\xa3"                                                                                     \
    "ack\xd9\2" chunk

static void a_message_is_answered_when_all_its_entries_are_stored_and_not_before(void **state) {
    (void)state;
    struct run run = new_run(&whole);
    run_begin(&run, &protocol_detect);
    run_give(&run, (const uint8_t *)TEXT("\x93\xa1t\x92" ENTRY("\1")));
    run_drain(&run);
    run_give(&run, (const uint8_t *)TEXT(ENTRY("\2") "\x81\xa5"
                                                     "chunk\xa2"
                                                     "c1"));
    assert_true(bench.batch.awaited);
    run_take_answers(&run);
    assert_int_equal(whole.answers_size, 0);
    run_drain(&run);
    assert_int_equal(whole.answers_size, sizeof ACK("c1") - 1);
    assert_memory_equal(whole.answers, ACK("c1"), sizeof ACK("c1") - 1);
    run_give(&run, (const uint8_t *)TEXT("\x92\xa1t\x91" ENTRY("\1")));
    assert_false(bench.batch.awaited); /* no chunk: nobody waits */
    run_give(&run, (const uint8_t *)TEXT("\x93\xa1t\x90\x81\xa5"
                                         "chunk\xa2"
                                         "c2"));
    assert_true(bench.batch.awaited);
    run_finish(&run);
    assert_memory_equal(whole.answers + 9, ACK("c2"), sizeof ACK("c2") - 1);
}

static void a_message_whose_entries_could_not_be_stored_is_not_answered(void **state) {
    (void)state;
    struct run run = new_run(&whole);
    struct waiter *list = NULL, *rejects = NULL;
    struct commit commit;
    run_begin(&run, &protocol_detect);
    run_give(&run, (const uint8_t *)TEXT("\x93\xa1t\x91" ENTRY("\1") "\x81\xa5"
                                                                     "chunk\xa2"
                                                                     "c1"));
    batch_check(&bench.batch);
    acks_packed(&bench.batch, &list, &rejects);
    acks_written(&list, NULL, -1);
    assert_true(acks_next(&bench.acks, &commit) < 0);
    run_take_answers(&run);
    assert_int_equal(whole.answers_size, 0);
    acks_end(&bench.acks);
    protocol_forward.forget(&run.session);
    batch_reset(&bench.batch, &bench.rules);
}

static void more_chunks_than_a_session_remembers_wait(void **state) {
    (void)state;
    static const char message[] = "\x93\xa1t\x91" ENTRY("\1") "\x81\xa5"
                                                              "chunk\xa2"
                                                              "c1";
    struct run run = new_run(&whole);
    run_begin(&run, &protocol_forward);
    uint32_t taken = 0;
    for (; taken < 100; taken++) {
        const size_t size =
            session_take(&run.session, &bench.sink, (const uint8_t *)message, sizeof message - 1);
        if (size < sizeof message - 1) break;
    }
    assert_int_equal(taken, 8);
    assert_true(run.session.waits);
    run_drain(&run);
    assert_int_equal(whole.answers_size, taken * (sizeof ACK("c1") - 1));
    run_finish(&run);
}

static void a_changed_session_is_the_same_however_it_is_cut(void **state) {
    (void)state;
    struct chance chance = {11};
    for (int round = 0; round < 20000; round++) {
        const struct sample *sample =
            &samples[chance_below(&chance, sizeof samples / sizeof *samples)];
        uint8_t bytes[2048];
        const size_t size = sample->size;
        assert_true(size <= sizeof bytes);
        memcpy(bytes, sample->bytes, size);
        for (uint64_t n = chance_below(&chance, 4); n > 0; n--)
            bytes[2 + chance_below(&chance, size - 2)] = (uint8_t)chance_next(&chance);
        struct run run = new_run(&whole);
        run_begin(&run, &protocol_forward);
        run_give(&run, bytes, size);
        run_finish(&run);
        run = new_run(&pieces);
        run.little_room = round % 2;
        run.piece_max = 1 + (uint32_t)chance_below(&chance, 100);
        run_begin(&run, &protocol_forward);
        for (size_t at = 0, part; at < size; at += part) {
            part = 1 + chance_below(&chance, 30);
            if (part > size - at) part = size - at;
            run_give(&run, bytes + at, part);
        }
        run_finish(&run);
        if (!run_same(&whole, &pieces))
            fail_msg("round %d: %s: %d and %d bytes are stored", round, sample->claim,
                     (int)whole.stored_size, (int)pieces.stored_size);
    }
}

static void sevens(void *bytes, size_t size) {
    memset(bytes, 7, size);
}

/* Digests computed with Python's hashlib: SHA-512 of "salt" "host" NONCE "key", of SALT "u" "pw", and of
 * "salt" "logportd" NONCE "key"; nonce and salt are 16 bytes of 7. */
#define KEY_DIGEST                                                                                 \
    "144bc017f3ab3be01f5d9543adb248bb96d02686ea38ede73ad1ee028c6549d8"                             \
    "40280680879e57fc553ddacd049d54ec8559889a3eec4af1c489ae24006f3450"
#define USER_DIGEST                                                                                \
    "14d4c535c7bc7ec5e8ec5cce599e67a53492af6433a9dc33b5bbcd61ec1858c1"                             \
    "55bb84e263ad55306075e9a8ae7b7aa420f8605d34dcdf809eb75650017fd214"
#define OWN_DIGEST                                                                                 \
    "6257bc2b9dcc55270f315eeb84f37988acb71e57b6e684bff9343664bfc1313a"                             \
    "17bc46a8e4172f0dcc3f3c8f0f03e45b3567091d8292b9a56d7d6969b3456e7a"

static void a_client_must_know_the_key_and_a_password(void **state) {
    (void)state;
    static const char helo[] = "\x92\xa4HELO\x83\xa5nonce\xc4\x10\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7"
                               "\xa4"
                               "auth\xc4\x10\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\xa9keepalive\xc3";
    static const char ping[] = "\x96\xa4PING\xa4host\xa4salt\xd9\x80" KEY_DIGEST
                               "\xa1u\xd9\x80" USER_DIGEST "\x93\xa1t\1\x81\xa1"
                               "a\1";
    static const char pong[] = "\x95\xa4PONG\xc3\xd9\0\xd9\x08logportd\xd9\x80" OWN_DIGEST;
    if (!sha512_available) return;
    struct forward_settings *settings = forward_settings_create(sevens, "key", "logportd");
    assert_true(forward_settings_add_user(settings, "u:pw"));
    for (size_t changed = 0; changed < sizeof ping; changed++) {
        char bytes[sizeof ping];
        struct run run = new_run(&whole);
        memcpy(bytes, ping, sizeof ping);
        bytes[changed] ^= 1; /* the last one is not sent */
        run_begin(&run, &protocol_forward_auth);
        assert_true(protocol_forward_auth.begin(&run.session, settings));
        run_take_answers(&run);
        assert_int_equal(whole.answers_size, sizeof helo - 1);
        assert_memory_equal(whole.answers, helo, sizeof helo - 1);
        whole.answers_size = 0;
        for (size_t at = 0; at < sizeof ping - 1; at++)
            run_give(&run, (const uint8_t *)bytes + at, 1);
        run_finish(&run);
        if (changed == sizeof ping - 1) {
            assert_int_equal(whole.answers_size, sizeof pong - 1);
            assert_memory_equal(whole.answers, pong, sizeof pong - 1);
            assert_int_equal(whole.records, 1);
        } else if (changed < sizeof ping - 9) {
            assert_int_equal(whole.stored_size, 0);
            assert_true(whole.answers_size == 0 || whole.answers[6] == 0xC2);
        }
    }
    forward_settings_release(settings);
}

static void a_datagram_is_refused(void **state) {
    (void)state;
    static const char text[] = "\x92\xa1t\x91" ENTRY("\1");
    static const struct protocol *const protocols[] = {&protocol_detect, &protocol_forward};
    struct sink sink = bench.sink;
    sink.acks = NULL;
    for (int i = 0; i < 2; i++) {
        struct session session = {0};
        size_t taken = 0;
        assert_true(protocol_take_datagram(protocols[i], &session, &taken, &sink,
                                           (const uint8_t *)text, sizeof text - 1));
        assert_int_equal(session.refused, REJECT_MSGPACK);
        batch_reset(&bench.batch, &bench.rules);
    }
}

static void a_listener_with_another_protocol_refuses_it(void **state) {
    (void)state;
    static const char text[] = "\x92\xa1t\x91" ENTRY("\1");
    struct session session;
    session_begin(&session, &protocol_newline);
    assert_int_equal(session_take(&session, &bench.sink, (const uint8_t *)text, sizeof text - 1),
                     sizeof text - 1);
    assert_int_equal(session.refused, REJECT_MSGPACK);
    batch_reset(&bench.batch, &bench.rules);
}

/* What an entry becomes: values as a record has them. */
static void write_entry(const char *entry, size_t size, uint8_t *json, size_t *json_size,
                        enum forward_result expected) {
    size_t bad;
    *json_size = 1000;
    const enum forward_result result =
        forward_write((const uint8_t *)entry, size, "time", INT64_C(1), json, json_size, &bad);
    assert_int_equal(result, expected);
    assert_true(bad <= size);
}

static void values_keep_what_they_are(void **state) {
    (void)state;
    /* clang-format off */
    static const struct {
        const char *bytes;
        size_t size;
        const char *json;
    } values[] = {
        {TEXT("\x00"), "0"},
        {TEXT("\x7f"), "127"},
        {TEXT("\xff"), "-1"},
        {TEXT("\xe0"), "-32"},
        {TEXT("\xcc\xc8"), "200"},
        {TEXT("\xd0\x80"), "-128"},
        {TEXT("\xcd\xff\xff"), "65535"},
        {TEXT("\xd1\x80\x00"), "-32768"},
        {TEXT("\xce\xff\xff\xff\xff"), "4294967295"},
        {TEXT("\xd2\x80\x00\x00\x00"), "-2147483648"},
        {TEXT("\xcf\x00 \x00\x00\x00\x00\x00\x01"), "9007199254740993"},
        {TEXT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615"},
        {TEXT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808"},
        {TEXT("\xcb" "?\xb9\x99\x99\x99\x99\x99\x9a"), "0.1"},
        {TEXT("\xca=\xcc\xcc\xcd"), "0.10000000149011612"},
        {TEXT("\xcb" "?\xf0\x00\x00\x00\x00\x00\x00"), "1.0"},
        {TEXT("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-0.0"},
        {TEXT("\xcb~7\xe4<\x88\x00u\x9c"), "1e+300"},
        {TEXT("\xcb\x00\x00\x00\x00\x00\x00\x00\x01"), "4.94065645841247e-324"},
        {TEXT("\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"), "1.7976931348623157e+308"},
        {TEXT("\xcb" "B\xdc\x12!\x83w\xde" "f"), "123456789012345.6"},
        {TEXT("\xcaK\x80\x00\x00"), "16777216.0"},
        {TEXT("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), "\"NaN\""},
        {TEXT("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "\"Infinity\""},
        {TEXT("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"), "\"-Infinity\""},
        {TEXT("\xca\x7f\x80\x00\x00"), "\"Infinity\""},
        {TEXT("\xc0"), "null"},
        {TEXT("\xc3"), "true"},
        {TEXT("\xc2"), "false"},
        {TEXT("\xa0"), "\"\""},
        {TEXT("\xa7h\xc3\xa9\xf0\x9f\x98\x80"), "\"hé😀\""},
        {TEXT("\xa8\x00\x1f\"\\\x0a\x0d\x09\x7f"), "\"\\u0000\\u001f\\\"\\\\\\n\\r\\t\177\""},
        {TEXT("\xa5" "ab\xff\xc3" "c"), "\"ab��c\""},
        {TEXT("\xa3\xf0\x9f\x98"), "\"�\""},
        {TEXT("\xa3\xed\xa0\x80"), "\"���\""},
        {TEXT("\xc4\x05text\x0a"), "\"text\\n\""},
        {TEXT("\xc4\x02\xff\x00"), "{\"base64\":\"/wA=\"}"},
        {TEXT("\xc4\x00"), "\"\""},
        {TEXT("\xc7\x03\x05" "abc"), "{\"ext\":5,\"base64\":\"YWJj\"}"},
        {TEXT("\xc7\x03\x00" "abc"), "{\"ext\":0,\"base64\":\"YWJj\"}"},
        {TEXT("\xc7\x00\x7f"), "{\"ext\":127,\"base64\":\"\"}"},
        {TEXT("\xc7\x01\x80\x00"), "{\"ext\":-128,\"base64\":\"AA==\"}"},
        {TEXT("\xd7\x00\x00\x00\x00\x01\x00\x00\x00\x05"), "\"1970-01-01T00:00:01.000000005Z\""},
        {TEXT("\xd7\x00\x00\x00\x00\x01;\x9a\xca\x00"), "{\"ext\":0,\"base64\":\"AAAAATuaygA=\"}"},
        {TEXT("\xd6\xff\x00\x00\x00\x01"), "\"1970-01-01T00:00:01.000Z\""},
        {TEXT("\xd7\xff\x00\x00\x00\x1e\x00\x00\x00\x00"), "\"2242-03-16T12:56:32.000000007Z\""},
        {TEXT("\xc7\x0c\xff;\x9a\xc9\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "\"1969-12-31T23:59:59.999999999Z\""},
        {TEXT("\xc7\x0c\xff\x00\x00\x00\x01@\x00\x00\x00\x00\x00\x00\x00"), "{\"ext\":-1,\"base64\":\"AAAAAUAAAAAAAAAA\"}"},
        {TEXT("\x90"), "[]"},
        {TEXT("\x93\x01\x92\x02\x90\x80"), "[1,[2,[]],{}]"},
        {TEXT("\x82\xa1" "a\x81\xa1" "b\x91\xc0\xa1" "c\x80"), "{\"a\":{\"b\":[null]},\"c\":{}}"},
        {TEXT("\xdc\x00\x14\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"), "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]"},
        {TEXT("\x85\x01\x05\xfb\x03\xc0\x04\xcb" "?\xf8\x00\x00\x00\x00\x00\x00\x06\xc4\x01\xff\x07"), "{\"1\":5,\"-5\":3,\"null\":4,\"1.5\":6,\"/w==\":7}"},
        {TEXT("\x83\xc2\x01\xd7\x00\x00\x00\x00\x01\x00\x00\x00\x05\x02\xd4\x05" "a\x03"), "{\"false\":1,\"1970-01-01T00:00:01.000000005Z\":2,\"YQ==\":3}"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char entry[400], expected[1000];
        uint8_t json[1000];
        size_t size, json_size;
        memcpy(entry, "\x93\xa1t\x01\x81\xa1v", 7);
        memcpy(entry + 7, values[i].bytes, values[i].size);
        size = 7 + values[i].size;
        write_entry(entry, size, json, &json_size, FORWARD_OK);
        snprintf(expected, sizeof expected,
                 "{\"v\":%s,\"_tag\":\"t\",\"time\":\"1970-01-01T00:00:01.000Z\"}", values[i].json);
        json[json_size] = '\0';
        assert_string_equal((char *)json, expected);
        for (size_t cut = 0; cut < size; cut++) {
            size_t part = 1000, bad;
            assert_int_equal(forward_write((uint8_t *)entry, cut, "time", 1, json, &part, &bad),
                             FORWARD_BAD_ENTRY);
        }
        for (size_t room = 0; room < json_size; room++) {
            size_t part = room, bad;
            assert_int_equal(forward_write((uint8_t *)entry, size, "time", 1, json, &part, &bad),
                             FORWARD_NO_ROOM);
        }
    }
}

static void times_and_names(void **state) {
    (void)state;
    /* clang-format off */
    static const struct {
        const char *bytes;
        size_t size;
        const char *json;
    } entries[] = {
        {TEXT("\x93\xa1t\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"1970-01-01T00:00:00.000000001Z\"}"},
        {TEXT("\x93\xa1t\xc0\x80"),
         "{\"_tag\":\"t\",\"time\":\"1970-01-01T00:00:00.000000001Z\"}"},
        {TEXT("\x93\xa1t\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"1970-01-01T00:00:00.000000001Z\"}"},
        {TEXT("\x93\xa1t\xcb\x00\x00\x00\x00\x00\x00\x00\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"1970-01-01T00:00:00.000000001Z\"}"},
        {TEXT("\x93\xa1t\xcb" "A\xd9T\xfc@\x07\xdf;\x80"),
         "{\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.123Z\"}"},
        {TEXT("\x93\xa1t\xcb" "A\xd9T\xfc@\x10\x00\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.250Z\"}"},
        {TEXT("\x93\xa1t\xcb\xbf\xf8\x00\x00\x00\x00\x00\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"1969-12-31T23:59:58.500Z\"}"},
        {TEXT("\x93\xa1t\xcb>\xb0\xc6\xf7\xa0\xb5\xed\x8d\x80"),
         "{\"_tag\":\"t\",\"time\":\"1970-01-01T00:00:00.000001Z\"}"},
        {TEXT("\x93\xa1t\xd2\x9a\xac\x0f\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"1916-02-18T01:46:40.000Z\"}"},
        {TEXT("\x93\xa1t\xcf\x00\x00\x01\x8b\xcf\xe5h\x00\x80"),
         "{\"_tag\":\"t\",\"time\":1700000000000}"},
        {TEXT("\x93\xa1t\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x80"),
         "{\"_tag\":\"t\",\"time\":18446744073709551615}"},
        {TEXT("\x93\xa1t\xcb" "Bx\xbc\xfeV\x80\x00\x00\x80"),
         "{\"_tag\":\"t\",\"time\":1700000000000.0}"},
        {TEXT("\x93\xa1t\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"NaN\"}"},
        {TEXT("\x93\xa1t\xd7\xff\x00\x00\x00\x04" "eS\xf1\x00\x80"),
         "{\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000000001Z\"}"},
        {TEXT("\x93\xa0\xce" "eS\xf1\x00\x80"),
         "{\"_tag\":\"\",\"time\":\"2023-11-14T22:13:20.000Z\"}"},
        {TEXT("\x93\xa5" "a\"\x0a\xc3\xa9\xce" "eS\xf1\x00\x80"),
         "{\"_tag\":\"a\\\"\\né\",\"time\":\"2023-11-14T22:13:20.000Z\"}"},
        {TEXT("\x93\xc4\x02" "a\xff\xce" "eS\xf1\x00\x80"),
         "{\"_tag\":\"a�\",\"time\":\"2023-11-14T22:13:20.000Z\"}"},
        {TEXT("\x93\xa1t\xce" "eS\xf1\x00\x8a\xa4time\x01\xa5_time\x02\xa6__time\x03\xa4Time\x04\xa5xtime\x05\xa4_tag\x06\xa5__tag\x07\xa3tag\x08\xa2in\x82\xa4time\x09\xa4_tag\x0a\xa0\x0b"),
         "{\"_time\":1,\"__time\":2,\"___time\":3,\"Time\":4,\"xtime\":5,\"__tag\":6,\"___tag\":7,\"tag\":8,\"in\":{\"time\":9,\"_tag\":10},\"\":11,\"_tag\":\"t\",\"time\":\"2023-11-14T22:13:20.000Z\"}"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        uint8_t json[1000];
        size_t json_size;
        write_entry(entries[i].bytes, entries[i].size, json, &json_size, FORWARD_OK);
        json[json_size] = '\0';
        assert_string_equal((char *)json, entries[i].json);
    }
}

static void nesting_has_the_limit_of_json(void **state) {
    (void)state;
    for (int depth = 255; depth <= 256; depth++) { /* arrays inside the record */
        char entry[1000];
        static uint8_t json[1000];
        size_t json_size;
        memcpy(entry, "\x93\xa1t\x01\x81\xa1v", 7);
        memset(entry + 7, '\x91', (size_t)depth);
        entry[7 + depth - 1] = '\x90';
        write_entry(entry, 7 + (size_t)depth, json, &json_size,
                    depth < 256 ? FORWARD_OK : FORWARD_TOO_DEEP);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(wherever_the_bytes_are_cut_records_and_answers_are_the_same),
        TEST(a_message_is_answered_when_all_its_entries_are_stored_and_not_before),
        TEST(a_message_whose_entries_could_not_be_stored_is_not_answered),
        TEST(more_chunks_than_a_session_remembers_wait),
        TEST(a_changed_session_is_the_same_however_it_is_cut),
        TEST(a_client_must_know_the_key_and_a_password),
        TEST(a_datagram_is_refused),
        TEST(a_listener_with_another_protocol_refuses_it),
        cmocka_unit_test(values_keep_what_they_are),
        cmocka_unit_test(times_and_names),
        cmocka_unit_test(nesting_has_the_limit_of_json),
    };
    if (!inflate_library() || !forward_library()) return 0; /* built without them */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
