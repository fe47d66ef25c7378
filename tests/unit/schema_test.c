/* schema_test.c - the keywords of JSON Schema 2020-12, each with valid values, invalid ones, and
 * the boundary between them.  Written from the specification. */
#include "tests/unit/schema_checks.h"

#define NOT "BUT NOT"

/* ---- any value ---- */

static void a_schema_may_be_true_or_false(void **state) {
    (void)state;
    takes("true", "1", "null", "{'a':[1]}", "[]");
    takes("{}", "1", "null", "{'a':[1]}", "[]");
    takes("false", NOT, "1", "null", "{}", "[]", "''");
    takes("{'properties':{'a':false,'b':true}}", "{}", "{'b':1}", NOT, "{'a':1}", "{'a':null}");
    takes("{'items':false}", "[]", "{}", NOT, "[1]");
}

static void type_takes_each_kind(void **state) {
    (void)state;
    takes("{'type':'null'}", "null", NOT, "0", "false", "''", "{}", "[]");
    takes("{'type':'boolean'}", "true", "false", NOT, "0", "1", "'true'", "null");
    takes("{'type':'object'}", "{}", "{'a':1}", NOT, "[]", "null", "'{}'");
    takes("{'type':'array'}", "[]", "[1,2]", NOT, "{}", "null", "1");
    takes("{'type':'string'}", "''", "'1'", NOT, "1", "null", "['']");
    takes("{'type':'number'}", "0", "-1.5", "1e400", NOT, "'1'", "null", "true");
    takes("{'type':['string','null']}", "null", "'a'", NOT, "1", "{}");
    takes("{'type':['integer','string']}", "1", "'1'", NOT, "1.5");
    takes("{'type':['integer','number']}", "1", "1.5");
}

static void integers_are_told_by_value(void **state) {
    (void)state;
    takes("{'type':'integer'}", "0", "-0", "1", "1.0", "1e2", "10e-1", "-3.00", "1E+2",
          "123456789012345678901234567890", "1e400", "0.0", "0e-5", NOT, "1.5", "1e-1", "0.1",
          "123456789012345678901234567890.5", "true", "'1'");
    takes("{'items':{'type':'integer'}}", "[ 1 , 2.0 ,3]", NOT, "[1,2.5]");
}

static void const_and_enum_compare_by_value(void **state) {
    (void)state;
    takes("{'const':1}", "1", "1.0", "10e-1", NOT, "true", "'1'", "[1]", "1.0000000000000000001");
    takes("{'const':0}", "0", "-0.0", "0e9", NOT, "false", "null", "''");
    takes("{'const':false}", "false", NOT, "0", "null", "[false]");
    takes("{'const':[false]}", "[false]", "[ false ]", NOT, "[0]", "[]", "[false,false]");
    takes("{'const':{'a':1,'b':[2]}}", "{'a':1,'b':[2]}", "{'b':[2.0],'a':1}", NOT, "{'a':1}",
          "{'a':1,'b':[2],'c':3}", "{'a':1,'b':2}");
    takes("{\"const\":\"a\\u0062\\n\"}", "\"ab\\n\"", "\"\\u0061b\\u000a\"", NOT, "\"ab\"");
    takes("{'const':9007199254740993}", "9007199254740993", NOT, "9007199254740992");
    takes("{'const':null}", "null", NOT, "0", "false");
    takes("{'enum':['a',1,null,{'b':[]}]}", "'a'", "1.0", "null", "{'b':[]}", NOT, "'b'", "true",
          "{}", "{'b':{}}", "2");
    takes("{'enum':[]}", NOT, "1", "null");
    takes("{'enum':[[0]]}", "[0]", "[0.0]", NOT, "[false]", "0");
}

static void a_long_enum_is_looked_up(void **state) {
    (void)state;
    takes("{'enum':['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q',1,2,[3],"
          "{'x':1,'y':2}]}",
          "'a'", "'q'", "1.0", "[3e0]", "{'y':2,'x':1}", "\"\\u0062\"", NOT, "'r'", "3", "''",
          "{'x':1}", "[]");
}

