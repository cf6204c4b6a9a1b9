/* Vision: models that see, under tests/golden/vision/, make of two pictures what transformers makes of them, on any
 * number of threads and in whatever pieces; a picture behind kept text is computed once, and another one anew. */
#include "answers.h"

#include "base/file.h"
#include "engine/answer.h"
#include "engine/conversation.h"
#include "engine/engine.h"
#include "engine/pictures.h"
#include "engine/request.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

static const char *const files[] = {"a.png", "b.png"};

static void add_picture(struct request *r, const char *file)
{
    struct buf bytes = {0};
    struct error err;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/vision"), file);
    ck_assert_msg(file_read(path, 1 << 20, &bytes, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(request_add_part(r, VIV_PART_IMAGE, bytes.data, bytes.size, file, &err), VIV_OK);
    buf_release(&bytes);
}

static viv_model *load_seeing(const char *directory, uint32_t n_threads, uint64_t max_rows)
{
    struct model_options options = golden_options();
    options.scheduler = n_threads ? "parallel" : "serial";
    options.n_threads = n_threads;
    options.max_rows = max_rows;
    options.context = 0;
    options.cache_type = "f32"; /* the weights are bf16, with which it would be f16 */
    return golden_load(&options, directory);
}

/* Where the answers of a folder are: a pair of GGUF files NAME-gguf has those of NAME, unless it has its own. */
static const char *answers_of(const char *directory)
{
    static char path[4352];
    snprintf(path, sizeof path, "%s/logits.npy", directory);
    const size_t n = strlen(directory), n_end = strlen("-gguf");
    const bool twin = !file_exists(path) && n > n_end && strcmp(directory + n - n_end, "-gguf") == 0;
    snprintf(path, sizeof path, "%.*s", (int)(twin ? n - n_end : n), directory);
    return path;
}

/* Calls check for every folder that has `file`, or whose twin has logits. */
static void for_each_with(const char *file, void (*check)(const char *name, const char *directory))
{
    char directory[4096], answers[4352];
    const bool logits = strcmp(file, "logits.npy") == 0;
    size_t n = 0;
    open_host_of(NULL);
    DIR *d = opendir(source_path("tests/golden/vision"));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(directory, sizeof directory, "%s/%s", source_path("tests/golden/vision"), e->d_name);
        snprintf(answers, sizeof answers, "%s/%s", logits ? answers_of(directory) : directory, file);
        if (!file_exists(answers))
            continue;
        check(e->d_name, directory);
        n++;
    }
    closedir(d);
    engine_destroy(engine);
    ck_assert_uint_ge(n, 1);
}

static void check_near(const char *name, const float *got, const float *expected, size_t n, float allowed)
{
    float largest = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(isfinite(got[i]), "%s: number %zu is none", name, i);
        largest = fmaxf(largest, fabsf(expected[i]));
        worst = fmaxf(worst, fabsf(got[i] - expected[i]));
    }
    ck_assert_msg(worst <= allowed * largest, "%s: %g of the largest number away, allowed %g", name,
                  (double)(worst / largest), (double)allowed);
}

struct prompt {
    int32_t tokens[MAX_TOKENS], greedy[MAX_TOKENS];
    size_t n, n_greedy;
    size_t n_pictures, second; /* rows before the second picture */
    char text[256];            /* or "": the prompt with a mark for each picture */
};

static json_t *read_tokens(const char *directory, const char *file)
{
    char path[4352];
    json_t *root;
    struct error err;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    ck_assert_int_eq(json_read(path, 1 << 20, &root, &err), VIV_OK);
    return root;
}

static void take_prompt(const json_t *root, struct prompt *p)
{
    p->n = read_ids(json_object_get(root, "tokens"), p->tokens);
    p->n_greedy = read_ids(json_object_get(root, "greedy"), p->greedy);
    const json_t *text = json_object_get(root, "prompt");
    p->n_pictures = (size_t)json_integer_value(json_object_get(root, "pictures"));
    p->second = (size_t)json_integer_value(json_object_get(root, "second"));
    snprintf(p->text, sizeof p->text, "%s", text ? json_string_value(text) : "");
}

