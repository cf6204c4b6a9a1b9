/* tiktoken.c - tokenizer.model of Llama 3: a line for each token, with its bytes in base64 and its rank. The rank
 * is its id, and the order in which pairs merge. The 256 special tokens follow, with the names of Meta's code. */
#include "tokenizer/patterns.h"
#include "tokenizer/pipeline.h"

#include "base/base64.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static viv_status read_line(struct tokenizer *t, const char *line, size_t n, struct error *err)
{
    const char *space = memchr(line, ' ', n);
    struct buf bytes = {0}, piece = {0};
    char *end = NULL;
    long rank = space ? strtol(space + 1, &end, 10) : -1;
    bool ok = space && rank >= 0 && rank < MAX_VOCAB && end == line + n &&
              (base64_decode(line, (size_t)(space - line), &bytes) || bytes.failed);
    char *copy = ok && !bytes.failed && byte_level_encode(buf_text(&bytes), bytes.size, &piece)
                     ? arena_strndup(&t->arena, buf_text(&piece), piece.size)
                     : NULL;
    viv_status status = !ok    ? error_set(err, VIV_EFORMAT, "expected a token in base64 and its rank")
                        : copy ? vocab_add(&t->vocab, copy, piece.size, (uint32_t)rank, err)
                               : error_nomem(err);
    buf_release(&bytes);
    buf_release(&piece);
    return status;
}

static viv_status add_special(struct tokenizer *t, const char *name, uint32_t *id, struct error *err)
{
    const struct added_token token = {.content = name, .n = strlen(name), .id = (int32_t)*id, .special = true};
    (*id)++;
    return tokenizer_add_token(t, &token, err);
}

static viv_status add_specials(struct tokenizer *t, struct error *err)
{
    static const char *const names[] = {"<|begin_of_text|>",
                                        "<|end_of_text|>",
                                        "<|reserved_special_token_0|>",
                                        "<|reserved_special_token_1|>",
                                        "<|finetune_right_pad_id|>",
                                        "<|step_id|>",
                                        "<|start_header_id|>",
                                        "<|end_header_id|>",
                                        "<|eom_id|>",
                                        "<|eot_id|>",
                                        "<|python_tag|>"};
    enum { N = sizeof names / sizeof *names, N_SPECIAL = 256 };
    uint32_t id = t->vocab.n;
    t->bos = (int32_t)id;
    t->eos = (int32_t)id + 1;
    for (int i = 0; i < N_SPECIAL; i++) {
        char *name = i < N ? (char *)names[i] : arena_printf(&t->arena, "<|reserved_special_token_%d|>", i - N + 2);
        viv_status status = name ? add_special(t, name, &id, err) : error_nomem(err);
        if (status != VIV_OK)
            return status;
    }
    return tokenizer_put_before(t, t->bos, err);
}

viv_status tokenizer_read_tiktoken(struct tokenizer *t, const char *path, const char *text, size_t n,
                                   struct error *err)
{
    static const char *const patterns[] = {LLAMA3_PATTERN, NULL};
    const char *line = text, *end = text + n;
    viv_status status = VIV_OK;
    for (size_t number = 1; status == VIV_OK && line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line)), *last = stop ? stop : end;
        status = last > line ? read_line(t, line, (size_t)(last - line), err) : VIV_OK;
        if (status != VIV_OK)
            return error_prefix(err, "%s:%zu", path, number);
        line = last + 1;
    }
    status = tokenizer_merge_by_id(t, err);
    if (status == VIV_OK)
        status = tokenizer_add_byte_level(t, patterns, err);
    return status == VIV_OK ? add_specials(t, err) : status;
}
