/* adapter.c - reads adapters: directories as PEFT saves them, and GGUF files as llama.cpp's convert_lora_to_gguf.py
 * writes them.
 *
 *   PEFT (its tuners/lora, utils/save_and_load.py), tensors of a module, with or without the prefix
 * "base_model.model.": .lora_A[.<adapter>].weight             [rank, in] .lora_B[.<adapter>].weight [out, rank]
 *     .lora_embedding_A[.<adapter>]          [rank, vocab]
 *     .lora_embedding_B[.<adapter>]          [dim, rank]
 *     .lora_magnitude_vector                 [out], of DoRA
 *     .lora_B[.<adapter>].bias               [out]
 *     .token_adapter.trainable_tokens_delta  [n, dim]
 *     .weight, .bias, .base_layer.weight, .modules_to_save.<adapter>.weight: a whole tensor
 *   GGUF, of a tensor:
 *     .lora_a  [rank, in], .lora_b  [out, rank]; of the embedding [vocab, rank] and [dim, rank]
 *
 * The tensors show what is adapted, so target_modules, modules_to_save and bias are not used. */
#include "adapters/adapter.h"

#include "base/size.h"
#include "base/text.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MATCHES = 1 << 22 };
static const char config_name[] = "adapter_config.json", weights_name[] = "adapter_model.safetensors";

/* --- path and scale ----------------------------------------------------------------------------------------- */

viv_status adapter_split(const char *words, char **path, double *scale, struct error *err)
{
    const char *colon = file_exists(words) ? NULL : strrchr(words, ':');
    char *end, *head = strndup(words, colon ? (size_t)(colon - words) : strlen(words));
    double value = colon ? strtod(colon + 1, &end) : 1;
    if (!head)
        return error_nomem(err);
    if (colon && (end == colon + 1 || *end || !isfinite(value))) {
        viv_status status = error_set(err, VIV_EINVAL, "adapter '%s': expected a path, or path:scale, and '%s' %s",
                                      words, file_exists(head) ? colon + 1 : words,
                                      file_exists(head) ? "is no finite number" : "is not there");
        free(head);
        return status;
    }
    *path = head;
    *scale = value;
    return VIV_OK;
}

/* --- changes ------------------------------------------------------------------------------------------------ */

/* The state while an adapter's tensors are read. */
struct reader {
    struct adapter *adapter;
    const struct adapter_config *config; /* of PEFT */
    struct strmap low_rank;              /* name of the adapted tensor -> index of its change */
    size_t capacity, n;
    struct change *changes;
    struct error *err;
};

static viv_status add_change(struct reader *r, const struct change *c)
{
    if (!VEC_RESERVE(r->changes, r->n, r->capacity))
        return error_nomem(r->err);
    r->changes[r->n++] = *c;
    return VIV_OK;
}

static viv_status add_whole(struct reader *r, const char *name, const viv_tensor *t, bool parameter)
{
    const struct change whole = {.kind = CHANGE_WHOLE, .name = name, .b = t, .parameter = parameter};
    return add_change(r, &whole);
}

/* The low-rank change of a tensor, created at the first of its parts. */
static viv_status low_rank_of(struct reader *r, const char *name, enum change_form form, struct change **out)
{
    uint32_t at = (uint32_t)r->n;
    if (!strmap_get(&r->low_rank, name, strlen(name), &at)) {
        const struct change c = {.kind = CHANGE_LOW_RANK, .form = form, .name = name};
        viv_status status = add_change(r, &c);
        if (status == VIV_OK && strmap_add(&r->low_rank, name, strlen(name), at) == STRMAP_NOMEM)
            status = error_nomem(r->err);
        if (status != VIV_OK)
            return status;
    }
    *out = &r->changes[at];
    return VIV_OK;
}

/* Adds one part of a low-rank change. */
static viv_status set_part(struct reader *r, const char *name, enum change_form form, size_t part,
                           const viv_tensor *t)
{
    struct change *c = NULL;
    viv_status status = low_rank_of(r, name, form, &c);
    if (status != VIV_OK)
        return status;
    const viv_tensor **field = (const viv_tensor **)(void *)((char *)c + part);
    if (*field)
        return error_set(r->err, VIV_EFORMAT, "tensors '%s' and '%s' are the same part of a change", (*field)->name,
                         t->name);
    if (part == offsetof(struct change, a) || part == offsetof(struct change, b))
        c->form = form;
    *field = t;
    return VIV_OK;
}