/* ---- numbers ---- */

static void bounds_are_exact(void **state) {
    (void)state;
    takes("{'minimum':1.1}", "1.1", "1.10", "2", "'x'", NOT, "1.09999999999999999999", "-5");
    takes("{'maximum':599}", "599", "599.0", "-1e9", NOT, "599.0000000000000000001", "600", "1e3",
          "99999999999999999999");
    takes("{'exclusiveMinimum':0}", "1", "1e-400", NOT, "0", "-0.0", "-1");
    takes("{'exclusiveMaximum':3}", "2", "2.99999999999999999999", NOT, "3", "3.0", "30e-1");
    takes("{'minimum':-2,'maximum':2}", "-2", "2", "-2.0", "0", NOT, "-3", "3", "-2.0001");
    takes("{'maximum':18446744073709551615}", "18446744073709551615", NOT, "18446744073709551616");
    takes("{'minimum':9007199254740993}", "9007199254740993", NOT, "9007199254740992");
    takes("{'exclusiveMaximum':972783798187987123879878123.18878137}", NOT,
          "972783798187987123879878123.188781371");
    takes("{'minimum':-9223372036854775808}", "-9223372036854775808", NOT, "-9223372036854775809");
    takes("{'items':{'minimum':10}}", "[10,11 ]", "[]", NOT, "[10,9 ]", "[9]");
}

static void multiples_are_exact(void **state) {
    (void)state;
    takes("{'multipleOf':2}", "0", "10", "-4", "2.0", "'a'", NOT, "7", "2.5");
    takes("{'multipleOf':0.01}", "4.02", "19.99", "0", "1e10", NOT, "4.025", "0.001");
    takes("{'multipleOf':0.0001}", "0.0075", NOT, "0.00751");
    takes("{'multipleOf':1e-8}", "12391239123", "0.00000001", NOT, "1e-9");
    takes("{'type':'integer','multipleOf':0.123456789}", NOT, "1e308");
    takes("{'type':'integer','multipleOf':0.5}", "1e308");
    takes("{'multipleOf':1e400}", "0", "1e400", "2e400", NOT, "1", "1e399");
}

/* ---- strings ---- */

static void lengths_count_code_points(void **state) {
    (void)state;
    takes("{'maxLength':2}", "'ab'", "'日本'", "'👍👍'", "\"\\ud83d\\udc4d\\ud83d\\udc4d\"",
          "\"\\u0061\\n\"", "100", NOT, "'abc'", "'👍👍👍'", "\"\\u0061bc\"");
    takes("{'minLength':2}", "'ab'", "'éé'", "\"\\u0000\\u0000\"", "{}", NOT, "'a'", "'👍'",
          "\"\\ud83d\\udc4d\"", "''");
    takes("{'minLength':2.0,'maxLength':2.0}", "'ab'", NOT, "'a'", "'abc'");
    takes("{'minLength':1e30}", NOT, "'abc'");
    takes("{'maxLength':1e30}", "'abc'");
    takes("{'maxLength':0}", "''", NOT, "'a'");
}

static void patterns_are_searched_not_anchored(void **state) {
    (void)state;
    takes("{'pattern':'a+b'}", "'xxaab!'", "1", "null", NOT, "'ba'", "''");
    takes("{'pattern':'^a*$'}", "''", "'aaa'", "{}", NOT, "'ab'", "\"a\\n\"");
    takes("{\"pattern\":\"^\\\\d{3}$\"}", "\"123\"", "\"\\u0031\\u0032\\u0033\"", NOT, "\"12\"",
          "\"١٢٣\"");
    takes("{\"pattern\":\"^\\\\p{Letter}+$\"}", "'aé日'", NOT, "'a1'");
    takes("{'pattern':'^.$'}", "'a'", "'👍'", NOT, "'ab'");
}

