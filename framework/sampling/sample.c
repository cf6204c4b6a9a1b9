/* sample.c - see sample.h. Nothing is allocated after sampler_create. Greedy choice costs two passes over the
 * logits, top_k one more and a heap of k, the other filters a heap of the rest. */
#include "sampling/sample.h"

#include "base/size.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
    double weight; /* e^(score - highest score) */
    float score;
    int32_t token;
};

struct viv_sampler {
    viv_sampling how; /* without its arrays */
    uint64_t vocab_size, n_draws;
    int32_t *bias_tokens; /* [how.n_bias] */
    float *bias_values;   /* [how.n_bias] */
    bool remembers;       /* there is a penalty; then: */
    uint8_t *is_seen;     /* [vocab_size] */
    uint32_t *n_chosen;   /* [vocab_size] */
    int32_t *seen;        /* [n_seen] of vocab_size: those marked in is_seen */
    uint64_t n_seen;
    float *scores;                /* [vocab_size] logits after bias and penalties; NULL when there are none */
    struct candidate *candidates; /* [vocab_size]; NULL at temperature 0 */

    struct recogniser *grammar; /* or NULL; then scores are there */
    const char *grammar_name;
    recogniser_state state;
    bool ended; /* an end-of-text token was chosen */
    void (*release)(void *ctx);
    void *release_ctx;
};

/* --- arithmetic -------------------------------------------------------------------------------------------- */

/* Passes over a whole vocabulary work on lanes, which compilers vectorise without changing a sum. */
enum { LANES = 16 };

/* e^x for -87 <= x <= 0, to 1e-7: e^x = 2^k e^r, |r| <= ln(2) / 2, by a Taylor polynomial. Written here because the
 * C library's differs between machines in the last bit. Adding 1.5 * 2^23 rounds to an integer, which is
 * then the low bits of the sum. */
