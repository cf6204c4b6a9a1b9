/* grammars.c - see grammars.h. */
#include "model/grammars.h"

#include "base/sha256.h"
#include "base/size.h"
#include "grammar/grammar.h"
#include "model/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEPT = 8 };

struct grammar_entry {
    char key[65];
    char name[128];
    struct program *program;
    struct recogniser *recogniser;
    uint32_t uses;
    uint64_t used_at;
};
struct grammars {
    struct token_trie *trie;
    struct grammar_entry *kept[MAX_KEPT];
    uint64_t clock;
};

static void destroy_entry(struct grammar_entry *e)
{
    if (!e)
        return;
    recogniser_destroy(e->recogniser);
    program_destroy(e->program);
    free(e);
}

void grammars_destroy(struct grammars *g)
{
    if (!g)
        return;
    for (int i = 0; i < MAX_KEPT; i++)
        destroy_entry(g->kept[i]);
    token_trie_destroy(g->trie);
    free(g);
}

/* The vocabulary, on first use. */
static viv_status open_grammars(viv_model *m, struct error *err)
{
    const struct tokenizer *t;
    if (m->grammars && m->grammars->trie)
        return VIV_OK;
    viv_status status = model_tokenizer(m, &t, err);
    if (status == VIV_OK && !m->grammars && !(m->grammars = calloc(1, sizeof *m->grammars)))
        status = error_nomem(err);
    return status == VIV_OK
               ? token_trie_create(t, (uint32_t)model_output_dim(m), m->ends, m->n_ends, &m->grammars->trie, err)
               : status;
}

/* A place for another one: a free one, or that of the one used longest ago. NULL: all are in use. */
static struct grammar_entry **place_of(struct grammars *g)
{
    struct grammar_entry **oldest = NULL;
    for (int i = 0; i < MAX_KEPT; i++) {
        if (!g->kept[i])
            return &g->kept[i];
        if (g->kept[i]->uses == 0 && (!oldest || g->kept[i]->used_at < (*oldest)->used_at))
            oldest = &g->kept[i];
    }
    return oldest;
}

static void tell(const viv_model *m, const char *notes)
{
    for (const char *at = notes; *at && m->options.notice;) {
        char line[512];
        const size_t n = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), at);
        m->options.notice(m->options.notice_ctx, line);
        at += n + (at[n] == '\n');
    }
}

static viv_status compile(viv_model *m, const viv_grammar *g, struct grammar_entry *e, struct error *err)
{
    const struct grammar_source source = {.kind = g->kind,
                                          .name = g->name,
                                          .text = g->text,
                                          .size = g->size,
                                          .lenient = (g->flags & VIV_GRAMMAR_LENIENT) != 0,
                                          .trie = m->grammars->trie};
    struct buf notes = {0};
    viv_status status = grammar_compile(&source, &e->program, &notes, err);
    if (status == VIV_OK)
        status = recogniser_create(e->program, m->grammars->trie, &e->recogniser, err);
    if (status == VIV_OK)
        tell(m, buf_text(&notes));
    buf_release(&notes);
    return status;
}

viv_status model_grammar(viv_model *m, const viv_grammar *g, struct grammar_entry **out, struct error *err)
{
    char key[65];
    if (g->struct_size < SIZE_TO(viv_grammar, flags) || g->struct_size > MAX_STRUCT || (!g->text && g->size) ||
        g->flags & ~(uint64_t)VIV_GRAMMAR_LENIENT)
        return error_set(err, VIV_EABI,
                         "viv_grammar: struct_size is %u and flags 0x%" PRIx64 ", expected %zu and at most 1",
                         g->struct_size, g->flags, SIZE_TO(viv_grammar, flags));
    viv_status status = open_grammars(m, err);
    if (status != VIV_OK)
        return status;
    struct grammars *all = m->grammars;
    sha256_hex(g->text ? g->text : "", g->size, key);
    key[0] = (char)('a' + g->kind % 8); /* the rest of the digest tells texts apart */
    key[1] = g->flags ? 'l' : 's';
    for (int i = 0; i < MAX_KEPT; i++)
        if (all->kept[i] && strcmp(all->kept[i]->key, key) == 0) {
            *out = all->kept[i];
            (*out)->uses++;
            (*out)->used_at = ++all->clock;
            return VIV_OK;
        }
    struct grammar_entry **place = place_of(all), *e = place ? calloc(1, sizeof *e) : NULL;
    if (!e)
        return place ? error_nomem(err) : error_set(err, VIV_ELIMIT, "%d grammars are in use at once", MAX_KEPT);
    memcpy(e->key, key, sizeof key);
    snprintf(e->name, sizeof e->name, "%s", g->name ? g->name : grammar_kind_name(g->kind));
    status = compile(m, g, e, err);
    if (status != VIV_OK) {
        destroy_entry(e);
        return status;
    }
    destroy_entry(*place);
    *place = e;
    e->uses = 1;
    e->used_at = ++all->clock;
    *out = e;
    return VIV_OK;
}

void model_grammar_release(struct grammar_entry *e)
{
    if (e)
        e->uses--;
}

struct recogniser *grammar_recogniser(struct grammar_entry *e)
{
    return e->recogniser;
}

const char *grammar_name(const struct grammar_entry *e)
{
    return e->name;
}
