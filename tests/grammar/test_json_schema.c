/* JSON Schemas allow what validates, and refuse what they cannot keep, with its path. */
#include "testing.h"

#include "base/buf.h"
#include "grammars.h"

enum { SCHEMA = VIV_GRAMMAR_JSON_SCHEMA };

#define HAS(schema, text)    ck_assert_msg(accepts(SCHEMA, schema, text), "%s: %s", schema, text)
#define HAS_NO(schema, text) ck_assert_msg(!accepts(SCHEMA, schema, text), "%s: %s", schema, text)
#define REFUSED(schema, part)                                                                                      \
    do {                                                                                                           \
        const char *sentence_ = refusal(SCHEMA, schema);                                                           \
        ck_assert_msg(strstr(sentence_, part), "%s: '%s'", schema, sentence_);                                     \
    } while (0)

TEST(objects__have_their_properties_in_order)
{
    const char *person = "{\"properties\": {\"name\": {\"type\": \"string\"}, \"age\": {\"type\": \"integer\"}, "
                         "\"tags\": {\"items\": {\"type\": \"string\"}, \"type\": \"array\"}}, "
                         "\"required\": [\"name\", \"id\"], \"type\": \"object\"}";
    HAS(person, "{\"name\": \"Ada\", \"age\": 36, \"tags\": [\"a\", \"b\"], \"id\": null}");
    HAS(person, "{\"name\":\"Ada\",\"id\":[1,{\"x\":2.5e3}],\"more\":true}");
    HAS_NO(person, "{\"name\": \"Ada\"}");
    HAS_NO(person, "{\"age\": 36, \"name\": \"Ada\", \"id\": 1}");
    HAS_NO(person, "{\"name\": \"Ada\", \"id\": 1, \"age\": \"x\"}"); /* a listed key is none of the others */
    HAS("{\"additionalProperties\": {\"type\": \"integer\"}, \"type\": \"object\"}", "{\"a\": 1, \"\": 2}");
    HAS_NO("{\"additionalProperties\": false, \"type\": \"object\"}", "{\"a\": 1}");
    HAS("{\"patternProperties\": {\"^x-\": {\"const\": 1}}, \"additionalProperties\": false, \"type\": \"object\"}",
        "{\"x-a\":1}");
    HAS_NO("{\"patternProperties\": {\"^x-\": {\"const\": 1}}, \"type\": \"object\"}", "{\"x-a\":2}");
    /* keys that Python's engine finds to match, and JavaScript's not, are no keys at all */
    HAS("{\"patternProperties\": {\"^.*$\": {\"const\": 1}}, \"type\": \"object\"}", "{\"a b\":1}");
    HAS_NO("{\"patternProperties\": {\"^.*$\": {\"const\": 1}}, \"type\": \"object\"}", "{\"a\\rb\":2}");
    HAS_NO("{\"patternProperties\": {\"^a$\": {\"const\": 1}}, \"type\": \"object\"}", "{\"a\\n\":2}");
    HAS_NO("{\"patternProperties\": {\"^\\\\d$\": {\"const\": 1}}, \"type\": \"object\"}", "{\"\xD9\xA3\":2}");
    HAS("{\"patternProperties\": {\"^\\\\D$\": {\"const\": 1}}, \"type\": \"object\"}", "{\"1\":2}");
}

TEST(strings__have_lengths_in_characters)
{
    const char *short_text = "{\"type\": \"string\", \"minLength\": 2, \"maxLength\": 3}";
    HAS(short_text, "\"a\xC3\xA9\"");
    HAS(short_text, "\"\\n\\u00e9\\uD83D\\uDE00\"");
    HAS_NO(short_text, "\"a\"");
    HAS_NO(short_text, "\"abcd\"");
    HAS_NO("{\"type\": \"string\"}", "\"\\ud800\"");
    HAS("{\"type\": \"string\", \"pattern\": \"^a\\\\\\\"+$\"}", "\"a\\\"\\\"\"");
    HAS("{\"type\": \"string\", \"pattern\": \"b\"}", "\"abc\"");
    HAS_NO("{\"type\": \"string\", \"pattern\": \"b\"}", "\"ac\"");
    HAS("{\"type\": \"string\", \"pattern\": \"^(ab)*$\", \"maxLength\": 5, \"minLength\": 1}", "\"abab\"");
    HAS_NO("{\"type\": \"string\", \"pattern\": \"^(ab)*$\", \"maxLength\": 5}", "\"ababab\"");
    HAS("{\"type\": \"string\", \"format\": \"date\"}", "\"2024-12-31\"");
    HAS_NO("{\"type\": \"string\", \"format\": \"date\"}", "\"2024-02-30\"");
}

