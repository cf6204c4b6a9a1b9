/* rule_area.c - qwen2_vl to qwen3_5, glm4v, glm46v: multiples of a unit, within bounds of the area. */
#include "rules.h"

void bound_area(double h, double w, double unit, double least, double most, double frames, double rounded,
                double *oh, double *ow)
{
    const double area = rounded * *oh * *ow;
    if (area > most) {
        const double b = sqrt(frames * h * w / most);
        *oh = fmax(unit, floor_to(h / b, unit));
        *ow = fmax(unit, floor_to(w / b, unit));
    } else if (area < least) {
        const double b = sqrt(least / (frames * h * w));
        *oh = ceil_to(h * b, unit);
        *ow = ceil_to(w * b, unit);
    }
}

viv_status rule_area(struct maker *m)
{
    enum { MOST_ASPECT = 200 };
    const struct vlm_settings *s = m->s;
    const double unit = (double)s->patch_size * s->merge_size, patch_frames = fmax(s->temporal_patch_size, 1),
                 frames = s->counts_frames ? fmax(m->n_frames, patch_frames) : 1,
                 rounded = s->counts_frames ? round_to(frames, patch_frames) : 1;
    double h = m->h, w = m->w;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need_setting(m, unit, "patch_size");
    if (status == VIV_OK)
        status = need_setting(m, fmin(s->size.shortest_edge, s->size.longest_edge), "size");
    if (status != VIV_OK || !s->do_resize)
        return status;
    if (s->counts_frames && (h < unit || w < unit)) {
        const double scale = fmax(unit / h, unit / w);
        h = trunc(h * scale);
        w = trunc(w * scale);
    }
    if (fmax(h, w) / fmin(h, w) > MOST_ASPECT)
        return viv_fail(m->host, VIV_EUNSUPPORTED,
                        "a picture of %.0f x %.0f pixels is too narrow: this model takes sides of at most %d to 1",
                        m->w, m->h, MOST_ASPECT);
    double oh = round_to(h, unit), ow = round_to(w, unit);
    bound_area(h, w, unit, s->size.shortest_edge, s->size.longest_edge, frames, rounded, &oh, &ow);
    return add_resize(m, v, oh, ow);
}
