/* plan.c - see plan.h. */
#include "quantize/plan.h"

#include "base/near.h"
#include "kernels/kernels.h"
#include "tensor/dtype.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- rules --------------------------------------------------------------------------------------------------- */

static bool can_write(uint32_t dtype)
{
    return dtype == VIV_F32 || dtype == VIV_F16 || dtype == VIV_BF16 || kernels_encoder(kernels_cpu(), dtype);
}

/* Sets the error for a name of no type. */
static viv_status unknown_type(const char *text, const char *name, struct error *err)
{
    const char *names[64];
    struct buf list = {0};
    size_t n = 0;
    for (uint32_t i = 0; i < 256 && n < 64; i++)
        if (dtype_get(i) && can_write(i)) {
            buf_printf(&list, "%s%s", n ? ", " : "", dtype_get(i)->name);
            names[n++] = dtype_get(i)->name;
        }
    const char *nearest = near_word(name, names, n);
    error_set(err, VIV_EINVAL, "--rule '%s': weights cannot be written as '%s'%s%s%s; types are %s", text, name,
              nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "", buf_text(&list));
    buf_release(&list);
    return VIV_EINVAL;
}

viv_status type_rule_parse(struct type_rule *out, const char *text, struct error *err)
{
    const char *equals = strrchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return error_set(err, VIV_EINVAL,
                         "--rule '%s': expected PATTERN=TYPE, such as 'blk.*.ffn_down.weight=q6_k'", text);
    if (!dtype_by_name(equals + 1, &out->dtype) || !can_write(out->dtype))
        return unknown_type(text, equals + 1, err);
    out->pattern = strndup(text, (size_t)(equals - text));
    return out->pattern ? VIV_OK : error_nomem(err);
}

/* Sets the error for a rule that matches no tensor that can be quantized, and names some that are like it. */
static viv_status unmatched(const struct quantize_plan *p, const struct type_rule *rule, struct error *err)
{
    const uint32_t n = p->source->n_tensors;
    const char **names = calloc(n ? n : 1, sizeof *names), *near[3];
    struct buf list = {0};
    if (!names)
        return error_nomem(err);
    for (uint32_t i = 0; i < n; i++) {
        names[i] = p->source->tensors[i].name;
        if (fnmatch(rule->pattern, names[i], 0) == 0) {
            error_set(err, VIV_EINVAL,
                      "--rule '%s=%s' matches '%s', which stays as it is: vectors, norms and the like are not "
                      "quantized",
                      rule->pattern, dtype_get(rule->dtype)->name, names[i]);
            free(names);
            return VIV_EINVAL;
        }
    }
    const size_t n_near = near_words(rule->pattern, names, n, near, 3);
    for (size_t i = 0; i < n_near; i++)
        buf_printf(&list, "%s'%s'", i ? ", " : "; the nearest names are ", near[i]);
    if (!n_near && n)
        buf_printf(&list, "; names are like '%s'", names[n / 2]);
    error_set(err, VIV_ENOTFOUND, "--rule '%s=%s' matches no tensor of %s%s", rule->pattern,
              dtype_get(rule->dtype)->name, p->source->path, buf_text(&list));
    buf_release(&list);
    free(names);
    return VIV_ENOTFOUND;
}

/* --- the model ----------------------------------------------------------------------------------------------- */

static uint64_t model_number(const struct checkpoint *c, const char *architecture, const char *name)
{
    char key[256];
    int64_t n = 0;
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    struct meta m = checkpoint_meta(c, key);
    if (m.kind == META_ARRAY && m.n) /* one for each layer */
        m = checkpoint_meta_element(c, &m, 0);
    return checkpoint_meta_int(&m, &n) && n > 0 ? (uint64_t)n : 0;
}

static struct mix_model describe_model(const struct checkpoint *c, bool has_imatrix)
{
    const char *name = checkpoint_architecture(c);
    struct mix_model m = {.architecture = name ? name : "", .has_imatrix = has_imatrix};
    m.n_layers = model_number(c, m.architecture, "block_count");
    m.n_heads = model_number(c, m.architecture, "attention.head_count");
    m.n_kv_heads = model_number(c, m.architecture, "attention.head_count_kv");
    m.n_kv_heads = m.n_kv_heads ? m.n_kv_heads : m.n_heads;
    m.n_experts = model_number(c, m.architecture, "expert_count");
    m.tied = !checkpoint_tensor(c, "output.weight");
    return m;
}

static int64_t layer_of(const char *name)
{
    const char *at = strstr(name, "blk.");
    return at ? strtol(at + 4, NULL, 10) : -1;
}

/* The order in which llama-quantize counts tensors: by layer, then by name. */
static int by_layer(const void *a, const void *b)
{
    const struct planned *x = *(struct planned *const *)a, *y = *(struct planned *const *)b;
    const int64_t i = layer_of(x->from->name), j = layer_of(y->from->name);
    return i != j ? (i > j) - (i < j) : strcmp(x->from->name, y->from->name);
}

static bool is_quantized(const viv_tensor *t)
{
    return t->dl.ndim >= 2 && mix_quantizes(t->name);
}

/* --- the plan ------------------------------------------------------------------------------------------------ */

