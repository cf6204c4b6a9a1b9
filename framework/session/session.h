/* session.h - a text, or a conversation, that goes on another time: what was said, and what the model keeps of it.
 *
 * The file of one:
 *
 *   "vivsess\n"          8 bytes
 *   size of the head     8 bytes; all numbers are little-endian
 *   head                 JSON: {"session": 1, the model's identity, how its state lies, how much there is of what}
 *   text                 int32 ids, "n_text" of them
 *   pages                of the state that the first "n_state" of these left, "page_bytes" each
 *   state                that a sequence has once, "sequence_bytes", unless n_state is 0
 *   CRC-32 of all this   4 bytes
 *
 * It is read by the model that wrote it and no other: the same spec, weights, adapters, tokenizer and type of
 * state. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/json.h"
#include "model/model.h"

struct session {
    viv_model *model;
    struct sequence *sequence; /* whose tokens are the text's, as far as they agree */
    struct token_ids text;
    uint64_t n_prompt; /* of the text, before the answer that it ends with */
    int64_t seed;      /* that this answer, or the next of a conversation, is drawn with; -1: none */
    json_t *messages;  /* of a conversation; NULL: it is a bare text */
};

/* Refuses a model with an encoder: it reads each text anew. Needs no model_load; what follows asks it, too. */
viv_status session_possible(const viv_model *m, struct error *err);
/* A new one, empty. */
viv_status session_begin(struct session *s, viv_model *m, struct error *err);
/* One from a file. What does not fit the model is VIV_EINVAL, and says why. */
viv_status session_read(struct session *s, viv_model *m, const char *path, struct error *err);
/* From a file that is there; else a new one, if a file can be made there. */
viv_status session_open(struct session *s, viv_model *m, const char *path, struct error *err);
/* The same from bytes that `name` stands for. */
viv_status session_parse(struct session *s, viv_model *m, const char *name, const void *bytes, uint64_t size,
                         struct error *err);
/* Replaces the file, or leaves it as it was. The sequence is cut to what it shares with the text. */
viv_status session_write(struct session *s, const char *path, struct error *err);
void session_end(struct session *s); /* accepts a zeroed struct */

/* What must be the same for a state to be of use. */
struct identity {
    char spec[65];      /* SHA-256 of the expansion */
    char weights[65];   /* of the tensors' names, types, shapes and a sample of their data, before adapters */
    char adapters[65];  /* the same of the adapters, with their scales; "" without any */
    char tokenizer[65]; /* of its vocabulary; "" without one */
};
viv_status identity_of(viv_model *m, struct identity *out, struct error *err);

#endif
