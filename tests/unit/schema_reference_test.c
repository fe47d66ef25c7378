/* schema_reference_test.c - targets of references: $ref, $dynamicRef, $id, anchors, pointers, other
 * documents, the built-in meta-schema; and vocabularies. */
#include "tests/unit/schema_checks.h"

#define NOT  "BUT NOT"
#define META "https://json-schema.org/draft/2020-12/"

static void a_pointer_leads_into_the_document(void **state) {
    (void)state;
    takes("{'$defs':{'a':{'type':'integer'}},'$ref':'#/$defs/a'}", "1", NOT, "'a'");
    takes("{'properties':{'foo':{'type':'null'},'bar':{'$ref':'#/properties/foo'}}}",
          "{'bar':null}", NOT, "{'bar':1}");
    takes("{'prefixItems':[{'type':'integer'},{'$ref':'#/prefixItems/0'}]}", "[1,2]", NOT,
          "[1,'a']");
    takes("{'properties':{'a':{'$ref':'#'}},'additionalProperties':false}", "{'a':{'a':{}}}", NOT,
          "{'b':1}", "{'a':{'b':1}}");
    takes("{'$defs':{'a~b':{'type':'integer'},'a/b':{'type':'string'},'a%b':{'type':'null'},"
          "'':{'$defs':{'':{'type':'boolean'}}}},"
          "'properties':{'t':{'$ref':'#/$defs/a~0b'},'s':{'$ref':'#/$defs/a~1b'},'p':{'$ref':"
          "'#/$defs/a%25b'},'e':{'$ref':'#/$defs//$defs/'}}}",
          "{'t':1,'s':'x','p':null,'e':true}", NOT, "{'t':'x'}", "{'s':1}", "{'p':1}", "{'e':1}");
    takes("{\"$defs\":{\"a\\\"b\":{\"type\":\"null\"}},\"$ref\":\"#/$defs/a%22b\"}", "null", NOT,
          "1");
}

static void keywords_next_to_a_reference_count(void **state) {
    (void)state;
    takes("{'$defs':{'a':{'type':'array'}},'properties':{'f':{'$ref':'#/$defs/a','maxItems':2}}}",
          "{'f':[1,2]}", NOT, "{'f':[1,2,3]}", "{'f':'s'}");
    takes("{'$defs':{'a':false},'properties':{'$ref':{'$ref':'#/$defs/a'}}}", "{}", NOT,
          "{'$ref':1}");
    takes("{'properties':{'$ref':{'type':'string'}}}", "{'$ref':'a'}", NOT, "{'$ref':2}");
    takes("{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/c'},'c':"
          "{'type':'integer'}}}",
          "1", NOT, "'a'");
    takes("{'enum':[{'$ref':'#/nowhere'}]}", "{'$ref':'#/nowhere'}", NOT, "{}");
}

static void a_reference_may_lead_to_what_was_no_schema(void **state) {
    (void)state;
    takes("{'what':{'ever':[{'type':'integer'}]},'$ref':'#/what/ever/0'}", "1", NOT, "'a'");
    takes("{'const':{'type':'null'},'$defs':{'x':true},'properties':{'a':{'$ref':'#/const'}}}",
          "{'type':'null'}", NOT, "{'a':null}");
    takes("{'definitions':{'a':{'type':'null'}},'$ref':'#/definitions/a'}", "null", NOT, "1");
    /* An $id or anchor there has no effect. */
    takes("{'$defs':{'no':{'const':{'$id':'http://x/id','type':'null'}},'yes':{'$id':"
          "'http://x/id','type':'string'}},'$ref':'http://x/id'}",
          "'a'", NOT, "null");
    takes("{'$defs':{'no':{'enum':[{'$anchor':'n','type':'null'}]},'yes':{'$anchor':'n','type':"
          "'string'}},'$ref':'#n'}",
          "'a'", NOT, "null", "{'$anchor':'n','type':'null'}");
    takes("{'unknown':{'$anchor':'n','type':'null'},'$defs':{'yes':{'$anchor':'n','type':"
          "'string'}},'$ref':'#n'}",
          "'a'", NOT, "null");
}

