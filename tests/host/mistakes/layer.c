/* A plugin with an identity layer that makes one mistake, chosen by $MISTAKE. Without one it works. */
#define _GNU_SOURCE
#include <vivarium/vivarium.h>

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is(const char *mistake)
{
    const char *made = getenv("MISTAKE");
    return made && strcmp(made, mistake) == 0;
}

static volatile int *const nowhere = (int *)16;

/* Rounds toward zero from now on. */
static void bend_rounding(void)
{
#if defined __x86_64__
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x6000);
#endif
}

static void *sleeper(void *x)
{
    sleep(60);
    return x;
}

struct layer {
    uint64_t dim;
    uint32_t state;
};

static viv_status infer_state(viv_infer *b, struct layer *l)
{
    if (is("cache_huge"))
        return b->want_cache(b, "s", 1ull << 61, &l->state);
    if (is("cache_null"))
        return b->want_cache(b, NULL, 8, &l->state);
    if (is("cache_index"))
        return b->want_cache(b, "s", 8, NULL);
    if (is("cache_ignored"))
        b->want_cache(b, "", 8, &l->state);
    if (is("cache_twice") || is("cache_row_wise"))
        b->want_cache(b, "s", 8, &l->state);
    if (is("cache_twice"))
        return b->want_recurrent_state(b, "s", 8, &l->state);
    return VIV_OK;
}

static viv_status infer(void *layer, viv_infer *b)
{
    const uint64_t two[] = {1, 2};
    struct layer *l = layer;
    const viv_expert_cache *cache = b->host->get_service(b->host, VIV_SERVICE_EXPERT_CACHE);
    uint64_t dims[4], n;
    uint32_t ndim;
    l->dim = b->in_dims[0];
    b->out_dim = is("out_none") ? 0 : is("out_huge") ? 1ull << 60 : l->dim;
    b->n_phases = is("phases_none") ? 0 : is("phases_huge") ? 1ull << 40 : 1;
    b->whole_sequences = is("whole") ? 7 : is("whole_row_wise");
    b->row_workspace = is("row_workspace") ? 1ull << 62 : is("shared_workspace") ? 4 : 0;
    b->shared_workspace = is("shared_workspace") ? ~0ull - 10 : 0;
    b->worker_workspace = is("worker_workspace") ? ~0ull : 0;
    if (is("get_unknown"))
        b->get_int(b, "nosuch");
    if (is("get_null"))
        b->get_float(b, NULL);
    if (is("get_weight"))
        b->get_int(b, "w");
    if (is("get_ints"))
        b->get_ints(b, "k", &n);
    if (is("get_text_null"))
        b->get_text(b, "k", NULL);
    if (is("get_text_nowhere"))
        b->get_text(b, "t", NULL);
    if (is("set_unknown"))
        b->is_set(b, "nosuch");
    if (is("want_unknown"))
        return b->want_weight(b, "nosuch", 2, two);
    if (is("want_number"))
        return b->want_weight(b, "k", 2, two);
    if (is("want_ndim"))
        return b->want_weight(b, "w", 99, two);
    if (is("want_dims_null"))
        return b->want_weight(b, "w", 2, NULL);
    if (is("want_expert_weight_vector"))
        return cache->want_weight(b, "w", 1, two);
    if (is("dims_null"))
        return b->weight_dims(b, "w", 4, dims, NULL);
    if (is("dims_unset"))
        return b->weight_dims(b, "w", 4, dims, &ndim);
    if (is("rounding_infer"))
        bend_rounding();
    if (is("infer_fails"))
        return VIV_EINVAL;
    if (is("infer_nomem"))
        return VIV_ENOMEM;
    if (is("infer_positive"))
        return 17;
    if (is("infer_strange"))
        return -4711;
    if (is("infer_crashes"))
        *nowhere = 1;
    if (is("infer_aborts"))
        abort();
    if (is("infer_exits"))
        exit(0);
    if (is("over_instance"))
        memset((char *)layer + sizeof *l, 0x5a, 4096);
    return infer_state(b, l);
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    (void)layer;
    if (is("prepare_bytes"))
        p->host->set_error(p->host, VIV_EINVAL, "one \xff\xfe");
    if (is("prepare_bytes"))
        return VIV_EINVAL;
    if (is("rounding_prepare"))
        bend_rounding();
    if (is("weight_null") && p->weight(p, NULL)) /* which there is none of */
        abort();
    if (is("prepare_workspace"))
        p->row_workspace = 1ull << 50;
    if (is("prepare_rows"))
        p->row_workspace = 1ull << 39;
    if (is("prepare_worker"))
        p->worker_workspace = ~0ull - 3;
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return is("tasks_huge") ? ~0ull : is("tasks_none") ? 0 : e->n_rows;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct layer *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++)
        memcpy(e->out + r * l->dim, e->in[0] + r * l->dim, l->dim * sizeof *e->out);
    if (is("past_output"))
        e->out[e->n_rows * l->dim] = 42;
    if (is("past_workspace"))
        ((char *)e->workspace)[8] = 1;
    if (is("past_scratch"))
        ((char *)e->scratch)[8] = 1;
    if (is("writes_input"))
        ((float *)(uintptr_t)e->in[0])[0] += 1;
    if (is("makes_nan"))
        e->out[first * l->dim] = __builtin_nanf("");
    if (is("rounding_forward"))
        bend_rounding();
    if (is("forward_crashes"))
        *nowhere = 1;
    if (is("forward_exits"))
        exit(0);
    return is("forward_fails") ? VIV_EINTERNAL : is("forward_positive") ? 5 : VIV_OK;
}

