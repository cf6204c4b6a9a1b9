/* ask.h - what verbs that give vectors or scores of texts share: the texts, and the request. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli/open.h"
#include "engine/answer.h"
#include "engine/request.h"

/* Asks for a vector of each message, or of each of its tokens: a->rows of them, a->dim numbers each, in a->numbers.
 */
viv_status ask_vectors(struct opened *o, struct request *r, struct answer *a, struct error *err);

/* The words from the command line or, if there are none, the lines of a file ("-": standard input); empty lines are
 * texts, too, and a line may end in a carriage return besides. Lines live in *lines. */
viv_status ask_read_texts(const char *file, struct buf *lines, const char *const *words, size_t n_words,
                          const char ***out, size_t *n, struct error *err);

#endif
