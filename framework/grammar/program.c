/* program.c - compiles rules: see program.h. Code is made from the end: an expression is compiled with the
 * instruction that follows it. */
#include "grammar/program.h"

#include "base/buf.h"
#include "base/strmap.h"
#include "grammar/automaton.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct compiler {
    struct program *p;
    struct rules *rules;
    struct facts facts;
    size_t code_capacity, edges_capacity, counters_capacity, texts_capacity;
    uint32_t *table; /* BYTES instructions by their edges: open addressing; 0: free */
    size_t n_table, table_size;
    struct strmap wide; /* sets of many ranges, by these: how often each was compiled */
    struct wide_set {
        uint32_t uses, rule; /* rule: its own, from USES_OF_RULE on */
    } * wide_sets;
    size_t n_wide, wide_capacity, n_shared;
    viv_status status;
    struct error *err;
};

/* --- instructions -----------------------------------------------------------------------------------------------
 */

enum { FAIL = 0 }; /* the instruction that leads nowhere */

static uint32_t add(struct compiler *c, struct instruction i)
{
    struct program *p = c->p;
    if (c->status != VIV_OK)
        return FAIL;
    if (p->n_code >= MAX_INSTRUCTIONS) {
        c->status =
            error_set(c->err, VIV_ELIMIT, "the grammar is too large: more than %d instructions", MAX_INSTRUCTIONS);
        return FAIL;
    }
    if (!VEC_RESERVE(p->code, p->n_code, c->code_capacity)) {
        c->status = error_nomem(c->err);
        return FAIL;
    }
    p->code[p->n_code] = i; /* NOLINT(clang-analyzer-core.NullDereference): there is room, so there is code */
    return (uint32_t)p->n_code++;
}

static uint32_t split(struct compiler *c, uint32_t a, uint32_t b)
{
    if (a == FAIL || b == FAIL || a == b)
        return a == FAIL ? b : a;
    return add(c, (struct instruction){.op = OP_SPLIT, .a = a, .b = b});
}

static uint32_t new_counter(struct compiler *c, uint32_t min, uint32_t max)
{
    struct program *p = c->p;
    if (c->status == VIV_OK && !VEC_RESERVE(p->counters, p->n_counters, c->counters_capacity))
        c->status = error_nomem(c->err);
    if (c->status != VIV_OK)
        return 0;
    p->counters[p->n_counters] = (struct counter){.min = min, .max = max};
    return (uint32_t)p->n_counters++;
}

static bool same_edges(const struct edge *a, const struct edge *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].lo != b[i].lo || a[i].hi != b[i].hi || a[i].to != b[i].to)
            return false;
    return true;
}

static uint64_t hash_edges(const struct edge *e, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ ((uint64_t)e[i].lo << 8 | e[i].hi)) * 0x100000001b3u;
        h = (h ^ e[i].to) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

static bool grow_table(struct compiler *c)
{
    const size_t size = c->table_size ? 2 * c->table_size : 1024;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < c->table_size; i++) {
        if (!c->table[i])
            continue;
        const struct instruction *code = &c->p->code[c->table[i]];
        size_t at = hash_edges(&c->p->edges[code->a], code->b) & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = c->table[i];
    }
    free(c->table);
    c->table = table;
    c->table_size = size;
    return true;
}

