/* guard.c - checks of a plugin's layer in a step: its number of tasks, and that it writes nothing beyond its
 * output, workspace and scratch. Guard bytes lie behind each of these while it runs and must be unchanged
 * afterwards. Our own layers are not checked. */
#include "run/guard.h"

#include "base/trail.h"
#include "model/instance.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

static const unsigned char guard[GUARD_BYTES] = "guard bytes: a layer must not write here, for it ends";
static const uint64_t MAX_TASKS = (uint64_t)1 << 32;

/* The addresses behind all that the node may write to; returns how many. */
static uint32_t places(const viv_model *m, const struct graph_node *n, const viv_exec *e, unsigned char **out,
                       uint32_t room, uint32_t *first_scratch)
{
    uint32_t k = 0;
    out[k++] = (unsigned char *)(e->out + e->n_out_rows * n->out_dim);
    out[k++] = (unsigned char *)e->workspace + n->shared_workspace + e->n_rows * n->row_workspace;
    *first_scratch = k;
    for (uint32_t w = 0; w < m->n_workers && k < room; w++)
        out[k++] = (unsigned char *)m->scratch[w].data + n->worker_workspace;
    return k;
}

enum { MAX_PLACES = 66 }; /* 64 workers: a layer that writes beyond its scratch does so as any of them */

void guard_set(const viv_model *m, const struct graph_node *n, const viv_exec *e)
{
    unsigned char *all[MAX_PLACES];
    uint32_t first_scratch, count = places(m, n, e, all, MAX_PLACES, &first_scratch);
    for (uint32_t i = 0; i < count; i++)
        memcpy(all[i], guard, sizeof guard);
}

viv_status guard_check(const viv_model *m, const struct graph_node *n, const viv_exec *e, struct error *err)
{
    unsigned char *all[MAX_PLACES];
    uint32_t first_scratch, count = places(m, n, e, all, MAX_PLACES, &first_scratch);
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(all[i], guard, sizeof guard) == 0)
            continue;
        error_set(err, VIV_EINTERNAL, "forward writes beyond its %s",
                  i == 0              ? "output, n_out_rows * out_dim numbers"
                  : i < first_scratch ? "workspace, shared_workspace + n_rows * row_workspace bytes"
                                      : "scratch, worker_workspace bytes");
        graph_at_node(err, n->spec);
        trail_spoil(err->text);
        return err->status;
    }
    return VIV_OK;
}

/* Size of input i, or 0 if the layer may write to it. */
static uint64_t input_numbers(const struct graph_node *n, const viv_exec *e, uint32_t i)
{
    return e->in[i] && e->in[i] != e->out ? e->n_rows * n->in_dims[i] : 0;
}

uint32_t guard_input_sum(const struct graph_node *n, const viv_exec *e)
{
    uLong sum = crc32_z(0, NULL, 0);
    for (uint32_t i = 0; i < e->n_in; i++)
        sum = crc32_z(sum, (const Bytef *)e->in[i], input_numbers(n, e, i) * sizeof *e->in[i]);
    return (uint32_t)sum;
}

static bool has_nan(const float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return true;
    return false;
}

viv_status guard_prove(const struct graph_node *n, const viv_exec *e, uint32_t input_sum, struct error *err)
{
    if (guard_input_sum(n, e) != input_sum) {
        error_set(err, VIV_EINTERNAL, "forward writes to its input, which others may read after it");
        return graph_at_node(err, n->spec);
    }
    bool given = false;
    for (uint32_t i = 0; i < e->n_in; i++)
        given = given || has_nan(e->in[i], input_numbers(n, e, i));
    if (given || !has_nan(e->out, e->n_out_rows * n->out_dim))
        return VIV_OK;
    error_set(err, VIV_EINTERNAL, "forward makes NaN of inputs that hold none");
    return graph_at_node(err, n->spec);
}

viv_status guard_count(const struct graph_node *n, uint64_t n_tasks, uint64_t n_before, bool last_phase,
                       uint64_t n_rows, struct error *err)
{
    if (n_tasks > MAX_TASKS)
        error_set(err, VIV_EINTERNAL, "layer '%s': its tasks returned %" PRIu64 ", expected at most 2^32",
                  n->class->name, n_tasks);
    else if (last_phase && n_tasks + n_before == 0 && n_rows > 0)
        error_set(err, VIV_EINTERNAL,
                  "layer '%s': its tasks returned 0 for all of its phases: nothing would write its %" PRIu64
                  " rows",
                  n->class->name, n_rows);
    else
        return VIV_OK;
    return graph_at_node(err, n->spec);
}
