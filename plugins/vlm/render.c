/* render.c - carries out a plan: resizes, pads and crops. */
#include "plan.h"

#include <inttypes.h>

/* The rectangle of the step, filled where the picture is not. */
static viv_status cut_window(const viv_host *host, const struct vlm_step *step, const struct vlm_picture *in,
                             struct vlm_picture *out)
{
    const int64_t left = step->x < 0 ? 0 : step->x,
                  right = (int64_t)viv_min((uint64_t)((int64_t)step->x + step->width), in->width),
                  top = step->y < 0 ? 0 : step->y,
                  bottom = (int64_t)viv_min((uint64_t)((int64_t)step->y + step->height), in->height);
    const viv_status status = vlm_picture_init(host, step->width, step->height, out);
    if (status != VIV_OK)
        return status;
    const uint64_t n = UINT64_C(1) * step->width * step->height;
    for (uint64_t i = 0; i < n && (step->fill[0] || step->fill[1] || step->fill[2]); i++)
        memcpy(out->pixels + 3 * i, step->fill, 3);
    if (in->floats && !(out->floats = calloc(n, 3 * sizeof *out->floats))) {
        vlm_picture_release(out);
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    }
    for (int64_t y = top; y < bottom && left < right; y++) {
        const int64_t to = 3 * ((y - step->y) * step->width + left - step->x), from = 3 * (y * in->width + left);
        const size_t n_line = (size_t)(3 * (right - left));
        memcpy(out->pixels + to, in->pixels + from, n_line);
        if (in->floats)
            memcpy(out->floats + to, in->floats + from, n_line * sizeof *out->floats);
    }
    return VIV_OK;
}

static viv_status take_step(const viv_host *host, const struct vlm_step *step, const struct vlm_settings *s,
                            const struct vlm_picture *in, struct vlm_picture *out)
{
    if (step->kind == VLM_STEP_WINDOW)
        return cut_window(host, step, in, out);
    if (s->rescale_first && s->do_rescale && (s->filter == VLM_BILINEAR || s->filter == VLM_BICUBIC))
        return vlm_resize_floats(host, in, step->width, step->height, s->filter, (float)s->rescale_factor, out);
    return vlm_resize(host, in, step->width, step->height, s->filter, s->backend, out);
}

static viv_status render_view(const viv_host *host, const struct vlm_view *view, const struct vlm_settings *s,
                              const struct vlm_picture *input, struct vlm_picture *canvas)
{
    struct vlm_picture now = {0}, next = {0};
    viv_status status = VIV_OK;
    if (view->n_steps == 0)
        return vlm_resize(host, input, view->width, view->height, s->filter, s->backend, canvas);
    for (uint32_t i = 0; i < view->n_steps && status == VIV_OK; i++) {
        status = take_step(host, &view->steps[i], s, i == 0 ? input : &now, &next);
        vlm_picture_release(&now);
        now = next;
        next = (struct vlm_picture){0};
    }
    if (status == VIV_OK)
        *canvas = now;
    return status;
}

viv_status vlm_plan_render(const viv_host *host, const struct vlm_plan *plan, const struct vlm_settings *settings,
                           const struct vlm_picture *picture, struct vlm_picture *canvases)
{
    struct vlm_picture done[VLM_MAX_VIEWS] = {{0}};
    viv_status status = VIV_OK;
    uint32_t n = 0;
    for (; n < plan->n_views && status == VIV_OK; n++) {
        const int32_t from = plan->views[n].from;
        status = render_view(host, &plan->views[n], settings, from < 0 ? picture : &done[from], &done[n]);
    }
    if (status == VIV_OK)
        memcpy(canvases, done, n * sizeof *done);
    for (uint32_t i = 0; i < n && status != VIV_OK; i++)
        vlm_picture_release(&done[i]);
    return status;
}