static inline float exp_of(float x)
{
    const float magic = 0x1.8p23f, ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;
    float shifted = x * 0x1.715476p0f + magic;
    float k = shifted - magic;
    float r = (x - k * ln2_high) - k * ln2_low;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 1.0f / 2;
    p = p * r + 1;
    p = p * r + 1;
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* e^-87 is negligible beside 1, but not subnormal. This is a loop of its own, because in the other it would be a
 * branch. */
static inline float above_least(float x)
{
    return x > -87 ? x : -87;
}

static void exp_lanes(float *restrict e, const float *restrict x, float max)
{
    float off[LANES];
    for (int lane = 0; lane < LANES; lane++)
        off[lane] = above_least(x[lane] - max);
    for (int lane = 0; lane < LANES; lane++)
        e[lane] = exp_of(off[lane]);
}

/* Number n of stream `seed`, in [0, 1): SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static double random_number(uint64_t seed, uint64_t n)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    return (double)(mix(mix(seed + golden) + n * golden) >> 11) * 0x1p-53;
}

static bool all_below_infinity(const float *x, uint64_t n)
{
    uint64_t i = 0;
    int bad[LANES] = {0};
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            bad[lane] |= !(x[i + lane] <= FLT_MAX);
    for (; i < n; i++)
        bad[0] |= !(x[i] <= FLT_MAX);
    for (int lane = 1; lane < LANES; lane++)
        bad[0] |= bad[lane];
    return !bad[0];
}

static float highest(const float *x, uint64_t n)
{
    uint64_t i = 0;
    float max[LANES];
    for (int lane = 0; lane < LANES; lane++)
        max[lane] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            max[lane] = x[i + lane] > max[lane] ? x[i + lane] : max[lane];
    for (; i < n; i++)
        max[0] = x[i] > max[0] ? x[i] : max[0];
    for (int lane = 1; lane < LANES; lane++)
        max[0] = max[lane] > max[0] ? max[lane] : max[0];
    return max[0];
}

static float log_probability(const float *logits, uint64_t n, float max, int32_t token)
{
    uint64_t i = 0;
    double sum[LANES] = {0};
    for (; i + LANES <= n; i += LANES) {
        float e[LANES];
        exp_lanes(e, &logits[i], max);
        for (int lane = 0; lane < LANES; lane++)
            sum[lane] += e[lane];
    }
    for (; i < n; i++)
        sum[0] += exp_of(above_least(logits[i] - max));
    for (int lane = 1; lane < LANES; lane++)
        sum[0] += sum[lane];
    return (float)((double)logits[token] - max - log(sum[0]));
}

/* --- bias and penalties ------------------------------------------------------------------------------------- */

static float within_floats(float x)
{
    return x > FLT_MAX ? FLT_MAX : x;
}

/* The logits of the tokens of a mask; -inf for all others. */
static void allow(float *restrict scores, const float *restrict logits, uint64_t n, const uint64_t *mask)
{
    for (uint64_t at = 0; at < n; at += 64) {
        const uint64_t bits = mask[at / 64], end = size_min(n, at + 64);
        if (bits == UINT64_MAX) /* most words of most masks are full or empty */
            memcpy(scores + at, logits + at, (end - at) * sizeof *scores);
        else
            for (uint64_t i = at; i < end; i++)
                scores[i] = -INFINITY;
        for (uint64_t left = bits == UINT64_MAX ? 0 : bits; left; left &= left - 1) {
            const uint64_t i = at + (uint64_t)__builtin_ctzll(left);
            if (i < end)
                scores[i] = logits[i];
        }
    }
}

static const float *adjusted(viv_sampler *s, const float *logits, const uint64_t *mask)
{
    float *scores = s->scores;
    if (!scores)
        return logits;
    if (mask)
        allow(scores, logits, s->vocab_size, mask);
    else
        memcpy(scores, logits, s->vocab_size * sizeof *scores);
    for (uint64_t i = 0; i < s->how.n_bias; i++)
        scores[s->bias_tokens[i]] = within_floats(scores[s->bias_tokens[i]] + s->bias_values[i]);
    for (uint64_t i = 0; i < s->n_seen; i++) {
        float *score = &scores[s->seen[i]];
        uint32_t n = s->n_chosen[s->seen[i]];
        *score = *score > 0 ? *score / s->how.repetition_penalty : *score * s->how.repetition_penalty;
        *score -= s->how.frequency_penalty * (float)n + (n ? s->how.presence_penalty : 0);
        *score = within_floats(*score);
    }
    return scores;
}

static void remember(viv_sampler *s, int32_t token)
{
    if (!s->is_seen[token])
        s->seen[s->n_seen++] = token;
    s->is_seen[token] = 1;
}

void sampler_see(viv_sampler *s, const int32_t *tokens, uint64_t n)
{
    for (uint64_t i = 0; s->remembers && i < n; i++)
        if (tokens[i] >= 0 && (uint64_t)tokens[i] < s->vocab_size)
            remember(s, tokens[i]);
}

viv_status sampler_resume(viv_sampler *s, const int32_t *tokens, uint64_t n, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint64_t i = 0; s->grammar && status == VIV_OK && i < n; i++)
        status = recogniser_take(s->grammar, &s->state, tokens[i], err);
    if (status != VIV_OK)
        return error_prefix(err, "the answer that goes on does not keep to %s", s->grammar_name);
    sampler_see(s, tokens, n);
    for (uint64_t i = 0; s->remembers && i < n; i++)
        if (tokens[i] >= 0 && (uint64_t)tokens[i] < s->vocab_size)
            s->n_chosen[tokens[i]]++;
    s->n_draws += n; /* one for each token */
    return VIV_OK;
}

/* --- filters ------------------------------------------------------------------------------------------------ */

/* The order of a heap: by the highest score, by the score nearest to `*centre`, or the opposite. */
struct order {
    const double *centre; /* or NULL */
    bool worst_first;
};

static bool goes_before(const struct candidate *a, const struct candidate *b, const struct order *order)
{
    double of_a = order->centre ? -fabs(a->score - *order->centre) : a->score;
    double of_b = order->centre ? -fabs(b->score - *order->centre) : b->score;
    bool better = of_a > of_b || (of_a == of_b && a->token < b->token);
    return better != order->worst_first;
}

