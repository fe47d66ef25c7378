/* config_test.c - the configuration file: comments, positions, and errors that name the position
 * and what was expected.  The command line overrides the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/config/read.h"
#include "ingest/config/schema_files.h"
#include "ingest/config/warnings.h"
#include "port/error.h"
#include "port/system.h"
#include "tests/unit/zone_bytes.h"

#define FILE_NAME "config_test.json"
#define ZONES     "config_test.zones"

static struct host host;

static void write_file(const char *text) {
    assert_int_equal(file_replace(files_of_system(), FILE_NAME, text, strlen(text), false), 0);
}

/* The configuration refers to the arguments, which stay as long as the process. */
static int read_with(struct config *config, char *error, const char *argument) {
    static char program[] = "logportd", option[] = "--config", file[] = FILE_NAME, more[64];
    char *argv[] = {program, option, file, more, NULL};
    snprintf(more, sizeof more, "%s", argument ? argument : "");
    return config_read(&host, argument ? 4 : 3, argv, config, error);
}

static void read_valid(const char *text, struct config *config) {
    char error[CONFIG_ERROR_MAX];
    write_file(text);
    if (read_with(config, error, NULL)) fail_msg("%s", error);
    file_remove(files_of_system(), FILE_NAME);
}

static void read_invalid(const char *text, const char *expected) {
    char error[CONFIG_ERROR_MAX];
    struct config config;
    write_file(text);
    assert_int_not_equal(read_with(&config, error, NULL), 0);
    if (!strstr(error, expected)) fail_msg("\"%s\" does not say \"%s\"", error, expected);
    const char *place = strstr(error, FILE_NAME ":1:");
    if (place && strstr(place + 1, FILE_NAME ":1:")) fail_msg("\"%s\" names two places", error);
    config_free(&config);
    file_remove(files_of_system(), FILE_NAME);
}

/* ---- */

static void values_lists_units_and_comments_are_read(void **state) {
    (void)state;
    struct config config;
    read_valid(
        "// where\n{\n  \"dir\": \"lo/gs\", /* two\n lines */ \"tcp\": [\"127.0.0.1:1\", "
        "\"[::1]:2\"],\n"
        "  \"udp\": \"127.0.0.1:3\", \"flush_ms\": 50, \"segment_age_s\": \"10m\", // \"x\": 1\n"
        "  \"segment_bytes_max\": \"64MiB\"\n}\n",
        &config);
    assert_string_equal(config.dir, "lo/gs");
    assert_int_equal(config.tcp.count, 2);
    assert_string_equal(config.tcp.texts[1], "[::1]:2");
    assert_int_equal(config.udp.count, 1);
    assert_int_equal(config.flush_ms, 50);
    assert_int_equal(config.segment_age_s, 600);
    assert_int_equal(config.segment_bytes_max, 64 << 20);
    assert_int_equal(config.sync_ms, 1000);
    config_free(&config);
}

static void comment_marks_inside_strings_are_text(void **state) {
    (void)state;
    struct config config;
    read_valid("{\"dir\": \"a//b/*c*/\\\"//\"}", &config);
    assert_string_equal(config.dir, "a//b/*c*/\"//");
    config_free(&config);
}

static void the_command_line_replaces_the_file(void **state) {
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_MAX];
    write_file("{\"flush_ms\": 50, \"sync_ms\": 70, \"tcp\": \"127.0.0.1:1\"}");
    assert_int_equal(read_with(&config, error, "--flush-ms=60"), 0);
    assert_int_equal(config.flush_ms, 60);
    assert_int_equal(config.sync_ms, 70);
    config_free(&config);
    assert_int_equal(read_with(&config, error, "--tcp=127.0.0.1:9"), 0);
    assert_int_equal(config.tcp.count, 1);
    assert_string_equal(config.tcp.texts[0], "127.0.0.1:9");
    config_free(&config);
    file_remove(files_of_system(), FILE_NAME);
}

static void a_configured_listener_replaces_the_default_ones(void **state) {
    (void)state;
    struct config config;
    read_valid("{}", &config);
    assert_int_equal(config.tcp.count, 1);
    assert_int_equal(config.udp.count, 1);
    config_free(&config);
    read_valid("{\"udp\": \"127.0.0.1:0\"}", &config);
    assert_int_equal(config.tcp.count, 0);
    assert_int_equal(config.udp.count, 1);
    config_free(&config);
}

