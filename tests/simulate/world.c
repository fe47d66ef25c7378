/* world.c - see world.h.  A life is one process of the daemon: it starts, serves, and is stopped or
 * killed; then the next one finds what it left.  The last life has no trouble at its end, so it must
 * store everything and stop in time. */
#include "tests/simulate/world.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/read.h"
#include "ingest/daemon/daemon.h"
#include "port/system.h"
#include "tests/sim/process_memory.h"
#include "tests/simulate/check.h"
#include "tests/simulate/resenders.h"
#include "tests/simulate/trace.h"

#define DIRECTORY   "logs"
#define ARCHIVE     "/cold"
#define CONFIG_PATH "logportd.json"
#define WORDS_MAX   48
#define LIVES_MAX   5
/* After the last trouble: everything that can be stored is stored by then. */
#define SETTLE_NS   (20 * SIM_S)
#define STARTS_MAX  50

enum life_end { LIFE_STOPS, LIFE_IS_KILLED };

/* Why setjmp has returned. */
enum { JUMP_NONE, JUMP_KILLED };

struct world {
    struct world_options options;
    struct chance chance;
    struct sim sim;
    struct network network;
    struct senders senders;
    struct host host;
    char words[WORDS_MAX][64], *word_list[WORDS_MAX];
    int word_count;
    int64_t flush_ms, sync_ms, stop_ms;
    uint32_t connections_max;
    uint64_t memory_fails_one_in;
    /* The present life. */
    uint32_t life, lives;
    bool last, running, serving, killed_at_file;
    enum life_end end;
    int64_t ends_ns, trouble_ends_ns;
    uint64_t stored_before; /* lines in main when it was ready */
    uint32_t seen;          /* lines at the last look */
    bool acknowledges_written;
    bool write_failed;          /* or was interrupted, since the run began */
    bool left_torn;             /* a file that a start could not recover */
    bool sync_failed, doubtful; /* doubtful: the power has failed after a sync had failed */
    char printed[65536];
    size_t printed_size;
    jmp_buf process_end;
    struct directory_lines lines, before;
    /* Some runs delete closed segments, so each is read when it is closed. */
    bool deletes, archives;
    struct directory_lines noted, deleted;
};

/* Of the run at hand: what the host's functions and the sinks of messages get no context for. */
static struct world *world;

const char *trouble_text(enum trouble trouble) {
    static const char *const texts[] = {
#define X(name, text) text,
        TROUBLES_TABLE(X)
#undef X
    };
    return texts[trouble];
}

static int64_t now(void) {
    return world->sim.now_ns;
}

static uint64_t below(uint64_t limit) {
    return chance_below(&world->chance, limit);
}

static bool one_in(uint64_t times) {
    return chance_one_in(&world->chance, times);
}

/* It may happen in this run. */
static bool has(enum trouble trouble) {
    return !(world->options.without & 1u << trouble);
}

static int64_t any_time(int64_t from_ns, int64_t length_ns) {
    return from_ns + (int64_t)below((uint64_t)length_ns);
}

static void at(int64_t ns, agenda_call *call, void *context) {
    agenda_add(&world->sim.agenda, ns, call, context);
}

/* ---- the host ---- */

static int32_t local_offset_s(int64_t unix_s) {
    (void)unix_s;
    return 3600;
}

static int absolute_path(const char *path, char *absolute, size_t size) {
    snprintf(absolute, size, "%s%s", path[0] == '/' ? "" : "/", path);
    return 0;
}

static bool program_found(const char *program) {
    (void)program;
    return true;
}

static bool word_allowed(const char *program, const char *word) {
    (void)program, (void)word;
    return true;
}

static int resolve(const char *text, struct port_address *address) {
    return address_parse(text, address);
}

static int owner_find(const char *text, uint32_t *user, uint32_t *group) {
    (void)text, (void)user, (void)group;
    return ERR_NOT_FOUND;
}

/* Of checks that may touch the archive. */
static bool run_within(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms) {
    (void)ms;
    if (world->sim.hung_path_count == 0)
        run(job);
    else
        release(job); /* as if it had ended at last */
    return world->sim.hung_path_count == 0;
}

/* The archive_command. */
static int ship(void *context, const char *const *words) {
    (void)context;
    reached(REACHED_PROGRAM_RAN);
    trace_line(now(), "%s %s", words[0], words[1]);
    world->sim.program_ns = one_in(8) ? 2000 * SIM_S : (int64_t)below(SIM_S);
    if (one_in(8)) return ERR_NOT_FOUND;
    return one_in(4) ? 1 : 0;
}

static uint64_t memory_bytes(void) {
    return 1 << 20;
}

static bool stop_requested(void) {
    return false;
}

static void is_ready(void);

static int print(const char *text, size_t size, uint32_t timeout_ms) {
    (void)timeout_ms;
    trace_line(now(), "prints %.*s", (int)size - 1, text);
    assert(size < sizeof world->printed);
    memcpy(world->printed, text, size);
    world->printed[size] = '\0';
    if (strstr(world->printed, "logportd: ready") != NULL) is_ready();
    return 0;
}

