/* grammar.c - a dialect and tools as a Lark grammar of answers.
 *
 *   start: think? calls                  calls are required
 *        | think? text calls?            auto: text without the marker that begins calls
 *                                        text: CONTENT.begin? text CONTENT.end?, where these are special tokens
 *   calls: SECTION.begin call (SEPARATOR call)* SECTION.end
 *   call:  CALL.begin body
 *   body:  call_0 | call_1 | ...         one for each tool, with its JSON Schema by %json where values are JSON */
#include "dialect/dialect.h"

#include "dialect/lark_text.h"
#include "dialect/literal.h"
#include "grammar/grammar.h"
#include "grammar/program.h"
#include "grammar/sources.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

struct writer {
    const struct dialect *d;
    const struct dialect_asked *asked;
    struct buf *out;
    struct buf rules; /* that the rule being written refers to */
    size_t n_rules;
    const struct tool *tool;
    size_t number; /* of the tool */
    bool has_value_text, has_quote_text;
    viv_status status;
    struct error *err;
};

static void put_text(struct buf *out, const char *s)
{
    lark_put_literal(out, s, strlen(s));
}

/* The longest special token that a text begins with; NULL: none. */
static const struct dialect_token *token_at(const struct dialect_asked *a, const char *s)
{
    const struct dialect_token *found = NULL;
    for (size_t i = 0; i < a->n_tokens; i++) {
        const size_t n = strlen(a->tokens[i].text);
        if (strncmp(s, a->tokens[i].text, n) == 0 && (!found || n > strlen(found->text)))
            found = &a->tokens[i];
    }
    return found;
}

/* <NAME>, or <[ID]> where the name has no such brackets. */
static void put_token(struct buf *out, const struct dialect_token *token)
{
    const char *name = token->text;
    const size_t n = strcspn(name, ">\n");
    if (name[0] == '<' && name[1] != '[' && name[n] == '>' && !name[n + 1] && n < MAX_TOKEN_NAME)
        buf_printf(out, " %s ", name);
    else
        buf_printf(out, " <[%" PRId32 "]> ", token->id);
}

/* The text of a marker, in which special tokens are these tokens. */
static void put_tokens(const struct writer *w, struct buf *out, const char *s)
{
    while (*s) {
        size_t n = 0;
        const struct dialect_token *token = NULL;
        while (s[n] && !(token = token_at(w->asked, s + n)))
            n++;
        if (n)
            lark_put_literal(out, s, n);
        if (token && !token->ends)
            put_token(out, token);
        s += n + (token ? strlen(token->text) : 0);
    }
}

static void put_marker(const struct writer *w, struct buf *out, const struct marker *m)
{
    if (m->n)
        put_tokens(w, out, m->texts[0]);
}

/* Any text of a marker: those that begin calls or content differ by what stands before. */
static void put_any(const struct writer *w, struct buf *out, const struct marker *m)
{
    for (uint32_t i = 0; i < m->n; i++) {
        buf_puts(out, i ? " | " : " (");
        put_tokens(w, out, m->texts[i]);
    }
    if (m->n)
        buf_puts(out, ") ");
}

static void fail(struct writer *w, const char *sentence, const char *what)
{
    if (w->status == VIV_OK)
        w->status = error_set(w->err, VIV_EINVAL, "tools[%zu] \"%s\": %s '%.100s'", w->number, w->tool->name,
                              sentence, what);
}

/* --- values -----------------------------------------------------------------------------------------------------
 */

static void put_json(struct writer *w, struct buf *out, json_t *schema)
{
    char *text = json_dumps(schema, JSON_COMPACT);
    if (text)
        buf_printf(out, " %%json %s ", text);
    else
        out->failed = true;
    free(text);
    if (out->failed && w->status == VIV_OK)
        w->status = error_nomem(w->err);
}

