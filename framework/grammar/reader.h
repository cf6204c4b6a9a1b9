/* reader.h - what the readers of GBNF and Lark share: characters, names of rules, and errors with line and column.
 */
#ifndef GRAMMAR_READER_H
#define GRAMMAR_READER_H

#include "base/strmap.h"
#include "grammar/token_trie.h"
#include "grammar/tree.h"

struct reader {
    struct rules *r;
    struct strmap names;
    size_t *used_at; /* [r->n] where a rule is used first */
    size_t used_capacity;
    const char *text, *comment;    /* comment: what begins one, besides '#'; or NULL */
    const struct token_trie *trie; /* whose tokens may be named; or NULL */
    size_t n, at, depth;
    viv_status status;
    struct error *err;
};
void reader_release(struct reader *p);

/* Notes the first error; NULL. */
const struct tree *reader_fail(struct reader *p, size_t at, const char *sentence);
/* Whether there is text left, and no error. */
bool reader_more(const struct reader *p);
/* The next byte; at the end 0. */
char reader_here(const struct reader *p);
bool reader_eat(struct reader *p, const char *s);
/* Skips blanks and comments; lines: line ends too. */
void reader_skip(struct reader *p, bool lines);
/* A count of a repetition; false: there is none. */
bool reader_count(struct reader *p, uint32_t *out);
/* The counts behind '{', to '}'. */
void reader_counts(struct reader *p, size_t begin, uint32_t *min, uint32_t *max);

/* A token of the vocabulary: <NAME> with its brackets, or <[ID]>. One that is text is its text. */
const struct tree *reader_token(struct reader *p);

/* The rule of a name, made when it is first met. */
uint32_t reader_rule(struct reader *p, const char *name, size_t n, size_t at);
/* Gives it its body; NULL: memory is out. */
void reader_define(struct reader *p, uint32_t rule, const struct tree *body, size_t at);
/* At the end: every name is defined, and the root's is there. */
void reader_check(struct reader *p, const char *root);

#endif
