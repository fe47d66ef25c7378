/* json_others.h - parsers of others that are measured beside ours, where they are installed. */
#ifndef TESTS_BENCH_JSON_OTHERS_H
#define TESTS_BENCH_JSON_OTHERS_H

#include <stddef.h>
#include <stdint.h>

/* How many lines of text its DOM parser reads without an error; text is padded as
 * json_check_line wants it.  0: it is not installed. */
#ifdef __cplusplus
extern "C"
#endif
    size_t
    simdjson_count_good(const uint8_t *text, size_t size);

#endif