static uint64_t dim(const viv_tensor *t, int32_t i)
{
    return (uint64_t)t->dl.shape[i];
}

static viv_status wrong_shape(const viv_tensor *t, const char *expected, struct error *err)
{
    char shape[128];
    return error_set(err, VIV_ESHAPE, "tensor '%s' is %s, expected %s", t->name,
                     tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, shape), expected);
}

/* Checks that both factors exist and have the same rank. */
static viv_status check_low_rank(struct reader *r, struct change *c)
{
    if (!c->a || !c->b) {
        const viv_tensor *has = c->a ? c->a : c->b ? c->b : c->magnitude ? c->magnitude : c->bias;
        return error_set(r->err, VIV_EFORMAT, "tensor '%s' is there, but no factor %s for '%s'", has->name,
                         c->a ? "B" : "A", c->name);
    }
    if (c->a->dl.ndim != 2)
        return wrong_shape(c->a, "a matrix", r->err);
    if (c->b->dl.ndim != 2)
        return wrong_shape(c->b, "a matrix", r->err);
    uint64_t rank = dim(c->a, c->form == FORM_EMBEDDING_GGUF);
    if (rank == 0 || dim(c->b, 1) != rank) {
        char a[128], b[128];
        return error_set(r->err, VIV_ESHAPE, "tensors '%s' %s and '%s' %s have no rank in common", c->a->name,
                         tensor_shape_text(c->a->dl.shape, 2, a), c->b->name,
                         tensor_shape_text(c->b->dl.shape, 2, b));
    }
    c->rank = rank;
    return VIV_OK;
}

/* --- PEFT --------------------------------------------------------------------------------------------------- */

/* The last place of `part` in a name, or NULL. */
static const char *find_last(const char *name, const char *part)
{
    const char *last = NULL;
    for (const char *p = name; (p = strstr(p, part)); p++)
        last = p;
    return last;
}

/* Whether rest is "" or ".<adapter>", then `end`. */
static bool ends_name(const char *rest, const char *end)
{
    size_t n = strlen(rest), m = strlen(end);
    if (!text_ends_in(rest, end))
        return false;
    return n == m || (rest[0] == '.' && n - m > 1 && !memchr(rest + 1, '.', n - m - 1));
}

static viv_status name_of(struct reader *r, const char *module, size_t n, const char *end, const char **out)
{
    *out = arena_printf(&r->adapter->arena, "%.*s%s", (int)n, module, end);
    return *out ? VIV_OK : error_nomem(r->err);
}

/* The rows that trainable_token_indices gives for a module: a list, or a list for each end of a module's name. */
static viv_status read_rows(struct reader *r, const char *module, size_t n, const viv_tensor *t,
                            const int64_t **out)
{
    json_t *list = json_object_get(r->config->root, "trainable_token_indices"), *of_module, *index;
    const char *key;
    size_t i;
    if (json_is_object(list)) {
        json_t *lists = list;
        list = NULL;
        json_object_foreach(lists, key, of_module)
        {
            size_t m = strlen(key);
            bool ends = m <= n && strncmp(module + n - m, key, m) == 0 && (m == n || module[n - m - 1] == '.');
            list = ends ? of_module : list;
        }
    }
    if (!json_is_array(list))
        return error_set(r->err, VIV_EFORMAT, "trainable_token_indices has no list for the module '%.*s'", (int)n,
                         module);
    if (t->dl.ndim != 2 || dim(t, 0) != json_array_size(list))
        return error_set(r->err, VIV_ESHAPE, "tensor '%s' has %" PRIu64 " rows, trainable_token_indices names %zu",
                         t->name, t->dl.ndim ? dim(t, 0) : 0, json_array_size(list));
    int64_t *rows = arena_array(&r->adapter->arena, json_array_size(list), sizeof *rows);
    if (!rows)
        return error_nomem(r->err);
    json_array_foreach(list, i, index)
    {
        if (!json_is_integer(index))
            return error_set(r->err, VIV_EFORMAT, "trainable_token_indices holds %s, expected integers",
                             json_kind(index));
        rows[i] = json_integer_value(index);
    }
    *out = rows;
    return VIV_OK;
}

