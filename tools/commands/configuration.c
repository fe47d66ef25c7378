/* configuration.c - prints the reference of all configuration keys, in Markdown, from the daemon's
 * option tables.  Part of the command man. */
#include <stdio.h>
#include <string.h>

#include "ingest/config/config.h"
#include "tools/commands/describe.h"

#define COLUMNS 100

/* One paragraph, wrapped. */
static void print_paragraph(struct output *out, const char *text) {
    size_t column = 0;
    while (*text != '\0') { /* ends: each turn takes a word */
        const size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > COLUMNS) {
            output_text(out, "\n");
            column = 0;
        } else if (column > 0) {
            output_text(out, " ");
            column++;
        }
        output_bytes(out, text, size);
        column += size;
        text += size;
        text += strspn(text, " ");
    }
    output_text(out, "\n\n");
}

static const char *type_of(const struct option *option) {
    switch (option->kind) {
    case OPTION_FLAG: return "true or false";
    case OPTION_COUNT: return "number";
    case OPTION_BYTES: return "size (a bare number is bytes)";
    case OPTION_TIME_MS: return "time (a bare number is milliseconds)";
    case OPTION_TIME_S: return "time (a bare number is seconds)";
    case OPTION_LIST: return "text or list of texts";
    case OPTION_TEXT: break;
    }
    return strstr(option->name, "_keys") ? "text or list of texts" : "text";
}

/* ", 64B to 4MiB" */
static void put_range(const struct option *option, char *text, size_t size) {
    char least[32] = "0", most[32];
    text[0] = '\0';
    if (option->max == 0) return;
    if (option->min > 0) option_format(option, option->min, least, sizeof least);
    snprintf(text, size, ", %s to %s", least,
             option_format(option, option->max, most, sizeof most));
}

/* The key, its type, range and default, and its meaning. */
static void print_key(struct output *out, const struct option *option) {
    char facts[512], range[80];
    const char *value = option_value_name(option);
    const bool numeric = option->kind != OPTION_TEXT && option->kind != OPTION_LIST;
    const char *preset = option->kind == OPTION_FLAG ? "false" : option_default(option);
    put_range(option, range, sizeof range);
    output_format(out, "### `%s`\n\n", option->name);
    snprintf(facts, sizeof facts, "Type: %s%s%s%s%s. Default: %s%s%s.%s", type_of(option), range,
             numeric ? "" : ", `", numeric ? "" : value, numeric ? "" : "`",
             option->preset || !preset ? "`" : "", preset ? preset : "none",
             option->preset || !preset ? "`" : "",
             option->place == OPTION_FOR_PARTS ? " Can be set per stream." : "");
    print_paragraph(out, facts);
    print_paragraph(out, option->help);
}

static void print_keys(struct output *out) {
    const char *section = NULL, *printed = NULL;
    for (const struct option *option = config_options; option->name != NULL; option++) {
        if (option->section != NULL) section = option->section;
        if (option->place == OPTION_COMMAND_LINE_ONLY) continue;
        if (section != printed) output_format(out, "## %s\n\n", section);
        printed = section;
        print_key(out, option);
    }
}

static void print_part_keys(struct output *out, const struct option *table) {
    output_text(out, "| key | value | meaning |\n|---|---|---|\n");
    for (const struct option *option = table; option->name != NULL; option++)
        output_format(out, "| `%s` | %s | %s |\n", option->name, option->value, option->help);
    output_text(out, "\n");
}

static void print_listener_keys(struct output *out) {
    output_text(out, "## Keys of a listener\n\n");
    print_paragraph(out, "A listener in `tcp` or `udp` is an address, or an object with an address "
                         "and keys that apply only to the lines that this listener receives:");
    output_text(out, "```json\n"
                     "{\"tcp\": [\"127.0.0.1:5170\",\n"
                     "         {\"address\": \"127.0.0.1:5171\", \"level_scale\": \"syslog\"}]}\n"
                     "```\n\n");
    print_part_keys(out, config_listener_options);
}