/* Reads a byte by these edges, which are sorted; the same edges give the same instruction. */
static uint32_t bytes(struct compiler *c, const struct edge *edges, size_t n)
{
    struct program *p = c->p;
    if (n == 0 || c->status != VIV_OK)
        return FAIL;
    if (2 * c->n_table >= c->table_size && !grow_table(c)) {
        c->status = error_nomem(c->err);
        return FAIL;
    }
    size_t at = hash_edges(edges, n) & (c->table_size - 1);
    for (; c->table[at]; at = (at + 1) & (c->table_size - 1)) {
        const struct instruction *i = &p->code[c->table[at]];
        if (i->b == n && same_edges(&p->edges[i->a], edges, n))
            return c->table[at];
    }
    const uint32_t first = (uint32_t)p->n_edges;
    if (p->n_edges + n > MAX_EDGES) {
        c->status =
            error_set(c->err, VIV_ELIMIT, "the grammar is too large: more than %d ranges of bytes", MAX_EDGES);
        return FAIL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!VEC_RESERVE(p->edges, p->n_edges, c->edges_capacity)) {
            c->status = error_nomem(c->err);
            return FAIL;
        }
        p->edges[p->n_edges++] = edges[i];
    }
    const uint32_t made = add(c, (struct instruction){.op = OP_BYTES, .a = first, .b = (uint32_t)n, .c = FAIL});
    if (made != FAIL) {
        c->table[at] = made;
        c->n_table++;
    }
    return made;
}

/* --- texts that share beginnings ---------------------------------------------------------------------------------
 */

/* A tree of byte ranges, of which no two at a place overlap without being equal. A node's children are a list. */
struct branch {
    uint8_t lo, hi;
    uint32_t next, child; /* the next sibling, the first child; 0: none */
    uint32_t target;      /* the instruction behind it; FAIL: none */
    uint32_t least;       /* of what the TICKs below it have as operands */
};
struct branches {
    struct compiler *c;
    struct branch *v; /* 0: the root */
    size_t n, capacity;
    uint32_t target;  /* of utf8_ranges */
    uint32_t counter; /* of the TICKs that are targets; or NO_COUNTER */
};

static uint32_t new_branch(struct branches *b, uint8_t lo, uint8_t hi)
{
    if (!VEC_RESERVE(b->v, b->n, b->capacity) || b->n > MAX_EDGES) {
        b->c->status = error_nomem(b->c->err);
        return 0;
    }
    b->v[b->n] = (struct branch){.lo = lo, .hi = hi, .target = FAIL};
    return (uint32_t)b->n++;
}

static bool branches_begin(struct branches *b, struct compiler *c)
{
    *b = (struct branches){.c = c, .counter = NO_COUNTER};
    new_branch(b, 0, 0);
    return c->status == VIV_OK;
}

static void add_path(struct branches *b, const struct byte_range *path, size_t n, uint32_t target)
{
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t last = 0, child = b->v[at].child;
        while (child && b->v[child].lo < path[i].lo) {
            last = child;
            child = b->v[child].next;
        }
        if (!child || b->v[child].lo != path[i].lo) {
            const uint32_t made = new_branch(b, path[i].lo, path[i].hi);
            if (!made)
                return;
            b->v[made].next = child;
            if (last)
                b->v[last].next = made;
            else
                b->v[at].child = made;
            child = made;
        }
        at = child;
    }
    b->v[at].target = split(b->c, b->v[at].target, target);
}

static void add_bytes(struct branches *b, const char *text, size_t n, uint32_t target)
{
    uint32_t at = 0;
    for (size_t i = 0; i < n && b->c->status == VIV_OK; i++) {
        const uint8_t byte = (uint8_t)text[i];
        uint32_t last = 0, child = b->v[at].child;
        while (child && b->v[child].lo < byte) {
            last = child;
            child = b->v[child].next;
        }
        if (!child || b->v[child].lo != byte) {
            const uint32_t made = new_branch(b, byte, byte);
            b->v[made].next = child;
            if (last)
                b->v[last].next = made;
            else
                b->v[at].child = made;
            child = made;
        }
        at = child;
    }
    b->v[at].target = split(b->c, b->v[at].target, target);
}

static bool take_range(void *ctx, const struct byte_range *path, size_t n)
{
    struct branches *b = ctx;
    add_path(b, path, n, b->target);
    return b->c->status == VIV_OK;
}

