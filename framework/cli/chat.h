/* chat.h - a conversation while `viv chat` holds it: what its turns and its commands share. */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "cli/conversation.h"
#include "cli/lines.h"
#include "cli/open.h"
#include "cli/sampling.h"
#include "session/session.h"

struct chat_options {
    struct speaking speaking;
    const char *system, *file, *session, *template, *template_name;
    struct string_list variables;
    bool verbose, json, no_history;
};

struct chat {
    struct chat_options *options; /* /set changes some */
    struct string_list owned;     /* values that it has set: malloc'ed */
    struct opened *o;
    const struct tokenizer *tokenizer;
    struct chat_template template;
    json_t *variables;      /* of the template, beside the messages */
    struct session session; /* its messages are the conversation */
    viv_sampling sampling;
    struct lines *lines;
    bool changed; /* the session is no longer what the file holds */
    bool quits;
};

/* A turn and its answer. A turn that is not answered is taken back. */
viv_status chat_turn(struct chat *c, const char *text, size_t n, struct error *err);
/* Another answer in place of the last one. */
viv_status chat_regenerate(struct chat *c, struct error *err);
/* The first message, in place of such a one that was there; none for "". */
viv_status chat_set_system(struct chat *c, const char *text, struct error *err);
/* The system message, or NULL. Borrowed. */
const char *chat_system(const struct chat *c);
/* Forgets all turns; the system message stays. */
void chat_clear(struct chat *c);

/* Carries out a line that somebody typed or a file holds: a command, or a turn. In chat_commands.c. */
viv_status chat_carry_out(struct chat *c, const struct buf *line, struct error *err);

#endif