static void release(void *layer)
{
    (void)layer;
    if (is("release_crashes"))
        *nowhere = 1;
}

static viv_attr k = {.struct_size = sizeof k, .kind = VIV_ATTR_INT, .name = "k", .doc = "a number"};
static viv_attr w = {.struct_size = sizeof w, .kind = VIV_ATTR_WEIGHT, .name = "w", .doc = "a weight"};
static viv_attr other = {.struct_size = sizeof other, .kind = VIV_ATTR_FLOAT, .name = "k", .doc = "another"};
static const viv_attr t = {.struct_size = sizeof t, .kind = VIV_ATTR_TEXT, .name = "t", .doc = "a text"};
static const viv_attr *attrs[] = {&k, &w, &t, NULL, NULL};
static viv_layer_class class = {.struct_size = sizeof class,
                                .name = "bad",
                                .summary = "Does nothing, badly.",
                                .attrs = attrs,
                                .instance_size = sizeof(struct layer),
                                .infer = infer,
                                .prepare = prepare,
                                .tasks = tasks,
                                .forward = forward,
                                .release = release};
static const void *layers[] = {&class, NULL, NULL};

static void make_attr_mistakes(void)
{
    k.name = is("attr_no_name") ? NULL : is("attr_name") ? "two words" : is("attr_dots") ? ".k" : k.name;
    k.doc = is("attr_no_doc") ? NULL : is("attr_doc") ? "\xff" : k.doc;
    k.kind = is("attr_kind") ? 99
             : is("attr_choice") || is("attr_empty_choice") || is("attr_same_choice") || is("attr_which")
                 ? VIV_ATTR_CHOICE
             : is("attr_bool") ? VIV_ATTR_BOOL
                               : k.kind;
    k.choices = is("attr_empty_choice")                  ? "a||b"
                : is("attr_same_choice")                 ? "a|b|a"
                : is("attr_which") || is("attr_choices") ? "a|b"
                                                         : NULL;
    k.flags = is("attr_flags") ? 0xfffe : 0;
    k.struct_size = is("attr_size") ? 4 : k.struct_size;
    k.default_value = is("attr_default")                    ? 99
                      : is("attr_nan")                      ? __builtin_nan("")
                      : is("attr_which") || is("attr_bool") ? 2
                      : is("attr_fraction")                 ? 0.5
                                                            : 0;
    k.min = is("attr_default") || is("attr_order") ? 1 : 0;
    k.max = is("attr_default") ? 2 : 0;
    w.default_value = is("attr_weight");
    other.name = is("attr_group") ? "k.theta" : "k";
    if (is("attr_twice") || is("attr_group"))
        attrs[3] = &other;
}