/* From the leaves up: a child was made after its parent. */
static uint32_t branches_end(struct branches *b)
{
    struct compiler *c = b->c;
    for (size_t i = b->n; c->status == VIV_OK && i-- > 0;) {
        struct branch *v = &b->v[i];
        struct edge edges[256];
        size_t n = 0;
        v->least = v->target != FAIL ? c->p->code[v->target].c : UNBOUNDED;
        for (uint32_t k = v->child; k && n < 256; k = b->v[k].next) {
            v->least = b->v[k].least < v->least ? b->v[k].least : v->least;
            if (b->v[k].target != FAIL)
                edges[n++] = (struct edge){b->v[k].lo, b->v[k].hi, b->v[k].target};
        }
        uint32_t on = bytes(c, edges, n);
        if (b->counter != NO_COUNTER && i && on != FAIL)
            on = add(c, (struct instruction){.op = OP_CHECK, .a = b->counter, .b = on, .c = v->least});
        v->target = split(c, v->target, on);
    }
    const uint32_t root = c->status == VIV_OK ? b->v[0].target : FAIL;
    free(b->v);
    return root;
}

/* --- expressions ---------------------------------------------------------------------------------------------- */

static uint32_t compile(struct compiler *c, const struct tree *t, uint32_t next);

enum { WIDE = 64, USES_OF_RULE = 8 };

/* A set of many ranges, such as the letters of Unicode, that is used often is a rule of its own. *rule: it. */
static bool is_shared(struct compiler *c, const struct tree *t, uint32_t next, uint32_t *rule)
{
    const struct charset *set = t->set;
    uint32_t at;
    if (set->n < WIDE || c->p->code[next].op == OP_RETURN)
        return false;
    if (!strmap_get(&c->wide, (const char *)set->v, set->n * sizeof *set->v, &at)) {
        at = (uint32_t)c->n_wide;
        if (!VEC_RESERVE(c->wide_sets, c->n_wide, c->wide_capacity) ||
            strmap_add(&c->wide, (const char *)set->v, set->n * sizeof *set->v, at) == STRMAP_NOMEM) {
            c->status = error_nomem(c->err);
            return false;
        }
        c->wide_sets[c->n_wide++] = (struct wide_set){0};
    }
    struct wide_set *w = &c->wide_sets[at];
    if (++w->uses == USES_OF_RULE && c->n_shared < MAX_SHARED) {
        w->rule = rules_add(c->rules, "class", 5);
        if (w->rule == UINT32_MAX) {
            c->status = error_nomem(c->err);
            return false;
        }
        c->rules->v[w->rule].body = t;
        c->n_shared++;
    }
    *rule = w->rule;
    return w->rule != 0;
}

static uint32_t compile_class(struct compiler *c, const struct charset *set, uint32_t next)
{
    struct branches b;
    if (!branches_begin(&b, c))
        return FAIL;
    b.target = next;
    for (size_t i = 0; i < set->n && utf8_ranges(set->v[i].lo, set->v[i].hi, take_range, &b); i++)
        ;
    return branches_end(&b);
}

static uint32_t compile_bytes(struct compiler *c, const char *text, size_t n, uint32_t next)
{
    for (size_t i = n; i-- > 0 && next != FAIL;) {
        const uint8_t byte = (uint8_t)text[i];
        next = bytes(c, &(struct edge){byte, byte, next}, 1);
    }
    return next;
}

static uint32_t compile_cat(struct compiler *c, const struct tree *t, uint32_t from, uint32_t next)
{
    for (uint32_t i = t->n; i-- > from && next != FAIL;)
        next = compile(c, t->kids[i], next);
    return next;
}

