/* resize.c - separable resampling with antialiasing, in integers.
 *
 * Output i of an axis has its centre at c = (i + 1/2) in / out. It is the sum of the inputs x around c, weighted by
 * filter((x - c + 1/2) / max(in / out, 1)). The weights are normalised, then rounded to multiples of 2^-bits. Each
 * of the two passes rounds to bytes. What differs between the back-ends is `bits`, and which pass is first. */
#include "resize.h"

#include <inttypes.h>
#include <math.h>

enum { PILLOW_BITS = 22, LANES = 16 };

/* --- filters ------------------------------------------------------------------------------------------------- */

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0 || x >= 1)
        return x == 0;
    x *= M_PI;
    return sin(x) / x * (0.54f + 0.46f * cos(x)); /* their constants are floats */
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin(x * M_PI) / (x * M_PI);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct {
    double (*weight)(double);
    double support; /* it is 0 farther away */
} filters[VLM_N_FILTERS] = {
    [VLM_LANCZOS] = {lanczos, 3}, [VLM_BILINEAR] = {bilinear, 1}, [VLM_BICUBIC] = {bicubic, 2},
    [VLM_BOX] = {box, 0.5},       [VLM_HAMMING] = {hamming, 1},
};

/* --- the weights of an axis ---------------------------------------------------------------------------------- */

/* Output i is sum over k < count[i] of weights[i * n_max + k] * input[first[i] + k]. */
struct axis {
    uint32_t n_out, n_max, bits;
    uint32_t *first, *count;
    int32_t *weights;
};

static void axis_release(struct axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weights);
}

/* Normalised weights of output i; returns how many. */
static uint32_t weigh(uint32_t n_in, uint32_t n_out, enum vlm_filter filter, uint32_t i, uint32_t *first,
                      double *weights)
{
    const double scale = (double)n_in / n_out, stretch = fmax(scale, 1),
                 support = filters[filter].support * stretch, centre = (i + 0.5) * scale, shrink = 1 / stretch;
    const double from = fmax(centre - support + 0.5, 0), to = fmin(centre + support + 0.5, n_in);
    const uint32_t begin = (uint32_t)from, end = (uint32_t)to;
    double sum = 0;
    for (uint32_t x = begin; x < end; x++) {
        const double w = filters[filter].weight((x - centre + 0.5) * shrink);
        weights[x - begin] = w;
        sum += w;
    }
    for (uint32_t x = begin; x < end && sum != 0; x++)
        weights[x - begin] /= sum;
    *first = begin;
    return end - begin;
}

/* The finest precision with which the largest weight has 16 bits with its sign. */
static uint32_t choose_bits(double largest)
{
    uint32_t bits = 1;
    while (bits < PILLOW_BITS && 0.5 + largest * (UINT32_C(2) << bits) < 1 << 15)
        bits++;
    return bits;
}

static int32_t to_integer(double weight, uint32_t bits)
{
    return (int32_t)(weight * (UINT32_C(1) << bits) + (weight < 0 ? -0.5 : 0.5));
}

static viv_status axis_init(const viv_host *host, uint32_t n_in, uint32_t n_out, enum vlm_filter filter,
                            enum vlm_backend backend, struct axis *a)
{
    const double support = filters[filter].support * fmax((double)n_in / n_out, 1);
    uint64_t n = 0;
    *a = (struct axis){.n_out = n_out, .n_max = (uint32_t)fmin(2 * ceil(support) + 1, n_in), .bits = PILLOW_BITS};
    double *row = calloc(a->n_max, sizeof *row), largest = 0;
    a->first = calloc(n_out, sizeof *a->first);
    a->count = calloc(n_out, sizeof *a->count);
    if (viv_size_mul(n_out, a->n_max, &n) && viv_size_mul(n, sizeof *a->weights, &n) && n <= SIZE_MAX)
        a->weights = malloc(n);
    if (!row || !a->first || !a->count || !a->weights) {
        free(row);
        axis_release(a);
        return viv_fail(host, VIV_ENOMEM, "no memory to resize %u pixels to %u", n_in, n_out);
    }
    /* the precision must be known first: weights are computed twice, which is cheap beside the pixels */
    for (uint32_t i = 0; i < n_out && backend == VLM_TORCHVISION; i++) {
        a->count[i] = weigh(n_in, n_out, filter, i, &a->first[i], row);
        for (uint32_t k = 0; k < a->count[i]; k++)
            largest = fmax(largest, row[k]);
    }
    if (backend == VLM_TORCHVISION)
        a->bits = choose_bits(largest);
    for (uint32_t i = 0; i < n_out; i++) {
        a->count[i] = weigh(n_in, n_out, filter, i, &a->first[i], row);
        for (uint32_t k = 0; k < a->count[i]; k++)
            a->weights[(uint64_t)i * a->n_max + k] = to_integer(row[k], a->bits);
    }
    free(row);
    return VIV_OK;
}

