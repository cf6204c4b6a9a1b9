/* Speculative decoding: whatever drafts, an answer is the same as without, token by token and bit by bit. */
#include "engine/answer.h"
#include "engine/draft.h"
#include "engine/request.h"
#include "letters.h"

#include <math.h>
#include <pthread.h>

enum { MOST = 256, CONTEXT = 96 };

/* --- models -------------------------------------------------------------------------------------------------- */

static viv_model *open_with(const char *name, uint64_t max_rows, uint64_t context)
{
    struct model_options options = golden_options();
    options.context = context;
    options.max_rows = max_rows;
    return open_letters(&options, name);
}

static viv_model *open_one(const char *name)
{
    return open_with(name, 0, CONTEXT);
}

/* --- answers ------------------------------------------------------------------------------------------------- */

/* How it is answered. */
struct how {
    const char *prompt;
    float temperature, repetition_penalty, frequency_penalty;
    uint64_t seed;
    int64_t max_tokens;
    const char *stop;
    bool echo, ends;
};

static const struct how ways[] = {
    {"ABCABCABCABCA", 0, 1, 0, 0, 60, NULL, false, false},
    {"HELLO", 0, 1, 0, 0, -1, NULL, true, false},
    {"THE CAT SAT ON THE CAT", 0, 1.3F, 0.2F, 0, 50, NULL, false, false},
    {"ABABABAB", 0.4F, 1, 0, 1, 40, NULL, false, false},
    {"ONE TWO ONE TWO", 1, 1.1F, 0, 2, 50, NULL, false, false},
    {"ONE TWO ONE TWO", 0.7F, 1, 0.5F, 3, 31, "A", true, false},
    {"A", 0.2F, 1, 0, 4, 1, NULL, false, false},
    {"XYZXYZ", 0.2F, 1, 0, 5, 2, "Z", false, false},
    {"XYZXYZ", 0.2F, 1, 0, 5, 0, NULL, false, false},
    {"ABABABAB", 0.4F, 1, 0, 1, 60, NULL, false, true},
    {"THE CAT SAT ON THE CAT", 0, 1, 0, 0, 60, NULL, false, true},
};
enum { N_WAYS = sizeof ways / sizeof *ways };

/* What comes of it: the answer, and the sequence that it leaves. */
struct told {
    int32_t tokens[MOST], held[MOST];
    float logprobs[MOST], *logits;
    size_t n, n_held;
    char text[4096], reason[32];
    double drafted, accepted;
};

static bool alone = true; /* no other thread uses the model */

static viv_status note(struct answer *a, const viv_event *e, struct error *err)
{
    struct told *t = a->show_ctx;
    (void)err;
    if (e->kind != VIV_EVENT_TOKEN)
        return VIV_OK;
    ck_assert_uint_lt(t->n, MOST);
    t->tokens[t->n] = e->token;
    t->logprobs[t->n++] = e->logprob;
    return VIV_OK;
}

/* Logits after one token more: they tell whether the caches are the same. */
static void look_at(viv_model *m, viv_sequence *s, struct told *t)
{
    static const int32_t token = 3;
    const size_t size = model_output_dim(m) * sizeof *t->logits;
    const viv_rows rows = {.struct_size = sizeof rows, .sequence = s, .n_rows = 1, .tokens = &token};
    const viv_rows *const list[] = {&rows};
    struct error err;
    const float *logits;
    uint64_t n;
    const int32_t *tokens = sequence_tokens(s, &t->n_held);
    if (t->n_held)
        memcpy(t->held, tokens, t->n_held * sizeof *tokens);
    if (t->n_held == model_context(m) || (model_encoder_dim(m) && t->n_held == 0))
        return;
    ck_assert_msg(model_step(m, list, 1, NULL, &logits, &n, &err) == VIV_OK, "%s", err.text);
    t->logits = malloc(size);
    memcpy(t->logits, logits, size);
}