static void an_error_names_its_position_and_what_was_expected(void **state) {
    (void)state;
    read_invalid("{\n  \"flush_ns\": 1\n}",
                 FILE_NAME ":2:3: \"flush_ns\": unknown key; did you mean \"flush_ms\"?");
    read_invalid("{\"FLUSH_MS\": 1}", ":1:2: \"FLUSH_MS\": unknown key");
    read_invalid("{\"config\": \"x\"}", ":1:2: config: allowed only on the command line");
    read_invalid("{\"check\": true}", ":1:2: check: allowed only on the command line");
    read_invalid("{\"chekc\": true}", ":1:2: \"chekc\": unknown key; logportd --help");
    read_invalid("{\n\"flush_ms\": -1}", ":2:13: flush_ms: a time was expected (200 for");
    read_invalid("{\"stats_s\": -1}", ":1:13: stats_s: a time was expected (30 for seconds");
    read_invalid("{\"receive_bytes\": -1}", ":1:19: receive_bytes: a size was expected");
    read_invalid("{\"connections_max\": -1}",
                 ":1:21: connections_max: a whole number was expected");
    read_invalid("{\"ijson\": null}", ":1:11: ijson: true or false was expected");
    read_invalid("{\"stream\": {}}", ":1:2: stream: this is a key of a listener");
    read_invalid("{\"stream\": \"audit\"}", "keys of a stream belong in \"streams\"");
    read_invalid("{\"archive_level\": 2}", ":1:19: archive_level: 2 is not a level: 3 to 12, or 0");
    read_invalid("{\"flush_ms\": \"soon\"}", ":1:14: ");
    read_invalid("{\"flush_ms\": 1.5}", ":1:14: flush_ms");
    read_invalid("{\"flush_ms\": {}}", ":1:14: flush_ms");
    read_invalid("{\"flush_ms\": 1,}", ":1:16: ");
    read_invalid("{\"a\": \"\n\"}", ":1:8: the string is not closed");
    read_invalid("{ /* \n", ":1:3: the comment is not closed");
    read_invalid("", "an object");
    read_invalid("[]", ":1:1: ");
    read_invalid("{\"tcp\": [\"nowhere:x\"]}", ":1:10: tcp: \"nowhere:x\" is not an address");
    read_invalid("{\"dir\": \"a\", \"flush_ms\": 1 \"x\"}", ":1:28: ");
}

static void a_duplicate_key_is_refused_with_both_positions(void **state) {
    (void)state;
    struct config config;
    read_invalid("{\n \"flush_ms\": 1,\n  \"flush_ms\": 2}",
                 FILE_NAME ":3:3: flush_ms: given twice, first at 2:2");
    read_invalid("{\"tcp\": \"127.0.0.1:1\", \"tcp\": \"127.0.0.1:2\"}",
                 ":1:24: tcp: given twice, first at 1:2");
    read_invalid("{\"tcp\": {\"address\": \"127.0.0.1:1\", \"address\": \"127.0.0.1:2\"}}",
                 ":1:36: address: given twice, first at 1:10");
    read_valid("{\"ijson\": true, \"tcp\": [{\"address\": \"127.0.0.1:1\", \"ijson\": false}, "
               "{\"address\": \"127.0.0.1:2\", \"ijson\": false}]}",
               &config);
    config_free(&config);
}

static void an_invalid_level_is_refused_on_the_command_line_too(void **state) {
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_MAX], program[] = "logportd", level[] = "--archive-level=1";
    char *argv[] = {program, level, NULL};
    assert_int_equal(config_read(&host, 2, argv, &config, error), ERR_INVALID);
    assert_string_equal(error, "archive_level: 1 is not a level: 3 to 12, or 0, was expected");
    config_free(&config);
}

static void a_key_of_a_listener_on_the_command_line_is_named_as_one(void **state) {
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_MAX], program[] = "logportd", check[] = "--check",
                                  mode[] = "--mode=0660";
    char *argv[] = {program, check, mode, NULL};
    assert_int_equal(config_read(&host, 3, argv, &config, error), ERR_INVALID);
    assert_string_equal(error, "--mode: a key of a listener, which can be set only in the "
                               "configuration file; see --help");
    config_free(&config);
}

static void time_and_level_keys_can_be_set_or_disabled(void **state) {
    (void)state;
    struct config config;
    read_valid("{}", &config);
    assert_int_equal(config.listener_count, 2);
    assert_ptr_equal(config.listeners[0].facts, &facts_rules_usual);
    assert_ptr_equal(config.listeners[1].facts, &facts_rules_usual);
    config_free(&config);
    read_valid("{\"time_keys\": \"when,at\", \"level_scale\": \"python\"}", &config);
    const struct listener_config *listener = &config.listeners[1];
    assert_ptr_equal(listener->facts, &listener->rules);
    assert_int_equal(listener->rules.times, 3);
    assert_string_equal(listener->rules.names.names[0].text, "when");
    assert_string_equal(listener->rules.names.names[2].text, "level");
    assert_int_equal(listener->rules.scale, LEVEL_SCALE_PYTHON);
    config_free(&config);
    read_valid("{\"time_keys\": \"none\", \"level_keys\": \"none\"}", &config);
    assert_null(config.listeners[0].facts);
    config_free(&config);
    read_invalid("{\"level_scale\": \"loud\"}",
                 ":1:17: level_scale: \"loud\" is not a level scale: usual, pino");
    read_invalid("{\"time_keys\": \"a,,b\"}", ":1:15: time_keys: up to 64 keys");
}

static void keys_can_be_a_list(void **state) {
    (void)state;
    struct config config;
    read_valid("{\"time_keys\": [\"when\", \"at\"]}", &config);
    assert_string_equal(config.time_keys, "when,at");
    config_free(&config);
    read_invalid("{\"time_keys\": [\"a\",\n \"b,c\"]}", ":2:2: time_keys: a key without a comma");
    read_invalid("{\"time_keys\": [\"a\", \"\"]}", ":1:21: time_keys: a key without a comma");
    read_invalid("{\"dir\": [\"a\"]}", ":1:9: dir: a text");
}

