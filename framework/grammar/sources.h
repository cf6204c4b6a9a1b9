/* sources.h - the front ends: what people write, as rules (tree.h). A file each. Errors say where: a path, or line
 * and column. */
#ifndef GRAMMAR_SOURCES_H
#define GRAMMAR_SOURCES_H

#include "base/buf.h"
#include "base/json.h"
#include "grammar/token_trie.h"
#include "grammar/tree.h"

enum {
    MAX_SOURCE = 4 << 20,
    MAX_REGEX = 64 << 10,
    MAX_REPEAT = 1 << 20,
    MAX_CHOICES = 100000,
    MAX_TOKEN_NAME = 128
};

/* Each adds rules to r, and sets its root. */
viv_status read_choices(struct rules *r, const char *text, size_t n, struct error *err);
viv_status read_regex(struct rules *r, const char *text, size_t n, struct error *err);
/* trie: the vocabulary whose tokens may be named; or NULL. */
viv_status read_gbnf(struct rules *r, const char *text, size_t n, const struct token_trie *trie, struct error *err);
viv_status read_lark(struct rules *r, const char *text, size_t n, const struct token_trie *trie, struct error *err);
/* lenient: what cannot be enforced is a line of *notes. */
viv_status read_json_schema(struct rules *r, const char *text, size_t n, bool lenient, struct buf *notes,
                            struct error *err);
/* A schema inside another grammar: the rule of its texts. Borrowed. */
viv_status json_schema_rule(struct rules *r, json_t *schema, bool lenient, struct buf *notes, uint32_t *rule,
                            struct error *err);

enum regex_use {
    REGEX_WHOLE,     /* the whole text matches; RE2's syntax */
    REGEX_SEARCH,    /* some part of the text does: pattern of a JSON Schema, read so that Python's and JavaScript's
                        agree */
    REGEX_SEARCH_ANY /* the same, with all that one of them takes: for texts that must not match */
};
enum { REGEX_FOLD = 1, REGEX_DOT_ALL = 2 }; /* the flags i and s */
viv_status parse_regex(struct rules *r, const char *text, size_t n, enum regex_use use, unsigned flags,
                       const struct tree **out, struct error *err);

/* Any text of characters. */
const struct tree *tree_any_text(struct rules *r);

/* A hexadecimal number of n digits at s; false: it is none. */
bool read_hex(const char *s, size_t n, uint32_t *out);

#endif
