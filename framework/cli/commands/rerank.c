/* viv rerank - documents by how well they answer a query, as a cross-encoder judges each pair. */
#include "cli/ask.h"
#include "cli/shared.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rerank_options {
    struct common common;
    const char *file;
    int64_t top;
    bool cut, json;
};

static const struct rerank_options defaults = {.top = 0};

#define OPT(field) offsetof(struct rerank_options, field)
static const struct option table[] = {FILE_OPTION(OPT(file), "each line is a document"),
                                      TOP_OPTION(OPT(top), "0: all", 0),
                                      CUT_OPTION(OPT(cut)),
                                      JSON_OPTION(OPT(json), "one object"),
                                      {0}};

struct scored {
    size_t index;
    double logit;
};

/* The best first; among equals, as they came. */
static int by_logit(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit ? 1 : -1) : (x->index > y->index) - (x->index < y->index);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static viv_status print_scored(const struct scored *j, size_t n, const char *const *documents, bool json,
                               struct error *err)
{
    json_t *list = json ? json_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        if (!json) {
            printf("%9.6f  ", sigmoid(j[i].logit));
            cli_print_safe(stdout, documents[j[i].index], strlen(documents[j[i].index]));
            putchar('\n');
        } else if (json_array_append_new(list,
                                         json_pack("{s:I, s:o, s:o, s:o}", "index", (json_int_t)j[i].index, "score",
                                                   json_real(sigmoid(j[i].logit)), "logit", json_real(j[i].logit),
                                                   "text", cli_json_word(documents[j[i].index]))) != 0) {
            json_decref(list);
            return error_nomem(err);
        }
    }
    return json ? cli_print_json(json_pack("{s:o}", "results", list), false, err) : VIV_OK;
}

static viv_status answer(struct opened *o, const struct rerank_options *options, const char *query,
                         const char *const *documents, size_t n, struct error *err)
{
    struct request r;
    struct answer v = {0};
    struct scored *j = calloc(n, sizeof *j);
    request_init(&r, o->model);
    r.viv.task = VIV_TASK_SCORE;
    r.viv.flags = options->cut ? VIV_REQUEST_CUT : 0;
    viv_status status = j ? request_add_texts(&r, query, documents, n, err) : error_nomem(err);
    if (status == VIV_OK)
        status = ask_vectors(o, &r, &v, err);
    if (status == VIV_OK && v.dim != 1)
        status = error_set(err, VIV_EUNSUPPORTED,
                           "this model has %" PRIu64 " labels; one that reranks has one (see viv classify)", v.dim);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        j[i] = (struct scored){i, (double)((const float *)(const void *)v.numbers.data)[i]};
    if (status == VIV_OK) {
        qsort(j, n, sizeof *j, by_logit);
        status = print_scored(j, options->top && (size_t)options->top < n ? (size_t)options->top : n, documents,
                              options->json, err);
    }
    answer_release(&v);
    request_release(&r);
    free(j);
    return status;
}

static int rerank(const struct arguments *a)
{
    const struct rerank_options *options = a->options;
    struct opened o = {0};
    struct error err = {0};
    struct buf lines = {0};
    const char **documents = NULL;
    size_t n = 0;
    if (options->file && a->n_words > 2)
        return cli_usage_error("rerank", "documents come as words or from --file, not from both");
    viv_status status = cli_open_model(&o, &options->common, a->words[0], &err);
    if (status == VIV_OK)
        status = ask_read_texts(options->file, &lines, a->words + 2, a->n_words - 2, &documents, &n, &err);
    if (status == VIV_OK && n == 0)
        status = error_set(&err, VIV_EINVAL, "there are no documents to rank");
    if (status == VIV_OK)
        status = cli_load_model(&o, &err);
    if (status == VIV_OK)
        status = answer(&o, options, a->words[1], documents, n, &err);
    free(documents);
    buf_release(&lines);
    return cli_close_opened(&o, status, &err);
}

const struct command command_rerank = {
    .name = "rerank",
    .summary = "documents by how well they answer a query",
    .words = "MODEL QUERY [DOC]...",
    .text =
        "Reads the query together with each document (a cross-encoder) and prints the documents, the best first, "
        "each with its score from 0 to 1. Without documents and --file, they are the lines of standard input.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct rerank_options),
    .examples = "viv rerank ./ms-marco-MiniLM-L6-v2 \"what is a vivarium\" \"For animals\" \"Bread\"\n"
                "viv rerank ./bge-reranker-base \"a query\" --file documents.txt --top 3 --json",
    .group = GROUP_RUN,
    .models = true,
    .main = rerank,
};