TEST(numbers__keep_to_their_bounds)
{
    const char *bounds = "{\"type\": \"number\", \"minimum\": -1.5, \"exclusiveMaximum\": 10}";
    static const char *const in[] = {"-1.5", "-1.4999", "-0.5", "0", "0.0", "9", "9.999999", "1.50"};
    static const char *const out[] = {"-1.51", "-2", "10", "10.0", "11", "-0", "100", "1e0"};
    for (int i = 0; i < 8; i++) {
        HAS(bounds, in[i]);
        HAS_NO(bounds, out[i]);
    }
    HAS("{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 345}", "-12");
    HAS("{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 345}", "345");
    HAS_NO("{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 345}", "346");
    HAS_NO("{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 345}", "-13");
    HAS_NO("{\"type\": \"integer\"}", "1.0");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 2, \"additionalProperties\": false}",
        "{\"a\":1,\"b\":2}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 2, \"additionalProperties\": false}",
        "{\"b\":2,\"c\":3}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 2, \"additionalProperties\": false}",
        "{\"a\":1,\"b\":2,\"c\":3}");
    HAS_NO("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": "
           "{\"const\": 3}}, \"required\": [\"b\"], \"minProperties\": 2, \"additionalProperties\": false}",
           "{\"b\":2}");
    HAS_NO("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": "
           "{\"const\": 3}}, \"required\": [\"b\"], \"minProperties\": 2, \"additionalProperties\": false}",
           "{\"a\":1,\"c\":3}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 3, \"additionalProperties\": {\"const\": 0}}",
        "{\"b\":2,\"x\":0,\"y\":0}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 3, \"additionalProperties\": {\"const\": 0}}",
        "{\"a\":1,\"b\":2,\"x\":0}");
    HAS_NO(
        "{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 3, \"additionalProperties\": {\"const\": 0}}",
        "{\"b\":2,\"x\":0}");
    HAS_NO(
        "{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"minProperties\": 3, \"additionalProperties\": {\"const\": 0}}",
        "{\"a\":1,\"b\":2}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"maxProperties\": 2, \"additionalProperties\": {\"const\": 0}}",
        "{\"b\":2}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"maxProperties\": 2, \"additionalProperties\": {\"const\": 0}}",
        "{\"b\":2,\"x\":0}");
    HAS("{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"maxProperties\": 2, \"additionalProperties\": {\"const\": 0}}",
        "{\"a\":1,\"b\":2}");
    HAS_NO(
        "{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"maxProperties\": 2, \"additionalProperties\": {\"const\": 0}}",
        "{\"a\":1,\"b\":2,\"c\":3}");
    HAS_NO(
        "{\"type\": \"object\", \"properties\": {\"a\": {\"const\": 1}, \"b\": {\"const\": 2}, \"c\": {\"const\": "
        "3}}, \"required\": [\"b\"], \"maxProperties\": 2, \"additionalProperties\": {\"const\": 0}}",
        "{\"a\":1,\"b\":2,\"x\":0}");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[5]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[1,5]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[1,2,5]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[5,5,5]");
    HAS_NO(
        "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[1,2,3]");
    HAS_NO(
        "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[1,2,3,5]");
    HAS_NO(
        "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"maxItems\": 3}",
        "[]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": 2, "
        "\"maxItems\": 3, \"minContains\": 2}",
        "[5,5]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": 2, "
        "\"maxItems\": 3, \"minContains\": 2}",
        "[5,1,5]");
    HAS_NO("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": "
           "2, \"maxItems\": 3, \"minContains\": 2}",
           "[5]");
    HAS_NO("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": "
           "2, \"maxItems\": 3, \"minContains\": 2}",
           "[5,1]");
    HAS_NO("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": "
           "2, \"maxItems\": 3, \"minContains\": 2}",
           "[5,5,1,1]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": 3}",
        "[1,5,1]");
    HAS("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": 3}",
        "[1,5,1,1,5]");
    HAS_NO(
        "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": 3}",
        "[1,5]");
    HAS_NO(
        "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"const\": 5}, \"minItems\": 3}",
        "[1,1,1]");
    HAS("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"string\"}], \"items\": {\"type\": \"integer\"}, "
        "\"contains\": {\"const\": 5}}",
        "[\"a\",5]");
    HAS("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"string\"}], \"items\": {\"type\": \"integer\"}, "
        "\"contains\": {\"const\": 5}}",
        "[\"a\",1,5,2]");
    HAS_NO("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"string\"}], \"items\": {\"type\": \"integer\"}, "
           "\"contains\": {\"const\": 5}}",
           "[\"a\"]");
    HAS_NO("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"string\"}], \"items\": {\"type\": \"integer\"}, "
           "\"contains\": {\"const\": 5}}",
           "[5]");
    HAS("{\"multipleOf\": 0.25, \"type\": \"number\"}", "9.75");
    HAS("{\"multipleOf\": 0.25, \"type\": \"number\"}", "12");
    HAS("{\"multipleOf\": 0.25, \"type\": \"number\"}", "-3.5");
    HAS("{\"multipleOf\": 0.25, \"type\": \"number\"}", "1.250");
    HAS_NO("{\"multipleOf\": 0.25, \"type\": \"number\"}", "0.005");
    HAS_NO("{\"multipleOf\": 0.25, \"type\": \"number\"}", "1.251");
    HAS_NO("{\"multipleOf\": 0.25, \"type\": \"number\"}", "-0");
    HAS_NO("{\"multipleOf\": 0.25, \"type\": \"number\"}", "1.");
    HAS("{\"multipleOf\": 0.125, \"minimum\": 0, \"maximum\": 10, \"type\": \"number\"}", "0.125");
    HAS("{\"multipleOf\": 0.125, \"minimum\": 0, \"maximum\": 10, \"type\": \"number\"}", "9.875");
    HAS("{\"multipleOf\": 0.125, \"minimum\": 0, \"maximum\": 10, \"type\": \"number\"}", "10");
    HAS_NO("{\"multipleOf\": 0.125, \"minimum\": 0, \"maximum\": 10, \"type\": \"number\"}", "9.99");
    HAS_NO("{\"multipleOf\": 0.125, \"minimum\": 0, \"maximum\": 10, \"type\": \"number\"}", "10.125");
    HAS("{\"multipleOf\": 2.5, \"type\": \"number\"}", "7.5");
    HAS("{\"multipleOf\": 2.5, \"type\": \"number\"}", "10");
    HAS("{\"multipleOf\": 2.5, \"type\": \"number\"}", "5.00");
    HAS_NO("{\"multipleOf\": 2.5, \"type\": \"number\"}", "7");
    HAS_NO("{\"multipleOf\": 2.5, \"type\": \"number\"}", "2.51");
    HAS("{\"multipleOf\": 7, \"minimum\": 20, \"type\": \"number\"}", "21");
    HAS_NO("{\"multipleOf\": 7, \"type\": \"number\"}", "22");
}

