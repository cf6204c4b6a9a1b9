/* rule_soft_tokens.c - gemma4: as many patches as fit. */
#include "rules.h"

viv_status rule_soft_tokens(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double pool = s->pooling_kernel_size, side = pool * s->patch_size,
                 patches = s->max_soft_tokens * pool * pool, area = patches * s->patch_size * s->patch_size,
                 factor = sqrt(area / (m->h * m->w)), longest = s->max_soft_tokens * side;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const viv_status status =
        need_setting(m, fmin(area, side), "max_soft_tokens, patch_size or pooling_kernel_size");
    if (status != VIV_OK || !s->do_resize)
        return status;
    double h = floor_to(factor * m->h, side), w = floor_to(factor * m->w, side);
    if (h == 0 && w > 0) {
        h = side;
        w = fmin(floor(m->w / m->h) * side, longest);
    } else if (w == 0 && h > 0) {
        w = side;
        h = fmin(floor(m->h / m->w) * side, longest);
    }
    if (h * w > area || h * w == 0)
        return viv_fail(m->host, VIV_ELIMIT, "a picture of %.0f x %.0f pixels has no size of at most %.0f patches",
                        m->w, m->h, patches);
    return add_resize(m, v, h, w);
}
