/* recogniser.c - see recogniser.h.
 *
 *   frame          (parent, what, count)      of a stack; 0: the empty stack
 *   thread         instruction << 32 | frame  at BYTES, or at the end of the text
 *   configuration  a sorted set of threads    0: none, dead
 *
 * Frames and configurations are found by their contents. The row of a configuration holds, for each class of bytes,
 * the next one, or UNKNOWN.
 *
 * For masks, a counter counts as another one that no token can tell from it: it is as far from its bounds as all
 * tokens are long (frame.alike). */
#include "grammar/recogniser.h"

#include "base/buf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEAD = 0,
    UNKNOWN = UINT32_MAX,
    NOWHERE = UINT32_MAX,   /* no slot, no free place */
    COUNTER_BIT = 1u << 31, /* frame.what is a counter, not a return address */
    MAX_FRAMES = 1 << 20,
    MAX_ALL_THREADS = 1 << 22,
    MAX_ROW_BYTES = 32 << 20,
    MAX_WORK = 1 << 26 /* threads that one call may follow */
};
static const uint64_t END_THREAD = (uint64_t)UINT32_MAX << 32; /* behind all others */

struct frame {
    uint32_t parent, what, count;
    uint32_t alike; /* the frame that stands for it in masks */
    uint32_t depth;
    uint64_t distance; /* bytes from its return to the end of the text, at least */
};
struct config {
    size_t first; /* of its threads */
    uint32_t n, pins;
    uint32_t alike; /* the configuration that stands for it in masks; UNKNOWN */
    uint32_t slot;  /* of its mask; NOWHERE */
    uint32_t next_free;
    bool ends, used;
};
struct slot {
    uint32_t config, newer, older;
    bool any;
};

struct recogniser {
    const struct program *p;
    const struct token_trie *trie;
    uint32_t longest; /* bytes of a token */

    struct frame *frames;
    size_t n_frames, frames_capacity;
    uint32_t *frame_table;
    size_t frame_table_size;

    uint64_t *threads; /* of all configurations */
    size_t n_threads, threads_capacity;
    struct config *configs;
    uint32_t *rows; /* [capacity, p->n_classes] */
    size_t n_configs, configs_capacity, most_configs, n_used;
    uint32_t free_config;
    uint32_t *config_table;
    size_t config_table_size;

    /* a closure */
    uint64_t *todo, *found; /* [MAX_THREADS] found; todo grows */
    size_t n_todo, todo_capacity, n_found;
    uint64_t *seen; /* open addressing, by round */
    uint32_t *seen_round;
    size_t seen_size, n_seen;
    uint32_t round;

    uint32_t *path; /* [longest + 1] configurations of a walk, which a collection keeps */
    uint32_t n_path;
    uint32_t root_rule_start;

    uint64_t *masks;
    struct slot *slots;
    uint32_t n_slots, most_slots, newest, oldest;

    struct recogniser_stats stats;
    size_t work;       /* of the call that runs */
    viv_status status; /* of the step that runs */
    struct error *err;
};

static void fail(struct recogniser *m, viv_status status, const char *sentence)
{
    if (m->status == VIV_OK)
        m->status = error_set(m->err, status, "%s", sentence);
}

static const char too_many_ways[] =
    "a grammar has too many ways to read this text: make its repetitions or alternatives fewer";

/* A call of recogniser.h begins. */
static void begin(struct recogniser *m, struct error *err)
{
    m->status = VIV_OK;
    m->err = err;
    m->work = 0;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* --- frames --------------------------------------------------------------------------------------------------- */

static uint64_t hash_frame(uint32_t parent, uint32_t what, uint32_t count)
{
    return mix(mix(mix(7, parent), what), count);
}

static bool grow_frame_table(struct recogniser *m)
{
    const size_t size = m->frame_table_size ? 2 * m->frame_table_size : 1024;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 1; i < m->n_frames; i++) {
        const struct frame *f = &m->frames[i];
        size_t at = hash_frame(f->parent, f->what, f->count) & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i;
    }
    free(m->frame_table);
    m->frame_table = table;
    m->frame_table_size = size;
    return true;
}

