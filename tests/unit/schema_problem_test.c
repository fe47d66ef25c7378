/* schema_problem_test.c - messages: which schemas are refused, where and why; warnings; and the
 * texts of verdicts. */
#include "tests/unit/schema_checks.h"

/* ---- refused ---- */

static void what_is_not_json_is_refused_with_its_place(void **state) {
    (void)state;
    refuses("{'type':'null'", "main.json:1:15: the line ends before the value does");
    refuses("{'a':01}", "main.json:1:7: not a valid JSON number");
    refuses("{\n  'type': 'null',\n  'a': tru\n}",
            "main.json:3:11: a word other than true, false or null");
    refuses("{'a':'\n'}", "main.json:1:7: a raw control character in a string");
    refuses("", "main.json:1:1: empty; a schema must be an object or a boolean");
    refuses("{} {}", "main.json:1:4: extra text after the value");
}

static void a_schema_is_an_object_or_a_boolean(void **state) {
    (void)state;
    refuses("[]", "main.json:1:1: a schema must be an object or a boolean, not an array");
    refuses("{'properties':{'a':1}}", "main.json:1:20: /properties/a: a schema must be an object "
                                      "or a boolean, not a number");
    refuses("{'$defs':{'x/y~':{'items':'a'}}}",
            "main.json:1:27: /$defs/x~1y~0/items: a schema must be an object or a boolean, not a "
            "string");
    refuses("{'items':[{}]}",
            "main.json:1:10: /items: a schema must be an object or a boolean, not an array");
}

static void keywords_require_their_kind_of_value(void **state) {
    (void)state;
    refuses("{'minimum':'1'}", "main.json:1:12: /minimum: minimum must be a number, not a string");
    refuses("{'required':'a'}",
            "main.json:1:13: /required: required must be an array of strings, not a string");
    refuses("{'required':['a',1]}",
            "main.json:1:18: /required/1: required must contain only strings, not a number");
    refuses("{'required':['a','b','a']}",
            "main.json:1:22: /required/2: required contains \"a\" twice");
    refuses("{'type':'nul'}",
            "main.json:1:9: /type: \"nul\" is not a type; expected null, boolean, "
            "object, array, number, string or integer");
    refuses("{'type':[]}", "main.json:1:9: /type: type must name at least one type");
    refuses("{'type':['null','null']}", "main.json:1:17: /type/1: type contains \"null\" twice");
    refuses("{'multipleOf':0}", "main.json:1:15: /multipleOf: multipleOf must be greater than 0");
    refuses("{'multipleOf':-0.5}",
            "main.json:1:15: /multipleOf: multipleOf must be greater than 0");
    refuses("{'maxLength':-1}", "main.json:1:14: /maxLength: maxLength must not be negative");
    refuses("{'maxLength':1.5}", "main.json:1:14: /maxLength: maxLength must be an integer");
    refuses("{'uniqueItems':1}",
            "main.json:1:16: /uniqueItems: uniqueItems must be a boolean, not a number");
    refuses("{'allOf':[]}", "main.json:1:10: /allOf: allOf must contain at least one schema");
    refuses("{'anyOf':{}}",
            "main.json:1:10: /anyOf: anyOf must be an array of schemas, not an object");
    refuses("{'properties':[]}",
            "main.json:1:15: /properties: properties must be an object of schemas, not an array");
    refuses(
        "{'dependentRequired':{'a':'b'}}",
        "main.json:1:27: /dependentRequired/a: dependentRequired must be an object of arrays of "
        "strings; this is a string");
    refuses("{'enum':1}", "main.json:1:9: /enum: enum must be an array, not a number");
    refuses("{'title':1}", "main.json:1:10: /title: title must be a string, not a number");
    refuses("{'$anchor':'1a'}", "main.json:1:12: /$anchor: $anchor must start with a letter or _, "
                                "followed by letters, digits, _, - and .");
    refuses("{'type':'null','type':'null'}", "main.json:1:23: /type: duplicate keyword type");
    refuses("{'properties':{'a':{},'a':{}}}",
            "main.json:1:27: /properties/a: duplicate name in properties");
    refuses("{'dependencies':{'a':1}}",
            "main.json:1:22: /dependencies/a: the meta-schema does not allow it: it matches none "
            "of the 2 "
            "schemas of anyOf; nearest: /dependencies/a: 1 is a number, not an array");
}

