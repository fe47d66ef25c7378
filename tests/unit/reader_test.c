/* reader_test.c - output and exit codes of the reader's commands for segments in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"
#include "tests/unit/memory_files.h"
#include "tools/commands/command.h"
#include "writer/segment/frame.h"

static struct memory_files files;
static struct output out;
static void *scratch;

static int begin(void **state) {
    (void)state;
    memory_files_open(&files);
    output_open_memory(&out);
    return 0;
}

static int end(void **state) {
    (void)state;
    memory_files_close(&files);
    output_close(&out);
    return 0;
}

/* Runs a command line; arguments are separated by '|'. */
static int run(const char *arguments) {
    char text[512];
    char *argv[16] = {(char *)"logport"};
    int argc = 1;
    snprintf(text, sizeof text, "%s", arguments);
    for (char *p = text; p != NULL;) {
        char *const bar = strchr(p, '|');
        argv[argc++] = p;
        if (bar != NULL) *bar = '\0';
        p = bar != NULL ? bar + 1 : NULL;
    }
    out.used = 0;
    return command_line_run(&files.files, &out, argc, argv);
}

static const char *printed(void) {
    output_bytes(&out, "", 1);
    out.used--;
    return (const char *)out.bytes;
}

static void assert_prints(int code, const char *arguments, const char *text) {
    assert_int_equal(run(arguments), code);
    output_bytes(&out, "", 1);
    assert_string_equal(out.bytes, text);
}

static size_t encode(const char *lines, uint8_t *frame) {
    return frame_encode(scratch, (const uint8_t *)lines, strlen(lines), 1, frame);
}

static void append(struct memory_file *file, const char *lines) {
    uint8_t frame[4096];
    assert_true(frame_bytes_max(strlen(lines)) <= sizeof frame);
    memory_write(file, frame, encode(lines, frame), file->size);
}

#define SEGMENT(stream, sequence, part)                                                            \
    "logs/" stream "/" stream "-000000000" sequence "-20261124T073000Z" part ".ndjson.lz4"

/* Two closed segments and a live one: four frames, ten lines; and one reject. */
static void write_logs(void) {
    memory_add(&files, "logs", true);
    memory_add(&files, "logs/state", true);
    memory_add(&files, "logs/main", true);
    memory_add(&files, "logs/rejects", true);
    struct memory_file *third = memory_add(&files, SEGMENT("main", "3", ".part"), false);
    append(third, "i 3\nj 3\n");
    struct memory_file *first = memory_add(&files, SEGMENT("main", "1", ""), false);
    append(first, "a 1\nb 1\nc 1\n");
    append(first, "d 1\n");
    struct memory_file *second = memory_add(&files, SEGMENT("main", "2", ""), false);
    append(second, "e 2\nf 2\ng 2\nh 2\n");
    append(memory_add(&files, SEGMENT("rejects", "1", ""), false), "reject\n");
    memory_add(&files, "logs/logportd.run", false);
}

#define ALL "a 1\nb 1\nc 1\nd 1\ne 2\nf 2\ng 2\nh 2\ni 3\nj 3\n"

/* ---- cat ---- */

static void cat_prints_all_streams_but_rejects_in_order(void **state) {
    (void)state;
    write_logs();
    assert_prints(0, "cat|logs", ALL);
    assert_prints(0, "cat|logs/main", ALL);
    assert_prints(0, "cat|logs/rejects", "reject\n");
    assert_prints(0, "cat|" SEGMENT("main", "2", "") "|" SEGMENT("main", "1", ""),
                  "e 2\nf 2\ng 2\nh 2\na 1\nb 1\nc 1\nd 1\n");
}

/* The first listing of a folder misses one of its files, which is renamed (loses .part) at that
 * moment. */
static const char *passed_over;
static file_visit *visit_others;

static bool pass_over(void *context, const char *name, bool directory) {
    if (passed_over != NULL && strstr(passed_over, name) != NULL && !directory) {
        struct memory_file *file = memory_find(&files, passed_over);
        passed_over = NULL;
        strcpy(file->path, SEGMENT("main", "3", ""));
        return true;
    }
    return visit_others(context, name, directory);
}

static int list_passing_over(struct files *home, const char *path, file_visit *visit,
                             void *context) {
    visit_others = visit;
    return memory_list(home, path, strcmp(path, "logs/main") == 0 ? pass_over : visit, context);
}