/* A count that no token can tell from this one. */
static uint32_t alike_count(const struct recogniser *m, const struct counter *c, uint32_t count)
{
    const uint64_t far = m->longest;
    const bool max_is_far = c->max == UNBOUNDED || (uint64_t)count + far + c->slack < c->max;
    if (!max_is_far)
        return count;
    if (count >= c->min)
        return c->min;
    return (uint64_t)count + far < c->min ? 0 : count;
}

/* Bytes from the return of a frame to the end of the text, at least. */
static uint64_t frame_distance(const struct recogniser *m, uint32_t parent, uint32_t what, uint32_t count)
{
    const uint64_t own =
        what & COUNTER_BIT ? loop_distance(m->p, what & ~(uint32_t)COUNTER_BIT, count) : m->p->distance[what];
    const uint64_t sum = own + m->frames[parent].distance;
    return sum < FAR ? sum : FAR;
}

static uint32_t frame(struct recogniser *m, uint32_t parent, uint32_t what, uint32_t count)
{
    if (2 * m->n_frames >= m->frame_table_size && !grow_frame_table(m)) {
        fail(m, VIV_ENOMEM, "out of memory");
        return 0;
    }
    size_t at = hash_frame(parent, what, count) & (m->frame_table_size - 1);
    for (; m->frame_table[at]; at = (at + 1) & (m->frame_table_size - 1)) {
        const struct frame *f = &m->frames[m->frame_table[at]];
        if (f->parent == parent && f->what == what && f->count == count)
            return m->frame_table[at];
    }
    if (m->n_frames >= 2 * (size_t)MAX_FRAMES || !VEC_RESERVE(m->frames, m->n_frames, m->frames_capacity)) {
        fail(m, VIV_ELIMIT, "a grammar has too many ways to read this text: its stacks fill their memory");
        return 0;
    }
    const uint32_t made = (uint32_t)m->n_frames++;
    m->frames[made] = (struct frame){.parent = parent,
                                     .what = what,
                                     .count = count,
                                     .depth = m->frames[parent].depth + 1,
                                     .distance = frame_distance(m, parent, what, count)};
    m->frame_table[at] = made;
    const uint32_t alike_parent = m->frames[parent].alike;
    const uint32_t alike =
        what & COUNTER_BIT ? alike_count(m, &m->p->counters[what & ~(uint32_t)COUNTER_BIT], count) : count;
    /* a frame like another one is its own likeness */
    const uint32_t stands = alike_parent == parent && alike == count ? made : frame(m, alike_parent, what, alike);
    m->frames[made].alike = stands;
    return made;
}

/* --- closures ------------------------------------------------------------------------------------------------- */

static bool grow_seen(struct recogniser *m)
{
    const size_t size = m->seen_size ? 2 * m->seen_size : 1024;
    uint64_t *seen = calloc(size, sizeof *seen);
    uint32_t *rounds = calloc(size, sizeof *rounds);
    if (!seen || !rounds) {
        free(seen);
        free(rounds);
        return false;
    }
    for (size_t i = 0; i < m->seen_size; i++) {
        if (m->seen_round[i] != m->round)
            continue;
        size_t at = mix(3, m->seen[i]) & (size - 1);
        while (rounds[at] == m->round)
            at = (at + 1) & (size - 1);
        seen[at] = m->seen[i];
        rounds[at] = m->round;
    }
    free(m->seen);
    free(m->seen_round);
    m->seen = seen;
    m->seen_round = rounds;
    m->seen_size = size;
    return true;
}

static void begin_closure(struct recogniser *m)
{
    m->n_todo = m->n_found = m->n_seen = 0;
    if (++m->round == 0) {
        memset(m->seen_round, 0, m->seen_size * sizeof *m->seen_round);
        m->round = 1;
    }
}

/* Notes a thread that is still to be followed, once. */
static void follow(struct recogniser *m, uint32_t at, uint32_t stack)
{
    const uint64_t thread = (uint64_t)at << 32 | stack;
    if (m->status != VIV_OK || m->frames[stack].depth > MAX_STACK)
        return;
    if (++m->work > MAX_WORK) {
        fail(m, VIV_ELIMIT, too_many_ways);
        return;
    }
    if (2 * m->n_seen >= m->seen_size && !grow_seen(m)) {
        fail(m, VIV_ENOMEM, "out of memory");
        return;
    }
    size_t slot = mix(3, thread) & (m->seen_size - 1);
    for (; m->seen_round[slot] == m->round; slot = (slot + 1) & (m->seen_size - 1))
        if (m->seen[slot] == thread)
            return;
    m->seen[slot] = thread;
    m->seen_round[slot] = m->round;
    m->n_seen++;
    if (!VEC_RESERVE(m->todo, m->n_todo, m->todo_capacity)) {
        fail(m, VIV_ENOMEM, "out of memory");
        return;
    }
    m->todo[m->n_todo++] = thread;
}

