/* fields.c - which fields records have: their types, how many records have them, and which values
 * occur.  See tools/render/field_tree.h for how, and in which memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tools/commands/answer.h"
#include "tools/query/allocate.h"
#include "tools/query/text.h"
#include "tools/render/field_tree.h"

#define LIMIT_MAX         100
#define SHOWN_VALUE_BYTES 40 /* of a value in a table */

/* What one thread finds. */
struct fields_part {
    struct field_tree *tree;
    uint64_t texts; /* lines that are no records, in both windows */
};

struct fields_view {
    struct answer answer;
    struct fields_part whole;
    struct field_tree *tree; /* that of the whole */
    double scale;            /* of --compare: by the number of records */
};

static bool take(void *context, const struct answer_record *record) {
    struct fields_part *part = context;
    if (record->text)
        part->texts++;
    else
        field_tree_add(part->tree, record->bytes, record->size, record->window);
    return true;
}

static void *open_part(void *whole) {
    struct fields_part *part = allocate(sizeof *part);
    *part = (struct fields_part){.tree = field_tree_open_part(((struct fields_part *)whole)->tree)};
    return part;
}

static void begin_part(void *context) {
    struct fields_part *part = context;
    part->texts = 0;
    field_tree_begin_part(part->tree);
}

static void unite(void *context, void *more) {
    struct fields_part *const whole = context, *const part = more;
    field_tree_unite(whole->tree, part->tree);
    whole->texts += part->texts;
}

static void close_part(void *context) {
    struct fields_part *part = context;
    field_tree_close(part->tree);
    free(part);
}

static void read_all(struct fields_view *view) {
    const struct answer_reader reader = {.whole = &view->whole,
                                         .take = take,
                                         .open = open_part,
                                         .begin = begin_part,
                                         .unite = unite,
                                         .close = close_part};
    view->whole.texts = 0;
    answer_read(&view->answer, &reader);
}

/* ---- cells ---- */

static uint64_t sum(const uint64_t *types) {
    uint64_t all = 0;
    for (int i = 0; i < FIELD_TYPES; i++)
        all += types[i];
    return all;
}

/* "number", or "string 80.0%, number 20.0%": the most frequent first. */
static void add_types(const uint64_t *types, struct table *table) {
    const uint64_t all = sum(types);
    bool done[FIELD_TYPES] = {false};
    struct text text = {0};
    for (;;) { /* ends: each turn marks a type as done */
        int most = -1;
        char share[32];
        for (int i = 0; i < FIELD_TYPES; i++)
            if (!done[i] && types[i] > 0 && (most < 0 || types[i] > types[most])) most = i;
        if (most < 0) break;
        done[most] = true;
        if (text.used > 0) text_add_text(&text, ", ");
        text_add_text(&text, field_type_names[most]);
        if (types[most] == all) continue;
        snprintf(share, sizeof share, " %.1f%%", 100 * (double)types[most] / (double)all);
        text_add_text(&text, share);
    }
    if (text.used > 0)
        table_text(table, text.bytes, text.used);
    else
        table_absent(table);
    text_free(&text);
}

/* {"string":80,"number":20} */
static void add_types_json(const uint64_t *types, struct table *table) {
    struct text text = {0};
    text_add_byte(&text, '{');
    for (int i = 0; i < FIELD_TYPES; i++) {
        char type[64];
        if (types[i] == 0) continue;
        snprintf(type, sizeof type, "%s\"%s\":%llu", text.used > 1 ? "," : "", field_type_names[i],
                 (unsigned long long)types[i]);
        text_add_text(&text, type);
    }
    text_add_byte(&text, '}');
    table_text(table, text.bytes, text.used);
    text_free(&text);
}

static bool is_json(const struct fields_view *view) {
    return view->answer.format == TABLE_JSON;
}

static void add_types_of(const struct fields_view *view, const uint64_t *types,
                         struct table *table) {
    if (is_json(view))
        add_types_json(types, table);
    else
        add_types(types, table);
}

/* "~" shows an estimate in tables; data have a column of their own for that. */
static void add_distinct(const struct fields_view *view, const struct field *field,
                         struct table *table) {
    char text[32];
    snprintf(text, sizeof text, "%s%llu",
             view->answer.format == TABLE_ALIGNED && !field->exact ? "~" : "",
             (unsigned long long)field->distinct);
    table_word(table, text);
}

static void add_bound(const struct fields_view *view, const struct field *field, const char *bound,
                      struct table *table) {
    struct text text = {0};
    if (*bound == '\0') {
        table_absent(table);
        return;
    }
    if (is_json(view) && field->bounds_are_times)
        text_add_json_string(&text, bound, strlen(bound));
    else
        text_add_text(&text, bound);
    table_text(table, text.bytes, text.used);
    text_free(&text);
}

