/* reader.c - see reader.h. */
#include "grammar/reader.h"

#include "base/buf.h"
#include "base/near.h"
#include "grammar/sources.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reader_release(struct reader *p)
{
    free(p->used_at);
    strmap_release(&p->names);
}

/* Line and column of an offset, from 1. */
struct position {
    size_t line, column;
};

static struct position position_of(const char *text, size_t at)
{
    struct position p = {1, 1};
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            p.line++;
            p.column = 1;
        } else {
            p.column += ((unsigned char)text[i] & 0xC0) != 0x80;
        }
    return p;
}

const struct tree *reader_fail(struct reader *p, size_t at, const char *sentence)
{
    const struct position where = position_of(p->text, at);
    if (p->status == VIV_OK)
        p->status = error_set(p->err, VIV_EINVAL, "line %zu, column %zu: %s", where.line, where.column, sentence);
    return NULL;
}

bool reader_more(const struct reader *p)
{
    return p->status == VIV_OK && p->at < p->n;
}

char reader_here(const struct reader *p)
{
    return p->at < p->n ? p->text[p->at] : '\0';
}

bool reader_eat(struct reader *p, const char *s)
{
    const size_t n = strlen(s);
    if (p->n - p->at < n || memcmp(p->text + p->at, s, n) != 0)
        return false;
    p->at += n;
    return true;
}

void reader_skip(struct reader *p, bool lines)
{
    while (p->at < p->n) {
        const char c = p->text[p->at];
        if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
            p->at++;
        else if (c == '#' || (p->comment && reader_eat(p, p->comment)))
            while (p->at < p->n && p->text[p->at] != '\n' && p->text[p->at] != '\r')
                p->at++;
        else
            break;
    }
}

bool reader_count(struct reader *p, uint32_t *out)
{
    const size_t begin = p->at;
    uint64_t n = 0;
    while (reader_here(p) >= '0' && reader_here(p) <= '9' && n <= MAX_REPEAT)
        n = n * 10 + (uint64_t)(p->text[p->at++] - '0');
    if (n > MAX_REPEAT)
        reader_fail(p, begin, "a repetition has a count above 1048576");
    *out = (uint32_t)n;
    return p->at > begin;
}

void reader_counts(struct reader *p, size_t begin, uint32_t *min, uint32_t *max)
{
    reader_skip(p, true);
    const bool least = reader_count(p, min); /* {,n}: from 0 */
    *max = *min;
    reader_skip(p, true);
    const bool range = reader_eat(p, ",");
    if (range) {
        reader_skip(p, true);
        if (!reader_count(p, max))
            *max = UNBOUNDED;
        reader_skip(p, true);
    }
    if (!reader_eat(p, "}") || (!least && !range))
        reader_fail(p, begin, "expected {m}, {m,} or {m,n}");
    else if (*min > *max)
        reader_fail(p, begin, "a repetition has its counts reversed");
}

static const struct tree *tree_of_token(struct reader *p, int32_t id, size_t begin)
{
    char mark[MARK_BYTES], sentence[160];
    struct buf text = {0};
    const struct tree *t = NULL;
    if (token_trie_is_end(p->trie, id)) {
        snprintf(sentence, sizeof sentence,
                 "token %" PRId32 " ends answers: leave it out, it may come wherever the answer may end", id);
        return reader_fail(p, begin, sentence);
    }
    if (tokenizer_is_special(p->trie->tokenizer, id)) {
        token_mark((uint32_t)id, mark);
        return tree_bytes(p->r, mark, sizeof mark);
    }
    if (tokenizer_token_bytes(p->trie->tokenizer, id, &text)) {
        t = tree_bytes(p->r, buf_text(&text), text.size);
    } else if (!text.failed) {
        snprintf(sentence, sizeof sentence, "the vocabulary has no token %" PRId32 " that is text or special", id);
        reader_fail(p, begin, sentence);
    }
    buf_release(&text);
    return t;
}