static void hear(void *context, const char *line, size_t size) {
    (void)context;
    trace_line(now(), "says %.*s", (int)size - 1, line);
    /* The file is wanted, or it is not: its absence alone is no failure. */
    if (strstr(line, "settings.json: no such file") != NULL) violation("says %s", line);
    if (strstr(line, "cannot be recovered") != NULL) world->left_torn = true;
    if (strstr(line, "cut off ") != NULL && strstr(line, "cut off 0 ") == NULL)
        reached(REACHED_TORN_CUT);
    if (strstr(line, "; holding ") != NULL) reached(REACHED_BATCHES_HELD);
}

static void set_up_host(void) {
    world->host = (struct host){.files = &world->sim.disk.files,
                                .cores = 2,
                                .process_id = 1000,
                                .zone_offset_s = local_offset_s,
                                .absolute_path = absolute_path,
                                .program_found = program_found,
                                .word_allowed = word_allowed,
                                .resolve = resolve,
                                .owner_find = owner_find,
                                .run_within = run_within,
                                .memory_bytes = memory_bytes,
                                .stop_requested = stop_requested,
                                .print = print};
    system_name("logportd");
    system_messages_to(hear, NULL);
}

/* ---- the configuration ---- */

static void word(const char *text) {
    assert(world->word_count + 1 < WORDS_MAX);
    snprintf(world->words[world->word_count++], sizeof world->words[0], "%s", text);
}

static void option(const char *name, const char *value) {
    word(name);
    word(value);
}

static void number(const char *name, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    option(name, text);
}

