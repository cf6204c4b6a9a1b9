/* tasks.c - see tasks.h. */
#include "quality/tasks.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "quality/likelihood.h"
#include "quality/moments.h"
#include "tokenizer/unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t LARGEST_FILE = 256u << 20;
enum { MOST_TEXTS = 1024, USUAL_TOKENS = 32 };

/* --- reading ------------------------------------------------------------------------------------------------- */

struct place {
    const char *name;
    uint64_t line;
};

/* A string of a task, not empty; NULL: *err says what is wrong with it. */
static const char *text_of(const struct place *p, const char *key, const json_t *value, struct error *err)
{
    if (!json_is_string(value))
        error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": %s: expected a string, found %s", p->name, p->line, key,
                  json_kind(value));
    else if (json_string_length(value) == 0)
        error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": %s: the text is empty", p->name, p->line, key);
    else if (strlen(json_string_value(value)) < json_string_length(value))
        error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": %s: the text holds the character 0", p->name, p->line, key);
    else
        return json_string_value(value);
    return NULL;
}

/* A list of at least `least` strings. */
static viv_status take_texts(const struct place *p, const char *key, const json_t *list, size_t least,
                             struct task *t, struct error *err)
{
    const size_t n = json_array_size(list);
    if (!json_is_array(list))
        return error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": %s: expected an array of strings, found %s", p->name,
                         p->line, key, json_kind(list));
    if (n < least || n > MOST_TEXTS)
        return error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": %s: expected %zu to %d strings, found %zu", p->name,
                         p->line, key, least, MOST_TEXTS, n);
    t->texts = calloc(n, sizeof *t->texts);
    if (!t->texts)
        return error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        t->texts[i] = text_of(p, key, json_array_get(list, i), err);
        if (!t->texts[i])
            return err->status;
    }
    t->n_texts = (uint32_t)n;
    return VIV_OK;
}

/* Which choice is right: an index, or its text. */
static viv_status take_right(const struct place *p, const json_t *answer, struct task *t, struct error *err)
{
    if (json_is_integer(answer)) {
        const json_int_t i = json_integer_value(answer);
        if (i < 0 || i >= (json_int_t)t->n_texts)
            return error_set(err, VIV_EFORMAT,
                             "%s:%" PRIu64 ": answer: expected the index of a choice, 0 to %" PRIu32 ", found %lld",
                             p->name, p->line, t->n_texts - 1, (long long)i);
        t->right = (uint32_t)i;
        return VIV_OK;
    }
    const char *text = json_string_value(answer);
    if (!text)
        return error_set(err, VIV_EFORMAT,
                         "%s:%" PRIu64 ": answer: expected the index of a choice or its text, found %s", p->name,
                         p->line, json_kind(answer));
    for (t->right = 0; t->right < t->n_texts; t->right++)
        if (strcmp(t->texts[t->right], text) == 0)
            return VIV_OK;
    return error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": answer: '%.64s' is none of the choices", p->name, p->line,
                     text);
}

static viv_status take_answers(const struct place *p, json_t *object, struct task *t, struct error *err)
{
    const json_t *answers = json_object_get(object, "answers"), *answer = json_object_get(object, "answer");
    if (answers && answer)
        return error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": expected answers or answer, found both", p->name,
                         p->line);
    if (answers)
        return take_texts(p, "answers", answers, 1, t, err);
    const char *text = text_of(p, "answer", answer, err);
    t->texts = text ? calloc(1, sizeof *t->texts) : NULL;
    if (!t->texts)
        return text ? error_nomem(err) : err->status;
    t->texts[0] = text;
    t->n_texts = 1;
    return VIV_OK;
}

static viv_status take_task(const struct place *p, json_t *object, struct task *t, struct error *err)
{
    const json_t *choices = json_object_get(object, "choices");
    if (!json_is_object(object))
        return error_set(err, VIV_EFORMAT, "%s:%" PRIu64 ": expected an object, found %s", p->name, p->line,
                         json_kind(object));
    *t = (struct task){.line = p->line, .chooses = choices != NULL};
    t->question = text_of(p, "question", json_object_get(object, "question"), err);
    if (!t->question)
        return err->status;
    if (!choices)
        return take_answers(p, object, t, err);
    if (json_object_get(object, "answers"))
        return error_set(err, VIV_EFORMAT,
                         "%s:%" PRIu64 ": of choices one is the answer: expected answer, found answers", p->name,
                         p->line);
    viv_status status = take_texts(p, "choices", choices, 2, t, err);
    return status == VIV_OK ? take_right(p, json_object_get(object, "answer"), t, err) : status;
}

