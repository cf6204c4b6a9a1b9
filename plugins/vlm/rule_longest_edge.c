/* rule_longest_edge.c - idefics3, smolvlm: the longest edge to a size, both up to multiples of a tile; the whole
 * picture last. */
#include "rules.h"

static void scale_longest_edge(double longest, double *h, double *w)
{
    enum { MOST = 4096 };
    const double aspect = *w / *h;
    if (*w >= *h) {
        *w = longest;
        *h = trunc(*w / aspect);
        *h += fmod(*h, 2);
    } else {
        *h = longest;
        *w = trunc(*h * aspect);
        *w += fmod(*w, 2);
    }
    *h = fmax(*h, 1);
    *w = fmax(*w, 1);
    const double again = *w / *h;
    if (*w >= *h && *w > MOST) {
        *w = MOST;
        *h = trunc(*w / again);
    } else if (*h > *w && *h > MOST) {
        *h = MOST;
        *w = trunc(*h * again);
    }
    *h = fmax(*h, 1);
    *w = fmax(*w, 1);
}

viv_status rule_longest_edge(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double tile = s->tile_size;
    double h = m->h, w = m->w;
    viv_status status = need_setting(m, tile, "max_image_size");
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    if (status == VIV_OK && s->do_resize) {
        if (s->size.longest_edge) {
            scale_longest_edge(s->size.longest_edge, &h, &w);
        } else {
            h = s->size.height;
            w = s->size.width;
        }
        status = add_resize(m, v, h, w);
    }
    if (status != VIV_OK)
        return status;
    if (!s->split)
        return add_resize(m, v, tile, tile);
    const double aspect = w / h;
    if (w >= h) {
        w = ceil_to(w, tile);
        h = ceil_to(trunc(w / aspect), tile);
    } else {
        h = ceil_to(h, tile);
        w = ceil_to(trunc(h * aspect), tile);
    }
    h = fmax(h, tile);
    w = fmax(w, tile);
    status = add_resize(m, v, h, w);
    if (status != VIV_OK || (h == tile && w == tile))
        return status;
    cut_view(v, h / tile, w / tile);
    struct vlm_view *whole = add_view(m, 0);
    whole->whole = true;
    return add_resize(m, whole, tile, tile);
}
