/* completions.c - prints completions for bash, zsh, fish and PowerShell, from the option tables.
 * Words that are not options are completed as paths.  Levels, formats and the like are completed
 * from fixed words; streams and fields by running `logport completions --values` on the paths of
 * the command line. */
#include <string.h>

#include "ingest/config/config.h"
#include "tools/commands/complete.h"
#include "tools/commands/describe.h"

/* In single quotes, where shells interpret nothing but the quote, and on one line. hidden:
 * characters that need a backslash for zsh's _arguments or fish. */
static void print_quoted_text(struct output *out, const char *text, const char *hidden) {
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            output_text(out, "’");
        else if (*text == '\n')
            output_text(out, " ");
        else {
            if (strchr(hidden, *text) != NULL) output_text(out, "\\");
            output_bytes(out, text, 1);
        }
    }
}

#define WORDS_MAX 128
/* The words that the command takes in place of a PATH, from a usage that begins with "bash|zsh" or
 * "[logport|logportd]"; "": none. */
static const char *words_of(const struct command *command, char words[WORDS_MAX]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz|";
    const char *const usage = command->usage + (*command->usage == '[');
    const size_t size = strspn(usage, letters);
    words[0] = '\0';
    if (size >= WORDS_MAX || memchr(usage, '|', size) == NULL) return words;
    for (size_t i = 0; i < size; i++)
        words[i] = usage[i] == '|' ? ' ' : usage[i];
    words[size] = '\0';
    return words;
}

static bool names_path(const char *value) {
    return strstr(value, "FILE") != NULL || strstr(value, "DIR") != NULL ||
           strstr(value, "PATH…") == value;
}

/* ---- bash ---- */

static void bash_options(struct output *out, const struct option *table) {
    char name[OPTION_NAME_MAX];
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        if (o->letter != 0) output_format(out, "-%c ", o->letter);
        output_format(out, "--%s ", option_dashed(o, name));
    }
}

/* The patterns of one `case` branch: -o|--output. */
static void bash_pattern(struct output *out, const struct option *option) {
    char name[OPTION_NAME_MAX];
    if (option->letter != 0) output_format(out, "-%c|", option->letter);
    output_format(out, "--%s", option_dashed(option, name));
}

/* The value of the option before the cursor. */
static void bash_values(struct output *out, const struct option *table) {
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        const struct completed *const values = complete_option(o);
        if (values == NULL) continue;
        output_text(out, "            ");
        bash_pattern(out, o);
        if (values->words != NULL)
            output_format(out, ") _logport_words '%s'; return ;;\n", values->words);
        else
            output_format(out, ") _logport_values %s; return ;;\n", values->kind);
    }
}

static void bash_command(struct output *out, const char *name, const char *words,
                         const struct option *table) {
    output_format(out,
                  "    %s)\n"
                  "        names='%s'\n"
                  "        case $before in\n",
                  name, words);
    bash_values(out, table);
    output_text(out, "        esac\n"
                     "        options='");
    bash_options(out, table);
    output_text(out, "' ;;\n");
}

