/* script_call.c - see script.h: an answer of a script that calls a tool, in a dialect. */
#include "base/json.h"
#include "dialect/parser.h"
#include "engine/calls.h"
#include "engine/script.h"

#include <string.h>

struct found {
    struct buf *call;
    size_t n; /* calls */
};

static viv_status take(void *ctx, const struct dialect_event *e, struct error *err)
{
    struct found *f = ctx;
    if (e->kind == DIALECT_CALL && f->n++ == 0)
        return call_to_json(e, f->call, err);
    return VIV_OK;
}

static viv_status parse(const struct dialect *d, const struct tools *tools, const struct buf *text, struct buf *out,
                        struct error *err)
{
    struct found found = {.call = out};
    struct dialect_parser *parser = NULL;
    const struct dialect_parser_options options = {.tools = tools, .emit = take, .ctx = &found};
    viv_status status = dialect_parser_create(d, &options, &parser, err);
    if (status == VIV_OK)
        status = dialect_parser_feed(parser, buf_text(text), text->size, err);
    if (status == VIV_OK)
        status = dialect_parser_finish(parser, err);
    dialect_parser_destroy(parser);
    return status != VIV_OK || found.n == 1
               ? status
               : error_set(err, VIV_EINVAL, "expected one call of a tool in the dialect %s, found %zu", d->name,
                           found.n);
}

viv_status script_next_call(struct script *s, const struct dialect *d, const char *functions, struct buf *out,
                            struct error *err)
{
    struct tools tools = {0};
    struct buf lark = {0}, text = {0};
    json_t *list = NULL;
    viv_status status = json_parse_data("the tools", functions, strlen(functions), &list, err);
    if (status == VIV_OK)
        status = tools_read("tools", list, &tools, err);
    const struct dialect_asked asked = {
        .tools = &tools, .choice = TOOLS_REQUIRED, .single = true, .opened = "", .plain = true};
    if (status == VIV_OK)
        status = dialect_grammar(d, &asked, &lark, err);
    const viv_grammar grammar = {.struct_size = sizeof grammar,
                                 .kind = VIV_GRAMMAR_LARK,
                                 .text = buf_text(&lark),
                                 .size = lark.size,
                                 .name = "the calls of tools"};
    if (status == VIV_OK)
        status = script_next(s, &grammar, &text, err);
    if (status == VIV_OK)
        status = parse(d, &tools, &text, out, err);
    tools_release(&tools);
    json_decref(list);
    buf_release(&lark);
    buf_release(&text);
    return status;
}