/* Alternatives that begin with bytes share them. */
static uint32_t compile_alt(struct compiler *c, const struct tree *t, uint32_t next)
{
    struct branches b;
    uint32_t out = FAIL;
    if (t->n == 0 || !branches_begin(&b, c))
        return FAIL;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct tree *kid = t->kids[i];
        if (kid->kind == TREE_BYTES && kid->n)
            add_bytes(&b, kid->bytes, kid->n, next);
        else if (kid->kind == TREE_CAT && kid->kids[0]->kind == TREE_BYTES && kid->kids[0]->n) {
            const uint32_t rest = compile_cat(c, kid, 1, next);
            if (rest != FAIL)
                add_bytes(&b, kid->kids[0]->bytes, kid->kids[0]->n, rest);
        }
    }
    out = branches_end(&b);
    for (uint32_t i = t->n; i-- > 0 && c->status == VIV_OK;) {
        const struct tree *kid = t->kids[i];
        const struct tree *first = kid->kind == TREE_CAT ? kid->kids[0] : kid;
        if (first->kind != TREE_BYTES || first->n == 0)
            out = split(c, compile(c, kid, next), out);
    }
    return out;
}

static bool takes_plain_text(const struct tree *t)
{
    return t->kind == TREE_CLASS && charset_covers(t->set, charset_plain());
}

/* All plain text leads from an instruction back to it, by way of a loop. */
static void add_text(struct compiler *c, uint32_t at, uint32_t loop)
{
    struct program *p = c->p;
    if (c->status == VIV_OK && !VEC_RESERVE(p->texts, p->n_texts, c->texts_capacity))
        c->status = error_nomem(c->err);
    if (c->status != VIV_OK || at == FAIL)
        return;
    p->code[at].is_text = true;
    p->code[at].c = (uint32_t)p->n_texts;
    p->texts[p->n_texts++] = (struct text_loop){.loop = loop};
}

/* The instruction of a loop's body that reads plain text, if there is one. */
static void mark_text(struct compiler *c, const struct tree *body, uint32_t loop)
{
    const struct tree *text = takes_plain_text(body) ? body : NULL;
    for (uint32_t i = 0; !text && body->kind == TREE_ALT && i < body->n; i++)
        text = takes_plain_text(body->kids[i]) ? body->kids[i] : NULL;
    if (text)
        add_text(c, compile_class(c, text->set, loop), loop); /* which was made before */
}

static uint32_t compile_repeat(struct compiler *c, const struct tree *t, uint32_t next)
{
    const struct tree *kid = t->kids[0];
    uint32_t min = t->min;
    const uint32_t max = t->max;
    if (min > max)
        return FAIL;
    if (max == 0 || !tree_productive(kid, &c->facts))
        return min == 0 || (max == 0) ? next : FAIL;
    if (max == 1)
        return min == 1 ? compile(c, kid, next) : split(c, compile(c, kid, next), next);
    const bool counts = max != UNBOUNDED || min > 1;
    if (counts && tree_nullable(kid, &c->facts)) { /* an empty round counts for none */
        kid = tree_not_empty(c->rules, kid, &c->facts);
        min = 0;
        if (!kid) {
            c->status = error_nomem(c->err);
            return FAIL;
        }
        if (!tree_productive(kid, &c->facts))
            return next;
    }
    const bool counted = max != UNBOUNDED || min > 1;
    const uint32_t counter = counted ? new_counter(c, min, max) : NO_COUNTER;
    const uint32_t loop = add(c, (struct instruction){.op = OP_LOOP, .a = counter, .c = next});
    const uint32_t body = compile(c, kid, loop);
    if (c->status != VIV_OK)
        return FAIL;
    c->p->code[loop].b = body;
    if (counted)
        c->p->counters[counter].loop = loop;
    mark_text(c, kid, loop);
    if (counted)
        return add(c, (struct instruction){.op = OP_PUSH, .a = counter, .b = loop});
    return min == 1 ? body : loop;
}

/* From the end: *with and *without, what comes after an element and after none. */
static uint32_t compile_list(struct compiler *c, const struct tree *t, uint32_t next)
{
    uint32_t with = next, without = next;
    for (uint32_t i = t->n; i-- > 0;) {
        const uint32_t element = compile(c, t->kids[i], with);
        const uint32_t separated = element == FAIL ? FAIL : compile(c, t->separator, element);
        with = t->optional[i] ? split(c, separated, with) : separated;
        without = t->optional[i] ? split(c, element, without) : element;
    }
    return without;
}