TEST(arrays__have_as_many_items_as_they_should)
{
    HAS("{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 2, \"items\": {\"type\": \"null\"}}", "[null, null]");
    HAS_NO("{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"null\"}}", "[]");
    HAS_NO("{\"type\": \"array\", \"maxItems\": 2}", "[1,2,3]");
    HAS("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"integer\"}], \"items\": false}", "[1]");
    HAS_NO("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"integer\"}], \"items\": false}", "[1,2]");
    HAS("{\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"enum\": [1, \"a\", null]}}", "[null,1]");
    HAS_NO("{\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"enum\": [1, \"a\", null]}}", "[1,1]");
}

TEST(schemas__combine)
{
    const char *tree =
        "{\"$ref\": \"#/$defs/node\", \"$defs\": {\"node\": {\"type\": \"object\", \"required\": [\"v\"], "
        "\"properties\": {\"v\": {\"type\": \"integer\"}, \"next\": {\"$ref\": \"#/$defs/node\"}}, "
        "\"additionalProperties\": false}}}";
    HAS(tree, "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3}}}");
    HAS_NO(tree, "{\"v\":1,\"next\":{\"next\":{\"v\":3}}}");
    HAS("{\"allOf\": [{\"minimum\": 3}, {\"maximum\": 5}], \"type\": \"integer\"}", "5");
    HAS_NO("{\"allOf\": [{\"minimum\": 3}, {\"maximum\": 5}], \"type\": \"integer\"}", "6");
    HAS("{\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\"}], \"maxLength\": 2}", "\"ab\"");
    HAS_NO("{\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\"}], \"maxLength\": 2}", "\"abc\"");
    HAS("{\"oneOf\": [{\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"], \"type\": \"object\"}, "
        "{\"properties\": {\"k\": {\"const\": 2}}, \"required\": [\"k\"], \"type\": \"object\"}]}",
        "{\"k\":2}");
    HAS("{\"enum\": [1, \"x\", {\"a\": [true]}], \"type\": [\"string\", \"object\"]}", "{\"a\":[true]}");
    HAS_NO("{\"enum\": [1, \"x\"], \"type\": \"string\"}", "1");
    HAS("true", "{\"any\": [\"thing\", 1.5]}");
    HAS("{\"not\": {\"type\": \"string\"}}", "1");
    HAS_NO("{\"not\": {\"type\": \"string\"}}", "\"\"");
}

