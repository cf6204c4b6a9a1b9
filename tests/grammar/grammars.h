/* grammars.h - what the tests of grammars share: compiling, and membership of a text. */
#ifndef TESTS_GRAMMARS_H
#define TESTS_GRAMMARS_H

#include "grammar/grammar.h"
#include "grammar/recogniser.h"

#include <string.h>

static inline viv_status compile(uint32_t kind, const char *text, struct program **p, struct error *err)
{
    const struct grammar_source source = {.kind = kind, .text = text, .size = strlen(text)};
    *p = NULL;
    return grammar_compile(&source, p, NULL, err);
}

/* Whether the grammar has the text. */
static inline bool has_text(struct recogniser *m, const char *text, size_t n)
{
    struct error err;
    recogniser_state s;
    if (recogniser_start(m, &s, &err) != VIV_OK)
        return false;
    const bool has = recogniser_take_bytes(m, &s, text, n, &err) == VIV_OK && recogniser_may_end(m, s);
    recogniser_drop(m, s);
    return has;
}

static inline bool accepts(uint32_t kind, const char *grammar, const char *text)
{
    struct program *p;
    struct recogniser *m = NULL;
    struct error err;
    bool has = false;
    if (compile(kind, grammar, &p, &err) == VIV_OK && recogniser_create(p, NULL, &m, &err) == VIV_OK)
        has = has_text(m, text, strlen(text));
    else
        fprintf(stderr, "%s\n", err.text);
    recogniser_destroy(m);
    program_destroy(p);
    return has;
}

/* The sentence of a grammar that is refused; "" if it is not. */
static inline const char *refusal(uint32_t kind, const char *grammar)
{
    static struct error err;
    struct program *p;
    if (compile(kind, grammar, &p, &err) == VIV_OK)
        err.text[0] = '\0';
    program_destroy(p);
    return err.text;
}

/* SplitMix64. */
static inline uint64_t next_random(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

#endif
