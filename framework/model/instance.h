/* instance.h - the structure of a model, for the files that create and run it. */
#ifndef MODEL_INSTANCE_H
#define MODEL_INSTANCE_H

#include "graph/plan.h"
#include "model/model.h"
#include "model/pace.h"

#include <stdatomic.h>
#include <vivarium/expert_cache.h>

/* GUARD_BYTES: behind every buffer that a layer writes to in a step (guard.c). */
enum { PAGE_ROWS = 128, MAX_END_TOKENS = 64, GUARD_BYTES = 64 };

/* A buffer of a step, 64-byte aligned. It grows only for a step with more rows than any before. */
struct block {
    void *data;
    uint64_t size;
};
viv_status block_reserve(struct block *b, uint64_t size, struct error *err); /* contents are lost */
void block_release(struct block *b);

/* What a stack of layers needs to run. */
struct stack_run {
    struct plan plan;
    struct block *slots; /* [plan.n_slots] */
    uint64_t max_rows;   /* of a step */
};

/* The free pages of one kind of cache. They are not touched before a sequence takes them: a page that is reserved
 * takes no memory yet. */
struct pool {
    uint64_t
        row_bytes; /* of all caches of the kind, per row of what they grow with; of recurrent state, per sequence */
    uint64_t page_bytes; /* of PAGE_ROWS rows; of recurrent state, all */
    void **free_pages;   /* [n_free] of n_pages: there is room for all pages */
    size_t n_free, n_pages, capacity;
};

/* Where a cache lies. */
struct cache_place {
    enum cache_kind kind;
    uint32_t dtype;
    uint64_t offset; /* bytes from the begin of a page, which holds all caches of the kind */
};

struct adapter;
struct adapted;
struct expert_cache;
struct watch;
struct door;
struct step_frame;
struct grammars;
struct model_dialect;

struct viv_model {
    struct model_options options;
    struct spec_world world; /* of its spec */
    struct door *door;       /* of the engine it was opened by; or NULL */
    viv_model *draft;        /* its own: closed with it; or NULL */
    bool drafts_ngrams;
    const viv_grammar *grammar; /* that answers keep to unless a request has its own; NULL: none */
    struct spec *spec;
    struct checkpoint checkpoint;
    bool has_checkpoint, loaded;
    struct adapter *adapters; /* on the checkpoint, in order */
    struct adapted *adapted;  /* the tensors that they change */
    size_t n_adapted;
    struct expansion *expansion;
    struct graph *graph;
    struct arena arena; /* bindings, made tensors, vectors in f32 */
    struct binding *bindings;
    bool *whole;                       /* [expansion->n_weights] some layer needs it as one tensor, not by expert */
    viv_expert_set *expert_sets;       /* a list */
    struct expert_cache *expert_cache; /* NULL: all experts are in memory */
    uint64_t weight_bytes, made_bytes, cached_bytes;
    const char *unused; /* the parts whose tensors stay unused */
    uint32_t n_unused, n_unused_parts;
    struct block *made; /* tensors that transforms made, [up to expansion->n_weights] */
    uint32_t n_made, n_adapters;

    struct tokenizer *tokenizer;
    struct chat_template *templates[2]; /* without tools and with; NULL until they are read */
    bool knows_turn_end;                /* the template's is among the ends */
    int32_t ends[MAX_END_TOKENS];
    uint32_t n_ends;
    struct grammars *grammars;     /* NULL until the first is asked for */
    struct model_dialect *dialect; /* NULL until it is asked for */
    bool reads_calls; /* the running request: its answer is read by the dialect, which needs the markers' tokens */

    const viv_scheduler_class *scheduler_class;
    const char *scheduler_plugin; /* that provides it; NULL: it is ours */
    void *scheduler;
    bool scheduling;     /* it is there */
    struct watch *watch; /* on a plugin's */
    uint32_t n_workers;
    uint64_t context;
    uint32_t weight_type; /* that options.weight_type names */

    struct stack_run stacks[N_STACKS];
    struct block workspace; /* of the running layer */
    struct block *scratch;  /* [n_workers] */

    /* caches */
    struct cache_types cache_types;
    struct cache_place *cache_places; /* [n_caches] */
    struct pool pools[N_CACHE_KINDS];
    struct cache_place
        *narrow_places; /* the same for sequences whose pages are still f16 when the caches have become f32 */
    uint64_t narrow_page_bytes[N_CACHE_KINDS];
    bool told_of_length; /* that a sequence was recomputed */

    /* the running step */
    struct step_frame *frame;
    struct pace pace;
};

/* Whether a special token is text of the running answer (dialects.c). */
bool model_shows_token(const viv_model *m, int32_t id);
/* One more token that ends a text. */
void model_add_end(viv_model *m, int32_t id);

/* bind.c: finds the tensors of all weights; then makes those that transforms make. */
viv_status bind_weights(viv_model *m, struct error *err);
viv_status bind_transformed(viv_model *m, struct error *err);
/* repack.c: makes the tensors of weights that the file has in parts. */
viv_status repack_weights(viv_model *m, struct error *err);
/* Makes one to `data`; joined: its type and shape, which an adapter may have changed since. */
viv_status repack_to(const viv_model *m, const viv_tensor *t, const viv_tensor *joined, void *data,
                     struct error *err);

/* transform.c: a tensor during the transforms of a weight. */
struct tensor_view {
    unsigned char *data;
    bool owned; /* data is malloc'ed; else it lies within a tensor */
    uint32_t dtype, n_dims;
    uint64_t dims[8];
    uint64_t bytes;
    const uint32_t *order; /* as in struct binding */
};
/* One of n_parts along the first axis, as many rows in each; of 1 part: all of it. What the file has in parts is
 * made. */
viv_status tensor_view_of(const viv_model *m, struct tensor_view *p, const viv_tensor *t, uint64_t part,
                          uint64_t n_parts, struct error *err);
void tensor_view_release(struct tensor_view *p);
/* Makes it numbers in f32, with its inputs in their order. */
viv_status tensor_view_to_f32(const viv_model *m, struct tensor_view *p, struct error *err);
/* Applies the transforms. n tensors become one, views[0]. */
viv_status transform_views(const viv_model *m, const struct transform *transforms, uint32_t n_transforms,
                           struct tensor_view *views, uint32_t n, struct error *err);
/* The tensor that a weight's transforms make of tensors in the file. */
viv_status transform_weight(viv_model *m, const struct weight *w, const viv_tensor *const *sources, uint32_t n,
                            struct binding *out, struct error *err);

/* prepare.c: hands weights to the layers; the largest worker_workspace among them. */
viv_status prepare_layers(viv_model *m, uint64_t *scratch_bytes, struct error *err);
/* What stands behind the viv_prepare that a layer sees. */
struct preparation {
    viv_model *model;
    const struct graph_node *node;
    viv_status status;           /* of making a vector */
    const viv_tensor *strange;   /* the one whose type holds no numbers */
    const viv_tensor *unordered; /* one with an order, for a layer that does not know of orders */
};
/* The weight that an attribute names, as an index of bindings; -1: none was asked for. */
int64_t prepare_weight_index(const struct preparation *in, const char *attr);

#endif