/* The schema of a part, with the definitions that it may refer to. */
static void put_part(struct writer *w, struct buf *out, json_t *schema)
{
    static const char *const keys[] = {"$defs", "definitions"};
    json_t *copy = json_is_object(schema) ? json_copy(schema) : json_object();
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(w->tool->parameters, keys[i]) && !json_object_get(copy, keys[i]))
            json_object_set(copy, keys[i], json_object_get(w->tool->parameters, keys[i]));
    put_json(w, out, copy);
    json_decref(copy);
}

static bool is_type(json_t *schema, const char *type)
{
    const char *t = json_string_value(json_object_get(schema, "type"));
    return t && strcmp(t, type) == 0;
}

/* Whether, of all keys that say something of a text, a boolean or an array, a schema has none but these, and its
 * type.
 */
static bool has_only(json_t *schema, const char *const *keys, size_t n)
{
    static const char *const telling[] = {"$ref",
                                          "$dynamicRef",
                                          "$recursiveRef",
                                          "allOf",
                                          "anyOf",
                                          "oneOf",
                                          "not",
                                          "if",
                                          "enum",
                                          "const",
                                          "minLength",
                                          "maxLength",
                                          "pattern",
                                          "format",
                                          "minItems",
                                          "maxItems",
                                          "items",
                                          "prefixItems",
                                          "contains",
                                          "uniqueItems",
                                          "unevaluatedItems",
                                          "additionalItems",
                                          "patternProperties",
                                          "minProperties",
                                          "maxProperties",
                                          "propertyNames",
                                          "unevaluatedProperties",
                                          "dependencies",
                                          "dependentRequired",
                                          "dependentSchemas"};
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
        bool known = !json_object_get(schema, telling[i]);
        for (size_t k = 0; k < n; k++)
            known = known || strcmp(telling[i], keys[k]) == 0;
        if (!known)
            return false;
    }
    return true;
}

/* The texts that a schema lists. False: it lists none. */
static bool put_enum(const struct writer *w, struct buf *out, json_t *schema, const char *quote)
{
    json_t *values = json_object_get(schema, "enum"), *one = json_object_get(schema, "const");
    size_t i, n = 0;
    if (json_is_string(one)) {
        buf_printf(out, " ");
        put_tokens(w, out, quote);
        put_text(out, json_string_value(one));
        put_tokens(w, out, quote);
        return true;
    }
    json_array_foreach(values, i, one)
    {
        if (!json_is_string(one))
            continue;
        buf_puts(out, n++ ? "|" : " (");
        put_tokens(w, out, quote);
        put_text(out, json_string_value(one));
        put_tokens(w, out, quote);
    }
    if (n)
        buf_puts(out, ") ");
    return n > 0;
}

/* A text that is not quoted: what a schema says of its length or form is not kept. */
static void refuse_bounds(struct writer *w, json_t *schema, const char *key)
{
    static const char *const kept[] = {"enum", "const"};
    if (w->tool->strict && !has_only(schema, kept, 2))
        fail(w,
             "this model writes texts without quotes, and their length or form cannot be kept: make it not strict, "
             "or leave that out of the schema of",
             key);
}

static void put_raw(struct writer *w, struct buf *out, json_t *schema, const char *key)
{
    refuse_bounds(w, schema, key);
    if (put_enum(w, out, schema, ""))
        return;
    w->has_value_text = true;
    buf_puts(out, " value_0 ");
}

static bool is_required(const json_t *schema, const char *key)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), key) == 0)
            return true;
    }
    return false;
}

static void put_literals(struct writer *w, struct buf *out, json_t *schema, int depth);

/* Whether the keys of an object are listed, and no others may come. Gemma writes them without quotes. */
static bool is_listed(const struct writer *w, json_t *schema)
{
    const bool python = w->d->arguments_begin.texts[0][0] == '(';
    json_t *properties = json_object_get(schema, "properties"), *one;
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    size_t i;
    bool ok = is_type(schema, "object") && has_only(schema, NULL, 0) && json_object_size(properties) > 0 &&
              (!others || json_is_false(others));
    json_array_foreach(json_object_get(schema, "required"), i, one) ok =
        ok && json_is_string(one) && json_object_get(properties, json_string_value(one));
    json_object_foreach(properties, key, one) ok =
        ok && (python || (tool_name_valid(key, strlen(key)) && !strpbrk(key, ":/")));
    return ok;
}

