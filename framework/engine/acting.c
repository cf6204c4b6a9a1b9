/* acting.c - see acting.h. This is the one place that calls an architecture's viv_acting, and it checks every
 * event. */
#include "engine/acting.h"

#include "base/size.h"
#include "base/text.h"
#include "base/trail.h"
#include "engine/generator.h"
#include "spec/acting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

viv_status acting_open(struct engine *e, const char *architecture, struct acting *out, struct error *err)
{
    *out = (struct acting){.engine = e};
    viv_status status = host_architecture(engine_host(e), architecture, &out->architecture, err);
    if (status != VIV_OK)
        return status;
    const viv_architecture_class *class = out->architecture.class;
    const viv_acting *table = class->get_ext ? class->get_ext(VIV_ARCHITECTURE_ACTING) : NULL;
    if (!table || !VIV_HAS(table, viv_acting, log) || table->struct_size > MAX_STRUCT || !table->undo ||
        !table->log)
        return error_set(err, VIV_EUNSUPPORTED, "architecture '%s' of %s does not act", architecture,
                         out->architecture.plugin);
    out->table = table;
    return VIV_OK;
}

/* --- events ------------------------------------------------------------------------------------------------- */

enum { MOST_EVENT = 16 << 20 };

static viv_status hear(const viv_listener *listener, const char *json, uint64_t size, bool *yes)
{
    const struct acting_listener *to = listener->ctx;
    struct error err;
    json_t *event = NULL;
    viv_status status =
        json && size <= MOST_EVENT ? VIV_OK : error_set(&err, VIV_EABI, "an event is NULL or too long");
    if (status == VIV_OK)
        status = json_parse("an event", json, size, &event, &err);
    if (status == VIV_OK && !json_is_string(json_object_get(event, "event")))
        status = error_set(&err, VIV_EABI, "an event does not say what it is");
    if (status == VIV_OK)
        status = yes ? to->ask(to->ctx, event, yes, &err) : to->tell(to->ctx, event, &err);
    json_decref(event);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

static viv_status tell(const viv_listener *listener, const char *json, uint64_t size)
{
    return hear(listener, json, size, NULL);
}

static viv_status ask(const viv_listener *listener, const char *json, uint64_t size, int32_t *yes)
{
    bool answer = false;
    const viv_status status = hear(listener, json, size, &answer);
    *yes = status == VIV_OK && answer;
    return status;
}

static viv_listener listener_of(const struct acting_listener *to)
{
    return (viv_listener){.struct_size = sizeof(viv_listener), .ctx = (void *)to, .tell = tell, .ask = ask};
}

/* --- calls -------------------------------------------------------------------------------------------------- */

static viv_status ended(viv_status status, struct error *err)
{
    return status == VIV_OK ? VIV_OK : error_take(err, status);
}

viv_status acting_undo(const struct acting *a, const viv_undo *what, const struct acting_listener *listener,
                       struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.undo");
    const viv_status status = a->table->undo(host_viv(engine_host(a->engine)), what, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_log(const struct acting *a, const char *workspace, const struct acting_listener *listener,
                      struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.log");
    const viv_status status = a->table->log(host_viv(engine_host(a->engine)), workspace, &hears);
    trail = before;
    return ended(status, err);
}

static viv_status lacks(const struct acting *a, const char *what, struct error *err)
{
    return error_set(err, VIV_EUNSUPPORTED, "architecture '%s' of %s has no %s", a->architecture.class->name,
                     a->architecture.plugin, what);
}

viv_status acting_prune(const struct acting *a, const viv_prune *what, const struct acting_listener *listener,
                        struct error *err)
{
    const viv_listener hears = listener_of(listener);
    if (!VIV_HAS(a->table, viv_acting, prune) || !a->table->prune)
        return lacks(a, "prune", err);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.prune");
    const viv_status status = a->table->prune(host_viv(engine_host(a->engine)), what, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_replay(const struct acting *a, const char *name, const char *bytes, uint64_t size,
                         const struct acting_listener *listener, struct error *err)
{
    const viv_listener hears = listener_of(listener);
    if (!VIV_HAS(a->table, viv_acting, replay) || !a->table->replay)
        return lacks(a, "replay", err);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.replay");
    const viv_status status = a->table->replay(host_viv(engine_host(a->engine)), name, bytes, size, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_rewrite(const struct acting *a, const char *format, const char *name, const char *bytes,
                          uint64_t size, const struct acting_listener *listener, struct error *err)
{
    const viv_listener hears = listener_of(listener);
    if (!VIV_HAS(a->table, viv_acting, rewrite) || !a->table->rewrite)
        return lacks(a, "rewrite", err);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.rewrite");
    const viv_status status =
        a->table->rewrite(host_viv(engine_host(a->engine)), format, name, bytes, size, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_bench(const struct acting *a, const char *workspace, uint32_t rounds, const uint32_t *cancel,
                        const struct acting_listener *listener, struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const viv_act task = {.struct_size = sizeof task, .workspace = workspace, .cancel = cancel};
    if (!VIV_HAS(a->table, viv_acting, bench) || !a->table->bench)
        return lacks(a, "bench", err);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.bench");
    const viv_status status = a->table->bench(host_viv(engine_host(a->engine)), &task, rounds, &hears);
    trail = before;
    return ended(status, err);
}

/* A spec with stages; NULL: MODEL is something else. */
static viv_status read_stages(struct engine *e, const char *model, json_t **out, struct error *err)
{
    const struct spec_world *world;
    const viv_status status = engine_world(e, &world, err);
    return status == VIV_OK ? spec_read_acting(world, model, out, err) : status;
}

static viv_status call_memory(const struct acting *a, const viv_memory *what,
                              const struct acting_listener *listener, struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.memory");
    const viv_status status = a->table->memory(host_viv(engine_host(a->engine)), what, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_memory(const struct acting *a, const char *spec, const struct model_options *options,
                         const viv_memory *what, const struct acting_listener *listener, struct error *err)
{
    struct generator generator = {0};
    viv_memory whole = *what;
    json_t *json = NULL;
    if (!VIV_HAS(a->table, viv_acting, memory) || !a->table->memory)
        return lacks(a, "memory", err);
    viv_status status = spec ? read_stages(a->engine, spec, &json, err) : VIV_OK;
    if (status == VIV_OK && spec && !json)
        status = error_set(err, VIV_EINVAL, "%s: expected a spec with 'stages'", spec);
    if (status == VIV_OK) {
        generator_init(&generator, a->engine, options, NULL);
        whole.use = json_string_value(json_object_get(json_object_get(json, "memory"), "use"));
        whole.generator = &generator.table;
        status = call_memory(a, &whole, listener, err);
        generator_release(&generator);
    }
    json_decref(json);
    return status;
}

/* A MODEL that is no such spec plans by itself, with what the architecture has for it. */
static viv_status read_spec(struct engine *e, const char *name, json_t **out, struct error *err)
{
    json_t *spec = NULL;
    viv_status status = read_stages(e, name, &spec, err);
    if (status == VIV_OK && !spec)
        spec = json_pack("{s:i, s:s, s:{}}", "viv", 1, "use", name, "stages");
    if (status == VIV_OK && !spec)
        status = error_set(err, VIV_EINVAL, "the name of the model is not UTF-8");
    *out = spec;
    return status;
}

/* Opens the architecture that a spec names; *text: the spec as the plugin reads it, malloc'ed. */
static viv_status open_spec(struct engine *e, const json_t *json, struct acting *a, char **text, struct error *err)
{
    const char *architecture = json_string_value(json_object_get(json, "architecture"));
    const viv_status status = acting_open(e, architecture ? architecture : "lam", a, err);
    if (status == VIV_OK && !(*text = json_dumps(json, JSON_COMPACT)))
        return error_nomem(err);
    return status;
}

static viv_status call_act(const struct acting *a, const viv_act *task, const viv_generator *generator,
                           const struct acting_listener *listener, struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.act");
    const viv_status status = a->table->act(host_viv(engine_host(a->engine)), task, generator, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_act(struct engine *e, const char *spec, const struct model_options *options, const viv_act *task,
                      const struct acting_listener *listener, struct error *err)
{
    struct generator generator = {0};
    struct acting a;
    viv_act whole = *task;
    json_t *json = NULL;
    char *text = NULL;
    viv_status status = read_spec(e, spec, &json, err);
    if (status == VIV_OK)
        status = open_spec(e, json, &a, &text, err);
    if (status == VIV_OK && (!VIV_HAS(a.table, viv_acting, act) || !a.table->act))
        status = lacks(&a, "act", err);
    if (status == VIV_OK) {
        whole.spec = text;
        whole.spec_name = spec;
        generator_init(&generator, e, options, json_string_value(json_object_get(json, "use")));
        status = call_act(&a, &whole, &generator.table, listener, err);
        generator_release(&generator);
    }
    free(text);
    json_decref(json);
    return status;
}

static viv_status read_served(struct engine *e, const char *spec, json_t **out, struct error *err)
{
    if (!spec)
        return (*out = json_pack("{s:i, s:{}}", "viv", 1, "stages")) ? VIV_OK : error_nomem(err);
    const viv_status status = read_stages(e, spec, out, err);
    return status != VIV_OK || *out
               ? status
               : error_set(err, VIV_EINVAL, "%s: expected a spec with 'stages', which says what is allowed", spec);
}

viv_status acting_serve(struct engine *e, const char *spec, const viv_act *task, int input, int output,
                        const struct acting_listener *listener, struct error *err)
{
    const viv_listener hears = listener_of(listener);
    struct acting a;
    viv_act whole = *task;
    json_t *json = NULL;
    char *text = NULL;
    viv_status status = read_served(e, spec, &json, err);
    if (status == VIV_OK)
        status = open_spec(e, json, &a, &text, err);
    if (status == VIV_OK && (!VIV_HAS(a.table, viv_acting, serve) || !a.table->serve))
        status = lacks(&a, "serve", err);
    if (status == VIV_OK) {
        whole.spec = text;
        whole.spec_name = spec ? spec : "the defaults";
        const struct trail before = trail_enter(a.architecture.plugin, "acting.serve");
        status = a.table->serve(host_viv(engine_host(e)), &whole, input, output, &hears);
        trail = before;
        status = ended(status, err);
    }
    free(text);
    json_decref(json);
    return status;
}

viv_status acting_check(struct engine *e, const char *spec, bool *acts, struct error *err)
{
    struct acting a;
    json_t *json = NULL;
    char *text = NULL;
    viv_status status = read_stages(e, spec, &json, err);
    *acts = status == VIV_OK && json;
    if (!*acts)
        return status;
    status = open_spec(e, json, &a, &text, err);
    if (status == VIV_OK && VIV_HAS(a.table, viv_acting, check) && a.table->check) {
        const struct trail before = trail_enter(a.architecture.plugin, "acting.check");
        status = a.table->check(host_viv(engine_host(e)), text, spec);
        trail = before;
        status = ended(status, err);
    }
    free(text);
    json_decref(json);
    return status;
}