static void a_listener_can_have_its_own_keys(void **state) {
    (void)state;
    struct config config;
    read_valid("{\"level_scale\": \"pino\",\n"
               " \"tcp\": [\"127.0.0.1:1\", {\"level_scale\": \"syslog\", \"address\": "
               "\"127.0.0.1:2\", \"time_keys\": [\"when\"]}],\n"
               " \"udp\": {\"address\": \"127.0.0.1:1\", \"level_keys\": \"none\"}}",
               &config);
    assert_int_equal(config.listener_count, 3);
    assert_int_equal(config.tcp.count, 2);
    assert_string_equal(config.tcp.texts[1], "127.0.0.1:2");
    const struct listener_config *first = &config.listeners[0];
    assert_true(first->tcp);
    assert_int_equal(first->facts->scale, LEVEL_SCALE_PINO);
    assert_int_equal(first->facts->times, facts_rules_usual.times);
    const struct listener_config *second = &config.listeners[1];
    assert_true(second->tcp);
    assert_int_equal(second->facts->scale, LEVEL_SCALE_SYSLOG);
    assert_int_equal(second->facts->times, 1);
    const struct listener_config *third = &config.listeners[2];
    assert_false(third->tcp);
    assert_int_equal(third->facts->scale, LEVEL_SCALE_PINO);
    assert_int_equal(third->facts->levels, 0);
    config_free(&config);
}

static void the_command_line_replaces_global_keys_and_the_list_of_listeners(void **state) {
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_MAX];
    write_file("{\"level_scale\": \"pino\", \"tcp\": [\"127.0.0.1:1\", {\"address\": "
               "\"127.0.0.1:2\", \"level_scale\": \"syslog\"}]}");
    assert_int_equal(read_with(&config, error, "--level-scale=monolog"), 0);
    assert_int_equal(config.listeners[0].facts->scale, LEVEL_SCALE_MONOLOG);
    assert_int_equal(config.listeners[1].facts->scale, LEVEL_SCALE_SYSLOG);
    config_free(&config);
    assert_int_equal(read_with(&config, error, "--tcp=127.0.0.1:2"), 0);
    assert_int_equal(config.listener_count, 1);
    assert_int_equal(config.listeners[0].facts->scale, LEVEL_SCALE_PINO);
    config_free(&config);
    file_remove(files_of_system(), FILE_NAME);
}

static void an_error_in_a_listener_names_its_position(void **state) {
    (void)state;
    read_invalid("{\"tcp\": [\n  {\"adress\": \"127.0.0.1:1\"}]}",
                 ":2:4: \"adress\": unknown key of a listener; did you mean \"address\"?");
    read_invalid("{\"tcp\": {\"address\": \"127.0.0.1:1\",\n\"peer_bytes_per_s\": 9}}",
                 ":2:1: peer_bytes_per_s: this is no key of a listener: set it at the top level");
    read_invalid("{\"owner\": \"root\"}", ":1:2: owner: this is a key of a listener");
    read_invalid("{\"protocol\": \"gelf\"}",
                 ":1:14: protocol: gelf is received with every protocol; leave it auto");
    read_invalid("{\"tcp\": [\n  {\"level_scale\": \"pino\"}]}",
                 ":2:3: tcp: this listener has no \"address\"");
    read_invalid("{\"tcp\": [\"127.0.0.1:1\",\n {\"address\": \"127.0.0.1:2\",\n"
                 "  \"level_scale\": \"loud\"}]}",
                 ":3:18: level_scale: \"loud\" is not a level scale");
    read_invalid("{\"udp\": {\"address\": \"nowhere:x\"}}",
                 ":1:21: address: \"nowhere:x\" is not an address");
    read_invalid("{\"tcp\": [[\"127.0.0.1:1\"]]}", ":1:10: tcp: a text");
    read_invalid("{\"tcp\": {\"address\": \"127.0.0.1:1\", \"time_keys\": "
                 "\"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,ab,ac,ad,ae,af,ag,ah,ai,"
                 "aj,ak,al,am,an,ao,ap,aq,ar,as,at,au,av\"}}",
                 "tcp 127.0.0.1:1: up to 64 keys");
}

static void a_duplicate_listener_is_refused_with_both_positions(void **state) {
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_MAX];
    read_invalid("{\"tcp\": [\"127.0.0.1:1\",\n \"127.0.0.1:2\", \":1\"]}",
                 FILE_NAME ":2:17: tcp: \":1\" is listed twice; first at 1:10");
    read_invalid("{\"udp\": [{\"address\": \"127.0.0.1:1\"}, {\"address\": \"127.0.0.1:1\"}]}",
                 ":1:50: udp: \"127.0.0.1:1\" is listed twice; first at 1:22");
    read_valid("{\"tcp\": [\"127.0.0.1:0\", \"127.0.0.1:0\"], \"udp\": \"127.0.0.1:0\"}", &config);
    config_free(&config); /* each gets its own free port */
    char program[] = "logportd", one[] = "--tcp=127.0.0.1:7", two[] = "--tcp=7";
    char *argv[] = {program, one, two, NULL};
    assert_int_equal(config_read(&host, 3, argv, &config, error), ERR_INVALID);
    assert_string_equal(error, "tcp: \"7\" is listed twice");
    config_free(&config);
}