static void make_class_mistakes(void)
{
    class.struct_size = is("size_none")    ? 0
                        : is("size_small") ? 24
                        : is("size_huge")  ? 0xffffffffu
                        : is("size_newer") ? sizeof class + 64
                                           : class.struct_size;
    class.flags = is("flags") ? 0xfffffff0u : is("cache_row_wise") || is("whole_row_wise") ? VIV_LAYER_ROW_WISE : 0;
    class.name = is("no_name")    ? NULL
                 : is("name")     ? "two words"
                 : is("own_name") ? "linear"
                 : is("word")     ? "repeat"
                                  : "bad";
    class.summary = is("no_summary") ? NULL : is("summary") ? "two\nlines" : class.summary;
    class.attrs = is("no_attrs") ? NULL : attrs;
    class.instance_size = is("instance_huge") ? 1ull << 60 : is("instance_none") ? 0 : class.instance_size;
    class.infer = is("no_infer") ? NULL : infer;
    class.prepare = is("no_prepare") ? NULL : prepare;
    class.tasks = is("no_tasks") ? NULL : tasks;
    class.forward = is("no_forward") ? NULL : forward;
    class.part = is("part") ? 4711 : 0;
    class.reserved = is("reserved") ? 7 : 0;
    if (is("twice"))
        layers[1] = &class;
}

static const void *const *get_classes(const char *id)
{
    static int asked;
    make_class_mistakes();
    make_attr_mistakes();
    if (is("classes_garbage"))
        return (const void *const *)16;
    if (is("classes_all"))
        return layers;
    if (is("classes_none") || strcmp(id, VIV_CLASS_LAYER) != 0)
        return NULL;
    if (is("classes_shift") && asked++)
        return (const void *const *)(layers + 1);
    return layers;
}

static viv_status say_why(const viv_host *h, const char *sentence)
{
    h->set_error(h, VIV_EUNSUPPORTED, sentence);
    return VIV_EUNSUPPORTED;
}

static void bend_process(void)
{
    if (is("locale"))
        setlocale(LC_ALL, "C.UTF-8");
    if (is("directory") && chdir("/usr"))
        abort();
    if (is("umask"))
        umask(0777);
    if (is("signal"))
        signal(SIGTERM, SIG_IGN);
    if (is("rounding"))
        bend_rounding();
    if (is("closes"))
        close_range(0, 255, 0);
    if (is("daemon") && fork() == 0) {
        setsid();
        sleep(45);
        _exit(0);
    }
    if (is("flood")) {
        static char noise[1 << 16];
        for (int i = 0; i < 4096; i++)
            (void)!write(STDOUT_FILENO, noise, sizeof noise);
    }
    if (is("all_memory"))
        for (;;)
            memset(malloc(1 << 24), 1, 1 << 24);
    if (is("thread")) {
        pthread_t t;
        pthread_create(&t, NULL, sleeper, NULL);
    }
}

static viv_status init(const viv_host *h)
{
    bend_process();
    if (is("exits"))
        exit(0);
    if (is("aborts"))
        abort();
    if (is("crashes"))
        *nowhere = 1;
    if (is("sleeps"))
        sleep(100000);
    for (volatile int i = 0; is("loops"); i++)
        continue;
    if (is("late_crash")) { /* not the first time, which is the probe */
        int fd = open(getenv("MARK"), O_CREAT | O_EXCL | O_WRONLY, 0644);
        if (fd < 0)
            *nowhere = 1;
        close(fd);
    }
    if (is("fails_null"))
        return say_why(h, NULL);
    if (is("fails_why"))
        return say_why(h, "needs a blue moon");
    if (is("fails_escape"))
        return say_why(h, "evil \033[2J\nsecond line");
    if (is("fails_long")) {
        char *text = malloc(1 << 20);
        memset(text, 'y', 1 << 20);
        text[(1 << 20) - 1] = '\0';
        return say_why(h, text);
    }
    return is("fails") ? VIV_EUNSUPPORTED : is("fails_nomem") ? VIV_ENOMEM : is("fails_positive") ? 3 : VIV_OK;
}

static void deinit(void)
{
    if (is("deinit_crashes"))
        *nowhere = 1;
    if (is("deinit_exits"))
        exit(0);
    while (is("deinit_loops"))
        pause();
}

__attribute__((constructor)) static void at_loading(void)
{
    if (is("loading_prints"))
        puts("hello"), fflush(stdout);
    if (is("loading_exits"))
        _exit(0);
    if (is("loading_crashes"))
        raise(SIGSEGV);
    while (is("loading_loops"))
        pause();
}

VIV_PLUGIN_BY("bad", "1.0", "tests", .init = init, .deinit = deinit, .get_classes = get_classes)