static void a_bad_regular_expression_is_refused(void **state) {
    (void)state;
    char text[1024];
    const char *said = problem_of(ALL("{'pattern':'a('}"), text, sizeof text);
    assert_non_null(strstr(said, "main.json:1:12: /pattern: invalid regular expression: "));
    said = problem_of(ALL("{'patternProperties':{'*a':true}}"), text, sizeof text);
    assert_non_null(strstr(said, ": /patternProperties/*a: invalid regular expression: "));
}

static void references_without_a_target_are_refused(void **state) {
    (void)state;
    refuses("{'$ref':'#/$defs/x'}",
            "main.json:1:9: /$ref: it refers to #/$defs/x, which does not exist");
    refuses("{'$ref':'#x'}", "main.json:1:9: /$ref: it refers to #x, which does not exist");
    refuses("{'$ref':'http://x.test/y#/z'}",
            "main.json:1:9: /$ref: it refers to http://x.test/y, which is neither built in nor the "
            "$id of a given schema; nothing is fetched");
    refuses("{'$ref':'other.json'}",
            "main.json:1:9: /$ref: it refers to file:///other.json, which is neither built in nor "
            "the $id of a given schema; nothing is fetched");
    refuses("{'const':[1],'$ref':'#/const/0'}",
            "main.json:1:21: /$ref: it refers to a number, not to a schema");
    refuses("{'const':[{}],'$ref':'#/const/00'}",
            "main.json:1:22: /$ref: it refers to #/const/00, which does not exist");
    refuses("{'$dynamicRef':'#x'}",
            "main.json:1:16: /$dynamicRef: it refers to #x, which does not exist");
}

static void cycles_are_refused(void **state) {
    (void)state;
    const char *cycle = ": infinite recursion: it refers to itself for the same value";
    char text[1024];
    const char *const schemas[] = {
        "{'$ref':'#'}",
        "{'allOf':[{'$ref':'#'}]}",
        "{'not':{'$ref':'#'}}",
        "{'if':{'$ref':'#'}}",
        "{'dependentSchemas':{'a':{'$ref':'#'}}}",
        "{'$defs':{'a':{'$ref':'#/$defs/b'},'b':{'anyOf':[true,{'$ref':'#/$defs/a'}]}}}",
    };
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        assert_non_null(strstr(problem_of(ALL(schemas[i]), text, sizeof text), cycle));
    takes("{'properties':{'a':{'$ref':'#'}},'items':{'$ref':'#'}}", "{'a':[[{}]]}");
}

static void a_cycle_of_dynamic_references_ends(void **state) {
    (void)state;
    /* b's $dynamicRef leads back to the root, because the root has the anchor, too. */
    const char *schema = "{'$id':'http://x.test/a','$dynamicAnchor':'n','$ref':'b','$defs':{'b':"
                         "{'$id':'b','$dynamicRef':'#n','$defs':{'n':{'$dynamicAnchor':'n'}}}}}";
    blames(schema, "{}", "the record: schemas are nested too deeply at one value", "#");
}

static void ids_and_anchors_are_unique(void **state) {
    (void)state;
    refuses("{'$defs':{'a':{'$anchor':'x'},'b':{'$anchor':'x'}}}",
            "main.json:1:46: /$defs/b/$anchor: duplicate anchor x");
    refuses("{'$defs':{'a':{'$id':'http://x/y'},'b':{'$id':'http://x/y'}}}",
            "main.json:1:47: /$defs/b/$id: another schema has the same $id: http://x/y");
    refuses("{'$id':'http://x/y#z'}",
            "main.json:1:8: /$id: $id must have no fragment (use $anchor)");
    char text[1024];
    assert_string_equal(
        problem_of(ALL("{'$id':'http://x/y'}", "{'$id':'http://x/y'}"), text, sizeof text),
        "1.json:1:8: /$id: another schema has the same $id: http://x/y");
}

