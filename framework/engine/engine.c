/* engine.c - see engine.h. */
#include "engine/engine.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/size.h"
#include "base/trail.h"
#include "engine/architecture.h"
#include "engine/calls.h"
#include "engine/door.h"
#include "engine/draft.h"
#include "engine/grammar_file.h"
#include "engine/pictures.h"
#include "formats/mmproj.h"
#include "model/instance.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct engine {
    struct host *host;
    struct spec_world world;
    bool has_world;
    struct spec_settings defaults; /* of the user's defaults.yaml */
    struct arena arena;            /* of these */
    pthread_mutex_t opening;
};

/* A model's place at the engine: who asks it. */
struct door {
    struct engine *engine;
    pthread_mutex_t lock;
    pthread_cond_t free;
    bool taken;
    struct architecture_instance answers; /* used by who has the turn */
};

viv_status engine_create(const struct host_options *options, struct engine **out, struct error *err)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return error_nomem(err);
    pthread_mutex_init(&e->opening, NULL);
    viv_status status = host_create(options, &e->host, err);
    if (status == VIV_OK)
        *out = e;
    else
        engine_destroy(e);
    return status;
}

void engine_destroy(struct engine *e)
{
    if (!e)
        return;
    host_destroy(e->host);
    arena_release(&e->arena);
    pthread_mutex_destroy(&e->opening);
    free(e);
}

struct host *engine_host(struct engine *e)
{
    return e->host;
}

static viv_status read_world(struct engine *e, struct error *err)
{
    const char *defaults = host_defaults(e->host);
    if (e->has_world)
        return VIV_OK;
    e->world = (struct spec_world){.layers = host_layers(e->host), .directories = host_spec_directories(e->host)};
    if (defaults && file_exists(defaults)) {
        viv_status status = spec_read_defaults(defaults, &e->arena, &e->defaults, err);
        if (status == VIV_OK)
            status = host_allow_threads(e->host, e->defaults.allow_threads, e->defaults.n_allow_threads, err);
        if (status != VIV_OK)
            return status;
        e->world.defaults = &e->defaults;
    }
    e->has_world = true;
    return VIV_OK;
}

viv_status engine_world(struct engine *e, const struct spec_world **out, struct error *err)
{
    pthread_mutex_lock(&e->opening);
    viv_status status = read_world(e, err);
    pthread_mutex_unlock(&e->opening);
    if (status == VIV_OK)
        *out = &e->world;
    return status;
}

/* --- models -------------------------------------------------------------------------------------------------- */

static struct door *door_create(struct engine *e)
{
    struct door *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->engine = e;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->free, NULL);
    return d;
}

void door_destroy(struct door *d)
{
    if (!d)
        return;
    architecture_close(&d->answers);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->free);
    free(d);
}

viv_status engine_open_model(struct engine *e, const struct model_options *options, const char *name,
                             viv_model **out, struct error *err)
{
    struct model_options ours = *options;
    viv_model *m = NULL;
    pthread_mutex_lock(&e->opening);
    viv_status status = read_world(e, err);
    ours.host = options->host ? options->host : host_viv(e->host);
    ours.world = &e->world;
    ours.find_scheduler = host_scheduler;
    ours.find_ctx = e->host;
    if (status == VIV_OK)
        status = model_open(&ours, name, &m, err);
    if (status == VIV_OK && !(m->door = door_create(e)))
        status = error_nomem(err);
    pthread_mutex_unlock(&e->opening);
    if (status == VIV_OK)
        *out = m;
    else
        model_close(m);
    return status;
}

/* Chooses where the model's own architecture does not. */
#define DEFAULT_PRECISION "slm"

/* That of an architecture; without a table if it has none, or one that is too small. */
static viv_status precision_of(struct engine *e, const char *name, struct precision *out, struct error *err)
{
    struct architecture a;
    viv_status status = host_architecture(e->host, name, &a, err);
    *out = (struct precision){0};
    if (status != VIV_OK || !a.class->get_ext)
        return status;
    const struct trail before = trail_enter(a.plugin, "get_ext");
    const viv_precision *p = a.class->get_ext(VIV_ARCHITECTURE_PRECISION);
    trail = before;
    if (p && VIV_HAS(p, viv_precision, choose) && p->struct_size <= MAX_STRUCT && p->choose)
        *out = (struct precision){p, a.plugin};
    return VIV_OK;
}

