/* ask.h - a request to a model that is loaded, through its architecture. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "base/buf.h"
#include "cli/open.h"

/* Answers one request; events go to the sink. */
viv_status ask_model(struct opened *o, const viv_request *request, const viv_sink *sink, struct error *err);

/* Vectors of texts: what an encoder or a classifier answers. */
struct vectors {
    struct buf npy; /* an array [rows, dim] as a file, once read_vectors has been called */
    float *data;    /* [rows, dim] within it */
    uint64_t rows, dim;
    /* inside */
    struct buf numbers;
    struct progress *progress;
};

/* Asks for a vector of each message, or of each of its tokens. */
viv_status ask_vectors(struct opened *o, viv_request *request, struct vectors *out, struct error *err);
void vectors_release(struct vectors *v);

/* Messages of texts: one text each, or pairs of `first` and each of them. */
struct texts {
    viv_part *parts;
    const viv_part **part_list;
    viv_message *messages;
    const viv_message **message_list;
    uint32_t n;
};
viv_status texts_make(struct texts *t, const char *first, const char *const *texts, size_t n, struct error *err);
void texts_release(struct texts *t);

/* The words from the command line or, if there are none, the lines of a file ("-": standard input); empty lines are
 * texts, too, and a line may end in a carriage return besides. Lines live in *lines. */
viv_status texts_read(const char *file, struct buf *lines, const char *const *words, size_t n_words,
                      const char ***out, size_t *n, struct error *err);

#endif
