/* rule_shrink.c - pixtral, mistral3: never larger than some size, then up to multiples of a unit. */
#include "rules.h"

viv_status rule_shrink(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double most_h = s->size.longest_edge ? s->size.longest_edge : s->size.height,
                 most_w = s->size.longest_edge ? s->size.longest_edge : s->size.width,
                 unit = (double)s->patch_size * s->merge_size;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need_setting(m, unit, "patch_size");
    if (status == VIV_OK)
        status = need_setting(m, fmin(most_h, most_w), "size");
    if (status != VIV_OK || !s->do_resize)
        return status;
    const double ratio = fmax(m->h / most_h, m->w / most_w), h = ratio > 1 ? floor(m->h / ratio) : m->h,
                 w = ratio > 1 ? floor(m->w / ratio) : m->w;
    return add_resize(m, v, ceil_to(h, unit), ceil_to(w, unit));
}
