/* verdict.c - explains a failure: where in the line, which keyword, and why.  Runs only for invalid
 * lines, and finds the place by scanning the line again. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/json/text.h"
#include "schema/rules/check.h"

#define EXCERPT_BYTES 60

struct words {
    char *out;
    size_t size, used; /* used < size: there is a terminating zero */
};

static size_t write_instance(const char *line, const char *at, char *out, size_t size,
                             bool *in_name);
static void write_schema(const struct schema_checker *checker, const struct failure *failure,
                         char *out, size_t size);
static void write_sentence(const struct failure *failure, bool in_name, struct words *words);
static void add_nearest(const struct schema_checker *checker, struct words *words);

void check_explain(const struct schema_checker *checker, struct schema_verdict *verdict) {
    static const char *const sentences[] = {
        [GIVE_UP_STEPS] = "validating it takes more steps than the limit for a line",
        [GIVE_UP_DEPTH] = "schemas are nested too deeply at one value",
        [GIVE_UP_MEMORY] = "it has more items or members than can be tracked for this schema",
        [GIVE_UP_PATTERN] = "matching a pattern of this schema takes too many steps",
        [GIVE_UP_LENGTH] = "it is longer than the limit for a line"};
    *verdict = (struct schema_verdict){0};
    struct words words = {verdict->sentence, sizeof verdict->sentence, 0};
    if (checker->given_up) {
        snprintf(words.out, words.size, "%s", sentences[checker->given_up]);
        snprintf(verdict->schema, sizeof verdict->schema, "#");
        return;
    }
    bool in_name;
    write_instance(checker->line, checker->failure.at, verdict->instance, sizeof verdict->instance,
                   &in_name);
    write_schema(checker, &checker->failure, verdict->schema, sizeof verdict->schema);
    write_sentence(&checker->failure, in_name, &words);
    if (checker->nearest.node) add_nearest(checker, &words);
}

const char *schema_verdict_text(const struct schema_verdict *verdict, char *out, size_t size) {
    snprintf(out, size, "%s: %s", verdict->instance[0] ? verdict->instance : "the record",
             verdict->sentence);
    return out;
}

/* ---- text, truncated to the room ---- */