static void format_is_carried_unless_asserted(void **state) {
    (void)state;
    takes("{'format':'date'}", "'2026-11-24'", "'no date'", "1");
    takes("{'format':'never heard of'}", "'x'");
    const struct schema_options asserted = {.formats_asserted = true};
    validate_all(ALL("{'format':'date'}"), &asserted,
                 ALL("'2026-11-24'", "1", "null", NOT, "'no date'", "'2026-13-01'"));
    validate_all(ALL("{'format':'never heard of'}"), &asserted, ALL("'x'"));
}

/* ---- objects ---- */

static void properties_apply_to_the_names_that_are_there(void **state) {
    (void)state;
    takes("{'properties':{'a':{'type':'integer'},'b':{'type':'string'}}}", "{}", "{'a':1}",
          "{'b':'x','a':1}", "{'c':[]}", "[]", "1", NOT, "{'a':'x'}", "{'b':1}", "{'a':1,'b':2}");
    takes("{\"properties\":{\"a\\n\\\"\":{\"type\":\"null\"}}}", "{\"a\\n\\\"\":null}",
          "{\"\\u0061\\u000a\\u0022\":null}", NOT, "{\"a\\n\\\"\":1}",
          "{\"\\u0061\\u000A\\u0022\":1}");
    takes("{'properties':{'__proto__':{'type':'number'},'toString':{'type':'null'}}}", "{}",
          "{'__proto__':1}", NOT, "{'__proto__':'x'}", "{'toString':1}");
    takes("{'properties':{'':{'type':'null'}}}", "{'':null}", NOT, "{'':1}");
    takes("{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"\\u0061\":null}", NOT,
          "{\"\\u0061\":1}", "{\"b\":1,\"\\u0061\":1}");
}

static void names_are_found_in_any_order_and_of_any_length(void **state) {
    (void)state;
    takes("{'properties':{'abcdefghijklmno':{'const':1},'abcdefghijklmnop':{'const':2},"
          "'abcdefghijklmnopq':{'const':3},'abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop':"
          "{'const':4}}}",
          "{'abcdefghijklmno':1,'abcdefghijklmnop':2,'abcdefghijklmnopq':3,"
          "'abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop':4}",
          "{'abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop':4,'abcdefghijklmnopq':3,"
          "'abcdefghijklmnop':2,'x':0,'abcdefghijklmno':1}",
          "{ 'abcdefghijklmno' : 1 , 'abcdefghijklmn':0}", NOT, "{'abcdefghijklmnop':1}",
          "{'abcdefghijklmno':1,'abcdefghijklmnop':3}", "{'x':1,'abcdefghijklmnopq':4}",
          "{'abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop':1}");
}

static void patterns_of_names_all_apply(void **state) {
    (void)state;
    takes("{'patternProperties':{'^a':{'type':'integer'},'b$':{'minimum':5}}}", "{}", "{'a':1}",
          "{'b':5}", "{'ab':5}", "{'c':'x'}", NOT, "{'a':'x'}", "{'ab':4}", "{'b':1}");
    takes("{'properties':{'ab':{'maximum':9}},'patternProperties':{'b':{'minimum':5}}}", "{'ab':5}",
          NOT, "{'ab':10}", "{'ab':4}");
    takes("{\"patternProperties\":{\"^\\n$\":false}}", "{\"n\":1}", NOT, "{\"\\n\":1}",
          "{\"\\u000a\":1}");
}

static void additional_properties_are_those_that_nothing_names(void **state) {
    (void)state;
    takes("{'properties':{'a':true},'patternProperties':{'^x':true},'additionalProperties':false}",
          "{}", "{'a':1,'x1':2}", "'s'", NOT, "{'b':1}", "{'a':1,'b':2}");
    takes("{'additionalProperties':{'type':'boolean'}}", "{'a':true}", NOT, "{'a':1}");
    takes("{'required':['a'],'additionalProperties':{'type':'boolean'}}", "{'a':true}", NOT,
          "{'a':1}");
    /* Only keywords of the same schema object count. */
    takes("{'allOf':[{'properties':{'a':true}}],'additionalProperties':{'type':'null'}}",
          "{'a':null}", NOT, "{'a':1}");
}

