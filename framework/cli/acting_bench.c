/* acting_bench.c - see acting_bench.h. The architecture measures, and gives the schema of an action; the host has
 * the grammar. */
#include "cli/acting_bench.h"

#include "cli/acting.h"
#include "cli/grammar_bench.h"
#include "cli/interrupt.h"
#include "cli/token_source.h"
#include "grammar/grammar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The bars of the design, in seconds. */
static const double MOST_OVERHEAD = 1e-3 /* and an fsync */, MOST_PERCEPTION = 100e-3;

struct report {
    json_t *actions, *page; /* as they were told */
    json_t *schema;
    json_int_t names;
};

static viv_status hear(void *ctx, const json_t *event, struct error *err)
{
    struct report *r = ctx;
    const char *kind = json_string_value(json_object_get(event, "event"));
    json_t *copy = json_copy((json_t *)event);
    bool ok = copy != NULL;
    json_object_del(copy, "event");
    if (kind && strcmp(kind, "bench_action") == 0) {
        ok = json_array_append(r->actions, copy) == 0;
    } else if (kind && strcmp(kind, "bench_page") == 0) {
        json_decref(r->page);
        r->page = json_incref(copy);
    } else if (kind && strcmp(kind, "bench_schema") == 0) {
        json_decref(r->schema);
        r->schema = json_incref(json_object_get(event, "schema"));
        r->names = json_integer_value(json_object_get(event, "names"));
    }
    json_decref(copy);
    return ok ? VIV_OK : error_nomem(err);
}

static viv_status measure_masks(const struct report *r, const struct tokenizer *t, int64_t rounds,
                                struct grammar_cost *cost, struct error *err)
{
    char *text = r->schema ? json_dumps(r->schema, JSON_COMPACT) : NULL;
    const struct grammar_source source = {
        .kind = VIV_GRAMMAR_JSON_SCHEMA, .name = "the next action", .text = text, .size = text ? strlen(text) : 0};
    const viv_status status = text ? grammar_cost(&source, t, rounds, cost, err)
                                   : error_set(err, VIV_EABI, "the architecture tells no schema of an action");
    free(text);
    return status;
}

static double seconds_of(const json_t *v, const char *key)
{
    return json_number_value(json_object_get(v, key));
}

static void print_action(const json_t *a)
{
    const double overhead = seconds_of(a, "overhead_seconds"), one = seconds_of(a, "fsync_seconds");
    printf("%-12s %.3f ms with the journal, %.3f ms without: %.3f ms more; an fsync takes %.3f ms%s\n",
           json_string_value(json_object_get(a, "tool")), seconds_of(a, "seconds") * 1e3,
           seconds_of(a, "bare_seconds") * 1e3, overhead * 1e3, one * 1e3,
           overhead > one + MOST_OVERHEAD ? "   above an fsync and 1 ms, which are aimed at" : "");
}

static void print_for_people(const struct report *r, const struct grammar_cost *cost)
{
    const char *reason = json_string_value(json_object_get(r->page, "reason"));
    const double seconds = seconds_of(r->page, "seconds");
    size_t i;
    json_t *a;
    json_array_foreach(r->actions, i, a) print_action(a);
    if (reason || !r->page)
        printf("perception   not measured: %s\n", reason ? reason : "the architecture sees no pages");
    else
        printf("perception   %.1f ms (%.1f to %.1f over %" JSON_INTEGER_FORMAT
               " pages) of a page with %" JSON_INTEGER_FORMAT " elements%s\n",
               seconds * 1e3, seconds_of(r->page, "min_seconds") * 1e3, seconds_of(r->page, "max_seconds") * 1e3,
               json_integer_value(json_object_get(r->page, "pages")),
               json_integer_value(json_object_get(r->page, "elements")),
               seconds > MOST_PERCEPTION ? "   above the 100 ms that are aimed at" : "");
    printf("the next action over %" JSON_INTEGER_FORMAT " names and that page:\n", r->names);
    grammar_cost_print(cost);
}

int acting_bench_run(const struct common *common, const char *model, const char *workspace, int64_t rounds,
                     bool json)
{
    struct report r = {.actions = json_array()};
    const struct acting_listener listener = {.ctx = &r, .tell = hear};
    const uint32_t *cancel = interrupt_watch();
    struct token_source source = {0};
    struct grammar_cost cost;
    struct acting acting;
    struct opened o = {0};
    struct error err = {0};
    viv_status status = token_source_open(&source, common, model, &err);
    if (status == VIV_OK)
        status = acting_open_world(&o, common, "lam", &acting, &err);
    if (status == VIV_OK)
        status = acting_bench(&acting, workspace, (uint32_t)rounds, cancel, &listener, &err);
    if (status == VIV_OK)
        status = measure_masks(&r, source.tokenizer, rounds, &cost, &err);
    if (status == VIV_OK && json)
        status = cli_print_json(json_pack("{s:O, s:o, s:I, s:o}", "actions", r.actions, "perception",
                                          r.page ? json_incref(r.page) : json_null(), "names", r.names, "masks",
                                          grammar_cost_json(&cost)),
                                false, &err);
    else if (status == VIV_OK)
        print_for_people(&r, &cost);
    json_decref(r.actions);
    json_decref(r.page);
    json_decref(r.schema);
    const int ended = cli_close_opened(&o, status, &err);
    token_source_close(&source, VIV_OK, &err);
    return ended;
}
