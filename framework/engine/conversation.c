/* conversation.c - see conversation.h. */
#include "engine/conversation.h"

#include "base/utf8.h"
#include "chat/chat.h"
#include "chat/picture_source.h"
#include "run/run.h"

#include <math.h>
#include <string.h>

/* --- messages ------------------------------------------------------------------------------------------------ */

static bool is_role(const json_t *message, const char *role)
{
    const char *is = json_string_value(json_object_get(message, "role"));
    return is && strcmp(is, role) == 0;
}

/* The calls of the last message that is no result; *n_results: how many messages behind it are. */
static const json_t *last_calls(const struct conversation *c, size_t *n_results)
{
    const json_t *messages = c->session.messages;
    size_t at = json_array_size(messages);
    for (*n_results = 0; at && is_role(json_array_get(messages, at - 1), "tool"); at--)
        ++*n_results;
    return at ? json_object_get(json_array_get(messages, at - 1), "tool_calls") : NULL;
}

size_t conversation_n_open_calls(const struct conversation *c)
{
    size_t n_results;
    const size_t n = json_array_size(last_calls(c, &n_results));
    return n > n_results ? n - n_results : 0;
}

const json_t *conversation_open_call(const struct conversation *c)
{
    size_t n_results;
    const json_t *calls = last_calls(c, &n_results);
    return json_array_get(calls, n_results);
}

static json_t *message_of(const char *role, const char *text, size_t n)
{
    json_t *content = json_stringn(text, n);
    return content ? json_pack("{s:s, s:o}", "role", role, "content", content) : NULL;
}

viv_status conversation_add(struct conversation *c, const char *role, const char *text, size_t n, struct error *err)
{
    json_notice_memory();
    json_t *message = message_of(role, text, n);
    const json_t *call = strcmp(role, "tool") == 0 ? conversation_open_call(c) : NULL;
    if (message && call) {
        json_object_set(message, "tool_call_id", json_object_get(call, "id"));
        json_object_set(message, "name", json_object_get(json_object_get(call, "function"), "name"));
    }
    if (message && json_array_append_new(c->session.messages, message) == 0 && !json_lost_something()) {
        c->changed = true;
        return VIV_OK;
    }
    return json_lost_something() ? error_nomem(err) : error_set(err, VIV_EFORMAT, "the message is not UTF-8");
}

static json_t *url_of(const struct buf *file)
{
    struct buf url = {0};
    json_t *out =
        picture_source_write(file->data, file->size, &url) ? json_stringn(buf_text(&url), url.size) : NULL;
    buf_release(&url);
    return out;
}

viv_status conversation_show(struct conversation *c, const char *type, const struct buf *files, size_t n,
                             struct error *err)
{
    json_notice_memory();
    json_t *urls = json_array();
    bool shown = n > 0;
    if (!c->pictures)
        c->pictures = json_array();
    for (size_t i = 0; shown && i < n; i++)
        shown = json_array_append_new(urls, url_of(&files[i])) == 0;
    json_t *source = n == 1 ? json_array_get(urls, 0) : urls;
    shown = shown && json_array_append_new(c->pictures, json_pack("{s:s, s:O}", "type", type, type, source)) == 0;
    json_decref(urls);
    return shown && !json_lost_something() ? VIV_OK : error_nomem(err);
}

/* The last message shows the pictures that are waiting. */
static viv_status show_pictures(struct conversation *c, struct error *err)
{
    json_t *last = json_array_get(c->session.messages, json_array_size(c->session.messages) - 1),
           *parts = c->pictures;
    if (!parts)
        return VIV_OK;
    c->pictures = NULL;
    const bool shown = json_array_append_new(parts, json_pack("{s:s, s:O}", "type", "text", "text",
                                                              json_object_get(last, "content"))) == 0 &&
                       json_object_set(last, "content", parts) == 0;
    json_decref(parts);
    return shown ? VIV_OK : error_nomem(err);
}

static void take_back(struct conversation *c)
{
    json_array_remove(c->session.messages, json_array_size(c->session.messages) - 1);
}

size_t conversation_n_turns(const struct conversation *c)
{
    size_t n = 0, i;
    json_t *m;
    json_array_foreach(c->session.messages, i, m) n += is_role(m, "user");
    return n;
}

