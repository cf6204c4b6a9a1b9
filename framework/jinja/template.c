/* template.c - a template, rendered. */
#include "jinja/template.h"

#include "base/utf8.h"
#include "jinja/jinja.h"

#include <stdlib.h>
#include <string.h>

/* Line feeds alone, and none at the very end, as Jinja reads a source. */
static bool read_source(const char *source, size_t size, struct buf *out)
{
    for (size_t i = 0; i < size; i++) {
        bool cr = source[i] == '\r';
        buf_putc(out, cr ? '\n' : source[i]);
        i += cr && i + 1 < size && source[i + 1] == '\n';
    }
    if (out->size && out->data[out->size - 1] == '\n')
        out->data[--out->size] = '\0';
    return !out->failed;
}

static bool render(struct run *r, const struct buf *source, json_t *data)
{
    struct tokens tokens = {0};
    struct node *root;
    struct value variables;
    bool ok = jinja_lex(r, buf_text(source), source->size, &tokens) && jinja_parse(r, &tokens, &root);
    free(tokens.items);
    r->depth = 0;
    return ok && jinja_from_json(r, data, 0, &variables) && jinja_evaluate(r, root, &variables);
}

viv_status jinja_render(const struct template_options *options, const char *source, size_t size, json_t *data,
                        struct buf *out, struct error *err)
{
    struct arena arena = {0};
    struct buf text = {0}, rendered = {0};
    struct run r = {.options = options, .arena = &arena, .err = err, .out = &rendered, .line = 1};
    viv_status status = VIV_OK;
    if (size > MAX_SOURCE)
        return error_set(err, VIV_ELIMIT, "%s: a template of %zu bytes, at most %d", options->name, size,
                         MAX_SOURCE);
    if (!utf8_valid(source, size))
        return error_set(err, VIV_EINVAL, "%s: the template is not UTF-8", options->name);
    if (!json_is_object(data))
        return error_set(err, VIV_EINVAL, "%s: the data must be an object, found %s", options->name,
                         json_kind(data));
    if (!read_source(source, size, &text))
        status = error_nomem(err);
    else if (!render(&r, &text, data))
        status = err->status;
    else if (rendered.failed || !buf_append(out, buf_text(&rendered), rendered.size))
        status = error_nomem(err);
    buf_release(&text);
    buf_release(&rendered);
    arena_release(&arena);
    return status;
}
