/* json_simdjson.cpp - simdjson's DOM parser, for comparison in bench_json. */
#include "tests/bench/json_others.h"

#include <cstring>
#include <simdjson.h>

size_t simdjson_count_good(const uint8_t *text, size_t size) {
    static simdjson::dom::parser parser;
    size_t good = 0;
    for (const uint8_t *p = text, *const end = text + size; p < end;) {
        const auto *newline = static_cast<const uint8_t *>(memchr(p, '\n', size_t(end - p)));
        simdjson::dom::element tree;
        /* false: no copy, because the text has the padding that simdjson needs. */
        good += parser.parse(p, size_t(newline - p), false).get(tree) == simdjson::SUCCESS;
        p = newline + 1;
    }
    return good;
}
