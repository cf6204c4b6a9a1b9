/* chat.h - chat templates of checkpoints: they turn messages into the text that the model was trained to continue.
 *
 * Templates are read from the first of these places that has one, as in transformers 5: chat_template.jinja with
 * additional_chat_templates/NAME.jinja; chat_template.json; chat_template in tokenizer_config.json (one template,
 * or several by name). GGUF files have them in tokenizer.chat_template and tokenizer.chat_template.NAME. */
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

/* Opens the template called `name`. If it is NULL: "tool_use" if there are tools and such a template, else the
 * default one. Returns VIV_ENOTFOUND, and names the places that were searched, if the checkpoint has none. `file`,
 * unless NULL, is used as the template; then only the special tokens come from the checkpoint. Special tokens of
 * GGUF files are looked up in `t`. */
viv_status chat_template_open(const struct checkpoint *c, const struct tokenizer *t, const char *file,
                              const char *name, bool has_tools, struct chat_template *out, struct error *err);
void chat_template_close(struct chat_template *t); /* accepts a zeroed struct */

/* Renders a conversation. `data` has messages, add_generation_prompt, and optionally tools, documents and
 * further variables of the template. As in transformers 5, special tokens are added, tools and documents
 * default to null, members of messages that are null are removed, and reasoning is available as
 * reasoning_content and as thinking. */
viv_status chat_render(const struct chat_template *t, const struct template_options *options, json_t *data,
                       struct buf *out, struct error *err);
/* Renders one turn of the user, and the prompt of the answer. */
viv_status chat_render_turn(const struct chat_template *t, const char *text, struct buf *out, struct error *err);

/* Sets *id to the special token that the template writes after an answer: the model ends its turn with
 * it, even if no other file says so. -1: there is none, or the template cannot render a conversation
 * without further variables. */
viv_status chat_turn_end(const struct chat_template *t, const struct tokenizer *tokenizer, int32_t *id,
                         struct error *err);

/* Whether the template reads lists of parts, and writes `place` where a message has one of this type: "image" or
 * "video". */
viv_status chat_shows(const struct chat_template *t, const char *type, const char *place, bool *shows,
                      struct error *err);

/* Names under which messages have their reasoning; most templates read the first. */
enum { N_REASONING_KEYS = 3 };
extern const char *const chat_reasoning_keys[N_REASONING_KEYS];

#endif
