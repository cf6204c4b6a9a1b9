/* configs.c - see configs.h. */
#include "grammar/configs.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

void configs_fail(struct recogniser *m, viv_status status, const char *sentence)
{
    if (m->status == VIV_OK)
        m->status = error_set(m->err, status, "%s", sentence);
}

static const char too_many_ways[] =
    "a grammar has too many ways to read this text: make its repetitions or alternatives fewer";

void configs_begin(struct recogniser *m, struct error *err)
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
        configs_fail(m, VIV_ENOMEM, "out of memory");
        return 0;
    }
    size_t at = hash_frame(parent, what, count) & (m->frame_table_size - 1);
    for (; m->frame_table[at]; at = (at + 1) & (m->frame_table_size - 1)) {
        const struct frame *f = &m->frames[m->frame_table[at]];
        if (f->parent == parent && f->what == what && f->count == count)
            return m->frame_table[at];
    }
    if (m->n_frames >= 2 * (size_t)MAX_FRAMES || !VEC_RESERVE(m->frames, m->n_frames, m->frames_capacity)) {
        configs_fail(m, VIV_ELIMIT, "a grammar has too many ways to read this text: its stacks fill their memory");
        return 0;
    }
    const uint32_t made = (uint32_t)m->n_frames++;
    m->frames[made] = (struct frame){.parent = parent,
                                     .what = what,
                                     .count = count,
                                     .depth = m->frames[parent].depth + 1,
                                     .shape = (uint32_t)mix(m->frames[parent].shape, what),
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
        configs_fail(m, VIV_ELIMIT, too_many_ways);
        return;
    }
    if (2 * m->n_seen >= m->seen_size && !grow_seen(m)) {
        configs_fail(m, VIV_ENOMEM, "out of memory");
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
        configs_fail(m, VIV_ENOMEM, "out of memory");
        return;
    }
    m->todo[m->n_todo++] = thread;
}