viv_status engine_precision(struct engine *e, const viv_model *m, struct precision *out, struct error *err)
{
    pthread_mutex_lock(&e->opening);
    viv_status status = precision_of(e, spec_architecture(m->spec), out, err);
    if (status == VIV_OK && !out->table)
        status = precision_of(e, DEFAULT_PRECISION, out, err);
    if (status == VIV_OK && !out->table)
        status = error_set(err, VIV_EABI, "architecture '" DEFAULT_PRECISION "' chooses no types of weights");
    pthread_mutex_unlock(&e->opening);
    return status;
}

static void notice(const viv_model *m, const struct buf *sentence)
{
    if (m->options.notice && !sentence->failed)
        m->options.notice(m->options.notice_ctx, buf_text(sentence));
}

/* What the files say that nobody reads may be what makes this model another one. */
static void name_unread_options(const viv_model *m)
{
    const struct expansion *e = m->expansion;
    struct buf b = {0};
    if (!e->n_unread)
        return;
    buf_printf(&b, "%s says what the family %s does not know, and its answers may be wrong for it: ",
               m->checkpoint.config ? "config.json" : "the file", spec_family(m->spec));
    for (uint32_t i = 0; i < e->n_unread; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", e->unread[i]);
    notice(m, &b);
    buf_release(&b);
}

/* Of a larger model only a part is run. */
static void name_unused_tensors(const viv_model *m)
{
    const struct checkpoint *c = &m->checkpoint;
    const char *parts;
    const uint32_t n = model_n_unused(m, &parts);
    struct buf b = {0};
    if (!n)
        return;
    buf_printf(&b, "%s is run as %s; %" PRIu32 " tensors of other parts stay unused: %s",
               c->whole ? c->whole : c->path, c->whole ? "text" : spec_family(m->spec), n, parts);
    notice(m, &b);
    buf_release(&b);
}

/* A pair of two models' files may fit by its sizes, and then sees nothing right. */
static void name_other_pair(viv_model *m)
{
    const char *text = NULL, *second = NULL;
    struct buf b = {0};
    if (!m->has_checkpoint || !mmproj_is_of_another(&m->checkpoint, &text, &second))
        return;
    buf_printf(&b,
               "%s is the mmproj of another model by its general.basename, %s, and %s is of %s: its answers about "
               "pictures may be wrong",
               m->checkpoint.second->path, second, m->checkpoint.path, text);
    notice(m, &b);
    buf_release(&b);
}

viv_status engine_open_draft(viv_model *m, const char *name, struct error *err)
{
    if (!name)
        name = spec_settings(m->spec)->draft;
    m->drafts_ngrams = name && strcmp(name, DRAFT_NGRAM) == 0;
    if (!name || m->drafts_ngrams || strcmp(name, DRAFT_NONE) == 0)
        return VIV_OK;
    const struct model_options options = {.host = m->options.host,
                                          .scheduler = m->options.scheduler,
                                          .n_threads = m->options.n_threads,
                                          .progress = m->options.progress,
                                          .progress_ctx = m->options.progress_ctx,
                                          .notice = m->options.notice,
                                          .notice_ctx = m->options.notice_ctx};
    viv_status status = engine_open_model(m->door->engine, &options, name, &m->draft, err);
    if (status == VIV_OK)
        status = draft_check(m, m->draft, err);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "the draft %s", name);
}

/* The grammar of the spec. */
static viv_status read_grammar(viv_model *m, struct error *err)
{
    struct grammar_file g = {0};
    const char *path = spec_settings(m->spec)->grammar;
    viv_status status = path && !m->grammar ? grammar_file_read(&g, path, NULL, false, err) : VIV_OK;
    if (status == VIV_OK && g.grammar.text && !(m->grammar = grammar_file_keep(&g, &m->arena)))
        status = error_nomem(err);
    grammar_file_release(&g);
    return status;
}

