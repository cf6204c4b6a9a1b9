/* prompt.c - from the messages of a request to token ids: bare text, tokens, or a conversation by the chat
 * template. */
#include "model/instance.h"

#include "base/utf8.h"
#include "chat/messages.h"
#include "chat/prompt.h"
#include "model/dialects.h"

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

/* What a prompt shows: in how many places so far, what stands there, and what shall. */
struct shown {
    const char *type; /* of a part of a message */
    uint32_t kind;
    const char *param; /* of the spec: the token that stands for one where the architecture names no text */
    const char *place; /* or NULL */
    const char *const *texts;
    uint64_t n, next;
};

enum { IMAGES, VIDEOS, N_SHOWN };

static void shown_init(const viv_request *request, struct shown out[N_SHOWN])
{
    out[IMAGES] = (struct shown){.type = "image", .kind = VIV_PART_IMAGE, .param = "image_token"};
    out[VIDEOS] = (struct shown){.type = "video", .kind = VIV_PART_VIDEO, .param = "video_token"};
    if (VIV_HAS(request, viv_request, n_images)) {
        out[IMAGES].place = request->image_place;
        out[IMAGES].texts = request->image_texts;
        out[IMAGES].n = request->n_images;
    }
    if (VIV_HAS(request, viv_request, n_videos)) {
        out[VIDEOS].place = request->video_place;
        out[VIDEOS].texts = request->video_texts;
        out[VIDEOS].n = request->n_videos;
    }
}

/* The texts of pictures and videos from `next` on take their places. */
static viv_status put_shown(struct shown shown[N_SHOWN], struct chat_prompt *p, struct error *err)
{
    viv_status status = VIV_OK;
    for (int i = 0; status == VIV_OK && i < N_SHOWN; i++) {
        struct shown *s = &shown[i];
        uint64_t n = 0;
        if (s->place && s->next < s->n)
            status = chat_prompt_replace(p, s->place, s->texts + s->next, s->n - s->next, &n, err);
        s->next += n;
    }
    return status;
}

static viv_status encode_text(struct shown *shown, const viv_part *p, const struct tokenizer *t,
                              struct token_ids *ids, struct error *err)
{
    struct chat_prompt text = {0};
    buf_append(&text.text, p->data ? p->data : "", p->size);
    viv_status status = text.text.failed ? error_nomem(err) : put_shown(shown, &text, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, buf_text(&text.text), text.text.size,
                                  TOKENIZER_PARSE_SPECIAL | (ids->n ? 0 : TOKENIZER_ADD_SPECIAL), ids, err);
    chat_prompt_release(&text);
    return status;
}

static viv_status encode_bare(const viv_request *request, const struct tokenizer *t, struct token_ids *ids,
                              size_t *n_answer, struct error *err)
{
    struct shown shown[N_SHOWN];
    viv_status status = VIV_OK;
    shown_init(request, shown);
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
                status = encode_text(shown, p, t, ids, err);
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

static bool has_part(const viv_request *request, uint32_t kind)
{
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++)
            if (request->messages[i]->parts[k]->kind == kind)
                return true;
    return false;
}

/* The text that stands for one in the prompt: what the architecture says, or the token's; NULL: neither. */
static const char *place_of(viv_model *m, const struct shown *s, const struct tokenizer *t)
{
    const struct value *token = expansion_param(model_expansion(m), s->param);
    if (s->place)
        return s->place;
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

/* A template that knows nothing of pictures, or videos, gets marks in the text of the message, which become their
 * places: those of the kinds that the request has, else NULL. */
static viv_status render_shown(const viv_request *request, const struct chat_template *template,
                               const struct shown *shown, const char *const places[N_SHOWN], json_t *data,
                               struct chat_prompt *prompt, struct error *err)
{
    struct message_marks marks;
    const char *const words[] = {marks.image, marks.video};
    bool shows = true;
    viv_status status = VIV_OK;
    for (int i = 0; status == VIV_OK && shows && i < N_SHOWN; i++)
        if (places[i])
            status = chat_shows(template, shown[i].type, places[i], &shows, err);
    if (status == VIV_OK && !shows)
        status = messages_flatten(data, &marks, err);
    if (status == VIV_OK)
        status = render(request, template, data, prompt, err);
    for (int i = 0; status == VIV_OK && !shows && i < N_SHOWN; i++)
        if (places[i])
            status = chat_prompt_replace_mark(prompt, words[i], places[i], err);
    return status;
}

static viv_status encode_rendered(viv_model *m, const viv_request *request, const struct chat_template *template,
                                  const struct tokenizer *t, json_t *data, struct token_ids *ids, struct error *err)
{
    struct chat_prompt prompt = {0};
    struct shown shown[N_SHOWN];
    const char *places[N_SHOWN];
    shown_init(request, shown);
    for (int i = 0; i < N_SHOWN; i++)
        places[i] = has_part(request, shown[i].kind) ? place_of(m, &shown[i], t) : NULL;
    char mark[CALL_MARK];
    viv_status status = model_put_calls(m, data, mark, err);
    if (status == VIV_OK)
        status = render_shown(request, template, shown, places, data, &prompt, err);
    if (status == VIV_OK && *mark)
        status = chat_prompt_trust(&prompt, mark, err);
    if (status != VIV_OK && status != VIV_ENOMEM) {
        const struct error reason = *err;
        error_set(err, status, "%s (`viv render` shows what it makes of messages, --template FILE takes another)",
                  reason.text);
    }
    if (status == VIV_OK)
        status = put_shown(shown, &prompt, err);
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
