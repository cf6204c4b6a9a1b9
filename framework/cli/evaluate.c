/* evaluate.c - see evaluate.h. */
#include "cli/evaluate.h"

#include "base/file.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "engine/load.h"
#include "quality/divergence.h"
#include "quality/perplexity.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t LONGEST_TEXT = 256u << 20;

bool evaluation_is_wanted(const struct evaluation *s)
{
    return s->prompts->n > 0 || s->task_files->n > 0 || s->text_file;
}

viv_status evaluation_read(struct evaluation *s, struct error *err)
{
    viv_status status = VIV_OK;
    if (s->text_file)
        status = cli_read_input(s->text_file, LONGEST_TEXT, &s->text, err);
    if (status == VIV_OK && s->task_files->n) {
        s->tasks = calloc(s->task_files->n, sizeof *s->tasks);
        status = s->tasks ? VIV_OK : error_nomem(err);
    }
    for (size_t i = 0; status == VIV_OK && i < s->task_files->n; i++)
        status = tasks_read(&s->tasks[i], s->task_files->items[i], err);
    for (size_t i = 0; status == VIV_OK && i < s->prompts->n; i++)
        if (!*s->prompts->items[i])
            status = error_set(err, VIV_EINVAL, "--prompt: the text is empty");
    return status;
}

void evaluation_release(struct evaluation *s)
{
    buf_release(&s->text);
    for (size_t i = 0; s->tasks && i < s->task_files->n; i++)
        tasks_release(&s->tasks[i]);
    free(s->tasks);
    s->tasks = NULL;
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

struct key {
    char text[64];
};

/* "answer_2_seconds" */
static struct key numbered(const char *what, size_t i, const char *of)
{
    struct key k;
    snprintf(k.text, sizeof k.text, "%s_%zu%s%s", what, i + 1, *of ? "_" : "", of);
    return k;
}

static viv_status add(struct comparison *c, const char *section, enum row_unit unit, enum row_better better,
                      const char *key, const char *label, struct error *err)
{
    return comparison_row(c, section, unit, better, key, label) ? VIV_OK : error_nomem(err);
}

/* "answer 2, time" */
static viv_status add_cost(struct comparison *c, const char *section, const char *what, size_t i, const char *label,
                           struct error *err)
{
    static const struct {
        const char *of, *label;
        enum row_unit unit;
    } costs[] = {{"seconds", "time", UNIT_SECONDS}, {"tokens", "tokens", UNIT_COUNT}};
    viv_status status = VIV_OK;
    for (size_t k = 0; status == VIV_OK && k < sizeof costs / sizeof *costs; k++) {
        struct buf text = {0};
        buf_printf(&text, "%s, %s", label, costs[k].label);
        status = text.failed ? error_nomem(err)
                             : add(c, section, costs[k].unit, BETTER_NEITHER, numbered(what, i, costs[k].of).text,
                                   buf_text(&text), err);
        buf_release(&text);
    }
    return status;
}

static viv_status add_text_rows(struct comparison *c, struct error *err)
{
    static const struct {
        const char *key, *label;
        enum row_unit unit;
        enum row_better better;
        bool others; /* only beside a first one */
    } rows[] = {{"bits_per_byte", "bits per byte", UNIT_RATIO, BETTER_LESS, false},
                {"perplexity", "perplexity", UNIT_RATIO, BETTER_NEITHER, false},
                {"text_tokens", "tokens of the text", UNIT_COUNT, BETTER_NEITHER, false},
                {"text_seconds", "text, time", UNIT_SECONDS, BETTER_NEITHER, false},
                {"kl", "KL from the first, nats", UNIT_RATIO, BETTER_LESS, true},
                {"kl_p99", "  99 of 100 are below", UNIT_RATIO, BETTER_LESS, true},
                {"same_top", "same top as the first", UNIT_PERCENT, BETTER_MORE, true}};
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < sizeof rows / sizeof *rows; i++)
        if (!rows[i].others || c->n_models > 1)
            status = add(c, "text", rows[i].unit, rows[i].better, rows[i].key, rows[i].label, err);
    return status;
}

