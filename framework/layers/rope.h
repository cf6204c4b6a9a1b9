/* rope.h - rotary position embedding (Su et al. 2021) and its scaling to longer contexts.
 *
 *   frequency[p] = theta^(-2p / dim),  p in [0, dim / 2)
 *
 *   linear:   frequency / factor                                              (Chen et al. 2023)
 *   dynamic:  theta grows with the length of the sequence beyond original_context       ("dynamic NTK")
 *   llama3:   low frequencies / factor, high ones unchanged, a ramp between   (Llama 3.1)
 *   yarn:     a ramp over the dimensions; cos and sin are scaled              (Peng et al. 2023)
 *   longrope: a divisor for each frequency, different ones beyond original_context; cos and sin are scaled
 *             (Ding et al. 2024)
 *
 * Pairs may rotate by positions on different axes (viv_exec.axes): those of an axis are neighbours, n_a of them, or
 * all axes take turns. The k-th of an axis has the frequency theta^(-k / n_a), so that each axis is a rotary
 * embedding of its own, or goes on with those of the head. Lines and columns count from `first`. Rows that are
 * nowhere on an axis do not rotate. Where they are centred, the i-th of n lines or columns has the position
 * 2 pi (2 (i + 1/2) / n - 1) (Simeoni et al. 2025, DINOv3).
 *
 * Where `pairs` of them rotate, those are the first; the others have the frequency 0 (Gemma 4).
 *
 * The length is that of the whole prompt, in however many steps it is processed. As in transformers, dynamic leaves
 * cached keys of generated tokens as they are, and longrope recomputes all keys when the length passes
 * original_context. */
#ifndef LAYERS_ROPE_H
#define LAYERS_ROPE_H

#include "layers/layer.h"

/* With axes: the frequencies of an axis begin anew; are those of its pairs in the head; or are dealt out by turns.
 */
enum rope_frequencies { FREQUENCIES_OWN, FREQUENCIES_ALONG, FREQUENCIES_DEALT };

enum rope_scaling { ROPE_NONE, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_LLAMA3, ROPE_YARN, ROPE_LONG };
#define ROPE_SCALING_CHOICES "none|linear|dynamic|llama3|yarn|longrope"

struct rope {
    int32_t used, interleaved, truncate;
    uint64_t n_axes; /* 0: pairs do not differ */
    int32_t apart;   /* the pairs of each axis are halves, or neighbours, of features of its own */
    int32_t turns, centred, first;
    uint8_t axes[VIV_N_AXES];
    uint64_t section[VIV_N_AXES]; /* pairs of the axes, in order */
    enum rope_frequencies frequencies;
    uint8_t *axis;    /* [dim / 2] of each pair */
    double *exponent; /* [dim / 2] its frequency is theta^-exponent */
    uint64_t dim;     /* features of a head that rotate */
    uint64_t pairs;   /* of these, from the first on; the others have the frequency 0 */
    enum rope_scaling scaling;
    double theta, factor, low_freq_factor, high_freq_factor, beta_fast, beta_slow, original_context;
    float magnitude;                       /* cos and sin are multiplied by it */
    const float *divisors, *long_divisors; /* [dim / 2] or NULL */
    float *frequency;                      /* [dim / 2] for lengths up to original_context, [dim / 2] for longer */
};