/* Bytes of a character in a JSON string; raw: it stands for itself. */
static bool json_escape(uint32_t ch, char out[7])
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = ch < 0x80 && ch ? strchr(from, (int)ch) : NULL;
    if (at) {
        out[0] = '\\';
        out[1] = to[at - from];
        out[2] = '\0';
    } else if (ch < 0x20) {
        snprintf(out, 7, "\\u%04x", ch);
    } else {
        return false;
    }
    return true;
}

static void add_arc(struct branches *b, const struct arc *arc, bool json, uint32_t target)
{
    uint32_t from = arc->lo;
    b->target = target;
    for (uint32_t ch = arc->lo; json && ch <= arc->hi && ch <= '\\'; ch++) {
        char escape[7];
        if (!json_escape(ch, escape))
            continue;
        if (from < ch)
            utf8_ranges(from, ch - 1, take_range, b);
        add_bytes(b, escape, strlen(escape), target);
        from = ch + 1;
    }
    if (from <= arc->hi)
        utf8_ranges(from, arc->hi, take_range, b);
}

/* Whether all plain text leads from a state back to it. */
static bool stays_in_plain_text(const struct automaton *a, uint32_t state)
{
    struct charset own = {0};
    for (uint32_t k = 0; k < a->states[state].n; k++) {
        const struct arc *arc = &a->arcs[a->states[state].first + k];
        if (arc->to == state)
            charset_add(&own, arc->lo, arc->hi);
    }
    charset_normalize(&own);
    const bool stays = !own.failed && charset_covers(&own, charset_plain());
    charset_release(&own);
    return stays;
}

static uint32_t compile_automaton(struct compiler *c, const struct automaton *a, uint32_t next)
{
    const bool counted = a->max != UNBOUNDED;
    if (automaton_is_empty(a) || a->states[0].to_end > a->max)
        return FAIL;
    const uint32_t counter = counted ? new_counter(c, 0, a->max) : NO_COUNTER;
    const uint32_t end = counted ? add(c, (struct instruction){.op = OP_POP, .b = next}) : next;
    /* Each state begins at an instruction known before its arcs: a split with what is filled in later. */
    uint32_t *entry = calloc(a->n, sizeof *entry), *tick = calloc(a->n, sizeof *tick);
    if (!entry || !tick)
        c->status = error_nomem(c->err);
    for (size_t i = 0; c->status == VIV_OK && i < a->n; i++) {
        entry[i] = add(c, (struct instruction){.op = OP_SPLIT});
        tick[i] =
            counted
                ? add(c, (struct instruction){.op = OP_TICK, .a = counter, .b = entry[i], .c = a->states[i].to_end})
                : entry[i];
        if (counted && c->status == VIV_OK && c->p->counters[counter].slack < a->states[i].to_end)
            c->p->counters[counter].slack = a->states[i].to_end;
    }
    for (size_t i = 0; c->status == VIV_OK && i < a->n; i++) {
        struct branches b;
        if (!branches_begin(&b, c))
            break;
        b.counter = counter;
        for (uint32_t k = 0; k < a->states[i].n && c->status == VIV_OK; k++) {
            const struct arc *arc = &a->arcs[a->states[i].first + k];
            add_arc(&b, arc, a->json, tick[arc->to]);
        }
        const uint32_t code = branches_end(&b);
        if (c->status != VIV_OK)
            break;
        if (stays_in_plain_text(a, (uint32_t)i))
            add_text(c, code, tick[i]);
        c->p->code[entry[i]].a = code;
        c->p->code[entry[i]].b = a->states[i].ends ? end : FAIL;
    }
    uint32_t start = c->status == VIV_OK ? entry[0] : FAIL;
    free(entry);
    free(tick);
    return counted && start != FAIL ? add(c, (struct instruction){.op = OP_PUSH, .a = counter, .b = start}) : start;
}