static void an_unreadable_schema_is_reported_with_its_position(void **state) {
    (void)state;
    char error[CONFIG_ERROR_MAX];
    struct config config;
    write_file("{\"tcp\": {\"address\": \"127.0.0.1:0\",\n\"schema\": [\"not-there.json\"]}}");
    assert_int_equal(read_with(&config, error, NULL), 0);
    assert_int_equal(schema_files_load(files_of_system(), &config, 1024, 1, error), ERR_INVALID);
    assert_string_equal(error,
                        FILE_NAME ":2:12: schema: not-there.json: no such file or directory");
    config_free(&config);
    file_remove(files_of_system(), FILE_NAME);
}

static void a_schema_applies_to_all_listeners_to_one_or_to_none(void **state) {
    (void)state;
    struct config config;
    read_valid("{\"schema\": \"all.json\", \"formats\": true, \"tcp\": [\"127.0.0.1:1\",\n"
               "{\"address\": \"127.0.0.1:2\", \"schema\": [\"one.json\", \"parts.json\"], "
               "\"schema_mode\": \"monitor\", \"formats\": false},\n"
               "{\"address\": \"127.0.0.1:3\", \"schema\": \"none\"}]}",
               &config);
    const struct listener_config *all = &config.listeners[0];
    assert_int_equal(all->keys.schema.count, 1);
    assert_string_equal(all->keys.schema.texts[0], "all.json");
    assert_true(all->formats);
    assert_false(all->monitor);
    const struct listener_config *one = &config.listeners[1];
    assert_int_equal(one->keys.schema.count, 2);
    assert_string_equal(one->keys.schema.texts[0], "one.json");
    assert_string_equal(one->keys.schema.texts[1], "parts.json");
    assert_false(one->formats);
    assert_true(one->monitor);
    assert_int_equal(config.listeners[2].keys.schema.count, 0);
    config_free(&config);
    read_invalid("{\"schema_mode\": \"loud\"}", ":1:17: schema_mode: \"loud\" is neither enforce");
    read_invalid("{\"tcp\": {\"address\": \"127.0.0.1:1\", \"formats\": \"maybe\"}}",
                 ":1:47: formats: \"maybe\" is not true or false");
    read_invalid("{\"schema\": [\"\"]}", ":1:13: schema: a file name");
}

/* ---- rotation ---- */

static void the_age_limit_is_an_hour_unless_a_schedule_or_another_age_is_set(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t age_s;
    } examples[] = {
        {"{}", 3600},
        {"{\"segment_age_s\": \"2h\"}", 7200},
        {"{\"rotate\": \"daily\"}", 0},
        {"{\"rotate\": \"daily\", \"segment_age_s\": \"2h\"}", 7200},
        {"{\"rotate\": \"never\"}", 3600},
    };
    struct config config;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        read_valid(examples[i].text, &config);
        assert_int_equal(config.segment_age_s, examples[i].age_s);
        assert_int_equal(config.segment_packed_bytes_max, 0);
        assert_int_equal(config.segment_idle_s, 0);
        config_free(&config);
    }
    read_valid("{\"segment_packed_bytes_max\": \"1MiB\", \"segment_idle_s\": \"5m\"}", &config);
    assert_int_equal(config.segment_packed_bytes_max, 1 << 20);
    assert_int_equal(config.segment_idle_s, 300);
    config_free(&config);
}

static void put_zone(const char *path, const void *bytes, size_t size) {
    assert_int_equal(directory_make(files_of_system(), ZONES "/Test"), 0);
    assert_int_equal(file_replace(files_of_system(), path, bytes, size, false), 0);
}