static bool is_empty(const char *line, size_t n)
{
    while (n > 0 && strchr(" \t\r", line[n - 1]) && line[n - 1])
        n--;
    return n == 0;
}

static viv_status parse_line(struct task_list *l, const struct place *p, const char *line, size_t n,
                             struct error *err)
{
    json_t *object;
    struct error wrong;
    viv_status status = json_parse("", line, n, &object, &wrong);
    if (status == VIV_EFORMAT) /* ":1:<column>: ..." */
        return error_set(err, status, "%s:%" PRIu64 ":%s", p->name, p->line,
                         wrong.text + (strncmp(wrong.text, ":1:", 3) == 0 ? 3 : 1));
    if (status != VIV_OK) {
        *err = wrong;
        return status;
    }
    if (!VEC_RESERVE(l->tasks, l->n, l->capacity)) {
        json_decref(object);
        return error_nomem(err);
    }
    if (json_array_append_new(l->lines, object) != 0)
        return error_nomem(err);
    l->tasks[l->n] = (struct task){0};
    return take_task(p, object, &l->tasks[l->n++], err);
}

viv_status tasks_parse(struct task_list *out, const char *name, const char *bytes, uint64_t size, struct error *err)
{
    struct place p = {.name = name, .line = 1};
    viv_status status = VIV_OK;
    json_notice_memory();
    *out = (struct task_list){.name = name, .lines = json_array()};
    if (!out->lines)
        return error_nomem(err);
    for (uint64_t at = 0; status == VIV_OK && at < size; p.line++) {
        const char *line = bytes + at, *end = memchr(line, '\n', size - at);
        const size_t n = end ? (size_t)(end - line) : (size_t)(size - at);
        if (!is_empty(line, n))
            status = parse_line(out, &p, line, n, err);
        at += n + 1;
    }
    if (status == VIV_OK && out->n == 0)
        status = error_set(err, VIV_EFORMAT, "%s: expected a task on each line, found none", name);
    if (status != VIV_OK)
        tasks_release(out);
    return status;
}

viv_status tasks_read(struct task_list *out, const char *path, struct error *err)
{
    struct buf text = {0};
    viv_status status = file_read_input(path, LARGEST_FILE, &text, err);
    if (status == VIV_OK)
        status = tasks_parse(out, file_input_name(path), buf_text(&text), text.size, err);
    buf_release(&text);
    return status;
}

void tasks_release(struct task_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->tasks[i].texts);
    free(l->tasks);
    json_decref(l->lines);
    *l = (struct task_list){0};
}

/* --- comparing ----------------------------------------------------------------------------------------------- */

static bool is_article(const char *word, size_t n)
{
    return (n == 1 && memcmp(word, "a", 1) == 0) || (n == 2 && memcmp(word, "an", 2) == 0) ||
           (n == 3 && memcmp(word, "the", 3) == 0);
}

/* Ends the word that begins at `begin`: articles go, and one space divides it from the next. */
static void end_word(struct buf *out, size_t begin, size_t *next)
{
    if (is_article(out->data + begin, out->size - begin))
        out->size = begin;
    if (out->size > begin)
        buf_putc(out, ' ');
    *next = out->size;
}

viv_status tasks_normalize(const char *text, size_t size, struct buf *out, struct error *err)
{
    const size_t first = out->size;
    size_t word = first;
    for (size_t at = 0, n; at < size; at += n) {
        uint32_t c;
        n = utf8_decode(text + at, size - at, &c);
        if (n == 0) { /* what is no character is compared as it is */
            buf_putc(out, text[at]);
            n = 1;
        } else if (unicode_is_space(c)) {
            if (out->size > word)
                end_word(out, word, &word);
        } else if (!unicode_is_punctuation(c)) {
            unicode_put_lower(c, out);
        }
    }
    if (out->size > word)
        end_word(out, word, &word);
    if (out->size > first)
        out->size--;
    if (out->data)
        out->data[out->size] = '\0';
    return out->failed ? error_nomem(err) : VIV_OK;
}

