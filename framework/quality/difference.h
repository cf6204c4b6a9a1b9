/* difference.h - how far what each layer of a model makes is from what the layers of a reference make of the same
 * tokens.
 *
 * The reference, A, runs first, and what its layers make is kept. Then B runs, and each of its layers is compared
 * with the one of A that corresponds to it (graph/align.h), over all tokens:
 *
 *   error = max |a - b|      relative = error / max |a|      cosine = <a, b> / |a| |b|
 *
 * Of a router, what it chose is compared as a row of what each expert counts. */
#ifndef QUALITY_DIFFERENCE_H
#define QUALITY_DIFFERENCE_H

#include "graph/graph.h"
#include "model/model.h"

/* Two layers that correspond, or one that is alone. */
struct layer_difference {
    const char *a, *b;     /* their paths; NULL: the other model has none like it */
    uint64_t a_dim, b_dim; /* numbers of a row of theirs */
    uint64_t n_compared;   /* rows */
    double error, largest; /* largest: of A */
    uint64_t row, feature; /* where the error is */
    /* inside */
    const viv_routes *routes; /* of B's, where both are routers */
    uint64_t dim;             /* numbers of a row as they are compared: a_dim, or the experts of routers */
    float *kept;              /* [n_rows, a_dim] what A's has made; NULL: it is alone */
    uint64_t n_rows, n_kept;
    double ab, aa, bb;
};

struct difference {
    /* said before the models run */
    double tolerance; /* relative: from there on, layers part */
    bool each;        /* B's layers get the numbers of A's, so that the error of each is seen alone */
    bool logits;      /* both models end in logits */
    /* found out */
    struct layer_difference *layers; /* in the order of both graphs */
    uint32_t n_layers;
    const struct layer_difference *alone;  /* the first that is; NULL: none */
    const struct layer_difference *result; /* what B gives; NULL: A has none like it */
    struct {                               /* of what the models give, if that is logits */
        uint64_t n_rows, n_same_best;
        double kl_sum, kl_most; /* of B from A */
    } output;
    /* inside */
    struct arena arena;
    const struct graph *a, *b;
    struct layer_difference **of_a, **of_b; /* [nodes] */
    float *x, *y;                           /* a router's rows, spread: [most experts] each */
};

/* The relative error that rounding weights to this type, and computing on it, may bring about in a deep model. */
double difference_tolerance(uint32_t dtype);
/* The type of the model's weights for which that is largest; vectors do not count. */
viv_status difference_coarsest(viv_model *m, uint32_t *dtype, struct error *err);

/* Pairs the layers, for n_rows[stack] rows. Refuses graphs of which no two layers correspond. Each graph must
 * outlive its run, and `d`, zeroed but for what is said, is released in any case. */
viv_status difference_begin(struct difference *d, const struct graph *a, const struct graph *b,
                            const uint64_t n_rows[N_STACKS], struct error *err);
/* What model_options.hook takes, with the difference as its context: first A's, then B's. */
void difference_keep(void *d, const struct hook_call *t);
void difference_compare(void *d, const struct hook_call *t);
void difference_release(struct difference *d);

double difference_relative(const struct layer_difference *l);
double difference_cosine(const struct layer_difference *l);
bool difference_parts(const struct difference *d, const struct layer_difference *l);
const struct layer_difference *difference_first(const struct difference *d); /* that parts, or NULL */
bool difference_agrees(const struct difference *d);

/* "A has layers.0.router, [4], and B has layers.0.mlp, [36]": what stands in each from the first that is alone on,
 * before they correspond again. There must be one. */
struct mismatch {
    char text[512];
};
struct mismatch difference_mismatch(const struct difference *d);

#endif