static void print_bash(struct output *out) {
    char words[WORDS_MAX];
    output_text(
        out, "# bash completion for logport and logportd\n"
             "# Sets words: those up to the cursor, which bash has split at = : and @; word: the\n"
             "# last one; value: its part after =; before: the option that value belongs to.\n"
             "_logport_words_of_line() {\n"
             "    local i rest=${COMP_LINE:0:COMP_POINT} trimmed piece\n"
             "    words=()\n"
             "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
             "        trimmed=${rest#\"${rest%%[![:space:]]*}\"}\n"
             "        piece=${COMP_WORDS[i]}\n"
             "        [ \"$i\" -lt \"$COMP_CWORD\" ] || piece=$trimmed\n"
             "        if [ \"$i\" -gt 0 ] && [ \"$trimmed\" = \"$rest\" ]; then\n"
             "            words[${#words[@]} - 1]+=$piece\n"
             "        else\n"
             "            words+=(\"$piece\")\n"
             "        fi\n"
             "        rest=${trimmed#\"$piece\"}\n"
             "    done\n"
             "    word=${words[${#words[@]} - 1]} value= before=\n"
             "    [ ${#words[@]} -lt 2 ] || before=${words[${#words[@]} - 2]}\n"
             "    value=$word\n"
             "    case $word in --*=*) before=${word%%=*} value=${word#*=} ;; esac\n"
             "}\n"
             "# $1: words that value may be; $2: what comes before them.  Bash replaces only what\n"
             "# follows the last of its word breaks, and that too if it is an @.\n"
             "_logport_words() {\n"
             "    local kept=${word%\"${word##*[\"$COMP_WORDBREAKS\"]}\"}\n"
             "    COMPREPLY=($(compgen -P \"${word%\"$value\"}$2\" -W \"$1\" -- "
             "\"${value#\"$2\"}\"))\n"
             "    COMPREPLY=(\"${COMPREPLY[@]#\"${kept%@}\"}\")\n"
             "}\n"
             "# $1: what to look up.  Completes the part after the last comma.\n"
             "_logport_values() {\n"
             "    local list= path paths=()\n"
             "    case $value in *,*) list=${value%,*}, ;; esac\n"
             "    for path in \"${words[@]:2}\"; do\n"
             "        [ -e \"$path\" ] && paths+=(\"$path\")\n"
             "    done\n"
             "    _logport_words \"$(\"${COMP_WORDS[0]}\" completions --values \"$1\" -- "
             "\"${paths[@]}\" 2>/dev/null)\" \"$list\"\n"
             "    compopt -o nospace 2>/dev/null\n"
             "}\n"
             "_logport() {\n"
             "    local words word value before options= names=\n"
             "    _logport_words_of_line\n"
             "    COMPREPLY=()\n"
             "    local commands='help");
    for (const struct command *const *command = commands; *command != NULL; command++)
        output_format(out, " %s", (*command)->name);
    output_text(out, "'\n"
                     "    if [ ${#words[@]} -eq 2 ]; then\n"
                     "        _logport_words \"--help --version $commands\"\n"
                     "        return\n"
                     "    fi\n"
                     "    case ${words[1]} in\n"
                     "    help) names=$commands ;;\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        bash_command(out, (*command)->name, words_of(*command, words), (*command)->options);
    output_text(out, "    esac\n"
                     "    case $word in -*) names=$options ;; esac\n"
                     "    [ -z \"$names\" ] || _logport_words \"$names\"\n"
                     "}\n"
                     "_logportd() {\n"
                     "    local words word value before options= names=\n"
                     "    _logport_words_of_line\n"
                     "    COMPREPLY=()\n"
                     "    case all in\n");
    bash_command(out, "all", "", config_options);
    output_text(out, "    esac\n"
                     "    case $word in -*) _logport_words \"$options\" ;; esac\n"
                     "}\n"
                     "complete -o default -F _logport logport\n"
                     "complete -o default -F _logportd logportd\n");
}

/* ---- zsh ---- */

static void zsh_action(struct output *out, const struct option *option, const char *value) {
    const struct completed *const values = complete_option(option);
    if (values == NULL)
        output_text(out, names_path(value) ? ":_files" : ": ");
    else if (values->words != NULL)
        output_format(out, ":(%s)", values->words);
    else
        output_format(out, ": _logport_values %s", values->kind);
}

/* The spec of an option for _arguments (zshcompsys(1)); an option with a letter needs two. */
static void zsh_option(struct output *out, const struct option *option, bool letter) {
    char name[OPTION_NAME_MAX];
    const char *value = option_value_name(option);
    output_text(out, option->kind == OPTION_LIST ? " \\\n        '*" : " \\\n        '");
    if (letter)
        output_format(out, "-%c%s[", option->letter, *value != '\0' ? "+" : "");
    else
        output_format(out, "--%s%s[", option_dashed(option, name), *value != '\0' ? "=" : "");
    print_quoted_text(out, option->help, "[]:\\");
    output_text(out, "]");
    if (*value != '\0') {
        output_text(out, ":");
        print_quoted_text(out, value, "[]:\\");
        zsh_action(out, option, value);
    }
    output_text(out, "'");
}

static void zsh_options(struct output *out, const struct option *table) {
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        if (o->letter != 0) zsh_option(out, o, true);
        zsh_option(out, o, false);
    }
}

static void print_zsh(struct output *out) {
    char words[WORDS_MAX];
    output_text(out,
                "#compdef logport logportd\n"
                "# $1: what to look up.  Completes the part after the last comma.\n"
                "_logport_values() {\n"
                "    local -a paths values\n"
                "    local word\n"
                "    for word in ${(Q)words[2,-1]}; do\n"
                "        [[ -e $word ]] && paths+=($word)\n"
                "    done\n"
                "    values=(${(f)\"$(logport completions --values $1 -- $paths 2>/dev/null)\"})\n"
                "    compset -P '*,'\n"
                "    compadd -S '' -a values\n"
                "}\n"
                "_logport() {\n"
                "    if (( CURRENT == 2 )); then\n"
                "        local -a commands\n"
                "        commands=(\n"
                "            'help:Describe a command and its options.'\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "            '%s:", (*command)->name);
        print_quoted_text(out, (*command)->summary, "\\");
        output_text(out, "'\n");
    }
    output_text(out, "        )\n"
                     "        _describe -t commands command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    shift words\n"
                     "    (( CURRENT-- ))\n"
                     "    case $words[1] in\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "    %s) _arguments -s", (*command)->name);
        zsh_options(out, (*command)->options);
        if (*words_of(*command, words) != '\0')
            output_format(out, " \\\n        '1:name:(%s)' ;;\n", words);
        else
            output_text(out, " \\\n        '*:path:_files' ;;\n");
    }
    output_text(out, "    esac\n"
                     "}\n"
                     "_logportd() {\n"
                     "    _arguments -s");
    zsh_options(out, config_options);
    output_text(out, "\n"
                     "}\n"
                     "# Read by compinit from fpath, this file is itself the function; else it is\n"
                     "# sourced.\n"
                     "if [ \"${funcstack[1]}\" = _logport ]; then\n"
                     "    if [ \"$service\" = logportd ]; then _logportd; else _logport; fi\n"
                     "else\n"
                     "    compdef _logport logport\n"
                     "    compdef _logportd logportd\n"
                     "fi\n");
}

