/* open.c - see open.h. */
#include "cli/open.h"

#include "base/file.h"
#include "base/json.h"
#include "base/trail.h"
#include "cli/input.h"
#include "engine/load.h"
#include "spec/acting.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* "dir:dir" of --plugin-path, each made absolute: the user's own word may be relative, what the host takes may not.
 */
static viv_status join_plugin_path(const struct string_list *list, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        char *absolute = realpath(list->items[i], NULL);
        if (!absolute || !file_is_dir(absolute)) {
            free(absolute);
            return error_set(err, VIV_ENOTFOUND, "--plugin-path %s: there is no such directory", list->items[i]);
        }
        buf_printf(out, "%s%s", i ? ":" : "", absolute);
        free(absolute);
    }
    return out->failed ? error_nomem(err) : VIV_OK;
}

/* Threads that are started later inherit it. Niceness is never lowered: that takes privileges. */
static viv_status be_nice(const struct common *common, struct error *err)
{
    errno = 0;
    const int now = getpriority(PRIO_PROCESS, 0);
    if (errno == 0 && common->nice > now && setpriority(PRIO_PROCESS, 0, (int)common->nice) == 0)
        return VIV_OK;
    return errno == 0 ? VIV_OK
                      : error_set(err, VIV_EIO, "--nice %" PRId64 ": the niceness of the process cannot be set: %s",
                                  common->nice, strerror(errno));
}

viv_status cli_open_host(struct opened *o, const struct common *common, bool retry, struct error *err)
{
    struct buf path = {0};
    viv_status status = be_nice(common, err);
    if (status == VIV_OK)
        status = join_plugin_path(&common->plugin_path, &path, err);
    const struct host_options options = {
        .plugin_path = path.size ? path.data : NULL,
        .retry = retry,
        .allow_threads = common->allow_threads.items,
        .n_allow_threads = common->allow_threads.n,
        .isa = common->kernels,
        .fastest = common->kernels && strcmp(common->kernels, "fastest") == 0,
        .f32_activations = o->observer || (common->activations && strcmp(common->activations, "f32") == 0),
        .observer = o->observer};
    if (status == VIV_OK)
        status = engine_create(&options, &o->engine, err);
    buf_release(&path);
    progress_init(&o->progress);
    return status;
}

viv_status cli_open_world(struct opened *o, const struct common *common, struct error *err)
{
    viv_status status = o->engine ? VIV_OK : cli_open_host(o, common, false, err);
    return status == VIV_OK ? engine_world(o->engine, &o->world, err) : status;
}

static void on_notice(void *ctx, const char *sentence)
{
    progress_clear(ctx);
    fputs("viv: ", stderr);
    cli_print_safe(stderr, sentence, strlen(sentence));
    putc('\n', stderr);
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    progress_show(ctx, what, done, total);
}

/* {"layers.0.experts": [how often each was chosen], ...} */
static uint64_t uses_in_profile(void *ctx, const char *path, uint64_t i)
{
    json_int_t n = json_integer_value(json_array_get(json_object_get(ctx, path), i));
    return n > 0 ? (uint64_t)n : 0;
}

static const uint64_t LARGEST_PROFILE = 64u << 20;

static viv_status open_profile(struct opened *o, const struct common *common, struct error *err)
{
    const char *path = common->expert_profile;
    if (!path)
        return VIV_OK;
    if (!common->expert_memory)
        return error_set(err, VIV_EINVAL, "--expert-profile is of use with --expert-memory only");
    struct buf text = {0};
    viv_status status = cli_read_input(path, LARGEST_PROFILE, &text, err);
    if (status == VIV_OK)
        status = json_parse(file_input_name(path), buf_text(&text), text.size, &o->profile, err);
    buf_release(&text);
    if (status == VIV_OK && !json_is_object(o->profile))
        status =
            error_set(err, VIV_EFORMAT, "%s: expected a profile that `viv experts --profile` has written", path);
    return status;
}

