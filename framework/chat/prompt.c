/* prompt.c - see prompt.h. */
#include "chat/prompt.h"

#include <string.h>

viv_status chat_prompt_render(const struct chat_template *t, json_t *data, struct chat_prompt *out,
                              struct error *err)
{
    const struct template_options options = {.values = TEMPLATE_PYTHON, .from_data = &out->from_data};
    return chat_render(t, &options, data, &out->text, err);
}

viv_status chat_prompt_encode(const struct chat_prompt *p, const struct tokenizer *tokenizer, struct token_ids *ids,
                              struct error *err)
{
    const unsigned char *from_data = p->from_data.size ? (const unsigned char *)p->from_data.data : NULL;
    return tokenizer_encode_prompt(tokenizer, buf_text(&p->text), p->text.size, from_data, ids, err);
}

static bool from_data(const struct chat_prompt *p, size_t at, size_t n)
{
    return p->from_data.size && memchr(p->from_data.data + at, 1, n) != NULL;
}

/* Appends bytes of p, or bytes that the template might have written. */
static void take(struct chat_prompt *to, const struct chat_prompt *p, size_t at, size_t n)
{
    buf_append(&to->text, p->text.data + at, n);
    if (p->from_data.size)
        buf_append(&to->from_data, p->from_data.data + at, n);
}

static void put(struct chat_prompt *to, const struct chat_prompt *p, const char *text)
{
    buf_puts(&to->text, text);
    for (size_t i = 0; p->from_data.size && text[i]; i++)
        buf_putc(&to->from_data, 0);
}

/* The next `place` at or behind `at`; SIZE_MAX: none. */
static size_t find(const struct chat_prompt *p, const char *place, size_t at)
{
    const char *found = *place && p->text.size ? strstr(p->text.data + at, place) : NULL;
    return found ? (size_t)(found - p->text.data) : SIZE_MAX;
}

/* `made`, with what is left of p from `at` on, becomes p. */
static viv_status finish(struct chat_prompt *p, struct chat_prompt *made, size_t at, struct error *err)
{
    if (p->text.size)
        take(made, p, at, p->text.size - at);
    if (made->text.failed || made->from_data.failed) {
        chat_prompt_release(made);
        return error_nomem(err);
    }
    chat_prompt_release(p);
    *p = *made;
    return VIV_OK;
}

viv_status chat_prompt_replace(struct chat_prompt *p, const char *place, const char *const *texts, uint64_t n,
                               uint64_t *n_found, struct error *err)
{
    const size_t size = strlen(place);
    struct chat_prompt made = {0};
    size_t at = 0;
    *n_found = 0;
    for (size_t here; (here = find(p, place, at)) != SIZE_MAX; at = here + size) {
        const bool replaced = *n_found < n && !from_data(p, here, size);
        take(&made, p, at, here + (replaced ? 0 : size) - at);
        if (replaced)
            put(&made, p, texts[*n_found]);
        *n_found += !from_data(p, here, size);
    }
    return finish(p, &made, at, err);
}

viv_status chat_prompt_replace_mark(struct chat_prompt *p, const char *mark, const char *text, struct error *err)
{
    struct chat_prompt made = {0};
    size_t at = 0;
    for (size_t here; (here = find(p, mark, at)) != SIZE_MAX; at = here + strlen(mark)) {
        take(&made, p, at, here - at);
        put(&made, p, text);
    }
    return finish(p, &made, at, err);
}

viv_status chat_prompt_trust(struct chat_prompt *p, const char *mark, struct error *err)
{
    struct chat_prompt made = {0};
    size_t at = 0;
    bool inside = false;
    for (size_t here; (here = find(p, mark, at)) != SIZE_MAX; at = here + strlen(mark), inside = !inside) {
        if (inside && p->from_data.size)
            memset(p->from_data.data + at, 0, here - at);
        take(&made, p, at, here - at);
    }
    return finish(p, &made, at, err);
}

void chat_prompt_release(struct chat_prompt *p)
{
    buf_release(&p->text);
    buf_release(&p->from_data);
}
