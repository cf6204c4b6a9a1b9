/* rope.c - see rope.h. */
#include "layers/rope.h"

#include "layers/description.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

double rope_yarn_magnitude(double factor, double mscale, double all_dim)
{
    if (factor <= 1)
        return 1;
    if (mscale == 0 || all_dim == 0)
        return 0.1 * log(factor) + 1;
    return (0.1 * mscale * log(factor) + 1) / (0.1 * all_dim * log(factor) + 1);
}

static double yarn_magnitude(const struct rope *r, const viv_infer *b)
{
    return rope_yarn_magnitude(r->factor, b->get_float(b, "rope.mscale"), b->get_float(b, "rope.mscale_all_dim"));
}

/* How many pairs each axis has. */
static viv_status infer_axes(struct rope *r, viv_infer *b)
{
    uint64_t n_sections = 0, sum = 0;
    const int64_t *axes = b->get_ints(b, "rope.axes", &r->n_axes),
                  *sections = b->get_ints(b, "rope.sections", &n_sections);
    r->turns = (int32_t)b->get_int(b, "rope.turns");
    r->apart = (int32_t)b->get_int(b, "rope.apart");
    r->centred = (int32_t)b->get_int(b, "rope.centred");
    r->frequencies = (enum rope_frequencies)b->get_int(b, "rope.frequencies");
    r->first = (int32_t)b->get_int(b, "rope.first");
    if (r->n_axes == 0 && (r->centred || r->first))
        return viv_fail(b->host, VIV_EINVAL, "rope.%s is of lines and columns: rope.axes needs them",
                        r->centred ? "centred" : "first");
    if (r->centred && r->first)
        return viv_fail(b->host, VIV_EINVAL, "rope.centred does not count lines and columns: rope.first does");
    if (r->n_axes == 0)
        return VIV_OK;
    if (r->n_axes > VIV_N_AXES || (sections && n_sections != r->n_axes))
        return viv_fail(b->host, VIV_EINVAL,
                        "rope.axes has %" PRIu64 " axes and rope.sections %" PRIu64
                        " numbers: expected as many, at most %d",
                        r->n_axes, n_sections, VIV_N_AXES);
    for (uint64_t a = 0; a < r->n_axes; a++) {
        r->axes[a] = (uint8_t)axes[a];
        r->section[a] = sections ? (uint64_t)sections[a] : r->dim / 2 / r->n_axes;
        sum += r->section[a];
    }
    if (sum != r->dim / 2)
        return viv_fail(b->host, VIV_ESHAPE,
                        "rope.sections has %" PRIu64 " pairs, expected %" PRIu64 ": half of rope.dim", sum,
                        r->dim / 2);
    if (r->apart && r->turns)
        return viv_fail(b->host, VIV_EINVAL,
                        "rope.turns leaves no features of its own to an axis: rope.apart needs some");
    return VIV_OK;
}

viv_status rope_infer(struct rope *r, viv_infer *b, uint64_t head_dim)
{
    r->used = b->is_set(b, "rope.theta");
    if (!r->used)
        return VIV_OK;
    r->theta = b->get_float(b, "rope.theta");
    r->dim = b->is_set(b, "rope.dim") ? (uint64_t)b->get_int(b, "rope.dim") : head_dim;
    if (r->dim > head_dim || r->dim % 2 != 0)
        return viv_fail(b->host, VIV_ESHAPE,
                        "rope.dim is %" PRIu64 ", expected an even number up to head_dim %" PRIu64, r->dim,
                        head_dim);
    r->pairs = b->is_set(b, "rope.pairs") ? (uint64_t)b->get_int(b, "rope.pairs") : r->dim / 2;
    if (r->pairs > r->dim / 2)
        return viv_fail(b->host, VIV_ESHAPE,
                        "rope.pairs is %" PRIu64 ", expected at most %" PRIu64 ": half of rope.dim", r->pairs,
                        r->dim / 2);
    r->interleaved = (int32_t)b->get_int(b, "rope.interleaved");
    r->scaling = (enum rope_scaling)b->get_int(b, "rope.scaling");
    r->factor = b->get_float(b, "rope.factor");
    r->low_freq_factor = b->get_float(b, "rope.low_freq_factor");
    r->high_freq_factor = b->get_float(b, "rope.high_freq_factor");
    r->beta_fast = b->get_float(b, "rope.beta_fast");
    r->beta_slow = b->get_float(b, "rope.beta_slow");
    r->original_context = (double)b->get_int(b, "rope.original_context");
    r->magnitude = 1;
    if (r->scaling == ROPE_LLAMA3 && r->high_freq_factor < r->low_freq_factor)
        return viv_fail(b->host, VIV_EINVAL, "rope.high_freq_factor %g is below rope.low_freq_factor %g",
                        r->high_freq_factor, r->low_freq_factor);
    r->truncate = (int32_t)b->get_int(b, "rope.truncate");
    if (r->scaling == ROPE_YARN)
        r->magnitude = b->is_set(b, "rope.attention_factor") ? (float)b->get_float(b, "rope.attention_factor")
                                                             : (float)yarn_magnitude(r, b);
    if (r->scaling == ROPE_LONG)
        r->magnitude = b->is_set(b, "rope.attention_factor") ? (float)b->get_float(b, "rope.attention_factor")
                       : r->factor > 1 ? (float)sqrt(1 + log(r->factor) / log(r->original_context))
                                       : 1;
    r->magnitude *= (float)b->get_float(b, "rope.attn_factor");
    if (r->scaling == ROPE_LONG && !(b->is_set(b, "rope.freqs") && b->is_set(b, "rope.long_freqs")))
        return viv_fail(b->host, VIV_EINVAL, "longrope needs rope.freqs and rope.long_freqs");
    b->length_switch = r->scaling == ROPE_LONG ? (uint64_t)r->original_context : 0;
    b->length_growth = r->scaling == ROPE_DYNAMIC ? (uint64_t)r->original_context : 0;
    uint64_t n_pairs = r->dim / 2;
    viv_status status = infer_axes(r, b);
    if (status == VIV_OK)
        status = b->want_weight(b, "rope.freqs", 1, &n_pairs);
    return status == VIV_OK ? b->want_weight(b, "rope.long_freqs", 1, &n_pairs) : status;
}