static void a_listener_on_all_addresses_takes_ipv4_unless_another_has_its_port(void **state) {
    (void)state;
    struct config config;
    static const struct {
        const char *text;
        bool ipv6_only; /* of the first listener */
    } cases[] = {
        {"{\"tcp\": \"[::]:5170\", \"udp\": \"0.0.0.0:5170\"}", false},
        {"{\"tcp\": [\"[::]:5170\", \"0.0.0.0:5170\"]}", true},
        {"{\"tcp\": [\"[::]:5170\", \"127.0.0.1:5170\"]}", true},
        {"{\"tcp\": [\"[::]:5170\", \"0.0.0.0:5171\"]}", false},
        {"{\"tcp\": [\"[::]:0\", \"0.0.0.0:0\"]}", false},
        {"{\"udp\": [\"[::]:5170\", \"0.0.0.0:5170\"]}", true},
        {"{\"tcp\": \"[::]:5170\", \"http\": \"0.0.0.0:5170\"}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_valid(cases[i].text, &config);
        assert_int_equal(config.listeners[0].address.family, 6);
        assert_int_equal(config.listeners[0].address.ipv6_only, cases[i].ipv6_only);
        config_free(&config);
    }
}

static void remove_zones(void) {
    file_remove(files_of_system(), ZONES "/Test/Zone");
    file_remove(files_of_system(), ZONES "/Test");
    file_remove(files_of_system(), ZONES);
}

static void a_schedule_follows_the_clock_of_its_zone(void **state) {
    (void)state;
    struct config config;
    struct zone_bytes made;
    static const int32_t offset_s = 0;
    zone_bytes_make(&made, NULL, 0, &offset_s, 1, "XXX-7");
    put_zone(ZONES "/Test/Zone", made.bytes, made.size);
    read_valid("{\"rotate\": \"daily\", \"rotate_zone\": \"Test/Zone\", \"zone_folder\": \"" ZONES
               "\"}",
               &config);
    assert_int_equal(schedule_next(&config.schedule, 0), 17 * 3600);
    config_free(&config);
    read_valid("{\"rotate\": \"at 06:00,18:00\", \"rotate_zone\": \"UTC\"}", &config);
    assert_int_equal(schedule_next(&config.schedule, 0), 6 * 3600);
    config_free(&config);
    read_valid("{\"rotate\": \"daily\", \"rotate_zone\": \"local\"}", &config);
    const int64_t midnight = schedule_next(&config.schedule, 1795521600);
    assert_int_equal((midnight + system_zone_offset_s(midnight)) % 86400, 0);
    config_free(&config);
    remove_zones();
}

static void an_error_in_a_schedule_or_zone_names_what_was_expected(void **state) {
    (void)state;
    read_invalid("{\"rotate\": \"weekly\"}",
                 ":1:12: rotate: \"weekly\" is not a rotation time: never, hourly, daily");
    read_invalid("{\"rotate\": [\"daily\"]}", ":1:12: rotate: a text");
    read_invalid("{\"rotate_zone\": \"../UTC\"}",
                 ":1:17: rotate_zone: \"../UTC\" is not a time zone");
    read_invalid("{\"zone_folder\": \"\"}", ":1:17: zone_folder: a directory name was expected");
    read_invalid("{\"rotate_zone\": \"Mars/Base\", \"zone_folder\": \"" ZONES "\"}",
                 FILE_NAME ":1:17: rotate_zone: \"Mars/Base\": no such time zone in " ZONES);
    read_invalid("{\"tcp\": [\"127.0.0.1:1\"], \"zone\": \"Mars/Base\", \"zone_folder\": \"" ZONES
                 "\"}",
                 FILE_NAME ":1:34: zone: \"Mars/Base\": no such time zone in " ZONES);
    read_invalid("{\"tcp\": [{\"address\": \"127.0.0.1:1\", \"zone\": \"Mars/Base\"}], "
                 "\"zone_folder\": \"" ZONES "\"}",
                 FILE_NAME ":1:45: zone: \"Mars/Base\": no such time zone in " ZONES);
    put_zone(ZONES "/Test/Zone", "TZif", 4);
    read_invalid("{\"rotate_zone\": \"Test/Zone\", \"zone_folder\": \"" ZONES "\"}",
                 "rotate_zone: " ZONES "/Test/Zone: it is cut off");
    read_invalid("{\"rotate_zone\": \"Test\", \"zone_folder\": \"" ZONES "\"}", "rotate_zone: ");
    remove_zones();
}

/* ---- streams ---- */

static void without_stream_settings_everything_goes_to_main(void **state) {
    (void)state;
    struct config config;
    read_valid("{\"archive_level\": 9, \"segment_bytes_max\": \"3MiB\"}", &config);
    assert_int_equal(config.stream_count, 1);
    const struct stream_config *main = &config.streams[0];
    assert_string_equal(main->name, STREAM_MAIN);
    assert_true(main->fed && !main->configured);
    assert_int_equal(main->sizes.segment_bytes_max, 3 << 20);
    assert_int_equal(main->sizes.segment_age_ms, 3600 * 1000);
    assert_int_equal(main->keeper.archive_level, 9);
    assert_int_equal(config.retention.stream_count, 0);
    config_free(&config);
}

static void a_stream_uses_its_own_keys_and_otherwise_the_global_ones(void **state) {
    (void)state;
    struct config config;
    read_valid(
        "{\"streams\": {\n"
        "  \"audit\": {\"rotate\": \"at 06:00\", \"rotate_zone\": \"UTC\", "
        "\"retention_age_s\": \"30d\", \"archive_level\": 9,\n"
        "    \"segment_bytes_max\": \"64MiB\"},\n"
        "  \"debug\": {\"retention_age_s\": 0, \"segment_age_s\": \"5m\"},\n"
        "  \"main\": {\"archive_after_s\": 7}},\n"
        " \"archive_after_s\": 8, \"retention_age_s\": \"1d\", \"segment_idle_s\": 9,\n"
        " \"tcp\": [\"127.0.0.1:1\", {\"address\": \"127.0.0.1:2\", \"stream\": \"audit\"},\n"
        "         {\"address\": \"127.0.0.1:3\", \"stream\": \"web\"}]}",
        &config);
    assert_int_equal(config.stream_count, 4);
    assert_string_equal(config.listeners[0].keys.stream, "main");
    assert_string_equal(config.listeners[1].keys.stream, "audit");
    const struct stream_config *main = &config.streams[0];
    assert_string_equal(main->name, "main");
    assert_true(main->fed && main->configured);
    assert_int_equal(main->keeper.archive_after_s, 7);
    assert_int_equal(main->sizes.segment_age_ms, 3600 * 1000);
    const struct stream_config *audit = config_stream(&config, "audit");
    assert_true(audit->fed && audit->configured);
    assert_int_equal(schedule_next(&audit->sizes.schedule, 0), 6 * 3600);
    assert_int_equal(audit->sizes.segment_age_ms, 0); /* rotates by schedule */
    assert_int_equal(audit->sizes.segment_bytes_max, 64 << 20);
    assert_int_equal(audit->sizes.segment_idle_ms, 9000);
    assert_int_equal(audit->keeper.archive_level, 9);
    assert_int_equal(audit->keeper.archive_after_s, 8);
    const struct stream_config *debug = config_stream(&config, "debug");
    assert_true(debug->configured && !debug->fed);
    assert_int_equal(debug->sizes.segment_age_ms, 300 * 1000);
    const struct stream_config *web = config_stream(&config, "web");
    assert_true(web->fed && !web->configured);
    assert_int_equal(web->keeper.archive_after_s, 8);
    assert_ptr_equal(config_stream(&config, "old"), &config.others);
    assert_int_equal(config.retention.stream_count, 2);
    assert_int_equal(retention_limits_of(&config.retention, "audit").age_s, 30 * 86400);
    assert_true(retention_limits_of(&config.retention, "debug").age_s == RETENTION_AGE_NEVER);
    assert_int_equal(retention_limits_of(&config.retention, "main").age_s, 86400);
    config_free(&config);
}

static void global_options_on_the_command_line_keep_a_streams_own_keys(void **state) {
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_MAX];
    write_file("{\"rotate\": \"hourly\", \"streams\": {\"a\": {\"archive_level\": 9, \"rotate\": "
               "\"never\"}}, \"tcp\": {\"address\": \"127.0.0.1:1\", \"stream\": \"b\"}}");
    assert_int_equal(read_with(&config, error, "--archive-level=3"), 0);
    assert_int_equal(config_stream(&config, "a")->keeper.archive_level, 9);
    assert_int_equal(config_stream(&config, "a")->sizes.segment_age_ms, 3600 * 1000);
    assert_int_equal(config_stream(&config, "b")->keeper.archive_level, 3);
    assert_int_equal(config_stream(&config, "b")->sizes.segment_age_ms, 0);
    config_free(&config);
    /* Without the listener that fed it, the stream does not exist. */
    assert_int_equal(read_with(&config, error, "--tcp=127.0.0.1:1"), 0);
    assert_int_equal(config.stream_count, 2);
    assert_ptr_equal(config_stream(&config, "b"), &config.others);
    config_free(&config);
    file_remove(files_of_system(), FILE_NAME);
}