static void names_themselves_are_checked(void **state) {
    (void)state;
    takes("{'propertyNames':{'maxLength':3,'pattern':'^[a-z]*$'}}", "{}", "{'abc':1,'d':2}", "[1]",
          NOT, "{'abcd':1}", "{'A':1}", "{'a':1,'B':1}");
    takes("{'propertyNames':false}", "{}", NOT, "{'a':1}");
    takes("{'propertyNames':{'enum':['a','b']}}", "{'a':1}", "{\"\\u0061\":1}", NOT, "{'c':1}");
}

static void required_and_dependent_names_must_be_there(void **state) {
    (void)state;
    takes("{'required':['a','b']}", "{'a':1,'b':null}", "{'b':1,'c':2,'a':3}", "[]", NOT, "{}",
          "{'a':1}", "{'b':1,'A':1}");
    takes("{'required':[]}", "{}");
    takes("{\"required\":[\"a\\tb\",\"__proto__\"]}", "{\"a\\tb\":1,\"__proto__\":2}", NOT,
          "{\"a\\tb\":1}", "{\"__proto__\":1,\"atb\":1}");
    takes("{'dependentRequired':{'a':['b','c'],'d':[]}}", "{}", "{'b':1}", "{'a':1,'b':2,'c':3}",
          "{'d':1}", NOT, "{'a':1}", "{'a':1,'b':2}");
    takes("{'dependentSchemas':{'a':{'properties':{'b':{'type':'integer'}},'required':['b']}}}",
          "{}", "{'b':'x'}", "{'a':1,'b':2}", NOT, "{'a':1}", "{'a':1,'b':'x'}");
    takes("{'dependentSchemas':{'a':true,'b':false}}", "{'a':1}", NOT, "{'b':1}");
}

static void properties_are_counted(void **state) {
    (void)state;
    takes("{'minProperties':1,'maxProperties':2}", "{'a':1}", "{'a':1,'b':{'c':1,'d':2,'e':3}}",
          "[]", NOT, "{}", "{'a':1,'b':2,'c':3}");
    takes("{'maxProperties':0}", "{}", NOT, "{'a':1}");
}

static void a_hundred_required_names_are_told_apart(void **state) {
    (void)state;
    for (int left_out = -1; left_out < 300; left_out += 43) {
        char schema[8192] = "{\"required\":[", *line = malloc(16384);
        size_t used = strlen(schema), line_used = 1;
        assert_non_null(line);
        line[0] = '{';
        for (int i = 0; i < 300; i++) {
            used += (size_t)sprintf(schema + used, "%s\"name%d\"", i ? "," : "", i);
            if (i == left_out) continue;
            line_used += (size_t)sprintf(line + line_used, "%s\"name%d\":%d",
                                         line_used > 1 ? "," : "", i, i);
        }
        strcpy(schema + used, "]}");
        strcpy(line + line_used, "}");
        struct schema *compiled_schema = compiled(ALL(schema), NULL);
        assert_int_equal(validated(compiled_schema, line, NULL), left_out < 0);
        schema_free(compiled_schema);
        free(line);
    }
}

/* ---- arrays ---- */

static void items_follow_the_prefix(void **state) {
    (void)state;
    takes("{'prefixItems':[{'type':'integer'},{'type':'string'}]}", "[]", "[1]", "[1,'a']",
          "[1,'a',null]", "{}", NOT, "['a']", "[1,2]");
    takes("{'prefixItems':[{'type':'integer'}],'items':{'type':'string'}}", "[1]", "[1,'a','b']",
          NOT, "['a']", "[1,2]", "[1,'a',2]");
    takes("{'prefixItems':[true,true],'items':false}", "[]", "[1,2]", NOT, "[1,2,3]");
    takes("{'items':{'items':{'type':'integer'}}}", "[[1],[2,3],[]]", "[1]", NOT, "[[1],['a']]");
}

