/* draft.c - see draft.h. */
#include "engine/draft.h"

#include <inttypes.h>
#include <string.h>

static viv_status continues_texts(const viv_model *m, struct error *err)
{
    const struct value *output = expansion_param(model_expansion(m), "output");
    if (output && output->kind == VALUE_STRING && strcmp(output->s, "logits") != 0)
        return error_set(err, VIV_EUNSUPPORTED, "%s gives %s, and a draft needs the logits of next tokens",
                         spec_name(model_spec(m)), output->s);
    if (model_encoder_dim(m))
        return error_set(
            err, VIV_EUNSUPPORTED,
            "%s has an encoder, and a draft model continues texts without one (\"ngram\" drafts for it)",
            spec_name(model_spec(m)));
    return VIV_OK;
}

/* NULL where the model has none. */
static viv_status tokenizer_of(viv_model *m, const struct tokenizer **out, struct error *err)
{
    viv_status status = model_tokenizer(m, out, err);
    if (status == VIV_ENOTFOUND)
        *out = NULL;
    return status == VIV_ENOTFOUND ? VIV_OK : status;
}

static viv_status same_size(uint64_t n, uint64_t n_draft, struct error *err)
{
    return n == n_draft ? VIV_OK
                        : error_set(err, VIV_EINVAL,
                                    "its vocabulary has %" PRIu64 " tokens, the model's %" PRIu64
                                    ": a draft needs the same tokens",
                                    n_draft, n);
}

static viv_status same_pieces(const struct tokenizer *t, const struct tokenizer *draft, struct error *err)
{
    const uint32_t n = tokenizer_vocab_size(t), n_draft = tokenizer_vocab_size(draft);
    for (uint32_t i = 0; i < n && i < n_draft; i++) {
        const char *ours = tokenizer_piece(t, (int32_t)i), *theirs = tokenizer_piece(draft, (int32_t)i);
        if (strcmp(ours ? ours : "", theirs ? theirs : "") != 0)
            return error_set(err, VIV_EINVAL,
                             "its token %" PRIu32 " is '%.64s', the model's '%.64s': a draft needs the same tokens",
                             i, theirs ? theirs : "", ours ? ours : "");
    }
    return same_size(n, n_draft, err);
}

viv_status draft_check(viv_model *m, viv_model *draft, struct error *err)
{
    const struct tokenizer *ours = NULL, *theirs = NULL;
    viv_status status = continues_texts(draft, err);
    if (status == VIV_OK)
        status = continues_texts(m, err);
    if (status == VIV_OK)
        status = tokenizer_of(m, &ours, err);
    if (status == VIV_OK)
        status = tokenizer_of(draft, &theirs, err);
    if (status != VIV_OK || ours == theirs) /* without tokenizers, what is said are ids */
        return status != VIV_OK || ours ? status
                                        : same_size(model_graph(m)->stacks[STACK_GRAPH].vocab_size,
                                                    model_graph(draft)->stacks[STACK_GRAPH].vocab_size, err);
    if (!ours || !theirs)
        return error_set(err, VIV_EINVAL, "%s has no tokenizer: a draft needs the same tokens",
                         spec_name(model_spec(ours ? draft : m)));
    return same_pieces(ours, theirs, err);
}
