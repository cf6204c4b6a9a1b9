/* gain.c - whether drafting saves time.
 *
 *   plain decoding    1 token                        in  T(1) seconds
 *   k drafted tokens  1 + a_1 + a_1 a_2 + ... tokens in  T(1 + k) + k d
 *
 * a_i is the share of such tokens that were accepted, T(n) the time of a step of n rows, d that of drafting a
 * token: all are running means of this answer. The k with most tokens per second is chosen. Beyond that an account
 * is kept of the seconds that drafting has really won or lost: where it has lost more than part of a step, it
 * rests, each time for longer. */
#include "draft.h"

#include <math.h>

enum { FIRST_REST = 64, LONGEST_REST = 1024, MEMORY = 32, N_PLAIN = 3, N_DRAFTS = 3, MANY_ROWS = 8 };
enum { FIRST_REACH = 4 };            /* tokens drafted at once, until more were accepted */
enum { MOST_IN_A_ROW = 32 };         /* rounds with a draft: then a plain step is measured again */
static const double ROW_COST = 0.35; /* of a row more, as a share of T(1), until it is known */
static const double WORTH = 1.04;    /* tokens per second over plain decoding that make a draft worth it */
static const double MOST_DEBT = 1;   /* steps lost */
static const double MOST_CREDIT = 2; /* steps won that are remembered */
static const double OUTLIER = 2;     /* a step so many times longer than usual was somebody else's work */

void gain_init(struct gain *g, const double accepted[N_CLASSES], bool recurrent)
{
    *g = (struct gain){.recurrent = recurrent, .next_rest = FIRST_REST, .reach = FIRST_REACH, .accepted_all = 0.6};
    for (int i = 0; i < N_CLASSES; i++)
        g->accepted[i] = accepted[i];
}

/* --- means --------------------------------------------------------------------------------------------------- */

/* Moves a running mean; the first value counts as `least` values do. */
static void move(double *mean, uint32_t *n, uint32_t least, double value)
{
    const uint32_t weight = ++*n + least;
    *mean += (value - *mean) / (weight < MEMORY ? weight : MEMORY);
}

/* Of the first two, the smaller one counts: nothing was in the processor's caches for the first. */
static void measure(double *mean, uint32_t *n, double seconds)
{
    const double before = *mean;
    move(mean, n, 0, *n > 0 ? fmin(seconds, OUTLIER * before) : seconds);
    if (*n == 2)
        *mean = fmin(before, seconds);
}

void gain_judge(struct gain *g, uint8_t class, bool accepted)
{
    move(&g->accepted[class], &g->n_judged[class], 2, accepted);
    move(&g->accepted_all, &g->n_judged_all, 2, accepted);
}

void gain_measure_step(struct gain *g, uint64_t n_rows, double seconds)
{
    measure(&g->step_seconds[n_rows], &g->n_steps[n_rows], seconds);
}

void gain_measure_draft(struct gain *g, uint64_t n_rows, double seconds)
{
    if (n_rows >= MANY_ROWS)
        g->read_seconds = seconds / (double)n_rows;
    else if (n_rows == 1)
        measure(&g->draft_seconds, &g->n_drafts, seconds);
}

/* --- times --------------------------------------------------------------------------------------------------- */

/* Of a step of so many rows: measured, or on the line between the nearest that were. */
static double seconds_of(const struct gain *g, uint64_t n_rows)
{
    uint64_t low = n_rows, high = n_rows;
    while (low > 1 && g->n_steps[low] == 0)
        low--;
    while (high < MAX_ROWS && g->n_steps[high] == 0)
        high++;
    const double *t = g->step_seconds;
    if (low == n_rows)
        return t[low];
    if (g->n_steps[high] > 0)
        return t[low] + (t[high] - t[low]) * (double)(n_rows - low) / (double)(high - low);
    const double row = low > 1 ? fmax(t[low] - t[1], 0) / (double)(low - 1) : ROW_COST * t[1];
    return t[low] + row * (double)(n_rows - low);
}