static void sift_down(struct candidate *heap, uint64_t n, uint64_t at, const struct order *order)
{
    struct candidate moving = heap[at];
    for (uint64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && goes_before(&heap[child + 1], &heap[child], order))
            child++;
        if (!goes_before(&heap[child], &moving, order))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static void make_heap(struct candidate *heap, uint64_t n, const struct order *order)
{
    for (uint64_t i = n / 2; i-- > 0;)
        sift_down(heap, n, i, order);
}

/* Keeps the k highest scores, or all that are possible. */
static uint64_t gather(struct candidate *c, const float *scores, uint64_t vocab_size, uint64_t k)
{
    const struct order order = {.worst_first = true};
    uint64_t n = 0, i = 0;
    for (; i < vocab_size && n < k; i++)
        if (scores[i] > -INFINITY)
            c[n++] = (struct candidate){.score = scores[i], .token = (int32_t)i};
    if (i == vocab_size)
        return n;
    make_heap(c, n, &order);
    for (; i < vocab_size; i++) {
        if (scores[i] <= c[0].score) /* of equals, the lower id stays */
            continue;
        c[0] = (struct candidate){.score = scores[i], .token = (int32_t)i};
        sift_down(c, n, 0, &order);
    }
    return n;
}

static void weigh(struct candidate *c, uint64_t n, float max, float temperature)
{
    for (uint64_t i = 0; i < n; i++)
        c[i].weight = exp_of(above_least((float)(((double)c[i].score - max) / temperature)));
}

static double total(const struct candidate *c, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += c[i].weight;
    return sum;
}

static uint64_t keep_above(struct candidate *c, uint64_t n, double weight)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < n; i++)
        if (c[i].weight >= weight)
            c[kept++] = c[i];
    return kept;
}

/* Keeps the first by `order`, at least one, until their weights reach `wanted`. Sorts them. */
static uint64_t keep_first(struct candidate *c, uint64_t n, double wanted, const struct order *order)
{
    double sum = 0;
    uint64_t left = n;
    make_heap(c, n, order);
    do { /* moves the top to the end */
        struct candidate top = c[0];
        sum += top.weight;
        c[0] = c[--left];
        c[left] = top;
        if (left)
            sift_down(c, left, 0, order);
    } while (left && sum < wanted);
    for (uint64_t i = 0, j = n - 1; i < j; i++, j--) {
        struct candidate swapped = c[i];
        c[i] = c[j];
        c[j] = swapped;
    }
    return n - left;
}

/* All tokens below (1 - top_p) / n of the weight together have less than 1 - top_p, so top_p is reached without
 * them: most of a vocabulary never enters the heap. */
static uint64_t keep_top_p(struct candidate *c, uint64_t n, double top_p)
{
    double sum = total(c, n);
    uint64_t n_able = keep_above(c, n, (1 - top_p) * sum / (double)n);
    return keep_first(c, n_able, top_p * sum, &(struct order){0});
}

/* A token's information is -log p, and its mean is the entropy. log p is the score minus a constant (over the
 * temperature), so their difference is that of the mean score and the token's score. */
static uint64_t keep_typical(struct candidate *c, uint64_t n, double typical_p)
{
    double mean = 0, sum = total(c, n);
    for (uint64_t i = 0; i < n; i++)
        mean += c[i].weight / sum * c[i].score;
    return keep_first(c, n, typical_p * sum, &(struct order){.centre = &mean});
}

static int32_t draw(const struct candidate *c, uint64_t n, double random)
{
    double target = random * total(c, n), sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        sum += c[i].weight;
        if (sum > target)
            return c[i].token;
    }
    return c[n - 1].token;
}

static int32_t sampled(viv_sampler *s, const float *scores, float max)
{
    struct candidate *c = s->candidates;
    const viv_sampling *how = &s->how;
    uint64_t n = gather(c, scores, s->vocab_size, how->top_k ? (uint64_t)how->top_k : s->vocab_size);
    weigh(c, n, max, how->temperature);
    if (how->top_p < 1)
        n = keep_top_p(c, n, how->top_p);
    if (how->min_p > 0)
        n = keep_above(c, n, how->min_p); /* the highest weight is 1 */
    if (how->typical_p < 1)
        n = keep_typical(c, n, how->typical_p);
    return draw(c, n, random_number(how->seed, s->n_draws++));
}

static int32_t first_of(const float *scores, float score)
{
    int32_t i = 0;
    while (scores[i] != score)
        i++;
    return i;
}

static viv_status refuse_logits(const float *logits, uint64_t n, struct error *err)
{
    for (uint64_t i = 0; i < n; i++)
        if (!(logits[i] <= FLT_MAX))
            return error_set(err, VIV_EINVAL, "logit of token %" PRIu64 ": expected a finite number, found %g", i,
                             (double)logits[i]);
    return error_set(err, VIV_EINVAL, "logits: expected some token to be possible, found -inf for all %" PRIu64, n);
}

