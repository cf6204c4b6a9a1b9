/* answer.c - see answer.h. */
#include "quality/answer.h"

#include "base/utf8.h"
#include "engine/request.h"

#include <string.h>

bool quality_cut_to_line(struct buf *text)
{
    size_t begin = 0;
    while (begin < text->size && strchr(" \t\r\n", text->data[begin]))
        begin++;
    const char *end = text->size ? memchr(text->data + begin, '\n', text->size - begin) : NULL;
    if (!end)
        return false;
    text->size = (size_t)(end - text->data);
    text->data[text->size] = '\0';
    return true;
}

static viv_status stop_at_line(struct answer *a, const viv_event *e, struct error *err)
{
    bool *has_line = a->show_ctx;
    if (e->kind != VIV_EVENT_TEXT || !quality_cut_to_line(&a->text))
        return VIV_OK;
    *has_line = true;
    return error_set(err, VIV_ECANCELLED, "the line is complete");
}

viv_status quality_generate(const struct model_under_test *r, const char *prompt, int64_t max_tokens, int flags,
                            const uint32_t *cancel, struct answer *out, struct error *err)
{
    struct request request;
    bool has_line = false;
    request_init(&request, r->model);
    request.sampling =
        (viv_sampling){.struct_size = sizeof request.sampling, .top_p = 1, .typical_p = 1, .repetition_penalty = 1};
    request.viv.max_tokens = max_tokens;
    request.viv.n_stop = 0;
    request.viv.cancel = cancel;
    out->show = flags & ANSWER_LINE ? stop_at_line : NULL;
    out->show_ctx = &has_line;
    viv_status status = utf8_valid(prompt, strlen(prompt))
                            ? request_add_text(&request, r->chat ? "user" : NULL, prompt, strlen(prompt), err)
                            : error_set(err, VIV_EFORMAT, "the prompt is not UTF-8");
    if (status == VIV_OK)
        status = answer_ask(out, r->model, &request.viv, err);
    request_release(&request);
    if (has_line) {
        strcpy(out->reason, "line");
        return VIV_OK;
    }
    return status == VIV_OK && strcmp(out->reason, "cancelled") == 0 ? error_set(err, VIV_ECANCELLED, "interrupted")
                                                                     : status;
}
