/* conversation.h - a conversation, or a text, that goes on: messages with roles, or bare text that the model
 * continues, with the KV cache of what was computed before. It can be saved and opened again (session/session.h).
 *
 * The caller makes a request (request_init, its sampling and limits); the conversation adds the messages to it and
 * asks. A turn that is not answered is taken back. */
#ifndef ENGINE_CONVERSATION_H
#define ENGINE_CONVERSATION_H

#include "engine/answer.h"
#include "engine/request.h"
#include "session/session.h"

struct conversation {
    viv_model *model;
    struct session session; /* session.messages: a JSON list; NULL for bare text */
    viv_sequence *draft;    /* of the model's draft, if it has one: with what that has read */
    bool changed;           /* no longer what the file holds */
    json_t *pictures;       /* that the next turn shows, before its text; NULL: none */
};

/* A new one. With `path`, one from this file if it is there; otherwise whether a file can be made there is tried
 * now. A conversation with messages begins with the system prompt of the model's spec. */
viv_status conversation_open(struct conversation *c, viv_model *m, const char *path, bool has_messages,
                             struct error *err);
viv_status conversation_save(struct conversation *c, const char *path, struct error *err);
void conversation_close(struct conversation *c); /* accepts a zeroed struct */

/* The system prompt, or NULL. Borrowed. */
const char *conversation_system(const struct conversation *c);
/* Another one; none for "". */
viv_status conversation_set_system(struct conversation *c, const char *text, struct error *err);
/* The next turn shows this picture ("image"), or video ("video"): the bytes of its file, or of the files of its
 * frames. Messages hold them as data: URLs. */
viv_status conversation_show(struct conversation *c, const char *type, const struct buf *files, size_t n,
                             struct error *err);
/* Forgets all turns; the system prompt stays. */
void conversation_clear(struct conversation *c);
size_t conversation_n_turns(const struct conversation *c); /* messages of the user */

/* The calls of the last answer that no result was added for. */
size_t conversation_n_open_calls(const struct conversation *c);
/* The first of them, or NULL. Borrowed. */
const json_t *conversation_open_call(const struct conversation *c);

/* Adds a message. One of role "tool" is the result of the first open call. */
viv_status conversation_add(struct conversation *c, const char *role, const char *text, size_t n,
                            struct error *err);
/* Adds a message and answers. *answered is false where the answer was cancelled before its first token: then the
 * message is taken back, too. */
viv_status conversation_ask(struct conversation *c, const char *role, const char *text, size_t n, struct request *r,
                            struct answer *a, bool *answered, struct error *err);
/* Another answer in place of the last one. */
viv_status conversation_regenerate(struct conversation *c, struct request *r, struct answer *a, bool *answered,
                                   struct error *err);
/* For bare text: goes on with it after adding `text`; with NULL, the last answer goes on as if it had not been cut.
 */
viv_status conversation_continue(struct conversation *c, const char *text, size_t n, struct request *r,
                                 struct answer *a, struct error *err);

#endif