static viv_status sort_rows(struct reader *r, const char *module, size_t n, const viv_tensor *t)
{
    struct change c = {.kind = CHANGE_ROWS, .b = t};
    viv_status status = read_rows(r, module, n, t, &c.rows);
    if (status == VIV_OK)
        status = name_of(r, module, n, ".weight", &c.name);
    return status == VIV_OK ? add_change(r, &c) : status;
}

/* Finds, by a tensor's name, which part of which change it is. */
static viv_status sort_peft(struct reader *r, const viv_tensor *t)
{
    static const struct {
        const char *part, *end;
        size_t field;
        enum change_form form;
    } parts[] = {
        {".lora_A", ".weight", offsetof(struct change, a), FORM_LINEAR},
        {".lora_B", ".weight", offsetof(struct change, b), FORM_LINEAR},
        {".lora_B", ".bias", offsetof(struct change, bias), FORM_LINEAR},
        {".lora_embedding_A", "", offsetof(struct change, a), FORM_EMBEDDING},
        {".lora_embedding_B", "", offsetof(struct change, b), FORM_EMBEDDING},
        {".lora_magnitude_vector", ".weight", offsetof(struct change, magnitude), FORM_LINEAR},
        {".lora_magnitude_vector", "", offsetof(struct change, magnitude), FORM_LINEAR},
    };
    static const char prefix[] = "base_model.model.", tokens[] = ".token_adapter.trainable_tokens_delta";
    static const char *const wholes[][2] = {{".base_layer", ".weight"},
                                            {".base_layer", ".bias"},
                                            {".modules_to_save", ".weight"},
                                            {".modules_to_save", ".bias"}};
    const size_t skip = strncmp(t->name, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    const char *module = t->name + skip, *at, *name;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        at = find_last(module, parts[i].part);
        if (!at || !ends_name(at + strlen(parts[i].part), parts[i].end))
            continue;
        viv_status status = name_of(r, module, (size_t)(at - module), ".weight", &name);
        return status == VIV_OK ? set_part(r, name, parts[i].form, parts[i].field, t) : status;
    }
    at = find_last(module, tokens);
    if (at && ends_name(at + sizeof tokens - 1, ""))
        return sort_rows(r, module, (size_t)(at - module), t);
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        at = find_last(module, wholes[i][0]);
        if (!at || !ends_name(at + strlen(wholes[i][0]), wholes[i][1]))
            continue;
        viv_status status = name_of(r, module, (size_t)(at - module), wholes[i][1], &name);
        return status == VIV_OK ? add_whole(r, name, t, i == 0) : status;
    }
    if (strstr(module, ".lora_"))
        return error_set(r->err, VIV_EUNSUPPORTED,
                         "tensor '%s' is a part of LoRA that this version does not support", t->name);
    return add_whole(r, module, t, false);
}

static viv_status finish_peft_change(struct reader *r, struct change *c)
{
    static const char end[] = ".weight";
    const struct adapter_config *config = r->config;
    uint64_t rank;
    viv_status status = check_low_rank(r, c);
    const size_t n = strlen(c->name) - (sizeof end - 1);
    const char *module = arena_strndup(&r->adapter->arena, c->name, n);
    if (status == VIV_OK && !module)
        status = error_nomem(r->err);
    if (status == VIV_OK)
        status = adapter_config_scale(config, module, &rank, &c->scale, r->err);
    if (status != VIV_OK)
        return status;
    c->scale *= r->adapter->scale;
    if (c->rank != rank)
        return error_set(r->err, VIV_ESHAPE,
                         "tensor '%s' is of rank %" PRIu64 ", %s says %" PRIu64 " for its module", c->a->name,
                         c->rank, config_name, rank);
    if (config->dora != (c->magnitude != NULL))
        return error_set(r->err, VIV_EFORMAT, "use_dora is %s in %s, but '%s' has %s magnitudes",
                         config->dora ? "true" : "false", config_name, module, config->dora ? "no" : "got");
    if (config->lora_bias != (c->bias != NULL) && c->form == FORM_LINEAR)
        return error_set(r->err, VIV_EFORMAT, "lora_bias is %s in %s, but the factor B of '%s' has %s bias",
                         config->lora_bias ? "true" : "false", config_name, module, config->lora_bias ? "no" : "a");
    if (!c->bias)
        return VIV_OK;
    struct change bias = {.kind = CHANGE_BIAS, .b = c->bias, .scale = c->scale};
    status = name_of(r, module, n, ".bias", &bias.name);
    return status == VIV_OK ? add_change(r, &bias) : status; /* this may move what c points to */
}

