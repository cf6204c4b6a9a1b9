/* llm - dense text models: decoders, with or without an encoder before them, text in and text out; encoders alone
 * (encode.c), text in and vectors out.
 *
 * What a spec cannot say is the pipeline: the prompt becomes ids, the ids go through the graph in steps of as many
 * rows as it takes (or through an encoder as a whole: read.c), then one token at a time is chosen, fed back and
 * given out as text, until the model ends, a stop string appears, or there is no more room. A draft (draft.h) may
 * have proposed tokens, whose logits are computed ahead.
 *
 * Events: progress while a long prompt is read, token and text for each token, stats, done ("end", "stop",
 * "length", "cancelled"). */
#include "draft.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One request on its way. */
struct run {
    const struct llm *llm;
    const viv_request *request;
    const viv_sink *sink;
    viv_sequence *sequence;
    viv_sampler *sampler;
    viv_decoder *decoder;
    struct ahead *ahead; /* NULL: no draft */
    int32_t *prompt;     /* and what is there of the answer */
    uint64_t n_prompt;   /* of both */
    uint64_t n_said;     /* of what is there of the answer */
    uint64_t n_reused;   /* that the sequence held already */
    uint8_t *no_output;  /* zeros, for the rows of a step of the prompt */
    char *held;          /* text that may be the beginning of a stop string */
    uint64_t n_held, held_capacity;
    uint64_t n_answer;
    const char *why; /* the answer ended; NULL: it goes on */
};

double llm_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- the prompt --------------------------------------------------------------------------------------------- */

/* About as many ids as the messages can have: a byte is rarely more than one token. */
static uint64_t likely_tokens(const viv_request *request)
{
    uint64_t n = 4096;
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++)
            n += request->messages[i]->parts[k]->size;
    return n;
}

static viv_status read_prompt(struct run *r)
{
    const struct llm *l = r->llm;
    for (uint64_t capacity = likely_tokens(r->request);; capacity = r->n_prompt) {
        if (capacity > SIZE_MAX / sizeof *r->prompt / 2)
            return viv_fail(l->host, VIV_ELIMIT, "the prompt is too long");
        free(r->prompt);
        r->prompt = malloc((size_t)(capacity + 1) * sizeof *r->prompt);
        if (!r->prompt)
            return viv_fail(l->host, VIV_ENOMEM, "out of memory");
        viv_status status =
            l->text->encode_request(l->model, r->request, r->prompt, capacity, &r->n_prompt, &r->n_said);
        if (status != VIV_OK)
            return status;
        if (r->n_prompt <= capacity)
            break;
    }
    if (r->n_prompt == 0)
        return viv_fail(l->host, VIV_EINVAL,
                        "the prompt is empty, and this tokenizer puts nothing before a text: there is "
                        "nothing to continue");
    return VIV_OK;
}

/* --- what it needs ------------------------------------------------------------------------------------------- */

/* LIKELY_ANSWER: tokens that room is made for, however long an answer may be; LIKELY_PIECE: bytes of a token, and
 * more. */
enum { LIKELY_ANSWER = 8192, LIKELY_PIECE = 1024 };

uint64_t llm_most_tokens(const struct llm *l, const viv_request *request, uint64_t n_prompt)
{
    const uint64_t n = viv_min(request->max_tokens >= 0 ? (uint64_t)request->max_tokens : UINT64_MAX,
                               LIKELY_ANSWER),
                   context = l->sequences->context_length(l->model);
    return n_prompt < context && n < context - n_prompt ? n_prompt + n : context;
}

