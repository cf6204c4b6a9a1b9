/* bind.c - binds the weights that the graph needs to tensors of the checkpoint. Every tensor must be used, or
 * ignored by name. Errors name tensors and both shapes. Only bind_transformed reads data. */
#include "model/instance.h"

#include "base/buf.h"
#include "base/size.h"
#include "formats/packed/packed.h"
#include "spec/expr.h"
#include "tensor/dtype.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCES = 1024 };

static const struct weight *weight_at(const viv_model *m, uint32_t i)
{
    return &m->expansion->weights[i];
}

static viv_status at_weight(struct error *err, const struct weight *w)
{
    return error_prefix(err, "%s:%" PRIu32 ":%" PRIu32 ": weight '%s'", w->at.file, w->at.line, w->at.column,
                        w->key);
}

/* Checks the shape of a tensor of the weight, unless a transform changes it. */
static viv_status check_shape(const viv_model *m, const struct weight *w, const viv_tensor *t, struct error *err)
{
    const uint64_t *dims = w->n_experts ? w->dims + 1 : w->dims;
    uint32_t n_dims = w->n_experts ? w->n_dims - 1 : w->n_dims;
    bool same = (uint32_t)t->dl.ndim == n_dims;
    for (uint32_t i = 0; same && i < n_dims; i++)
        same = (uint64_t)t->dl.shape[i] == dims[i];
    if (same)
        return VIV_OK;
    char expected[128], has[128];
    int64_t shape[8];
    for (uint32_t i = 0; i < n_dims; i++)
        shape[i] = (int64_t)dims[i];
    return error_set(err, VIV_ESHAPE, "tensor '%s': expected %s, %s has %s", t->name,
                     tensor_shape_text(shape, n_dims, expected), m->checkpoint.path,
                     tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, has));
}

/* Makes a tensor of a weight whose numbers are in the spec. */
static viv_status make_values(viv_model *m, const struct weight *w, const viv_tensor **out, struct error *err)
{
    viv_tensor *t = arena_alloc(&m->arena, sizeof *t);
    int64_t *shape = arena_array(&m->arena, 2, sizeof *shape);
    float *data = arena_array(&m->arena, w->values->n, sizeof *data);
    if (!t || !shape || !data)
        return error_nomem(err);
    shape[0] = w->values->n;
    for (uint32_t i = 0; i < w->values->n; i++)
        data[i] = (float)expr_value_number(&w->values->list[i]);
    if (!tensor_init(t, w->key, VIV_F32, 1, shape, shape + 1, data))
        return error_set(err, VIV_ESHAPE, "too many values");
    *out = t;
    return VIV_OK;
}

/* The bytes of the part of its tensors that its transforms use. */
static uint64_t share_of(const struct weight *w, const viv_tensor *const *sources, uint64_t bytes)
{
    double takes = 1, has = 0;
    for (uint32_t i = 0; i < w->n_dims; i++)
        takes *= (double)w->dims[i];
    for (uint32_t i = 0; i < w->n_names; i++) {
        double elems = 1;
        for (int32_t d = 0; d < sources[i]->dl.ndim; d++)
            elems *= (double)sources[i]->dl.shape[d];
        has += elems;
    }
    return takes < has ? (uint64_t)((double)bytes * takes / has) : bytes;
}