static void contains_counts_what_it_finds(void **state) {
    (void)state;
    takes("{'contains':{'minimum':5}}", "[5]", "[1,2,6]", "{}", NOT, "[]", "[1,2]");
    takes("{'contains':{'const':1},'minContains':2}", "[1,1]", "[1,2,1]", NOT, "[1]", "[]");
    takes("{'contains':{'const':1},'maxContains':1}", "[1]", "[1,2]", NOT, "[1,1]", "[]", "[2]");
    takes("{'contains':{'const':1},'minContains':0}", "[]", "[2]", "[1]");
    takes("{'contains':{'const':1},'minContains':0,'maxContains':1}", "[]", "[1]", NOT, "[1,1]");
    takes("{'minContains':2,'maxContains':0}", "[1]", "[]");
    takes("{'contains':false}", "1", NOT, "[]", "[1]");
    takes("{'contains':true}", "[1]", NOT, "[]");
    takes("{'contains':{'const':1},'minContains':2.0}", "[1,1]", NOT, "[1]");
}

static void items_are_counted(void **state) {
    (void)state;
    takes("{'minItems':1,'maxItems':2}", "[1]", "[1,[2,3,4]]", "{}", NOT, "[]", "[1,2,3]");
}

static void unique_items_are_unique_by_value(void **state) {
    (void)state;
    takes("{'uniqueItems':true}", "[]", "[1]", "[1,2]", "[1,true]", "[0,false]", "[[1],[true]]",
          "['a','A']", "[{'a':1},{'a':2}]", "[null,0,false,'',[],{}]", "{}", NOT, "[1,1]",
          "[1,1.0]", "[{'a':1,'b':2},{'b':2,'a':1}]", "[[1,2],[1,2.0]]", "['a','b','a']",
          "[\"a\",\"\\u0061\"]", "[{'a':[{}]},1,{'a':[{}]}]");
    takes("{'uniqueItems':true}", "[1,2,3,4,5,6,7,8,9,10,11,12,'1','2',[],[1],[2],{},{'a':1}]", NOT,
          "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,1.0]",
          "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,{'a':1,'b':2},{'b':2,'a':1}]");
    takes("{'uniqueItems':false}", "[1,1]");
    takes("{'prefixItems':[{'type':'boolean'}],'uniqueItems':true,'items':false}", "[true]");
}

/* ---- combinations ---- */

static void combinations_combine(void **state) {
    (void)state;
    takes("{'allOf':[{'minimum':1},{'maximum':3}]}", "1", "3", "'a'", NOT, "0", "4");
    takes("{'anyOf':[{'type':'string'},{'minimum':3}]}", "'a'", "3", NOT, "2");
    takes("{'oneOf':[{'multipleOf':3},{'multipleOf':5}]}", "3", "5", NOT, "15", "7", "'a'");
    takes("{'not':{'type':'integer'}}", "'a'", "1.5", NOT, "1", "1.0");
    takes("{'not':{'not':{'type':'integer'}}}", "1", NOT, "'a'");
    takes("{'not':true}", NOT, "1");
    takes("{'not':false}", "1");
    takes("{'maximum':9,'anyOf':[{'minimum':5},{'const':1}],'not':{'const':7}}", "1", "5", "9", NOT,
          "7", "10", "2");
}

static void conditions_choose(void **state) {
    (void)state;
    takes("{'if':{'maximum':0},'then':{'minimum':-10},'else':{'multipleOf':2}}", "-5", "4", NOT,
          "-100", "3");
    takes("{'if':{'const':0}}", "0", "1");
    takes("{'then':{'const':0},'else':{'const':1}}", "2");
    takes("{'if':{'properties':{'level':{'const':'error'}},'required':['level']},'then':"
          "{'required':['stack']}}",
          "{'level':'info'}", "{}", "{'level':'error','stack':'x'}", NOT, "{'level':'error'}");
    takes("{'if':true,'then':{'const':'then'},'else':{'const':'else'}}", "'then'", NOT, "'else'");
}

