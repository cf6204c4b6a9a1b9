#include "quality/answer.h"

#include "engine/request.h"
#include "quality/moments.h"

#include <string.h>

struct listener {
    struct quality_answer *answer;
    bool line;      /* the first line is enough */
    bool has_line;  /* and is there */
    bool cancelled; /* the architecture says so */
};

/* Keeps of the text what is after the empty lines before it, up to the end of its first line. */
static void cut_to_line(struct listener *l)
{
    struct buf *text = &l->answer->text;
    size_t begin = 0;
    while (begin < text->size && strchr(" \t\r\n", text->data[begin]))
        begin++;
    const char *end = text->size ? memchr(text->data + begin, '\n', text->size - begin) : NULL;
    if (!end)
        return;
    text->size = (size_t)(end - text->data);
    text->data[text->size] = '\0';
    l->has_line = true;
    strcpy(l->answer->reason, "line");
}

static viv_status take_text(struct listener *l, const viv_event *e)
{
    if (!buf_append(&l->answer->text, e->text, (size_t)e->size)) {
        error_leave(VIV_ENOMEM, "out of memory");
        return VIV_ENOMEM;
    }
    if (l->line)
        cut_to_line(l);
    return l->has_line ? VIV_ECANCELLED : VIV_OK;
}

static viv_status listen(const viv_sink *sink, const viv_event *e)
{
    struct listener *l = sink->ctx;
    struct quality_answer *a = l->answer;
    switch (e->kind) {
    case VIV_EVENT_TEXT:
        return e->size ? take_text(l, e) : VIV_OK;
    case VIV_EVENT_TOKEN:
        a->n_answer++;
        break;
    case VIV_EVENT_STATS:
        if (e->size == strlen("prompt_tokens") && memcmp(e->text, "prompt_tokens", e->size) == 0 && e->value > 0)
            a->n_prompt = (uint64_t)e->value;
        break;
    case VIV_EVENT_DONE:
        l->cancelled = e->size == strlen("cancelled") && memcmp(e->text, "cancelled", e->size) == 0;
        snprintf(a->reason, sizeof a->reason, "%.*s", (int)e->size, e->text ? e->text : "");
        break;
    default: /* progress, and what a later version may say */
        break;
    }
    return VIV_OK;
}

/* The text as it is; or as a turn, in tokens, since what its template writes is special where the text is not. */
static viv_status make_part(const struct respondent *r, const char *prompt, struct token_ids *ids, viv_part *out,
                            struct error *err)
{
    const struct tokenizer *tokenizer;
    struct buf text = {0};
    *out = (viv_part){.struct_size = sizeof *out, .kind = VIV_PART_TEXT, .data = prompt, .size = strlen(prompt)};
    if (!r->template)
        return VIV_OK;
    viv_status status = model_tokenizer(r->model, &tokenizer, err);
    if (status == VIV_OK)
        status = chat_render_turn(r->template, prompt, &text, err);
    if (status == VIV_OK)
        status = tokenizer_encode(tokenizer, buf_text(&text), text.size, TOKENIZER_PARSE_SPECIAL, ids, err);
    buf_release(&text);
    out->kind = VIV_PART_TOKENS;
    out->data = ids->ids;
    out->size = ids->n * sizeof *ids->ids;
    return status;
}

viv_status quality_ask(const struct respondent *r, const char *prompt, int64_t max_tokens, int flags,
                       const uint32_t *cancel, struct quality_answer *out, struct error *err)
{
    static const viv_sampling greedy = {
        .struct_size = sizeof greedy, .top_p = 1, .typical_p = 1, .repetition_penalty = 1};
    struct token_ids ids = {0};
    viv_part part;
    const viv_part *const parts[] = {&part};
    const viv_message message = {.struct_size = sizeof message, .n_parts = 1, .parts = parts};
    const viv_message *const messages[] = {&message};
    const viv_request request = {.struct_size = sizeof request,
                                 .n_messages = 1,
                                 .messages = messages,
                                 .sampling = &greedy,
                                 .max_tokens = max_tokens,
                                 .cancel = cancel};
    struct listener l = {.answer = out, .line = (flags & ANSWER_LINE) != 0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &l, .emit = listen};
    const double begin = quality_seconds();
    viv_status status = make_part(r, prompt, &ids, &part, err);
    if (status == VIV_OK)
        status = architecture_run(&r->architecture, r->host, r->model, &request, &sink, err);
    token_ids_release(&ids);
    out->seconds = quality_seconds() - begin;
    if (l.has_line)
        status = VIV_OK;
    else if (status == VIV_OK && l.cancelled)
        status = error_set(err, VIV_ECANCELLED, "interrupted");
    return status;
}

void quality_answer_release(struct quality_answer *a)
{
    buf_release(&a->text);
}