static const struct type_rule *rule_of(const struct type_rule *rules, size_t n, const char *name, bool *used)
{
    const struct type_rule *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (fnmatch(rules[i].pattern, name, 0) == 0) {
            used[i] = true;
            found = &rules[i];
        }
    return found;
}

static void choose_type(struct quantize_plan *p, struct planned *t, const struct mix_model *m, uint64_t *counts,
                        uint64_t n_attn_v, const struct type_rule *rules, size_t n_rules, bool *used)
{
    const viv_tensor *from = t->from;
    t->wanted = t->dtype = from->dtype;
    if (!is_quantized(from))
        return;
    const enum role role = mix_role(from->name, m->tied);
    const int64_t layer = layer_of(from->name);
    const bool by_name = m->n_experts > 1 && role >= ROLE_FFN_UP && layer >= 0;
    const uint64_t index = by_name ? (uint64_t)layer : counts[role]++;
    const struct type_rule *rule = rule_of(rules, n_rules, from->name, used);
    const uint64_t n = role == ROLE_ATTN_V ? n_attn_v : m->n_layers;
    t->by_rule = rule != NULL;
    t->wanted = rule ? rule->dtype : mix_type(p->mix, m, role, index, n, (uint32_t)from->dl.ndim);
    t->dtype = mix_fallback(t->wanted, (uint64_t)from->dl.shape[from->dl.ndim - 1]);
    if (t->dtype != from->dtype && dtype_get(t->dtype)->block > 1)
        t->importance = imatrix_find(p->imatrix, from->name);
}

static viv_status add_up(struct quantize_plan *p, struct planned *t, struct error *err)
{
    const viv_tensor *from = t->from;
    uint64_t n = 1;
    for (int32_t d = 0; d < from->dl.ndim; d++)
        n *= (uint64_t)from->dl.shape[d]; /* has been checked: all of its bytes are in the file */
    if (!dtype_bytes(t->dtype, n, &t->bytes) || p->bytes + t->bytes < p->bytes)
        return error_set(err, VIV_ELIMIT, "tensor '%s': too large", from->name);
    const bool changes = t->dtype != from->dtype;
    p->bytes += t->bytes;
    p->bytes_before += from->nbytes;
    p->n_elements += n;
    p->n_requantized += changes && dtype_get(from->dtype)->block > 1;
    p->n_replaced += t->dtype != t->wanted;
    p->n_without_importance += p->imatrix && changes && !t->importance && dtype_get(t->dtype)->block > 1 &&
                               mix_role(from->name, false) > ROLE_HEAD;
    return VIV_OK;
}

static viv_status choose_types(struct quantize_plan *p, struct planned **order, const struct type_rule *rules,
                               size_t n_rules, bool *used, struct error *err)
{
    const struct mix_model m = describe_model(p->source, p->imatrix != NULL);
    uint64_t counts[ROLE_FFN_DOWN + 1] = {0}, n_attn_v = 0;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < p->source->n_tensors; i++) {
        n_attn_v += mix_role(order[i]->from->name, m.tied) == ROLE_ATTN_V;
    }
    for (uint32_t i = 0; status == VIV_OK && i < p->source->n_tensors; i++) {
        choose_type(p, order[i], &m, counts, n_attn_v, rules, n_rules, used);
        status = add_up(p, order[i], err);
    }
    for (size_t i = 0; status == VIV_OK && i < n_rules; i++)
        if (!used[i])
            status = unmatched(p, &rules[i], err);
    return status;
}

viv_status quantize_plan(struct quantize_plan *p, const struct weight_source *weights, const struct mix *mix,
                         const struct type_rule *rules, size_t n_rules, const struct imatrix *imatrix,
                         struct error *err)
{
    const struct checkpoint *source = weights->header;
    const uint32_t n = source->n_tensors;
    viv_status status = VIV_OK;
    *p = (struct quantize_plan){.weights = weights, .source = source, .mix = mix, .imatrix = imatrix};
    const struct meta type = checkpoint_meta(source, "general.type");
    if (status == VIV_OK && type.kind == META_STRING && strcmp(type.s, "imatrix") == 0)
        status = error_set(err, VIV_EINVAL, "%s is an importance matrix, not a model: give it by --imatrix",
                           source->path);
    if (status == VIV_OK && mix->needs_imatrix && !imatrix)
        status =
            error_set(err, VIV_EINVAL,
                      "%s is useless without an importance matrix: make one with viv calibrate, and give it by "
                      "--imatrix",
                      mix->name);
    if (status == VIV_OK && imatrix)
        status = imatrix_check(imatrix, source, err);
    if (status != VIV_OK)
        return status;
    p->tensors = calloc(n ? n : 1, sizeof *p->tensors);
    struct planned **order = calloc(n ? n : 1, sizeof(struct planned *));
    bool *used = calloc(n_rules ? n_rules : 1, sizeof *used);
    for (uint32_t i = 0; p->tensors && order && i < n; i++) {
        p->tensors[i].from = &source->tensors[i];
        order[i] = &p->tensors[i];
    }
    if (p->tensors && order && used) {
        qsort(order, n, sizeof(struct planned *), by_layer);
        status = choose_types(p, order, rules, n_rules, used, err);
    } else {
        status = error_nomem(err);
    }
    free(order);
    free(used);
    return status;
}

void quantize_plan_release(struct quantize_plan *p)
{
    free(p->tensors);
    *p = (struct quantize_plan){0};
}
