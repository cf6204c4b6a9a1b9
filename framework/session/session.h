/* session.h - a prompt cache on disk: a sequence or a conversation with its KV cache, to be continued later.
 *
 * The file of one:
 *
 *   "vivsess\n"          8 bytes
 *   size of the head     8 bytes; all numbers are little-endian
 *   head                 JSON: {"session": 2, the model's identity, the layout of its cache, sizes}
 *   tokens               int32 ids, "n_tokens" of them; below -1: of a row of a picture, by what it shows
 *   pages                the KV cache of the first "n_cached" of these, "page_bytes" each
 *   recurrent state      "recurrent_bytes", unless n_cached is 0
 *   CRC-32 of all this   4 bytes
 *
 * Only the model that wrote it can read it: the same spec, weights, adapters, tokenizer and cache type. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/json.h"
#include "model/model.h"

struct session {
    viv_model *model;
    viv_sequence *sequence; /* its tokens are a prefix of `text`, or share one with it */
    struct token_ids text;
    uint64_t n_prompt; /* tokens of `text` before the answer at its end */
    int64_t seed;      /* the sampling seed of this answer, or of the next one of a conversation; -1: none */
    json_t *messages;  /* of a conversation; NULL: bare text */
};

/* Fails for a model with an encoder, which processes each prompt anew. Needs no model_load. The functions below
 * check it too. */
viv_status session_possible(const viv_model *m, struct error *err);
/* Begins an empty session. */
viv_status session_begin(struct session *s, viv_model *m, struct error *err);
/* Reads a session from a file. VIV_EINVAL if it does not fit the model. */
viv_status session_read(struct session *s, viv_model *m, const char *path, struct error *err);
/* Reads the file if it exists; else begins an empty session, if the file can be created. */
viv_status session_open(struct session *s, viv_model *m, const char *path, struct error *err);
/* Reads a session from bytes; errors call them `name`. */
viv_status session_parse(struct session *s, viv_model *m, const char *name, const void *bytes, uint64_t size,
                         struct error *err);
/* Replaces the file, or leaves it unchanged on failure. The sequence is truncated to the prefix that it shares with
 * `text`. */
viv_status session_write(struct session *s, const char *path, struct error *err);
void session_end(struct session *s); /* accepts a zeroed struct */

/* Hashes that must be equal for a cache to be usable. */
struct identity {
    char spec[65];      /* SHA-256 of the expansion */
    char weights[65];   /* of the tensors' names, types, shapes and a sample of their data, before adapters */
    char adapters[65];  /* the same of the adapters, with their scales; "" without any */
    char tokenizer[65]; /* of its vocabulary; "" without one */
};
viv_status identity_of(viv_model *m, struct identity *out, struct error *err);

#endif