static void drafts_and_vocabularies_that_are_not_known_are_refused(void **state) {
    (void)state;
    refuses("{'$schema':'http://json-schema.org/draft-07/schema#'}",
            "main.json:1:12: /$schema: unsupported draft of JSON Schema: "
            "http://json-schema.org/draft-07/schema (supported: "
            "https://json-schema.org/draft/2020-12/schema)");
    refuses("{'$schema':'http://x.test/meta'}",
            "main.json:1:12: /$schema: $schema names http://x.test/meta, which is neither built in "
            "nor the $id of a given schema");
    char text[1024];
    assert_string_equal(
        problem_of(ALL("{'$schema':'http://x.test/m'}",
                       "{'$id':'http://x.test/m','$vocabulary':{'http://x.test/v':true}}"),
                   text, sizeof text),
        "1.json:1:59: /$vocabulary/http:~1~1x.test~1v: the vocabulary http://x.test/v is required "
        "but not supported");
}

static void every_document_is_checked_and_by_its_own_meta_schema(void **state) {
    (void)state;
    char text[1024];
    assert_string_equal(
        problem_of(ALL("{}", "{'$defs':{'unused':{'minItems':'x'}}}"), text, sizeof text),
        "1.json:1:32: /$defs/unused/minItems: minItems must be an integer, not a string");
    assert_string_equal(
        problem_of(ALL("{'$schema':'http://x.test/strict','title':'x'}",
                       "{'$id':'http://x.test/strict','required':['description']}"),
                   text, sizeof text),
        "main.json:1:1: the meta-schema does not allow it: the property \"description\" is "
        "missing");
}

static void enormous_schemas_are_refused(void **state) {
    (void)state;
    const size_t size = SCHEMA_BYTES_MAX + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, ' ', size);
    struct schema *schema;
    struct schema_problem problem;
    const struct schema_source source = {"big.json", text, size};
    assert_int_equal(schema_compile(&source, 1, NULL, &schema, &problem), ERR_INVALID);
    assert_string_equal(problem.sentence, "too large");
    free(text);
}

/* ---- warnings ---- */

struct heard {
    char text[4096];
};

static void hear(void *context, const struct schema_problem *warning) {
    struct heard *heard = context;
    char text[1024];
    const size_t used = strlen(heard->text);
    snprintf(heard->text + used, sizeof heard->text - used, "%s\n",
             schema_problem_text(warning, text, sizeof text));
}

static void unknown_keywords_are_named_once(void **state) {
    (void)state;
    struct heard heard = {{0}};
    const struct schema_options options = {.warned = hear, .context = &heard};
    schema_free(compiled(ALL("{'minimun':1,'properties':{'a':{'minimun':2,'id':'x'}},'title':'t',"
                             "'const':{'no':'keyword'},'definitions':{}}"),
                         &options));
    assert_string_equal(
        heard.text, "main.json:1:12: /minimun: minimun is not a keyword of this schema's draft: "
                    "ignored\n"
                    "main.json:1:50: /properties/a/id: id is not a keyword of this schema's draft: "
                    "ignored; did you mean $id?\n");
}

/* ---- verdicts ---- */