static int64_t one_of(const int64_t *values, size_t count) {
    return values[below(count)];
}
#define ONE_OF(...)                                                                                \
    one_of((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void write_config(void) {
    static const char text[] =
        "{\"udp\": {\"address\": \"127.0.0.1:5170\", \"protocol\": \"newline\"},\n"
        " \"tcp\": [{\"address\": \"127.0.0.1:5170\", \"protocol\": \"newline\"},\n"
        "         {\"address\": \"127.0.0.1:5171\", \"protocol\": \"relp\"},\n"
        "         {\"address\": \"127.0.0.1:5172\", \"protocol\": \"lumberjack\"}]}\n";
    disk_put_alone(&world->sim.disk, CONFIG_PATH, text, sizeof text - 1);
}

static void configure(void) {
    write_config();
    world->word_count = 0;
    world->flush_ms = ONE_OF(1, 5, 20, 200);
    world->sync_ms = ONE_OF(1, 20, 200, 1000);
    world->stop_ms = ONE_OF(5000, 20000);
    const int64_t line_bytes_max = ONE_OF(256, 1024, 4096, 20000);
    word("logportd");
    option("--dir", DIRECTORY);
    option("--config", CONFIG_PATH);
    world->acknowledges_written = one_in(2);
    option("--ack", world->acknowledges_written ? "written" : "synced");
    number("--flush-ms", world->flush_ms);
    number("--sync-ms", world->sync_ms);
    number("--stop-ms", world->stop_ms);
    number("--line-bytes-max", line_bytes_max);
    number("--segment-bytes-max", ONE_OF(1024, 8192, 65536, 1 << 20));
    number("--segment-age-s", ONE_OF(1, 3, 3600));
    number("--segment-idle-s", ONE_OF(0, 0, 1));
    world->connections_max = (uint32_t)ONE_OF(4, 16, 64);
    number("--connections-max", world->connections_max);
    option("--buffer-bytes-max", "4MiB");
    number("--archive-after-s", ONE_OF(0, 2, 60));
    number("--archive-level", ONE_OF(0, 3, 4));
    if (one_in(4)) option("--stats-s", "1");
    if (one_in(4)) {
        number("--retention-count-max", ONE_OF(1, 3, 10));
        world->deletes = true;
    }
    world->archives = one_in(4);
    if (world->archives) option("--archive-dir", ARCHIVE);
    if (one_in(4)) {
        option("--archive-command", "ship");
        option("--archive-command", "{path}");
        if (one_in(2)) option("--archive-command-then", "delete");
        world->deletes = true;
    }
    for (int i = 0; i < world->word_count; i++)
        world->word_list[i] = world->words[i];
    world->word_list[world->word_count] = NULL;
    world->senders.line_bytes_max = (size_t)line_bytes_max;
    world->senders.records_max = (uint64_t)ONE_OF(8, 64, 200);
    world->senders.filling_max = (size_t)ONE_OF(20, 200, line_bytes_max);
}

/* ---- what goes wrong, and ends by itself ---- */

static bool trouble_is_over(void) {
    return now() >= world->trouble_ends_ns;
}

static void errors_begin(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    world->sim.disk.errors_one_in = 2 + below(40);
    trace_line(now(), "one in %d file operations fails", (int)world->sim.disk.errors_one_in);
}

static void disk_fills(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    world->sim.disk.bytes_max = disk_used(&world->sim.disk) + below(8192);
    reached(REACHED_DISK_FULL);
    trace_line(now(), "the disk is full");
}

static void syncs_fail(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    disk_arm(&world->sim.disk, &(struct disk_fault){.ending = DISK_FAILS,
                                                    .error = ERR_IO,
                                                    .first = 1,
                                                    .times = 1 + below(4),
                                                    .kinds = DISK_BIT(DISK_SYNC)});
    reached(REACHED_SYNC_FAILED);
    trace_line(now(), "the next syncs fail");
}

static void writes_stop_halfway(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    disk_arm(&world->sim.disk, &(struct disk_fault){.ending = DISK_FAILS_HALFWAY,
                                                    .error = one_in(2) ? ERR_IO : ERR_NO_SPACE,
                                                    .first = 1,
                                                    .times = 1 + below(6),
                                                    .kinds = DISK_BIT(DISK_WRITE)});
    reached(REACHED_WRITE_FAILED_HALFWAY);
    trace_line(now(), "the next writes stop halfway");
}

static void disk_slows(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    /* One operation in 64 takes 100 times as long; in the last life they end before the look. */
    const int64_t most_ns = world->last ? SIM_S / 10 : ONE_OF(SIM_S / 10, SIM_S / 2);
    world->sim.write_ns_max = (int64_t)below((uint64_t)most_ns / 2);
    world->sim.sync_ns_max = (int64_t)below((uint64_t)most_ns);
    reached(REACHED_DISK_SLOW);
    trace_line(now(), "the disk is slow");
}

static void memory_runs_out(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    world->memory_fails_one_in = (uint64_t)ONE_OF(2, 20, 100, 500);
    process_memory_fails(&world->chance, world->memory_fails_one_in);
    trace_line(now(), "one in %d allocations fails", (int)world->memory_fails_one_in);
}

/* No operation that begins now returns before a stop gives up. */
static void disk_hangs(void *context) {
    (void)context;
    if (trouble_is_over() || world->last) return;
    world->sim.write_ns_max = world->sim.sync_ns_max = 100 * SIM_S;
    trace_line(now(), "the disk hangs");
}

static void clock_jumps(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    const bool back = one_in(2);
    const int64_t by_ns = (int64_t)below((uint64_t)ONE_OF(SIM_S, 3600 * SIM_S, 40 * SIM_DAY));
    sim_step_wall(&world->sim, back ? -by_ns : by_ns);
    reached(back ? REACHED_CLOCK_BACK : REACHED_CLOCK_FORWARD);
    trace_line(now(), "the clock jumps by %lld ns", (long long)(back ? -by_ns : by_ns));
}

static void archive_hangs(void *context) {
    (void)context;
    if (trouble_is_over() || !world->archives || world->sim.hung_path_count > 0) return;
    sim_hang(&world->sim, ARCHIVE);
    reached(REACHED_ARCHIVE_HUNG);
    trace_line(now(), "the archive hangs");
}

static void network_worsens(void *context) {
    (void)context;
    if (trouble_is_over()) return;
    struct network_weather *weather = &world->network.weather;
    weather->stalls_one_in = 1 + below(20);
    weather->lost_one_in = 2 + below(10);
    weather->doubled_one_in = 2 + below(10);
    weather->accept_fails_one_in = below(2) * (2 + below(4));
    weather->receive_fails_one_in = below(2) * (2 + below(10));
    weather->piece_bytes_max = (uint64_t)ONE_OF(1, 7, 300, 16384);
    weather->datagrams_bytes_max = (uint64_t)ONE_OF(300, 4000, 262144);
    trace_line(now(), "the network is bad");
}

static void all_recovers(void *context) {
    (void)context;
    struct network_weather *weather = &world->network.weather;
    world->sim.disk.errors_one_in = 0;
    world->sim.disk.bytes_max = 0;
    if (world->sim.disk.fault.ending == DISK_FAILS ||
        world->sim.disk.fault.ending == DISK_FAILS_HALFWAY)
        world->sim.disk.fault = (struct disk_fault){0};
    world->sim.write_ns_max = SIM_MS;
    world->sim.sync_ns_max = 10 * SIM_MS;
    world->memory_fails_one_in = 0;
    process_memory_fails(&world->chance, 0);
    weather->stalls_one_in = weather->lost_one_in = weather->doubled_one_in = 0;
    weather->accept_fails_one_in = weather->receive_fails_one_in = 0;
    weather->piece_bytes_max = 16384;
    if (trouble_is_over()) {
        weather->window_bytes = 65536;
        weather->latency_ns_max = SIM_MS;
    }
    if (world->sim.hung_path_count > 0) sim_end_hangs(&world->sim);
    trace_line(now(), "nothing is wrong any more");
}

static void rotation_is_requested(void *context) {
    (void)context;
    if (!world->running) return;
    reached(REACHED_ROTATED_BY_SIGNAL);
    trace_line(now(), "SIGUSR1");
    sim_signal(&world->sim, PORT_SIGNAL_ROTATE);
}

static void sender_begins(void *context) {
    if (!trouble_is_over()) senders_add(&world->senders, (enum sender_kind)(uintptr_t)context);
}

static void plan_troubles(int64_t from_ns, int64_t length_ns) {
    static const struct {
        enum trouble trouble;
        agenda_call *call;
        uint64_t one_in;
    } kinds[] = {{TROUBLE_ERRORS, errors_begin, 4},
                 {TROUBLE_FULL, disk_fills, 5},
                 {TROUBLE_SYNCS, syncs_fail, 4},
                 {TROUBLE_HALF_WRITES, writes_stop_halfway, 4},
                 {TROUBLE_SLOW, disk_slows, 4},
                 {TROUBLE_HANGS, disk_hangs, 12},
                 {TROUBLE_ARCHIVE, archive_hangs, 3},
                 {TROUBLE_MEMORY, memory_runs_out, 3},
                 {TROUBLE_CLOCK, clock_jumps, 3},
                 {TROUBLE_NETWORK, network_worsens, 2},
                 {TROUBLE_SIGNALS, rotation_is_requested, 4}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        /* The chances are spent in any case, so that leaving one out changes little else. */
        const bool happens = one_in(kinds[i].one_in);
        const int64_t ns = any_time(from_ns, length_ns);
        if (happens && has(kinds[i].trouble)) at(ns, kinds[i].call, NULL);
    }
    at(any_time(from_ns, length_ns), all_recovers, NULL);
}

static void plan_senders(int64_t from_ns, int64_t length_ns) {
    static const uint64_t most[] = {
        [SENDER_LINES] = 6, [SENDER_DATAGRAM] = 6, [SENDER_RELP] = 2, [SENDER_LUMBERJACK] = 2};
    const uint32_t limit = world->options.senders_max;
    for (uintptr_t kind = SENDER_LINES; kind <= SENDER_LUMBERJACK; kind++) {
        const uint64_t count = below(most[kind] + 1);
        for (uint64_t i = 0; i < count; i++) {
            const int64_t ns = any_time(from_ns, length_ns);
            if (limit == 0 || i < limit) at(ns, sender_begins, (void *)kind);
        }
    }
}

/* ---- the end of a process ---- */

/* Comes from a file operation, or from the agenda. */
static void process_ends(void *context) {
    (void)context;
    if (!world->running || world->sim.remote_now != NULL) return; /* the owner is asked later */
    longjmp(world->process_end, JUMP_KILLED);
}

static void file_operation_kills(void *context) {
    world->killed_at_file = world->write_failed = true;
    trace_line(now(), "the process is killed: %s", world->sim.disk.last);
    process_ends(context);
}

/* A stop ends in time, whatever is wrong. */
static void stop_must_be_over(void *context) {
    if (world->life == (uint32_t)(uintptr_t)context && world->running)
        violation("the stop has not ended in stop_ms and 10 s more");
}

static void life_is_over(void *context) {
    if (world->life != (uint32_t)(uintptr_t)context || !world->running) return;
    if (world->end == LIFE_STOPS) {
        trace_line(now(), "SIGTERM");
        at(now() + world->stop_ms * SIM_MS + 10 * SIM_S, stop_must_be_over, context);
        sim_signal(&world->sim, PORT_SIGNAL_STOP);
        return;
    }
    trace_line(now(), "the process is killed");
    process_ends(NULL);
}

/* ---- reading the directory ---- */

/* The readings of the test are no operations of the daemon: nothing goes wrong in them. */
static struct disk quiet(void) {
    struct disk *disk = &world->sim.disk;
    const struct disk was = *disk;
    disk->errors_one_in = 0;
    disk->fault = (struct disk_fault){0};
    disk->sickness = (struct disk_sickness){0};
    disk->performed = NULL;
    disk->process_ended = NULL;
    disk->admit = NULL;
    disk->ended = false;
    process_memory_fails(&world->chance, 0);
    return was;
}

static void loud(const struct disk *was) {
    struct disk *disk = &world->sim.disk;
    disk->chance = was->chance;
    disk->errors_one_in = was->errors_one_in;
    disk->fault = was->fault;
    disk->fault_counted = was->fault_counted;
    disk->sickness = was->sickness;
    disk->performed = was->performed;
    disk->process_ended = was->process_ended;
    disk->admit = was->admit;
    disk->ended = was->ended;
    if (world->running) process_memory_fails(&world->chance, world->memory_fails_one_in);
}

static void add_deleted(struct directory_lines *lines) {
    if (!world->deletes) return;
    directory_add_deleted(lines, &world->noted, &world->deleted);
    if (world->deleted.count > 0) reached(REACHED_DELETED);
}

static void read_directory(struct directory_lines *lines, enum damage_allowed allowed) {
    const struct disk was = quiet();
    if (world->write_failed && allowed == DAMAGE_UNFINISHED) allowed = DAMAGE_INDEX;
    if (world->doubtful || world->left_torn) allowed = DAMAGE_ANY;
    directory_read(lines, &world->sim.disk.files, DIRECTORY, &world->senders, allowed);
    loud(&was);
    add_deleted(lines);
}

/* What of the directory certainly survives a power failure. */
static void read_durable(struct directory_lines *lines) {
    struct disk copy;
    disk_open(&copy, 0);
    const struct disk was = quiet();
    disk_copy_durable(&world->sim.disk, &copy);
    directory_read(lines, &copy.files, DIRECTORY, &world->senders, DAMAGE_ANY);
    loud(&was);
    add_deleted(lines);
    disk_close(&copy);
}

/* ---- checks ---- */

static uint64_t counter(const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = strstr(world->printed, key);
    return found != NULL ? strtoull(found + strlen(key), NULL, 10) : 0;
}

static uint64_t dropped(void) {
    uint64_t sum = 0;
    const char *text = strstr(world->printed, "\"dropped\":{");
    if (text == NULL) return 0;
    for (text += 11; *text != '}' && *text != '\0'; text++)
        if (*text == ':') sum += strtoull(text + 1, NULL, 10);
    return sum;
}

/* What of this life must be counted, at least and at most: they differ because of connections whose
 * senders would send again. */
struct life_records {
    uint64_t valid_min, valid_max, all_min, all_max;
};

static struct life_records taken_in_life(void) {
    struct life_records sum = {0};
    for (uint32_t i = 0; i < world->senders.count; i++) {
        const struct sender *sender = world->senders.all[i];
        if (sender_resends(sender)) {
            const struct resent_records resent = resender_taken(sender, world->life);
            sum.valid_min += resent.acknowledged_valid;
            sum.all_min += resent.acknowledged;
            sum.valid_max += resent.valid;
            sum.all_max += resent.all;
            continue;
        }
        if (sender->life != world->life) continue;
        const struct sender_records records = sender_taken(sender, true);
        const uint64_t times = sender->kind == SENDER_DATAGRAM ? sender->taken : 1;
        sum.valid_min += times * records.valid;
        sum.valid_max += times * records.valid;
        sum.all_min += times * (records.valid + records.others);
        sum.all_max += times * (records.valid + records.others);
    }
    return sum;
}

/* For the trace of a violation. */
static void trace_taken(void) {
    for (uint32_t i = 0; i < world->senders.count; i++) {
        const struct sender *sender = world->senders.all[i];
        if (sender->life != world->life || sender_resends(sender)) continue;
        const struct sender_records records = sender_taken(sender, true);
        struct network_progress progress = {.sent = sender->size};
        if (sender->kind == SENDER_LINES) progress = network_progress(sender->link);
        trace_line(
            now(), "sender %u: %u lines, %llu and %llu records taken (%u), bytes %llu/%llu/%llu", i,
            sender->count, (unsigned long long)records.valid, (unsigned long long)records.others,
            sender->taken, (unsigned long long)progress.taken, (unsigned long long)progress.arrived,
            (unsigned long long)progress.sent);
        for (uint32_t n = 0; n < sender->count && sender->lines[n].offset <= progress.taken; n++)
            trace_line(now(), "  line %u: offset %llu, size %llu, kind %d, stored %u", n,
                       (unsigned long long)sender->lines[n].offset,
                       (unsigned long long)sender->lines[n].size, (int)sender->lines[n].kind,
                       sender->lines[n].stored);
    }
}

static void check_counters(bool all_stored) {
    const uint64_t received = counter("received"), stored = counter("stored"),
                   rejected = counter("rejected"), in_flight = counter("in_flight");
    const struct life_records taken = taken_in_life();
    if (received != stored + rejected + dropped() + in_flight)
        violation(
            "received %llu is not stored %llu + rejected %llu + dropped %llu + in flight %llu",
            (unsigned long long)received, (unsigned long long)stored, (unsigned long long)rejected,
            (unsigned long long)dropped(), (unsigned long long)in_flight);
    if (!all_stored) return;
    if (in_flight != 0)
        violation("%llu records in flight after a stop", (unsigned long long)in_flight);
    const bool right = received >= taken.all_min && received <= taken.all_max &&
                       stored >= taken.valid_min && stored <= taken.valid_max;
    if (!right) trace_taken();
    if (!right)
        violation(
            "%llu records received and %llu stored; %llu to %llu were taken from the network, "
            "of which %llu to %llu are valid",
            (unsigned long long)received, (unsigned long long)stored,
            (unsigned long long)taken.all_min, (unsigned long long)taken.all_max,
            (unsigned long long)taken.valid_min, (unsigned long long)taken.valid_max);
    if (world->lines.count != world->stored_before + stored)
        violation("%llu records stored, and %u lines more than %llu are there",
                  (unsigned long long)stored, world->lines.count,
                  (unsigned long long)world->stored_before);
}

/* Everything that was sent is received, if nothing is wrong any more: of connections that could be
 * accepted. */
static bool all_received(void) {
    uint32_t open = 0, waiting = 0, unacknowledged = 0;
    for (uint32_t i = 0; i < world->senders.count; i++) {
        const struct sender *sender = world->senders.all[i];
        if (sender_resends(sender)) {
            resender_links(sender, &open, &waiting);
            if (resender_unread(sender)) return false;
            unacknowledged += !resender_done(sender);
        }
        if (sender->kind != SENDER_LINES || sender->ended) continue;
        const struct network_progress progress = network_progress(sender->link);
        open += progress.accepted;
        waiting += !progress.accepted;
        if (progress.accepted && !progress.ended && progress.taken < progress.sent) return false;
    }
    return (waiting == 0 && unacknowledged == 0) || open >= world->connections_max;
}

/* Valid records of connections that are still open: without their newline they are not complete. */
static uint64_t unfinished(void) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < world->senders.count; i++) {
        const struct sender *sender = world->senders.all[i];
        if (sender->life != world->life || sender->kind != SENDER_LINES || sender->ended) continue;
        sum += sender_taken(sender, true).valid - sender_taken(sender, false).valid;
    }
    return sum;
}