TEST(schemas__have_cases)
{
    const char *kinds =
        "{\"type\": \"object\", \"properties\": {\"k\": {\"enum\": [\"a\", \"b\"]}, \"v\": {\"type\": "
        "[\"string\", \"integer\"]}}, \"required\": [\"k\", \"v\"], \"if\": {\"properties\": {\"k\": "
        "{\"const\": \"a\"}}}, \"then\": {\"properties\": {\"v\": {\"type\": \"integer\"}}}, \"else\": "
        "{\"properties\": {\"v\": {\"type\": \"string\"}}}}";
    HAS(kinds, "{\"k\":\"a\",\"v\":1}");
    HAS(kinds, "{\"k\":\"b\",\"v\":\"x\"}");
    HAS_NO(kinds, "{\"k\":\"a\",\"v\":\"x\"}");
    HAS_NO(kinds, "{\"k\":\"b\",\"v\":1}");
    const char *others = "{\"not\": {\"enum\": [\"a\", 1, true]}}";
    HAS(others, "\"ab\"");
    HAS(others, "1.5");
    HAS(others, "false");
    HAS(others, "[]");
    HAS_NO(others, "\"a\"");
    HAS_NO(others, "1");
    HAS_NO(others, "true");
    const char *one = "{\"oneOf\": [{\"type\": \"integer\"}, {\"minimum\": 2}]}";
    HAS(one, "1");
    HAS(one, "2.5");
    HAS(one, "\"x\"");
    HAS_NO(one, "3");
    HAS_NO(one, "1.5");
    const char *depends =
        "{\"type\": \"object\", \"properties\": {\"a\": {}, \"b\": {}}, \"dependentRequired\": {\"a\": "
        "[\"b\"]}, \"dependentSchemas\": {\"b\": {\"properties\": {\"b\": {\"type\": \"integer\"}}}}}";
    HAS(depends, "{}");
    HAS(depends, "{\"b\":1}");
    HAS(depends, "{\"a\":1,\"b\":2}");
    HAS_NO(depends, "{\"a\":1}");
    HAS_NO(depends, "{\"b\":\"x\"}");
    const char *two = "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"contains\": {\"minimum\": 5}, "
                      "\"maxContains\": 2}";
    HAS(two, "[1,6]");
    HAS(two, "[6,1,7]");
    HAS_NO(two, "[1]");
    HAS_NO(two, "[6,7,8]");
    HAS_NO(two, "[]");
    HAS("{\"not\": {\"items\": {\"type\": \"integer\"}}}", "[1,\"x\"]");
    HAS_NO("{\"not\": {\"items\": {\"type\": \"integer\"}}}", "[1,2]");
    const char *list =
        "{\"$ref\": \"#/$defs/list\", \"$defs\": {\"list\": {\"items\": {\"$dynamicRef\": \"#x\"}}, \"x\": "
        "{\"$dynamicAnchor\": \"x\", \"type\": \"integer\"}}}";
    HAS(list, "[1,2]");
    HAS_NO(list, "[\"a\"]");
    /* a schema that refers to itself through its cases has an end */
    HAS("{\"type\": [\"object\", \"null\"], \"properties\": {\"a\": {\"$ref\": \"#\"}}, \"if\": {\"required\": "
        "[\"a\"]}, "
        "\"then\": {\"properties\": {\"b\": {\"$ref\": \"#\"}}, \"required\": [\"b\"]}}",
        "{\"a\":{},\"b\":null}");
}

