/* measure.c - see measure.h. */
#include "cli/measure.h"

#include "base/file.h"
#include "base/json.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ROUNDS = 64, MAX_ARGUMENTS = 128, MAX_SAID = 1 << 20 };

/* --- a child ------------------------------------------------------------------------------------------------- */

struct command_line {
    struct arena arena;
    char *words[MAX_ARGUMENTS];
    size_t n;
    bool failed; /* memory was out, or there are too many */
};

__attribute__((format(printf, 2, 3))) static void add_word(struct command_line *l, const char *format, ...)
{
    char *word = NULL;
    va_list args;
    va_start(args, format);
    if (l->n + 1 >= MAX_ARGUMENTS || vasprintf(&word, format, args) < 0)
        l->failed = true;
    else if (!(l->words[l->n++] = arena_strdup(&l->arena, word)))
        l->failed = true;
    va_end(args);
    free(word);
}

static void bench_line(struct command_line *l, const struct measuring *m, const struct compared *model,
                       int32_t context)
{
    const struct common *common = m->common;
    add_word(l, "/proc/self/exe");
    add_word(l, "bench");
    add_word(l, "--json");
    add_word(l, "--no-limits");
    add_word(l, "--rounds=1");
    add_word(l, "--prompt-tokens=%" PRId32, context);
    add_word(l, "--max-tokens=%d", MEASURED_ANSWER);
    if (m->n_texts > 1)
        add_word(l, "--sequences=%" PRId64, m->n_texts);
    if (common->threads)
        add_word(l, "--threads=%" PRId64, common->threads);
    if (common->context)
        add_word(l, "--context=%" PRId64, common->context);
    if (common->expert_memory)
        add_word(l, "--expert-memory=%" PRIu64, common->expert_memory);
    if (common->mmproj)
        add_word(l, "--mmproj=%s", common->mmproj);
    if (common->expert_profile)
        add_word(l, "--expert-profile=%s", common->expert_profile);
    if (common->scheduler)
        add_word(l, "--scheduler=%s", common->scheduler);
    if (model->weight_type)
        add_word(l, "--weight-type=%s", model->weight_type);
    if (common->cpu_share > 0)
        add_word(l, "--cpu-share=%.17g", common->cpu_share);
    if (common->nice)
        add_word(l, "--nice=%" PRId64, common->nice);
    if (common->kernels)
        add_word(l, "--kernels=%s", common->kernels);
    if (common->cache_type)
        add_word(l, "--cache-type=%s", common->cache_type);
    for (size_t i = 0; i < common->plugin_path.n; i++)
        add_word(l, "--plugin-path=%s", common->plugin_path.items[i]);
    for (size_t i = 0; i < common->allow_threads.n; i++)
        add_word(l, "--allow-threads=%s", common->allow_threads.items[i]);
    for (size_t i = 0; i < common->lora.n; i++)
        add_word(l, "--lora=%s", common->lora.items[i]);
    add_word(l, "--");
    add_word(l, "%s", model->given);
    l->words[l->n] = NULL;
}

/* Reads both pipes to their ends. */
static void read_both(int out_fd, int err_fd, struct buf *out, struct buf *said)
{
    struct pollfd fds[2] = {{.fd = out_fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};
    struct buf *to[2] = {out, said};
    char bytes[4096];
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++) {
            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            ssize_t n = read(fds[i].fd, bytes, sizeof bytes);
            if (n > 0 && to[i]->size < MAX_SAID)
                buf_append(to[i], bytes, (size_t)n);
            else if (n == 0 || (n < 0 && errno != EINTR))
                fds[i].fd = -1;
        }
    }
}