static void ids_are_resolved_against_what_they_stand_in(void **state) {
    (void)state;
    takes("{'$id':'http://x.test/root.json','$defs':{'a':{'$id':'nested.json','$defs':{'b':"
          "{'$id':'/deep/c.json','type':'integer'}}}},'$ref':'http://x.test/deep/c.json'}",
          "1", NOT, "'a'");
    takes("{'$id':'http://x.test/a/root.json','items':{'$ref':'b.json'},'$defs':{'b':{'$id':"
          "'http://x.test/a/b.json','type':'null'}}}",
          "[null]", NOT, "[1]");
    takes("{'$id':'http://x.test/a/','properties':{'p':{'$id':'q/','items':{'$ref':'r'}}},'$defs':"
          "{'r':{'$id':'q/r','type':'null'},'wrong':{'$id':'r','type':'string'}}}",
          "{'p':[null]}", NOT, "{'p':['a']}");
    /* A pointer starts at the resource, not at the document. */
    takes("{'$id':'http://x.test/root','$defs':{'a':{'type':'string'},'b':{'$id':'inner','$defs':"
          "{'a':{'type':'integer'}},'$ref':'#/$defs/a'}},'$ref':'#/$defs/b'}",
          "1", NOT, "'a'");
    takes("{'$id':'HTTP://X.test/a/./b/../c','$ref':'http://x.test/a/c#/$defs/d','$defs':{'d':"
          "{'type':'null'}}}",
          "null", NOT, "1");
    takes("{'$id':'http://x.test/root#','$ref':'root#/$defs/d','$defs':{'d':{'type':'null'}}}",
          "null", NOT, "1");
}

static void urns_are_uris_too(void **state) {
    (void)state;
    takes("{'$id':'urn:uuid:deadbeef-1234-ffff-ffff-4321feebdaed','minProperties':1,'properties':"
          "{'foo':{'$ref':'urn:uuid:deadbeef-1234-ffff-ffff-4321feebdaed'}}}",
          "{'foo':{'bar':1}}", NOT, "{'foo':{}}");
    takes("{'$id':'urn:example:a:b','$ref':'#/$defs/bar','$defs':{'bar':{'type':'string'}}}", "'a'",
          NOT, "1");
    takes("{'$id':'urn:example:w?=op=map&lat=39','$ref':'urn:example:w?=op=map&lat=39#thing',"
          "'$defs':{'bar':{'$anchor':'thing','type':'string'}}}",
          "'a'", NOT, "1");
    takes("{'$defs':{'bar':{'$id':'tag:x.test,2026:bar','type':'string'}},'$ref':"
          "'tag:x.test,2026:bar'}",
          "'a'", NOT, "1");
}

static void anchors_belong_to_their_resource(void **state) {
    (void)state;
    takes("{'$ref':'#foo','$defs':{'a':{'$anchor':'foo','type':'integer'}}}", "1", NOT, "'a'");
    takes("{'$id':'http://x.test/foobar','$defs':{'A':{'$id':'child1','allOf':[{'$id':'child2',"
          "'$anchor':'my_anchor','type':'number'},{'$anchor':'my_anchor','type':'string'}]}},"
          "'$ref':'child1#my_anchor'}",
          "'a'", NOT, "1");
    takes("{'$id':'http://x.test/r','$ref':'http://x.test/nested.json#foo','$defs':{'A':{'$id':"
          "'nested.json','$defs':{'B':{'$anchor':'foo','type':'integer'}}}}}",
          "1", NOT, "'a'");
    takes("{'$ref':'#a_-.9','$defs':{'A':{'$anchor':'a_-.9','type':'integer'}}}", "1", NOT, "''");
}

static void other_documents_are_found_by_id_and_by_file(void **state) {
    (void)state;
    takes_with(ALL("{'$ref':'http://x.test/other#/$defs/n'}",
                   "{'$id':'http://x.test/other','$defs':{'n':{'type':'null'}}}"),
               "null", NOT, "1");
    takes_with(ALL("{'items':{'$ref':'1.json'}}", "{'type':'null'}"), "[null]", NOT, "[1]");
    takes_with(ALL("{'items':{'$ref':'./1.json#n'}}", "{'$defs':{'x':{'$anchor':'n','type':"
                                                      "'null'}},'type':'string'}"),
               "[null]", NOT, "[1]", "['a']");
    takes_with(ALL("{'$id':'http://x.test/a/main','$ref':'two'}",
                   "{'$id':'http://x.test/a/two','$ref':'three#/$defs/x'}",
                   "{'$id':'http://x.test/a/three','$defs':{'x':{'$ref':'four'}}}",
                   "{'$id':'http://x.test/a/four','const':4}"),
               "4", NOT, "3");
    /* In both directions. */
    takes_with(
        ALL("{'$id':'http://x.test/a','properties':{'b':{'$ref':'b'}},'additionalProperties':"
            "false}",
            "{'$id':'http://x.test/b','properties':{'a':{'$ref':'a'}},"
            "'additionalProperties':false}"),
        "{'b':{'a':{'b':{}}}}", NOT, "{'b':{'a':{'a':{}}}}");
}