const char *conversation_system(const struct conversation *c)
{
    const json_t *first = json_array_get(c->session.messages, 0);
    return is_role(first, "system") ? json_string_value(json_object_get(first, "content")) : NULL;
}

viv_status conversation_set_system(struct conversation *c, const char *text, struct error *err)
{
    json_t *messages = c->session.messages;
    if (!utf8_valid(text, strlen(text)))
        return error_set(err, VIV_EFORMAT, "the system prompt is not UTF-8");
    if (is_role(json_array_get(messages, 0), "system"))
        json_array_remove(messages, 0);
    c->changed = true;
    if (!*text || json_array_insert_new(messages, 0, message_of("system", text, strlen(text))) == 0)
        return VIV_OK;
    return error_nomem(err);
}

void conversation_clear(struct conversation *c)
{
    const size_t least = conversation_system(c) ? 1 : 0;
    while (json_array_size(c->session.messages) > least)
        take_back(c);
    token_ids_release(&c->session.text);
    json_decref(c->pictures);
    c->pictures = NULL;
    c->session.n_prompt = 0;
    c->changed = true;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

viv_status conversation_open(struct conversation *c, viv_model *m, const char *path, bool has_messages,
                             struct error *err)
{
    const char *system = spec_settings(model_spec(m))->system;
    *c = (struct conversation){.model = m};
    viv_status status = path ? session_open(&c->session, m, path, err) : session_begin(&c->session, m, err);
    if (status == VIV_OK && has_messages && !c->session.messages && c->session.text.n > 0)
        status = error_set(err, VIV_EINVAL, "%s holds a text and no conversation: `viv run` goes on with it", path);
    else if (status == VIV_OK && !has_messages && c->session.messages)
        status = error_set(err, VIV_EINVAL, "%s holds a conversation: `viv chat` goes on with it", path);
    if (status == VIV_OK && model_draft(m))
        status = sequence_create(model_draft(m), &c->draft, err);
    const bool begins = status == VIV_OK && has_messages && !c->session.messages;
    if (begins && !(c->session.messages = json_array()))
        status = error_nomem(err);
    if (status == VIV_OK && begins && system)
        status = conversation_set_system(c, system, err);
    c->changed = false;
    if (status != VIV_OK)
        conversation_close(c);
    return status;
}

viv_status conversation_save(struct conversation *c, const char *path, struct error *err)
{
    viv_status status = session_write(&c->session, path, err);
    c->changed = c->changed && status != VIV_OK;
    return status;
}

void conversation_close(struct conversation *c)
{
    sequence_destroy(c->draft);
    json_decref(c->pictures);
    session_end(&c->session);
    *c = (struct conversation){0};
}

/* --- answers ------------------------------------------------------------------------------------------------- */

/* What the model has read and written becomes the session's text. */
static viv_status take_text(struct conversation *c, const struct request *r, const struct answer *a,
                            struct error *err)
{
    struct session *s = &c->session;
    struct token_ids text = {0};
    size_t n_answer, n_tokens;
    const int32_t *tokens = sequence_tokens(s->sequence, &n_tokens);
    const size_t n_prompt = isfinite(a->prompt_tokens) ? (size_t)a->prompt_tokens : SIZE_MAX;
    viv_status status = VIV_OK;
    bool ok = true;
    if (n_prompt <= n_tokens)
        for (size_t i = 0; ok && i < n_prompt; i++)
            ok = token_ids_add(&text, tokens[i]);
    else /* an architecture that keeps no sequence */
        status = model_encode_request(c->model, &r->viv, &text, &n_answer, err);
    for (size_t i = 0; ok && i < a->ids.n; i++)
        ok = token_ids_add(&text, a->ids.ids[i]);
    if (!ok)
        status = error_nomem(err);
    if (status != VIV_OK) {
        token_ids_release(&text);
        return status;
    }
    token_ids_release(&s->text);
    s->text = text;
    c->changed = true;
    return VIV_OK;
}

static void lend_sequences(const struct conversation *c, struct request *r)
{
    r->viv.sequence = c->session.sequence;
    if (r->viv.draft && r->viv.draft == model_draft(c->model))
        r->viv.draft_sequence = c->draft;
}

/* The last message has the reasoning and the calls of the answer, too, as chat templates read them. */
static viv_status add_calls(struct conversation *c, const struct answer *a, struct error *err)
{
    json_t *last = json_array_get(c->session.messages, json_array_size(c->session.messages) - 1);
    json_t *calls = a->n_calls ? json_array() : NULL;
    viv_status status = VIV_OK;
    json_notice_memory();
    if (a->reasoning.size)
        json_object_set_new(last, chat_reasoning_keys[0], json_stringn(buf_text(&a->reasoning), a->reasoning.size));
    for (size_t i = 0; status == VIV_OK && i < a->n_calls; i++) {
        json_t *call = NULL;
        status = json_parse_data("a call", a->calls[i], strlen(a->calls[i]), &call, err);
        if (status == VIV_OK)
            json_array_append_new(calls, call);
    }
    if (calls)
        json_object_set(last, "tool_calls", calls);
    json_decref(calls);
    return status == VIV_OK && json_lost_something() ? error_nomem(err) : status;
}

static viv_status answer_messages(struct conversation *c, struct request *r, struct answer *a, bool *answered,
                                  struct error *err)
{
    *answered = false;
    lend_sequences(c, r);
    r->viv.flags &= ~(uint32_t)VIV_REQUEST_ECHO;
    viv_status status = request_add_json(r, "the conversation", c->session.messages, err);
    if (status == VIV_OK)
        status = answer_ask(a, c->model, &r->viv, err);
    if (status != VIV_OK || (a->ids.n == 0 && strcmp(a->reason, "cancelled") == 0))
        return status;
    *answered = true;
    status = conversation_add(c, "assistant", buf_text(&a->text), a->text.size, err);
    if (status == VIV_OK)
        status = add_calls(c, a, err);
    if (status == VIV_OK)
        status = take_text(c, r, a, err);
    c->session.n_prompt = c->session.text.n;
    return status;
}

viv_status conversation_ask(struct conversation *c, const char *role, const char *text, size_t n, struct request *r,
                            struct answer *a, bool *answered, struct error *err)
{
    *answered = false;
    viv_status status = conversation_add(c, role, text, n, err);
    if (status != VIV_OK)
        return status;
    status = show_pictures(c, err);
    if (status == VIV_OK)
        status = answer_messages(c, r, a, answered, err);
    if (!*answered)
        take_back(c);
    return status;
}

viv_status conversation_regenerate(struct conversation *c, struct request *r, struct answer *a, bool *answered,
                                   struct error *err)
{
    json_t *messages = c->session.messages, *last = json_array_get(messages, json_array_size(messages) - 1);
    *answered = false;
    if (!is_role(last, "assistant"))
        return error_set(err, VIV_EINVAL, "there is no answer yet that could be another");
    json_incref(last);
    take_back(c);
    viv_status status = answer_messages(c, r, a, answered, err);
    if (!*answered && json_array_append(messages, last) != 0)
        status = error_nomem(err);
    json_decref(last);
    return status;
}

viv_status conversation_continue(struct conversation *c, const char *text, size_t n, struct request *r,
                                 struct answer *a, struct error *err)
{
    struct session *s = &c->session;
    const size_t n_before = text ? s->text.n : s->n_prompt;
    viv_status status = request_add_message(r, NULL, err);
    lend_sequences(c, r);
    if (status == VIV_OK && n_before)
        status = request_add_part(r, VIV_PART_TOKENS, s->text.ids, n_before * sizeof *s->text.ids, NULL, err);
    if (status == VIV_OK && text)
        status = request_add_part(r, VIV_PART_TEXT, text, n, NULL, err);
    else if (status == VIV_OK)
        status = request_add_part(r, VIV_PART_ANSWER, s->text.ids + s->n_prompt,
                                  (s->text.n - s->n_prompt) * sizeof *s->text.ids, NULL, err);
    if (status == VIV_OK)
        status = answer_ask(a, c->model, &r->viv, err);
    if (status == VIV_OK)
        status = take_text(c, r, a, err);
    if (status == VIV_OK && text)
        s->n_prompt = s->text.n - a->ids.n;
    return status;
}
