/* generator.c - see generator.h. */
#include "engine/generator.h"

#include "base/size.h"
#include "base/text.h"
#include "dialect/dialect.h"
#include "engine/answer.h"
#include "engine/generation.h"
#include "engine/request.h"
#include "engine/script.h"
#include "grammar/grammar.h"
#include "grammar/program.h"
#include "spec/acting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Who answers under a name: a model, or a script. */
struct voice {
    char *name;
    viv_model *model;
    struct script *script;
    struct dialect_list dialects; /* of a script that calls tools */
    const struct dialect *dialect;
};

static viv_status find_dialect(struct generator *g, struct voice *v, const char *name, struct error *err)
{
    const struct spec_world *world;
    viv_status status = engine_world(g->engine, &world, err);
    if (status == VIV_OK)
        status = dialects_read(world->directories, &v->dialects, err);
    for (size_t i = 0; status == VIV_OK && i < v->dialects.n; i++)
        if (strcmp(v->dialects.v[i]->name, name) == 0)
            v->dialect = v->dialects.v[i];
    return status != VIV_OK || v->dialect
               ? status
               : error_set(err, VIV_EINVAL, "%s: there is no dialect '%.100s' (viv tools lists them)", v->name,
                           name);
}

static viv_status open_voice(struct generator *g, struct voice *v, struct error *err)
{
    char *answers = NULL, *dialect = NULL;
    viv_status status =
        text_ends_in(v->name, ".yaml") ? spec_read_answers(v->name, &answers, &dialect, err) : VIV_OK;
    if (status == VIV_OK && answers) {
        status = script_open(answers, dialect != NULL, &v->script, err);
        if (status == VIV_OK && dialect)
            status = find_dialect(g, v, dialect, err);
    } else if (status == VIV_OK) {
        status = engine_open_model(g->engine, g->options, v->name, &v->model, err);
        if (status == VIV_OK)
            status = engine_load_model(v->model, err);
    }
    free(answers);
    free(dialect);
    return status;
}

static void close_voice(struct voice *v)
{
    free(v->name);
    model_close(v->model);
    script_close(v->script);
    dialects_release(&v->dialects);
}

static viv_status find_voice(struct generator *g, const char *use, struct voice **out, struct error *err)
{
    if (!use)
        use = g->use;
    if (!use)
        return error_set(err, VIV_EINVAL, "a stage asks a model, and the spec names none: 'use' is missing");
    for (size_t i = 0; i < g->n_voices; i++)
        if (strcmp(g->voices[i].name, use) == 0) {
            *out = &g->voices[i];
            return VIV_OK;
        }
    struct voice v = {.name = strdup(use)};
    viv_status status =
        v.name && VEC_RESERVE(g->voices, g->n_voices, g->capacity) ? open_voice(g, &v, err) : error_nomem(err);
    if (status != VIV_OK) {
        close_voice(&v);
        return status;
    }
    *out = &g->voices[g->n_voices];
    g->voices[g->n_voices++] = v;
    return VIV_OK;
}

/* --- asking ------------------------------------------------------------------------------------------------- */

/* A model without a chat template reads the messages as one text. */
static viv_status add_messages(struct request *r, viv_model *m, const viv_generation *what, struct error *err)
{
    const struct chat_template *template;
    struct error none;
    const bool talks = model_chat_template(m, false, &template, &none) == VIV_OK;
    viv_status status = talks ? VIV_OK : request_add_message(r, NULL, err);
    for (uint32_t i = 0; status == VIV_OK && i < what->n_messages; i++) {
        const viv_message *message = what->messages[i];
        if (talks)
            status = request_add_message(r, message->role, err);
        for (uint32_t k = 0; status == VIV_OK && k < message->n_parts; k++) {
            const viv_part *p = message->parts[k];
            status = request_add_part(r, p->kind, p->data, p->size, p->name, err);
        }
        if (status == VIV_OK && !talks)
            status = request_add_part(r, VIV_PART_TEXT, "\n", 1, NULL, err);
    }
    return status;
}

/* The one call of an answer, which keeps to functions in the model's own dialect. */
static viv_status take_call(struct generator *g, const struct answer *a, struct error *err)
{
    if (a->n_calls != 1)
        return error_set(err, VIV_EFORMAT,
                         "the answer is no whole call of a tool after %" PRIu64 " tokens: raise its max_tokens",
                         answer_n_tokens(a));
    return buf_puts(&g->text, a->calls[0]) ? VIV_OK : error_nomem(err);
}

static viv_status set_functions(struct request *r, const viv_generation *what, struct error *err)
{
    if (!what->n_messages || !r->viv.messages[0]->role)
        return error_set(err, VIV_EUNSUPPORTED,
                         "a model without a chat template has no calls of its own: it acts by JSON (act_by: json)");
    r->viv.tools = what->functions;
    r->viv.variables = what->variables;
    r->viv.tool_choice = "required";
    r->viv.flags |= VIV_REQUEST_ONE_CALL;
    return VIV_OK;
}