static uint32_t compile(struct compiler *c, const struct tree *t, uint32_t next)
{
    uint32_t rule;
    if (next == FAIL || c->status != VIV_OK)
        return FAIL;
    switch (t->kind) {
    case TREE_BYTES:
        return compile_bytes(c, t->bytes, t->n, next);
    case TREE_CLASS:
        if (is_shared(c, t, next, &rule))
            return add(c, (struct instruction){.op = OP_CALL, .a = rule, .b = next});
        return compile_class(c, t->set, next);
    case TREE_CAT:
        return compile_cat(c, t, 0, next);
    case TREE_ALT:
        return compile_alt(c, t, next);
    case TREE_REPEAT:
        return compile_repeat(c, t, next);
    case TREE_RULE:
        if (!c->facts.productive[t->rule])
            return FAIL;
        if (c->p->code[next].op == OP_RETURN)
            return add(c, (struct instruction){.op = OP_JUMP, .a = t->rule});
        return add(c, (struct instruction){.op = OP_CALL, .a = t->rule, .b = next});
    case TREE_LIST:
        return compile_list(c, t, next);
    case TREE_AUTOMATON:
        return compile_automaton(c, t->automaton, next);
    }
    return FAIL;
}

/* --- the program ---------------------------------------------------------------------------------------------- */

static void classify_bytes(struct program *p)
{
    bool begins[257] = {true};
    for (size_t i = 0; i < p->n_edges; i++) {
        begins[p->edges[i].lo] = true;
        begins[p->edges[i].hi + 1] = true;
    }
    for (int byte = 0; byte < 256; byte++) {
        if (begins[byte])
            p->samples[p->n_classes++] = (uint8_t)byte;
        p->classes[byte] = (uint8_t)(p->n_classes - 1);
    }
}

static viv_status compile_rules(struct compiler *c, struct program *p)
{
    const uint32_t end = c->status == VIV_OK ? add(c, (struct instruction){.op = OP_FAIL}) : FAIL;
    const uint32_t ret = add(c, (struct instruction){.op = OP_RETURN});
    size_t capacity = 0;
    (void)end;
    for (size_t i = 0; c->status == VIV_OK && i < c->rules->n; i++) { /* rules may be added */
        if (!VEC_RESERVE(p->entries, p->n_rules, capacity))
            return error_nomem(c->err);
        p->entries[p->n_rules++] = compile(c, c->rules->v[i].body, ret);
    }
    return c->status;
}

viv_status program_compile(struct rules *rules, struct program **out, struct error *err)
{
    struct compiler c = {.rules = rules, .err = err};
    if (rules->failed)
        return rules->n >= MAX_RULES ? error_set(err, VIV_ELIMIT, "the grammar has more than %d rules", MAX_RULES)
                                     : error_nomem(err);
    viv_status status = tree_check(rules, &c.facts, err);
    if (status != VIV_OK)
        return status;
    struct program *p = c.p = calloc(1, sizeof *p);
    status = p ? compile_rules(&c, p) : error_nomem(err);
    if (status == VIV_OK && (rules->failed || !program_measure(p)))
        status = error_nomem(err);
    facts_release(&c.facts);
    free(c.table);
    free(c.wide_sets);
    strmap_release(&c.wide);
    if (status != VIV_OK) {
        program_destroy(p);
        return status;
    }
    p->root = rules->root;
    program_find_leaving(p);
    classify_bytes(p);
    *out = p;
    return VIV_OK;
}

void program_destroy(struct program *p)
{
    if (!p)
        return;
    free(p->code);
    free(p->edges);
    free(p->counters);
    free(p->texts);
    free(p->entries);
    free(p->distance);
    free(p);
}
