/* packed.c - finds the parts of quantized weights in a checkpoint and puts one tensor in place of those of each.
 *
 * What was quantized and how is said by the tensors themselves: lists of modules that were left out need not be
 * read. The configuration says which format it is, and what shapes do not show. */
#include "formats/packed/scheme.h"

#include "base/json.h"
#include "base/text.h"
#include "tensor/dtype.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_NAME = 1100 };
static const uint64_t MAX_CONFIG = 4 << 20;

struct packed_weights {
    struct packed *items;
    uint32_t n, n_tensors;
    uint32_t *of_tensor; /* [n_tensors] 1 + an index of items; 0: a plain tensor */
    char *description;   /* struct quantization as a text */
};

#define ENTRY(symbol) extern const struct scheme symbol;
#include "registry/schemes.inc"
#undef ENTRY
static const struct scheme *const schemes[] = {
#define ENTRY(symbol) &symbol,
#include "registry/schemes.inc"
#undef ENTRY
};
enum { N_SCHEMES = sizeof schemes / sizeof *schemes };

/* --- what the checkpoint says --------------------------------------------------------------------------------- */

static bool is_one_of(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == '|' || !at[n]))
            return true;
    return false;
}

static bool known_method(const char *method)
{
    for (size_t i = 0; i < N_SCHEMES; i++)
        if (is_one_of(schemes[i]->methods, method))
            return true;
    return false;
}

/* All of them, each once. */
static void put_methods(struct buf *out)
{
    for (size_t i = 0; i < N_SCHEMES; i++)
        for (const char *at = schemes[i]->methods; *at; at += strspn(at, "|")) {
            const size_t n = strcspn(at, "|");
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)n, at);
            bool before = false;
            for (size_t j = 0; j < i; j++)
                before |= is_one_of(schemes[j]->methods, word);
            if (!before)
                buf_printf(out, "%s%s", out->size ? ", " : "", word);
            at += n;
        }
}

/* The description is in config.json, or in a file of its own beside it, whose name then says the method. */
static viv_status find_description(struct checkpoint *c, const char *dir, struct quantization *q, json_t **read,
                                   struct error *err)
{
    static const char *const keys[] = {"quantization_config", "compression_config"};
    static const struct {
        const char *file, *method;
    } files[] = {
        {"quantize_config.json", "gptq"}, {"quant_config.json", "awq"}, {"hf_quant_config.json", "modelopt"}};
    *q = (struct quantization){.file = "config.json", .metadata = c->metadata};
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !q->config; i++)
        if (!json_says_nothing(json_object_get(c->config, keys[i])))
            q->config = json_object_get(c->config, keys[i]);
    for (size_t i = 0; i < sizeof files / sizeof *files && !q->config; i++) {
        char *path = path_join(dir, files[i].file);
        viv_status status = path ? VIV_OK : error_nomem(err);
        if (status == VIV_OK && file_exists(path)) {
            status = json_read(path, MAX_CONFIG, read, err);
            q->file = files[i].file;
            q->method = files[i].method;
            q->config = *read;
        }
        free(path);
        if (status != VIV_OK)
            return status;
    }
    if (json_is_object(json_object_get(q->config, "quantization"))) /* ModelOpt's file */
        q->config = json_object_get(q->config, "quantization");
    if (q->config)
        q->method = config_text(q, "quant_method", q->method);
    return VIV_OK;
}

/* --- joining -------------------------------------------------------------------------------------------------- */

/* Fills in the parts of the weight whose first part is t; marks them in `taken`. */
static viv_status find_parts(struct checkpoint *c, const viv_tensor *t, struct packed *p, bool *taken,
                             struct error *err)
{
    const struct scheme *s = p->scheme;
    const int n = (int)(strlen(t->name) - strlen(s->mark));
    p->part[0] = *t;
    taken[t - c->tensors] = true;
    for (unsigned k = 0; k < MAX_PARTS && s->parts[k]; k++) {
        const size_t length = strcspn(s->parts[k], "?");
        char name[MAX_NAME];
        snprintf(name, sizeof name, "%.*s%.*s", n, t->name, (int)length, s->parts[k]);
        const viv_tensor *part = checkpoint_tensor(c, name);
        if (!part && s->parts[k][length] != '?')
            return error_set(err, VIV_ENOTFOUND, "there is no '%s'", name);
        if (!part)
            continue;
        p->part[1 + k] = *part;
        taken[part - c->tensors] = true;
    }
    return VIV_OK;
}

