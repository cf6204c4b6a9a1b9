/* keep_list.h - which tokens a model keeps that is to answer from few of them. */
#ifndef QUANTIZE_KEEP_LIST_H
#define QUANTIZE_KEEP_LIST_H

#include "quantize/source.h"

/* Marks tokens in keep[n_vocab], whose ids a file names, or its text:
 *
 *   FILE     a token id on each line, or a range of ids, as 100-199; "#" begins a comment
 *   @FILE    a text: its tokens, those of each of its lines alone, and those of the chat template around a message
 *
 * header: of the model, whose tokenizer reads the text. */
viv_status keep_list_read(const char *list, const struct checkpoint *header, bool *keep, uint64_t n_vocab,
                          struct error *err);

#endif