/* A value as Python or Gemma write it. */
static void put_value(struct writer *w, struct buf *out, json_t *schema, const char *key, int depth)
{
    static const char *const array_keys[] = {"items", "minItems", "maxItems"};
    const struct marker *quote = &w->d->value_quote;
    const bool python = w->d->arguments_begin.texts[0][0] == '(';
    if (is_type(schema, "boolean") && has_only(schema, NULL, 0)) {
        buf_puts(out, python ? " (\"True\" | \"False\") " : " (\"true\" | \"false\") ");
    } else if (is_type(schema, "null")) {
        buf_puts(out, python ? " \"None\" " : " \"null\" ");
    } else if (is_type(schema, "string") && quote->n) {
        refuse_bounds(w, schema, key);
        if (put_enum(w, out, schema, quote->texts[0]))
            return;
        w->has_quote_text = true;
        put_marker(w, out, quote);
        buf_puts(out, "quoted_0");
        put_marker(w, out, quote);
    } else if (is_type(schema, "array") && depth < MAX_DEPTH && has_only(schema, array_keys, 3) &&
               json_is_object(json_object_get(schema, "items"))) {
        struct buf item = {0};
        const json_int_t min = json_integer_value(json_object_get(schema, "minItems"));
        const json_t *most = json_object_get(schema, "maxItems");
        const size_t rule = w->n_rules++;
        put_value(w, &item, json_object_get(schema, "items"), key, depth + 1);
        buf_printf(&w->rules, "item_%zu:%s\n", rule, buf_text(&item));
        buf_release(&item);
        const char *comma = python ? ", " : ",";
        if (most && json_integer_value(most) < 1) {
            buf_puts(out, " \"[]\" ");
            return;
        }
        buf_printf(out, " \"[\" %sitem_%zu (\"%s\" item_%zu){%" JSON_INTEGER_FORMAT ",", min > 0 ? "" : "(", rule,
                   comma, rule, min > 1 ? min - 1 : 0);
        if (most)
            buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(most) - 1);
        buf_printf(out, "}%s \"]\" ", min > 0 ? "" : ")?");
    } else if (depth < MAX_DEPTH && is_listed(w, schema)) {
        put_literals(w, out, schema, depth + 1);
    } else {
        put_part(w, out, schema);
    }
}

static void check_key(struct writer *w, const char *key)
{
    const struct dialect *d = w->d;
    const struct marker *end = d->types == TYPES_FLAG ? &d->value_flag : &d->value_begin;
    const size_t n = strlen(key);
    bool wrong = !n || key[0] <= ' ' || key[n - 1] <= ' ';
    for (uint32_t i = 0; d->payload == PAYLOAD_TAGGED && i < end->n; i++)
        wrong = wrong || strstr(key, end->cores[i]);
    if (d->payload == PAYLOAD_LITERAL)
        wrong = wrong || !literal_is_key(key);
    if (wrong)
        fail(w, "this model cannot write the name of the argument", key);
}

/* {VALUE.key key VALUE.begin value VALUE.end} */
static void put_tagged(struct writer *w, struct buf *out)
{
    const struct dialect *d = w->d;
    const char *key;
    json_t *schema;
    json_object_foreach(json_object_get(w->tool->parameters, "properties"), key, schema)
    {
        const bool text = dialect_is_text(w->tool, key, strlen(key));
        check_key(w, key);
        buf_puts(out, " (");
        put_marker(w, out, &d->value_key);
        put_text(out, key);
        if (d->types == TYPES_FLAG) {
            const char *type = json_string_value(json_object_get(schema, "type"));
            type = d->flag_other                  ? d->flag_other
                   : !type                        ? "object"
                   : strcmp(type, "integer") == 0 ? "number"
                                                  : type;
            put_marker(w, out, &d->value_flag);
            put_text(out, text ? d->flag_text : type);
        }
        put_marker(w, out, &d->value_begin);
        if (text)
            put_raw(w, out, schema, key);
        else
            put_part(w, out, schema);
        put_marker(w, out, &d->value_end);
        buf_puts(out, is_required(w->tool->parameters, key) ? ") " : ")? ");
    }
}

