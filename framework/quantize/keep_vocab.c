/* keep_vocab.c - a model with only some of its tokens, for devices that answer from few words: the rows of its
 * embedding and of its output head go with the tokens, and all ids become those of the tokens that are left, in
 * their order. The logits of those are what they were.
 *
 * Besides what is asked for, these stay: control tokens, tokens of the user, the unknown token, tokens for bytes,
 * those that the metadata names, and the pieces by which the tokenizer gets to a token that stays. So a text whose
 * tokens all stay is still split into them: BPE takes the same merges in the same order, because what it merges on
 * the way stays, too. Any other text is split into smaller pieces. */
#include "quantize/source.h"

#include "base/buf.h"
#include "base/size.h"
#include "base/text.h"
#include "formats/gguf/writer.h"
#include "tokenizer/stages.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TYPE_NORMAL = 1, TYPE_UNUSED = 5, ROWS_BYTES = 4 << 20, MOST_CHARS = 512 };

static const char tokens_key[] = "tokenizer.ggml.tokens", types_key[] = "tokenizer.ggml.token_type",
                  scores_key[] = "tokenizer.ggml.scores", merges_key[] = "tokenizer.ggml.merges";

struct smaller {
    const struct weight_source *inner;
    const struct checkpoint *from; /* its header */
    struct checkpoint header;
    bool *keep;         /* [n] the caller's */
    uint64_t n, n_kept; /* tokens before and after */
    uint32_t *ids;      /* [n_kept] what they were */
    uint32_t *now;      /* [n] what they become */
    struct meta tokens, types, scores, merges;
    struct strmap by_text;
    uint8_t *rows;
    uint64_t capacity;
};

static struct meta text_of(const struct smaller *s, uint64_t i)
{
    return checkpoint_meta_element(s->from, &s->tokens, i);
}

static int64_t type_of(const struct smaller *s, uint64_t i)
{
    const struct meta m = checkpoint_meta_element(s->from, &s->types, i);
    int64_t type;
    return checkpoint_meta_int(&m, &type) ? type : TYPE_NORMAL;
}

uint64_t source_vocab_size(const struct weight_source *s)
{
    const struct meta m = checkpoint_meta(s->header, tokens_key);
    return m.kind == META_ARRAY && m.element == META_STRING ? m.n : 0;
}

/* --- which tokens -------------------------------------------------------------------------------------------- */

/* Whether a key holds a token's id: tokenizer.ggml.bos_token_id and its like. */
static bool is_id_key(const char *key)
{
    return strncmp(key, "tokenizer.ggml.", 15) == 0 && text_ends_in(key, "_token_id");
}

static bool id_at(const struct smaller *s, const char *key, uint64_t *id)
{
    const struct meta m = checkpoint_meta(s->from, key);
    int64_t i;
    if (!checkpoint_meta_int(&m, &i) || i < 0 || (uint64_t)i >= s->n)
        return false;
    *id = (uint64_t)i;
    return true;
}

static void keep_named(struct smaller *s)
{
    const char *key;
    uint64_t id;
    for (uint64_t i = 0; (key = s->from->format->key(s->from, i)); i++)
        if (is_id_key(key) && id_at(s, key, &id))
            s->keep[id] = true;
    for (uint64_t i = 0; i < s->n; i++)
        if (type_of(s, i) != TYPE_NORMAL && type_of(s, i) != TYPE_UNUSED)
            s->keep[i] = true;
}

static void keep_letters(struct smaller *s)
{
    uint32_t id;
    for (int b = 0; b < 256; b++) {
        size_t n;
        const char *letter = byte_level_letter((unsigned char)b, &n);
        if (strmap_get(&s->by_text, letter, n, &id))
            s->keep[id] = true;
    }
}