/* The tensor that stands for the parts: [n_out, n_in] of the type that describe chose. */
static viv_status make_tensor(struct checkpoint *c, const struct packed *p, viv_tensor *out, struct error *err)
{
    const struct scheme *s = p->scheme;
    const int n = (int)(strlen(p->part[0].name) - strlen(s->mark));
    char *name = arena_printf(&c->arena, "%.*s%s", n, p->part[0].name, s->weight);
    int64_t *shape = arena_array(&c->arena, 6, sizeof *shape);
    if (!name || !shape)
        return error_nomem(err);
    const uint32_t n_dims = p->n_experts ? 3 : 2;
    shape[0] = (int64_t)p->n_experts;
    shape[n_dims - 2] = (int64_t)p->n_out;
    shape[n_dims - 1] = (int64_t)p->n_in;
    if (!tensor_init(out, name, p->dtype, n_dims, shape, shape + 3, NULL))
        return error_set(err, VIV_ELIMIT, "it is too large");
    return VIV_OK;
}

static viv_status join_one(struct checkpoint *c, const struct quantization *q, const viv_tensor *t,
                           struct packed *p, bool *taken, viv_tensor *out, struct error *err)
{
    viv_status status = find_parts(c, t, p, taken, err);
    if (status == VIV_OK)
        status = p->scheme->describe(p, q, &c->arena, err);
    if (status == VIV_OK)
        status = packed_check_sizes(p, err);
    if (status == VIV_OK)
        status = make_tensor(c, p, out, err);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "%s: tensor '%s'", c->path, t->name);
}

static const struct scheme *scheme_of(const struct quantization *q, const viv_tensor *t)
{
    for (size_t i = 0; i < N_SCHEMES; i++) {
        const struct scheme *s = schemes[i];
        if (is_one_of(s->methods, q->method) && t->dtype == s->mark_dtype && text_ends_in(t->name, s->mark))
            return s;
    }
    return NULL;
}

/* Scales of activations and of the KV cache, which are not quantized here, and other notes. */
static bool is_note(const viv_tensor *t)
{
    static const char *const notes[] = {".input_scale",
                                        ".input_global_scale",
                                        ".input_zero_point",
                                        ".activation_scale",
                                        ".act_scale",
                                        ".output_scale",
                                        ".k_scale",
                                        ".v_scale",
                                        ".q_scale",
                                        ".prob_output_scale",
                                        ".weight_shape",
                                        ".weight_format",
                                        ".input_scale_ub",
                                        "_act_quant_scale",
                                        "_act_quant_zero_point"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (text_ends_in(t->name, notes[i]))
            return true;
    return false;
}

/* bitsandbytes says how a weight of int8 lies; older versions of it wrote tiles (col32, col_turing, col_ampere). */
static viv_status check_note(const viv_tensor *t, struct error *err)
{
    const unsigned char *bytes = t->dl.data;
    for (uint64_t i = 0; bytes && text_ends_in(t->name, ".weight_format") && i < t->nbytes; i++)
        if (bytes[i])
            return error_set(err, VIV_EUNSUPPORTED,
                             "'%s' says that the weight lies in tiles (%u), expected rows (0): save the checkpoint "
                             "anew with a current bitsandbytes",
                             t->name, bytes[i]);
    return VIV_OK;
}

/* Leaves out the tensors that are taken, and names the others anew. */
static viv_status leave_out(struct checkpoint *c, const bool *taken, uint32_t *of_tensor, struct error *err)
{
    uint32_t n = 0;
    strmap_release(&c->by_name);
    c->by_name = (struct strmap){0};
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        if (taken[i])
            continue;
        c->tensors[n] = c->tensors[i];
        of_tensor[n] = of_tensor[i];
        const char *name = c->tensors[n].name;
        const int added = strmap_add(&c->by_name, name, strlen(name), n);
        if (added == STRMAP_NOMEM)
            return error_nomem(err);
        if (added == STRMAP_EXISTS)
            return error_set(err, VIV_EFORMAT, "%s: tensor '%s' is there, and its quantized parts, too", c->path,
                             name);
        n++;
    }
    c->n_tensors = n;
    return VIV_OK;
}

static viv_status join_all(struct checkpoint *c, const struct quantization *q, struct packed_weights *w,
                           struct error *err)
{
    bool *taken = calloc(c->n_tensors + 1, sizeof *taken);
    viv_tensor *joined = calloc(c->n_tensors + 1, sizeof *joined);
    viv_status status = taken && joined ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n_tensors; i++) {
        const struct scheme *s = scheme_of(q, &c->tensors[i]);
        if (!s && is_note(&c->tensors[i])) {
            taken[i] = true;
            status = check_note(&c->tensors[i], err);
        }
        if (!s || taken[i])
            continue;
        w->items[w->n].scheme = s;
        status = join_one(c, q, &c->tensors[i], &w->items[w->n], taken, &joined[i], err);
        w->of_tensor[i] = ++w->n;
    }
    for (uint32_t i = 0; status == VIV_OK && i < c->n_tensors; i++)
        if (w->of_tensor[i]) {
            c->tensors[i] = joined[i];
            taken[i] = false;
        }
    if (status == VIV_OK)
        status = leave_out(c, taken, w->of_tensor, err);
    w->n_tensors = c->n_tensors;
    free(taken);
    free(joined);
    return status;
}

