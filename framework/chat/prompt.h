/* prompt.h - a rendered conversation, and which special tokens in it count.
 *
 * Special tokens that the template writes are tokens. The same text inside what somebody said, a tool description
 * or a document is text: nobody ends a turn, or begins one of another role, by writing it out. */
#ifndef CHAT_PROMPT_H
#define CHAT_PROMPT_H

#include "chat/chat.h"

struct chat_prompt {
    struct buf text;
    size_t *plain; /* [n_plain] offsets of special tokens that are text, ascending */
    size_t n_plain;
};

/* Renders `data` as chat_render does, and finds what is content in the result. A token that the template itself
 * looks for in content (such as </think>) stays a token. */
viv_status chat_prompt_render(const struct chat_template *t, const struct tokenizer *tokenizer, json_t *data,
                              struct chat_prompt *out, struct error *err);
viv_status chat_prompt_encode(const struct chat_prompt *p, const struct tokenizer *tokenizer, struct token_ids *ids,
                              struct error *err);
void chat_prompt_release(struct chat_prompt *p); /* accepts a zeroed struct */

#endif
