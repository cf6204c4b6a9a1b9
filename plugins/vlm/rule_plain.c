/* rule_plain.c - clip, llava, siglip, vit, dinov2, florence2: a side, both sides, or bounds of them, then a crop.
 */
#include "rules.h"

/* shortest and longest edge: the first, but no more than the other allows */
static void bound_edges(double h, double w, double shortest, double longest, double *oh, double *ow)
{
    const double low = fmin(h, w), high = fmax(h, w);
    double exact = shortest;
    if (high / low * shortest > longest) {
        exact = longest * low / high;
        shortest = rint(exact);
    }
    *oh = w < h ? trunc(exact * h / w) : shortest;
    *ow = w < h ? shortest : trunc(exact * w / h);
    if ((h <= w && h == shortest) || (w <= h && w == shortest)) {
        *oh = h;
        *ow = w;
    }
}

viv_status size_as_given(const struct maker *m, double h, double w, double *oh, double *ow)
{
    const struct vlm_size *z = &m->s->size;
    if (z->shortest_edge && z->longest_edge) {
        bound_edges(h, w, z->shortest_edge, z->longest_edge, oh, ow);
    } else if (z->shortest_edge) {
        *oh = w <= h ? trunc(z->shortest_edge * h / w) : z->shortest_edge;
        *ow = w <= h ? z->shortest_edge : trunc(z->shortest_edge * w / h);
    } else if (z->max_height && z->max_width) {
        const double scale = fmin(z->max_height / h, z->max_width / w);
        *oh = trunc(h * scale);
        *ow = trunc(w * scale);
    } else if (z->height && z->width) {
        *oh = z->height;
        *ow = z->width;
    } else {
        return viv_fail(
            m->host, VIV_EINVAL,
            "the preprocessor's 'size' needs height and width, shortest_edge, or max_height and max_width");
    }
    return VIV_OK;
}

/* Where a crop in the middle begins; negative where it is larger. Only transformers' Pillow back-end rounds that
 * up. */
static int32_t centre(uint32_t size, uint32_t crop, enum vlm_backend backend)
{
    if (size >= crop)
        return (int32_t)((size - crop) / 2);
    return -(int32_t)((crop - size + (backend == VLM_PILLOW)) / 2);
}

static viv_status crop_centre(const struct maker *m, struct vlm_view *v)
{
    const uint32_t h = m->s->crop_size.height, w = m->s->crop_size.width;
    if (!h || !w)
        return viv_fail(m->host, VIV_EINVAL, "the preprocessor's 'crop_size' needs height and width");
    return add_window(m, v, centre(v->height, h, m->s->backend), centre(v->width, w, m->s->backend), h, w, NULL);
}

viv_status rule_plain(struct maker *m)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    uint8_t mean[3];
    double h = 0, w = 0;
    viv_status status = VIV_OK;
    colour_of_mean(m->s, mean);
    if (m->s->pad_to_square)
        status = add_square(m, v, mean);
    if (status == VIV_OK && m->s->do_resize) {
        status = size_as_given(m, v->height, v->width, &h, &w);
        if (status == VIV_OK)
            status = add_resize(m, v, h, w);
    }
    if (status == VIV_OK && m->s->do_center_crop)
        status = crop_centre(m, v);
    return status;
}