/* Room for the steps to come and for text that waits, so that no token of the answer allocates. */
static viv_status reserve(struct run *r)
{
    const struct llm *l = r->llm;
    const uint64_t n_prompt = llm_reads(l) ? 1 : r->n_prompt,
                   n_rows = viv_min(n_prompt, l->sequences->max_rows(l->model));
    for (uint32_t i = 0; i < r->request->n_stop; i++)
        r->held_capacity = viv_max(r->held_capacity, 2 * strlen(r->request->stop[i]) + LIKELY_PIECE);
    r->no_output = calloc((size_t)n_rows, 1);
    r->held = r->held_capacity ? malloc((size_t)r->held_capacity) : NULL;
    if (!r->no_output || (r->held_capacity && !r->held))
        return viv_fail(l->host, VIV_ENOMEM, "out of memory");
    return l->sequences->reserve(r->sequence, llm_most_tokens(l, r->request, n_prompt),
                                 viv_max(n_rows, r->ahead ? MAX_ROWS : 1), r->ahead ? MAX_DRAFT + 1 : 1);
}

/* What of the prompt the graph has not seen yet, through it; *logits of its last token. */
static viv_status prefill(struct run *r, const float **logits)
{
    const struct llm *l = r->llm;
    if (llm_reads(l))
        return llm_read(l, r->sequence, r->prompt, r->n_prompt, r->request->cancel, logits);
    uint64_t max_rows = l->sequences->max_rows(l->model), n_outputs;
    const uint64_t n_text = r->n_prompt > r->n_said ? r->n_prompt - r->n_said : r->n_prompt;
    viv_status status = VIV_OK;
    if (r->request->sequence)
        status = l->sequences->reuse_prefix(r->sequence, r->prompt, r->n_prompt - 1, n_text, &r->n_reused);
    for (uint64_t done = r->n_reused; status == VIV_OK && done < r->n_prompt;) {
        const uint64_t n = l->sequences->next_rows(r->sequence, r->n_prompt - done, max_rows);
        const viv_rows rows = {.struct_size = sizeof rows,
                               .sequence = r->sequence,
                               .n_rows = n,
                               .tokens = r->prompt + done,
                               .output_rows = done + n < r->n_prompt ? r->no_output : NULL,
                               .length = n_text};
        const viv_rows *const list[] = {&rows};
        status = viv_emit_progress(r->sink, "prompt", done, r->n_prompt);
        if (status == VIV_OK)
            status = l->sequences->step(l->model, list, 1, r->request->cancel, logits, &n_outputs);
        done += n;
    }
    return status;
}

/* --- the answer ----------------------------------------------------------------------------------------------- */

/* Where a stop string begins in the held text, or n_held; *partial: where one may have begun at its end. */
static uint64_t find_stop(const struct run *r, uint64_t *partial)
{
    uint64_t found = r->n_held;
    *partial = r->n_held;
    for (uint32_t i = 0; i < r->request->n_stop; i++) {
        const char *stop = r->request->stop[i];
        uint64_t n = strlen(stop);
        for (uint64_t at = 0; n > 0 && at < r->n_held; at++) {
            uint64_t left = r->n_held - at;
            if (left >= n && memcmp(r->held + at, stop, n) == 0 && at < found)
                found = at;
            if (left < n && memcmp(r->held + at, stop, left) == 0 && at < *partial)
                *partial = at;
        }
    }
    return found;
}

/* Gives out new text, but for what may become a stop string. */
static viv_status give_text(struct run *r, const char *text, uint64_t size)
{
    if (r->request->n_stop == 0)
        return viv_emit_text(r->sink, text, size);
    if (r->n_held + size > r->held_capacity) {
        uint64_t capacity = 2 * (r->n_held + size);
        char *grown = realloc(r->held, (size_t)capacity);
        if (!grown)
            return viv_fail(r->llm->host, VIV_ENOMEM, "out of memory");
        r->held = grown;
        r->held_capacity = capacity;
    }
    if (size)
        memcpy(r->held + r->n_held, text, (size_t)size);
    r->n_held += size;
    uint64_t partial, found = find_stop(r, &partial);
    uint64_t n = found < r->n_held ? found : partial;
    viv_status status = viv_emit_text(r->sink, r->held, n);
    if (found < r->n_held) {
        r->why = "stop";
        r->n_held = 0;
    } else if (n) {
        memmove(r->held, r->held + n, (size_t)(r->n_held - n));
        r->n_held -= n;
    }
    return status;
}

