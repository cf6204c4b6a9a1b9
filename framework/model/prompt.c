/* prompt.c - from the messages of a request to token ids: bare text, tokens, or a conversation by the chat
 * template. */
#include "model/instance.h"

#include "base/utf8.h"
#include "chat/messages.h"
#include "chat/prompt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

viv_status model_chat_template(viv_model *m, bool has_tools, const struct chat_template **out, struct error *err)
{
    const struct checkpoint *c = model_checkpoint(m);
    const struct tokenizer *tokenizer = NULL;
    const char *file = m->options.chat_template, *name = m->options.chat_template_name;
    struct chat_template **place = &m->templates[has_tools], *t;
    viv_status status = VIV_OK;
    if (!c)
        return error_set(err, VIV_ENOTFOUND, "%s has no weights, and no chat template with them",
                         spec_name(m->spec));
    if (!*place) {
        if (checkpoint_is_gguf(c))
            status = model_tokenizer(m, &tokenizer, err);
        if (!file && !name)
            file = spec_settings(m->spec)->chat_template;
        if (status == VIV_OK && !(t = calloc(1, sizeof *t)))
            status = error_nomem(err);
        if (status != VIV_OK)
            return status;
        status = chat_template_open(c, tokenizer, file, name, has_tools, t, err);
        if (status != VIV_OK) {
            free(t);
            return status;
        }
        *place = t;
    }
    *out = *place;
    return VIV_OK;
}

/* --- bare text ----------------------------------------------------------------------------------------------- */

static viv_status append_ids(const viv_part *p, struct token_ids *ids, struct error *err)
{
    const int32_t *given = p->data;
    if (p->size % sizeof *given)
        return error_set(err, VIV_EINVAL, "a part of tokens has %" PRIu64 " bytes, expected a multiple of 4",
                         p->size);
    for (uint64_t i = 0; i < p->size / sizeof *given; i++)
        if (!token_ids_add(ids, given[i]))
            return error_nomem(err);
    return VIV_OK;
}

/* The texts of pictures from *next on take their places. */
static viv_status put_images(const viv_request *request, struct chat_prompt *p, uint64_t *next, struct error *err)
{
    uint64_t n = 0;
    if (!VIV_HAS(request, viv_request, n_images) || !request->image_place || *next > request->n_images)
        return VIV_OK;
    const viv_status status = chat_prompt_replace(p, request->image_place, request->image_texts + *next,
                                                  request->n_images - *next, &n, err);
    *next += n;
    return status;
}

static viv_status encode_text(const viv_request *request, const viv_part *p, const struct tokenizer *t,
                              uint64_t *next_image, struct token_ids *ids, struct error *err)
{
    struct chat_prompt text = {0};
    buf_append(&text.text, p->data ? p->data : "", p->size);
    viv_status status = text.text.failed ? error_nomem(err) : put_images(request, &text, next_image, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, buf_text(&text.text), text.text.size,
                                  TOKENIZER_PARSE_SPECIAL | (ids->n ? 0 : TOKENIZER_ADD_SPECIAL), ids, err);
    chat_prompt_release(&text);
    return status;
}

static viv_status encode_bare(const viv_request *request, const struct tokenizer *t, struct token_ids *ids,
                              size_t *n_answer, struct error *err)
{
    uint64_t next_image = 0;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < request->n_messages; i++) {
        const viv_message *m = request->messages[i];
        if (m->role)
            return error_set(err, VIV_EINVAL,
                             "message %" PRIu32
                             " has a role, and the first has none: a request is a conversation or bare "
                             "text",
                             i + 1);
        for (uint32_t k = 0; status == VIV_OK && k < m->n_parts; k++) {
            const viv_part *p = m->parts[k];
            if (*n_answer)
                return error_set(err, VIV_EINVAL, "an answer that goes on is the last part of a request");
            *n_answer = p->kind == VIV_PART_ANSWER ? p->size / sizeof(int32_t) : 0;
            if (p->kind == VIV_PART_TEXT)
                status = encode_text(request, p, t, &next_image, ids, err);
            else if (p->kind == VIV_PART_TOKENS || p->kind == VIV_PART_ANSWER)
                status = append_ids(p, ids, err);
            else
                status = error_set(err, VIV_EUNSUPPORTED,
                                   "a part of kind %" PRIu32
                                   " stands in a message without a role; expected text or tokens",
                                   p->kind);
        }
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* --- a conversation ------------------------------------------------------------------------------------------ */

/* The token that the template puts behind an answer ends one: whatever variables a request has, the same. */
static viv_status learn_turn_end(viv_model *m, const struct chat_template *template, const struct tokenizer *t,
                                 struct error *err)
{
    int32_t end = -1;
    if (m->knows_turn_end)
        return VIV_OK;
    viv_status status = chat_turn_end(template, t, &end, err);
    if (end >= 0)
        model_add_end(m, end);
    m->knows_turn_end = status == VIV_OK;
    return status;
}

static bool has_pictures(const viv_request *request)
{
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++)
            if (request->messages[i]->parts[k]->kind == VIV_PART_IMAGE)
                return true;
    return false;
}

