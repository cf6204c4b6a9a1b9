/* write.c - writes calls as a model of the dialect does, for examples and tests. */
#include "dialect/dialect.h"

#include "dialect/literal.h"

#include <stdlib.h>
#include <string.h>

static void put_marker(struct buf *out, const struct marker *m)
{
    if (m->n)
        buf_puts(out, m->texts[0]);
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

static void put_arguments(const struct dialect *d, json_t *arguments, struct buf *out)
{
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
            put_marker(out, &d->value_key);
            buf_puts(out, key);
            if (d->types == TYPES_FLAG) {
                put_marker(out, &d->value_flag);
                buf_puts(out, json_is_string(v) ? d->flag_text : d->flag_other ? d->flag_other : type_of(v));
            }
            put_marker(out, &d->value_begin);
            if (json_is_string(v))
                buf_append(out, json_string_value(v), json_string_length(v));
            else
                put_json(out, v);
            put_marker(out, &d->value_end);
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

viv_status dialect_write(const struct dialect *d, const struct tool *tool, const char *id, json_t *arguments,
                         size_t index, bool first, bool last, struct buf *out, struct error *err)
{
    char number[24];
    if (d->id_pattern && strstr(d->id_pattern, "{index}")) { /* the pattern is around it already, or is it alone */
        snprintf(number, sizeof number, "%zu", index);
        id = number;
    }
    if (first)
        put_marker(out, &d->section_begin);
    else
        put_marker(out, &d->separator);
    put_marker(out, &d->call_begin);
    if (d->payload == PAYLOAD_JSON) {
        put_object(d, tool->name, id, arguments, out);
    } else {
        if (d->id == ID_BEFORE_NAME) {
            put_marker(out, &d->id_begin);
            buf_puts(out, id);
        }
        put_marker(out, &d->name_begin);
        buf_puts(out, tool->name);
        if (d->payload != PAYLOAD_LITERAL)
            put_marker(out, &d->name_end);
        if (d->id == ID_AFTER_NAME) {
            put_marker(out, &d->id_begin);
            buf_puts(out, id);
            put_marker(out, &d->id_end);
        }
        if (d->payload != PAYLOAD_LITERAL)
            put_marker(out, &d->arguments_begin);
        if (d->payload == PAYLOAD_NAME_JSON)
            put_json(out, arguments);
        else
            put_arguments(d, arguments, out);
        if (d->payload != PAYLOAD_LITERAL)
            put_marker(out, &d->arguments_end);
    }
    put_marker(out, &d->call_end);
    if (last)
        put_marker(out, &d->section_end);
    return out->failed ? error_nomem(err) : VIV_OK;
}
