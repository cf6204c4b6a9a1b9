/* chat.h - a conversation while `viv chat` holds it: what its turns and its commands share. */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "cli/lines.h"
#include "cli/open.h"
#include "cli/sampling.h"
#include "engine/conversation.h"

struct chat_options {
    struct speaking speaking;
    const char *system, *file, *session, *template, *template_name, *tools, *tool_choice;
    struct string_list variables;
    uint64_t memory;       /* --memory; 0: no budget */
    const char *precision; /* --precision, or NULL */
    double fps;
    bool verbose, json, no_history, parse_special, one_call;
};

struct chat {
    struct chat_options *options; /* /set changes some */
    struct string_list owned;     /* values that it has set: malloc'ed */
    char *tools;                  /* those of --tools, as a JSON list; or NULL */
    struct opened *o;
    struct conversation conversation;
    int64_t seed; /* of the next answer; -1: the model's default */
    struct lines *lines;
    bool quits;
};

/* A request as the options have it, without messages. */
viv_status chat_request(struct chat *c, struct request *r, struct error *err);
/* A turn and its answer. */
viv_status chat_turn(struct chat *c, const char *text, size_t n, struct error *err);
/* The result of a call that waits for one. */
viv_status chat_result(struct chat *c, const char *text, size_t n, struct error *err);
/* Another answer in place of the last one. */
viv_status chat_regenerate(struct chat *c, struct error *err);

/* Carries out a line that somebody typed or a file holds: a command, or a turn. In chat_commands.c. */
viv_status chat_carry_out(struct chat *c, const struct buf *line, struct error *err);

#endif
