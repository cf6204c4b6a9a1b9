/* rule_shrink_and_pad.c - kimi_k25: never enlarged, then padded to multiples of a unit. */
#include "rules.h"

viv_status rule_shrink_and_pad(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double patch = s->patch_size, unit = patch * s->merge_size, most = s->size.max_height * patch;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need_setting(m, fmin(unit, most), "patch_size, merge_size or size.max_height");
    if (status == VIV_OK)
        status = need_setting(m, s->max_patches, "max_patches");
    if (status != VIV_OK || !s->do_resize)
        return status;
    const double patches = fmax(1, floor(m->h / patch)) * fmax(1, floor(m->w / patch));
    const double scale = fmin(fmin(1, sqrt(s->max_patches / patches)), fmin(most / m->h, most / m->w));
    status = add_resize(m, v, fmin(fmax(1, trunc(m->h * scale)), most), fmin(fmax(1, trunc(m->w * scale)), most));
    return status == VIV_OK ? add_window(m, v, 0, 0, ceil_to(v->height, unit), ceil_to(v->width, unit), NULL)
                            : status;
}
