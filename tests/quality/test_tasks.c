/* Task files are read strictly and scored truly: answers are those of transformers' greedy search, choices have the
 * likelihoods that transformers computes, and the interval is Wilson's. */
#include "../model/golden.h"
#include "base/json.h"
#include "engine/load.h"
#include "quality/likelihood.h"
#include "quality/perplexity.h"
#include "quality/tasks.h"

#include <math.h>
#include <unistd.h>

struct fixture {
    viv_model *m;
    struct model_under_test r;
    json_t *expected;
};

static void make_with(struct fixture *f, const char *checkpoint, const char *chat_template)
{
    struct error err;
    *f = (struct fixture){0};
    open_host();
    struct model_options options = golden_options();
    options.chat_template = chat_template;
    f->m = golden_load(&options, source_path(checkpoint));
    f->r = (struct model_under_test){.model = f->m};
    ck_assert_int_eq(json_read(source_path("tests/golden/quality/measured.json"), 1 << 20, &f->expected, &err),
                     VIV_OK);
}

static void make(struct fixture *f, const char *checkpoint)
{
    make_with(f, checkpoint, NULL);
}

static void release(struct fixture *f)
{
    json_decref(f->expected);
    model_close(f->m);
    engine_destroy(engine);
}

static const char *word(const json_t *object, const char *key)
{
    ck_assert(json_is_string(json_object_get(object, key)));
    return json_string_value(json_object_get(object, key));
}

/* --- what a model says --------------------------------------------------------------------------------------- */

TEST(answer__is_that_of_greedy_search)
{
    struct fixture f;
    struct error err;
    size_t i;
    json_t *c;
    make(&f, "tests/golden/quality");
    ck_assert_uint_ge(json_array_size(json_object_get(f.expected, "answers")), 3);
    json_array_foreach(json_object_get(f.expected, "answers"), i, c)
    {
        struct answer a = {0};
        const char *prompt = word(c, "prompt");
        const int64_t n = json_integer_value(json_object_get(c, "n"));
        ck_assert_msg(quality_generate(&f.r, prompt, n, 0, NULL, &a, &err) == VIV_OK, "%s", err.text);
        ck_assert_str_eq(a.text.data, word(c, "text"));
        ck_assert_uint_eq(a.ids.n, (uint64_t)n);
        ck_assert(a.prompt_tokens > 1);
        ck_assert_str_eq(a.reason, "length");
        answer_release(&a);
    }
    release(&f);
}
END_TEST

TEST(answer__interrupted_says_so)
{
    struct fixture f;
    struct error err;
    struct answer a = {0};
    const uint32_t stop = 1;
    make(&f, "tests/golden/quality");
    ck_assert_int_eq(quality_generate(&f.r, "x", 5, 0, &stop, &a, &err), VIV_ECANCELLED);
    answer_release(&a);
    release(&f);
}
END_TEST

TEST(answer__of_an_encoder_is_refused)
{
    struct fixture f;
    struct error err;
    struct answer a = {0};
    make(&f, "tests/golden/bert-old");
    ck_assert_int_eq(quality_generate(&f.r, "x", 5, 0, NULL, &a, &err), VIV_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "viv embed"));
    answer_release(&a);
    release(&f);
}
END_TEST

/* Texts that come one after the other, up to the end of the first line. */
static void cut(const char *const *pieces, const char *line, bool complete)
{
    struct buf text = {0};
    bool has_line = false;
    for (const char *const *p = pieces; *p && !has_line; p++) {
        ck_assert(buf_puts(&text, *p));
        has_line = quality_cut_to_line(&text);
    }
    ck_assert_str_eq(buf_text(&text), line);
    ck_assert_int_eq(has_line, complete);
    buf_release(&text);
}

TEST(answer__is_cut_to_its_first_line)
{
    cut((const char *const[]){" Pa", "ris\nI", " think\n", NULL}, " Paris", true);
    cut((const char *const[]){"\n", " \n", "\r\n", "Paris", "\r\n", NULL}, "\n \n\r\nParis\r", true);
    cut((const char *const[]){"\n\n", "Paris", NULL}, "\n\nParis", false);
    cut((const char *const[]){"\n", NULL}, "\n", false);
    cut((const char *const[]){NULL}, "", false);
}
END_TEST

