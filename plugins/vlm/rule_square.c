/* rule_square.c - deepseek_vl: the longest side to a size, then a square. */
#include "rules.h"

viv_status rule_square(struct maker *m)
{
    const double side = m->s->size.height, scale = side / fmax(m->h, m->w);
    uint8_t mean[3];
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need_setting(m, side, "size");
    colour_of_mean(m->s, mean);
    if (status == VIV_OK && m->s->do_resize)
        status =
            add_resize(m, v, fmax(rint(m->h * scale), m->s->min_size), fmax(rint(m->w * scale), m->s->min_size));
    return status == VIV_OK && m->s->pad_to_square ? add_square(m, v, mean) : status;
}