/* Finds the tensors of one weight. *found: false if its first name does not exist. */
static viv_status find(viv_model *m, const struct weight *w, bool *used, struct binding *b, bool *found,
                       struct error *err)
{
    const viv_tensor *sources[MAX_SOURCES];
    *found = w->values != NULL;
    b->bytes = 0;
    if (w->values)
        return make_values(m, w, &b->tensor, err);
    if (w->n_names == 0)
        return error_set(err, VIV_ENOTFOUND, "the spec gives it no name in %s files", m->checkpoint.format->names);
    if (w->n_names > MAX_SOURCES)
        return error_set(err, VIV_ELIMIT, "%u names, expected at most %d", w->n_names, MAX_SOURCES);
    for (uint32_t i = 0; i < w->n_names; i++) {
        sources[i] = checkpoint_tensor(&m->checkpoint, w->names[i]);
        if (!sources[i])
            return checkpoint_missing(&m->checkpoint, w->names[i], err);
        used[sources[i] - m->checkpoint.tensors] = true;
        b->bytes += sources[i]->nbytes;
    }
    b->bytes = share_of(w, sources, b->bytes);
    *found = true;
    b->made = w->n_transforms > 0;
    b->tensor = sources[0];
    b->order = packed_order(&m->checkpoint, sources[0]);
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < (w->n_experts ? w->n_names : 1); i++) {
        if (!b->made)
            status = check_shape(m, w, sources[i], err);
        if (status == VIV_OK && sources[i]->dtype != sources[0]->dtype)
            status = error_set(err, VIV_EFORMAT,
                               "tensor '%s' is %s, '%s' is %s: the experts of a weight must be of one type",
                               sources[0]->name, dtype_get(sources[0]->dtype)->name, sources[i]->name,
                               dtype_get(sources[i]->dtype)->name);
    }
    return status;
}

static viv_status bind_one(viv_model *m, uint32_t index, bool *used, struct error *err)
{
    struct binding *b = &m->bindings[index];
    uint32_t at = index;
    /* `else` may lead to another `else`; a chain longer than the number of weights is a cycle */
    for (uint32_t hops = 0; hops <= m->expansion->n_weights; hops++) {
        const struct weight *w = weight_at(m, at);
        bool found;
        viv_status status = find(m, w, used, b, &found, err);
        b->weight = at;
        if (status == VIV_OK)
            return VIV_OK;
        if (found || status != VIV_ENOTFOUND || w->otherwise == -1)
            return at_weight(err, weight_at(m, index));
        b->tensor = NULL;
        if (w->otherwise == -2)
            return VIV_OK;
        at = (uint32_t)w->otherwise;
    }
    error_set(err, VIV_EINVAL, "its `else` leads back to itself");
    return at_weight(err, weight_at(m, index));
}

static bool is_on_list(const viv_model *m, const char *before, const char *name)
{
    char text[2048];
    snprintf(text, sizeof text, "%s%s", before, name);
    for (uint32_t i = 0; i < m->expansion->n_ignore; i++)
        if (fnmatch(m->expansion->ignore[i], text, 0) == 0)
            return true;
    return false;
}

/* Matches the family's name for the tensor, in the model's place or beside it. */
static bool ignored(const viv_model *m, const char *name)
{
    const struct placement *p = &m->expansion->place;
    const size_t n = strlen(p->add);
    if (n && strncmp(name, p->add, n) == 0 && is_on_list(m, p->drop, name + n))
        return true;
    for (size_t i = 0; p->add[i] && p->add[i] == name[i]; i++)
        if (p->add[i] == '.' && is_on_list(m, "", name + i + 1))
            return true;
    return is_on_list(m, "", name) || (n == 0 && is_on_list(m, p->drop, name));
}

/* Whether a tensor belongs to another part of a larger model, outside of this model's place. */
static bool of_another_part(const viv_model *m, const char *name)
{
    const struct placement *p = &m->expansion->place;
    const bool is_part = m->checkpoint.whole || strcmp(p->add, p->drop) != 0;
    return is_part && (*p->add ? strncmp(name, p->add, strlen(p->add)) != 0 : m->checkpoint.whole != NULL);
}

/* The length of a part's name: "model.vision_tower" of "model.vision_tower.layers.0", beside
 * "model.language_model.". */
static size_t part_length(const viv_model *m, const char *name)
{
    const char *add = m->expansion->place.add;
    size_t n = 0;
    for (size_t i = 0; add[i] && name[i] == add[i]; i++)
        n = add[i] == '.' ? i + 1 : n;
    return n + strcspn(name + n, ".");
}

/* Counts a tensor of another part, and adds the part's name if it is new. */
static void note_unused(viv_model *m, const char *name, struct buf *parts)
{
    enum { MOST_NAMED = 8 };
    char part[256];
    snprintf(part, sizeof part, " %.*s.*,", (int)size_min(part_length(m, name), 200), name);
    if (m->n_unused++ == 0)
        buf_putc(parts, ' ');
    if (m->n_unused_parts < MOST_NAMED && !strstr(buf_text(parts), part)) {
        buf_puts(parts, part + (parts->size == 1));
        m->n_unused_parts++;
    }
}

