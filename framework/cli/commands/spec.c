/* viv spec - the language that architectures are written in: check, expand, schema, list. */
#include "base/near.h"
#include "cli/compare/facts.h"
#include "cli/open.h"
#include "cli/shared.h"
#include "engine/acting.h"
#include "engine/load.h"
#include "spec/acting.h"

#include <string.h>

struct spec_options {
    struct common common;
    bool json, hash;
};

#define OPT(field) offsetof(struct spec_options, field)
static const struct option table[] = {
    {"hash", 0, OPTION_FLAG, OPT(hash), .help = "of expand: print the SHA-256 of the expansion instead"},
    JSON_OPTION(OPT(json), "of check and list: one object"),
    {0}};

/* --- check --------------------------------------------------------------------------------------------- */

/* How far a spec could be followed. */
enum reached { REACHED_SPEC, REACHED_GRAPH, REACHED_WEIGHTS, REACHED_STAGES };

/* A spec, or a checkpoint by its family's: a family alone waits for a checkpoint to give it numbers. */
static viv_status read_spec(struct opened *o, const char *name, bool *complete, struct error *err)
{
    struct architecture architecture;
    struct spec *s = NULL;
    struct expansion *e = NULL;
    viv_status status = spec_open(o->world, name, &s, err);
    *complete = true;
    if (status == VIV_OK)
        status = host_architecture(engine_host(o->engine), spec_architecture(s), &architecture, err);
    if (status == VIV_OK && !spec_checkpoint(s)) {
        status = spec_expand(s, NULL, &e, err);
        expansion_destroy(e);
        *complete = status != VIV_ENOTFOUND;
    }
    spec_close(s);
    return *complete ? status : VIV_OK;
}

/* Everything that would refuse the model when it runs: what it is built of, its weights, their types. */
static viv_status check_one(struct opened *o, const struct common *common, const char *name, enum reached *reached,
                            struct error *err)
{
    bool complete, acts;
    viv_status status = acting_check(o->engine, name, &acts, err);
    *reached = acts ? REACHED_STAGES : REACHED_SPEC;
    if (status != VIV_OK || acts)
        return status;
    status = read_spec(o, name, &complete, err);
    if (status != VIV_OK || !complete)
        return status;
    status = cli_open_model(o, common, name, err);
    if (status == VIV_OK)
        *reached = REACHED_GRAPH;
    if (status == VIV_OK && model_checkpoint(o->model) && !model_checkpoint(o->model)->no_weights) {
        status = cli_load_model(o, err);
        if (status == VIV_OK)
            *reached = REACHED_WEIGHTS;
    }
    model_close(o->model);
    o->model = NULL;
    return status;
}

static viv_status check(struct opened *o, const struct arguments *a, struct error *err)
{
    const struct spec_options *options = a->options;
    json_t *list = options->json ? json_array() : NULL;
    viv_status worst = VIV_OK;
    for (size_t i = 1; i < a->n_words; i++) {
        static const char *const told[] = {"correct, its numbers come with a checkpoint",
                                           "correct, its graph can be built", "correct, it can run",
                                           "correct, it acts (viv act)"};
        enum reached reached;
        if (worst != VIV_OK && !options->json)
            cli_fail(err); /* the last one is told by whoever called us */
        viv_status status = check_one(o, &options->common, a->words[i], &reached, err);
        if (status != VIV_OK)
            worst = status;
        if (options->json) {
            json_t *item =
                json_pack("{s:o, s:b, s:b, s:b, s:o}", "spec", cli_json_word(a->words[i]), "ok", status == VIV_OK,
                          "built", reached > REACHED_SPEC, "runs", reached == REACHED_WEIGHTS, "error",
                          cli_json_word(status == VIV_OK ? NULL : err->text));
            if (json_array_append_new(list, item) != 0) {
                json_decref(list);
                return error_nomem(err);
            }
        } else if (status == VIV_OK) {
            printf("%s: %s\n", a->words[i], told[reached]);
        }
    }
    if (options->json &&
        cli_print_json(json_pack("{s:b, s:o}", "ok", worst == VIV_OK, "specs", list), false, err) != VIV_OK)
        return VIV_ENOMEM;
    return worst;
}

/* --- expand, schema ------------------------------------------------------------------------------------------ */