static void read_prompt(const char *directory, struct prompt *p)
{
    json_t *root = read_tokens(answers_of(directory), "tokens.json");
    take_prompt(root, p);
    json_decref(root);
}

/* --- pictures alone ------------------------------------------------------------------------------------------ */

/* Of a model that has vectors of texts, too: text.npy. */
static void check_text(const char *name, const char *directory, viv_model *m)
{
    const struct array text = read_npy(directory, "text.npy");
    struct prompt p;
    struct request r;
    struct answer a = {0};
    struct error err;
    if (!text.data)
        return;
    read_prompt(directory, &p);
    request_init(&r, m);
    r.viv.task = VIV_TASK_EMBED;
    ck_assert_int_eq(request_add_tokens(&r, p.tokens, p.n, &err), VIV_OK);
    ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_uint_eq(a.dim, text.columns);
    check_near(name, (const float *)(const void *)a.numbers.data, text.data, text.columns, 1e-5f);
    answer_release(&a);
    request_release(&r);
    free(text.data);
}

static void check_rows(const char *name, const char *directory)
{
    for (uint32_t n_threads = 0; n_threads < 3; n_threads++) {
        viv_model *m = load_seeing(directory, n_threads, 0);
        const struct array rows = read_npy(directory, "rows.npy");
        struct request r;
        struct answer a = {0};
        struct error err;
        request_init(&r, m);
        r.viv.task = VIV_TASK_EMBED;
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
            add_picture(&r, files[i]);
        }
        ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s: %s", name, err.text);
        ck_assert_uint_eq(a.rows, rows.rows);
        ck_assert_uint_eq(a.dim, rows.columns);
        check_near(name, (const float *)(const void *)a.numbers.data, rows.data, rows.rows * rows.columns, 1e-5f);
        answer_release(&a);
        request_release(&r);
        free(rows.data);
        check_text(name, directory, m);
        model_close(m);
    }
}

TEST(vision__rows_of_encoders_are_those_of_transformers)
{
    for_each_with("rows.npy", check_rows);
}
END_TEST

/* --- labels -------------------------------------------------------------------------------------------------- */

/* Of a classifier, or for the texts of labels.json. */
static void check_scores(const char *name, const char *directory)
{
    viv_model *m = load_seeing(directory, 2, 0);
    const struct array scores = read_npy(directory, "scores.npy");
    char path[4352];
    json_t *labels = NULL;
    struct request r;
    struct answer a = {0};
    struct error err;
    snprintf(path, sizeof path, "%s/labels.json", directory);
    if (file_exists(path))
        ck_assert_int_eq(json_read(path, 1 << 20, &labels, &err), VIV_OK);
    request_init(&r, m);
    r.viv.task = VIV_TASK_SCORE;
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const char *text = json_string_value(json_array_get(labels, i));
        ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
        ck_assert_int_eq(request_add_part(&r, VIV_PART_TEXT, text, strlen(text), NULL, &err), VIV_OK);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
        add_picture(&r, files[i]);
    }
    ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_uint_eq(a.rows, 2);
    ck_assert_uint_eq(a.dim, scores.columns);
    check_near(name, (const float *)(const void *)a.numbers.data, scores.data, scores.rows * scores.columns, 1e-5f);
    answer_release(&a);
    request_release(&r);
    json_decref(labels);
    free(scores.data);
    model_close(m);
}

TEST(vision__labels_of_pictures_are_those_of_transformers)
{
    for_each_with("scores.npy", check_scores);
}
END_TEST

/* --- pictures among words ------------------------------------------------------------------------------------ */

static void ask_of(struct request *r, viv_model *m, const struct prompt *p, const char *first, const char *second)
{
    struct error err;
    request_init(r, m);
    ck_assert_int_eq(request_add_tokens(r, p->tokens, p->n, &err), VIV_OK);
    add_picture(r, first);
    if (p->n_pictures > 1)
        add_picture(r, second);
}

