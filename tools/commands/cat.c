/* cat.c - prints all records, or those that pass the filters. */
#include <stddef.h>

#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/query/query.h"
#include "tools/query/read.h"
#include "tools/query/select.h"
#include "tools/query/survey.h"
#include "tools/render/render.h"
#include "tools/render/render_work.h"

struct cat_settings {
    struct common_settings common;
    struct query_settings query;
    struct render_settings render;
};

static void show(struct render *render) {
    if (!render->out->terminal) return;
    render_flush(render);
    output_flush(render->out);
}

static bool print_selection(void *context, const struct selection *selection) {
    struct render_work *work = context;
    render_selection(work, selection);
    show(work->render);
    return !output_failed(work->render->out);
}

/* Both return true if something could not be read. */
static bool print_wanted(struct call *call, struct render_work *work, const struct query *query) {
    const struct select_settings settings = {
        .work = &work->work, .all_frames = query->all, .max = UINT64_MAX};
    struct select_report report;
    select_run(&call->paths, query, &settings, print_selection, work, &report);
    report_unrecognised("cat", &report.unrecognised);
    if (report.found == 0) survey_condition("cat", &call->paths, query);
    return report.failed;
}

/* Frame by frame, as they are: the workers would only copy them. */
static bool print_all(struct call *call, struct render *render, const struct query *query) {
    const struct option_list any = {0};
    struct frame_scan scan;
    frame_scan_open(&scan, &call->paths, false);
    if (several_streams(&any, &scan.list)) render_streams(render);
    while (!output_failed(call->out) && frame_scan_next(&scan)) {
        if (scan.file_begins) {
            render_stream(render, scan.segment->name.stream);
            render_facts(render, record_rules_of(query->rules, scan.segment));
        }
        render_lines(render, scan.reader.raw, scan.reader.raw_size);
        show(render);
    }
    const bool failed = scan.failed;
    frame_scan_close(&scan);
    return failed;
}

static int cat_run(struct call *call) {
    const struct cat_settings *settings = call->settings;
    const struct query_patterns any = {0};
    struct query query;
    struct render render;
    struct render_work work;
    if (query_open(&query, "cat", &settings->query, &any, system_wall_ns()) < 0) return EXIT_ERROR;
    if (render_open(&render, &settings->render, call->out) < 0) {
        query_close(&query);
        return EXIT_ERROR;
    }
    if (query.shows_zone) render_zone(&render, query.zone);
    render_page(&render, &settings->render);
    render_work_open(&work, &render, &settings->render, NULL);
    const bool plain =
        render.format == RENDER_RAW && query.all && settings->query.streams.count == 0;
    const bool failed =
        plain ? print_all(call, &render, &query) : print_wanted(call, &work, &query);
    render_close(&render);
    query_close(&query);
    return failed ? EXIT_ERROR : EXIT_OK;
}

static const struct option options[] = {
    QUERY_OPTIONS(offsetof(struct cat_settings, query)),
    RENDER_OPTIONS(offsetof(struct cat_settings, render)),
    RENDER_PAGER_OPTION(offsetof(struct cat_settings, render)),
    HELP_OPTION_IN_SECTION,
};

const struct command cat_command = {
    .name = "cat",
    .usage = "[OPTION…] [PATH…]",
    .section = "Read",
    .summary = "Print all records, or those that pass the given filters.",
    .more = "Records are printed byte for byte as they were sent, unless standard output is a\n"
            "terminal or an output option is given. Files are read stream by stream, oldest\n"
            "first, and the live segment up to its last complete append. Damage is reported on\n"
            "standard error and skipped.\n"
            "\n"
            "Exit code: 0 everything was read, 2 something could not be read or is damaged.\n"
            "\n"
            "Examples:\n"
            "  logport cat                          all streams in ./logs except rejects\n"
            "  logport cat ./logs/rejects           rejected lines, with their reasons\n"
            "  logport cat /var/log/app | jq .      pass the records to another program\n"
            "  logport cat -o csv --fields level,http.status ./logs/main\n",
    .options = options,
    .settings_size = sizeof(struct cat_settings),
    .any_file = true,
    .run = cat_run,
};