static void a_verdict_says_where_and_why(void **state) {
    (void)state;
    blames("{'properties':{'http':{'properties':{'status':{'maximum':599}}}}}",
           "{'a':1,'http':{'status':700}}", "/http/status: 700 is greater than the maximum 599",
           "#/properties/http/properties/status/maximum");
    blames("{'type':'object'}", "[]", "the record: [] is an array, not an object", "#/type");
    blames("{'type':['string','null','integer']}", "1.5",
           "the record: 1.5 is a number, not a string, an integer or null", "#/type");
    blames("{'items':{'type':'string'}}", "['a',null]", "/1: null is not a string", "#/items/type");
    blames("{'required':['a','b']}", "{'a':1}", "the record: the property 'b' is missing",
           "#/required");
    blames("{'dependentRequired':{'a':['b']}}", "{'a':1}",
           "the record: the property 'b' is missing; it is required by 'a'", "#/dependentRequired");
    blames("{'properties':{'level':{'enum':['info','warn']}}}", "{'level':'loud'}",
           "/level: 'loud' is not one of 'info', 'warn'", "#/properties/level/enum");
    blames("{'const':{'a':1}}", "2", "the record: 2 is not {'a':1}", "#/const");
    blames("{'minimum':0}", "-1", "the record: -1 is less than the minimum 0", "#/minimum");
    blames("{'exclusiveMinimum':0}", "0", "the record: 0 is not greater than 0",
           "#/exclusiveMinimum");
    blames("{'exclusiveMaximum':1e1}", "10", "the record: 10 is not less than 1e1",
           "#/exclusiveMaximum");
    blames("{'multipleOf':0.5}", "0.7", "the record: 0.7 is not a multiple of 0.5", "#/multipleOf");
    blames("{'maxLength':1}", "'ab'",
           "the record: it has 2 characters, more than the 1 of maxLength", "#/maxLength");
    blames("{'minProperties':2}", "{'a':1}",
           "the record: it has 1 property, fewer than the 2 of minProperties", "#/minProperties");
    blames("{'maxItems':1}", "[1,2]", "the record: it has 2 items, more than the 1 of maxItems",
           "#/maxItems");
    blames("{'pattern':'^a'}", "'b'", "the record: 'b' does not match the pattern '^a'",
           "#/pattern");
    blames("{'uniqueItems':true}", "[1,2,1.0]", "the record: its items 0 and 2 are equal",
           "#/uniqueItems");
    blames("{'contains':{'const':1}}", "[2]", "the record: no item matches the schema of contains",
           "#/contains");
    blames("{'contains':true,'maxContains':1}", "[1,2]",
           "the record: 2 items match the schema of contains, more than the 1 of maxContains",
           "#/maxContains");
    blames("{'not':{'type':'null'}}", "null", "the record: it matches the schema of \"not\"",
           "#/not");
}

static void a_verdict_names_what_is_not_allowed(void **state) {
    (void)state;
    blames("{'additionalProperties':false}", "{'a/b':1}",
           "/a~1b: a property with this name is not allowed", "#/additionalProperties");
    blames("{'unevaluatedProperties':false}", "{'a':1}",
           "/a: a property with this name is not allowed", "#/unevaluatedProperties");
    blames("{'prefixItems':[true],'items':false}", "[1,2]", "/1: no more items are allowed",
           "#/items");
    blames("{'properties':{'a':false}}", "{'a':1}", "/a: no value is allowed here",
           "#/properties/a");
    blames("{'propertyNames':{'maxLength':1}}", "{'x':{'ab':1},'ab':1}",
           "the record: the name 'ab': it has 2 characters, more than the 1 of maxLength",
           "#/propertyNames/maxLength");
}

static void a_verdict_names_the_nearest_alternative(void **state) {
    (void)state;
    blames("{'anyOf':[{'type':'null'},{'properties':{'a':{'maximum':3}}}]}", "{'a':4}",
           "the record: it matches none of the 2 schemas of anyOf; nearest: /a: 4 is greater than "
           "the maximum 3",
           "#/anyOf");
    blames("{'oneOf':[{'minimum':1},{'maximum':5}]}", "3",
           "the record: it matches both oneOf/0 and oneOf/1; exactly one must match", "#/oneOf");
    blames("{'if':{'required':['a']},'then':{'required':['b']}}", "{'a':1}",
           "the record: the property 'b' is missing", "#/then/required");
}