TEST(answer__ends_with_its_first_line)
{
    struct fixture f;
    struct error err;
    struct answer whole = {0}, line = {0};
    make(&f, "tests/golden/quality");
    ck_assert_int_eq(quality_generate(&f.r, "The snail", 200, 0, NULL, &whole, &err), VIV_OK);
    ck_assert_int_eq(quality_generate(&f.r, "The snail", 200, ANSWER_LINE, NULL, &line, &err), VIV_OK);
    const bool has_line = quality_cut_to_line(&whole.text);
    ck_assert_str_eq(buf_text(&line.text), buf_text(&whole.text));
    ck_assert_str_eq(line.reason, has_line ? "line" : "length");
    answer_release(&whole);
    answer_release(&line);
    release(&f);
}
END_TEST

/* --- likelihood ---------------------------------------------------------------------------------------------- */

TEST(choices__are_as_likely_as_transformers_says)
{
    struct fixture f;
    struct error err;
    size_t i, j;
    json_t *c, *text;
    make(&f, "tests/golden/quality");
    ck_assert_uint_ge(json_array_size(json_object_get(f.expected, "choices")), 4);
    json_array_foreach(json_object_get(f.expected, "choices"), i, c)
    {
        const char *texts[8];
        double got[8];
        uint64_t n_tokens = 0;
        json_array_foreach(json_object_get(c, "choices"), j, text) texts[j] = json_string_value(text);
        const struct choices choices = {.question = word(c, "question"), .n = (uint32_t)j, .texts = texts};
        ck_assert_msg(likelihood_of_choices(f.m, &choices, NULL, got, &n_tokens, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_gt(n_tokens, 0);
        json_array_foreach(json_object_get(c, "nats"), j, text)
            ck_assert_msg(fabs(got[j] - json_number_value(text)) < 1e-4 * fabs(json_number_value(text)),
                          "question %zu, choice %zu: %g, expected %g", i, j, got[j], json_number_value(text));
    }
    release(&f);
}
END_TEST

/* Then the choices are texts by themselves. */
TEST(choices__of_a_question_of_spaces_are_as_likely_as_their_perplexity_says)
{
    struct fixture f;
    struct error err;
    struct quality_text text;
    struct perplexity p;
    uint64_t n_tokens = 0;
    double got[2];
    const struct quality_options options = {0};
    make(&f, "tests/golden/quality");
    const struct choices c = {.question = "  ", .n = 2, .texts = (const char *const[]){"newt and a snail", "moss"}};
    ck_assert_int_eq(likelihood_of_choices(f.m, &c, NULL, got, &n_tokens, &err), VIV_OK);
    ck_assert_int_eq(quality_text_read(&text, f.m, "x", "  newt and a snail", 18, &err), VIV_OK);
    ck_assert_int_eq(perplexity_measure(f.m, &text, &options, &p, &err), VIV_OK);
    ck_assert(fabs(p.nll + got[0]) < 1e-9 * p.nll);
    quality_text_release(&text);
    release(&f);
}
END_TEST

/* A template that writes what a text is divided by: the turn is that text, with the same answer and likelihoods. */
TEST(questions__as_turns_are_what_the_template_writes)
{
    static const char source[] =
        "{{ bos_token }}{{ messages[0].content }}{% if add_generation_prompt %} {% endif %}";
    const struct chat_template *t;
    char path[] = "/tmp/viv-template-XXXXXX";
    const int fd = mkstemp(path);
    struct choices c = {.question = "The snail", .n = 2, .texts = (const char *const[]){"was the eldest", "ate"}};
    double as_text[2], as_turn[2];
    struct answer answer = {0}, other = {0};
    uint64_t n_text = 0, n_turn = 0;
    struct fixture f;
    struct error err;
    ck_assert_int_eq(write(fd, source, sizeof source - 1), (ssize_t)sizeof source - 1);
    close(fd);
    make_with(&f, "tests/golden/quality", path);
    ck_assert_msg(model_chat_template(f.m, false, &t, &err) == VIV_OK, "%s", err.text);
    unlink(path);
    ck_assert_int_eq(likelihood_of_choices(f.m, &c, NULL, as_text, &n_text, &err), VIV_OK);
    c.template = t;
    ck_assert_msg(likelihood_of_choices(f.m, &c, NULL, as_turn, &n_turn, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(n_text, n_turn);
    ck_assert(as_text[0] == as_turn[0] && as_text[1] == as_turn[1]);
    ck_assert_int_eq(quality_generate(&f.r, "The snail ", 8, 0, NULL, &answer, &err), VIV_OK);
    f.r.chat = true;
    ck_assert_msg(quality_generate(&f.r, "The snail", 8, 0, NULL, &other, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(buf_text(&answer.text), buf_text(&other.text));
    ck_assert(answer.prompt_tokens == other.prompt_tokens);
    answer_release(&answer);
    answer_release(&other);
    ck_assert_int_eq(quality_generate(&f.r, "\xFF", 8, 0, NULL, &other, &err), VIV_EFORMAT);
    release(&f);
}
END_TEST

TEST(choices__refuse_what_cannot_be)
{
    struct fixture f;
    struct error err;
    uint64_t n_tokens = 0;
    double got[2];
    static char text[2000];
    make(&f, "tests/golden/quality");
    memset(text, 'x', sizeof text - 1);
    const struct choices longer = {.question = text, .n = 2, .texts = (const char *const[]){"a", "b"}},
                         none = {.question = "a", .n = 2, .texts = (const char *const[]){"b", ""}};
    ck_assert_int_eq(likelihood_of_choices(f.m, &longer, NULL, got, &n_tokens, &err), VIV_ELIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "the context has room for 512"));
    ck_assert_int_eq(likelihood_of_choices(f.m, &none, NULL, got, &n_tokens, &err), VIV_OK); /* it is the space */
    release(&f);
    make(&f, "tests/golden/t5");
    ck_assert_int_eq(likelihood_of_choices(f.m, &none, NULL, got, &n_tokens, &err), VIV_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "reads one text and writes another"));
    release(&f);
}
END_TEST

/* --- task files ---------------------------------------------------------------------------------------------- */

static void parse(struct task_list *l, const char *text)
{
    struct error err;
    ck_assert_msg(tasks_parse(l, "t.jsonl", text, strlen(text), &err) == VIV_OK, "%s", err.text);
}

TEST(tasks__are_lines_of_json)
{
    struct task_list l;
    parse(&l, "{\"question\": \"q\", \"answers\": [\"a\", \"b\"], \"id\": 7}\n\n  \r\n"
              "{\"question\": \"r\", \"answer\": \"c\"}\r\n"
              "{\"question\": \"s\", \"choices\": [\"d\", \"e\", \"f\"], \"answer\": 2}\n"
              "{\"question\": \"t\", \"choices\": [\"d\", \"e\"], \"answer\": \"e\"}");
    ck_assert_uint_eq(l.n, 4);
    ck_assert(!l.tasks[0].chooses && l.tasks[0].n_texts == 2 && l.tasks[0].line == 1);
    ck_assert_str_eq(l.tasks[0].texts[1], "b");
    ck_assert(!l.tasks[1].chooses && l.tasks[1].n_texts == 1 && l.tasks[1].line == 4);
    ck_assert_str_eq(l.tasks[1].question, "r");
    ck_assert(l.tasks[2].chooses && l.tasks[2].n_texts == 3 && l.tasks[2].right == 2);
    ck_assert(l.tasks[3].chooses && l.tasks[3].right == 1 && l.tasks[3].line == 6);
    tasks_release(&l);
}
END_TEST

TEST(tasks__what_is_wrong_is_named_with_its_line)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "t.jsonl: expected a task on each line, found none"},
        {"\n \n", "found none"},
        {"{\"question\": \"q\", \"answer\": \"a\"}\n{\"question\" 5}\n", "t.jsonl:2:"},
        {"nonsense", "t.jsonl:1:"},
        {"[1]", "t.jsonl:1: expected an object, found an array"},
        {"7", "found an integer"},
        {"{}", "t.jsonl:1: question: expected a string, found nothing"},
        {"{\"question\": 5}", "question: expected a string, found an integer"},
        {"{\"question\": \"\"}", "question: the text is empty"},
        {"{\"question\": \"a\\u0000b\", \"answer\": \"x\"}", "question: the text holds the character 0"},
        {"{\"question\": \"q\"}", "answer: expected a string, found nothing"},
        {"{\"question\": \"q\", \"answer\": 5}", "answer: expected a string, found an integer"},
        {"{\"question\": \"q\", \"answers\": \"a\"}", "answers: expected an array of strings, found a string"},
        {"{\"question\": \"q\", \"answers\": []}", "answers: expected 1 to 1024 strings, found 0"},
        {"{\"question\": \"q\", \"answers\": [\"a\", null]}", "answers: expected a string, found null"},
        {"{\"question\": \"q\", \"answers\": [\"a\"], \"answer\": \"a\"}",
         "expected answers or answer, found both"},
        {"{\"question\": \"q\", \"choices\": [\"a\"], \"answer\": 0}",
         "choices: expected 2 to 1024 strings, found 1"},
        {"{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": 2}",
         "the index of a choice, 0 to 1, found 2"},
        {"{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": -1}", "0 to 1, found -1"},
        {"{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": \"c\"}", "'c' is none of the choices"},
        {"{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": 0.5}", "found a number with a fraction"},
        {"{\"question\": \"q\", \"choices\": [\"a\", \"b\"]}", "its text, found nothing"},
        {"{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answers\": [\"a\"]}",
         "expected answer, found answers"},
        {"{\"question\": \"q\", \"question\": \"q\", \"answer\": \"a\"}", "t.jsonl:1:"},
    };
    struct task_list l;
    struct error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(tasks_parse(&l, "t.jsonl", bad[i].text, strlen(bad[i].text), &err) == VIV_EFORMAT, "%s",
                      bad[i].text);
        ck_assert_msg(strstr(err.text, bad[i].words), "no '%s' in: %s", bad[i].words, err.text);
    }
    ck_assert_int_eq(tasks_read(&l, "/nonexistent", &err), VIV_ENOTFOUND);
}
END_TEST