/* The dimension that rotates `rotations` times within the original context. */
static double yarn_dim(const struct rope *r, double rotations)
{
    return (double)r->dim * log(r->original_context / (rotations * 2 * M_PI)) / (2 * log(r->theta));
}

static double llama3_frequency(const struct rope *r, double frequency)
{
    double wavelength = 2 * M_PI / frequency;
    if (wavelength < r->original_context / r->high_freq_factor)
        return frequency;
    if (wavelength > r->original_context / r->low_freq_factor || r->high_freq_factor == r->low_freq_factor)
        return frequency / r->factor;
    double smooth =
        (r->original_context / wavelength - r->low_freq_factor) / (r->high_freq_factor - r->low_freq_factor);
    return (1 - smooth) * frequency / r->factor + smooth * frequency;
}

double rope_llama3_divisor(const struct rope *r, double frequency)
{
    return frequency / llama3_frequency(r, frequency);
}

/* Gives each pair its axis and the exponent of its frequency. */
static void deal(struct rope *r)
{
    uint64_t taken[VIV_N_AXES] = {0}, at = 0;
    for (uint64_t p = 0; p < r->dim / 2; p++, at = r->turns ? (at + 1) % r->n_axes : at) {
        while (taken[at] == r->section[at])
            at = (at + 1) % r->n_axes;
        const uint64_t k = taken[at]++;
        r->axis[p] = r->axes[at];
        r->exponent[p] = r->frequencies == FREQUENCIES_OWN     ? (double)k / (double)r->section[at]
                         : r->frequencies == FREQUENCIES_ALONG ? 2 * (double)p / (double)r->dim
                                                               : 2 * (double)(k * r->n_axes + at) / (double)r->dim;
    }
}

static void compute(const struct rope *r, uint64_t length, float *frequency)
{
    double theta = r->theta, dim = (double)r->dim;
    if (r->scaling == ROPE_DYNAMIC && (double)length > r->original_context && dim > 2)
        theta *= pow(r->factor * (double)length / r->original_context - (r->factor - 1), dim / (dim - 2));
    bool is_long = r->scaling == ROPE_LONG && (double)length > r->original_context;
    const float *divisors = is_long ? r->long_divisors : r->divisors;
    double low = 0, high = 0;
    if (r->scaling == ROPE_YARN) {
        low = yarn_dim(r, r->beta_fast);
        high = yarn_dim(r, r->beta_slow);
        low = fmax(r->truncate ? floor(low) : low, 0);
        high = fmin(r->truncate ? ceil(high) : high, dim - 1);
        if (low == high)
            high += 0.001;
    }
    for (uint64_t p = 0; p < r->dim / 2; p++) {
        double f = 1 / pow(theta, r->exponent ? r->exponent[p] : 2 * (double)p / dim);
        if (r->scaling == ROPE_LINEAR)
            f /= r->factor;
        if (r->scaling == ROPE_LLAMA3)
            f = llama3_frequency(r, f);
        if (r->scaling == ROPE_YARN) {
            double stretched = fmin(fmax(((double)p - low) / (high - low), 0), 1);
            f = f / r->factor * stretched + f * (1 - stretched);
        }
        frequency[p] = p >= r->pairs ? 0 : (float)(divisors ? f / (double)divisors[p] : f);
    }
}