struct model_options cli_model_options(struct opened *o, const struct common *common)
{
    return (struct model_options){.scheduler = common->scheduler,
                                  .chat_template = o->chat_template,
                                  .chat_template_name = o->chat_template_name,
                                  .n_threads = (uint32_t)common->threads,
                                  .cpu_share = common->cpu_share / 100,
                                  .context = (uint64_t)common->context,
                                  .max_rows = o->max_rows,
                                  .weight_budget = o->weight_budget,
                                  .sensitivity = o->sensitivity,
                                  .weight_type = common->weight_type,
                                  .hook = o->hook,
                                  .hook_ctx = o->hook_ctx,
                                  .expert_budget = common->expert_memory,
                                  .expert_uses = o->profile ? uses_in_profile : NULL,
                                  .expert_uses_ctx = o->profile,
                                  .adapters = common->lora.items,
                                  .n_adapters = (uint32_t)common->lora.n,
                                  .mmproj = common->mmproj,
                                  .cache_type = common->cache_type,
                                  .progress = on_progress,
                                  .progress_ctx = &o->progress,
                                  .notice = on_notice,
                                  .notice_ctx = &o->progress};
}

viv_status cli_open_model(struct opened *o, const struct common *common, const char *name, struct error *err)
{
    viv_status status = o->world ? VIV_OK : cli_open_world(o, common, err);
    if (status == VIV_OK)
        status = open_profile(o, common, err);
    if (status != VIV_OK)
        return status;
    const struct model_options options = cli_model_options(o, common);
    return engine_open_model(o->engine, &options, name, &o->model, err);
}

viv_status cli_look_at_model(struct opened *o, const struct common *common, const char *name, struct looked *out,
                             struct error *err)
{
    json_t *acting = NULL;
    const char *model = name;
    viv_status status = o->world ? VIV_OK : cli_open_world(o, common, err);
    if (status == VIV_OK)
        status = spec_read_acting(o->world, name, &acting, err);
    if (status == VIV_OK && acting) {
        const json_t *plan = json_object_get(json_object_get(acting, "stages"), "plan"),
                     *use = json_object_get(plan, "use");
        model = json_string_value(use ? use : json_object_get(acting, "use"));
        o->acting = o->acting ? o->acting : json_array();
        if (json_array_append_new(o->acting, acting) != 0)
            status = error_nomem(err);
        else if (!model)
            status = error_set(err, VIV_EINVAL,
                               "%s: a model that acts, without the name of one that plans for it ('use')", name);
    }
    if (status == VIV_OK)
        status = cli_open_model(o, common, model, err);
    if (status != VIV_OK)
        return status;
    const struct spec *s = model_spec(o->model);
    const char *said = json_string_value(json_object_get(acting, "architecture"));
    *out = (struct looked){acting ? name : spec_name(s), said ? said : spec_architecture(s)};
    return VIV_OK;
}

viv_status cli_want_logits(const struct opened *o, struct error *err)
{
    const struct value *output = expansion_param(model_expansion(o->model), "output");
    if (!output || output->kind != VALUE_STRING || strcmp(output->s, "logits") == 0)
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED, "this model gives %s and not the logits of a next token",
                     strcmp(output->s, "scores") == 0 ? "the scores of a classifier (viv classify, viv rerank)"
                                                      : "vectors of texts (viv embed)");
}

viv_status cli_load_model(struct opened *o, struct error *err)
{
    viv_status status = engine_load_model(o->model, err);
    progress_clear(&o->progress);
    return status;
}

int cli_close_opened(struct opened *o, viv_status status, struct error *err)
{
    const char *shrunk = file_map_any_broken();
    progress_clear(&o->progress);
    if (shrunk && status != VIV_ECANCELLED)
        status =
            error_set(err, VIV_EIO,
                      "%s: the file has shrunk while it was in use: what was made from it is worthless", shrunk);
    int exit_status = status == VIV_OK ? EXIT_DONE : cli_fail(err);
    if (trail_spoilt)
        _exit(EXIT_FAILED); /* nothing can be closed */
    model_close(o->model);
    engine_destroy(o->engine);
    json_decref(o->profile);
    json_decref(o->acting);
    *o = (struct opened){0};
    return exit_status;
}
