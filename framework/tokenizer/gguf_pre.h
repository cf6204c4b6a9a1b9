/* gguf_pre.h - the pre-tokenizers that tokenizer.ggml.pre names in a GGUF file. */
#ifndef TOKENIZER_GGUF_PRE_H
#define TOKENIZER_GGUF_PRE_H

#include "base/error.h"

#include <stddef.h>

enum {
    GGUF_WHOLE = 1,          /* a pre-token that is a token becomes that token, regardless of merges */
    GGUF_NEWLINES_WHOLE = 2, /* the same for pre-tokens of newlines only */
    GGUF_BOS = 4,            /* the BOS token is added before a text unless the file says otherwise */
    GGUF_BOS_ALWAYS = 8,     /* ... even where it does */
    GGUF_RAW = 16,           /* words consist of characters, not of GPT-2's letters for bytes */
    GGUF_METASPACE = 32      /* spaces are U+2581 */
};
struct gguf_pre {
    const char *name;
    unsigned flags;
    /* Applied in order; text that a pattern does not match is a word, too. NULL ends them. */
    const char *patterns[7];
};

/* NULL or an empty name means "default", as llama.cpp takes it. An unknown name is refused. */
viv_status gguf_pre_find(const char *name, const struct gguf_pre **out, struct error *err);
/* The rows of the table, in order; NULL after the last one. */
const struct gguf_pre *gguf_pre_at(size_t i);

#endif
