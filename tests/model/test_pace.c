/* --cpu-share: a model that rests between steps uses no more than its share of the processor. */
#include "answers.h"
#include "model/pace.h"

#include <time.h>

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

TEST(pace__rests_until_the_share_is_right)
{
    ck_assert_double_eq_tol(pace_rest(1, 1, 0.5, 1), 1, 1e-12);  /* 1 of 2 seconds */
    ck_assert_double_eq_tol(pace_rest(2, 1, 0.25, 2), 3, 1e-12); /* 2 of 4 seconds of 2 threads */
    ck_assert_double_eq(pace_rest(1, 2, 0.5, 1), 0);
    ck_assert_double_eq(pace_rest(1, 5, 0.5, 1), 0);
    ck_assert_double_eq(pace_rest(1, 1, 1, 1), 0);
    ck_assert_double_eq(pace_rest(0, 0, 0.01, 1), 0);
}
END_TEST

/* On however busy a machine: what is bounded is CPU time by time. */
TEST(pace__steps_use_their_share)
{
    static const double shares[] = {0.05, 0.3};
    open_host();
    for (size_t i = 0; i < 2; i++) {
        struct model_options options = golden_options();
        const int32_t token = 5;
        float *logits = NULL;
        options.cpu_share = shares[i];
        viv_model *m = golden_load(&options, source_path("tests/golden/llama-gqa"));
        viv_sequence *s = golden_sequence(m);
        logits = malloc(model_output_dim(m) * sizeof *logits);
        step(m, s, &token, 1, logits);
        const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), wall = seconds_of(CLOCK_MONOTONIC);
        for (int k = 0; k < 100; k++)
            step(m, s, &token, 1, logits);
        const double used = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu, passed = seconds_of(CLOCK_MONOTONIC) - wall;
        ck_assert_msg(used <= 1.05 * shares[i] * passed, "%g s of %g, expected a share of %g", used, passed,
                      shares[i]);
        free(logits);
        sequence_destroy(s);
        model_close(m);
    }
    engine_destroy(engine);
}
END_TEST

/* A rest of minutes ends at once. */
TEST(pace__cancelling_ends_a_rest)
{
    const uint32_t cancel = 1;
    const double begin = seconds_of(CLOCK_MONOTONIC);
    struct pace p = {.cpu = 1e-9 - 1e6, .wall = begin};
    pace_end(&p, 0.01, 1, &cancel);
    ck_assert_double_lt(seconds_of(CLOCK_MONOTONIC) - begin, 1e6);
    ck_assert_double_gt(p.cpu, 0);
}
END_TEST

TESTS(pace__rests_until_the_share_is_right, pace__steps_use_their_share, pace__cancelling_ends_a_rest)