/* Runs it; *status is as wait() has it. */
static viv_status run_child(char *const *words, struct buf *out, struct buf *said, int *status, struct error *err)
{
    int out_pipe[2], err_pipe[2];
    if (pipe2(out_pipe, O_CLOEXEC) != 0)
        return error_set(err, VIV_EIO, "no pipe for `viv bench`: %s", strerror(errno));
    if (pipe2(err_pipe, O_CLOEXEC) != 0) {
        close(out_pipe[0]), close(out_pipe[1]);
        return error_set(err, VIV_EIO, "no pipe for `viv bench`: %s", strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    pid_t child = -1;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure == 0) {
        failure = posix_spawn_file_actions_adddup2(&actions, out_pipe[1], STDOUT_FILENO);
        if (failure == 0)
            failure = posix_spawn_file_actions_adddup2(&actions, err_pipe[1], STDERR_FILENO);
        if (failure == 0)
            failure = posix_spawn(&child, words[0], &actions, NULL, words, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(out_pipe[1]), close(err_pipe[1]);
    if (failure == 0) {
        read_both(out_pipe[0], err_pipe[0], out, said);
        while (waitpid(child, status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(out_pipe[0]), close(err_pipe[0]);
    return failure == 0 ? VIV_OK : error_set(err, VIV_EIO, "`viv bench` cannot be started: %s", strerror(failure));
}

/* --- what it says -------------------------------------------------------------------------------------------- */

/* The figures of one model in one setting, a value for each round. */
enum figure_kind { FIGURE_LOAD, FIGURE_FIRST, FIGURE_PREFILL, FIGURE_DECODE, FIGURE_PEAK, N_FIGURES };
struct samples {
    double values[N_FIGURES][MAX_ROUNDS];
    uint32_t n;
    char *why; /* no more rounds: its sentence */
};

static double at_path(const json_t *root, const char *key, const char *inner)
{
    const json_t *value = json_object_get(root, key);
    return json_number_value(inner ? json_object_get(value, inner) : value);
}

static viv_status take_figures(const struct buf *out, struct samples *s, struct error *err)
{
    json_error_t at;
    json_t *root = json_loadb(buf_text(out), out->size, 0, &at);
    if (!root)
        return error_set(err, VIV_EINTERNAL, "`viv bench --json` printed no JSON: %.100s", at.text);
    s->values[FIGURE_LOAD][s->n] = at_path(root, "load_seconds", NULL);
    s->values[FIGURE_FIRST][s->n] = at_path(root, "prompt", NULL) / at_path(root, "prefill", "median");
    s->values[FIGURE_PREFILL][s->n] = at_path(root, "prefill", "median");
    s->values[FIGURE_DECODE][s->n] = at_path(root, "decode", "median");
    s->values[FIGURE_PEAK][s->n] = at_path(root, "memory_peak", NULL);
    s->n++;
    json_decref(root);
    return VIV_OK;
}

/* "viv: sentence\n" as the sentence alone */
static viv_status take_reason(struct buf *said, int status, struct samples *s, struct error *err)
{
    const char *text = buf_text(said);
    if (strncmp(text, "viv: ", 5) == 0)
        text += 5;
    size_t n = strcspn(text, "\n");
    if (n == 0)
        s->why = strdup(WIFSIGNALED(status) ? "it was ended by a signal" : "it failed without a sentence");
    else
        s->why = strndup(text, n);
    return s->why ? VIV_OK : error_nomem(err);
}

static viv_status measure_once(const struct measuring *m, const struct compared *model, int32_t context,
                               struct samples *s, struct error *err)
{
    struct command_line line = {0};
    struct buf out = {0}, said = {0};
    int status = 0;
    bench_line(&line, m, model, context);
    viv_status result = line.failed ? error_nomem(err) : run_child(line.words, &out, &said, &status, err);
    if (result == VIV_OK && (out.failed || said.failed))
        result = error_nomem(err);
    if (result == VIV_OK && interrupt_happened())
        result = error_set(err, VIV_ECANCELLED, "interrupted: what was measured until then is shown");
    if (result == VIV_OK)
        result = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? take_figures(&out, s, err)
                                                               : take_reason(&said, status, s, err);
    arena_release(&line.arena);
    buf_release(&out);
    buf_release(&said);
    return result;
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct cell cell_of(double *values, uint32_t n)
{
    qsort(values, n, sizeof *values, ascending);
    double median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
    return (struct cell){.known = true, .value = median, .low = values[0], .high = values[n - 1]};
}

static viv_status add_figure(struct comparison *c, struct samples *samples, enum figure_kind kind,
                             enum row_unit unit, const char *key, const char *label, struct error *err)
{
    struct row *r = comparison_row(c, "measured", unit, unit == UNIT_RATE ? BETTER_MORE : BETTER_LESS, key, label);
    if (!r)
        return error_nomem(err);
    for (uint32_t i = 0; i < c->n_models; i++) {
        if (samples[i].n)
            r->cells[i] = cell_of(samples[i].values[kind], samples[i].n);
        else if (samples[i].why && !row_lack(c, r, i, samples[i].why))
            return error_nomem(err);
    }
    return VIV_OK;
}

/* Measured as a part of what was predicted. */
static viv_status add_share(struct comparison *c, const char *measured, const char *predicted, const char *key,
                            const char *label, struct error *err)
{
    struct row *r = comparison_row(c, "measured", UNIT_PERCENT, BETTER_NEITHER, key, label);
    const struct row *is = comparison_find(c, measured), *said = comparison_find(c, predicted);
    if (!r)
        return error_nomem(err);
    for (uint32_t i = 0; is && said && i < c->n_models; i++) {
        const struct cell *lacking = is->cells[i].known ? &said->cells[i] : &is->cells[i];
        if (is->cells[i].known && said->cells[i].known && said->cells[i].value > 0)
            row_set(r, i, is->cells[i].value / said->cells[i].value);
        else if (lacking->why && !row_lack(c, r, i, lacking->why))
            return error_nomem(err);
    }
    return VIV_OK;
}

static viv_status add_context(struct comparison *c, struct samples *samples, int32_t context, struct error *err)
{
    const struct {
        enum figure_kind kind;
        enum row_unit unit;
        const char *key, *label, *predicted;
    } figures[] = {
        {FIGURE_FIRST, UNIT_SECONDS, "first_token_seconds", "first token after", NULL},
        {FIGURE_PREFILL, UNIT_RATE, "prefill", "tokens/s read,", "ceiling_prefill"},
        {FIGURE_DECODE, UNIT_RATE, "decode", "tokens/s written at", "ceiling_decode"},
        {FIGURE_PEAK, UNIT_BYTES, "memory_peak", "in use at", "memory_peak"},
    };
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < sizeof figures / sizeof *figures; i++) {
        char key[64], label[64], predicted[64], share[64];
        snprintf(key, sizeof key, "measured_%s_%" PRId32, figures[i].key, context);
        snprintf(label, sizeof label, "%s %" PRId32, figures[i].label, context);
        status = add_figure(c, samples, figures[i].kind, figures[i].unit, key, label, err);
        if (status != VIV_OK || !figures[i].predicted)
            continue;
        snprintf(predicted, sizeof predicted, "%s_%" PRId32, figures[i].predicted, context);
        snprintf(share, sizeof share, "share_%s_%" PRId32, figures[i].key, context);
        status = add_share(c, key, predicted, share,
                           figures[i].unit == UNIT_RATE ? "  of the ceiling" : "  of the prediction", err);
    }
    return status;
}

static viv_status add_rows(struct comparison *c, const struct measuring *m, struct samples *samples,
                           struct error *err)
{
    viv_status status = add_figure(c, samples, FIGURE_LOAD, UNIT_SECONDS, "measured_load_seconds", "load", err);
    for (size_t i = 0; status == VIV_OK && i < m->n_contexts; i++)
        status = add_context(c, samples + i * c->n_models, m->contexts[i], err);
    return status;
}

/* Why it makes no sense to try; NULL: it does. */
static const char *cannot(const struct compared *m, int32_t context)
{
    if (m->why)
        return m->why;
    if (!m->facts.bindings)
        return "no weights here, so nothing can be measured";
    return (uint64_t)context + MEASURED_ANSWER > m->facts.context
               ? "the context has no room for the text and 32 tokens more"
               : NULL;
}

viv_status measure_models(struct comparison *c, const struct measuring *m, struct error *err)
{
    const size_t n = c->n_models * m->n_contexts, total = n * (size_t)m->rounds;
    struct samples *samples = calloc(n, sizeof *samples);
    struct progress progress;
    viv_status status = samples ? VIV_OK : error_nomem(err);
    progress_init(&progress);
    interrupt_watch();
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        const char *why = cannot(&c->models[i % c->n_models], m->contexts[i / c->n_models]);
        if (why && !(samples[i].why = strdup(why)))
            status = error_nomem(err);
    }
    for (size_t i = 0; status == VIV_OK && i < total; i++) {
        struct samples *s = &samples[i % n];
        progress_show(&progress, "measuring", i, total);
        if (!s->why)
            status = measure_once(m, &c->models[i % n % c->n_models], m->contexts[i % n / c->n_models], s, err);
    }
    progress_clear(&progress);
    struct error late;
    viv_status added = samples ? add_rows(c, m, samples, &late) : status;
    if (status == VIV_OK && added != VIV_OK)
        status = error_set(err, added, "%s", late.text);
    for (size_t i = 0; samples && i < n; i++)
        free(samples[i].why);
    free(samples);
    return status;
}
