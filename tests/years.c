/* years.c - runs a stream on the simulated port and reports which lines began a new segment, for
 * tests/e2e/test_zones.py, which compares the result with another implementation.  It reads one
 * command per line from stdin, with fields separated by tabs; times are whole seconds:
 *
 *   begin FILE SCHEDULE SEED T    opens a stream with that zone and schedule; the wall clock is T
 *   +N                            N seconds pass, then a line is appended
 *   sN                            the wall clock is set forward by N, which can be negative
 *   end                           prints one digit per line; 1: the line began a segment */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tests/sim/sim.h"
#include "writer/live/stream.h"
#include "writer/segment/frame.h"

#define LINE_BYTES_MAX   4096
#define LINES_MAX        (1u << 20)
/* Only a few closed segments stay: the disk is in memory. */
#define FOLDER_BYTES_MAX 3000

struct run {
    struct sim sim;
    struct port *port;
    struct stream *stream;
    struct zone *zone;
    bool back; /* the last append completed */
    uint64_t opened;
    char *begun; /* one digit per line */
    uint32_t lines;
};

static struct zone *read_zone(const char *path) {
    char *bytes;
    size_t size;
    struct zone *zone;
    const char *sentence;
    if (file_read_all(files_of_system(), path, ZONE_FILE_BYTES_MAX, &bytes, &size)) return NULL;
    const int error = zone_read(bytes, size, &zone, &sentence);
    free(bytes);
    return error ? NULL : zone;
}

static bool begin(struct run *run, char *fields) {
    *run = (struct run){.begun = malloc(LINES_MAX)};
    struct stream_options options = {.directory = "logs",
                                     .name = "s",
                                     .sizes.segment_bytes_max = 1 << 30,
                                     .folder_bytes_max = FOLDER_BYTES_MAX};
    const char *file = strtok(fields, "\t"), *schedule = strtok(NULL, "\t"),
               *seed = strtok(NULL, "\t"), *wall = strtok(NULL, "\t");
    if (wall == NULL || run->begun == NULL) return false;
    run->zone = read_zone(file);
    if (run->zone == NULL || schedule_parse(schedule, &options.sizes.schedule)) return false;
    options.sizes.schedule.zone = run->zone;
    sim_open(&run->sim, strtoull(seed, NULL, 10));
    sim_set_wall(&run->sim, strtoll(wall, NULL, 10) * SIM_S);
    run->port = sim_port(&run->sim);
    if (directory_make(&run->sim.disk.files, "logs/s")) return false;
    return stream_open(run->port, &options, &run->stream) == 0;
}

struct line {
    struct stream_append append;
    struct run *run;
    uint8_t bytes[256];
};

static void appended(struct stream_append *append, int result) {
    struct line *line = PORT_CONTAINER(struct line, append, append);
    assert(result == 0);
    line->run->back = true;
}

/* Passes `seconds` from the last whole second, then appends a line and waits for it. */
static void pass(struct run *run, int64_t seconds) {
    static const char text[] = "{\"a\":1}\n";
    const int64_t over_ns = sim_wall_ns(&run->sim) % SIM_S;
    struct line line = {.run = run};
    void *scratch = malloc(frame_scratch_bytes());
    assert(run->lines < LINES_MAX - 1 && scratch != NULL);
    sim_pass(&run->sim, seconds * SIM_S - over_ns);
    line.append = (struct stream_append){
        .bytes = line.bytes, .raw_size = sizeof text - 1, .lines = 1, .done = appended};
    line.append.size = frame_encode(scratch, (const uint8_t *)text, sizeof text - 1, 1, line.bytes);
    free(scratch);
    run->back = false;
    stream_append(run->stream, &line.append);
    while (!run->back)
        port_wait(run->port, SIM_S);
    const uint64_t opened = stream_counts(run->stream).segments_opened;
    assert(opened - run->opened <= 1);
    run->begun[run->lines++] = opened > run->opened ? '1' : '0';
    run->opened = opened;
}

static void end(struct run *run) {
    stream_finish(run->stream);
    while (stream_busy(run->stream))
        port_wait(run->port, SIM_S);
    stream_free(run->stream);
    port_close(run->port);
    sim_close(&run->sim);
    zone_free(run->zone);
    run->begun[run->lines] = '\0';
    puts(run->begun);
    free(run->begun);
}

static void unheard(void *context, const char *line, size_t size) {
    (void)context, (void)line, (void)size;
}

int program_main(int count, char **arguments) {
    (void)count, (void)arguments;
    static char line[LINE_BYTES_MAX];
    static struct run run;
    system_messages_to(unheard, NULL); /* silent: one message per deleted segment */
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '+')
            pass(&run, strtoll(line + 1, NULL, 10));
        else if (line[0] == 's')
            sim_step_wall(&run.sim, strtoll(line + 1, NULL, 10) * SIM_S);
        else if (strcmp(line, "end") == 0)
            end(&run);
        else if (strncmp(line, "begin\t", 6) != 0 || !begin(&run, line + 6))
            return 2;
    }
    return 0;
}
