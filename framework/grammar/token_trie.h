/* token_trie.h - the tokens of a vocabulary as a trie of their bytes, in depth-first order, and which of them are
 * plain text.
 *
 * The bytes of a token are those that it has inside a text. Several tokens may have the same. A special token is no
 * text: its bytes are a mark, 0xFF and its id, which no UTF-8 has. Only a grammar that names the token reads them.
 * Unused, padding and end-of-text tokens have no bytes, nor have those with a byte 0xFF. A trie is immutable. */
#ifndef GRAMMAR_TOKEN_TRIE_H
#define GRAMMAR_TOKEN_TRIE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tokenizer;

enum {
    MAX_TOKEN_BYTES = 1024, /* longer tokens are left out */
    MARK_BYTES = 5,
    MAX_PLAIN = 32, /* characters of plain tokens, as slices have them */
    NOT_PLAIN = 255 /* not all of it is plain text, or it is too long */
};

struct trie_node {
    uint32_t end;    /* the node after its subtree */
    uint32_t tokens; /* the first of its tokens, in `tokens`; its subtree's follow, to those of the next node */
    uint16_t depth;
    uint8_t byte;
    uint8_t below; /* characters of the longest token of its subtree, after it; NOT_PLAIN */
};
struct trie {
    struct trie_node *nodes; /* and one more behind them */
    uint64_t *bytes;         /* [n_nodes] of a node and its subtree, as bits (charset.h) */
    uint8_t *chars;          /* [n_nodes] whole characters from the root to it, of plain text; else NOT_PLAIN */
    uint32_t *tokens;
    size_t n_nodes, n_tokens;
};

struct token_trie {
    const struct tokenizer *tokenizer; /* borrowed: for the tokens that grammars name */
    struct trie all;
    struct trie rest; /* the tokens that are not in a slice */
    uint64_t
        *plain[MAX_PLAIN + 1]; /* [n_words] tokens of at most so many characters, all of plain text (charset.h) */
    uint32_t n_ids, n_words;   /* of a mask; bits */
    uint32_t longest;          /* bytes of a token */
    const char *bytes;         /* of all tokens */
    uint32_t *first;           /* [n_ids + 1] where those of a token begin */
    int32_t *ends;             /* [n_ends] end-of-text tokens */
    size_t n_ends;
};

/* What stands for a special token among the bytes of texts. */
void token_mark(uint32_t id, char out[MARK_BYTES]);
/* Whether it ends answers. */
bool token_trie_is_end(const struct token_trie *t, int32_t id);

/* The tokens of a tokenizer, for logits of n_ids. ends: copied. */
viv_status token_trie_create(const struct tokenizer *t, uint32_t n_ids, const int32_t *ends, size_t n_ends,
                             struct token_trie **out, struct error *err);
void token_trie_destroy(struct token_trie *t); /* accepts NULL */

#endif