static void life_is_over(void *context);

static void look_at_synced(void *context) {
    (void)context;
    read_durable(&world->lines);
    if (world->lines.count < world->seen && !world->sync_failed)
        violation("of %u lines that could be read %u are synced", world->seen, world->lines.count);
    at(now() + SIM_S, life_is_over, (void *)(uintptr_t)world->life);
}

/* The trouble is over: at each look there is more to read, or everything. */
static void look_for_progress(void *context) {
    (void)context;
    const uint64_t wanted = world->stored_before + taken_in_life().valid_min - unfinished();
    read_directory(&world->lines, DAMAGE_UNFINISHED);
    const uint32_t seen = world->lines.count;
    if (seen >= wanted && all_received()) {
        world->seen = (uint32_t)wanted;
        at(now() + world->sync_ms * SIM_MS + 15 * SIM_S, look_at_synced, NULL);
        return;
    }
    if (seen <= world->seen)
        violation("%lld s without trouble, and still %u lines can be read, of %llu received%s",
                  (long long)(SETTLE_NS / SIM_S), seen, (unsigned long long)wanted,
                  all_received() ? "" : "; not everything is received");
    world->seen = seen;
    at(now() + SETTLE_NS, look_for_progress, NULL);
}

static void note_senders(void) {
    for (uint32_t i = 0; i < world->senders.count; i++) {
        const struct sender *sender = world->senders.all[i];
        if (sender->life != world->life) continue;
        if (sender_resends(sender)) continue;
        if (sender->kind == SENDER_DATAGRAM) {
            if (sender->taken > 0) reached(REACHED_DATAGRAM_STORED);
            if (sender->taken > 1) reached(REACHED_DATAGRAM_DOUBLED);
            continue;
        }
        const struct sender_records ended = sender_taken(sender, true);
        const struct sender_records open = sender_taken(sender, false);
        if (ended.valid > open.valid) reached(REACHED_UNFINISHED_STORED);
        if (ended.others > open.others) reached(REACHED_UNFINISHED_REJECTED);
        for (uint32_t n = 0; n < sender->count; n++) {
            if (sender->lines[n].kind == LINE_INVALID) reached(REACHED_REJECTED);
            if (sender->lines[n].kind == LINE_TOO_LONG) reached(REACHED_TOO_LONG);
        }
    }
    if (world->lines.archived > 0) reached(REACHED_ARCHIVED);
    if (world->lines.segments > 2) reached(REACHED_SEGMENTS_ROTATED);
}

