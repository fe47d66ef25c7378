/* json.c - how fast lines are validated: each variant of the scanner, a copy of the same bytes and
 * other parsers, in turn in one run, over a batch of lines as loggers write them.
 *
 * Prints GB/s of the best round (a shared machine only ever adds time) and the speed relative to
 * simdjson and cJSON.  A parser that is not installed is skipped with a message.
 *   bench_json [ROUNDS] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "port/port.h"
#include "schema/json/ijson.h"
#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "tests/bench/json_others.h"

#define TEXT_BYTES     (1 << 20) /* a batch */
#define LINE_BYTES_MAX 1024
#define ROUNDS_USUAL   200

/* ---- lines ---- */

static uint32_t random_below(uint64_t *state, uint32_t limit) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ z >> 31) % limit);
}

/* Most lines in logs have the level info. */
static const char *const levels[] = {"info", "info",  "info",  "info", "info",
                                     "info", "debug", "debug", "warn", "error"};
static const uint32_t level_numbers[] = {30, 30, 30, 30, 30, 30, 20, 20, 40, 50};
static const char *const paths[] = {"/api/v1/orders", "/api/v1/users/4711/cart",
                                    "/healthz",       "/static/app.3f9a1c.js",
                                    "/login",         "/api/v2/search?q=lamp&page=2"};
static const char *const words[] = {
    "accepted",   "order",  "payment declined by issuer", "retrying in",
    "cache miss", "served", "user session expired",       "queue depth"};
#define PICK(chance, table) table[random_below(chance, sizeof table / sizeof table[0])]

/* ms: milliseconds since 07:00, which increase with every line. */
typedef int line_writer(char *out, size_t size, uint32_t ms, uint64_t *chance);
#define MINUTE(ms) (ms) / 60000 % 60, (ms) / 1000 % 60, (ms) % 1000

static int write_pino(char *out, size_t size, uint32_t ms, uint64_t *chance) {
    const uint32_t id = random_below(chance, 1u << 31), n = random_below(chance, 100000);
    return snprintf(
        out, size,
        "{\"level\":%u,\"time\":%" PRIu64 ",\"pid\":%u,\"hostname\":\"web-%u\",\"req\":{\"id\":%u,"
        "\"method\":\"%s\",\"url\":\"%s\",\"remoteAddress\":\"10.0.%u.%u\"},\"res\":{"
        "\"statusCode\":%u},\"responseTime\":%u,\"msg\":\"%s %s\"}\n",
        PICK(chance, level_numbers), UINT64_C(1795505400000) + ms, 1 + random_below(chance, 32768),
        n % 24, id, n % 5 ? "GET" : "DELETE", PICK(chance, paths), n % 256, id % 256,
        n % 9 ? 200 : 404, random_below(chance, 2000), PICK(chance, words), PICK(chance, words));
}

static int write_logstash(char *out, size_t size, uint32_t ms, uint64_t *chance) {
    const uint32_t id = random_below(chance, 1u << 31), n = random_below(chance, 100000);
    return snprintf(
        out, size,
        "{\"@timestamp\":\"2026-11-24T07:%02u:%02u.%03uZ\",\"level\":\"%s\",\"logger\":"
        "\"com.example.orders.OrderService\",\"thread\":\"worker-%u\",\"message\":\"%s %u "
        "%s\",\"trace_id\":\"%08x%08x\",\"status\":%u,\"duration_ms\":%u.%u%s}\n",
        MINUTE(ms), PICK(chance, levels), n % 40, PICK(chance, words), id, PICK(chance, words), id,
        id ^ 0x5BD1E995u, n % 9 ? 200 : 503, n % 900, n % 100,
        n % 4 ? "" : ",\"tags\":[\"slow\",\"eu\"],\"retried\":true");
}

static int write_python(char *out, size_t size, uint32_t ms, uint64_t *chance) {
    const uint32_t id = random_below(chance, 1u << 31), n = random_below(chance, 100000);
    return snprintf(
        out, size,
        "{\"asctime\": \"2026-11-24 07:%02u:%02u,%03u\", \"levelname\": \"%s\", \"name\": "
        "\"billing.worker\", \"message\": \"%s, %s: card ending %04u\", \"customer\": %u, "
        "\"amount\": %u.%02u, \"currency\": \"EUR\", \"attempt\": %u, \"ok\": %s}\n",
        MINUTE(ms), PICK(chance, levels), PICK(chance, words), PICK(chance, words), id % 10000, id,
        n % 500, n % 100, n % 3, n % 7 ? "true" : "false");
}