/* The attributes, for a layer's table. */
#define ROPE_ATTRS                                                                                                 \
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.theta", .doc = "base of the rotary frequencies; without it, no rotation",    \
             .min = 1, .max = 1e12),                                                                               \
        VIV_ATTR(VIV_ATTR_INT, 0, "rope.dim", .doc = "features of a head that rotate; default head_dim", .min = 2, \
                 .max = 65536),                                                                                    \
        VIV_ATTR(VIV_ATTR_INT, 0, "rope.pairs",                                                                    \
                 .doc = "pairs that rotate, the first ones, by frequencies of all; default dim / 2", .min = 0,     \
                 .max = 32768),                                                                                    \
        VIV_ATTR(VIV_ATTR_BOOL, 0, "rope.interleaved",                                                             \
                 .doc = "pairs are neighbours (2p, 2p + 1) instead of halves (p, p + dim / 2)"),                   \
        VIV_ATTR(VIV_ATTR_INTS, 0, "rope.axes",                                                                    \
                 .doc = "axes whose positions rotate pairs, in order: 0 time, 1 line, 2 column; without them, a "  \
                        "row's one position rotates all",                                                          \
                 .min = 0, .max = VIV_N_AXES - 1),                                                                 \
        VIV_ATTR(VIV_ATTR_INTS, 0, "rope.sections",                                                                \
                 .doc = "pairs of each axis, dim / 2 in all; default: equally many", .min = 1, .max = 32768),      \
        VIV_ATTR(VIV_ATTR_BOOL, 0, "rope.turns",                                                                   \
                 .doc = "pair after pair goes to the axes by turns, to those that lack some; else those of an "    \
                        "axis are neighbours"),                                                                    \
        VIV_ATTR(VIV_ATTR_CHOICE, 0, "rope.frequencies",                                                           \
                 .doc = "with axes: those of each begin anew, are those of its pairs along the head, or are the "  \
                        "head's dealt out by turns",                                                               \
                 .choices = "own|along|dealt"),                                                                    \
        VIV_ATTR(VIV_ATTR_BOOL, 0, "rope.apart",                                                                   \
                 .doc = "the pairs of each axis are made of neighbouring features of its own"),                    \
        VIV_ATTR(VIV_ATTR_INT, 0, "rope.first", .doc = "with axes: the position of the first line and column",     \
                 .min = 0, .max = 65536),                                                                          \
        VIV_ATTR(VIV_ATTR_BOOL, 0, "rope.centred",                                                                 \
                 .doc = "positions of lines and columns go from -2 pi to 2 pi, whatever the size of the grid"),    \
        VIV_ATTR(VIV_ATTR_CHOICE, 0, "rope.scaling", .doc = "how positions are stretched",                         \
                 .choices = ROPE_SCALING_CHOICES),                                                                 \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.factor", .doc = "by how much", .default_value = 1, .min = 1e-3,          \
                 .max = 1e6),                                                                                      \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.low_freq_factor",                                                        \
                 .doc = "llama3: wavelengths above original_context / this are stretched", .default_value = 1,     \
                 .min = 1e-3, .max = 1e6),                                                                         \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.high_freq_factor",                                                       \
                 .doc = "llama3: wavelengths below original_context / this are kept", .default_value = 4,          \
                 .min = 1e-3, .max = 1e6),                                                                         \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.beta_fast", .doc = "yarn: rotations above which a dimension is kept",    \
                 .default_value = 32, .min = 1e-3, .max = 1e6),                                                    \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.beta_slow",                                                              \
                 .doc = "yarn: rotations below which a dimension is stretched", .default_value = 1, .min = 1e-3,   \
                 .max = 1e6),                                                                                      \
        VIV_ATTR(VIV_ATTR_BOOL, 0, "rope.truncate", .doc = "yarn: the ramp begins and ends at whole dimensions",   \
                 .default_value = 1),                                                                              \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.mscale",                                                                 \
                 .doc = "yarn: the 0.1 of attention_factor's default is multiplied by it", .min = 0, .max = 1e3),  \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.mscale_all_dim",                                                         \
                 .doc = "yarn: attention_factor's default is divided by what this would give as mscale", .min = 0, \
                 .max = 1e3),                                                                                      \
        VIV_ATTR(                                                                                                  \
            VIV_ATTR_FLOAT, 0, "rope.attention_factor",                                                            \
            .doc =                                                                                                 \
                "yarn, longrope: cos and sin are multiplied by it; default 0.1 ln(factor) + 1, and for longrope "  \
                "sqrt(1 + ln(factor) / ln(original_context))",                                                     \
            .min = 1e-3, .max = 1e3),                                                                              \
        VIV_ATTR(VIV_ATTR_FLOAT, 0, "rope.attn_factor", .doc = "cos and sin are multiplied by it besides",         \
                 .default_value = 1, .min = 1e-3, .max = 1e3),                                                     \
        VIV_ATTR(VIV_ATTR_INT, 0, "rope.original_context", .doc = "positions before stretching",                   \
                 .default_value = 8192, .min = 1, .max = 1 << 30),                                                 \
        VIV_ATTR(VIV_ATTR_WEIGHT, 0, "rope.freqs", .doc = "divisors of the frequencies: [dim / 2]"),               \
        VIV_ATTR(VIV_ATTR_WEIGHT, 0, "rope.long_freqs",                                                            \
                 .doc = "longrope: divisors beyond original_context: [dim / 2]")

viv_status rope_infer(struct rope *r, viv_infer *b, uint64_t head_dim);
viv_status rope_prepare(struct rope *r, const viv_prepare *p);
void rope_release(struct rope *r);
/* The default of yarn's attention_factor. */
double rope_yarn_magnitude(double factor, double mscale, double mscale_all_dim);
/* By what llama3's scaling divides a frequency. Needs factor, low_freq_factor, high_freq_factor, original_context.
 */
double rope_llama3_divisor(const struct rope *r, double frequency);
/* See viv_layer_description.describe: describes the position encoding. */
int32_t rope_describe(const struct rope *r, uint64_t head_dim, char *attribute, char *text);

/* The frequencies [dim / 2] for row `row` of a span. With dynamic scaling, they depend on the length and are
 * written to `own` [dim / 2], unless it holds them already: *known is the length that it holds, 0 at first. */
const float *rope_frequency(const struct rope *r, const viv_span *span, uint64_t row, float *own, uint64_t *known);

/* The cosines and sines [dim / 2] for the position of a row of a step, or its positions on the axes. grid: of the
 * row's span, where positions may be centred. */
void rope_angles(const struct rope *r, const viv_kernels *kernels, const viv_exec *e, const viv_grid *grid,
                 const float *frequency, uint64_t row, float *cos, float *sin);
/* Rotates the pairs of a head in place. */
void rope_rotate(const struct rope *r, const viv_kernels *kernels, float *head, const float *cos, const float *sin);

#endif