static void check_logits(const char *name, const char *directory)
{
    static const uint64_t most_rows[] = {0, 7};
    for (int i = 0; i < 2; i++) {
        viv_model *m = load_seeing(directory, 2, most_rows[i]);
        const struct array logits = read_npy(answers_of(directory), "logits.npy");
        struct prompt p;
        struct request r;
        struct pictures pictures;
        struct error err;
        const int32_t *ids;
        uint64_t n;
        read_prompt(directory, &p);
        ask_of(&r, m, &p, files[0], files[1]);
        ck_assert_msg(pictures_open(engine, m, &pictures, &err) == VIV_OK, "%s: %s", name, err.text);
        viv_sequence *s = golden_sequence(m);
        ck_assert_msg(pictures_place(&pictures, &r.viv, s, &ids, &n, &err) == VIV_OK, "%s: %s", name, err.text);
        ck_assert_uint_eq(n, logits.rows);
        float *got = malloc(n * logits.columns * sizeof *got);
        const uint64_t most = model_max_rows(m);
        uint64_t rows, at = 0;
        for (; at < n && (rows = sequence_next_rows(s, n - at, most)) <= most; at += rows)
            step_of(m, s, ids + at, rows, n, got + at * logits.columns);
        ck_assert(i > 0 || at == n); /* with 7, there may be more that see each other both ways */
        check_near(name, got, logits.data, at * logits.columns, 1e-4f);
        sequence_destroy(s);
        pictures_close(&pictures);
        request_release(&r);
        free(logits.data);
        free(got);
        model_close(m);
    }
}

TEST(vision__logits_are_those_of_transformers)
{
    for_each_with("logits.npy", check_logits);
}
END_TEST

/* Whether all of a prompt is seen both ways: then none of it is kept in a longer one. */
static bool sees_all_of_prompt(viv_model *m)
{
    const struct value *sees = expansion_param(model_expansion(m), "image_sees");
    return sees && sees->kind == VALUE_STRING && strcmp(sees->s, "prompt") == 0;
}

/* Asks with a sequence that keeps what it holds, and checks the answer unless `greedy` is NULL. Recurrent state is
 * not cut, so that nothing of it is kept. */
static void ask(const char *name, viv_model *m, const struct prompt *p, const char *second, viv_sequence *s,
                const int32_t *greedy, double cached)
{
    struct request r;
    struct answer a = {0};
    struct error err;
    ask_of(&r, m, p, files[0], second);
    r.sampling.temperature = 0;
    r.viv.flags |= VIV_REQUEST_IGNORE_EOS;
    r.viv.max_tokens = (int64_t)p->n_greedy;
    r.viv.sequence = s;
    ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_uint_eq(a.ids.n, p->n_greedy);
    for (size_t i = 0; greedy && i < a.ids.n; i++)
        ck_assert_msg(a.ids.ids[i] == greedy[i], "%s: token %zu is %d, expected %d", name, i, a.ids.ids[i],
                      greedy[i]);
    ck_assert_msg(model_is_recurrent(m) || a.cached_tokens == cached, "%s: %g tokens were kept, expected %g", name,
                  a.cached_tokens, cached);
    answer_release(&a);
    request_release(&r);
}

static void check_answers(const char *name, const char *directory)
{
    viv_model *m = load_seeing(directory, 2, 0);
    const struct array logits = read_npy(answers_of(directory), "logits.npy");
    struct prompt p;
    read_prompt(directory, &p);
    viv_sequence *s = golden_sequence(m);
    ask(name, m, &p, files[1], s, p.greedy, 0);
    ask(name, m, &p, files[1], s, p.greedy, (double)logits.rows - 1); /* all but the last token is kept */
    if (p.n_pictures > 1 && !*p.text) {
        const double before = sees_all_of_prompt(m) ? 0 : (double)p.second;
        ask(name, m, &p, files[0], s, NULL, before); /* another picture in the second place */
        ask(name, m, &p, files[1], s, p.greedy, before);
    }
    sequence_destroy(s);
    free(logits.data);
    model_close(m);
}

TEST(vision__answers_are_those_of_transformers_and_pictures_are_kept_by_what_they_show)
{
    for_each_with("logits.npy", check_answers);
}
END_TEST