/* --- the two passes ------------------------------------------------------------------------------------------ */

/* out[l] = sum over k of weights[k] * in[k * stride + l]. With a constant number of lanes compilers make vectors of
 * it. */
static inline __attribute__((always_inline)) void sum_lanes(uint8_t *out, const uint8_t *in, size_t stride,
                                                            const int32_t *weights, uint32_t n, uint32_t bits,
                                                            uint32_t lanes)
{
    int32_t sums[LANES];
    for (uint32_t l = 0; l < lanes; l++)
        sums[l] = 1 << (bits - 1);
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t l = 0; l < lanes; l++)
            sums[l] += weights[k] * in[k * stride + l];
    for (uint32_t l = 0; l < lanes; l++) {
        const int32_t value = sums[l] >> bits;
        out[l] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static void sum(uint8_t *out, const uint8_t *in, size_t stride, const int32_t *weights, uint32_t n, uint32_t bits,
                uint32_t lanes)
{
    if (lanes == LANES)
        sum_lanes(out, in, stride, weights, n, bits, LANES);
    else
        sum_lanes(out, in, stride, weights, n, bits, lanes);
}

static void resize_vertically(const struct axis *a, const struct vlm_picture *in, struct vlm_picture *out)
{
    const size_t row = (size_t)3 * in->width;
    for (uint32_t y = 0; y < out->height; y++)
        for (size_t at = 0; at < row; at += LANES)
            sum(out->pixels + y * row + at, in->pixels + a->first[y] * row + at, row,
                a->weights + (uint64_t)y * a->n_max, a->count[y], a->bits, (uint32_t)viv_min(LANES, row - at));
}

/* Rows lie side by side in `columns`, so that this pass, too, sums whole lanes. columns: 3 * in->width * lanes
 * bytes */
static void resize_rows(const struct axis *a, const struct vlm_picture *in, struct vlm_picture *out, uint32_t y,
                        uint32_t lanes, uint8_t *columns)
{
    const size_t row = (size_t)3 * in->width, out_row = (size_t)3 * out->width;
    for (uint32_t l = 0; l < lanes; l++)
        for (size_t x = 0; x < row; x++)
            columns[x * lanes + l] = in->pixels[(y + l) * row + x];
    for (uint32_t x = 0; x < out->width; x++)
        for (uint32_t c = 0; c < 3; c++) {
            uint8_t bytes[LANES];
            sum(bytes, columns + ((size_t)3 * a->first[x] + c) * lanes, (size_t)3 * lanes,
                a->weights + (uint64_t)x * a->n_max, a->count[x], a->bits, lanes);
            for (uint32_t l = 0; l < lanes; l++)
                out->pixels[(y + l) * out_row + (size_t)3 * x + c] = bytes[l];
        }
}

static viv_status resize_horizontally(const viv_host *host, const struct axis *a, const struct vlm_picture *in,
                                      struct vlm_picture *out)
{
    uint8_t *columns =
        malloc((size_t)3 * in->width * viv_min(LANES, in->height)); /* at most the size of the picture */
    if (!columns)
        return viv_fail(host, VIV_ENOMEM, "no memory to resize rows of %u pixels", in->width);
    for (uint32_t y = 0; y < in->height; y += LANES)
        resize_rows(a, in, out, y, (uint32_t)viv_min(LANES, in->height - y), columns);
    free(columns);
    return VIV_OK;
}

/* One pass, to `n_out` pixels along the axis. */
static viv_status resize_axis(const viv_host *host, const struct vlm_picture *in, bool vertically, uint32_t n_out,
                              enum vlm_filter filter, enum vlm_backend backend, struct vlm_picture *out)
{
    struct axis a;
    struct vlm_picture p = {0};
    viv_status status = axis_init(host, vertically ? in->height : in->width, n_out, filter, backend, &a);
    if (status != VIV_OK)
        return status;
    status = vlm_picture_init(host, vertically ? in->width : n_out, vertically ? n_out : in->height, &p);
    if (status == VIV_OK && vertically)
        resize_vertically(&a, in, &p);
    else if (status == VIV_OK)
        status = resize_horizontally(host, &a, in, &p);
    axis_release(&a);
    if (status == VIV_OK)
        *out = p;
    else
        vlm_picture_release(&p);
    return status;
}

/* --- nearest ------------------------------------------------------------------------------------------------- */

/* The input of each output of an axis. Pillow adds up steps, with their rounding; torchvision's "nearest-exact"
 * takes the half off and adds it again, with a fused multiply. */
static void find_nearest(uint32_t n_in, uint32_t n_out, enum vlm_backend backend, uint32_t *index)
{
    const double step = (double)n_in / n_out;
    const float scale = (float)n_in / (float)n_out;
    double at = step * 0.5;
    for (uint32_t i = 0; i < n_out; i++, at += step) {
        const double x =
            backend == VLM_PILLOW ? at : (double)floorf(fmaxf(fmaf(scale, (float)i + 0.5f, -0.5f), 0) + 0.5f);
        index[i] = (uint32_t)viv_min((uint64_t)x, n_in - 1);
    }
}

static viv_status resize_nearest(const viv_host *host, const struct vlm_picture *in, uint32_t width,
                                 uint32_t height, enum vlm_backend backend, struct vlm_picture *out)
{
    uint32_t *columns = malloc(width * sizeof *columns), *rows = malloc(height * sizeof *rows);
    viv_status status = VIV_OK;
    if (!columns || !rows)
        status = viv_fail(host, VIV_ENOMEM, "no memory to resize to %u x %u pixels", width, height);
    if (status == VIV_OK)
        status = vlm_picture_init(host, width, height, out);
    if (status == VIV_OK) {
        find_nearest(in->width, width, backend, columns);
        find_nearest(in->height, height, backend, rows);
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++)
                memcpy(out->pixels + 3 * ((uint64_t)y * width + x),
                       in->pixels + 3 * ((uint64_t)rows[y] * in->width + columns[x]), 3);
    }
    free(columns);
    free(rows);
    return status;
}