/* The number between "<[" and "]>". */
static const struct tree *read_token_id(struct reader *p, size_t begin)
{
    uint32_t id;
    if (!reader_count(p, &id) || !reader_eat(p, "]>"))
        return reader_fail(p, begin, "expected the number of a token, such as <[17]>");
    if (!p->trie)
        return reader_fail(p, begin, "a token has a number only in the vocabulary of a model; write its name");
    return tree_of_token(p, (int32_t)id, begin);
}

const struct tree *reader_token(struct reader *p)
{
    const size_t begin = p->at;
    char name[MAX_TOKEN_NAME + 1], sentence[MAX_TOKEN_NAME + 100];
    size_t n = 0;
    int32_t id;
    if (reader_eat(p, "<["))
        return read_token_id(p, begin);
    do
        name[n++] = p->text[p->at++];
    while (n < MAX_TOKEN_NAME && name[n - 1] != '>' && p->at < p->n && p->text[p->at] != '\n');
    name[n] = '\0';
    if (name[n - 1] != '>')
        return reader_fail(p, begin, "the name of the token is not closed by '>'");
    if (!p->trie)
        return tree_bytes(p->r, name, n);
    if (tokenizer_id(p->trie->tokenizer, name, &id))
        return tree_of_token(p, id, begin);
    snprintf(sentence, sizeof sentence, "the vocabulary has no token '%s'; write texts between quotes", name);
    return reader_fail(p, begin, sentence);
}

uint32_t reader_rule(struct reader *p, const char *name, size_t n, size_t at)
{
    uint32_t rule;
    if (strmap_get(&p->names, name, n, &rule))
        return rule;
    rule = rules_add(p->r, name, n);
    while (p->status == VIV_OK && rule != UINT32_MAX && p->used_capacity <= rule)
        if (!vec_grow((void **)&p->used_at, &p->used_capacity, sizeof *p->used_at))
            p->status = error_nomem(p->err);
    if (rule == UINT32_MAX || p->status != VIV_OK ||
        strmap_add(&p->names, p->r->v[rule].name, n, rule) == STRMAP_NOMEM) {
        if (p->status == VIV_OK)
            p->status = p->r->n >= MAX_RULES ? error_set(p->err, VIV_ELIMIT, "more than %d rules", MAX_RULES)
                                             : error_nomem(p->err);
        return 0;
    }
    p->used_at[rule] = at;
    return rule;
}

void reader_define(struct reader *p, uint32_t rule, const struct tree *body, size_t at)
{
    if (p->status == VIV_OK && p->r->v[rule].body)
        reader_fail(p, at, "this name was defined before; put both behind one, with | between them");
    else if (p->status == VIV_OK && !body)
        p->status = error_nomem(p->err);
    else if (p->status == VIV_OK)
        p->r->v[rule].body = body;
}

static void refuse_undefined(struct reader *p, uint32_t rule)
{
    const char **names = calloc(p->r->n + 1, sizeof *names), *name = p->r->v[rule].name;
    const struct position where = position_of(p->text, p->used_at[rule]);
    size_t n = 0;
    for (size_t i = 0; names && i < p->r->n && n < 1000; i++)
        if (p->r->v[i].body)
            names[n++] = p->r->v[i].name;
    const char *nearest = names ? near_word(name, names, n) : NULL;
    p->status = error_set(p->err, VIV_EINVAL, "line %zu, column %zu: rule '%.100s' is used and not defined%s%s%s",
                          where.line, where.column, name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                          nearest ? "'?" : "");
    free(names);
}

void reader_check(struct reader *p, const char *root)
{
    uint32_t rule;
    if (p->status == VIV_OK && !strmap_get(&p->names, root, strlen(root), &p->r->root))
        p->status = error_set(p->err, VIV_EINVAL, "there is no rule '%s', which is what the whole text is", root);
    for (uint32_t i = 0; p->status == VIV_OK && i < p->r->n; i++) {
        const char *name = p->r->v[i].name;
        if (!p->r->v[i].body && strmap_get(&p->names, name, strlen(name), &rule) && rule == i)
            refuse_undefined(p, i);
    }
}
