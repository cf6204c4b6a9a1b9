/* rule_pan_and_scan.c - gemma3: the picture is stretched to a square; a long one is shown in parts, too. */
#include "rules.h"

static viv_status add_crops(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double longer = fmax(m->h, m->w), ratio = longer / fmin(m->h, m->w),
                 least = s->pan_and_scan_min_crop_size;
    viv_status status = need_setting(m, least, "pan_and_scan_min_crop_size");
    if (status == VIV_OK)
        status = need_setting(m, s->max_tiles, "pan_and_scan_max_num_crops");
    if (status != VIV_OK || ratio < s->pan_and_scan_min_ratio_to_activate)
        return status;
    double n = fmin(floor(longer / least), floor(ratio + 0.5));
    n = fmin(s->max_tiles, fmax(2, n));
    const bool wide = m->w >= m->h;
    const double ch = wide ? m->h : ceil(m->h / n), cw = wide ? ceil(m->w / n) : m->w;
    if (fmin(ch, cw) < least)
        return VIV_OK;
    if (n >= VLM_MAX_VIEWS)
        return viv_fail(m->host, VIV_ELIMIT, "pan_and_scan_max_num_crops is %.0f, at most %d are possible", n,
                        VLM_MAX_VIEWS - 1);
    for (uint32_t i = 0; i < n && status == VIV_OK; i++) {
        struct vlm_view *v = add_view(m, FROM_PICTURE);
        const double y = wide ? 0 : i * ch, x = wide ? i * cw : 0;
        status = add_window(m, v, (int32_t)y, (int32_t)x, fmin(ch, m->h - y), fmin(cw, m->w - x), NULL);
        if (status == VIV_OK)
            status = add_resize(m, v, s->size.height, s->size.width);
    }
    return status;
}

viv_status rule_pan_and_scan(struct maker *m)
{
    double h = 0, w = 0;
    viv_status status = size_as_given(m, m->h, m->w, &h, &w);
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    if (status == VIV_OK)
        status = add_resize(m, v, h, w);
    if (status == VIV_OK && m->s->split)
        status = add_crops(m);
    v->whole = m->plan->n_views > 1;
    return status;
}
