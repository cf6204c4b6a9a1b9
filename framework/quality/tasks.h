/* tasks.h - files of questions with their answers, JSON lines, and how many of them a model answers.
 *
 *   {"question": "The capital of France is", "answers": ["Paris", "the city of Paris"]}
 *   {"question": "2 + 2 =", "answer": "4"}
 *   {"question": "A frog is", "choices": ["a fish", "an amphibian"], "answer": 1}
 *
 * The model continues the question as it is written, or answers it as a turn (answer.h). An answer is right if its
 * first line is one of those that are accepted, after both are normalized as SQuAD does (Rajpurkar et al. 2016):
 * lower case, without punctuation, the articles a, an and the, and more than one space. Of choices the one counts
 * that the model finds most likely (likelihood.h), and beside it the one that is most likely for its length in
 * bytes. "answer" is the index of the right choice, from 0, or its text. Other members are ignored, and so are
 * empty lines. */
#ifndef QUALITY_TASKS_H
#define QUALITY_TASKS_H

#include "quality/answer.h"

#include <jansson.h>

struct task {
    uint64_t line; /* of the file, from 1 */
    const char *question;
    uint32_t n_texts;
    const char **texts; /* [n_texts] answers that are accepted, or choices */
    bool chooses;
    uint32_t right; /* of choices */
};

struct task_list {
    const char *name; /* of the file: borrowed */
    struct task *tasks;
    size_t n, capacity;
    json_t *lines; /* owns the texts */
};

viv_status tasks_parse(struct task_list *out, const char *name, const char *bytes, uint64_t size,
                       struct error *err);
viv_status tasks_read(struct task_list *out, const char *path, struct error *err);
void tasks_release(struct task_list *l);

/* Appends the text as it is compared. */
viv_status tasks_normalize(const char *text, size_t size, struct buf *out, struct error *err);

/* What became of one task. */
struct task_result {
    bool right;
    const char *said; /* the answer, or the choice; for the call */
};

struct task_options {
    int64_t max_tokens; /* of an answer; 0: 32 */
    const uint32_t *cancel;
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total); /* or NULL */
    void *progress_ctx;
    void (*told)(void *ctx, const struct task *t, const struct task_result *r); /* of each that was done; or NULL */
    void *told_ctx;
};

struct task_score {
    uint64_t n, n_right;        /* tasks done; fewer than there are when interrupted */
    uint64_t n_choices;         /* of them with choices */
    uint64_t n_right_by_length; /* of these, by likelihood per byte */
    double accuracy, low, high; /* and the 95 % interval of Wilson 1927; NAN of none */
    uint64_t n_tokens;          /* read and written */
    double seconds;
    bool complete;
};

/* What does not fit the model is refused with the file's line. When interrupted (VIV_ECANCELLED) *out has the score
 * of what was done. */
viv_status tasks_score(const struct task_list *l, const struct model_under_test *r,
                       const struct task_options *options, struct task_score *out, struct error *err);
/* Of n_right among n. */
void quality_wilson_interval(uint64_t n_right, uint64_t n, double *low, double *high);

#endif
