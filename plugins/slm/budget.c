/* budget.c - chooses a type for each weight, so that what the model loses is least and the bytes are within a
 * budget.
 *
 *   loss(weight, type) = density(role) * elements / elements of all * loss(type)
 *
 * All weights begin with their smallest type. Then the change that saves most loss per byte is made, again and
 * again, as long as one fits. Density and loss of a type are relative, and were measured (tests/bench/sensitivity),
 * unless the user has measured this very model (viv calibrate --sensitivity):
 * the Kullback-Leibler divergence that a type causes grows with its squared error, and losses of several weights
 * add up. */
#include "slm.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Divergence that a type causes, over that of q4_0. */
static const struct {
    const char *name;
    double loss;
} types_known[] = {{"q8_0", 0.004},  {"q6_k", 0.04},   {"q5_k", 0.15}, {"q5_0", 0.22}, {"q4_k", 0.55},
                   {"iq4_nl", 0.83}, {"iq4_xs", 0.85}, {"q4_0", 1},    {"q3_k", 2.4},  {"q2_k", 7.2}};

/* Divergence by element, over the mean of all; a weight of no known role counts as the mean. An embedding is told
 * only where it is the head, too. */
static const struct {
    const char *layer, *attr;
    double density;
} roles_known[] = {{"attention", "q", 0.49},   {"attention", "k", 1.54},     {"attention", "v", 9.6},
                   {"attention", "out", 0.46}, {"mlp", "gate", 0.32},        {"mlp", "up", 0.57},
                   {"mlp", "down", 1.25},      {"embedding", "weight", 1.1}, {"linear", "weight", 1.1}};

static double loss_of_type(const char *name)
{
    for (size_t i = 0; i < sizeof types_known / sizeof *types_known; i++)
        if (strcmp(types_known[i].name, name) == 0)
            return types_known[i].loss;
    return -1;
}

static double density_of(const viv_weight *w)
{
    for (size_t i = 0; i < sizeof roles_known / sizeof *roles_known; i++)
        if (strcmp(roles_known[i].layer, w->layer) == 0 && strcmp(roles_known[i].attr, w->attr) == 0)
            return roles_known[i].density;
    return 1;
}

/* What a weight loses by type t: as the user has measured it, or by what is known of other models. Less than 0 or
 * NAN: not known. */
static double loss_in(const viv_weight *w, const char *type, uint32_t t, double share)
{
    if (VIV_HAS(w, viv_weight, losses) && w->losses)
        return w->losses[t];
    return density_of(w) * share * loss_of_type(type);
}

/* What a weight may become; the first is what it is. */
struct option {
    uint32_t dtype;
    uint64_t bytes;
    double loss;
};

enum { MOST_OPTIONS = 16 };

struct choice {
    struct option options[MOST_OPTIONS];
    uint32_t n, chosen;
};

/* Types that the blocks allow, that are smaller than what it is, and of which the loss is known. */
static void list_options(struct choice *c, const viv_weight *w, const viv_weight_type *const *types,
                         uint32_t n_types, double all_elements)
{
    const double share = (double)w->n_rows * (double)w->n_in / all_elements;
    c->options[c->n++] = (struct option){.dtype = w->dtype, .bytes = w->bytes};
    for (uint32_t t = 0; t < n_types && c->n < MOST_OPTIONS; t++) {
        const double loss = loss_in(w, types[t]->name, t, share);
        const uint64_t bytes = w->n_in / types[t]->block * types[t]->block_bytes * w->n_rows;
        if (loss >= 0 && w->n_in % types[t]->block == 0 && bytes < w->bytes)
            c->options[c->n++] = (struct option){types[t]->dtype, bytes, loss};
    }
    for (uint32_t i = 1; i < c->n; i++)
        if (c->options[i].bytes < c->options[c->chosen].bytes)
            c->chosen = i;
}

/* The change of one weight that saves most loss per byte more, among those that `room` allows; false: there is
 * none. */
static bool find_best(const struct choice *choices, uint32_t n, uint64_t room, uint32_t *weight, uint32_t *option)
{
    double best = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct choice *c = &choices[i];
        const struct option *now = &c->options[c->chosen];
        for (uint32_t k = 0; k < c->n; k++) {
            const struct option *o = &c->options[k];
            if (o->loss >= now->loss || (o->bytes > now->bytes && o->bytes - now->bytes > room))
                continue;
            const double more = o->bytes > now->bytes ? (double)(o->bytes - now->bytes) : 0.5;
            if ((now->loss - o->loss) / more > best) {
                best = (now->loss - o->loss) / more;
                *weight = i;
                *option = k;
            }
        }
    }
    return best > 0;
}

static viv_status choose(const viv_host *host, const viv_weight_type *const *types, uint32_t n_types,
                         viv_weight *const *weights, uint32_t n_weights, uint64_t budget, uint64_t *bytes)
{
    struct choice *choices = calloc(n_weights ? n_weights : 1, sizeof *choices);
    double elements = 1;
    uint32_t weight = 0, option = 0;
    if (!choices)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n_weights; i++)
        elements += (double)weights[i]->n_rows * (double)weights[i]->n_in;
    *bytes = 0;
    for (uint32_t i = 0; i < n_weights; i++) {
        list_options(&choices[i], weights[i], types, n_types, elements);
        *bytes += choices[i].options[choices[i].chosen].bytes;
    }
    if (*bytes > budget) {
        free(choices);
        return viv_fail(host, VIV_ELIMIT, "the weights need at least %.0f MiB, and %.0f MiB are left for them",
                        (double)*bytes / (1 << 20), (double)budget / (1 << 20));
    }
    while (find_best(choices, n_weights, budget - *bytes, &weight, &option)) {
        struct choice *c = &choices[weight];
        *bytes += c->options[option].bytes - c->options[c->chosen].bytes;
        c->chosen = option;
    }
    for (uint32_t i = 0; i < n_weights; i++)
        weights[i]->dtype = choices[i].options[choices[i].chosen].dtype;
    free(choices);
    return VIV_OK;
}

const viv_precision slm_precision = {.struct_size = sizeof(viv_precision), .choose = choose};
