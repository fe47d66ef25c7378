/* json_simdjson.cpp - simdjson's DOM parser, measured beside ours (bench_json). */
#include "tests/bench/json_others.h"

#include <cstring>
#include <simdjson.h>

size_t simdjson_count_good(const uint8_t *text, size_t size) {
    static simdjson::dom::parser parser;
    size_t good = 0;
    for (const uint8_t *p = text, *const end = text + size; p < end;) {
        const auto *newline = static_cast<const uint8_t *>(memchr(p, '\n', size_t(end - p)));
        simdjson::dom::element tree;
        /* Not copied: the padding that it wants is there. */
        good += parser.parse(p, size_t(newline - p), false).get(tree) == simdjson::SUCCESS;
        p = newline + 1;
    }
    return good;
}