static viv_status read_peft_changes(struct reader *r)
{
    const struct checkpoint *files = &r->adapter->files;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < files->n_tensors; i++)
        status = sort_peft(r, &files->tensors[i]);
    const size_t n = r->n, n_patterns = r->config->ranks.n + r->config->alphas.n;
    bool rows = json_says_nothing(json_object_get(r->config->root, "trainable_token_indices"));
    for (size_t i = 0; i < n; i++)
        rows = rows || r->changes[i].kind == CHANGE_ROWS;
    if (status == VIV_OK && !rows)
        status = error_set(r->err, VIV_EFORMAT, "trainable_token_indices is set, but there are no rows for them");
    if (status == VIV_OK && n_patterns && n > MAX_MATCHES / n_patterns)
        status = error_set(r->err, VIV_ELIMIT, "%zu patterns for %zu changes are too many", n_patterns, n);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        if (r->changes[i].kind == CHANGE_LOW_RANK)
            status = finish_peft_change(r, &r->changes[i]);
    return status;
}

/* The error for a directory without weights of PEFT: tells what it has instead. */
static viv_status refuse_directory(const char *path, struct error *err)
{
    static const struct {
        const char *file, *what;
    } others[] = {
        {"adapter_model.bin", "adapter_model.bin, a PyTorch file: save it anew with safe_serialization=True"},
        {"adapters.safetensors", "adapters.safetensors, as MLX writes it: convert the adapter to PEFT"},
        {"model.safetensors", "a whole model"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *file = path_join(path, others[i].file);
        bool there = file && file_exists(file);
        free(file);
        if (there)
            return error_set(err, VIV_EUNSUPPORTED, "expected %s and %s, found %s", config_name, weights_name,
                             others[i].what);
    }
    return error_set(err, VIV_ENOTFOUND, "expected %s and %s there, as PEFT saves them", config_name, weights_name);
}

static viv_status open_peft(struct adapter *a, struct reader *r, struct error *err)
{
    struct adapter_config *config = NULL;
    char *weights = path_join(a->path, weights_name), *path = path_join(a->path, config_name);
    viv_status status = weights && path ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !(file_exists(weights) && file_exists(path)))
        status = refuse_directory(a->path, err);
    if (status == VIV_OK)
        status = adapter_config_read(path, &config, err);
    if (status == VIV_OK)
        status = checkpoint_open(&a->files, weights, err);
    if (status == VIV_OK) {
        r->config = config;
        a->keeps_ties = config->keeps_ties;
        status = read_peft_changes(r);
    }
    adapter_config_destroy(config);
    free(weights);
    free(path);
    return status;
}

/* --- GGUF --------------------------------------------------------------------------------------------------- */

static viv_status expect_word(const struct checkpoint *c, const char *key, const char *expected, struct error *err)
{
    const struct meta m = checkpoint_meta(c, key);
    if (m.kind == META_STRING && strcmp(m.s, expected) == 0)
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED, "%s is %s%.100s%s, expected '%s'", key,
                     m.kind == META_STRING ? "'" : "",
                     m.kind == META_STRING ? m.s : checkpoint_meta_kind_name(m.kind),
                     m.kind == META_STRING ? "'" : "", expected);
}

static viv_status sort_gguf(struct reader *r, const viv_tensor *t)
{
    const size_t n = strlen(t->name);
    const bool a = n > 7 && strcmp(t->name + n - 7, ".lora_a") == 0;
    const char *name;
    if (!a && (n <= 7 || strcmp(t->name + n - 7, ".lora_b") != 0))
        return add_whole(r, t->name, t, false);
    viv_status status = name_of(r, t->name, n - 7, "", &name);
    const bool embedding = status == VIV_OK && strcmp(name, "token_embd.weight") == 0;
    return status == VIV_OK ? set_part(r, name, embedding ? FORM_EMBEDDING_GGUF : FORM_LINEAR,
                                       a ? offsetof(struct change, a) : offsetof(struct change, b), t)
                            : status;
}

