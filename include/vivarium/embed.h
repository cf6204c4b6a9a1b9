/* embed.h - Vivarium inside a program of yours: libvivarium. Plugins do not include this header.
 *
 *   viv_engine *engine;        plugins and specs of this process
 *   viv_model *model;          a model, loaded
 *   viv_conversation *talk;    messages, with the KV cache of what was computed before
 *   viv_request *request;      what is asked once: text to continue, a conversation, texts to embed
 *   viv_answer *answer;        its events, one after the other
 *
 * Errors. A function that can fail returns VIV_OK or a negative status and fills *err, unless that is NULL. Nothing is
 * printed, and the process is never ended.
 *
 * Ownership. What a function hands out through a pointer to a pointer is the caller's, who ends it with the function of the
 * same object named close or destroy; that accepts NULL. A model outlives its requests, conversations and answers, an engine
 * its models. Strings are UTF-8, and borrowed for the call.
 *
 * Threads. Engines and models may be used by any threads at the same time. One model answers one request at a time, and others
 * wait for their turn; different models answer at the same time. A request, conversation or answer is for one thread at a
 * time; viv_answer_cancel alone may be called from any. viv_engine_open tries new plugins in child processes (fork): call it
 * before the program starts threads of its own, or where these hold no lock of the C library.
 *
 * See libvivarium(3) and examples/embed.c. */
#ifndef VIVARIUM_EMBED_H
#define VIVARIUM_EMBED_H

#include <vivarium/architecture.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_API __attribute__((visibility("default")))

typedef struct viv_error {
    viv_status status;
    char text[1020]; /* one sentence, always terminated */
} viv_error;

VIV_API const char *viv_version(void); /* "0.1.0" */

/* --- engines --- */

typedef struct viv_engine viv_engine;

enum { VIV_LOG_NOTICE = 1 }; /* what the user of a model should know of it */

typedef struct viv_engine_options {
    uint32_t struct_size, flags;
    const char *plugin_path; /* directories, absolute, divided by ':'; looked into before the usual ones; or NULL */
    const char *kernels;     /* of no more than this instruction set: "generic", "avx2", ...; NULL: all that there are */
    /* Called with a sentence, on the thread that does what it is about; or NULL. [any: in a function of this header] */
    void (*log)(void *ctx, uint32_t level, const char *sentence);
    void *log_ctx;
} viv_engine_options;

/* options may be NULL. Finds and tries plugins. */
VIV_API viv_status viv_engine_open(const viv_engine_options *options, viv_engine **engine, viv_error *err);
VIV_API void viv_engine_close(viv_engine *engine);

/* --- models --- */

typedef struct viv_model_options {
    uint32_t struct_size, flags;
    const char *scheduler;          /* "parallel", "sleeping", "serial"; NULL: what the spec says, else the default */
    const char *cache_type;         /* of the KV cache: "f32", "f16", "bf16", "q8_0", "q4_0", or for keys and values
                                       "k=q8_0,v=q4_0"; NULL: as suits the weights */
    const char *chat_template;      /* a file in place of the model's own chat template; or NULL */
    const char *chat_template_name; /* which of the model's own; or NULL */
    const char *const *adapters;    /* [n_adapters] LoRA adapters, "path" or "path:scale" */
    uint32_t n_adapters;
    uint32_t n_threads;     /* 0: as many as there are usable processors */
    uint64_t context;       /* tokens that a sequence may have; 0: what the model was made for */
    uint64_t expert_memory; /* bytes for the weights of experts; 0: all are in memory */
    /* Proposes tokens of answers: the name of a smaller model of the same vocabulary; "ngram": what followed the same tokens
     * before; "none"; NULL: what the spec says. Lives as long as the model. See viv_request.draft. */
    const char *draft;
    /* Called now and then during loading; or NULL. [setup: in viv_model_open, on its thread] */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
    /* After each step, rest until no more than this share of the time of the threads was used: more than 0, up to 1; 0:
     * never rest. It counts the CPU time of the whole process. */
    double cpu_share;
} viv_model_options;