TEST(schemas__are_refused_with_a_path)
{
    REFUSED("{\"properties\": {\"a\": {\"pattern\": \"a(?=b)\"}}}",
            "#/properties/a/pattern: byte 2 of 'a(?=b)': lookaround");
    REFUSED("{\"items\": {\"oneOf\": [{\"pattern\": \"a\"}, {\"pattern\": \"b\"}]}}",
            "#/items/oneOf: alternatives 1 and 2");
    REFUSED("{\"$ref\": \"http://example.com/x.json\"}", "never fetched");
    REFUSED("{\"$ref\": \"#\"}", "refers to itself");
    REFUSED("{\"$ref\": \"#/$defs/x\", \"$defs\": {}}", "#/$ref");
    REFUSED("{\"if\": {\"pattern\": \"a\"}, \"then\": false}", "#/if");
    REFUSED("{\"not\": {\"multipleOf\": 3}}", "#/not: cannot be kept");
    REFUSED("{\"type\": \"array\", \"contains\": {\"const\": 1}, \"uniqueItems\": true}", "#/contains");
    REFUSED("{\"type\": \"array\", \"contains\": {\"const\": 1}, \"minItems\": 70000}",
            "#/contains: too many items");
    REFUSED("{\"multipleOf\": 0.0000001}", "#/multipleOf: only whole numbers and decimals such as 0.5");
    REFUSED("{\"multipleOf\": 0.01}", "#/multipleOf: only whole numbers and decimals such as 0.5");
    REFUSED("{\"$dynamicRef\": \"#a\", \"$defs\": {\"x\": {\"$dynamicAnchor\": \"a\"}, \"y\": {\"$dynamicAnchor\": "
            "\"a\"}}}",
            "#/$dynamicRef");
    REFUSED("{\"type\": \"strng\"}", "#/type: expected");
    REFUSED("{\"type\": \"integer\", \"minimum\": 5, \"maximum\": 4}", "allows no text at all");
    REFUSED("false", "allows no text at all");
    REFUSED("{\"type\": \"string\", \"minLength\": -1}", "#/minLength: expected an integer");
    REFUSED("{\"required\": [\"a\"], \"properties\": {\"a\": false}, \"type\": \"object\"}", "allows no text");
    REFUSED("{\"properties\": {\"next\": {\"$ref\": \"#\"}}, \"required\": [\"next\"], \"type\": \"object\"}",
            "never ends");
    REFUSED("{\"type\": \"array\", \"uniqueItems\": true}", "#/uniqueItems");
    REFUSED("[1]", "expected a schema");
    REFUSED("{\"type\": ", "the schema");
    REFUSED("{\"type\": \"string\", \"pattern\": \"^(a|b){3,2000000}$\"}", "#/pattern");
}

TEST(lenient_schemas__name_what_they_leave_out)
{
    const char *text = "{\"properties\": {\"a\": {\"type\": \"array\", \"uniqueItems\": true}}, \"if\": "
                       "{\"pattern\": \"a\"}, \"then\": {}}";
    const struct grammar_source source = {.kind = SCHEMA, .text = text, .size = strlen(text), .lenient = true};
    struct program *p = NULL;
    struct buf notes = {0};
    struct error err;
    ck_assert_int_eq(grammar_compile(&source, &p, &notes, &err), VIV_OK);
    ck_assert(strstr(buf_text(&notes), "#/properties/a/uniqueItems: not enforced"));
    ck_assert(strstr(buf_text(&notes), "#/if: not enforced"));
    buf_release(&notes);
    program_destroy(p);
}

TEST(keywords__that_demand_nothing_may_stand_beside_an_enum)
{
    HAS("{\"type\": \"string\", \"enum\": [\"sold\"], \"xml\": {\"name\": \"x\"}, \"example\": \"sold\", "
        "\"nullable\": "
        "false}",
        "\"sold\"");
    HAS_NO("{\"enum\": [\"sold\", 5], \"example\": \"sold\", \"type\": \"string\"}", "5");
    REFUSED("{\"enum\": [[1]], \"unevaluatedItems\": false}", "#/enum: ");
}