static void the_meta_schema_can_be_referred_to(void **state) {
    (void)state;
    takes("{'$ref':'" META "schema'}", "true", "{}",
          "{'minLength':1,'$defs':{'a':{'type':'null'}}}", "{'items':{'properties':{'x':false}}}",
          NOT, "1", "{'minLength':-1}", "{'type':'nul'}", "{'$defs':{'a':{'type':'nul'}}}",
          "{'items':{'properties':{'x':{'allOf':[]}}}}",
          "{'properties':{'a':{'required':['x','x']}}}");
    takes("{'properties':{'a':{'$ref':'" META "meta/validation#/$defs/nonNegativeInteger'}}}",
          "{'a':0}", NOT, "{'a':-1}", "{'a':'x'}");
    takes("{'$schema':'" META "schema','type':'null'}", "null", NOT, "1");
    takes("{'$schema':'" META "schema#','type':'null'}", "null", NOT, "1");
}

/* ---- $dynamicRef ---- */

static void without_another_anchor_it_is_a_reference(void **state) {
    (void)state;
    takes("{'$id':'http://x.test/d','items':{'$dynamicRef':'#items'},'$defs':{'foo':"
          "{'$dynamicAnchor':'items','type':'string'}}}",
          "['a']", NOT, "[1]");
    takes("{'items':{'$dynamicRef':'#items'},'$defs':{'foo':{'$anchor':'items','type':'string'}}}",
          "['a']", NOT, "[1]");
    takes("{'items':{'$ref':'#items'},'$defs':{'foo':{'$dynamicAnchor':'items','type':"
          "'string'}}}",
          "['a']", NOT, "[1]");
    takes("{'items':{'$dynamicRef':'#/$defs/foo'},'$defs':{'foo':{'type':'string'}}}", "['a']", NOT,
          "[1]");
}

static void the_outermost_anchor_in_scope_is_meant(void **state) {
    (void)state;
    takes("{'$id':'http://x.test/typical/root','$ref':'list','$defs':{'foo':{'$dynamicAnchor':"
          "'items','type':'string'},'list':{'$id':'list','type':'array','items':{'$dynamicRef':"
          "'#items'},'$defs':{'items':{'$dynamicAnchor':'items'}}}}}",
          "['a']", "[]", NOT, "[1]", "['a',42]");
    /* Only $dynamicAnchor counts. */
    takes("{'$id':'http://x.test/typical/root','$ref':'list','$defs':{'foo':{'$anchor':'items',"
          "'type':'string'},'list':{'$id':'list','type':'array','items':{'$dynamicRef':'#items'},"
          "'$defs':{'items':{'$dynamicAnchor':'items'}}}}}",
          "['a']", "[1]");
    /* Its static target must be a $dynamicAnchor. */
    takes("{'$id':'http://x.test/no','$ref':'list','$defs':{'foo':{'$dynamicAnchor':'items','type':"
          "'string'},'list':{'$id':'list','type':'array','items':{'$dynamicRef':'#items'},'$defs':"
          "{'items':{'$anchor':'items'}}}}}",
          "['a']", "[1]");
    takes("{'$id':'http://x.test/static','$ref':'list','$defs':{'foo':{'$dynamicAnchor':'items',"
          "'type':'string'},'list':{'$id':'list','items':{'$ref':'#items'},'$defs':{'items':"
          "{'$dynamicAnchor':'items','type':'integer'}}}}}",
          "[1]", NOT, "['a']");
}

static void scopes_end_where_they_are_left(void **state) {
    (void)state;
    takes("{'$id':'http://x.test/leave','if':{'$id':'first_scope','$defs':{'thingy':"
          "{'$dynamicAnchor':'thingy','type':'number'}}},'then':{'$id':'second_scope','$ref':"
          "'start','$defs':{'thingy':{'$dynamicAnchor':'thingy','type':'null'}}},'$defs':{'start':"
          "{'$id':'start','$dynamicRef':'inner_scope#thingy'},'thingy':{'$id':'inner_scope',"
          "'$dynamicAnchor':'thingy','type':'string'}}}",
          "null", NOT, "'a string'", "42");
    takes(
        "{'$id':'http://x.test/paths','if':{'properties':{'kind':{'const':'numbers'}},'required':"
        "['kind']},'then':{'$ref':'numberList'},'else':{'$ref':'stringList'},'$defs':{'generic':"
        "{'$id':'genericList','properties':{'list':{'items':{'$dynamicRef':'#itemType'}}},'$defs':"
        "{'default':{'$dynamicAnchor':'itemType'}}},'numberList':{'$id':'numberList','$defs':"
        "{'itemType':{'$dynamicAnchor':'itemType','type':'number'}},'$ref':'genericList'},"
        "'stringList':{'$id':'stringList','$defs':{'itemType':{'$dynamicAnchor':'itemType',"
        "'type':'string'}},'$ref':'genericList'}}}",
        "{'kind':'numbers','list':[1.1]}", "{'kind':'strings','list':['a']}", NOT,
        "{'kind':'numbers','list':['a']}", "{'kind':'strings','list':[1.1]}");
    takes("{'$id':'http://x.test/main','$ref':'first#/$defs/stuff','$defs':{'first':{'$id':'first',"
          "'$defs':{'stuff':{'$ref':'second#/$defs/stuff'},'length':{'$dynamicAnchor':'length',"
          "'maxLength':1}}},'second':{'$id':'second','$defs':{'stuff':{'$ref':"
          "'third#/$defs/stuff'},'length':{'$dynamicAnchor':'length','maxLength':2}}},'third':"
          "{'$id':'third','$defs':{'stuff':{'$dynamicRef':'#length'},'length':{'$dynamicAnchor':"
          "'length','maxLength':3}}}}}",
          "'a'", NOT, "'hi'", "'hey'");
}