static void normalizes(const char *text, const char *expected)
{
    struct buf out = {0};
    struct error err;
    ck_assert_int_eq(tasks_normalize(text, strlen(text), &out, &err), VIV_OK);
    ck_assert_msg(strcmp(buf_text(&out), expected) == 0, "'%s' is '%s', expected '%s'", text, buf_text(&out),
                  expected);
    buf_release(&out);
}

TEST(tasks__answers_are_compared_as_squad_does)
{
    normalizes("", "");
    normalizes("  The  Beatles. ", "beatles");
    normalizes("a", "");
    normalizes("An apple, a day; the end!", "apple day end");
    normalizes("theatre another ant", "theatre another ant");
    normalizes("U.S.A.", "usa");
    normalizes("\n\tÉCOLE \xC2\xA0 Straße\n", "école straße");
    normalizes("the", "");
    normalizes("4.5%", "45");
    normalizes("\xFFx", "\xFFx");
}
END_TEST

static void interval(uint64_t n_right, uint64_t n, double low, double high)
{
    double l, h;
    quality_wilson_interval(n_right, n, &l, &h);
    ck_assert_msg(fabs(l - low) < 5e-5 && fabs(h - high) < 5e-5, "%g to %g", l, h);
}

TEST(tasks__interval_is_wilsons)
{
    interval(8, 10, 0.4902, 0.9433);
    interval(0, 10, 0, 0.2775);
    interval(10, 10, 0.7225, 1);
    interval(500, 1000, 0.4691, 0.5309);
    double low, high;
    quality_wilson_interval(0, 0, &low, &high);
    ck_assert(isnan(low) && isnan(high));
}
END_TEST