static void print_tls_keys(struct output *out) {
    output_text(out, "## Keys of tls\n\n");
    print_paragraph(out, "The key `tls` of a TCP listener enables TLS 1.2 and 1.3 on it. `logport "
                         "reload` reads the files again; connections that are open keep their "
                         "certificates.");
    output_text(out, "```json\n"
                     "{\"tcp\": {\"address\": \"0.0.0.0:6514\",\n"
                     "         \"tls\": {\"certificate\": \"server.pem\", \"key\": "
                     "\"server-key.pem\"}}}\n"
                     "```\n\n");
    print_part_keys(out, config_tls_options);
}

static void print_stream_keys(struct output *out) {
    char keys[1024];
    size_t length = 0;
    output_text(out, "## Keys of a stream\n\n");
    print_paragraph(out,
                    "Lines received by a listener with the key `stream` go to the stream of that "
                    "name, which has a folder and files of its own. All other lines go to `main`; "
                    "rejected lines go to `rejects`. In \"streams\" some keys can be set for a "
                    "single stream:");
    output_text(out, "```json\n"
                     "{\"streams\": {\"audit\": {\"rotate\": \"daily\", \"retention_age_s\": "
                     "\"365d\"}}}\n"
                     "```\n\n");
    for (const struct option *option = config_options; option->name != NULL; option++)
        if (option->place == OPTION_FOR_PARTS && length < sizeof keys)
            length += (size_t)snprintf(
                keys + length, sizeof keys - length, "%s`%s`",
                length ? ", " : "These keys can be set per stream: ", option->name);
    if (length + 1 < sizeof keys) strcpy(keys + length, ".");
    print_paragraph(out, keys);
    print_paragraph(out, "The retention limits of a stream apply to its own segments, in addition "
                         "to the limits for all streams together.");
}

static void print_command_line_only(struct output *out) {
    output_text(out, "## Only on the command line\n\n| option | meaning |\n|---|---|\n");
    for (const struct option *option = config_options; option->name != NULL; option++) {
        char name[OPTION_NAME_MAX];
        const char *value = option_value_name(option);
        if (option->place != OPTION_COMMAND_LINE_ONLY) continue;
        output_format(out, "| `--%s%s%s` | %s |\n", option_dashed(option, name), *value ? " " : "",
                      value, option->help);
    }
}

void print_configuration(struct output *out) {
    output_text(out, "<!-- Printed by `logport man configuration`. Do not edit. -->\n"
                     "# Configuration\n\n");
    print_paragraph(out,
                    "`logportd` needs no configuration. Every key below is also an option on the "
                    "command line, with dashes: `flush_ms` is `--flush-ms`. The command line "
                    "overrides the file. A configuration file is read only if `--config FILE` "
                    "names it. It holds one JSON object and may contain `//` and `/* */` "
                    "comments:");
    output_text(out, "```jsonc\n"
                     "{\n"
                     "  \"tcp\": \"0.0.0.0:5170\",\n"
                     "  \"dir\": \"/var/log/logport\", // one folder per stream\n"
                     "  \"rotate\": \"daily\",\n"
                     "  \"retention_age_s\": \"90d\"\n"
                     "}\n"
                     "```\n\n");
    print_paragraph(out,
                    "Sizes are numbers or texts such as \"64KiB\", \"1MiB\" or \"1MB\" (1,000,000 "
                    "bytes); K, M and G mean KiB, MiB and GiB. Times are numbers or texts such as "
                    "\"200ms\", \"30s\", \"10m\", "
                    "\"1h\" or \"7d\".");
    print_paragraph(out,
                    "`logportd --check --config FILE` validates a file without starting the "
                    "daemon. Unknown keys and invalid values are errors that name file, line and "
                    "column. `logport reload` reads the file again while the daemon runs. `dir`, "
                    "`connections_max`, `line_bytes_max` and `buffer_bytes_max` change only at "
                    "the next start; `receive_bytes` applies to listeners that are opened later.");
    print_keys(out);
    print_listener_keys(out);
    print_tls_keys(out);
    print_stream_keys(out);
    print_command_line_only(out);
}