static void a_strict_tree_extends_a_tree(void **state) {
    (void)state;
    takes_with(ALL("{'$id':'http://x.test/strict-tree','$dynamicAnchor':'node','$ref':'tree',"
                   "'unevaluatedProperties':false}",
                   "{'$id':'http://x.test/tree','$dynamicAnchor':'node','type':'object',"
                   "'properties':{'data':true,'children':{'type':'array','items':{'$dynamicRef':"
                   "'#node'}}}}"),
               "{'children':[{'data':1}]}", "{'data':1}", NOT, "{'children':[{'daat':1}]}",
               "{'daat':1}");
    takes_with(ALL("{'$ref':'http://x.test/tree'}",
                   "{'$id':'http://x.test/tree','$dynamicAnchor':'node','type':'object',"
                   "'properties':{'data':true,'children':{'type':'array','items':{'$dynamicRef':"
                   "'#node'}}}}",
                   "{'$id':'http://x.test/unused','$dynamicAnchor':'node','type':'null'}"),
               "{'children':[{'daat':1}]}", NOT, "{'children':[null]}");
    takes("{'$id':'http://x.test/outer','$dynamicAnchor':'node','type':['object','array'],"
          "'unevaluatedProperties':{'$dynamicRef':'#node'},'properties':{'x':{'$ref':'inner'}},"
          "'$defs':{'inner':{'$id':'inner','$dynamicAnchor':'node','items':{'$dynamicRef':"
          "'#node'}}}}",
          "{'x':[{}],'y':[1]}", "{'y':{'z':[]}}", NOT, "{'y':1}", "{'x':[1]}");
}

/* ---- vocabularies ---- */

static void a_meta_schema_decides_which_keywords_there_are(void **state) {
    (void)state;
    const char *meta = "{'$id':'http://x.test/no-validation','$vocabulary':{'" META
                       "vocab/core':true,'" META "vocab/applicator':true},'$dynamicAnchor':'meta',"
                       "'allOf':[{'$ref':'" META "meta/core'},{'$ref':'" META "meta/applicator'}]}";
    takes_with(ALL("{'$schema':'http://x.test/no-validation','properties':{'bad':false,'number':"
                   "{'minimum':10}}}",
                   meta),
               "{'number':1}", "{'number':20}", NOT, "{'bad':1}");
    takes_with(ALL("{'$schema':'http://x.test/optional','type':'number'}",
                   "{'$id':'http://x.test/optional','$vocabulary':{'" META "vocab/core':true,'" META
                   "vocab/validation':true,'http://x.test/other':false}}"),
               "20", NOT, "'a'");
    for (int required = 0; required < 2; required++) {
        char with_formats[512];
        snprintf(with_formats, sizeof with_formats,
                 "{'$id':'http://x.test/formats','$vocabulary':{'" META "vocab/core':true,'" META
                 "vocab/format-assertion':%s}}",
                 required ? "true" : "false");
        takes_with(ALL("{'$schema':'http://x.test/formats','format':'ipv4'}", with_formats),
                   "'127.0.0.1'", "1", NOT, "'not-ipv4'");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_leads_into_the_document),
        cmocka_unit_test(keywords_next_to_a_reference_count),
        cmocka_unit_test(a_reference_may_lead_to_what_was_no_schema),
        cmocka_unit_test(ids_are_resolved_against_what_they_stand_in),
        cmocka_unit_test(urns_are_uris_too),
        cmocka_unit_test(anchors_belong_to_their_resource),
        cmocka_unit_test(other_documents_are_found_by_id_and_by_file),
        cmocka_unit_test(the_meta_schema_can_be_referred_to),
        cmocka_unit_test(without_another_anchor_it_is_a_reference),
        cmocka_unit_test(the_outermost_anchor_in_scope_is_meant),
        cmocka_unit_test(scopes_end_where_they_are_left),
        cmocka_unit_test(a_strict_tree_extends_a_tree),
        cmocka_unit_test(a_meta_schema_decides_which_keywords_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