static void an_error_in_a_stream_names_the_stream_and_the_position(void **state) {
    (void)state;
    static const char *const bad[] = {"",   "..", "a/b", "a\\\\b",   "nul",   "Com1.x",
                                      "a.", ".a", "a ",  "a\\u0001", "state", "logportd.run"};
    char text[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\n \"streams\": {\"%s\": {}}}", bad[i]);
        read_invalid(text, FILE_NAME ":2:14: streams: \"");
        read_invalid(text, "is not a valid stream name: up to 64 letters");
        snprintf(text, sizeof text,
                 "{\"tcp\": {\"address\": \"127.0.0.1:1\",\n\"stream\": \"%s\"}}", bad[i]);
        read_invalid(text, FILE_NAME ":2:11: stream: \"");
        read_invalid(text, "is not a valid stream name: up to 64 letters");
    }
    read_invalid("{\"streams\": {\"rejects\": {}}}",
                 ":1:14: streams: \"rejects\" is reserved for rejected");
    read_invalid("{\"udp\": {\"address\": \"127.0.0.1:1\", \"stream\": \"Rejects\"}}",
                 ":1:46: stream: \"Rejects\" is reserved for rejected");
    read_invalid("{\"streams\": {\"a\": {\"rotat\": 1}}}",
                 ":1:20: stream a: \"rotat\": unknown key of a stream; did you mean \"rotate\"?");
    read_invalid("{\"streams\": {\"a\": {\"flush_ms\": 1}}}",
                 ":1:20: stream a: flush_ms: cannot be set for a single stream");
    read_invalid("{\"streams\": {\"a\": {\"streams\": {}}}}",
                 ":1:20: stream a: \"streams\": unknown key");
    read_invalid("{\"streams\": {\"a\": {\"archive_level\": 13}}}",
                 ":1:37: stream a: archive_level: ");
    read_invalid("{\"streams\": {\"a\": {\"rotate\": \"often\"}}}",
                 ":1:30: stream a: rotate: \"often\" is not a rotation time: never, hourly");
    read_invalid("{\"streams\": {\"a\": {\"rotate\": [\"hourly\"]}}}",
                 ":1:30: stream a: rotate: a text");
    read_invalid("{\"streams\": {\"a\": 1}}", ":1:19: stream a: an object");
    read_invalid("{\"streams\": [\"a\"]}", ":1:13: streams: an object");
    read_invalid("{\"streams\": {\"a\": {},\n\"a\": {}}}",
                 ":2:1: stream a: given twice, first at 1:14");
    read_invalid("{\"streams\": {\"a\": {\"rotate\": \"daily\",\n\"rot\\u0061te\": \"daily\"}}}",
                 ":2:1: stream a: rotate: given twice, first at 1:20");
    read_invalid("{\"streams\": {},\n\"streams\": {}}", ":2:1: streams: given twice, first at 1:2");
    read_invalid("{\"streams\": {\"a\": {}, \"A\": {}}}",
                 ":1:23: streams: \"A\" differs from stream \"a\"");
    read_invalid("{\"tcp\": {\"address\": \"127.0.0.1:1\", \"stream\": \"MAIN\"}}",
                 ":1:46: stream: \"MAIN\" differs from stream \"main\"");
    read_invalid("{\"streams\": {\"a\": {\"rotate\": \"daily\",\n\"rotate_zone\": \"Mars/Base\"}}, "
                 "\"zone_folder\": \"" ZONES "\"}",
                 ":2:16: stream a: rotate_zone: \"Mars/Base\": no such time zone in " ZONES);
}

