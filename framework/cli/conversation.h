/* conversation.h - a model's chat template, and what it is rendered with: for the verbs that make texts of
 * messages. */
#ifndef CLI_CONVERSATION_H
#define CLI_CONVERSATION_H

#include "chat/chat.h"
#include "cli/open.h"
#include "cli/options.h"

/* The template of an opened model: of its files, the one called `name` (or NULL), or, in place of these, of `file`.
 */
viv_status conversation_template(struct opened *o, const char *file, const char *name, bool has_tools,
                                 struct chat_template *out, struct error *err);
/* Puts "NAME=VALUE" of each --var into an object: a value is JSON, or else a text. */
viv_status conversation_variables(const struct string_list *variables, json_t *data, struct error *err);

#endif