/* --- scores -------------------------------------------------------------------------------------------------- */

struct told {
    uint32_t n, n_right;
    char last[256];
};

static void told(void *ctx, const struct task *t, const struct task_result *r)
{
    struct told *to = ctx;
    (void)t;
    to->n++;
    to->n_right += r->right;
    snprintf(to->last, sizeof to->last, "%s", r->said);
}

/* The first is answered rightly if case and punctuation do not matter, the second not at all; of the choices the
 * first is what is likeliest. */
static void write_tasks(const struct fixture *f, struct buf *out)
{
    const json_t *a = json_array_get(json_object_get(f->expected, "answers"), 2),
                 *c = json_array_get(json_object_get(f->expected, "choices"), 1);
    json_t *lines[] = {
        json_pack("{s:s, s:[s, s]}", "question", word(a, "prompt"), "answers", "no", word(a, "text")),
        json_pack("{s:s, s:s}", "question", word(a, "prompt"), "answer", "moss"),
        json_pack("{s:s, s:O, s:i}", "question", word(c, "question"), "choices", json_object_get(c, "choices"),
                  "answer", 1),
        json_pack("{s:s, s:O, s:i}", "question", word(c, "question"), "choices", json_object_get(c, "choices"),
                  "answer", 0)};
    for (size_t i = 0; i < 4; i++) {
        char *line = json_dumps(lines[i], JSON_COMPACT);
        buf_printf(out, "%s\n", line);
        free(line);
        json_decref(lines[i]);
    }
}

