/* schema.c - what a schema costs: the same lines validated as JSON only, and against
 * tests/bench/schema.json as well, in turn in one run.  Prints nanoseconds per line and the median
 * of the ratios.  Goal: the schema adds at most the cost of validating the JSON (1.0).
 *
 *   bench_schema [SCHEMA]           uses generated lines
 *   bench_schema SCHEMA LINES       uses the lines of a file, like tests/bench/schema.mjs
 *   bench_schema --lines            prints the generated lines */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/port.h"
#include "schema/json/json.h"
#include "schema/rules/schema.h"

#define LINES      4000
#define ROUNDS     301
#define LINE_BYTES 512
#define FILE_BYTES (8u << 20)

struct bench {
    struct port *port;
    uint8_t *text; /* followed by JSON_PADDING bytes */
    size_t size;
    size_t lines;
    struct schema *schema;
    struct schema_checker *checker;
    size_t good;
    double validated_ns[ROUNDS], checked_ns[ROUNDS], ratios[ROUNDS];
};

static size_t write_line(char *out, int i) {
    static const char *const levels[] = {"info", "info", "info", "debug", "warn", "error"};
    static const char *const methods[] = {"GET", "GET", "POST", "PUT"};
    static const char *const paths[] = {"/api/v1/orders", "/api/v1/users/42", "/healthz"};
    const unsigned id = (unsigned)i * 2654435761u;
    return (size_t)snprintf(
        out, LINE_BYTES,
        "{\"time\":\"2026-11-24T07:%02d:%02d.%03dZ\",\"level\":\"%s\",\"service\":\"orders\","
        "\"host\":\"web-%d\",\"pid\":4711,\"trace\":\"%08x%08x\",\"http\":{\"method\":\"%s\","
        "\"path\":\"%s\",\"status\":200},\"duration_ms\":%d.%d,\"user\":%u,\"tags\":[\"eu\"],"
        "\"cached\":false,\"msg\":\"order accepted\"}\n",
        i / 60 % 60, i % 60, i % 1000, levels[i * 7 % 6], i % 16, id, id ^ 0x5bd1e995u,
        methods[i % 4], paths[i * 5 % 3], i % 90, i % 10, id % 100000);
}

static void make_lines(struct bench *bench) {
    bench->text = calloc(1, (size_t)LINES * LINE_BYTES + JSON_PADDING);
    if (!bench->text) abort();
    for (int i = 0; i < LINES; i++)
        bench->size += write_line((char *)bench->text + bench->size, i);
}

static size_t read_file(const char *name, uint8_t **text) {
    FILE *file = fopen(name, "rb");
    *text = calloc(1, FILE_BYTES + JSON_PADDING + 1);
    if (!file || !*text) {
        fprintf(stderr, "%s cannot be read\n", name);
        exit(1);
    }
    const size_t size = fread(*text, 1, FILE_BYTES, file);
    fclose(file);
    return size;
}

static void compile(struct bench *bench, const char *name) {
    uint8_t *text;
    const size_t size = read_file(name, &text);
    const struct schema_source source = {name, (const char *)text, size};
    struct schema_problem problem;
    char said[1024];
    if (schema_compile(&source, 1, NULL, &bench->schema, &problem)) {
        fprintf(stderr, "%s\n", schema_problem_text(&problem, said, sizeof said));
        exit(1);
    }
    free(text);
    if (schema_checker_make(bench->schema, 1 << 20, &bench->checker)) abort();
}

/* checker: NULL to validate as JSON only. */
static double timed(struct bench *bench, struct schema_checker *checker) {
    const uint8_t *text = bench->text, *end = text + bench->size;
    const int64_t begin = port_now_ns(bench->port);
    struct json_line line;
    size_t lines = 0, good = 0;
    for (; text < end; text = line.next, lines++) {
        json_check_line(text, end, true, &line);
        if (line.reason != JSON_OK) abort();
        if (!checker) continue;
        good +=
            schema_check(checker, (const char *)line.begin, (size_t)(line.end - line.begin), NULL);
    }
    const double ns = (double)(port_now_ns(bench->port) - begin);
    bench->lines = lines;
    if (checker) bench->good = good;
    return ns / (double)lines;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void run(struct bench *bench) {
    for (int i = 0; i < ROUNDS; i++) {
        const bool checked_first = i % 2;
        if (checked_first) bench->checked_ns[i] = timed(bench, bench->checker);
        bench->validated_ns[i] = timed(bench, NULL);
        if (!checked_first) bench->checked_ns[i] = timed(bench, bench->checker);
        bench->ratios[i] = bench->checked_ns[i] / bench->validated_ns[i] - 1;
    }
    const double validated = median(bench->validated_ns), checked = median(bench->checked_ns);
    printf("%zu lines of %.0f bytes, %d rounds, %zu of the lines hold\n", bench->lines,
           (double)bench->size / (double)bench->lines, ROUNDS, bench->good);
    printf("judged %.1f ns a line, judged and checked %.1f: the schema costs %.2f of judging\n",
           validated, checked, median(bench->ratios));
}

int main(int argc, char **argv) {
    struct bench bench = {0};
    if (port_open(&(struct port_options){0}, &bench.port)) return 1;
    if (argc > 2)
        bench.size = read_file(argv[2], &bench.text);
    else
        make_lines(&bench);
    if (argc > 1 && strcmp(argv[1], "--lines") == 0) {
        fwrite(bench.text, 1, bench.size, stdout);
    } else {
        compile(&bench, argc > 1 ? argv[1] : "tests/bench/schema.json");
        run(&bench);
        schema_checker_free(bench.checker);
        schema_free(bench.schema);
    }
    port_close(bench.port);
    free(bench.text);
    return 0;
}