viv_status engine_load_model(viv_model *m, struct error *err)
{
    viv_status status = VIV_OK;
    if (m->options.weight_budget && !m->options.precision.table)
        status = engine_precision(m->door->engine, m, &m->options.precision, err);
    if (status != VIV_OK)
        return status;
    pthread_mutex_lock(&m->door->engine->opening);
    status = model_load(m, err);
    if (status == VIV_OK)
        status = read_grammar(m, err);
    if (status == VIV_OK && m->draft && model_load(m->draft, err) != VIV_OK)
        status = error_prefix(err, "the draft %s", spec_name(m->draft->spec));
    pthread_mutex_unlock(&m->door->engine->opening);
    if (status == VIV_OK) {
        name_unread_options(m);
        name_unused_tensors(m);
        name_other_pair(m);
    }
    return status;
}

/* --- asking -------------------------------------------------------------------------------------------------- */

static bool is_cancelled(const viv_request *request)
{
    return request->cancel && __atomic_load_n(request->cancel, __ATOMIC_RELAXED);
}

/* Waits for its turn. Nobody wakes a thread whose request is cancelled: it looks now and then. */
static viv_status enter(struct door *d, const viv_request *request, struct error *err)
{
    enum { LOOK_EVERY = 20000000 }; /* nanoseconds */
    viv_status status = VIV_OK;
    pthread_mutex_lock(&d->lock);
    while (d->taken && status == VIV_OK) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_EVERY;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&d->free, &d->lock, &until);
        if (is_cancelled(request))
            status = error_set(err, VIV_ECANCELLED, "cancelled");
    }
    if (status == VIV_OK)
        d->taken = true;
    pthread_mutex_unlock(&d->lock);
    return status;
}

static void leave(struct door *d)
{
    pthread_mutex_lock(&d->lock);
    d->taken = false;
    pthread_cond_signal(&d->free);
    pthread_mutex_unlock(&d->lock);
}

static bool has_pictures(const viv_request *request)
{
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++)
            if (request->messages[i]->parts[k]->kind == VIV_PART_IMAGE ||
                request->messages[i]->parts[k]->kind == VIV_PART_VIDEO)
                return true;
    return false;
}

static viv_status ask(viv_model *m, const viv_request *request, const viv_sink *sink, struct error *err)
{
    struct door *d = m->door;
    struct architecture *architecture = &d->answers.architecture;
    viv_status status = VIV_OK;
    pthread_mutex_lock(&d->engine->opening);
    if (!d->answers.is_open)
        status = host_architecture(d->engine->host, spec_architecture(m->spec), architecture, err);
    if (status == VIV_OK && request->draft && request->draft != m->draft)
        status = draft_check(m, request->draft, err);
    pthread_mutex_unlock(&d->engine->opening);
    if (status == VIV_OK && has_pictures(request) && !pictures_of(architecture))
        status = pictures_none(m, err);
    return status == VIV_OK ? architecture_run(&d->answers, host_viv(d->engine->host), m, request, sink, err)
                            : status;
}

/* Of a model and its draft, in an order that is the same for all: two models may draft for each other. */
static viv_status enter_both(struct door *own, struct door *draft, const viv_request *request, struct error *err)
{
    struct door *first = (uintptr_t)own < (uintptr_t)draft ? own : draft, *second = first == own ? draft : own;
    viv_status status = enter(first, request, err);
    if (status != VIV_OK)
        return status;
    status = enter(second, request, err);
    if (status != VIV_OK)
        leave(first);
    return status;
}

viv_status engine_ask(viv_model *m, const viv_request *request, const viv_sink *sink, struct error *err)
{
    struct door *draft = request->draft && request->draft != m ? request->draft->door : NULL;
    viv_status status = draft ? enter_both(m->door, draft, request, err) : enter(m->door, request, err);
    if (status != VIV_OK)
        return status;
    struct calls calls;
    status = calls_open(&calls, m, request, sink, err);
    if (status == VIV_OK) {
        status = ask(m, &calls.request, &calls.sink, err);
        calls_close(&calls);
    }
    if (draft)
        leave(draft);
    leave(m->door);
    return status;
}
