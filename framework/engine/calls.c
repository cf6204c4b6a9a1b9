/* calls.c - see calls.h. */
#include "engine/calls.h"

#include "base/size.h"
#include "chat/messages.h"
#include "model/dialects.h"
#include "model/instance.h"

#include <stdlib.h>
#include <string.h>

/* --- events ----------------------------------------------------------------------------------------------------
 */

static viv_status give(const struct calls *c, uint32_t kind, const char *text, size_t size, size_t index,
                       struct error *err)
{
    const viv_event e = {.struct_size = sizeof e, .kind = kind, .text = text, .size = size, .done = index};
    const viv_status status = c->to->emit(c->to, &e);
    return status == VIV_OK ? VIV_OK : error_take(err, status);
}

viv_status call_to_json(const struct dialect_event *e, struct buf *out, struct error *err)
{
    json_t *id = json_string(e->id);
    char *quoted = id ? json_dumps(id, JSON_ENCODE_ANY) : NULL;
    if (quoted)
        buf_printf(out,
                   "{\"type\": \"function\", \"id\": %s, \"function\": {\"name\": \"%s\", \"arguments\": ", quoted,
                   e->name);
    buf_append(out, e->text, e->size);
    buf_puts(out, "}}");
    const bool ok = quoted && !out->failed;
    free(quoted);
    json_decref(id);
    return ok ? VIV_OK : error_nomem(err);
}

static viv_status give_call(const struct calls *c, const struct dialect_event *e, struct error *err)
{
    struct buf text = {0};
    viv_status status = call_to_json(e, &text, err);
    if (status == VIV_OK)
        status = give(c, VIV_EVENT_TOOL_CALL, buf_text(&text), text.size, e->index, err);
    buf_release(&text);
    return status;
}

static viv_status take(void *ctx, const struct dialect_event *e, struct error *err)
{
    const struct calls *c = ctx;
    switch (e->kind) {
    case DIALECT_CALL:
        return give_call(c, e, err);
    case DIALECT_CALL_BEGIN:
        return give(c, VIV_EVENT_CALL_BEGIN, e->name, strlen(e->name), e->index, err);
    case DIALECT_CALL_PART:
        return give(c, VIV_EVENT_CALL_PART, e->text, e->size, e->index, err);
    default:
        return give(c, e->kind == DIALECT_TEXT ? VIV_EVENT_TEXT : VIV_EVENT_REASONING, e->text, e->size, 0, err);
    }
}

static viv_status emit(const viv_sink *sink, const viv_event *e)
{
    struct calls *c = sink->ctx;
    struct error err;
    viv_status status = VIV_OK;
    if (e->kind == VIV_EVENT_TEXT) {
        status = dialect_parser_feed(c->parser, e->text ? e->text : "", e->size, &err);
    } else {
        if ((e->kind == VIV_EVENT_STATS || e->kind == VIV_EVENT_DONE) && !c->finished) {
            c->finished = true;
            status = dialect_parser_finish(c->parser, &err);
        }
        if (status == VIV_OK)
            return c->to->emit(c->to, e);
    }
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

/* --- before the answer ------------------------------------------------------------------------------------------
 */

static bool strict(const struct tools *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].strict)
            return true;
    return false;
}

static viv_status choose(const struct calls *c, struct dialect_asked *asked, struct error *err)
{
    const char *choice = c->request.tool_choice;
    asked->tools = &c->tools;
    asked->choice = TOOLS_AUTO;
    if (!choice || strcmp(choice, "auto") == 0)
        return VIV_OK;
    if (strcmp(choice, "required") == 0) {
        asked->choice = TOOLS_REQUIRED;
        return VIV_OK;
    }
    const struct tool *one = tools_find(&c->tools, choice, strlen(choice));
    if (!one)
        return error_set(err, VIV_EINVAL,
                         "tool choice '%.100s': expected auto, none, required or the name of a tool of the request",
                         choice);
    asked->choice = TOOLS_ONE;
    asked->one = (size_t)(one - c->tools.v);
    return VIV_OK;
}

/* The marker that the prompt ends with, and whether the model reasons. What the template refuses, it refuses again
 * when the prompt is made. */