viv_status rope_prepare(struct rope *r, const viv_prepare *p)
{
    if (!r->used)
        return VIV_OK;
    r->divisors = p->weight_f32(p, "rope.freqs");
    r->long_divisors = p->weight_f32(p, "rope.long_freqs");
    r->frequency = malloc(r->dim * sizeof(float));
    if (r->n_axes) {
        r->axis = malloc(r->dim / 2 * sizeof *r->axis);
        r->exponent = malloc(r->dim / 2 * sizeof *r->exponent);
    }
    if (!r->frequency || (r->n_axes && !(r->axis && r->exponent)))
        return viv_fail(p->host, VIV_ENOMEM, "out of memory");
    if (r->n_axes)
        deal(r);
    compute(r, 0, r->frequency);
    if (r->scaling == ROPE_LONG)
        compute(r, UINT64_MAX, r->frequency + r->dim / 2);
    return VIV_OK;
}

void rope_release(struct rope *r)
{
    free(r->frequency);
    free(r->axis);
    free(r->exponent);
}

const float *rope_frequency(const struct rope *r, const viv_span *span, uint64_t row, float *own, uint64_t *known)
{
    const uint64_t end = viv_max(span->length, span->position + span->n_rows);
    const uint64_t length = viv_max(span->length, span->position + row + 1);
    if (r->scaling == ROPE_LONG)
        return r->frequency + ((double)end > r->original_context ? r->dim / 2 : 0);
    if (r->scaling != ROPE_DYNAMIC || (double)length <= r->original_context)
        return r->frequency;
    if (*known != length)
        compute(r, length, own);
    *known = length;
    return own;
}

int32_t rope_describe(const struct rope *r, uint64_t head_dim, char *attribute, char *text)
{
    char scaling[32];
    return description_put(
        attribute, text, "positions", "%s, base %.10g%s%s", 2 * r->pairs < head_dim ? "rotary in part" : "rotary",
        r->theta, r->scaling != ROPE_NONE ? ", stretched as " : "",
        r->scaling != ROPE_NONE ? description_choice(ROPE_SCALING_CHOICES, r->scaling, scaling) : "");
}

/* at: the positions of a row, -1 where it does not rotate. */
static void centred_angles(const struct rope *r, const viv_grid *grid, const float *frequency, const int32_t *at,
                           float *cosines, float *sines)
{
    static const double TWO_PI = 6.283185307179586;
    for (uint64_t p = 0; p < r->dim / 2; p++) {
        const int32_t i = at[r->axis[p]];
        const double n = (double)(r->axis[p] == VIV_AXIS_LINE ? grid->height : grid->width),
                     angle = i < 0 ? 0 : TWO_PI * ((2.0 * i + 1) / n - 1) * (double)frequency[p];
        cosines[p] = (float)cos(angle);
        sines[p] = (float)sin(angle);
    }
}

void rope_angles(const struct rope *r, const viv_kernels *kernels, const viv_exec *e, const viv_grid *grid,
                 const float *frequency, uint64_t row, float *cos, float *sin)
{
    const uint64_t n_pairs = r->dim / 2;
    const int32_t *at = r->n_axes && e->axes ? e->axes + row * VIV_N_AXES : NULL;
    if (r->centred && at && grid) {
        centred_angles(r, grid, frequency, at, cos, sin);
        return;
    }
    for (uint64_t p = 0, end; p < n_pairs; p = end) {
        for (end = at ? p + 1 : n_pairs; end < n_pairs && at[r->axis[end]] == at[r->axis[p]]; end++) {
        }
        const int32_t position = at ? at[r->axis[p]] : e->positions[row];
        const int32_t first = at && r->axis[p] != VIV_AXIS_TIME ? r->first : 0;
        kernels->angles(cos + p, sin + p, frequency + p, position < 0 ? 0 : position + first, end - p);
    }
    for (uint64_t p = 0; r->magnitude != 1 && p < n_pairs; p++) {
        cos[p] *= r->magnitude;
        sin[p] *= r->magnitude;
    }
}

void rope_rotate(const struct rope *r, const viv_kernels *kernels, float *head, const float *cos, const float *sin)
{
    if (!r->apart) {
        kernels->rotate(head, cos, sin, r->dim / 2, r->interleaved);
        return;
    }
    for (uint64_t a = 0; a < r->n_axes; a++) {
        kernels->rotate(head, cos, sin, r->section[a], r->interleaved);
        head += 2 * r->section[a];
        cos += r->section[a];
        sin += r->section[a];
    }
}