/* ---- a life ---- */

/* What was read now must be there later. */
static void remember(void) {
    const struct directory_lines was = world->before;
    world->before = world->lines;
    world->lines = was;
}

/* It has recovered what the last life left. */
static void is_ready(void) {
    world->serving = true;
    read_directory(&world->lines, DAMAGE_UNFINISHED);
    directory_renote(&world->noted, &world->lines);
    directory_agrees(&world->lines, &world->senders);
    directory_continues(&world->before, &world->lines, "after a start");
    world->stored_before = world->lines.count;
    remember();
}

static void trace_block(size_t size) {
    trace_line(now(), "not freed: %llu bytes", (unsigned long long)size);
}

static void life_stopped(int code) {
    trace_line(now(), "stopped with %d", code);
    reached(REACHED_LIFE_STOPPED);
    if (process_memory_failures() > 0) reached(REACHED_NO_MEMORY);
    if (process_memory_blocks() != 0) process_memory_visit(trace_block);
    if (process_memory_blocks() != 0)
        violation("%llu allocations were not freed", (unsigned long long)process_memory_blocks());
    read_directory(&world->lines, world->write_failed ? DAMAGE_UNFINISHED : DAMAGE_NONE);
    directory_agrees(&world->lines, &world->senders);
    directory_continues(&world->before, &world->lines, "after a stop");
    note_senders();
    check_counters(code == 0);
    if (world->last && code != 0) violation("the last stop lost records");
    remember();
}

