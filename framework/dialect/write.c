/* write.c - writes calls as a model of the dialect does, for examples and tests. */
#include "dialect/dialect.h"

#include "dialect/literal.h"

#include <stdlib.h>
#include <string.h>

/* Where it goes, and what stands at both ends of each marker; or NULL. */
struct written {
    struct buf *out;
    const char *mark;
};

static void put_marker(const struct written *w, const struct marker *m)
{
    if (m->n && w->mark)
        buf_printf(w->out, "%s%s%s", w->mark, m->texts[0], w->mark);
    else if (m->n)
        buf_puts(w->out, m->texts[0]);
}

/* As Python's json.dumps, which is what templates print. */
static void put_json(struct buf *out, const json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    if (text)
        buf_puts(out, text);
    else
        out->failed = true;
    free(text);
}

static void put_literal(const struct dialect *d, struct buf *out, json_t *v)
{
    const bool python = d->arguments_begin.texts[0][0] == '(';
    const char *key, *comma = python ? ", " : ",", *quote = d->value_quote.n ? d->value_quote.texts[0] : NULL;
    json_t *one;
    size_t i;
    bool first = true;
    if (json_is_array(v)) {
        buf_putc(out, '[');
        json_array_foreach(v, i, one)
        {
            buf_puts(out, i ? comma : "");
            put_literal(d, out, one);
        }
        buf_putc(out, ']');
    } else if (json_is_object(v)) {
        buf_putc(out, '{');
        json_object_foreach(v, key, one)
        {
            buf_puts(out, first ? "" : comma);
            first = false;
            if (python)
                literal_quote(key, strlen(key), out);
            else
                buf_puts(out, key);
            buf_puts(out, python ? ": " : ":");
            put_literal(d, out, one);
        }
        buf_putc(out, '}');
    } else if (json_is_string(v) && quote) {
        buf_puts(out, quote);
        buf_append(out, json_string_value(v), json_string_length(v));
        buf_puts(out, quote);
    } else if (python && (json_is_boolean(v) || json_is_null(v))) {
        buf_puts(out, json_is_null(v) ? "None" : json_is_true(v) ? "True" : "False");
    } else {
        put_json(out, v);
    }
}

static const char *type_of(const json_t *v)
{
    return json_is_number(v)    ? "number"
           : json_is_boolean(v) ? "boolean"
           : json_is_array(v)   ? "array"
           : json_is_null(v)    ? "null"
                                : "object";
}

/* Without quotes: where a flag says so, or the schema does not say that it may be something else. */
static bool is_raw(const struct dialect *d, const struct tool *tool, const char *key, const json_t *v)
{
    const json_t *listed = json_object_get(json_object_get(tool->parameters, "properties"), key);
    return json_is_string(v) && (d->types == TYPES_FLAG || !listed || dialect_is_text(tool, key, strlen(key)));
}

static void put_arguments(const struct dialect *d, const struct tool *tool, json_t *arguments,
                          const struct written *w)
{
    struct buf *out = w->out;
    const bool python = d->payload == PAYLOAD_LITERAL && d->arguments_begin.texts[0][0] == '(';
    const char *key;
    json_t *v;
    bool first = true;
    if (d->payload == PAYLOAD_LITERAL)
        buf_putc(out, python ? '(' : '{');
    json_object_foreach(arguments, key, v)
    {
        if (d->payload == PAYLOAD_LITERAL) {
            buf_printf(out, "%s%s%s", first ? "" : python ? ", " : ",", key, python ? "=" : ":");
            put_literal(d, out, v);
        } else {
            put_marker(w, &d->value_key);
            buf_puts(out, key);
            if (d->types == TYPES_FLAG) {
                put_marker(w, &d->value_flag);
                buf_puts(out, json_is_string(v) ? d->flag_text : d->flag_other ? d->flag_other : type_of(v));
            }
            put_marker(w, &d->value_begin);
            if (is_raw(d, tool, key, v))
                buf_append(out, json_string_value(v), json_string_length(v));
            else
                put_json(out, v);
            put_marker(w, &d->value_end);
        }
        first = false;
    }
    if (d->payload == PAYLOAD_LITERAL)
        buf_putc(out, python ? ')' : '}');
}

static void put_object(const struct dialect *d, const char *name, const char *id, json_t *arguments,
                       struct buf *out)
{
    if (d->name_is_key) {
        buf_printf(out, "{\"%s\": ", name);
        put_json(out, arguments);
        buf_putc(out, '}');
        return;
    }
    buf_putc(out, '{');
    if (d->id == ID_KEY_FIRST)
        buf_printf(out, "\"%s\": \"%s\", ", d->id_key, id);
    buf_printf(out, "\"%s\": \"%s\", \"%s\": ", d->name_keys[0], name, d->arguments_keys[0]);
    put_json(out, arguments);
    if (d->id == ID_KEY_LAST)
        buf_printf(out, ", \"%s\": \"%s\"", d->id_key, id);
    buf_putc(out, '}');
}