static void a_stream_can_have_another_archive_or_none(void **state) {
    (void)state;
    struct config config;
    read_valid(
        "{\"archive_dir\": \"cold\", \"streams\": {\"a\": {\"archive_dir\": \"colder\"}, \"b\": "
        "{\"archive_dir\": \"none\"}, \"c\": {}}}",
        &config);
    const char *all = config.others.keeper.archive_dir;
    const char *own = config_stream(&config, "a")->keeper.archive_dir;
    assert_true(strlen(all) > 5 && strcmp(all + strlen(all) - 4, "cold") == 0);
    assert_true(strlen(own) > 7 && strcmp(own + strlen(own) - 6, "colder") == 0);
    assert_null(config_stream(&config, "b")->keeper.archive_dir);
    assert_string_equal(config_stream(&config, "c")->keeper.archive_dir, all);
    assert_string_equal(config_stream(&config, "main")->keeper.archive_dir, all);
    config_free(&config);
    read_valid("{\"streams\": {\"a\": {\"archive_dir\": \"cold\"}}}", &config);
    assert_non_null(config_stream(&config, "a")->keeper.archive_dir);
    assert_null(config_stream(&config, "main")->keeper.archive_dir);
    config_free(&config);
}

static void an_impossible_archive_directory_is_refused(void **state) {
    (void)state;
    struct config config;
    read_invalid("{\"dir\": \"l\",\n\"archive_dir\": \"./l//\"}", ":2:16: archive_dir: ");
    read_invalid("{\"dir\": \"l\", \"archive_dir\": \"x/../l/./\"}", " is the log directory, ");
    read_invalid("{\"dir\": \"l\", \"archive_dir\": \"l/../l/cold\"}",
                 " is inside the log directory, ");
    read_invalid("{\"archive_dir\": \"" FILE_NAME "/a/b\"}",
                 FILE_NAME " is a file, not a directory");
    read_invalid("{\"archive_dir\": \"" FILE_NAME "\"}", FILE_NAME " is a file, not a directory");
    read_invalid("{\"dir\": \"l\", \"streams\": {\"a\": {\"archive_dir\":\n\"l\"}}}",
                 ":2:1: stream a: archive_dir: ");
    read_valid(
        "{\"dir\": \"l\", \"archive_dir\": \"lcold\", \"streams\": {\"a\": {\"archive_dir\": "
        "\"l/../cold\"}}}",
        &config);
    config_free(&config);
}

static void a_command_that_cannot_run_is_refused_or_causes_a_warning(void **state) {
    (void)state;
    struct config config;
    char text[CONFIG_WARNINGS_MAX];
    read_invalid("{\"archive_command\": []}", ":1:21: archive_command: at least one text");
    read_invalid("{\"archive_command\": [\"\"]}", ":1:22: archive_command: a program's name");
    read_invalid(
        "{\"archive_command\":\n\"nope {path} /x\"}",
        ":2:1: archive_command: program \"nope {path} /x\" was not found; no shell is used, "
        "so write one text for each word: [\"nope\", \"{path}\", \"/x\"]");
    read_invalid("{\"streams\": {\"a\": {\"archive_command\": [\"nope {path}\"]}}}",
                 ":1:40: stream a: archive_command: program \"nope {path}\" was not found");
    read_valid("{\"archive_command\": [\"not-there\", \"{path}\"], \"streams\": {\"a\": {}, \"b\": "
               "{\"archive_command\": [\"./nor-there\"]}, \"c\": {\"archive_command\": \"none\"}}}",
               &config);
    config_warnings(&config, text, sizeof text);
    assert_string_equal(text,
                        "archive_command: program \"not-there\" was not found on the PATH; "
                        "it is looked for again for each segment\n"
                        "stream a is configured, but no listener names it\n"
                        "stream b is configured, but no listener names it\n"
                        "archive_command: program \"./nor-there\" was not found; it is looked for "
                        "again for each segment\n"
                        "stream c is configured, but no listener names it\n");
    assert_int_equal(config_warnings(&config, text, 20), 19);
    config_free(&config);
    read_valid("{}", &config);
    assert_int_equal(config_warnings(&config, text, sizeof text), 0);
    config_free(&config);
}

static void at_most_sixteen_streams_are_accepted(void **state) {
    (void)state;
    struct config config;
    char text[1024] = "{\"streams\": {\"main\": {}";
    for (int i = 1; i < STREAMS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ", \"s%d\": {}", i);
    strcat(text, "}");
    char *end = text + strlen(text);
    strcpy(end, "}");
    read_valid(text, &config);
    assert_int_equal(config.stream_count, STREAMS_MAX);
    config_free(&config);
    strcpy(end, ",\n\"tcp\": {\"address\": \"127.0.0.1:1\", \"stream\": \"s16\"}}");
    read_invalid(text, ":2:45: stream: \"s16\": too many streams; at most 16");
}

static void a_missing_file_is_named(void **state) {
    (void)state;
    char program[] = "logportd", option[] = "--config=not-there.json";
    char *argv[] = {program, option, NULL};
    char error[CONFIG_ERROR_MAX];
    struct config config;
    assert_int_not_equal(config_read(&host, 2, argv, &config, error), 0);
    assert_non_null(strstr(error, "not-there.json: no such file"));
}

