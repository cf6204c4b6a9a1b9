/* trace.c - see trace.h. */
#include "cli/trace.h"

#include "cli/out.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void write_weight(FILE *f, float weight)
{
    if (isfinite(weight))
        fprintf(f, "%.9g", (double)weight);
    else
        fputs("null", f);
}

void trace_look(void *ctx, const struct hook_call *t)
{
    const struct trace *trace = ctx;
    FILE *f = trace->file.stream;
    const char *name = f ? trace->names[t->node - trace->graph->nodes] : NULL;
    if (!name)
        return;
    const uint64_t k = t->node->out_dim / 2;
    for (uint64_t r = 0; r < t->n_rows; r++) {
        const float *experts = t->out + r * 2 * k, *weights = experts + k;
        fprintf(f, "{\"layer\":%s,\"token\":%" PRId32 ",\"id\":%" PRId32 ",\"experts\":[", name, t->positions[r],
                t->tokens[r]);
        for (uint64_t j = 0; j < k; j++)
            fprintf(f, "%s%.0f", j ? "," : "", (double)experts[j]);
        fputs("],\"weights\":[", f);
        for (uint64_t j = 0; j < k; j++) {
            if (j)
                putc(',', f);
            write_weight(f, weights[j]);
        }
        fputs("]}\n", f);
    }
}

static viv_status name_routers(struct trace *t, const viv_model *m, struct error *err)
{
    bool any = false;
    t->graph = model_graph(m);
    t->n_names = t->graph->n_nodes;
    t->names = calloc(t->n_names, sizeof *t->names);
    if (!t->names)
        return error_nomem(err);
    for (uint32_t i = 0; i < t->n_names; i++) {
        const struct graph_node *n = &t->graph->nodes[i];
        if (!graph_routes(n))
            continue;
        json_t *path = cli_json_word(n->spec->path);
        t->names[i] = path ? json_dumps(path, JSON_ENCODE_ANY) : NULL;
        json_decref(path);
        if (!t->names[i])
            return error_nomem(err);
        any = true;
    }
    if (any)
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED, "%s has no experts whose work could be traced",
                     spec_name(model_spec(m)));
}

viv_status trace_begin(struct trace *t, const viv_model *m, const char *path, struct error *err)
{
    viv_status status = name_routers(t, m, err);
    return status == VIV_OK ? file_draft_begin(&t->file, path, err) : status;
}

viv_status trace_end(struct trace *t, viv_status status, struct error *err)
{
    struct error lost;
    if (t->file.stream && (status == VIV_OK || status == VIV_ECANCELLED)) {
        viv_status kept = file_draft_keep(&t->file, &lost);
        if (kept != VIV_OK) {
            *err = lost;
            status = kept;
        }
    }
    file_draft_drop(&t->file);
    for (uint32_t i = 0; i < t->n_names && t->names; i++)
        free(t->names[i]);
    free(t->names);
    *t = (struct trace){0};
    return status;
}