static void find_thread(struct recogniser *m, uint64_t thread)
{
    if (m->n_found == MAX_THREADS)
        fail(m, VIV_ELIMIT, too_many_ways);
    else
        m->found[m->n_found++] = thread;
}

/* LOOP: another round, or on. */
static void follow_loop(struct recogniser *m, const struct instruction *i, uint32_t stack)
{
    if (i->a == NO_COUNTER) {
        follow(m, i->b, stack);
        follow(m, i->c, stack);
        return;
    }
    const struct counter *c = &m->p->counters[i->a];
    const struct frame f = m->frames[stack];
    if (f.count >= c->min)
        follow(m, i->c, f.parent);
    if (c->max == UNBOUNDED)
        follow(m, i->b, frame(m, f.parent, f.what, f.count < c->min ? f.count + 1 : f.count));
    else if (f.count < c->max)
        follow(m, i->b, frame(m, f.parent, f.what, f.count + 1));
}

/* Follows all that is noted, to what reads a byte. */
static void close_threads(struct recogniser *m)
{
    const struct program *p = m->p;
    while (m->n_todo && m->status == VIV_OK) {
        const uint64_t thread = m->todo[--m->n_todo];
        const uint32_t at = (uint32_t)(thread >> 32), stack = (uint32_t)thread;
        const struct instruction *i = &p->code[at];
        const struct frame f = m->frames[stack];
        switch ((enum opcode)i->op) {
        case OP_FAIL:
            break;
        case OP_BYTES:
            find_thread(m, thread);
            break;
        case OP_SPLIT:
            follow(m, i->b, stack);
            follow(m, i->a, stack);
            break;
        case OP_CALL:
            follow(m, p->entries[i->a], frame(m, stack, i->b, 0));
            break;
        case OP_JUMP:
            follow(m, p->entries[i->a], stack);
            break;
        case OP_RETURN:
            if (stack)
                follow(m, f.what, f.parent);
            else
                find_thread(m, END_THREAD);
            break;
        case OP_PUSH:
            follow(m, i->b, frame(m, stack, COUNTER_BIT | i->a, 0));
            break;
        case OP_LOOP:
            follow_loop(m, i, stack);
            break;
        case OP_TICK:
            if ((uint64_t)f.count + 1 + i->c <= p->counters[i->a].max)
                follow(m, i->b, frame(m, f.parent, f.what, f.count + 1));
            break;
        case OP_POP:
            follow(m, i->b, f.parent);
            break;
        }
    }
}

/* --- configurations ------------------------------------------------------------------------------------------- */

static uint64_t hash_threads(const uint64_t *v, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = mix(h, v[i]);
    return h;
}

static bool rehash_configs(struct recogniser *m, size_t size)
{
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 1; i < m->n_configs; i++) {
        const struct config *c = &m->configs[i];
        if (!c->used)
            continue;
        size_t at = hash_threads(m->threads + c->first, c->n) & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i;
    }
    free(m->config_table);
    m->config_table = table;
    m->config_table_size = size;
    return true;
}

static void clear_row(struct recogniser *m, uint32_t config)
{
    memset(m->rows + (size_t)config * m->p->n_classes, 0xFF, m->p->n_classes * sizeof *m->rows);
}

static bool grow_configs(struct recogniser *m)
{
    const size_t capacity = m->configs_capacity ? 2 * m->configs_capacity : 256;
    struct config *configs = realloc(m->configs, capacity * sizeof *configs);
    if (configs)
        m->configs = configs;
    uint32_t *rows = configs ? realloc(m->rows, capacity * m->p->n_classes * sizeof *rows) : NULL;
    if (!rows)
        return false;
    m->rows = rows;
    m->configs_capacity = capacity;
    return true;
}