static void serve(void) {
    struct config config;
    char error[CONFIG_ERROR_MAX];
    struct daemon *daemon;
    enum daemon_state state;
    struct daemon_options options = {.host = &world->host,
                                     .config = &config,
                                     .argc = world->word_count,
                                     .argv = world->word_list};
    const struct disk was = quiet();
    const int invalid =
        config_read(&world->host, world->word_count, world->word_list, &config, error);
    loud(&was);
    if (invalid) violation("the configuration: %s", error);
    options.port = sim_port(&world->sim);
    world->running = true;
    process_memory_fails(&world->chance, world->memory_fails_one_in);
    if (daemon_start(&options, &daemon) != 0) {
        trace_line(now(), "it does not start");
        reached(REACHED_LIFE_NOT_STARTED);
        process_ends(NULL);
    }
    while ((state = daemon_step(daemon)) == DAEMON_RUNS)
        if (world->sim.disk.ended) process_ends(NULL); /* by an operation of a strand */
    const int code = daemon_finish(daemon);
    if (state == DAEMON_LEAVES) {
        trace_line(now(), "the stop gave up");
        reached(REACHED_LIFE_LEFT);
        check_counters(false);
        process_ends(NULL);
    }
    port_close(options.port);
    config_free(&config);
    world->running = false;
    life_stopped(code);
}

