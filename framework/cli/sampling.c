/* sampling.c - see sampling.h. */
#include "cli/sampling.h"

#include "cli/out.h"
#include "cli/shared.h"
#include "engine/generation.h"
#include "engine/grammar_file.h"

#define OPT(field) offsetof(struct speaking, field)
const struct option sampling_options[] = {
    MAX_TOKENS_OPTION(OPT(n), "-1: until the model ends or its context is full", -1, 1e15),
    {"temp", 0, OPTION_FLOAT, OPT(temperature), "T", .help = "temperature; 0: always the most likely token",
     .min = 0, .max = 100, .aliases = "temperature"},
    {"top-k", 0, OPTION_INT, OPT(top_k), "K", .help = "choose among the K most likely tokens; 0: off", .min = 0,
     .max = INT32_MAX},
    {"top-p", 0, OPTION_FLOAT, OPT(top_p), "P",
     .help = "among the fewest tokens that together have probability P; 1: off", .min = 0, .max = 1},
    {"min-p", 0, OPTION_FLOAT, OPT(min_p), "P",
     .help = "not among tokens below P times the probability of the best; 0: off", .min = 0, .max = 1},
    {"typical-p", 0, OPTION_FLOAT, OPT(typical_p), "P",
     .help = "among the most typical tokens that have probability P; 1: off", .min = 0, .max = 1,
     .aliases = "typical"},
    {"repeat-penalty", 0, OPTION_FLOAT, OPT(repeat_penalty), "X",
     .help = "divide the logits of tokens that were there by X; 1: off", .min = 1e-3, .max = 1e3,
     .aliases = "repetition-penalty"},
    {"presence-penalty", 0, OPTION_FLOAT, OPT(presence_penalty), "X",
     .help = "subtract X from the logits of tokens that the answer has; 0: off", .min = -100, .max = 100},
    {"frequency-penalty", 0, OPTION_FLOAT, OPT(frequency_penalty), "X",
     .help = "subtract X for each time that the answer has the token; 0: off", .min = -100, .max = 100},
    {"logit-bias", 0, OPTION_BIAS, OPT(bias), "ID=X", .help = "add X to the logit of token ID; may be repeated"},
    {"seed", 's', OPTION_INT, OPT(seed), "N",
     .help = "the same seed gives the same text; without it, or with -1, each run differs", .min = -1,
     .max = 9.2e18},
    {"stop", 0, OPTION_STRINGS, OPT(stop), "TEXT", .help = "end before this text; may be repeated",
     .aliases = "stop-sequence|stop-string|reverse-prompt"},
    {"json-schema", 0, OPTION_STRING, OPT(json_schema), "FILE",
     .help = "the answer is JSON that the schema of FILE accepts", .aliases = "json-schema-file"},
    GRAMMAR_OPTION(OPT(grammar), "none: no grammar, whatever the spec says"),
    {"regex", 0, OPTION_STRING, OPT(regex), "R",
     .help = "the answer is a text that this regular expression matches whole"},
    {"choice", 0, OPTION_STRING, OPT(choice), "A,B",
     .help = "the answer is one of these texts; \\, is a comma in one"},
    {"draft", 0, OPTION_STRING, OPT(draft), "MODEL",
     .help =
         "a smaller MODEL of the same vocabulary proposes tokens, several of which are then computed in one step: "
         "the same answer, sooner; ngram: what followed the same tokens earlier is proposed, without a model; "
         "none: no draft, whatever the spec says",
     .aliases = "model-draft|md|draft-model|speculative-model"},
    {"draft-tokens", 0, OPTION_INT, OPT(draft_tokens), "N",
     .help = "draft N tokens in each step; 0, the default: as many as save time, by the times measured", .min = 0,
     .max = 32, .aliases = "draft-max|draft-n|num-speculative-tokens"},
    {"ignore-eos", 0, OPTION_FLAG, OPT(ignore_eos), .help = "go on when the model says that it has ended"},
    {0}};

static viv_status copy_bias(const struct speaking *o, struct request *r, struct error *err)
{
    int32_t *tokens = arena_array(&r->arena, o->bias.n, sizeof *tokens);
    float *values = arena_array(&r->arena, o->bias.n, sizeof *values);
    if (!tokens || !values)
        return error_nomem(err);
    for (size_t i = 0; i < o->bias.n; i++) {
        tokens[i] = o->bias.items[i].id;
        values[i] = o->bias.items[i].value;
    }
    r->sampling.bias_tokens = tokens;
    r->sampling.bias_values = values;
    r->sampling.n_bias = o->bias.n;
    return VIV_OK;
}

/* The grammar of the options, copied into the request. */
static viv_status copy_grammar(const struct speaking *o, struct request *r, struct error *err)
{
    struct grammar_file g = {0};
    viv_status status;
    if ((o->json_schema != NULL) + (o->grammar != NULL) + (o->regex != NULL) + (o->choice != NULL) > 1)
        return error_set(err, VIV_EINVAL,
                         "one of --json-schema, --grammar, --regex and --choice is wanted, not several");
    if (o->grammar && strcmp(o->grammar, "none") == 0) {
        r->viv.grammar = NULL; /* that of the spec */
        return VIV_OK;
    }
    if (o->json_schema)
        status = grammar_file_read(&g, o->json_schema, "json-schema", false, err);
    else if (o->grammar)
        status = grammar_file_read(&g, o->grammar, NULL, false, err);
    else if (o->regex)
        status = grammar_file_text(&g, VIV_GRAMMAR_REGEX, "--regex", o->regex, err);
    else
        status = grammar_file_text(&g, VIV_GRAMMAR_CHOICE, "--choice", o->choice, err);
    if (status == VIV_OK && !(r->viv.grammar = grammar_file_keep(&g, &r->arena)))
        status = error_nomem(err);
    grammar_file_release(&g);
    return status;
}

static void put(float *value, double given)
{
    if (!isnan(given))
        *value = (float)given;
}

viv_status sampling_apply(const struct speaking *o, struct request *r, struct error *err)
{
    viv_sampling *s = &r->sampling;
    put(&s->temperature, o->temperature);
    put(&s->top_p, o->top_p);
    put(&s->min_p, o->min_p);
    put(&s->typical_p, o->typical_p);
    put(&s->repetition_penalty, o->repeat_penalty);
    put(&s->presence_penalty, o->presence_penalty);
    put(&s->frequency_penalty, o->frequency_penalty);
    if (o->top_k != SETTING_NONE)
        s->top_k = (int32_t)o->top_k;
    if (o->n != SETTING_NONE)
        r->viv.max_tokens = o->n >= 0 ? o->n : -1;
    if (o->stop.n) {
        r->viv.stop = o->stop.items;
        r->viv.n_stop = (uint32_t)o->stop.n;
    }
    if (o->ignore_eos)
        r->viv.flags |= VIV_REQUEST_IGNORE_EOS;
    r->viv.draft_tokens = (uint64_t)o->draft_tokens;
    viv_status status = o->bias.n ? copy_bias(o, r, err) : VIV_OK;
    if (status == VIV_OK && (o->json_schema || o->grammar || o->regex || o->choice))
        status = copy_grammar(o, r, err);
    return status;
}

void sampling_seed(const struct speaking *o, int64_t seed, struct request *r)
{
    if (o->seed >= 0)
        seed = o->seed;
    else if (o->seed != SETTING_NONE) /* -1 */
        seed = generation_any_seed();
    if (seed >= 0)
        r->sampling.seed = (uint64_t)seed;
}