static void a_segment_that_a_listing_passes_over_is_found_nevertheless_and_once(void **state) {
    (void)state;
    write_logs();
    files.files.list = list_passing_over;
    passed_over = SEGMENT("main", "3", ".part");
    assert_prints(0, "cat|logs", ALL);
    assert_null(passed_over);
}

static void a_path_that_is_missing_is_trouble_and_the_others_are_read(void **state) {
    (void)state;
    write_logs();
    assert_prints(2, "cat|nowhere|logs/rejects", "reject\n");
    assert_prints(2, "cat|nowhere", "");
    assert_prints(2, "tail|nowhere", "");
    assert_prints(2, "search|a|nowhere", "");
    assert_prints(2, "verify|nowhere", "");
}

static void an_empty_directory_holds_no_records(void **state) {
    (void)state;
    memory_add(&files, "logs", true);
    assert_prints(0, "cat|logs", "");
    assert_prints(0, "tail|logs", "");
    assert_prints(1, "search||logs", "");
    assert_prints(1, "search|-c||logs", "0\n");
    assert_prints(0, "verify|logs", "0 files, 0 frames, 0 records, 0 bytes: no segments found\n");
}

static void a_damaged_frame_is_passed_over_and_is_trouble(void **state) {
    (void)state;
    write_logs();
    memory_find(&files, SEGMENT("main", "1", ""))->bytes[FRAME_HEADER_BYTES] ^= 1;
    const char *rest = &ALL[strlen("a 1\nb 1\nc 1\n")];
    assert_prints(2, "cat|logs", rest);
    assert_prints(2, "search||logs", rest);
    assert_prints(2, "search|a|logs", "");
    assert_prints(2, "tail|logs", rest);
    assert_prints(0, "tail|-n3|logs", "h 2\ni 3\nj 3\n");
    assert_int_equal(run("verify|logs"), 1);
    assert_non_null(strstr(printed(), SEGMENT("main", "1", "") ": frame 0 at byte 0: "));
    assert_non_null(strstr(printed(), "5 files") == NULL ? strstr(printed(), "4 files") : NULL);
    assert_non_null(strstr(printed(), ": 1 file damaged\n"));
}

static void what_is_no_frame_ends_its_file_but_not_the_rest(void **state) {
    (void)state;
    write_logs();
    struct memory_file *first = memory_find(&files, SEGMENT("main", "1", ""));
    memory_write(first, "this is no frame at all", 23, first->size);
    assert_prints(2, "cat|logs", ALL);
    assert_prints(2, "tail|-n10|logs", ALL);
    assert_int_equal(run("verify|logs"), 1);
    assert_non_null(strstr(printed(), ": frame 2 at byte "));
    first->size = 0;
    memory_write(first, "this is no frame at all", 23, 0);
    assert_prints(2, "cat|" SEGMENT("main", "1", ""), "");
    assert_prints(2, "tail|" SEGMENT("main", "1", ""), "");
}

static void an_unfinished_end_is_damage_only_in_a_closed_file(void **state) {
    (void)state;
    write_logs();
    uint8_t frame[256], cover[FRAME_COVER_BYTES];
    const size_t size = encode("k 3\nl 3\n", frame);
    struct memory_file *live = memory_find(&files, SEGMENT("main", "3", ".part"));
    const size_t whole = live->size;
    for (size_t torn = 1; torn <= size; torn++) {
        live->size = whole;
        memory_write(live, frame, torn, whole);
        frame_cover(size, cover);
        memory_write(live, cover, torn < sizeof cover ? torn : sizeof cover, whole);
        assert_prints(0, "cat|logs", ALL);
        assert_prints(0, "tail|-n2|logs", "i 3\nj 3\n");
        assert_prints(0, "verify|logs/main", "3 files, 4 frames, 10 records, 40 bytes: sound\n");
    }
    strcpy(live->path, SEGMENT("main", "3", ""));
    assert_prints(2, "cat|logs", ALL);
    assert_prints(2, "tail|-n2|logs", "i 3\nj 3\n");
    assert_int_equal(run("verify|logs/main"), 1);
    memory_write(live, frame, sizeof cover, whole);
    assert_prints(0, "cat|logs", ALL "k 3\nl 3\n");
}

/* ---- tail ---- */

static void tail_prints_the_last_lines_over_frames_and_segments(void **state) {
    (void)state;
    char words[64];
    write_logs();
    assert_prints(0, "tail|logs", ALL);
    for (int n = 0; n <= 12; n++) {
        snprintf(words, sizeof words, "tail|-n%d|logs", n);
        assert_prints(0, words, &ALL[n < 10 ? 4 * (10 - n) : 0]);
    }
    assert_prints(0, "tail|-n1|logs/rejects|logs/main", "j 3\nreject\n");
}