static viv_status expand(struct opened *o, const struct arguments *a, struct error *err)
{
    const struct spec_options *options = a->options;
    struct buf text = {0};
    char hex[65];
    viv_status status = cli_open_model(o, &options->common, a->words[1], err);
    if (status == VIV_OK && options->hash) {
        status = expansion_hash(model_expansion(o->model), hex, err);
        if (status == VIV_OK)
            puts(hex);
    } else if (status == VIV_OK) {
        status = expansion_print(model_expansion(o->model), &text, err);
        if (status == VIV_OK)
            fwrite(buf_text(&text), 1, text.size, stdout);
    }
    buf_release(&text);
    return status;
}

static viv_status schema(struct opened *o, const struct arguments *a, struct error *err)
{
    struct buf text = {0};
    (void)a;
    viv_status status = host_load_layers(engine_host(o->engine), err);
    if (status == VIV_OK)
        status = spec_schema(o->world, &text, err);
    if (status == VIV_OK)
        fwrite(buf_text(&text), 1, text.size, stdout);
    buf_release(&text);
    return status;
}

/* --- list ---------------------------------------------------------------------------------------------------- */

/* One spec of a listing. */
struct entry {
    const char *name, *title, *source, *family, *architecture;
    uint64_t params, active, context; /* 0: they come with a checkpoint */
    struct error why;                 /* it cannot be read; status VIV_OK: it can */
};

/* Whether each word stands somewhere in the entry, whatever its case. */
static bool has_words(const struct entry *e, const char **words, size_t n)
{
    const char *const texts[] = {e->name, e->title, e->family, e->architecture};
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            found |= texts[t] && strcasestr(texts[t], words[i]);
        if (!found)
            return false;
    }
    return true;
}

static viv_status count_params(struct opened *o, const struct common *common, struct entry *e, struct error *err)
{
    struct facts f;
    viv_status status = cli_open_model(o, common, e->name, err);
    if (status == VIV_OK)
        status = facts_of(o->model, &f, err);
    if (status == VIV_OK) {
        e->params = f.params;
        e->active = f.active;
        e->context = f.context;
    }
    model_close(o->model);
    o->model = NULL;
    return status;
}

static json_t *known(uint64_t n)
{
    return n ? json_integer((json_int_t)n) : json_null();
}

static void describe(struct entry *e, const struct spec *s, const json_t *acting)
{
    if (s) {
        e->title = spec_title(s);
        e->source = spec_source(s);
        e->family = spec_family(s);
        e->architecture = spec_architecture(s);
    } else if (acting) {
        e->title = json_string_value(json_object_get(acting, "title"));
        e->source = json_string_value(json_object_get(acting, "source"));
        e->architecture = json_string_value(json_object_get(acting, "architecture"));
    }
}

/* s: a model's spec, or NULL: one that acts or that cannot be read. */
static viv_status show_entry(struct opened *o, const struct arguments *a, const struct spec *s, struct entry *e,
                             struct columns *columns, json_t *list, struct error *err)
{
    const struct spec_options *options = a->options;
    viv_status status = s ? VIV_OK : e->why.status;
    if (!has_words(e, a->words + 1, a->n_words - 1))
        return VIV_OK;
    if (s)
        status = count_params(o, &options->common, e, &e->why);
    if (status == VIV_ENOMEM)
        return error_nomem(err);
    /* a family alone waits for numbers */
    const bool unread = status != VIV_OK && (!s || status != VIV_ENOTFOUND || spec_checkpoint(s));
    if (options->json)
        return json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                                                     cli_json_word(e->name), "title", cli_json_word(e->title),
                                                     "family", cli_json_word(e->family), "architecture",
                                                     cli_json_word(e->architecture), "params_total",
                                                     known(e->params), "params_active", known(e->active), "context",
                                                     known(e->context), "source", cli_json_word(e->source), "error",
                                                     cli_json_word(unread ? e->why.text : NULL))) == 0
                   ? VIV_OK
                   : error_nomem(err);
    static const char *const head[] = {"name", "parameters", "active", "architecture", "family", "source"};
    for (size_t i = 0; columns->n < sizeof head / sizeof *head && !columns->failed; i++)
        columns_add(columns, "%s", head[i]);
    columns_add(columns, "%s", e->name);
    columns_add(columns, "%s", e->params ? human_count(e->params).text : "-");
    columns_add(columns, "%s", e->params ? human_count(e->active).text : "-");
    columns_add(columns, "%s", e->architecture ? e->architecture : "-");
    columns_add(columns, "%s", e->family ? e->family : "-");
    columns_add(columns, "%s", unread ? e->why.text : e->source ? e->source : "");
    return VIV_OK;
}