/* The mask of the grammar; NULL: the text is whole, and no token may follow. */
static viv_status ask_grammar(viv_sampler *s, const uint64_t **mask, struct error *err)
{
    bool any;
    *mask = NULL;
    if (s->ended)
        return VIV_OK;
    viv_status status = recogniser_mask(s->grammar, s->state, mask, &any, err);
    if (status != VIV_OK)
        return error_prefix(err, "%s", s->grammar_name);
    if (any)
        return VIV_OK;
    *mask = NULL;
    if (recogniser_may_end(s->grammar, s->state))
        return VIV_OK;
    return error_set(err, VIV_EINVAL,
                     "%s: the answer cannot go on: no token of the vocabulary has the text that must follow",
                     s->grammar_name);
}

static viv_status take_by_grammar(viv_sampler *s, int32_t token, struct error *err)
{
    s->ended = token_trie_is_end(recogniser_trie(s->grammar), token);
    return s->ended ? VIV_OK : recogniser_take(s->grammar, &s->state, token, err);
}

viv_status sampler_choose(viv_sampler *s, const float *logits, int32_t *token, float *logprob, struct error *err)
{
    const uint64_t *mask = NULL;
    if (!all_below_infinity(logits, s->vocab_size))
        return refuse_logits(logits, s->vocab_size, err);
    viv_status status = s->grammar ? ask_grammar(s, &mask, err) : VIV_OK;
    if (status != VIV_OK)
        return status;
    if (s->grammar && !mask) {
        *token = -1;
        return VIV_OK;
    }
    const float *scores = adjusted(s, logits, mask);
    float max = highest(scores, s->vocab_size);
    if (max == -INFINITY && mask)
        return error_set(err, VIV_EINVAL, "%s: all tokens that it allows have the logit -inf", s->grammar_name);
    if (max == -INFINITY)
        return refuse_logits(scores, s->vocab_size, err);
    int32_t chosen = s->candidates ? sampled(s, scores, max) : first_of(scores, max);
    if (s->remembers) {
        remember(s, chosen);
        s->n_chosen[chosen]++;
    }
    if (logprob)
        *logprob = log_probability(logits, s->vocab_size, highest(logits, s->vocab_size), chosen);
    *token = chosen;
    return s->grammar ? take_by_grammar(s, chosen, err) : VIV_OK;
}

/* --- life --------------------------------------------------------------------------------------------------- */

static viv_status refuse(struct error *err, const char *what, double value, const char *range)
{
    return error_set(err, VIV_EINVAL, "%s: expected %s, found %g", what, range, value);
}

static viv_status check(const viv_sampling *how, uint64_t vocab_size, struct error *err)
{
    if (how->struct_size < SIZE_TO(viv_sampling, bias_values) || how->struct_size > MAX_STRUCT || how->flags)
        return error_set(err, VIV_EABI, "viv_sampling: struct_size is %u and flags 0x%x, expected %zu and 0",
                         how->struct_size, how->flags, SIZE_TO(viv_sampling, bias_values));
    if (how->n_bias && (!how->bias_tokens || !how->bias_values))
        return error_set(err, VIV_EABI, "viv_sampling: n_bias is %" PRIu64 " and its lists are NULL", how->n_bias);
    if (vocab_size < 1 || vocab_size > INT32_MAX)
        return error_set(err, VIV_EINVAL, "vocabulary: expected 1 to %d tokens, found %" PRIu64, INT32_MAX,
                         vocab_size);
    if (!(how->temperature >= 0 && how->temperature <= FLT_MAX))
        return refuse(err, "temperature", how->temperature, "0 or more");
    if (how->top_k < 0)
        return refuse(err, "top_k", how->top_k, "0 (off) or more");
    if (!(how->top_p >= 0 && how->top_p <= 1))
        return refuse(err, "top_p", how->top_p, "0 to 1");
    if (!(how->min_p >= 0 && how->min_p <= 1))
        return refuse(err, "min_p", how->min_p, "0 to 1");
    if (!(how->typical_p > 0 && how->typical_p <= 1))
        return refuse(err, "typical_p", how->typical_p, "more than 0, at most 1");
    if (!(how->repetition_penalty > 0 && how->repetition_penalty <= FLT_MAX))
        return refuse(err, "repetition_penalty", how->repetition_penalty, "more than 0");
    if (!(how->presence_penalty >= -2 && how->presence_penalty <= 2))
        return refuse(err, "presence_penalty", how->presence_penalty, "-2 to 2");
    if (!(how->frequency_penalty >= -2 && how->frequency_penalty <= 2))
        return refuse(err, "frequency_penalty", how->frequency_penalty, "-2 to 2");
    for (uint64_t i = 0; i < how->n_bias; i++) {
        if (how->bias_tokens[i] < 0 || (uint64_t)how->bias_tokens[i] >= vocab_size)
            return error_set(err, VIV_EINVAL, "logit bias: expected a token from 0 to %" PRIu64 ", found %" PRId32,
                             vocab_size - 1, how->bias_tokens[i]);
        if (!(how->bias_values[i] <= FLT_MAX))
            return error_set(err, VIV_EINVAL, "logit bias of token %" PRId32 ": expected a number, found %g",
                             how->bias_tokens[i], (double)how->bias_values[i]);
    }
    return VIV_OK;
}

