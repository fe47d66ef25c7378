/* json_others.h - other parsers that bench_json compares with ours, if they are installed. */
#ifndef TESTS_BENCH_JSON_OTHERS_H
#define TESTS_BENCH_JSON_OTHERS_H

#include <stddef.h>
#include <stdint.h>

/* Returns how many lines simdjson's DOM parser reads without an error; 0: it is not installed.
 * The text is padded as for json_check_line. */
#ifdef __cplusplus
extern "C"
#endif
    size_t
    simdjson_count_good(const uint8_t *text, size_t size);

#endif