/* A task is named after its file, without directory and extension. */
static viv_status add_task_rows(struct comparison *c, const struct task_list *l, size_t i, struct error *err)
{
    struct buf name = {0}, by_length = {0};
    const char *base = path_base(l->name);
    bool chooses = false;
    for (size_t k = 0; k < l->n; k++)
        chooses |= l->tasks[k].chooses;
    buf_append(&name, base, *base == '.' ? strlen(base) : strcspn(base, "."));
    buf_printf(&by_length, "%s, by length", buf_text(&name));
    viv_status status = name.failed || by_length.failed ? error_nomem(err) : VIV_OK;
    if (status == VIV_OK)
        status = add(c, "tasks", UNIT_PERCENT, BETTER_MORE, numbered("task", i, "").text, buf_text(&name), err);
    if (status == VIV_OK && chooses)
        status = add(c, "tasks", UNIT_PERCENT, BETTER_MORE, numbered("task", i, "by_length").text,
                     buf_text(&by_length), err);
    if (status == VIV_OK)
        status = add_cost(c, "tasks", "task", i, buf_text(&name), err);
    buf_release(&name);
    buf_release(&by_length);
    return status;
}

static viv_status add_rows(struct comparison *c, const struct evaluation *s, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < s->prompts->n; i++)
        status = add(c, "answers", UNIT_WORDS, BETTER_NEITHER, numbered("answer", i, "").text, s->prompts->items[i],
                     err);
    for (size_t i = 0; status == VIV_OK && i < s->prompts->n; i++) {
        char label[32];
        snprintf(label, sizeof label, "answer %zu", i + 1);
        status = add_cost(c, "answers", "answer", i, label, err);
    }
    if (status == VIV_OK && s->text_file)
        status = add_text_rows(c, err);
    for (size_t i = 0; status == VIV_OK && i < s->task_files->n; i++)
        status = add_task_rows(c, &s->tasks[i], i, err);
    return status;
}

/* --- one model ----------------------------------------------------------------------------------------------- */

struct candidate {
    struct comparison *c;
    const struct evaluation *s;
    struct opened *first; /* the first model, loaded, to compare with; NULL: none, or this is the first */
    const char *no_first; /* the reason if there is none */
    struct opened o;
    uint32_t i; /* of the models */
    uint32_t n; /* cells that are known */
};

/* Gives the row of this key a reason for having no value, if the row exists. */
static viv_status mark_missing(const struct candidate *p, const char *key, const char *why, struct error *err)
{
    struct row *r = comparison_find(p->c, key);
    if (r && !r->cells[p->i].known && !row_lack(p->c, r, p->i, why))
        return error_nomem(err);
    return VIV_OK;
}

static void set_value(struct candidate *p, const char *key, double value, double low, double high)
{
    struct row *r = comparison_find(p->c, key);
    if (!r || !isfinite(value))
        return;
    r->cells[p->i] = (struct cell){.known = true, .value = value};
    if (isfinite(low) && isfinite(high)) {
        r->cells[p->i].low = low;
        r->cells[p->i].high = high;
    }
    p->n++;
}

/* Whether a failure concerns this model alone: then its column shows it, and the others go on. */
static bool is_its_own(viv_status status)
{
    return status != VIV_OK && status != VIV_ECANCELLED && status != VIV_ENOMEM;
}

static viv_status generate(struct candidate *p, const struct model_under_test *r, size_t i, struct error *err)
{
    const char *prompt = p->s->prompts->items[i];
    struct answer a = {0};
    const struct key key = numbered("answer", i, "");
    progress_show(&p->o.progress, "answers", i, p->s->prompts->n);
    viv_status status = quality_generate(r, prompt, p->s->answer, 0, interrupt_watch(), &a, err);
    if (status == VIV_OK) {
        struct row *row = comparison_find(p->c, key.text);
        if (!row_say(p->c, row, p->i, buf_text(&a.text)))
            status = error_nomem(err);
        p->n++;
        set_value(p, numbered("answer", i, "seconds").text, a.end - a.begin, NAN, NAN);
        set_value(p, numbered("answer", i, "tokens").text, (double)answer_n_tokens(&a), NAN, NAN);
    } else if (is_its_own(status)) {
        status = mark_missing(p, key.text, err->text, err);
    }
    answer_release(&a);
    return status;
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    progress_show(ctx, what, done, total);
}

