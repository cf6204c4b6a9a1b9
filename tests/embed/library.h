/* library.h - libvivarium as an application has it, with the plugins and specs of the build tree. */
#ifndef TESTS_EMBED_LIBRARY_H
#define TESTS_EMBED_LIBRARY_H

#include "testing.h"

#include <unistd.h>
#include <vivarium/embed.h>

static viv_engine *engine;
static viv_error err;
static char noticed[1024]; /* the last sentence of the log */

#define OK(call) ck_assert_msg((call) == VIV_OK, "%s", err.text)

static void on_log(void *ctx, uint32_t level, const char *sentence)
{
    (void)ctx, (void)level;
    snprintf(noticed, sizeof noticed, "%s", sentence);
}

static inline void open_engine(void)
{
    const viv_engine_options options = {.struct_size = sizeof options, .log = on_log};
    const char *build = getenv("VIV_BUILD") ? getenv("VIV_BUILD") : ".";
    char plugins[8192];
    snprintf(plugins, sizeof plugins, "%s/plugins/llm/.libs:%s/plugins/moe/.libs", build, build);
    setenv("VIV_PLUGIN_PATH", plugins, 1);
    setenv("VIV_SPEC_PATH", source_path("specs"), 1);
    OK(viv_engine_open(&options, &engine, &err));
}

static inline viv_model *open_model_on(const char *name, uint32_t n_threads)
{
    const viv_model_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    viv_model *m = NULL;
    OK(viv_model_open(engine, name, &options, &m, &err));
    return m;
}

static inline viv_model *open_model(const char *name)
{
    return open_model_on(name, 1);
}

/* What an answer came to. */
struct heard {
    char text[4096];
    size_t n, n_tokens;
    char reason[32];
    viv_status refuse; /* what the next text event is answered with */
};

static inline viv_status hear(const viv_sink *sink, const viv_event *e)
{
    struct heard *h = sink->ctx;
    if (e->kind == VIV_EVENT_TEXT) {
        if (h->refuse != VIV_OK)
            return h->refuse;
        ck_assert_uint_lt(h->n + e->size, sizeof h->text);
        memcpy(h->text + h->n, e->text, e->size);
        h->text[h->n += e->size] = '\0';
    }
    h->n_tokens += e->kind == VIV_EVENT_TOKEN;
    if (e->kind == VIV_EVENT_DONE)
        snprintf(h->reason, sizeof h->reason, "%.*s", (int)e->size, e->text);
    return VIV_OK;
}

#endif