/* A merge as the file has it: two pieces with a space between. */
static bool read_merge(const struct smaller *s, uint64_t i, struct meta *text, uint32_t parts[2], uint32_t *id)
{
    char joined[4096];
    *text = checkpoint_meta_element(s->from, &s->merges, i);
    const char *space = text->n > 1 ? memchr(text->s + 1, ' ', text->n - 1) : NULL;
    if (!space || text->n > sizeof joined)
        return false;
    const size_t n = (size_t)(space - text->s), m = text->n - n - 1;
    memcpy(joined, text->s, n);
    memcpy(joined + n, space + 1, m);
    return strmap_get(&s->by_text, text->s, n, &parts[0]) && strmap_get(&s->by_text, space + 1, m, &parts[1]) &&
           strmap_get(&s->by_text, joined, n + m, id);
}

/* The pieces that merges make tokens of. Those of a merge are made by earlier ones. */
static void keep_merged(struct smaller *s)
{
    struct meta text;
    uint32_t parts[2], id;
    for (uint64_t i = s->merges.n; i-- > 0;)
        if (read_merge(s, i, &text, parts, &id) && s->keep[id])
            s->keep[parts[0]] = s->keep[parts[1]] = true;
}

static double score_of(const struct smaller *s, uint32_t id)
{
    const struct meta m = checkpoint_meta_element(s->from, &s->scores, id);
    double score;
    return checkpoint_meta_float(&m, &score) ? score : 0;
}

/* The pieces on the way to a token where scores say which neighbours merge first. */
static void keep_scored(struct smaller *s, uint64_t token)
{
    const struct meta text = text_of(s, token);
    size_t ends[MOST_CHARS], n = 0;
    for (size_t i = 1; i <= text.n && n < MOST_CHARS; i++)
        if (i == text.n || ((unsigned char)text.s[i] & 0xC0) != 0x80)
            ends[n++] = i;
    for (size_t i = 0; i < n; i++) {
        uint32_t id;
        const size_t begin = i ? ends[i - 1] : 0;
        if (strmap_get(&s->by_text, text.s + begin, ends[i] - begin, &id))
            s->keep[id] = true;
    }
    while (n > 1) {
        double best = -INFINITY;
        size_t at = n;
        uint32_t id, best_id = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const size_t begin = i ? ends[i - 1] : 0;
            if (strmap_get(&s->by_text, text.s + begin, ends[i + 1] - begin, &id) && score_of(s, id) > best) {
                best = score_of(s, id);
                best_id = id;
                at = i;
            }
        }
        if (at == n)
            return;
        s->keep[best_id] = true;
        memmove(&ends[at], &ends[at + 1], (n - at - 1) * sizeof *ends);
        n--;
    }
}

static viv_status read_lists(struct smaller *s, struct error *err)
{
    s->tokens = checkpoint_meta(s->from, tokens_key);
    s->types = checkpoint_meta(s->from, types_key);
    s->scores = checkpoint_meta(s->from, scores_key);
    s->merges = checkpoint_meta(s->from, merges_key);
    s->n = source_vocab_size(s->inner);
    if (s->n == 0 || s->n > UINT32_MAX || (s->types.kind == META_ARRAY && s->types.n != s->n) ||
        (s->scores.kind == META_ARRAY && s->scores.n != s->n))
        return error_set(err, VIV_EFORMAT, "%s: no list of tokens, of which some could be kept (%s)", s->from->path,
                         tokens_key);
    for (uint64_t i = 0; i < s->n; i++) {
        const struct meta m = text_of(s, i);
        if (strmap_add(&s->by_text, m.s, m.n, (uint32_t)i) == STRMAP_NOMEM)
            return error_nomem(err);
    }
    return VIV_OK;
}

static viv_status choose(struct smaller *s, struct error *err)
{
    const struct meta model = checkpoint_meta(s->from, "tokenizer.ggml.model");
    const bool scored = model.kind == META_STRING && strcmp(model.s, "llama") == 0;
    keep_named(s);
    if (s->merges.kind == META_ARRAY)
        keep_letters(s);
    keep_merged(s);
    for (uint64_t i = s->n; scored && i-- > 0;)
        if (s->keep[i] && type_of(s, i) == TYPE_NORMAL)
            keep_scored(s, i);
    for (uint64_t i = 0; i < s->n; i++)
        s->n_kept += s->keep[i];
    if (s->n_kept == 0)
        return error_set(err, VIV_EINVAL, "--keep-vocab: no token stays");
    s->ids = calloc(s->n_kept + 1, sizeof *s->ids);
    s->now = calloc(s->n, sizeof *s->now);
    if (!s->ids || !s->now)
        return error_nomem(err);
    for (uint64_t i = 0, k = 0; i < s->n; i++)
        if (s->keep[i]) {
            s->now[i] = (uint32_t)k;
            s->ids[k++] = (uint32_t)i;
        }
    return VIV_OK;
}

