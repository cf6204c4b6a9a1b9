/* source.c - see source.h. */
#include "quantize/source.h"

viv_status source_rows(const struct weight_source *s, uint32_t tensor, uint64_t first, uint64_t *n,
                       const void **out, struct error *err)
{
    const viv_tensor *t = &s->header->tensors[tensor];
    if (s->rows)
        return s->rows(s->self, tensor, first, n, out, err);
    *out = (const char *)t->dl.data + first * t->row_bytes;
    return VIV_OK;
}

void source_release(struct weight_source *s)
{
    if (s->release)
        s->release(s->self);
    *s = (struct weight_source){0};
}

viv_status source_of_gguf(const struct checkpoint *c, struct weight_source *out, struct error *err)
{
    *out = (struct weight_source){.header = c};
    return checkpoint_need_weights(c, err);
}