static viv_status read_text(struct candidate *p, const struct quality_options *options, struct error *err)
{
    struct quality_text text = {0};
    struct perplexity x;
    viv_status status = quality_check_model(p->o.model, err);
    if (status == VIV_OK)
        status = quality_text_read(&text, p->o.model, file_input_name(p->s->text_file), buf_text(&p->s->text),
                                   p->s->text.size, err);
    if (status == VIV_OK)
        status = perplexity_measure(p->o.model, &text, options, &x, err);
    quality_text_release(&text);
    if (status == VIV_OK) {
        const double e = 1.96 * x.nats_error;
        if (x.exact)
            set_value(p, "bits_per_byte", x.bits_per_byte, NAN, NAN);
        else
            status = mark_missing(p, "bits_per_byte",
                                  "its tokens do not cover the whole text, so there are no bits per byte", err);
        set_value(p, "perplexity", x.perplexity, x.perplexity * exp(-e), x.perplexity * exp(e));
        set_value(p, "text_tokens", (double)x.n_tokens, NAN, NAN);
        set_value(p, "text_seconds", x.seconds, NAN, NAN);
    } else if (is_its_own(status)) {
        status = mark_missing(p, "bits_per_byte", err->text, err);
    }
    return status;
}

/* KL divergence from the first model; nothing for the first itself. */
static viv_status diverge(struct candidate *p, const struct quality_options *options, struct error *err)
{
    struct quality_text text = {0};
    struct divergence d;
    if (p->i == 0)
        return VIV_OK;
    if (!p->first)
        return mark_missing(p, "kl", p->no_first, err);
    viv_status status = quality_check_pair(p->first->model, p->o.model, err);
    if (status == VIV_OK)
        status = quality_text_read(&text, p->first->model, "the text", buf_text(&p->s->text), p->s->text.size, err);
    if (status == VIV_OK)
        status = divergence_measure(p->first->model, p->o.model, &text, options, &d, err);
    quality_text_release(&text);
    if (status == VIV_OK) {
        const double e = 1.96 * d.kl_error;
        set_value(p, "kl", d.kl, fmax(d.kl - e, 0), d.kl + e);
        set_value(p, "kl_p99", d.kl_quantiles[3], NAN, NAN);
        set_value(p, "same_top", d.same_top, NAN, NAN);
    } else if (is_its_own(status)) {
        status = mark_missing(p, "kl", err->text, err);
    }
    return status;
}

static viv_status do_tasks(struct candidate *p, const struct model_under_test *r, size_t i, struct error *err)
{
    const struct task_options options = {.max_tokens = p->s->answer,
                                         .cancel = interrupt_watch(),
                                         .progress = on_progress,
                                         .progress_ctx = &p->o.progress};
    struct task_score score;
    const struct key key = numbered("task", i, "");
    viv_status status = tasks_score(&p->s->tasks[i], r, &options, &score, err);
    if (status == VIV_OK) {
        double low, high;
        set_value(p, key.text, score.accuracy, score.low, score.high);
        quality_wilson_interval(score.n_right_by_length, score.n_choices, &low, &high);
        if (score.n_choices)
            set_value(p, numbered("task", i, "by_length").text,
                      (double)score.n_right_by_length / (double)score.n_choices, low, high);
        set_value(p, numbered("task", i, "seconds").text, score.seconds, NAN, NAN);
        set_value(p, numbered("task", i, "tokens").text, (double)score.n_tokens, NAN, NAN);
    } else if (is_its_own(status)) {
        status = mark_missing(p, key.text, err->text, err);
    }
    return status;
}

static viv_status mark_prompts_missing(const struct candidate *p, const char *why, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < p->s->prompts->n; i++)
        status = mark_missing(p, numbered("answer", i, "").text, why, err);
    for (size_t i = 0; status == VIV_OK && i < p->s->task_files->n; i++)
        status = mark_missing(p, numbered("task", i, "").text, why, err);
    return status;
}

/* Prompts and tasks. With `chat`, a model without a chat template gets that as the reason. */
static viv_status evaluate_prompts(struct candidate *p, struct error *err)
{
    const struct model_under_test r = {.model = p->o.model, .chat = p->s->chat};
    const struct chat_template *template;
    viv_status status = r.chat ? model_chat_template(r.model, false, &template, err) : VIV_OK;
    if (r.chat && is_its_own(status))
        return mark_prompts_missing(p, err->text, err);
    for (size_t i = 0; status == VIV_OK && i < p->s->prompts->n; i++)
        status = generate(p, &r, i, err);
    for (size_t i = 0; status == VIV_OK && i < p->s->task_files->n; i++)
        status = do_tasks(p, &r, i, err);
    return status;
}