/* Opens and loads a model: the name of a spec, the path of a spec, a checkpoint directory, a .gguf file. options may be
 * NULL. */
VIV_API viv_status viv_model_open(viv_engine *engine, const char *name, const viv_model_options *options,
                                  viv_model **model, viv_error *err);
VIV_API void viv_model_close(viv_model *model);
VIV_API const char *viv_model_name(const viv_model *model);    /* lives as long as the model */
VIV_API uint64_t viv_model_context(const viv_model *model);    /* tokens that a sequence may have */

/* --- requests --- */

/* A request with the model's own sampling and limits, and no message yet. Its fields (request.h) may be changed, and those of
 * its sampling; arrays that they point to must live as long as it. */
VIV_API viv_status viv_request_create(viv_model *model, viv_request **request, viv_error *err);
VIV_API void viv_request_destroy(viv_request *request);
VIV_API viv_sampling *viv_request_sampling(viv_request *request);
/* Adds a message: a role such as "user", or NULL for bare text; then parts to the last message. What is added is copied. */
VIV_API viv_status viv_request_add_message(viv_request *request, const char *role, viv_error *err);
VIV_API viv_status viv_request_add_part(viv_request *request, uint32_t kind, const void *data, uint64_t size,
                                        const char *name, viv_error *err);
/* A message of one text. */
VIV_API viv_status viv_request_add_text(viv_request *request, const char *role, const char *text, uint64_t size,
                                        viv_error *err);
/* Answers; events go to the sink, on this thread. An answer that was cancelled (request->cancel) is VIV_OK, and its last event
 * says so; a request that is cancelled while it waits for its turn is VIV_ECANCELLED. */
VIV_API viv_status viv_ask(viv_model *model, const viv_request *request, const viv_sink *sink, viv_error *err);

/* --- answers, event by event --- */

typedef struct viv_answer viv_answer;

/* Begins to answer on a thread of its own. The request stays the caller's, and must live until the answer is closed. */
VIV_API viv_status viv_answer_begin(viv_model *model, const viv_request *request, viv_answer **answer, viv_error *err);
/* Waits for the next event: *event lives until the next call; NULL after the last one. */
VIV_API viv_status viv_answer_next(viv_answer *answer, const viv_event **event, viv_error *err);
VIV_API void viv_answer_cancel(viv_answer *answer); /* any thread */
VIV_API void viv_answer_close(viv_answer *answer);  /* cancels what is not yet done */

/* --- conversations --- */

typedef struct viv_conversation viv_conversation;

/* A new conversation. system: what the model is told before all turns; NULL: what its spec says. */
VIV_API viv_status viv_conversation_create(viv_model *model, const char *system, viv_conversation **conversation,
                                           viv_error *err);
/* One that viv_conversation_save or `viv chat --session` has written, by the same model. */
VIV_API viv_status viv_conversation_open(viv_model *model, const char *path, viv_conversation **conversation,
                                         viv_error *err);
VIV_API viv_status viv_conversation_save(viv_conversation *conversation, const char *path, viv_error *err);
VIV_API void viv_conversation_close(viv_conversation *conversation);

/* Adds a message, and with a sink answers it. `how` has the sampling, limits, flags, tools, variables and cancel of the answer,
 * and no messages; NULL: the model's own. If the answer fails, or is cancelled before its first token, the message is taken
 * back. */
VIV_API viv_status viv_conversation_ask(viv_conversation *conversation, const char *role, const char *text,
                                        uint64_t size, const viv_request *how, const viv_sink *sink, viv_error *err);
/* Another answer in place of the last one. */
VIV_API viv_status viv_conversation_regenerate(viv_conversation *conversation, const viv_request *how,
                                               const viv_sink *sink, viv_error *err);
/* Forgets all turns; the system prompt stays. */
VIV_API void viv_conversation_clear(viv_conversation *conversation);
/* All messages as JSON, as chat templates take them. Lives until the next call with this conversation. */
VIV_API viv_status viv_conversation_messages(viv_conversation *conversation, const char **json, viv_error *err);

#ifdef __cplusplus
}
#endif
#endif