static viv_status find_opened(const struct calls *c, const struct dialect *d, struct dialect_asked *asked,
                              struct error *err)
{
    const struct template_options plain = {.values = TEMPLATE_PYTHON};
    const struct chat_template *t = NULL;
    struct buf text = {0};
    json_t *data = NULL;
    struct error refused;
    asked->opened = "";
    viv_status status = model_chat_template(c->model, true, &t, err);
    if (status == VIV_OK)
        asked->plain = !dialect_reasons(d, t);
    if (status == VIV_OK)
        status = messages_to_json(&c->request, &data, err);
    if (status == VIV_OK && chat_render(t, &plain, data, &text, &refused) == VIV_OK)
        asked->opened = dialect_opened(d, buf_text(&text), text.size);
    else if (status == VIV_OK && refused.status == VIV_ENOMEM)
        status = error_nomem(err);
    json_decref(data);
    buf_release(&text);
    return status;
}

static viv_status make_grammar(struct calls *c, const struct dialect *d, const struct dialect_asked *asked,
                               struct error *err)
{
    if (asked->choice == TOOLS_AUTO && (!strict(&c->tools) || c->request.grammar))
        return VIV_OK;
    if (c->request.grammar)
        return error_set(err, VIV_EINVAL,
                         "a request that requires calls keeps to their grammar, and cannot keep to another");
    viv_status status = dialect_grammar(d, asked, &c->lark, err);
    if (status != VIV_OK)
        return status;
    c->grammar = (viv_grammar){.struct_size = sizeof c->grammar,
                               .kind = VIV_GRAMMAR_LARK,
                               .text = buf_text(&c->lark),
                               .size = c->lark.size,
                               .name = "the calls of tools"};
    c->request.grammar = &c->grammar;
    return VIV_OK;
}

static viv_status open_dialect(struct calls *c, const struct dialect *d, const struct dialect_asked *asked,
                               struct error *err)
{
    struct dialect_asked opened = *asked;
    opened.tokens = model_dialect_tokens(c->model, &opened.n_tokens);
    viv_status status = find_opened(c, d, &opened, err);
    if (status == VIV_OK)
        status = make_grammar(c, d, &opened, err);
    const struct dialect_parser_options options = {
        .tools = &c->tools, .opened = opened.opened, .seed = c->request.n_messages, .emit = take, .ctx = c};
    if (status == VIV_OK)
        status = dialect_parser_create(d, &options, &c->parser, err);
    if (status == VIV_OK) {
        c->sink = (viv_sink){.struct_size = sizeof c->sink, .ctx = c, .emit = emit};
        c->model->reads_calls = true;
    }
    return status;
}

static viv_status read_tools(struct calls *c, struct error *err)
{
    json_t *list = NULL;
    viv_status status = json_parse_data("the tools", c->request.tools, strlen(c->request.tools), &list, err);
    if (status == VIV_OK)
        status = tools_read("tools", list, &c->tools, err);
    json_decref(list);
    return status;
}

viv_status calls_open(struct calls *c, viv_model *m, const viv_request *request, const viv_sink *sink,
                      struct error *err)
{
    const struct dialect *d = NULL;
    const char *why;
    struct dialect_asked asked = {0};
    *c = (struct calls){.model = m, .to = sink, .sink = *sink};
    memcpy(&c->request, request, size_min(request->struct_size, sizeof c->request));
    c->request.struct_size = sizeof c->request;
    const bool single = (c->request.flags & VIV_REQUEST_ONE_CALL) != 0;
    c->request.flags &= ~(uint32_t)VIV_REQUEST_ONE_CALL; /* what follows is the architecture's */
    if (!c->request.tools || c->request.task != VIV_TASK_GENERATE || !c->request.n_messages ||
        !c->request.messages[0]->role)
        return VIV_OK;
    if (c->request.tool_choice && strcmp(c->request.tool_choice, "none") == 0) {
        c->request.tools = NULL;
        return VIV_OK;
    }
    viv_status status = model_dialect(m, &d, &why, err);
    const bool read = d || (c->request.tool_choice && strcmp(c->request.tool_choice, "auto") != 0);
    if (status != VIV_OK || !read) /* a template may have tools of its own form */
        return status;
    status = read_tools(c, err);
    if (status == VIV_OK)
        status = choose(c, &asked, err);
    asked.single = single;
    if (status == VIV_OK && d && (c->tools.n || asked.choice != TOOLS_AUTO))
        status = open_dialect(c, d, &asked, err);
    else if (status == VIV_OK && !d)
        status = error_set(err, VIV_EUNSUPPORTED, "calls cannot be required of this model: %s", why);
    if (status != VIV_OK)
        calls_close(c);
    return status;
}

void calls_close(struct calls *c)
{
    c->model->reads_calls = false;
    dialect_parser_destroy(c->parser);
    tools_release(&c->tools);
    buf_release(&c->lark);
    c->parser = NULL;
}