/* What the ended process has left, and what of that the disk keeps. */
static void life_killed(void) {
    const bool serving = world->serving;
    world->running = false;
    if (process_memory_failures() > 0) reached(REACHED_NO_MEMORY);
    sim_kill(&world->sim);
    process_memory_end();
    if (world->killed_at_file) reached(REACHED_LIFE_KILLED_AT_FILE);
    reached(serving ? REACHED_LIFE_KILLED : REACHED_LIFE_KILLED_IN_START);
    for (uint32_t i = 0; i < world->senders.count; i++) {
        const struct sender *sender = world->senders.all[i];
        if (sender->kind != SENDER_LINES || sender->life != world->life) continue;
        const struct network_progress progress = network_progress(sender->link);
        if (progress.arrived > progress.taken) reached(REACHED_LINES_LOST_IN_KERNEL);
    }
    if (world->last) violation("the last start failed, or its stop gave up");
    /* A start that was killed may not have cut what a power failure had torn. */
    read_directory(&world->lines, serving ? DAMAGE_UNFINISHED : DAMAGE_ANY);
    directory_agrees(&world->lines, &world->senders);
    directory_continues(&world->before, &world->lines, "after a kill");
    const bool power = one_in(2) && has(TROUBLE_POWER);
    const enum disk_memory memory = (enum disk_memory)below(DISK_MEMORIES);
    if (world->lines.live > 0) reached(REACHED_RECOVERED_TORN);
    if (world->lines.count > 0) reached(REACHED_RESTARTED_WITH_LINES);
    if (power) {
        const uint32_t visible = world->lines.count;
        trace_line(now(), "the power fails; memory %d", (int)memory);
        if (world->sync_failed) world->doubtful = true;
        read_durable(&world->lines);
        reached(REACHED_POWER_LOST);
        if (world->lines.count < visible) reached(REACHED_POWER_LOST_LINES);
        for (uint32_t i = 0; i < world->senders.count; i++)
            world->senders.all[i]->power_lost = true;
        if (world->acknowledges_written || world->doubtful)
            world->senders.forgiven_life = world->life + 1;
    }
    remember();
    disk_restart(&world->sim.disk, power, memory);
}

static void pass_without_process(int64_t ns) {
    struct sim *sim = &world->sim;
    const int64_t end_ns = sim->now_ns + ns;
    while (agenda_next_ns(&sim->agenda) <= end_ns) {
        if (agenda_next_ns(&sim->agenda) > sim->now_ns) sim->now_ns = agenda_next_ns(&sim->agenda);
        agenda_run_first(&sim->agenda);
    }
    sim->now_ns = end_ns;
}

static void arm_kill_at_file(void) {
    static const enum disk_ending endings[] = {DISK_ENDS_BEFORE, DISK_ENDS_HALFWAY,
                                               DISK_ENDS_AFTER};
    const struct disk_fault fault = {.ending = endings[below(3)],
                                     .first = 1 + below((uint64_t)ONE_OF(20, 100, 400)),
                                     .kinds = DISK_ALL & ~DISK_LOOKS};
    /* In the midst of what matters most: an append, or the end of a segment. */
    struct disk_fault aimed = {.ending = one_in(2) ? DISK_ENDS_HALFWAY : fault.ending,
                               .first = 1 + below((uint64_t)ONE_OF(4, 20)),
                               .path = "/main-"};
    aimed.kinds = one_in(2) ? DISK_BIT(DISK_WRITE) : fault.kinds;
    if (one_in(2)) {
        disk_arm(&world->sim.disk, &aimed);
        return;
    }
    disk_arm(&world->sim.disk, &fault);
}

