/* Once a model is loaded and a request has begun, nothing is allocated: not by a step, the sampler, the tokenizer,
 * a draft of n-grams, a draft model, or whoever collects the answer. Allocations are counted in place of the C
 * library's functions, on all threads, from the first step of the prompt to the end of the answer. Experts that are
 * read from a file as they are needed are an exception: each that is read may take a block of memory. */
#include "engine/answer.h"
#include "engine/draft.h"
#include "engine/request.h"
#include "engine/stream.h"
#include "letters.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static _Atomic bool counting;
static _Atomic uint64_t n_allocations;

#if defined __GLIBC__ && !SANITIZED
#define LACKING NULL

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void count(void)
{
    if (counting)
        n_allocations++;
}

void *malloc(size_t n)
{
    count();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count();
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    count();
    return __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    count();
    *p = __libc_memalign(align, n);
    return *p ? 0 : ENOMEM;
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    count();
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
#else
#define LACKING "a C library whose malloc can be replaced: this is another one, or a sanitizer's"
#endif

/* --- asking -------------------------------------------------------------------------------------------------- */

static viv_status watch(struct answer *a, const viv_event *e, struct error *err)
{
    (void)a, (void)err;
    if (e->kind == VIV_EVENT_PROGRESS)
        counting = true;
    if (e->kind == VIV_EVENT_STATS || e->kind == VIV_EVENT_DONE)
        counting = false;
    return VIV_OK;
}

struct how {
    int64_t max_tokens;
    float temperature, penalty;
    bool ngrams;
    uint64_t n_drafted;
    const char *stop;
};

static const struct how ways[] = {
    {300, 0, 1, false, 0, NULL},    {-1, 0.8F, 1.1F, false, 0, NULL}, {300, 0, 1, true, 0, NULL},
    {300, 0.3F, 1, true, 32, NULL}, {300, 1, 1, true, 3, "QQQQ"},
};
enum { N_WAYS = sizeof ways / sizeof *ways };

static void begin(struct request *r, viv_model *m, viv_model *draft, const struct how *how)
{
    static const char prompt[] = "ABCABC THE CAT SAT ON THE CAT ABCABC";
    struct error err;
    request_init(r, m);
    r->sampling.temperature = how->temperature;
    r->sampling.repetition_penalty = how->penalty;
    r->sampling.seed = 1;
    r->viv.max_tokens = how->max_tokens;
    r->viv.flags |= VIV_REQUEST_IGNORE_EOS | (how->ngrams && !draft ? VIV_REQUEST_DRAFT_NGRAMS : 0);
    r->viv.draft = draft;
    r->viv.draft_tokens = how->n_drafted;
    r->viv.stop = &how->stop;
    r->viv.n_stop = how->stop != NULL;
    ck_assert_int_eq(request_add_text(r, NULL, prompt, strlen(prompt), &err), VIV_OK);
}

/* Asks a model that was just loaded; its first answer is as good as the next. */
static void expect_none(const char *name, viv_model *m, viv_model *draft, const struct how *how)
{
    for (int i = 0; i < 2; i++) {
        struct request r;
        struct error err;
        struct answer a = {.show = watch};
        begin(&r, m, draft, how);
        n_allocations = 0;
        ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s", err.text);
        const uint64_t n = n_allocations;
        ck_assert_uint_gt(a.ids.n, 100);
        ck_assert_msg(n == 0, "%s: answer %d of %zu tokens (way %td): %llu allocations", name, i + 1, a.ids.n,
                      how - ways, (unsigned long long)n);
        answer_release(&a);
        request_release(&r);
    }
}

/* --- tests --------------------------------------------------------------------------------------------------- */

/* dense; sparse; with recurrent state; with a sliding window; with latent attention */
static const char *const kinds[] = {"qwen3", "mixtral", "qwen3_next", "mistral", "deepseek_v2"};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* The counting itself works. */
TEST(allocations__are_counted)
{
    counting = true;
    void *volatile p = malloc(10);
    counting = false;
    free(p);
    ck_assert_uint_eq(n_allocations, 1);
}
END_TEST

TEST(allocations__none_in_an_answer)
{
    open_host();
    for (size_t i = 0; i < N_KINDS; i++)
        for (size_t k = 0; k < N_WAYS; k++) {
            struct model_options options = golden_options();
            options.n_threads = 2;
            viv_model *m = open_letters(&options, kinds[i]);
            expect_none(kinds[i], m, NULL, &ways[k]);
            model_close(m);
            remove_scratch();
        }
    engine_destroy(engine);
}
END_TEST

/* A tokenizer of bytes, whose tokens end within characters. */
TEST(allocations__none_where_tokens_are_bytes)
{
    open_host();
    for (size_t k = 0; k < N_WAYS; k++) {
        struct error err;
        const struct model_options options = golden_options();
        viv_model *m;
        ck_assert_msg(engine_open_model(engine, &options, "llm", &m, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(engine_load_model(m, &err) == VIV_OK, "%s", err.text);
        expect_none("llm", m, NULL, &ways[k]);
        model_close(m);
    }
    engine_destroy(engine);
}
END_TEST

TEST(allocations__none_where_a_model_drafts)
{
    open_host();
    for (size_t i = 0; i < N_KINDS; i++) {
        struct model_options options = golden_options();
        viv_model *m = open_letters(&options, kinds[i]), *draft = open_letters(&options, kinds[(i + 1) % N_KINDS]);
        expect_none(kinds[i], m, draft, &ways[3]);
        model_close(m);
        model_close(draft);
        remove_scratch();
    }
    engine_destroy(engine);
}
END_TEST

/* Whoever takes the events of an answer from another thread. */
TEST(allocations__none_in_a_stream)
{
    open_host();
    const struct model_options options = golden_options();
    viv_model *m = open_letters(&options, "qwen3");
    struct stream *s;
    struct request r;
    struct error err;
    const viv_event *e;
    size_t n_tokens = 0;
    begin(&r, m, NULL, &ways[0]);
    n_allocations = 0;
    ck_assert_msg(stream_begin(m, &r.viv, &s, &err) == VIV_OK, "%s", err.text);
    while (stream_next(s, &e, &err) == VIV_OK && e) {
        n_tokens += e->kind == VIV_EVENT_TOKEN;
        watch(NULL, e, NULL);
    }
    stream_end(s);
    ck_assert_uint_gt(n_tokens, 100);
    ck_assert_uint_eq(n_allocations, 0);
    request_release(&r);
    model_close(m);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TESTS_UNLESS(LACKING, allocations__are_counted, allocations__none_in_an_answer,
             allocations__none_where_tokens_are_bytes, allocations__none_where_a_model_drafts,
             allocations__none_in_a_stream)
