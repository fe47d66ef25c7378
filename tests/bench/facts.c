/* facts.c - what finding the time and level of each line costs: the same lines validated, and
 * validated and packed, with and without it, in turn in one run.  Prints nanoseconds per line and
 * the median of the ratios.  Goal: at most 1.05 for both steps together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/port.h"
#include "writer/live/batch.h"

#define LINES      4000
#define ROUNDS     301
#define LINE_BYTES 512
#define PATTERNS   4

struct bench {
    struct port *port;
    uint8_t *text; /* followed by JSON_PADDING bytes */
    size_t size;
    double with_ns[ROUNDS], without_ns[ROUNDS], ratios[ROUNDS];
};

static size_t write_line(char *out, int i) {
    static const char *const levels[] = {"info", "info", "info", "debug", "warn", "error"};
    static const char *const paths[] = {"/api/v1/orders", "/api/v1/users/42", "/healthz"};
    const char *level = levels[i * 7 % 6], *path = paths[i * 5 % 3];
    const unsigned id = (unsigned)i * 2654435761u;
    switch (i % PATTERNS) {
    case 0:
        return (size_t)snprintf(
            out, LINE_BYTES,
            "{\"@timestamp\":\"2026-11-24T07:%02d:%02d.%03dZ\",\"level\":\"%s\",\"logger\":"
            "\"com.example.orders.OrderService\",\"thread\":\"worker-%d\",\"message\":\"order %u "
            "accepted\",\"trace_id\":\"%08x%08x\",\"status\":200,\"duration_ms\":%d.%d}\n",
            i / 60 % 60, i % 60, i % 1000, level, i % 8, id, id, id ^ 0x5bd1e995u, i % 90, i % 10);
    case 1:
        return (size_t)snprintf(
            out, LINE_BYTES,
            "{\"level\":30,\"time\":%lld,\"pid\":4711,\"hostname\":\"web-%d\",\"req\":{\"id\":%u,"
            "\"method\":\"GET\",\"url\":\"%s\",\"remoteAddress\":\"10.0.0.%d\"},\"res\":{"
            "\"statusCode\":200},\"responseTime\":%d,\"msg\":\"request completed\"}\n",
            1795505400000ll + i, i % 16, id, path, i % 250, i % 300);
    case 2:
        return (size_t)snprintf(
            out, LINE_BYTES,
            "{\"asctime\": \"2026-11-24 07:%02d:%02d,%03d\", \"levelname\": \"%s\", \"name\": "
            "\"billing.worker\", \"message\": \"charged card ending %04u\", \"customer\": %u, "
            "\"amount\": %d.%02d, \"currency\": \"EUR\", \"attempt\": 1}\n",
            i / 60 % 60, i % 60, i % 1000, level, id % 10000, id, i % 500, i % 100);
    default:
        return (size_t)snprintf(
            out, LINE_BYTES,
            "{\"ts\":%lld.%06d,\"level\":\"%s\",\"caller\":\"server/"
            "http.go:%d\",\"msg\":\"served\","
            "\"path\":\"%s\",\"bytes\":%u,\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64)\","
            "\"region\":\"eu-central-1\",\"cached\":false}\n",
            1795505400ll + i, i % 1000000, level, i % 900, path, id % 100000);
    }
}

static void fill(struct bench *bench) {
    bench->text = calloc(1, (size_t)LINES * LINE_BYTES + JSON_PADDING);
    if (!bench->text) abort();
    for (int i = 0; i < LINES; i++)
        bench->size += write_line((char *)bench->text + bench->size, i);
}

/* ---- validated only ---- */

static uint64_t validate(const struct bench *bench, const struct facts_rules *rules) {
    const uint8_t *text = bench->text, *end = text + bench->size;
    uint64_t sum = 0;
    struct facts_memory memory = {.minute_ns = 0};
    struct json_line line;
    for (; text < end; text = line.next) {
        if (!rules) {
            json_check_line(text, end, false, &line);
            sum += line.reason;
            continue;
        }
        struct json_found found;
        struct facts facts;
        json_check_line_names(text, end, false, &rules->names, &line, &found);
        facts_of_next_found(rules, &found, line.end, &memory, &facts);
        sum += line.reason + facts.level + (uint64_t)facts.time_ns;
    }
    return sum;
}

/* ---- validated and packed, like a worker ---- */

static uint64_t pack(const struct bench *bench, const struct facts_rules *facts,
                     struct batch *batch, struct batch_listener *listener) {
    const struct batch_origin origin = {.received_ns = 1795505400000000000};
    const struct batch_rules rules = {.listeners = listener, .line_bytes_max = 1 << 20};
    listener->facts = facts;
    batch_reset(batch, &rules);
    memcpy(batch_add(batch, &origin, (uint32_t)bench->size), bench->text, bench->size);
    batch_check(batch);
    batch_pack(batch);
    if (batch->counts.stored != LINES) abort();
    return batch->stored.size;
}

/* ---- measuring in turn ---- */

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void report(struct bench *bench, const char *what) {
    for (int i = 0; i < ROUNDS; i++)
        bench->ratios[i] = bench->with_ns[i] / bench->without_ns[i];
    const double ratio = median(bench->ratios);
    printf("%-18s without %6.1f ns a line, with %6.1f, median ratio %.3f\n", what,
           median(bench->without_ns) / LINES, median(bench->with_ns) / LINES, ratio);
}

static double timed(struct bench *bench, struct batch *batch, const struct facts_rules *facts,
                    uint64_t *sum) {
    struct batch_listener listener = {.name = "bench"};
    const int64_t begin = port_now_ns(bench->port);
    *sum += batch ? pack(bench, facts, batch, &listener) : validate(bench, facts);
    return (double)(port_now_ns(bench->port) - begin);
}

static void run(struct bench *bench, struct batch *batch, const char *what) {
    uint64_t sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const bool with_first = i % 2;
        if (with_first) bench->with_ns[i] = timed(bench, batch, &facts_rules_usual, &sum);
        bench->without_ns[i] = timed(bench, batch, NULL, &sum);
        if (!with_first) bench->with_ns[i] = timed(bench, batch, &facts_rules_usual, &sum);
    }
    report(bench, what);
    if (sum == 0) abort();
}

int main(void) {
    struct bench bench = {0};
    struct batch batch;
    if (port_open(&(struct port_options){0}, &bench.port)) return 1;
    if (batch_create(1 << 20, &batch)) return 1;
    fill(&bench);
    printf("%d lines of %.0f bytes, %d rounds\n", LINES, (double)bench.size / LINES, ROUNDS);
    run(&bench, NULL, "judged");
    run(&bench, &batch, "judged and packed");
    batch_free(&batch);
    port_close(bench.port);
    free(bench.text);
    return 0;
}