static viv_status join_described(struct checkpoint *c, const struct quantization *q, struct error *err)
{
    if (!q->method || !known_method(q->method)) {
        struct buf methods = {0};
        put_methods(&methods);
        error_set(
            err, VIV_EUNSUPPORTED,
            "%s: %s: the weights are packed in a way that cannot be read (quant_method = %.64s): expected one of "
            "%.*s; take the model as it was before, or as GGUF",
            c->path, q->file, q->method ? q->method : "none", (int)methods.size, methods.data ? methods.data : "");
        buf_release(&methods);
        return VIV_EUNSUPPORTED;
    }
    struct packed_weights *w = arena_alloc(&c->arena, sizeof *w);
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY;
    char *config = json_dumps(q->config, flags), *notes = q->metadata ? json_dumps(q->metadata, flags) : NULL;
    uint32_t n = 0;
    if (w && config && (notes || !q->metadata))
        w->description = arena_printf(&c->arena, "%s %s %s %s", q->file, q->method, config, notes ? notes : "");
    free(config);
    free(notes);
    if (!w || !w->description)
        return error_nomem(err);
    for (uint32_t i = 0; i < c->n_tensors; i++)
        n += scheme_of(q, &c->tensors[i]) != NULL;
    c->packed = w;
    w->items = arena_array(&c->arena, n, sizeof *w->items);
    w->of_tensor = arena_array(&c->arena, c->n_tensors, sizeof *w->of_tensor);
    return w->items && w->of_tensor ? join_all(c, q, w, err) : error_nomem(err);
}

viv_status packed_join(struct checkpoint *c, const char *dir, struct error *err)
{
    struct quantization q;
    json_t *read = NULL;
    if (c->n_tensors == 0)
        return VIV_OK;
    viv_status status = find_description(c, dir, &q, &read, err);
    if (status == VIV_OK && q.config)
        status = join_described(c, &q, err);
    json_decref(read);
    return status;
}

void packed_release(struct checkpoint *c)
{
    for (uint32_t i = 0; c->packed && i < c->packed->n; i++)
        free(c->packed->items[i].data);
    c->packed = NULL;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static struct packed *packed_of(const struct checkpoint *c, const viv_tensor *t)
{
    const struct packed_weights *w = c->packed;
    const uintptr_t at = (uintptr_t)t - (uintptr_t)c->tensors;
    const uint64_t i = at / sizeof *t;
    if (!w || (uintptr_t)t < (uintptr_t)c->tensors || i >= w->n_tensors || !w->of_tensor[i])
        return NULL;
    return &w->items[w->of_tensor[i] - 1];
}

bool packed_is(const struct checkpoint *c, const viv_tensor *t)
{
    const struct packed *p = packed_of(c, t);
    return p && !t->dl.data && t->dtype == p->dtype; /* else an adapter has replaced it */
}

bool packed_joined(const struct checkpoint *c, const viv_tensor *t, const uint32_t **order)
{
    const struct packed *p = packed_of(c, t);
    if (p)
        *order = p->order;
    return p != NULL;
}

bool packed_spare_bias(const struct checkpoint *c, const viv_tensor *t)
{
    static const char end[] = ".bias";
    const unsigned char *bytes = t->dl.data;
    const uint32_t *order;
    char name[MAX_NAME];
    if (!c->packed || !bytes || !text_ends_in(t->name, end))
        return false;
    snprintf(name, sizeof name, "%.*s.weight", (int)(strlen(t->name) - strlen(end)), t->name);
    const viv_tensor *weight = checkpoint_tensor(c, name);
    if (!weight || !packed_joined(c, weight, &order))
        return false;
    for (uint64_t i = 0; i < t->nbytes; i++)
        if (bytes[i])
            return false;
    return true;
}

const uint32_t *packed_order(const struct checkpoint *c, const viv_tensor *t)
{
    const struct packed *p = packed_of(c, t);
    return p && t->dtype == p->dtype ? p->order : NULL;
}

/* Blocks [b, b_end) of rows [first, first + n). */
static viv_status read_blocks(const struct packed *p, uint64_t first, uint64_t n, uint64_t b, uint64_t b_end,
                              unsigned char *out, struct error *err)
{
    const uint64_t bytes = block_type(p->dtype).bytes, row = p->n_in / BLOCK * bytes;
    viv_status status = VIV_OK;
    for (uint64_t i = 0; i < n; i += p->scheme->block ? 1 : 8)
        for (uint64_t k = b; status == VIV_OK && k < b_end; k++) {
            unsigned char *to = out + i * row + k * bytes;
            status = p->scheme->block ? p->scheme->block(p, first + i, k, to, err)
                                      : p->scheme->eight_blocks(p, first + i, k, to, row, err);
        }
    return status;
}

viv_status packed_read(const struct checkpoint *c, const viv_tensor *t, uint64_t first, uint64_t n, void *out,
                       struct error *err)
{
    const struct packed *p = packed_of(c, t);
    const uint64_t blocks = p->n_in / BLOCK, step = p->scheme->by_inputs ? 1 : blocks;
    if (!p->scheme->block && (first % 8 || n % 8))
        return error_set(err, VIV_ESHAPE,
                         "%s: tensor '%s' holds outputs by eights, expected whole eights, found outputs %" PRIu64
                         " to %" PRIu64,
                         c->path, p->part[0].name, first, first + n);
    viv_status status = VIV_OK;
    for (uint64_t b = 0; status == VIV_OK && b < blocks; b += step)
        status = read_blocks(p, first, n, b, b + step, out, err);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "%s: tensor '%s'", c->path, p->part[0].name);
}