/* --- both axes ----------------------------------------------------------------------------------------------- */

/* Pillow 13 begins with the axis that saves more work: python-pillow/Pillow#9549. */
static bool is_vertical_first(const struct vlm_picture *in, uint32_t width, uint32_t height,
                              enum vlm_backend backend)
{
    const int64_t less_rows = (int64_t)in->height - height, less_columns = (int64_t)in->width - width;
    return backend == VLM_PILLOW && less_rows > 0 && less_rows > 2 * less_columns;
}

viv_status vlm_resize(const viv_host *host, const struct vlm_picture *in, uint32_t width, uint32_t height,
                      enum vlm_filter filter, enum vlm_backend backend, struct vlm_picture *out)
{
    struct vlm_picture between = {0};
    viv_status status = VIV_OK;
    if ((uint32_t)filter >= VLM_N_FILTERS)
        return viv_fail(host, VIV_EUNSUPPORTED, "filter %u for resizing, expected 0 to %d", (uint32_t)filter,
                        VLM_N_FILTERS - 1);
    if (width == 0 || height == 0)
        return viv_fail(host, VIV_ESHAPE, "a picture cannot be resized to %u x %u pixels", width, height);
    if (in->width == width && in->height == height) {
        status = vlm_picture_init(host, width, height, out);
        if (status == VIV_OK)
            memcpy(out->pixels, in->pixels, UINT64_C(3) * width * height);
        return status;
    }
    if (filter == VLM_NEAREST)
        return resize_nearest(host, in, width, height, backend, out);
    if (filter == VLM_BOX || filter == VLM_HAMMING)
        backend = VLM_PILLOW;
    if (in->width == width)
        return resize_axis(host, in, true, height, filter, backend, out);
    if (in->height == height)
        return resize_axis(host, in, false, width, filter, backend, out);
    const bool vertical_first = is_vertical_first(in, width, height, backend);
    status = resize_axis(host, in, vertical_first, vertical_first ? height : width, filter, backend, &between);
    if (status == VIV_OK)
        status =
            resize_axis(host, &between, !vertical_first, vertical_first ? width : height, filter, backend, out);
    vlm_picture_release(&between);
    return status;
}