static void a_byte_order_mark_is_skipped_and_not_counted(void **state) {
    (void)state;
    struct config config;
    read_valid("\xEF\xBB\xBF{\"flush_ms\": 7}", &config);
    assert_int_equal(config.flush_ms, 7);
    config_free(&config);
    read_invalid("\xEF\xBB\xBF{\"flush_ms\": -1}", ":1:14: flush_ms: ");
    read_invalid("\xEF\xBB\xBF", ":1:1: ");
    read_invalid("{\xEF\xBB\xBF}", ":1:2: "); /* allowed only at the start */
}

static uint32_t waited_ms;

static bool hangs(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms) {
    (void)run;
    waited_ms += ms;
    release(job);
    return false;
}

static void an_archive_that_does_not_answer_causes_a_warning_after_one_wait(void **state) {
    (void)state;
    struct config config;
    char text[CONFIG_WARNINGS_MAX];
    host.run_within = hangs;
    waited_ms = 0;
    read_valid(
        "{\"archive_dir\": \"/hangs\", \"streams\": {\"a\": {\"archive_dir\": \"/hangs\"}, \"b\": "
        "{\"archive_dir\": \"/hangs/too\"}}}",
        &config);
    host.run_within = system_run_within;
    assert_in_range(waited_ms, 2000, 2500);
    config_warnings(&config, text, sizeof text);
    assert_non_null(strstr(text, "/hangs does not answer; segments stay in the log directory until "
                                 "it does\n"));
    assert_non_null(strstr(text, "/hangs/too does not answer"));
    assert_non_null(strstr(config_stream(&config, "b")->keeper.archive_dir, "/hangs/too"));
    config_free(&config);
}

static struct {
    uint32_t count;
    void *job;
    void (*release)(void *job);
} left;

static bool is_left(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms) {
    (void)run;
    (void)ms;
    left.count++;
    left.job = job;
    left.release = release;
    return false;
}

static void read_with_a_hanging_archive(void) {
    struct config config;
    char text[CONFIG_WARNINGS_MAX];
    host.run_within = is_left;
    read_valid("{\"archive_dir\": \"/hangs\"}", &config);
    host.run_within = system_run_within;
    config_warnings(&config, text, sizeof text);
    assert_non_null(strstr(text, "/hangs does not answer"));
    config_free(&config);
}

static void an_archive_is_not_checked_again_before_its_last_check_has_ended(void **state) {
    (void)state;
    for (int reloads = 0; reloads < 3; reloads++)
        read_with_a_hanging_archive();
    assert_int_equal(left.count, 1);
    left.release(left.job);
    read_with_a_hanging_archive();
    assert_int_equal(left.count, 2);
    left.release(left.job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_lists_units_and_comments_are_read),
        cmocka_unit_test(comment_marks_inside_strings_are_text),
        cmocka_unit_test(the_command_line_replaces_the_file),
        cmocka_unit_test(a_configured_listener_replaces_the_default_ones),
        cmocka_unit_test(an_error_names_its_position_and_what_was_expected),
        cmocka_unit_test(a_duplicate_key_is_refused_with_both_positions),
        cmocka_unit_test(an_invalid_level_is_refused_on_the_command_line_too),
        cmocka_unit_test(a_key_of_a_listener_on_the_command_line_is_named_as_one),
        cmocka_unit_test(time_and_level_keys_can_be_set_or_disabled),
        cmocka_unit_test(keys_can_be_a_list),
        cmocka_unit_test(a_listener_can_have_its_own_keys),
        cmocka_unit_test(the_command_line_replaces_global_keys_and_the_list_of_listeners),
        cmocka_unit_test(an_error_in_a_listener_names_its_position),
        cmocka_unit_test(a_duplicate_listener_is_refused_with_both_positions),
        cmocka_unit_test(an_unreadable_schema_is_reported_with_its_position),
        cmocka_unit_test(a_schema_applies_to_all_listeners_to_one_or_to_none),
        cmocka_unit_test(the_age_limit_is_an_hour_unless_a_schedule_or_another_age_is_set),
        cmocka_unit_test(a_listener_on_all_addresses_takes_ipv4_unless_another_has_its_port),
        cmocka_unit_test(a_schedule_follows_the_clock_of_its_zone),
        cmocka_unit_test(an_error_in_a_schedule_or_zone_names_what_was_expected),
        cmocka_unit_test(without_stream_settings_everything_goes_to_main),
        cmocka_unit_test(a_stream_uses_its_own_keys_and_otherwise_the_global_ones),
        cmocka_unit_test(global_options_on_the_command_line_keep_a_streams_own_keys),
        cmocka_unit_test(an_error_in_a_stream_names_the_stream_and_the_position),
        cmocka_unit_test(a_stream_can_have_another_archive_or_none),
        cmocka_unit_test(an_impossible_archive_directory_is_refused),
        cmocka_unit_test(a_command_that_cannot_run_is_refused_or_causes_a_warning),
        cmocka_unit_test(at_most_sixteen_streams_are_accepted),
        cmocka_unit_test(a_byte_order_mark_is_skipped_and_not_counted),
        cmocka_unit_test(an_archive_that_does_not_answer_causes_a_warning_after_one_wait),
        cmocka_unit_test(an_archive_is_not_checked_again_before_its_last_check_has_ended),
        cmocka_unit_test(a_missing_file_is_named),
    };
    host = host_of_system();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
