/* likelihood.h - how likely a model finds each of several continuations of a text.
 *
 *   log p(choice | question) = sum over the tokens of question + choice that come after those which the question
 * and all of them have in common: where a token would span the boundary, it counts as the choice's.
 *
 * As lm-evaluation-harness has it, spaces at the end of the question go to the choices; a question that ends in
 * none is divided from them by one, unless they begin with one or follow a line feed. As a turn that a chat
 * template has written, a question stays as it is, and a choice is the answer's beginning. */
#ifndef QUALITY_LIKELIHOOD_H
#define QUALITY_LIKELIHOOD_H

#include "chat/chat.h"
#include "model/model.h"

struct choices {
    const char *question;
    uint32_t n;
    const char *const *texts;             /* [n] */
    const struct chat_template *template; /* the question is a turn; NULL: it is not */
};

/* Writes log p of each, [n], in nats, and adds to *n_tokens those that went through. Refuses models without
 * next-token probabilities, and what does not fit the context. */
viv_status likelihood_of_choices(viv_model *m, const struct choices *c, const uint32_t *cancel, double *out,
                                 uint64_t *n_tokens, struct error *err);

#endif