static bool continues(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Control characters are replaced: a schema's text may contain newlines, names of a line
 * anything. */
static bool is_control(const char *p, const char *end) {
    const unsigned char c = (unsigned char)*p;
    return c < ' ' || c == 0x7F || (c == 0xC2 && p + 1 < end && (unsigned char)p[1] < 0xA0);
}

static void add(struct words *words, const char *text, size_t size) {
    const size_t room = words->size - 1 - words->used;
    size_t taken = size < room ? size : room;
    while (taken > 0 && taken < size && continues(text[taken]))
        taken--;
    for (size_t i = 0; i < taken; i++) {
        const bool control = is_control(text + i, text + taken);
        words->out[words->used++] = control ? ' ' : text[i];
        if (control && (unsigned char)text[i] == 0xC2) words->out[words->used++] = ' ', i++;
    }
    words->out[words->used] = '\0';
}

static void say(struct words *words, const char *format, ...) FORMATS(2, 3);
static void say(struct words *words, const char *format, ...) {
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(words, text, strlen(text));
}

/* JSON text, shortened. */
static void quote(struct words *words, const char *text, size_t size) {
    if (size <= EXCERPT_BYTES) {
        add(words, text, size);
        return;
    }
    size = EXCERPT_BYTES;
    while (size > 0 && continues(text[size]))
        size--;
    add(words, text, size);
    say(words, "...");
}

static void quote_value(struct words *words, const char *at) {
    const char *end = scan_value(at);
    quote(words, at, (size_t)(end - at));
}

/* A decoded name. */
static void quote_name(struct words *words, const struct name *name) {
    say(words, "\"");
    quote(words, name->text, name->size);
    say(words, "\"");
}

/* The keyword's value in the schema. */
static void quote_keyword(struct words *words, const struct failure *failure) {
    const struct node *node = failure->node;
    const struct value *value =
        document_member(node->document, node->value, keyword_name(failure->keyword));
    if (value) quote(words, value_text(node->document, value), value_size(value));
}

/* ---- where ---- */

static bool add_token(struct words *words, const char *raw, size_t size) {
    if (words->used + 2 > words->size) return false;
    words->out[words->used++] = '/';
    words->used +=
        text_write_token(raw, size, words->out + words->used, words->size - 1 - words->used);
    words->out[words->used] = '\0';
    return true;
}

/* Writes the JSON Pointer of the value or name that begins at `at`; each round descends one
 * level. */
static size_t write_instance(const char *line, const char *at, char *out, size_t size,
                             bool *in_name) {
    struct words words = {out, size, 0};
    *in_name = false;
    out[0] = '\0';
    for (const char *p = line; p != at;) {
        const bool object = *p == '{';
        uint32_t position = 0;
        bool escaped;
        for (p = scan_space(p + 1);; position++) { /* ends: one child contains `at` */
            const char *name = p;
            const char *name_end = object ? scan_string(p + 1, &escaped) : NULL;
            if (object && name == at) {
                *in_name = true;
                return words.used;
            }
            if (object) p = scan_to_value(name_end);
            const char *end = scan_value(p);
            if (at < end) {
                char number[16];
                const int digits = snprintf(number, sizeof number, "%u", (unsigned)position);
                if (!(object ? add_token(&words, name + 1, (size_t)(name_end - name - 1))
                             : add_token(&words, number, (size_t)digits)))
                    return words.used;
                break;
            }
            p = scan_space(scan_space(end) + 1);
        }
    }
    return words.used;
}

static void write_schema(const struct schema_checker *checker, const struct failure *failure,
                         char *out, size_t size) {
    const struct document *document = failure->node->document;
    (void)checker;
    struct words words = {out, size, 0};
    if (!document->is_main) add(&words, document->name, strlen(document->name));
    add(&words, "#", 1);
    words.used +=
        document_pointer(document, failure->node->value, out + words.used, size - words.used);
    if (failure->keyword != KEYWORD_UNKNOWN) {
        const char *name = keyword_name(failure->keyword);
        (void)add_token(&words, name, strlen(name));
    }
}

/* ---- why ---- */

static void say_types(const struct failure *failure, struct words *words) {
    static const uint8_t kinds[] = {KIND_STRING, KIND_NUMBER, KIND_BOOLEAN,
                                    KIND_OBJECT, KIND_ARRAY,  KIND_NULL};
    const struct node *node = failure->node;
    int left = __builtin_popcount(node->kinds);
    quote_value(words, failure->at);
    switch (*failure->at) {
    case '"': say(words, " is a string"); break;
    case '{': say(words, " is an object"); break;
    case '[': say(words, " is an array"); break;
    case 't':
    case 'f': say(words, " is a boolean"); break;
    case 'n': break;
    default: say(words, " is a number");
    }
    say(words, *failure->at == 'n' ? " is not " : ", not ");
    for (size_t i = 0; i < sizeof kinds && left > 0; i++) {
        if (!(node->kinds & kinds[i])) continue;
        const bool whole = kinds[i] == KIND_NUMBER && node->whole;
        say(words, "%s%s", whole ? "an integer" : kind_text(kinds[i]),
            --left > 1  ? ", "
            : left == 1 ? " or "
                        : "");
    }
}

static void say_choices(const struct failure *failure, struct words *words) {
    const struct choices *choices = failure->detail;
    quote_value(words, failure->at);
    if (failure->keyword == KEYWORD_CONST) {
        say(words, " is not ");
        quote(words, choices->choices[0].text, choices->choices[0].size);
        return;
    }
    say(words, " is not one of ");
    for (uint32_t i = 0; i < choices->count; i++) {
        if (words->used > SCHEMA_SENTENCE_MAX * 2 / 3) {
            say(words, " and %u more", (unsigned)(choices->count - i));
            return;
        }
        if (i > 0) say(words, ", ");
        quote(words, choices->choices[i].text, choices->choices[i].size);
    }
}

/* The schema false: the keyword that it belongs to says what is not allowed. */
static void say_never(const struct failure *failure, struct words *words) {
    const struct document *document = failure->node->document;
    const struct value *value = failure->node->value;
    const enum keyword keyword =
        keyword_named(document->text + value->name, value->name_end - value->name, UINT32_MAX);
    switch (keyword) {
    case KEYWORD_ADDITIONAL_PROPERTIES:
    case KEYWORD_UNEVALUATED_PROPERTIES:
        say(words, "a property with this name is not allowed");
        break;
    case KEYWORD_ITEMS:
    case KEYWORD_UNEVALUATED_ITEMS: say(words, "no more items are allowed"); break;
    default: say(words, "no value is allowed here");
    }
}

static void say_number(const struct failure *failure, struct words *words) {
    const char *text = "";
    switch (failure->keyword) {
    case KEYWORD_MINIMUM: text = " is less than the minimum "; break;
    case KEYWORD_MAXIMUM: text = " is greater than the maximum "; break;
    case KEYWORD_EXCLUSIVE_MINIMUM: text = " is not greater than "; break;
    case KEYWORD_EXCLUSIVE_MAXIMUM: text = " is not less than "; break;
    default: text = " is not a multiple of ";
    }
    quote_value(words, failure->at);
    say(words, "%s", text);
    quote_keyword(words, failure);
}

/* "it has 3 items, more than the 2 of maxItems" */
static void say_count(const struct failure *failure, struct words *words, const char *one,
                      const char *many, bool more) {
    say(words, "it has %llu %s, %s than the %llu of %s", (unsigned long long)failure->a,
        failure->a == 1 ? one : many, more ? "more" : "fewer", (unsigned long long)failure->b,
        keyword_name(failure->keyword));
}

static void say_missing(const struct failure *failure, struct words *words) {
    const struct object_rules *rules = failure->node->object;
    const bool depends = failure->keyword == KEYWORD_DEPENDENT_REQUIRED;
    say(words, "the property ");
    quote_name(words, depends ? &rules->names[failure->b] : failure->detail);
    say(words, " is missing");
    if (!depends) return;
    say(words, "; it is required by ");
    quote_name(words, &rules->names[failure->a]);
}

static void say_contains(const struct failure *failure, struct words *words) {
    if (failure->a == 0) {
        say(words, "no item matches the schema of contains");
    } else {
        say(words, "%llu %s the schema of contains, %s than the %llu of %s",
            (unsigned long long)failure->a, failure->a == 1 ? "item matches" : "items match",
            failure->keyword == KEYWORD_MAX_CONTAINS ? "more" : "fewer",
            (unsigned long long)failure->b, keyword_name(failure->keyword));
    }
}

static void say_alternatives(const struct failure *failure, struct words *words) {
    const char *name = keyword_name(failure->keyword);
    if (failure->detail)
        say(words, "it matches both %s/%llu and %s/%llu; exactly one must match", name,
            (unsigned long long)failure->a, name, (unsigned long long)failure->b);
    else
        say(words, "it matches none of the %llu schemas of %s", (unsigned long long)failure->a,
            name);
}

static void say_string(const struct failure *failure, struct words *words) {
    quote_value(words, failure->at);
    if (failure->keyword == KEYWORD_PATTERN) {
        say(words, " does not match the pattern ");
        quote_keyword(words, failure);
    } else {
        say(words, " is not a valid %s", format_name((enum format_kind)failure->a));
    }
}

static void write_sentence(const struct failure *failure, bool in_name, struct words *words) {
    if (in_name) {
        say(words, "the name ");
        quote_value(words, failure->at);
        say(words, ": ");
    }
    switch (failure->keyword) {
    case KEYWORD_UNKNOWN: say_never(failure, words); break;
    case KEYWORD_TYPE: say_types(failure, words); break;
    case KEYWORD_ENUM:
    case KEYWORD_CONST: say_choices(failure, words); break;
    case KEYWORD_REQUIRED:
    case KEYWORD_DEPENDENT_REQUIRED: say_missing(failure, words); break;
    case KEYWORD_MIN_LENGTH: say_count(failure, words, "character", "characters", false); break;
    case KEYWORD_MAX_LENGTH: say_count(failure, words, "character", "characters", true); break;
    case KEYWORD_MIN_PROPERTIES: say_count(failure, words, "property", "properties", false); break;
    case KEYWORD_MAX_PROPERTIES: say_count(failure, words, "property", "properties", true); break;
    case KEYWORD_MIN_ITEMS: say_count(failure, words, "item", "items", false); break;
    case KEYWORD_MAX_ITEMS: say_count(failure, words, "item", "items", true); break;
    case KEYWORD_CONTAINS:
    case KEYWORD_MIN_CONTAINS:
    case KEYWORD_MAX_CONTAINS: say_contains(failure, words); break;
    case KEYWORD_UNIQUE_ITEMS:
        say(words, "its items %llu and %llu are equal", (unsigned long long)failure->a,
            (unsigned long long)failure->b);
        break;
    case KEYWORD_ANY_OF:
    case KEYWORD_ONE_OF: say_alternatives(failure, words); break;
    case KEYWORD_NOT: say(words, "it matches the schema of \"not\""); break;
    case KEYWORD_PATTERN:
    case KEYWORD_FORMAT: say_string(failure, words); break;
    default: say_number(failure, words);
    }
}

/* Appends the failure of the alternative that was probably meant. */
static void add_nearest(const struct schema_checker *checker, struct words *words) {
    char instance[SCHEMA_POINTER_BYTES_MAX];
    bool in_name;
    const struct failure *nearest = &checker->nearest;
    write_instance(checker->line, nearest->at, instance, sizeof instance, &in_name);
    say(words, "; nearest: ");
    add(words, instance, strlen(instance));
    if (instance[0]) say(words, ": ");
    write_sentence(nearest, in_name, words);
}
