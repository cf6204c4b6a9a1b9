/* model.h - a model: its options, and access to its spec, checkpoint, expansion, graph and weights. engine/load.h
 * opens one, run/run.h runs it. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/error.h"
#include "chat/chat.h"
#include "formats/checkpoint.h"
#include "graph/cache_types.h"
#include "spec/spec.h"
#include "tokenizer/tokenizer.h"

#include <stdbool.h>
#include <vivarium/architecture.h>
#include <vivarium/precision.h>
#include <vivarium/scheduler.h>
#include <vivarium/sequence.h>

/* Hidden states after a layer of a step, passed to a forward hook. The last layer computes output rows only. The
 * hook may change `out`: later layers then see that. */
struct hook_call {
    const struct graph_node *node;
    float *out; /* [n_rows, node->out_dim], for the call */
    uint64_t n_rows;
    const int32_t *tokens, *positions; /* [n_rows] */
};

/* Who chooses types of weights: the extension of an architecture. */
struct precision {
    const viv_precision *table;
    const char *plugin; /* that provides it: "plugin NAME (PATH)" */
};

struct model_options {
    const viv_host *host; /* handed to layers and scheduler */
    const struct spec_world *world;
    /* Finds a scheduler class by name; NULL name: the default. *plugin: who provides it, "plugin NAME (PATH)";
     * NULL: it is ours. */
    viv_status (*find_scheduler)(void *ctx, const char *name, const viv_scheduler_class **out, const char **plugin,
                                 struct error *err);
    void *find_ctx;
    const char *scheduler; /* --scheduler, or NULL: what the spec says, else the default */
    uint32_t n_threads;    /* 0: as many as there are usable processors */
    /* Rest between steps, so that the process uses at most this share of the time of its threads (model/pace.h),
     * more than 0 and up to 1; 0: never rest. */
    double cpu_share;
    uint64_t max_rows; /* of a step, if a prompt may be processed in several; 0: 512 */
    uint64_t context;  /* tokens that a sequence may have; 0: as many as the model was made for */
    /* Repacked weights are cached (repack_cache.h) if that took longer, in seconds, and the model's files have not
     * changed for as long; 0: 2; below 0: always. */
    double repack_seconds;
    uint64_t expert_budget; /* bytes for the weights of experts; 0: all are in memory */
    /* Bytes for the weights whose type can be chosen, 0: weights are as they are in the file; and who chooses
     * (model/precision.h); without a table, whom the engine finds. */
    uint64_t weight_budget;
    struct precision precision;
    const char *weight_type; /* in place of a budget: the type that all these weights get; or NULL */
    const char *sensitivity; /* a table of what types cost this model (model/sensitivity.h); NULL: not measured */
    /* How often expert i of the layer at `path` was used on similar input: those used most stay in memory. NULL:
     * not known. */
    uint64_t (*expert_uses)(void *ctx, const char *path, uint64_t i);
    void *expert_uses_ctx;
    /* Types of the KV cache, as cache_types_parse reads them. NULL, or one that is not named: f32 if the weights
     * are f32, else f16; NULL: until a number is too large for f16. */
    const char *cache_type;
    /* A forward hook: called after each layer of each step, on any thread, but never twice at a time; may be NULL.
     */
    void (*hook)(void *ctx, const struct hook_call *call);
    void *hook_ctx;
    /* LoRA adapters to merge, after those that the spec names: a directory of PEFT or a GGUF file, with ":scale" or
     * without; borrowed until model_open returns. */
    const char *const *adapters;
    uint32_t n_adapters;
    /* The second file of a GGUF pair (formats/mmproj.h), for a model that is named by the path of the first;
     * "none"; NULL: one that lies beside the first, if it fits. Borrowed as long as the model lives. */
    const char *mmproj;
    /* A chat template in place of the model's own (a path, which may be that of a pipe), or which of its own; or
     * NULL. */
    const char *chat_template, *chat_template_name;
    /* Called now and then during loading, and while a sequence is recomputed; may be NULL. */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
    /* Called with a message to the user about a step; may be NULL. */
    void (*notice)(void *ctx, const char *sentence);
    void *notice_ctx;
};

