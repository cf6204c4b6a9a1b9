/* rule_max_patches.c - siglip2 NaFlex: the largest scale with so many patches, found by halving. */
#include "rules.h"

static double scale_side(double scale, double side, double patch)
{
    return fmax(patch, ceil_to(side * scale, patch));
}

viv_status rule_max_patches(struct maker *m)
{
    const double patch = m->s->patch_size, most = m->s->max_patches, precision = 1e-5;
    double low = precision / 10, high = 100;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const viv_status status = need_setting(m, fmin(patch, most), "patch_size or max_num_patches");
    if (status != VIV_OK || !m->s->do_resize)
        return status;
    while (high - low >= precision) {
        const double scale = (low + high) / 2;
        if (scale_side(scale, m->h, patch) / patch * (scale_side(scale, m->w, patch) / patch) <= most)
            low = scale;
        else
            high = scale;
    }
    return add_resize(m, v, scale_side(low, m->h, patch), scale_side(low, m->w, patch));
}