static viv_status list(struct opened *o, const struct arguments *a, struct error *err)
{
    const struct spec_options *options = a->options;
    struct spec_listing l = {0};
    struct columns columns = {.align = "lrrlll"};
    json_t *specs = options->json ? json_array() : NULL;
    viv_status status = spec_list(o->world, &l, err);
    for (size_t i = 0; status == VIV_OK && i < l.n; i++) {
        struct entry e = {.name = l.names[i]};
        struct spec *s = NULL;
        json_t *acting = NULL;
        status = spec_read_acting(o->world, l.names[i], &acting, &e.why);
        if (status == VIV_OK && !acting)
            status = spec_open(o->world, l.names[i], &s, &e.why);
        status = status == VIV_ENOMEM ? error_nomem(err) : VIV_OK;
        describe(&e, s, acting);
        if (status == VIV_OK)
            status = show_entry(o, a, s, &e, &columns, specs, err);
        spec_close(s);
        json_decref(acting);
    }
    spec_listing_release(&l);
    if (status == VIV_OK && options->json)
        return cli_print_json(json_pack("{s:o}", "specs", specs), false, err);
    json_decref(specs);
    if (status == VIV_OK && columns.n == 0)
        status = error_set(err, VIV_ENOTFOUND,
                           "no spec has all of these words in its name, title, family or architecture");
    const viv_status printed = columns_print(&columns, 0, status == VIV_OK ? err : &(struct error){0});
    return status == VIV_OK ? printed : status;
}

static const struct action {
    const char *name;
    size_t least, most; /* words after it */
    viv_status (*run)(struct opened *o, const struct arguments *a, struct error *err);
} actions[] = {
    {"check", 1, SIZE_MAX, check}, {"expand", 1, 1, expand}, {"schema", 0, 0, schema}, {"list", 0, SIZE_MAX, list}};

static int unknown_action(const char *word)
{
    const char *const names[] = {"check", "expand", "schema", "list"};
    const char *near = near_word(word, names, 4);
    if (near)
        return cli_usage_error("spec", "there is no 'spec %s'; did you mean 'spec %s'?", word, near);
    return cli_usage_error("spec", "there is no 'spec %s'", word);
}

static int spec(const struct arguments *a)
{
    const struct spec_options *options_given = a->options;
    const struct action *action = NULL;
    struct opened o = {0};
    struct error err = {0};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, a->words[0]) == 0)
            action = &actions[i];
    if (!action)
        return unknown_action(a->words[0]);
    if (a->n_words - 1 < action->least)
        return cli_usage_error("spec", "MODEL is missing after '%s'", action->name);
    if (a->n_words - 1 > action->most)
        return cli_usage_error("spec", "nothing is expected where '%s' stands", a->words[1 + action->most]);
    viv_status status = cli_open_world(&o, &options_given->common, &err);
    if (status == VIV_OK)
        status = action->run(&o, a, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_spec = {
    .name = "spec",
    .summary = "check, expand and list specs; their JSON schema",
    .words = "check|expand|schema|list [MODEL|WORD]...",
    .text = "check reads specs and says what is wrong with them, with file, line and column; of a checkpoint, also "
            "what of it cannot be computed; expand prints a model in its flat form, every layer and weight written "
            "out; schema prints a JSON Schema for editors; list shows the specs that can be named, or those with "
            "all of some words in their name, title, family or architecture. man viv-spec describes the language.",
    .options = table,
    .options_size = sizeof(struct spec_options),
    .examples = "viv spec list\n"
                "viv spec list moe qwen\n"
                "viv spec check llama llm\n"
                "viv spec expand llm\n"
                "viv spec expand llm --hash\n"
                "viv spec schema > viv-schema.json",
    .group = GROUP_FRAMEWORK,
    .main = spec,
};