/* ---- fish ---- */

static void fish_values(struct output *out, const struct option *option) {
    const struct completed *const values = complete_option(option);
    if (values == NULL) return;
    if (values->words != NULL)
        output_format(out, " -a '%s'", values->words);
    else
        output_format(out, " -a '(__logport_values %s)'", values->kind);
}

static void fish_options(struct output *out, const char *program, const char *command,
                         const struct option *table) {
    char name[OPTION_NAME_MAX];
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        const char *value = option_value_name(o);
        output_format(out, "complete -c %s", program);
        if (command != NULL) output_format(out, " -n '__fish_seen_subcommand_from %s'", command);
        if (o->letter != 0) output_format(out, " -s %c", o->letter);
        output_format(out, " -l %s", option_dashed(o, name));
        if (*value != '\0') output_text(out, names_path(value) ? " -r -F" : " -x");
        fish_values(out, o);
        output_text(out, " -d '");
        print_quoted_text(out, o->help, "\\");
        output_text(out, "'\n");
    }
}

static void print_fish(struct output *out) {
    char words[WORDS_MAX];
    output_text(out, "# fish completion for logport and logportd\n"
                     "# Completes the part after the last comma; $argv[1]: what to look up.\n"
                     "function __logport_values\n"
                     "    set -l paths\n"
                     "    for word in (commandline -opc)[3..-1]\n"
                     "        test -e $word; and set -a paths $word\n"
                     "    end\n"
                     "    set -l word (commandline -ct | string replace -r -- '^--[a-z-]+=' '')\n"
                     "    set -l list (string match -r -- '^.*,' \"$word\")\n"
                     "    for value in (logport completions --values $argv[1] -- $paths "
                     "2>/dev/null)\n"
                     "        echo \"$list$value\"\n"
                     "    end\n"
                     "end\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        output_format(out, "complete -c logport -n __fish_use_subcommand -f -a %s -d '",
                      (*command)->name);
        print_quoted_text(out, (*command)->summary, "\\");
        output_text(out, "'\n");
        fish_options(out, "logport", (*command)->name, (*command)->options);
        output_format(out, "complete -c logport -n '__fish_seen_subcommand_from help' -f -a %s\n",
                      (*command)->name);
        if (*words_of(*command, words) != '\0')
            output_format(out,
                          "complete -c logport -n '__fish_seen_subcommand_from %s' -f -a '%s'\n",
                          (*command)->name, words);
    }
    output_text(out, "complete -c logport -n __fish_use_subcommand -f -a help "
                     "-d 'Describe a command and its options.'\n");
    fish_options(out, "logportd", NULL, config_options);
}

/* ---- PowerShell ---- */

static void powershell_options(struct output *out, const char *name, const struct option *table) {
    char dashed[OPTION_NAME_MAX];
    output_format(out, "    '%s' = @(\n", name);
    for (const struct option *o = option_shown(table); o != NULL; o = option_shown(o + 1)) {
        const struct completed *const values = complete_option(o);
        const char letter[] = {'-', o->letter, '\0'};
        output_format(out, "        , @('--%s', '%s', '%s', '", option_dashed(o, dashed),
                      o->letter != 0 ? letter : "",
                      values == NULL          ? ""
                      : values->words != NULL ? values->words
                                              : values->kind);
        print_quoted_text(out, o->help, "");
        output_text(out, "')\n");
    }
    output_text(out, "    )\n");
}