viv_status packed_make(struct checkpoint *c, const viv_tensor *t, void **out, struct error *err)
{
    struct packed *p = packed_of(c, t);
    p->data = aligned_alloc(64, size_align(size_max(t->nbytes, 1), 64));
    if (!p->data)
        return error_nomem(err);
    c->tensors[t - c->tensors].dl.data = *out = p->data;
    return VIV_OK;
}

void packed_forget(const struct checkpoint *c, const viv_tensor *t)
{
    const struct packed *p = packed_of(c, t);
    for (unsigned k = 0; k <= MAX_PARTS; k++)
        if (has_part(p, k) && checkpoint_is_mapped(c, p->part[k].dl.data))
            file_map_forget(p->part[k].dl.data, p->part[k].nbytes);
}

void packed_map(struct checkpoint *c, const viv_tensor *t, const void *data)
{
    c->tensors[t - c->tensors].dl.data = (void *)data;
}

/* --- identity ------------------------------------------------------------------------------------------------- */

/* Any change of a file shows in its times, where its file system keeps them; the samples are for one that does not.
 */
static viv_status put_file(struct buf *out, const struct file_map *map, double *changed, struct error *err)
{
    enum { N_SAMPLES = 64, SAMPLE_BYTES = 4096 };
    struct stat st;
    if (fstat(map->fd, &st) != 0)
        return error_set(err, VIV_EIO, "%s: %s", map->path, strerror(errno));
    buf_printf(out, "file %" PRIu64 " %" PRId64 ".%09ld %" PRId64 ".%09ld %" PRIu64 "\n", (uint64_t)st.st_size,
               (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (int64_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec,
               (uint64_t)st.st_ino);
    *changed = fmax(*changed, fmax((double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec,
                                   (double)st.st_ctim.tv_sec + 1e-9 * (double)st.st_ctim.tv_nsec));
    const uint64_t n = size_min(map->size, SAMPLE_BYTES), step = (map->size - n) / (N_SAMPLES - 1);
    for (uint64_t i = 0; i < (step ? N_SAMPLES : 1); i++)
        buf_append(out, map->data + i * step, n);
    return VIV_OK;
}

/* Where the bytes of a part lie: which file, and at which offset. */
static void put_place(struct buf *out, const struct checkpoint *c, const viv_tensor *part)
{
    for (uint32_t i = 0; i < c->n_maps; i++) {
        const uintptr_t at = (uintptr_t)part->dl.data - (uintptr_t)c->maps[i].data;
        if ((uintptr_t)part->dl.data >= (uintptr_t)c->maps[i].data && at < c->maps[i].size)
            buf_printf(out, " %" PRIu32 "+%" PRIuPTR, i, at);
    }
}

static void put_shape(struct buf *out, const viv_tensor *t)
{
    buf_printf(out, "\n%s %" PRIu32, t->name, t->dtype);
    for (int32_t i = 0; i < t->dl.ndim; i++)
        buf_printf(out, " %" PRId64, t->dl.shape[i]);
}

viv_status packed_identity(const struct checkpoint *c, struct buf *out, double *changed, struct error *err)
{
    viv_status status = VIV_OK;
    *changed = 0;
    for (uint32_t i = 0; status == VIV_OK && i < c->n_maps; i++)
        status = put_file(out, &c->maps[i], changed, err);
    buf_puts(out, c->packed->description);
    for (uint32_t i = 0; i < c->packed->n; i++)
        for (unsigned k = 0; k <= MAX_PARTS; k++)
            if (has_part(&c->packed->items[i], k)) {
                put_shape(out, &c->packed->items[i].part[k]);
                put_place(out, c, &c->packed->items[i].part[k]);
            }
    if (status == VIV_OK && out->failed)
        return error_nomem(err);
    return status;
}