/* A daemon writes two streams while tail -f reads, one step at a time, at moments chosen by the
 * seed. tail must print every line once and in order. */
struct writer {
    const char *stream;
    uint64_t sequence;
    struct memory_file *live;
    struct memory_file *next;        /* created in advance and empty; may be NULL */
    struct memory_file *retired[64]; /* not renamed yet */
    uint32_t retired_count;
    uint8_t frame[1024];
    size_t frame_size, frame_written;
    uint32_t lines;
};

#define PLAY_LINES 120

struct play {
    struct writer writers[2];
    uint64_t random;
    uint32_t calls_before; /* calls before anything is written */
    uint32_t calls_left;   /* calls after everything was written, until all lines must be printed */
    uint32_t calls_after;  /* calls after everything was printed: nothing may be printed twice */
};

static uint32_t draw(struct play *play, uint32_t below) {
    play->random = play->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(play->random >> 33) % below;
}

static struct memory_file *open_segment(struct writer *w) {
    char path[MEMORY_PATH_MAX];
    snprintf(path, sizeof path, "logs/%s", w->stream);
    if (memory_find(&files, path) == NULL) memory_add(&files, path, true);
    snprintf(path, sizeof path, "logs/%s/%s-%010llu-20261124T073000Z.part.ndjson.lz4", w->stream,
             w->stream, (unsigned long long)++w->sequence);
    return memory_add(&files, path, false);
}

static void begin_frame(struct play *play, struct writer *w) {
    char lines[512];
    size_t size = 0;
    for (uint32_t n = draw(play, 5) + 1; n > 0 && w->lines < PLAY_LINES; n--)
        size +=
            (size_t)snprintf(lines + size, sizeof lines - size, "%s %u\n", w->stream, w->lines++);
    if (w->live == NULL) w->live = open_segment(w);
    w->frame_size = encode(lines, w->frame);
    w->frame_written = 0;
}

/* Writes the cover and a part, then the rest, then the real first bytes. */
static void continue_frame(struct play *play, struct writer *w, size_t begins_at) {
    uint8_t cover[FRAME_COVER_BYTES];
    if (w->frame_written == w->frame_size) {
        memory_write(w->live, w->frame, sizeof cover, begins_at);
        w->frame_size = 0;
        return;
    }
    size_t upto = w->frame_written + 1 + draw(play, (uint32_t)w->frame_size);
    if (upto > w->frame_size) upto = w->frame_size;
    frame_cover(w->frame_size, cover);
    memory_write(w->live, w->frame, upto, begins_at);
    memory_write(w->live, cover, upto < sizeof cover ? upto : sizeof cover, begins_at);
    w->frame_written = upto;
}

static void rename_retired(struct play *play, struct writer *w) {
    struct memory_file *file = w->retired[draw(play, w->retired_count)];
    char *part = strstr(file->path, ".part");
    memmove(part, part + 5, strlen(part + 5) + 1);
    for (uint32_t i = 0; i < w->retired_count; i++)
        if (w->retired[i] == file) w->retired[i] = w->retired[--w->retired_count];
}

static bool write_step(struct play *play, struct writer *w) {
    if (w->frame_size > 0) {
        continue_frame(play, w, w->live->size - w->frame_written);
    } else if (w->retired_count > 0 && draw(play, 4) == 0) {
        rename_retired(play, w);
    } else if (w->live != NULL && (draw(play, 6) == 0 || w->lines == PLAY_LINES)) {
        w->retired[w->retired_count++] = w->live;
        w->live = w->next;
        w->next = NULL;
    } else if (w->live != NULL && w->next == NULL && w->lines < PLAY_LINES && draw(play, 8) == 0) {
        w->next = open_segment(w);
    } else if (w->lines < PLAY_LINES) {
        begin_frame(play, w);
    }
    return w->lines < PLAY_LINES || w->frame_size > 0 || w->live != NULL || w->retired_count > 0;
}

static bool all_is_shown(void) {
    uint32_t lines = 0;
    for (size_t i = 0; i < out.used; i++)
        lines += out.bytes[i] == '\n';
    return lines >= 2 * PLAY_LINES;
}