/* ---- unevaluated ---- */

static void unevaluated_properties_see_through_what_applies_here(void **state) {
    (void)state;
    takes("{'properties':{'a':true},'unevaluatedProperties':false}", "{}", "{'a':1}", "[]", NOT,
          "{'b':1}");
    takes("{'allOf':[{'properties':{'a':true}}],'unevaluatedProperties':false}", "{'a':1}", NOT,
          "{'b':1}", "{'a':1,'b':1}");
    takes("{'$defs':{'x':{'properties':{'a':true}}},'$ref':'#/$defs/x',"
          "'unevaluatedProperties':false}",
          "{'a':1}", NOT, "{'b':1}");
    takes("{'patternProperties':{'^x':true},'unevaluatedProperties':{'type':'null'}}",
          "{'x':1,'a':null}", NOT, "{'a':1}");
    takes("{'additionalProperties':true,'unevaluatedProperties':false}", "{'a':1}");
    takes("{'allOf':[{'additionalProperties':true}],'unevaluatedProperties':false}", "{'a':1}");
    takes("{'anyOf':[{'properties':{'a':{'const':1}},'required':['a']},{'properties':{'b':true},"
          "'required':['b']}],'unevaluatedProperties':false}",
          "{'a':1}", "{'b':1}", "{'a':1,'b':1}", NOT, "{'a':2,'b':1}", "{'a':1,'c':1}");
    takes("{'oneOf':[{'properties':{'a':{'const':1}},'required':['a']},{'properties':{'b':true},"
          "'required':['b']}],'unevaluatedProperties':false}",
          "{'a':1}", "{'b':1}", NOT, "{'a':1,'b':1}", "{'a':2,'b':1}");
    takes("{'if':{'properties':{'a':{'const':1}},'required':['a']},'then':{'properties':"
          "{'b':true}},'else':{'properties':{'c':true}},'unevaluatedProperties':false}",
          "{'a':1}", "{'a':1,'b':1}", "{'c':1}", NOT, "{'a':1,'c':1}", "{'a':2,'c':1}", "{'b':1}");
    takes("{'if':{'properties':{'a':true},'required':['a']},'unevaluatedProperties':false}",
          "{'a':1}", "{}", NOT, "{'b':1}");
    takes("{'not':{'not':{'properties':{'a':true}}},'unevaluatedProperties':false}", "{}", NOT,
          "{'a':1}");
    takes("{'dependentSchemas':{'a':{'properties':{'b':true}}},'properties':{'a':true},"
          "'unevaluatedProperties':false}",
          "{'a':1,'b':1}", "{'a':1}", NOT, "{'b':1}");
}

static void unevaluated_properties_nest(void **state) {
    (void)state;
    takes("{'allOf':[{'unevaluatedProperties':true}],'unevaluatedProperties':false}", "{'a':1}");
    takes("{'allOf':[{'properties':{'a':true},'unevaluatedProperties':false}],"
          "'unevaluatedProperties':false}",
          "{'a':1}", NOT, "{'b':1}");
    /* A cousin does not see what its cousin evaluates. */
    takes("{'allOf':[{'properties':{'a':true}},{'unevaluatedProperties':false}]}", "{}", NOT,
          "{'a':1}");
    takes("{'properties':{'a':{'properties':{'b':true}}},'unevaluatedProperties':false}",
          "{'a':{'b':1,'c':2}}", NOT, "{'a':{},'b':1}");
    takes("{'properties':{'a':{'$ref':'#'}},'unevaluatedProperties':false}", "{'a':{'a':{}}}", NOT,
          "{'a':{'b':1}}", "{'b':1}");
    takes("{'type':'object','propertyNames':{'maxLength':1},'unevaluatedProperties':"
          "{'type':'number'}}",
          "{'a':1}", NOT, "{'a':'x'}", "{'aa':1}");
}

