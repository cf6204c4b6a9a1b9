/* Chat templates: the cases of Hugging Face's JavaScript library (shared data), those of Jinja itself (jinja.json,
 * by make/templates.py), and what must be refused. */
#include "testing.h"

#include "base/file.h"
#include "base/json.h"
#include "chat/chat.h"

static const struct tm july = {.tm_mday = 10, .tm_mon = 6, .tm_year = 125, .tm_wday = 4, .tm_yday = 190};

static unsigned check(const char *name, enum template_values values, json_t *template, json_t *data,
                      json_t *expected)
{
    const struct template_options options = {.name = name, .values = values, .now = &july};
    struct buf out = {0};
    struct error err = {0};
    viv_status status =
        jinja_render(&options, json_string_value(template), json_string_length(template), data, &out, &err);
    bool raises = json_is_null(expected);
    bool same = raises ? status != VIV_OK
                       : status == VIV_OK && out.size == json_string_length(expected) &&
                             memcmp(buf_text(&out), json_string_value(expected), out.size) == 0;
    if (!same)
        fprintf(stderr, "%s\n template %s\n expected %s\n found    %s\n", name, json_string_value(template),
                raises ? "an error" : json_string_value(expected), status == VIV_OK ? buf_text(&out) : err.text);
    buf_release(&out);
    return !same;
}

static void check_file(const char *path, enum template_values values, const char *template, const char *data,
                       const char *expected, const char *has_function, size_t at_least)
{
    json_t *cases, *c;
    struct error err;
    struct buf text = {0};
    size_t i, n = 0;
    unsigned wrong = 0;
    if (!path)
        return;
    ck_assert_int_eq(file_read(path, 1 << 24, &text, &err), VIV_OK);
    /* a NUL in a key is more than our JSON library holds: another control character stands for it on both sides */
    for (char *nul; (nul = strstr(text.data, "\\u0000"));)
        nul[5] = '1';
    ck_assert_msg(json_parse(path, text.data, text.size, &cases, &err) == VIV_OK, "%s", err.text);
    buf_release(&text);
    json_array_foreach(cases, i, c)
    {
        if (has_function && json_is_true(json_object_get(c, has_function)))
            continue;
        wrong += check(json_string_value(json_object_get(c, "name")), values, json_object_get(c, template),
                       json_object_get(c, data), json_object_get(c, expected));
        n++;
    }
    json_decref(cases);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_ge(n, at_least);
}

TEST(templates__render_as_the_javascript_library_does)
{
    check_file(shared_path("chat-templates/jinja-units.json"), TEMPLATE_JSON, "template", "context", "expected",
               "context_has_function", 157);
}
END_TEST

TEST(templates__of_published_models_render)
{
    check_file(shared_path("chat-templates/rendered.json"), TEMPLATE_JSON, "chat_template", "data", "target",
               "data_has_function", 27);
}
END_TEST

/* By Jinja itself, with the settings of transformers. */
TEST(templates__render_as_python_does)
{
    check_file(source_path("tests/golden/jinja.json"), TEMPLATE_PYTHON, "template", "data", "expected", NULL, 200);
}
END_TEST

static viv_status render_language(const json_t *template, json_t *data, struct buf *out, struct error *err)
{
    const struct template_options options = {.name = "t", .values = TEMPLATE_PYTHON, .now = &july};
    return jinja_render(&options, json_string_value(template), json_string_length(template), data, out, err);
}

/* [template, text], or [template, null, line]: it is refused, at that line if Jinja names one. */
static unsigned check_language(const json_t *one, json_t *data)
{
    const json_t *template = json_array_get(one, 0), *expected = json_array_get(one, 1),
                 *line = json_array_get(one, 2);
    struct buf out = {0};
    struct error err = {0};
    char place[32];
    const viv_status status = render_language(template, data, &out, &err);
    snprintf(place, sizeof place, "t:%d:", (int)json_integer_value(line));
    const bool same =
        json_is_string(expected)
            ? status == VIV_OK && out.size == json_string_length(expected) &&
                  memcmp(buf_text(&out), json_string_value(expected), out.size) == 0
            : status != VIV_OK && (!json_is_integer(line) || strncmp(err.text, place, strlen(place)) == 0);
    if (!same)
        fprintf(stderr, " template %s\n expected %s %s\n found    %s\n", json_string_value(template),
                json_is_string(expected) ? json_string_value(expected) : "an error at",
                json_is_integer(line) ? place : "", status == VIV_OK ? buf_text(&out) : err.text);
    buf_release(&out);
    return !same;
}

/* What Jinja's documents describe, by Jinja itself (jinja-language.json, by make/templates.py). */
TEST(templates__render_the_language_as_jinja_does)
{
    json_t *all, *one;
    struct error err;
    size_t i;
    unsigned wrong = 0;
    struct buf text = {0};
    ck_assert_int_eq(file_read(source_path("tests/golden/jinja-language.json"), 1 << 20, &text, &err), VIV_OK);
    ck_assert_int_eq(json_parse_data("jinja-language.json", text.data, text.size, &all, &err), VIV_OK);
    json_array_foreach(json_object_get(all, "cases"), i, one) wrong +=
        check_language(one, json_object_get(all, "data"));
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_ge(i, 900);
    buf_release(&text);
    json_decref(all);
}
END_TEST