static void play_step(void *context) {
    struct play *play = context;
    if (play->calls_before > 0) {
        play->calls_before--;
        return;
    }
    if (memory_find(&files, "logs") == NULL) {
        if (draw(play, 10) == 0) memory_add(&files, "logs", true);
        return;
    }
    /* Mostly nothing, sometimes one step, now and then many between two reads. */
    const uint32_t chance = draw(play, 24);
    const uint32_t steps = chance == 0 ? 30 : chance < 8;
    bool more = true;
    for (uint32_t i = 0; i < steps && more; i++) {
        more = write_step(play, &play->writers[0]);
        more = write_step(play, &play->writers[1]) || more; /* one step of each */
    }
    if (more) return;
    /* Listing folders takes time of its own, so these calls are counted loosely. */
    if (all_is_shown() ? --play->calls_after == 0 : --play->calls_left == 0)
        out.status = ERR_CLOSED;
}

static void assert_stream_is_whole(const char *stream, uint64_t seed) {
    char line[64];
    uint32_t next = 0;
    for (const char *p = printed(); *p != '\0'; p = strchr(p, '\n') + 1) {
        if (strncmp(p, stream, strlen(stream)) != 0) continue;
        snprintf(line, sizeof line, "%s %u\n", stream, next);
        if (strncmp(p, line, strlen(line)) != 0)
            fail_msg("seed %llu: %.20s where %s was due", (unsigned long long)seed, p, line);
        next++;
    }
    if (next != PLAY_LINES)
        fail_msg("seed %llu: %s: %u lines", (unsigned long long)seed, stream, next);
}

static void tail_f_prints_every_line_once_in_order_whenever_it_looks(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct play play = {.random = seed, .calls_left = 50000, .calls_after = 100};
        play.writers[0].stream = "main";
        play.writers[1].stream = "audit";
        /* Half of the runs find a directory with some lines, which must all be printed. */
        if (seed % 2 == 0) memory_add(&files, "logs", true);
        for (uint32_t i = 0; seed % 2 == 0 && i < seed; i++)
            write_step(&play, &play.writers[0]);
        files.before = play_step;
        files.context = &play;
        assert_int_equal(run("tail|-f|-n1000|--poll-ms=1|logs"), 0);
        files.before = NULL;
        assert_stream_is_whole("main", seed);
        assert_stream_is_whole("audit", seed);
        end(NULL);
        begin(NULL);
    }
}

static void tail_f_with_no_lines_shows_only_what_comes(void **state) {
    (void)state;
    /* It has reached the end long before the first line arrives. */
    struct play play = {.random = 7, .calls_before = 200, .calls_left = 50000, .calls_after = 100};
    write_logs();
    play.writers[0].stream = "main";
    play.writers[0].sequence = 3;
    play.writers[1].stream = "audit";
    files.before = play_step;
    files.context = &play;
    assert_int_equal(run("tail|-f|-n0|--poll-ms=1|logs"), 0);
    files.before = NULL;
    assert_null(strstr(printed(), "j 3"));
    assert_stream_is_whole("main", 7);
    assert_stream_is_whole("audit", 7);
}

/* ---- search ---- */

static void search_finds_literals_and_says_so_in_its_code(void **state) {
    (void)state;
    write_logs();
    assert_prints(0, "search| 2|logs", "e 2\nf 2\ng 2\nh 2\n");
    assert_prints(1, "search|1\n|logs", "");
    assert_prints(1, "search|.*|logs", "");
    assert_prints(0, "search|-v| 2|logs", "a 1\nb 1\nc 1\nd 1\ni 3\nj 3\n");
    assert_prints(0, "search|-c|-v| 2|logs", "6\n");
    assert_prints(1, "search|-c|zzz|logs", "0\n");
    assert_prints(0, "search|-i|A 1|logs", "a 1\n");
    assert_prints(1, "search|A 1|logs", "");
    assert_prints(0, "search|-F|--|a 1|logs", "a 1\n");
    assert_prints(0, "search||logs", ALL);
    assert_prints(1, "search|-v||logs", "");
    assert_prints(0, "search|reject|logs/rejects", "reject\n");
    assert_prints(1, "search|reject|logs", "");
    assert_prints(2, "search", "");
    assert_prints(0, "search|-e|a|logs", "a 1\n");
    assert_prints(2, "search|-e|(a|logs", "");
}

static void a_pattern_never_matches_over_the_end_of_a_record(void **state) {
    (void)state;
    write_logs();
    assert_prints(1, "search|a 1\nb|logs", "");
    assert_prints(1, "search|-c|a 1\nb|logs", "0\n");
    assert_prints(0, "search|-c|-v|a 1\nb|logs", "10\n");
}

