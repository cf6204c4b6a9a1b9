/* values.c - rescale and normalise, in the arithmetic of transformers' two back-ends:
 *
 *   torchvision  y = (f32(p) - m') / d', m' = f32(mean) * f32(1 / factor), d' = f32(std) * f32(1 / factor),
 *                all in float32
 *   Pillow       y = (f32(p * factor) - f32(mean)) / f32(std), the product in double
 *   llama4       each step rounded to bfloat16
 *   dinov3       each step in float32 */
#include "values.h"

#include <math.h>

static float to_bf16(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000; /* halves to even; there are no NaN */
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static float value_bf16(const struct vlm_settings *s, int c, float p)
{
    const float rescaled = to_bf16(p * (float)s->rescale_factor);
    return to_bf16(to_bf16(rescaled - to_bf16((float)s->image_mean[c])) / to_bf16((float)s->image_std[c]));
}

static float value_apart(const struct vlm_settings *s, int c, float p)
{
    return (p * (float)s->rescale_factor - (float)s->image_mean[c]) / (float)s->image_std[c];
}

static float value_torchvision(const struct vlm_settings *s, int c, float p)
{
    const float mean = (float)s->image_mean[c], std = (float)s->image_std[c],
                inverse = (float)(1 / s->rescale_factor);
    if (!s->do_normalize)
        return s->do_rescale ? p * (float)s->rescale_factor : p;
    return s->do_rescale ? (p - mean * inverse) / (std * inverse) : (p - mean) / std;
}

static float value_pillow(const struct vlm_settings *s, int c, float p)
{
    const float rescaled = s->do_rescale ? (float)((double)p * s->rescale_factor) : p;
    return s->do_normalize ? (rescaled - (float)s->image_mean[c]) / (float)s->image_std[c] : rescaled;
}

viv_status vlm_values_init(const viv_host *host, const struct vlm_settings *settings, struct vlm_values *out)
{
    for (int c = 0; c < 3; c++)
        if (settings->do_normalize && !((float)settings->image_std[c] > 0))
            return viv_fail(host, VIV_EINVAL, "image_std[%d] is %g, expected a number above 0", c,
                            settings->image_std[c]);
    if (settings->do_rescale && !((float)settings->rescale_factor > 0))
        return viv_fail(host, VIV_EINVAL, "rescale_factor is %g, expected a number above 0",
                        settings->rescale_factor);
    for (int c = 0; c < 3; c++) {
        out->mean[c] = settings->do_normalize ? (float)settings->image_mean[c] : 0;
        out->std[c] = settings->do_normalize ? (float)settings->image_std[c] : 1;
        for (int p = 0; p < 256; p++) {
            const float byte = (float)p;
            out->of[c][p] = settings->as_bf16 && settings->do_rescale && settings->do_normalize
                                ? value_bf16(settings, c, byte)
                            : settings->rescale_first && settings->do_rescale && settings->do_normalize
                                ? value_apart(settings, c, byte)
                            : settings->backend == VLM_PILLOW ? value_pillow(settings, c, byte)
                                                              : value_torchvision(settings, c, byte);
        }
        if (!isfinite(out->of[c][0]) || !isfinite(out->of[c][255]))
            return viv_fail(
                host, VIV_EINVAL,
                "image_mean[%d] %g, image_std[%d] %g and rescale_factor %g make pixels infinite: expected "
                "numbers such as 0.5, 0.5 and %g",
                c, settings->image_mean[c], c, settings->image_std[c], settings->rescale_factor, 1.0 / 255);
    }
    return VIV_OK;
}

void vlm_values_of(const struct vlm_values *values, const struct vlm_picture *picture, struct vlm_rect rect,
                   float *out)
{
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < rect.height; y++) {
            const uint64_t line = 3 * ((uint64_t)(rect.y + y) * picture->width + rect.x) + c;
            for (uint32_t x = 0; x < rect.width; x++)
                *out++ = vlm_value_of(values, picture, line + UINT64_C(3) * x, c);
        }
}