/* The text that stands for a picture in the prompt: what the architecture says, or the token's; NULL: neither. */
static const char *image_place(viv_model *m, const viv_request *request, const struct tokenizer *t)
{
    const struct value *token = expansion_param(model_expansion(m), "image_token");
    if (VIV_HAS(request, viv_request, n_images) && request->image_place)
        return request->image_place;
    return token && token->kind == VALUE_INT && token->i >= 0 && token->i < tokenizer_vocab_size(t)
               ? tokenizer_piece(t, (int32_t)token->i)
               : NULL;
}

static viv_status render(const viv_request *request, const struct chat_template *template, json_t *data,
                         struct chat_prompt *prompt, struct error *err)
{
    const struct template_options plain = {.values = TEMPLATE_PYTHON};
    return request->flags & VIV_REQUEST_PARSE_SPECIAL ? chat_render(template, &plain, data, &prompt->text, err)
                                                      : chat_prompt_render(template, data, prompt, err);
}

/* A template that knows nothing of pictures gets a mark in the text of the message, which becomes their place. */
static viv_status render_pictures(const viv_request *request, const struct chat_template *template,
                                  const char *place, json_t *data, struct chat_prompt *prompt, struct error *err)
{
    char mark[64];
    bool shows = true;
    viv_status status = place ? chat_shows_pictures(template, place, &shows, err) : VIV_OK;
    if (status == VIV_OK && !shows)
        status = messages_flatten(data, mark, sizeof mark, err);
    if (status == VIV_OK)
        status = render(request, template, data, prompt, err);
    return status == VIV_OK && !shows ? chat_prompt_replace_mark(prompt, mark, place, err) : status;
}

static viv_status encode_rendered(viv_model *m, const viv_request *request, const struct chat_template *template,
                                  const struct tokenizer *t, json_t *data, struct token_ids *ids, struct error *err)
{
    struct chat_prompt prompt = {0};
    const char *place = has_pictures(request) ? image_place(m, request, t) : NULL;
    viv_status status = render_pictures(request, template, place, data, &prompt, err);
    if (status != VIV_OK && status != VIV_ENOMEM) {
        const struct error reason = *err;
        error_set(err, status, "%s (`viv render` shows what it makes of messages, --template FILE takes another)",
                  reason.text);
    }
    uint64_t next = 0;
    if (status == VIV_OK)
        status = put_images(request, &prompt, &next, err);
    if (status == VIV_OK)
        status = chat_prompt_encode(&prompt, t, ids, err);
    chat_prompt_release(&prompt);
    return status;
}

static viv_status encode_conversation(viv_model *m, const viv_request *request, const struct tokenizer *t,
                                      struct token_ids *ids, size_t *n_answer, struct error *err)
{
    const viv_message *last = request->messages[request->n_messages - 1];
    const struct chat_template *template = NULL;
    json_t *data = NULL;
    viv_status status = messages_to_json(request, &data, err);
    if (status == VIV_OK)
        status = model_chat_template(m, json_object_get(data, "tools") != NULL, &template, err);
    if (status == VIV_OK)
        status = learn_turn_end(m, template, t, err);
    if (status == VIV_OK)
        status = encode_rendered(m, request, template, t, data, ids, err);
    json_decref(data);
    if (status == VIV_OK && last->n_parts == 1 && last->parts[0]->kind == VIV_PART_ANSWER) {
        *n_answer = last->parts[0]->size / sizeof(int32_t);
        status = append_ids(last->parts[0], ids, err);
    }
    return status;
}

/* Whether it is ids alone, which need no tokenizer. */
static bool is_ids(const viv_request *request)
{
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++) {
            const uint32_t kind = request->messages[i]->parts[k]->kind;
            if (request->messages[i]->role || (kind != VIV_PART_TOKENS && kind != VIV_PART_ANSWER))
                return false;
        }
    return true;
}

viv_status model_encode_request(viv_model *m, const viv_request *request, struct token_ids *ids, size_t *n_answer,
                                struct error *err)
{
    const struct tokenizer *t = NULL;
    *n_answer = 0;
    if (request->n_messages == 0)
        return error_set(err, VIV_EINVAL, "the request has no messages");
    viv_status status = is_ids(request) ? VIV_OK : model_tokenizer(m, &t, err);
    if (status != VIV_OK)
        return status;
    return request->messages[0]->role ? encode_conversation(m, request, t, ids, n_answer, err)
                                      : encode_bare(request, t, ids, n_answer, err);
}