static void the_limit_holds_over_all_files(void **state) {
    (void)state;
    write_logs();
    assert_prints(0, "search|-m5||logs", "a 1\nb 1\nc 1\nd 1\ne 2\n");
    assert_prints(1, "search|-m0||logs", "");
    assert_prints(0, "search|-c|-m3| 2|logs", "3\n");
    assert_prints(0, "search|-m1|-A2|d|logs", "d 1\ne 2\nf 2\n");
}

static void context_is_grouped_and_crosses_frames_and_segments(void **state) {
    (void)state;
    write_logs();
    assert_prints(0, "search|-C1|d|logs", "c 1\nd 1\ne 2\n");
    assert_prints(0, "search|-B3|e|logs", "b 1\nc 1\nd 1\ne 2\n");
    assert_prints(0, "search|-A3|h|logs", "h 2\ni 3\nj 3\n");
    assert_prints(0, "search|-v|-A1|2|" SEGMENT("main", "1", ""), "a 1\nb 1\nc 1\nd 1\n");
    assert_prints(0, "search|-A0|1|logs", "a 1\nb 1\nc 1\nd 1\n");
    append(memory_find(&files, SEGMENT("main", "3", ".part")), "d 3\nz 3\n");
    assert_prints(0, "search|-C1|d|logs", "c 1\nd 1\ne 2\n--\nj 3\nd 3\nz 3\n");
    assert_prints(0, "search|-C4|d|logs", ALL "d 3\nz 3\n");
    assert_prints(0, "search|-C0|d|logs", "d 1\n--\nd 3\n");
    assert_prints(0, "search|d|logs", "d 1\nd 3\n");
}

static void context_does_not_cross_from_stream_to_stream(void **state) {
    (void)state;
    write_logs();
    assert_prints(0, "search|-C2|r|logs/main|logs/rejects", "reject\n");
    assert_prints(0, "search|-A2|e|logs/main|logs/rejects", "e 2\nf 2\ng 2\n--\nreject\n");
    assert_prints(0, "search|-A2|j|logs/main|logs/rejects", "j 3\n--\nreject\n");
}

/* ---- terminals ---- */

static void a_terminal_gets_no_control_characters_of_others(void **state) {
    (void)state;
    memory_add(&files, "logs", true);
    memory_add(&files, "logs/main", true);
    append(memory_add(&files, SEGMENT("main", "1", ""), false),
           "{\"a\":\"\x1b[2J\x7f\tok\xc2\x9b\xc3\xa4\xc2\"}\n");
    assert_prints(0, "cat|logs", "{\"a\":\"\x1b[2J\x7f\tok\xc2\x9b\xc3\xa4\xc2\"}\n");
    out.terminal = true;
    assert_prints(0, "cat|-oraw|logs", "{\"a\":\"\\u001b[2J\\u007f\tok\\u009b\xc3\xa4\\xc2\"}\n");
    assert_prints(0, "tail|-oraw|logs", "{\"a\":\"\\u001b[2J\\u007f\tok\\u009b\xc3\xa4\\xc2\"}\n");
    /* It is not JSON and so printed as text. */
    assert_prints(0, "cat|logs", "{\"a\":\"\\u001b[2J\\u007f\\tok\\u009b\xc3\xa4\\xc2\"}\n");
    assert_prints(0, "search|ok|logs", "{\"a\":\"\\u001b[2J\\u007f\\tok\\u009b\xc3\xa4\\xc2\"}\n");
}

static void what_was_found_is_marked_where_colors_are_wanted(void **state) {
    (void)state;
    write_logs();
    out.terminal = out.color = true;
    assert_prints(0, "search|-i|A|logs", "\033[1;31ma\033[m 1\n");
    assert_prints(0, "search|1|logs/main|-m1", "a \033[1;31m1\033[m\n");
    assert_prints(0, "search|-v|-m1|b|logs", "a 1\n");
}

/* ---- check ---- */

static void check_text(const char *words, int code, const char *text, size_t size,
                       const char *says) {
    end(NULL);
    begin(NULL);
    memory_write(memory_add(&files, "x.ndjson", false), text, size, 0);
    assert_prints(code, words, says);
}