static int write_escapes(char *out, size_t size, uint32_t ms, uint64_t *chance) {
    const uint32_t n = random_below(chance, 100000);
    return snprintf(
        out, size,
        "{\"ts\":%u.%06u,\"level\":\"error\",\"msg\":\"cannot parse \\\"%s\\\"\",\"error\":\""
        "TypeError: undefined\\n    at handle (C:\\\\srv\\\\app\\\\index.js:%u:%u)\\n    at "
        "next (C:\\\\srv\\\\app\\\\router.js:%u:17)\\n\",\"attempt\":%u}\n",
        1795505400u + ms / 1000, ms % 1000 * 1000 + n % 1000, PICK(chance, words), n % 900, n % 80,
        n % 500, n % 4);
}

static int write_umlauts(char *out, size_t size, uint32_t ms, uint64_t *chance) {
    const uint32_t n = random_below(chance, 100000);
    return snprintf(
        out, size,
        "{\"time\":\"2026-11-24T07:%02u:%02u.%03uZ\",\"level\":\"%s\",\"user\":\"J\xC3\xBCrgen "
        "M\xC3\xBCller\",\"city\":\"\xE6\x9D\xB1\xE4\xBA\xAC\",\"msg\":\"Bestellung %u f\xC3\xBCr "
        "%u,%02u \xE2\x82\xAC ausgef\xC3\xBChrt \xF0\x9F\x91\x8D\",\"path\":\"%s\",\"status\":%u,"
        "\"note\":\"%s %s\"}\n",
        MINUTE(ms), PICK(chance, levels), n, n % 700, n % 100, PICK(chance, paths),
        n % 9 ? 200 : 500, PICK(chance, words), PICK(chance, words));
}

/* The kinds of lines and their share of the mix in percent. */
static const struct shape {
    const char *name;
    line_writer *write;
    uint32_t share;
} shapes[] = {{"pino", write_pino, 40},
              {"logstash", write_logstash, 30},
              {"json.dumps", write_python, 20},
              {"escapes", write_escapes, 5},
              {"not ASCII", write_umlauts, 5}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static line_writer *pick_shape(uint64_t *chance) {
    uint32_t at = random_below(chance, 100);
    size_t i = 0;
    for (; at >= shapes[i].share; i++)
        at -= shapes[i].share;
    return shapes[i].write;
}

struct text {
    uint8_t *bytes; /* followed by JSON_PADDING bytes */
    size_t size, lines;
    const struct facts_rules *rules;
};

/* Fills the text with lines of one kind; only: NULL for the mix. */
static void write_text(struct text *text, line_writer *only) {
    uint64_t chance = 1;
    text->size = text->lines = 0;
    while (text->size + LINE_BYTES_MAX < TEXT_BYTES) {
        line_writer *const write = only ? only : pick_shape(&chance);
        char *const at = (char *)text->bytes + text->size;
        text->size += (size_t)write(at, LINE_BYTES_MAX, 7 * (uint32_t)text->lines, &chance);
        text->lines++;
    }
    memset(text->bytes + text->size, 0, JSON_PADDING);
}

/* ---- ways to read the lines; each returns the number of valid lines ---- */

static size_t copied(const struct text *text) {
    static uint8_t copy[TEXT_BYTES];
    const uint8_t *p = text->bytes, *const end = p + text->size;
    size_t lines = 0;
    for (; p < end; lines++) {
        const size_t size = (size_t)((const uint8_t *)memchr(p, '\n', (size_t)(end - p)) - p) + 1;
        memcpy(copy + (p - text->bytes), p, size);
        p += size;
    }
    return lines;
}

static size_t validated(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    struct json_line line;
    size_t good = 0;
    for (; p < end; p = line.next) {
        json_check_line(p, end, false, &line);
        good += line.reason == JSON_OK;
    }
    return good;
}

static size_t validated_plain(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    struct json_line line;
    size_t good = 0;
    for (; p < end; p = line.next) {
        json_check_line_by(JSON_PLAIN, p, end, false, NULL, &line, NULL);
        good += line.reason == JSON_OK;
    }
    return good;
}

static size_t validated_in_one_pass(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    struct json_line line;
    size_t good = 0;
    for (; p < end; p = line.next) {
        json_check_line_by(JSON_VECTORS, p, end, false, NULL, &line, NULL);
        good += line.reason == JSON_OK;
    }
    return good;
}

static size_t validated_with_facts(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    struct facts_memory memory = {.minute_ns = 0};
    struct json_line line;
    size_t good = 0;
    for (; p < end; p = line.next) {
        struct json_found found;
        struct facts facts;
        json_check_line_names(p, end, false, &facts_rules_usual.names, &line, &found);
        facts_of_next_found(&facts_rules_usual, &found, line.end, &memory, &facts);
        good += line.reason == JSON_OK && facts.has_time && facts.level != LEVEL_NONE;
    }
    return good;
}

static size_t validated_with_names(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    struct json_line line;
    size_t good = 0;
    for (; p < end; p = line.next) {
        struct json_found found;
        json_check_line_names(p, end, false, &facts_rules_usual.names, &line, &found);
        good += line.reason == JSON_OK && found.mask != 0;
    }
    return good;
}

static size_t validated_as_ijson(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    struct json_line line;
    size_t good = 0;
    for (; p < end; p = line.next) {
        json_check_line(p, end, false, &line);
        if (line.reason == JSON_OK) ijson_check_line(&line);
        good += line.reason == JSON_OK;
    }
    return good;
}

static size_t parsed_by_cjson(const struct text *text) {
    const uint8_t *p = text->bytes, *const end = p + text->size;
    size_t good = 0;
    while (p < end) {
        const uint8_t *const newline = memchr(p, '\n', (size_t)(end - p));
        cJSON *const tree = cJSON_ParseWithLength((const char *)p, (size_t)(newline - p));
        good += tree != NULL;
        cJSON_Delete(tree);
        p = newline + 1;
    }
    return good;
}

static size_t parsed_by_simdjson(const struct text *text) {
    return simdjson_count_good(text->bytes, text->size);
}

enum { COPIED, VALIDATED, NAMES, FACTS, IJSON, VECTORS, PLAIN, SIMDJSON, CJSON, WAYS };

static const struct way {
    const char *name;
    size_t (*count_good)(const struct text *text);
} ways[WAYS] = {[COPIED] = {"copied", copied},
                [VALIDATED] = {"judged", validated},
                [NAMES] = {"names too", validated_with_names},
                [FACTS] = {"time, level too", validated_with_facts},
                [IJSON] = {"I-JSON too", validated_as_ijson},
                [VECTORS] = {"judged: one pass", validated_in_one_pass},
                [PLAIN] = {"plain C", validated_plain},
                [SIMDJSON] = {"simdjson", parsed_by_simdjson},
                [CJSON] = {"cJSON", parsed_by_cjson}};

/* ---- measuring in turn ---- */

static void measure(struct port *port, const struct text *text, int rounds, double *best_ns) {
    for (int i = 0; i < WAYS; i++)
        best_ns[i] = 0;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < WAYS; i++) {
            const int64_t begin = port_now_ns(port);
            const size_t good = ways[i].count_good(text);
            const double ns = (double)(port_now_ns(port) - begin);
            if (good == 0) continue; /* not installed */
            if (good != text->lines) {
                fprintf(stderr, "%s: %zu of %zu lines are good\n", ways[i].name, good, text->lines);
                abort();
            }
            if (best_ns[i] == 0 || ns < best_ns[i]) best_ns[i] = ns;
        }
    }
}

