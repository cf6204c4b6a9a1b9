/* dialects.c - see dialects.h. */
#include "model/dialects.h"

#include "model/instance.h"

#include <stdlib.h>
#include <string.h>

struct model_dialect {
    struct dialect_list all;
    const struct dialect *chosen;
    bool in_content; /* the template leaves calls out */
    struct buf why;
    struct dialect_token *shown; /* [n_shown] special tokens that are a part of its markers */
    size_t n_shown, shown_capacity;
};

void model_dialect_destroy(struct model_dialect *d)
{
    if (!d)
        return;
    dialects_release(&d->all);
    buf_release(&d->why);
    free(d->shown);
    free(d);
}

static bool marker_has(const struct marker *m, const char *piece)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (strstr(m->texts[i], piece))
            return true;
    return false;
}

/* Special tokens are left out of an answer's text, but for those that are markers. */
static viv_status find_shown(viv_model *m, struct model_dialect *d, const struct tokenizer *t, struct error *err)
{
    const struct dialect *c = d->chosen;
    const struct marker *const all[] = {
        &c->section_begin, &c->section_end,     &c->call_begin,      &c->call_end,      &c->separator,
        &c->name_begin,    &c->name_end,        &c->arguments_begin, &c->arguments_end, &c->value_key,
        &c->value_flag,    &c->value_begin,     &c->value_end,       &c->value_quote,   &c->id_begin,
        &c->id_end,        &c->reasoning_begin, &c->reasoning_end,   &c->content_begin, &c->content_end};
    for (int32_t id = 0; (uint32_t)id < tokenizer_vocab_size(t); id++) {
        const char *piece = tokenizer_is_special(t, id) ? tokenizer_piece(t, id) : NULL;
        bool is_part = false;
        for (size_t i = 0; piece && *piece && !is_part && i < sizeof all / sizeof *all; i++)
            is_part = marker_has(all[i], piece);
        if (is_part && !VEC_RESERVE(d->shown, d->n_shown, d->shown_capacity))
            return error_nomem(err);
        if (is_part)
            d->shown[d->n_shown++] = (struct dialect_token){id, piece, model_is_end(m, id)};
    }
    return VIV_OK;
}

static viv_status learn_tokens(viv_model *m, struct model_dialect *d, struct error *err)
{
    const struct tokenizer *t = NULL;
    int32_t id;
    viv_status status = model_tokenizer(m, &t, err);
    for (uint32_t i = 0; status == VIV_OK && i < d->chosen->n_stop_tokens; i++)
        if (tokenizer_id(t, d->chosen->stop_tokens[i], &id) && tokenizer_is_special(t, id))
            model_add_end(m, id);
    return status == VIV_OK ? find_shown(m, d, t, err) : status;
}

static viv_status find(viv_model *m, struct model_dialect *d, struct error *err)
{
    const struct chat_template *t = NULL;
    struct error none = {0};
    if (model_chat_template(m, true, &t, &none) != VIV_OK) {
        if (none.status == VIV_ENOMEM)
            return error_nomem(err);
        return buf_puts(&d->why, none.text) ? VIV_OK : error_nomem(err);
    }
    viv_status status = dialects_read(m->world.directories, &d->all, err);
    if (status == VIV_OK)
        status = dialect_of_template(&d->all, t, &d->chosen, &d->in_content, &d->why, err);
    return status == VIV_OK && d->chosen ? learn_tokens(m, d, err) : status;
}

viv_status model_dialect(viv_model *m, const struct dialect **out, const char **why, struct error *err)
{
    if (!m->dialect) {
        struct model_dialect *d = calloc(1, sizeof *d);
        viv_status status = d ? find(m, d, err) : error_nomem(err);
        if (status != VIV_OK) {
            model_dialect_destroy(d);
            return status;
        }
        m->dialect = d;
    }
    *out = m->dialect->chosen;
    if (why)
        *why = buf_text(&m->dialect->why);
    return VIV_OK;
}

static bool has_calls(json_t *messages)
{
    json_t *message;
    size_t i;
    json_array_foreach(messages, i, message)
    {
        if (json_array_size(json_object_get(message, "tool_calls")))
            return true;
    }
    return false;
}

/* A word that is nowhere in the data. */
static viv_status choose_mark(const json_t *data, char mark[CALL_MARK], struct error *err)
{
    char *all = json_dumps(data, JSON_COMPACT);
    unsigned long n = 0;
    do
        snprintf(mark, CALL_MARK, "[marker %lu]", n++);
    while (all && strstr(all, mark));
    free(all);
    return all ? VIV_OK : error_nomem(err);
}

viv_status model_put_calls(viv_model *m, json_t *data, char mark[CALL_MARK], struct error *err)
{
    if (mark)
        *mark = '\0';
    json_t *messages = json_object_get(data, "messages");
    const struct dialect *d = NULL;
    viv_status status = has_calls(messages) ? model_dialect(m, &d, NULL, err) : VIV_OK;
    if (status != VIV_OK || !d || !m->dialect->in_content)
        return status;
    if (mark)
        status = choose_mark(data, mark, err);
    return status == VIV_OK ? dialect_put_calls(d, messages, mark, err) : status;
}

bool model_shows_token(const viv_model *m, int32_t id)
{
    const struct model_dialect *d = m->dialect;
    for (size_t i = 0; m->reads_calls && d && i < d->n_shown; i++)
        if (d->shown[i].id == id)
            return true;
    return false;
}

const struct dialect_token *model_dialect_tokens(const viv_model *m, size_t *n)
{
    *n = m->dialect ? m->dialect->n_shown : 0;
    return m->dialect ? m->dialect->shown : NULL;
}