TEST(tasks__are_scored)
{
    struct fixture f;
    struct error err;
    struct task_list l;
    struct task_score s;
    struct buf text = {0};
    struct told to = {0};
    const struct task_options options = {.max_tokens = 12, .told = told, .told_ctx = &to};
    make(&f, "tests/golden/quality");
    write_tasks(&f, &text);
    parse(&l, text.data);
    ck_assert_msg(tasks_score(&l, &f.r, &options, &s, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(s.n, 4);
    ck_assert_uint_eq(s.n_right, 2);
    ck_assert_uint_eq(s.n_choices, 2);
    ck_assert_uint_eq(s.n_right_by_length, 1);
    ck_assert(s.accuracy == 0.5 && s.complete && s.n_tokens > 24 && s.seconds > 0);
    ck_assert(s.low > 0.1 && s.high < 0.9);
    ck_assert_uint_eq(to.n, 4);
    ck_assert_uint_eq(to.n_right, 2);
    ck_assert_str_eq(to.last, "it");
    tasks_release(&l);
    buf_release(&text);
    release(&f);
}
END_TEST

static uint32_t stop;
static void stop_at_third(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    (void)ctx, (void)what;
    ck_assert_uint_lt(done, total);
    stop = done == 2;
}

TEST(tasks__interrupted_keep_the_score)
{
    struct fixture f;
    struct error err;
    struct task_list l;
    struct task_score s;
    struct buf text = {0};
    const struct task_options options = {.max_tokens = 12, .cancel = &stop, .progress = stop_at_third};
    make(&f, "tests/golden/quality");
    write_tasks(&f, &text);
    parse(&l, text.data);
    stop = 0;
    ck_assert_int_eq(tasks_score(&l, &f.r, &options, &s, &err), VIV_ECANCELLED);
    ck_assert_uint_eq(s.n, 2);
    ck_assert_uint_eq(s.n_right, 1);
    ck_assert(!s.complete);
    tasks_release(&l);
    buf_release(&text);
    release(&f);
}
END_TEST

TEST(tasks__that_do_not_fit_are_named_with_their_line)
{
    struct fixture f;
    struct error err;
    struct task_list l;
    struct task_score s;
    const struct task_options options = {0};
    make(&f, "tests/golden/bert-old");
    parse(&l, "{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": 1}");
    ck_assert_int_eq(tasks_score(&l, &f.r, &options, &s, &err), VIV_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "t.jsonl:1: bert-old gives vectors of texts"));
    tasks_release(&l);
    parse(&l, "\n{\"question\": \"q\", \"answer\": \"b\"}");
    ck_assert_int_eq(tasks_score(&l, &f.r, &options, &s, &err), VIV_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "t.jsonl:2: "));
    tasks_release(&l);
    release(&f);
}
END_TEST

TESTS(answer__is_that_of_greedy_search, answer__interrupted_says_so, answer__of_an_encoder_is_refused,
      answer__is_cut_to_its_first_line, answer__ends_with_its_first_line,
      choices__are_as_likely_as_transformers_says,
      choices__of_a_question_of_spaces_are_as_likely_as_their_perplexity_says, choices__refuse_what_cannot_be,
      questions__as_turns_are_what_the_template_writes, tasks__are_lines_of_json,
      tasks__what_is_wrong_is_named_with_its_line, tasks__answers_are_compared_as_squad_does,
      tasks__interval_is_wilsons, tasks__are_scored, tasks__interrupted_keep_the_score,
      tasks__that_do_not_fit_are_named_with_their_line)