static void check_names_the_line_and_the_column(void **state) {
    (void)state;
    const char text[] = "{\"a\":1}\n\n{\"a\":01}\r\n  \r\n{}\r\n[1]\n{\"a\":";
    check_text("check|x.ndjson", 1, text, sizeof text - 1,
               "x.ndjson:3:7: bad_number: not a valid JSON number\n"
               "x.ndjson:6:1: not_object: the top level is not an object\n"
               "x.ndjson:7:6: truncated: the line ends before the value does\n");
    check_text("check|--any|x.ndjson", 0, "[1]\n1\n\"x\"", 9, "");
    check_text("check|x.ndjson", 0, "", 0, "");
    check_text("check|y.ndjson", 2, "", 0, "");
    check_text("check|x.ndjson", 1, "{}\0\n", 4,
               "x.ndjson:1:3: trailing: extra text after the value\n");
}

static void a_line_may_be_as_long_as_the_limit_and_no_longer(void **state) {
    (void)state;
    const char *words = "check|--line-bytes-max=8|x.ndjson";
    const char *says = "x.ndjson:1:9: oversized: the line is longer than --line-bytes-max\n";
    check_text(words, 0, "{\"a\":12}\n", 9, "");
    check_text(words, 0, "{\"a\":12}\r\n", 10, "");
    check_text(words, 0, "{\"a\":12}", 8, "");
    check_text(words, 1, "{\"a\":123}\n", 10, says);
    check_text(words, 1, "{\"a\":123}\r\n", 11, says);
    check_text(words, 1, "{\"a\":123}", 9, says);
    /* Longer than one read, and the following line is still found. */
    char *text = malloc(600001);
    memset(text, 'x', 600000);
    memcpy(text + 599990, "\n{}\n[]\n{}\n", 10);
    check_text(words, 1, text, 600000,
               "x.ndjson:1:9: oversized: the line is longer than --line-bytes-max\n"
               "x.ndjson:3:1: not_object: the top level is not an object\n");
    free(text);
}

/* ---- the dispatcher ---- */

static void wrong_words_are_trouble_and_help_is_none(void **state) {
    (void)state;
    assert_prints(2, "cta", "");
    assert_prints(2, "", "");
    assert_prints(2, "cat|--strem", "");
    assert_prints(2, "--versoin", "");
    assert_prints(2, "help|serch", "");
    assert_int_equal(run("help|search"), 0);
    assert_prints(2, "tail|-n|x", "");
    assert_prints(2, "send", "");
    assert_prints(2, "send|127.0.0.1:1|nowhere", "");
    assert_prints(2, "status|nowhere", "");
    assert_prints(2, "stop|--dir|nowhere", "");
    assert_int_equal(run("--help"), 0);
    for (const struct command *const *command = commands; *command != NULL; command++) {
        char words[64];
        assert_int_equal(run("--help"), 0);
        assert_non_null(strstr(printed(), (*command)->name));
        snprintf(words, sizeof words, "%s|--help", (*command)->name);
        assert_int_equal(run(words), 0);
        assert_non_null(strstr(printed(), (*command)->usage));
        assert_non_null(strstr(printed(), "--help"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(cat_prints_all_streams_but_rejects_in_order),
        TEST(a_segment_that_a_listing_passes_over_is_found_nevertheless_and_once),
        TEST(a_path_that_is_missing_is_trouble_and_the_others_are_read),
        TEST(an_empty_directory_holds_no_records),
        TEST(a_damaged_frame_is_passed_over_and_is_trouble),
        TEST(what_is_no_frame_ends_its_file_but_not_the_rest),
        TEST(an_unfinished_end_is_damage_only_in_a_closed_file),
        TEST(tail_prints_the_last_lines_over_frames_and_segments),
        TEST(tail_f_prints_every_line_once_in_order_whenever_it_looks),
        TEST(tail_f_with_no_lines_shows_only_what_comes),
        TEST(search_finds_literals_and_says_so_in_its_code),
        TEST(a_pattern_never_matches_over_the_end_of_a_record),
        TEST(the_limit_holds_over_all_files),
        TEST(context_is_grouped_and_crosses_frames_and_segments),
        TEST(context_does_not_cross_from_stream_to_stream),
        TEST(a_terminal_gets_no_control_characters_of_others),
        TEST(what_was_found_is_marked_where_colors_are_wanted),
        TEST(check_names_the_line_and_the_column),
        TEST(a_line_may_be_as_long_as_the_limit_and_no_longer),
        TEST(wrong_words_are_trouble_and_help_is_none),
    };
    system_name("logport");
    scratch = malloc(frame_scratch_bytes());
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(scratch);
    return failed;
}
