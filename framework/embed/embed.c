/* embed.c - libvivarium: the functions of vivarium/embed.h over those of engine/. */
#include "config.h"

#include <vivarium/embed.h>

#include "base/file.h"
#include "engine/conversation.h"
#include "engine/stream.h"

#include <stdlib.h>
#include <string.h>

struct viv_engine {
    struct engine *engine;
    void (*log)(void *ctx, uint32_t level, const char *sentence);
    void *log_ctx;
};

struct viv_conversation {
    struct conversation conversation;
    char *messages; /* as JSON; malloc'ed */
};

_Static_assert(sizeof(viv_error) == sizeof(struct error), "an error of ours is one of theirs");

/* Where a sentence goes that nobody wants. */
static struct error *error_of(viv_error *err)
{
    static _Thread_local struct error ignored;
    return err ? (struct error *)(void *)err : &ignored;
}

const char *viv_version(void)
{
    return PACKAGE_VERSION;
}

static viv_status wrong(struct error *err, const char *what)
{
    return error_set(err, VIV_EINVAL, "%s", what);
}

/* --- engines ------------------------------------------------------------------------------------------------- */

static viv_status check(const char *type, uint32_t size, size_t expected, uint32_t flags, struct error *err)
{
    if (size != expected)
        return error_set(err, VIV_EABI, "struct_size of a %s is %u, expected %zu", type, size, expected);
    return flags ? error_set(err, VIV_EINVAL, "flags of a %s are 0x%x, expected 0", type, flags) : VIV_OK;
}

viv_status viv_engine_open(const viv_engine_options *options, viv_engine **engine, viv_error *e)
{
    static const viv_engine_options usual = {.struct_size = sizeof usual};
    struct error *err = error_of(e);
    if (!options)
        options = &usual;
    viv_status status = check("viv_engine_options", options->struct_size, sizeof *options, options->flags, err);
    if (status != VIV_OK)
        return status;
    const struct host_options host = {.plugin_path = options->plugin_path, .isa = options->kernels};
    viv_engine *out = calloc(1, sizeof *out);
    if (!out)
        return error_nomem(err);
    out->log = options->log;
    out->log_ctx = options->log_ctx;
    status = engine_create(&host, &out->engine, err);
    if (status == VIV_OK)
        status = host_examine(engine_host(out->engine), err);
    if (status == VIV_OK)
        *engine = out;
    else
        viv_engine_close(out);
    return status;
}

void viv_engine_close(viv_engine *engine)
{
    if (!engine)
        return;
    engine_destroy(engine->engine);
    free(engine);
}

static void on_notice(void *ctx, const char *sentence)
{
    const viv_engine *engine = ctx;
    if (engine->log)
        engine->log(engine->log_ctx, VIV_LOG_NOTICE, sentence);
}

/* --- models -------------------------------------------------------------------------------------------------- */

static viv_status cache_type(const char *text, struct error *err)
{
    const viv_status status = text ? cache_types_parse(text, &(struct cache_types){0}, err) : VIV_OK;
    return status == VIV_OK ? VIV_OK : error_prefix(err, "cache_type");
}

viv_status viv_model_open(viv_engine *engine, const char *name, const viv_model_options *options, viv_model **model,
                          viv_error *e)
{
    static const viv_model_options usual = {.struct_size = sizeof usual};
    struct error *err = error_of(e);
    viv_model *m = NULL;
    if (!options)
        options = &usual;
    viv_status status = check("viv_model_options", options->struct_size, sizeof *options, options->flags, err);
    if (status == VIV_OK && (!engine || !name))
        status = wrong(err, "a model is opened by an engine and a name");
    if (status == VIV_OK && options->n_adapters && !options->adapters)
        status = wrong(err, "n_adapters is not 0, and adapters is NULL");
    if (status == VIV_OK && !(options->cpu_share >= 0 && options->cpu_share <= 1))
        status = error_set(err, VIV_EINVAL, "cpu_share is %g, expected more than 0 and up to 1, or 0 for all",
                           options->cpu_share);
    if (status == VIV_OK && options->chat_template && !file_exists(options->chat_template))
        status = error_set(err, VIV_ENOTFOUND, "%s: there is no such chat template", options->chat_template);
    if (status == VIV_OK)
        status = cache_type(options->cache_type, err);
    if (status != VIV_OK)
        return status;
    const struct model_options ours = {.scheduler = options->scheduler,
                                       .n_threads = options->n_threads,
                                       .cpu_share = options->cpu_share,
                                       .context = options->context,
                                       .expert_budget = options->expert_memory,
                                       .cache_type = options->cache_type,
                                       .adapters = options->adapters,
                                       .n_adapters = options->n_adapters,
                                       .chat_template = options->chat_template,
                                       .chat_template_name = options->chat_template_name,
                                       .progress = options->progress,
                                       .progress_ctx = options->progress_ctx,
                                       .notice = on_notice,
                                       .notice_ctx = engine};
    status = engine_open_model(engine->engine, &ours, name, &m, err);
    if (status == VIV_OK)
        status = engine_open_draft(m, options->draft, err);
    if (status == VIV_OK)
        status = engine_load_model(m, err);
    if (status == VIV_OK)
        *model = m;
    else
        model_close(m);
    return status;
}