static uint32_t shown_values(const struct fields_view *view, const struct field *field) {
    const uint64_t limit = view->answer.settings->limit;
    return field->value_count < limit ? field->value_count : (uint32_t)limit;
}

static void add_count(struct text *text, const char *before, uint64_t count, const char *after) {
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)count);
    text_add_text(text, before);
    text_add_text(text, number);
    text_add_text(text, after);
}

/* [{"value":"GET","count":17}] */
static void add_values_json(const struct fields_view *view, const struct field *field,
                            struct table *table) {
    struct text text = {0};
    text_add_byte(&text, '[');
    for (uint32_t i = 0; i < shown_values(view, field); i++) {
        const struct top_value *const value = &field->values->values[i];
        text_add_text(&text, i > 0 ? ",{\"value\":" : "{\"value\":");
        text_add_json_string(&text, field->values->texts + value->text, value->size);
        add_count(&text, ",\"count\":", value->count - value->error, "}");
    }
    text_add_byte(&text, ']');
    table_text(table, text.bytes, text.used);
    text_free(&text);
}

static void add_value_text(struct text *text, const uint8_t *bytes, size_t size) {
    size_t shown = size;
    if (size > SHOWN_VALUE_BYTES) {
        shown = SHOWN_VALUE_BYTES;
        while (shown > 0 && (bytes[shown] & 0xc0) == 0x80) /* not within a character */
            shown--;
    }
    text_add(text, bytes, shown);
    if (shown < size) text_add_text(text, "…");
}

/* "GET (17), POST (4)" */
static void add_values(const struct fields_view *view, const struct field *field,
                       struct table *table) {
    struct text text = {0};
    if (field->keys > 0)
        add_count(&text, field->keys_exact ? "(" : "(about ", field->keys, " different names)");
    for (uint32_t i = 0; i < shown_values(view, field); i++) {
        const struct top_value *const value = &field->values->values[i];
        if (text.used > 0) text_add_text(&text, i > 0 ? ", " : " ");
        add_value_text(&text, field->values->texts + value->text, value->size);
        add_count(&text, " (", value->count - value->error, ")");
    }
    if (text.used == 0 && field->others > 0) add_count(&text, "(each at most ", field->others, ")");
    if (text.used > 0)
        table_text(table, text.bytes, text.used);
    else
        table_absent(table);
    text_free(&text);
}

/* ---- rows ---- */

static void add_columns(const struct fields_view *view, struct table *table) {
    const enum table_kind bound = is_json(view) ? TABLE_VALUE : TABLE_TEXT;
    table_column(table, "field", TABLE_TEXT, false);
    table_column(table, "records", TABLE_NUMBER, false);
    table_column(table, "of", TABLE_NUMBER, true);
    table_column(table, "percent", TABLE_NUMBER, false);
    table_column(table, "types", bound, false);
    table_column(table, "distinct", TABLE_NUMBER, false);
    table_column(table, "distinct_exact", TABLE_VALUE, true);
    table_column(table, "names", TABLE_NUMBER, true);
    table_column(table, "min", bound, false);
    table_column(table, "max", bound, false);
    table_column(table, "others_at_most", TABLE_NUMBER, true);
    table_column(table, "values", bound, false);
}

static void add_row(const struct fields_view *view, const struct field *field,
                    struct table *table) {
    const uint64_t all = field_tree_records(view->tree, COMPARE_NOW);
    table_text(table, field->path, field->path_size);
    table_count(table, field->records[COMPARE_NOW]);
    table_count(table, all);
    table_percent(table, field->records[COMPARE_NOW], all);
    add_types_of(view, field->types[COMPARE_NOW], table);
    add_distinct(view, field, table);
    table_word(table, field->exact ? "true" : "false");
    if (field->keys > 0)
        table_count(table, field->keys);
    else
        table_absent(table);
    add_bound(view, field, field->least, table);
    add_bound(view, field, field->most, table);
    table_count(table, field->others);
    if (is_json(view))
        add_values_json(view, field, table);
    else
        add_values(view, field, table);
}

static void add_change_columns(const struct fields_view *view, struct table *table) {
    const enum table_kind types = is_json(view) ? TABLE_VALUE : TABLE_TEXT;
    answer_change_columns(view->scale, table);
    table_column(table, "percent", TABLE_NUMBER, false);
    table_column(table, "percent_before", TABLE_NUMBER, false);
    table_column(table, "types", types, false);
    table_column(table, "types_before", types, false);
    table_column(table, "field", TABLE_TEXT, false);
}