/* key=value, ..., inside of values "key": value, ...: rule first_K_I, where nothing was written yet, and then_K_I.
 */
static void put_literals(struct writer *w, struct buf *out, json_t *schema, int depth)
{
    const bool python = w->d->arguments_begin.texts[0][0] == '(', brackets = python && depth == 0;
    const char *key, *comma = python ? ", " : ",", *between = brackets ? "=" : python ? ": " : ":";
    const size_t id = w->n_rules++;
    size_t i = 0;
    json_t *value;
    json_object_foreach(json_object_get(schema, "properties"), key, value)
    {
        struct buf item = {0}, name = {0};
        if (depth == 0)
            check_key(w, key);
        if (!python || brackets ? !buf_puts(&name, key) : !literal_quote(key, strlen(key), &name))
            item.failed = true;
        put_text(&item, buf_text(&name));
        buf_printf(&item, "\"%s\"", between);
        put_value(w, &item, value, key, depth);
        for (int later = 0; later < 2; later++) {
            const char *rule = later ? "then" : "first";
            buf_printf(&w->rules, "%s_%zu_%zu: ", rule, id, i);
            if (later)
                put_text(&w->rules, comma);
            buf_printf(&w->rules, "%s then_%zu_%zu", buf_text(&item), id, i + 1);
            if (!is_required(schema, key))
                buf_printf(&w->rules, " | %s_%zu_%zu", rule, id, i + 1);
            buf_putc(&w->rules, '\n');
        }
        w->rules.failed |= item.failed;
        buf_release(&item);
        buf_release(&name);
        i++;
    }
    buf_printf(&w->rules, "first_%zu_%zu: \"\"\nthen_%zu_%zu: \"\"\n", id, i, id, i);
    put_text(out, brackets ? "(" : "{");
    buf_printf(out, "first_%zu_0", id);
    if (!i) /* no rule then refers to it */
        buf_printf(out, " then_%zu_0", id);
    put_text(out, brackets ? ")" : "}");
}

/* --- calls ------------------------------------------------------------------------------------------------------
 */

/* Arguments that are not listed are not offered, unless the schema says something of them. */
static json_t *closed(json_t *parameters)
{
    json_t *copy = parameters ? json_copy(parameters) : json_object();
    static const char *const open[] = {
        "additionalProperties", "patternProperties", "$ref", "allOf", "anyOf", "oneOf", "unevaluatedProperties"};
    bool has = false;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        has = has || json_object_get(copy, open[i]);
    if (!json_object_get(copy, "type"))
        json_object_set_new(copy, "type", json_string("object"));
    if (!has)
        json_object_set_new(copy, "additionalProperties", json_false());
    return copy;
}

static void put_object(struct writer *w, struct buf *out)
{
    json_t *schema = closed(w->tool->parameters);
    put_json(w, out, schema);
    json_decref(schema);
}

static void put_id(struct writer *w, struct buf *out)
{
    const struct dialect *d = w->d;
    if (d->id_pattern && strstr(d->id_pattern, "{index}"))
        buf_puts(out, " /[0-9]{1,3}/ ");
    else if (d->id_length)
        buf_printf(out, " /[a-zA-Z0-9]{%" PRId64 "}/ ", d->id_length);
    else
        buf_puts(out, " /[a-zA-Z0-9_-]{1,40}/ ");
}