void viv_model_close(viv_model *model)
{
    model_close(model);
}

const char *viv_model_name(const viv_model *model)
{
    return spec_name(model_spec(model));
}

uint64_t viv_model_context(const viv_model *model)
{
    return model_context(model);
}

/* --- requests ------------------------------------------------------------------------------------------------ */

viv_status viv_request_create(viv_model *model, viv_request **request, viv_error *err)
{
    struct request *r = malloc(sizeof *r);
    if (!r)
        return error_nomem(error_of(err));
    request_init(r, model);
    *request = &r->viv;
    return VIV_OK;
}

/* What viv_request_create has made begins with what it has handed out. */
static struct request *request_of(viv_request *request)
{
    return (struct request *)(void *)request;
}

void viv_request_destroy(viv_request *request)
{
    if (!request)
        return;
    request_release(request_of(request));
    free(request);
}

viv_sampling *viv_request_sampling(viv_request *request)
{
    return &request_of(request)->sampling;
}

viv_status viv_request_add_message(viv_request *request, const char *role, viv_error *err)
{
    return request_add_message(request_of(request), role, error_of(err));
}

viv_status viv_request_add_part(viv_request *request, uint32_t kind, const void *data, uint64_t size,
                                const char *name, viv_error *err)
{
    return request_add_part(request_of(request), kind, data, size, name, error_of(err));
}

viv_status viv_request_add_text(viv_request *request, const char *role, const char *text, uint64_t size,
                                viv_error *err)
{
    return request_add_text(request_of(request), role, text, size, error_of(err));
}

static viv_status check_request(const viv_request *request, struct error *err)
{
    if (!request)
        return wrong(err, "the request is NULL");
    viv_status status = check("viv_request", request->struct_size, sizeof *request, 0, err);
    for (uint32_t i = 0; status == VIV_OK && i < request->n_stop; i++)
        if (!request->stop || !request->stop[i])
            status = wrong(err, "one of the texts that end an answer is NULL");
    return status;
}

static viv_status check_sink(const viv_sink *sink, struct error *err)
{
    if (!sink || !sink->emit)
        return wrong(err, "there is no sink for the events, or it has no emit");
    return check("viv_sink", sink->struct_size, sizeof *sink, sink->flags, err);
}

viv_status viv_ask(viv_model *model, const viv_request *request, const viv_sink *sink, viv_error *e)
{
    struct error *err = error_of(e);
    viv_status status = check_request(request, err);
    if (status == VIV_OK)
        status = check_sink(sink, err);
    return status == VIV_OK ? engine_ask(model, request, sink, err) : status;
}

/* --- answers ------------------------------------------------------------------------------------------------- */

viv_status viv_answer_begin(viv_model *model, const viv_request *request, viv_answer **answer, viv_error *err)
{
    struct stream *s;
    viv_status status = check_request(request, error_of(err));
    if (status == VIV_OK)
        status = stream_begin(model, request, &s, error_of(err));
    if (status == VIV_OK)
        *answer = (viv_answer *)s;
    return status;
}

viv_status viv_answer_next(viv_answer *answer, const viv_event **event, viv_error *err)
{
    return stream_next((struct stream *)answer, event, error_of(err));
}