static void print_powershell(struct output *out) {
    output_text(out,
                "# PowerShell completion for logport and logportd\n"
                "# Of each command its options: name, letter, values or what to look up, help.\n"
                "$LogportOptions = @{\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        powershell_options(out, (*command)->name, (*command)->options);
    powershell_options(out, "logportd", config_options);
    output_text(
        out,
        "}\n"
        "Register-ArgumentCompleter -Native -CommandName 'logport', 'logportd' -ScriptBlock {\n"
        "    param($word, $ast, $cursor)\n"
        "    $all = @($ast.CommandElements | ForEach-Object { \"$_\" })\n"
        "    $program = [IO.Path]::GetFileNameWithoutExtension($all[0])\n"
        "    $command = if ($program -eq 'logportd') { 'logportd' } else { $all[1] }\n"
        "    if ($program -ne 'logportd' -and ($all.Count -lt 2 -or\n"
        "        ($all.Count -eq 2 -and $word -ne ''))) {\n"
        "        $names = @($LogportOptions.Keys | Where-Object { $_ -ne 'logportd' })\n"
        "        return $names + '--help', '--version' | Sort-Object |\n"
        "            Where-Object { $_ -like \"$word*\" }\n"
        "    }\n"
        "    $first = $all.Count - [int]($word -ne '') -eq 1\n"
        "    if ($program -eq 'logportd' -and $first -and -not $word.StartsWith('-')) {\n"
        "        return 'service' | Where-Object { $_ -like \"$word*\" }\n"
        "    }\n"
        "    $second = $all.Count - [int]($word -ne '') -eq 2\n"
        "    if ($program -eq 'logportd' -and $second -and $all[1] -eq 'service') {\n"
        "        return 'install', 'start', 'status', 'stop', 'uninstall' |\n"
        "            Where-Object { $_ -like \"$word*\" }\n"
        "    }\n"
        "    $last = $all.Count - 1\n"
        "    $before = if ($word -eq '') { $all[$last] } else { $all[$last - 1] }\n"
        "    $start = ''\n"
        "    if ($word -match '^(--[a-z-]+)=(.*)$') {\n"
        "        $before = $Matches[1]; $start = \"$before=\"; $word = $Matches[2]\n"
        "    }\n"
        "    foreach ($option in $LogportOptions[$command]) {\n"
        "        if (-not $option[2] -or $before -notin $option[0], $option[1]) { continue }\n"
        "        $values = $option[2] -split ' '\n"
        "        if ($option[2] -in 'streams', 'fields') {\n"
        "            $paths = @($all | Select-Object -Skip 2 | Where-Object { Test-Path $_ })\n"
        "            $values = & $all[0] completions --values $option[2] -- @paths 2>$null\n"
        "            if ($word -match '^(.*,)(.*)$') {\n"
        "                $start += $Matches[1]; $word = $Matches[2]\n"
        "            }\n"
        "        }\n"
        "        return $values | Where-Object { $_ -like \"$word*\" } |\n"
        "            ForEach-Object { \"$start$_\" }\n"
        "    }\n"
        "    if (-not $word.StartsWith('-')) { return }\n"
        "    $LogportOptions[$command] | Where-Object { $_[0] -like \"$word*\" } |\n"
        "        ForEach-Object {\n"
        "            [Management.Automation.CompletionResult]::new($_[0], $_[0],\n"
        "                'ParameterName', $_[3])\n"
        "        }\n"
        "}\n");
}

struct completions_settings {
    struct common_settings common;
    const char *values;
};

static int completions_run(struct call *call) {
    static const struct description shells[] = {{"bash", print_bash},
                                                {"zsh", print_zsh},
                                                {"fish", print_fish},
                                                {"powershell", print_powershell},
                                                {NULL, NULL}};
    const struct completions_settings *settings = call->settings;
    if (settings->values != NULL) return complete_print(call, settings->values);
    return print_description(call, shells, true);
}

static const struct option options[] = {
    {.name = "values",
     .kind = OPTION_TEXT,
     .field = offsetof(struct completions_settings, values),
     .value = "KIND",
     .help = "Print what a shell completes, one value a line: the streams or the fields of the "
             "files at PATH."},
    HELP_OPTION,
};

const struct command completions_command = {
    .name = "completions",
    .usage = "bash|zsh|fish|powershell\n"
             "       logport completions --values streams|fields [PATH…]",
    .section = "Set up",
    .summary = "Print shell completions for logport and logportd.",
    .more =
        "Commands, options, levels, formats, and the streams and fields of the files at hand are\n"
        "completed.\n"
        "\n"
        "Examples:\n"
        "  source <(logport completions bash)     in ~/.bashrc\n"
        "  source <(logport completions zsh)      in ~/.zshrc, after compinit\n"
        "  logport completions fish | source      in ~/.config/fish/config.fish\n"
        "  logport completions powershell | Out-String | Invoke-Expression\n"
        "                                         in $PROFILE\n",
    .options = options,
    .settings_size = sizeof(struct completions_settings),
    .run = completions_run,
};