static viv_status account_for_all(viv_model *m, const bool *used, struct error *err)
{
    uint32_t n = 0, first = 0;
    struct buf parts = {0};
    for (uint32_t i = 0; i < m->checkpoint.n_tensors; i++) {
        const char *name = m->checkpoint.tensors[i].name;
        if (used[i] || ignored(m, name) || packed_spare_bias(&m->checkpoint, &m->checkpoint.tensors[i]))
            continue;
        if (of_another_part(m, name))
            note_unused(m, name, &parts);
        else if (n++ == 0)
            first = i;
    }
    if (parts.size > 1)
        m->unused = arena_strndup(&m->arena, parts.data + 1, parts.size - 2);
    const bool failed = parts.failed || (parts.size > 1 && !m->unused);
    buf_release(&parts);
    if (failed)
        return error_nomem(err);
    if (n == 0)
        return VIV_OK;
    const viv_tensor *t = &m->checkpoint.tensors[first];
    char shape[128], more[64] = "";
    if (n > 1)
        snprintf(more, sizeof more, " (and %" PRIu32 " more)", n - 1);
    return error_set(err, VIV_EFORMAT,
                     "%s: tensor '%s' %s%s is neither used nor ignored by %s: is this another kind of model?",
                     m->checkpoint.path, t->name, tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, shape), more,
                     spec_path(m->spec));
}

/* Substitutes (`else`) are searched for only when the weight itself is missing. */
static void mark_asked(viv_model *m, bool *asked)
{
    for (uint32_t i = 0; i < m->graph->n_nodes; i++)
        for (uint32_t j = 0; j < m->graph->nodes[i].n_weights; j++) {
            const struct graph_weight *w = &m->graph->nodes[i].weights[j];
            asked[w->weight] = true;
            m->whole[w->weight] = m->whole[w->weight] || !w->sliced;
        }
    for (uint32_t i = 0; i < m->expansion->n_weights; i++)
        asked[i] = asked[i] || weight_at(m, i)->unread;
}

viv_status bind_weights(viv_model *m, struct error *err)
{
    uint32_t n = m->expansion->n_weights;
    m->bindings = arena_array(&m->arena, n, sizeof *m->bindings);
    m->made = arena_array(&m->arena, n, sizeof *m->made);
    m->whole = arena_array(&m->arena, n, sizeof *m->whole);
    bool *used = calloc(m->checkpoint.n_tensors ? m->checkpoint.n_tensors : 1, sizeof *used);
    bool *asked = calloc(n ? n : 1, sizeof *asked);
    viv_status status = m->bindings && m->made && m->whole && used && asked ? VIV_OK : error_nomem(err);
    if (status == VIV_OK)
        mark_asked(m, asked);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        if (asked[i])
            status = bind_one(m, i, used, err);
    if (status == VIV_OK)
        status = account_for_all(m, used, err);
    if (status != VIV_OK)
        m->bindings = NULL;
    for (uint32_t i = 0; status == VIV_OK && i < m->checkpoint.n_tensors; i++)
        if (used[i])
            m->weight_bytes += m->checkpoint.tensors[i].nbytes;
    free(used);
    free(asked);
    return status;
}

viv_status bind_transformed(viv_model *m, struct error *err)
{
    for (uint32_t i = 0; i < m->expansion->n_weights; i++) {
        struct binding *b = &m->bindings[i];
        const struct weight *w = weight_at(m, b->weight);
        const viv_tensor *sources[MAX_SOURCES];
        if (!b->tensor || !b->made || !m->whole[i])
            continue;
        for (uint32_t j = 0; j < w->n_names; j++)
            sources[j] = checkpoint_tensor(&m->checkpoint, w->names[j]);
        viv_status status = transform_weight(m, w, sources, w->n_names, b, err);
        if (status != VIV_OK)
            return at_weight(err, w);
    }
    return VIV_OK;
}