static void add_change_row(const struct fields_view *view, const struct field *field,
                           struct table *table) {
    const uint64_t now = field->records[COMPARE_NOW], before = field->records[COMPARE_BEFORE];
    answer_change_cells(view->scale, table, now, before);
    table_percent(table, now, field_tree_records(view->tree, COMPARE_NOW));
    table_percent(table, before, field_tree_records(view->tree, COMPARE_BEFORE));
    add_types_of(view, field->types[COMPARE_NOW], table);
    add_types_of(view, field->types[COMPARE_BEFORE], table);
    table_text(table, field->path, field->path_size);
}

static void print_totals(const struct fields_view *view) {
    struct output *const out = view->answer.call->out;
    output_format(out, "%llu records",
                  (unsigned long long)field_tree_records(view->tree, COMPARE_NOW));
    if (view->answer.compares)
        output_format(out, ", before %llu",
                      (unsigned long long)field_tree_records(view->tree, COMPARE_BEFORE));
    if (view->whole.texts > 0)
        output_format(out, "; %llu lines are no records", (unsigned long long)view->whole.texts);
    output_text(out, "\n");
}

static void print_rows(const struct fields_view *view, const struct answer_order *order,
                       uint32_t count) {
    struct table *const table = table_open(view->answer.call->out, view->answer.format);
    if (view->answer.compares)
        add_change_columns(view, table);
    else
        add_columns(view, table);
    for (uint32_t i = 0; i < count; i++) {
        const struct field *const field = field_tree_at(view->tree, order[i].row);
        if (view->answer.compares)
            add_change_row(view, field, table);
        else
            add_row(view, field, table);
    }
    table_print(table);
    table_close(table);
    if (view->answer.format == TABLE_ALIGNED) print_totals(view);
}

static void print_answer(struct fields_view *view) {
    const uint32_t count = field_tree_finish(view->tree);
    const uint64_t now = field_tree_records(view->tree, COMPARE_NOW);
    const uint64_t before = field_tree_records(view->tree, COMPARE_BEFORE);
    struct answer_order *const order = allocate(count * sizeof *order + 1);
    view->scale = now > 0 && before > 0 ? (double)now / (double)before : 1;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *const records = field_tree_at(view->tree, i)->records;
        order[i] = (struct answer_order){
            .row = i, .now = records[COMPARE_NOW], .before = records[COMPARE_BEFORE]};
    }
    answer_sort(&view->answer, view->scale, order, count);
    print_rows(view, order, count);
    free(order);
}

static int fields_run(struct call *call) {
    struct fields_view view;
    memset(&view, 0, sizeof view);
    if (!answer_open(&view.answer, call, "fields", call->settings)) return EXIT_ERROR;
    view.tree = view.whole.tree = field_tree_open();
    read_all(&view);
    if (field_tree_is_uncertain(view.tree)) {
        if (view.answer.pipes) {
            say("fields: standard input and pipes are read once: counts of folded names may be too "
                "high, and "
                "those of values that appear late too low");
        } else {
            field_tree_recount(view.tree);
            read_all(&view);
        }
    }
    print_answer(&view);
    const int code = answer_end(&view.answer);
    field_tree_close(view.tree);
    answer_close(&view.answer);
    return code;
}

static const struct option options[] = {
    ANSWER_OPTIONS("3", LIMIT_MAX, "Print this many of the most frequent values of each field."),
};

const struct command fields_command = {
    .name = "fields",
    .usage = "[OPTION…] [PATTERN] [PATH…]",
    .summary = "Show which fields exist, their types, coverage and most frequent values.",
    .more = "Prints for each field how many records have it, its types, the number of different\n"
            "values, the least and the greatest number or time, and the most frequent values.\n"
            "A field is a dotted path; elements of arrays are tags[]. Values are distinguished by\n"
            "their first 256 bytes; above 1,024 their number is an estimate (~), to about 1 %.\n"
            "\n"
            "If an object has more than 1,000 different names, these are ids, and it is listed as\n"
            "users.*, except for names in at least 1 % of its records. Memory is bounded (at most\n"
            "about 200 MiB). Values that are too rare to be counted are not listed; json and csv\n"
            "say in others_at_most how often such a value may occur.\n"
            "\n"
            "PATTERN selects records as in search; the first word is a PATH if a file has this\n"
            "name.\n"
            "\n"
            "Exit code: 0, or 2 if something could not be read or is damaged.\n"
            "\n"
            "Examples:\n"
            "  logport fields\n"
            "  logport fields --level error --since 1h\n"
            "  logport fields -n 10 -o json ./logs/main | jq\n"
            "  logport fields --since today --compare 1d\n",
    .options = options,
    .settings_size = sizeof(struct answer_settings),
    .any_file = true,
    .run = fields_run,
};
