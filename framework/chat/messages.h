/* messages.h - converts messages of a request to JSON, as chat templates read them, and back. */
#ifndef CHAT_MESSAGES_H
#define CHAT_MESSAGES_H

#include "base/error.h"
#include "base/json.h"

#include <vivarium/request.h>

/* Makes the variables of the template: messages, add_generation_prompt, tools, and request->variables. Fails for
 * messages without a role, and for parts that no template reads. A VIV_PART_ANSWER at the end is left out, because
 * it follows the prompt. */
viv_status messages_to_json(const viv_request *request, json_t **out, struct error *err);

/* For a template that takes texts alone: contents with pictures or videos become texts, each part a line. Where one
 * was stands a mark, a word that is nowhere else in the messages. */
struct message_marks {
    char image[64], video[64];
};
viv_status messages_flatten(json_t *data, struct message_marks *marks, struct error *err);

/* Calls add(ctx, ...) for each part of a JSON message: text, pictures, videos, reasoning, tool calls, and other
 * members. The data live as long as the call; of a picture or video, they are its source (picture_source.h); of a
 * video in frames the sources of all, each with a NUL behind it; NULL where the message has only a place for one.
 * `name`: its name in errors. */
struct message_part {
    uint32_t kind; /* VIV_PART_... */
    const char *data, *name;
    size_t size;
};
viv_status messages_parts(const char *name, const json_t *message,
                          viv_status (*add)(void *ctx, const struct message_part *part, struct error *err),
                          void *ctx, struct error *err);

#endif