void viv_answer_cancel(viv_answer *answer)
{
    stream_cancel((struct stream *)answer);
}

void viv_answer_close(viv_answer *answer)
{
    stream_end((struct stream *)answer);
}

/* --- conversations ------------------------------------------------------------------------------------------- */

static viv_status open_conversation(viv_model *model, const char *path, const char *system, viv_conversation **out,
                                    struct error *err)
{
    viv_conversation *c = calloc(1, sizeof *c);
    viv_status status = c ? session_possible(model, err) : error_nomem(err);
    if (status == VIV_OK)
        status = conversation_open(&c->conversation, model, path, true, err);
    if (status == VIV_OK && system)
        status = conversation_set_system(&c->conversation, system, err);
    if (status == VIV_OK)
        *out = c;
    else
        viv_conversation_close(c);
    return status;
}

viv_status viv_conversation_create(viv_model *model, const char *system, viv_conversation **conversation,
                                   viv_error *err)
{
    return open_conversation(model, NULL, system, conversation, error_of(err));
}

viv_status viv_conversation_open(viv_model *model, const char *path, viv_conversation **conversation,
                                 viv_error *err)
{
    if (!path || !file_exists(path))
        return error_set(error_of(err), VIV_ENOTFOUND, "%s: there is no such session", path ? path : "(null)");
    return open_conversation(model, path, NULL, conversation, error_of(err));
}

viv_status viv_conversation_save(viv_conversation *conversation, const char *path, viv_error *err)
{
    return path ? conversation_save(&conversation->conversation, path, error_of(err))
                : wrong(error_of(err), "a session is saved to a path");
}

void viv_conversation_close(viv_conversation *conversation)
{
    if (!conversation)
        return;
    conversation_close(&conversation->conversation);
    free(conversation->messages);
    free(conversation);
}

static viv_status pass_on(struct answer *a, const viv_event *e, struct error *err)
{
    const viv_sink *sink = a->show_ctx;
    viv_status status = sink->emit(sink, e);
    return status == VIV_OK ? VIV_OK : error_set(err, status, "the receiver of the events has ended the answer");
}

/* With text NULL the last answer is replaced. */
static viv_status answer(viv_conversation *c, const char *role, const char *text, size_t size,
                         const viv_request *how, const viv_sink *sink, struct error *err)
{
    struct request r;
    struct answer a = {.show = pass_on, .show_ctx = (void *)sink};
    bool answered;
    viv_status status = check_sink(sink, err);
    if (status == VIV_OK && how)
        status = check_request(how, err);
    if (status != VIV_OK)
        return status;
    request_init(&r, c->conversation.model);
    if (how) {
        r.viv = *how;
        r.viv.n_messages = 0;
    }
    status = text ? conversation_ask(&c->conversation, role, text, size, &r, &a, &answered, err)
                  : conversation_regenerate(&c->conversation, &r, &a, &answered, err);
    answer_release(&a);
    request_release(&r);
    return status;
}

viv_status viv_conversation_ask(viv_conversation *conversation, const char *role, const char *text, uint64_t size,
                                const viv_request *how, const viv_sink *sink, viv_error *e)
{
    struct error *err = error_of(e);
    if (!role || !text)
        return error_set(err, VIV_EINVAL, "a message of a conversation has a role and a text");
    return sink ? answer(conversation, role, text, size, how, sink, err)
                : conversation_add(&conversation->conversation, role, text, size, err);
}

viv_status viv_conversation_regenerate(viv_conversation *conversation, const viv_request *how, const viv_sink *sink,
                                       viv_error *err)
{
    return answer(conversation, NULL, NULL, 0, how, sink, error_of(err));
}

void viv_conversation_clear(viv_conversation *conversation)
{
    conversation_clear(&conversation->conversation);
}

viv_status viv_conversation_messages(viv_conversation *conversation, const char **json, viv_error *err)
{
    json_notice_memory();
    char *text = json_dumps(conversation->conversation.session.messages, 0);
    if (!text || json_lost_something()) {
        free(text);
        return error_nomem(error_of(err));
    }
    free(conversation->messages);
    *json = conversation->messages = text;
    return VIV_OK;
}
