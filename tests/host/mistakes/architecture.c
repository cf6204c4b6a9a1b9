/* A plugin with an architecture that emits one event that is wrong, or misuses the host's services, chosen by
 * $MISTAKE. Without one it says nothing, and ends. */
#include <vivarium/vivarium.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int is(const char *mistake)
{
    const char *made = getenv("MISTAKE");
    return made && strcmp(made, mistake) == 0;
}

static const viv_host *host;
static viv_model *model;
static const viv_sink *sink;

static viv_status emit(viv_event e)
{
    return sink->emit(sink, &e);
}

static viv_status text(const char *text, uint64_t size)
{
    return emit((viv_event){.struct_size = sizeof(viv_event), .kind = VIV_EVENT_TEXT, .text = text, .size = size});
}

static viv_status done(const char *why)
{
    return emit((viv_event){
        .struct_size = sizeof(viv_event), .kind = VIV_EVENT_DONE, .text = why, .size = why ? strlen(why) : 0});
}

static viv_status vector(const float *numbers, uint64_t dim, uint64_t at, uint64_t total)
{
    return emit((viv_event){.struct_size = sizeof(viv_event),
                            .kind = VIV_EVENT_VECTOR,
                            .vector = numbers,
                            .dim = dim,
                            .done = at,
                            .total = total,
                            .token = -1});
}

static void *from_elsewhere(void *x)
{
    text("x", 1);
    return x;
}

static void say_wrong(void)
{
    const viv_event whole = {.struct_size = sizeof whole, .kind = VIV_EVENT_TEXT, .text = "x", .size = 1};
    viv_event e = whole;
    pthread_t thread;
    if (is("event_null"))
        sink->emit(sink, NULL);
    if (is("text_null"))
        text(NULL, 5);
    if (is("text_bytes"))
        text("a\xff", 2);
    if (is("text_half"))
        text("\xc3", 1);
    if (is("elsewhere") && pthread_create(&thread, NULL, from_elsewhere, NULL) == 0)
        pthread_join(thread, NULL);
    e.struct_size = is("event_small") ? 8 : is("event_huge") ? 0xffffffffu : e.struct_size;
    e.kind = is("kind_none")                     ? 0
             : is("kind_strange")                ? 99
             : is("token") || is("token_beyond") ? VIV_EVENT_TOKEN
                                                 : e.kind;
    e.token = is("token_beyond") ? 1 << 30 : -5;
    if (is("progress"))
        e = (viv_event){
            .struct_size = sizeof e, .kind = VIV_EVENT_PROGRESS, .text = "x", .size = 1, .done = 5, .total = 3};
    if (is("stats_null"))
        e = (viv_event){.struct_size = sizeof e, .kind = VIV_EVENT_STATS};
    if (e.struct_size != whole.struct_size || e.kind != whole.kind)
        emit(e);
}

static void give_vectors(void)
{
    const float v[4] = {1, 2, 3, 4};
    if (is("vector_null"))
        vector(NULL, 4, 0, 1);
    if (is("vector_empty"))
        vector(v, 0, 0, 1);
    if (is("vector_beyond"))
        vector(v, 4, 77, 1);
    if (is("vector_total"))
        vector(v, 4, 0, 9);
    if (is("vector_length"))
        vector(v, 4, 0, 1), vector(v, 3, 0, 1);
}

static viv_status misuse(void)
{
    const viv_sequences *s = host->get_service(host, VIV_SERVICE_SEQUENCES);
    const viv_samplers *p = host->get_service(host, VIV_SERVICE_SAMPLER);
    const viv_architectures *a = host->get_service(host, VIV_SERVICE_ARCHITECTURES);
    const viv_sampling sampling = {.struct_size = is("sampling_size") ? 0 : sizeof sampling,
                                   .flags = is("sampling_flags") ? 4 : 0,
                                   .n_bias = is("sampling_bias") ? 3 : 0,
                                   .top_p = 1,
                                   .typical_p = 1,
                                   .repetition_penalty = 1};
    const int32_t token = 3;
    viv_sequence *sequence = NULL;
    viv_sampler *sampler;
    const float *outputs;
    uint64_t n;
    const viv_architecture_class *found;
    if (is("find_null"))
        return a->find(host, NULL, &found);
    if (strncmp(getenv("MISTAKE"), "sampling", 8) == 0)
        return p->create(&sampling, 100, &sampler);
    viv_status status = s->create(model, &sequence);
    const viv_rows rows = {.struct_size = is("rows_size") ? 0 : sizeof rows,
                           .flags = is("rows_flags") ? 0xff0 : 0,
                           .sequence = is("rows_nowhere") ? NULL : sequence,
                           .n_rows = 1,
                           .tokens = &token};
    const viv_rows *const list[] = {is("rows_null") ? NULL : &rows};
    if (status == VIV_OK)
        status = s->step(model, list, 1, NULL, &outputs, &n);
    s->destroy(sequence);
    return status;
}

static viv_status open(const viv_host *h, viv_model *m, void **instance)
{
    host = h;
    model = m;
    *instance = is("none") ? NULL : (void *)&host; /* neither is a mistake */
    return is("open_fails") ? VIV_EUNSUPPORTED : VIV_OK;
}

static viv_status run(void *instance, const viv_request *request, const viv_sink *to)
{
    const char *made = getenv("MISTAKE");
    (void)instance, (void)request;
    sink = to;
    if (is("no_events"))
        return VIV_OK;
    if (is("run_crashes"))
        *(volatile int *)16 = 1;
    if (is("run_positive"))
        return 9;
    say_wrong();
    give_vectors();
    if (made && (strncmp(made, "rows", 4) == 0 || strncmp(made, "sampling", 8) == 0 || is("find_null"))) {
        viv_status status = misuse();
        if (status != VIV_OK)
            return status;
    }
    if (is("done_null"))
        return done(NULL);
    if (is("done_why"))
        return done("because\033[31m");
    viv_status status = done("end");
    if (is("done_twice"))
        return done("end");
    if (is("text_after"))
        text("after\n", 6);
    return status;
}

static void close(void *instance)
{
    (void)instance;
    if (is("close_crashes"))
        *(volatile int *)16 = 1;
}

static const viv_architecture_class class = {.struct_size = sizeof class,
                                             .name = "bada",
                                             .summary = "Breaks promises.",
                                             .open = open,
                                             .run = run,
                                             .close = close};

static const void *const *get_classes(const char *id)
{
    static const void *const all[] = {&class, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? all : NULL;
}

VIV_PLUGIN_BY("bada", "1.0", "tests", .get_classes = get_classes)