/* Without an alpha, or with 0, llama.cpp uses B A unscaled. */
static viv_status open_gguf(struct adapter *a, struct reader *r, struct error *err)
{
    const struct meta m = checkpoint_meta(&a->files, "adapter.lora.alpha");
    double alpha = 0;
    viv_status status = expect_word(&a->files, "general.type", "adapter", err);
    if (status == VIV_OK)
        status = expect_word(&a->files, "adapter.type", "lora", err);
    if (status == VIV_OK && checkpoint_meta(&a->files, "adapter.alora.invocation_tokens").kind != META_NONE)
        status = error_set(err, VIV_EUNSUPPORTED,
                           "adapter.alora.invocation_tokens is set: an adapter that works from certain tokens on "
                           "cannot be merged");
    if (status == VIV_OK && m.kind != META_NONE && (!checkpoint_meta_float(&m, &alpha) || !isfinite(alpha)))
        status = error_set(err, VIV_EFORMAT, "adapter.lora.alpha is not a finite number");
    for (uint32_t i = 0; status == VIV_OK && i < a->files.n_tensors; i++)
        status = sort_gguf(r, &a->files.tensors[i]);
    for (size_t i = 0; status == VIV_OK && i < r->n; i++) {
        struct change *c = &r->changes[i];
        if (c->kind != CHANGE_LOW_RANK)
            continue;
        status = check_low_rank(r, c);
        c->scale = a->scale * (alpha != 0 ? alpha / (double)c->rank : 1);
    }
    return status;
}

/* --- both --------------------------------------------------------------------------------------------------- */

static viv_status open_file(struct adapter *a, struct reader *r, struct error *err)
{
    viv_status status = checkpoint_open(&a->files, a->path, err);
    if (status == VIV_OK && strcmp(a->files.format->names, "gguf") != 0)
        status = error_set(err, VIV_EINVAL, "expected the directory that holds %s and %s, or a .gguf file",
                           config_name, weights_name);
    return status == VIV_OK ? open_gguf(a, r, err) : status;
}

/* Refuses a scale for changes that cannot be scaled. */
static viv_status check_scale(const struct reader *r)
{
    const struct adapter *a = r->adapter;
    if (!isfinite((float)a->scale))
        return error_set(r->err, VIV_EINVAL, "the scale %g is beyond f32", a->scale);
    for (size_t i = 0; i < r->n; i++) {
        const struct change *c = &r->changes[i];
        if (a->scale != 1 && (c->kind == CHANGE_ROWS || (c->kind == CHANGE_WHOLE && !c->parameter)))
            return error_set(r->err, VIV_EUNSUPPORTED,
                             "tensor '%s' replaces one of the model, which cannot be scaled by %g: give no scale",
                             c->b->name, a->scale);
    }
    return VIV_OK;
}

viv_status adapter_open(struct adapter *a, const char *path, double scale, struct error *err)
{
    struct reader r = {.adapter = a, .err = err};
    *a = (struct adapter){.path = strdup(path), .scale = scale};
    viv_status status = a->path ? VIV_OK : error_nomem(err);
    if (status == VIV_OK)
        status = file_is_dir(path) ? open_peft(a, &r, err) : open_file(a, &r, err);
    if (status == VIV_OK && r.n == 0)
        status = error_set(err, VIV_EFORMAT, "it changes no tensor");
    if (status == VIV_OK)
        status = check_scale(&r);
    if (status == VIV_OK) {
        a->changes = arena_array(&a->arena, r.n, sizeof *a->changes);
        status = a->changes ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK) {
        memcpy(a->changes, r.changes, r.n * sizeof *a->changes);
        a->n_changes = (uint32_t)r.n;
    } else {
        error_prefix(err, "adapter '%s'", path);
        adapter_close(a);
    }
    strmap_release(&r.low_rank);
    free(r.changes);
    return status;
}

void adapter_close(struct adapter *a)
{
    checkpoint_close(&a->files);
    arena_release(&a->arena);
    free(a->path);
    *a = (struct adapter){0};
}
