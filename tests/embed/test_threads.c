/* libvivarium from many threads: 100 requests on 8 threads over two models, some of them cancelled, each with the
 * answer that it has alone, or with its beginning. */
#include "library.h"

#include <pthread.h>

enum { N_THREADS = 8, N_REQUESTS = 100, N_PROMPTS = 5, MAX_TOKENS = 24 };

static viv_model *models[2];
static struct heard alone[2][N_PROMPTS];
static const char *const prompts[N_PROMPTS] = {"To be", "ROMEO:", "A", "First Citizen:\nBefore", "What say you"};
static unsigned next;

static viv_request *make(int model, int prompt, viv_error *e)
{
    viv_request *r = NULL;
    ck_assert_msg(viv_request_create(models[model], &r, e) == VIV_OK, "%s", e->text);
    const char *text = prompts[prompt];
    ck_assert_int_eq(viv_request_add_text(r, model == 1 ? "user" : NULL, text, strlen(text), e), VIV_OK);
    viv_request_sampling(r)->temperature = 0.8f;
    viv_request_sampling(r)->seed = 7;
    r->max_tokens = MAX_TOKENS;
    r->flags |= VIV_REQUEST_IGNORE_EOS;
    return r;
}

/* The same as a conversation of its own. */
static void converse(int prompt)
{
    struct heard h = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    viv_error e = {0};
    viv_conversation *c = NULL;
    viv_request *how = make(1, prompt, &e);
    const char *text = prompts[prompt];
    ck_assert_msg(viv_conversation_create(models[1], NULL, &c, &e) == VIV_OK, "%s", e.text);
    ck_assert_msg(viv_conversation_ask(c, "user", text, strlen(text), how, &sink, &e) == VIV_OK, "%s", e.text);
    ck_assert_str_eq(h.text, alone[1][prompt].text);
    viv_conversation_close(c);
    viv_request_destroy(how);
}

/* Cancelled after so many tokens; by the receiver, event by event, or not at all. */
static void answer(unsigned i)
{
    const int model = (int)(i % 2), prompt = (int)(i / 2 % N_PROMPTS), way = (int)(i / 10 % 4);
    const size_t most = i * 7 % MAX_TOKENS;
    if (i % 5 == 4) {
        converse(prompt);
        return;
    }
    const struct heard *expected = &alone[model][prompt];
    struct heard h = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    viv_error e = {0};
    viv_request *r = make(model, prompt, &e);
    uint32_t cancel = way == 1;
    viv_status status;
    if (way < 2) {
        r->cancel = &cancel;
        status = viv_ask(models[model], r, &sink, &e);
        ck_assert_msg(status == VIV_OK || (way == 1 && status == VIV_ECANCELLED), "%s", e.text);
    } else {
        viv_answer *a = NULL;
        const viv_event *event = NULL;
        ck_assert_msg(viv_answer_begin(models[model], r, &a, &e) == VIV_OK, "%s", e.text);
        do {
            status = viv_answer_next(a, &event, &e);
            ck_assert_msg(status == VIV_OK || status == VIV_ECANCELLED, "%s", e.text);
            if (event)
                hear(&sink, event);
            if (way == 3 && h.n_tokens >= most)
                viv_answer_cancel(a);
        } while (event);
        viv_answer_close(a);
    }
    ck_assert_uint_le(h.n, expected->n);
    ck_assert_int_eq(memcmp(h.text, expected->text, h.n), 0);
    if (way == 0 || way == 2) {
        ck_assert_uint_eq(h.n, expected->n);
        ck_assert_str_eq(h.reason, "length");
    }
    viv_request_destroy(r);
}

static void *work(void *ctx)
{
    (void)ctx;
    for (unsigned i; (i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < N_REQUESTS;)
        answer(i);
    return NULL;
}

TEST(requests__of_many_threads_are_answered_as_alone)
{
    pthread_t threads[N_THREADS];
    open_engine();
    models[0] = open_model_on("llm", 2);
    models[1] = open_model(source_path("tests/golden/chat"));
    for (int m = 0; m < 2; m++)
        for (int p = 0; p < N_PROMPTS; p++) {
            viv_request *r = make(m, p, &err);
            const viv_sink sink = {.struct_size = sizeof sink, .ctx = &alone[m][p], .emit = hear};
            OK(viv_ask(models[m], r, &sink, &err));
            ck_assert_uint_eq(alone[m][p].n_tokens, MAX_TOKENS);
            viv_request_destroy(r);
        }
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    viv_model_close(models[0]);
    viv_model_close(models[1]);
    viv_engine_close(engine);
}
END_TEST

TESTS(requests__of_many_threads_are_answered_as_alone)