static uint32_t new_config(struct recogniser *m)
{
    uint32_t made = m->free_config;
    if (made != NOWHERE) {
        m->free_config = m->configs[made].next_free;
    } else {
        if (m->n_configs == m->configs_capacity && !grow_configs(m)) {
            fail(m, VIV_ENOMEM, "out of memory");
            return DEAD;
        }
        made = (uint32_t)m->n_configs++;
    }
    clear_row(m, made);
    m->n_used++;
    return made;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_found(struct recogniser *m)
{
    uint64_t *v = m->found;
    if (m->n_found > 16) {
        qsort(v, m->n_found, sizeof *v, by_value);
        return;
    }
    for (size_t i = 1; i < m->n_found; i++) {
        const uint64_t moving = v[i];
        size_t k = i;
        for (; k && v[k - 1] > moving; k--)
            v[k] = v[k - 1];
        v[k] = moving;
    }
}

/* The configuration of the threads that were found. */
static uint32_t found_config(struct recogniser *m)
{
    size_t n = 0;
    if (m->n_found == 0 || m->status != VIV_OK)
        return DEAD;
    sort_found(m);
    for (size_t i = 0; i < m->n_found; i++)
        if (n == 0 || m->found[n - 1] != m->found[i])
            m->found[n++] = m->found[i];
    if (2 * (m->n_used + 1) >= m->config_table_size &&
        !rehash_configs(m, m->config_table_size ? 2 * m->config_table_size : 1024)) {
        fail(m, VIV_ENOMEM, "out of memory");
        return DEAD;
    }
    size_t at = hash_threads(m->found, n) & (m->config_table_size - 1);
    for (; m->config_table[at]; at = (at + 1) & (m->config_table_size - 1)) {
        const struct config *c = &m->configs[m->config_table[at]];
        if (c->n == n && memcmp(m->threads + c->first, m->found, n * sizeof *m->found) == 0)
            return m->config_table[at];
    }
    if (m->n_threads + n > m->threads_capacity) {
        const size_t capacity = 2 * m->threads_capacity + n + 1024;
        uint64_t *grown = realloc(m->threads, capacity * sizeof *grown);
        if (!grown) {
            fail(m, VIV_ENOMEM, "out of memory");
            return DEAD;
        }
        m->threads = grown;
        m->threads_capacity = capacity;
    }
    const uint32_t made = new_config(m);
    if (made == DEAD)
        return DEAD;
    memcpy(m->threads + m->n_threads, m->found, n * sizeof *m->found);
    m->configs[made] = (struct config){.first = m->n_threads,
                                       .n = (uint32_t)n,
                                       .alike = UNKNOWN,
                                       .slot = NOWHERE,
                                       .ends = m->found[n - 1] == END_THREAD,
                                       .used = true};
    m->n_threads += n;
    m->config_table[at] = made;
    return made;
}

/* --- collection ----------------------------------------------------------------------------------------------- */

static bool is_full(const struct recogniser *m)
{
    return m->n_used + 64 > m->most_configs || m->n_threads > MAX_ALL_THREADS - MAX_THREADS ||
           m->n_frames > MAX_FRAMES;
}

/* Marks the frames below one. */
static void keep_frames(const struct recogniser *m, uint32_t *moved, uint32_t f)
{
    for (; f && !moved[f]; f = m->frames[f].parent) {
        moved[f] = 1;
        keep_frames(m, moved, m->frames[f].alike);
    }
}

/* Moves the frames that are kept together; parents come before children, and likenesses may come after. */
static void move_frames(struct recogniser *m, uint32_t *moved)
{
    uint32_t n = 1;
    for (size_t i = 1; i < m->n_frames; i++)
        moved[i] = moved[i] ? n++ : 0;
    for (size_t i = 1; i < m->n_frames; i++) {
        if (!moved[i])
            continue;
        struct frame f = m->frames[i];
        f.parent = moved[f.parent];
        f.alike = moved[f.alike];
        m->frames[moved[i]] = f;
    }
    m->n_frames = n;
}

static void drop_config(struct recogniser *m, uint32_t i)
{
    m->configs[i] = (struct config){.slot = NOWHERE, .next_free = m->free_config};
    m->free_config = i;
    m->n_used--;
}

/* Keeps the configurations that states, masks and the walk point at. */
static void collect(struct recogniser *m)
{
    uint32_t *moved = calloc(m->n_frames, sizeof *moved);
    uint64_t *threads = malloc(m->threads_capacity * sizeof *threads);
    size_t n = 0;
    m->stats.collections++;
    if (!moved || !threads) {
        free(moved);
        free(threads);
        fail(m, VIV_ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < m->n_path; i++)
        m->configs[m->path[i]].pins++;
    for (uint32_t i = 1; i < m->n_configs; i++) {
        const struct config *c = &m->configs[i];
        if (c->used && !c->pins && c->slot == NOWHERE)
            drop_config(m, i);
        for (uint32_t k = 0; c->used && k < c->n; k++)
            keep_frames(m, moved, (uint32_t)m->threads[c->first + k]);
    }
    move_frames(m, moved);
    for (uint32_t i = 1; i < m->n_configs; i++) {
        struct config *c = &m->configs[i];
        if (!c->used)
            continue;
        for (uint32_t k = 0; k < c->n; k++) {
            const uint64_t t = m->threads[c->first + k];
            threads[n + k] = (t & ~(uint64_t)UINT32_MAX) | (t == END_THREAD ? 0 : moved[(uint32_t)t]);
        }
        qsort(threads + n, c->n, sizeof *threads, by_value);
        c->first = n;
        c->alike = UNKNOWN;
        n += c->n;
        clear_row(m, i);
    }
    for (uint32_t i = 0; i < m->n_path; i++)
        m->configs[m->path[i]].pins--;
    free(m->threads);
    free(moved);
    m->threads = threads;
    m->n_threads = n;
    const size_t half = m->frame_table_size / 2;
    m->frame_table_size = half; /* grown again to what it was */
    if (!grow_frame_table(m) || !rehash_configs(m, m->config_table_size))
        fail(m, VIV_ENOMEM, "out of memory");
    else if (is_full(m))
        fail(m, VIV_ELIMIT, "the sequences of a grammar need more memory than it may have");
}

/* --- steps ---------------------------------------------------------------------------------------------------- */

static uint32_t edge_of(const struct recogniser *m, const struct instruction *i, uint8_t byte)
{
    const struct edge *e = m->p->edges + i->a;
    uint32_t lo = 0, hi = i->b;
    while (lo < hi) {
        const uint32_t mid = (lo + hi) / 2;
        if (e[mid].hi < byte)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < i->b && e[lo].lo <= byte ? e[lo].to : OP_FAIL;
}

/* The configuration after a byte of a class, which becomes known. */
static uint32_t step(struct recogniser *m, uint32_t from, uint32_t class)
{
    const uint8_t byte = m->p->samples[class];
    if (is_full(m)) {
        m->configs[from].pins++;
        collect(m);
        m->configs[from].pins--;
    }
    begin_closure(m);
    const struct config c = m->configs[from];
    for (uint32_t k = 0; k < c.n && m->status == VIV_OK; k++) {
        const uint64_t thread = m->threads[c.first + k];
        if (thread == END_THREAD)
            break;
        const uint32_t to = edge_of(m, &m->p->code[thread >> 32], byte);
        if (to != OP_FAIL)
            follow(m, to, (uint32_t)thread);
    }
    close_threads(m);
    const uint32_t to = found_config(m);
    if (m->status == VIV_OK)
        m->rows[(size_t)from * m->p->n_classes + class] = to;
    return to;
}

static inline uint32_t next_config(struct recogniser *m, uint32_t from, uint8_t byte)
{
    const uint32_t class = m->p->classes[byte];
    const uint32_t to = m->rows[(size_t)from * m->p->n_classes + class];
    return to != UNKNOWN ? to : step(m, from, class);
}

const struct token_trie *recogniser_trie(const struct recogniser *m)
{
    return m->trie;
}

viv_status recogniser_start(struct recogniser *m, recogniser_state *out, struct error *err)
{
    begin(m, err);
    if (is_full(m))
        collect(m);
    begin_closure(m);
    if (m->status == VIV_OK)
        follow(m, m->p->entries[m->p->root], 0);
    close_threads(m);
    const uint32_t start = found_config(m);
    if (m->status != VIV_OK)
        return m->status;
    if (start == DEAD)
        return error_set(err, VIV_EINTERNAL, "a grammar without a text was compiled");
    *out = recogniser_copy(m, start);
    return VIV_OK;
}

recogniser_state recogniser_copy(struct recogniser *m, recogniser_state s)
{
    m->configs[s].pins++;
    return s;
}

void recogniser_drop(struct recogniser *m, recogniser_state s)
{
    if (s != DEAD)
        m->configs[s].pins--;
}

bool recogniser_may_end(const struct recogniser *m, recogniser_state s)
{
    return m->configs[s].ends;
}

viv_status recogniser_take_bytes(struct recogniser *m, recogniser_state *s, const char *bytes, size_t n,
                                 struct error *err)
{
    uint32_t at = *s;
    begin(m, err);
    for (size_t i = 0; i < n; i++, m->work = 0) {
        at = next_config(m, at, (uint8_t)bytes[i]);
        if (m->status != VIV_OK)
            return m->status;
        if (at == DEAD)
            return error_set(err, VIV_EINVAL, "the grammar does not allow the byte 0x%02x at offset %zu",
                             (uint8_t)bytes[i], i);
    }
    recogniser_copy(m, at);
    recogniser_drop(m, *s);
    *s = at;
    return VIV_OK;
}

viv_status recogniser_take(struct recogniser *m, recogniser_state *s, int32_t token, struct error *err)
{
    const struct token_trie *t = m->trie;
    if (token < 0 || (uint32_t)token >= t->n_ids || t->first[token] == t->first[token + 1])
        return error_set(err, VIV_EINVAL, "the grammar does not allow the token %" PRId32 ", which is no text",
                         token);
    if (recogniser_take_bytes(m, s, t->bytes + t->first[token], t->first[token + 1] - t->first[token], err) ==
        VIV_OK)
        return VIV_OK;
    return err->status == VIV_EINVAL
               ? error_set(err, VIV_EINVAL, "the grammar does not allow the token %" PRId32, token)
               : err->status;
}

/* --- masks ---------------------------------------------------------------------------------------------------- */

static uint32_t alike_config(struct recogniser *m, uint32_t config)
{
    const struct config c = m->configs[config];
    if (c.alike != UNKNOWN)
        return c.alike;
    m->n_found = 0;
    for (uint32_t k = 0; k < c.n; k++) {
        const uint64_t t = m->threads[c.first + k];
        m->found[m->n_found++] = t == END_THREAD ? t : (t & ~(uint64_t)UINT32_MAX) | m->frames[(uint32_t)t].alike;
    }
    const uint32_t alike = found_config(m);
    if (m->status == VIV_OK) {
        m->configs[config].alike = alike;
        m->configs[alike].alike = alike;
    }
    return alike;
}

/* Characters of plain text that a thread takes in a loop; *only: what follows these cannot begin with plain text.
 */
static uint32_t plain_of(const struct recogniser *m, uint64_t thread, bool *only)
{
    const struct instruction *i = &m->p->code[thread >> 32];
    const struct instruction *loop = i->is_text ? &m->p->code[i->c] : NULL;
    if (!loop)
        return 0;
    *only = loop->text_only;
    if ((loop->op != OP_LOOP && loop->op != OP_TICK) || loop->a == NO_COUNTER)
        return UNBOUNDED;
    const uint32_t max = m->p->counters[loop->a].max, count = m->frames[(uint32_t)thread].count;
    if (max == UNBOUNDED)
        return UNBOUNDED;
    return loop->op == OP_LOOP ? max - count + 1 : max - count - loop->c; /* LOOP counts the character that comes */
}

static bool reads_plain(const struct recogniser *m, uint64_t thread)
{
    const struct instruction *i = &m->p->code[thread >> 32];
    for (uint32_t k = 0; k < i->b; k++) {
        const struct edge *e = &m->p->edges[i->a + k];
        if (e->hi >= 0x20 && !(e->lo == e->hi && (e->lo == '"' || e->lo == '\\')))
            return true;
    }
    return false;
}

/* The slice of tokens that a configuration takes whole; -1: none. *exact: it takes no other plain token. */
static int slice_of(const struct recogniser *m, const struct config *c, bool *exact)
{
    uint32_t most = 0;
    bool others = false;
    for (uint32_t k = 0; k < c->n; k++) {
        const uint64_t t = m->threads[c->first + k];
        bool only = false;
        const uint32_t plain = t == END_THREAD ? 0 : plain_of(m, t, &only);
        most = plain > most ? plain : most;
        if (t != END_THREAD && !(plain && only) && reads_plain(m, t))
            others = true;
    }
    *exact = most >= MAX_PLAIN || !others;
    return most == 0 ? -1 : most >= MAX_PLAIN ? MAX_PLAIN : (int)most;
}

static void walk(struct recogniser *m, const struct trie *t, uint32_t from, uint64_t *mask)
{
    m->path[0] = from;
    for (size_t i = 0; i < t->n_nodes && m->status == VIV_OK;) {
        const struct trie_node *node = &t->nodes[i];
        m->n_path = node->depth;
        const uint32_t to = next_config(m, m->path[node->depth - 1], node->byte);
        m->stats.nodes++;
        if (to == DEAD) {
            i = node->end;
            continue;
        }
        m->path[node->depth] = to;
        for (uint32_t k = 0; k < node->n_tokens; k++) {
            const uint32_t id = t->tokens[node->tokens + k];
            mask[id / 64] |= (uint64_t)1 << id % 64;
        }
        i++;
    }
    m->n_path = 0;
}

static bool fill_mask(struct recogniser *m, uint32_t config, uint64_t *mask)
{
    const struct token_trie *t = m->trie;
    const struct config c = m->configs[config];
    bool exact = false, any = false;
    const int slice = slice_of(m, &c, &exact);
    if (slice >= 0)
        memcpy(mask, t->plain[slice], t->n_words * sizeof *mask);
    else
        memset(mask, 0, t->n_words * sizeof *mask);
    walk(m, slice >= 0 && exact ? &t->rest : &t->all, config, mask);
    for (size_t i = 0; c.ends && i < t->n_ends; i++)
        mask[t->ends[i] / 64] |= (uint64_t)1 << t->ends[i] % 64;
    for (uint32_t w = 0; w < t->n_words && !any; w++)
        any = mask[w] != 0;
    return any;
}

static void unlink_slot(struct recogniser *m, uint32_t s)
{
    const struct slot *slot = &m->slots[s];
    if (slot->newer != NOWHERE)
        m->slots[slot->newer].older = slot->older;
    else
        m->newest = slot->older;
    if (slot->older != NOWHERE)
        m->slots[slot->older].newer = slot->newer;
    else
        m->oldest = slot->newer;
}

static void put_newest(struct recogniser *m, uint32_t s)
{
    m->slots[s].newer = NOWHERE;
    m->slots[s].older = m->newest;
    if (m->newest != NOWHERE)
        m->slots[m->newest].newer = s;
    else
        m->oldest = s;
    m->newest = s;
}

/* A slot for another mask: a new one, or that which was used longest ago. */
static uint32_t take_slot(struct recogniser *m)
{
    if (m->n_slots < m->most_slots)
        return m->n_slots++;
    const uint32_t s = m->oldest;
    unlink_slot(m, s);
    m->configs[m->slots[s].config].slot = NOWHERE;
    return s;
}

viv_status recogniser_mask(struct recogniser *m, recogniser_state s, const uint64_t **mask, bool *any,
                           struct error *err)
{
    begin(m, err);
    m->stats.masks++;
    if (is_full(m))
        collect(m);
    const uint32_t config = m->status == VIV_OK ? alike_config(m, s) : DEAD;
    if (m->status != VIV_OK)
        return m->status;
    uint32_t slot = m->configs[config].slot;
    if (slot != NOWHERE) {
        unlink_slot(m, slot);
    } else {
        slot = take_slot(m);
        m->configs[config].pins++;
        m->stats.walked++;
        m->slots[slot].any = fill_mask(m, config, m->masks + (size_t)slot * m->trie->n_words);
        m->configs[config].pins--;
        m->slots[slot].config = config;
        if (m->status == VIV_OK)
            m->configs[config].slot = slot;
    }
    put_newest(m, slot);
    *mask = m->masks + (size_t)slot * m->trie->n_words;
    *any = m->slots[slot].any;
    return m->status;
}

void recogniser_stats(const struct recogniser *m, struct recogniser_stats *out)
{
    *out = m->stats;
    out->configurations = m->n_used;
    out->frames = m->n_frames - 1;
}

/* --- to the end --------------------------------------------------------------------------------------------- */

/* Bytes from a thread to the end of the text, at least. */
static uint64_t thread_distance(const struct recogniser *m, uint64_t thread)
{
    return thread == END_THREAD ? 0 : m->p->distance[thread >> 32] + m->frames[(uint32_t)thread].distance;
}

static uint64_t config_distance(const struct recogniser *m, uint32_t config)
{
    const struct config *c = &m->configs[config];
    uint64_t nearest = FAR;
    for (uint32_t k = 0; k < c->n; k++) {
        const uint64_t d = thread_distance(m, m->threads[c->first + k]);
        nearest = d < nearest ? d : nearest;
    }
    return nearest;
}

viv_status recogniser_finish(struct recogniser *m, recogniser_state s, size_t n, struct buf *out, struct error *err)
{
    uint32_t at = recogniser_copy(m, s);
    begin(m, err);
    for (size_t i = 0; i < n && !m->configs[at].ends && m->status == VIV_OK; i++) {
        uint32_t best = DEAD;
        uint64_t nearest = UINT64_MAX;
        uint8_t byte = 0;
        for (uint32_t class = 0; class < m->p->n_classes && m->status == VIV_OK; class ++) {
            const uint32_t to = next_config(m, at, m->p->samples[class]);
            const uint64_t far = to == DEAD || m->status != VIV_OK ? UINT64_MAX : config_distance(m, to);
            if (far >= nearest)
                continue;
            nearest = far;
            byte = m->p->samples[class];
            recogniser_drop(m, best);
            best = recogniser_copy(m, to);
        }
        if (best == DEAD)
            break;
        recogniser_drop(m, at);
        at = best;
        if (!buf_putc(out, (char)byte))
            m->status = error_nomem(err);
    }
    recogniser_drop(m, at);
    return m->status;
}

/* --- life ----------------------------------------------------------------------------------------------------- */

viv_status recogniser_create(const struct program *p, const struct token_trie *trie, struct recogniser **out,
                             struct error *err)
{
    struct recogniser *m = calloc(1, sizeof *m);
    if (!m)
        return error_nomem(err);
    m->p = p;
    m->trie = trie;
    m->longest = trie ? trie->longest : 0;
    m->free_config = m->newest = m->oldest = NOWHERE;
    m->most_configs = MAX_ROW_BYTES / (p->n_classes * sizeof *m->rows);
    m->most_configs = m->most_configs < MAX_CONFIGS ? m->most_configs : MAX_CONFIGS;
    m->found = malloc(MAX_THREADS * sizeof *m->found);
    m->path = calloc((size_t)m->longest + 1, sizeof *m->path);
    bool ok = m->found && m->path && grow_configs(m) && grow_seen(m) &&
              VEC_RESERVE(m->frames, m->n_frames, m->frames_capacity) && grow_frame_table(m);
    if (ok && trie) {
        const size_t bytes = trie->n_words * sizeof *m->masks;
        m->most_slots = (uint32_t)(MASK_BYTES / bytes > 16 ? MASK_BYTES / bytes : 16);
        m->most_slots = m->most_slots < 4096 ? m->most_slots : 4096;
        m->masks = malloc(m->most_slots * bytes);
        m->slots = calloc(m->most_slots, sizeof *m->slots);
        ok = m->masks && m->slots;
    }
    if (!ok) {
        recogniser_destroy(m);
        return error_nomem(err);
    }
    m->frames[m->n_frames++] = (struct frame){0}; /* the empty stack */
    m->configs[m->n_configs++] = (struct config){.slot = NOWHERE};
    memset(m->rows, 0, p->n_classes * sizeof *m->rows); /* dead stays dead */
    *out = m;
    return VIV_OK;
}

void recogniser_destroy(struct recogniser *m)
{
    if (!m)
        return;
    free(m->frames);
    free(m->frame_table);
    free(m->threads);
    free(m->configs);
    free(m->rows);
    free(m->config_table);
    free(m->todo);
    free(m->found);
    free(m->seen);
    free(m->seen_round);
    free(m->path);
    free(m->masks);
    free(m->slots);
    free(m);
}