static viv_status is_accepted(const struct task *t, const struct buf *answer, bool *right, struct error *err)
{
    struct buf said = {0}, accepted = {0};
    viv_status status = tasks_normalize(buf_text(answer), answer->size, &said, err);
    *right = false;
    for (uint32_t i = 0; status == VIV_OK && !*right && i < t->n_texts; i++) {
        buf_clear(&accepted);
        status = tasks_normalize(t->texts[i], strlen(t->texts[i]), &accepted, err);
        *right = status == VIV_OK && strcmp(buf_text(&said), buf_text(&accepted)) == 0;
    }
    buf_release(&said);
    buf_release(&accepted);
    return status;
}

void quality_wilson_interval(uint64_t n_right, uint64_t n, double *low, double *high)
{
    const double z = 1.959963984540054, p = (double)n_right / (double)n, zz = z * z / (double)n;
    const double middle = (p + zz / 2) / (1 + zz);
    const double half = z * sqrt(p * (1 - p) / (double)n + zz / (4 * (double)n)) / (1 + zz);
    *low = n ? fmax(middle - half, 0) : NAN;
    *high = n ? fmin(middle + half, 1) : NAN;
}

/* --- scoring ------------------------------------------------------------------------------------------------- */

struct scoring {
    const struct model_under_test *r;
    const struct chat_template *template; /* where questions are turns */
    const struct task_options *options;
    struct task_score score;
};

static void tell(const struct scoring *s, const struct task *t, bool right, const char *said)
{
    const struct task_result result = {.right = right, .said = said};
    if (s->options->told)
        s->options->told(s->options->told_ctx, t, &result);
}

static viv_status answer(struct scoring *s, const struct task *t, struct error *err)
{
    struct answer a = {0};
    const int64_t most = s->options->max_tokens ? s->options->max_tokens : USUAL_TOKENS;
    bool right;
    viv_status status = quality_generate(s->r, t->question, most, ANSWER_LINE, s->options->cancel, &a, err);
    if (status == VIV_OK)
        status = is_accepted(t, &a.text, &right, err);
    if (status == VIV_OK) {
        s->score.n_right += right;
        s->score.n_tokens += answer_n_tokens(&a);
        tell(s, t, right, buf_text(&a.text));
    }
    answer_release(&a);
    return status;
}

static viv_status choose(struct scoring *s, const struct task *t, struct error *err)
{
    const struct choices c = {.question = t->question, .n = t->n_texts, .texts = t->texts, .template = s->template};
    double *likelihood = calloc(t->n_texts, sizeof *likelihood);
    if (!likelihood)
        return error_nomem(err);
    viv_status status =
        likelihood_of_choices(s->r->model, &c, s->options->cancel, likelihood, &s->score.n_tokens, err);
    if (status == VIV_OK) {
        uint32_t best = 0, best_by_length = 0;
        for (uint32_t i = 1; i < t->n_texts; i++) {
            const double n = (double)strlen(t->texts[i]), n_best = (double)strlen(t->texts[best_by_length]);
            if (likelihood[i] > likelihood[best])
                best = i;
            if (likelihood[i] / n > likelihood[best_by_length] / n_best)
                best_by_length = i;
        }
        s->score.n_choices++;
        s->score.n_right += best == t->right;
        s->score.n_right_by_length += best_by_length == t->right;
        tell(s, t, best == t->right, t->texts[best]);
    }
    free(likelihood);
    return status;
}

viv_status tasks_score(const struct task_list *l, const struct model_under_test *r,
                       const struct task_options *options, struct task_score *out, struct error *err)
{
    struct scoring s = {.r = r, .options = options};
    const double begin = seconds_now();
    viv_status status = r->chat ? model_chat_template(r->model, false, &s.template, err) : VIV_OK;
    if (status != VIV_OK)
        return status;
    for (size_t i = 0; status == VIV_OK && i < l->n; i++) {
        const struct task *t = &l->tasks[i];
        if (options->progress)
            options->progress(options->progress_ctx, "tasks", i, l->n);
        status = t->chooses ? choose(&s, t, err) : answer(&s, t, err);
        s.score.n += status == VIV_OK;
        if (status != VIV_OK && status != VIV_ECANCELLED)
            error_prefix(err, "%s:%" PRIu64, l->name, t->line);
    }
    if (status != VIV_OK && status != VIV_ECANCELLED)
        return status;
    s.score.complete = status == VIV_OK;
    s.score.seconds = seconds_now() - begin;
    s.score.accuracy = s.score.n ? (double)s.score.n_right / (double)s.score.n : NAN;
    quality_wilson_interval(s.score.n_right, s.score.n, &s.score.low, &s.score.high);
    *out = s.score;
    return status;
}
