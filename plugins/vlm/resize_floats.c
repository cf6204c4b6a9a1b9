/* resize_floats.c - separable resampling with antialiasing, in floats, as torchvision does it of tensors of floats.
 *
 * The formula is that of resize.c, with weights in float32 and without rounding to bytes. So that the bits are
 * those of torch's kernels for AVX2 and AVX-512, multiplications and additions are fused, but where such a kernel
 * multiplies four numbers at a time. Lines are resized before columns. */
#include "resize.h"

#include <math.h>

static float bilinear(float x)
{
    x = fabsf(x);
    return x < 1 ? 1 - x : 0;
}

static float bicubic(float x)
{
    const float a = -0.5f;
    x = fabsf(x);
    if (x < 1)
        return fmaf(fmaf(a + 2, x, -(a + 3)) * x, x, 1);
    return x < 2 ? fmaf(fmaf(fmaf(a, x, -5 * a), x, 8 * a), x, -4 * a) : 0;
}

/* --- an axis ------------------------------------------------------------------------------------------------- */

/* Output i is sum over k < count[i] of weights[i * n_max + k] * input[first[i] + k]. */
struct axis {
    uint64_t n_max;
    uint32_t *first, *count;
    float *weights;
};

static void axis_release(struct axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weights);
}

static viv_status axis_init(const viv_host *host, uint32_t n_in, uint32_t n_out, enum vlm_filter filter,
                            struct axis *a)
{
    float (*const weight)(float) = filter == VLM_BICUBIC ? bicubic : bilinear;
    const float scale = (float)n_in / (float)n_out, stretch = fmaxf(scale, 1),
                shrink = (float)(1 / (double)stretch), support = (filter == VLM_BICUBIC ? 2.0f : 1.0f) * stretch;
    a->n_max = viv_min(2 * (uint64_t)ceilf(support) + 1, n_in);
    a->first = calloc(n_out, sizeof *a->first);
    a->count = calloc(n_out, sizeof *a->count);
    a->weights = calloc(n_out, viv_max(a->n_max, 1) * sizeof *a->weights);
    if (!a->first || !a->count || !a->weights)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n_out; i++) {
        const float centre = (float)((double)scale * (i + 0.5));
        float *w = a->weights + i * a->n_max, sum = 0;
        const uint32_t end = (uint32_t)fmin((double)(centre + support) + 0.5, n_in);
        a->first[i] = (uint32_t)fmin(fmax((double)(centre - support) + 0.5, 0), end - 1);
        a->count[i] = (uint32_t)viv_min(end - a->first[i], a->n_max);
        for (uint32_t k = 0; k < a->count[i]; k++) {
            w[k] = weight((float)(((double)((float)(a->first[i] + k) - centre) + 0.5) * (double)shrink));
            sum += w[k];
        }
        for (uint32_t k = 0; k < a->count[i] && sum != 0; k++)
            w[k] /= sum;
    }
    return VIV_OK;
}

/* sum over k < n of w[k] * x[k * stride] */
static float weigh(const float *w, const float *x, uint64_t stride, uint32_t n)
{
    float sum = w[0] * x[0];
    uint32_t k = 1;
    for (; k + 4 <= n; k += 4)
        for (uint32_t j = k; j < k + 4; j++)
            sum += w[j] * x[j * stride];
    for (; k < n; k++)
        sum = fmaf(w[k], x[k * stride], sum);
    return sum;
}

/* --- pictures ------------------------------------------------------------------------------------------------ */

/* Lines of the picture, [height, width, 3], as floats of a width. */
static viv_status resize_lines(const viv_host *host, const struct vlm_picture *in, uint32_t width,
                               enum vlm_filter filter, float factor, float *out)
{
    const uint64_t n_in = UINT64_C(3) * in->width, n_out = UINT64_C(3) * width;
    float *line = calloc(n_in, sizeof *line);
    struct axis a = {0};
    viv_status status =
        line ? axis_init(host, in->width, width, filter, &a) : viv_fail(host, VIV_ENOMEM, "out of memory");
    for (uint32_t y = 0; status == VIV_OK && y < in->height; y++, out += n_out) {
        for (uint64_t i = 0; i < n_in; i++)
            line[i] = (float)in->pixels[y * n_in + i] * factor;
        for (uint64_t i = 0; i < n_out; i++) {
            const uint64_t x = i / 3;
            out[i] = in->width == width
                         ? line[i]
                         : weigh(a.weights + x * a.n_max, line + UINT64_C(3) * a.first[x] + i % 3, 3, a.count[x]);
        }
    }
    axis_release(&a);
    free(line);
    return status;
}

static viv_status resize_columns(const viv_host *host, const float *in, uint32_t in_height, uint64_t n_line,
                                 uint32_t height, enum vlm_filter filter, float *out)
{
    struct axis a = {0};
    const viv_status status = axis_init(host, in_height, height, filter, &a);
    for (uint32_t y = 0; status == VIV_OK && y < height; y++, out += n_line)
        for (uint64_t i = 0; i < n_line; i++)
            out[i] = weigh(a.weights + y * a.n_max, in + a.first[y] * n_line + i, n_line, a.count[y]);
    axis_release(&a);
    return status;
}

viv_status vlm_resize_floats(const viv_host *host, const struct vlm_picture *in, uint32_t width, uint32_t height,
                             enum vlm_filter filter, float factor, struct vlm_picture *out)
{
    const uint64_t n_line = UINT64_C(3) * width;
    float *lines = NULL;
    uint64_t bytes = 0;
    viv_status status = vlm_picture_init(host, width, height, out);
    if (status != VIV_OK)
        return status;
    if (viv_size_mul(n_line * sizeof(float), in->height, &bytes))
        lines = malloc(bytes);
    out->floats = lines ? calloc(height, n_line * sizeof *out->floats) : NULL;
    status = out->floats ? resize_lines(host, in, width, filter, factor, lines)
                         : viv_fail(host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK && in->height == height)
        memcpy(out->floats, lines, n_line * height * sizeof *lines);
    else if (status == VIV_OK)
        status = resize_columns(host, lines, in->height, n_line, height, filter, out->floats);
    for (uint64_t i = 0; status == VIV_OK && i < n_line * height; i++)
        out->pixels[i] = (uint8_t)(fminf(fmaxf(out->floats[i] / factor, 0), 255) + 0.5f);
    free(lines);
    if (status != VIV_OK)
        vlm_picture_release(out);
    return status;
}