/* --- the header ---------------------------------------------------------------------------------------------- */

static bool is_written_anew(const char *key)
{
    return strcmp(key, tokens_key) == 0 || strcmp(key, types_key) == 0 || strcmp(key, scores_key) == 0 ||
           strcmp(key, merges_key) == 0 || is_id_key(key) || text_ends_in(key, ".vocab_size");
}

static viv_status put_texts(const struct smaller *s, struct gguf_writer *w, struct error *err)
{
    struct arena arena = {0};
    const uint64_t n = size_max(s->n_kept, s->merges.n);
    const char **texts = calloc(n + 1, sizeof *texts);
    viv_status status = texts ? VIV_OK : error_nomem(err);
    for (uint64_t k = 0; status == VIV_OK && k < s->n_kept; k++) {
        const struct meta m = text_of(s, s->ids[k]);
        texts[k] = arena_strndup(&arena, m.s, m.n);
        status = texts[k] ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK)
        gguf_put_strings(w, tokens_key, texts, s->n_kept);
    uint64_t n_merges = 0;
    for (uint64_t i = 0; status == VIV_OK && s->merges.kind == META_ARRAY && i < s->merges.n; i++) {
        struct meta m;
        uint32_t parts[2], id;
        if (!read_merge(s, i, &m, parts, &id) || !s->keep[id])
            continue;
        texts[n_merges] = arena_strndup(&arena, m.s, m.n);
        status = texts[n_merges++] ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK && s->merges.kind == META_ARRAY)
        gguf_put_strings(w, merges_key, texts, n_merges);
    free(texts);
    arena_release(&arena);
    return status;
}

static viv_status put_numbers(const struct smaller *s, struct gguf_writer *w, struct error *err)
{
    int32_t *types = calloc(s->n_kept + 1, sizeof *types);
    float *scores = calloc(s->n_kept + 1, sizeof *scores);
    for (uint64_t k = 0; types && scores && k < s->n_kept; k++) {
        types[k] = (int32_t)type_of(s, s->ids[k]);
        scores[k] = (float)score_of(s, s->ids[k]);
    }
    const bool ok = types && scores;
    if (ok && s->types.kind == META_ARRAY)
        gguf_put_i32s(w, types_key, types, s->n_kept);
    if (ok && s->scores.kind == META_ARRAY)
        gguf_put_f32s(w, scores_key, scores, s->n_kept);
    free(types);
    free(scores);
    return ok ? VIV_OK : error_nomem(err);
}

static void put_ids(const struct smaller *s, struct gguf_writer *w)
{
    const char *key;
    uint64_t id;
    for (uint64_t i = 0; (key = s->from->format->key(s->from, i)); i++)
        if (is_id_key(key) && id_at(s, key, &id))
            gguf_put_u32(w, key, s->now[id]);
        else if (text_ends_in(key, ".vocab_size"))
            gguf_put_u32(w, key, (uint32_t)s->n_kept);
}

/* Whether a tensor has a row for each token. */
static bool has_tokens(const char *name)
{
    return strcmp(name, "token_embd.weight") == 0 || strcmp(name, "output.weight") == 0 ||
           strcmp(name, "output.bias") == 0 || strcmp(name, "per_layer_token_embd.weight") == 0;
}