static void put_json_call(struct writer *w, struct buf *out)
{
    const struct dialect *d = w->d;
    if (d->name_is_key) {
        buf_printf(out, " \"{\\\"%s\\\": \" ", w->tool->name);
        put_object(w, out);
    } else {
        buf_puts(out, " \"{");
        if (d->id == ID_KEY_FIRST) {
            buf_printf(out, "\\\"%s\\\": \\\"\" ", d->id_key);
            put_id(w, out);
            buf_puts(out, " \"\\\", ");
        }
        buf_printf(out, "\\\"%s\\\": \\\"%s\\\", \\\"%s\\\": \" ", d->name_keys[0], w->tool->name,
                   d->arguments_keys[0]);
        put_object(w, out);
        if (d->id == ID_KEY_LAST) {
            buf_printf(out, " \", \\\"%s\\\": \\\"\" ", d->id_key);
            put_id(w, out);
            buf_puts(out, " \"\\\"\" ");
        }
    }
    buf_puts(out, " \"}\" ");
    put_marker(w, out, &d->call_end);
}

/* The name stands where it is found again. */
static void check_name(struct writer *w)
{
    const struct marker *m = &w->d->name_stop;
    for (uint32_t k = 0; k < m->n; k++)
        if (strstr(w->tool->name, m->cores[k]))
            fail(w, "this model cannot write the name of the tool, because what follows names begins with",
                 m->cores[k]);
}

static void put_named_call(struct writer *w, struct buf *out)
{
    const struct dialect *d = w->d;
    check_name(w);
    if (d->id == ID_BEFORE_NAME) {
        put_marker(w, out, &d->id_begin);
        put_id(w, out);
    }
    put_marker(w, out, &d->name_begin);
    put_text(out, w->tool->name);
    if (d->payload != PAYLOAD_LITERAL)
        put_marker(w, out, &d->name_end);
    if (d->id == ID_AFTER_NAME) {
        put_marker(w, out, &d->id_begin);
        put_id(w, out);
        put_marker(w, out, &d->id_end);
    }
    if (d->payload == PAYLOAD_LITERAL) {
        put_literals(w, out, w->tool->parameters, 0);
    } else {
        put_marker(w, out, &d->arguments_begin);
        if (d->payload == PAYLOAD_TAGGED)
            put_tagged(w, out);
        else
            put_object(w, out);
        put_marker(w, out, &d->arguments_end);
    }
    put_marker(w, out, &d->call_end);
}

/* Compiles the schema alone: its errors have the tool's name and the path. */
static void check_schema(struct writer *w)
{
    struct program *program = NULL;
    json_t *schema = closed(w->tool->parameters);
    char *text = json_dumps(schema, JSON_COMPACT), name[MAX_TOOL_NAME + 32];
    json_decref(schema);
    if (!text) {
        w->status = w->status == VIV_OK ? error_nomem(w->err) : w->status;
        return;
    }
    snprintf(name, sizeof name, "tools[%zu] \"%s\"", w->number, w->tool->name);
    const struct grammar_source source = {
        .kind = VIV_GRAMMAR_JSON_SCHEMA, .name = name, .text = text, .size = strlen(text)};
    if (w->status == VIV_OK)
        w->status = grammar_compile(&source, &program, NULL, w->err);
    program_destroy(program);
    free(text);
}

static void put_calls(struct writer *w)
{
    const struct dialect *d = w->d;
    const struct dialect_asked *a = w->asked;
    struct buf list = {0};
    for (size_t i = 0; w->status == VIV_OK && i < a->tools->n; i++) {
        struct buf call = {0};
        if (a->choice == TOOLS_ONE && i != a->one)
            continue;
        w->tool = &a->tools->v[i];
        w->number = i;
        check_schema(w);
        if (w->status != VIV_OK)
            break;
        if (d->payload == PAYLOAD_JSON)
            put_json_call(w, &call);
        else
            put_named_call(w, &call);
        buf_printf(w->out, "call_%zu:%s\n", i, buf_text(&call));
        buf_append(w->out, buf_text(&w->rules), w->rules.size);
        buf_clear(&w->rules);
        buf_printf(&list, "%scall_%zu", list.size ? " | " : "", i);
        w->out->failed |= call.failed;
        buf_release(&call);
    }
    buf_puts(w->out, "call:");
    put_any(w, w->out, &d->call_begin);
    buf_printf(w->out, "body\nbody: %s\n", buf_text(&list));
    w->out->failed |= list.failed || w->rules.failed;
    buf_release(&list);
    if (w->has_value_text)
        w->out->failed |= !lark_put_without(w->out, "value", d->value_end.cores, d->value_end.n);
    if (w->has_quote_text)
        w->out->failed |= !lark_put_without(w->out, "quoted", d->value_quote.cores, d->value_quote.n);
}