/* The table of all filters, tests, globals, methods and statements: [kind, name, template, text], or null for the
 * text: then it is refused by name. */
TEST(templates__do_or_refuse_by_name_all_that_jinja_has)
{
    json_t *all, *row;
    struct error err;
    size_t i;
    ck_assert_int_eq(json_read(source_path("tests/golden/jinja-language.json"), 1 << 20, &all, &err), VIV_OK);
    json_array_foreach(json_object_get(all, "table"), i, row)
    {
        const json_t *template = json_array_get(row, 2);
        const char *name = json_string_value(json_array_get(row, 1)),
                   *expected = json_string_value(json_array_get(row, 3));
        struct buf out = {0};
        const viv_status status = render_language(template, json_object_get(all, "data"), &out, &err);
        if (expected)
            ck_assert_msg(status == VIV_OK && strcmp(buf_text(&out), expected) == 0, "%s: expected %s, found %s",
                          json_string_value(template), expected, status == VIV_OK ? buf_text(&out) : err.text);
        else
            ck_assert_msg(status != VIV_OK && strstr(err.text, name), "%s: expected an error with %s, found %s",
                          json_string_value(template), name, status == VIV_OK ? buf_text(&out) : err.text);
        buf_release(&out);
    }
    ck_assert_uint_ge(i, 200);
    json_decref(all);
}
END_TEST