/* draft NULL: n-grams; itself with n_drafted 0 and no draft: plainly. */
static void tell(viv_model *m, const struct how *how, bool drafts, viv_model *draft, uint64_t n_drafted,
                 struct told *t)
{
    struct request r;
    struct error err;
    struct answer a = {.show = note, .show_ctx = t};
    *t = (struct told){0};
    request_init(&r, m);
    ck_assert_ptr_null(r.viv.draft);
    r.sampling.temperature = how->temperature;
    r.sampling.repetition_penalty = how->repetition_penalty;
    r.sampling.frequency_penalty = how->frequency_penalty;
    r.sampling.seed = how->seed;
    r.viv.max_tokens = how->max_tokens;
    r.viv.stop = &how->stop;
    r.viv.n_stop = how->stop != NULL;
    r.viv.flags |= how->ends ? 0 : VIV_REQUEST_IGNORE_EOS;
    r.viv.flags |= how->echo ? VIV_REQUEST_ECHO : 0;
    r.viv.flags |= drafts && !draft ? VIV_REQUEST_DRAFT_NGRAMS : 0;
    r.viv.draft = draft;
    r.viv.draft_tokens = n_drafted;
    r.viv.sequence = golden_sequence(m);
    ck_assert_int_eq(request_add_text(&r, NULL, how->prompt, strlen(how->prompt), &err), VIV_OK);
    ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s", err.text);
    snprintf(t->text, sizeof t->text, "%s", buf_text(&a.text));
    snprintf(t->reason, sizeof t->reason, "%s", a.reason);
    t->drafted = a.drafted_tokens;
    t->accepted = a.accepted_tokens;
    if (alone)
        look_at(m, r.viv.sequence, t);
    sequence_destroy(r.viv.sequence);
    answer_release(&a);
    request_release(&r);
}

static void expect_same(const viv_model *m, const struct told *a, const struct told *b)
{
    ck_assert_str_eq(a->text, b->text);
    ck_assert_str_eq(a->reason, b->reason);
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_mem_eq(a->tokens, b->tokens, sizeof a->tokens);
    ck_assert_mem_eq(a->logprobs, b->logprobs, sizeof a->logprobs);
    ck_assert_uint_eq(a->n_held, b->n_held);
    ck_assert_mem_eq(a->held, b->held, sizeof a->held);
    ck_assert(!a->logits == !b->logits);
    if (a->logits)
        ck_assert_mem_eq(a->logits, b->logits, model_output_dim(m) * sizeof *a->logits);
}

/* Every way to ask, drafted in every way; the share of drafted tokens that were accepted. */
static double compare(viv_model *m, viv_model *draft)
{
    const uint64_t n_drafted[] = {2, draft ? 6 : 32, 0};
    double drafted = 0, accepted = 0;
    for (size_t i = 0; i < N_WAYS; i++) {
        struct told plain, other;
        tell(m, &ways[i], false, NULL, 0, &plain);
        ck_assert(isnan(plain.drafted));
        for (size_t k = 0; k < 3; k++) {
            tell(m, &ways[i], true, draft, n_drafted[k], &other);
            expect_same(m, &plain, &other);
            if (ways[i].max_tokens == 0)
                ck_assert(isnan(other.drafted));
            else
                ck_assert(other.accepted <= other.drafted);
            drafted += n_drafted[k] && ways[i].max_tokens ? other.drafted : 0;
            accepted += n_drafted[k] && ways[i].max_tokens ? other.accepted : 0;
            free(other.logits);
        }
        free(plain.logits);
    }
    ck_assert_msg(drafted > 0, "%s: nothing was drafted (%f)", spec_name(model_spec(m)), drafted);
    return accepted / drafted;
}

/* --- tests --------------------------------------------------------------------------------------------------- */

/* dense; sparse; with recurrent state; with a sliding window; with positions that depend on the length; with an
 * encoder, for which n-grams alone draft */
static const char *const kinds[] = {"qwen3", "mixtral", "qwen3_next", "mistral", "phi3-longrope", "t5"};
enum { N_ALONE = 5 };
enum { N_KINDS = sizeof kinds / sizeof *kinds };