const struct spec *model_spec(const viv_model *m);
const struct checkpoint *model_checkpoint(const viv_model *m); /* NULL: a spec without weights */
/* Whether it has tensors to bind. A spec alone and config.json alone have none. */
bool model_has_tensors(const viv_model *m);
const struct expansion *model_expansion(const viv_model *m);
const struct graph *model_graph(const viv_model *m);
/* Reads the tokenizer on first use; needs no model_load. */
viv_status model_tokenizer(viv_model *m, const struct tokenizer **out, struct error *err);
/* The chat template, for a conversation with or without tools; read on first use, like the tokenizer. A model
 * without one is VIV_ENOTFOUND. */
viv_status model_chat_template(viv_model *m, bool has_tools, const struct chat_template **out, struct error *err);
/* The ids of a request's messages; the last *n_answer are those of a VIV_PART_ANSWER. See viv_text.encode_request.
 */
viv_status model_encode_request(viv_model *m, const viv_request *request, struct token_ids *ids, size_t *n_answer,
                                struct error *err);
/* Whether the id ends a generation: according to the tokenizer, generation_config.json and the GGUF metadata
 * together. */
bool model_is_end(viv_model *m, int32_t id);

/* The tensor of a weight; NULL: absent (`else: none`). */
struct binding {
    const viv_tensor
        *tensor;     /* as it is in the file, or the result of transforms (then `made`); of the first expert */
    uint64_t bytes;  /* of all its tensors in the file, or of the part of them that it is */
    uint32_t weight; /* the weight whose names were found: differs where `else` stood in */
    bool made;
    bool retyped;          /* then by model/precision.h: in place of all tensors of the weight */
    const uint32_t *order; /* element k of a row is for input order[k]; NULL: for input k */
};
/* Fails for a model without weights, and says why it has none. */
viv_status model_need_weights(const viv_model *m, struct error *err);
/* Finds every weight's tensor and checks its shape, without reading it; [expansion->n_weights]. */
viv_status model_bindings(viv_model *m, const struct binding **out, struct error *err);

/* The number of tensors in the checkpoint that belong to other parts of a larger model, and these parts:
 * "vision_tower.*". After model_bindings. */
uint32_t model_n_unused(const viv_model *m, const char **parts);

/* A file beside the weights, NUL-terminated, which lives as long as the model; *data NULL: there is none. `name`
 * has no folder in it. */
viv_status model_file(viv_model *m, const char *name, const char **data, size_t *size, struct error *err);

struct model_stats {
    uint64_t weight_bytes; /* in the file(s), or as adapters leave them */
    uint64_t made_bytes;   /* private copies: transforms, vectors converted to f32 */
    uint64_t cached_bytes; /* repacked weights that are mapped from the cache folder (repack_cache.h) */
    uint64_t activation_bytes, workspace_bytes;
    uint64_t cache_bytes_per_token;        /* of the graph */
    uint64_t encoder_bytes_per_token;      /* of the encoder, while it runs */
    uint64_t encoder_cache_bytes_per_row;  /* of the graph, per row of encoder output */
    uint64_t recurrent_bytes_per_sequence; /* of recurrent state: as it is, and as it was before the last step */
    struct cache_types cache_types;
    uint32_t n_threads;
    const char *scheduler;
};
void model_stats(const viv_model *m, struct model_stats *out); /* after model_load */

struct cache_types model_cache_types(const viv_model *m); /* also before model_load */
uint64_t model_output_dim(const viv_model *m);
uint64_t model_context(const viv_model *m);     /* tokens a sequence may have */
uint64_t model_max_rows(const viv_model *m);    /* of the graph; the encoder takes as many as the context has */
uint64_t model_encoder_dim(const viv_model *m); /* 0: there is no encoder */
/* What requests begin with: a draft model, or drafting from n-grams (engine/draft.h). */
viv_model *model_draft(const viv_model *m);
bool model_drafts_ngrams(const viv_model *m);
const viv_grammar *model_answer_grammar(const viv_model *m); /* that answers keep to, by the spec; NULL: none */
bool model_is_recurrent(const viv_model *m);                 /* layers have recurrent state */

#endif
