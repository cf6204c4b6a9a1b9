/* rule_area_then_tiles.c - lfm2_vl: multiples of a unit, within bounds of the area; tiles where the picture is
 * larger by far. */
#include "rules.h"

viv_status rule_area_then_tiles(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double unit = (double)s->patch_size * s->downsample_factor, token = unit * unit,
                 most = s->max_image_tokens * token, least = s->min_image_tokens * token;
    viv_status status =
        need_setting(m, fmin(unit, most), "encoder_patch_size, downsample_factor or max_image_tokens");
    if (status == VIV_OK)
        status = need_tiles(m);
    if (status == VIV_OK)
        status = need_setting(m, s->tile_size, "tile_size");
    if (status != VIV_OK)
        return status;
    double h = fmax(unit, round_to(m->h, unit)), w = fmax(unit, round_to(m->w, unit));
    const double large_h = fmax(s->patch_size, round_to(m->h, unit)),
                 large_w = fmax(s->patch_size, round_to(m->w, unit));
    bound_area(m->h, m->w, unit, least, most, 1, 1, &h, &w);
    const bool large = large_h * large_w > most * s->max_pixels_tolerance;
    if (!large || !s->split || (s->min_tiles == 1 && s->max_tiles == 1))
        return add_tiles(m, 1, 1, h, w);
    const struct nearest best = find_nearest_aspect(m, s->tile_size, s->tile_size);
    status = add_tiles(m, best.rows, best.cols, s->tile_size, s->tile_size);
    return status == VIV_OK && s->use_thumbnail && best.rows * best.cols > 1 ? add_whole(m, h, w) : status;
}