TEST(names__are_those_of_an_enum)
{
    const char *colors =
        "{\"type\": \"object\", \"propertyNames\": {\"$ref\": \"#/$defs/Color\"}, "
        "\"additionalProperties\": {\"type\": \"integer\"}, "
        "\"$defs\": {\"Color\": {\"type\": \"string\", \"enum\": [\"red\", \"\xC3\xA9\\\"\", 5]}}}";
    HAS(colors, "{\"red\": 1, \"\xC3\xA9\\\"\": 2}");
    HAS_NO(colors, "{\"green\": 1}");
    HAS_NO(colors, "{\"5\": 1}");
    HAS("{\"type\": \"object\", \"propertyNames\": {\"const\": \"a\"}}", "{\"a\": 1}");
    HAS_NO("{\"type\": \"object\", \"propertyNames\": {\"const\": \"a\", \"enum\": [\"b\"]}}", "{\"b\": 1}");
    HAS_NO("{\"type\": \"object\", \"propertyNames\": {\"enum\": []}}", "{\"b\": 1}");
    HAS("{\"type\": \"object\", \"propertyNames\": {\"enum\": []}}", "{}");
}

TEST(numbers__are_none_of_a_long_list)
{
    struct buf b = {0};
    buf_puts(&b, "{\"type\": \"integer\", \"not\": {\"enum\": [7");
    for (int i = 0; i < 300; i++)
        buf_printf(&b, ", %d", 2 * (299 - i));
    buf_puts(&b, "]}}");
    HAS(buf_text(&b), "1");
    HAS(buf_text(&b), "-1");
    HAS(buf_text(&b), "599");
    HAS_NO(buf_text(&b), "7");
    HAS_NO(buf_text(&b), "0");
    HAS_NO(buf_text(&b), "598");
    buf_release(&b);
    HAS("{\"type\": \"number\", \"not\": {\"enum\": [2.0, 1, 2]}}", "1.5");
    HAS_NO("{\"type\": \"number\", \"not\": {\"enum\": [2.0, 1, 2]}}", "2");
}

TEST(lists__may_have_many_first_items)
{
    struct buf schema = {0}, text = {0};
    buf_puts(&schema, "{\"type\": \"array\", \"prefixItems\": [{\"type\": \"integer\"}");
    buf_puts(&text, "[0");
    for (int i = 0; i < 49999; i++) {
        buf_puts(&schema, ", {\"type\": \"integer\"}");
        buf_puts(&text, i < 4999 ? ",1" : "");
    }
    buf_puts(&schema, "], \"items\": false}");
    buf_puts(&text, "]");
    HAS(buf_text(&schema), buf_text(&text));
    HAS_NO(buf_text(&schema), "[0,\"\"]");
    buf_release(&schema);
    buf_release(&text);
}

/* Nothing goes on behind the first byte of a character, or behind a backslash, where maxLength has no room for one.
 */
TEST(maxLength__lets_no_character_begin_that_is_one_too_many)
{
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    recogniser_state s;
    ck_assert_int_eq(compile(VIV_GRAMMAR_JSON_SCHEMA,
                             "{\"type\": \"string\", \"maxLength\": 2, \"pattern\": \"([A-Z]{1,2})\"}", &p, &err),
                     VIV_OK);
    ck_assert_int_eq(recogniser_create(p, NULL, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "\"A", 2, &err), VIV_OK);
    recogniser_state more = recogniser_copy(m, s);
    ck_assert_int_eq(recogniser_take_bytes(m, &more, "\xC3\xA9\"", 3, &err), VIV_OK);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "B", 1, &err), VIV_OK);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "\xC3", 1, &err), VIV_EINVAL);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "\\", 1, &err), VIV_EINVAL);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "\"", 1, &err), VIV_OK);
    recogniser_destroy(m);
    program_destroy(p);
}

TESTS(maxLength__lets_no_character_begin_that_is_one_too_many, objects__have_their_properties_in_order,
      strings__have_lengths_in_characters, numbers__keep_to_their_bounds, arrays__have_as_many_items_as_they_should,
      schemas__combine, schemas__have_cases, schemas__are_refused_with_a_path,
      lenient_schemas__name_what_they_leave_out, keywords__that_demand_nothing_may_stand_beside_an_enum,
      names__are_those_of_an_enum, numbers__are_none_of_a_long_list, lists__may_have_many_first_items)
