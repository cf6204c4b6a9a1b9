/* template.c - renders a template. */
#include "jinja/template.h"

#include "base/utf8.h"
#include "jinja/jinja.h"

#include <stdlib.h>
#include <string.h>

/* Replaces other line ends by line feeds, and removes one at the end, as Jinja reads a source. */
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
    r->reads_data = true;
    ok = ok && jinja_from_json(r, data, 0, &variables);
    r->reads_data = false;
    return ok && jinja_evaluate(r, root, &variables);
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
    jinja_origin_begin(&r);
    if (status == VIV_OK && !render(&r, &text, data))
        status = err->status;
    if (status == VIV_OK &&
        (rendered.failed || (options->from_data && !jinja_origin_output(&r, &rendered, options->from_data)) ||
         !buf_append(out, buf_text(&rendered), rendered.size)))
        status = error_nomem(err);
    jinja_origin_end(&r);
    buf_release(&text);
    buf_release(&rendered);
    arena_release(&arena);
    return status;
}
