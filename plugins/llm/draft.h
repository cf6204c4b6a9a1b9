/* draft.h - speculative decoding (Leviathan et al. 2023, Chen et al. 2023). A draft proposes the tokens that may
 * come next. One step of the model computes the logits after each of them. The answer chooses its tokens from these
 * logits as it always does; as long as a token is the proposed one, the logits for the next are there already.
 *
 *   ngrams.c   proposes what followed the same tokens before
 *   drafter.c  proposes what a smaller model says
 *   gain.c     decides how many proposals are worth computing, from measured times and from what was accepted
 *   ahead.c    computes them, and goes back where the text went another way
 *
 * Rows of a sequence have the same bits in any step, and the sampler chooses as often and from the same logits as
 * without a draft. So the answer is the same too; times decide only how many tokens are drafted. */
#ifndef LLM_DRAFT_H
#define LLM_DRAFT_H

#include "llm.h"

#include <stdbool.h>

/* MAX_DRAFT: tokens of a proposal; MAX_ROWS: of a step with drafted rows; N_CLASSES: kinds of proposed tokens, the
 * surest last. */
enum { MAX_DRAFT = 32, MAX_ROWS = 64, N_CLASSES = 8 };

double llm_now(void); /* seconds */

/* --- proposals --- */

struct proposal {
    uint64_t n;
    int32_t tokens[MAX_DRAFT];
    uint8_t classes[MAX_DRAFT]; /* how sure the draft is of each, if those before it are right */
};

/* The n-gram of 2 or more tokens that ends a text occurred in it before: proposes up to `max` of the tokens that
 * followed. Of several places the one where most tokens before are the same, of these the last. */
void ngrams_propose(const int32_t *text, uint64_t n, uint64_t max, struct proposal *out);
extern const double ngrams_accepted[N_CLASSES]; /* share of proposed tokens accepted, to begin with */

struct gain;
struct drafter;

/* `sequence` is the caller's, or NULL. n_prompt: tokens of the prompt. */
viv_status drafter_create(const struct llm *l, const viv_request *request, uint64_t n_prompt, struct drafter **out);
void drafter_destroy(struct drafter *d); /* accepts NULL */
/* Reads tokens of the text that it has not read yet. */
viv_status drafter_read(struct drafter *d, const int32_t *text, uint64_t n, struct gain *gain,
                        const viv_sink *sink);
/* How many tokens of the text that are, if it has not changed. */
uint64_t drafter_behind(const struct drafter *d, uint64_t n);
/* Proposes up to `max` tokens: all of them, or as long as a further one is likely to pay. */
viv_status drafter_propose(struct drafter *d, const int32_t *text, uint64_t n, uint64_t max, bool all,
                           struct gain *gain, struct proposal *out);
extern const double drafter_accepted[N_CLASSES];

/* --- what pays --- */

/* From one step to the next. */
struct round {
    uint64_t n_rows;     /* of the step */
    uint64_t n_proposed; /* tokens that a draft model was run for */
    uint64_t n_drafted;  /* proposed tokens among the rows */
    uint64_t n_taken;    /* tokens of the text that came of it: those accepted, and the next */
    double seconds;      /* drafting included */
};

struct gain {
    double step_seconds[MAX_ROWS + 1]; /* of a step of so many rows; 0: not measured */
    double draft_seconds;              /* of a token of a draft model; 0: not measured, or n-grams */
    double read_seconds;               /* of one of many tokens that the draft model reads */
    uint32_t n_steps[MAX_ROWS + 1], n_drafts;
    double accepted[N_CLASSES], accepted_all; /* running shares of the tokens that were judged */
    uint32_t n_judged[N_CLASSES], n_judged_all;
    bool recurrent; /* tokens after the last step are computed again where it went wrong */
    double debt;    /* seconds lost by drafting; less than 0: won */
    uint64_t rest;  /* tokens before drafting is tried again */
    uint64_t next_rest;
    uint64_t reach;       /* most tokens to draft at once: as many again as were accepted */
    uint64_t n_plain;     /* plain steps since the last round with a draft, rests aside */
    uint32_t n_in_a_row;  /* rounds with a draft since the last plain step */
    double extra_seconds; /* of all rounds with drafted rows, over one plain step each */
    uint64_t n_extra;     /* tokens drafted in these */
};

void gain_init(struct gain *g, const double accepted[N_CLASSES], bool recurrent);
/* A proposed token was right, or was not. */
void gain_judge(struct gain *g, uint8_t class, bool accepted);
void gain_measure_step(struct gain *g, uint64_t n_rows, double seconds);
/* The draft model has computed so many tokens in one step. */
void gain_measure_draft(struct gain *g, uint64_t n_rows, double seconds);
void gain_end_round(struct gain *g, const struct round *r);
/* Whether to try: the time of a plain step is known, drafting has not lost too much of late, and a draft model,
 * which is so many tokens behind, can win at all. */
bool gain_may_draft(const struct gain *g, uint64_t n_behind);
/* Whether a draft model should propose a token more: `likely` is the probability that it will be reached. */
bool gain_wants_more(const struct gain *g, double likely);
/* How many of the proposed tokens to compute in a step, after n_rows of the text; 0: none. */
uint64_t gain_choose(const struct gain *g, const struct proposal *p, uint64_t n_rows);
/* The share of drafted tokens that must be accepted for the draft to pay; NAN: not known. */
double gain_break_even(const struct gain *g);

/* --- rows ahead of the text --- */

struct ahead;

/* What follows `prompt` in the sequence, whose first token is prompt[first]: of a model with an encoder there is a
 * text before, which proposals are made of, too. `sequence` and `request` outlive it. */
viv_status ahead_create(const struct llm *l, const viv_request *request, viv_sequence *sequence,
                        const int32_t *prompt, uint64_t n_prompt, uint64_t first, struct ahead **out);
void ahead_destroy(struct ahead *a); /* accepts NULL */
/* The draft model reads the prompt. */
viv_status ahead_read_prompt(struct ahead *a, const viv_sink *sink);
/* The token follows; *logits for the one after it. */
viv_status ahead_next(struct ahead *a, int32_t token, const float **logits);
/* Leaves in the sequence the tokens that ahead_next was given. */
viv_status ahead_end(struct ahead *a);
/* Statistics as events. */
viv_status ahead_tell(const struct ahead *a, const viv_sink *sink);

#endif
