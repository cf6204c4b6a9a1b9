/* prompt.c - see prompt.h. */
#include "chat/prompt.h"

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

void chat_prompt_release(struct chat_prompt *p)
{
    buf_release(&p->text);
    buf_release(&p->from_data);
}