TEST(draft__from_ngrams_changes_no_answer)
{
    open_host();
    for (size_t i = 0; i < N_KINDS; i++) {
        viv_model *m = open_one(kinds[i]);
        ck_assert(compare(m, NULL) > 0);
        model_close(m);
    }
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(draft__by_another_model_changes_no_answer)
{
    open_host();
    viv_model *models[N_ALONE];
    for (size_t i = 0; i < N_ALONE; i++)
        models[i] = open_one(kinds[i]);
    for (size_t i = 0; i < N_ALONE; i++)
        compare(models[i], models[(i + 2) % N_ALONE]);
    for (size_t i = 0; i < N_ALONE; i++)
        model_close(models[i]);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(draft__by_the_model_itself_is_accepted)
{
    static const struct how greedy = {"HELLO THERE", 0, 1, 0, 0, 40, NULL, false, false};
    open_host();
    for (size_t i = 0; i < 3; i++) {
        struct told t;
        viv_model *m = open_one(kinds[i]);
        compare(m, m);
        tell(m, &greedy, true, m, 4, &t);
        ck_assert(t.drafted > 20);
        ck_assert(t.accepted == t.drafted);
        free(t.logits);
        model_close(m);
    }
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(draft__fits_into_small_steps_and_contexts)
{
    static const uint64_t max_rows[] = {1, 2, 5};
    open_host();
    for (size_t i = 0; i < 3; i++) {
        viv_model *m = open_with("qwen3_next", max_rows[i], 40), *draft = open_with("qwen3", max_rows[i], 30);
        struct told plain, other;
        for (size_t k = 0; k < 3; k++) {
            tell(m, &ways[k], false, NULL, 0, &plain);
            tell(m, &ways[k], true, NULL, 8, &other);
            expect_same(m, &plain, &other);
            free(other.logits);
            tell(m, &ways[k], true, draft, 8, &other);
            expect_same(m, &plain, &other);
            ck_assert(max_rows[i] > 1 || other.drafted == 0);
            free(other.logits);
            free(plain.logits);
        }
        model_close(m);
        model_close(draft);
        remove_scratch();
    }
    engine_destroy(engine);
}
END_TEST

/* A sequence with what the draft has read of the last request: the same answers, and less to read. */
TEST(draft__keeps_a_sequence_of_its_own)
{
    open_host();
    viv_model *m = open_one("mixtral"), *draft = open_one("qwen3_next");
    viv_sequence *of_draft = golden_sequence(draft);
    struct told plain;
    tell(m, &ways[0], false, NULL, 0, &plain);
    for (int i = 0; i < 3; i++) {
        struct request r;
        struct error err;
        struct answer a = {0};
        request_init(&r, m);
        r.sampling.temperature = 0;
        r.viv.max_tokens = ways[0].max_tokens;
        r.viv.flags |= VIV_REQUEST_IGNORE_EOS;
        r.viv.draft = draft;
        r.viv.draft_sequence = of_draft;
        r.viv.draft_tokens = 2;
        ck_assert_int_eq(request_add_text(&r, NULL, ways[0].prompt, strlen(ways[0].prompt), &err), VIV_OK);
        ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s", err.text);
        ck_assert_str_eq(buf_text(&a.text), plain.text);
        ck_assert_uint_gt(sequence_length(of_draft), strlen(ways[0].prompt));
        answer_release(&a);
        request_release(&r);
    }
    free(plain.logits);
    sequence_destroy(of_draft);
    model_close(m);
    model_close(draft);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

/* Two models that draft for each other, asked by two threads. */
static void *ask_both(void *ctx)
{
    viv_model **models = ctx;
    static const struct how how = {"ABCABC", 0.5F, 1, 0, 6, 30, NULL, false, false};
    struct told plain, other;
    tell(models[0], &how, false, NULL, 0, &plain);
    for (int i = 0; i < 8; i++) {
        tell(models[0], &how, true, models[1], 3, &other);
        expect_same(models[0], &plain, &other);
        free(other.logits);
    }
    free(plain.logits);
    return NULL;
}

TEST(draft__may_be_the_model_that_it_drafts_for)
{
    pthread_t other;
    alone = false;
    open_host();
    viv_model *models[3] = {open_one("qwen3"), open_one("mixtral"), NULL};
    models[2] = models[0];
    ck_assert_int_eq(pthread_create(&other, NULL, ask_both, models + 1), 0);
    ask_both(models);
    pthread_join(other, NULL);
    model_close(models[0]);
    model_close(models[1]);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

static void expect_refused(viv_model *m, const char *name, const char *words)
{
    struct error err;
    ck_assert_int_ne(engine_open_draft(m, name, &err), VIV_OK);
    ck_assert_msg(strstr(err.text, words) != NULL, "no '%s' in: %s", words, err.text);
}

TEST(draft__must_have_the_same_vocabulary)
{
    static const char *const wrong[][2] = {{"chat", "its token 0 is"},
                                           {"llama-gqa", "has no tokenizer"},
                                           {"t5", "has an encoder"},
                                           {"bert", "needs the logits"},
                                           {"nowhere", "No such file or directory"}};
    open_host();
    for (size_t i = 0; i < 5; i++) {
        struct error err;
        viv_model *m;
        const struct model_options options = golden_options();
        char path[256];
        snprintf(path, sizeof path, "tests/golden/%s", wrong[i][0]);
        const char *folder = i == 0 ? with_letters("qwen3") : in_scratch("qwen3");
        ck_assert_msg(engine_open_model(engine, &options, folder, &m, &err) == VIV_OK, "%s", err.text);
        expect_refused(m, source_path(path), wrong[i][1]);
        model_close(m);
    }
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TESTS(draft__from_ngrams_changes_no_answer, draft__by_another_model_changes_no_answer,
      draft__by_the_model_itself_is_accepted, draft__fits_into_small_steps_and_contexts,
      draft__keeps_a_sequence_of_its_own, draft__may_be_the_model_that_it_drafts_for,
      draft__must_have_the_same_vocabulary)