static void a_verdict_names_the_file_when_it_is_another(void **state) {
    (void)state;
    blames_all(ALL("{'items':{'$ref':'1.json#/$defs/a'}}", "{'$defs':{'a':{'type':'null'}}}"),
               "[1]", "/0: 1 is a number, not null", "1.json#/$defs/a/type");
    blames("{'$ref':'https://json-schema.org/draft/2020-12/schema'}", "{'minLength':-1}",
           "/minLength: -1 is less than the minimum 0",
           "https://json-schema.org/draft/2020-12/meta/validation#/$defs/nonNegativeInteger/"
           "minimum");
}

static void long_values_are_shortened_at_whole_characters(void **state) {
    (void)state;
    char line[400], wanted[400];
    strcpy(line, "\"");
    for (int i = 0; i < 100; i++)
        strcat(line, "é");
    strcat(line, "\"");
    strcpy(wanted, "the record: \"");
    for (int i = 0; i < 29; i++)
        strcat(wanted, "é");
    strcat(wanted, "... is a string, not an object");
    blames("{\"type\":\"object\"}", line, wanted, "#/type");
}

static void a_deep_or_costly_line_is_given_up_with_a_reason(void **state) {
    (void)state;
    /* The steps double with each level. */
    char deep[1024] = "";
    for (int i = 0; i < 60; i++)
        strcat(deep, "[");
    for (int i = 0; i < 60; i++)
        strcat(deep, "]");
    blames("{'items':{'allOf':[{'$ref':'#'},{'$ref':'#'}]}}", deep,
           "the record: validating it takes more steps than the limit for a line", "#");
    /* Steps spent on explaining alternatives do not count. */
    struct schema *schema =
        compiled(ALL("{'anyOf':[{'type':'null'},{'items':{'$ref':'#'},'type':'array'}]}"), NULL);
    strcpy(deep + 60, "1");
    for (int i = 0; i < 60; i++)
        strcat(deep, "]");
    struct schema_verdict verdict;
    assert_false(validated(schema, deep, &verdict));
    assert_non_null(strstr(verdict.sentence, "matches none of the 2 schemas of anyOf"));
    schema_free(schema);
}

static void a_line_that_is_too_long_is_not_checked(void **state) {
    (void)state;
    struct schema *schema = compiled(ALL("true"), NULL);
    struct schema_checker *checker;
    struct schema_verdict verdict;
    char line[32 + JSON_PADDING] = "[1,2,3,4,5,6]\n";
    assert_int_equal(schema_checker_make(schema, 12, &checker), 0);
    assert_false(schema_check(checker, line, 13, &verdict));
    assert_string_equal(verdict.sentence, "it is longer than the limit for a line");
    assert_true(schema_checker_bytes(schema, 12) > sizeof(void *));
    schema_checker_free(checker);
    schema_free(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(a_schema_is_an_object_or_a_boolean),
        cmocka_unit_test(keywords_require_their_kind_of_value),
        cmocka_unit_test(a_bad_regular_expression_is_refused),
        cmocka_unit_test(references_without_a_target_are_refused),
        cmocka_unit_test(cycles_are_refused),
        cmocka_unit_test(a_cycle_of_dynamic_references_ends),
        cmocka_unit_test(ids_and_anchors_are_unique),
        cmocka_unit_test(drafts_and_vocabularies_that_are_not_known_are_refused),
        cmocka_unit_test(every_document_is_checked_and_by_its_own_meta_schema),
        cmocka_unit_test(enormous_schemas_are_refused),
        cmocka_unit_test(unknown_keywords_are_named_once),
        cmocka_unit_test(a_verdict_says_where_and_why),
        cmocka_unit_test(a_verdict_names_what_is_not_allowed),
        cmocka_unit_test(a_verdict_names_the_nearest_alternative),
        cmocka_unit_test(a_verdict_names_the_file_when_it_is_another),
        cmocka_unit_test(long_values_are_shortened_at_whole_characters),
        cmocka_unit_test(a_deep_or_costly_line_is_given_up_with_a_reason),
        cmocka_unit_test(a_line_that_is_too_long_is_not_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
