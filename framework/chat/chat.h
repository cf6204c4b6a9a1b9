/* chat.h - a checkpoint's chat template: from messages to the text that the model was trained to continue.
 *
 * Where it comes from, as transformers 5 reads them: chat_template.jinja with additional_chat_templates/NAME.jinja,
 * else chat_template.json, else the chat_template of tokenizer_config.json (one template, or several by name); in
 * GGUF files tokenizer.chat_template and tokenizer.chat_template.NAME. The first place that has one gives all. */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include "formats/checkpoint.h"
#include "jinja/template.h"
#include "tokenizer/tokenizer.h"

struct chat_template {
    struct buf source;
    char *where;    /* for errors: "model/tokenizer_config.json: chat_template" */
    json_t *tokens; /* "bos_token": "<s>", ... */
};

/* The template called `name`; NULL: "tool_use" where there are tools and such a template, else the default. A
 * checkpoint without one is VIV_ENOTFOUND and says where was looked. `file`, unless NULL, is the template instead:
 * then only special tokens are the checkpoint's. Those of GGUF files are looked up in `t`. */
viv_status chat_template_open(const struct checkpoint *c, const struct tokenizer *t, const char *file,
                              const char *name, bool has_tools, struct chat_template *out, struct error *err);
void chat_template_close(struct chat_template *t); /* accepts a zeroed struct */

/* What is said: `data` holds messages, add_generation_prompt, and perhaps tools, documents and further variables of
 * the template. As transformers 5 does, special tokens are added, and null for tools and documents that are not
 * given; members of a message that are null are left out, and its reasoning is there as reasoning_content and
 * thinking. */
viv_status chat_render(const struct chat_template *t, const struct template_options *options, json_t *data,
                       struct buf *out, struct error *err);
/* A conversation, which the model then answers, or which ends with its answer. */
viv_status chat_render_messages(const struct chat_template *t, json_t *messages, bool answers, struct buf *out,
                                struct error *err);
/* One turn of a user that the model then answers. */
viv_status chat_render_turn(const struct chat_template *t, const char *text, struct buf *out, struct error *err);

/* The token that the template puts behind an answer, with which the model ends its turn, whether or not other files
 * name it; -1: it puts none there, or refuses a conversation without variables. */
viv_status chat_turn_end(const struct chat_template *t, const struct tokenizer *tokenizer, int32_t *id,
                         struct error *err);

/* The names that a message's reasoning comes under; the first is the one that most templates read. */
enum { N_REASONING_KEYS = 3 };
extern const char *const chat_reasoning_keys[N_REASONING_KEYS];

#endif