static void report(const char *name, const struct text *text, const double *best_ns) {
    printf("%-11s %4.0f", name, (double)text->size / (double)text->lines);
    for (int i = 0; i < WAYS; i++) {
        const int width = (int)strlen(ways[i].name) + 2;
        if (best_ns[i] > 0)
            printf("%*.2f", width, (double)text->size / best_ns[i]);
        else
            printf("%*s", width, "-");
    }
    printf("\n");
}

static void report_ratios(const double *best_ns) {
    printf("of the mix: time and level cost %.1f %% of judging; with them, judging is",
           100 * (best_ns[FACTS] / best_ns[VALIDATED] - 1));
    if (best_ns[SIMDJSON] > 0)
        printf(" %.2f times as fast as simdjson's DOM,", best_ns[SIMDJSON] / best_ns[FACTS]);
    printf(" %.1f times as fast as cJSON, %.2f of a copy\n", best_ns[CJSON] / best_ns[FACTS],
           best_ns[COPIED] / best_ns[FACTS]);
    if (best_ns[SIMDJSON] == 0) printf("simdjson is not installed (libsimdjson-dev)\n");
}

int main(int count, char **arguments) {
    const int rounds = count > 1 ? atoi(arguments[1]) : ROUNDS_USUAL;
    struct port *port;
    struct text text = {.bytes = calloc(1, TEXT_BYTES + JSON_PADDING)};
    double best_ns[WAYS];
    if (text.bytes == NULL || port_open(&(struct port_options){0}, &port)) return 1;
    printf("GB/s     bytes");
    for (int i = 0; i < WAYS; i++)
        printf("  %s", ways[i].name);
    printf("\n");
    for (size_t i = 0; i <= SHAPES; i++) { /* the mix comes last */
        write_text(&text, i < SHAPES ? shapes[i].write : NULL);
        measure(port, &text, rounds, best_ns);
        report(i < SHAPES ? shapes[i].name : "the mix", &text, best_ns);
    }
    report_ratios(best_ns);
    port_close(port);
    free(text.bytes);
    return 0;
}