static void run_life(bool last) {
    const int64_t length_ns =
        last ? 2 * SIM_S + (int64_t)below(8 * SIM_S)
             : (int64_t)below((uint64_t)ONE_OF(SIM_S / 5, 2 * SIM_S, 8 * SIM_S));
    const int64_t from_ns = now();
    world->senders.life = world->life;
    world->last = last;
    world->killed_at_file = world->left_torn = false;
    world->serving = false;
    world->printed[0] = '\0';
    world->end = !last && one_in(2) && has(TROUBLE_KILLS) ? LIFE_IS_KILLED : LIFE_STOPS;
    world->senders.quiet_ns = last ? from_ns + length_ns : INT64_MAX;
    trace_line(now(), "life %u begins", world->life);
    plan_senders(from_ns, length_ns + 1);
    plan_troubles(from_ns, length_ns + 1);
    world->ends_ns = from_ns + length_ns;
    world->trouble_ends_ns = last ? world->ends_ns : INT64_MAX;
    if (last) {
        at(world->ends_ns, all_recovers, NULL);
        at(world->ends_ns + SETTLE_NS, look_for_progress, NULL);
    } else {
        at(world->ends_ns, life_is_over, (void *)(uintptr_t)world->life);
    }
    if (world->end == LIFE_IS_KILLED && one_in(2)) arm_kill_at_file();
    process_memory_begin();
    if (setjmp(world->process_end) == JUMP_NONE)
        serve();
    else
        life_killed();
}

/* `path`: the name before. */
static void note_closed(const char *path) {
    char closed[PATH_BYTES_MAX];
    const char *part = strstr(path, ".part");
    if (part == NULL || strstr(path, DIRECTORY "/main/") != path) return;
    snprintf(closed, sizeof closed, "%.*s%s", (int)(part - path), path, part + 5);
    const struct disk was = quiet();
    directory_note_closed(&world->noted, &world->sim.disk.files, closed, &world->senders);
    loud(&was);
}

/* A file operation is part of what happened. */
static void performed(void *context, enum disk_operation operation, const char *path,
                      int64_t result) {
    (void)context;
    if (DISK_BIT(operation) & DISK_LOOKS) return;
    if ((operation == DISK_SYNC || operation == DISK_SYNC_DIRECTORY) && result < 0)
        world->sync_failed = true;
    if ((operation == DISK_WRITE || operation == DISK_TRUNCATE) && result < 0)
        world->write_failed = true;
    if (result < 0 && world->sim.disk.errors_one_in > 0) reached(REACHED_DISK_ERRORS);
    trace_line(now(), "%s %s: %lld", disk_operation_name(operation), path, (long long)result);
    if (operation == DISK_RENAME && result == 0 && world->deletes) note_closed(path);
}

static void note_network(void) {
    const struct network *network = &world->network;
    if (network->parts > 0) reached(REACHED_RECEIVED_IN_PART);
    if (network->datagrams_lost > 0) reached(REACHED_DATAGRAM_LOST);
    if (network->datagrams_dropped > 0) reached(REACHED_DATAGRAM_DROPPED);
    if (network->accepts_failed > 0) reached(REACHED_ACCEPT_FAILED);
    if (network->receives_failed > 0) reached(REACHED_RECEIVE_FAILED);
}

void world_run(const struct world_options *options) {
    world = calloc(1, sizeof *world);
    assert(world != NULL);
    world->options = *options;
    world->chance.state = options->seed;
    trace_begin(options->aloud);
    process_memory_begin();
    sim_open(&world->sim, chance_next(&world->chance));
    network_open(&world->network, &world->sim, chance_next(&world->chance));
    senders_open(&world->senders, &world->network, chance_next(&world->chance));
    resenders_open(&world->senders);
    struct disk *disk = &world->sim.disk;
    disk->whole_pages = true;
    disk_add_volume(disk, ARCHIVE, ERR_OTHER_VOLUME);
    world->sim.run_program = ship;
    disk->performed = performed;
    disk->process_ended = file_operation_kills;
    world->senders.port = 5170;
    world->senders.relp_port = 5171;
    world->senders.lumberjack_port = 5172;
    world->senders.pause_ns_max = ONE_OF(SIM_MS, 100 * SIM_MS, SIM_S);
    world->network.weather.latency_ns_max = ONE_OF(SIM_US, SIM_MS, 30 * SIM_MS);
    world->network.weather.window_bytes = (uint64_t)ONE_OF(500, 8192, 65536);
    set_up_host();
    world->lives = 1 + (uint32_t)below(LIVES_MAX);
    if (options->lives_max > 0 && world->lives > options->lives_max)
        world->lives = options->lives_max;
    configure();
    bool last = false;
    while (!last) { /* ends: a life that is the last by its number has no end but a stop */
        last = world->life + 1 >= world->lives;
        if (last) all_recovers(NULL);
        run_life(last);
        world->life++;
        pass_without_process((int64_t)below(SIM_S));
    }
    note_network();
    system_messages_to(NULL, NULL);
    directory_free(&world->lines);
    directory_free(&world->before);
    directory_free(&world->noted);
    directory_free(&world->deleted);
    senders_close(&world->senders);
    network_close(&world->network);
    sim_close(&world->sim);
    process_memory_end();
    free(world);
    world = NULL;
}