static viv_status give_token(struct run *r, int32_t token, float logprob)
{
    const struct llm *l = r->llm;
    const char *text;
    uint64_t size;
    viv_status status = viv_emit_token(r->sink, token, logprob);
    if (status == VIV_OK)
        status = l->text->decoder_push(r->decoder, token, &text, &size);
    return status == VIV_OK ? give_text(r, text, size) : status;
}

/* Whatever the decoder and the search for stop strings still hold. */
static viv_status give_rest(struct run *r)
{
    const char *text;
    uint64_t size;
    if (strcmp(r->why, "stop") == 0)
        return VIV_OK;
    viv_status status = r->llm->text->decoder_finish(r->decoder, &text, &size);
    if (status == VIV_OK)
        status = give_text(r, text, size);
    return status == VIV_OK ? viv_emit_text(r->sink, r->held, r->n_held) : status;
}

const viv_grammar *llm_grammar(const viv_request *request)
{
    return VIV_HAS(request, viv_request, grammar) ? request->grammar : NULL;
}

int llm_ends(const struct llm *l, const viv_request *request, int32_t token)
{
    if (token < 0) /* a grammar's text is whole */
        return 1;
    if (request->flags & VIV_REQUEST_IGNORE_EOS && !llm_grammar(request))
        return 0;
    return l->text->is_end(l->model, token);
}

/* Feeds one token, for the logits of the next. */
static viv_status feed(struct run *r, int32_t token, const float **logits)
{
    const struct llm *l = r->llm;
    uint64_t n_outputs;
    if (r->ahead)
        return ahead_next(r->ahead, token, logits);
    const viv_rows rows = {.struct_size = sizeof rows, .sequence = r->sequence, .n_rows = 1, .tokens = &token};
    const viv_rows *const list[] = {&rows};
    return l->sequences->step(l->model, list, 1, r->request->cancel, logits, &n_outputs);
}

