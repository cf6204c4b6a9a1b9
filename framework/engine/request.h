/* request.h - builds requests: the one place that does. A request begins with the model's defaults; the caller
 * changes the fields of `viv` and `sampling`, and adds messages. What is added is copied. */
#ifndef ENGINE_REQUEST_H
#define ENGINE_REQUEST_H

#include "base/arena.h"
#include "base/json.h"
#include "model/model.h"

#include <vivarium/request.h>

struct request {
    viv_request viv; /* first, so that a pointer to it is one to all of it */
    viv_sampling sampling;
    /* Of messages in JSON: whether pictures and videos may be files of this machine, and those that messages have
     * only a place for. */
    bool reads_files;
    struct request_files {
        const char *const *paths; /* [n] in order */
        size_t n, next;           /* next: the first that has no place yet */
    } images, videos;
    double fps; /* of videos that are folders of frames; 0: 24 */
    /* inside */
    struct arena arena;
    struct request_message {
        viv_message viv;
        const viv_part **parts;
        size_t capacity;
    } * *messages;
    const viv_message **list; /* [n_messages] what the request has */
    size_t messages_capacity, list_capacity;
    uint64_t picture_bytes;
};

/* A request to generate. The struct stays where it is until it is released. */
void request_init(struct request *r, const viv_model *m);
void request_release(struct request *r); /* accepts a zeroed struct */

/* A further message; role NULL: bare text. */
viv_status request_add_message(struct request *r, const char *role, struct error *err);
/* A further part of the last message; name may be NULL. */
viv_status request_add_part(struct request *r, uint32_t kind, const void *data, uint64_t size, const char *name,
                            struct error *err);
/* The picture of a file. Those of a request have at most 1 GiB, with the frames of its videos. */
viv_status request_add_picture(struct request *r, const char *path, struct error *err);
/* The video of a folder of frames, or of an animated picture. */
viv_status request_add_video(struct request *r, const char *path, struct error *err);
/* A message of one text. */
viv_status request_add_text(struct request *r, const char *role, const char *text, size_t size, struct error *err);
/* A message of ids. */
viv_status request_add_tokens(struct request *r, const int32_t *ids, size_t n, struct error *err);
/* Each text as a message; or pairs of `first` and each of them. */
viv_status request_add_texts(struct request *r, const char *first, const char *const *texts, size_t n,
                             struct error *err);
/* A JSON list of messages, [{"role": ..., "content": ...}, ...]; or an object with "messages", "tools" and further
 * variables of the chat template. `name` is what errors call it. */
viv_status request_add_json(struct request *r, const char *name, const json_t *messages, struct error *err);
/* A copy of a text that lives as long as the request: for its fields. */
viv_status request_keep(struct request *r, const char *text, const char **out, struct error *err);

#endif