static viv_status ask(struct generator *g, viv_model *m, const viv_generation *what, uint64_t *n_tokens,
                      struct error *err)
{
    struct request r;
    struct answer a = {0};
    request_init(&r, m);
    generation_sampling(m, GENERATION_ACTION, &r.sampling);
    r.viv.grammar = what->grammar;
    r.viv.cancel = what->cancel;
    r.viv.max_tokens = what->max_tokens;
    const bool calls = VIV_HAS(what, viv_generation, variables) && what->functions;
    viv_status status = add_messages(&r, m, what, err);
    if (status == VIV_OK && calls)
        status = set_functions(&r, what, err);
    if (status == VIV_OK)
        status = answer_ask(&a, m, &r.viv, err);
    if (status == VIV_OK && strcmp(a.reason, "cancelled") == 0)
        status = error_set(err, VIV_ECANCELLED, "cancelled");
    if (status == VIV_OK && calls)
        status = take_call(g, &a, err);
    else if (status == VIV_OK && !buf_append(&g->text, buf_text(&a.text), a.text.size))
        status = error_nomem(err);
    *n_tokens = answer_n_tokens(&a);
    answer_release(&a);
    request_release(&r);
    return status;
}

static viv_status ask_script(struct generator *g, const struct voice *v, const viv_generation *what,
                             struct error *err)
{
    if (!VIV_HAS(what, viv_generation, variables) || !what->functions)
        return script_next(v->script, what->grammar, &g->text, err);
    if (!v->dialect)
        return error_set(err, VIV_EINVAL, "%s: its answers call no tools: expected 'dialect', such as hermes",
                         v->name);
    return script_next_call(v->script, v->dialect, what->functions, &g->text, err);
}

static viv_status generate(const viv_generator *generator, const char *use, const viv_generation *what,
                           const char **text, uint64_t *size, uint64_t *n_tokens)
{
    struct generator *g = generator->ctx;
    struct voice *v = NULL;
    struct error err;
    buf_clear(&g->text);
    *n_tokens = 0;
    viv_status status = what && VIV_HAS(what, viv_generation, cancel)
                            ? find_voice(g, use, &v, &err)
                            : error_set(&err, VIV_EABI, "viv_generator.generate: NULL");
    if (status == VIV_EFORMAT) /* is said of answers: a model that cannot be opened gives none */
        status = VIV_EINVAL;
    if (status == VIV_OK)
        status = v->script ? ask_script(g, v, what, &err) : ask(g, v->model, what, n_tokens, &err);
    if (status != VIV_OK) {
        error_leave(status, err.text);
        return status;
    }
    *text = buf_text(&g->text);
    *size = g->text.size;
    return VIV_OK;
}

static viv_status ask_vector(struct generator *g, viv_model *m, const char *text, uint64_t size, struct error *err)
{
    struct request r;
    struct answer a = {0};
    request_init(&r, m);
    r.viv.task = VIV_TASK_EMBED;
    r.viv.flags = VIV_REQUEST_CUT;
    viv_status status = request_add_message(&r, NULL, err);
    if (status == VIV_OK)
        status = request_add_part(&r, VIV_PART_TEXT, text, size, NULL, err);
    if (status == VIV_OK)
        status = answer_ask(&a, m, &r.viv, err);
    if (status == VIV_OK && a.rows != 1)
        status = error_set(err, VIV_EINVAL, "the model gives no vector for a text");
    buf_clear(&g->text);
    if (status == VIV_OK && !buf_append(&g->text, buf_text(&a.numbers), a.numbers.size))
        status = error_nomem(err);
    answer_release(&a);
    request_release(&r);
    return status;
}

static viv_status embed(const viv_generator *generator, const char *use, const char *text, uint64_t size,
                        const float **vector, uint64_t *dim)
{
    struct generator *g = generator->ctx;
    struct voice *v = NULL;
    struct error err;
    viv_status status = find_voice(g, use, &v, &err);
    if (status == VIV_OK && !v->model)
        status =
            error_set(&err, VIV_EINVAL, "%s: expected a model that gives vectors of texts, found answers", v->name);
    if (status == VIV_OK)
        status = ask_vector(g, v->model, text, size, &err);
    if (status != VIV_OK) {
        error_leave(status, err.text);
        return status;
    }
    *vector = (const float *)(const void *)buf_text(&g->text);
    *dim = g->text.size / sizeof **vector;
    return VIV_OK;
}

static viv_status check(const viv_generator *generator, const viv_grammar *grammar)
{
    struct program *program = NULL;
    struct error err;
    (void)generator;
    const struct grammar_source source = {.kind = grammar->kind,
                                          .name = grammar->name,
                                          .text = grammar->text,
                                          .size = grammar->size,
                                          .lenient = (grammar->flags & VIV_GRAMMAR_LENIENT) != 0};
    const viv_status status = grammar_compile(&source, &program, NULL, &err);
    if (status != VIV_OK)
        error_leave(status, err.text);
    program_destroy(program);
    return status;
}

void generator_init(struct generator *g, struct engine *e, const struct model_options *options, const char *use)
{
    *g = (struct generator){
        .table = {.struct_size = sizeof g->table, .ctx = g, .generate = generate, .check = check, .embed = embed},
        .engine = e,
        .options = options,
        .use = use};
}

void generator_release(struct generator *g)
{
    for (size_t i = 0; i < g->n_voices; i++)
        close_voice(&g->voices[i]);
    free(g->voices);
    buf_release(&g->text);
}