static viv_status answer(struct run *r, const float *logits)
{
    const struct llm *l = r->llm;
    int64_t max = r->request->max_tokens;
    const uint64_t context = l->sequences->context_length(l->model);
    uint64_t length = l->sequences->length(r->sequence); /* without what is drafted */
    while (!r->why) {
        int32_t token;
        float logprob;
        if (max >= 0 && r->n_answer >= (uint64_t)max) {
            r->why = "length";
            break;
        }
        viv_status status = l->samplers->choose(r->sampler, logits, &token, &logprob);
        if (status != VIV_OK)
            return status;
        if (llm_ends(l, r->request, token)) {
            r->why = "end";
            break;
        }
        r->n_answer++;
        status = give_token(r, token, logprob);
        if (status != VIV_OK || r->why)
            return status;
        if (length >= context || (max >= 0 && r->n_answer >= (uint64_t)max)) {
            r->why = "length";
            break;
        }
        status = feed(r, token, &logits);
        length++;
        if (status == VIV_ECANCELLED || viv_is_cancelled(r->request->cancel))
            r->why = "cancelled";
        else if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* --- the draft ------------------------------------------------------------------------------------------------ */

static bool wants_draft(const viv_request *request)
{
    return request->draft || (request->flags & VIV_REQUEST_DRAFT_NGRAMS);
}

static viv_status begin_draft(struct run *r)
{
    const struct llm *l = r->llm;
    uint64_t n = r->n_prompt, first = 0;
    if (llm_reads(l)) { /* a text of its own, of which a proposal may be what the prompt says */
        first = n;
        r->prompt[n++] = llm_start(l);
    }
    return ahead_create(l, r->request, r->sequence, r->prompt, n, first, &r->ahead);
}

/* --- the class ------------------------------------------------------------------------------------------------ */

static viv_status begin(struct run *r)
{
    static const viv_sampling greedy = {
        .struct_size = sizeof greedy, .top_p = 1, .typical_p = 1, .repetition_penalty = 1};
    const struct llm *l = r->llm;
    const viv_sampling *sampling = r->request->sampling ? r->request->sampling : &greedy;
    if (strcmp(l->params->get_word(l->model, "output", "logits"), "logits") != 0)
        return viv_fail(l->host, VIV_EUNSUPPORTED,
                        "this model reads texts and writes none: see viv embed, rerank, classify");
    const uint64_t context = l->sequences->context_length(l->model);
    viv_status status = read_prompt(r);
    if (status == VIV_OK && r->n_prompt > context)
        status = viv_fail(l->host, VIV_ELIMIT,
                          "the prompt has %" PRIu64 " tokens, and the context holds %" PRIu64
                          ": make it shorter, or the context larger (--context)",
                          r->n_prompt, context);
    if (status == VIV_OK && r->n_said > 0 && llm_reads(l))
        status =
            viv_fail(l->host, VIV_EUNSUPPORTED, "an answer does not go on where an encoder has read its prompt");
    r->sequence = r->request->sequence;
    if (status == VIV_OK && !r->sequence)
        status = l->sequences->create(l->model, &r->sequence);
    if (status == VIV_OK)
        status = l->samplers->create(sampling, l->sequences->output_dim(l->model), &r->sampler);
    if (status == VIV_OK && llm_grammar(r->request))
        status = l->samplers->constrain(r->sampler, l->model, llm_grammar(r->request));
    const int32_t start = llm_start(l); /* an answer that does not continue its prompt may repeat what that says */
    if (status == VIV_OK)
        status = llm_reads(l) ? l->samplers->see(r->sampler, &start, 1)
                              : l->samplers->see(r->sampler, r->prompt, r->n_prompt - r->n_said);
    if (status == VIV_OK && r->n_said > 0)
        status = l->samplers->resume(r->sampler, r->prompt + r->n_prompt - r->n_said, r->n_said);
    if (status == VIV_OK)
        status = l->text->decoder_create(l->model, &r->decoder);
    return status;
}

/* The decoder hears the prompt too, so that the answer's first token is decoded as one that follows others; unless
 * it does not. Where the prompt is not part of the output, none of its text may come out with the answer. */
static viv_status hear_prompt(struct run *r)
{
    const int echo = (r->request->flags & VIV_REQUEST_ECHO) != 0;
    const char *text;
    uint64_t size;
    viv_status status = VIV_OK;
    if (llm_reads(r->llm))
        return VIV_OK;
    for (uint64_t i = 0; status == VIV_OK && i < r->n_prompt; i++) {
        status = r->llm->text->decoder_push(r->decoder, r->prompt[i], &text, &size);
        if (status == VIV_OK && echo)
            status = viv_emit_text(r->sink, text, size);
    }
    return status == VIV_OK && !echo ? r->llm->text->decoder_finish(r->decoder, &text, &size) : status;
}

static viv_status carry_out(struct run *r)
{
    const float *logits = NULL;
    double start = llm_now(), answering = start;
    viv_status status = begin(r);
    if (status == VIV_OK)
        status = hear_prompt(r);
    if (status == VIV_OK && r->request->max_tokens != 0) {
        start = llm_now();
        if (wants_draft(r->request)) /* first, since it may be the same model, whose next step ends its logits */
            status = begin_draft(r);
        if (status == VIV_OK)
            status = reserve(r);
        if (status == VIV_OK && r->ahead)
            status = ahead_read_prompt(r->ahead, r->sink);
        if (status == VIV_OK)
            status = prefill(r, &logits);
        answering = llm_now();
        if (status == VIV_ECANCELLED) {
            r->why = "cancelled";
            status = VIV_OK;
        }
    }
    if (status == VIV_OK && r->request->max_tokens == 0)
        r->why = "length";
    if (status == VIV_OK)
        status = answer(r, logits);
    if (status == VIV_OK && r->ahead)
        status = ahead_end(r->ahead);
    double end = llm_now();
    if (status == VIV_OK)
        status = give_rest(r);
    if (status == VIV_OK)
        status = viv_emit_stat(r->sink, "prompt_tokens", (double)r->n_prompt);
    if (status == VIV_OK)
        status = viv_emit_stat(r->sink, "cached_tokens", (double)r->n_reused);
    if (status == VIV_OK)
        status = viv_emit_stat(r->sink, "answer_tokens", (double)r->n_answer);
    if (status == VIV_OK)
        status = viv_emit_stat(r->sink, "prompt_seconds", answering - start);
    if (status == VIV_OK)
        status = viv_emit_stat(r->sink, "answer_seconds", end - answering);
    if (status == VIV_OK && r->ahead)
        status = ahead_tell(r->ahead, r->sink);
    return status == VIV_OK ? viv_emit_done(r->sink, r->why) : status;
}

static viv_status run(void *instance, const viv_request *request, const viv_sink *sink)
{
    struct llm *l = instance;
    struct run r = {.llm = l, .request = request, .sink = sink};
    const uint32_t known = VIV_REQUEST_IGNORE_EOS | VIV_REQUEST_ECHO | VIV_REQUEST_RAW | VIV_REQUEST_CUT |
                           VIV_REQUEST_PARSE_SPECIAL | VIV_REQUEST_DRAFT_NGRAMS;
    if (!VIV_HAS(request, viv_request, draft_tokens) || !VIV_HAS(sink, viv_sink, emit))
        return viv_fail(l->host, VIV_EABI,
                        "llm is asked by a viv_request of %u bytes with a viv_sink of %u, expected %zu and %zu",
                        request->struct_size, sink->struct_size, sizeof *request, sizeof *sink);
    if (request->flags & ~known)
        return viv_fail(l->host, VIV_EUNSUPPORTED, "llm is asked with flags 0x%x, it knows 0x%x", request->flags,
                        known);
    if (request->task != VIV_TASK_GENERATE)
        return llm_encode(l, request, sink);
    viv_status status = carry_out(&r);
    ahead_destroy(r.ahead);
    l->text->decoder_destroy(r.decoder);
    l->samplers->destroy(r.sampler);
    if (!request->sequence)
        l->sequences->destroy(r.sequence);
    free(r.prompt);
    free(r.held);
    free(r.no_output);
    return status;
}

static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    struct llm *l = calloc(1, sizeof *l);
    if (!l)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    l->host = host;
    l->model = model;
    l->params = viv_need_service(host, VIV_SERVICE_PARAMS, sizeof *l->params);
    l->text = l->params ? viv_need_service(host, VIV_SERVICE_TEXT, sizeof *l->text) : NULL;
    l->sequences = l->text ? viv_need_service(host, VIV_SERVICE_SEQUENCES, sizeof *l->sequences) : NULL;
    l->samplers = l->sequences ? viv_need_service(host, VIV_SERVICE_SAMPLER, sizeof *l->samplers) : NULL;
    if (!l->samplers) {
        free(l);
        return VIV_EABI;
    }
    *instance = l;
    return VIV_OK;
}

static void close(void *instance)
{
    free(instance);
}

static const viv_architecture_class llm = {
    .struct_size = sizeof(viv_architecture_class),
    .name = "llm",
    .summary =
        "Dense text models: continues a text token by token, reads one and writes another, or makes vectors.",
    .open = open,
    .run = run,
    .close = close,
};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&llm, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures : NULL;
}

VIV_PLUGIN_BY("llm", "0.1.0", "Vivarium", .get_classes = get_classes)