/* --- answers ----------------------------------------------------------------------------------------------------
 */

static bool opened_by(const struct writer *w, const struct marker *m)
{
    for (uint32_t i = 0; w->asked->opened && *w->asked->opened && i < m->n; i++)
        if (strcmp(m->cores[i], w->asked->opened) == 0)
            return true;
    return false;
}

static bool reasons(const struct writer *w)
{
    return w->d->reasoning_begin.n && (!w->asked->plain || opened_by(w, &w->d->reasoning_begin));
}

/* A marker that the prompt has written is not written again. */
static void put_first(struct writer *w, const struct marker *m)
{
    if (opened_by(w, m))
        buf_puts(w->out, " \"\" ");
    else
        put_any(w, w->out, m);
}

static void put_think(struct writer *w)
{
    const struct dialect *d = w->d;
    if (!reasons(w))
        return;
    buf_puts(w->out, "think:");
    put_first(w, &d->reasoning_begin);
    buf_puts(w->out, "thought_0");
    put_marker(w, w->out, &d->reasoning_end);
    buf_puts(w->out, opened_by(w, &d->reasoning_begin) ? " /\\n{0,2}/\n" : " /\\n{0,2}/ | \"\"\n");
    w->out->failed |= !lark_put_without(w->out, "thought", d->reasoning_end.cores, d->reasoning_end.n);
}

/* Text, whose markers are optional, and calls. */
static void put_content(struct writer *w)
{
    const struct dialect *d = w->d;
    if (d->content_begin.n && w->asked->n_tokens) {
        put_any(w, w->out, &d->content_begin);
        buf_puts(w->out, "? text_0 ");
        if (d->content_end.n) {
            put_any(w, w->out, &d->content_end);
            buf_puts(w->out, "? ");
        }
    } else {
        buf_puts(w->out, " text_0 ");
    }
    buf_puts(w->out, "calls?\n");
}

static void put_start(struct writer *w)
{
    const struct dialect *d = w->d;
    const bool many = d->parallel && !w->asked->single && w->asked->choice != TOOLS_ONE;
    buf_printf(w->out, "start:%s", reasons(w) ? " think" : "");
    if (w->asked->choice == TOOLS_AUTO) {
        if (d->at_start)
            buf_puts(w->out, " (calls | \"\" | /[^\\s\\{\\[]/ /(?s:.*)/)\n");
        else
            put_content(w);
        if (!d->at_start)
            w->out->failed |= !lark_put_without(w->out, "text", dialect_trigger(d)->cores, dialect_trigger(d)->n);
    } else {
        buf_puts(w->out, " calls\n");
    }
    buf_puts(w->out, "calls:");
    put_first(w, &d->section_begin);
    buf_puts(w->out, !d->section_begin.n && opened_by(w, &d->call_begin) ? " body " : " call ");
    if (many) {
        buf_puts(w->out, "(");
        put_marker(w, w->out, &d->separator);
        buf_puts(w->out, " call)* ");
    }
    put_marker(w, w->out, &d->section_end);
    buf_putc(w->out, '\n');
}

viv_status dialect_grammar(const struct dialect *d, const struct dialect_asked *asked, struct buf *out,
                           struct error *err)
{
    struct writer w = {.d = d, .asked = asked, .out = out, .err = err};
    if (!asked->tools->n)
        return error_set(err, VIV_EINVAL, "a call is asked for, and there are no tools");
    json_notice_memory();
    put_calls(&w);
    if (w.status == VIV_OK)
        put_start(&w);
    if (w.status == VIV_OK)
        put_think(&w);
    buf_release(&w.rules);
    if (w.status == VIV_OK && (out->failed || json_lost_something()))
        w.status = error_nomem(err);
    return w.status;
}
