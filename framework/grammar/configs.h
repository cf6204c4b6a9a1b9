/* configs.h - the tables of a recogniser: stacks, threads, configurations, and the steps between them.
 *
 *   frame          (parent, what, count)      of a stack; 0: the empty stack
 *   thread         instruction << 32 | frame  at BYTES, or at the end of the text
 *   configuration  a sorted set of threads    0: none, dead
 *
 * Frames and configurations are found by their contents. The row of a configuration holds, for each class of bytes,
 * the next one, or UNKNOWN. A configuration has no thread whose every text another of its threads has too.
 *
 * For masks, a counter counts as another one that no token can tell from it: it is as far from its bounds as all
 * tokens are long (frame.alike). */
#ifndef GRAMMAR_CONFIGS_H
#define GRAMMAR_CONFIGS_H

#include "grammar/recogniser.h"

enum {
    DEAD = 0,
    UNKNOWN = UINT32_MAX,
    NOWHERE = UINT32_MAX,   /* no slot, no free place */
    COUNTER_BIT = 1u << 31, /* frame.what is a counter, not a return address */
    MAX_FRAMES = 1 << 20,
    MAX_ALL_THREADS = 1 << 22,
    MAX_ROW_BYTES = 32 << 20,
    MAX_WORK = 1 << 26 /* threads that one call may follow, and pairs of them that it may compare */
};
#define END_THREAD ((uint64_t)UINT32_MAX << 32) /* behind all others */

struct frame {
    uint32_t parent, what, count;
    uint32_t alike; /* the frame that stands for it in masks */
    uint32_t depth;
    uint32_t shape;    /* a hash of the stack without its counts */
    uint64_t distance; /* bytes from its return to the end of the text, at least */
};
struct config {
    size_t first; /* of its threads */
    uint32_t n, pins;
    uint32_t alike; /* the configuration that stands for it in masks; UNKNOWN */
    uint32_t slot;  /* of its mask; NOWHERE */
    uint32_t next_free;
    uint8_t plain;    /* characters of plain text that it takes, whatever they are; below NOT_PLAIN */
    uint64_t leaving; /* plain text without these bytes (charset.h) is taken as far as `plain` says */
    bool ends, used;
};
/* Of a walk over the trie. */
struct step {
    uint32_t config;
    uint32_t longest; /* token of plain text, where it has none of the bytes `leaving` from here on */
    uint64_t leaving;
};
struct slot {
    uint32_t config, newer, older;
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

    struct step *path; /* [longest + 1] of a walk, whose configurations a collection keeps */
    uint32_t n_path;

    uint64_t *masks, *joined; /* joined: of the configuration that was asked for last, of its parts */
    struct slot *slots;
    uint32_t n_slots, most_slots, newest, oldest;

    struct recogniser_stats stats;
    size_t work;       /* of the call that runs */
    viv_status status; /* of the step that runs */
    struct error *err;
};

/* A call of recogniser.h begins. */
void configs_begin(struct recogniser *m, struct error *err);
/* Notes the first failure of a call. */
void configs_fail(struct recogniser *m, viv_status status, const char *sentence);

bool configs_create(struct recogniser *m);
void configs_release(struct recogniser *m);

/* Of a recogniser with a trie. */
bool masks_create(struct recogniser *m);
void masks_release(struct recogniser *m);

/* The configuration at the beginning of a text. */
uint32_t first_config(struct recogniser *m);
/* The configuration after a byte of a class, which becomes known. */
uint32_t step_config(struct recogniser *m, uint32_t from, uint32_t class);
/* The configuration of the threads in `found`; DEAD: there is none. */
uint32_t found_config(struct recogniser *m);
/* The configuration that stands for this one in masks. */
uint32_t alike_config(struct recogniser *m, uint32_t config);
/* Makes room where it is needed: keeps the configurations that states, masks and the walk point at. */
void make_room(struct recogniser *m);

static inline uint32_t next_config(struct recogniser *m, uint32_t from, uint8_t byte)
{
    const uint32_t class = m->p->classes[byte];
    const uint32_t to = m->rows[(size_t)from * m->p->n_classes + class];
    return to != UNKNOWN ? to : step_config(m, from, class);
}

#endif