static viv_status write_call(const struct dialect *d, const struct tool *tool, const char *id, json_t *arguments,
                             size_t index, bool first, bool last, const struct written *w, struct error *err)
{
    struct buf *out = w->out;
    char number[24];
    if (d->id_pattern && strstr(d->id_pattern, "{index}")) { /* the pattern is around it already, or is it alone */
        snprintf(number, sizeof number, "%zu", index);
        id = number;
    }
    if (first)
        put_marker(w, &d->section_begin);
    else
        put_marker(w, &d->separator);
    put_marker(w, &d->call_begin);
    if (d->payload == PAYLOAD_JSON) {
        put_object(d, tool->name, id, arguments, out);
    } else {
        if (d->id == ID_BEFORE_NAME) {
            put_marker(w, &d->id_begin);
            buf_puts(out, id);
        }
        put_marker(w, &d->name_begin);
        buf_puts(out, tool->name);
        if (d->payload != PAYLOAD_LITERAL)
            put_marker(w, &d->name_end);
        if (d->id == ID_AFTER_NAME) {
            put_marker(w, &d->id_begin);
            buf_puts(out, id);
            put_marker(w, &d->id_end);
        }
        if (d->payload != PAYLOAD_LITERAL)
            put_marker(w, &d->arguments_begin);
        if (d->payload == PAYLOAD_NAME_JSON)
            put_json(out, arguments);
        else
            put_arguments(d, tool, arguments, w);
        if (d->payload != PAYLOAD_LITERAL)
            put_marker(w, &d->arguments_end);
    }
    put_marker(w, &d->call_end);
    if (last)
        put_marker(w, &d->section_end);
    return out->failed ? error_nomem(err) : VIV_OK;
}

viv_status dialect_write(const struct dialect *d, const struct tool *tool, const char *id, json_t *arguments,
                         size_t index, bool first, bool last, struct buf *out, struct error *err)
{
    const struct written w = {.out = out};
    return write_call(d, tool, id, arguments, index, first, last, &w, err);
}

/* --- calls in the content ------------------------------------------------------------------------------------- */

static viv_status write_calls(const struct dialect *d, json_t *calls, const struct written *w, struct error *err)
{
    json_t *call;
    size_t i;
    viv_status status = VIV_OK;
    json_array_foreach(calls, i, call)
    {
        json_t *f = json_object_get(call, "function"), *given = json_object_get(f, "arguments");
        const char *name = json_string_value(json_object_get(f, "name"));
        const char *id = json_string_value(json_object_get(call, "id"));
        json_t *arguments =
            json_is_string(given) ? json_loads(json_string_value(given), 0, NULL) : json_incref(given);
        const struct tool tool = {.name = name};
        if (!name || !json_is_object(arguments))
            status =
                error_set(err, VIV_EFORMAT, "tool_calls[%zu]: expected a function with a name and arguments", i);
        else
            status =
                write_call(d, &tool, id ? id : "", arguments, i, i == 0, i + 1 == json_array_size(calls), w, err);
        json_decref(arguments);
        if (status != VIV_OK)
            break;
    }
    return status;
}

viv_status dialect_put_calls(const struct dialect *d, json_t *messages, const char *mark, struct error *err)
{
    json_t *message;
    size_t i;
    viv_status status = VIV_OK;
    json_array_foreach(messages, i, message)
    {
        json_t *calls = json_object_get(message, "tool_calls"), *content = json_object_get(message, "content");
        struct buf text = {0};
        const struct written w = {&text, mark};
        if (status != VIV_OK || !json_array_size(calls))
            continue;
        if (json_is_string(content))
            buf_append(&text, json_string_value(content), json_string_length(content));
        status = write_calls(d, calls, &w, err);
        json_t *written = status == VIV_OK && !text.failed ? json_stringn(buf_text(&text), text.size) : NULL;
        if (written && json_is_array(content))
            written = json_array_append_new(content, json_pack("{s:s, s:o}", "type", "text", "text", written)) == 0
                          ? json_incref(content)
                          : NULL;
        if (status == VIV_OK && (!written || json_object_set_new(message, "content", written) != 0))
            status = error_nomem(err);
        if (status == VIV_OK)
            json_object_del(message, "tool_calls");
        buf_release(&text);
    }
    return status;
}