static viv_status add_tensors(const struct smaller *s, struct gguf_writer *w, struct error *err)
{
    bool found = false;
    for (uint32_t i = 0; i < s->from->n_tensors; i++) {
        const viv_tensor *t = &s->from->tensors[i];
        int64_t shape[8] = {0};
        const uint32_t ndim = (uint32_t)t->dl.ndim;
        if (ndim > 8)
            return error_set(err, VIV_ELIMIT, "tensor '%s' has %u dimensions", t->name, ndim);
        memcpy(shape, t->dl.shape, ndim * sizeof *shape);
        if (has_tokens(t->name)) {
            if ((uint64_t)shape[0] != s->n)
                return error_set(err, VIV_ESHAPE,
                                 "tensor '%s' has %" PRId64 " rows for %" PRIu64 " tokens: expected one for each",
                                 t->name, shape[0], s->n);
            shape[0] = (int64_t)s->n_kept;
            found = true;
        }
        gguf_add_tensor(w, t->name, t->dtype, ndim, shape);
    }
    return found ? VIV_OK
                 : error_set(err, VIV_EUNSUPPORTED,
                             "%s has no tensor with a row for each token ('token_embd.weight')", s->from->path);
}

static viv_status make_header(struct smaller *s, struct error *err)
{
    struct gguf_writer w = {.alignment = 32};
    gguf_copy_metadata(&w, s->from, is_written_anew);
    viv_status status = put_texts(s, &w, err);
    if (status == VIV_OK)
        status = put_numbers(s, &w, err);
    if (status == VIV_OK) {
        put_ids(s, &w);
        status = add_tensors(s, &w, err);
    }
    if (status == VIV_OK)
        status = gguf_open_header(&w, s->from->path, &s->header, err);
    gguf_writer_drop(&w);
    return status;
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

static viv_status smaller_rows(void *self, uint32_t tensor, uint64_t first, uint64_t *n, const void **out,
                               struct error *err)
{
    struct smaller *s = self;
    const viv_tensor *t = &s->header.tensors[tensor];
    const bool numbers = t->dl.ndim == 1; /* one for each token: a bias */
    if (!has_tokens(t->name))
        return source_rows(s->inner, tensor, first, n, out, err);
    const uint64_t row = numbers ? t->row_bytes / s->n_kept : t->row_bytes;
    *n = size_min(numbers ? s->n_kept : *n, size_max(ROWS_BYTES / row, numbers ? s->n_kept : 1));
    if (*n * row > s->capacity) {
        free(s->rows);
        s->capacity = *n * row;
        s->rows = malloc(s->capacity);
        if (!s->rows)
            s->capacity = 0;
    }
    viv_status status = s->rows ? VIV_OK : error_nomem(err);
    for (uint64_t k = 0; status == VIV_OK && k < *n; k++) {
        const void *from = NULL;
        uint64_t one = 1;
        const uint64_t id = s->ids[(numbers ? 0 : first) + k];
        status = source_rows(s->inner, tensor, numbers ? 0 : id, &one, &from, err);
        if (status == VIV_OK)
            memcpy(s->rows + k * row, (const char *)from + (numbers ? id * row : 0), row);
    }
    *n = numbers ? 1 : *n;
    *out = s->rows;
    return status;
}

static void smaller_release(void *self)
{
    struct smaller *s = self;
    strmap_release(&s->by_text);
    checkpoint_close(&s->header);
    free(s->ids);
    free(s->now);
    free(s->rows);
    free(s);
}

viv_status source_keep_vocab(const struct weight_source *inner, bool *keep, struct weight_source *out,
                             struct error *err)
{
    struct smaller *s = calloc(1, sizeof *s);
    *out = (struct weight_source){0};
    if (!s)
        return error_nomem(err);
    *s = (struct smaller){.inner = inner, .from = inner->header, .keep = keep};
    *out =
        (struct weight_source){.header = &s->header, .self = s, .rows = smaller_rows, .release = smaller_release};
    viv_status status = read_lists(s, err);
    if (status == VIV_OK)
        status = choose(s, err);
    if (status == VIV_OK)
        status = make_header(s, err);
    s->keep = NULL;
    return status;
}

const uint32_t *source_kept_ids(const struct weight_source *s, uint64_t *n)
{
    const struct smaller *own = s->self;
    *n = own->n_kept;
    return own->ids;
}