/* A turn about a picture, then one about a second picture. */
static void check_two_turns(const char *name, const char *directory)
{
    json_t *root = read_tokens(answers_of(directory), "tokens.json"), *turn;
    size_t i;
    viv_model *m = load_seeing(directory, 2, 0);
    viv_sequence *s = golden_sequence(m);
    json_array_foreach(json_object_get(root, "turns"), i, turn)
    {
        struct prompt p;
        const json_t *kept = json_object_get(turn, "kept");
        take_prompt(turn, &p);
        if (i == 0 || kept)
            ask(name, m, &p, files[1], s, p.greedy, sees_all_of_prompt(m) ? 0 : (double)json_integer_value(kept));
    }
    ck_assert_uint_ge(i, 1);
    sequence_destroy(s);
    model_close(m);
    json_decref(root);
}

TEST(vision__a_second_turn_with_a_second_picture_is_answered_as_transformers_does)
{
    for_each_with("logits.npy", check_two_turns);
}
END_TEST

/* --- videos -------------------------------------------------------------------------------------------------- */

/* The prompt as text, with the video of frames/; its logits, and the answer, with the rows of the first request. */
static void check_video(const char *name, const char *directory)
{
    json_t *root = read_tokens(directory, "video.json");
    const struct array logits = read_npy(directory, "video.npy");
    viv_model *m = load_seeing(directory, 2, 0);
    struct prompt p;
    struct request r;
    struct pictures pictures;
    struct answer a = {0};
    struct error err;
    const int32_t *ids;
    uint64_t n;
    take_prompt(root, &p);
    request_init(&r, m);
    ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
    ck_assert_int_eq(request_add_part(&r, VIV_PART_TEXT, p.text, strlen(p.text), NULL, &err), VIV_OK);
    ck_assert_msg(request_add_video(&r, source_path("tests/golden/vision/frames"), &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(pictures_open(engine, m, &pictures, &err) == VIV_OK, "%s: %s", name, err.text);
    viv_sequence *s = golden_sequence(m);
    ck_assert_msg(pictures_place(&pictures, &r.viv, s, &ids, &n, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_uint_eq(n, p.n);
    ck_assert_mem_eq(ids, p.tokens, n * sizeof *ids);
    float *got = malloc(n * logits.columns * sizeof *got);
    step_of(m, s, ids, n, n, got);
    check_near(name, got, logits.data, n * logits.columns, 1e-4f);
    pictures_close(&pictures);
    sequence_destroy(s);
    r.sampling.temperature = 0;
    r.viv.flags |= VIV_REQUEST_IGNORE_EOS;
    r.viv.max_tokens = (int64_t)p.n_greedy;
    ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_uint_eq(a.ids.n, p.n_greedy);
    ck_assert_mem_eq(a.ids.ids, p.greedy, p.n_greedy * sizeof *p.greedy);
    answer_release(&a);
    request_release(&r);
    free(logits.data);
    free(got);
    model_close(m);
    json_decref(root);
}

TEST(vision__videos_are_seen_as_transformers_sees_them)
{
    for_each_with("video.json", check_video);
}
END_TEST

static void check_text_prompt(const char *name, const char *directory)
{
    struct prompt p;
    struct request r;
    struct pictures pictures;
    struct error err;
    const int32_t *ids;
    uint64_t n;
    read_prompt(directory, &p);
    if (!*p.text)
        return;
    viv_model *m = load_seeing(directory, 1, 0);
    request_init(&r, m);
    ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
    ck_assert_int_eq(request_add_part(&r, VIV_PART_TEXT, p.text, strlen(p.text), NULL, &err), VIV_OK);
    for (size_t i = 0; i < p.n_pictures; i++)
        add_picture(&r, files[i]);
    ck_assert_msg(pictures_open(engine, m, &pictures, &err) == VIV_OK, "%s", err.text);
    viv_sequence *s = golden_sequence(m);
    ck_assert_msg(pictures_place(&pictures, &r.viv, s, &ids, &n, &err) == VIV_OK, "%s: %s", name, err.text);
    for (uint64_t i = 0; i < n && i < p.n; i++)
        ck_assert_msg(ids[i] == p.tokens[i], "%s: token %d of the prompt is %d, expected %d", name, (int)i, ids[i],
                      p.tokens[i]);
    ck_assert_uint_eq(n, p.n);
    sequence_destroy(s);
    pictures_close(&pictures);
    request_release(&r);
    model_close(m);
}

TEST(vision__prompts_become_the_tokens_of_transformers)
{
    for_each_with("logits.npy", check_text_prompt);
}
END_TEST

/* Gemma's text for a picture: line feeds and a token before its rows, and the same behind. */
TEST(vision__a_picture_becomes_the_text_that_its_family_has_for_one)
{
    static const int32_t expected[] = {5, 86, 88, 90, 90, 90, 90, 89, 86, 7},
                         first[] = {86, 88, 90, 90, 90, 90, 89, 86, 5, 7};
    static const char *const prompts[] = {"\xC4\x85<start_of_image>\xC4\x87", "\xC4\x85\xC4\x87"};
    open_host_of(NULL);
    viv_model *m = load_seeing(source_path("tests/golden/vision/gemma3"), 1, 0);
    for (int i = 0; i < 2; i++) { /* the second does not say where: the picture comes first */
        struct request r;
        struct pictures pictures;
        struct error err;
        const int32_t *ids;
        uint64_t n;
        request_init(&r, m);
        ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
        if (i == 1)
            add_picture(&r, files[0]);
        ck_assert_int_eq(request_add_part(&r, VIV_PART_TEXT, prompts[i], strlen(prompts[i]), NULL, &err), VIV_OK);
        if (i == 0)
            add_picture(&r, files[0]);
        ck_assert_msg(pictures_open(engine, m, &pictures, &err) == VIV_OK, "%s", err.text);
        viv_sequence *s = golden_sequence(m);
        ck_assert_msg(pictures_place(&pictures, &r.viv, s, &ids, &n, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(n, 10);
        ck_assert_mem_eq(ids, i == 0 ? expected : first, sizeof expected);
        sequence_destroy(s);
        pictures_close(&pictures);
        request_release(&r);
    }
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* The vector of a picture, or its vectors, alone; between them are others. */
static void check_kept(const char *name, const char *directory)
{
    viv_model *m = load_seeing(directory, 1, 0);
    struct answer answers[3] = {0};
    for (int i = 0; i < 3; i++) {
        struct request r;
        struct error err;
        request_init(&r, m);
        r.viv.task = VIV_TASK_EMBED;
        ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
        add_picture(&r, files[i % 2]);
        ck_assert_msg(answer_ask(&answers[i], m, &r.viv, &err) == VIV_OK, "%s: %s", name, err.text);
        request_release(&r);
    }
    ck_assert_uint_eq(answers[0].numbers.size, answers[2].numbers.size);
    ck_assert_mem_eq(answers[0].numbers.data, answers[2].numbers.data, answers[0].numbers.size);
    if (answers[0].numbers.size == answers[1].numbers.size) /* of another size, a picture may have other rows */
        ck_assert_mem_ne(answers[0].numbers.data, answers[1].numbers.data, answers[0].numbers.size);
    for (int i = 0; i < 3; i++)
        answer_release(&answers[i]);
    model_close(m);
}

TEST(vision__a_picture_that_was_seen_before_is_the_same)
{
    for_each_with("rows.npy", check_kept);
}
END_TEST

/* --- conversations ------------------------------------------------------------------------------------------- */

static void ask_greedily(struct request *r, viv_model *m)
{
    request_init(r, m);
    r->sampling.temperature = 0;
    r->viv.flags |= VIV_REQUEST_IGNORE_EOS;
    r->viv.max_tokens = 12;
}

static void show(struct conversation *c, const char *file)
{
    struct buf bytes = {0};
    struct error err;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/vision"), file);
    ck_assert_msg(file_read(path, 1 << 20, &bytes, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(conversation_show(c, "image", &bytes, 1, &err), VIV_OK);
    buf_release(&bytes);
}

static void take_turn(struct conversation *c, viv_model *m, const char *file, const char *text, struct answer *a)
{
    struct request r;
    struct error err;
    bool answered = false;
    ask_greedily(&r, m);
    show(c, file);
    ck_assert_msg(conversation_ask(c, "user", text, strlen(text), &r, a, &answered, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert(answered && a->ids.n == 12);
    request_release(&r);
}

/* All messages but the last, which is the answer, in one prompt. */
static void ask_at_once(const struct conversation *c, viv_model *m, struct answer *a)
{
    struct request r;
    struct error err;
    json_t *messages = json_copy(c->session.messages);
    json_array_remove(messages, json_array_size(messages) - 1);
    ask_greedily(&r, m);
    ck_assert_msg(request_add_json(&r, "messages", messages, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(answer_ask(a, m, &r.viv, &err) == VIV_OK, "%s", err.text);
    request_release(&r);
    json_decref(messages);
}

static bool alike(const struct answer *a, const struct answer *b)
{
    return a->ids.n == b->ids.n && memcmp(a->ids.ids, b->ids.ids, a->ids.n * sizeof *a->ids.ids) == 0;
}

/* The second turn shows `second`; rows [0, from) of its prompt were those of the first turn. */
static void check_turns(viv_model *m, const char *second, double from)
{
    struct conversation c;
    struct answer first = {0}, turn = {0}, whole = {0};
    struct error err;
    ck_assert_msg(conversation_open(&c, m, NULL, true, &err) == VIV_OK, "%s", err.text);
    take_turn(&c, m, files[0], "\xC4\x85\xC4\x87", &first);
    take_turn(&c, m, second, "\xC4\x88", &turn);
    ask_at_once(&c, m, &whole);
    ck_assert(alike(&turn, &whole));
    ck_assert_msg(turn.cached_tokens == from && whole.cached_tokens == 0, "%g of %g tokens were kept, expected %g",
                  turn.cached_tokens, turn.prompt_tokens, from);
    ck_assert_msg(turn.prompt_tokens == whole.prompt_tokens, "%g", whole.prompt_tokens);
    ck_assert_uint_eq(first.n_pictures, 1);
    ck_assert_uint_eq(turn.n_pictures, 2);
    ck_assert(turn.pictures[0].kept && turn.pictures[1].kept == (second == files[0]));
    ck_assert(whole.n_pictures == 2 && whole.pictures[0].kept && whole.pictures[1].kept);
    conversation_close(&c);
    answer_release(&first);
    answer_release(&turn);
    answer_release(&whole);
}

TEST(vision__two_turns_with_two_pictures_are_one_prompt_with_both)
{
    static const char *const models[] = {"llava", "gemma3"}, *const places[] = {"<image>", "<start_of_image>"};
    static const double first_turn[] = {16 + 2 + 12, 8 + 2 + 12}; /* rows and what is around them, text, answer */
    char path[] = "/tmp/viv-template-XXXXXX";
    close(mkstemp(path));
    for (int i = 0; i < 2; i++) {
        char template[512], directory[4096];
        struct error err;
        snprintf(template, sizeof template,
                 "{%% for m in messages %%}{%% if m.content is string %%}{{ m.content }}{%% else %%}{%% for c in "
                 "m.content "
                 "%%}{%% if c.type == 'image' %%}%s{%% else %%}{{ c.text }}{%% endif %%}{%% endfor %%}{%% endif "
                 "%%}{%% endfor "
                 "%%}",
                 places[i]);
        ck_assert_int_eq(file_write(path, template, strlen(template), &err), VIV_OK);
        snprintf(directory, sizeof directory, "%s/%s", source_path("tests/golden/vision"), models[i]);
        open_host_of(NULL);
        struct model_options options = golden_options();
        options.chat_template = path;
        options.cache_type = "f32";
        viv_model *m = golden_load(&options, directory);
        check_turns(m, files[1], first_turn[i] - 1); /* the last token of the answer went through nothing */
        model_close(m);
        m = golden_load(&options, directory);
        check_turns(m, files[0], first_turn[i] - 1); /* the same picture again is at another place */
        model_close(m);
        engine_destroy(engine);
    }
    unlink(path);
}
END_TEST

struct told {
    uint64_t n, total;
};

static viv_status count_layers(struct answer *a, const viv_event *e, struct error *err)
{
    struct told *told = a->show_ctx;
    (void)err;
    if (e->kind != VIV_EVENT_PROGRESS || strcmp(e->text, "layers") != 0)
        return VIV_OK;
    ck_assert(told->n ? e->total == told->total && e->done == told->n : e->done == 0);
    told->n++;
    told->total = e->total;
    return VIV_OK;
}

/* On one thread, each layer of the encoder is told once. */
TEST(vision__progress_within_a_picture_is_that_of_layers)
{
    const struct prompt p = {.tokens = {5, 92, 90, 93, 7}, .n = 5, .n_pictures = 1};
    open_host_of(NULL);
    viv_model *m = load_seeing(source_path("tests/golden/vision/qwen2_vl"), 0, 0);
    struct told told = {0};
    struct answer a = {.show = count_layers, .show_ctx = &told};
    struct request r;
    struct error err;
    ask_of(&r, m, &p, files[0], NULL);
    r.viv.max_tokens = 1;
    ck_assert_msg(answer_ask(&a, m, &r.viv, &err) == VIV_OK, "%s", err.text);
    ck_assert(told.n > 5 && told.n == told.total);
    answer_release(&a);
    request_release(&r);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* The tokens of a text with one picture. */
static void check_text_of_picture(const char *directory, const char *text, const int32_t *expected,
                                  uint64_t n_expected)
{
    viv_model *m = load_seeing(source_path(directory), 1, 0);
    struct request r;
    struct pictures pictures;
    struct error err;
    const int32_t *ids;
    uint64_t n;
    request_init(&r, m);
    ck_assert_int_eq(request_add_message(&r, NULL, &err), VIV_OK);
    ck_assert_int_eq(request_add_part(&r, VIV_PART_TEXT, text, strlen(text), NULL, &err), VIV_OK);
    add_picture(&r, files[0]);
    ck_assert_msg(pictures_open(engine, m, &pictures, &err) == VIV_OK, "%s", err.text);
    viv_sequence *s = golden_sequence(m);
    ck_assert_msg(pictures_place(&pictures, &r.viv, s, &ids, &n, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(n, n_expected);
    ck_assert_mem_eq(ids, expected, n * sizeof *ids);
    sequence_destroy(s);
    pictures_close(&pictures);
    request_release(&r);
    model_close(m);
}

/* Qwen's: as many tokens as rows, 5 x 6, between a first and a last. Pixtral's: 8 lines of 10, one token between
 * them and one behind. */
TEST(vision__the_text_of_a_picture_of_any_size_has_its_rows)
{
    int32_t qwen[34] = {5, 92}, pixtral[90] = {5};
    size_t n = 1;
    for (int i = 2; i < 32; i++)
        qwen[i] = 90;
    qwen[32] = 93;
    qwen[33] = 7;
    for (int line = 0; line < 8; line++) {
        for (int column = 0; column < 10; column++)
            pixtral[n++] = 90;
        pixtral[n++] = line < 7 ? 91 : 92;
    }
    pixtral[n++] = 7;
    open_host_of(NULL);
    check_text_of_picture("tests/golden/vision/qwen2_vl",
                          "\xC4\x85<|vision_start|><|image_pad|><|vision_end|>\xC4\x87", qwen, 34);
    check_text_of_picture("tests/golden/vision/pixtral", "\xC4\x85[IMG]\xC4\x87", pixtral, n);
    engine_destroy(engine);
}
END_TEST

TESTS(vision__videos_are_seen_as_transformers_sees_them,
      vision__a_second_turn_with_a_second_picture_is_answered_as_transformers_does,
      vision__a_picture_that_was_seen_before_is_the_same,
      vision__two_turns_with_two_pictures_are_one_prompt_with_both,
      vision__progress_within_a_picture_is_that_of_layers, vision__the_text_of_a_picture_of_any_size_has_its_rows,
      vision__prompts_become_the_tokens_of_transformers, vision__labels_of_pictures_are_those_of_transformers,
      vision__a_picture_becomes_the_text_that_its_family_has_for_one,
      vision__rows_of_encoders_are_those_of_transformers, vision__logits_are_those_of_transformers,
      vision__answers_are_those_of_transformers_and_pictures_are_kept_by_what_they_show)