/* Of one row more in a step. */
static double row_seconds(const struct gain *g)
{
    return fmax(seconds_of(g, 4) - seconds_of(g, 1), 0) / 3;
}

/* --- decisions ----------------------------------------------------------------------------------------------- */

bool gain_may_draft(const struct gain *g, uint64_t n_behind)
{
    const double step = g->step_seconds[1],
                 read = g->read_seconds > 0 ? g->read_seconds : ROW_COST * g->draft_seconds;
    if (g->rest > 0 || g->n_steps[1] < N_PLAIN || g->n_in_a_row >= MOST_IN_A_ROW)
        return false;
    if (g->n_drafts >= N_DRAFTS && g->draft_seconds + row_seconds(g) >= step) /* as slow as the model itself */
        return false;
    return g->n_drafts == 0 || read * (double)n_behind <= step;
}

bool gain_wants_more(const struct gain *g, double likely)
{
    return g->n_judged_all > 0 && likely * g->accepted_all * g->step_seconds[1] > g->draft_seconds + row_seconds(g);
}

uint64_t gain_choose(const struct gain *g, const struct proposal *p, uint64_t n_rows)
{
    const double plain = seconds_of(g, n_rows), row = row_seconds(g);
    double tokens = 1, likely = 1, best = WORTH / plain;
    uint64_t chosen = 0;
    for (uint64_t k = 1; k <= p->n && n_rows + k <= MAX_ROWS; k++) {
        likely *= g->accepted[p->classes[k - 1]];
        tokens += likely;
        double seconds = seconds_of(g, n_rows + k);
        if (g->recurrent) /* rows that come again, unless all are accepted */
            seconds += (1 - likely) * (tokens - 1 + (double)n_rows) * row;
        if (tokens / seconds > best) {
            best = tokens / seconds;
            chosen = k;
        }
    }
    return chosen;
}

/* --- the account --------------------------------------------------------------------------------------------- */

/* Whether drafting pays is found out anew after a rest, and where nothing has been drafted for as long: times may
 * have been measured while the machine did something else. */
static void end_plain_step(struct gain *g)
{
    if (g->rest > 0) {
        if (--g->rest > 0)
            return;
    } else {
        if (++g->n_plain < g->next_rest)
            return;
        g->next_rest = viv_min(2 * g->next_rest, LONGEST_REST);
    }
    g->n_plain = 0;
    for (uint64_t i = 2; i <= MAX_ROWS; i++)
        g->n_steps[i] = 0;
}

void gain_end_round(struct gain *g, const struct round *r)
{
    const double step = g->step_seconds[1],
                 usual = seconds_of(g, r->n_rows) + (double)r->n_proposed * g->draft_seconds,
                 seconds = fmin(r->seconds, OUTLIER * usual);
    if (!r->n_proposed && r->n_rows == 1) {
        g->n_in_a_row = 0;
        end_plain_step(g);
        return;
    }
    g->n_plain = 0;
    g->n_in_a_row++;
    if (r->n_drafted > 0 && r->n_taken > r->n_drafted)
        g->reach = viv_min(viv_max(g->reach, 2 * r->n_drafted), MAX_DRAFT);
    else if (r->n_drafted > 0)
        g->reach = viv_max(FIRST_REACH, r->n_taken);
    if (step <= 0 || (r->n_proposed && g->n_drafts == 0)) /* a draft that has just begun catches up first */
        return;
    g->extra_seconds += r->n_drafted ? seconds - step : 0;
    g->n_extra += r->n_drafted;
    g->debt = fmax(g->debt + seconds - (double)r->n_taken * step, -MOST_CREDIT * step);
    if (g->debt < 0)
        g->next_rest = FIRST_REST;
    if (g->debt <= MOST_DEBT * step)
        return;
    g->debt = 0;
    g->rest = g->next_rest;
    g->next_rest = viv_min(2 * g->next_rest, LONGEST_REST);
}

double gain_break_even(const struct gain *g)
{
    return g->n_extra ? g->extra_seconds / ((double)g->n_extra * g->step_seconds[1]) : (double)NAN;
}
