/* instance.h - what a model is made of, for the files of this folder. */
#ifndef SESSION_INSTANCE_H
#define SESSION_INSTANCE_H

#include "graph/plan.h"
#include "session/adapter.h"
#include "session/model.h"

#include <stdatomic.h>

/* GUARD_BYTES: behind whatever a layer writes to in a step (guard.c). */
enum { PAGE_ROWS = 128, MAX_END_TOKENS = 64, GUARD_BYTES = 64 };

/* Memory of a step that grows only when more rows than ever are asked for. 64-byte aligned. */
struct block {
    void *data;
    uint64_t size;
};
viv_status block_reserve(struct block *b, uint64_t size, struct error *err); /* contents are lost */
void block_release(struct block *b);

/* How one stack of layers runs. */
struct stack_run {
    struct plan plan;
    struct block *slots; /* [plan.n_slots] */
    uint64_t max_rows;   /* of a step */
};

/* Pages of one kind of state. */
struct pool {
    uint64_t row_bytes;  /* of all states of the kind, per row of what they grow with, or per sequence */
    uint64_t page_bytes; /* of PAGE_ROWS of these, or of the one */
    void *free_pages;    /* a list: the first word of each points to the next */
};

/* Where a state lies. */
struct state_place {
    enum state_kind kind;
    uint64_t offset; /* bytes from the begin of a page of all states of the kind */
};

struct viv_model {
    struct model_options options;
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
    bool *whole;              /* [expansion->n_weights] some layer wants it as one tensor, and not in slices */
    struct slice_set *slices; /* all of them, a list */
    struct store *store;      /* NULL: every slice is in memory */
    uint64_t weight_bytes, made_bytes;
    const char *unused; /* the parts whose tensors stay unused */
    uint32_t n_unused, n_unused_parts;
    struct block *made; /* tensors that transforms made, [up to expansion->n_weights] */
    uint32_t n_made, n_adapters;

    struct tokenizer *tokenizer;
    int32_t ends[MAX_END_TOKENS];
    uint32_t n_ends;

    const viv_scheduler_class *scheduler_class;
    const char *scheduler_plugin; /* that brings it; NULL: it is ours */
    void *scheduler;
    bool scheduling;     /* it is there */
    struct watch *watch; /* on a plugin's */
    uint32_t n_workers;
    uint64_t context;

    struct stack_run stacks[N_STACKS];
    struct block workspace; /* of the running layer */
    struct block *scratch;  /* [n_workers] */

    /* state */
    uint32_t state_dtype;
    struct state_place *state_places; /* [n_states] */
    struct pool pools[N_STATE_KINDS];
    struct state_place *narrow_places; /* the same of sequences whose pages are f16 still, once the state is f32 */
    uint64_t narrow_page_bytes[N_STATE_KINDS];
    bool told_of_length; /* that a text was computed anew */

    /* the running step */
    struct step_frame *frame;
};

/* adapt.c: opens the adapters and enters what they change in the checkpoint's table; may expand the spec anew. */
viv_status adapt_checkpoint(viv_model *m, struct error *err);
void adapters_close(viv_model *m);
/* merge.c: makes the data of what they change. Needs the scheduler. */
viv_status merge_adapters(viv_model *m, struct error *err);
/* bind.c: finds the tensors of all weights; then makes those that transforms make. */
viv_status bind_weights(viv_model *m, struct error *err);
viv_status bind_transformed(viv_model *m, struct error *err);

/* transform.c: a tensor on its way through the transforms of a weight. */
struct piece {
    unsigned char *data;
    bool owned; /* data are malloc'ed; else they lie within a tensor */
    uint32_t dtype, n_dims;
    uint64_t dims[8];
    uint64_t bytes;
};
viv_status piece_of(struct piece *p, const viv_tensor *t, struct error *err); /* a view of all of it */
void piece_release(struct piece *p);
/* Pieces become one: pieces[0]. */
viv_status transform_pieces(const viv_model *m, const struct transform *transforms, uint32_t n_transforms,
                            struct piece *pieces, uint32_t n, struct error *err);
/* The tensor that a weight's transforms make of tensors in the file. */
viv_status transform_weight(viv_model *m, const struct weight *w, const viv_tensor *const *sources, uint32_t n,
                            const viv_tensor **out, struct error *err);

/* prepare.c: hands weights to the layers; the largest worker_workspace among them. */
viv_status prepare_layers(viv_model *m, uint64_t *scratch_bytes, struct error *err);
/* What stands behind the viv_prepare that a layer sees. */
struct preparation {
    viv_model *model;
    const struct graph_node *node;
    viv_status status;         /* of making a vector */
    const viv_tensor *strange; /* the one whose type holds no numbers */
};
/* The weight that an attribute names, as an index of bindings; -1: none was asked for. */
int64_t preparation_weight(const struct preparation *in, const char *attr);

void slices_release_all(viv_model *m); /* slices.c */

/* state.c: how states lie in pages. */
viv_status state_lay_out(viv_model *m, struct error *err);
/* The state becomes f32, for numbers that f16 does not hold. Sequences follow when they are used next. */
bool state_can_widen(const viv_model *m);
viv_status state_widen(viv_model *m, struct error *err);

/* sequence.c */
struct sequence {
    viv_model *model;
    uint64_t length;
    int32_t *tokens; /* [length] of the graph; -1: a vector stood for it */
    size_t tokens_capacity;
    uint64_t earlier; /* the length before the last step where its state is still there, else the length */
    struct graph_length computed_for; /* that its tokens were computed for; where there are none, nothing */
    uint32_t state_dtype;             /* of its pages */
    uint64_t max_pages;
    struct {
        uint64_t n;
        void **pages; /* [n] all states of the kind of PAGE_ROWS rows; of those that a sequence has once, two: as
                         they are now, and as they were earlier */
    } kinds[N_STATE_KINDS];
    uint64_t n_memory;
    float *memory;                /* [n_memory, memory_dim] of the encoder; NULL once the layers have taken it */
    float *coming;                /* what the running step of the encoder will make the memory */
    void **state_pages;           /* [n_states][max_pages] where a state lies in each */
    viv_state *states;            /* [n_states] */
    const viv_state **state_list; /* [n_states] */
    viv_sequence_state *once;     /* [n_states] for the running step */
    const viv_sequence_state **once_list;
    bool in_step;
};
/* Converts its pages, where they are narrower than the model's state now is. */
viv_status sequence_widen(struct sequence *s, struct error *err);
/* The lengths that it will have after a step of these rows. */
struct graph_length sequence_length_after(const struct sequence *s, const viv_rows *rows);
/* Pages for rows up to `length`, or no more than these; of what a sequence has once, all there are. */
viv_status sequence_reserve(struct sequence *s, enum state_kind kind, uint64_t length, struct error *err);
/* Room for so many tokens. */
viv_status sequence_reserve_tokens(struct sequence *s, uint64_t length, struct error *err);
void sequence_give_back(struct sequence *s, enum state_kind kind, uint64_t length);
/* Around a step of the graph, for state that a sequence has once: reading what is so now, it writes over what was
 * earlier; n_rows tokens later the two change places. A step that does not end has not happened. */
void sequence_begin_step(struct sequence *s);
void sequence_end_step(struct sequence *s, uint64_t n_rows);
void free_all_pages(viv_model *m);

/* step.c */
viv_status step_frame_create(viv_model *m, struct error *err);
void step_frame_destroy(viv_model *m);

#endif
