/* patches.c - cuts the values of a picture, or of some frames of a video, into rows of patches. */
#include "values.h"

#include <inttypes.h>

static viv_status check(const viv_host *host, const struct vlm_patching *p,
                        const struct vlm_picture *const *pictures, uint32_t n, struct vlm_rect r)
{
    const uint64_t unit = (uint64_t)p->side * p->block;
    if (unit == 0 || p->frames == 0 || (n != 1 && n != p->frames))
        return viv_fail(host, VIV_EINVAL,
                        "patches of %u pixels and %u frames, in blocks of %u, from %u frames: this does not fit",
                        p->side, p->frames, p->block, n);
    if (r.width == 0 || r.height == 0 || r.width % unit || r.height % unit)
        return viv_fail(host, VIV_ESHAPE,
                        "%u x %u pixels are no whole number of patches: expected multiples of %" PRIu64, r.width,
                        r.height, unit);
    for (uint32_t i = 0; i < n; i++)
        if ((uint64_t)r.x + r.width > pictures[i]->width || (uint64_t)r.y + r.height > pictures[i]->height)
            return viv_fail(host, VIV_ESHAPE, "patches from %u, %u of %u x %u pixels, but the picture has %u x %u",
                            r.x, r.y, r.width, r.height, pictures[i]->width, pictures[i]->height);
    return VIV_OK;
}

/* The patch whose first pixel is (x, y); returns the end of its row. */
static float *put_patch(const struct vlm_values *values, const struct vlm_patching *p,
                        const struct vlm_picture *const *pictures, uint32_t n, uint32_t x, uint32_t y, float *out)
{
    if (p->order == VLM_CHANNEL_FRAME_Y_X) {
        for (uint32_t c = 0; c < 3; c++)
            for (uint32_t f = 0; f < p->frames; f++) {
                const struct vlm_picture *frame = pictures[n == 1 ? 0 : f];
                for (uint32_t i = 0; i < p->side; i++) {
                    const uint64_t line = 3 * ((uint64_t)(y + i) * frame->width + x) + c;
                    for (uint32_t j = 0; j < p->side; j++)
                        *out++ = vlm_value_of(values, frame, line + UINT64_C(3) * j, c);
                }
            }
        return out;
    }
    for (uint32_t f = 0; f < p->frames; f++) {
        const struct vlm_picture *frame = pictures[n == 1 ? 0 : f];
        for (uint32_t i = 0; i < p->side; i++) {
            const uint64_t line = 3 * ((uint64_t)(y + i) * frame->width + x);
            for (uint32_t j = 0; j < 3 * p->side; j++)
                *out++ = vlm_value_of(values, frame, line + j, j % 3);
        }
    }
    return out;
}

viv_status vlm_patches(const viv_host *host, const struct vlm_values *values, const struct vlm_patching *patching,
                       const struct vlm_picture *const *pictures, uint32_t n, struct vlm_rect rect, float *out)
{
    const uint32_t side = patching->side, unit = side * patching->block;
    const viv_status status = check(host, patching, pictures, n, rect);
    if (status != VIV_OK)
        return status;
    for (uint32_t y = 0; y < rect.height; y += unit)
        for (uint32_t x = 0; x < rect.width; x += unit)
            for (uint32_t i = 0; i < unit; i += side)
                for (uint32_t j = 0; j < unit; j += side)
                    out = put_patch(values, patching, pictures, n, rect.x + x + j, rect.y + y + i, out);
    return VIV_OK;
}
