/* generator.c - see generator.h. */
#include "engine/generator.h"

#include "base/size.h"
#include "base/text.h"
#include "engine/answer.h"
#include "engine/request.h"
#include "engine/script.h"
#include "grammar/grammar.h"
#include "grammar/program.h"
#include "spec/acting.h"

#include <stdlib.h>
#include <string.h>

/* Who answers under a name: a model, or a script. */
struct voice {
    char *name;
    viv_model *model;
    struct script *script;
};

static viv_status open_voice(struct generator *g, struct voice *v, struct error *err)
{
    char *answers = NULL;
    viv_status status = text_ends_in(v->name, ".yaml") ? spec_read_answers(v->name, &answers, err) : VIV_OK;
    if (status == VIV_OK && answers) {
        status = script_open(answers, &v->script, err);
    } else if (status == VIV_OK) {
        status = engine_open_model(g->engine, g->options, v->name, &v->model, err);
        if (status == VIV_OK)
            status = engine_load_model(v->model, err);
    }
    free(answers);
    return status;
}

static void close_voice(struct voice *v)
{
    free(v->name);
    model_close(v->model);
    script_close(v->script);
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

static viv_status ask(struct generator *g, viv_model *m, const viv_generation *what, uint64_t *n_tokens,
                      struct error *err)
{
    struct request r;
    struct answer a = {0};
    request_init(&r, m);
    r.viv.grammar = what->grammar;
    r.viv.cancel = what->cancel;
    r.viv.max_tokens = what->max_tokens;
    viv_status status = add_messages(&r, m, what, err);
    if (status == VIV_OK)
        status = answer_ask(&a, m, &r.viv, err);
    if (status == VIV_OK && strcmp(a.reason, "cancelled") == 0)
        status = error_set(err, VIV_ECANCELLED, "cancelled");
    if (status == VIV_OK && !buf_append(&g->text, buf_text(&a.text), a.text.size))
        status = error_nomem(err);
    *n_tokens = answer_n_tokens(&a);
    answer_release(&a);
    request_release(&r);
    return status;
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
    if (status == VIV_OK)
        status = v->script ? script_next(v->script, what->grammar, &g->text, &err)
                           : ask(g, v->model, what, n_tokens, &err);
    if (status != VIV_OK) {
        error_leave(status, err.text);
        return status;
    }
    *text = buf_text(&g->text);
    *size = g->text.size;
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
        .table = {.struct_size = sizeof g->table, .ctx = g, .generate = generate, .check = check},
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