/* A checkpoint's own template and tokenizer, against transformers' apply_chat_template. */
static void check_conversations(const char *path)
{
    const struct template_options how = {.values = TEMPLATE_PYTHON};
    struct checkpoint c;
    struct tokenizer *tokenizer;
    struct chat_template template;
    struct error err;
    json_t *cases, *one;
    size_t i;
    ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(tokenizer_open(&c, &tokenizer, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(chat_template_open(&c, tokenizer, NULL, NULL, false, &template, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(json_read(source_path("tests/golden/chat/conversations.json"), 1 << 20, &cases, &err), VIV_OK);
    ck_assert_uint_ge(json_array_size(cases), 3);
    json_array_foreach(cases, i, one)
    {
        struct buf text = {0};
        struct token_ids ids = {0};
        const json_t *expected = json_object_get(one, "ids");
        json_object_set_new(one, "add_generation_prompt", json_true());
        ck_assert_msg(chat_render(&template, &how, one, &text, &err) == VIV_OK, "%s", err.text);
        ck_assert_str_eq(buf_text(&text), json_string_value(json_object_get(one, "text")));
        ck_assert_int_eq(
            tokenizer_encode(tokenizer, buf_text(&text), text.size, TOKENIZER_PARSE_SPECIAL, &ids, &err), VIV_OK);
        ck_assert_uint_eq(ids.n, json_array_size(expected));
        for (size_t k = 0; k < ids.n; k++)
            ck_assert_int_eq(ids.ids[k], json_integer_value(json_array_get(expected, k)));
        token_ids_release(&ids);
        buf_release(&text);
    }
    json_decref(cases);
    chat_template_close(&template);
    tokenizer_destroy(tokenizer);
    checkpoint_close(&c);
}

TEST(templates__of_a_checkpoint_make_the_text_and_the_ids_that_transformers_makes)
{
    check_conversations(source_path("tests/golden/chat"));
    check_conversations(source_path("tests/golden/chat-gguf/model.gguf"));
}
END_TEST

static void put_files(const char *folder, json_t *files)
{
    struct error err;
    const char *name;
    json_t *content;
    json_object_foreach(files, name, content)
    {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        ck_assert(file_make_parents(path));
        char *text = json_is_string(content) ? strdup(json_string_value(content)) : json_dumps(content, 0);
        ck_assert(text && file_write(path, text, strlen(text), &err) == VIV_OK);
        free(text);
    }
}

static void remove_files(const char *folder, json_t *files)
{
    char path[4096];
    const char *name;
    json_t *content;
    json_object_foreach(files, name, content)
    {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        remove(path);
    }
    snprintf(path, sizeof path, "%s/additional_chat_templates", folder);
    remove(path);
    ck_assert_int_eq(remove(folder), 0);
}

/* The files of a checkpoint and messages: what transformers makes of them (chat-places.json, by make/places.py). */
TEST(templates__lie_where_transformers_looks_and_get_what_it_gives_them)
{
    static const struct template_options how = {.values = TEMPLATE_PYTHON};
    json_t *cases, *one;
    struct error err;
    size_t i;
    ck_assert_int_eq(json_read(source_path("tests/golden/chat-places.json"), 1 << 20, &cases, &err), VIV_OK);
    json_array_foreach(cases, i, one)
    {
        char folder[] = "/tmp/viv-templates-XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(folder));
        put_files(folder, json_object_get(one, "files"));
        const struct format files = {.names = "hf"};
        const struct checkpoint c = {.path = folder, .format = &files};
        const char *name = json_string_value(json_object_get(one, "name")),
                   *expected = json_string_value(json_object_get(one, "expected"));
        const bool has_tools = json_is_array(json_object_get(one, "tools"));
        struct chat_template template = {0};
        struct buf text = {0};
        json_t *data = json_copy(one);
        json_object_update(data, json_object_get(one, "kwargs"));
        json_object_set_new(data, "add_generation_prompt", json_true());
        viv_status status = chat_template_open(&c, NULL, NULL, name, has_tools, &template, &err);
        if (status == VIV_OK)
            status = chat_render(&template, &how, data, &text, &err);
        if (expected)
            ck_assert_msg(status == VIV_OK && strcmp(buf_text(&text), expected) == 0,
                          "place %zu: expected %s, found %s", i, expected,
                          status == VIV_OK ? buf_text(&text) : err.text);
        else
            ck_assert_msg(status != VIV_OK, "place %zu: expected an error, found %s", i, buf_text(&text));
        remove_files(folder, json_object_get(one, "files"));
        chat_template_close(&template);
        buf_release(&text);
        json_decref(data);
    }
    ck_assert_uint_ge(i, 30);
    json_decref(cases);
}
END_TEST

static void refuse(const char *template, const char *sentence)
{
    const struct template_options options = {.name = "t"};
    struct buf out = {0};
    struct error err = {0};
    json_t *data = json_pack("{s:s, s:[i,i]}", "text", "abc", "list", 1, 2);
    viv_status status = jinja_render(&options, template, strlen(template), data, &out, &err);
    ck_assert_msg(status != VIV_OK, "%s gives %s", template, buf_text(&out));
    ck_assert_msg(strstr(err.text, sentence), "%s: expected %s, found %s", template, sentence, err.text);
    ck_assert_uint_eq(out.size, 0);
    json_decref(data);
    buf_release(&out);
}

TEST(templates__refuse_with_the_line_and_a_reason)
{
    refuse("a\n{{ x", "t:2: a tag without its closing '}}'");
    refuse("{% if %}", "t:1: expected a value, found '%}'");
    refuse("{% for x in list %}", "t:1: expected endfor, and the template ends");
    refuse("{{ text | nope }}", "t:1: there is no filter 'nope'");
    refuse("{{ text is nope }}", "t:1: there is no test 'nope'");
    refuse("{% include 'x' %}", "t:1: the statement 'include' is not supported");
    refuse("{% nope %}", "t:1: there is no statement 'nope'");
    refuse("{% if text %}\n{{ text | random }}{% endif %}", "t:2: 'random' is not supported: a prompt must be");
    refuse("{{ text | center(7, 'x') }}", "center takes at most 1 arguments, found 2");
    refuse("{{ text.find() }}", "find: the argument 'sub' is missing");
    refuse("{{ text | center(widht=7) }}", "center has no argument called 'widht'");
    refuse("{{ 9 ** 9 ** 9 }}{{ 9 ** 999999999 }}", "an integer of more than 65536 bits");
    refuse("{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}", "bits");
    refuse("{{ 10 ** 5000 }}", "an integer of 5001 digits has no text, at most 4300");
    refuse("{{ '%999999999d' % 1 }}", "a field of");
    refuse("{{ '{:999999999}'.format(1) }}", "is no format");
    refuse("{{ 'x'.ljust(999999999) }}", "characters");
    refuse("\n\n{{ gone.away }}", "t:3: 'gone' is undefined, and has no 'away'");
    refuse("{{ text + 1 }}", "`+` cannot be done with a text and an integer");
    refuse("{{ raise_exception('no ' ~ text) }}", "t:1: no abc");
    refuse("{{ list.append(3) }}", "a template cannot change a list");
    refuse("{{ 1 / 0 }}", "division by zero");
    refuse("{{ range(10000000) | length }}", "a range of 10000000 numbers");
    refuse("{{ 'ab' * 999999999999 }}", "repeated");
    refuse("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "the template");
    refuse("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deep");
    refuse("{% break %}", "break outside of a loop");
    refuse("{{ ().__class__ }}{{ ''.__class__.__mro__ }}", "undefined");
    refuse("{{ '\xff' }}", "not UTF-8");
    char deep[4096] = "{{ ";
    memset(deep + 3, '(', 3000);
    strcat(deep, "1 }}");
    refuse(deep, "deep");
}
END_TEST

TESTS(templates__refuse_with_the_line_and_a_reason, templates__render_as_python_does,
      templates__render_as_the_javascript_library_does, templates__of_published_models_render,
      templates__of_a_checkpoint_make_the_text_and_the_ids_that_transformers_makes,
      templates__render_the_language_as_jinja_does, templates__do_or_refuse_by_name_all_that_jinja_has,
      templates__lie_where_transformers_looks_and_get_what_it_gives_them)
