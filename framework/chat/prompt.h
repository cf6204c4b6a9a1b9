/* prompt.h - a rendered conversation, and which of its bytes the template wrote.
 *
 * Special tokens that the template writes are tokens. The same characters in a message, a tool description or a
 * document are text. So no message can end its turn, or begin a turn of another role. */
#ifndef CHAT_PROMPT_H
#define CHAT_PROMPT_H

#include "chat/chat.h"

struct chat_prompt {
    struct buf text;
    struct buf from_data; /* for each byte of text: 1 if it cannot be part of a special token; or empty */
};

/* Renders `data` as chat_render does. */
viv_status chat_prompt_render(const struct chat_template *t, json_t *data, struct chat_prompt *out,
                              struct error *err);
viv_status chat_prompt_encode(const struct chat_prompt *p, const struct tokenizer *tokenizer, struct token_ids *ids,
                              struct error *err);
/* Replaces each `place` that does not come from data, by texts[0..n) in order; places behind the last stay.
 * *n_found: how many places there are. */
viv_status chat_prompt_replace(struct chat_prompt *p, const char *place, const char *const *texts, uint64_t n,
                               uint64_t *n_found, struct error *err);
/* Replaces every `mark`, wherever it comes from, as if the template had written `text`. */
viv_status chat_prompt_replace_mark(struct chat_prompt *p, const char *mark, const char *text, struct error *err);
/* What stands between the first and the second mark, the third and the fourth, ..., counts as the template's. The
 * marks go. */
viv_status chat_prompt_trust(struct chat_prompt *p, const char *mark, struct error *err);
void chat_prompt_release(struct chat_prompt *p); /* accepts a zeroed struct */

#endif
