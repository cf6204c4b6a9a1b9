/* ahead.c - rows ahead of the text: computes proposed tokens in one step, and goes back where the text went another
 * way.
 *
 * Each step has what the sequence lacks of the text, then the proposal. The first is one token, the last chosen
 * one; or more, where the layers have recurrent state: such a sequence goes back to the length before the last step
 * only, and what was accepted of that step is computed again, with the next one. */
#include "draft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ahead {
    const struct llm *l;
    const viv_request *request;
    viv_sequence *sequence;
    struct drafter *drafter; /* NULL: n-grams */
    struct gain gain;
    int32_t *text; /* [n] */
    uint64_t n, capacity;
    uint64_t first, n_prompt; /* where the sequence begins in the text; where the answer does */
    uint64_t max_rows, context, dim;

    /* the last step */
    struct proposal proposal;
    uint64_t n_drafted;  /* tokens of the proposal that it computed */
    uint64_t n_accepted; /* of the proposal, so far */
    bool wrong;          /* the text went another way */
    uint64_t before;     /* length of the sequence before it */
    struct round round;
    const float *logits; /* [n_drafted + 1, dim] */

    uint64_t all_drafted, all_accepted;
    double draft_seconds;
};

viv_status ahead_create(const struct llm *l, const viv_request *request, viv_sequence *sequence,
                        const int32_t *prompt, uint64_t n_prompt, uint64_t first, struct ahead **out)
{
    struct ahead *a = calloc(1, sizeof *a);
    if (!a)
        return viv_fail(l->host, VIV_ENOMEM, "out of memory");
    a->l = l;
    a->request = request;
    a->sequence = sequence;
    a->n = a->n_prompt = n_prompt;
    a->first = first;
    a->max_rows = viv_min(l->sequences->max_rows(l->model), MAX_ROWS);
    a->context = l->sequences->context_length(l->model);
    a->dim = l->sequences->output_dim(l->model);
    a->capacity = viv_max(first + llm_most_tokens(l, request, n_prompt - first), n_prompt) + 1;
    a->text = malloc((size_t)a->capacity * sizeof *a->text);
    viv_status status = a->text ? VIV_OK : viv_fail(l->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        memcpy(a->text, prompt, (size_t)n_prompt * sizeof *a->text);
    if (status == VIV_OK && request->draft)
        status = drafter_create(l, request, n_prompt, &a->drafter);
    gain_init(&a->gain, a->drafter ? drafter_accepted : ngrams_accepted, l->sequences->is_recurrent(l->model) != 0);
    if (status == VIV_OK)
        *out = a;
    else
        ahead_destroy(a);
    return status;
}

void ahead_destroy(struct ahead *a)
{
    if (!a)
        return;
    drafter_destroy(a->drafter);
    free(a->text);
    free(a);
}

viv_status ahead_read_prompt(struct ahead *a, const viv_sink *sink)
{
    return a->drafter ? drafter_read(a->drafter, a->text, a->n, &a->gain, sink) : VIV_OK;
}

/* --- the text ------------------------------------------------------------------------------------------------- */

static viv_status add(struct ahead *a, int32_t token)
{
    if (a->n == a->capacity) {
        int32_t *grown = realloc(a->text, (size_t)a->capacity * 2 * sizeof *grown);
        if (!grown)
            return viv_fail(a->l->host, VIV_ENOMEM, "out of memory");
        a->text = grown;
        a->capacity *= 2;
    }
    a->text[a->n++] = token;
    return VIV_OK;
}

/* Compares the token with the proposed one. True: its row is there. */
static bool take(struct ahead *a, int32_t token)
{
    const struct proposal *p = &a->proposal;
    if (a->wrong || a->n_accepted >= p->n || a->n_accepted > a->n_drafted)
        return false;
    a->wrong = token != p->tokens[a->n_accepted];
    gain_judge(&a->gain, p->classes[a->n_accepted], !a->wrong);
    if (a->wrong || a->n_accepted == a->n_drafted) /* the one after those drafted is judged, and was not computed */
        return false;
    a->n_accepted++;
    a->all_accepted++;
    return true;
}

/* The sequence goes back to what it shares with the first n tokens of the text, which it may have all. */
static viv_status go_back(const struct ahead *a, uint64_t n)
{
    const viv_sequences *sequences = a->l->sequences;
    if (sequences->length(a->sequence) <= n - a->first)
        return VIV_OK;
    return sequences->truncate(a->sequence, a->gain.recurrent ? a->before : n - a->first);
}

/* --- steps --------------------------------------------------------------------------------------------------- */

/* Feeds n_rows of the text, from what the sequence holds on, and the first n_drafted of the proposal; all of these
 * and the row before have logits. With logits NULL, none has. */
static viv_status step(struct ahead *a, uint64_t n_rows, uint64_t n_drafted, const uint32_t *cancel,
                       const float **logits)
{
    uint8_t output[MAX_ROWS] = {0};
    int32_t tokens[MAX_ROWS];
    const float *outputs;
    uint64_t n_outputs;
    const uint64_t held = a->l->sequences->length(a->sequence);
    memcpy(tokens, a->text + a->first + held, (size_t)n_rows * sizeof *tokens);
    memcpy(tokens + n_rows, a->proposal.tokens, (size_t)n_drafted * sizeof *tokens);
    if (logits)
        memset(output + n_rows - 1, 1, (size_t)n_drafted + 1);
    const viv_rows rows = {.struct_size = sizeof rows,
                           .flags = n_drafted ? VIV_ROWS_DRAFT : 0,
                           .sequence = a->sequence,
                           .n_rows = n_rows + n_drafted,
                           .tokens = tokens,
                           .output_rows = output};
    const viv_rows *const list[] = {&rows};
    viv_status status = a->l->sequences->step(a->l->model, list, 1, cancel, &outputs, &n_outputs);
    if (status == VIV_OK && logits)
        *logits = outputs;
    return status;
}

/* Without a draft, where a drafted row would be computed differently: what was computed before, then the last
 * token. */
static viv_status step_plainly(struct ahead *a, uint64_t n_rows)
{
    a->n_drafted = 0;
    viv_status status = n_rows > 1 ? step(a, n_rows - 1, 0, a->request->cancel, NULL) : VIV_OK;
    return status == VIV_OK ? step(a, 1, 0, a->request->cancel, &a->logits) : status;
}

/* How many tokens may follow, so that none is drafted in vain. */
static uint64_t room(const struct ahead *a, uint64_t n_rows)
{
    const uint64_t n_answer = a->n - a->n_prompt, length = a->n - a->first;
    const int64_t max = a->request->max_tokens;
    uint64_t n = viv_min(MAX_DRAFT, n_rows < a->max_rows ? a->max_rows - n_rows : 0);
    n = viv_min(n, length < a->context ? a->context - length : 0);
    return max < 0 ? n : viv_min(n, (uint64_t)max > n_answer + 1 ? (uint64_t)max - n_answer - 1 : 0);
}

/* Nothing is computed after an end. */
static void cut_at_end(struct ahead *a)
{
    struct proposal *p = &a->proposal;
    for (uint64_t i = 0; i < p->n; i++)
        if (llm_ends(a->l, a->request, p->tokens[i]))
            p->n = i;
}

/* Proposes; the number of tokens to compute. */
static viv_status propose(struct ahead *a, uint64_t n_rows, uint64_t *n)
{
    const uint64_t forced = a->request->draft_tokens;
    const uint64_t max = viv_min(forced ? forced : a->gain.reach, room(a, n_rows));
    const uint64_t n_behind = a->drafter ? drafter_behind(a->drafter, a->n) : 0;
    const bool may = forced || gain_may_draft(&a->gain, n_behind);
    viv_status status = VIV_OK;
    a->proposal.n = *n = 0;
    if (!a->drafter) {
        ngrams_propose(a->text, a->n, viv_max(max, 1), &a->proposal); /* to be judged, if nothing else */
        cut_at_end(a);
    } else if (may) {
        const double begin = llm_now();
        status = drafter_propose(a->drafter, a->text, a->n, max, forced > 0, &a->gain, &a->proposal);
        a->round.n_proposed = a->proposal.n;
        a->draft_seconds += llm_now() - begin;
    }
    const uint64_t there = viv_min(max, a->proposal.n);
    if (forced)
        *n = there;
    else if (may)
        *n = viv_min(there, gain_choose(&a->gain, &a->proposal, n_rows));
    return status;
}

/* The account of the round that is over, if there was one. */
static void end_round(struct ahead *a)
{
    if (!a->logits)
        return;
    a->round.n_taken = a->n_accepted + 1;
    gain_end_round(&a->gain, &a->round);
    a->logits = NULL;
}

static viv_status next_step(struct ahead *a)
{
    const double begin = llm_now();
    uint64_t n;
    viv_status status = go_back(a, a->n - 1);
    if (status != VIV_OK)
        return status;
    a->before = a->l->sequences->length(a->sequence);
    const uint64_t n_rows = a->n - a->first - a->before;
    a->n_accepted = 0;
    a->wrong = false;
    a->round = (struct round){0};
    status = propose(a, n_rows, &n);
    if (status != VIV_OK)
        return status;
    const double middle = llm_now();
    a->n_drafted = n;
    status = step(a, n_rows, n, a->request->cancel, &a->logits);
    if (status == VIV_ERANGE && n > 0)
        status = step_plainly(a, n_rows);
    const double end = llm_now();
    a->all_drafted += a->n_drafted;
    a->round.n_rows = n_rows + a->n_drafted;
    a->round.n_drafted = a->n_drafted;
    a->round.seconds = end - begin;
    if (status == VIV_OK && a->n_drafted == n)
        gain_measure_step(&a->gain, n_rows + n, end - middle);
    return status;
}

viv_status ahead_next(struct ahead *a, int32_t token, const float **logits)
{
    const bool here = take(a, token);
    viv_status status = add(a, token);
    if (status == VIV_OK && !here) {
        end_round(a);
        status = next_step(a);
        if (status != VIV_OK) {
            a->n--; /* the sequence has not got it */
            return status;
        }
    }
    if (status == VIV_OK)
        *logits = a->logits + a->n_accepted * a->dim;
    return status;
}

viv_status ahead_end(struct ahead *a)
{
    viv_status status = go_back(a, a->n);
    const uint64_t n_rows = a->n - a->first - a->l->sequences->length(a->sequence);
    end_round(a);
    const bool kept = a->request->sequence != NULL;
    return status == VIV_OK && kept && n_rows > 0 ? step(a, n_rows, 0, NULL, NULL) : status;
}

/* --- statistics ---------------------------------------------------------------------------------------------- */

viv_status ahead_tell(const struct ahead *a, const viv_sink *sink)
{
    const double break_even = gain_break_even(&a->gain);
    viv_status status = viv_emit_stat(sink, "drafted_tokens", (double)a->all_drafted);
    if (status == VIV_OK)
        status = viv_emit_stat(sink, "accepted_tokens", (double)a->all_accepted);
    if (status == VIV_OK)
        status = viv_emit_stat(sink, "draft_seconds", a->draft_seconds);
    return status == VIV_OK && isfinite(break_even) ? viv_emit_stat(sink, "draft_break_even", break_even) : status;
}