static bool allocate(viv_sampler *s)
{
    uint64_t n = s->vocab_size, n_bias = s->how.n_bias;
    if (n_bias) {
        s->bias_tokens = calloc(n_bias, sizeof *s->bias_tokens);
        s->bias_values = calloc(n_bias, sizeof *s->bias_values);
        if (!s->bias_tokens || !s->bias_values)
            return false;
    }
    if (s->remembers) {
        s->is_seen = calloc(n, sizeof *s->is_seen);
        s->n_chosen = calloc(n, sizeof *s->n_chosen);
        s->seen = calloc(n, sizeof *s->seen);
        if (!s->is_seen || !s->n_chosen || !s->seen)
            return false;
    }
    if (s->remembers || n_bias)
        s->scores = calloc(n, sizeof *s->scores);
    if (s->how.temperature > 0)
        s->candidates = calloc(n, sizeof *s->candidates);
    return (s->scores || !(s->remembers || n_bias)) && (s->candidates || s->how.temperature == 0);
}

viv_status sampler_create(const viv_sampling *sampling, uint64_t vocab_size, viv_sampler **out, struct error *err)
{
    viv_status status = check(sampling, vocab_size, err);
    if (status != VIV_OK)
        return status;
    viv_sampler *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->how = *sampling;
    s->vocab_size = vocab_size;
    s->remembers =
        sampling->repetition_penalty != 1 || sampling->presence_penalty != 0 || sampling->frequency_penalty != 0;
    if (!allocate(s)) {
        sampler_destroy(s);
        return error_nomem(err);
    }
    if (sampling->n_bias) {
        memcpy(s->bias_tokens, sampling->bias_tokens, sampling->n_bias * sizeof *s->bias_tokens);
        memcpy(s->bias_values, sampling->bias_values, sampling->n_bias * sizeof *s->bias_values);
    }
    s->how.bias_tokens = NULL;
    s->how.bias_values = NULL;
    *out = s;
    return VIV_OK;
}

viv_status sampler_constrain(viv_sampler *s, struct recogniser *r, const char *name, void (*release)(void *ctx),
                             void *ctx, struct error *err)
{
    recogniser_state state;
    if (s->grammar)
        return error_set(err, VIV_EINVAL, "a sampler has a grammar, and is given another");
    if (recogniser_trie(r)->n_ids != s->vocab_size)
        return error_set(err, VIV_EINVAL, "%s: a grammar for %" PRIu32 " tokens, and logits of %" PRIu64, name,
                         recogniser_trie(r)->n_ids, s->vocab_size);
    if (!s->scores && !(s->scores = calloc(s->vocab_size, sizeof *s->scores)))
        return error_nomem(err);
    viv_status status = recogniser_start(r, &state, err);
    if (status != VIV_OK)
        return status;
    s->grammar = r;
    s->grammar_name = name;
    s->state = state;
    s->release = release;
    s->release_ctx = ctx;
    return VIV_OK;
}

void sampler_destroy(viv_sampler *s)
{
    if (!s)
        return;
    if (s->grammar)
        recogniser_drop(s->grammar, s->state);
    if (s->release)
        s->release(s->release_ctx);
    free(s->bias_tokens);
    free(s->bias_values);
    free(s->is_seen);
    free(s->n_chosen);
    free(s->seen);
    free(s->scores);
    free(s->candidates);
    free(s);
}