static viv_status evaluate_all(struct candidate *p, struct error *err)
{
    const struct quality_options options = {
        .cancel = interrupt_watch(), .progress = on_progress, .progress_ctx = &p->o.progress};
    viv_status status = evaluate_prompts(p, err);
    if (status == VIV_OK && p->s->text_file)
        status = read_text(p, &options, err);
    if (status == VIV_OK && p->s->text_file)
        status = diverge(p, &options, err);
    return status;
}

static bool is_ours(const struct row *r)
{
    return strcmp(r->section, "answers") == 0 || strcmp(r->section, "text") == 0 ||
           strcmp(r->section, "tasks") == 0;
}

/* Gives all rows of this model without a value or a reason this one. */
static viv_status mark_all_missing(const struct candidate *p, const char *why, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t k = 0; status == VIV_OK && k < p->c->n_rows; k++) {
        struct row *r = &p->c->rows[k];
        if (is_ours(r) && !r->cells[p->i].known && !r->cells[p->i].why && !row_lack(p->c, r, p->i, why))
            status = error_nomem(err);
    }
    return status;
}

static viv_status evaluate_model(struct candidate *p, struct error *err)
{
    const struct compared *m = &p->c->models[p->i];
    struct error own;
    if (m->why)
        return mark_all_missing(p, m->why, err);
    struct common with = *p->s->common;
    with.weight_type = m->weight_type;
    viv_status status = cli_open_model(&p->o, &with, m->given, err);
    if (status == VIV_OK)
        status = cli_load_model(&p->o, err);
    if (status == VIV_OK)
        status = evaluate_all(p, err);
    progress_clear(&p->o.progress);
    if (!is_its_own(status))
        return status;
    own = *err;
    return mark_all_missing(p, own.text, err);
}

/* --- all of them --------------------------------------------------------------------------------------------- */

static void close_candidate(struct opened *o)
{
    model_close(o->model);
    json_decref(o->profile);
    o->model = NULL;
    o->profile = NULL;
}

/* Whether later models are compared with this one. */
static bool is_first(const struct candidate *p)
{
    return p->i == 0 && p->c->n_models > 1 && p->s->text_file &&
           comparison_find(p->c, "perplexity")->cells[0].known;
}

static const char *first_reason(const struct comparison *c)
{
    for (size_t k = 0; k < c->n_rows; k++)
        for (uint32_t i = 0; i < c->n_models; i++)
            if (is_ours(&c->rows[k]) && c->rows[k].cells[i].why)
                return c->rows[k].cells[i].why;
    return "nothing was evaluated";
}

viv_status evaluate_models(struct comparison *c, struct opened *o, const struct evaluation *s, struct error *err)
{
    struct opened first = {0};
    uint32_t n = 0;
    viv_status status = add_rows(c, s, err);
    interrupt_watch();
    for (uint32_t i = 0; i < c->n_models; i++) {
        struct candidate p = {.c = c,
                              .s = s,
                              .i = i,
                              .first = first.model ? &first : NULL,
                              .no_first = "the first model has no probabilities of the text to compare with",
                              .o = {.engine = o->engine, .world = o->world, .progress = o->progress}};
        if (status == VIV_OK)
            status = evaluate_model(&p, err);
        if (status == VIV_ECANCELLED) {
            struct error late;
            if (mark_all_missing(&p, "interrupted", &late) != VIV_OK)
                status = error_set(err, late.status, "%s", late.text);
        }
        n += p.n;
        if (status == VIV_OK && is_first(&p))
            first = p.o;
        else
            close_candidate(&p.o);
    }
    close_candidate(&first);
    if (status == VIV_ECANCELLED)
        return error_set(err, status, "interrupted: results until then are shown");
    if (status == VIV_OK && n == 0)
        status = error_set(err, VIV_EUNSUPPORTED, "none of the models could be evaluated: %s", first_reason(c));
    return status;
}