static void unevaluated_items_see_through_too(void **state) {
    (void)state;
    takes("{'prefixItems':[true],'unevaluatedItems':false}", "[]", "[1]", "{}", NOT, "[1,2]");
    takes("{'items':true,'unevaluatedItems':false}", "[1,2]");
    takes("{'allOf':[{'prefixItems':[true,true]}],'prefixItems':[true],'unevaluatedItems':false}",
          "[1,2]", NOT, "[1,2,3]");
    takes("{'contains':{'type':'string'},'unevaluatedItems':{'type':'integer'}}", "['a',1]",
          "[1,'a']", NOT, "['a',1.5]", "[1]");
    takes("{'prefixItems':[true],'contains':{'type':'string'},'unevaluatedItems':false}",
          "[1,'a','b']", NOT, "[1,2,'a']", "[1,'a',2]");
    takes("{'allOf':[{'contains':{'multipleOf':2}},{'contains':{'multipleOf':3}}],"
          "'unevaluatedItems':{'multipleOf':5}}",
          "[2,3,4,5,6]", NOT, "[2,3,4,7,8]");
    takes("{'minContains':0,'contains':{'type':'string'},'unevaluatedItems':false}", "[]", "['a']",
          NOT, "[1]");
    takes("{'if':{'prefixItems':[{'const':1}]},'then':{'prefixItems':[true,true]},"
          "'unevaluatedItems':false}",
          "[1]", "[1,2]", NOT, "[1,2,3]", "[2]");
    takes("{'not':{'not':{'prefixItems':[true]}},'unevaluatedItems':false}", "[]", NOT, "[1]");
    takes("{'allOf':[{'prefixItems':[true]},{'unevaluatedItems':false}]}", "[]", NOT, "[1]");
}

static void white_space_between_tokens_changes_nothing(void **state) {
    (void)state;
    takes("{'properties':{'a':{'type':'integer','maximum':9},'b':{'items':{'enum':[1,2]}}},"
          "'required':['b'],'unevaluatedProperties':false}",
          "{ 'a' : 1 , 'b' : [ 1 , 2 ] }", "{\"a\"\t:\t1\t,\t\"b\"\t:\t[\t]\t}", "{ 'b' :[] }", NOT,
          "{ 'a' : 10 , 'b':[]}", "{ 'b' : [ 3 ] }", "{ }", "{ 'b' : [ ] , 'c' : 1 }");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_may_be_true_or_false),
        cmocka_unit_test(type_takes_each_kind),
        cmocka_unit_test(integers_are_told_by_value),
        cmocka_unit_test(const_and_enum_compare_by_value),
        cmocka_unit_test(a_long_enum_is_looked_up),
        cmocka_unit_test(bounds_are_exact),
        cmocka_unit_test(multiples_are_exact),
        cmocka_unit_test(lengths_count_code_points),
        cmocka_unit_test(patterns_are_searched_not_anchored),
        cmocka_unit_test(format_is_carried_unless_asserted),
        cmocka_unit_test(properties_apply_to_the_names_that_are_there),
        cmocka_unit_test(names_are_found_in_any_order_and_of_any_length),
        cmocka_unit_test(patterns_of_names_all_apply),
        cmocka_unit_test(additional_properties_are_those_that_nothing_names),
        cmocka_unit_test(names_themselves_are_checked),
        cmocka_unit_test(required_and_dependent_names_must_be_there),
        cmocka_unit_test(properties_are_counted),
        cmocka_unit_test(a_hundred_required_names_are_told_apart),
        cmocka_unit_test(items_follow_the_prefix),
        cmocka_unit_test(contains_counts_what_it_finds),
        cmocka_unit_test(items_are_counted),
        cmocka_unit_test(unique_items_are_unique_by_value),
        cmocka_unit_test(combinations_combine),
        cmocka_unit_test(conditions_choose),
        cmocka_unit_test(unevaluated_properties_see_through_what_applies_here),
        cmocka_unit_test(unevaluated_properties_nest),
        cmocka_unit_test(unevaluated_items_see_through_too),
        cmocka_unit_test(white_space_between_tokens_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