static void find_thread(struct recogniser *m, uint64_t thread)
{
    if (m->n_found == MAX_THREADS)
        configs_fail(m, VIV_ELIMIT, too_many_ways);
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
        case OP_CHECK:
            if ((uint64_t)f.count + 1 + i->c <= p->counters[i->a].max)
                follow(m, i->b, stack);
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
            configs_fail(m, VIV_ENOMEM, "out of memory");
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

/* Whether one counter at x allows all that it allows at y. */
static bool count_covers(const struct counter *c, uint32_t x, uint32_t y)
{
    return x == y || (c->max == UNBOUNDED ? x > y : x >= c->min && x < y);
}

static bool stack_covers(const struct recogniser *m, uint32_t x, uint32_t y)
{
    while (x != y) {
        const struct frame *a = &m->frames[x], *b = &m->frames[y];
        if (a->shape != b->shape || a->what != b->what)
            return false;
        if (a->count != b->count &&
            !count_covers(&m->p->counters[a->what & ~(uint32_t)COUNTER_BIT], a->count, b->count))
            return false;
        x = a->parent;
        y = b->parent;
    }
    return true;
}

/* Drops threads whose every text another thread has too: the same instruction, with counters that allow more. Only
 * so do repetitions that can be read in many ways, (.{0,50}x){3}, not have a configuration for each set of ways. */
static void drop_covered(struct recogniser *m)
{
    uint64_t *v = m->found;
    size_t n = 0, first = 0; /* kept; of those, the first at the same instruction */
    for (size_t i = 0; i < m->n_found; i++) {
        const uint64_t t = v[i];
        if (n && v[n - 1] >> 32 != t >> 32)
            first = n;
        bool covered = false;
        size_t kept = first;
        m->work += n - first;
        for (size_t k = first; k < n; k++) {
            covered = covered || stack_covers(m, (uint32_t)v[k], (uint32_t)t);
            if (covered || !stack_covers(m, (uint32_t)t, (uint32_t)v[k]))
                v[kept++] = v[k];
        }
        n = kept;
        if (!covered)
            v[n++] = t;
    }
    m->n_found = n;
    if (m->work > MAX_WORK)
        configs_fail(m, VIV_ELIMIT, too_many_ways);
}

/* Characters of plain text that a thread takes in a loop. */
static uint32_t plain_of_thread(const struct recogniser *m, uint64_t thread)
{
    const struct instruction *i = thread == END_THREAD ? NULL : &m->p->code[thread >> 32];
    if (!i || !i->is_text)
        return 0;
    const struct instruction *loop = &m->p->code[m->p->texts[i->c].loop];
    if ((loop->op != OP_LOOP && loop->op != OP_TICK) || loop->a == NO_COUNTER)
        return UNBOUNDED;
    const uint32_t max = m->p->counters[loop->a].max, count = m->frames[(uint32_t)thread].count;
    if (max == UNBOUNDED)
        return UNBOUNDED;
    return loop->op == OP_LOOP ? max - count + 1 : max - count - loop->c; /* LOOP counts the character that comes */
}

static uint8_t plain_of_found(const struct recogniser *m)
{
    uint32_t most = 0;
    for (size_t k = 0; k < m->n_found; k++) {
        const uint32_t plain = plain_of_thread(m, m->found[k]);
        most = plain > most ? plain : most;
    }
    return most < NOT_PLAIN ? (uint8_t)most : NOT_PLAIN - 1;
}

/* The bytes that do more than count a character of a loop over plain text. */
static uint64_t leaving_of_found(const struct recogniser *m)
{
    uint64_t bits = NOT_PLAIN_BIT;
    for (size_t k = 0; k < m->n_found && bits != ~(uint64_t)0; k++) {
        if (m->found[k] == END_THREAD)
            continue;
        const struct instruction *i = &m->p->code[m->found[k] >> 32];
        bits |= i->is_text ? m->p->texts[i->c].leaving : bytes_read(m->p, i);
    }
    return bits;
}

uint32_t found_config(struct recogniser *m)
{
    if (m->n_found == 0 || m->status != VIV_OK)
        return DEAD;
    sort_found(m);
    drop_covered(m);
    if (m->status != VIV_OK)
        return DEAD;
    const size_t n = m->n_found;
    if (2 * (m->n_used + 1) >= m->config_table_size &&
        !rehash_configs(m, m->config_table_size ? 2 * m->config_table_size : 1024)) {
        configs_fail(m, VIV_ENOMEM, "out of memory");
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
            configs_fail(m, VIV_ENOMEM, "out of memory");
            return DEAD;
        }
        m->threads = grown;
        m->threads_capacity = capacity;
    }
    const uint32_t made = new_config(m);
    if (made == DEAD)
        return DEAD;
    const uint8_t plain = plain_of_found(m);
    memcpy(m->threads + m->n_threads, m->found, n * sizeof *m->found);
    m->configs[made] = (struct config){.first = m->n_threads,
                                       .n = (uint32_t)n,
                                       .plain = plain,
                                       .leaving = plain ? leaving_of_found(m) : ~(uint64_t)0,
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
        configs_fail(m, VIV_ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < m->n_path; i++)
        m->configs[m->path[i].config].pins++;
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
        m->configs[m->path[i].config].pins--;
    free(m->threads);
    free(moved);
    m->threads = threads;
    m->n_threads = n;
    const size_t half = m->frame_table_size / 2;
    m->frame_table_size = half; /* grown again to what it was */
    if (!grow_frame_table(m) || !rehash_configs(m, m->config_table_size))
        configs_fail(m, VIV_ENOMEM, "out of memory");
    else if (is_full(m))
        configs_fail(m, VIV_ELIMIT, "the sequences of a grammar need more memory than it may have");
}

void make_room(struct recogniser *m)
{
    if (is_full(m))
        collect(m);
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

uint32_t step_config(struct recogniser *m, uint32_t from, uint32_t class)
{
    const uint8_t byte = m->p->samples[class];
    m->configs[from].pins++;
    make_room(m);
    m->configs[from].pins--;
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

uint32_t first_config(struct recogniser *m)
{
    make_room(m);
    begin_closure(m);
    if (m->status == VIV_OK)
        follow(m, m->p->entries[m->p->root], 0);
    close_threads(m);
    return found_config(m);
}

uint32_t alike_config(struct recogniser *m, uint32_t config)
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

/* --- life ----------------------------------------------------------------------------------------------------- */

bool configs_create(struct recogniser *m)
{
    m->free_config = NOWHERE;
    m->most_configs = MAX_ROW_BYTES / (m->p->n_classes * sizeof *m->rows);
    m->most_configs = m->most_configs < MAX_CONFIGS ? m->most_configs : MAX_CONFIGS;
    m->found = malloc(MAX_THREADS * sizeof *m->found);
    if (!m->found || !grow_configs(m) || !grow_seen(m) ||
        !VEC_RESERVE(m->frames, m->n_frames, m->frames_capacity) || !grow_frame_table(m))
        return false;
    m->frames[m->n_frames++] = (struct frame){0}; /* the empty stack */
    m->configs[m->n_configs++] = (struct config){.slot = NOWHERE};
    memset(m->rows, 0, m->p->n_classes * sizeof *m->rows); /* dead stays dead */
    return true;
}

void configs_release(struct recogniser *m)
{
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
}
